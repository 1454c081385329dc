//! Ways out of a function, and the summary they add up to.

use super::*;
use cuthere_kernel::Sleeps;

impl<O: Observer> Run<'_, '_, O> {
    pub(super) fn exit(&mut self, block: u32, loc: Loc, value: Option<EId>, state: Boxed) {
        let v = value.map(|e| self.eval(e, &state));
        self.with_path(&state, |o, p| o.exit(p, &ExitEvent { block, loc, value: v }));
        if self.exits.len() >= 64 {
            self.truncated = true;
            return;
        }
        let ret = v.map_or(Fact::TOP, |v| state.fact(self.nodes, v));
        let mut null_from = None;
        let mut failed = None;
        if self.d.ret_ptr
            && let Some(v) = v
        {
            if ret.is_zero() {
                null_from = Some((NullWhy::Literal, Symbol::EMPTY));
                if let Node::Fresh(op, RESULT) = self.nodes.get(v)
                    && let Some(null) = self.null_return(op)
                {
                    (null_from, failed) = (Some(null), Some(op));
                } else if let Some((op, null)) = self.failed_allocation(&state) {
                    (null_from, failed) = (Some(null), Some(op));
                }
            } else if ret.may_be_zero()
                && let Node::Fresh(op, RESULT) = self.nodes.get(v)
                && (op as usize) < self.d.ops.len()
            {
                (null_from, failed) = (self.null_return(op), Some(op));
            }
        }
        let mut checked_params = 0u64;
        for &(value, fact) in &state.facts {
            if let Some(p) = self.nodes.param(value, self.d.params.min(64))
                && fact.not_zero
            {
                checked_params |= 1 << p;
            }
        }
        let mut guard = self.guard(&state, None);
        if let Some(flags) = failed.and_then(|op| self.may_fail_by(op)) {
            guard.push((flags, Test::NoBit(self.world.gfp_nofail)));
        }
        let locks = state.locks.iter().skip(self.entry_locks.min(state.locks.len())).copied().filter(|l| l.op != AT_ENTRY).collect();
        self.exits.push(Exit {
            ret,
            value: v,
            guard,
            loc,
            locks,
            released: state.released,
            ctx: state.ctx.minus(self.entry_ctx),
            checked_params,
            null_from,
        });
    }

    /// Whether the function does nothing but ask for the context. Callers that test its result know what they do.
    fn only_asks(&self) -> bool {
        if self.d.ret_void || self.d.ret_ptr || !self.d.complete {
            return false;
        }
        let mut asks = false;
        let nothing_else = self.d.ops.iter().enumerate().all(|(i, op)| match op.kind {
            DOpKind::Call { target: Target::Name(name), .. } => {
                let callee = || match self.world.callees(self.func, i as u32)? {
                    crate::world::Callees::One(f) => self.world.summary(*f),
                    _ => None,
                };
                let asked = crate::words::asks_context(name) || callee().is_some_and(|s| s.ret.asks);
                asks |= asked;
                asked
            }
            DOpKind::Store { place, .. } => matches!(self.d.exprs[place as usize], DExpr::Local(_)),
            DOpKind::Access { .. } | DOpKind::Declare(_) => true,
            _ => false,
        });
        asks && nothing_else
    }

    /// The parameter that is the GFP mask of an allocation.
    fn may_fail_by(&self, op: u32) -> Option<u8> {
        let DOpKind::Call { target: Target::Name(name), args, .. } = self.d.ops.get(op as usize)?.kind else { return None };
        let callees = self.world.callees(self.func, op);
        let i = match (self.world.entry(name, callees.is_some()), callees) {
            (Some(entry), _) => match entry.sleeps {
                Sleeps::Gfp(i) => i,
                _ => return None,
            },
            (None, Some(crate::world::Callees::One(f))) => {
                let null = self.world.summary(*f)?.ret.null.as_ref()?;
                let unless = |guard: &Guard| guard.iter().find(|t| t.1 == Test::NoBit(self.world.gfp_nofail)).map(|t| t.0);
                let i = unless(null.guards.first()?)?;
                if !null.guards.iter().all(|g| unless(g) == Some(i)) {
                    return None;
                }
                i
            }
            _ => return None,
        };
        match self.d.exprs[*self.d.call_args(args).get(i as usize)? as usize] {
            DExpr::Load(place, _) => match self.d.exprs[place as usize] {
                DExpr::Local(l) if l < self.d.params.min(255) => Some(l as u8),
                _ => None,
            },
            _ => None,
        }
    }

