//! Decides `#if`, `#ifdef` and their kin from the configuration, the predefined names and the file's own macros.
//!
//! Evaluates the whole expression language of the preprocessor, without expanding function-like macros other than the ones
//! that the kernel uses in conditions. What cannot be evaluated is false.

use crate::config::Options;
use crate::lexer::{Lexer, Raw, clean};
use crate::token::{Punct, Tok};

/// What is known of a name that is no configuration symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// A macro; its value if it is an integer constant.
    Defined(Option<i64>),
    Undefined,
    Unknown,
}

/// How deep parentheses and operators may nest.
const MAX_DEPTH: u32 = 200;
/// How many tokens an expression may have.
const MAX_TOKENS: usize = 20_000;

/// Symbols set otherwise than the configuration says, to read what it excludes.
pub type Overrides = Vec<(String, Option<i64>)>;

/// Decides the expression of an `#if` or `#elif`.
pub fn decide(text: &[u8], options: &Options, lookup: &dyn Fn(&str) -> Lookup) -> bool {
    Conditions { options, lookup, overrides: &[] }.value(text) != 0
}

/// Everything that a condition can ask.
#[derive(Clone, Copy)]
pub struct Conditions<'a> {
    pub options: &'a Options,
    pub lookup: &'a dyn Fn(&str) -> Lookup,
    pub overrides: &'a [(String, Option<i64>)],
}

impl Conditions<'_> {
    /// Whether the name is a macro (`#ifdef`).
    pub fn defined(&self, name: &str) -> bool {
        if let Some((_, value)) = self.overrides.iter().rev().find(|(n, _)| n == name) {
            return value.is_some();
        }
        match (self.lookup)(name) {
            Lookup::Defined(_) => true,
            Lookup::Undefined => false,
            Lookup::Unknown => {
                self.options.config_value(name).is_some()
                    || self.options.predefined(name).is_some()
                    || matches!(name, "__has_attribute" | "__has_builtin" | "__has_include" | "__FILE__" | "__LINE__")
            }
        }
    }

    /// The value of a name in an `#if`; names that are no macro are 0.
    fn name_value(&self, name: &str) -> i128 {
        if let Some((_, value)) = self.overrides.iter().rev().find(|(n, _)| n == name) {
            return value.unwrap_or(0).into();
        }
        let value = match (self.lookup)(name) {
            Lookup::Defined(Some(v)) => Some(v),
            Lookup::Defined(None) => self.options.known_value(name),
            Lookup::Undefined => None,
            Lookup::Unknown => {
                // The kernel's own headers set these unless a C library's came first.
                let uapi = || name.starts_with("__UAPI_DEF_").then_some(1);
                let options = self.options;
                options.config_value(name).or_else(|| options.predefined(name)).or_else(|| options.known_value(name)).or_else(uapi)
            }
        };
        value.unwrap_or(0).into()
    }

    fn config_on(&self, name: &str) -> bool {
        self.defined(name) && self.name_value(name) != 0
    }

    /// The value of an expression; 0 if it is none.
    pub fn value(&self, text: &[u8]) -> i128 {
        self.constant(text).unwrap_or(0)
    }

    /// The value of an expression, or nothing if the bytes are not one.
    pub fn constant(&self, text: &[u8]) -> Option<i128> {
        let tokens = tokens(text)?;
        let mut parser = Parser { conditions: self, text, tokens: &tokens, at: 0, depth: 0 };
        let value = parser.ternary()?;
        (parser.at == tokens.len()).then_some(value)
    }
}

fn tokens(text: &[u8]) -> Option<Vec<Raw>> {
    let mut lexer = Lexer::new(text, 0, text.len(), 1);
    let mut tokens = Vec::new();
    loop {
        let raw = lexer.next();
        if raw.kind == Tok::Eof {
            return Some(tokens);
        }
        if tokens.len() == MAX_TOKENS {
            return None;
        }
        tokens.push(raw);
    }
}

/// The value of an integer or character constant as written.
pub(crate) fn int_value(text: &str) -> Option<i128> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        let mut chars = inner.bytes();
        return match (chars.next()?, chars.next()) {
            (b'\\', Some(c)) => Some(match c {
                b'n' => 10,
                b't' => 9,
                b'r' => 13,
                b'0'..=b'7' => i128::from(u32::from_str_radix(&inner[1..], 8).ok()?),
                b'x' => i128::from(u32::from_str_radix(inner.get(2..)?, 16).ok()?),
                c => c.into(),
            }),
            (c, None) => Some(c.into()),
            _ => None,
        };
    }
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let value = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        u64::from_str_radix(hex, 16).ok()?
    } else if let Some(bin) = digits.strip_prefix("0b").or_else(|| digits.strip_prefix("0B")) {
        u64::from_str_radix(bin, 2).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(&digits[1..], 8).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(value.into())
}

