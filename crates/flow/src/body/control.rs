//! Facts of a function's control flow: visiting order, loops and what they write, live locals.

use super::{BlockId, Body, Expr, ExprId, LocalId, OpKind, Target, Term};
use cuthere_base::Symbol;
use cuthere_ir::BinOp;
use rustc_hash::{FxHashMap, FxHashSet};

/// A function with more blocks is given up: five times the largest that people wrote, and what is found out about loops grows with the square.
const MAX_BLOCKS: usize = 20_000;
/// Steps of finding loops, after which a function is too tangled.
const MAX_STEPS: usize = 20_000_000;

/// Computed anew for each function, in buffers that are reused.
#[derive(Default)]
pub struct ControlFlow {
    /// Reachable blocks in reverse post-order.
    pub order: Vec<BlockId>,
    /// Position of each block in `order`; `u32::MAX`: unreachable.
    pub position: Vec<u32>,
    /// Loop heads with their member blocks (sorted) and the places written inside.
    loops: Vec<(BlockId, Vec<BlockId>, Vec<ExprId>)>,
    /// Of each loop, the locals that its rounds only count: up (positive) or down.
    counters: Vec<(BlockId, LocalId, i64)>,
    /// Of loops that ask at the end of a round whether the count is within its bound: the condition, and whether it has to hold.
    bounds: Vec<(BlockId, ExprId, bool)>,
    /// Bit per block and local: may be read before it is written.
    live: Vec<u64>,
    words: usize,
    /// Last position in the visiting order (loops counted to their end) at which a member or global of this name is read.
    last_read: FxHashMap<Symbol, u32>,
    /// Members and globals that are read as pointers.
    pointers: FxHashSet<Symbol>,
    stack: Vec<(BlockId, u32)>,
    succ: Vec<BlockId>,
    succ_start: Vec<u32>,
}

impl ControlFlow {
    /// `false`: the function is too large or too tangled, and nothing is known of it.
    #[must_use]
    pub fn compute(&mut self, d: &Body) -> bool {
        let n = d.blocks.len();
        if n > MAX_BLOCKS {
            return false;
        }
        self.succ.clear();
        self.succ_start.clear();
        for b in d.blocks.iter() {
            self.succ_start.push(self.succ.len() as u32);
            let succ = &mut self.succ;
            b.term.successors(|s| {
                if s.index() < n {
                    succ.push(s);
                }
            });
        }
        self.succ_start.push(self.succ.len() as u32);
        self.order.clear();
        self.position.clear();
        self.position.resize(n, u32::MAX);
        // Depth-first; `position` doubles as the visited mark.
        self.stack.clear();
        self.stack.push((BlockId(0), 0));
        self.position[0] = 0;
        while let Some((block, next)) = self.stack.last_mut() {
            let at = self.succ_start[block.index()] + *next;
            if at < self.succ_start[block.index() + 1] {
                *next += 1;
                let s = self.succ[at as usize];
                if self.position[s.index()] == u32::MAX {
                    self.position[s.index()] = 0;
                    self.stack.push((s, 0));
                }
            } else {
                self.order.push(*block);
                self.stack.pop();
            }
        }
        self.order.reverse();
        for (i, &b) in self.order.iter().enumerate() {
            self.position[b.index()] = i as u32;
        }
        if !self.find_loops(d) || self.loops.len() * self.order.len() > MAX_STEPS {
            return false;
        }
        self.liveness(d);
        self.reads(d);
        self.pointers.clear();
        for e in d.exprs.iter() {
            if let Expr::Load(place, pointee) = *e
                && pointee.is_pointer()
                && let Expr::Field { name, .. } | Expr::Global(name) = d.exprs[place.index()]
            {
                self.pointers.insert(name);
            }
        }
        true
    }

    /// Whether a member or global of this name is read as a pointer anywhere.
    pub fn is_pointer(&self, name: Symbol) -> bool {
        self.pointers.contains(&name)
    }

    /// Whether what is known of a member or global of this name can still matter in or after a block.
    pub fn read_later(&self, name: Symbol, block: BlockId) -> bool {
        self.last_read.get(&name).is_some_and(|&last| last >= self.position[block.index()])
    }

