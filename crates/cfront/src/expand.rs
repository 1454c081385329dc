//! Preprocessed tokens of a declaration or body: conditionals as the outline decided them, macros expanded.
//!
//! Expansion follows C's rules (C17 6.10.3): arguments are expanded before they are substituted unless `#` or `##` touches them, the result is
//! rescanned together with what follows, and a macro is not expanded inside its own expansion. Bounded by a token budget.

use crate::lexer::{Lexer, clean};
use crate::macros::{Found, MacroBody, NONE};
use crate::outline::ItemRef;
use crate::program::{FileText, Program};
use crate::token::{Punct, Tok, Token};
use cuthere_base::{FileId, Loc, Symbol};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

/// Which part of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Whole,
    /// What stands before a function's body.
    Signature,
    /// A function's body with its braces.
    Body,
}

/// More tokens than this in one item is taken for a macro bomb.
const TOKENS_MAX: usize = 2_000_000;
/// Steps of expansion in one item.
const STEPS_MAX: usize = 8_000_000;
const DEPTH_MAX: usize = 200;

struct Words {
    config: Vec<(Symbol, bool)>,
    line: Symbol,
    file: Symbol,
    counter: Symbol,
    pragma: Symbol,
    va_opt: Symbol,
    defined: Symbol,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    config: ["IS_ENABLED", "IS_BUILTIN", "IS_REACHABLE", "IS_MODULE"].map(|n| (Symbol::intern(n), n != "IS_MODULE")).to_vec(),
    line: Symbol::intern("__LINE__"),
    file: Symbol::intern("__FILE__"),
    counter: Symbol::intern("__COUNTER__"),
    pragma: Symbol::intern("_Pragma"),
    va_opt: Symbol::intern("__VA_OPT__"),
    defined: Symbol::intern("defined"),
});

/// A token under expansion.
#[derive(Clone, Copy, Debug)]
struct Tk {
    kind: Tok,
    text: Symbol,
    loc: Loc,
    origin: Symbol,
    space: bool,
    /// Met inside its own expansion: never to be expanded again.
    painted: bool,
}

struct Stream {
    tokens: Vec<Tk>,
    at: usize,
    /// The macro that is switched off while this is read.
    of: Symbol,
}

/// What one thread keeps from item to item of one file.
#[derive(Default)]
struct Cache {
    program: u64,
    file: Option<FileId>,
    /// Definitions from included files by name. Own ones depend on the place.
    found: FxHashMap<Symbol, Option<Arc<MacroBody>>>,
    /// Spare vectors.
    spare: Vec<Vec<Tk>>,
    used: u64,
}

/// How many files' look-ups a thread remembers: a source and the headers whose declarations its bodies need.
const CACHES: usize = 12;

thread_local! {
    static CACHE: RefCell<(u64, Vec<Cache>)> = const { RefCell::new((0, Vec::new())) };
}

fn cache_of<'c>(all: &'c mut (u64, Vec<Cache>), program: u64, file: FileId) -> &'c mut Cache {
    let (clock, caches) = all;
    *clock += 1;
    let i = match caches.iter().position(|c| c.program == program && c.file == Some(file)) {
        Some(i) => i,
        None => {
            let i = if caches.len() < CACHES {
                caches.push(Cache::default());
                caches.len() - 1
            } else {
                (0..caches.len()).min_by_key(|&i| caches[i].used).unwrap_or(0)
            };
            caches[i].program = program;
            caches[i].file = Some(file);
            caches[i].found.clear();
            i
        }
    };
    caches[i].used = *clock;
    &mut caches[i]
}

struct Expander<'e, 's> {
    program: &'e Program<'s>,
    file: FileId,
    text: &'e FileText,
    lexer: Lexer<'e>,
    inactive: &'e [(u32, u32)],
    inactive_at: usize,
    streams: Vec<Stream>,
    floor: usize,
    /// A token read from the source to see whether `(` follows.
    ahead: Option<Tk>,
    disabled: Vec<Symbol>,
    steps: usize,
    counter: i64,
    failed: Option<&'static str>,
    cache: &'e mut Cache,
    own_macros: bool,
}

