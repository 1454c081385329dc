//! Deleted unlocks on one way out of a function.
//!
//! A place is a lock that a function takes once, by a statement of its own, and an unlock of it in a guarded block that leaves by `return`, or by a `goto` to where nothing
//! unlocks it; another unlock of it comes later. The twin hands the early way out to before the lock, forgoes the lock as a whole, or unlocks
//! one statement earlier.

use super::{Planted, Row};
use crate::corpus::{Body, Corpus, line_end, line_start, replaced};
use cuthere_base::folder;
use cuthere_cfront::outline::ItemRef;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;

/// What takes a lock, and what releases it.
const PAIRS: [(&str, &str); 18] = [
    ("mutex_lock", "mutex_unlock"),
    ("down_read", "up_read"),
    ("down_write", "up_write"),
    ("spin_lock", "spin_unlock"),
    ("spin_lock_bh", "spin_unlock_bh"),
    ("spin_lock_irq", "spin_unlock_irq"),
    ("spin_lock_irqsave", "spin_unlock_irqrestore"),
    ("raw_spin_lock", "raw_spin_unlock"),
    ("raw_spin_lock_irq", "raw_spin_unlock_irq"),
    ("raw_spin_lock_irqsave", "raw_spin_unlock_irqrestore"),
    ("read_lock", "read_unlock"),
    ("read_lock_bh", "read_unlock_bh"),
    ("read_lock_irqsave", "read_unlock_irqrestore"),
    ("write_lock", "write_unlock"),
    ("write_lock_bh", "write_unlock_bh"),
    ("write_lock_irq", "write_unlock_irq"),
    ("write_lock_irqsave", "write_unlock_irqrestore"),
    ("bit_spin_lock", "bit_spin_unlock"),
];

/// A lock of a function and one of its unlocks, as indices of the tokens that name them.
struct Place {
    at: ItemRef,
    lock: usize,
    /// All unlocks of this lock, in order.
    unlocks: Vec<usize>,
    /// The one to delete.
    gone: usize,
}

pub fn plant(corpus: &Corpus<'_>, rng: &mut fastrand::Rng, count: usize) -> Vec<Planted> {
    let mut places = Vec::new();
    for &file in &corpus.files {
        for (at, item) in corpus.functions(file) {
            // What is named after locking may return with a lock held by contract.
            if !item.name.as_str().contains("lock")
                && let Some(body) = corpus.body(at)
            {
                find(at, &body, &mut places);
            }
        }
    }
    rng.shuffle(&mut places);
    let made = places.iter().filter_map(|place| Some((place.at, planted(corpus, place, rng)?))).take(count);
    let (at, mut rows): (Vec<ItemRef>, Vec<Planted>) = made.unzip();
    add_callers(corpus, &at, &mut rows);
    rows
}

/// Folders of callers that are read with a function: whether somebody does the other half cannot be known without any.
const CALLERS_MAX: usize = 2;

/// Adds the folders in which functions that other files see are called by name, the nearest ones.
fn add_callers(corpus: &Corpus<'_>, at: &[ItemRef], rows: &mut [Planted]) {
    let seen = |at: &ItemRef| !corpus.program.item(*at).is_static;
    let rows: Vec<&mut Row> = rows.iter_mut().zip(at).filter(|(_, at)| seen(at)).map(|(p, _)| &mut p.row).collect();
    let mut found: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); rows.len()];
    for &file in &corpus.files {
        let Ok(text) = corpus.program.text(file) else { continue };
        let here = folder(corpus.path(file));
        for (row, folders) in rows.iter().zip(&mut found) {
            if !folders.contains(here) && calls(&text.bytes, row.function.as_bytes()) {
                folders.insert(here);
            }
        }
    }
    for (row, folders) in rows.into_iter().zip(found) {
        let own = folder(&row.file).to_owned();
        let shared = |other: &str| own.split('/').zip(other.split('/')).take_while(|(a, b)| a == b).count();
        let mut others: Vec<&str> = folders.into_iter().filter(|other| *other != own).collect();
        others.sort_by_key(|other| (Reverse(shared(other)), *other));
        row.folders.extend(others.into_iter().take(CALLERS_MAX).map(str::to_owned));
    }
}

/// Whether a text has a name with a parenthesis behind it.
fn calls(text: &[u8], name: &[u8]) -> bool {
    let part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    memchr::memmem::find_iter(text, name).any(|at| (at == 0 || !part(text.get(at - 1))) && text.get(at + name.len()) == Some(&b'('))
}

