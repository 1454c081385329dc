//! One pass over a file: its declarations, macros, includes and conditionals, without reading function bodies.
//!
//! Decides where every declaration starts and ends and what it is called, following the branches of conditionals that the
//! configuration takes. Branches it does not take are scanned as if they stood alone, so that their functions are known too.
//! Does not parse expressions, types or statements.

mod declare;
mod directive;
mod item_conditions;
mod names;
mod record;
mod skip;
mod words;

use crate::bulk::{BulkMacros, name_hash};
use crate::condition::{Conditions, Lookup};
use crate::config::Options;
use crate::lexer::Lexer;
use crate::outline::{FileOutline, Include, Item, MacroDef};
use crate::shapes::Shapes;
use cuthere_base::{Loc, Symbol};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

pub(crate) use item_conditions::{Conditionals, inactive_inside};
pub(crate) use skip::directive_end;

/// Inactive branches inside inactive branches are scanned down to this depth.
const MAX_REGIONS: u8 = 6;
/// Notes kept per file.
const MAX_NOTES: usize = 50;

/// A `#define` or `#undef` as met; names are interned at the end, if at all.
#[derive(Clone, Copy)]
struct RawMacro {
    name_lo: u32,
    name_hi: u32,
    /// End of the directive.
    hi: u32,
    active: bool,
    undef: bool,
}

/// An open conditional.
#[derive(Clone, Copy)]
struct Frame {
    lo: u32,
    /// Some branch was or is active.
    taken: bool,
}

#[derive(Default)]
struct Out {
    includes: Vec<Include>,
    macros: Vec<RawMacro>,
    items: Vec<Item>,
    inactive: Vec<(u32, u32)>,
    notes: Vec<(Loc, String)>,
}

/// The file's own macros by hash of the name, extended when asked.
#[derive(Default)]
struct OwnMacros {
    last: FxHashMap<u32, u32>,
    upto: usize,
}

/// State of the pass.
struct Scan<'t, 'c> {
    text: &'t [u8],
    lexer: Lexer<'t>,
    /// Where this region ends.
    end: usize,
    options: &'c Options,
    shapes: &'c Shapes,
    lookup: &'c dyn Fn(&str) -> Lookup,
    out: Out,
    own: RefCell<OwnMacros>,
    own_depth: Cell<u32>,
    /// A position whose line is known.
    mark: (usize, u32),
    frames: Vec<Frame>,
    /// The pass stands between declarations or their words: a branch not taken may hold declarations of its own.
    top: bool,
    /// How many inactive branches this region lies in.
    region: u8,
    /// Nothing but comments was met so far.
    fresh: bool,
    /// A body had to be closed by force before: do so without trying to the end of the file.
    distrust: bool,
    /// How often a declaration was taken for a function header in the old style and was none.
    old_style_tries: u32,
    /// Where the line of `mark` starts, if known.
    line_start: Option<usize>,
}

/// Reads the outline of a file.
pub fn scan(text: &[u8], options: &Options, shapes: &Shapes, lookup: &dyn Fn(&str) -> Lookup) -> FileOutline {
    const MAX: usize = u32::MAX as usize - 16;
    let whole = text;
    let text = &text[..text.len().min(MAX)];
    let mut scan = Scan {
        text,
        lexer: Lexer::new(text, 0, text.len(), 1),
        end: text.len(),
        options,
        shapes,
        lookup,
        out: Out::default(),
        own: RefCell::default(),
        own_depth: Cell::new(0),
        mark: (0, 1),
        frames: Vec::new(),
        top: true,
        region: 0,
        fresh: true,
        distrust: false,
        old_style_tries: 0,
        line_start: Some(0),
    };
    if whole.len() > MAX {
        scan.note(0, "only the first 4 GiB are read");
    }
    if memchr::memchr(0, &text[..text.len().min(1 << 16)]).is_some() {
        scan.note(0, "not a text file: NUL bytes");
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        scan.lexer.at = 3;
    }
    scan.declarations();
    if let Some(frame) = scan.frames.first().copied() {
        scan.note(frame.lo as usize, "conditional without #endif");
    }
    scan.finish()
}

impl Scan<'_, '_> {
    /// The line of an offset. Fast for offsets near the one asked for last.
    fn line_of(&mut self, at: usize) -> u32 {
        let (from, before) = self.mark;
        let line = before;
        let line = if at >= from {
            line + memchr::memchr_iter(b'\n', &self.text[from..at]).count() as u32
        } else {
            line - memchr::memchr_iter(b'\n', &self.text[at..from]).count() as u32
        };
        self.mark = (at, line);
        if line != before {
            self.line_start = None;
        }
        line
    }