impl<'s> Program<'s> {
    /// The preprocessed tokens of an item, ended by `Tok::Eof`. An error is the reason why there are no more; what came before is in `out`.
    pub fn tokens(&self, item: ItemRef, part: Part, text: &FileText, out: &mut Vec<Token>) -> Result<(), String> {
        let it = self.item(item);
        let (lo, hi) = match part {
            Part::Whole => (it.lo, it.hi),
            Part::Signature => (it.lo, it.body_lo),
            Part::Body => (it.body_lo, it.body_hi),
        };
        let outline = self.outline(item.file);
        if it.active {
            self.range_tokens(item.file, lo, hi, &outline.inactive, text, out)
        } else {
            let inactive = outline.inactive_for_item(&text.bytes, it, self.options(item.file), &|_| crate::condition::Lookup::Unknown);
            self.range_tokens(item.file, lo, hi, &inactive, text, out)
        }
    }

    /// The preprocessed tokens of a byte range of a file.
    pub fn range_tokens(&self, file: FileId, lo: u32, hi: u32, inactive: &[(u32, u32)], text: &FileText, out: &mut Vec<Token>) -> Result<(), String> {
        if hi as usize > text.bytes.len() || lo > hi {
            out.push(Token { kind: Tok::Eof, text: Symbol::EMPTY, loc: Loc::NONE, origin: Symbol::EMPTY });
            return Err("the file changed while it was read".to_owned());
        }
        CACHE.with_borrow_mut(|all| {
            let cache = cache_of(all, self.id, file);
            let own_macros = !self.outline(file).macros.is_empty();
            let mut e = Expander {
                program: self,
                file,
                text,
                lexer: Lexer::new(&text.bytes, lo as usize, hi as usize, text.line_of(lo)),
                inactive,
                inactive_at: inactive.partition_point(|r| r.1 <= lo),
                streams: Vec::new(),
                floor: 0,
                ahead: None,
                disabled: Vec::new(),
                steps: 0,
                counter: 0,
                failed: None,
                cache,
                own_macros,
            };
            let start = out.len();
            loop {
                let t = e.next();
                if t.kind == Tok::Eof {
                    break;
                }
                out.push(Token { kind: t.kind, text: t.text, loc: t.loc, origin: t.origin });
                if out.len() - start > TOKENS_MAX {
                    e.failed = Some("macros expand to more than two million tokens");
                    break;
                }
            }
            let line = text.line_of(hi.saturating_sub(1).max(lo));
            out.push(Token { kind: Tok::Eof, text: Symbol::EMPTY, loc: Loc::new(line, 1), origin: Symbol::EMPTY });
            match e.failed {
                Some(reason) => Err(reason.to_owned()),
                None => Ok(()),
            }
        })
    }

    /// The value of an object-like macro that is an integer constant in `from`.
    pub fn macro_constant(&self, from: FileId, name: Symbol) -> Option<i64> {
        let found = self.find_macro(from, name, u32::MAX);
        let body = self.macro_body(found, None)?;
        if body.function_like || body.tokens.len() > 4096 {
            return None;
        }
        let text = FileText::new(Arc::from(name.as_str().as_bytes()));
        let mut out = Vec::new();
        // The name alone as a little text that is expanded as if it stood at the end of the file.
        self.snippet_tokens(from, &text, &mut out).ok()?;
        let mut ast = crate::ast::Ast::default();
        let expr = crate::parser::parse_expression(&crate::resolve::FileNames::new(self, from), &out, &mut ast)?;
        let mut typer = crate::typing::Typer::new(self, from, &ast);
        crate::consteval::eval(&mut typer, expr).map(|c| c.value)
    }

