//! Control-flow graphs of typed operations on places.
//!
//! A [`Func`] is one function body after lowering: basic blocks of operations whose operands are side-effect-free expressions.
//! Short-circuit operators, `?:` with effects, statement expressions, loops, `switch`, clean-ups and `goto` are blocks and edges.
//! Calls of names that the kernel model knows stay calls by that name. No knowledge of what a name means here.

pub mod func;

pub use func::*;
