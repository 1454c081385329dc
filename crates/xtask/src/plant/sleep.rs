//! Sleeping calls in callees of functions that hold a spinning lock.
//!
//! A place is a function that takes such a lock in its text, a call before the first unlock, and one to four levels of calls below it, none
//! of them after an unlock of any kind. The sleeping call comes first in the last callee, after its declarations.

use super::{Planted, Row};
use crate::corpus::{Body, Corpus, line_start, replaced};
use cuthere_base::Symbol;
use cuthere_base::folder;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use rustc_hash::{FxHashMap, FxHashSet};

const LOCKS: [&str; 14] = [
    "spin_lock",
    "spin_lock_irq",
    "spin_lock_irqsave",
    "spin_lock_bh",
    "raw_spin_lock",
    "raw_spin_lock_irq",
    "raw_spin_lock_irqsave",
    "read_lock",
    "read_lock_bh",
    "read_lock_irqsave",
    "write_lock",
    "write_lock_bh",
    "write_lock_irq",
    "write_lock_irqsave",
];
const SLEEPS: [&str; 4] = ["msleep(10);", "might_sleep();", "kfree(kmalloc(32, GFP_KERNEL));", "schedule_timeout_uninterruptible(1);"];
const ALLOWED: [&str; 3] = ["udelay(10);", "kfree(kmalloc(32, GFP_ATOMIC));", "cpu_relax();"];
const DEEPEST: usize = 4;

pub fn plant(corpus: &Corpus<'_>, rng: &mut fastrand::Rng, count: usize) -> Vec<Planted> {
    let own: FxHashSet<u32> = corpus.files.iter().map(|file| file.0).collect();
    let mut outer = Vec::new();
    for &file in &corpus.files {
        for (at, _) in corpus.functions(file) {
            if let Some(body) = corpus.body(at) {
                let under = held(corpus, &own, at, &body);
                if !under.is_empty() {
                    outer.push((at, under));
                }
            }
        }
    }
    let mut calls: FxHashMap<ItemRef, Vec<ItemRef>> = FxHashMap::default();
    let mut used: FxHashSet<ItemRef> = FxHashSet::default();
    let mut out = Vec::new();
    if outer.is_empty() {
        return out;
    }
    // Each depth in turn, as far as the tree has such places.
    for attempt in 0..count * 1000 {
        if out.len() == count {
            break;
        }
        let depth = if attempt < count * 800 { 1 + out.len() % DEEPEST } else { rng.usize(1..=DEEPEST) };
        let (top, under) = &outer[rng.usize(0..outer.len())];
        let mut chain = vec![*top, under[rng.usize(0..under.len())]];
        while chain.len() <= depth {
            let Some(&last) = chain.last() else { break };
            let next =
                calls.entry(last).or_insert_with(|| corpus.body(last).map_or_else(Vec::new, |b| before_unlock(corpus, &own, last, &b)));
            let next: Vec<ItemRef> = next.iter().copied().filter(|n| !chain.contains(n)).collect();
            if next.is_empty() {
                break;
            }
            chain.push(next[rng.usize(0..next.len())]);
        }
        let Some(&last) = chain.last() else { continue };
        if chain.len() != depth + 1 || used.contains(&last) {
            continue;
        }
        let (bad, good) = (SLEEPS[rng.usize(0..SLEEPS.len())], ALLOWED[rng.usize(0..ALLOWED.len())]);
        if let Some(planted) = planted(corpus, &chain, bad, good) {
            used.insert(last);
            out.push(planted);
        }
    }
    out
}

