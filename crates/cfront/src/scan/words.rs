//! The words of declarations that are not names: storage, type keywords, annotations.

use super::Scan;
use crate::shapes::Shape;
use cuthere_base::Symbol;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// What a word in a declaration is, as far as the word itself says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// A name: of a type, a macro or what is declared.
    Plain,
    /// Says nothing of the type: `static`, `const`, `asmlinkage`.
    Storage,
    /// A type keyword, or another word that a parenthesis may follow without being a declarator.
    Keyword,
    /// `struct`, `union`, `enum`.
    Tag,
    /// An annotation, with or without arguments.
    Attribute,
}

const STORAGE: &[&str] = &[
    "static",
    "extern",
    "inline",
    "__inline",
    "__inline__",
    "__always_inline",
    "register",
    "auto",
    "const",
    "__const",
    "volatile",
    "noinline",
    "noinline_for_stack",
    "__extension__",
    "notrace",
    "noinstr",
    "asmlinkage",
    "typedef",
    "_Thread_local",
    "__thread",
    "nokprobe_inline",
    "__no_instrument_function",
];

const TAGS: &[&str] = &["struct", "union", "enum"];

const KEYWORDS: &[&str] = &[
    "void",
    "char",
    "short",
    "int",
    "long",
    "float",
    "double",
    "signed",
    "unsigned",
    "bool",
    "_Bool",
    "typeof",
    "__typeof__",
    "__typeof",
    "typeof_unqual",
    "__typeof_unqual__",
    "_Atomic",
    "_BitInt",
    "sizeof",
    "__signed__",
    "asm",
    "__asm__",
    "__asm",
    "restrict",
    "__restrict",
    "__restrict__",
    "_Complex",
    "__int128",
    "__auto_type",
    "return",
    "if",
    "while",
    "for",
    "switch",
    "do",
    "else",
    "goto",
    "case",
];

/// Annotations that are written around declarations, besides those that the model names.
const ATTRIBUTES: &[&str] = &[
    "__attribute__",
    "__attribute",
    "__declspec",
    "_Noreturn",
    "_Alignas",
    "__init",
    "__exit",
    "__initdata",
    "__exitdata",
    "__initconst",
    "__exitconst",
    "__refdata",
    "__ref",
    "__refconst",
    "__meminit",
    "__memexit",
    "__cpuinit",
    "__devinit",
    "__net_init",
    "__net_exit",
    "__net_initdata",
    "__sched",
    "__cold",
    "__hot",
    "__weak",
    "__pure",
    "__used",
    "__maybe_unused",
    "__always_unused",
    "__noreturn",
    "__visible",
    "__must_check",
    "__deprecated",
    "__malloc",
    "__alloc_size",
    "__printf",
    "__scanf",
    "__section",
    "__packed",
    "__aligned",
    "__alias",
    "__acquires",
    "__releases",
    "__must_hold",
    "__cond_acquires",
    "__read_mostly",
    "__ro_after_init",
    "__cacheline_aligned",
    "____cacheline_aligned",
    "__cacheline_aligned_in_smp",
    "____cacheline_aligned_in_smp",
    "__user",
    "__iomem",
    "__percpu",
    "__rcu",
    "__force",
    "__kprobes",
    "__bpf_kfunc",
    "__latent_entropy",
    "__randomize_layout",
    "__designated_init",
    "__no_sanitize",
    "__noclone",
    "__naked",
    "__nonstring",
    "__counted_by",
    "__cleanup",
    "__free",
    "__lsm_ro_after_init",
    "__assume_aligned",
    "__copy",
    "__section__",
    "__initdata_or_module",
    "__noendbr",
    "__bitwise",
    "__bitwise__",
    "__nocast",
    "__private",
    "__safe",
];

static CLASSES: LazyLock<FxHashMap<&'static [u8], Class>> = LazyLock::new(|| {
    let lists = [(STORAGE, Class::Storage), (TAGS, Class::Tag), (KEYWORDS, Class::Keyword), (ATTRIBUTES, Class::Attribute)];
    lists.iter().flat_map(|(list, class)| list.iter().map(|w| (w.as_bytes(), *class))).collect()
});

/// What the word is by itself.
pub(super) fn class_of(word: &[u8]) -> Class {
    CLASSES.get(word).copied().unwrap_or(Class::Plain)
}

impl Scan<'_, '_> {
    /// What the word is, the model's annotations included.
    pub(super) fn class(&self, lo: u32, hi: u32) -> Class {
        let word = &self.text[lo as usize..hi as usize];
        let class = class_of(word);
        // Annotations begin with an underscore, with `no`, or shout; nothing else is looked up.
        let may = word.len() > 3 && (word[0] == b'_' || word.starts_with(b"no") || !word.iter().any(u8::is_ascii_lowercase));
        if class != Class::Plain || !may {
            return class;
        }
        let Some(name) = std::str::from_utf8(word).ok().and_then(Symbol::find) else { return class };
        match self.shapes.get(name) {
            Some(Shape::Ignored | Shape::Annotation | Shape::Cleanup) => Class::Attribute,
            _ => class,
        }
    }
}
