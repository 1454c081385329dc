//! The keywords of GNU C, told apart from other identifiers by their symbol.

use crate::ast::Space;
use cuthere_base::Symbol;
use std::sync::LazyLock;

/// A keyword; spellings with and without underscores are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kw {
    If,
    Else,
    While,
    Do,
    For,
    Switch,
    Case,
    Default,
    Goto,
    Break,
    Continue,
    Return,
    Sizeof,
    Alignof,
    Typeof,
    AutoType,
    Asm,
    Attribute,
    Extension,
    Struct,
    Union,
    Enum,
    Void,
    Char,
    Short,
    Int,
    Long,
    Float,
    Double,
    Signed,
    Unsigned,
    Bool,
    Int128,
    Complex,
    Const,
    Volatile,
    Restrict,
    Atomic,
    Inline,
    Static,
    Extern,
    Typedef,
    Register,
    Auto,
    Noreturn,
    ThreadLocal,
    Label,
    StaticAssert,
    Generic,
    Alignas,
    Offsetof,
    TypesCompatible,
    VaArg,
    RealImag,
    Space(Space),
}

impl Kw {
    /// Whether a type name may begin with it.
    pub(super) fn starts_type(self) -> bool {
        use Kw::*;
        matches!(
            self,
            Typeof
                | AutoType
                | Struct
                | Union
                | Enum
                | Void
                | Char
                | Short
                | Int
                | Long
                | Float
                | Double
                | Signed
                | Unsigned
                | Bool
                | Int128
                | Complex
                | Const
                | Volatile
                | Restrict
                | Atomic
                | Space(_)
        )
    }

    /// Whether a declaration may begin with it; `__attribute__` and `__extension__` need a look at what follows.
    pub(super) fn starts_decl(self) -> bool {
        use Kw::*;
        self.starts_type() || matches!(self, Inline | Static | Extern | Typedef | Register | Auto | Noreturn | ThreadLocal | Alignas)
    }

    /// Whether only a statement can begin with it.
    pub(super) fn starts_stmt(self) -> bool {
        use Kw::*;
        matches!(self, If | While | Do | For | Switch | Case | Default | Goto | Break | Continue | Return | Asm)
    }
}

const WORDS: &[(&str, Kw)] = &[
    ("if", Kw::If),
    ("else", Kw::Else),
    ("while", Kw::While),
    ("do", Kw::Do),
    ("for", Kw::For),
    ("switch", Kw::Switch),
    ("case", Kw::Case),
    ("default", Kw::Default),
    ("goto", Kw::Goto),
    ("break", Kw::Break),
    ("continue", Kw::Continue),
    ("return", Kw::Return),
    ("sizeof", Kw::Sizeof),
    ("__alignof", Kw::Alignof),
    ("__alignof__", Kw::Alignof),
    ("_Alignof", Kw::Alignof),
    ("typeof", Kw::Typeof),
    ("__typeof", Kw::Typeof),
    ("__typeof__", Kw::Typeof),
    ("typeof_unqual", Kw::Typeof),
    ("__typeof_unqual", Kw::Typeof),
    ("__typeof_unqual__", Kw::Typeof),
    ("__auto_type", Kw::AutoType),
    ("asm", Kw::Asm),
    ("__asm", Kw::Asm),
    ("__asm__", Kw::Asm),
    ("__attribute", Kw::Attribute),
    ("__attribute__", Kw::Attribute),
    ("__declspec", Kw::Attribute),
    ("__extension__", Kw::Extension),
    ("struct", Kw::Struct),
    ("union", Kw::Union),
    ("enum", Kw::Enum),
    ("void", Kw::Void),
    ("char", Kw::Char),
    ("short", Kw::Short),
    ("int", Kw::Int),
    ("long", Kw::Long),
    ("float", Kw::Float),
    ("double", Kw::Double),
    ("signed", Kw::Signed),
    ("__signed", Kw::Signed),
    ("__signed__", Kw::Signed),
    ("unsigned", Kw::Unsigned),
    ("_Bool", Kw::Bool),
    ("__int128", Kw::Int128),
    ("__int128__", Kw::Int128),
    ("_Complex", Kw::Complex),
    ("__complex__", Kw::Complex),
    ("const", Kw::Const),
    ("__const", Kw::Const),
    ("__const__", Kw::Const),
    ("volatile", Kw::Volatile),
    ("__volatile", Kw::Volatile),
    ("__volatile__", Kw::Volatile),
    // Named address spaces of x86.
    ("__seg_gs", Kw::Volatile),
    ("__seg_fs", Kw::Volatile),
    ("restrict", Kw::Restrict),
    ("__restrict", Kw::Restrict),
    ("__restrict__", Kw::Restrict),
    ("_Atomic", Kw::Atomic),
    ("inline", Kw::Inline),
    ("__inline", Kw::Inline),
    ("__inline__", Kw::Inline),
    ("static", Kw::Static),
    ("extern", Kw::Extern),
    ("typedef", Kw::Typedef),
    ("register", Kw::Register),
    ("auto", Kw::Auto),
    ("_Noreturn", Kw::Noreturn),
    ("__thread", Kw::ThreadLocal),
    ("_Thread_local", Kw::ThreadLocal),
    ("__label__", Kw::Label),
    ("_Static_assert", Kw::StaticAssert),
    ("_Generic", Kw::Generic),
    ("_Alignas", Kw::Alignas),
    ("__builtin_offsetof", Kw::Offsetof),
    ("__builtin_types_compatible_p", Kw::TypesCompatible),
    ("__builtin_va_arg", Kw::VaArg),
    ("__real", Kw::RealImag),
    ("__real__", Kw::RealImag),
    ("__imag", Kw::RealImag),
    ("__imag__", Kw::RealImag),
    ("__user", Kw::Space(Space::User)),
    ("__iomem", Kw::Space(Space::Iomem)),
    ("__percpu", Kw::Space(Space::Percpu)),
    ("__rcu", Kw::Space(Space::Rcu)),
    ("__kernel", Kw::Space(Space::Kernel)),
];

