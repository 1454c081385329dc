//! Numbers of the parts of a body, and the identity of a record.

use cuthere_base::Symbol;
use cuthere_cfront::program::Program;
use cuthere_cfront::types::RecordId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in its table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        })*
    };
}
ids! {
    /// An expression of one body.
    ExprId,
    /// An operation of one body.
    OpId,
    /// A basic block of one body; block 0 is the entry.
    BlockId,
}

/// A parameter, local variable or temporary of one body; parameters come first. Kept as one more, so that to have none takes no room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalId(NonZeroU32);

impl LocalId {
    /// The one of this number, from 0.
    pub fn new(number: u32) -> LocalId {
        LocalId(NonZeroU32::MIN.saturating_add(number))
    }

    /// Its number, from 0.
    pub fn number(self) -> u32 {
        self.0.get() - 1
    }

    /// The position in its table.
    pub fn index(self) -> usize {
        self.number() as usize
    }
}

/// A record's identity, the same in every run: its tag, and for a record that a source file or a folder's own header defines that file too, so
/// that the `struct priv` of two drivers are two records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(Symbol);

impl Record {
    /// A record that is not known.
    pub const UNKNOWN: Record = Record(Symbol::EMPTY);

    /// The record with this tag that `file` defines; headers that everybody includes, and what is only declared, give no file.
    pub fn new(tag: Symbol, file: Option<&str>) -> Record {
        match file {
            Some(path) if !tag.is_empty() && !common(path) => Record(Symbol::intern(&format!("{tag}@{path}"))),
            _ => Record(tag),
        }
    }

    /// The identity of a record of a program.
    pub fn of(program: &Program<'_>, id: RecordId) -> Record {
        let file = program.types.record_file(id);
        Record::new(program.types.record_name(id), file.map(|f| program.source.path(f)))
    }

    /// What the variables of file level are members of: the file, for those that are private to it (`Some`), or the whole program.
    pub fn file_level(file: Option<&str>) -> Record {
        Record(Symbol::intern(&format!("@{}", file.unwrap_or_default())))
    }

    /// Whether it stands for a file or the whole program, rather than for a type.
    pub fn is_file_level(self) -> bool {
        self.0.as_str().starts_with('@')
    }

    /// A member as findings name it: with the tag of its record, a variable of file level by its name alone.
    pub fn member_text(self, member: Symbol) -> String {
        if self.is_file_level() || self.is_unknown() { member.as_str().to_owned() } else { format!("{self}.{member}") }
    }

    pub fn is_unknown(self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one of the whole kernel's, not a file's or a folder's own.
    pub fn is_common(self) -> bool {
        !self.0.as_str().contains('@')
    }

    /// The tag alone, as messages and the kernel model write it.
    pub fn tag(self) -> &'static str {
        let text = self.0.as_str();
        text.split_once('@').map_or(text, |(tag, _)| tag)
    }

    /// The file that defines it, if it is not the whole kernel's.
    pub fn file(self) -> &'static str {
        self.0.as_str().split_once('@').map_or("", |(_, file)| file)
    }

    /// Whether two may be one: their tags are one, and not two files define them. Where a record is only declared, no file is known.
    pub fn may_be(self, other: Record) -> bool {
        self == other
            || !self.is_unknown() && self.tag() == other.tag() && !(self.0.as_str().contains('@') && other.0.as_str().contains('@'))
    }

    /// The tag as a name; for look-ups in the model.
    pub fn tag_symbol(self) -> Symbol {
        if self.0.as_str().contains('@') { Symbol::intern(self.tag()) } else { self.0 }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// What a value points to, by its type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Pointee {
    /// It is no pointer.
    Nothing,
    /// Something that is no record: memory of any kind, a number, another pointer.
    Other,
    Record(Record),
}

impl Pointee {
    pub fn is_pointer(self) -> bool {
        self != Pointee::Nothing
    }

    /// The record, if it is one that has a name.
    pub fn record(self) -> Option<Record> {
        match self {
            Pointee::Record(record) if !record.is_unknown() => Some(record),
            _ => None,
        }
    }
}

/// Whether a file's records are the whole kernel's.
fn common(path: &str) -> bool {
    path.starts_with("include/") || path.split_once("/include/").is_some_and(|(before, _)| before.starts_with("arch/"))
}
