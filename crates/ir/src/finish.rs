//! From the building buffers to the finished function: unreachable blocks go, empty ones are jumped over, chains become one block, and
//! expressions that nothing uses are left out.

use crate::func::*;
use crate::lower::Lower;

const NONE: u32 = u32::MAX;

/// Calls `f` with each successor.
pub(crate) fn successors(term: &Term, mut f: impl FnMut(BlockId)) {
    match term {
        Term::Goto(to) => f(*to),
        Term::Branch { then, els, .. } => {
            f(*then);
            f(*els);
        }
        Term::LoopBranch { body, exit, .. } => {
            f(*body);
            f(*exit);
        }
        Term::Switch { cases, default, .. } => {
            cases.iter().for_each(|c| f(c.2));
            f(*default);
        }
        Term::Any(targets) => targets.iter().for_each(|&t| f(t)),
        Term::Return(_) | Term::Unreachable => {}
    }
}

fn retarget(term: &mut Term, f: impl Fn(BlockId) -> BlockId) {
    match term {
        Term::Goto(to) => *to = f(*to),
        Term::Branch { then, els, .. } => {
            *then = f(*then);
            *els = f(*els);
        }
        Term::LoopBranch { body, exit, .. } => {
            *body = f(*body);
            *exit = f(*exit);
        }
        Term::Switch { cases, default, .. } => {
            cases.iter_mut().for_each(|c| c.2 = f(c.2));
            *default = f(*default);
        }
        Term::Any(targets) => targets.iter_mut().for_each(|t| *t = f(*t)),
        Term::Return(_) | Term::Unreachable => {}
    }
}

/// Calls `f` with each operand of a node.
fn operands(kind: &mut ExprKind, mut f: impl FnMut(&mut ExprId)) {
    match kind {
        ExprKind::Deref(e) | ExprKind::Load(e) | ExprKind::Addr(e) | ExprKind::Unary(_, e) | ExprKind::Cast(e) => f(e),
        ExprKind::Field { base, .. } => f(base),
        ExprKind::Index { base, index } => {
            f(base);
            f(index);
        }
        ExprKind::Binary(_, l, r) => {
            f(l);
            f(r);
        }
        ExprKind::Select(c, t, e) => {
            f(c);
            f(t);
            f(e);
        }
        ExprKind::ContainerOf { ptr, .. } => f(ptr),
        ExprKind::Local(_)
        | ExprKind::Global(_)
        | ExprKind::Function(_)
        | ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::Float(_)
        | ExprKind::SizeOf(_)
        | ExprKind::Opaque => {}
    }
}

/// Calls `f` with each expression that an operation names, argument lists apart.
fn op_exprs(op: &mut OpKind, mut f: impl FnMut(&mut ExprId)) {
    match op {
        OpKind::Store { place, value } => {
            f(place);
            f(value);
        }
        OpKind::Zero { place } => f(place),
        OpKind::Eval(e) => f(e),
        OpKind::Call { callee: Callee::Indirect(e), .. } => f(e),
        _ => {}
    }
}

fn op_args(op: &mut OpKind) -> Option<&mut (u32, u32)> {
    match op {
        OpKind::Call { args, .. } | OpKind::LoopNext { args, .. } | OpKind::GuardEnter { args, .. } | OpKind::GuardExit { args, .. } => {
            Some(args)
        }
        _ => None,
    }
}

