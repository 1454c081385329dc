//! Claims: what a check says of one function, and how it is built from the point it is made at.

use crate::words;
use cuthere_base::{Confidence, Finding, Loc, Step, Symbol};
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::domain::Freed;
use cuthere_flow::engine::event::Access;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::index::Belief;
use cuthere_flow::program::World;
use cuthere_flow::summary::chain::{At, chain};
use cuthere_flow::summary::{FuncId, Way};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// Further calls of one defect that are shown.
const OTHERS_MAX: usize = 3;

/// Claims about one function that are kept.
const CLAIMS_MAX: usize = 256;

/// A claim, before it is weighed against the rest of the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// The check's number in the registry.
    pub(crate) check: u8,
    pub confidence: Confidence,
    /// What the claim is about: one claim per check, operation and identity is kept, the surest.
    pub op: OpId,
    /// The operation that the defect starts from, where one cause shows at several operations: the first in the source is kept.
    pub cause: Option<OpId>,
    /// Claims of this cause are one defect that shows at several calls, of which this is the one here: the surest is kept, and names the others.
    pub joined: Option<At>,
    /// Paths were merged on the way here.
    pub merged: bool,
    /// So many that the function has no room left to tell them apart: it is low.
    pub narrow: bool,
    /// The function and place that the finding is reported at.
    pub at: (FuncId, Loc),
    pub message: String,
    pub steps: Vec<At>,
    /// Of findings with two sides: from which step on which thread acts.
    pub threads: Vec<(usize, String)>,
    pub assumes: Vec<String>,
    pub locks: Vec<String>,
    pub context: String,
    /// What identifies the defect when lines move.
    pub identity: String,
    /// For claims that are weighed by what others do with the same result.
    pub belief: Option<Belief>,
    /// What the claim rests on in called functions that others rest on as well: which way a condition there comes out, which function a table holds.
    pub rests_on: Vec<(String, FuncId)>,
    /// It is as sure as this where sleeping is forbidden on every way into a function that the steps lead through: then no condition on the way there matters.
    pub always: Option<Confidence>,
    /// For claims that an argument may be NULL: they fall if every caller hands an object.
    pub handed: Option<u8>,
    /// For claims about what a function leaves of a lock.
    pub left: Option<Left>,
    /// It falls to low if a caller may hold a lock, or be in a read-side section.
    pub alone: bool,
    /// It is low if page faults are disabled on every way into the function.
    pub faults: bool,
    /// It falls if nobody frees objects of this record.
    pub lives: Option<Record>,
    /// It falls if nobody takes objects of this record off a list that is read under RCU.
    pub unlinked: Option<Record>,
    /// It is low if nobody walks lists of elements with this link in a read-side section.
    pub read: Option<(Record, Symbol)>,
    /// What such readers have to use besides; empty: anything.
    pub used: Symbol,
}

/// What a function leaves of a lock, which is right if somebody does the other half.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Left {
    pub class: Symbol,
    /// It is kept; else it is given back without having been taken.
    pub kept: bool,
    /// The claim rests on nobody's doing it; else it is less sure.
    pub falls: bool,
    /// The answer tells callers of it: it is low as long as no caller was read.
    pub told: bool,
    /// The callee that took it, if one did: what it leaves is claimed there, unless somebody else does the other half.
    pub by: Option<FuncId>,
}

impl Claim {
    /// A claim about a place, with nothing said yet.
    pub fn new(op: OpId, at: (FuncId, Loc), confidence: Confidence, message: String) -> Claim {
        Claim {
            check: 0,
            confidence,
            op,
            cause: None,
            joined: None,
            merged: false,
            narrow: false,
            at,
            message,
            steps: Vec::new(),
            threads: Vec::new(),
            assumes: Vec::new(),
            locks: Vec::new(),
            context: String::new(),
            identity: String::new(),
            belief: None,
            rests_on: Vec::new(),
            always: None,
            handed: None,
            left: None,
            alone: false,
            faults: false,
            lives: None,
            unlinked: None,
            read: None,
            used: Symbol::EMPTY,
        }
    }

