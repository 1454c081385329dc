//! The end of an execution: threads that wait for ever, or what must hold when all have ended.

use crate::event::{Footprint, ThreadSet};
use crate::fault::{FaultKind, Wait};
use crate::machine::Machine;
use crate::memory::Site;
use crate::run::Run;
use crate::thread::{Pending, Status};

impl Run<'_> {
    /// All threads have stopped: a deadlock, or the end and what must hold there.
    pub(crate) fn end(&mut self, blocked: &[(usize, Footprint)]) {
        let m = &mut self.machine;
        let stuck: Vec<usize> =
            blocked.iter().map(|b| b.0).filter(|&t| !m.threads[t].daemon && m.threads[t].status == Status::Ready).collect();
        // A loop that waits for ever is no deadlock; in a program, nor is waiting for the thread that runs it.
        let spins = |&t: &usize| m.threads[t].pending == Pending::Await;
        let no_deadlock = if m.link.plain { stuck.iter().any(spins) } else { stuck.iter().all(spins) };
        let kept = m.kept_by_main();
        let among = if kept || !m.link.plain { Vec::new() } else { stuck.clone() };
        let stuck = if no_deadlock || kept { Vec::new() } else { stuck };
        if m.has_gone_wrong() {
            return;
        }
        // Nothing that the ones that go round do lets those on that wait for each other's locks.
        if no_deadlock && !among.is_empty() {
            self.circle(&among);
            return;
        }
        // Those that a bound has stopped could go on, and let the others; not those that wait for each other.
        if m.world.idlers > 0 || m.threads.iter().any(|t| t.status == Status::Cut) {
            if !stuck.is_empty() && m.link.plain {
                self.circle(&stuck);
            }
            return;
        }
        if stuck.is_empty() {
            self.finally();
        } else {
            self.deadlock(&stuck);
        }
    }

    fn deadlock(&mut self, stuck: &[usize]) {
        let m = &mut self.machine;
        // Told of one that waits for a lock, rather than of one that waits for that thread.
        let Some(&t) = stuck.iter().find(|&&t| m.waits(t).holder.is_some()).or(stuck.first()) else { return };
        let circle = m.circle_of(stuck);
        let waits = stuck.iter().map(|&t| (t, m.waits(t)));
        let (mut within, mut others): (Vec<_>, Vec<_>) = waits.partition(|w| circle.as_ref().is_none_or(|circle| circle.contains(&w.0)));
        let ended = |site: &Site| m.threads.get(usize::from(site.thread)).is_some_and(|t| t.status == Status::Finished);
        let abandoned = m.waits(t).holder.is_some_and(|site| ended(&site));
        let detail = match &circle {
            Some(circle) => told_of(circle.len()),
            None if abandoned => "waits for a lock whose holder has ended without giving it back".to_owned(),
            None if within.len() == 1 => "waits for what nobody will do".to_owned(),
            None => format!("{} threads wait for what nobody will do", within.len()),
        };
        others.iter_mut().for_each(|w| w.1.beside = true);
        within.extend(others);
        // Who should have done what is waited for may sleep.
        let idle = (0..m.threads.len()).filter(|&t| m.threads[t].daemon && m.threads[t].status == Status::Ready);
        within.extend(idle.map(|t| (t, Wait { beside: true, idle: true, ..m.waits(t) })));
        m.wait_for_ever(circle.map_or(t, |circle| circle[0]), detail, within.into_iter().map(|w| w.1).collect());
    }

    /// What must hold when all have ended.
    fn finally(&mut self) {
        let m = &mut self.machine;
        if m.finally.is_empty() || m.exited {
            return;
        }
        m.link.mem.concurrent = false;
        for (id, arg) in m.finally.clone() {
            m.threads[0].status = Status::Ready;
            m.push_frame(0, id, &[arg], None, 0);
            m.advance(0, false);
        }
    }

    /// Says so, if there are threads each of which waits for a lock that the next one holds.
    fn circle(&mut self, stuck: &[usize]) {
        let m = &mut self.machine;
        let Some(circle) = m.circle_of(stuck) else { return };
        let waits = stuck.iter().filter(|t| circle.contains(t)).map(|&t| m.waits(t)).collect();
        m.wait_for_ever(circle[0], told_of(circle.len()), waits);
    }

    /// The same while others go on.
    pub(crate) fn circle_beside(&mut self) {
        let m = &self.machine;
        let enabled = m.enabled();
        if m.link.plain && m.beside(enabled) != 0 {
            self.circle(&m.stuck(enabled));
        }
    }
}

impl Machine<'_> {
    /// The search goes through loops again and again, so that it comes to no end where they have none.
    pub(crate) fn goes_round(&self) -> bool {
        self.link.plain && !self.options.awaits
    }

    /// Something has gone wrong in this execution that ends a thread.
    fn has_gone_wrong(&self) -> bool {
        self.faults.iter().any(|f| f.kind != FaultKind::DataRace)
    }

    /// The end of `main()` ends threads that wait for a lock of its, too.
    fn kept_by_main(&self) -> bool {
        self.returned && self.world.locks.values().any(|lock| lock.owner == Some(0))
    }

    /// Threads that wait while these can go on.
    fn stuck(&self, enabled: ThreadSet) -> Vec<usize> {
        let waits = |t: usize| {
            let thread = &self.threads[t];
            enabled & 1 << t == 0 && thread.status == Status::Ready && thread.pending == Pending::Call && !thread.daemon
        };
        (0..self.threads.len()).filter(|&t| waits(t)).collect()
    }

    /// The threads that wait for each other while these can go on, where that is all that has gone wrong.
    pub(crate) fn beside(&self, enabled: ThreadSet) -> ThreadSet {
        let stuck = self.stuck(enabled);
        if stuck.is_empty() || self.exited || self.has_gone_wrong() || self.kept_by_main() {
            return 0;
        }
        self.circle_of(&stuck).map_or(0, |circle| circle.iter().fold(0, |set, t| set | 1 << t))
    }

    /// Threads of these each of which waits for the next one, and the last one for the first one. It begins with one that waits for a lock.
    fn circle_of(&self, stuck: &[usize]) -> Option<Vec<usize>> {
        let next = |t: usize| if stuck.contains(&t) { self.waits_on(t) } else { None };
        stuck.iter().filter(|&&t| self.holder_for(t).is_some()).find_map(|&start| {
            let mut circle = vec![start];
            while let Some(after) = circle.last().and_then(|&t| next(t)).filter(|after| !circle.contains(after)) {
                circle.push(after);
            }
            (circle.last().and_then(|&t| next(t)) == Some(start)).then_some(circle)
        })
    }

    fn wait_for_ever(&mut self, t: usize, detail: String, waits: Vec<Wait>) {
        self.fault(t, FaultKind::Deadlock, 0, detail);
        if let Some(fault) = self.faults.last_mut() {
            fault.waits = waits;
        }
    }
}

fn told_of(waiting: usize) -> String {
    match waiting {
        1 => "waits for a lock that it holds itself".to_owned(),
        n => format!("{n} threads wait for each other"),
    }
}
