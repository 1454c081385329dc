//! Bytes to raw tokens: comments and continued lines are skipped, directives are left to the caller.
//!
//! Works on any bytes. A token's text may hold `\`-newlines ([`Raw::spliced`]); [`clean`] removes them.

use crate::token::{Punct, Tok};
use memchr::{memchr, memchr2, memchr3};
use std::borrow::Cow;

/// A token with its place in the bytes, before any preprocessing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raw {
    pub kind: Tok,
    pub lo: u32,
    pub hi: u32,
    /// Line, from 1.
    pub line: u32,
    /// Blanks or comments stand before it.
    pub space: bool,
    /// First token on its (unspliced) line.
    pub first: bool,
    /// The text contains a continued line.
    pub spliced: bool,
}

/// A cursor over bytes.
#[derive(Clone)]
pub struct Lexer<'t> {
    pub text: &'t [u8],
    pub at: usize,
    end: usize,
    pub line: u32,
    /// Where the current line starts, for columns.
    pub line_start: usize,
    first: bool,
    /// Set when the bytes ended inside a comment or literal.
    pub unterminated: bool,
}

const IDENT: u8 = 1;
const DIGIT: u8 = 2;
const SPACE: u8 = 4;

static CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        if b.is_ascii_alphabetic() || b == b'_' || b == b'$' || b >= 0x80 {
            table[i] = IDENT;
        } else if b.is_ascii_digit() {
            table[i] = IDENT | DIGIT;
        } else if b == b' ' || b == b'\t' || b == 0x0b || b == 0x0c || b == b'\r' {
            table[i] = SPACE;
        }
        i += 1;
    }
    table
};

/// Whether the byte may stand inside an identifier. Bytes above 127 count, so that UTF-8 names stay whole, and `$`, as compilers take it.
pub fn is_ident(b: u8) -> bool {
    CLASS[b as usize] & IDENT != 0
}

