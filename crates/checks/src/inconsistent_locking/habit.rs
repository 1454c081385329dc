//! Functions that all callers but one call with a lock held.
//!
//! What a function does may need a lock although it changes no member that is seen: it talks to a device, or to a pool that lies behind a pointer. Then its callers tell. The lock has
//! to lie in a record that the function gets a pointer to, or be a variable; and of the odd caller a whole way in is known, on which no lock is held. Callers of which that is not known, and who
//! have the object for themselves, speak for nothing. It is surer where the lock lies in what the function gets, and it walks a list that others change under it.

use super::View;
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{LocalId, OpId, Record};
use cuthere_flow::index::ListUse;
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{ListOp, LockKind};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Callers that hold the lock, at least.
const WITH_MIN: usize = 3;

/// Callers that hold the lock for each one that does not, at least.
const WITH_EACH: usize = 3;

/// The lists that functions walk, each with all its uses.
type Walked<'l> = FxHashMap<FuncId, Vec<&'l [(FuncId, ListUse)]>>;

/// A call, with the locks that are held then, and those that may be.
struct Call {
    caller: FuncId,
    op: OpId,
    held: Vec<(Symbol, LockKind)>,
    perhaps: Vec<Symbol>,
}

impl View<'_, '_> {
    pub(super) fn habits(&self, claims: &mut Claims) {
        let lists = self.tree.rcu.lists();
        let mut walked = Walked::default();
        for uses in &lists {
            let walkers: BTreeSet<FuncId> = uses.iter().filter(|(_, u)| u.op == ListOp::Walk).map(|u| u.0).collect();
            walkers.into_iter().for_each(|f| walked.entry(f).or_default().push(uses));
        }
        for n in 0..self.tree.world.funcs.len() as u32 {
            claims.extend(self.habit(FuncId(n), &walked));
        }
    }

    fn habit(&self, f: FuncId, walked: &Walked<'_>) -> Option<Claim> {
        let world = self.tree.world;
        if world.callers(f).len() <= WITH_MIN || world.func(f).is_init_or_exit() {
            return None;
        }
        let calls: Vec<Call> = world.callers(f).iter().filter(|c| c.certain()).filter_map(|c| self.call(c.func, c.op)).collect();
        let mut with: BTreeMap<&str, (Symbol, LockKind, BTreeSet<FuncId>)> = BTreeMap::new();
        for call in &calls {
            for &(lock, kind) in &call.held {
                with.entry(lock.as_str()).or_insert_with(|| (lock, kind, BTreeSet::new())).2.insert(call.caller);
            }
        }
        let (lock, kind, with) = with.into_values().max_by_key(|w| w.2.len()).filter(|w| w.2.len() >= WITH_MIN)?;
        let record = self.guarded(f, lock)?;
        let counts = |c: &&Call| self.contexts.entered(c.caller).is_known_whole() && !self.quiet(c.caller, record);
        let without: Vec<&Call> = calls.iter().filter(|c| !c.held.iter().any(|l| l.0 == lock)).filter(counts).collect();
        let odd: BTreeSet<FuncId> = without.iter().map(|c| c.caller).collect();
        if with.len() < odd.len() * WITH_EACH {
            return None;
        }
        let free = |c: &&&Call| c.held.is_empty() && c.perhaps.is_empty() && !with.contains(&c.caller);
        let open = without.iter().filter(free).find_map(|c| Some((*c, self.open_way(c.caller, record, (lock, kind))?)));
        let (call, hops) = open?;
        let other = calls.iter().find(|c| c.held.iter().any(|l| l.0 == lock))?;
        let sure = if record.is_some() && self.walks_guarded(f, lock, walked) { Confidence::Medium } else { Confidence::Low };
        Some(self.against_habit(f, lock, (call, &hops), (other, with.len())).sure(sure))
    }

    /// What is held at a call; `None`: it counts for nothing, or it is not known.
    fn call(&self, caller: FuncId, op: OpId) -> Option<Call> {
        let world = self.tree.world;
        let cut = world.summary(caller).is_none_or(|s| s.truncated);
        let calls = self.contexts.calls(caller);
        if cut || world.func(caller).is_init_or_exit() || calls.is_some_and(|c| !c.reached(op)) || self.tree.locked.is_doubtful(caller, op)
        {
            return None;
        }
        let state = calls.and_then(|c| c.at(op));
        let exclusive = |kind: LockKind| kind != LockKind::Srcu;
        let here = || state.iter().flat_map(|s| s.held.iter()).filter(|l| exclusive(l.kind));
        let given_back = |class: Symbol| state.is_some_and(|s| s.released.iter().any(|r| r.0 == class));
        let ins = self.contexts.entered(caller);
        let ways = [&ins.certain, &ins.perhaps];
        let entry = || ways.iter().filter(|w| w.reached()).flat_map(|w| &w.locks).filter(|l| !given_back(l.class) && exclusive(l.kind));
        let held = here().filter(|l| l.always).map(|l| (l.class, l.kind)).chain(entry().filter(|l| l.always).map(|l| (l.class, l.kind)));
        let perhaps = here().filter(|l| !l.always).map(|l| l.class).chain(entry().filter(|l| !l.always).map(|l| l.class));
        Some(Call { caller, op, held: held.collect(), perhaps: perhaps.collect() })
    }

    /// Whether a function walks a list that others change with a lock held.
    fn walks_guarded(&self, f: FuncId, lock: Symbol, walked: &Walked<'_>) -> bool {
        let holds = |g: FuncId, u: &ListUse| {
            let (always, perhaps) = self.entry_locks(g);
            u.locks.contains(&lock) || always.contains(&lock) || perhaps.contains(&lock)
        };
        let changed = |(g, u): &(FuncId, ListUse)| *g != f && u.op != ListOp::Walk && (u.op == ListOp::Add || !u.private) && holds(*g, u);
        let plain = |uses: &&&[(FuncId, ListUse)]| !uses.iter().any(|(_, u)| u.rcu);
        walked.get(&f).into_iter().flatten().filter(plain).any(|uses| uses.iter().any(changed))
    }

    /// Whether a lock lies with what a function gets: the record, or none if it is a variable.
    fn guarded(&self, f: FuncId, lock: Symbol) -> Option<Option<Record>> {
        let Some((tag, _)) = lock.as_str().rsplit_once('.') else { return Some(None) };
        let body = self.tree.world.func(f);
        let of = (0..body.params).filter_map(|n| body.local_pointee(LocalId::new(n))).find(|r| r.tag() == tag);
        of.map(Some)
    }

    fn against_habit(&self, f: FuncId, lock: Symbol, (call, hops): (&Call, &[Hop<'_>]), (other, n): (&Call, usize)) -> Claim {
        let world = self.tree.world;
        let (function, from, there) = (world.func(f).name, world.func(call.caller).name, world.func(other.caller).name);
        let message = format!("`{from}()` calls `{function}()` without `{lock}`, which {n} other callers hold");
        let claim = Claim::new(call.op, (call.caller, self.loc(call.caller, call.op)), Confidence::Low, message);
        let claim = cuthere_analysis::lock_steps::way_in(claim, world, call.caller, hops);
        claim
            .step(call.caller, self.loc(call.caller, call.op), format!("calls {function}() with no lock held"))
            .thread(format!("CPU 1: {there}()"))
            .step(other.caller, self.loc(other.caller, other.op), format!("calls it under `{lock}`"))
            .assume("nothing else keeps the callers apart")
            .identity(format!("{function} {lock} habit"))
    }
}
