//! Callbacks as calls and assignments bind them: which function, in which context it runs, and what another argument says of that.
//!
//! Objects are told apart by the member or global that they are: what a timer was set up with is known where its function is stored. A pointer
//! that went through a variable is not followed.

use crate::body::{ArgRange, Body, Expr, ExprId, Record};
use crate::domain::Preemption;
use cuthere_base::{FileId, Symbol};
use cuthere_ir::BinOp;
use cuthere_kernel::{ArgumentTest, CallbackEffect, CallbackOp, Context, When};
use rustc_hash::FxHashMap;

/// A callback object, as far as objects are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectKey {
    Member(Record, Symbol),
    Global(FileId, Symbol),
}

/// The object that a pointer expression points to.
pub fn object_at(d: &Body, pointer: ExprId) -> Option<ObjectKey> {
    match d.expr(pointer) {
        Expr::Addr(place) => object(d, place),
        _ => None,
    }
}

/// The object that a place is.
pub fn object(d: &Body, place: ExprId) -> Option<ObjectKey> {
    match d.expr(place) {
        Expr::Field { record, name, .. } if !record.is_unknown() => Some(ObjectKey::Member(record, name)),
        Expr::Global(name) => Some(ObjectKey::Global(d.file, name)),
        _ => None,
    }
}

/// The context that a call means for its callback; `None`: its other arguments say that the row does not hold.
pub fn context(d: &Body, args: ArgRange, callback: &CallbackEffect, preemption: Preemption) -> Option<Context> {
    let mut context = preemption.entered(&callback.context);
    context.sometimes |= match callback.when {
        None => false,
        Some(When { argument, test: ArgumentTest::Named(name) }) => {
            let given = d.expr(*d.call_args(args).get(argument as usize)?);
            let variable = match given {
                Expr::Load(place, _) | Expr::Addr(place) => d.expr(place),
                _ => given,
            };
            if variable != Expr::Global(name) {
                return None;
            }
            false
        }
        Some(When { argument, test }) => {
            let known = d.call_args(args).get(argument as usize).map(|&e| bits(d, e, 0));
            match (test, known) {
                (ArgumentTest::Bit(mask), Some((set, _))) if set & mask != 0 => false,
                (ArgumentTest::NoBit(mask), Some((set, whole))) if set & mask == 0 => !whole,
                // What is not known counts as not set.
                (ArgumentTest::NoBit(_), None) => true,
                _ => return None,
            }
        }
    };
    Some(context)
}

/// The bits that are certainly set in a value, and whether they are all.
fn bits(d: &Body, e: ExprId, depth: u32) -> (i64, bool) {
    match d.expr(e) {
        Expr::Int(value) => (value, true),
        Expr::Bin(BinOp::Or | BinOp::Add, a, b) if depth < 8 => {
            let ((a, x), (b, y)) = (bits(d, a, depth + 1), bits(d, b, depth + 1));
            (a | b, x && y)
        }
        _ => (0, false),
    }
}

/// In which contexts the functions of callback objects run, by what these were set up or armed with.
#[derive(Default)]
pub struct Modes(FxHashMap<ObjectKey, [Vec<Context>; 2]>);

impl Modes {
    pub fn add(&mut self, object: ObjectKey, op: CallbackOp, context: &Context) {
        let slot = match op {
            CallbackOp::Setup => 0,
            CallbackOp::Arm => 1,
            _ => return,
        };
        let list = &mut self.0.entry(object).or_default()[slot];
        if !list.contains(context) && list.len() < 4 {
            list.push(context.clone());
        }
    }

    /// What an object was set up with, else what it was armed with; several only by different code.
    pub fn of(&self, object: ObjectKey) -> &[Context] {
        match self.0.get(&object) {
            Some([setup, arm]) if setup.is_empty() => arm,
            Some([setup, _]) => setup,
            None => &[],
        }
    }
}
