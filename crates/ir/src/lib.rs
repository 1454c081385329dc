//! Control-flow graphs of typed operations on places.
//!
//! A [`Func`] is one function body after lowering: basic blocks of operations whose operands are side-effect-free expressions.
//! Short-circuit operators, `?:` with effects, statement expressions, loops, `switch`, clean-ups and `goto` are blocks and edges.
//! Calls of names that the kernel model knows stay calls by that name. No knowledge of what a name means here.

mod assign;
pub mod body;
mod branch;
mod builtins;
mod call;
mod cleanup;
pub mod dump;
mod expr;
mod finish;
mod flags;
mod fold;
mod front;
pub mod func;
pub mod globals;
mod init;
mod lower;
mod operators;
mod place;
mod print;
mod scope;
mod stmt;
mod switch;
pub mod tables;
mod typer;

pub use body::{BodyReader, Lowered};
pub use func::*;
pub use globals::{ConstValue, GlobalInit, InitEntry, PathStep};
pub use print::binary as operator_text;

pub use lower::{LowerCx, LowerScratch, lower_function};