    /// Expands a text as if it stood at the end of `from`.
    pub fn snippet_tokens(&self, from: FileId, text: &FileText, out: &mut Vec<Token>) -> Result<(), String> {
        let mut cache = Cache { program: self.id, file: Some(from), ..Cache::default() };
        let mut e = Expander {
            program: self,
            file: from,
            text,
            lexer: Lexer::new(&text.bytes, 0, text.bytes.len(), 1),
            inactive: &[],
            inactive_at: 0,
            streams: Vec::new(),
            floor: 0,
            ahead: None,
            disabled: Vec::new(),
            steps: 0,
            counter: 0,
            failed: None,
            cache: &mut cache,
            own_macros: false,
        };
        loop {
            let t = e.next();
            out.push(Token { kind: t.kind, text: t.text, loc: t.loc, origin: t.origin });
            if t.kind == Tok::Eof {
                break;
            }
            if out.len() > TOKENS_MAX {
                return Err("macros expand to more than two million tokens".to_owned());
            }
        }
        e.failed.map_or(Ok(()), |r| Err(r.to_owned()))
    }
}

impl Expander<'_, '_> {
    fn eof(&self) -> Tk {
        Tk { kind: Tok::Eof, text: Symbol::EMPTY, loc: Loc::new(self.lexer.line, 1), origin: Symbol::EMPTY, space: false, painted: false }
    }

    /// The next token before expansion.
    fn raw(&mut self) -> Tk {
        loop {
            if self.streams.len() > self.floor {
                let stream = self.streams.last_mut().expect("above the floor");
                if let Some(t) = stream.tokens.get(stream.at) {
                    stream.at += 1;
                    return *t;
                }
                self.pop();
                continue;
            }
            if self.floor > 0 {
                return self.eof();
            }
            if let Some(t) = self.ahead.take() {
                return t;
            }
            return self.source_token();
        }
    }

    fn pop(&mut self) {
        if let Some(stream) = self.streams.pop() {
            if !stream.of.is_empty()
                && let Some(i) = self.disabled.iter().rposition(|d| *d == stream.of)
            {
                self.disabled.remove(i);
            }
            let mut tokens = stream.tokens;
            tokens.clear();
            if self.cache.spare.len() < 64 {
                self.cache.spare.push(tokens);
            }
        }
    }

    fn spare(&mut self) -> Vec<Tk> {
        self.cache.spare.pop().unwrap_or_default()
    }

    fn source_token(&mut self) -> Tk {
        loop {
            let raw = self.lexer.next();
            if raw.kind == Tok::Eof {
                return self.eof();
            }
            while self.inactive_at < self.inactive.len() && self.inactive[self.inactive_at].1 <= raw.lo {
                self.inactive_at += 1;
            }
            if let Some(&(lo, hi)) = self.inactive.get(self.inactive_at)
                && raw.lo >= lo
            {
                let end = self.text_end();
                let hi = (hi as usize).min(end);
                self.lexer = Lexer::new(&self.text.bytes, hi, end, self.text.line_of(hi as u32));
                continue;
            }
            if raw.kind == Tok::Punct(Punct::Hash) && raw.first {
                self.lexer.skip_line();
                continue;
            }
            let loc = Loc::new(raw.line, self.lexer.col(raw.lo));
            let text = match raw.kind {
                Tok::Punct(_) => Symbol::EMPTY,
                _ => Symbol::intern(&clean(&self.text.bytes, &raw)),
            };
            return Tk { kind: raw.kind, text, loc, origin: Symbol::EMPTY, space: raw.space, painted: false };
        }
    }

    fn text_end(&self) -> usize {
        self.lexer.end()
    }

