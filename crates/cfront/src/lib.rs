//! Reading kernel C without a build: tokens, preprocessing, syntax, names and types.
//!
//! One pass over every file makes an [`outline`]; everything else happens on demand, per declaration or body.
//! Nothing here knows what a lock is: the names that must stay unexpanded, and the shape in which they are written, come in
//! as a [`shapes::Shapes`] table. No I/O: bytes come from a [`cuthere_base::Source`].

pub mod asked;
pub mod ast;
pub mod bulk;
pub mod closure;
pub mod condition;
pub mod config;
pub mod consteval;
pub mod expand;
pub mod include_graph;
pub mod layout;
pub mod lexer;
pub mod macros;
pub mod names;
pub mod outline;
pub mod parser;
pub mod program;
mod rename;
pub mod resolve;
#[cfg(test)]
mod resolve_tests;
pub mod rests;
pub mod scan;
pub mod shapes;
mod text;
pub mod token;
pub mod types;
pub mod typing;
