//! What was noted on the paths of all functions, put into the tables that judge the whole tree.

use crate::checker::Tree;
use crate::claim::Claim;
use crate::paths::{Report, Reports};
use cuthere_flow::index::{
    Arguments, CountedUses, Habits, Handovers, HeldUses, Lifetimes, Lives, LockFacts, LockGraph, Locked, Members, PerCpuUses, RcuUses,
};
use cuthere_flow::program::World;
use cuthere_flow::program::contexts::{CallTable, Contexts};
use cuthere_flow::summary::FuncId;
use std::sync::OnceLock;

/// Claims, and facts by their kinds.
#[derive(Default)]
pub(crate) struct Gathered {
    pub claims: Vec<Claim>,
    pub habits: Habits,
    pub handovers: Handovers,
    members: Members,
    arguments: Arguments,
    lifetimes: Lifetimes,
    locked: Locked,
    calls: CallTable,
    locks: Vec<(FuncId, Box<LockFacts>)>,
    rcu: RcuUses,
    percpu: PerCpuUses,
    counted: CountedUses,
    held: HeldUses,
}

/// What is found out only when a check asks.
#[derive(Default)]
pub(crate) struct Late<'t> {
    contexts: OnceLock<Contexts<'t>>,
    graph: OnceLock<LockGraph<'t>>,
    lives: OnceLock<Lives<'t>>,
}

impl Gathered {
    /// Sorts reports by what they are; they come in the order of functions.
    pub fn of(reports: Reports) -> Gathered {
        let mut all = Gathered::default();
        for (func, list) in reports {
            for report in list {
                match report {
                    Report::Claim(claim) => all.claims.push(*claim),
                    Report::Fact(fact) => {
                        all.habits.add(&fact);
                        all.members.add(func, &fact);
                        all.arguments.add(func, &fact);
                        all.lifetimes.add(func, &fact);
                        all.locked.add(func, &fact);
                        all.handovers.add(func, &fact);
                        all.rcu.add(func, &fact);
                        all.percpu.add(func, &fact);
                        all.counted.add(func, &fact);
                        all.held.add(func, &fact);
                    }
                    Report::Calls(found) => {
                        all.calls.insert(func, *found);
                    }
                    Report::Locks(known) => all.locks.push((func, known)),
                }
            }
        }
        all
    }

    /// What checks of the whole tree ask.
    pub fn tree<'t>(&'t self, world: &'t World<'t>, whole: bool, late: &'t Late<'t>) -> Tree<'t> {
        Tree {
            world,
            habits: &self.habits,
            members: &self.members,
            arguments: &self.arguments,
            lifetimes: &self.lifetimes,
            locks: &self.locks,
            whole,
            locked: &self.locked,
            rcu: &self.rcu,
            percpu: &self.percpu,
            counted: &self.counted,
            held: &self.held,
            calls: &self.calls,
            contexts: &late.contexts,
            graph: &late.graph,
            lives: &late.lives,
        }
    }
}
