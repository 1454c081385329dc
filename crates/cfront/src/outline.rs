//! What one pass over a file gives: its includes, macros and declarations, without their insides.

pub use crate::bulk::{BulkMacros, name_hash};
use crate::condition::Lookup;
use crate::config::Options;
use crate::scan::Conditionals;
use cuthere_base::{Loc, Symbol};
use std::sync::OnceLock;

/// The declarations of one file, in source order.
#[derive(Clone, Debug, Default)]
pub struct FileOutline {
    pub includes: Vec<Include>,
    pub macros: Vec<MacroDef>,
    pub items: Vec<Item>,
    /// `#undef`s that the configuration includes, with the offset of the name; sorted by name.
    pub undefs: Vec<(Symbol, u32)>,
    /// The macros of a file that holds nearly nothing else; `macros` is empty then.
    pub bulk: Option<BulkMacros>,
    /// Byte ranges that the configuration excludes, sorted, from the end of the line of one conditional directive to the `#` of the next.
    pub inactive: Vec<(u32, u32)>,
    /// Bytes read.
    pub size: u32,
    /// Stated gaps: unbalanced braces, unterminated comments or conditionals, unreadable, not text …
    pub notes: Vec<(Loc, String)>,
    /// Made when a function that the configuration excludes is read.
    pub(crate) conditionals: OnceLock<Conditionals>,
}

impl FileOutline {
    /// The definition of a macro in this file: the last active one, or else the first one.
    pub fn macro_def(&self, text: &[u8], name: Symbol) -> Option<MacroDef> {
        if let Some(bulk) = &self.bulk {
            return bulk.find(text, name.as_str());
        }
        let mut same = self.macros.iter().filter(|m| m.name == name);
        let first = same.clone().next().copied();
        same.rfind(|m| m.active).copied().or(first)
    }

    /// Whether the file undefines a name behind `lo` and not behind `hi`.
    pub fn undefined_within(&self, name: Symbol, lo: u32, hi: u32) -> bool {
        let after = self.undefs.partition_point(|u| (u.0.index(), u.1) <= (name.index(), lo));
        self.undefs.get(after).is_some_and(|u| u.0 == name && u.1 <= hi)
    }

    /// The byte ranges inside `item` that are not to be read. For an active item these are the ones that the configuration
    /// excludes; for an inactive one the conditions around it are taken as true, and the ones inside it decided accordingly.
    pub fn inactive_for_item(&self, text: &[u8], item: &Item, options: &Options, lookup: &dyn Fn(&str) -> Lookup) -> Vec<(u32, u32)> {
        if !item.active {
            return crate::scan::inactive_inside(self, text, item, options, lookup);
        }
        let from = self.inactive.partition_point(|r| r.1 <= item.lo);
        self.inactive[from..].iter().take_while(|r| r.0 < item.hi).copied().collect()
    }
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
