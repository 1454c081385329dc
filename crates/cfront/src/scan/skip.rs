//! Fast ways over text that the outline does not read: comments, literals, bracketed groups, bodies.

use super::{Frame, Scan};
use crate::lexer::is_ident;
use memchr::memchr;

const STOP_BRACE: u8 = 1;
const STOP_PAREN: u8 = 2;
const STOP_BRACKET: u8 = 4;
const STOP_DIRECTIVE: u8 = 8;
const STOP_LINE: u8 = 16;

/// Where each way of skipping has to look closer.
static STOPS: [u8; 256] = {
    let mut table = [0u8; 256];
    let all = STOP_BRACE | STOP_PAREN | STOP_BRACKET | STOP_DIRECTIVE;
    table[b'"' as usize] = all | STOP_LINE;
    table[b'\'' as usize] = all | STOP_LINE;
    table[b'/' as usize] = all | STOP_LINE;
    table[b'#' as usize] = all;
    table[b'{' as usize] = STOP_BRACE;
    table[b'}' as usize] = STOP_BRACE | STOP_PAREN | STOP_BRACKET;
    table[b'(' as usize] = STOP_PAREN;
    table[b')' as usize] = STOP_PAREN;
    table[b'[' as usize] = STOP_BRACKET;
    table[b']' as usize] = STOP_BRACKET;
    table[b'\\' as usize] = STOP_LINE;
    table[b'\n' as usize] = STOP_LINE;
    table
};

/// The first byte from `at` on at which this way of skipping stops, or `end`.
#[inline]
fn next_stop(text: &[u8], mut at: usize, end: usize, mask: u8) -> usize {
    let bytes = &text[..end];
    while let Some(chunk) = bytes.get(at..at + 4) {
        if STOPS[chunk[0] as usize] & mask != 0 {
            return at;
        }
        if STOPS[chunk[1] as usize] & mask != 0 {
            return at + 1;
        }
        if STOPS[chunk[2] as usize] & mask != 0 {
            return at + 2;
        }
        if STOPS[chunk[3] as usize] & mask != 0 {
            return at + 3;
        }
        at += 4;
    }
    while at < end && STOPS[bytes[at] as usize] & mask == 0 {
        at += 1;
    }
    at
}

/// The offset after the comment that starts at `at` (a `/`), or `at + 1` if none does.
pub(super) fn after_comment(text: &[u8], at: usize, end: usize) -> usize {
    match text.get(at + 1) {
        Some(b'*') if at + 1 < end => {
            let mut from = at + 2;
            while let Some(p) = memchr(b'/', &text[from.min(end)..end]) {
                let slash = from + p;
                if slash > at + 2 && text[slash - 1] == b'*' {
                    return slash + 1;
                }
                from = slash + 1;
            }
            end
        }
        Some(b'/') if at + 1 < end => {
            let mut from = at + 2;
            loop {
                let Some(p) = memchr(b'\n', &text[from.min(end)..end]) else { return end };
                let newline = from + p;
                let before = if text[newline - 1] == b'\r' { newline - 1 } else { newline };
                if text[before - 1] != b'\\' {
                    return newline;
                }
                from = newline + 1;
            }
        }
        _ => at + 1,
    }
}

/// The offset after the literal whose opening quote is at `at`; it ends at the end of its line at the latest.
pub(super) fn after_literal(text: &[u8], at: usize, end: usize) -> usize {
    let quote = text[at];
    let mut from = at + 1;
    while from < end {
        let b = text[from];
        if b == quote {
            return from + 1;
        }
        if b == b'\n' {
            return from;
        }
        if b == b'\\' {
            // A carriage return before the newline belongs to the continued line.
            from += if text.get(from + 1) == Some(&b'\r') && text.get(from + 2) == Some(&b'\n') { 3 } else { 2 };
        } else {
            from += 1;
        }
    }
    end
}

/// The offset of the newline that ends the (continued) line of a directive, or `end`. Comments and literals are respected.
pub(crate) fn directive_end(text: &[u8], mut at: usize, end: usize) -> usize {
    loop {
        at = next_stop(text, at, end, STOP_LINE);
        if at >= end {
            return end;
        }
        at = match text[at] {
            b'\n' => return at,
            b'/' => after_comment(text, at, end),
            b'\\' => match (text.get(at + 1), text.get(at + 2)) {
                (Some(b'\r'), Some(b'\n')) => at + 3,
                (Some(b'\n'), _) => at + 2,
                _ => at + 1,
            },
            b'\'' if at > 0 && is_ident(text[at - 1]) => at + 1,
            _ => after_literal(text, at, end),
        }
        .min(end);
    }
}

/// Whether the `#` at `at` is the first thing on its line.
pub(super) fn starts_line(text: &[u8], at: usize) -> bool {
    for &b in text[..at].iter().rev() {
        match b {
            b' ' | b'\t' | b'\r' | 0x0b | 0x0c => {}
            b'\n' | b'/' => return true,
            _ => return false,
        }
    }
    true
}

/// The next `#` that starts a directive, from `at` on. Comments and literals are respected.
pub(super) fn next_directive(text: &[u8], mut at: usize, end: usize) -> Option<usize> {
    loop {
        at = next_stop(text, at, end, STOP_DIRECTIVE);
        if at >= end {
            return None;
        }
        at = match text[at] {
            b'#' if starts_line(text, at) => return Some(at),
            b'/' => after_comment(text, at, end),
            b'#' => at + 1,
            _ => after_literal(text, at, end),
        }
        .min(end);
    }
}

