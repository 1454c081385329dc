//! Declarations at file level: where each one starts and ends.

use super::Scan;
use super::record::Tag;
use super::skip::{Group, after_comment};
use super::words::Class;
use crate::lexer::Raw;
use crate::outline::ItemKind;
use crate::token::{Punct, Tok};

/// A declaration longer than this many words is given up.
const MAX_PARTS: usize = 1 << 18;

/// A word or group of a declaration at file level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PartKind {
    Word,
    Paren,
    Bracket,
    /// `struct tag { … }` or `enum { … }` from its keyword on.
    Body,
    /// `= …`.
    Init,
    Comma,
    Star,
    Colon,
    /// String literals and what else may stand in attributes.
    Other,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub kind: PartKind,
    /// For words.
    pub class: Class,
    pub lo: u32,
    pub hi: u32,
}

impl<'t> Scan<'t, '_> {
    /// The next token that belongs to the configuration; directives before it are handled.
    pub(super) fn token(&mut self) -> Raw {
        let (text, end) = (self.text, self.end);
        loop {
            let at = self.lexer.at;
            if at >= end {
                break;
            }
            match text[at] {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.lexer.at += 1,
                b'/' if matches!(text.get(at + 1), Some(b'*' | b'/')) => {
                    let after = after_comment(text, at, end);
                    if after >= end && text.get(at + 1) == Some(&b'*') && !(after >= at + 4 && text[..after].ends_with(b"*/")) {
                        self.note(at, "unterminated comment");
                    }
                    self.lexer.at = after;
                }
                b'#' => self.directive(),
                _ => break,
            }
        }
        self.fresh = false;
        self.lexer.next()
    }

    /// Reads declarations to the end of the region.
    pub(super) fn declarations(&mut self) {
        let mut parts = Vec::new();
        self.top = true;
        while self.declaration(&mut parts) {
            parts.clear();
        }
        self.top = true;
    }

    /// Reads one declaration. False at the end.
    fn declaration(&mut self, parts: &mut Vec<Part>) -> bool {
        loop {
            let raw = self.token();
            let mut part = Part { kind: PartKind::Other, class: Class::Plain, lo: raw.lo, hi: raw.hi };
            match raw.kind {
                Tok::Eof => {
                    if self.is_macro_use(parts) {
                        self.macro_use(parts, parts.last().map_or(raw.lo, |p| p.hi));
                    } else if let Some(first) = parts.first() {
                        self.note(first.lo as usize, "declaration without an end");
                    }
                    return false;
                }
                Tok::Ident => {
                    if self.starts_anew(parts, &raw) {
                        self.macro_use(parts, parts.last().map_or(raw.lo, |p| p.hi));
                        self.lexer.at = raw.lo as usize;
                        return true;
                    }
                    part.kind = PartKind::Word;
                    part.class = self.class(raw.lo, raw.hi);
                }
                Tok::Punct(Punct::LParen) => {
                    part.kind = PartKind::Paren;
                    if !self.skip_group(Group::Paren) {
                        return self.lexer.at < self.end;
                    }
                    part.hi = self.lexer.at as u32;
                }
                Tok::Punct(Punct::LBracket) => {
                    part.kind = PartKind::Bracket;
                    if !self.skip_group(Group::Bracket) {
                        return self.lexer.at < self.end;
                    }
                    part.hi = self.lexer.at as u32;
                }
                Tok::Punct(Punct::LBrace) => {
                    if let Some((from, tag)) = self.open_tag(parts) {
                        part = Part { kind: PartKind::Body, class: Class::Plain, lo: tag.lo, hi: self.record_body(tag) as u32 };
                        parts.truncate(from);
                    } else {
                        return self.body(parts, raw.lo);
                    }
                }
                Tok::Punct(Punct::RBrace) => {
                    self.note(raw.lo as usize, "closing brace outside a declaration");
                    return true;
                }
                Tok::Punct(Punct::Semi) => {
                    if self.old_style_tries < 100 && self.is_old_style(parts) {
                        return self.old_style_body(parts);
                    }
                    self.declared(parts, raw.hi);
                    return true;
                }
                Tok::Punct(Punct::Eq) => {
                    part.kind = PartKind::Init;
                    part.hi = self.initialiser();
                }
                Tok::Punct(Punct::Comma) => part.kind = PartKind::Comma,
                Tok::Punct(Punct::Star) => part.kind = PartKind::Star,
                Tok::Punct(Punct::Colon) => part.kind = PartKind::Colon,
                _ => {}
            }
            if parts.len() >= MAX_PARTS {
                self.note(raw.lo as usize, "declaration too long");
                parts.clear();
            }
            parts.push(part);
        }
    }

    /// Skips an initialiser up to the `,` or `;` that ends it, which is left to be read. Gives where it ends.
    fn initialiser(&mut self) -> u32 {
        let mut hi = self.lexer.at as u32;
        loop {
            let raw = self.token();
            let group = match raw.kind {
                Tok::Punct(Punct::LParen) => Group::Paren,
                Tok::Punct(Punct::LBracket) => Group::Bracket,
                Tok::Punct(Punct::LBrace) => Group::Brace,
                Tok::Punct(Punct::Comma | Punct::Semi | Punct::RBrace) => {
                    self.lexer.at = raw.lo as usize;
                    return hi;
                }
                Tok::Eof => return hi,
                // `= { … }` without a semicolon.
                Tok::Ident if self.text[raw.lo as usize - 1] == b'\n' && self.keyword_starts_declaration(&raw) => {
                    self.lexer.at = raw.lo as usize;
                    return hi;
                }
                _ => {
                    hi = raw.hi;
                    continue;
                }
            };
            self.skip_group(group);
            hi = self.lexer.at as u32;
        }
    }

    /// Whether a word can only stand at the beginning of a declaration at file level.
    fn keyword_starts_declaration(&self, raw: &Raw) -> bool {
        matches!(&self.text[raw.lo as usize..raw.hi as usize], b"static" | b"extern" | b"typedef" | b"EXPORT_SYMBOL" | b"EXPORT_SYMBOL_GPL")
    }

    /// The tag that a `{` just read belongs to, with the index of its keyword among the parts.
    fn open_tag(&self, parts: &[Part]) -> Option<(usize, Tag)> {
        let mut name = None;
        let mut i = parts.len();
        let mut steps = 0;
        while i > 0 && steps < 10 {
            i -= 1;
            steps += 1;
            let part = parts[i];
            match part.kind {
                PartKind::Word => {
                    match self.word(&part) {
                        b"struct" | b"union" => return Some((i, Tag { lo: part.lo, name, is_enum: false })),
                        b"enum" => {
                            // `enum tag : u8 {`: the tag is the first word.
                            let first = parts[i + 1..].iter().find(|p| p.kind == PartKind::Word && p.class != Class::Attribute);
                            let colon = parts.get(i + 1).is_some_and(|p| p.kind == PartKind::Colon);
                            let name = first.filter(|_| !colon).map(|p| (p.lo, p.hi));
                            return Some((i, Tag { lo: part.lo, name, is_enum: true }));
                        }
                        _ if part.class == Class::Attribute => {}
                        _ => name = Some((part.lo, part.hi)),
                    }
                }
                PartKind::Paren => {
                    let word = parts[..i].last()?;
                    if word.class != Class::Attribute {
                        return None;
                    }
                }
                PartKind::Colon => {}
                _ => return None,
            }
        }
        None
    }

    /// The `{` at `brace` was read and is no record's: a function body, if the parts are a function's header.
    fn body(&mut self, parts: &[Part], brace: u32) -> bool {
        let Some(first) = parts.first() else {
            self.note(brace as usize, "block outside a declaration");
            self.skip_group(Group::Brace);
            return self.lexer.at < self.end;
        };
        if self.word(first) == b"extern" && parts.len() == 2 && parts[1].kind == PartKind::Other {
            return true;
        }
        let header = self.function_header(parts);
        let loc = header.map(|h| self.loc(h.lo as usize));
        let closed = self.skip_group(Group::Brace);
        let hi = self.lexer.at as u32;
        if !closed && self.region > 0 {
            return false;
        }
        match (header, loc) {
            (Some(header), Some(loc)) => {
                let mut item = self.item(ItemKind::Function, parts, hi, loc);
                item.name = self.symbol_of(&header);
                item.body_lo = brace;
                item.body_hi = hi;
                self.out.items.push(item);
            }
            _ => self.note(first.lo as usize, "block after something that is no function header"),
        }
        self.lexer.at < self.end
    }

    /// After the first `;` of a function header in the old style: reads to its body.
    fn old_style_body(&mut self, parts: &mut Vec<Part>) -> bool {
        let from = self.rescue(self.lexer.at);
        let header_end = parts.iter().position(|p| p.kind == PartKind::Paren).map_or(parts.len(), |p| p + 1);
        for _ in 0..400 {
            let raw = self.token();
            match raw.kind {
                Tok::Punct(Punct::LBrace) => {
                    parts.truncate(header_end);
                    return self.body(parts, raw.lo);
                }
                Tok::Punct(Punct::LParen) => {
                    self.skip_group(Group::Paren);
                }
                Tok::Punct(Punct::Eq | Punct::RBrace) | Tok::Eof => break,
                _ => {}
            }
        }
        // It was none: a declaration that ended at that `;`.
        self.old_style_tries += 1;
        self.go_back(from);
        self.declared(parts, self.lexer.at as u32);
        self.lexer.at < self.end
    }

    pub(super) fn word(&self, part: &Part) -> &'t [u8] {
        if part.kind == PartKind::Word { &self.text[part.lo as usize..part.hi as usize] } else { b"" }
    }

    /// Whether a line break lies between two offsets.
    pub(super) fn line_between(&self, lo: u32, hi: u32) -> bool {
        memchr::memchr(b'\n', &self.text[lo as usize..hi as usize]).is_some()
    }
}
