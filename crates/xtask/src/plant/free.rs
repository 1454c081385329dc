//! Uses moved behind a free.
//!
//! A place is a statement that frees a local pointer, by a customary function or through up to three callees that free their first argument on
//! every way, and before it, straight on in the same block, a statement that goes through the pointer. That statement is moved behind the free. The twin moves it to just
//! before the free, or moves it as well and frees another object.

use super::sleep::declares;
use super::{Planted, Row};
use crate::corpus::{Body, Corpus, replaced, tokens};
use cuthere_base::Symbol;
use cuthere_base::folder;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use rustc_hash::{FxHashMap, FxHashSet};

/// What frees its only argument.
const FREES: [&str; 8] = ["kfree", "kvfree", "vfree", "kfree_sensitive", "kfree_skb", "dev_kfree_skb", "dev_kfree_skb_any", "consume_skb"];
/// What certainly goes through the address of a member.
const THROUGH: [&str; 10] = [
    "list_del",
    "list_del_init",
    "hlist_del",
    "hlist_del_init",
    "mutex_unlock",
    "spin_unlock",
    "spin_unlock_bh",
    "spin_unlock_irq",
    "up_read",
    "up_write",
];
const CONTROL: [&str; 14] =
    ["{", "}", "if", "else", "for", "while", "do", "switch", "case", "default", "goto", "return", "break", "continue"];
const DEEPEST: usize = 3;

/// A use and a free, as indices of their first tokens.
struct Place {
    at: ItemRef,
    used: usize,
    freed: usize,
    kind: &'static str,
    /// The callees down to the one that frees.
    callees: Vec<ItemRef>,
}

/// Whether functions free their first argument, and through which.
type Known = FxHashMap<ItemRef, Option<Vec<ItemRef>>>;

pub fn plant(corpus: &Corpus<'_>, rng: &mut fastrand::Rng, count: usize) -> Vec<Planted> {
    let own: FxHashSet<u32> = corpus.files.iter().map(|file| file.0).collect();
    let mut known = Known::default();
    let mut places = Vec::new();
    for &file in &corpus.files {
        for (at, _) in corpus.functions(file) {
            if let Some(body) = corpus.body(at) {
                find(corpus, &own, at, &body, &mut known, &mut places);
            }
        }
    }
    rng.shuffle(&mut places);
    let (direct, deep): (Vec<Place>, Vec<Place>) = places.into_iter().partition(|place| place.callees.is_empty());
    let (mut direct, mut deep) = (direct.into_iter(), deep.into_iter());
    // Both in turn, as far as the tree has such places; one per function and free.
    let mut used: FxHashSet<(ItemRef, usize)> = FxHashSet::default();
    let mut out = Vec::new();
    while out.len() < count {
        let next = if out.len() % 2 == 0 { direct.next().or_else(|| deep.next()) } else { deep.next().or_else(|| direct.next()) };
        let Some(place) = next else { break };
        if used.insert((place.at, place.freed)) {
            out.extend(planted(corpus, &place, rng));
        }
    }
    out
}

fn find(corpus: &Corpus<'_>, own: &FxHashSet<u32>, at: ItemRef, body: &Body, known: &mut Known, out: &mut Vec<Place>) {
    for freed in 1..body.tokens.len() {
        let variable = body.text(freed + 2);
        let alone = body.called(freed) && body.ident(freed + 2) && matches!(body.text(freed + 3), ")" | ",") && body.whole_lines(freed);
        if !alone {
            continue;
        }
        let callees = if FREES.contains(&body.text(freed)) && body.reads(freed + 3, &[")", ";"]) {
            Vec::new()
        } else {
            let Some(callees) = callee(corpus, own, at, body, freed, known, DEEPEST) else { continue };
            callees
        };
        let Some(open) = body.opens(freed) else { continue };
        let mut starts: Vec<usize> = (open + 1..freed).filter(|&i| body.whole_lines(i)).collect();
        // Only what stands before the free straight on.
        let straight =
            (open + 1..freed).rev().find(|&i| CONTROL.contains(&body.text(i)) || body.text(i) == ":" || body.reads(i, &[variable, "="]));
        starts.retain(|&i| straight.is_none_or(|barrier| i > barrier));
        for used in starts {
            if let Some(kind) = goes_through(body, used, variable) {
                out.push(Place { at, used, freed, kind, callees: callees.clone() });
            }
        }
    }
}

