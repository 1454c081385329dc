//! Finds out how a call may sleep, and what callers are told of it.

use super::call::Call;
use super::*;
use crate::body::Record;
use crate::summary::chain::chain;

/// Ways to sleep through one call that are kept.
const WAYS_MAX: usize = 4;
/// The same for a call through a parameter, where each way is another caller's.
const CHOICES_MAX: usize = 16;

/// The ways found for one call.
#[derive(Default)]
struct Found {
    ways: SmallVec<[SleepWay; 2]>,
    /// Ways through a callee that gives back something of ours before, with the state in which it then sleeps.
    around: SmallVec<[(State, SleepWay); 1]>,
}

impl Run<'_, '_> {
    /// Finds out how the call may sleep, records it for callers, and shows it.
    pub(super) fn note_sleep(
        &mut self,
        call: &Call<'_>,
        callees: Option<&Callees>,
        entry: Option<&Entry>,
        ops: Option<(Record, Symbol)>,
        pointer: Option<ValueId>,
        state: &State,
    ) {
        let world = self.world;
        let values = call.values;
        let mut found = Found::default();
        if !state.asked && (state.ctx.pagefault <= 0 || entry.is_some_and(|e| !e.faults)) {
            if let Some(entry) = entry {
                self.entry_sleep(call.index, entry, values, state, &mut found.ways);
                self.release_sleep(call, entry, state, &mut found.ways);
                // A body that sleeps whatever happens is not the one that the model speaks of.
                if entry.sleeps == Sleeps::Never
                    && let Some(callees @ Callees::One(_)) = callees
                {
                    self.tree_sleep(call, callees, None, None, state, &mut found);
                    found.around.clear();
                    found.ways.retain(|w| {
                        let certain = w.wait == Wait::Sleep && !w.unlikely && w.condition.iter().any(|g| g.is_empty());
                        certain && w.depth <= 4 && w.indirect == 0 && w.modes == 0
                    });
                    // Access to user memory behind such a name has its page faults disabled, or is known not to fault.
                    found.ways.retain(|w| !world.model.entry(chain(world, w.way).primitive).is_some_and(|e| e.faults));
                }
            } else if let Some(callees) = callees {
                self.tree_sleep(call, callees, pointer, ops, state, &mut found);
            }
            if let Some((record, field)) = ops
                && found.ways.is_empty()
                && found.around.is_empty()
                // Implementations that were read speak for themselves.
                && callees.is_none()
                && let Some(known) = world.model.ops_field(record.tag_symbol(), field)
                && known.may_sleep == Some(true)
            {
                found.ways.push(SleepWay {
                    way: Way::Table(record.tag_symbol(), field),
                    condition: Condition::from_elem(Guard::new(), 1),
                    depth: 0,
                    indirect: 1,
                    modes: 0,
                    wait: Wait::Sleep,
                    defers: false,
                    unlikely: false,
                    share: (1, 1),
                });
            }
        }
        let Found { mut ways, around } = found;
        let deferred = |w: &SleepWay, state: &State| (w.defers || state.no_interrupt) && (state.ctx.bh > 0 || state.ctx.irq > 0);
        ways.retain(|w| !deferred(w, state));
        if !ways.is_empty() {
            self.tell_sleep(call, entry, ops, &ways, state);
        }
        for (left, way) in around.iter().filter(|(left, way)| !deferred(way, left)) {
            self.tell_sleep(call, entry, ops, std::slice::from_ref(way), left);
        }
    }

