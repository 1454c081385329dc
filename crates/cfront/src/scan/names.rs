//! What a declaration at file level declares: its names, and what kind of thing each of them is.

use super::Scan;
use super::declare::{Part, PartKind};
use super::words::{Class, class_of};
use crate::lexer::{Lexer, Raw};
use crate::outline::{Item, ItemKind};
use crate::token::{Punct, Tok};
use cuthere_base::{Loc, Symbol};

/// Where a name stands, and what is put before it (`sys_`).
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub lo: u32,
    hi: u32,
    prefix: &'static str,
}

fn no_lower_case(word: &[u8]) -> bool {
    !word.iter().any(u8::is_ascii_lowercase)
}

fn contains(word: &[u8], needle: &[u8]) -> bool {
    word.windows(needle.len()).any(|w| w == needle)
}

impl<'t> Scan<'t, '_> {
    /// A word that names a type (or may).
    fn is_typeish(&self, part: &Part) -> bool {
        match part.kind {
            PartKind::Word => !matches!(part.class, Class::Storage | Class::Attribute),
            PartKind::Star | PartKind::Body => true,
            _ => false,
        }
    }

    /// An item with everything set but its name and body.
    pub(super) fn item(&mut self, kind: ItemKind, parts: &[Part], hi: u32, loc: Loc) -> Item {
        let mut is_static = false;
        let mut is_inline = false;
        for part in parts.iter().take_while(|p| !matches!(p.kind, PartKind::Init | PartKind::Comma)) {
            match self.word(part) {
                b"static" => is_static = true,
                b"inline" | b"__inline" | b"__inline__" | b"__always_inline" | b"nokprobe_inline" => is_inline = true,
                _ => {}
            }
        }
        let end_line = self.line_of(hi as usize);
        let lo = parts.first().map_or(hi, |p| p.lo);
        let active = self.region == 0;
        Item { kind, name: Symbol::EMPTY, lo, hi, body_lo: 0, body_hi: 0, loc, end_line, active, is_static, is_inline }
    }

    pub(super) fn symbol_of(&self, name: &Name) -> Symbol {
        if name.prefix.is_empty() {
            return self.symbol(name.lo, name.hi);
        }
        Symbol::intern(&format!("{}{}", name.prefix, self.symbol(name.lo, name.hi)))
    }

    /// The tokens of a parenthesis, up to a number.
    fn group_tokens(&self, part: &Part, most: usize) -> Vec<Raw> {
        let text = &self.text[part.lo as usize..part.hi as usize];
        let mut lexer = Lexer::new(text, 0, text.len(), 1);
        let mut out = Vec::new();
        while out.len() < most {
            let raw = lexer.next();
            if raw.kind == Tok::Eof {
                break;
            }
            out.push(Raw { lo: raw.lo + part.lo, hi: raw.hi + part.lo, ..raw });
        }
        out
    }

    fn first_argument(&self, part: &Part) -> Option<Raw> {
        self.group_tokens(part, 8).into_iter().find(|r| r.kind == Tok::Ident)
    }

    /// Indices of the parentheses that follow a word which could be declared by them.
    fn candidates<'a>(&'a self, parts: &'a [Part]) -> impl Iterator<Item = usize> + 'a {
        (1..parts.len())
            .filter(move |&i| parts[i].kind == PartKind::Paren && parts[i - 1].kind == PartKind::Word && parts[i - 1].class == Class::Plain)
    }

    /// The first of them, near the beginning.
    fn first_candidate(&self, parts: &[Part]) -> Option<usize> {
        self.candidates(&parts[..parts.len().min(40)]).next()
    }

    /// The parenthesis whose word is the declared function (or the macro that declares).
    fn declaring_paren(&self, parts: &[Part]) -> Option<usize> {
        let all: Vec<usize> = self.candidates(parts).take(64).collect();
        let mut chosen = *all.first()?;
        for &next in &all[1..] {
            // A type between two of them: the first was an annotation before the declaration.
            let between = &parts[chosen + 1..next - 1];
            let types = between.iter().any(|p| p.kind == PartKind::Star || (self.is_typeish(p) && !self.word(p).starts_with(b"__")));
            if !types {
                break;
            }
            chosen = next;
        }
        Some(chosen)
    }

    /// `(*name…)`: the name inside, and whether it is itself declared as a function.
    fn inner_declarator(&self, part: &Part) -> Option<(Name, bool)> {
        let tokens = self.group_tokens(part, 24);
        let mut stars = false;
        for (i, raw) in tokens.iter().enumerate().skip(1) {
            match raw.kind {
                Tok::Punct(Punct::Star | Punct::LParen | Punct::Caret) => stars = true,
                Tok::Ident => {
                    let next = tokens.get(i + 1).map(|t| t.kind);
                    if matches!(self.class(raw.lo, raw.hi), Class::Storage | Class::Attribute)
                        || matches!(next, Some(Tok::Punct(Punct::Star)))
                    {
                        continue;
                    }
                    if !stars {
                        return None;
                    }
                    let function = matches!(next, Some(Tok::Punct(Punct::LParen)));
                    return Some((Name { lo: raw.lo, hi: raw.hi, prefix: "" }, function));
                }
                _ => return None,
            }
        }
        None
    }

    /// The declarator in parentheses among the parts, if there is one: `int (*name)(void)`.
    fn paren_declarator(&self, parts: &[Part]) -> Option<(Name, bool)> {
        for (i, part) in parts.iter().enumerate() {
            if part.kind != PartKind::Paren || (i > 0 && parts[i - 1].class == Class::Attribute) {
                continue;
            }
            let starred = self.group_tokens(part, 2).get(1).is_some_and(|t| t.kind == Tok::Punct(Punct::Star));
            let followed = matches!(parts.get(i + 1).map(|p| p.kind), Some(PartKind::Paren | PartKind::Bracket));
            if i > 0
                && (starred || followed)
                && let Some(found) = self.inner_declarator(part)
            {
                return Some(found);
            }
        }
        None
    }

    /// The name that a function's header declares.
    pub(super) fn function_header(&self, parts: &[Part]) -> Option<Name> {
        let parts = &parts[..parts.iter().position(|p| p.kind == PartKind::Init).unwrap_or(parts.len())];
        if let Some((name, true)) = self.paren_declarator(parts) {
            return Some(name);
        }
        let paren = self.declaring_paren(parts)?;
        Some(self.declared_by(parts, paren))
    }

    /// The name declared by the word before a parenthesis, which may be a macro's.
    fn declared_by(&self, parts: &[Part], paren: usize) -> Name {
        let own = Name { lo: parts[paren - 1].lo, hi: parts[paren - 1].hi, prefix: "" };
        let word = self.word(&parts[paren - 1]);
        let typed = parts[..paren - 1].iter().any(|p| self.is_typeish(p));
        let argument = |prefix| self.first_argument(&parts[paren]).map_or(own, |r| Name { lo: r.lo, hi: r.hi, prefix });
        if typed {
            // `int BPF_PROG(name, …) {`, `void FNAME(name)(…) {`: the first argument is one word.
            if no_lower_case(word) && word.len() > 2 {
                let tokens = self.group_tokens(&parts[paren], 3);
                if let [_, name, end] = tokens[..]
                    && name.kind == Tok::Ident
                    && class_of(&self.text[name.lo as usize..name.hi as usize]) == Class::Plain
                    && matches!(end.kind, Tok::Punct(Punct::Comma | Punct::RParen))
                {
                    return Name { lo: name.lo, hi: name.hi, prefix: "" };
                }
            }
            return own;
        }
        if word.starts_with(b"COMPAT_SYSCALL_DEFINE") {
            argument("compat_sys_")
        } else if contains(word, b"SYSCALL") && contains(word, b"DEFINE") {
            argument("sys_")
        } else if [&b"DEFINE"[..], b"CALL", b"FUNC", b"HANDLER"].iter().any(|part| contains(word, part)) {
            argument("")
        } else {
            own
        }
    }

    /// Whether the parts are `NAME(args)` and no declaration by themselves.
    pub(super) fn is_macro_use(&self, parts: &[Part]) -> bool {
        let Some(paren) = self.first_candidate(parts) else { return false };
        !parts[..paren - 1].iter().any(|p| self.is_typeish(p) || p.kind == PartKind::Paren)
    }

    /// Whether a word begins a new declaration because the parts are a macro use without a semicolon.
    pub(super) fn starts_anew(&self, parts: &[Part], raw: &Raw) -> bool {
        let Some(last) = parts.last() else { return false };
        if last.kind == PartKind::Init {
            // An initialiser without a semicolon.
            return false;
        }
        let word = &self.text[raw.lo as usize..raw.hi as usize];
        // `X(a) X(b)`: the same macro again.
        let again = parts.len() == 2 && self.word(&parts[0]) == word;
        if last.kind != PartKind::Paren || !(again || self.line_between(last.hi, raw.lo)) || self.class(raw.lo, raw.hi) == Class::Attribute
        {
            return false;
        }
        if self.is_macro_use(parts) && self.first_candidate(parts) == Some(parts.len() - 1) {
            return parts.len() == 2 || matches!(word, b"static" | b"extern" | b"struct" | b"int" | b"void" | b"typedef" | b"unsigned");
        }
        false
    }

    /// Records `NAME(args)` and stands behind it.
    pub(super) fn macro_use(&mut self, parts: &[Part], hi: u32) {
        let Some(paren) = self.first_candidate(parts) else { return };
        let word = parts[paren - 1];
        let loc = self.loc(word.lo as usize);
        let mut item = self.item(ItemKind::MacroUse, parts, hi, loc);
        item.name = self.symbol(word.lo, word.hi);
        self.out.items.push(item);
    }

    /// Whether the parts before a `;` are a function header in the old style with its first parameter declared: `int f(a, b) int a;`.
    pub(super) fn is_old_style(&self, parts: &[Part]) -> bool {
        let Some(paren) = self.first_candidate(parts) else { return false };
        let types = parts[paren + 1..].first().is_some_and(|p| p.kind == PartKind::Word && self.is_typeish(p));
        if !types
            || parts.len() < paren + 3
            || parts.iter().any(|p| matches!(p.kind, PartKind::Init | PartKind::Colon))
            || parts.get(paren + 1).is_some_and(|p| self.word(p).starts_with(b"__") || self.word(p) == b"asm")
            || self.word(&parts[0]) == b"typedef"
            || parts[paren + 1..].iter().any(|p| p.class == Class::Storage && self.word(p) != b"const" && self.word(p) != b"register")
        {
            return false;
        }
        // The parenthesis holds nothing but names.
        let tokens = self.group_tokens(&parts[paren], 400);
        let inner = tokens.get(1..tokens.len().saturating_sub(1)).unwrap_or_default();
        !inner.is_empty()
            && inner.iter().enumerate().all(|(i, t)| match t.kind {
                Tok::Ident => i % 2 == 0 && class_of(&self.text[t.lo as usize..t.hi as usize]) == Class::Plain,
                Tok::Punct(Punct::Comma) => i % 2 == 1,
                _ => false,
            })
    }

    /// Records what a declaration that ends with `;` declares.
    pub(super) fn declared(&mut self, parts: &[Part], hi: u32) {
        let Some(first) = parts.first() else { return };
        if matches!(self.word(first), b"asm" | b"__asm__" | b"__asm" | b"_Static_assert") {
            return;
        }
        if let [only] = parts {
            // A macro without arguments, on its own.
            if only.kind == PartKind::Word && only.class == Class::Plain {
                let loc = self.loc(only.lo as usize);
                let mut item = self.item(ItemKind::MacroUse, parts, hi, loc);
                item.name = self.symbol(only.lo, only.hi);
                self.out.items.push(item);
            }
            return;
        }
        let typedef = parts.iter().take(3).any(|p| self.word(p) == b"typedef");
        let end = parts.iter().position(|p| matches!(p.kind, PartKind::Init | PartKind::Comma)).unwrap_or(parts.len());
        if !typedef && self.is_macro_use(&parts[..end]) && self.paren_declarator(&parts[..end]).is_none() {
            self.macro_use(parts, hi);
            return;
        }
        let mut shared: Option<Item> = None;
        for (i, declarator) in parts.split(|p| p.kind == PartKind::Comma).enumerate() {
            let Some((name, function)) = self.declarator(declarator, i == 0) else { continue };
            let kind = match (typedef, function) {
                (true, _) => ItemKind::Typedef,
                (false, true) => ItemKind::Prototype,
                (false, false) => ItemKind::Variable,
            };
            let loc = self.loc(name.lo as usize);
            let item = match shared {
                Some(item) => item,
                None => self.item(kind, parts, hi, loc),
            };
            let item = Item { kind, loc, name: self.symbol_of(&name), ..item };
            shared = Some(item);
            self.out.items.push(item);
        }
    }

    /// The name of one declarator and whether it is a function's. The first one carries the specifiers.
    fn declarator(&self, parts: &[Part], first: bool) -> Option<(Name, bool)> {
        let end = parts.iter().position(|p| matches!(p.kind, PartKind::Init | PartKind::Colon)).unwrap_or(parts.len());
        let initialised = parts.get(end).is_some_and(|p| p.kind == PartKind::Init);
        let parts = &parts[..end];
        if let Some(found) = self.paren_declarator(parts) {
            return Some(found);
        }
        if !first
            && let Some(group) = parts.first().filter(|p| p.kind == PartKind::Paren)
            && let Some(found) = self.inner_declarator(group)
        {
            return Some(found);
        }
        let bracket = parts.iter().position(|p| p.kind == PartKind::Bracket);
        if let Some(paren) = self.declaring_paren(parts)
            && bracket.is_none_or(|b| paren < b)
            && (!first || parts[..paren - 1].iter().any(|p| self.is_typeish(p)))
            && !self.plain_name_before(parts, paren)
        {
            return Some((self.declared_by(parts, paren), !initialised));
        }
        let parts = &parts[..bracket.unwrap_or(parts.len())];
        // Words that could be the name: not the ones of the type.
        let mut names: Vec<(Name, bool)> = Vec::new();
        let mut typed = false;
        let mut after_tag = false;
        for part in parts {
            match part.kind {
                PartKind::Body => typed = true,
                PartKind::Word => match part.class {
                    Class::Tag => {
                        after_tag = true;
                        typed = true;
                    }
                    Class::Keyword => typed = true,
                    Class::Plain if !std::mem::take(&mut after_tag) => {
                        names.push((Name { lo: part.lo, hi: part.hi, prefix: "" }, self.word(part).starts_with(b"__")));
                    }
                    _ => {}
                },
                PartKind::Paren if !typed => typed = true,
                _ => {}
            }
        }
        // The first of them is the type's name if nothing else is.
        let least = usize::from(first && !typed);
        while names.len() > least + 1 && names.last().is_some_and(|n| n.1) {
            names.pop();
        }
        // `struct foo { … } __unknown_annotation;`
        if first
            && names.len() == 1
            && names[0].1
            && parts.iter().any(|p| p.kind == PartKind::Body)
            && parts.last().is_some_and(|p| p.kind == PartKind::Word)
        {
            return None;
        }
        if names.len() <= least { None } else { names.pop().map(|n| (n.0, false)) }
    }

    /// `int name __unknown(args);`: the word before the parenthesis is an annotation behind a name.
    fn plain_name_before(&self, parts: &[Part], paren: usize) -> bool {
        let Some(before) = paren.checked_sub(2).and_then(|i| parts.get(i)) else { return false };
        let word = self.word(&parts[paren - 1]);
        before.kind == PartKind::Word
            && word.starts_with(b"__")
            && before.class == Class::Plain
            && parts[..paren - 2].iter().any(|p| self.is_typeish(p) && p.class != Class::Tag)
            && paren + 1 == parts.len()
            && self.first_argument(&parts[paren]).is_some_and(|_| self.group_tokens(&parts[paren], 4).len() == 3)
    }
}
