//! The names that preprocessing leaves alone, and the syntax they are written in.
//!
//! The kernel model fills this table; the front end only learns from it how to parse a use.

use crate::macros::MacroBody;
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// How a name that is not expanded is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// `name(args)` as an expression; an argument may be a type (`container_of`). Also function-like macros used as statements.
    Call,
    /// `name(args) statement`: the statement is a loop body (`list_for_each_entry`).
    Loop,
    /// `name(class, args…) statement`: the statement runs once inside a scope (`scoped_guard`).
    Scope,
    /// `name(class)(args);` as a statement: holds until the enclosing block ends (`guard`).
    Guard,
    /// `name(class, variable)(args);` as a declaration with clean-up at the end of the block (`CLASS`).
    ClassDecl,
    /// `name(args)` written as a declaration of the variable named by the first argument (`DECLARE_WAITQUEUE`, `LIST_HEAD`, `DEFINE_MUTEX`).
    Decl,
    /// `name(function)` after a declarator: the clean-up function called at the end of the variable's life (`__free`, `__cleanup`).
    Cleanup,
    /// An annotation without meaning for control flow, with or without arguments: dropped (`__must_check`, `__printf(1, 2)`).
    Ignored,
    /// An annotation kept on function declarations: its name and arguments are recorded (`__must_hold(x)`, `__acquires(x)`, `__init`).
    Annotation,
}

/// Name → shape, plus constants and types known when no header says so.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    pub names: FxHashMap<Symbol, Shape>,
    /// Type names that are known without a header (`u32`, `gfp_t`, `spinlock_t`).
    pub types: FxHashMap<Symbol, KnownType>,
    /// Integer constants known without a header (`GFP_KERNEL`, `EINVAL`). A definition in the tree wins.
    pub constants: FxHashMap<Symbol, i64>,
    /// Macros that return from the function with what they are handed (`RETURN(x)`), where nothing defines them.
    pub returns: FxHashSet<Symbol>,
    /// Macros known without a header (`SET_RUNTIME_PM_OPS`). Where the tree defines one of the name, that alone counts.
    pub macros: FxHashMap<Symbol, Arc<MacroBody>>,
}

/// What a type name stands for when no definition is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KnownType {
    /// Bytes and signedness.
    Int {
        size: u8,
        signed: bool,
    },
    Bool,
    /// A structure of unknown contents with this tag or typedef name.
    Struct,
    /// A pointer to a function or to something unknown.
    Pointer,
}

impl Shapes {
    /// The shape of a name; `None`: the name means nothing special.
    pub fn get(&self, name: Symbol) -> Option<Shape> {
        self.names.get(&name).copied()
    }
}