impl<'t> Lexer<'t> {
    /// A lexer over `text[lo..hi]`; `line` is the line of `lo`.
    pub fn new(text: &'t [u8], lo: usize, hi: usize, line: u32) -> Lexer<'t> {
        let hi = hi.min(text.len());
        let lo = lo.min(hi);
        let line_start = memchr::memrchr(b'\n', &text[..lo]).map_or(0, |p| p + 1);
        Lexer { text, at: lo, end: hi, line, line_start, first: true, unterminated: false }
    }

    /// The column of a byte offset on the current line, from 1.
    pub fn col(&self, lo: u32) -> u16 {
        (lo as usize).saturating_sub(self.line_start).saturating_add(1).min(65535) as u16
    }

    /// The offset at which the lexer stops.
    pub fn end(&self) -> usize {
        self.end
    }

    fn peek(&self, ahead: usize) -> u8 {
        let i = self.at + ahead;
        if i < self.end { self.text[i] } else { 0 }
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    /// If a continued line starts here, its length.
    fn splice(&self, at: usize) -> usize {
        if at + 1 < self.end && self.text[at] == b'\\' {
            if self.text[at + 1] == b'\n' {
                return 2;
            }
            if at + 2 < self.end && self.text[at + 1] == b'\r' && self.text[at + 2] == b'\n' {
                return 3;
            }
        }
        0
    }

    fn block_comment(&mut self) {
        self.at += 2;
        loop {
            match memchr2(b'*', b'\n', &self.text[self.at..self.end]) {
                None => {
                    self.at = self.end;
                    self.unterminated = true;
                    return;
                }
                Some(p) => {
                    self.at += p;
                    if self.text[self.at] == b'\n' {
                        self.newline();
                    } else if self.peek(1) == b'/' {
                        self.at += 2;
                        return;
                    } else {
                        self.at += 1;
                    }
                }
            }
        }
    }

    fn line_comment(&mut self) {
        loop {
            match memchr(b'\n', &self.text[self.at..self.end]) {
                None => {
                    self.at = self.end;
                    return;
                }
                Some(p) => {
                    let nl = self.at + p;
                    let before = if nl > self.at && self.text[nl - 1] == b'\r' { nl - 1 } else { nl };
                    let spliced = before > self.at && self.text[before - 1] == b'\\';
                    self.at = nl;
                    if !spliced {
                        return;
                    }
                    self.newline();
                }
            }
        }
    }

    /// Skips to the newline that ends this (continued) line and gives its offset; comments and literals are respected. Used for directives.
    pub fn skip_line(&mut self) -> usize {
        loop {
            match memchr3(b'\n', b'/', b'\\', &self.text[self.at..self.end]) {
                None => {
                    self.at = self.end;
                    return self.end;
                }
                Some(p) => {
                    self.at += p;
                    match self.text[self.at] {
                        b'\n' => return self.at,
                        b'/' if self.peek(1) == b'*' => self.block_comment(),
                        b'/' if self.peek(1) == b'/' => {
                            let from = self.at;
                            self.line_comment();
                            // The directive's text ends where the comment starts; the caller lexes comments away anyway.
                            let _ = from;
                            return self.at;
                        }
                        _ => {
                            let n = self.splice(self.at);
                            if n > 0 {
                                self.at += n - 1;
                                self.newline();
                            } else {
                                self.at += 1;
                            }
                        }
                    }
                }
            }
        }
    }

    fn literal(&mut self, quote: u8) -> bool {
        // At the opening quote. A literal ends at the end of its line at the latest.
        self.at += 1;
        let mut spliced = false;
        loop {
            match memchr3(quote, b'\\', b'\n', &self.text[self.at..self.end]) {
                None => {
                    self.at = self.end;
                    self.unterminated = true;
                    return spliced;
                }
                Some(p) => {
                    self.at += p;
                    match self.text[self.at] {
                        b'\n' => {
                            self.unterminated = true;
                            return spliced;
                        }
                        b'\\' => {
                            let n = self.splice(self.at);
                            if n > 0 {
                                self.at += n - 1;
                                self.newline();
                                spliced = true;
                            } else {
                                self.at = (self.at + 2).min(self.end);
                            }
                        }
                        _ => {
                            self.at += 1;
                            return spliced;
                        }
                    }
                }
            }
        }
    }

    /// The next token; `Tok::Eof` at the end, again and again.
    #[allow(clippy::should_implement_trait, reason = "the end is a token too")]
    pub fn next(&mut self) -> Raw {
        let mut space = false;
        loop {
            if self.at >= self.end {
                let at = self.end as u32;
                return Raw { kind: Tok::Eof, lo: at, hi: at, line: self.line, space, first: self.first, spliced: false };
            }
            let b = self.text[self.at];
            if CLASS[b as usize] & SPACE != 0 {
                self.at += 1;
                space = true;
            } else if b == b'\n' {
                self.newline();
                self.first = true;
                space = true;
            } else if b == b'/' && self.peek(1) == b'*' {
                self.block_comment();
                space = true;
            } else if b == b'/' && self.peek(1) == b'/' {
                self.line_comment();
                space = true;
            } else if b == b'\\' && self.splice(self.at) > 0 {
                self.at += self.splice(self.at) - 1;
                self.newline();
                space = true;
            } else {
                break;
            }
        }
        let first = std::mem::replace(&mut self.first, false);
        let (lo, line) = (self.at, self.line);
        let mut spliced = false;
        let b = self.text[lo];
        let class = CLASS[b as usize];
        let kind = if class & DIGIT != 0 || (b == b'.' && self.peek(1).is_ascii_digit()) {
            self.number()
        } else if class & IDENT != 0 {
            loop {
                while self.at < self.end && CLASS[self.text[self.at] as usize] & IDENT != 0 {
                    self.at += 1;
                }
                let n = self.splice(self.at);
                if n > 0 && self.at + n < self.end && CLASS[self.text[self.at + n] as usize] & IDENT != 0 {
                    self.at += n - 1;
                    self.newline();
                    spliced = true;
                } else {
                    break;
                }
            }
            let len = self.at - lo;
            let next = self.peek(0);
            if len <= 2 && (next == b'"' || next == b'\'') && matches!(&self.text[lo..self.at], b"L" | b"u" | b"U" | b"u8") {
                spliced |= self.literal(next);
                if next == b'"' { Tok::Str } else { Tok::Char }
            } else {
                Tok::Ident
            }
        } else if b == b'"' {
            spliced = self.literal(b);
            Tok::Str
        } else if b == b'\'' {
            spliced = self.literal(b);
            Tok::Char
        } else {
            match self.punct(b) {
                Some((p, n)) => {
                    self.at += n;
                    Tok::Punct(p)
                }
                None => {
                    self.at += 1;
                    Tok::Unknown
                }
            }
        };
        Raw { kind, lo: lo as u32, hi: self.at as u32, line, space, first, spliced }
    }

    fn number(&mut self) -> Tok {
        let lo = self.at;
        let hex = self.text[lo] == b'0' && matches!(self.peek(1), b'x' | b'X');
        let mut float = self.text[lo] == b'.';
        self.at += 1;
        while self.at < self.end {
            let b = self.text[self.at];
            if b == b'.' {
                // `case 1 ... 5` written without blanks: `1...5`.
                if self.peek(1) == b'.' {
                    break;
                }
                float = true;
                self.at += 1;
            } else if CLASS[b as usize] & IDENT != 0 {
                let exponent = if hex { matches!(b, b'p' | b'P') } else { matches!(b, b'e' | b'E') };
                self.at += 1;
                if exponent {
                    float = true;
                    if matches!(self.peek(0), b'+' | b'-') {
                        self.at += 1;
                    }
                }
            } else {
                break;
            }
        }
        if float { Tok::Float } else { Tok::Int }
    }

    fn punct(&self, b: u8) -> Option<(Punct, usize)> {
        use Punct::*;
        let (c, d) = (self.peek(1), self.peek(2));
        Some(match b {
            b'(' => (LParen, 1),
            b')' => (RParen, 1),
            b'{' => (LBrace, 1),
            b'}' => (RBrace, 1),
            b'[' => (LBracket, 1),
            b']' => (RBracket, 1),
            b';' => (Semi, 1),
            b',' => (Comma, 1),
            b':' => (Colon, 1),
            b'?' => (Question, 1),
            b'~' => (Tilde, 1),
            b'.' if c == b'.' && d == b'.' => (Ellipsis, 3),
            b'.' => (Dot, 1),
            b'-' if c == b'>' => (Arrow, 2),
            b'-' if c == b'-' => (Dec, 2),
            b'-' if c == b'=' => (MinusEq, 2),
            b'-' => (Minus, 1),
            b'+' if c == b'+' => (Inc, 2),
            b'+' if c == b'=' => (PlusEq, 2),
            b'+' => (Plus, 1),
            b'*' if c == b'=' => (StarEq, 2),
            b'*' => (Star, 1),
            b'/' if c == b'=' => (SlashEq, 2),
            b'/' => (Slash, 1),
            b'%' if c == b'=' => (PercentEq, 2),
            b'%' => (Percent, 1),
            b'&' if c == b'&' => (AndAnd, 2),
            b'&' if c == b'=' => (AmpEq, 2),
            b'&' => (Amp, 1),
            b'|' if c == b'|' => (OrOr, 2),
            b'|' if c == b'=' => (PipeEq, 2),
            b'|' => (Pipe, 1),
            b'^' if c == b'=' => (CaretEq, 2),
            b'^' => (Caret, 1),
            b'!' if c == b'=' => (Ne, 2),
            b'!' => (Not, 1),
            b'=' if c == b'=' => (EqEq, 2),
            b'=' => (Eq, 1),
            b'<' if c == b'<' && d == b'=' => (ShlEq, 3),
            b'<' if c == b'<' => (Shl, 2),
            b'<' if c == b'=' => (Le, 2),
            b'<' => (Lt, 1),
            b'>' if c == b'>' && d == b'=' => (ShrEq, 3),
            b'>' if c == b'>' => (Shr, 2),
            b'>' if c == b'=' => (Ge, 2),
            b'>' => (Gt, 1),
            b'#' if c == b'#' => (HashHash, 2),
            b'#' => (Hash, 1),
            _ => return None,
        })
    }
}

/// The token's text without continued lines; bytes that are not UTF-8 are replaced.
pub fn clean<'t>(text: &'t [u8], raw: &Raw) -> Cow<'t, str> {
    let bytes = &text[raw.lo as usize..raw.hi as usize];
    if !raw.spliced {
        return String::from_utf8_lossy(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'\\' && bytes.get(i + 1) == Some(&b'\n') {
            i += 2;
        } else if bytes[i] == b'\\' && bytes.get(i + 1) == Some(&b'\r') && bytes.get(i + 2) == Some(&b'\n') {
            i += 3;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(text.as_bytes(), 0, text.len(), 1);
        let mut out = Vec::new();
        loop {
            let raw = lexer.next();
            if raw.kind == Tok::Eof {
                return out;
            }
            out.push(clean(text.as_bytes(), &raw).into_owned());
        }
    }

    #[test]
    fn tokens_of_a_line() {
        assert_eq!(texts("a->b <<= 0x1fUL; /* c */ x...y // z"), ["a", "->", "b", "<<=", "0x1fUL", ";", "x", "...", "y"]);
        assert_eq!(texts("1...5 1.5e+3f 'a' L\"w\\\"\" \"x"), ["1", "...", "5", "1.5e+3f", "'a'", "L\"w\\\"\"", "\"x"]);
        assert_eq!(texts("ab\\\ncd e\\\r\nf"), ["abcd", "ef"]);
    }

    #[test]
    fn lines_and_first_marks() {
        let text = "a\n  #if b\n/* x\n y */ c";
        let mut lexer = Lexer::new(text.as_bytes(), 0, text.len(), 1);
        let all: Vec<(u32, bool)> = (0..5).map(|_| lexer.next()).map(|r| (r.line, r.first)).collect();
        assert_eq!(all, [(1, true), (2, true), (2, false), (2, false), (4, true)]);
    }

    #[test]
    fn any_bytes_end() {
        for seed in 0u32..64 {
            let bytes: Vec<u8> = (0..2000u32).map(|i| (i.wrapping_mul(2654435761).wrapping_add(seed * 977) >> 13) as u8).collect();
            let mut lexer = Lexer::new(&bytes, 0, bytes.len(), 1);
            let mut last = 0;
            loop {
                let raw = lexer.next();
                assert!(raw.lo >= last && raw.hi >= raw.lo);
                last = raw.hi;
                if raw.kind == Tok::Eof {
                    break;
                }
            }
        }
    }
}
