//! Locks of the caller that a callee gives back, or perhaps does: where several functions may be reached, and where only a word of the callee says so.

use super::call::Call;
use super::*;

impl Run<'_, '_> {
    /// Whether a function whose ways of returning are not known may give back a lock that is held: it was not followed whole, or calls somebody through a pointer
    /// who does. Where nobody is known who does, a lock that was taken by its name is none of those that go through pointers.
    pub(super) fn may_give_back(&self, callee: FuncId, summary: &Summary, state: &State) -> bool {
        let world = self.world;
        let gives = |f: &FuncId| {
            let given = world.summary(*f).into_iter().flat_map(|s| &s.outcomes).flat_map(|o| &o.locks).filter(|l| !l.taken);
            given.into_iter().any(|l| state.locks.held.iter().any(|h| h.class == l.class && h.kind == l.kind))
        };
        let pointers = || world.callees[callee.index()].iter().filter(|c| matches!(c.1, Callees::Many(_)));
        // Tables alone stand for what is not seen here; `(write ? up_write : up_read)(&x->lock)` gives back a lock by its name.
        let body = world.func(callee);
        let through = |op: &Op| match op.kind {
            OpKind::Call { target: Target::Pointer(e), .. } => Some(body.ops_field(e).is_some()),
            _ => None,
        };
        let mut tables = body.ops.iter().filter_map(through).peekable();
        let unseen = tables.peek().is_none() || !tables.all(|table| table);
        !state.locks.held.is_empty() && (summary.truncated || unseen || pointers().any(|c| c.1.list().iter().any(gives)))
    }

    /// What one of the functions that a call may reach takes for its caller is held perhaps; what one of them gives back of what it is handed perhaps is not.
    pub(super) fn leave_perhaps(&mut self, call: &Call<'_>, callees: &[FuncId], state: &mut State) {
        let world = self.world;
        let result = self.values.result(call.index);
        for delta in callees.iter().filter_map(|f| world.summary(*f)).flat_map(|s| &s.outcomes).flat_map(|o| &o.locks) {
            if !delta.taken && !matches!(delta.place.root, RelRoot::Param(_)) {
                continue;
            }
            let lock = self.left_lock(call, delta, call.values, result, state);
            match delta.taken {
                true => state.locks.acquire_perhaps(Held { sure: false, ..lock }),
                false => self.lose_perhaps(lock, state),
            }
        }
    }

    /// What each of the functions that a call may reach gives back of the caller's, on some way at least: nothing here tells on which way it returned.
    pub(super) fn give_back_in_common(&mut self, call: &Call<'_>, callees: &[FuncId], state: &mut State) {
        let world = self.world;
        let ways = |f: &FuncId| world.summary(*f).map_or(&[][..], |s| &s.outcomes);
        if callees.iter().any(|f| ways(f).is_empty()) {
            return;
        }
        for lock in state.locks.held.clone() {
            let given = |o: &Outcome| o.locks.iter().any(|l| !l.taken && l.class == lock.class && l.kind == lock.kind);
            if callees.iter().all(|f| ways(f).iter().any(given)) {
                let surely = |o: &Outcome| o.locks.iter().any(|l| !l.taken && l.sure && l.class == lock.class && l.kind == lock.kind);
                if callees.iter().all(|f| ways(f).iter().all(surely)) {
                    self.release(call, Way::Here, Held { op: Some(call.index), ..lock }, state);
                } else {
                    self.release_perhaps(call, Way::Here, Held { op: Some(call.index), ..lock }, state);
                }
            }
        }
        // Sections that each of them ends on some way are ended: where its ways differ, nothing here tells which it was.
        let ends = |f: &FuncId| ways(f).iter().fold(Ctx::default(), |least, o| least.least(o.ctx));
        let less = callees.iter().map(ends).reduce(Ctx::most).unwrap_or_default().least(Ctx::default());
        if !less.is_zero() {
            self.shift(less, call.index, state);
        }
    }

    /// What a callee is annotated to give back (`__releases(&x->lock)`) is given back, also where no way was found on which it is: such functions hand locks around.
    /// `given`: how many it was seen to give back on this way: these are the ones that are spoken of.
    pub(super) fn release_by_word(&mut self, call: &Call<'_>, callee: FuncId, given: usize, before: &State, state: &mut State) {
        let annotations = &self.world.func(callee).annotations;
        if annotations.is_empty() || before.locks.held.is_empty() {
            return;
        }
        let named = |word: &'static str| annotations.iter().filter_map(move |a| a.as_str().strip_prefix(word)?.strip_suffix(')'));
        for lock in named("__releases(").filter(|lock| !named("__acquires(").any(|other| other == *lock)).skip(given) {
            let member = lock.rsplit(['.', '>', '&', '*']).next().unwrap_or(lock);
            let meant = |l: &&Held| {
                l.kind.spins()
                    && before.locks.held.iter().any(|b| b.place == l.place)
                    && l.class.as_str().rsplit_once('.').is_some_and(|c| c.1 == member)
            };
            let mut all = state.locks.held.iter().filter(meant);
            if let (Some(&held), None) = (all.next(), all.next()) {
                self.release(call, Way::Here, Held { op: Some(call.index), ..held }, state);
                // The flags that go with it are handed over, too.
                let flags =
                    (0..self.world.func(callee).params).any(|p| self.world.func(callee).local_name(LocalId::new(p)).as_str() == "flags");
                if flags && state.ctx.irq > 0 {
                    let enabled = Ctx::step(CtxPart::Irq, -state.ctx.irq);
                    self.shift(enabled, call.index, state);
                }
            }
        }
    }
}
