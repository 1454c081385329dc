//! Deleted tests of results that may be NULL.
//!
//! A place is an assignment of a call's result to a variable, whose next mention is `if (!variable)` with a way out, and later a
//! dereference before any other test, assignment or hand-over. The callee is a customary allocator or a function of the tree that says
//! `return NULL`. The twin writes the same test otherwise.

use super::{Planted, Row};
use crate::corpus::{Body, Corpus, line_end, line_start, replaced};
use cuthere_base::Symbol;
use cuthere_base::folder;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use rustc_hash::FxHashMap;

const ALLOCATORS: [&str; 27] = [
    "kmalloc",
    "kzalloc",
    "kcalloc",
    "kmalloc_array",
    "kzalloc_node",
    "kmalloc_node",
    "kmemdup",
    "kstrdup",
    "kasprintf",
    "kvmalloc",
    "kvzalloc",
    "kvcalloc",
    "vmalloc",
    "vzalloc",
    "devm_kzalloc",
    "devm_kcalloc",
    "devm_kmalloc",
    "devm_kstrdup",
    "kmem_cache_alloc",
    "kmem_cache_zalloc",
    "alloc_skb",
    "dev_alloc_skb",
    "netdev_alloc_skb",
    "nlmsg_new",
    "skb_clone",
    "usb_alloc_urb",
    "alloc_etherdev",
];

/// A test that can be deleted, by token indices.
struct Place {
    at: ItemRef,
    callee: String,
    lookup: bool,
    /// From `if` to the last token of what it guards.
    test: (usize, usize),
    /// The `!`; the variable follows it.
    not: usize,
    line: u32,
}

pub fn plant(corpus: &Corpus<'_>, rng: &mut fastrand::Rng, count: usize) -> Vec<Planted> {
    let mut says_null = FxHashMap::default();
    let mut places = Vec::new();
    for &file in &corpus.files {
        for (at, _) in corpus.functions(file) {
            if let Some(body) = corpus.body(at) {
                find(corpus, at, &body, &mut says_null, &mut places);
            }
        }
    }
    rng.shuffle(&mut places);
    places.iter().filter_map(|place| planted(corpus, place, rng)).take(count).collect()
}

fn find(corpus: &Corpus<'_>, at: ItemRef, body: &Body, says_null: &mut FxHashMap<ItemRef, bool>, out: &mut Vec<Place>) {
    for n in 1..body.tokens.len() {
        let simple = body.ident(n) && body.text(n + 1) == "=" && !matches!(body.text(n - 1), "." | "->");
        if !simple || !body.called(n + 2) || (body.text(n - 1) == "*" && !body.ident(n - 2) && body.text(n - 2) != "*") {
            continue;
        }
        let (variable, callee) = (body.text(n), body.text(n + 2));
        let Some(end) = body.close(n + 3) else { continue };
        if body.text(end + 1) != ";" || (n..end).any(|i| body.text(i) == "__GFP_NOFAIL") {
            continue;
        }
        let lookup = !ALLOCATORS.contains(&callee);
        if lookup && !returns_null(corpus, at, callee, says_null) {
            continue;
        }
        let Some(mention) = (end + 2..body.tokens.len().min(end + 200)).find(|&i| body.text(i) == variable) else { continue };
        let Some(start) = mention.checked_sub(3) else { continue };
        let straight = (end + 2..start).all(|i| !matches!(body.text(i), "{" | "}" | "if" | "else" | "for" | "while" | "goto" | "return"));
        if !straight || !body.reads(start, &["if", "(", "!", variable, ")"]) || body.text(start.wrapping_sub(1)) == "else" {
            continue;
        }
        let Some(last) = way_out(body, start + 5) else { continue };
        if body.text(last + 1) == "else" || !dereferenced(body, last + 1, variable) {
            continue;
        }
        let whole_lines = body.tokens.get(start).is_some_and(|raw| raw.first) && body.tokens.get(last + 1).is_some_and(|raw| raw.first);
        let Some(line) = body.tokens.get(start).map(|raw| raw.line) else { continue };
        if whole_lines {
            out.push(Place { at, callee: callee.to_owned(), lookup, test: (start, last), not: start + 2, line });
        }
    }
}

