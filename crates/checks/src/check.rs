//! What a check is, and the list of them.

use cuthere_base::{Confidence, Finding, Loc, Symbol};
use cuthere_flow::exec::{CallEvent, ExitEvent, LateTest, NullEvent, Observer, Path};
use cuthere_flow::summary::FuncId;
use cuthere_flow::world::World;
use serde::{Deserialize, Serialize};

/// How far a check can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maturity {
    /// Its findings are worth reading; its confidence levels are not yet measured.
    Trial,
    /// Its precision was measured on whole release trees.
    Stable,
}

impl Maturity {
    pub fn as_str(self) -> &'static str {
        match self {
            Maturity::Trial => "trial",
            Maturity::Stable => "stable",
        }
    }
}

/// A check as users see it.
#[derive(Clone, Copy, Debug)]
pub struct CheckInfo {
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The check's own file: its `//!` lines are the page.
    source: &'static str,
    pub maturity: Maturity,
}

impl CheckInfo {
    pub(crate) const fn new(id: &'static str, summary: &'static str, source: &'static str, maturity: Maturity) -> CheckInfo {
        CheckInfo { id, summary, source, maturity }
    }

    /// The check's page in Markdown, as it stands at the head of its file.
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|l| l.strip_prefix("//!"));
        lines.map(|l| l.strip_prefix(' ').unwrap_or(l)).flat_map(|l| [l, "\n"]).collect()
    }
}

/// A claim made on one path of one function, before it is weighed against the rest of the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Index in the registry.
    pub check: usize,
    pub confidence: Confidence,
    /// The operation that the claim is about: one claim per check and operation is kept, the surest.
    pub op: u32,
    /// The operation that the defect starts from, where one cause shows at several operations: the first in the source is kept. `u32::MAX`: none.
    pub cause: u32,
    /// Paths were merged on the way here.
    pub merged: bool,
    /// The function and place that the finding is reported at.
    pub at: (FuncId, Loc),
    pub message: String,
    pub steps: Vec<cuthere_flow::chain::At>,
    pub assumes: Vec<String>,
    pub locks: Vec<String>,
    pub context: String,
    /// What identifies the defect when lines move.
    pub identity: String,
    /// For claims that are weighed by what other callers do: the callee.
    pub weigh: Option<crate::habits::Weigh>,
}

/// One check at work on one function.
pub(crate) trait Eye {
    fn call(&mut self, _path: &mut Path<'_, '_>, _event: &CallEvent<'_>, _claims: &mut Vec<Claim>) {}
    fn null(&mut self, _path: &mut Path<'_, '_>, _event: &NullEvent, _claims: &mut Vec<Claim>) {}
    fn late_test(&mut self, _path: &mut Path<'_, '_>, _event: &LateTest, _claims: &mut Vec<Claim>) {}
    fn tested(&mut self, _path: &mut Path<'_, '_>, _op: u32) {}
    fn field_tested(&mut self, _path: &mut Path<'_, '_>, _record: Symbol, _field: Symbol, _block: u32) {}
    fn exit(&mut self, _path: &mut Path<'_, '_>, _event: &ExitEvent, _claims: &mut Vec<Claim>) {}
    /// Statistics for weighing: pointers that were used, by where they came from.
    fn uses(&mut self, _world: &World<'_>, _func: FuncId) -> Vec<crate::habits::Use> {
        Vec::new()
    }
}

/// A check's entry in the registry.
pub(crate) struct Check {
    pub info: CheckInfo,
    /// The eye for one function; the number is the check's own index.
    pub start: fn(usize, &World<'_>, FuncId) -> Box<dyn Eye>,
}

pub(crate) static CHECKS: &[Check] = &[crate::null_deref::CHECK, crate::sleep_in_atomic::CHECK];

static INFOS: [CheckInfo; 2] = [crate::null_deref::CHECK.info, crate::sleep_in_atomic::CHECK.info];

/// All checks, sorted by id.
pub fn registry() -> &'static [CheckInfo] {
    &INFOS
}

/// All selected checks at work on one function.
pub(crate) struct Eyes {
    pub eyes: Vec<Box<dyn Eye>>,
    pub claims: Vec<Claim>,
    pub func: FuncId,
}

impl Observer for Eyes {
    fn call(&mut self, path: &mut Path<'_, '_>, event: &CallEvent<'_>) {
        for eye in &mut self.eyes {
            eye.call(path, event, &mut self.claims);
        }
    }
    fn null(&mut self, path: &mut Path<'_, '_>, event: &NullEvent) {
        for eye in &mut self.eyes {
            eye.null(path, event, &mut self.claims);
        }
    }
    fn late_test(&mut self, path: &mut Path<'_, '_>, event: &LateTest) {
        for eye in &mut self.eyes {
            eye.late_test(path, event, &mut self.claims);
        }
    }
    fn exit(&mut self, path: &mut Path<'_, '_>, event: &ExitEvent) {
        for eye in &mut self.eyes {
            eye.exit(path, event, &mut self.claims);
        }
    }
    fn tested(&mut self, path: &mut Path<'_, '_>, op: u32) {
        for eye in &mut self.eyes {
            eye.tested(path, op);
        }
    }
    fn field_tested(&mut self, path: &mut Path<'_, '_>, record: Symbol, field: Symbol, block: u32) {
        for eye in &mut self.eyes {
            eye.field_tested(path, record, field, block);
        }
    }
}

/// Adds a claim unless one as sure stands for the same operation.
pub(crate) fn claim(claims: &mut Vec<Claim>, new: Claim) {
    if let Some(old) = claims.iter_mut().find(|c| c.check == new.check && c.op == new.op && c.identity == new.identity) {
        if new.confidence > old.confidence {
            *old = new;
        }
        return;
    }
    if claims.len() < 256 {
        claims.push(new);
    }
}

/// The finding of a claim.
pub(crate) fn finding(world: &World<'_>, claim: &Claim) -> Finding {
    let (func, loc) = claim.at;
    let file = world.path(func).to_owned();
    let function = world.func(func).name.as_str().to_owned();
    let check = CHECKS[claim.check].info.id;
    let mut steps: Vec<cuthere_base::Step> = claim.steps.iter().map(|s| s.step(world)).collect();
    steps.dedup();
    let fingerprint = fingerprint(&[check, &file, &function, &claim.identity]);
    Finding {
        check: check.to_owned(),
        confidence: claim.confidence,
        file,
        line: loc.line,
        column: u32::from(loc.col).max(1),
        function,
        message: claim.message.clone(),
        steps,
        assumes: claim.assumes.clone(),
        locks: claim.locks.clone(),
        context: claim.context.clone(),
        fingerprint,
    }
}

/// FNV-1a over the parts, 64 bits; stable between versions and machines.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for part in parts {
        for b in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