    fn next(&mut self) -> Tk {
        loop {
            let t = self.raw();
            if t.kind != Tok::Ident || t.painted {
                return t;
            }
            match self.step(t) {
                Some(t) => return t,
                None => {
                    self.steps += 1;
                    if self.steps > STEPS_MAX || self.failed.is_some() {
                        self.failed.get_or_insert("macro expansion does not end within its bounds");
                        self.streams.clear();
                        self.floor = 0;
                        return self.eof();
                    }
                }
            }
        }
    }

    /// Expands the name if it is a macro (`None`: its expansion is to be read now), else gives it back.
    fn step(&mut self, mut t: Tk) -> Option<Tk> {
        let program = self.program;
        if program.shapes.names.contains_key(&t.text) {
            return Some(t);
        }
        if WORDS.config.iter().any(|w| w.0 == t.text) {
            return self.builtin(t);
        }
        let body = match self.definition(t.text) {
            Some(body) => body,
            None => return self.builtin(t),
        };
        if self.disabled.contains(&t.text) {
            t.painted = true;
            return Some(t);
        }
        let origin = if t.origin.is_empty() { t.text } else { t.origin };
        if !body.function_like {
            let mut tokens = self.spare();
            substitute(&body, &[], &[], t.loc, origin, t.space, &mut tokens);
            self.push(tokens, t.text);
            return None;
        }
        if !self.opens() {
            return Some(t);
        }
        let args = match self.arguments(&body) {
            Ok(args) => args,
            Err(reason) => {
                self.failed = Some(reason);
                return None;
            }
        };
        // Arguments that stand alone in the body are expanded first.
        let mut expanded: Vec<Vec<Tk>> = Vec::with_capacity(args.len());
        for (i, arg) in args.iter().enumerate() {
            let i = i as u16;
            let mut plain = false;
            let mut pasted = false;
            for (n, b) in body.tokens.iter().enumerate() {
                if b.param == i && !b.stringify {
                    let after_paste = n > 0 && body.tokens[n - 1].paste;
                    if b.paste || after_paste {
                        pasted = true;
                    } else {
                        plain = true;
                    }
                }
            }
            let _ = pasted;
            let simple = arg.iter().all(|t| t.kind != Tok::Ident);
            if plain && !simple {
                expanded.push(self.expand_list(arg)?);
            } else {
                expanded.push(arg.clone());
            }
        }
        let mut tokens = self.spare();
        substitute(&body, &args, &expanded, t.loc, origin, t.space, &mut tokens);
        self.steps += tokens.len() / 16;
        if tokens.len() > TOKENS_MAX {
            self.failed = Some("macros expand to more than two million tokens");
            return None;
        }
        self.push(tokens, t.text);
        None
    }

    fn push(&mut self, tokens: Vec<Tk>, of: Symbol) {
        self.steps += tokens.len() / 4;
        self.disabled.push(of);
        self.streams.push(Stream { tokens, at: 0, of });
        if self.streams.len() > 4096 {
            self.failed = Some("macro expansion nests too deeply");
        }
    }

    fn definition(&mut self, name: Symbol) -> Option<Arc<MacroBody>> {
        let program = self.program;
        if self.own_macros {
            let own = self.own(name);
            if let Some(found) = own {
                return program.macro_body(found, Some((self.file, self.text)));
            }
        }
        if let Some(known) = self.cache.found.get(&name) {
            return known.clone();
        }
        let found = match program.find_macro(self.file, name, u32::MAX) {
            // Own definitions were asked for above: this one is not in force yet.
            Found::Listed(r) if r.file == self.file && self.own_macros => Found::No,
            other => other,
        };
        let body = program.macro_body(found, None);
        self.cache.found.insert(name, body.clone());
        body
    }