/// What surrounds a group that is skipped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Brace,
    Paren,
    Bracket,
}

/// Where a body that does not balance can be closed by force, and the state to go back to.
pub(super) struct Rescue {
    at: usize,
    frames: Vec<Frame>,
    counts: (usize, usize, usize, usize),
}

impl Scan<'_, '_> {
    /// Skips a group; the lexer stands after its opening bracket, afterwards behind the closing one. Only the active branches of
    /// conditionals count. False: it never closed; then the lexer stands behind the `}` that ended it by force, or at the end.
    pub(super) fn skip_group(&mut self, group: Group) -> bool {
        let (mask, open, close) = match group {
            Group::Brace => (STOP_BRACE, b'{', b'}'),
            Group::Paren => (STOP_PAREN, b'(', b')'),
            Group::Bracket => (STOP_BRACKET, b'[', b']'),
        };
        let start = self.lexer.at;
        let top = std::mem::replace(&mut self.top, false);
        let mut depth = 1u32;
        let mut rescue: Option<Rescue> = None;
        let text = self.text;
        let balanced = loop {
            let at = next_stop(text, self.lexer.at, self.end, mask);
            self.lexer.at = at;
            if at >= self.end {
                break false;
            }
            let b = text[at];
            if b == open {
                depth += 1;
                self.lexer.at += 1;
            } else if b == close {
                depth -= 1;
                self.lexer.at += 1;
                if depth == 0 {
                    break true;
                }
                if b == b'}' && rescue.is_none() && text[at - 1] == b'\n' && self.declaration_follows(at + 1) {
                    if self.distrust {
                        break false;
                    }
                    rescue = Some(self.rescue(at + 1));
                }
            } else {
                match b {
                    b'/' => self.lexer.at = after_comment(text, at, self.end),
                    b'#' if starts_line(text, at) => self.directive(),
                    b'#' => self.lexer.at += 1,
                    b'}' => {
                        // Inside parentheses or brackets: only a brace in the first column says that they never close.
                        self.lexer.at += 1;
                        if text[at - 1] == b'\n' && rescue.is_none() && self.declaration_follows(at + 1) {
                            if self.distrust {
                                break false;
                            }
                            rescue = Some(self.rescue(at + 1));
                        }
                    }
                    _ => self.lexer.at = after_literal(text, at, self.end),
                }
            }
        };
        self.top = top;
        if !balanced {
            let what = match group {
                Group::Brace => "unbalanced braces",
                Group::Paren => "unbalanced parentheses",
                Group::Bracket => "unbalanced brackets",
            };
            match rescue {
                Some(rescue) if self.region == 0 => {
                    self.distrust = true;
                    self.go_back(rescue);
                }
                // Ended by force right here.
                None if self.lexer.at < self.end && self.region == 0 => {}
                _ => self.lexer.at = self.end,
            }
            self.note(start.saturating_sub(1), what);
        }
        balanced
    }

    /// Undoes everything read since the rescue point was taken.
    pub(super) fn go_back(&mut self, rescue: Rescue) {
        self.lexer.at = rescue.at;
        self.frames = rescue.frames;
        if rescue.counts.1 < self.out.macros.len() {
            self.own.take();
        }
        self.out.includes.truncate(rescue.counts.0);
        self.out.macros.truncate(rescue.counts.1);
        self.out.inactive.truncate(rescue.counts.2);
        self.out.items.truncate(rescue.counts.3);
    }

    /// A point to go back to, at this offset.
    pub(super) fn rescue(&self, at: usize) -> Rescue {
        let out = &self.out;
        Rescue { at, frames: self.frames.clone(), counts: (out.includes.len(), out.macros.len(), out.inactive.len(), out.items.len()) }
    }

    /// Whether the text after a `}` in the first column looks like the start of a declaration at file level.
    fn declaration_follows(&self, mut at: usize) -> bool {
        let end = self.end;
        let text = &self.text[..end];
        // The rest of the line must be empty.
        while at < end && text[at] != b'\n' {
            match text[at] {
                b' ' | b'\t' | b'\r' => at += 1,
                b'/' if after_comment(text, at, end) > at + 1 => at = after_comment(text, at, end),
                _ => return false,
            }
        }
        loop {
            while at < end && matches!(text[at], b' ' | b'\t' | b'\r' | b'\n') {
                at += 1;
            }
            match text.get(at) {
                Some(b'/') if after_comment(text, at, end) > at + 1 => at = after_comment(text, at, end),
                Some(b'#') => at = directive_end(text, at, end),
                _ => break,
            }
        }
        if at >= end || at == 0 || text[at - 1] != b'\n' || !is_ident(text[at]) {
            return false;
        }
        let word_end = text[at..end].iter().position(|&b| !is_ident(b)).map_or(end, |p| at + p);
        let word = &text[at..word_end];
        const STARTS: [&[u8]; 16] = [
            b"static",
            b"int",
            b"void",
            b"struct",
            b"union",
            b"enum",
            b"unsigned",
            b"long",
            b"bool",
            b"char",
            b"const",
            b"extern",
            b"inline",
            b"asmlinkage",
            b"typedef",
            b"u32",
        ];
        STARTS.contains(&word)
            || word.starts_with(b"EXPORT_SYMBOL")
            || word.starts_with(b"MODULE_")
            || word.starts_with(b"SYSCALL_DEFINE")
            || word.starts_with(b"module_")
            || word.starts_with(b"DEFINE_")
            || word.starts_with(b"late_initcall")
    }
}