    /// A claim about what happens here on this path.
    pub fn here(path: &Path<'_, '_>, event: &Event<'_>, confidence: Confidence, message: String) -> Claim {
        Claim {
            merged: path.state.merged,
            narrow: path.narrow,
            locks: words::locks(path.state),
            context: words::context(path.state),
            ..Claim::new(event.op, (path.func, event.loc), confidence, message)
        }
    }

    /// How sure it is.
    pub fn sure(mut self, confidence: Confidence) -> Claim {
        self.confidence = confidence;
        self
    }

    /// Reports it at another place.
    pub fn at(mut self, func: FuncId, loc: Loc) -> Claim {
        self.at = (func, loc);
        self
    }

    /// Makes it a claim about another operation of the function.
    pub fn about(mut self, op: OpId) -> Claim {
        self.op = op;
        self
    }

    /// Lowers it if a function was called since an operation whose body was not read: it may have undone what the claim rests on.
    pub fn since(mut self, path: &Path<'_, '_>, op: OpId) -> Claim {
        if let Some(name) = path.unread_since(op) {
            self.confidence = self.confidence.min(Confidence::Medium);
            self.assumes.push(format!("`{name}()`, called in between, was not read and changes none of this"));
        }
        self
    }

    /// Adds a step in the function at hand.
    pub fn step(mut self, func: FuncId, loc: Loc, text: impl Into<String>) -> Claim {
        self.steps.push(At { func, loc, text: text.into() });
        self
    }

    /// The steps that follow are done by this thread: `CPU 0: timer callback`.
    pub fn thread(mut self, name: impl Into<String>) -> Claim {
        self.threads.push((self.steps.len(), name.into()));
        self
    }

    /// Adds the step of an earlier operation of this function, if there is one.
    pub fn step_at(self, path: &Path<'_, '_>, op: Option<OpId>, text: impl Into<String>) -> Claim {
        match op.and_then(|op| path.body.op(op)) {
            Some(op) => self.step(path.func, op.loc, text),
            None => self,
        }
    }

    /// Adds the frames of a way down.
    pub fn down(mut self, world: &World<'_>, way: Way) -> Claim {
        self.steps.extend(chain(world, way).frames);
        self
    }

    /// Adds the steps of an access to what `name` points to: the one here, or the call and the frames below it.
    pub fn access(self, path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>, name: &str) -> Claim {
        let text = match (event.way, access.argument) {
            (Way::Callee(f, _), Some(_)) => format!("passes `{name}` to {}()", path.world.func(f).name),
            (Way::Callee(f, _), None) => format!("calls {}(), which dereferences `{name}`", path.world.func(f).name),
            (_, Some(_)) => format!("passes `{name}` to {}(), which dereferences it", access.callee),
            _ if access.member.is_empty() => format!("dereferences `{name}`"),
            _ => format!("loads or stores `{name}->{}`", access.member),
        };
        self.step(path.func, event.loc, text).down(path.world, event.way)
    }

    /// Adds the steps of a free: the call here, and the frames below it.
    pub fn freed(self, path: &Path<'_, '_>, freed: &Freed) -> Claim {
        let text = match (freed.way, freed.written) {
            (Way::Callee(..), _) if freed.moved => format!("calls {}(), which may put elsewhere what it points into", freed.by),
            (_, None) if freed.moved => format!("{}() may put elsewhere what it points into", freed.by),
            (Way::Callee(..), _) => {
                let what = path.freed_text(freed).map_or_else(|| "it".to_owned(), |text| format!("`{text}`"));
                format!("calls {}(), which frees {what}", freed.by)
            }
            (_, Some(e)) => format!("frees `{}` by {}()", path.body.text(e), freed.by),
            _ => format!("frees it by {}()", freed.by),
        };
        self.step_at(path, Some(freed.op), text).down(path.world, freed.way)
    }

