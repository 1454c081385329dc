//! What is said of a function of which not all paths were followed.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
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