const SLOTS: usize = 512;

type Table = [Option<(Symbol, Kw)>; SLOTS];

/// Open addressing over symbol ids: at most a sixth full, so that nearly every lookup is one probe.
static TABLE: LazyLock<Box<Table>> = LazyLock::new(|| {
    let mut table = Box::new([None; SLOTS]);
    for &(text, word) in WORDS {
        let symbol = Symbol::intern(text);
        let mut slot = hash(symbol);
        while table[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = Some((symbol, word));
    }
    table
});

fn hash(symbol: Symbol) -> usize {
    ((symbol.index() as u32).wrapping_mul(0x9E37_79B1) >> 23) as usize % SLOTS
}

/// The table, fetched once per parse.
pub(super) struct Words(&'static Table);

impl Words {
    pub(super) fn get() -> Words {
        Words(&TABLE)
    }

    /// The keyword that a symbol is.
    pub(super) fn find(&self, symbol: Symbol) -> Option<Kw> {
        let mut slot = hash(symbol);
        while let Some((found, word)) = self.0[slot] {
            if found == symbol {
                return Some(word);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }
}

/// Names that the compiler itself gives to types.
pub(super) fn is_builtin_type(name: Symbol) -> bool {
    matches!(
        name.as_str(),
        "bool" | "__builtin_va_list" | "__int128_t" | "__uint128_t" | "_Float16" | "_Float32" | "_Float64" | "_Float128" | "__float128"
    )
}

/// Whether an unknown identifier looks like an annotation macro: `__weird` or `WEIRD`.
pub(super) fn looks_like_annotation(name: Symbol) -> bool {
    let text = name.as_str();
    if let Some(rest) = text.strip_prefix("__") {
        // `__u32`, `__be16`, `__wsum` and `__kernel_size_t` are types.
        let integer = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        return !rest.ends_with("_t") && !matches!(integer, "u" | "s" | "be" | "le" | "sum" | "wsum");
    }
    text.len() > 1 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether an unknown identifier looks like a type: `foo_t`.
pub(super) fn looks_like_type(name: Symbol) -> bool {
    let text = name.as_str();
    if text.ends_with("_t") {
        return true;
    }
    let rest = text.strip_prefix("__").unwrap_or(text);
    matches!(
        rest,
        "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32" | "s64" | "le16" | "le32" | "le64" | "be16" | "be32" | "be64" | "wsum"
    )
}

/// Whether an unknown macro that takes a statement looks like a loop.
pub(super) fn looks_like_loop(name: Symbol) -> bool {
    let text = name.as_str();
    let has = |word: &str| text.contains(word);
    has("for_each")
        || has("foreach")
        || has("FOREACH")
        || has("FOR_EACH")
        || text.starts_with("for_")
        || text.starts_with("FOR_")
        || has("_for_")
}

/// Whether an unknown macro before a block looks like a loop: `skb_queue_walk(…) {`, `do_each_thread(…) {`.
pub(super) fn looks_like_block_loop(name: Symbol) -> bool {
    let text = name.as_str();
    looks_like_loop(name) || text.contains("_walk") || text.contains("walk_") || text.contains("_each")
}
