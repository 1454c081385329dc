//! Directives: macros and includes are recorded, conditionals decided, branches not taken left out.

use super::skip::{directive_end, next_directive};
use super::{Frame, MAX_REGIONS, RawMacro, Scan};
use crate::condition::Conditions;
use crate::lexer::{Lexer, is_ident};
use crate::outline::Include;

/// What a directive does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    Define,
    Undef,
    Include,
    If,
    Ifdef,
    Ifndef,
    Elif,
    Elifdef,
    Elifndef,
    Else,
    Endif,
    Other,
}

/// Blanks, comments and continued lines from `at` on, within a line.
pub(super) fn after_blanks(text: &[u8], mut at: usize, end: usize) -> usize {
    while at < end {
        match text[at] {
            b' ' | b'\t' | b'\r' => at += 1,
            b'\\' if text.get(at + 1) == Some(&b'\n') => at += 2,
            b'/' if text.get(at + 1) == Some(&b'*') => at = super::skip::after_comment(text, at, end),
            _ => break,
        }
    }
    at.min(end)
}

fn after_word(text: &[u8], mut at: usize, end: usize) -> usize {
    while at < end && is_ident(text[at]) {
        at += 1;
    }
    at
}

/// The word of the directive whose `#` is at `hash`, and the offset behind it.
pub(super) fn word_at(text: &[u8], hash: usize, end: usize) -> (Word, usize) {
    let lo = after_blanks(text, hash + 1, end);
    let hi = after_word(text, lo, end);
    let word = match &text[lo..hi] {
        b"define" => Word::Define,
        b"undef" => Word::Undef,
        b"include" | b"include_next" | b"import" => Word::Include,
        b"if" => Word::If,
        b"ifdef" => Word::Ifdef,
        b"ifndef" => Word::Ifndef,
        b"elif" => Word::Elif,
        b"elifdef" => Word::Elifdef,
        b"elifndef" => Word::Elifndef,
        b"else" => Word::Else,
        b"endif" => Word::Endif,
        _ => Word::Other,
    };
    (word, hi)
}

/// Decides the condition of a conditional directive whose word ends at `at`.
pub(super) fn condition_holds(text: &[u8], word: Word, at: usize, line_end: usize, conditions: &Conditions<'_>) -> bool {
    match word {
        Word::If | Word::Elif => conditions.value(&text[at..line_end]) != 0,
        Word::Else => true,
        _ => {
            let lo = after_blanks(text, at, line_end);
            let name = String::from_utf8_lossy(&text[lo..after_word(text, lo, line_end)]);
            conditions.defined(&name) == matches!(word, Word::Ifdef | Word::Elifdef)
        }
    }
}

