//! The conditions that hold inside an item which the configuration excludes: the ones around it are made true.

use super::directive::{Word, after_blanks, condition_holds, word_at};
use super::skip::{directive_end, next_directive};
use crate::condition::{Conditions, Lookup, Overrides, assume};
use crate::config::Options;
use crate::lexer::is_ident;
use crate::outline::{FileOutline, Item};
use cuthere_base::Symbol;

/// A condition: the directive's word and the range of its expression.
type Condition = (Word, usize, usize);

/// The inactive ranges inside an inactive item.
pub(crate) fn inactive_inside(
    outline: &FileOutline,
    text: &[u8],
    item: &Item,
    options: &Options,
    lookup: &dyn Fn(&str) -> Lookup,
) -> Vec<(u32, u32)> {
    let (lo, hi) = ((item.lo as usize).min(text.len()), (item.hi as usize).min(text.len()));
    // Most items have no conditionals inside.
    if next_directive(text, lo, hi).is_none() {
        return Vec::new();
    }
    let own = |name: &str| -> Lookup {
        let defined = Symbol::find(name).and_then(|s| outline.macro_def(text, s)).filter(|m| m.active && m.lo < item.lo);
        let Some(def) = defined else { return lookup(name) };
        let body = text.get(def.lo as usize..def.hi as usize).unwrap_or_default();
        let plain = Conditions { options, lookup, overrides: &[] };
        Lookup::Defined(if def.function_like { None } else { plain.constant(body).and_then(|v| i64::try_from(v).ok()) })
    };
    let conditions = Conditions { options, lookup: &own, overrides: &[] };
    let mut overrides = Overrides::new();
    for branches in enclosing(text, lo) {
        let Some((current, before)) = branches.split_last() else { continue };
        for &(word, from, to) in before {
            make(text, word, from, to, false, &conditions, &mut overrides);
        }
        make(text, current.0, current.1, current.2, true, &conditions, &mut overrides);
    }
    inside(text, lo, hi, &Conditions { overrides: &overrides, ..conditions })
}

/// For each conditional that encloses `upto`, outermost first, its branches so far; the last one is the one `upto` is in.
fn enclosing(text: &[u8], upto: usize) -> Vec<Vec<Condition>> {
    let mut stack: Vec<Vec<Condition>> = Vec::new();
    let mut at = 0;
    while let Some(hash) = next_directive(text, at, upto) {
        let (word, from) = word_at(text, hash, text.len());
        at = directive_end(text, from, text.len());
        match word {
            Word::If | Word::Ifdef | Word::Ifndef => stack.push(vec![(word, from, at)]),
            Word::Elif | Word::Elifdef | Word::Elifndef | Word::Else => {
                if let Some(branches) = stack.last_mut() {
                    branches.push((word, from, at));
                }
            }
            Word::Endif => drop(stack.pop()),
            _ => {}
        }
        if at >= upto {
            break;
        }
    }
    stack
}

fn make(text: &[u8], word: Word, from: usize, to: usize, truth: bool, conditions: &Conditions<'_>, overrides: &mut Overrides) {
    let held = {
        let current = Conditions { overrides, ..*conditions };
        condition_holds(text, word, from, to, &current)
    };
    // What already comes out right is left as it is.
    if held == truth {
        return;
    }
    match word {
        Word::If | Word::Elif => {
            let snapshot = overrides.clone();
            let current = Conditions { overrides: &snapshot, ..*conditions };
            assume(&text[from..to], truth, &current, overrides);
        }
        Word::Else => {}
        _ => {
            let lo = after_blanks(text, from, to);
            let hi = text[lo..to].iter().position(|&b| !is_ident(b)).map_or(to, |p| lo + p);
            let defined = matches!(word, Word::Ifdef | Word::Elifdef) == truth;
            let name = String::from_utf8_lossy(&text[lo..hi]).into_owned();
            overrides.push((name, if defined { Some(1) } else { None }));
        }
    }
}

/// The branches between `lo` and `hi` that these conditions exclude.
fn inside(text: &[u8], lo: usize, hi: usize, conditions: &Conditions<'_>) -> Vec<(u32, u32)> {
    let mut out = Vec::new();
    // Per open conditional: some branch was taken; the current one is; where it started.
    let mut stack: Vec<(bool, bool, usize)> = Vec::new();
    // How many of them are not taken: only the outermost of those makes a range.
    let mut off = 0usize;
    let mut at = lo;
    while let Some(hash) = next_directive(text, at, hi) {
        let (word, from) = word_at(text, hash, hi);
        at = directive_end(text, from, hi);
        match word {
            Word::If | Word::Ifdef | Word::Ifndef => {
                let holds = off == 0 && condition_holds(text, word, from, at, conditions);
                off += usize::from(!holds);
                stack.push((holds, holds, at));
            }
            Word::Elif | Word::Elifdef | Word::Elifndef | Word::Else => {
                let Some(&(taken, on, start)) = stack.last() else { continue };
                off -= usize::from(!on);
                if !on && off == 0 {
                    out.push((start as u32, hash as u32));
                }
                let holds = !taken && off == 0 && condition_holds(text, word, from, at, conditions);
                off += usize::from(!holds);
                stack.pop();
                stack.push((taken || holds, holds, at));
            }
            Word::Endif => {
                if let Some((_, on, start)) = stack.pop() {
                    off -= usize::from(!on);
                    if !on && off == 0 {
                        out.push((start as u32, hash as u32));
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(&(_, _, start)) = stack.iter().find(|s| !s.1) {
        out.push((start as u32, hi as u32));
    }
    out
}