fn find(at: ItemRef, body: &Body, out: &mut Vec<Place>) {
    for (take, release) in PAIRS {
        let calls = |name| (0..body.tokens.len()).filter(move |&i| body.text(i) == name && body.called(i));
        for lock in calls(take) {
            let Some(which) = argument(body, lock) else { continue };
            let same = |&i: &usize| argument(body, i).is_some_and(|other| other == which);
            // Other forms of the same lock's operations would make the text alone misleading.
            let others = (0..body.tokens.len()).any(|i| {
                let text = body.text(i);
                let operates = (text.contains("lock") || text.starts_with("down") || text.starts_with("up_")) && body.called(i);
                operates && ![take, release].contains(&text) && same(&i)
            });
            let unlocks: Vec<usize> = calls(release).filter(same).collect();
            let ordered = unlocks.first().is_some_and(|&first| first > lock);
            if others || !ordered || calls(take).filter(same).count() != 1 || !body.whole_lines(lock) {
                continue;
            }
            let (Some(&last), true) = (unlocks.last(), unlocks.iter().all(|&u| body.whole_lines(u))) else { continue };
            for &gone in unlocks.iter().filter(|&&u| u != last) {
                if leaves(body, lock, gone, &unlocks) {
                    out.push(Place { at, lock, unlocks: unlocks.clone(), gone });
                }
            }
        }
    }
}

/// The tokens of a call's first argument.
fn argument(body: &Body, call: usize) -> Option<Vec<&str>> {
    let end = body.close(call + 1)?;
    let mut depth = 0i32;
    let texts = (call + 2..end).map(|i| body.text(i)).take_while(|text| {
        depth += i32::from(matches!(*text, "(" | "[")) - i32::from(matches!(*text, ")" | "]"));
        *text != "," || depth > 0
    });
    Some(texts.collect())
}

/// Whether an unlock stands in a guarded block below the lock's own, and straight on from it control leaves without another unlock.
fn leaves(body: &Body, lock: usize, unlock: usize, unlocks: &[usize]) -> bool {
    let Some(open) = body.opens(unlock) else { return false };
    let guarded = open > lock && body.text(open.wrapping_sub(1)) == ")";
    let labelled = (open..unlock).any(|i| body.label(i));
    if !guarded || labelled {
        return false;
    }
    for at in body.statement_end(unlock).unwrap_or(body.tokens.len()) + 1..body.tokens.len() {
        match body.text(at) {
            "return" => return true,
            "goto" => {
                let to = (0..body.tokens.len()).find(|&i| body.label(i) && body.text(i) == body.text(at + 1));
                return to.is_some_and(|to| to > at && unlocks.iter().all(|&u| u < to));
            }
            "{" | "}" | "if" | "for" | "while" | "do" | "switch" | "break" | "continue" => return false,
            text if text.contains("lock") && body.called(at) => return false,
            _ => {}
        }
    }
    false
}

fn planted(corpus: &Corpus<'_>, place: &Place, rng: &mut fastrand::Rng) -> Option<Planted> {
    let body = corpus.body(place.at)?;
    let lines = |call: usize| body.lines_of(call, body.statement_end(call)?);
    let gone = lines(place.gone)?;
    let mut twins = vec![("no lock at all", without(&body.bytes, place.unlocks.iter().map(|&u| lines(u)).chain([lines(place.lock)])))];
    twins.push(("left before the lock", left_before(&body, place)));
    twins.push(("unlocked one statement earlier", unlocked_earlier(&body, place)));
    let mut twins: Vec<(&str, Vec<u8>)> = twins.into_iter().filter_map(|(what, text)| Some((what, text?))).collect();
    if twins.is_empty() {
        return None;
    }
    let (twin, good) = twins.swap_remove(rng.usize(0..twins.len()));
    let item = corpus.program.item(place.at);
    let path = corpus.path(place.at.file);
    let row = Row {
        number: 0,
        check: String::new(),
        file: path.to_owned(),
        function: item.name.as_str().to_owned(),
        line: body.tokens.get(place.gone)?.line,
        depth: 0,
        what: format!("{} {}", body.text(place.gone), argument(&body, place.gone)?.concat()),
        twin: twin.to_owned(),
        chain: vec![item.name.as_str().to_owned()],
        folders: vec![folder(path).to_owned()],
    };
    let bad = replaced(&body.bytes, gone, "");
    Some(Planted { row, old: body.bytes.to_vec(), bad, good })
}

/// The text without some ranges.
fn without(bytes: &[u8], ranges: impl Iterator<Item = Option<Range<usize>>>) -> Option<Vec<u8>> {
    let mut ranges: Vec<Range<usize>> = ranges.collect::<Option<_>>()?;
    ranges.sort_by_key(|r| std::cmp::Reverse(r.start));
    Some(ranges.into_iter().fold(bytes.to_vec(), |text, range| replaced(&text, range, "")))
}

