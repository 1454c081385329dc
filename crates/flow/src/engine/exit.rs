//! Ways out of a function, and the summary they add up to.

use super::*;

impl Run<'_, '_> {
    pub(super) fn exit(&mut self, block: BlockId, loc: Loc, value: Option<ExprId>, state: Boxed) {
        let v = value.map(|e| self.eval_end(e, block, &state));
        let b = self.body.block(block);
        let kind = EventKind::Exit { block, value: v };
        self.show(&state, Event { op: OpId(b.ops.1), loc, origin: b.origin, way: Way::Here, kind });
        if let Some(v) = v.filter(|_| !self.found.is_empty()) {
            self.return_found(v, block, loc, &state);
        }
        if self.exits.len() >= 64 {
            (self.truncated, self.unfollowed) = (true, true);
            return;
        }
        let ret = v.map_or(Interval::TOP, |v| state.known(self.values, v));
        let mut null_from = None;
        let mut failed = None;
        if self.body.ret_ptr
            && let Some(v) = v
        {
            let call = self.values.call(v);
            if ret.is_zero() {
                null_from = Some((NullWhy::Literal, Symbol::EMPTY));
                if let Some(op) = call
                    && let Some(null) = self.null_return(op)
                {
                    (null_from, failed) = (Some(null), Some(op));
                } else if let Some((op, null)) = self.failed_allocation(&state) {
                    (null_from, failed) = (Some(null), Some(op));
                }
            } else if ret.may_be_zero()
                && let Some(op) = call
            {
                (null_from, failed) = (self.null_return(op), Some(op));
            }
        }
        let mut checked_params = 0u64;
        for &(value, known) in &state.facts {
            if let Some(p) = self.values.param(value, self.body.params.min(64))
                && known.not_zero
            {
                checked_params |= 1 << p;
            }
        }
        let written = self.written_through(&state);
        let mut guard = self.guard(&state, None);
        if !state.locks.released.is_empty() || state.locks.held.iter().any(|l| l.op.is_some()) {
            self.add_pointers_found(&mut guard, &state);
        }
        // What was written since holds no more of what callers find there.
        guard.retain(|(subject, _)| subject.place().is_none_or(|place| !self.writes(&place, &state)));
        if let Some(flags) = failed.and_then(|op| self.may_fail_by(op)) {
            guard.push((Subject::arg(flags), Test::NoBit(self.world.gfp_nofail)));
        }
        for item in failed.map(|op| self.fails_only_if(op, &state)).unwrap_or_default() {
            if !guard.contains(&item) {
                guard.push(item);
            }
        }
        let mut state = state;
        state.locks.held.retain(|l| l.op.is_some());
        self.note_replaced(&mut state);
        let (left, vacant) = (self.note_left(&state), self.note_vacant(&state));
        self.settle_references(&mut state);
        self.exits.push(Exit {
            ret,
            value: v,
            guard,
            loc,
            locks: std::mem::take(&mut state.locks),
            objects: std::mem::take(&mut state.objects),
            ctx: state.ctx.minus(self.entry_ctx),
            checked_params,
            written,
            left,
            vacant,
            null_from,
        });
    }

    /// What a path has written to where parameters point, as wholes.
    fn written_through(&self, state: &State) -> SmallVec<[(u8, Interval); 1]> {
        let own = |place: ValueId| match self.values.get(place) {
            Value::PDeref(v) => self.values.param(v, self.body.params.min(16)),
            _ => None,
        };
        state.env.iter().filter_map(|&(place, v)| own(place).map(|p| (p as u8, state.known(self.values, v)))).collect()
    }