    fn reads(&mut self, d: &Body) {
        self.last_read.clear();
        for i in 0..self.order.len() {
            let block = self.order[i];
            let mut last = i as u32;
            for l in &self.loops {
                if l.1.binary_search(&block).is_ok() {
                    last = last.max(l.1.iter().map(|&m| self.position[m.index()]).max().unwrap_or(0));
                }
            }
            let table = &mut self.last_read;
            let mut note = |e: ExprId| {
                d.names_in(e, &mut |name| {
                    let slot = table.entry(name).or_insert(0);
                    *slot = (*slot).max(last);
                })
            };
            let b = &d.blocks[block.index()];
            for op in d.block_ops(b) {
                match op.kind {
                    OpKind::Store { value, .. } => note(value),
                    OpKind::Access { ptr, .. } => note(ptr),
                    OpKind::Call { args, target, .. } => {
                        if let Target::Pointer(e) = target {
                            note(e);
                        }
                        d.call_args(args).iter().for_each(|&a| note(a));
                    }
                    _ => {}
                }
            }
            match &b.term {
                Term::Branch { cond, .. } => note(*cond),
                Term::Switch { value, .. } => note(*value),
                Term::Return(Some(e)) => note(*e),
                _ => {}
            }
        }
    }

    fn successors(&self, block: BlockId) -> &[BlockId] {
        &self.succ[self.succ_start[block.index()] as usize..self.succ_start[block.index() + 1] as usize]
    }