impl<'t> Scan<'t, '_> {
    /// Handles the directive whose `#` the lexer stands at, and stands behind it (and behind the branches not taken) afterwards.
    pub(super) fn directive(&mut self) {
        let (text, end) = (self.text, self.end);
        let hash = self.lexer.at;
        let (word, word_end) = word_at(text, hash, end);
        if word == Word::Define {
            self.lexer.at = self.define(word_end, true);
            self.fresh = false;
            return;
        }
        let line_end = directive_end(text, word_end, end);
        self.lexer.at = line_end;
        match word {
            Word::Undef => self.undef(word_end, line_end, true),
            Word::Include => self.include(hash, word_end, line_end, true),
            Word::If | Word::Ifdef | Word::Ifndef => {
                let holds = if std::mem::take(&mut self.fresh) && word == Word::Ifndef && self.is_guard(word_end, line_end) {
                    true
                } else {
                    self.holds(word, word_end, line_end)
                };
                self.frames.push(Frame { lo: hash as u32, taken: holds });
                if !holds {
                    self.skip_branches();
                }
            }
            Word::Elif | Word::Elifdef | Word::Elifndef | Word::Else => match self.frames.last_mut() {
                Some(frame) => {
                    frame.taken = true;
                    self.skip_branches();
                }
                None => self.note(hash, "#else or #elif without #if"),
            },
            Word::Endif => {
                if self.frames.pop().is_none() {
                    self.note(hash, "#endif without #if");
                }
            }
            Word::Define | Word::Other => {}
        }
        self.fresh = false;
    }

    fn holds(&self, word: Word, word_end: usize, line_end: usize) -> bool {
        self.conditions(&|n| self.know(n), |c| condition_holds(self.text, word, word_end, line_end, c))
    }

    /// `#ifndef X` followed by `#define X`.
    fn is_guard(&self, word_end: usize, line_end: usize) -> bool {
        let (text, end) = (self.text, self.end);
        let lo = after_blanks(text, word_end, line_end);
        let name = &text[lo..after_word(text, lo, line_end)];
        let Some(next) = next_directive(text, line_end, end.min(line_end + 4096)) else { return false };
        let (word, at) = word_at(text, next, end);
        let at = after_blanks(text, at, end);
        word == Word::Define && &text[at..after_word(text, at, end)] == name
    }

    /// Records a `#define`; gives the end of its line.
    fn define(&mut self, word_end: usize, active: bool) -> usize {
        let (text, end) = (self.text, self.end);
        let lo = after_blanks(text, word_end, end);
        let hi = after_word(text, lo, end);
        let line_end = directive_end(text, hi, end);
        if self.region == 0 && hi > lo {
            let raw = RawMacro { name_lo: lo as u32, name_hi: hi as u32, hi: line_end as u32, active, undef: false };
            self.out.macros.push(raw);
        }
        line_end
    }

    fn undef(&mut self, word_end: usize, line_end: usize, active: bool) {
        let lo = after_blanks(self.text, word_end, line_end);
        let hi = after_word(self.text, lo, line_end);
        if self.region == 0 && hi > lo {
            let raw = RawMacro { name_lo: lo as u32, name_hi: hi as u32, hi: line_end as u32, active, undef: true };
            self.out.macros.push(raw);
        }
    }

    fn include(&mut self, hash: usize, word_end: usize, line_end: usize, active: bool) {
        if self.region != 0 {
            return;
        }
        let lo = after_blanks(self.text, word_end, line_end);
        let (close, quoted) = match self.text.get(lo) {
            Some(b'"') => (b'"', true),
            Some(b'<') => (b'>', false),
            // A macro gives the path: it is no file that could be found by name.
            _ => return,
        };
        let Some(len) = memchr::memchr(close, &self.text[lo + 1..line_end]) else { return };
        let path = self.symbol(lo as u32 + 1, (lo + 1 + len) as u32);
        let loc = self.loc(hash);
        self.out.includes.push(Include { path, quoted, active, loc });
    }

    /// Leaves out branches of the innermost conditional until one that holds, or its `#endif`. The lexer stands at the end of the
    /// line of the directive that opens the first of them.
    fn skip_branches(&mut self) {
        let (text, end) = (self.text, self.end);
        loop {
            let lo = self.lexer.at;
            let (hash, word, word_end) = self.branch_end(lo);
            self.left_out(lo, hash);
            let line_end = directive_end(text, word_end, end);
            self.lexer.at = line_end;
            if word == Word::Endif || hash >= end {
                if word == Word::Endif {
                    self.frames.pop();
                }
                return;
            }
            let taken = self.frames.last().is_none_or(|f| f.taken);
            if !taken && self.holds(word, word_end, line_end) {
                if let Some(frame) = self.frames.last_mut() {
                    frame.taken = true;
                }
                return;
            }
        }
    }

    /// The directive that ends the branch starting at `at`; macros and includes in between are recorded as inactive.
    fn branch_end(&mut self, mut at: usize) -> (usize, Word, usize) {
        let (text, end) = (self.text, self.end);
        let mut depth = 0u32;
        while let Some(hash) = next_directive(text, at, end) {
            let (word, word_end) = word_at(text, hash, end);
            if word == Word::Define {
                at = self.define(word_end, false);
                continue;
            }
            match word {
                Word::If | Word::Ifdef | Word::Ifndef => depth += 1,
                Word::Endif if depth > 0 => depth -= 1,
                Word::Elif | Word::Elifdef | Word::Elifndef | Word::Else | Word::Endif if depth == 0 => return (hash, word, word_end),
                _ => {}
            }
            at = directive_end(text, word_end, end);
            match word {
                Word::Undef => self.undef(word_end, at, false),
                Word::Include => self.include(hash, word_end, at, false),
                _ => {}
            }
        }
        (end, Word::Other, end)
    }

    /// Notes a branch that is not taken, and looks for declarations in it where there can be any.
    fn left_out(&mut self, lo: usize, hi: usize) {
        if self.region == 0 {
            self.out.inactive.push((lo as u32, hi as u32));
        }
        if !self.top || self.region >= MAX_REGIONS || memchr::memchr3(b'(', b';', b'{', &self.text[lo..hi]).is_none() {
            return;
        }
        // Lines are counted from the place asked for last, which may lie behind the region.
        if self.mark.0 > hi {
            self.line_of(hi);
        }
        // The region is a text of its own: nothing may look beyond its end, where directives go on that are not its own.
        let whole = self.text;
        self.text = &whole[..hi];
        let lexer = std::mem::replace(&mut self.lexer, Lexer::new(self.text, lo, hi, 1));
        let frames = std::mem::take(&mut self.frames);
        let end = std::mem::replace(&mut self.end, hi);
        self.region += 1;
        self.declarations();
        self.region -= 1;
        self.end = end;
        self.frames = frames;
        self.lexer = lexer;
        self.text = whole;
        self.top = true;
    }
}
