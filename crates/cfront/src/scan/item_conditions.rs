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

/// Conditionals around an item that are looked at.
const LEVELS_MAX: usize = 64;
/// Branches of one of them.
const BRANCHES_MAX: usize = 64;

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
    for branches in outline.conditionals.get_or_init(|| Conditionals::of(text)).enclosing(lo) {
        let Some((current, before)) = branches.split_last() else { continue };
        for &(word, from, to) in before {
            make(text, word, from, to, false, &conditions, &mut overrides);
        }
        make(text, current.0, current.1, current.2, true, &conditions, &mut overrides);
    }
    inside(text, lo, hi, &Conditions { overrides: &overrides, ..conditions })
}

/// The conditionals of a file, so that what encloses a place is found without reading the file from its beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditionals {
    /// Every branch of every conditional.
    branches: Vec<Branch>,
    /// Where directives begin, in order, and the innermost open branch behind each.
    open: Vec<(usize, Option<u32>)>,
}

#[derive(Clone, Debug)]
struct Branch {
    condition: Condition,
    /// The branch before it in the same conditional.
    before: Option<u32>,
    /// The branch that the conditional stands in.
    outer: Option<u32>,
}

impl Conditionals {
    fn of(text: &[u8]) -> Conditionals {
        let mut all = Conditionals::default();
        let mut top: Option<u32> = None;
        let mut at = 0;
        while let Some(hash) = next_directive(text, at, text.len()) {
            let (word, from) = word_at(text, hash, text.len());
            at = directive_end(text, from, text.len());
            let current = top.and_then(|n| all.branches.get(n as usize));
            let (before, outer) = match (word, current) {
                (Word::If | Word::Ifdef | Word::Ifndef, _) => (None, top),
                (Word::Elif | Word::Elifdef | Word::Elifndef | Word::Else, Some(current)) => (top, current.outer),
                (Word::Endif, _) => {
                    top = current.and_then(|current| current.outer);
                    all.open.push((hash, top));
                    continue;
                }
                _ => continue,
            };
            top = Some(all.branches.len() as u32);
            all.branches.push(Branch { condition: (word, from, at), before, outer });
            all.open.push((hash, top));
        }
        all
    }

    /// For each conditional that encloses `upto`, outermost first, its branches so far; the last one is the one `upto` is in. Of
    /// deep nesting the inner conditionals count, of many branches the last ones.
    fn enclosing(&self, upto: usize) -> Vec<Vec<Condition>> {
        let after = self.open.partition_point(|(hash, _)| *hash < upto);
        let mut outer = after.checked_sub(1).and_then(|n| self.open.get(n)).and_then(|(_, top)| *top);
        let mut out = Vec::new();
        while let Some(branch) = outer.and_then(|n| self.branches.get(n as usize))
            && out.len() < LEVELS_MAX
        {
            let mut branches = vec![branch.condition];
            let mut before = branch.before;
            while let Some(earlier) = before.and_then(|n| self.branches.get(n as usize))
                && branches.len() < BRANCHES_MAX
            {
                branches.push(earlier.condition);
                before = earlier.before;
            }
            branches.reverse();
            out.push(branches);
            outer = branch.outer;
        }
        out.reverse();
        out
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_encloses_a_place_is_found_by_its_branches() {
        let text = b"#if A\n#ifdef B\nx\n#elif C\ny\n#else\nz\n#endif\nu\n#endif\nv\n#else\n#endif\n";
        let all = Conditionals::of(text);
        let at = |place: &str| {
            let upto = text.windows(2).position(|w| w == [place.as_bytes()[0], b'\n']).expect("there");
            let levels = all.enclosing(upto);
            levels.iter().map(|branches| branches.len()).collect::<Vec<_>>()
        };
        assert_eq!((at("x"), at("y"), at("z"), at("u"), at("v")), (vec![1, 1], vec![1, 2], vec![1, 3], vec![1], vec![]));
    }

    #[test]
    fn depth_and_branches_are_bounded() {
        let deep = "#if A\n".repeat(1000) + &"#elif B\n".repeat(1000) + "x";
        let levels = Conditionals::of(deep.as_bytes()).enclosing(deep.len());
        assert_eq!((levels.len(), levels.last().map(Vec::len)), (LEVELS_MAX, Some(BRANCHES_MAX)));
    }
}