    fn loc(&mut self, at: usize) -> Loc {
        let line = self.line_of(at);
        let start = match self.line_start {
            Some(start) if start <= at => start,
            _ => {
                // Farther away than columns count, any place will do.
                let window = at.saturating_sub(65536);
                memchr::memrchr(b'\n', &self.text[window..at]).map_or(window, |p| window + p + 1)
            }
        };
        self.line_start = Some(start);
        let col = at - start + 1;
        Loc::new(line, col.min(65535) as u16)
    }

    fn note(&mut self, at: usize, text: &str) {
        if self.region == 0 && self.out.notes.len() < MAX_NOTES {
            let loc = self.loc(at);
            self.out.notes.push((loc, text.to_owned()));
        }
    }

    fn symbol(&self, lo: u32, hi: u32) -> Symbol {
        let bytes = &self.text[lo as usize..hi as usize];
        match std::str::from_utf8(bytes) {
            Ok(name) if memchr::memchr(b'\\', bytes).is_none() => Symbol::intern(name),
            _ => Symbol::intern(&String::from_utf8_lossy(bytes).replace("\\\r\n", "").replace("\\\n", "")),
        }
    }

    /// What the file itself, or else the caller, knows of a macro at this point.
    fn know(&self, name: &str) -> Lookup {
        let found = {
            let mut own = self.own.borrow_mut();
            let own = &mut *own;
            if own.upto > self.out.macros.len() {
                *own = OwnMacros::default();
            }
            for (i, raw) in self.out.macros.iter().enumerate().skip(own.upto) {
                if raw.active {
                    own.last.insert(name_hash(&self.text[raw.name_lo as usize..raw.name_hi as usize]), i as u32);
                }
            }
            own.upto = self.out.macros.len();
            own.last.get(&name_hash(name.as_bytes())).and_then(|&i| self.out.macros.get(i as usize)).copied()
        };
        let Some(raw) = found.filter(|r| &self.text[r.name_lo as usize..r.name_hi as usize] == name.as_bytes()) else {
            return (self.lookup)(name);
        };
        if raw.undef {
            return Lookup::Undefined;
        }
        let body = &self.text[raw.name_hi as usize..raw.hi as usize];
        if body.first() == Some(&b'(') || body.len() > 4096 || self.own_depth.get() > 12 {
            return Lookup::Defined(None);
        }
        self.own_depth.set(self.own_depth.get() + 1);
        let value = self.conditions(&|n| self.know(n), |c| c.constant(body));
        self.own_depth.set(self.own_depth.get() - 1);
        Lookup::Defined(value.and_then(|v| i64::try_from(v).ok()))
    }

    fn conditions<R>(&self, lookup: &dyn Fn(&str) -> Lookup, ask: impl FnOnce(&Conditions<'_>) -> R) -> R {
        ask(&Conditions { options: self.options, lookup, overrides: &[] })
    }

    fn finish(mut self) -> FileOutline {
        let mut outline = FileOutline { size: self.text.len() as u32, ..FileOutline::default() };
        let mut macros = std::mem::take(&mut self.out.macros);
        self.mark = (0, 1);
        self.line_start = Some(0);
        let defines = macros.iter().filter(|m| !m.undef).count();
        if defines > 300 && self.out.items.len() * 20 < defines {
            let mut entries: Vec<(u32, u32)> = macros
                .iter()
                .filter(|m| !m.undef)
                .map(|m| (name_hash(&self.text[m.name_lo as usize..m.name_hi as usize]), m.name_lo))
                .collect();
            entries.sort_unstable();
            entries.shrink_to_fit();
            let inactive = macros.iter().filter(|m| !m.undef && !m.active).map(|m| m.name_lo).collect();
            outline.bulk = Some(BulkMacros { entries, inactive });
            macros.retain(|m| m.undef);
        } else {
            outline.macros.reserve_exact(defines);
        }
        for raw in macros {
            let name = self.symbol(raw.name_lo, raw.name_hi);
            if !raw.undef {
                outline.macros.push(MacroDef {
                    name,
                    lo: raw.name_hi,
                    hi: raw.hi,
                    function_like: self.text.get(raw.name_hi as usize) == Some(&b'('),
                    active: raw.active,
                    loc: self.loc(raw.name_lo as usize),
                });
            } else if raw.active {
                outline.undefs.push((name, raw.name_lo));
            }
        }
        outline.includes = self.out.includes;
        outline.items = self.out.items;
        outline.items.sort_by_key(|i| i.lo);
        outline.items.shrink_to_fit();
        outline.undefs.sort_unstable_by_key(|u| (u.0.index(), u.1));
        outline.undefs.shrink_to_fit();
        outline.includes.shrink_to_fit();
        outline.inactive = self.out.inactive;
        outline.inactive.shrink_to_fit();
        outline.notes = self.out.notes;
        outline
    }
}

#[cfg(test)]
mod tests;
