//! Preprocessed tokens of a declaration or body: conditionals as the outline decided them, macros expanded.
//!
//! Expansion follows C's rules (C17 6.10.3): arguments are expanded before they are substituted unless `#` or `##` touches them, the result is
//! rescanned together with what follows, and a macro is not expanded inside its own expansion. Bounded by a token budget.

mod cache;
mod substitute;

use crate::lexer::{Lexer, clean};
use crate::macros::{Found, MacroBody};
use crate::outline::{ItemKind, ItemRef};
use crate::program::{FileText, Program};
use crate::token::{Punct, Tok, Token};
use cache::{Body, Cache, Class, Classes, MEMORY, Memory, WORDS};
use cuthere_base::{FileId, Loc, Symbol};
use std::sync::Arc;
use substitute::substitute;

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
    classes: &'e mut Classes,
    spare: &'e mut Vec<Vec<Tk>>,
    own_macros: bool,
    /// The name of the item that is read, and where its declarator ends: up to there it is no macro.
    declares: (Symbol, u32),
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
        // A function that is declared is declared even if the configuration makes a macro of its name. `NAME(args) { … }` is a use of a macro.
        let declares = match it.kind {
            ItemKind::Function if !text.starts_with_word(it.lo, it.name) => (it.name, it.body_lo),
            ItemKind::Prototype if !text.starts_with_word(it.lo, it.name) => (it.name, it.hi),
            _ => (Symbol::EMPTY, 0),
        };
        let outline = self.outline(item.file);
        if it.active {
            self.expand_range(item.file, (lo, hi), &outline.inactive, text, declares, out)
        } else {
            let inactive = outline.inactive_for_item(&text.bytes, it, self.options(item.file), &|_| crate::condition::Lookup::Unknown);
            self.expand_range(item.file, (lo, hi), &inactive, text, declares, out)
        }
    }

    /// The preprocessed tokens of a byte range of a file.
    pub fn range_tokens(
        &self,
        file: FileId,
        lo: u32,
        hi: u32,
        inactive: &[(u32, u32)],
        text: &FileText,
        out: &mut Vec<Token>,
    ) -> Result<(), String> {
        self.expand_range(file, (lo, hi), inactive, text, (Symbol::EMPTY, 0), out)
    }

    fn expand_range(
        &self,
        file: FileId,
        (lo, hi): (u32, u32),
        inactive: &[(u32, u32)],
        text: &FileText,
        declares: (Symbol, u32),
        out: &mut Vec<Token>,
    ) -> Result<(), String> {
        if hi as usize > text.bytes.len() || lo > hi {
            out.push(Token { kind: Tok::Eof, text: Symbol::EMPTY, loc: Loc::NONE, origin: Symbol::EMPTY });
            return Err("the file changed while it was read".to_owned());
        }
        MEMORY.with_borrow_mut(|memory| {
            let mut e = Expander::new(self, file, text, memory, (lo, hi));
            e.inactive = inactive;
            e.inactive_at = inactive.partition_point(|r| r.1 <= lo);
            e.own_macros = !self.outline(file).macros.is_empty();
            e.declares = declares;
            e.all(out)
        })
    }

    /// The value of an object-like macro that is an integer constant in `from`.
    pub fn macro_constant(&self, from: FileId, name: Symbol) -> Option<i64> {
        let found = self.find_macro(from, name, u32::MAX);
        let body = self.macro_body(found, None)?;
        if body.function_like || body.tokens.len() > 4096 {
            return None;
        }
        self.constant(from, name)
    }

    /// The value of a name that is an integer constant in `from`: a macro or an enumerator.
    pub fn constant(&self, from: FileId, name: Symbol) -> Option<i64> {
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
        Expander::new(self, from, text, &mut Memory::default(), (0, text.bytes.len() as u32)).all(out)
    }
}

impl<'e, 's> Expander<'e, 's> {
    fn new(program: &'e Program<'s>, file: FileId, text: &'e FileText, memory: &'e mut Memory, (lo, hi): (u32, u32)) -> Self {
        let (cache, classes, spare) = memory.of(program.id, file);
        Expander {
            program,
            file,
            text,
            lexer: Lexer::new(&text.bytes, lo as usize, hi as usize, text.line_of(lo)),
            inactive: &[],
            inactive_at: 0,
            streams: Vec::new(),
            floor: 0,
            ahead: None,
            disabled: Vec::new(),
            steps: 0,
            counter: 0,
            failed: None,
            cache,
            classes,
            spare,
            own_macros: false,
            declares: (Symbol::EMPTY, 0),
        }
    }

    /// Everything to the end.
    fn all(&mut self, out: &mut Vec<Token>) -> Result<(), String> {
        let start = out.len();
        loop {
            let t = self.next();
            out.push(Token { kind: t.kind, text: t.text, loc: t.loc, origin: t.origin });
            if t.kind == Tok::Eof {
                break;
            }
            if out.len() - start > TOKENS_MAX {
                self.failed = Some("more than two million tokens");
                out.push(Token { kind: Tok::Eof, text: Symbol::EMPTY, loc: t.loc, origin: Symbol::EMPTY });
                break;
            }
        }
        self.failed.map_or(Ok(()), |reason| Err(reason.to_owned()))
    }
}

