//! The shape of a function's graph: visiting order, loops and what they write, live locals.

use crate::digest::{DExpr, DOpKind, DTerm, Digest, EId};
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};

/// Computed anew for each function, in buffers that are reused.
#[derive(Default)]
pub struct Shape {
    /// Reachable blocks in reverse post-order.
    pub order: Vec<u32>,
    /// Position of each block in `order`; `u32::MAX`: unreachable.
    pub position: Vec<u32>,
    /// Loop heads with their member blocks (sorted) and the places written inside.
    loops: Vec<(u32, Vec<u32>, Vec<EId>)>,
    /// Bit per block and local: may be read before it is written.
    live: Vec<u64>,
    words: usize,
    /// Last position in the visiting order (loops counted to their end) at which a member or global of this name is read.
    last_read: FxHashMap<Symbol, u32>,
    /// Members and globals that are read as pointers.
    pointers: FxHashSet<Symbol>,
    stack: Vec<(u32, u32)>,
    succ: Vec<u32>,
    succ_start: Vec<u32>,
}

impl Shape {
    pub fn compute(&mut self, d: &Digest) {
        let n = d.blocks.len();
        self.succ.clear();
        self.succ_start.clear();
        for b in d.blocks.iter() {
            self.succ_start.push(self.succ.len() as u32);
            let succ = &mut self.succ;
            b.term.successors(|s| {
                if (s as usize) < n {
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
        self.stack.push((0, 0));
        self.position[0] = 0;
        while let Some((block, next)) = self.stack.last_mut() {
            let at = self.succ_start[*block as usize] + *next;
            if at < self.succ_start[*block as usize + 1] {
                *next += 1;
                let s = self.succ[at as usize];
                if self.position[s as usize] == u32::MAX {
                    self.position[s as usize] = 0;
                    self.stack.push((s, 0));
                }
            } else {
                self.order.push(*block);
                self.stack.pop();
            }
        }
        self.order.reverse();
        for (i, &b) in self.order.iter().enumerate() {
            self.position[b as usize] = i as u32;
        }
        self.find_loops(d);
        self.liveness(d);
        self.reads(d);
        self.pointers.clear();
        for e in d.exprs.iter() {
            if let DExpr::Load(place, true) = *e
                && let DExpr::Field { name, .. } | DExpr::Global(name) = d.exprs[place as usize]
            {
                self.pointers.insert(name);
            }
        }
    }

    /// Whether a member or global of this name is read as a pointer anywhere.
    pub fn is_pointer(&self, name: Symbol) -> bool {
        self.pointers.contains(&name)
    }

    /// Whether what is known of a member or global of this name can still matter in or after a block.
    pub fn read_later(&self, name: Symbol, block: u32) -> bool {
        self.last_read.get(&name).is_some_and(|&last| last >= self.position[block as usize])
    }

    fn reads(&mut self, d: &Digest) {
        self.last_read.clear();
        for i in 0..self.order.len() {
            let block = self.order[i];
            let mut last = i as u32;
            for l in &self.loops {
                if l.1.binary_search(&block).is_ok() {
                    last = last.max(l.1.iter().map(|&m| self.position[m as usize]).max().unwrap_or(0));
                }
            }
            let table = &mut self.last_read;
            let mut note = |e: EId| {
                read_names(
                    d,
                    e,
                    &mut |name| {
                        let slot = table.entry(name).or_insert(0);
                        *slot = (*slot).max(last);
                    },
                    0,
                )
            };
            let b = &d.blocks[block as usize];
            for op in d.block_ops(b).1 {
                match op.kind {
                    DOpKind::Store { value, .. } => note(value),
                    DOpKind::Access { ptr, .. } => note(ptr),
                    DOpKind::Call { args, target, .. } => {
                        if let crate::digest::Target::Pointer(e) = target {
                            note(e);
                        }
                        d.call_args(args).iter().for_each(|&a| note(a));
                    }
                    _ => {}
                }
            }
            match &b.term {
                DTerm::Branch { cond, .. } => note(*cond),
                DTerm::Switch { value, .. } => note(*value),
                DTerm::Return(Some(e)) => note(*e),
                _ => {}
            }
        }
    }

    fn successors(&self, block: u32) -> &[u32] {
        &self.succ[self.succ_start[block as usize] as usize..self.succ_start[block as usize + 1] as usize]
    }

    fn find_loops(&mut self, d: &Digest) {
        self.loops.clear();
        let mut preds: Vec<Vec<u32>> = Vec::new();
        for i in 0..self.order.len() {
            let b = self.order[i];
            for k in 0..self.successors(b).len() {
                let s = self.successors(b)[k];
                if self.position[s as usize] > self.position[b as usize] {
                    continue;
                }
                if preds.is_empty() {
                    preds.resize(d.blocks.len(), Vec::new());
                    for &x in &self.order {
                        for &y in self.successors(x) {
                            preds[y as usize].push(x);
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
                let head_at = self.position[s as usize];
                let mut work = vec![b];
                let mut members = std::mem::take(&mut self.loops[index].1);
                while let Some(x) = work.pop() {
                    if self.position[x as usize] < head_at || members.contains(&x) {
                        continue;
                    }
                    members.push(x);
                    work.extend(preds[x as usize].iter().copied());
                    if members.len() > 2000 {
                        break;
                    }
                }
                self.loops[index].1 = members;
            }
        }
        for (_, members, written) in &mut self.loops {
            members.sort_unstable();
            members.dedup();
            for &m in members.iter() {
                for op in d.block_ops(&d.blocks[m as usize]).1 {
                    match op.kind {
                        DOpKind::Store { place, .. } | DOpKind::Zero { place } => written.push(place),
                        DOpKind::Call { dst: Some(l), .. } | DOpKind::Declare(l) => {
                            if let Some(e) = local_expr(d, l) {
                                written.push(e);
                            }
                        }
                        DOpKind::LoopNext { args, .. } => {
                            for &a in d.call_args(args) {
                                if let DExpr::Load(p, _) = d.exprs[a as usize]
                                    && matches!(d.exprs[p as usize], DExpr::Local(_))
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
    }

    /// The places written inside the loop with this head.
    pub fn written_in(&self, head: u32) -> &[EId] {
        self.loops.iter().find(|l| l.0 == head).map_or(&[], |l| &l.2)
    }

    /// Whether the block belongs to the loop.
    pub fn in_loop(&self, head: u32, block: u32) -> bool {
        self.loops.iter().find(|l| l.0 == head).is_some_and(|l| l.1.binary_search(&block).is_ok())
    }

    /// Whether a local may be read in or after the block before it is written.
    pub fn live_in(&self, block: u32, local: u32) -> bool {
        let word = block as usize * self.words + local as usize / 64;
        self.live.get(word).is_none_or(|w| w >> (local % 64) & 1 == 1)
    }

    fn liveness(&mut self, d: &Digest) {
        let n = d.blocks.len();
        let locals = d.locals.len();
        self.words = locals.div_ceil(64).max(1);
        self.live.clear();
        // Large functions are not worth the space: everything is taken for live.
        if n * self.words > 200_000 {
            return;
        }
        self.live.resize(n * self.words, 0);
        // Which locals an expression reads, as a small set computed bottom-up would cost more than walking on demand.
        let mut gen_kill: Vec<(Vec<u64>, Vec<u64>)> = Vec::with_capacity(n);
        for b in d.blocks.iter() {
            let mut reads = vec![0u64; self.words];
            let mut kills = vec![0u64; self.words];
            for op in d.block_ops(b).1 {
                let mut read = |e: EId| {
                    read_locals(
                        d,
                        e,
                        &mut |l| {
                            let (w, bit) = (l as usize / 64, 1u64 << (l % 64));
                            if kills[w] & bit == 0 {
                                reads[w] |= bit;
                            }
                        },
                        0,
                    )
                };
                match op.kind {
                    DOpKind::Store { place, value } => {
                        read(value);
                        match d.exprs[place as usize] {
                            DExpr::Local(l) => kills[l as usize / 64] |= 1 << (l % 64),
                            _ => read(place),
                        }
                    }
                    DOpKind::Zero { place } => match d.exprs[place as usize] {
                        DExpr::Local(l) => kills[l as usize / 64] |= 1 << (l % 64),
                        _ => read(place),
                    },
                    DOpKind::Access { ptr, .. } => read(ptr),
                    DOpKind::Call { dst, target, args, .. } => {
                        if let crate::digest::Target::Pointer(e) = target {
                            read(e);
                        }
                        d.call_args(args).iter().for_each(|&a| read(a));
                        if let Some(l) = dst {
                            kills[l as usize / 64] |= 1 << (l % 64);
                        }
                    }
                    DOpKind::LoopNext { args, .. } | DOpKind::GuardEnter { args, .. } | DOpKind::GuardExit { args, .. } => {
                        d.call_args(args).iter().for_each(|&a| read(a));
                    }
                    DOpKind::Declare(l) => kills[l as usize / 64] |= 1 << (l % 64),
                    DOpKind::Gap => {}
                }
            }
            let mut read = |e: EId| {
                read_locals(
                    d,
                    e,
                    &mut |l| {
                        let (w, bit) = (l as usize / 64, 1u64 << (l % 64));
                        if kills[w] & bit == 0 {
                            reads[w] |= bit;
                        }
                    },
                    0,
                )
            };
            match &b.term {
                DTerm::Branch { cond, .. } => read(*cond),
                DTerm::Switch { value, .. } => read(*value),
                DTerm::Return(Some(e)) => read(*e),
                DTerm::LoopBranch { args, .. } => d.call_args(*args).iter().for_each(|&a| read(a)),
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
                    for &s in &self.succ[self.succ_start[b as usize] as usize..self.succ_start[b as usize + 1] as usize] {
                        out |= self.live[s as usize * words + w];
                    }
                    let (reads, kills) = &gen_kill[b as usize];
                    let live = reads[w] | (out & !kills[w]);
                    let slot = &mut self.live[b as usize * words + w];
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

fn local_expr(d: &Digest, local: u32) -> Option<EId> {
    d.exprs.iter().position(|e| *e == DExpr::Local(local)).map(|i| i as EId)
}

fn read_locals(d: &Digest, e: EId, f: &mut impl FnMut(u32), depth: u32) {
    if depth > 64 {
        return;
    }
    match d.exprs[e as usize] {
        DExpr::Local(l) => f(l),
        DExpr::Deref(a) | DExpr::Load(a, _) | DExpr::Addr(a) | DExpr::Un(_, a) => read_locals(d, a, f, depth + 1),
        DExpr::Field { base, .. } => read_locals(d, base, f, depth + 1),
        DExpr::Index { base, index } => {
            read_locals(d, base, f, depth + 1);
            read_locals(d, index, f, depth + 1);
        }
        DExpr::Bin(_, a, b) => {
            read_locals(d, a, f, depth + 1);
            read_locals(d, b, f, depth + 1);
        }
        DExpr::Select(c, t, x) => {
            read_locals(d, c, f, depth + 1);
            read_locals(d, t, f, depth + 1);
            read_locals(d, x, f, depth + 1);
        }
        DExpr::ContainerOf { ptr, .. } => read_locals(d, ptr, f, depth + 1),
        DExpr::Global(_) | DExpr::Function(_) | DExpr::Int(_) | DExpr::Str | DExpr::Opaque(_) => {}
    }
}

fn read_names(d: &Digest, e: EId, f: &mut impl FnMut(Symbol), depth: u32) {
    if depth > 64 {
        return;
    }
    match d.exprs[e as usize] {
        DExpr::Global(name) => f(name),
        DExpr::Field { base, name, .. } => {
            f(name);
            read_names(d, base, f, depth + 1);
        }
        DExpr::Deref(a) | DExpr::Load(a, _) | DExpr::Addr(a) | DExpr::Un(_, a) => read_names(d, a, f, depth + 1),
        DExpr::Index { base, index } => {
            read_names(d, base, f, depth + 1);
            read_names(d, index, f, depth + 1);
        }
        DExpr::Bin(_, a, b) => {
            read_names(d, a, f, depth + 1);
            read_names(d, b, f, depth + 1);
        }
        DExpr::Select(c, t, x) => {
            read_names(d, c, f, depth + 1);
            read_names(d, t, f, depth + 1);
            read_names(d, x, f, depth + 1);
        }
        DExpr::ContainerOf { ptr, .. } => read_names(d, ptr, f, depth + 1),
        DExpr::Local(_) | DExpr::Function(_) | DExpr::Int(_) | DExpr::Str | DExpr::Opaque(_) => {}
    }
}
