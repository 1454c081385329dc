//! Insides of structs, unions and enums: nested tags and enumerators.

use super::Scan;
use super::skip::Group;
use super::words::Class;
use crate::lexer::Raw;
use crate::outline::{Item, ItemKind};
use crate::token::{Punct, Tok};
use cuthere_base::{Loc, Symbol};

/// A `struct`, `union` or `enum` word that a body may follow.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    pub lo: u32,
    pub name: Option<(u32, u32)>,
    pub is_enum: bool,
}

impl Scan<'_, '_> {
    /// Reads a body whose opening brace was just read, and stands behind its closing one. Gives the offset there.
    pub(super) fn record_body(&mut self, tag: Tag) -> usize {
        let top = std::mem::replace(&mut self.top, false);
        if tag.is_enum {
            self.enum_body(tag);
        } else {
            self.members(tag);
        }
        self.top = top;
        self.lexer.at
    }

    fn push_record(&mut self, kind: ItemKind, tag: Tag, loc: Loc) {
        let hi = self.lexer.at;
        let name = tag.name.map_or(Symbol::EMPTY, |(lo, hi)| self.symbol(lo, hi));
        let end_line = self.line_of(hi);
        self.out.items.push(Item {
            kind,
            name,
            lo: tag.lo,
            hi: hi as u32,
            body_lo: 0,
            body_hi: 0,
            loc,
            end_line,
            active: self.region == 0,
            is_static: false,
            is_inline: false,
        });
    }

    fn members(&mut self, tag: Tag) {
        // Each open brace, with the tag it belongs to and where that stands.
        let mut open: Vec<(Option<Tag>, Loc)> = Vec::new();
        let loc = self.loc(tag.name.map_or(tag.lo, |n| n.0) as usize);
        open.push((Some(tag), loc));
        let mut pending: Option<Tag> = None;
        let mut attribute = false;
        while !open.is_empty() {
            let raw = self.token();
            let was_attribute = std::mem::take(&mut attribute);
            match raw.kind {
                Tok::Ident => match self.tag_word(&raw) {
                    Some(is_enum) => pending = Some(Tag { lo: raw.lo, name: None, is_enum }),
                    None => {
                        if let Some(tag) = pending {
                            attribute = self.class(raw.lo, raw.hi) == Class::Attribute;
                            if !attribute {
                                pending = if tag.name.is_none() { Some(Tag { name: Some((raw.lo, raw.hi)), ..tag }) } else { None };
                            }
                        }
                    }
                },
                Tok::Punct(Punct::LParen) => {
                    if !self.skip_group(Group::Paren) {
                        return;
                    }
                    if !was_attribute {
                        pending = None;
                    }
                }
                Tok::Punct(Punct::LBrace) => match pending.take() {
                    Some(tag) if tag.is_enum => self.enum_body(tag),
                    Some(tag) => {
                        let loc = self.loc(tag.name.map_or(tag.lo, |n| n.0) as usize);
                        open.push((Some(tag), loc));
                    }
                    None => open.push((None, Loc::NONE)),
                },
                Tok::Punct(Punct::RBrace) => {
                    pending = None;
                    if let Some((Some(tag), loc)) = open.pop()
                        && tag.name.is_some()
                    {
                        self.push_record(ItemKind::Record, tag, loc);
                    }
                }
                Tok::Punct(Punct::Colon) if pending.is_some_and(|t| t.is_enum) => {}
                Tok::Eof => {
                    self.note(open.first().and_then(|o| o.0).map_or(0, |t| t.lo as usize), "unbalanced braces");
                    return;
                }
                _ => pending = None,
            }
        }
    }

    /// `Some(is_enum)` for the words that start a tag.
    pub(super) fn tag_word(&self, raw: &Raw) -> Option<bool> {
        match &self.text[raw.lo as usize..raw.hi as usize] {
            b"struct" | b"union" => Some(false),
            b"enum" => Some(true),
            _ => None,
        }
    }

    fn enum_body(&mut self, tag: Tag) {
        let loc = self.loc(tag.name.map_or(tag.lo, |n| n.0) as usize);
        let first = self.out.items.len();
        self.push_record(ItemKind::Enum, tag, loc);
        let mut start = true;
        let mut closed = false;
        loop {
            let raw = self.token();
            match raw.kind {
                Tok::Eof => break,
                Tok::Ident if start => {
                    start = false;
                    let loc = self.loc(raw.lo as usize);
                    let name = self.symbol(raw.lo, raw.hi);
                    let item = Item { kind: ItemKind::Enumerator, name, loc, ..self.out.items[first] };
                    self.out.items.push(item);
                }
                Tok::Punct(Punct::Comma) => start = true,
                Tok::Punct(Punct::LParen) => {
                    // `NAME(…)` in place of an enumerator: a macro makes them, expansion decides.
                    if let Some(last) = self.out.items.last()
                        && !start
                        && last.kind == ItemKind::Enumerator
                        && self.text[..raw.lo as usize].trim_ascii_end().ends_with(last.name.as_str().as_bytes())
                    {
                        self.out.items.pop();
                        start = true;
                    }
                    if !self.skip_group(Group::Paren) {
                        break;
                    }
                }
                Tok::Punct(Punct::LBrace) => {
                    if !self.skip_group(Group::Brace) {
                        break;
                    }
                }
                Tok::Punct(Punct::RBrace) => {
                    closed = true;
                    break;
                }
                _ => start = false,
            }
        }
        if !closed {
            self.note(tag.lo as usize, "unbalanced braces");
        }
        let hi = self.lexer.at;
        let end_line = self.line_of(hi);
        for item in self.out.items.get_mut(first..).unwrap_or_default() {
            item.hi = hi as u32;
            item.end_line = end_line;
        }
    }
}
