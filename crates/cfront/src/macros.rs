//! Macro definitions as token lists, and which definition a use means.

use crate::asked::Space;
use crate::lexer::{Lexer, clean};
use crate::outline::{ItemRef, MacroDef};
use crate::program::{FileText, Program};
use crate::token::{Punct, Tok};
use cuthere_base::{FileId, Symbol, folder};
use std::sync::Arc;

/// One token of a macro body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyToken {
    pub kind: Tok,
    pub text: Symbol,
    pub space: bool,
    /// Index of the parameter it names; `NONE` otherwise.
    pub param: u16,
    /// `#` stands before it.
    pub stringify: bool,
    /// `##` stands after it.
    pub paste: bool,
}

/// How many files are asked for the macros that a header sees through them.
const INCLUDERS: usize = 5;

/// Not a parameter.
pub const NONE: u16 = u16::MAX;

/// A macro's parameters and body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MacroBody {
    pub name: Symbol,
    pub params: Vec<Symbol>,
    pub function_like: bool,
    /// The last parameter takes all remaining arguments.
    pub variadic: bool,
    pub tokens: Vec<BodyToken>,
    /// Per parameter: somewhere it stands without `#` and `##`, so that the argument is expanded first.
    pub alone: Vec<bool>,
}

impl MacroBody {
    /// A definition by itself: what stands after the name in a `#define`.
    pub fn of_text(name: Symbol, text: &str) -> MacroBody {
        let function_like = text.starts_with('(');
        let def = MacroDef { name, lo: 0, hi: text.len() as u32, function_like, active: true, loc: cuthere_base::Loc::NONE };
        MacroBody::parse(text.as_bytes(), &def)
    }

    /// Reads `lo..hi`: the bytes after the name up to the end of the definition.
    pub fn parse(text: &[u8], def: &MacroDef) -> MacroBody {
        let mut body = MacroBody { name: def.name, function_like: def.function_like, ..MacroBody::default() };
        let mut lexer = Lexer::new(text, def.lo as usize, def.hi as usize, 1);
        if def.function_like {
            lexer.next();
            loop {
                let raw = lexer.next();
                match raw.kind {
                    Tok::Ident => body.params.push(Symbol::intern(&clean(text, &raw))),
                    Tok::Punct(Punct::Ellipsis) => {
                        // `args...` names the rest; a lone `...` is `__VA_ARGS__`.
                        let named = text[..raw.lo as usize]
                            .iter()
                            .rev()
                            .find(|b| !b.is_ascii_whitespace())
                            .is_some_and(|&b| crate::lexer::is_ident(b));
                        if !named || body.params.is_empty() {
                            body.params.push(Symbol::intern("__VA_ARGS__"));
                        }
                        body.variadic = true;
                    }
                    Tok::Punct(Punct::Comma) => {}
                    _ => break,
                }
                if body.params.len() > 256 {
                    break;
                }
            }
        }
        let mut stringify = false;
        loop {
            let raw = lexer.next();
            if raw.kind == Tok::Eof || body.tokens.len() > 200_000 {
                break;
            }
            if raw.kind == Tok::Punct(Punct::HashHash) && !body.tokens.is_empty() {
                if let Some(last) = body.tokens.last_mut() {
                    last.paste = true;
                }
                continue;
            }
            if raw.kind == Tok::Punct(Punct::Hash) && def.function_like {
                stringify = true;
                continue;
            }
            let text = match raw.kind {
                Tok::Punct(_) => Symbol::EMPTY,
                _ => Symbol::intern(&clean(text, &raw)),
            };
            let param = match raw.kind {
                Tok::Ident => body.params.iter().position(|p| *p == text).map_or(NONE, |p| p as u16),
                _ => NONE,
            };
            body.tokens.push(BodyToken { kind: raw.kind, text, space: raw.space, param, stringify, paste: false });
            stringify = false;
        }
        body.alone = vec![false; body.params.len()];
        for (n, token) in body.tokens.iter().enumerate() {
            let pasted = token.paste || n > 0 && body.tokens[n - 1].paste;
            if let Some(alone) = body.alone.get_mut(token.param as usize)
                && !token.stringify
                && !pasted
            {
                *alone = true;
            }
        }
        body.tokens.shrink_to_fit();
        body
    }
}