/// The last token of a guarded statement that leaves: `return …;`, `goto …;` or a block that ends so.
fn way_out(body: &Body, at: usize) -> Option<usize> {
    const LEAVE: [&str; 4] = ["return", "goto", "continue", "break"];
    if body.text(at) != "{" {
        let end = (at..body.tokens.len()).find(|&i| body.text(i) == ";")?;
        return LEAVE.contains(&body.text(at)).then_some(end);
    }
    let end = body.close(at)?;
    let last = (at + 1..end - 1).rev().find(|&i| matches!(body.text(i), ";" | "{" | "}"))?;
    LEAVE.contains(&body.text(last + 1)).then_some(end)
}

/// Whether the variable is dereferenced before it is tested, assigned or handed over, where control surely gets from here.
fn dereferenced(body: &Body, from: usize, variable: &str) -> bool {
    let mut depth = 0i32;
    for at in from..body.tokens.len() {
        match body.text(at) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "return" | "goto" | "break" | "continue" if depth == 0 && matches!(body.text(at - 1), ";" | "{" | "}") => {
                // The rest of a `return` still counts.
                let end = (at..body.tokens.len()).find(|&i| body.text(i) == ";").unwrap_or(at);
                return (at..end).any(|i| body.reads(i, &[variable, "->"]) && !matches!(body.text(i - 1), "&" | "." | "->"));
            }
            text if text == variable && !matches!(body.text(at - 1), "." | "->") => {
                let (before, after) = (body.text(at - 1), body.text(at + 1));
                if after == "->" {
                    if before == "&" || (before == "(" && matches!(body.text(at.wrapping_sub(2)), "sizeof" | "typeof" | "struct_size")) {
                        continue;
                    }
                    return true;
                }
                let sized =
                    before == "*" && (body.text(at.wrapping_sub(2)) == "sizeof" || body.reads(at.wrapping_sub(3), &["sizeof", "("]));
                if !(sized || (before == "=" && after == ";")) {
                    return false;
                }
            }
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    false
}

fn returns_null(corpus: &Corpus<'_>, from: ItemRef, callee: &str, known: &mut FxHashMap<ItemRef, bool>) -> bool {
    let Some(to) = Symbol::find(callee).and_then(|name| corpus.program.resolve_call(from.file, name)) else { return false };
    let item = corpus.program.item(to);
    if item.kind != ItemKind::Function || !item.active {
        return false;
    }
    *known
        .entry(to)
        .or_insert_with(|| corpus.body(to).is_some_and(|body| (0..body.tokens.len()).any(|i| body.reads(i, &["return", "NULL", ";"]))))
}

fn planted(corpus: &Corpus<'_>, place: &Place, rng: &mut fastrand::Rng) -> Option<Planted> {
    let body = corpus.body(place.at)?;
    let (first, last) = (body.tokens.get(place.test.0)?, body.tokens.get(place.test.1)?);
    let gone = line_start(&body.bytes, first.lo as usize)..line_end(&body.bytes, last.hi as usize);
    let (not, variable) = (body.tokens.get(place.not)?, body.text(place.not + 1));
    let same = [format!("{variable} == NULL"), format!("NULL == {variable}"), format!("unlikely(!{variable})")];
    let twin = &same[rng.usize(0..same.len())];
    let item = corpus.program.item(place.at);
    let row = Row {
        number: 0,
        check: String::new(),
        file: corpus.path(place.at.file).to_owned(),
        function: item.name.as_str().to_owned(),
        line: place.line,
        depth: 0,
        what: format!("{} {}", if place.lookup { "look-up" } else { "allocation" }, place.callee),
        twin: twin.clone(),
        chain: vec![item.name.as_str().to_owned()],
        folders: vec![folder(corpus.path(place.at.file)).to_owned()],
    };
    let bad = replaced(&body.bytes, gone, "");
    let good = replaced(&body.bytes, not.lo as usize..body.tokens.get(place.not + 1)?.hi as usize, twin);
    Some(Planted { row, old: body.bytes.to_vec(), bad, good })
}