    /// `false`: there are too many ways around.
    fn find_loops(&mut self, d: &Body) -> bool {
        self.loops.clear();
        let mut steps = self.succ.len();
        let mut preds: Vec<Vec<BlockId>> = Vec::new();
        for i in 0..self.order.len() {
            let b = self.order[i];
            for k in 0..self.successors(b).len() {
                let s = self.successors(b)[k];
                if self.position[s.index()] > self.position[b.index()] {
                    continue;
                }
                if preds.is_empty() {
                    preds.resize(d.blocks.len(), Vec::new());
                    for &x in &self.order {
                        for &y in self.successors(x) {
                            preds[y.index()].push(x);
                        }
                    }
                }
                let index = match self.loops.iter().position(|l| l.0 == s) {
                    Some(i) => i,
                    None => {
                        self.loops.push((s, vec![s], Vec::new()));
                        self.loops.len() - 1
                    }
                };
                // Everything that reaches the back edge without passing the head.
                let head_at = self.position[s.index()];
                let mut work = vec![b];
                let mut members = std::mem::take(&mut self.loops[index].1);
                let before = members.len();
                while let Some(x) = work.pop() {
                    // Looking for a member reads some of them at once.
                    steps += 1 + members.len() / 8;
                    if self.position[x.index()] < head_at || members.contains(&x) {
                        continue;
                    }
                    members.push(x);
                    work.extend(preds[x.index()].iter().copied());
                    if members.len() > 2000 {
                        break;
                    }
                }
                // What is read in a loop is asked for each member.
                steps += 1 + self.loops.len() / 8 + (members.len() - before) * members.len() / 64;
                self.loops[index].1 = members;
                if steps > MAX_STEPS {
                    return false;
                }
            }
        }
        for (_, members, written) in &mut self.loops {
            members.sort_unstable();
            members.dedup();
            for &m in members.iter() {
                for op in d.block_ops(&d.blocks[m.index()]) {
                    match op.kind {
                        OpKind::Store { place, .. } | OpKind::Zero { place } => written.push(place),
                        OpKind::Call { dst: Some(l), .. } | OpKind::Declare(l) => {
                            if let Some(e) = local_expr(d, l) {
                                written.push(e);
                            }
                        }
                        OpKind::LoopNext { args, .. } => {
                            for &a in d.call_args(args) {
                                if let Expr::Load(p, _) = d.exprs[a.index()]
                                    && matches!(d.exprs[p.index()], Expr::Local(_))
                                {
                                    written.push(p);
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            written.sort_unstable();
            written.dedup();
        }
        self.find_counters(d);
        self.find_bounds(d);
        true
    }

    /// Locals that a loop writes by adding constants of one sign to them, and in no other way.
    fn find_counters(&mut self, d: &Body) {
        self.counters.clear();
        for (head, members, written) in &self.loops {
            for &place in written {
                let Expr::Local(l) = d.exprs[place.index()] else { continue };
                let mut sign = Some(0);
                for op in members.iter().flat_map(|m| d.block_ops(&d.blocks[m.index()])) {
                    let step = match op.kind {
                        OpKind::Store { place: p, value } if p == place => counts(d, value, place),
                        OpKind::Zero { place: p } if p == place => None,
                        OpKind::Call { dst: Some(dst), .. } if dst == l => None,
                        OpKind::Declare(declared) if declared == l => None,
                        OpKind::LoopNext { args, .. } if d.call_args(args).iter().any(|&a| d.loaded_local(a) == Some(l)) => None,
                        _ => continue,
                    };
                    sign = match (sign, step) {
                        (Some(known), Some(step)) if known == 0 || known == step.signum() => Some(step.signum()),
                        _ => None,
                    };
                    if sign.is_none() {
                        break;
                    }
                }
                // What others can write by its address is no counter.
                if let Some(sign) = sign.filter(|s| *s != 0)
                    && !d.exprs.contains(&Expr::Addr(place))
                {
                    self.counters.push((*head, l, sign));
                }
            }
        }
    }

    /// Whether the rounds of the loop with this head only count a local: up (positive) or down (negative).
    pub fn counter(&self, head: BlockId, local: LocalId) -> Option<i64> {
        self.counters.iter().find(|c| c.0 == head && c.1 == local).map(|c| c.2)
    }

    /// The condition under which a loop that counts its rounds goes round again, asked at the end of each, and whether it has to hold.
    pub fn bound(&self, head: BlockId) -> Option<(ExprId, bool)> {
        self.bounds.iter().find(|b| b.0 == head).map(|b| (b.1, b.2))
    }

    /// Loops that go round again while a counter is on one side of a local or a number that they do not write.
    fn find_bounds(&mut self, d: &Body) {
        self.bounds.clear();
        for (head, members, written) in &self.loops {
            for &m in members {
                let Term::Branch { cond, then, els } = d.blocks[m.index()].term else { continue };
                let Expr::Bin(op, a, b) = d.exprs[cond.index()] else { continue };
                let sign = d.loaded_local(a).and_then(|l| self.counters.iter().find(|c| c.0 == *head && c.1 == l)).map_or(0, |c| c.2);
                let again = match (op, sign.signum()) {
                    (BinOp::Lt | BinOp::Le, 1) | (BinOp::Gt | BinOp::Ge, -1) => then == *head,
                    (BinOp::Ge | BinOp::Gt, 1) | (BinOp::Le | BinOp::Lt, -1) => els == *head,
                    _ => false,
                };
                let fixed = match d.exprs[b.index()] {
                    Expr::Int(_) => true,
                    Expr::Load(place, _) => matches!(d.exprs[place.index()], Expr::Local(_)) && !written.contains(&place),
                    _ => false,
                };
                if again && fixed {
                    self.bounds.push((*head, cond, then == *head));
                }
            }
        }
    }

    /// The places written inside the loop with this head.
    pub fn written_in(&self, head: BlockId) -> &[ExprId] {
        self.loops.iter().find(|l| l.0 == head).map_or(&[], |l| &l.2)
    }

    /// Whether the block belongs to the loop.
    pub fn in_loop(&self, head: BlockId, block: BlockId) -> bool {
        self.loops.iter().find(|l| l.0 == head).is_some_and(|l| l.1.binary_search(&block).is_ok())
    }

    /// Whether a local may be read in or after the block before it is written.
    pub fn live_in(&self, block: BlockId, local: LocalId) -> bool {
        let word = block.index() * self.words + local.index() / 64;
        self.live.get(word).is_none_or(|w| w >> (local.number() % 64) & 1 == 1)
    }

    fn liveness(&mut self, d: &Body) {
        let n = d.blocks.len();
        let locals = d.locals.len();
        self.words = locals.div_ceil(64).max(1);
        self.live.clear();
        // Large functions are not worth the space: everything is taken for live.
        if n * self.words > 200_000 || self.succ.len() * self.words > 1_000_000 {
            return;
        }
        self.live.resize(n * self.words, 0);
        // Which locals an expression reads, as a small set computed bottom-up would cost more than walking on demand.
        let mut gen_kill: Vec<(Vec<u64>, Vec<u64>)> = Vec::with_capacity(n);
        for b in d.blocks.iter() {
            let mut reads = vec![0u64; self.words];
            let mut kills = vec![0u64; self.words];
            for op in d.block_ops(b) {
                let mut read = |e: ExprId| {
                    d.locals_in(e, &mut |l| {
                        let (w, bit) = (l.index() / 64, 1u64 << (l.number() % 64));
                        if kills[w] & bit == 0 {
                            reads[w] |= bit;
                        }
                    })
                };
                match op.kind {
                    OpKind::Store { place, value } => {
                        read(value);
                        match d.exprs[place.index()] {
                            Expr::Local(l) => kills[l.index() / 64] |= 1 << (l.number() % 64),
                            _ => read(place),
                        }
                    }
                    OpKind::Zero { place } => match d.exprs[place.index()] {
                        Expr::Local(l) => kills[l.index() / 64] |= 1 << (l.number() % 64),
                        _ => read(place),
                    },
                    OpKind::Access { ptr, .. } => read(ptr),
                    OpKind::Call { dst, target, args, .. } => {
                        if let Target::Pointer(e) = target {
                            read(e);
                        }
                        d.call_args(args).iter().for_each(|&a| read(a));
                        if let Some(l) = dst {
                            kills[l.index() / 64] |= 1 << (l.number() % 64);
                        }
                    }
                    OpKind::LoopNext { args, .. } | OpKind::GuardEnter { args, .. } | OpKind::GuardExit { args, .. } => {
                        d.call_args(args).iter().for_each(|&a| read(a));
                    }
                    OpKind::Declare(l) => kills[l.index() / 64] |= 1 << (l.number() % 64),
                    OpKind::Gap => {}
                }
            }
            let mut read = |e: ExprId| {
                d.locals_in(e, &mut |l| {
                    let (w, bit) = (l.index() / 64, 1u64 << (l.number() % 64));
                    if kills[w] & bit == 0 {
                        reads[w] |= bit;
                    }
                })
            };
            match &b.term {
                Term::Branch { cond, .. } => read(*cond),
                Term::Switch { value, .. } => read(*value),
                Term::Return(Some(e)) => read(*e),
                Term::LoopBranch { args, .. } => d.call_args(*args).iter().for_each(|&a| read(a)),
                _ => {}
            }
            gen_kill.push((reads, kills));
        }
        let words = self.words;
        let mut changed = true;
        let mut rounds = 0;
        while changed && rounds < 64 {
            changed = false;
            rounds += 1;
            for i in (0..self.order.len()).rev() {
                let b = self.order[i];
                for w in 0..words {
                    let mut out = 0u64;
                    for &s in &self.succ[self.succ_start[b.index()] as usize..self.succ_start[b.index() + 1] as usize] {
                        out |= self.live[s.index() * words + w];
                    }
                    let (reads, kills) = &gen_kill[b.index()];
                    let live = reads[w] | (out & !kills[w]);
                    let slot = &mut self.live[b.index() * words + w];
                    if live != *slot {
                        *slot = live;
                        changed = true;
                    }
                }
            }
        }
        if changed {
            // Did not settle: everything is live.
            self.live.clear();
        }
    }
}

/// The constant that a value adds to what a place holds.
fn counts(d: &Body, value: ExprId, place: ExprId) -> Option<i64> {
    let Expr::Bin(op, a, b) = d.expr(value) else { return None };
    let (Expr::Load(from, _), Expr::Int(step)) = (d.expr(a), d.expr(b)) else { return None };
    match op {
        BinOp::Add if from == place && step != 0 => Some(step),
        BinOp::Sub if from == place && step != 0 => step.checked_neg(),
        _ => None,
    }
}

fn local_expr(d: &Body, local: LocalId) -> Option<ExprId> {
    d.exprs.iter().position(|e| *e == Expr::Local(local)).map(|i| ExprId(i as u32))
}
