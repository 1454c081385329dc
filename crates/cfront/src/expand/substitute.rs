//! Putting arguments into a macro's body: `#`, `##`, `__VA_OPT__`, and GNU's comma before absent arguments.

use super::{TOKENS_MAX, Tk};
use crate::lexer::Lexer;
use crate::macros::{MacroBody, NONE};
use crate::token::{Punct, Tok};
use cuthere_base::{Loc, Symbol};
use std::sync::LazyLock;

/// Longer tokens are not made: spellings are kept for ever, and could double with each step.
const SPELLING_MAX: usize = 1 << 16;

static VA_OPT: LazyLock<Symbol> = LazyLock::new(|| Symbol::intern("__VA_OPT__"));

/// Puts arguments into a macro's body.
pub(super) fn substitute(
    body: &MacroBody,
    args: &[Vec<Tk>],
    expanded: &[Option<Vec<Tk>>],
    loc: Loc,
    origin: Symbol,
    space: bool,
    out: &mut Vec<Tk>,
) {
    let tokens = &body.tokens;
    let mut i = 0;
    let make = |kind, text, space| Tk { kind, text, loc, origin, space, painted: false };
    let va_opt = *VA_OPT;
    while i < tokens.len() {
        let b = &tokens[i];
        if out.len() > TOKENS_MAX + 1 {
            return;
        }
        let first = out.is_empty();
        let lead = if first { space } else { b.space };
        // `__VA_OPT__(…)`: kept if the variable arguments are not empty.
        if b.kind == Tok::Ident
            && b.text == va_opt
            && body.variadic
            && tokens.get(i + 1).is_some_and(|n| n.kind == Tok::Punct(Punct::LParen))
        {
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
            let list = match expanded.get(b.param as usize) {
                Some(Some(list)) if !raw => Some(list),
                _ => args.get(b.param as usize),
            };
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
            let left_empty = tokens[i].param != NONE
                && args.get(tokens[i].param as usize).is_none_or(|a| a.is_empty())
                && i == first_of_chain(tokens, i);
            let right: Vec<Tk> =
                if n.param != NONE { args.get(n.param as usize).cloned().unwrap_or_default() } else { vec![make(n.kind, n.text, n.space)] };
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
    let (before, after) = (spelling(&left), spelling(&right));
    if before.len() + after.len() > SPELLING_MAX {
        out.push(Tk { loc, origin, ..left });
        out.push(Tk { loc, origin, ..right });
        return;
    }
    let text = [before, after].concat();
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
        let text = spelling(t);
        if out.len() + text.len() > SPELLING_MAX {
            break;
        }
        out.push_str(text);
    }
    out
}
