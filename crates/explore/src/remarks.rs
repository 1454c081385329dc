//! What is said beside a step of a deadlock that its line does not say: the lock it takes, whom it wakes, and where a thread that waits for ever
//! set itself to sleep.

use crate::code::{CallSite, Ins, Target};
use crate::link::FnKind;
use crate::machine::{Machine, Recorded};
use crate::naming::Names;
use crate::outcome::Outcome;
use crate::primitives::Prim;
use crate::run::Run;

impl Run<'_> {
    /// The lock that a step takes, if threads wait for that one for ever and the line calls it something else.
    pub(crate) fn taken(&self, outcome: &Outcome, names: &Names, step: &Recorded, line: &str) -> Option<String> {
        let mut waits = outcome.faults.first()?.fault.waits.iter().filter_map(|wait| wait.lock.as_ref());
        let call = call_of(&self.machine, step)
            .filter(|call| matches!(prim_of(&self.machine, call), Some(Prim::Lock(op)) if op.take.is_some()))?;
        let written = call.given.first().map_or("", |given| given.text.as_str());
        let name = names.lock(&self.machine, waits.find(|lock| lock.0 == step.addr)?.0, written)?;
        (!line.contains(&name)).then(|| format!("takes {name}"))
    }

    /// Whom a step wakes, if threads wait for ever: that one is not asleep yet, or not there, may be why.
    pub(crate) fn woken(&self, outcome: &Outcome, at: usize) -> Option<String> {
        outcome.faults.first().filter(|found| !found.fault.waits.is_empty())?;
        let wake = self.machine.lives.wakes.iter().find(|wake| wake.recorded == at + 1)?;
        let told = |&(t, slept): &(usize, bool)| {
            let name = self.machine.threads.get(t).map_or("", |thread| thread.name.as_str());
            if slept { format!("wakes {name}()") } else { format!("finds {name}() awake") }
        };
        Some(if wake.found.is_empty() {
            "nobody waits there".to_owned()
        } else {
            wake.found.iter().map(told).collect::<Vec<_>>().join(", ")
        })
    }

    /// The steps by which threads that wait for ever set themselves to sleep, by position.
    pub(crate) fn fallings_asleep(&self, outcome: &Outcome, records: &[Recorded]) -> Vec<usize> {
        let waits = outcome.faults.first().map_or(&[][..], |found| &found.fault.waits);
        let last = |t: u8| {
            let sets = |step: &Recorded| {
                let prim = call_of(&self.machine, step).and_then(|call| prim_of(&self.machine, call));
                matches!(prim, Some(Prim::SetState | Prim::PrepareToWait { .. }))
            };
            records.iter().rposition(|step| step.site.thread == t && sets(step))
        };
        let asleep = waits.iter().filter(|wait| wait.lock.is_none() && wait.on.is_none()).filter_map(|wait| wait.stack.first());
        asleep.filter_map(|site| last(site.thread)).collect()
    }
}

/// The call that a step is.
fn call_of<'m>(m: &'m Machine<'_>, step: &Recorded) -> Option<&'m CallSite> {
    let code = m.code_of(step.site)?;
    match code.ins.get(step.site.pc as usize) {
        Some(&Ins::Call { site }) if step.call => code.sites.get(site as usize),
        _ => None,
    }
}

/// What the machine does itself where this is called.
pub(crate) fn prim_of(m: &Machine<'_>, call: &CallSite) -> Option<Prim> {
    let Target::Function(id) = call.target else { return None };
    match m.link.functions.get(id.0 as usize)?.kind {
        FnKind::Prim(prim) => Some(prim),
        _ => None,
    }
}
