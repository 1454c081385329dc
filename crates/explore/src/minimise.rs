//! The schedule that is shown: as few switches between threads, and then as few operations, as lead to the same fault.
//!
//! Runs of the found schedule are left out, or put together with another run of the same thread, and what then happens is found out by doing it;
//! where the altered schedule ends, threads go on one after the other. Only executions that the machine has done are ever shown, so
//! nothing is believed that need not hold. Greedy, and bounded by operations rather than by time: the result is the same on every machine, and no
//! promise that nothing is shorter.

use crate::fault::{Fault, FaultKind};
use crate::outcome::{FoundFault, Place};
use crate::run::Run;
use crate::schedule::Schedule;
use crate::thread::Status;
use std::collections::VecDeque;
use std::time::Instant;

/// Operations that are spent on it.
const OPERATIONS: u64 = 300_000;
/// How many times as many as the found schedule has, and how many more, one attempt may take.
const TIMES: u64 = 4;
const SPARE: u64 = 500;
/// Programs of up to so many threads are also tried with each running to its end, in all orders.
const PERMUTED: usize = 4;

/// A schedule that may be altered: it is followed as far as it can be.
#[derive(Clone, Default)]
struct Plan {
    runs: Vec<(u8, u64)>,
    /// What each thread's choices are, in order.
    choices: Vec<Vec<u16>>,
}

/// What an attempt came to.
struct Attempt {
    schedule: Schedule,
    plan: Plan,
}

impl Plan {
    fn cost(&self) -> (usize, u64) {
        (self.runs.len(), self.runs.iter().map(|r| r.1).sum())
    }

    fn without(&self, at: usize) -> Plan {
        let mut plan = self.clone();
        plan.runs.remove(at);
        plan
    }

    /// The run is done together with the thread's next one: there, or here.
    fn joined(&self, at: usize, here: bool) -> Option<Plan> {
        let (thread, ops) = *self.runs.get(at)?;
        let next = at + 1 + self.runs.get(at + 1..)?.iter().position(|r| r.0 == thread)?;
        let mut plan = self.clone();
        if here {
            plan.runs[at].1 += plan.runs[next].1;
            plan.runs.remove(next);
        } else {
            plan.runs[next].1 += ops;
            plan.runs.remove(at);
        }
        plan.merge();
        Some(plan)
    }

    fn merge(&mut self) {
        let mut out: Vec<(u8, u64)> = Vec::with_capacity(self.runs.len());
        for &(thread, ops) in self.runs.iter().filter(|r| r.1 > 0) {
            match out.last_mut() {
                Some(last) if last.0 == thread => last.1 += ops,
                _ => out.push((thread, ops)),
            }
        }
        self.runs = out;
    }
}

/// What must happen again.
struct Goal {
    kind: FaultKind,
    place: Place,
    certain: bool,
    message: String,
    /// Operations after which an attempt is given up: a program whose threads go round has none that is its last.
    most: u64,
}

