//! Counters of open files and mappings that are stepped up and down with no lock at all.
//!
//! `n++` loads, adds and stores: of two at once one is lost, and what the counter decides is decided wrongly from then on. Whatever opens a file, or a mapping, of an object runs at the same time for
//! two users. Told of are counters that such an operation steps, and another function steps the other way, with no lock on a way into either that is known from its beginning, and that one of them
//! asks for. Nothing is said where something on the way may keep others out, or where the object is made or ended there.

use super::replaced::shared_member;
use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, Expr, LocalId, OpId, OpKind, Term};
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::summary::FuncId;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, HashSet};

/// A counter is stepped.
#[derive(Clone, Copy)]
struct Step {
    f: FuncId,
    op: OpId,
    up: bool,
}

/// The counters of the tree, by name, with their steps.
type Counters<'c> = BTreeMap<(&'c str, &'c str, &'c str), (Member, Vec<Step>)>;

impl View<'_, '_> {
    pub(super) fn counters(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let world = self.tree.world;
        let of = |(n, body): (usize, &Body)| steps(FuncId(n as u32), body);
        let all: Vec<(Member, Step)> = world.funcs.par_iter().with_min_len(256).enumerate().flat_map_iter(of).collect();
        let mut counters = Counters::default();
        for (member, step) in &all {
            let name = (member.0.tag(), member.1.as_str(), member.0.file());
            counters.entry(name).or_insert_with(|| (*member, Vec::new())).1.push(*step);
        }
        counters.retain(|_, (_, steps)| steps.iter().any(|s| s.up) && steps.iter().any(|s| !s.up));
        let members: FxHashSet<Member> = counters.values().map(|c| c.0).collect();
        let mut locked: FxHashMap<Member, FxHashSet<(FuncId, OpId)>> = FxHashMap::default();
        for (member, _, uses) in self.tree.locked.all().filter(|m| members.contains(&m.0)) {
            locked.entry(member).or_default().extend(uses.iter().map(|u| (u.func, u.op)));
        }
        for (member, steps) in counters.into_values() {
            let under = |s: &Step| locked.get(&member).is_some_and(|l| l.contains(&(s.f, s.op)));
            let bare: Vec<Step> = steps.into_iter().filter(|s| !under(s) && self.is_stepped_bare(s)).collect();
            let Some((step, other, hops)) = self.stepped_by_two(member, &bare) else { continue };
            if told.insert((step.f, step.op)) {
                claims.add(self.stepped(member, step, other, &hops));
            }
        }
    }

    /// Whether a step is made with no lock that its function takes, or all its callers hold, and nothing on the way to it may keep others out.
    fn is_stepped_bare(&self, step: &Step) -> bool {
        let world = self.tree.world;
        let cut = world.summary(step.f).is_none_or(|s| s.truncated);
        let always = self.contexts.entered(step.f).certain.locks.iter().any(|l| l.always);
        !cut && !always
            && !self.tree.locked.is_doubtful(step.f, step.op)
            && !words::is_test_code(world.path(step.f))
            && !self.may_exclude(step.f, &[step.op])
            && !self.asks_atomically(step)
    }

    /// Whether an atomic counter is asked on a way to a step: it may let one in alone.
    fn asks_atomically(&self, step: &Step) -> bool {
        let body = self.tree.world.func(step.f);
        let atomic = |op: OpId| {
            let name = body.named_call(op).map(|(name, _)| name.as_str());
            name.is_some_and(|name| name.split('_').any(|word| matches!(word, "atomic" | "atomic64" | "refcount" | "kref")))
        };
        body.all_ops().any(|(op, _)| atomic(op) && self.lives.leads(step.f, op, step.op))
    }

    /// A step that an operation makes for whoever opens something, and one the other way in another function, if one of the two asks for the counter.
    fn stepped_by_two(&self, member: Member, bare: &[Step]) -> Option<(Step, Step, Vec<Hop<'_>>)> {
        let asks = |s: &Step| asks(self.tree.world.func(s.f), member);
        bare.iter().find_map(|step| {
            let other = bare.iter().find(|o| o.up != step.up && o.f != step.f && (asks(step) || asks(o)))?;
            let hops = self.opening_way(step.f, Some(member.0))?;
            let free = |hop: &Hop<'_>| !matches!(*hop, Hop::Calls(g, op) if self.may_exclude(g, &[op]));
            let all = hops.iter().all(free) && !self.free_ways(other.f).is_empty();
            all.then_some((*step, *other, hops))
        })
    }

    fn stepped(&self, member: Member, step: Step, other: Step, hops: &[Hop<'_>]) -> Claim {
        let world = self.tree.world;
        let name = member.0.member_text(member.1);
        let (function, there) = (world.func(step.f).name, world.func(other.f).name);
        let does = |s: Step| if s.up { "counts up" } else { "counts down" };
        let counts = does(step);
        let message =
            format!("`{function}()` {counts} `{name}` with no lock held, and `{there}()` the other way: of two at once one is lost");
        let claim = Claim::new(step.op, (step.f, self.loc(step.f, step.op)), Confidence::Medium, message);
        let claim = cuthere_analysis::lock_steps::way_in(claim, world, step.f, hops);
        claim
            .step(step.f, self.loc(step.f, step.op), format!("loads `{name}`"))
            .thread(format!("CPU 1: {there}()"))
            .step(other.f, self.loc(other.f, other.op), format!("{} `{name}`", does(other)))
            .thread(format!("CPU 0: {function}()"))
            .step(step.f, self.loc(step.f, step.op), "stores a number that knows nothing of that")
            .assume("nothing else keeps the two apart")
            .identity(format!("{name} counter"))
    }
}

/// The steps that a function makes of members of shared objects.
fn steps(f: FuncId, body: &Body) -> Vec<(Member, Step)> {
    if body.is_init_or_exit() {
        return Vec::new();
    }
    let step = |(op, kind): (OpId, OpKind)| match kind {
        OpKind::Store { place, value } => {
            let up = body.steps(place, value)?;
            Some((shared_member(body, place)?, Step { f, op, up }))
        }
        _ => None,
    };
    body.all_ops().filter_map(|(op, o)| step((op, o.kind))).collect()
}

/// Whether a function branches on a member, or on a variable that it has loaded it into.
fn asks(body: &Body, (record, name): Member) -> bool {
    let is_member = |place| matches!(body.expr(place), Expr::Field { record: r, name: n, .. } if (r, n) == (record, name));
    let loads = |e: Expr| matches!(e, Expr::Load(place, _) if is_member(place));
    let kept: Vec<LocalId> = body
        .ops
        .iter()
        .filter_map(|o| match o.kind {
            OpKind::Store { place, value } if loads(body.expr(value)) => match body.expr(place) {
                Expr::Local(local) => Some(local),
                _ => None,
            },
            _ => None,
        })
        .collect();
    body.blocks().any(|(_, block)| match &block.term {
        Term::Branch { cond, .. } => {
            let mut found = false;
            body.walk(*cond, &mut |e| found |= loads(e) || matches!(e, Expr::Local(l) if kept.contains(&l)));
            found
        }
        _ => false,
    })
}