    /// The parameters, as bits, that go elsewhere: handed on in a way that is not followed, stored, computed with or assigned to; and those whose members
    /// are written.
    fn leaked(&self) -> u64 {
        let mut bits = 0u64;
        let all = self.body.params.min(16);
        let value = |e: ExprId, bits: &mut u64| {
            let through = matches!(self.body.expr(e), Expr::Load(place, _) if !matches!(self.body.expr(place), Expr::Local(_)));
            if !through {
                self.body.locals_in(e, &mut |l| {
                    if l.number() < all {
                        *bits |= 1 << l.number()
                    }
                });
            }
        };
        for (id, op) in self.body.all_ops() {
            match op.kind {
                OpKind::Store { place, value: v } => {
                    value(v, &mut bits);
                    let whole = matches!(self.body.expr(place), Expr::Deref(v) if self.body.loaded_local(v).is_some());
                    if !whole && !self.behind_a_load(place) {
                        self.body.locals_in(place, &mut |l| {
                            if l.number() < all {
                                bits |= 1 << l.number()
                            }
                        });
                    }
                }
                OpKind::Zero { place } => self.body.locals_in(place, &mut |l| {
                    if l.number() < all {
                        bits |= 1 << l.number()
                    }
                }),
                OpKind::Call { args, dst, .. } => {
                    let kept = match self.world.callees(self.func, id) {
                        Some(Callees::One(f)) => self.world.summary(*f).map_or(0, |s| s.kept_arguments()),
                        _ => 0,
                    };
                    for (i, &a) in self.body.call_args(args).iter().enumerate() {
                        if i >= 64 || kept >> i & 1 == 0 {
                            value(a, &mut bits);
                        }
                    }
                    if let Some(l) = dst.filter(|l| l.number() < all) {
                        bits |= 1 << l.number();
                    }
                }
                OpKind::LoopNext { args, .. } | OpKind::GuardEnter { args, .. } | OpKind::GuardExit { args, .. } => {
                    self.body.call_args(args).iter().for_each(|&a| value(a, &mut bits));
                }
                OpKind::Gap => return u64::MAX,
                OpKind::Access { .. } | OpKind::Declare(_) => {}
            }
        }
        bits
    }

    /// Whether a place lies in memory that a pointer in memory leads to (`(*out)->n`): what the first pointer points to stays as it is.
    fn behind_a_load(&self, place: ExprId) -> bool {
        let mut at = place;
        loop {
            at = match self.body.expr(at) {
                Expr::Field { base, .. } | Expr::Index { base, .. } => base,
                Expr::Deref(v) => {
                    return matches!(self.body.expr(v), Expr::Load(from, _) if !matches!(self.body.expr(from), Expr::Local(_)));
                }
                _ => return false,
            };
        }
    }

    /// Whether a path has written a place relative to an argument.
    fn writes(&self, place: &RelPlace, state: &State) -> bool {
        state.env.iter().any(|e| self.values.local_of(e.0).is_none() && self.relative(e.0, None).as_ref() == Some(place))
    }

