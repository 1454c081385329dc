//! What one pass over a file gives: its includes, macros and declarations, without their insides.

use cuthere_base::{Loc, Symbol};

/// The declarations of one file, in source order.
#[derive(Clone, Debug, Default)]
pub struct FileOutline {
    pub includes: Vec<Include>,
    pub macros: Vec<MacroDef>,
    pub items: Vec<Item>,
    /// Bytes read.
    pub size: u32,
    /// Stated gaps: unbalanced braces, unterminated comments or conditionals, unreadable, not text …
    pub notes: Vec<(Loc, String)>,
}

/// An `#include`, whether active or not.
#[derive(Clone, Copy, Debug)]
pub struct Include {
    /// The path as written.
    pub path: Symbol,
    /// `"…"` rather than `<…>`.
    pub quoted: bool,
    pub active: bool,
    pub loc: Loc,
}

/// A `#define`. Its body is kept as a byte range and made into tokens on first use.
#[derive(Clone, Copy, Debug)]
pub struct MacroDef {
    pub name: Symbol,
    /// From the byte after the name to the end of the (continued) line.
    pub lo: u32,
    pub hi: u32,
    pub function_like: bool,
    pub active: bool,
    pub loc: Loc,
}

/// What an item declares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ItemKind {
    /// A function with a body, also one defined through a macro (`SYSCALL_DEFINE3(name, …) { … }`).
    Function,
    /// A function declaration.
    Prototype,
    /// `struct tag { … }` or `union tag { … }`; the span is from the keyword to the brace. Untagged ones belong to the
    /// typedef or variable that they are written in.
    Record,
    /// `enum [tag] { … }`, same.
    Enum,
    /// One name of an enum's list; the span is the enum's.
    Enumerator,
    Typedef,
    /// A variable at file level; the span is its whole declaration, shared between `int a, b;`.
    Variable,
    /// `NAME(args);` or `NAME(args)` at file level that is no declaration by itself: expansion decides (`DEFINE_MUTEX(x);`, `module_init(f);`).
    MacroUse,
}

/// One declaration.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub kind: ItemKind,
    /// For a `MacroUse` the macro's name. For a function defined through a macro, the customary name (`sys_open` for `SYSCALL_DEFINE3(open, …)`).
    pub name: Symbol,
    /// Byte range of the declaration.
    pub lo: u32,
    pub hi: u32,
    /// For functions: byte range of the body, braces included; `0, 0` otherwise.
    pub body_lo: u32,
    pub body_hi: u32,
    pub loc: Loc,
    pub end_line: u32,
    /// Exists under the chosen configuration. Inactive functions are read under a setting in which they exist.
    pub active: bool,
    pub is_static: bool,
    pub is_inline: bool,
}

/// One item of one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ItemRef {
    pub file: cuthere_base::FileId,
    pub item: u32,
}