    pub fn assume(mut self, what: impl Into<String>) -> Claim {
        self.assumes.push(what.into());
        self
    }

    pub fn assume_all(mut self, all: impl IntoIterator<Item = String>) -> Claim {
        self.assumes.extend(all);
        self
    }

    /// What identifies the defect when lines move.
    pub fn identity(mut self, text: impl Into<String>) -> Claim {
        self.identity = text.into();
        self
    }

    /// The operation that the defect starts from.
    pub fn cause(mut self, op: OpId) -> Claim {
        self.cause = Some(op);
        self
    }

    /// Makes it one of several places at which one defect shows, all in the section that this operation begins; `None`: in the function as a whole.
    pub fn section(mut self, begin: Option<OpId>, here: At) -> Claim {
        self.cause = Some(begin.unwrap_or(OpId(u32::MAX)));
        self.joined = Some(here);
        self
    }

    /// Adds the other calls at which the same defect shows.
    fn name_others(&mut self, mut others: Vec<At>) {
        others.sort_by_key(|at| at.loc);
        others.dedup_by_key(|at| at.loc.line);
        let more = others.len().saturating_sub(OTHERS_MAX);
        for (n, at) in others.into_iter().take(OTHERS_MAX).enumerate() {
            let rest = if n + 1 == OTHERS_MAX && more > 0 { format!(", and {more} more calls") } else { String::new() };
            self.steps.push(At { text: format!("in the same section {}{rest}", at.text), ..at });
        }
    }

    /// Lets it fall if every caller hands an object for this parameter.
    pub fn unless_handed(mut self, param: Option<u32>) -> Claim {
        self.handed = param.and_then(|p| u8::try_from(p).ok());
        self
    }

    /// Weighs it by who does the other half of what is left of a lock.
    pub fn unless_completed(mut self, left: Left) -> Claim {
        self.left = Some(left);
        self
    }

    /// Lets it fall if nobody frees objects of this record; of one that is not known it is low.
    pub fn unless_never_freed(mut self, record: Record) -> Claim {
        if record.is_unknown() {
            self.assumes.push("somebody frees such objects".to_owned());
            return self.sure(Confidence::Low);
        }
        self.lives = Some(record);
        self
    }

    /// Lets it fall if nobody takes objects of this record off a list that is read under RCU; of one that is not known it is low.
    pub fn unless_never_unlinked(mut self, record: Record) -> Claim {
        if record.is_unknown() {
            self.assumes.push("somebody takes such objects away".to_owned());
            return self.sure(Confidence::Low);
        }
        self.unlinked = Some(record);
        self
    }

    /// Lowers it if nobody walks lists of elements with this link in a read-side section.
    pub fn unless_unread(mut self, link: Option<(Record, Symbol)>) -> Claim {
        self.read = link;
        self
    }

    /// Lowers it if none of those readers uses this member.
    pub fn unless_unused(mut self, member: Symbol) -> Claim {
        self.used = member;
        self
    }

    /// Lowers it if a caller may hold a lock, or be in a read-side section, that protects what this is about.
    pub fn unless_protected_by_callers(mut self) -> Claim {
        self.alone = true;
        self
    }

    /// Lowers it if page faults are disabled on every way into the function.
    pub fn unless_faults_are_off(mut self, faults: bool) -> Claim {
        self.faults = faults;
        self
    }

    /// The function whose paths were run.
    pub(crate) fn root(&self) -> FuncId {
        self.steps.first().map_or(self.at.0, |step| step.func)
    }

    /// Names a weakness of the place, which lowers the level by one; in tests, to low.
    pub fn weakness(mut self, what: Option<&str>) -> Claim {
        if let Some(what) = what {
            let boot = self.confidence == Confidence::High && what != words::TEST;
            self.confidence = if boot { Confidence::Medium } else { Confidence::Low };
            self.assumes.push(what.to_owned());
        }
        self
    }