    /// The file's own definition in force here; `Some(No)`: it was undefined.
    fn own(&self, name: Symbol) -> Option<Found> {
        let all = self.program.names.macros.get(name);
        if all.is_empty() {
            return None;
        }
        let start = all.partition_point(|r| r.file < self.file);
        let macros = &self.program.outline(self.file).macros;
        let at = self.lexer.at as u32;
        let last = all[start..].iter().take_while(|r| r.file == self.file).filter(|r| macros[r.item as usize].lo <= at).last()?;
        let lo = macros[last.item as usize].lo;
        if self.program.outline(self.file).undefs.iter().any(|u| u.0 == name && u.1 > lo && u.1 <= at) {
            return Some(Found::No);
        }
        Some(Found::Listed(*last))
    }

    fn builtin(&mut self, mut t: Tk) -> Option<Tk> {
        let name = t.text.as_str();
        let int = |t: Tk, v: i64| Tk { kind: Tok::Int, text: Symbol::intern(&v.to_string()), ..t };
        if name.starts_with("CONFIG_") {
            if let Some(v) = self.program.options(self.file).config_value(name) {
                return Some(int(t, v));
            }
            return Some(t);
        }
        if !name.starts_with("IS_") && !name.starts_with('_') {
            return Some(t);
        }
        let words = &*WORDS;
        if let Some((_, counts)) = words.config.iter().find(|(w, _)| *w == t.text) {
            if self.disabled.contains(&t.text) || !self.opens() {
                return Some(t);
            }
            let args = self.collect(1).ok()?;
            let on = args.first().and_then(|a| a.first()).is_some_and(|a| match a.kind {
                Tok::Int => a.text.as_str() != "0",
                _ => self.program.options(self.file).config_value(a.text.as_str()).is_some_and(|v| v != 0),
            });
            return Some(int(t, i64::from(on && *counts)));
        }
        if t.text == words.line {
            return Some(int(t, i64::from(t.loc.line)));
        }
        if t.text == words.counter {
            self.counter += 1;
            return Some(int(t, self.counter - 1));
        }
        if t.text == words.file {
            t.kind = Tok::Str;
            t.text = Symbol::intern(&format!("\"{}\"", self.program.source.path(self.file).escape_default()));
            return Some(t);
        }
        if t.text == words.pragma && self.opens() {
            let _ = self.collect(1);
            return None;
        }
        let _ = (words.va_opt, words.defined);
        Some(t)
    }

    /// Consumes `(` if it is the next token.
    fn opens(&mut self) -> bool {
        loop {
            if self.streams.len() > self.floor {
                let stream = self.streams.last_mut().expect("above the floor");
                match stream.tokens.get(stream.at) {
                    Some(t) => {
                        if t.kind == Tok::Punct(Punct::LParen) {
                            stream.at += 1;
                            return true;
                        }
                        return false;
                    }
                    None => {
                        self.pop();
                        continue;
                    }
                }
            }
            if self.floor > 0 {
                return false;
            }
            let t = match self.ahead.take() {
                Some(t) => t,
                None => self.source_token(),
            };
            if t.kind == Tok::Punct(Punct::LParen) {
                return true;
            }
            self.ahead = Some(t);
            return false;
        }
    }