/// Whether what follows a `#` makes a directive: nothing, a line's number or a known word.
fn is_directive(rest: &[u8]) -> bool {
    let rest = &rest[rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()..];
    let word = &rest[..rest.iter().take_while(|b| crate::lexer::is_ident(**b)).count()];
    match word {
        [] => rest.first().is_none_or(|b| matches!(b, b'\n' | b'\r' | b'/' | b'\\')),
        [first, ..] if first.is_ascii_digit() => true,
        _ => matches!(
            word,
            b"if"
                | b"ifdef"
                | b"ifndef"
                | b"elif"
                | b"elifdef"
                | b"elifndef"
                | b"else"
                | b"endif"
                | b"define"
                | b"undef"
                | b"include"
                | b"include_next"
                | b"import"
                | b"line"
                | b"error"
                | b"warning"
                | b"pragma"
                | b"ident"
                | b"sccs"
                | b"assert"
                | b"unassert"
                | b"embed"
        ),
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
            self.recycle(stream.tokens);
        }
    }

    fn recycle(&mut self, mut tokens: Vec<Tk>) {
        if self.spare.len() < 64 && tokens.capacity() < 1 << 14 {
            tokens.clear();
            self.spare.push(tokens);
        }
    }

    fn spare(&mut self) -> Vec<Tk> {
        self.spare.pop().unwrap_or_default()
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
                let known = is_directive(&self.text.bytes[raw.hi as usize..]);
                self.lexer.skip_line();
                if known {
                    continue;
                }
                let loc = Loc::new(raw.line, 1);
                return Tk { kind: Tok::Unknown, text: Symbol::intern("#"), loc, origin: Symbol::EMPTY, space: true, painted: false };
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
        let class = self.classes.get(self.program, t.text);
        if class == Class::Plain || t.text == self.declares.0 && self.streams.is_empty() && self.lexer.at as u32 <= self.declares.1 {
            return Some(t);
        }
        if class == Class::Special && WORDS.config.iter().any(|w| w.0 == t.text) {
            return self.builtin(t);
        }
        let body = match self.definition(t.text, class == Class::Replaced) {
            Some(body) => body,
            None if class == Class::Special => return self.builtin(t),
            None => return Some(t),
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
        let mut expanded: Vec<Option<Vec<Tk>>> = Vec::with_capacity(args.len());
        for (i, arg) in args.iter().enumerate() {
            let wanted = body.alone.get(i) == Some(&true) && arg.iter().any(|t| t.kind == Tok::Ident && !t.painted);
            expanded.push(if wanted { Some(self.expand_list(arg)?) } else { None });
        }
        let mut tokens = self.spare();
        substitute(&body, &args, &expanded, t.loc, origin, t.space, &mut tokens);
        self.steps += tokens.len() / 16;
        if tokens.len() > TOKENS_MAX {
            self.failed = Some("macros expand to more than two million tokens");
            return None;
        }
        args.into_iter().chain(expanded.into_iter().flatten()).for_each(|list| self.recycle(list));
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

    /// The definition in force; of a name that the shapes keep, only one that replaces it.
    fn definition(&mut self, name: Symbol, kept: bool) -> Option<Body> {
        let program = self.program;
        let counts = |found: &Found| !kept || matches!(found, Found::Listed(r) if program.replaces(name, *r));
        if self.own_macros {
            let own = self.own(name);
            if let Some(found) = own {
                if !counts(&found) {
                    return None;
                }
                return program.macro_body(found, Some((self.file, self.text))).map(Body::new);
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
        let body = match found {
            found if !counts(&found) => None,
            Found::No if program.names.macros.get(name).is_empty() => program.shapes.macros.get(&name).cloned(),
            found => program.macro_body(found, None),
        };
        let body = body.map(Body::new);
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
        let end = all.partition_point(|r| r.file < self.file || r.file == self.file && macros[r.item as usize].lo <= at);
        let last = all[start..end].last()?;
        let lo = macros[last.item as usize].lo;
        if self.program.outline(self.file).undefined_within(name, lo, at) {
            return Some(Found::No);
        }
        Some(Found::Listed(*last))
    }

    fn builtin(&mut self, mut t: Tk) -> Option<Tk> {
        let name = t.text.as_str();
        let int = |t: Tk, v: i64| Tk { kind: Tok::Int, text: Symbol::intern(&v.to_string()), ..t };
        if name.starts_with("CONFIG_") {
            if let Some(v) = self.program.options(self.file).config_value(name) {
                // A negative value stands for an address written in hexadecimal, and may be pasted to a suffix.
                let text = if v < 0 { format!("{v:#x}") } else { v.to_string() };
                return Some(Tk { kind: Tok::Int, text: Symbol::intern(&text), ..t });
            }
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
        let mut args: Vec<Vec<Tk>> = vec![self.spare()];
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
                    args.push(self.spare());
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
        let mut copy = self.spare();
        copy.extend_from_slice(tokens);
        self.streams.push(Stream { tokens: copy, at: 0, of: Symbol::EMPTY });
        let mut out = self.spare();
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
