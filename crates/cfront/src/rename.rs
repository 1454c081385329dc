//! Definitions whose name is a macro: after `#define work work_of_this_file`, the function written as `work` is `work_of_this_file`, for its callers'
//! tokens are expanded as well.
//!
//! Only macros of the same file are looked at, and only those that stand for one name: elsewhere a name that is also a macro is
//! nearly always the function itself behind a wrapper of the same name.

use crate::lexer::{Lexer, clean};
use crate::outline::{FileOutline, ItemKind, MacroDef};
use crate::token::Tok;
use cuthere_base::Symbol;
use rustc_hash::FxHashMap;

/// Gives such items the names that they have after preprocessing.
pub(crate) fn rename(text: &[u8], outline: &mut FileOutline) {
    let mut renamed: FxHashMap<Symbol, Vec<(MacroDef, Symbol)>> = FxHashMap::default();
    for def in outline.macros.iter().filter(|m| m.active && !m.function_like) {
        if let Some(name) = single_name(text, def)
            && name != def.name
        {
            renamed.entry(def.name).or_default().push((*def, name));
        }
    }
    if renamed.is_empty() {
        return;
    }
    for item in &mut outline.items {
        if !matches!(item.kind, ItemKind::Function | ItemKind::Prototype | ItemKind::Variable) {
            continue;
        }
        // A chain of such macros is followed; one that comes back to itself ends.
        for _ in 0..4 {
            let Some(defs) = renamed.get(&item.name) else { break };
            let Some((def, name)) = defs.iter().rev().find(|d| d.0.lo <= item.lo) else { break };
            if outline.undefs.iter().any(|u| u.0 == item.name && u.1 > def.lo && u.1 <= item.lo) {
                break;
            }
            item.name = *name;
        }
    }
}

/// The only token of a macro's body, if it is a name.
fn single_name(text: &[u8], def: &MacroDef) -> Option<Symbol> {
    let mut lexer = Lexer::new(text, def.lo as usize, def.hi as usize, 1);
    let first = lexer.next();
    (first.kind == Tok::Ident && lexer.next().kind == Tok::Eof).then(|| Symbol::intern(&clean(text, &first)))
}