    /// Tells callers and observers of ways to sleep in a state.
    fn tell_sleep(&mut self, call: &Call<'_>, entry: Option<&Entry>, ops: Option<(Record, Symbol)>, ways: &[SleepWay], state: &State) {
        let under = self.under(state);
        for way in ways {
            self.record_sleep(call, way, &under, state);
        }
        // What was dropped first is the caller's; only what is left besides is of interest here.
        if !matches!(self.around(state), Some(None)) && !state.atomic() {
            return;
        }
        // Whoever chooses the function is told, not whoever lets it be chosen.
        // Of a GFP mask in memory the same is true.
        let reclaim = Test::AnyBit(self.world.gfp_reclaim);
        let open = |(subject, test): &(Subject, Test)| match test {
            Test::Function(_) => subject.is_arg(),
            _ => *test == reclaim && !subject.is_arg(),
        };
        let chosen = |w: &&SleepWay| !w.condition.iter().all(|g| g.iter().any(open));
        let mut ways: SmallVec<[SleepWay; 2]> = ways.iter().filter(chosen).cloned().collect();
        ways.iter_mut().for_each(|w| w.unlikely |= under.unlikely);
        if ways.is_empty() {
            return;
        }
        let callees = self.world.callees(self.func, call.index).map_or(&[][..], |c| c.list());
        let event = CallEvent { name: call.name, table: ops, entry, callees, args: call.values };
        let kind = EventKind::MaySleep { call: event, ways: &ways };
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way: Way::Here, kind });
    }

    fn entry_sleep(&mut self, at: OpId, entry: &Entry, args: &[ValueId], state: &State, ways: &mut SmallVec<[SleepWay; 2]>) {
        if self.counted_already(entry, args, state) {
            return;
        }
        // What ends a section is not where it went wrong.
        let excused = entry.excused_by.is_some_and(|by| self.world.excused.contains(&(self.body.file, by)));
        if !entry.releases.is_empty() || excused {
            return;
        }
        let mut guard = Guard::new();
        let arg = |i: u8| args.get(i as usize).copied();
        // On PREEMPT_RT an allocation that does not sleep takes locks that do.
        let locks = self.world.preemption.rt && matches!(entry.sleeps, Sleeps::Gfp(_));
        let sleeps = match entry.sleeps {
            Sleeps::Always | Sleeps::Sometimes | Sleeps::OnRt | Sleeps::OnBhLock => self.world.preemption.waits(entry.sleeps).is_some(),
            Sleeps::Gfp(i) => match arg(i).map(|v| self.bits(v, self.world.gfp_reclaim, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Own(subject)) => {
                    guard.push((subject, Test::AnyBit(self.world.gfp_reclaim)));
                    true
                }
                // A mask left out is GFP_KERNEL.
                None => true,
                _ => false,
            },
            Sleeps::IfBit(i, mask) => match arg(i).map(|v| self.bits(v, mask, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Own(subject)) => {
                    guard.push((subject, Test::AnyBit(mask)));
                    true
                }
                _ => false,
            },
            Sleeps::UnlessBit(i, mask) => match arg(i).map(|v| self.bits(v, mask, state, 0)) {
                Some(Bits::Clear) => true,
                Some(Bits::Own(subject)) => {
                    guard.push((subject, Test::NoBit(mask)));
                    true
                }
                _ => false,
            },
            Sleeps::IfTrue(i) | Sleeps::IfFalse(i) => {
                let wanted = matches!(entry.sleeps, Sleeps::IfTrue(_));
                match arg(i) {
                    None => false,
                    Some(v) => match state.known(self.values, v).truth() {
                        Some(truth) => truth == wanted,
                        None => match self.subject(v) {
                            Some(subject) => {
                                guard.push((subject, Test::In(if wanted { Interval::NON_ZERO } else { Interval::ZERO })));
                                true
                            }
                            None => false,
                        },
                    },
                }
            }
            Sleeps::Unknown | Sleeps::Never => false,
        };
        let wait = self.world.preemption.waits(entry.sleeps).unwrap_or(Wait::Sleep);
        let put = entry.refs.iter().find(|r| r.op == RefOp::Put).filter(|_| sleeps && entry.sleeps == Sleeps::Sometimes);
        let last = put.is_some_and(|r| arg(r.argument).is_none_or(|object| !self.unlinked(at, object, state)));
        let last = last || sleeps && self.held_besides(entry, args, state);
        let way = |condition, wait| SleepWay {
            way: Way::Model(entry.name),
            condition: Condition::from_elem(condition, 1),
            depth: 0,
            indirect: 0,
            modes: u8::from(entry.sleeps == Sleeps::Sometimes),
            wait,
            defers: entry.defers_in_interrupt,
            unlikely: last,
            share: (1, 1),
        };
        // The lock is waited for whatever the mask says.
        if locks && (!sleeps || !guard.is_empty()) {
            ways.push(way(Guard::new(), Wait::Lock));
        }
        if sleeps {
            ways.push(way(guard, wait));
        }
    }

    /// Ways to sleep in the function that a call is handed for the last reference.
    fn release_sleep(&mut self, call: &Call<'_>, entry: &Entry, state: &State, ways: &mut SmallVec<[SleepWay; 2]>) {
        let puts = |r: &&cuthere_kernel::RefEffect| r.op == RefOp::Put && r.member.is_empty() && r.counter.is_empty();
        let Some(put) = entry.refs.iter().find(puts).filter(|_| entry.acquires.is_empty()) else { return };
        let Some(&pointer) = call.values.get(put.argument as usize) else { return };
        let handed = call.values.iter().any(|&v| matches!(self.values.get(v), Value::Function(_)));
        let Some(release) = self.release_of(call, pointer).filter(|_| handed) else { return };
        let Some(summary) = self.world.summary(release) else { return };
        let last = self.held_besides(entry, call.values, state) || !self.unlinked(call.index, pointer, state);
        let args = [pointer];
        for (id, effect) in summary.sleeps() {
            let EffectKind::Sleep(sleep) = &effect.kind else { continue };
            if effect.depth >= 10 || sleep.wait != Wait::Sleep || sleep.around.is_some() {
                continue;
            }
            let Some(condition) = self.lift(effect, &args, state) else { continue };
            ways.push(SleepWay {
                way: Way::Callee(release, id),
                condition,
                depth: effect.depth + 1,
                indirect: effect.indirect,
                modes: self.open_modes(effect, &args, state),
                wait: sleep.wait,
                defers: sleep.defers,
                unlikely: last || sleep.unlikely,
                share: (1, 1),
            });
            if ways.len() >= WAYS_MAX {
                break;
            }
        }
    }

    /// Whether a call only changes a count (of uses, say) that this path keeps above zero by itself: nothing has to be waited for then.
    fn counted_already(&self, entry: &Entry, args: &[ValueId], state: &State) -> bool {
        let counts = |r: &&cuthere_kernel::RefEffect| !r.counter.is_empty();
        let Some(effect) = entry.refs.iter().find(counts).filter(|_| !state.objects.references.is_empty()) else { return false };
        let Some(&pointer) = args.get(effect.argument as usize) else { return false };
        let least = if effect.op == RefOp::Put { 2 } else { 1 };
        let same = |t: &&crate::domain::Taken| t.counter == effect.counter && t.pointer == pointer && !t.doubtful;
        state.objects.references.taken().iter().find(same).is_some_and(|t| t.count >= least)
    }

    /// Whether a call gives up a reference to an object to which the path has added another since it holds its locks: who adds one has one, so it is not the last.
    fn held_besides(&self, entry: &Entry, args: &[ValueId], state: &State) -> bool {
        let puts = |r: &&cuthere_kernel::RefEffect| r.op == RefOp::Put && r.counter.is_empty();
        let Some(effect) = entry.refs.iter().find(puts).filter(|_| !state.objects.references.is_empty()) else { return false };
        let Some(&pointer) = args.get(effect.argument as usize) else { return false };
        let since = |t: &crate::domain::Taken| {
            let mut spinning = state.locks.held.iter().filter(|l| l.kind.spins()).peekable();
            spinning.peek().is_some() && spinning.all(|l| l.op.is_some_and(|op| op < t.op))
        };
        let added = |t: &&crate::domain::Taken| {
            matches!(t.source, crate::domain::Source::Added) && t.pointer == pointer && t.counter.is_empty() && !t.doubtful
        };
        state.objects.references.taken().iter().find(added).is_some_and(since)
    }

    /// Whether the code before an operation takes an object off the list that others find it by.
    fn unlinked(&mut self, before: OpId, object: ValueId, state: &State) -> bool {
        let body = self.body;
        let object = self.values.pointer_root(object);
        body.all_ops().take_while(|(id, _)| *id < before).any(|(_, op)| {
            let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { return false };
            let unlinks = self.world.model.entry(name).and_then(|e| e.unlinks);
            let Some(&entry) = unlinks.and_then(|i| body.call_args(args).get(i as usize)) else { return false };
            let entry = self.eval(entry, state);
            self.values.pointer_root(entry) == object
        })
    }

    /// What a value says of the context that the caller was told; `None`: it is no such answer. `true`: it is the answer, not its opposite.
    fn told(&self, value: ValueId) -> Option<bool> {
        let (mut at, mut same) = (value, true);
        for _ in 0..6 {
            match self.values.get(at) {
                Value::ContextQuery(_) => return Some(same),
                Value::Truth(inner) => at = inner,
                Value::Un(UnOp::Not, inner) => (at, same) = (inner, !same),
                _ => return None,
            }
        }
        None
    }

    /// Whether a callee sleeps only where an argument says that the caller may, and the caller hands in what it was told of its context (`get_stack(in_atomic())`).
    fn answered(&self, effect: &Effect, args: &[ValueId]) -> bool {
        let allowed = |value: ValueId, wanted: Option<bool>| self.told(value).is_some_and(|same| wanted == Some(!same));
        let decided = |(subject, test): &(Subject, Test)| match (test, args.get(subject.param as usize)) {
            (Test::In(known), Some(&value)) if subject.is_arg() => allowed(value, known.truth()),
            _ => false,
        };
        !effect.condition.is_empty() && effect.condition.iter().all(|g| g.iter().any(decided))
    }

    /// Ways to sleep in callees. `pointer`: the value that is called; `ops`: the member that it was read from.
    fn tree_sleep(
        &mut self,
        call: &Call<'_>,
        callees: &Callees,
        pointer: Option<ValueId>,
        ops: Option<(Record, Symbol)>,
        state: &State,
        found: &mut Found,
    ) {
        let world = self.world;
        let list = callees.list();
        let told = call.values.iter().any(|&value| self.told(value).is_some());
        // A function that was handed down, or assigned just before, is the one that is called.
        let function = pointer.and_then(|v| match self.values.get(v) {
            Value::Function(name) => Some(name),
            _ => None,
        });
        let parameter = pointer.and_then(|v| self.values.param(v, self.body.params)).filter(|p| *p < 255);
        // Callers may know which table the object has.
        let sleeps = |f: &&FuncId| world.summary(**f).is_some_and(|s| s.sleeps().next().is_some());
        let sleepers = if list.len() > 1 { list.iter().filter(sleeps).count() } else { 0 };
        let some = (1..=WAYS_MAX).contains(&sleepers) && sleepers < list.len();
        let member = pointer.filter(|_| some).and_then(|v| self.subject(v)).filter(|subject| !subject.is_arg());
        let one = function.is_some() || parameter.is_some() || list.len() == 1 && !world.is_narrowed(self.func, call.index);
        let most = if parameter.is_some() { CHOICES_MAX } else { WAYS_MAX };
        // What is asked for before it is called, objects of other kinds leave out; whether this one has it, who made it knows.
        let optional = one && function.is_none() && parameter.is_none() && pointer.is_some_and(|v| state.known(self.values, v).not_zero);
        // Where another file makes such objects without it, they are of two kinds, and who calls mostly knows which this is.
        let of_one_kind = optional && ops.is_some_and(|(record, member)| world.tables.of_one_kind(record, member));
        let mut sleeping = 0u16;
        for &f in list {
            let name = world.func(f).name;
            if function.is_some_and(|only| only != name) {
                continue;
            }
            let Some(summary) = world.summary(f) else { continue };
            let mut first = true;
            for (id, effect) in summary.sleeps() {
                let EffectKind::Sleep(sleep) = &effect.kind else { continue };
                if effect.depth >= 10 || told && self.answered(effect, call.values) {
                    continue;
                }
                let Some(mut condition) = self.lift(effect, call.values, state) else { continue };
                if let Some(subject) = parameter.map(|p| Subject::arg(p as u8)).or(member) {
                    condition.iter_mut().for_each(|guard| guard.push((subject, Test::Function(name))));
                }
                let modes = self.open_modes(effect, call.values, state);
                let modes = modes.saturating_add(u8::from(self.unknown_bits(effect, call.values, state))).max(u8::from(optional));
                sleeping += u16::from(std::mem::take(&mut first));
                // Through a pointer one way per call is enough, or one per function where callers may know which.
                let enough = match member {
                    Some(_) => found.ways.iter().any(|w| matches!(w.way, Way::Callee(other, _) if other == f)),
                    None => !found.ways.is_empty(),
                };
                if !one && enough {
                    break;
                }
                let way = SleepWay {
                    way: Way::Callee(f, id),
                    condition,
                    depth: effect.depth + 1,
                    indirect: effect.indirect + u8::from(!one || of_one_kind),
                    modes,
                    wait: sleep.wait,
                    defers: sleep.defers,
                    unlikely: sleep.unlikely,
                    share: (1, 1),
                };
                match &sleep.around {
                    None => found.ways.push(way),
                    Some(around) if one => {
                        if let Some(left) = self.without(call, around, state) {
                            found.around.push((left, way));
                        }
                    }
                    Some(_) => {}
                }
                if found.ways.len() >= most {
                    break;
                }
            }
        }
        if !one {
            for way in found.ways.iter_mut() {
                way.share = (sleeping, list.len() as u16);
            }
        }
    }
}