    /// How sure it is where sleeping is forbidden on every way into a function of its steps.
    pub fn or_always(mut self, sure: Confidence) -> Claim {
        self.always = Some(sure);
        self
    }

    /// Names what it rests on in called functions, and in which: if many rest on the same, these know better.
    pub fn rests_on(mut self, all: impl IntoIterator<Item = (String, FuncId)>) -> Claim {
        self.rests_on.extend(all);
        self
    }

    /// Weighs it by what others do.
    pub fn believe(mut self, belief: Belief) -> Claim {
        self.belief = Some(belief);
        self
    }

    /// The finding of a claim of the check with this id.
    pub(crate) fn finding(&self, world: &World<'_>, check: &str) -> Finding {
        let (func, loc) = self.at;
        let file = world.path(func).to_owned();
        let function = world.func(func).name.as_str().to_owned();
        let thread = |n: usize| self.threads.iter().rev().find(|t| t.0 <= n).map(|t| t.1.clone());
        let mut steps: Vec<Step> = self.steps.iter().enumerate().map(|(n, s)| Step { thread: thread(n), ..s.step(world) }).collect();
        steps.dedup();
        let fingerprint = fingerprint(&[check, &file, &function, &self.identity]);
        Finding {
            check: check.to_owned(),
            confidence: self.confidence,
            file,
            line: loc.line,
            column: u32::from(loc.col).max(1),
            function,
            message: self.message.clone(),
            steps,
            assumes: self.assumes.clone(),
            locks: self.locks.clone(),
            context: self.context.clone(),
            fingerprint,
        }
    }
}

/// The claims about one function.
#[derive(Default)]
pub struct Claims {
    /// The check that is speaking.
    pub(crate) check: u8,
    list: Vec<Claim>,
    /// About the whole tree, which may have many.
    whole: bool,
}

impl Claims {
    /// Claims of the check with this number.
    pub(crate) fn of(check: u8) -> Claims {
        Claims { check, list: Vec::new(), whole: true }
    }

    /// Adds a claim unless one as sure stands for the same operation.
    pub fn add(&mut self, claim: Claim) {
        let new = Claim { check: self.check, ..claim };
        if let Some(old) =
            self.list.iter_mut().find(|c| c.check == new.check && c.op == new.op && c.at == new.at && c.identity == new.identity)
        {
            if new.confidence > old.confidence {
                *old = new;
            }
            return;
        }
        if self.list.len() < CLAIMS_MAX || self.whole {
            self.list.push(new);
        }
    }

    /// Adds claims.
    pub fn extend(&mut self, claims: impl IntoIterator<Item = Claim>) {
        claims.into_iter().for_each(|claim| self.add(claim));
    }

    /// Everything that was claimed; of claims with one cause the first in the source, or the surest if they are one defect.
    pub(crate) fn take(&mut self) -> Vec<Claim> {
        let mut list = std::mem::take(&mut self.list);
        list.sort_by_key(|c| (c.check, c.cause, c.joined.is_some().then_some(Reverse(c.confidence)), c.at.1, c.op));
        let mut kept: Vec<(Claim, Vec<At>)> = Vec::new();
        for claim in list {
            match kept.last_mut() {
                Some((first, others)) if claim.cause.is_some() && claim.check == first.check && claim.cause == first.cause => {
                    if let (Some(own), Some(here)) = (&first.joined, claim.joined)
                        && here.loc.line != own.loc.line
                    {
                        others.push(here);
                    }
                }
                _ => kept.push((claim, Vec::new())),
            }
        }
        kept.into_iter()
            .map(|(mut claim, others)| {
                claim.name_others(others);
                claim
            })
            .collect()
    }

    /// Everything that was claimed of the whole tree.
    pub(crate) fn take_all(&mut self) -> Vec<Claim> {
        std::mem::take(&mut self.list)
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