    /// Whether the function does nothing but ask for the context. Callers that test its result know what they do.
    fn only_asks(&self) -> bool {
        if self.body.ret_void || self.body.ret_ptr || !self.body.complete {
            return false;
        }
        let mut asks = false;
        let nothing_else = self.body.all_ops().all(|(id, op)| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => {
                let callee = || match self.world.callees(self.func, id)? {
                    Callees::One(f) => self.world.summary(*f),
                    _ => None,
                };
                let asked = self.world.model.entry(name).is_some_and(|e| e.asks.is_some()) || callee().is_some_and(|s| s.ret.asks);
                asks |= asked;
                asked
            }
            OpKind::Store { place, .. } => matches!(self.body.expr(place), Expr::Local(_)),
            OpKind::Access { .. } | OpKind::Declare(_) => true,
            _ => false,
        });
        asks && nothing_else
    }

    /// The parameter that is the GFP mask of an allocation.
    fn may_fail_by(&self, op: OpId) -> Option<u8> {
        let OpKind::Call { target: Target::Name(name), args, .. } = self.body.op(op)?.kind else { return None };
        let callees = self.world.callees(self.func, op);
        let i = match (self.world.entry(name, callees.is_some()), callees) {
            (Some(entry), _) => match entry.sleeps {
                Sleeps::Gfp(i) => i,
                _ => return None,
            },
            (None, Some(Callees::One(f))) => {
                let null = self.world.summary(*f)?.ret.null.as_ref()?;
                let unless =
                    |guard: &Guard| guard.iter().find(|t| t.0.is_arg() && t.1 == Test::NoBit(self.world.gfp_nofail)).map(|t| t.0.param);
                let i = unless(null.condition.first()?)?;
                if !null.condition.iter().all(|g| unless(g) == Some(i)) {
                    return None;
                }
                i
            }
            _ => return None,
        };
        let mut flags = *self.body.call_args(args).get(i as usize)?;
        // More flags beside the caller's own.
        while let Expr::Bin(BinOp::Or, a, b) = self.body.expr(flags) {
            flags = if matches!(self.body.expr(a), Expr::Int(_)) { b } else { a };
        }
        let l = self.body.loaded_local(flags)?;
        (l.number() < self.body.params.min(255)).then_some(l.number() as u8)
    }

    /// What has to hold of parameters for a callee to return NULL, of those that are handed on as they came, or with other bits set: what all of the callee's ways have in
    /// common that these constants allow.
    fn fails_only_if(&self, op: OpId, state: &State) -> Guard {
        let mut common = Guard::new();
        let Some(OpKind::Call { args, .. }) = self.body.op(op).map(|op| op.kind) else { return common };
        let Some(Callees::One(f)) = self.world.callees(self.func, op) else { return common };
        let Some(null) = self.world.summary(*f).and_then(|s| s.ret.null.as_ref()) else { return common };
        let args = self.body.call_args(args);
        let given = |subject: &Subject| args.get(subject.param as usize).map(|&e| (e, self.body.expr(e)));
        let impossible = |(subject, test): &(Subject, Test)| match (subject.is_arg().then(|| given(subject)).flatten(), test) {
            (Some((_, Expr::Int(v))), Test::AnyBit(mask)) => v & mask == 0,
            (Some((_, Expr::Int(v))), Test::NoBit(mask)) => v & mask != 0,
            (Some((_, Expr::Int(v))), Test::In(known)) => !known.contains(v),
            _ => false,
        };
        let mut possible = null.condition.iter().filter(|guard| !guard.iter().any(impossible));
        let Some(first) = possible.next() else { return common };
        let rest: SmallVec<[&Guard; 4]> = possible.collect();
        for &(subject, test) in first.iter().filter(|item| item.0.is_arg() && rest.iter().all(|guard| guard.contains(item))) {
            let Some((mut e, _)) = given(&subject) else { continue };
            while let (Expr::Bin(BinOp::Or, a, b), Test::AnyBit(mask) | Test::NoBit(mask)) = (self.body.expr(e), test) {
                e = match (self.body.expr(a), self.body.expr(b)) {
                    (_, Expr::Int(other)) if other & mask == 0 => a,
                    (Expr::Int(other), _) if other & mask == 0 => b,
                    _ => break,
                };
            }
            let own = self.body.loaded_local(e).filter(|l| l.number() < self.body.params.min(255));
            let as_it_came = |l: LocalId| self.values.find(Value::PLocal(l)).is_none_or(|place| state.written(place).is_none());
            if let Some(l) = own.filter(|l| as_it_came(*l)) {
                common.push((Subject::arg(l.number() as u8), test));
            }
        }
        common
    }

    /// The allocation whose failure a path has seen.
    fn failed_allocation(&self, state: &State) -> Option<(OpId, (NullWhy, Symbol))> {
        state.facts.iter().filter(|f| f.1.is_zero()).find_map(|f| {
            let op = self.values.call(f.0)?;
            self.null_return(op).filter(|n| n.0 == NullWhy::Allocation).map(|n| (op, n))
        })
    }

    pub(super) fn summarise(mut self) -> Summary {
        let mut summary = Summary { truncated: self.truncated, ..Summary::default() };
        summary.noreturn = self.exits.is_empty() && !self.truncated && self.body.complete;

        let mut exits = std::mem::take(&mut self.exits);
        self.reference_effects(&mut exits);
        let effects = self.effects_by_certainty(&exits);
        leave_nothing(&mut exits);

        // The result. Where not all paths were followed, it may be anything.
        if !exits.is_empty() && self.body.ret_void {
            summary.ret.known = None;
        } else if self.unfollowed {
            summary.ret.known = Some(Interval::TOP);
            summary.ret.err = exits.iter().any(|e| e.ret.is_err() == Some(true));
        } else if let Some(known) = exits.iter().map(|e| e.ret).reduce(Interval::join) {
            summary.ret.known = Some(known);
            summary.ret.err = exits.iter().any(|e| e.ret.is_err() == Some(true));
            let first = exits[0].value.and_then(|v| self.values.param(v, self.body.params));
            if let Some(p) = first
                && p < 255
                && exits.iter().all(|e| e.value == exits[0].value)
            {
                summary.ret.arg = Some(p as u8);
            }
        }
        if self.body.ret_part && !self.unfollowed {
            summary.ret.part = self.part_of(&exits);
        }
        if !self.body.ret_ptr
            && !self.unfollowed
            && summary.ret.arg.is_none()
            && let Some(first) = exits.first().and_then(|e| e.value)
            && exits.iter().all(|e| e.value == Some(first))
        {
            summary.ret.computed = self.computed(first);
        }
        summary.tests = self.tests;
        summary.keeps = self.keeps;
        summary.stores = self.stores;
        summary.writes = self.members_written();
        summary.unlinks = self.unlinks;
        summary.ret.asks = self.only_asks();
        summary.ret.found = self.returned.filter(|_| self.body.ret_ptr);
        summary.ret.null = self.null_of(&exits);
        if self.body.ret_ptr && !self.unfollowed {
            summary.ret.inside = self.inside_of(&exits);
        }

        summary.outcomes = exact(self.outcomes(&exits, &effects));
        summary.outcomes.iter_mut().for_each(|outcome| outcome.guard.shrink_to_fit());
        if self.unfollowed {
            self.end_sections(&mut summary.outcomes);
            self.end_locks(&mut summary.outcomes);
        }
        summary.effects = exact(effects.into_iter().map(|m| m.effect));
        for guard in summary.effects.iter_mut().flat_map(|effect| &mut effect.condition) {
            guard.shrink_to_fit();
        }
        summary
    }

    /// The effects as callers are told of them: ways to sleep first, unconditional and shallow ones before others.
    fn effects_by_certainty(&mut self, exits: &[Exit]) -> Vec<Made> {
        self.settle_given();
        let mut made = std::mem::take(&mut self.made);
        let rank = |m: &Made| m.effect.kind.rank();
        made.sort_by_key(|m| {
            let e = &m.effect;
            let sleeps = rank(m) == 0;
            let conditional = e.condition.iter().all(|g| !g.is_empty());
            let (unlikely, around) = match &e.kind {
                EffectKind::Sleep(s) => (s.unlikely, s.around.is_some()),
                _ => (false, false),
            };
            (rank(m), sleeps.then_some((around, conditional, unlikely, e.indirect, e.modes.min(3), e.depth, m.op)))
        });
        let sleeps = made.iter().take_while(|m| rank(m) == 0).count();
        if sleeps > SLEEPS_MAX {
            made.drain(SLEEPS_MAX..sleeps);
        }
        let all_checked = exits.iter().fold(u64::MAX, |all, e| all & e.checked_params);
        for m in &mut made {
            if let EffectKind::Deref { param, tested: false, .. } = m.effect.kind {
                m.effect.always = all_checked >> param & 1 == 1;
            }
        }
        made
    }

    /// The frees among the effects that a way out has certainly made.
    fn frees_of(&self, exit: &Exit, effects: &[Made]) -> SmallVec<[FreedOnReturn; 2]> {
        let mut out = SmallVec::new();
        for (object, freed) in exit.objects.all_freed() {
            let Some(place) = self.place_of(object) else { continue };
            let same = |m: &Made| matches!(&m.effect.kind, EffectKind::Free { place: p, left: false, .. } if p.root == place.root && *p.object() == *place.path);
            if let Some(i) = effects.iter().position(same) {
                out.push(FreedOnReturn { effect: EffectId::new(i, &effects[i].effect), replaced: freed.replaced });
            }
        }
        for place in &exit.left {
            let same = |m: &Made| matches!(&m.effect.kind, EffectKind::Free { place: p, left: true, .. } if **p == *place);
            if let Some(i) = effects.iter().position(same) {
                out.push(FreedOnReturn { effect: EffectId::new(i, &effects[i].effect), replaced: false });
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Places that callers find NULL or an error in, of those that were written here.
    fn note_vacant(&mut self, state: &State) -> SmallVec<[RelPlace; 1]> {
        let mut vacant = SmallVec::new();
        for &(at, value) in &state.env {
            let known = state.known(self.values, value);
            if (known.is_zero() || known.is_err() == Some(true))
                && self.values.local_of(at).is_none()
                && vacant.len() < VACANT_MAX
                && self.may_free()
                && let Some(mut place) = self.relative(at, None)
            {
                place.path.push(RelStep::Deref);
                vacant.push(place);
            }
        }
        vacant
    }

    /// Whether the function frees anything on some path.
    fn may_free(&mut self) -> bool {
        let (world, func, body) = (self.world, self.func, self.body);
        let frees = |(id, op): (OpId, &Op)| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => match (world.model.entry(name), world.callees(func, id)) {
                (Some(entry), _) => !entry.frees.is_empty(),
                (None, Some(Callees::One(f))) => world.summary(*f).is_some_and(Summary::frees),
                _ => false,
            },
            _ => false,
        };
        *self.frees.get_or_insert_with(|| body.all_ops().any(frees))
    }

    /// Tells callers of pointers that a path has stored where they find them, and that lead to what it freed.
    fn note_left(&mut self, state: &State) -> SmallVec<[RelPlace; 1]> {
        let mut left = SmallVec::new();
        for (object, freed) in state.objects.all_freed() {
            let certain = !freed.put && !freed.deferred && !freed.last && !freed.handle && !freed.moved && !freed.by_state;
            if !certain || self.place_of(object).is_some() {
                continue;
            }
            for &(at, _) in state.env.iter().filter(|e| e.1 == object) {
                let Some(mut place) = self.relative(at, None).filter(|_| self.values.local_of(at).is_none()) else { continue };
                place.path.push(RelStep::Deref);
                let loc = self.body.op(freed.op).map_or(self.body.loc, |op| op.loc);
                let kind = EffectKind::free(place.clone(), true);
                let depth = match freed.way {
                    Way::Callee(f, id) => self.world.summary(f).and_then(|s| s.effect(id)).map_or(0, |e| e.depth + 1),
                    _ => 0,
                };
                let condition = Condition::from_elem(Guard::new(), 1);
                let effect = Effect { kind, loc, way: freed.way, condition, depth, indirect: 0, modes: 0, always: false };
                self.record(freed.op, effect, state);
                left.push(place);
            }
        }
        left
    }

    /// The object of an argument's that the result leads into, if arithmetic has made it of a pointer to that on every way.
    fn inside_of(&self, exits: &[Exit]) -> Option<Box<RelPlace>> {
        let base = |e: &Exit| {
            // Not a member's address, nor the record around one, which callers can name.
            let value = e.value.filter(|v| match self.values.get(*v) {
                Value::Bin(BinOp::Add | BinOp::Sub, ..) => true,
                Value::Addr(place) => match self.values.get(place) {
                    Value::PField(_, _, record) => record.is_unknown(),
                    Value::PIndex(..) => true,
                    _ => false,
                },
                _ => false,
            })?;
            let root = self.computed_from(self.values.pointer_root(value));
            (root != value).then_some(root)
        };
        let first = base(exits.first()?)?;
        if !exits.iter().all(|e| base(e) == Some(first)) {
            return None;
        }
        let place = self.place_of(first)?;
        (matches!(place.root, RelRoot::Param(_)) && !place.path.is_empty()).then(|| Box::new(place))
    }

    /// The part of what a parameter points to of which every way out returns the address. What is loaded on the way may be another at the next call;
    /// and a lock is known by the name of what gives it, whichever of several it is.
    fn part_of(&self, exits: &[Exit]) -> Option<Box<RelPlace>> {
        if crate::program::naming::gives_lock(self.body.name) {
            return None;
        }
        let first = exits.first()?.value?;
        let Value::Addr(place) = self.values.get(first) else { return None };
        let part = self.relative(place, None).filter(|_| exits.iter().all(|e| e.value == Some(first)))?;
        let inside = part.path.iter().all(|step| matches!(step, RelStep::Field(..)));
        (matches!(part.root, RelRoot::Param(_)) && !part.path.is_empty() && inside).then(|| Box::new(part))
    }

    /// What a pointer points to, in terms of parameters and globals.
    fn place_of(&self, pointer: ValueId) -> Option<RelPlace> {
        match self.values.get(pointer) {
            Value::Entry(p) => match self.values.get(p) {
                Value::PLocal(l) if l.number() < self.body.params.min(255) => Some(RelPlace::param(l.number() as u8)),
                Value::PLocal(_) => None,
                _ => {
                    let mut place = self.relative(p, None)?;
                    place.path.push(RelStep::Deref);
                    Some(place)
                }
            },
            _ => None,
        }
    }

    /// The parameters, as bits, of which every way out knows what was written to where they point, and some way has written.
    fn out_parameters(&self, exits: &[Exit]) -> u64 {
        let written = exits.iter().flat_map(|e| &e.written).fold(0u64, |bits, w| bits | 1 << w.0);
        if written == 0 { 0 } else { written & !self.leaked() }
    }

    /// Ways of returning that differ in locks, context or frees; else those that say something of the arguments.
    fn outcomes(&self, exits: &[Exit], effects: &[Made]) -> Vec<Outcome> {
        let frees: Vec<SmallVec<[FreedOnReturn; 2]>> = exits.iter().map(|e| self.frees_of(e, effects)).collect();
        let refs: Vec<SmallVec<[RefDelta; 1]>> = exits.iter().map(|e| self.refs_of(e, effects)).collect();
        let changes = |(e, frees): (&Exit, &SmallVec<[FreedOnReturn; 2]>)| {
            !e.locks.held.is_empty() || !e.locks.released.is_empty() || !e.locks.perhaps.is_empty() || !e.ctx.is_zero() || !frees.is_empty()
        };
        let only_refs = !exits.iter().zip(&frees).any(changes);
        if only_refs && refs.windows(2).all(|pair| pair[0] == pair[1]) {
            let mut outcomes = self.told_by_results(exits);
            if let Some(refs) = refs.into_iter().next()
                && !refs.is_empty()
            {
                if outcomes.is_empty() {
                    let ret = exits.iter().map(|e| e.ret).reduce(Interval::join).unwrap_or(Interval::TOP);
                    outcomes.push(Outcome::plain(ret));
                }
                outcomes.iter_mut().for_each(|o| o.refs = refs.clone());
            }
            return outcomes;
        }
        let mut outcomes: Vec<Outcome> = Vec::new();
        for ((e, frees), refs) in exits.iter().zip(frees).zip(refs) {
            let mut locks: SmallVec<[LockDelta; 1]> = SmallVec::new();
            let taken = e.locks.held.iter().map(|l| (l, true, true)).chain(e.locks.perhaps.iter().map(|l| (l, true, false)));
            for (held, taken, sure) in taken.chain(e.locks.released.iter().map(|l| (l, false, l.sure))) {
                let place = self.relative(held.place, e.value).unwrap_or_else(RelPlace::unknown);
                let loc = held.op.and_then(|op| self.body.op(op)).map_or(self.body.loc, |o| o.loc);
                locks.push(LockDelta { place, class: held.class, kind: held.kind, mode: held.mode, taken, sure, loc });
            }
            let arg = e.value.and_then(|v| self.values.param(v, self.body.params.min(255))).map(|p| p as u8);
            let key = |o: &Outcome| {
                o.ctx == e.ctx
                    && o.frees == frees
                    && o.refs == refs
                    && o.locks.len() == locks.len()
                    && o.locks
                        .iter()
                        .zip(&locks)
                        .all(|(a, b)| a.place == b.place && a.taken == b.taken && a.sure == b.sure && a.kind == b.kind)
            };
            match outcomes.iter_mut().find(|o| key(o)) {
                Some(o) => {
                    o.ret = o.ret.join(e.ret);
                    o.arg = o.arg.filter(|_| o.arg == arg);
                    o.doubtful |= e.locks.doubtful;
                    weaken(&mut o.guard, &e.guard);
                }
                None => {
                    outcomes.push(Outcome {
                        ret: e.ret,
                        guard: e.guard.clone(),
                        locks,
                        ctx: e.ctx,
                        doubtful: e.locks.doubtful,
                        frees,
                        refs,
                        arg,
                        written: SmallVec::new(),
                    });
                }
            }
        }
        // A caller can only tell the ways apart by the result or by its own arguments. Where neither does it, the difference is most
        // likely a correlation that was lost here.
        let apart = |a: &Outcome, b: &Outcome| a.ret.meet(b.ret).is_none() || contradict(&a.guard, &b.guard);
        let told_apart = |outcomes: &[Outcome]| {
            outcomes.len() <= OUTCOMES_MAX && outcomes.iter().enumerate().all(|(i, a)| outcomes[..i].iter().all(|b| apart(a, b)))
        };
        // That memory may be elsewhere is said of what some way does.
        let may = |id: EffectId| {
            effects
                .iter()
                .enumerate()
                .any(|(i, m)| matches!(m.effect.kind, EffectKind::Free { moved: true, .. }) && EffectId::new(i, &m.effect) == id)
        };
        while !told_apart(&outcomes) {
            // Objects first: what is freed on some ways only is taken for kept, where nothing tells these ways apart.
            let before = outcomes.len();
            merge(&mut outcomes, &may, |a, b| a.ctx == b.ctx && a.locks == b.locks && a.refs == b.refs && !apart(a, b));
            if outcomes.len() == before {
                break;
            }
        }
        if !told_apart(&outcomes) {
            merge(&mut outcomes, &may, |a, b| a.ctx == b.ctx && a.locks == b.locks && a.refs == b.refs);
        }
        if !told_apart(&outcomes) {
            // Then references: what only some ways take or give up counts for none.
            merge(&mut outcomes, &may, |a, b| a.ctx == b.ctx && a.locks == b.locks);
        }
        if only_refs && outcomes.iter().all(|o| o.refs.is_empty()) {
            return self.told_by_results(exits);
        }
        if !told_apart(&outcomes) {
            let locks = in_common(&outcomes);
            // What every way enters is entered.
            let mut ctx = outcomes.first().map_or(Ctx::default(), |o| o.ctx);
            for o in &outcomes {
                ctx = ctx.least(o.ctx);
            }
            let frees = common_frees(&outcomes, &may);
            let doubtful = outcomes.iter().any(|o| o.doubtful || o.locks != locks);
            outcomes.clear();
            if !locks.is_empty() || !ctx.is_zero() || !frees.is_empty() || doubtful {
                outcomes.push(Outcome { locks, ctx, doubtful, frees, ..Outcome::plain(Interval::TOP) });
            }
        }
        // What holds on every way holds for each answer.
        if let [all] = outcomes.as_slice() {
            let answers = self.told_by_results(exits);
            let each = |o: Outcome| {
                let mut guard = all.guard.clone();
                guard.extend(o.guard.into_iter().filter(|test| !all.guard.contains(test)));
                Outcome { ret: o.ret, guard, written: o.written, ..all.clone() }
            };
            if !answers.is_empty() {
                return answers.into_iter().map(each).collect();
            }
        }
        outcomes
    }

    /// What the results say of the arguments, if every way was followed.
    fn told_by_results(&self, exits: &[Exit]) -> Vec<Outcome> {
        if self.body.ret_void || self.unfollowed { Vec::new() } else { answers(exits, self.body.ret_ptr, self.out_parameters(exits)) }
    }
}

/// Where one way out leaves a pointer to what it freed, another that leaves NULL or an error there is no better: who frees it again frees nothing then.
fn leave_nothing(exits: &mut [Exit]) {
    let all: SmallVec<[RelPlace; 2]> = exits.iter().flat_map(|e| &e.left).cloned().collect();
    for e in exits.iter_mut().filter(|_| !all.is_empty()) {
        let more = all.iter().filter(|place| e.vacant.contains(place) && !e.left.contains(place));
        let more: SmallVec<[RelPlace; 1]> = more.cloned().collect();
        e.left.extend(more);
    }
}

/// What ways of returning that callers can't tell apart do with locks: what some way takes or gives back is held perhaps, or perhaps given back. Where one
/// takes what another gives back, it was one condition that both halves of a pair of calls stand under: callers see nothing of it.
fn in_common(outcomes: &[Outcome]) -> SmallVec<[LockDelta; 1]> {
    let mut out: SmallVec<[LockDelta; 1]> = SmallVec::new();
    for l in outcomes.iter().flat_map(|o| &o.locks) {
        let one = |k: &LockDelta| k.class == l.class && k.kind == l.kind;
        let opposite = |o: &Outcome| o.locks.iter().any(|k| one(k) && k.place == l.place && k.taken != l.taken);
        let same = |k: &LockDelta| one(k) && k.place == l.place && k.taken == l.taken;
        if out.len() >= DELTAS_MAX || out.iter().any(same) || outcomes.iter().any(opposite) {
            continue;
        }
        // Elements of an array have one name.
        let count = |o: &Outcome| o.locks.iter().filter(|k| same(k) && k.sure).count();
        let sure = outcomes.iter().all(|o| count(o) == 1);
        out.push(LockDelta { sure, ..l.clone() });
    }
    out
}

/// Locks that merged ways of returning name.
const DELTAS_MAX: usize = 8;
/// Places with nothing in them that are noted at one way out.
const VACANT_MAX: usize = 4;
/// Ways to sleep that a summary holds.
const SLEEPS_MAX: usize = 6;
/// Ways of returning that a summary tells apart.
const OUTCOMES_MAX: usize = 4;

/// Makes one of ways of returning that agree in what matters.
fn merge(outcomes: &mut Vec<Outcome>, may: &impl Fn(EffectId) -> bool, same: impl Fn(&Outcome, &Outcome) -> bool) {
    let mut merged: Vec<Outcome> = Vec::new();
    for o in outcomes.drain(..) {
        match merged.iter_mut().find(|m| same(m, &o)) {
            Some(m) => {
                m.ret = m.ret.join(o.ret);
                m.arg = m.arg.filter(|_| m.arg == o.arg);
                m.doubtful |= o.doubtful;
                weaken(&mut m.guard, &o.guard);
                keep_common(&mut m.frees, &o.frees, may);
                m.refs.retain(|r| o.refs.contains(r));
            }
            None => merged.push(o),
        }
    }
    *outcomes = merged;
}

/// What is freed on every way.
fn common_frees(outcomes: &[Outcome], may: &impl Fn(EffectId) -> bool) -> SmallVec<[FreedOnReturn; 2]> {
    let mut frees = outcomes.first().map(|o| o.frees.clone()).unwrap_or_default();
    for o in outcomes {
        keep_common(&mut frees, &o.frees, may);
    }
    frees
}

/// Keeps what is freed on both ways, and of what only `may` be meant what one of them does; what some way has put elsewhere counts as replaced.
fn keep_common(frees: &mut SmallVec<[FreedOnReturn; 2]>, other: &[FreedOnReturn], may: &impl Fn(EffectId) -> bool) {
    frees.retain(|f| match other.iter().find(|o| o.effect == f.effect) {
        Some(o) => {
            f.replaced |= o.replaced;
            true
        }
        None => may(f.effect),
    });
    for o in other.iter().filter(|o| may(o.effect)) {
        if !frees.iter().any(|f| f.effect == o.effect) {
            frees.push(*o);
        }
    }
    frees.sort_unstable();
}

/// Ways of returning that a caller tells apart by the result and that say something of the arguments: a function that answers whether a
/// pointer is good, or one that leaves `*out` as it was when it fails. Empty if the results say nothing. `outs`: the parameters whose targets are known on
/// every way.
fn answers(exits: &[Exit], pointer: bool, outs: u64) -> Vec<Outcome> {
    // That nothing excludes NULL makes it no answer.
    if pointer && !exits.iter().any(|e| e.ret.is_zero()) {
        return Vec::new();
    }
    type Written = SmallVec<[(u8, Option<Interval>); 1]>;
    let written = |e: &Exit| -> Written {
        let known = |p: u8| e.written.iter().find(|w| w.0 == p).map(|w| w.1);
        (0..16u8).filter(|p| outs >> p & 1 == 1).map(|p| (p, known(p))).collect()
    };
    // Written on some ways and not on others is written with whatever was there.
    let join = |a: &Written, b: &Written| -> Written {
        let either = |x: Option<Interval>, y: Option<Interval>| match (x, y) {
            (None, None) => None,
            (Some(x), Some(y)) => Some(x.join(y)),
            _ => Some(Interval::TOP),
        };
        a.iter().zip(b).map(|(x, y)| (x.0, either(x.1, y.1))).collect()
    };
    // Zero, negative, positive; a result that may be several of them counts for each.
    let classes =
        [Interval::ZERO, Interval { hi: -1, not_zero: true, ..Interval::TOP }, Interval { lo: 1, not_zero: true, ..Interval::TOP }];
    let mut groups: [Option<(Interval, u64, Written)>; 3] = [const { None }; 3];
    for e in exits {
        for (group, class) in groups.iter_mut().zip(classes) {
            let Some(ret) = e.ret.meet(class) else { continue };
            *group = Some(match group.take() {
                None => (ret, e.checked_params, written(e)),
                Some((known, checked, w)) => (known.join(ret), checked & e.checked_params, join(&w, &written(e))),
            });
        }
    }
    // What does not differ in what it says of the arguments is one way.
    if let (Some((negative, a, v)), Some((positive, b, w))) = (&groups[1], &groups[2])
        && a == b
        && v == w
    {
        let both = Interval { not_zero: true, ..negative.join(*positive) };
        groups[2] = Some((both, *a, v.clone()));
        groups[1] = None;
    }
    let present: SmallVec<[(Interval, u64, Written); 3]> = groups.into_iter().flatten().collect();
    if present.len() < 2 || present.iter().all(|g| g.1 == present[0].1 && g.2 == present[0].2) {
        return Vec::new();
    }
    present
        .into_iter()
        .map(|(ret, checked, written)| {
            let guard = (0..16u8).filter(|p| checked >> p & 1 == 1).map(|p| (Subject::arg(p), Test::In(Interval::NON_ZERO))).collect();
            Outcome { guard, written, ..Outcome::plain(ret) }
        })
        .collect()
}

/// A list in memory of its own size: summaries stay, and collecting in place would keep what they were made in.
fn exact<T>(made: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> Vec<T> {
    let made = made.into_iter();
    let mut out = Vec::with_capacity(made.len());
    out.extend(made);
    out
}