/// A definition found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Found {
    No,
    /// `FileOutline::macros[item]` of a file.
    Listed(ItemRef),
    /// In a header that is a long list of `#define`s.
    Bulk(FileId, u32),
}

impl Program<'_> {
    /// Whether a macro takes a name of the kernel away: its file undefines the name first, and is none of the kernel's own headers, whose
    /// definitions say how the kernel does what the name is known for.
    pub(crate) fn replaces(&self, name: Symbol, item: ItemRef) -> bool {
        let outline = self.outline(item.file);
        let path = self.source.path(item.file);
        let kernels = ["include/linux/", "include/asm-generic/", "arch/"].iter().any(|folder| path.starts_with(folder));
        !kernels && outline.macros.get(item.item as usize).is_some_and(|m| outline.undefined_within(name, 0, m.lo))
    }

    /// The definition in force for `name` used in `from` at byte `at` (`u32::MAX`: at the end of the file).
    pub(crate) fn find_macro(&self, from: FileId, name: Symbol, at: u32) -> Found {
        let all = self.names.macros.get(name);
        let own = &self.files[from.index()];
        if !all.is_empty() {
            // Definitions of one file stand in the order of the text.
            let start = all.partition_point(|r| r.file < from);
            let end = all.partition_point(|r| r.file < from || r.file == from && own.macros[r.item as usize].lo <= at);
            if let Some(&found) = all[start..end].last() {
                let lo = own.macros[found.item as usize].lo;
                return if own.undefined_within(name, lo, at) { Found::No } else { Found::Listed(found) };
            }
        }
        let found = crate::closure::with(self, from, |closure| {
            // Of a file only its last definition can be seen by who includes it, and not if the file undefines it afterwards.
            let visible = all.chunk_by(|a, b| a.file == b.file).filter_map(|same| {
                let last = *same.last()?;
                closure.rank(last.file).map(|rank| (rank, last))
            });
            let helper = |r: &ItemRef| {
                let outline = &self.files[r.file.index()];
                outline.macros.get(r.item as usize).is_some_and(|m| outline.undefined_within(name, m.lo, u32::MAX))
            };
            if let Some((_, r)) = visible.filter(|b| !helper(&b.1)).min() {
                return Found::Listed(r);
            }
            for &file in &closure.bulk {
                if let Some(bulk) = &self.files[file.index()].bulk
                    && let Ok(text) = self.text(file)
                    && let Some((_, end, _)) = bulk.place(&text.bytes, name.as_str())
                {
                    return Found::Bulk(file, end as u32);
                }
            }
            if closure.missing {
                self.note_question(from, Space::Macro, name);
                // An include could not be found: a definition in the same folder is the likely one.
                let dir = |f: FileId| folder(self.source.path(f));
                let mut near = all.iter().filter(|r| dir(r.file) == dir(from) && !self.source.path(r.file).ends_with(".c"));
                if let (Some(one), None) = (near.next(), near.next()) {
                    return Found::Listed(*one);
                }
            }
            Found::No
        });
        match found {
            Found::No => self.of_includer(from, all).map_or(Found::No, Found::Listed),
            found => found,
        }
    }

    /// The definition that a header sees because who includes it has seen it before: `DECLARE_BITMAP(flags, N)` in a header that includes
    /// nothing. Only for names in capitals, and only where the includers are few enough to have been noted.
    fn of_includer(&self, from: FileId, all: &[ItemRef]) -> Option<ItemRef> {
        let includers = self.includers.as_ref()?;
        let first = all.first()?;
        let name = self.files[first.file.index()].macros.get(first.item as usize)?.name;
        if name.as_str().bytes().any(|b| b.is_ascii_lowercase()) || !self.source.path(from).ends_with(".h") {
            return None;
        }
        if let Some(known) = self.of_includers.get(&(from, name)) {
            return known;
        }
        let found = self.search_includers(includers, from, all);
        self.of_includers.get_or_insert((from, name), || found)
    }

    fn search_includers(&self, includers: &[Vec<FileId>], from: FileId, all: &[ItemRef]) -> Option<ItemRef> {
        let mut seen = vec![from];
        let mut next = 0;
        while let Some(&header) = seen.get(next) {
            next += 1;
            for &includer in &includers[header.index()] {
                if seen.contains(&includer) {
                    continue;
                }
                if seen.len() > INCLUDERS {
                    return None;
                }
                seen.push(includer);
                if let Some(own) = all.iter().rev().find(|r| r.file == includer && self.stands_before(**r, header)) {
                    return Some(*own);
                }
                // What it includes first comes first; that it might come too late is not looked into.
                let nearest = crate::closure::with(self, includer, |closure| {
                    let visible = all.iter().filter(|r| r.file != includer);
                    visible.filter_map(|r| closure.rank(r.file).map(|rank| (rank, *r))).min_by_key(|found| found.0)
                });
                if let Some((_, found)) = nearest {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Whether a file's definition stands before it includes a header.
    fn stands_before(&self, definition: ItemRef, header: FileId) -> bool {
        let outline = &self.files[definition.file.index()];
        let Some(line) = outline.macros.get(definition.item as usize).map(|m| m.loc.line) else { return false };
        let path = self.source.path(header);
        let include = outline.includes.iter().find(|i| i.active && path.ends_with(i.path.as_str().trim_start_matches("./")));
        include.is_none_or(|include| line < include.loc.line)
    }

    /// The body of a definition, parsed once.
    pub(crate) fn macro_body(&self, found: Found, own: Option<(FileId, &FileText)>) -> Option<Arc<MacroBody>> {
        match found {
            Found::No => None,
            Found::Listed(r) => {
                if let Some(body) = self.bodies.get(&r) {
                    return Some(body);
                }
                let text = match own {
                    Some((file, text)) if file == r.file => text.clone(),
                    _ => self.text(r.file).ok()?,
                };
                let def = self.files[r.file.index()].macros.get(r.item as usize)?;
                Some(self.bodies.get_or_insert(r, || Arc::new(MacroBody::parse(&text.bytes, def))))
            }
            Found::Bulk(file, lo) => {
                let text = self.text(file).ok()?;
                // The name stands right before; parse what follows it to the end of the line.
                let mut lexer = Lexer::new(&text.bytes, lo as usize, text.bytes.len(), 1);
                let hi = lexer.skip_line() as u32;
                let function_like = text.bytes.get(lo as usize) == Some(&b'(');
                let def = MacroDef { name: Symbol::EMPTY, lo, hi, function_like, active: true, loc: cuthere_base::Loc::NONE };
                Some(Arc::new(MacroBody::parse(&text.bytes, &def)))
            }
        }
    }

    /// Whether what a name stands for in `from`, a macro or a function of a header, names one of `words`, itself or up to `depth` such things below it. `None`: it is not
    /// known what it stands for. Comments count as text: they seldom speak of such words where the code does not.
    pub fn mentions(&self, from: FileId, name: Symbol, words: &[&str], depth: u32) -> Option<bool> {
        let (file, lo, hi) = match self.find_macro(from, name, u32::MAX) {
            Found::Listed(r) => {
                let def = self.files[r.file.index()].macros.get(r.item as usize)?;
                (r.file, def.lo, def.hi)
            }
            Found::Bulk(..) => return None,
            Found::No => {
                let r = self.resolve_call(from, name)?;
                let item = self.item(r);
                (r.file, item.body_lo, item.body_hi)
            }
        };
        let text = self.text(file).ok()?;
        let bytes = text.bytes.get(lo as usize..hi as usize)?;
        let names = || bytes.split(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).filter_map(|word| std::str::from_utf8(word).ok());
        if names().any(|word| words.contains(&word)) {
            return Some(true);
        }
        let below =
            |word: &str| Symbol::find(word).filter(|w| *w != name && depth > 0).and_then(|w| self.mentions(from, w, words, depth - 1));
        Some(names().filter(|word| word.len() > 3).any(|word| below(word) == Some(true)))
    }

    /// Whether the name is a macro in `from`.
    pub fn macro_defined(&self, from: FileId, name: Symbol) -> bool {
        self.find_macro(from, name, u32::MAX) != Found::No
    }
}