    /// The allocation whose failure a path has seen.
    fn failed_allocation(&self, state: &State) -> Option<(u32, (NullWhy, Symbol))> {
        state.facts.iter().filter(|f| f.1.is_zero()).find_map(|f| match self.nodes.get(f.0) {
            Node::Fresh(op, RESULT) if (op as usize) < self.d.ops.len() => {
                self.null_return(op).filter(|n| n.0 == NullWhy::Allocation).map(|n| (op, n))
            }
            _ => None,
        })
    }

    /// The place in terms of parameters and globals.
    pub(super) fn relative(&self, place: NodeId, result: Option<NodeId>) -> Option<RelPlace> {
        let mut path: SmallVec<[(Symbol, Symbol); 3]> = SmallVec::new();
        let mut at = place;
        for _ in 0..12 {
            match self.nodes.get(at) {
                Node::PField(base, name, record) => {
                    path.push((name, record));
                    at = base;
                }
                Node::PGlobal(name) => {
                    path.reverse();
                    return Some(RelPlace { root: RelRoot::Global(name), path });
                }
                Node::PDeref(v) => {
                    if Some(v) == result {
                        path.reverse();
                        return Some(RelPlace { root: RelRoot::Result, path });
                    }
                    match self.nodes.get(v) {
                        Node::Entry(p) => match self.nodes.get(p) {
                            Node::PLocal(l) if l < self.d.params.min(255) => {
                                path.reverse();
                                return Some(RelPlace { root: RelRoot::Param(l as u8), path });
                            }
                            Node::PLocal(_) => return None,
                            _ => {
                                path.push((Symbol::EMPTY, Symbol::EMPTY));
                                at = p;
                            }
                        },
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        None
    }

    /// The place that a callee's relative place is here.
    pub(super) fn absolute(&mut self, rel: &RelPlace, values: &[NodeId], result: NodeId, state: &State) -> Option<NodeId> {
        let mut at = match rel.root {
            RelRoot::Param(i) => {
                let v = *values.get(i as usize)?;
                self.nodes.deref(v)
            }
            RelRoot::Global(name) => self.nodes.make(Node::PGlobal(name)),
            RelRoot::Result => self.nodes.deref(result),
            RelRoot::Unknown => return None,
        };
        for &(name, record) in &rel.path {
            at = if name.is_empty() {
                let v = state.read(self.nodes, at);
                self.nodes.deref(v)
            } else {
                self.nodes.field(at, name, record)
            };
        }
        Some(at)
    }

    pub(super) fn summarise(mut self) -> Summary {
        let mut summary = Summary { truncated: self.truncated, ..Summary::default() };
        summary.noreturn = self.exits.is_empty() && !self.truncated && self.d.complete;

        // Sleep sites: unconditional and shallow ones first, but in a fixed order.
        let mut sites = std::mem::take(&mut self.sleeps);
        sites.sort_by_key(|(op, s)| (s.guards.iter().all(|g| !g.is_empty()), s.indirect, s.modes.min(3), s.depth, *op));
        sites.truncate(6);
        summary.sleeps = sites.into_iter().map(|(_, s)| s).collect();

        let exits = std::mem::take(&mut self.exits);
        let all_checked = exits.iter().fold(u64::MAX, |all, e| all & e.checked_params);
        summary.derefs = std::mem::take(&mut self.derefs);
        for d in &mut summary.derefs {
            d.always = all_checked >> d.param & 1 == 1;
        }
        summary.frees = std::mem::take(&mut self.frees);

        // The result.
        if !exits.is_empty() && self.d.ret_void {
            summary.ret.fact = None;
        } else if let Some(fact) = exits.iter().map(|e| e.ret).reduce(Fact::join) {
            summary.ret.fact = Some(fact);
            summary.ret.err = exits.iter().any(|e| e.ret.is_err() == Some(true));
            let first = exits[0].value.and_then(|v| self.nodes.param(v, self.d.params));
            if let Some(p) = first
                && p < 255
                && exits.iter().all(|e| e.value == exits[0].value)
            {
                summary.ret.arg = Some(p as u8);
            }
        }
        summary.ret.asks = self.only_asks();
        for e in &exits {
            let Some((why, from)) = e.null_from else { continue };
            match &mut summary.ret.null {
                None => summary.ret.null = Some(NullReturn { loc: e.loc, why, from, guards: SmallVec::from_elem(e.guard.clone(), 1) }),
                Some(null) => {
                    if why > null.why {
                        (null.why, null.from, null.loc) = (why, from, e.loc);
                    }
                    add_guard(&mut null.guards, e.guard.clone());
                }
            }
        }

        // Locks and context.
        if exits.iter().any(|e| !e.locks.is_empty() || !e.released.is_empty() || !e.ctx.is_zero()) {
            let mut outcomes: Vec<Outcome> = Vec::new();
            for e in &exits {
                let mut locks: SmallVec<[LockDelta; 1]> = SmallVec::new();
                for (held, taken) in e.locks.iter().map(|l| (l, true)).chain(e.released.iter().map(|l| (l, false))) {
                    let place = self.relative(held.place, e.value).unwrap_or(RelPlace { root: RelRoot::Unknown, path: SmallVec::new() });
                    let loc = self.d.ops.get(held.op as usize).map_or(self.d.loc, |o| o.loc);
                    locks.push(LockDelta { place, class: held.class, kind: held.kind, mode: held.mode, taken, loc });
                }
                let key = |o: &Outcome| {
                    o.ctx == e.ctx
                        && o.locks.len() == locks.len()
                        && o.locks.iter().zip(&locks).all(|(a, b)| a.place == b.place && a.taken == b.taken && a.kind == b.kind)
                };
                match outcomes.iter_mut().find(|o| key(o)) {
                    Some(o) => {
                        o.ret = o.ret.join(e.ret);
                        weaken(&mut o.guard, &e.guard);
                    }
                    None => outcomes.push(Outcome { ret: e.ret, guard: e.guard.clone(), locks, ctx: e.ctx }),
                }
            }
            // A caller can only tell the ways apart by the result or by its own arguments. Where neither does it, the difference is most
            // likely a correlation that was lost here: the function is taken for balanced.
            let told_apart = outcomes
                .iter()
                .enumerate()
                .all(|(i, a)| outcomes[..i].iter().all(|b| a.ret.meet(b.ret).is_none() || contradict(&a.guard, &b.guard)));
            if outcomes.len() > 4 || !told_apart {
                // What some way gives back is taken for given back, what only some way takes for not taken: callers are left with less to hold.
                let mut locks: SmallVec<[LockDelta; 1]> = SmallVec::new();
                let mut ctx = Ctx::default();
                for o in &outcomes {
                    for l in o.locks.iter().filter(|l| !l.taken) {
                        if !locks.iter().any(|k| k.place == l.place && k.class == l.class) {
                            locks.push(l.clone());
                        }
                    }
                    ctx = Ctx {
                        preempt: ctx.preempt.min(o.ctx.preempt),
                        bh: ctx.bh.min(o.ctx.bh),
                        irq: ctx.irq.min(o.ctx.irq),
                        rcu: ctx.rcu.min(o.ctx.rcu),
                        pagefault: ctx.pagefault.min(o.ctx.pagefault),
                    };
                }
                outcomes.clear();
                if !locks.is_empty() || !ctx.is_zero() {
                    outcomes.push(Outcome { ret: Fact::TOP, guard: Guard::new(), locks, ctx });
                }
            }
            summary.outcomes = outcomes;
        } else if !self.d.ret_void && !self.truncated {
            summary.outcomes = answers(&exits, self.d.ret_ptr);
        }
        summary
    }
}

/// Ways of returning that a caller tells apart by the result and that say something of the arguments: a function that answers whether a
/// pointer is good. Empty if the results say nothing.
pub(super) fn answers(exits: &[Exit], pointer: bool) -> Vec<Outcome> {
    // That nothing excludes NULL makes it no answer.
    if pointer && !exits.iter().any(|e| e.ret.is_zero()) {
        return Vec::new();
    }
    // Zero, negative, positive; a result that may be several of them counts for each.
    let classes = [Fact::ZERO, Fact { hi: -1, not_zero: true, ..Fact::TOP }, Fact { lo: 1, not_zero: true, ..Fact::TOP }];
    let mut groups: [Option<(Fact, u64)>; 3] = [None; 3];
    for e in exits {
        for (group, class) in groups.iter_mut().zip(classes) {
            let Some(ret) = e.ret.meet(class) else { continue };
            *group = Some(match *group {
                None => (ret, e.checked_params),
                Some((known, checked)) => (known.join(ret), checked & e.checked_params),
            });
        }
    }
    // What does not differ in what it says of the arguments is one way.
    if let (Some((negative, a)), Some((positive, b))) = (groups[1], groups[2])
        && a == b
    {
        groups[1] = None;
        groups[2] = Some((Fact { not_zero: true, ..negative.join(positive) }, a));
    }
    let present: SmallVec<[(Fact, u64); 3]> = groups.into_iter().flatten().collect();
    if present.len() < 2 || present.iter().all(|g| g.1 == present[0].1) {
        return Vec::new();
    }
    present
        .into_iter()
        .map(|(ret, checked)| {
            let guard = (0..16u8).filter(|p| checked >> p & 1 == 1).map(|p| (p, Test::Fact(Fact::NON_ZERO))).collect();
            Outcome { ret, guard, locks: SmallVec::new(), ctx: Ctx::default() }
        })
        .collect()
}
