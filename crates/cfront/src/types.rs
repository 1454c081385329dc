//! Types with their names resolved.
//!
//! A [`Ty`] is an id in a [`Types`] table; equal types have equal ids within one table. Records are filled in on first need.

use crate::ast::{Space, TagKind};
use cuthere_base::{FileId, Symbol};

/// A resolved type. Id 0 is `TyKind::Unknown` in every table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ty(pub u32);

/// A structure or union: one per definition, so two drivers' `struct priv` are two records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordId(pub u32);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TyKind {
    /// Not known: a name without definition, or an expression that could not be typed.
    Unknown,
    Void,
    Bool,
    Int {
        size: u8,
        signed: bool,
    },
    Float {
        size: u8,
    },
    Pointer {
        to: Ty,
        space: Space,
    },
    /// `None`: incomplete or not computable.
    Array {
        of: Ty,
        len: Option<u64>,
    },
    Function {
        ret: Ty,
        params: Box<[Ty]>,
        variadic: bool,
    },
    Record(RecordId),
    /// Enumerations are ints that remember their tag.
    Enum(Symbol),
    /// `va_list` and other builtin types without structure.
    Builtin(Symbol),
}

/// A member of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Empty: an anonymous struct or union whose members are reached as the outer's own.
    pub name: Symbol,
    pub ty: Ty,
    /// Bit-field width.
    pub bits: Option<u32>,
}

/// What is known of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub kind: TagKind,
    /// The tag, or for an untagged record its typedef's name; empty if neither.
    pub name: Symbol,
    /// Where it is defined; `None`: only declared, or known only from the model.
    pub file: Option<FileId>,
    pub fields: Vec<Field>,
    pub complete: bool,
    pub packed: bool,
}

/// The table of types and records of one program; shared between threads.
#[derive(Default)]
pub struct Types {}