impl Lower<'_> {
    /// The finished function; the buffers keep their memory.
    pub fn finish(mut self) -> Func {
        let blocks = std::mem::take(&mut self.s.blocks);
        let map = std::mem::take(&mut self.s.map);
        let counts = std::mem::take(&mut self.s.counts);
        let (blocks, map, counts) = self.finish_with(blocks, map, counts);
        self.s.blocks = blocks;
        self.s.map = map;
        self.s.counts = counts;
        self.f
    }

    fn finish_with(&mut self, mut blocks: Vec<Block>, mut map: Vec<u32>, mut counts: Vec<u32>) -> (Vec<Block>, Vec<u32>, Vec<u32>) {
        let count = blocks.len();
        let started = |b: &Block| b.ops.0 != NONE;
        // Conditions that decide nothing and yet read memory.
        let mut read: Vec<(usize, ExprId)> = Vec::new();
        // 1. Jump over empty blocks. The chain is followed with a bound, so that an empty endless loop ends it.
        for index in 0..count {
            let mut term = std::mem::take(&mut blocks[index].term);
            retarget(&mut term, |target| {
                let mut target = target;
                for _ in 0..64 {
                    let Some(block) = blocks.get(target.index()) else { break };
                    match block.term {
                        Term::Goto(next)
                            if started(block)
                                && block.ops.0 == block.ops.1
                                && next != target
                                && !read.iter().any(|r| r.0 == target.index()) =>
                        {
                            target = next;
                        }
                        _ => break,
                    }
                }
                target
            });
            if let Term::Branch { cond, then, els } = term
                && then == els
            {
                if self.reads_memory(cond, 32) {
                    read.push((index, cond));
                }
                term = Term::Goto(then);
            }
            blocks[index].term = term;
        }
        // 2. Reachability and predecessor counts.
        counts.clear();
        counts.resize(count, 0);
        let mut work: Vec<BlockId> = Vec::with_capacity(16);
        if count > 0 {
            counts[0] = 1;
            work.push(BlockId(0));
        }
        while let Some(block) = work.pop() {
            successors(&blocks[block.index()].term, |next| {
                if let Some(c) = counts.get_mut(next.index()) {
                    if *c == 0 {
                        work.push(next);
                    }
                    *c += 1;
                }
            });
        }
        // 3. Blocks in the order in which they were begun, chains merged into their head.
        map.clear();
        map.resize(count, NONE);
        let f = &mut self.f;
        f.ops = Vec::with_capacity(self.s.ops.len());
        f.blocks = Vec::with_capacity(self.s.order.len().min(count));
        // A block that its only predecessor goes to straight is part of that one.
        let mut merged: Vec<bool> = vec![false; count];
        for (index, block) in blocks.iter().enumerate() {
            if counts[index] > 0
                && let Term::Goto(next) = block.term
                && counts.get(next.index()) == Some(&1)
                && next.0 != 0
                && next.index() != index
            {
                merged[next.index()] = true;
            }
        }
        for &head in &self.s.order {
            let mut index = head.index();
            if counts[index] == 0 || merged[index] || map[index] != NONE {
                continue;
            }
            let id = f.blocks.len() as u32;
            let start = f.ops.len() as u32;
            loop {
                map[index] = id;
                let block = &blocks[index];
                if let Some(ops) = self.s.ops.get(block.ops.0 as usize..block.ops.1 as usize) {
                    f.ops.extend_from_slice(ops);
                }
                if let Some(&(_, cond)) = read.iter().find(|r| r.0 == index) {
                    f.ops.push(Op { kind: OpKind::Eval(cond), loc: block.loc, origin: block.origin });
                }
                match block.term {
                    Term::Goto(next) if merged[next.index()] && map[next.index()] == NONE => index = next.index(),
                    _ => break,
                }
            }
            let last = &mut blocks[index];
            let term = std::mem::take(&mut last.term);
            f.blocks.push(Block { ops: (start, f.ops.len() as u32), term, loc: last.loc, origin: last.origin });
        }
        for block in &mut f.blocks {
            retarget(&mut block.term, |target| BlockId(map.get(target.index()).copied().filter(|&m| m != NONE).unwrap_or(0)));
        }
        self.keep_used(&mut map);
        (blocks, map, counts)
    }

    /// Whether evaluating the expression reads what others may write.
    pub(crate) fn reads_memory(&self, e: ExprId, fuel: u32) -> bool {
        let Some(fuel) = fuel.checked_sub(1) else { return true };
        let any = |list: &[ExprId]| list.iter().any(|&e| self.reads_memory(e, fuel));
        match self.kind_of(e) {
            ExprKind::Load(place) => !matches!(self.kind_of(place), ExprKind::Local(_)),
            ExprKind::Deref(e) | ExprKind::Addr(e) | ExprKind::Unary(_, e) | ExprKind::Cast(e) => any(&[e]),
            ExprKind::Field { base, .. } => any(&[base]),
            ExprKind::Index { base, index } => any(&[base, index]),
            ExprKind::Binary(_, l, r) => any(&[l, r]),
            ExprKind::Select(c, t, e) => any(&[c, t, e]),
            ExprKind::ContainerOf { ptr, .. } => any(&[ptr]),
            _ => false,
        }
    }

    /// Copies locals, arguments and the expressions that are used.
    fn keep_used(&mut self, map: &mut Vec<u32>) {
        let f = &mut self.f;
        let s = &mut *self.s;
        f.locals = s.locals.as_slice().to_vec();
        // Argument lists of the operations that stay; ranges shared by several are copied once each, which is seldom.
        map.clear();
        map.resize(s.exprs.len(), NONE);
        let mut mark = |e: &mut ExprId| {
            if let Some(m) = map.get_mut(e.index()) {
                *m = 0;
            }
        };
        let mut args = Vec::with_capacity(s.args.len());
        let mut last: ((u32, u32), (u32, u32)) = ((NONE, NONE), (0, 0));
        let mut keep = |range: &mut (u32, u32)| {
            if range.0 == range.1 {
                *range = (0, 0);
                return;
            }
            if last.0 != *range {
                let start = args.len() as u32;
                args.extend_from_slice(s.args.get(range.0 as usize..range.1 as usize).unwrap_or(&[]));
                last = (*range, (start, args.len() as u32));
            }
            *range = last.1;
        };
        for op in &mut f.ops {
            if let Some(range) = op_args(&mut op.kind) {
                keep(range);
            }
            op_exprs(&mut op.kind, &mut mark);
        }
        for block in &mut f.blocks {
            match &mut block.term {
                Term::Branch { cond, .. } => mark(cond),
                Term::Switch { value, .. } => mark(value),
                Term::Return(Some(value)) => mark(value),
                Term::LoopBranch { args, .. } => keep(args),
                _ => {}
            }
        }
        args.iter_mut().for_each(&mut mark);
        for index in (0..s.exprs.len()).rev() {
            if map[index] != NONE {
                operands(&mut s.exprs[index].kind, |e| {
                    if let Some(m) = map.get_mut(e.index()) {
                        *m = 0;
                    }
                });
            }
        }
        let used = map.iter().filter(|&&m| m != NONE).count();
        f.exprs = Vec::with_capacity(used);
        for (index, expr) in s.exprs.iter().enumerate() {
            if map[index] == NONE {
                continue;
            }
            let mut expr = *expr;
            operands(&mut expr.kind, |e| *e = ExprId(map.get(e.index()).copied().unwrap_or(0)));
            map[index] = f.exprs.len() as u32;
            f.exprs.push(expr);
        }
        let rename = |e: &mut ExprId| *e = ExprId(map.get(e.index()).copied().filter(|&m| m != NONE).unwrap_or(0));
        for op in &mut f.ops {
            op_exprs(&mut op.kind, rename);
        }
        for block in &mut f.blocks {
            match &mut block.term {
                Term::Branch { cond, .. } => rename(cond),
                Term::Switch { value, .. } => rename(value),
                Term::Return(Some(value)) => rename(value),
                _ => {}
            }
        }
        args.iter_mut().for_each(rename);
        f.args = args;
        f.ops.shrink_to_fit();
    }
}