    fn arguments(&mut self, body: &MacroBody) -> Result<Vec<Vec<Tk>>, &'static str> {
        let max = if body.variadic { body.params.len() } else { usize::MAX };
        let mut args = self.collect(max)?;
        if args.len() < body.params.len() {
            args.resize_with(body.params.len(), Vec::new);
        }
        Ok(args)
    }

    /// Reads arguments after `(` up to the matching `)`; the last of `max` takes the commas too.
    fn collect(&mut self, max: usize) -> Result<Vec<Vec<Tk>>, &'static str> {
        let mut args: Vec<Vec<Tk>> = vec![Vec::new()];
        let mut depth = 0u32;
        let mut count = 0usize;
        loop {
            let t = self.raw();
            count += 1;
            if count > TOKENS_MAX {
                return Err("a macro's arguments do not end");
            }
            match t.kind {
                Tok::Eof => return Err("a macro's arguments do not end"),
                Tok::Punct(Punct::LParen) => depth += 1,
                Tok::Punct(Punct::RParen) => {
                    if depth == 0 {
                        return Ok(args);
                    }
                    depth -= 1;
                }
                Tok::Punct(Punct::Comma) if depth == 0 && args.len() < max => {
                    args.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            if let Some(last) = args.last_mut() {
                last.push(t);
            }
        }
    }

    fn expand_list(&mut self, tokens: &[Tk]) -> Option<Vec<Tk>> {
        if self.streams.len() > DEPTH_MAX * 4 || self.disabled.len() > DEPTH_MAX * 8 {
            self.failed = Some("macro expansion nests too deeply");
            return None;
        }
        thread_local! { static DEPTH: std::cell::Cell<usize> = const { std::cell::Cell::new(0) }; }
        let depth = DEPTH.get();
        if depth > DEPTH_MAX {
            self.failed = Some("macro expansion nests too deeply");
            return None;
        }
        DEPTH.set(depth + 1);
        let floor = std::mem::replace(&mut self.floor, self.streams.len() + 1);
        // The floor is one below the new stream, and never zero, so that the source is not read.
        self.streams.push(Stream { tokens: Vec::new(), at: 0, of: Symbol::EMPTY });
        self.streams.push(Stream { tokens: tokens.to_vec(), at: 0, of: Symbol::EMPTY });
        let mut out = Vec::with_capacity(tokens.len());
        loop {
            let t = self.next();
            if t.kind == Tok::Eof || self.failed.is_some() {
                break;
            }
            out.push(t);
            if out.len() > TOKENS_MAX {
                self.failed = Some("macros expand to more than two million tokens");
                break;
            }
        }
        DEPTH.set(depth);
        if self.failed.is_some() {
            return None;
        }
        self.floor = floor;
        self.pop();
        self.steps += out.len() / 8;
        Some(out)
    }
}

