//! What is said of a function of which not all paths were followed.

use super::*;

impl Run<'_, '_> {
    /// A section that the code ends and begins nowhere is the caller's: it is ended on a way that was not followed, if on none of the others. Callers are left with
    /// less to hold.
    pub(super) fn end_sections(&self, outcomes: &mut Vec<Outcome>) {
        let (begun, ended) = self.sections();
        let one = |begun: i8, ended: i8| if begun == 0 { ended.max(-1) } else { 0 };
        let ends = Ctx {
            preempt: one(begun.preempt, ended.preempt),
            bh: one(begun.bh, ended.bh),
            // Restored to what it was, wherever that was noted.
            irq: 0,
            rcu: one(begun.rcu, ended.rcu),
            pagefault: one(begun.pagefault, ended.pagefault),
        };
        if ends.is_zero() {
            return;
        }
        if outcomes.is_empty() {
            outcomes.push(Outcome { doubtful: true, ..Outcome::plain(Interval::TOP) });
        }
        for outcome in outcomes {
            outcome.ctx = outcome.ctx.least(ends);
        }
    }

    /// A lock that functions called here give back, and none called here takes, is the caller's: it is given back perhaps, if no way that was followed says so.
    pub(super) fn end_locks(&self, outcomes: &mut Vec<Outcome>) {
        let mut given: SmallVec<[LockDelta; 2]> = SmallVec::new();
        let mut taken: SmallVec<[Symbol; 4]> = SmallVec::new();
        for (id, op) in self.body.all_ops() {
            let OpKind::Call { args, .. } = op.kind else { continue };
            let Some(Callees::One(f)) = self.world.callees(self.func, id) else { continue };
            for delta in self.world.summary(*f).into_iter().flat_map(|s| &s.outcomes).flat_map(|o| &o.locks) {
                match delta.taken {
                    true if delta.sure => taken.push(delta.class),
                    true => {}
                    // Which lock of the class it is does not tell without a path; that it is in what was handed down does.
                    false if matches!(delta.place.root, RelRoot::Param(p) if (p as u32) < args.1 - args.0) => {
                        given.push(LockDelta { place: RelPlace::unknown(), sure: false, loc: op.loc, ..delta.clone() });
                    }
                    false => {}
                }
            }
        }
        let known = |class: Symbol, outcomes: &[Outcome]| outcomes.iter().flat_map(|o| &o.locks).any(|l| l.class == class);
        given.retain(|l| !taken.contains(&l.class) && !known(l.class, outcomes));
        given.dedup_by(|a, b| a.class == b.class);
        if given.is_empty() {
            return;
        }
        if outcomes.is_empty() {
            outcomes.push(Outcome { doubtful: true, ..Outcome::plain(Interval::TOP) });
        }
        for outcome in outcomes {
            outcome.locks.extend(given.iter().cloned());
        }
    }

    /// How often the code begins and ends the parts of the context, on whatever ways.
    fn sections(&self) -> (Ctx, Ctx) {
        let (mut begun, mut ended) = (Ctx::default(), Ctx::default());
        let none = Ctx::default();
        for (id, op) in self.body.all_ops() {
            let OpKind::Call { target: Target::Name(name), .. } = op.kind else { continue };
            match (self.world.model.entry(name), self.world.callees(self.func, id)) {
                (Some(entry), _) => {
                    for effect in &entry.context {
                        let one = Ctx::step(effect.part, if effect.enter { 1 } else { -1 });
                        (begun, ended) = (begun.plus(one.most(none)), ended.plus(one.least(none)));
                    }
                }
                (None, Some(Callees::One(f))) => {
                    for outcome in self.world.summary(*f).into_iter().flat_map(|s| &s.outcomes) {
                        (begun, ended) = (begun.plus(outcome.ctx.most(none)), ended.plus(outcome.ctx.least(none)));
                    }
                }
                _ => {}
            }
        }
        (begun, ended)
    }
}