/// How the simple statement at `start` goes through a pointer, if it does.
fn goes_through(body: &Body, start: usize, variable: &str) -> Option<&'static str> {
    let end = body.statement_end(start)?;
    let unevaluated = (start..end).any(|i| matches!(body.text(i), "sizeof" | "typeof" | "offsetof" | "struct_size"));
    if declares(body, start) || unevaluated {
        return None;
    }
    let members = |i: &usize| body.reads(*i, &[variable, "->"]) && !matches!(body.text(i - 1), "." | "->");
    let at = (start..end).find(members)?;
    if at == start {
        let assigned = (start..end).find(|&i| matches!(body.text(i), "=" | "+=" | "-=" | "|=" | "&=" | "++" | "--"));
        return assigned.map(|_| "write");
    }
    if body.text(at - 1) == "&" {
        return (THROUGH.contains(&body.text(start)) && at == start + 3).then_some("address");
    }
    if FREES.contains(&body.text(start)) && at == start + 2 {
        return Some("member-free");
    }
    // Only what is evaluated in any case.
    let conditional = (start..at).any(|i| matches!(body.text(i), "?" | "&&" | "||"));
    let assigned = body.ident(start) && matches!(body.text(start + 1), "=" | "+=" | "-=");
    (!conditional && assigned).then_some("read")
}

/// The callees down to what frees the first argument of this call.
fn callee(
    corpus: &Corpus<'_>,
    own: &FxHashSet<u32>,
    from: ItemRef,
    body: &Body,
    call: usize,
    known: &mut Known,
    left: usize,
) -> Option<Vec<ItemRef>> {
    let to = corpus.program.resolve_call(from.file, Symbol::find(body.text(call))?)?;
    let item = corpus.program.item(to);
    if item.kind != ItemKind::Function || !item.active || !own.contains(&to.file.0) || to == from || left == 0 {
        return None;
    }
    if let Some(found) = known.get(&to) {
        return found.clone();
    }
    known.insert(to, None);
    let found = frees_first(corpus, own, to, known, left);
    // What was cut off by the depth may be found from elsewhere.
    match &found {
        None if left < DEEPEST => known.remove(&to),
        _ => known.insert(to, found.clone()),
    };
    found
}

/// Whether a function frees its first parameter on every way, by a statement of its outermost block and with no way out before it.
fn frees_first(corpus: &Corpus<'_>, own: &FxHashSet<u32>, at: ItemRef, known: &mut Known, left: usize) -> Option<Vec<ItemRef>> {
    let body = corpus.body(at)?;
    let parameter = first_parameter(corpus, at)?;
    let mut depth = 0;
    for i in 0..body.tokens.len() {
        match body.text(i) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "return" | "goto" => return None,
            text if text == parameter && body.text(i + 1) == "=" && !matches!(body.text(i - 1), "." | "->") => return None,
            text if depth == 1 && body.called(i) && body.text(i + 2) == parameter && body.whole_lines(i) => {
                let alone = body.reads(i + 3, &[")", ";"]);
                if alone && FREES.contains(&text) {
                    return Some(vec![at]);
                }
                if matches!(body.text(i + 3), ")" | ",")
                    && let Some(below) = callee(corpus, own, at, &body, i, known, left - 1)
                {
                    return Some([vec![at], below].concat());
                }
            }
            _ => {}
        }
    }
    None
}

/// The name of a function's first parameter.
fn first_parameter(corpus: &Corpus<'_>, at: ItemRef) -> Option<String> {
    let item = corpus.program.item(at);
    let text = corpus.program.text(at.file).ok()?;
    let head = Body { tokens: tokens(&text.bytes, item.lo as usize..item.body_lo as usize, item.loc.line, &[]), bytes: text.bytes };
    let name = (0..head.tokens.len()).find(|&i| head.text(i) == item.name.as_str() && head.text(i + 1) == "(")?;
    let end = (name + 2..head.close(name + 1)? + 1).find(|&i| matches!(head.text(i), "," | ")"))?;
    head.ident(end - 1).then(|| head.text(end - 1).to_owned())
}