/// Puts arguments into a macro's body.
fn substitute(body: &MacroBody, args: &[Vec<Tk>], expanded: &[Vec<Tk>], loc: Loc, origin: Symbol, space: bool, out: &mut Vec<Tk>) {
    let tokens = &body.tokens;
    let mut i = 0;
    let make = |kind, text, space| Tk { kind, text, loc, origin, space, painted: false };
    let va_opt = WORDS.va_opt;
    while i < tokens.len() {
        let b = &tokens[i];
        if out.len() > TOKENS_MAX + 1 {
            return;
        }
        let first = out.is_empty();
        let lead = if first { space } else { b.space };
        // `__VA_OPT__(…)`: kept if the variable arguments are not empty.
        if b.kind == Tok::Ident && b.text == va_opt && body.variadic && tokens.get(i + 1).is_some_and(|n| n.kind == Tok::Punct(Punct::LParen)) {
            let present = args.last().is_some_and(|a| !a.is_empty());
            let mut depth = 0;
            let mut j = i + 1;
            while j < tokens.len() {
                match tokens[j].kind {
                    Tok::Punct(Punct::LParen) => depth += 1,
                    Tok::Punct(Punct::RParen) => {
                        depth -= 1;
                        if depth == 0 {
                            break;
                        }
                    }
                    _ => {}
                }
                j += 1;
            }
            if present {
                let inner = MacroBody { tokens: tokens[(i + 2).min(j)..j.min(tokens.len())].to_vec(), ..body.clone() };
                let mut part = Vec::new();
                substitute(&inner, args, expanded, loc, origin, lead, &mut part);
                out.extend(part);
            }
            i = j + 1;
            continue;
        }
        if b.stringify {
            let text = args.get(b.param as usize).map_or(String::new(), |a| spell(a));
            let mut quoted = String::with_capacity(text.len() + 2);
            quoted.push('"');
            for c in text.chars() {
                if c == '"' || c == '\\' {
                    quoted.push('\\');
                }
                quoted.push(c);
            }
            quoted.push('"');
            out.push(make(Tok::Str, Symbol::intern(&quoted), lead));
            i += 1;
            continue;
        }
        let mut paste = b.paste;
        // The left side of this token's place.
        if b.param != NONE {
            let after_paste = i > 0 && tokens[i - 1].paste;
            let raw = paste || after_paste;
            let list = if raw { args.get(b.param as usize) } else { expanded.get(b.param as usize) };
            if let Some(list) = list {
                for (n, t) in list.iter().enumerate() {
                    out.push(Tk { loc, origin, space: if n == 0 { lead } else { t.space }, ..*t });
                }
            }
            // GNU `, ## args`: without arguments the comma goes too.
            if after_paste
                && body.variadic
                && b.param as usize + 1 == body.params.len()
                && i >= 1
                && tokens[i - 1].kind == Tok::Punct(Punct::Comma)
            {
                let empty = args.get(b.param as usize).is_none_or(|a| a.is_empty());
                if empty && out.last().is_some_and(|t| t.kind == Tok::Punct(Punct::Comma)) {
                    out.pop();
                }
                i += 1;
                continue;
            }
        } else {
            out.push(make(b.kind, b.text, lead));
        }
        // Paste to the right, as often as it goes on.
        while paste && i + 1 < tokens.len() {
            let n = &tokens[i + 1];
            let gnu_comma = b_is_comma(&tokens[i]) && body.variadic && n.param as usize + 1 == body.params.len();
            if gnu_comma {
                break;
            }
            let left_empty = tokens[i].param != NONE && args.get(tokens[i].param as usize).is_none_or(|a| a.is_empty()) && i == first_of_chain(tokens, i);
            let right: Vec<Tk> = if n.param != NONE {
                args.get(n.param as usize).cloned().unwrap_or_default()
            } else {
                vec![make(n.kind, n.text, n.space)]
            };
            let mut right = right.into_iter();
            if let Some(first_right) = right.next() {
                if left_empty || out.is_empty() {
                    out.push(Tk { loc, origin, ..first_right });
                } else if let Some(left) = out.pop() {
                    glue(left, first_right, loc, origin, out);
                }
                for t in right {
                    out.push(Tk { loc, origin, ..t });
                }
            }
            paste = n.paste;
            i += 1;
        }
        i += 1;
    }
}

fn b_is_comma(b: &crate::macros::BodyToken) -> bool {
    b.kind == Tok::Punct(Punct::Comma)
}

fn first_of_chain(tokens: &[crate::macros::BodyToken], i: usize) -> usize {
    let mut at = i;
    while at > 0 && tokens[at - 1].paste {
        at -= 1;
    }
    at
}

/// Joins two tokens into one by their spelling; both if that is no token.
fn glue(left: Tk, right: Tk, loc: Loc, origin: Symbol, out: &mut Vec<Tk>) {
    let mut text = spelling(&left).to_owned();
    text.push_str(spelling(&right));
    let mut lexer = Lexer::new(text.as_bytes(), 0, text.len(), 1);
    let raw = lexer.next();
    if raw.hi as usize == text.len() && raw.kind != Tok::Eof {
        let symbol = match raw.kind {
            Tok::Punct(_) => Symbol::EMPTY,
            _ => Symbol::intern(&text),
        };
        out.push(Tk { kind: raw.kind, text: symbol, loc, origin, space: left.space, painted: false });
    } else {
        out.push(Tk { loc, origin, ..left });
        out.push(Tk { loc, origin, ..right });
    }
}

fn spelling(t: &Tk) -> &'static str {
    match t.kind {
        Tok::Punct(p) => p.as_str(),
        _ => t.text.as_str(),
    }
}

fn spell(tokens: &[Tk]) -> String {
    let mut out = String::new();
    for (i, t) in tokens.iter().enumerate() {
        if i > 0 && t.space {
            out.push(' ');
        }
        out.push_str(spelling(t));
        if out.len() > 1 << 20 {
            break;
        }
    }
    out
}