impl Run<'_> {
    /// The best schedule found for the same fault. `None`: it could not be followed.
    pub(crate) fn minimise(&mut self, found: &FoundFault, deadline: Instant) -> Option<Schedule> {
        let goal = Goal {
            kind: found.fault.kind,
            place: found.place.clone(),
            certain: found.fault.guess == 0,
            message: found.fault.detail.clone(),
            most: SPARE + TIMES * (found.schedule.runs.iter().map(|r| r.1).chain(found.schedule.arrivals.iter().copied()).sum::<u64>()),
        };
        let m = &mut self.machine;
        m.take_for_granted();
        m.arrivals = Some(Vec::new());
        m.forget();
        m.patience.until(Some(deadline));
        let first = plan_of(&found.schedule, &found.choosers);
        let mut left = OPERATIONS;
        let mut best: Option<Attempt> = None;
        // What a thread did when it came into being is done at the beginning, or with its first run.
        let mut early = first.clone();
        let arrived = found.schedule.arrivals.iter().enumerate().skip(1).filter(|a| *a.1 > 0).map(|(t, &n)| (t as u8, n));
        early.runs.splice(0..0, arrived);
        for plan in [first, early].into_iter().chain(self.orders(found)) {
            self.try_plan(&plan, &goal, &mut best, &mut left);
        }
        if let Some(plan) = self.first_of_their_kind(found) {
            self.try_plan(&plan, &goal, &mut best, &mut left);
        }
        while best.is_some() && self.improve(&goal, &mut best, &mut left) {}
        self.shorten(&goal, &mut best, &mut left);
        let m = &mut self.machine;
        m.stop_at = None;
        m.arrivals = None;
        best.map(|b| b.schedule)
    }

    /// Each thread to its end, in all orders.
    fn orders(&self, found: &FoundFault) -> Vec<Plan> {
        let first = u8::from(!self.is_plain());
        let arrived = found.schedule.arrivals.iter().enumerate().filter(|a| *a.1 > 0).map(|a| a.0 as u8);
        let mut threads: Vec<u8> = found.schedule.runs.iter().map(|r| r.0).chain(arrived).filter(|t| *t >= first).collect();
        threads.sort_unstable();
        threads.dedup();
        if threads.len() > PERMUTED {
            return Vec::new();
        }
        let mut orders: Vec<Vec<u8>> = vec![Vec::new()];
        for &thread in &threads {
            orders = orders.iter().flat_map(|o| (0..=o.len()).map(move |at| [&o[..at], &[thread], &o[at..]].concat())).collect();
        }
        orders.sort();
        let choices = plan_of(&found.schedule, &found.choosers).choices;
        let plan = |order: Vec<u8>| Plan { runs: order.into_iter().map(|t| (t, u64::MAX >> 8)).collect(), choices: choices.clone() };
        orders.into_iter().map(plan).collect()
    }

    /// Of many threads that begin with the same functions, those that came last are rarely needed: the same between those that came first, as soon as
    /// they have come into being.
    fn first_of_their_kind(&self, found: &FoundFault) -> Option<Plan> {
        if !self.is_plain() {
            return None;
        }
        let ran = || found.schedule.runs.iter().map(|r| usize::from(r.0)).filter(|&t| t > 0);
        let mut needed: Vec<usize> = found.waits.iter().filter(|w| !w.beside).map(|w| w.number).filter(|&t| t > 0).collect();
        if needed.is_empty() {
            needed.extend(ran().next_back());
            let other = ran().rev().find(|t| needed.first() != Some(t));
            needed.extend(other);
        }
        let threads = &self.machine.threads;
        let mut taken: Vec<(usize, u8)> = Vec::new();
        for &t in &needed {
            let name = threads.get(t)?.name;
            let free = |n: &usize| threads[*n].name == name && !taken.iter().any(|(_, to)| usize::from(*to) == *n);
            taken.push((t, (1..threads.len()).find(free)? as u8));
        }
        if taken.iter().all(|(t, to)| *t == usize::from(*to)) {
            return None;
        }
        let to = |t: usize| taken.iter().find(|(from, _)| *from == t).map(|(_, to)| *to);
        let mut plan = plan_of(&found.schedule, &found.choosers);
        let (runs, choices) = (std::mem::take(&mut plan.runs), std::mem::take(&mut plan.choices));
        plan.choices = vec![Vec::new(); choices.len()];
        plan.runs.push((0, u64::MAX >> 8));
        plan.runs.extend(runs.into_iter().filter_map(|(t, n)| Some((to(usize::from(t))?, n))));
        for (t, chosen) in choices.into_iter().enumerate() {
            let at = if t == 0 { Some(0) } else { to(t) };
            if let Some(slot) = at.and_then(|at| plan.choices.get_mut(usize::from(at))) {
                *slot = chosen;
            }
        }
        Some(plan)
    }

    /// One round of alterations. Whether one was an improvement.
    fn improve(&mut self, goal: &Goal, best: &mut Option<Attempt>, left: &mut u64) -> bool {
        let mut improved = false;
        let mut at = best.as_ref().map_or(0, |b| b.plan.runs.len());
        while at > 0 {
            at -= 1;
            let Some(plan) = best.as_ref().map(|b| b.plan.clone()) else { return false };
            if at >= plan.runs.len() {
                continue;
            }
            let alterations = [plan.joined(at, false), plan.joined(at, true), Some(plan.without(at))];
            improved |= alterations.into_iter().flatten().any(|plan| self.try_plan(&plan, goal, best, left));
        }
        improved
    }

    /// Leaves out what threads do in vain at the ends of their runs.
    fn shorten(&mut self, goal: &Goal, best: &mut Option<Attempt>, left: &mut u64) {
        let mut at = best.as_ref().map_or(0, |b| b.plan.runs.len());
        while at > 0 {
            at -= 1;
            let (mut low, mut high) = match best.as_ref().and_then(|b| b.plan.runs.get(at)) {
                Some(run) => (0, run.1),
                None => continue,
            };
            while low + 1 < high {
                let middle = low + (high - low) / 2;
                let Some(mut plan) = best.as_ref().map(|b| b.plan.clone()) else { return };
                if at >= plan.runs.len() || *left == 0 {
                    break;
                }
                plan.runs[at].1 = middle;
                if self.try_plan(&plan, goal, best, left) { high = middle } else { low = middle }
            }
        }
    }

    /// Follows a plan; keeps what came out if it is the goal and better.
    fn try_plan(&mut self, plan: &Plan, goal: &Goal, best: &mut Option<Attempt>, left: &mut u64) -> bool {
        if *left == 0 || self.machine.patience.is_over() {
            return false;
        }
        let Some(attempt) = self.attempt(plan, goal, left) else { return false };
        let better = best.as_ref().is_none_or(|b| attempt.plan.cost() < b.plan.cost());
        if better {
            *best = Some(attempt);
        }
        better
    }

    fn attempt(&mut self, plan: &Plan, goal: &Goal, left: &mut u64) -> Option<Attempt> {
        let mut own = goal.most.min(*left);
        let before = own;
        let found = self.followed(plan, goal, &mut own);
        *left -= before - own;
        found
    }

    fn followed(&mut self, plan: &Plan, goal: &Goal, left: &mut u64) -> Option<Attempt> {
        self.steps.clear();
        self.machine.reset();
        let mut choices: Vec<VecDeque<u16>> = plan.choices.iter().map(|c| c.iter().copied().collect()).collect();
        for &(t, ops) in &plan.runs {
            let t = usize::from(t);
            let goes_on = |run: &Self| run.machine.threads.get(t).is_some_and(|u| u.alive());
            let until = self.machine.threads.get(t).map_or(0, |u| u.ops.saturating_add(ops));
            while goes_on(self) && self.machine.threads[t].ops < until && self.machine.enabled() & 1 << t != 0 {
                self.operation(t, &mut choices, left)?;
                if let Some(fault) = self.reached(goal) {
                    return Some(self.done(&fault));
                }
            }
        }
        // The others may go on for ever.
        if self.machine.goes_round() && goal.kind == FaultKind::Deadlock {
            self.circle_beside();
            if let Some(fault) = self.reached(goal) {
                return Some(self.done(&fault));
            }
        }
        // Behind its end: whoever ran goes on, then the others in order.
        let mut last = self.steps.last().map_or(0, |s| usize::from(s.0));
        loop {
            let enabled = self.machine.enabled();
            if enabled == 0 {
                break;
            }
            if enabled & 1 << last == 0 {
                last = enabled.trailing_zeros() as usize;
            }
            self.operation(last, &mut choices, left)?;
            if let Some(fault) = self.reached(goal) {
                return Some(self.done(&fault));
            }
        }
        let mut blocked = Vec::new();
        for (n, thread) in self.machine.threads.iter().enumerate() {
            if thread.alive() && (n > 0 || self.machine.link.plain) && !self.machine.exited {
                blocked.push((n, thread.footprint.clone()));
            }
        }
        self.end(&blocked);
        self.reached(goal).map(|fault| self.done(&fault))
    }

    /// One operation of a thread. `None`: there were too many.
    fn operation(&mut self, t: usize, choices: &mut [VecDeque<u16>], left: &mut u64) -> Option<()> {
        *left = left.checked_sub(1)?;
        if self.machine.patience.spend(1 << 8) {
            return None;
        }
        let choice = choices.get(t).and_then(|c| c.front()).copied().unwrap_or(0);
        let before = self.machine.threads[t].ops;
        self.machine.stop_at = Some(before + 1);
        self.step(t, choice);
        let asked = self.machine.event.choices > 1;
        if asked && let Some(of_thread) = choices.get_mut(t) {
            of_thread.pop_front();
        }
        // A thread that neither does an operation nor ends would do so for ever.
        (self.machine.threads[t].ops > before || self.machine.threads[t].status != Status::Ready || asked).then_some(())
    }

    fn reached(&mut self, goal: &Goal) -> Option<Fault> {
        let fits = |f: &&Fault| {
            f.kind == goal.kind
                && (f.guess == 0 || !goal.certain)
                && f.detail == goal.message
                && crate::told::place_of(&self.machine, f.site) == goal.place
        };
        self.machine.faults.iter().find(fits).cloned()
    }

    fn done(&self, fault: &Fault) -> Attempt {
        let schedule = self.schedule(fault.site.event);
        let plan = plan_of(&schedule, &self.choosers(fault.site.event));
        Attempt { schedule, plan }
    }
}

fn plan_of(schedule: &Schedule, choosers: &[u8]) -> Plan {
    let mut arrived = schedule.arrivals.clone();
    let mut plan = Plan::default();
    let begun = arrived.first().copied().unwrap_or(0);
    if begun > 0 {
        plan.runs.push((0, begun));
        arrived[0] = 0;
    }
    for &(thread, ops) in &schedule.runs {
        let before = arrived.get_mut(usize::from(thread)).map_or(0, std::mem::take);
        plan.runs.push((thread, ops + before));
    }
    let threads = plan.runs.iter().map(|r| usize::from(r.0) + 1).max().unwrap_or(0);
    plan.choices.resize(threads, Vec::new());
    for (owner, choice) in choosers.iter().zip(&schedule.choices) {
        if let Some(list) = plan.choices.get_mut(usize::from(*owner)) {
            list.push(*choice);
        }
    }
    plan.merge();
    plan
}