/// What is called between a lock and the first unlock, at the lock's own nesting or deeper.
fn held(corpus: &Corpus<'_>, own: &FxHashSet<u32>, from: ItemRef, body: &Body) -> Vec<ItemRef> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < body.tokens.len() {
        if !(LOCKS.contains(&body.text(at)) && body.called(at) && matches!(body.text(at.wrapping_sub(1)), ";" | "{" | "}")) {
            at += 1;
            continue;
        }
        let mut depth = 0i32;
        at += 1;
        while at < body.tokens.len() && depth >= 0 {
            let text = body.text(at);
            match text {
                "{" => depth += 1,
                "}" => depth -= 1,
                "return" | "goto" if depth == 0 && matches!(body.text(at - 1), ";" | "}") => break,
                _ if text.contains("unlock") => break,
                _ => out.extend(callee(corpus, own, from, body, at)),
            }
            at += 1;
        }
    }
    out
}

/// What is called before anything is unlocked.
fn before_unlock(corpus: &Corpus<'_>, own: &FxHashSet<u32>, from: ItemRef, body: &Body) -> Vec<ItemRef> {
    (0..body.tokens.len())
        .take_while(|&at| !body.text(at).contains("unlock"))
        .filter_map(|at| callee(corpus, own, from, body, at))
        .collect()
}

fn callee(corpus: &Corpus<'_>, own: &FxHashSet<u32>, from: ItemRef, body: &Body, at: usize) -> Option<ItemRef> {
    if !body.called(at) {
        return None;
    }
    let name = Symbol::find(body.text(at))?;
    let to = corpus.program.resolve_call(from.file, name)?;
    let item = corpus.program.item(to);
    let fit = item.kind == ItemKind::Function && item.active && item.name == name && own.contains(&to.file.0) && to != from;
    fit.then_some(to)
}

fn planted(corpus: &Corpus<'_>, chain: &[ItemRef], what: &str, twin: &str) -> Option<Planted> {
    let &last = chain.last()?;
    let body = corpus.body(last)?;
    let raw = body.tokens.get(first_statement(&body)?)?;
    if !raw.first {
        return None;
    }
    let at = line_start(&body.bytes, raw.lo as usize);
    let with = |call: &str| replaced(&body.bytes, at..at, &format!("\t{call}\n"));
    let name = |at: &ItemRef| corpus.program.item(*at).name.as_str().to_owned();
    let mut folders: Vec<String> = chain.iter().map(|at| folder(corpus.path(at.file)).to_owned()).collect();
    folders.sort();
    folders.dedup();
    let row = Row {
        number: 0,
        check: String::new(),
        file: corpus.path(last.file).to_owned(),
        function: name(&last),
        line: raw.line,
        depth: chain.len() - 1,
        what: what.to_owned(),
        twin: twin.to_owned(),
        chain: chain.iter().map(name).collect(),
        folders,
    };
    Some(Planted { row, old: body.bytes.to_vec(), bad: with(what), good: with(twin) })
}

/// The index of the first token of the first statement that is no declaration.
fn first_statement(body: &Body) -> Option<usize> {
    let mut at = 1;
    while declares(body, at) {
        while body.text(at) != ";" {
            at = if matches!(body.text(at), "(" | "[" | "{") { body.close(at)? } else { at };
            at += 1;
            body.tokens.get(at)?;
        }
        at += 1;
    }
    (body.text(at) != "}" && body.text(at + 1) != ":").then_some(at)
}

/// Whether a declaration begins at the token.
pub fn declares(body: &Body, at: usize) -> bool {
    const STARTS: [&str; 16] = [
        "struct", "union", "enum", "const", "static", "unsigned", "signed", "int", "char", "long", "short", "bool", "void", "volatile",
        "register", "typeof",
    ];
    const NOT: [&str; 10] = ["return", "goto", "else", "case", "if", "for", "while", "do", "switch", "asm"];
    let text = body.text(at);
    if STARTS.contains(&text) || text.starts_with("DECLARE_") || text.starts_with("DEFINE_") || text.starts_with("LIST_HEAD") {
        return true;
    }
    if !body.ident(at) || NOT.contains(&text) {
        return false;
    }
    body.ident(at + 1) || (body.text(at + 1) == "*" && body.ident(at + 2) && matches!(body.text(at + 3), "=" | ";" | "," | "["))
}
