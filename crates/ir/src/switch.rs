//! `switch`: cases are collected while the body is lowered, so that a case may stand anywhere in it (Duff's device).

use crate::func::*;
use crate::lower::{At, Jump, Lower};
use cuthere_cfront::ast;

/// A switch whose body is being lowered.
#[derive(Debug)]
pub(crate) struct SwitchFrame {
    /// Control comes to the switch at all.
    reached: bool,
    /// The constant that is switched on, if it is one.
    constant: Option<i64>,
    cases: Vec<(i64, i64, BlockId)>,
    default: Option<BlockId>,
    /// How many case labels had no known value.
    unknown: u32,
}

impl Lower<'_> {
    pub fn switch(&mut self, value: ast::ExprId, body: ast::StmtId, at: At) {
        let value = self.value(value);
        let head = self.cur;
        self.terminate(Term::Unreachable, at);
        let exit = self.new_block();
        self.s.breaks.push(Jump { target: exit, cleanup: self.cleanup });
        let constant = self.constant(value);
        self.s.switches.push(SwitchFrame { reached: head.is_some(), constant, cases: Vec::new(), default: None, unknown: 0 });
        self.stmt(body);
        self.s.breaks.pop();
        let frame = self.s.switches.pop();
        self.goto(exit, at);
        if let (Some(head), Some(frame)) = (head, frame) {
            let default = frame.default.unwrap_or(exit);
            let term = match constant {
                Some(constant) if frame.unknown == 0 => {
                    let case = frame.cases.iter().find(|&&(lo, hi, _)| lo <= constant && constant <= hi);
                    Term::Goto(case.map_or(default, |c| c.2))
                }
                _ => {
                    let mut cases = frame.cases;
                    cases.retain(|c| self.s.wanted.get(c.2.index()) == Some(&true));
                    Term::Switch { value, cases: cases.into_boxed_slice(), default }
                }
            };
            match &term {
                Term::Goto(target) if *target == exit => self.want(exit),
                Term::Switch { default, .. } if *default == exit => self.want(exit),
                _ => {}
            }
            if let Some(block) = self.s.blocks.get_mut(head.index()) {
                block.term = term;
            }
        }
        self.start_wanted(exit);
    }

    pub fn case(&mut self, lo: ast::ExprId, hi: Option<ast::ExprId>, at: At) {
        let lo = self.case_value(lo);
        let hi = hi.map_or(lo, |hi| self.case_value(hi));
        let Some(frame) = self.s.switches.last_mut() else {
            self.gap(at, "`case` outside a switch");
            return;
        };
        let (lo, hi) = match (lo, hi) {
            (Some(lo), Some(hi)) => (lo, hi),
            _ => {
                // A label whose value is not known: a value of its own that no constant has.
                let value = i64::MIN + 1 + i64::from(frame.unknown);
                frame.unknown += 1;
                (value, value)
            }
        };
        let reached = frame.reached && (frame.constant.is_none_or(|c| frame.unknown > 0 || (lo <= c && c <= hi)));
        let block = self.case_block(reached, at);
        if let Some(frame) = self.s.switches.last_mut() {
            frame.cases.push((lo, hi, block));
        }
    }

    pub fn default_case(&mut self, at: At) {
        let Some(frame) = self.s.switches.last() else {
            self.gap(at, "`default` outside a switch");
            return;
        };
        let block = self.case_block(frame.reached, at);
        if let Some(frame) = self.s.switches.last_mut() {
            frame.default = Some(block);
        }
    }

    /// The block of a case: a new one, or the current one if that has only just been begun by another case.
    fn case_block(&mut self, reached: bool, at: At) -> BlockId {
        if let (Some(cur), Some(frame)) = (self.cur, self.s.switches.last())
            && (frame.cases.last().is_some_and(|c| c.2 == cur) || frame.default == Some(cur))
            && self.s.blocks.get(cur.index()).is_some_and(|b| b.ops.0 as usize == self.s.ops.len())
        {
            return cur;
        }
        let block = self.new_block();
        if reached {
            self.want(block);
        }
        self.flow_into(block, at);
        block
    }

    fn case_value(&mut self, e: ast::ExprId) -> Option<i64> {
        self.const_value(e)
    }
}
