//! What a check is.
//!
//! A check sees the events of every path of every function, claims defects, and may say more when the whole tree was seen. The conductor knows
//! checks only through this file.

use crate::claim::{Claim, Claims};
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::index::{
    Arguments, CountedUses, Habits, HeldUses, Lifetimes, Lives, LockFacts, LockGraph, Locked, Members, PerCpuUses, RcuUses,
};
use cuthere_flow::program::World;
use cuthere_flow::program::contexts::{CallTable, Contexts};
use cuthere_flow::summary::{FuncId, Summary};
use std::sync::OnceLock;

/// How far a check can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maturity {
    /// Its findings are worth reading; too many of the surest were wrong when they were looked up, or none was. They are medium at most.
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
    pub source: &'static str,
    pub maturity: Maturity,
}

impl CheckInfo {
    /// The check's page in Markdown, as it stands at the head of its file.
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|l| l.strip_prefix("//!"));
        lines.map(|l| l.strip_prefix(' ').unwrap_or(l)).flat_map(|l| [l, "\n"]).collect()
    }
}

/// One check at work on one function.
pub trait Checker {
    /// Something happens on a path.
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims);

    /// Whether it wants to be told of every access to memory. There are many: it must be quick to turn down most.
    fn sees_memory(&self) -> bool {
        false
    }

    /// All paths were seen, and this is what callers are told of them.
    fn end(&mut self, _world: &World<'_>, _func: FuncId, _summary: &Summary, _claims: &mut Claims) {}
}

/// Begins a function.
pub type Start = fn(&World<'_>, FuncId) -> Box<dyn Checker>;

/// A check's entry in the registry.
#[derive(Clone, Copy)]
pub struct Check {
    pub info: CheckInfo,
    /// How it begins a function; `None`: single paths show nothing of it.
    pub start: Option<Start>,
    /// Whether functions that are entered in a known context are looked at again in that context.
    pub entered: bool,
    /// Says what only the whole tree shows.
    pub tree: Option<fn(&Tree<'_>, &mut Claims)>,
}

/// What the facts about all functions add up to.
pub struct Tree<'t> {
    pub world: &'t World<'t>,
    pub habits: &'t Habits,
    pub members: &'t Members,
    pub arguments: &'t Arguments,
    pub lifetimes: &'t Lifetimes,
    /// What each function does with locks, sorted by function.
    pub locks: &'t [(FuncId, Box<LockFacts>)],
    /// Everything was read: who calls a function is known.
    pub whole: bool,
    pub locked: &'t Locked,
    pub rcu: &'t RcuUses,
    pub percpu: &'t PerCpuUses,
    pub counted: &'t CountedUses,
    pub held: &'t HeldUses,
    /// What holds at calls, for [`Tree::contexts`].
    pub(crate) calls: &'t CallTable,
    pub(crate) contexts: &'t OnceLock<Contexts<'t>>,
    pub(crate) graph: &'t OnceLock<LockGraph<'t>>,
    pub(crate) lives: &'t OnceLock<Lives<'t>>,
}

impl<'t> Tree<'t> {
    /// In which contexts functions are entered; found out when somebody asks.
    pub fn contexts(&self) -> &'t Contexts<'t> {
        self.contexts.get_or_init(|| Contexts::new(self.world, self.calls))
    }

    /// Which lock is taken while which is held; found out when somebody asks.
    pub fn lock_graph(&self) -> &'t LockGraph<'t> {
        self.graph.get_or_init(|| LockGraph::new(self.world, self.locks, self.calls))
    }

    /// What functions do to the lives of objects, along calls; found out when somebody asks.
    pub fn lives(&self) -> &'t Lives<'t> {
        self.lives.get_or_init(|| Lives::new(self.world, self.lifetimes))
    }

    /// Finds out what [`Tree::contexts`], [`Tree::lives`] and [`Tree::lock_graph`] know, before several threads ask: whoever waits for the parts of such a
    /// table does other work, which must not ask for the same table.
    pub(crate) fn prepare(&self) {
        rayon::join(|| self.contexts(), || rayon::join(|| self.lock_graph(), || self.lives()));
    }
}

/// All selected checks at work on one function.
pub(crate) struct Checkers {
    /// With their numbers.
    pub all: Vec<(u8, Box<dyn Checker>)>,
    pub claims: Claims,
}

impl Checkers {
    pub fn start(checks: &[(u8, &Check)], world: &World<'_>, func: FuncId) -> Checkers {
        Checkers { all: checks.iter().filter_map(|&(n, check)| Some((n, check.start?(world, func)))).collect(), claims: Claims::default() }
    }

    pub fn end(mut self, world: &World<'_>, func: FuncId, summary: &Summary) -> Vec<Claim> {
        for (n, checker) in &mut self.all {
            self.claims.check = *n;
            checker.end(world, func, summary, &mut self.claims);
        }
        self.claims.take()
    }
}

impl cuthere_flow::engine::Observer for Checkers {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        let memory = matches!(event.kind, EventKind::Memory(_));
        for (n, checker) in self.all.iter_mut().filter(|(_, c)| !memory || c.sees_memory()) {
            self.claims.check = *n;
            checker.event(path, event, &mut self.claims);
        }
    }

    fn sees_memory(&self) -> bool {
        self.all.iter().any(|(_, c)| c.sees_memory())
    }
}