fn planted(corpus: &Corpus<'_>, place: &Place, rng: &mut fastrand::Rng) -> Option<Planted> {
    let body = corpus.body(place.at)?;
    let used = body.lines_of(place.used, body.statement_end(place.used)?)?;
    let freed = body.lines_of(place.freed, body.statement_end(place.freed)?)?;
    let text = |range: std::ops::Range<usize>| body.bytes.get(range).map(String::from_utf8_lossy);
    let (moved, free, between) = (text(used.clone())?, text(freed.clone())?, text(used.end..freed.start)?);
    let whole = used.start..freed.end;
    let indent: String = free.chars().take_while(|c| c.is_whitespace()).collect();
    let other = format!("{indent}kfree(kmalloc(32, GFP_KERNEL));\n");
    let before = (!between.is_empty()).then(|| ("used just before the free", format!("{between}{moved}{free}")));
    let instead = ("another object freed", format!("{between}{other}{moved}"));
    let (twin, good) = before.filter(|_| rng.bool()).unwrap_or(instead);
    let name = |at: &ItemRef| corpus.program.item(*at).name.as_str().to_owned();
    let chain: Vec<ItemRef> = [vec![place.at], place.callees.clone()].concat();
    let mut folders: Vec<String> = chain.iter().map(|at| folder(corpus.path(at.file)).to_owned()).collect();
    folders.sort();
    folders.dedup();
    let row = Row {
        number: 0,
        check: String::new(),
        file: corpus.path(place.at.file).to_owned(),
        function: name(&place.at),
        line: body.tokens.get(place.freed)?.line,
        depth: place.callees.len(),
        what: format!("{} behind {}({})", place.kind, body.text(place.freed), body.text(place.freed + 2)),
        twin: twin.to_owned(),
        chain: chain.iter().map(name).collect(),
        folders,
    };
    let bad = replaced(&body.bytes, whole.clone(), &format!("{between}{free}{moved}"));
    Some(Planted { row, old: body.bytes.to_vec(), bad, good: replaced(&body.bytes, whole, &good) })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, in_text};

    #[test]
    fn a_use_moves_behind_the_free() {
        let planted = in_text("void f(struct s *s)\n{\n\ts->n = 1;\n\tg();\n\tkfree(s);\n}\n", super::plant);
        assert_eq!(planted.len(), 1);
        assert_eq!((planted[0].row.what.as_str(), planted[0].row.depth), ("write behind kfree(s)", 0));
        assert!(String::from_utf8_lossy(&planted[0].bad).ends_with("\tg();\n\tkfree(s);\n\ts->n = 1;\n}\n"));
        let good = changed(&planted[0].old, &planted[0].good);
        assert!(good.contains(&"+s->n = 1;".to_owned()) || good.contains(&"+kfree(kmalloc(32, GFP_KERNEL));".to_owned()), "{good:?}");
    }

    #[test]
    fn callees_free_if_they_do_so_on_every_way() {
        let caller = "void f(struct s *s, int n)\n{\n\tn = s->n;\n\tdrop(s, n);\n}\n";
        let with = |callee: &str| in_text(&format!("static void drop(struct s *t, int n)\n{{\n{callee}}}\n{caller}"), super::plant);
        let planted = with("\tcount(n);\n\tkfree(t);\n");
        assert_eq!(planted.len(), 1);
        assert_eq!(planted[0].row.chain, ["f", "drop"]);
        assert_eq!(planted[0].row.what, "read behind drop(s)");
        for callee in
            ["\tif (n)\n\t\tkfree(t);\n", "\tif (n)\n\t\treturn;\n\tkfree(t);\n", "\tt = t->next;\n\tkfree(t);\n", "\tkfree(t->p);\n"]
        {
            assert!(with(callee).is_empty(), "{callee}");
        }
    }

    #[test]
    fn what_is_no_use_or_not_straight_before_the_free_stays() {
        let places = |before: &str| in_text(&format!("void f(struct s *s)\n{{\n\tint n;\n\n{before}\tkfree(s);\n}}\n"), super::plant).len();
        assert_eq!(places("\tn = s->n;\n"), 1);
        assert_eq!(places("\tkfree(s->p);\n"), 1);
        assert_eq!(places("\tlist_del(&s->list);\n"), 1);
        for before in [
            "\tn = sizeof(s->n);\n",
            "\tn = g(&s->n);\n",
            "\tif (n)\n\t\tn = s->n;\n",
            "\tn = s->n;\n\ts = s->next;\n",
            "\tn = n && s->n;\n",
        ] {
            assert_eq!(places(before), 0, "{before}");
        }
    }
}
