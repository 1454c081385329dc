//! The compiler's own functions, and the hints that are stripped. Not the kernel's primitives: those are the model's.

use cuthere_base::Symbol;
use cuthere_cfront::ast::BinOp;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Builtin {
    /// `__builtin_expect(e, c)`: `e`.
    Expect,
    /// `likely(e)`: the truth of `e`.
    Likely,
    Unlikely,
    ConstantP,
    ChooseExpr,
    ObjectSize,
    Unreachable,
    /// A call that does not return.
    Trap,
    /// Nothing is known of the value and nothing happens.
    Opaque,
    Offsetof,
    /// `__builtin_add_overflow(a, b, p)`: stores `a + b` through `p` and says whether that was too large.
    Arithmetic(BinOp),
    /// `__builtin_memcpy` is `memcpy`.
    Alias(&'static str),
}

static BUILTINS: LazyLock<FxHashMap<Symbol, Builtin>> = LazyLock::new(|| {
    let named = [
        ("__builtin_expect", Builtin::Expect),
        ("__builtin_expect_with_probability", Builtin::Expect),
        ("__builtin_assume_aligned", Builtin::Expect),
        ("likely", Builtin::Likely),
        ("unlikely", Builtin::Unlikely),
        ("__builtin_constant_p", Builtin::ConstantP),
        ("__builtin_choose_expr", Builtin::ChooseExpr),
        ("__builtin_object_size", Builtin::ObjectSize),
        ("__builtin_dynamic_object_size", Builtin::ObjectSize),
        ("__builtin_unreachable", Builtin::Unreachable),
        ("__builtin_trap", Builtin::Trap),
        ("__builtin_return_address", Builtin::Opaque),
        ("__builtin_frame_address", Builtin::Opaque),
        ("__builtin_extract_return_addr", Builtin::Opaque),
        ("__builtin_va_start", Builtin::Opaque),
        ("__builtin_va_end", Builtin::Opaque),
        ("__builtin_va_copy", Builtin::Opaque),
        ("__builtin_prefetch", Builtin::Opaque),
        ("__builtin_offsetof", Builtin::Offsetof),
        ("offsetof", Builtin::Offsetof),
        ("__builtin_add_overflow", Builtin::Arithmetic(BinOp::Add)),
        ("__builtin_sub_overflow", Builtin::Arithmetic(BinOp::Sub)),
        ("__builtin_mul_overflow", Builtin::Arithmetic(BinOp::Mul)),
    ];
    let aliases = [
        ("__builtin_memcpy", "memcpy"),
        ("__builtin_memmove", "memmove"),
        ("__builtin_memset", "memset"),
        ("__builtin_memcmp", "memcmp"),
        ("__builtin_strlen", "strlen"),
        ("__builtin_strcpy", "strcpy"),
        ("__builtin_strncpy", "strncpy"),
        ("__builtin_strcmp", "strcmp"),
        ("__builtin_strncmp", "strncmp"),
        ("__builtin_strcat", "strcat"),
        ("__builtin_strchr", "strchr"),
        ("__builtin_strrchr", "strrchr"),
        ("__builtin_strnlen", "strnlen"),
        ("__builtin_sprintf", "sprintf"),
        ("__builtin_snprintf", "snprintf"),
        ("__builtin_printf", "printf"),
    ];
    let named = named.into_iter().map(|(name, builtin)| (Symbol::intern(name), builtin));
    let aliases = aliases.into_iter().map(|(name, alias)| (Symbol::intern(name), Builtin::Alias(alias)));
    named.chain(aliases).collect()
});

/// What the compiler takes the name for.
pub(crate) fn builtin(name: Symbol) -> Option<Builtin> {
    BUILTINS.get(&name).copied()
}

/// Names that lowering compares with.
pub(crate) struct Known {
    pub mptr: Symbol,
    pub func: [Symbol; 3],
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
    mptr: Symbol::intern("__mptr"),
    func: [Symbol::intern("__func__"), Symbol::intern("__FUNCTION__"), Symbol::intern("__PRETTY_FUNCTION__")],
});

pub(crate) fn known() -> &'static Known {
    &KNOWN
}