struct Parser<'p, 'a> {
    conditions: &'p Conditions<'a>,
    text: &'p [u8],
    tokens: &'p [Raw],
    at: usize,
    depth: u32,
}

impl Parser<'_, '_> {
    fn peek(&self) -> Option<Punct> {
        match self.tokens.get(self.at)?.kind {
            Tok::Punct(p) => Some(p),
            _ => None,
        }
    }

    fn eat(&mut self, punct: Punct) -> bool {
        let hit = self.peek() == Some(punct);
        self.at += usize::from(hit);
        hit
    }

    fn ternary(&mut self) -> Option<i128> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut value = self.binary(1)?;
        if self.eat(Punct::Question) {
            let then = self.ternary()?;
            if !self.eat(Punct::Colon) {
                return None;
            }
            let other = self.ternary()?;
            value = if value != 0 { then } else { other };
        }
        self.depth -= 1;
        Some(value)
    }

    fn binary(&mut self, least: u8) -> Option<i128> {
        let mut left = self.unary()?;
        while let Some(punct) = self.peek() {
            let power = precedence(punct);
            if power == 0 || power < least {
                break;
            }
            self.at += 1;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let right = self.binary(power + 1)?;
            self.depth -= 1;
            left = apply(punct, left, right);
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i128> {
        // A chain of prefix operators is folded without recursion.
        let mut prefixes = Vec::new();
        while let Some(p) = self.peek() {
            if !matches!(p, Punct::Not | Punct::Minus | Punct::Plus | Punct::Tilde) {
                break;
            }
            prefixes.push(p);
            self.at += 1;
        }
        let mut value = self.primary()?;
        for p in prefixes.into_iter().rev() {
            value = match p {
                Punct::Not => i128::from(value == 0),
                Punct::Minus => value.wrapping_neg(),
                Punct::Tilde => !value,
                _ => value,
            };
        }
        Some(value)
    }

    fn word(&self, at: usize) -> Option<std::borrow::Cow<'_, str>> {
        let raw = self.tokens.get(at)?;
        (raw.kind == Tok::Ident).then(|| clean(self.text, raw))
    }

    fn primary(&mut self) -> Option<i128> {
        let raw = *self.tokens.get(self.at)?;
        match raw.kind {
            Tok::Int | Tok::Char => {
                self.at += 1;
                int_value(&clean(self.text, &raw))
            }
            Tok::Punct(Punct::LParen) => {
                self.at += 1;
                let value = self.ternary()?;
                self.eat(Punct::RParen).then_some(value)
            }
            Tok::Ident => {
                let name = self.word(self.at)?.into_owned();
                self.at += 1;
                if name == "defined" {
                    let paren = self.eat(Punct::LParen);
                    let tested = self.word(self.at)?.into_owned();
                    self.at += 1;
                    if paren && !self.eat(Punct::RParen) {
                        return None;
                    }
                    return Some(self.conditions.defined(&tested).into());
                }
                if self.peek() == Some(Punct::LParen) { self.call(&name) } else { Some(self.conditions.name_value(&name)) }
            }
            _ => None,
        }
    }

    /// `NAME(args)`: the few macros that conditions use; any other is 0.
    fn call(&mut self, name: &str) -> Option<i128> {
        let open = self.at;
        let close = self.close_of(open)?;
        let first = self.word(open + 1).map(|w| w.into_owned()).unwrap_or_default();
        let on = |n: &str| self.conditions.config_on(n);
        let value = match name {
            "IS_ENABLED" | "IS_REACHABLE" => on(&first) || on(&format!("{first}_MODULE")),
            "IS_BUILTIN" => on(&first),
            "IS_MODULE" => on(&format!("{first}_MODULE")),
            "__is_defined" | "__is_enabled" => on(&first),
            "__has_attribute" | "__has_builtin" | "__has_feature" => !first.contains("sanitize") && first != "address_sanitizer",
            "KERNEL_VERSION" | "GCC_VERSION_AT_LEAST" | "__GNUC_PREREQ" => {
                self.at = open + 1;
                let mut parts = Vec::new();
                loop {
                    parts.push(self.ternary()?);
                    if !self.eat(Punct::Comma) {
                        break;
                    }
                }
                self.at = close + 1;
                let part = |i: usize| parts.get(i).copied().unwrap_or(0);
                return Some(match name {
                    "KERNEL_VERSION" => part(0).wrapping_mul(65536).wrapping_add(part(1).wrapping_mul(256)).wrapping_add(part(2).min(255)),
                    _ => 1,
                });
            }
            _ => {
                let unknown = !self.conditions.defined(name) && self.conditions.options.known_value(name).is_none();
                let value = if unknown { 0 } else { self.conditions.name_value(name) };
                self.at = close + 1;
                return Some(value);
            }
        };
        self.at = close + 1;
        Some(value.into())
    }

    fn close_of(&self, open: usize) -> Option<usize> {
        let mut depth = 0usize;
        for (i, raw) in self.tokens.iter().enumerate().skip(open) {
            match raw.kind {
                Tok::Punct(Punct::LParen) => depth += 1,
                Tok::Punct(Punct::RParen) => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(i);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

fn precedence(punct: Punct) -> u8 {
    use Punct::*;
    match punct {
        OrOr => 1,
        AndAnd => 2,
        Pipe => 3,
        Caret => 4,
        Amp => 5,
        EqEq | Ne => 6,
        Lt | Gt | Le | Ge => 7,
        Shl | Shr => 8,
        Plus | Minus => 9,
        Star | Slash | Percent => 10,
        _ => 0,
    }
}

fn apply(punct: Punct, a: i128, b: i128) -> i128 {
    use Punct::*;
    match punct {
        OrOr => i128::from(a != 0 || b != 0),
        AndAnd => i128::from(a != 0 && b != 0),
        Pipe => a | b,
        Caret => a ^ b,
        Amp => a & b,
        EqEq => i128::from(a == b),
        Ne => i128::from(a != b),
        Lt => i128::from(a < b),
        Gt => i128::from(a > b),
        Le => i128::from(a <= b),
        Ge => i128::from(a >= b),
        Shl => a.wrapping_shl(b.clamp(0, 127) as u32),
        Shr => a.wrapping_shr(b.clamp(0, 127) as u32),
        Plus => a.wrapping_add(b),
        Minus => a.wrapping_sub(b),
        Star => a.wrapping_mul(b),
        Slash => a.checked_div(b).unwrap_or(0),
        Percent => a.checked_rem(b).unwrap_or(0),
        _ => 0,
    }
}

/// Sets the symbols of a condition so that it comes out as `truth`, as far as it is made of simple tests.
pub fn assume(text: &[u8], truth: bool, conditions: &Conditions<'_>, overrides: &mut Overrides) {
    let Some(tokens) = tokens(text) else { return };
    assume_range(text, &tokens, truth, conditions, overrides, 0);
}

fn assume_range(text: &[u8], tokens: &[Raw], truth: bool, conditions: &Conditions<'_>, overrides: &mut Overrides, depth: u32) {
    if depth > 32 || tokens.is_empty() {
        return;
    }
    let split = |by: Punct| -> Vec<&[Raw]> {
        let mut level = 0i32;
        tokens
            .split(|raw| {
                match raw.kind {
                    Tok::Punct(Punct::LParen) => level += 1,
                    Tok::Punct(Punct::RParen) => level -= 1,
                    Tok::Punct(p) => return level == 0 && p == by,
                    _ => {}
                }
                false
            })
            .collect()
    };
    let ors = split(Punct::OrOr);
    let parts = if ors.len() > 1 { (ors, false) } else { (split(Punct::AndAnd), true) };
    if parts.0.len() > 1 {
        // `a && b` true and `a || b` false settle every part; else settling the first is enough.
        let all = parts.1 == truth;
        for part in parts.0.iter().take(if all { usize::MAX } else { 1 }) {
            assume_range(text, part, truth, conditions, overrides, depth + 1);
        }
        return;
    }
    let word = |raw: &Raw| (raw.kind == Tok::Ident).then(|| clean(text, raw).into_owned());
    let is = |raw: &Raw, p: Punct| raw.kind == Tok::Punct(p);
    match tokens {
        [not, rest @ ..] if is(not, Punct::Not) => assume_range(text, rest, !truth, conditions, overrides, depth + 1),
        [open, inner @ .., close] if is(open, Punct::LParen) && is(close, Punct::RParen) => {
            assume_range(text, inner, truth, conditions, overrides, depth + 1);
        }
        [name] => {
            if let Some(name) = word(name) {
                overrides.push((name, if truth { Some(1) } else { None }));
            }
        }
        [call, open, name, close] if is(open, Punct::LParen) && is(close, Punct::RParen) => {
            let (Some(call), Some(name)) = (word(call), word(name)) else { return };
            let value = if truth { Some(1) } else { None };
            match call.as_str() {
                "IS_MODULE" => {
                    overrides.push((format!("{name}_MODULE"), value));
                    if truth {
                        overrides.push((name, None));
                    }
                }
                "defined" | "IS_ENABLED" | "IS_BUILTIN" | "IS_REACHABLE" | "__is_defined" => {
                    if !truth {
                        overrides.push((format!("{name}_MODULE"), None));
                    }
                    overrides.push((name, value));
                }
                _ => {}
            }
        }
        [defined, name] if word(defined).as_deref() == Some("defined") => {
            if let Some(name) = word(name) {
                overrides.push((name, if truth { Some(1) } else { None }));
            }
        }
        [name, operator, rest @ ..] => {
            let (Some(name), Tok::Punct(p)) = (word(name), operator.kind) else { return };
            let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return };
            let Some(value) = conditions.constant(&text[first.lo as usize..last.hi as usize]) else { return };
            let value = value.clamp(-(1 << 62), 1 << 62) as i64;
            let wanted = match (p, truth) {
                (Punct::EqEq, true) | (Punct::Ne, false) | (Punct::Ge | Punct::Le, true) | (Punct::Gt | Punct::Lt, false) => value,
                (Punct::EqEq, false) | (Punct::Ne, true) | (Punct::Gt, true) | (Punct::Le, false) => value + 1,
                (Punct::Lt, true) | (Punct::Ge, false) => value - 1,
                _ => return,
            };
            overrides.push((name, Some(wanted)));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Config;

    fn lookup(name: &str) -> Lookup {
        match name {
            "FOUR" => Lookup::Defined(Some(4)),
            "GUARD" => Lookup::Defined(None),
            "MODULE" => Lookup::Undefined,
            _ => Lookup::Unknown,
        }
    }

    fn yes(text: &str) -> bool {
        decide(text.as_bytes(), &Options::new(&Config::default(), "x86"), &lookup)
    }

    #[test]
    fn configuration() {
        assert!(yes("defined(CONFIG_SMP) && !defined CONFIG_PREEMPT_RT"));
        assert!(yes("IS_ENABLED(CONFIG_IPV6) && IS_BUILTIN(CONFIG_IPV6) && !IS_MODULE(CONFIG_IPV6)"));
        assert!(!yes("IS_ENABLED(CONFIG_KASAN) || defined(CONFIG_X86_32)"));
        assert!(yes("CONFIG_PGTABLE_LEVELS > 4 && CONFIG_HZ == 250"));
    }

    #[test]
    fn arithmetic() {
        assert!(yes("FOUR << 2 == 0x10UL && (1 ? FOUR : 0) % 3 == 1"));
        assert!(yes("-1 < 0 && ~0 == -1 && !!7 == 1 && 'A' == 65 && 010 == 8"));
        assert!(yes("defined(GUARD) && !GUARD && UNHEARD_OF == 0 && BITS_PER_LONG == 64"));
        assert!(yes("LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 300) && KERNEL_VERSION(1, 2, 3) == 66051"));
        assert!(yes("__has_attribute(__fallthrough__) && !__has_include(<x.h>) && __GNUC__ >= 4 && !defined(MODULE)"));
        assert!(!yes("1 / 0") && !yes("") && !yes("(1") && !yes("1 2") && !yes("foo(1, 2) > 0"));
    }

    #[test]
    fn depth_is_bounded() {
        assert!(!yes(&"(".repeat(100_000)));
        assert!(yes(&format!("{}0", "!".repeat(9_999))));
        assert!(!yes(&"1?".repeat(9_000)));
    }

    #[test]
    fn assumptions_make_a_condition_true() {
        let options = Options::new(&Config::default(), "x86");
        for text in [
            "!defined(CONFIG_SMP)",
            "defined(CONFIG_KASAN) && !IS_ENABLED(CONFIG_NUMA)",
            "CONFIG_PGTABLE_LEVELS < 3",
            "CONFIG_HZ == 100",
            "(defined(CONFIG_KASAN) || defined(CONFIG_KCSAN))",
            "IS_MODULE(CONFIG_IPV6)",
            "0 || defined(X)",
        ] {
            let plain = Conditions { options: &options, lookup: &lookup, overrides: &[] };
            assert_eq!(plain.value(text.as_bytes()), 0, "{text}");
            let mut overrides = Vec::new();
            assume(text.as_bytes(), true, &plain, &mut overrides);
            let changed = Conditions { overrides: &overrides, ..plain };
            assert_eq!(changed.value(text.as_bytes()) != 0, text != "0 || defined(X)", "{text}");
        }
    }
}