/// The guarded block, without its unlock, before the lock: only if it is all that follows the lock, and no arm belongs to it.
fn left_before(body: &Body, place: &Place) -> Option<Vec<u8>> {
    let test = body.statement_end(place.lock)? + 1;
    let open = body.opens(place.gone)?;
    let end = body.close(open)?;
    if body.text(test) != "if" || body.close(test + 1)? + 1 != open || body.text(end + 1) == "else" {
        return None;
    }
    let (lock, block) = (body.lines_of(place.lock, test - 1)?, body.lines_of(test, end)?);
    let gone = body.lines_of(place.gone, body.statement_end(place.gone)?)?;
    let text = |range: Range<usize>| body.bytes.get(range).map(String::from_utf8_lossy);
    let (head, tail) = (text(block.start..gone.start)?, text(gone.end..block.end)?);
    let between = text(lock.end..block.start)?;
    let moved = format!("{head}{tail}{}{between}", text(lock.clone())?);
    Some(replaced(&body.bytes, lock.start..block.end, &moved))
}

/// The unlock before the statement that stands before it in its block.
fn unlocked_earlier(body: &Body, place: &Place) -> Option<Vec<u8>> {
    let open = body.opens(place.gone)?;
    let before = (open + 1..place.gone.checked_sub(1)?).rev().find(|&i| matches!(body.text(i), ";" | "{" | "}")).unwrap_or(open) + 1;
    let simple = before < place.gone && body.whole_lines(before) && body.statement_end(before)? + 1 == place.gone;
    if !simple || matches!(body.text(before), "if" | "else" | "for" | "while" | "do" | "switch") {
        return None;
    }
    let (first, unlock) = (body.lines_of(before, place.gone - 1)?, body.lines_of(place.gone, body.statement_end(place.gone)?)?);
    let text = |range: Range<usize>| body.bytes.get(range).map(String::from_utf8_lossy);
    let swapped = format!("{}{}{}", text(unlock.clone())?, text(first.end..unlock.start)?, text(first.clone())?);
    Some(replaced(&body.bytes, line_start(&body.bytes, first.start)..line_end(&body.bytes, unlock.end - 1), &swapped))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, in_text};

    #[test]
    fn an_unlock_goes_where_other_ways_still_unlock() {
        let text = "int f(struct s *s)\n{\n\tint n;\n\n\tmutex_lock(&s->m);\n\tif (s->n) {\n\t\ts->n = 0;\n\t\tmutex_unlock(&s->m);\n\t\treturn -1;\n\t}\n\
                    \tn = s->k;\n\tmutex_unlock(&s->m);\n\treturn n;\n}\n";
        let planted = in_text(text, super::plant);
        assert_eq!(planted.len(), 1);
        assert_eq!((planted[0].row.what.as_str(), planted[0].row.line), ("mutex_unlock &s->m", 8));
        assert_eq!(changed(&planted[0].old, &planted[0].bad), ["-mutex_unlock(&s->m);"]);
        assert_ne!(planted[0].good, planted[0].bad);
        let count = |text: &[u8], what: &str| String::from_utf8_lossy(text).matches(what).count();
        let good = &planted[0].good;
        match planted[0].row.twin.as_str() {
            "no lock at all" => assert_eq!((count(good, "mutex_lock("), count(good, "mutex_unlock(")), (0, 0)),
            "left before the lock" => assert_eq!((count(good, "mutex_lock("), count(good, "mutex_unlock(")), (1, 1)),
            _ => assert_eq!(count(good, "mutex_unlock(&s->m);\n\t\ts->n = 0;\n\t\treturn"), 1),
        }
    }

    #[test]
    fn whoever_calls_from_another_file_is_found_by_name() {
        assert!(super::calls(b"\tx = get_it(s);", b"get_it"));
        assert!(!super::calls(b"\tforget_it(s); p = get_it; get_it2(s);", b"get_it"));
    }

    #[test]
    fn no_unlock_goes_where_the_text_tells_too_little() {
        let function = |name: &str, body: &str| format!("int {name}(struct s *s)\n{{\n\tmutex_lock(&s->m);\n{body}\treturn 0;\n}}\n");
        let early = "\tif (s->n) {\n\t\tmutex_unlock(&s->m);\n\t\treturn -1;\n\t}\n";
        let end = "\tmutex_unlock(&s->m);\n";
        let places = |text: &str| in_text(text, super::plant).len();
        assert_eq!(places(&function("f", &format!("{early}{end}"))), 1);
        // No other way unlocks; the name is a contract; another lock; the lock goes on; taken twice.
        assert_eq!(places(&function("f", early)), 0);
        assert_eq!(places(&function("f_lock", &format!("{early}{end}"))), 0);
        assert_eq!(places(&function("f", &format!("{}{end}", early.replace("s->m", "s->k")))), 0);
        assert_eq!(places(&function("f", &format!("{}{end}", early.replace("\t\treturn -1;\n", "")))), 0);
        assert_eq!(places(&function("f", &format!("{early}\tmutex_lock(&s->m);\n{end}"))), 0);
    }
}
