//! Logs with the newest line first, and consoles that print each line twice or a whole passage again.
//!
//! Direction is decided for the whole text, by its time stamps; without any, by headings of stacks that stand below their frames. A copy
//! is one only if several different lines in a row are copies: a function that calls itself gives equal lines too.

use super::Row;
use crate::{frame, line};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Lines in a row that must be copies.
const MIN_COPY: usize = 4;
/// Different texts among them.
const MIN_DIFFERENT: usize = 3;

/// Lines in a row that may be alike before it is clear that they are no copy.
const MAX_ALIKE: usize = 64;

/// The rows in the order of time, and whether that is not the order of the text.
pub fn oldest_first(rows: Vec<Row<'_>>) -> (Vec<Row<'_>>, bool) {
    if !is_reversed(&rows) {
        return (rows, false);
    }
    // Lines without a stamp go with the one before them, in a log that has stamps.
    let stamped = rows.iter().any(|row| line::time(&row.text).is_some());
    let mut groups: Vec<Vec<Row<'_>>> = Vec::new();
    for row in rows {
        let continues = stamped && line::time(&row.text).is_none();
        match groups.last_mut().filter(|_| continues) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    (groups.into_iter().rev().flatten().collect(), true)
}

fn is_reversed(rows: &[Row<'_>]) -> bool {
    let (mut up, mut down) = (0usize, 0usize);
    let mut last = None;
    for row in rows {
        let Some(time) = line::time(&row.text) else { continue };
        match last {
            Some(before) if time > before => up += 1,
            Some(before) if time < before => down += 1,
            _ => {}
        }
        last = Some(time);
    }
    if up > 0 || down >= MIN_COPY {
        return down >= MIN_COPY && down > 8 * up;
    }
    // All in one second, or without time: the heading of a stack stands above it.
    let (mut above, mut below) = (0usize, 0usize);
    let is_frame = |at: Option<usize>| {
        at.and_then(|at| rows.get(at)).is_some_and(|row| frame::parse(line::strip_row(row).text).is_some_and(|f| f.offset.is_some()))
    };
    for (at, row) in rows.iter().enumerate() {
        let text = line::strip_row(row).text.trim();
        if matches!(text, "Call Trace:" | "Call trace:") {
            let before = (1..=3).any(|n| is_frame(at.checked_sub(n)));
            let after = (1..=3).any(|n| is_frame(Some(at + n)));
            above += usize::from(after);
            below += usize::from(before && !after);
        }
    }
    below > 0 && above == 0
}

/// The rows without copies.
pub fn once(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    again(pairs(rows))
}

/// Drops the second of each pair in passages where every line comes twice.
fn pairs(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let same = |a: usize, b: usize| match (rows.get(a), rows.get(b)) {
        (Some(a), Some(b)) => a.text == b.text && a.quotes == b.quotes,
        _ => false,
    };
    let mut drop = vec![false; rows.len()];
    let mut at = 0;
    while at + 1 < rows.len() {
        if !same(at, at + 1) {
            at += 1;
            continue;
        }
        let mut end = at;
        let mut texts: BTreeSet<&str> = BTreeSet::new();
        while same(end, end + 1) {
            texts.extend(rows.get(end).map(|row| row.text.trim()).filter(|text| !text.is_empty()));
            end += 2;
        }
        if end - at >= 2 * MIN_COPY && texts.len() >= MIN_DIFFERENT {
            (at + 1..end).step_by(2).for_each(|n| mark(&mut drop, n));
        }
        at = end;
    }
    dropped(rows, &drop, |n| n.checked_sub(1))
}

/// Drops passages that repeat an earlier one with its time stamps.
fn again(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let mut seen: FxHashMap<(&str, u8), usize> = FxHashMap::default();
    let mut drop = vec![false; rows.len()];
    let mut original = vec![0usize; rows.len()];
    let mut at = 0;
    while let Some(row) = rows.get(at) {
        let key = (row.text.as_ref(), row.quotes);
        let Some(time) = line::stamp(&row.text) else {
            at += 1;
            continue;
        };
        // A clock that went back: what follows may be a copy.
        let before = at.checked_sub(1).and_then(|n| rows.get(n)).and_then(|row| line::stamp(&row.text));
        let first = seen.get(&key).copied().filter(|_| before.is_none_or(|before| time < before));
        let length = first.map_or(0, |first| copied(&rows, first, at));
        if let Some(first) = first.filter(|_| length > 0) {
            for n in 0..length {
                mark(&mut drop, at + n);
                if let Some(slot) = original.get_mut(at + n) {
                    *slot = first + n;
                }
            }
            at += length;
            continue;
        }
        seen.entry(key).or_insert(at);
        at += 1;
    }
    dropped(rows, &drop, |n| original.get(n).copied())
}

/// How many rows from `at` on repeat those from `first` on; 0 if too few to be sure.
fn copied(rows: &[Row<'_>], first: usize, at: usize) -> usize {
    let mut length = 0;
    let mut texts: BTreeSet<&str> = BTreeSet::new();
    let mut times: BTreeSet<u64> = BTreeSet::new();
    while first + length < at
        && let (Some(a), Some(b)) = (rows.get(first + length), rows.get(at + length))
        && a.text == b.text
        && a.quotes == b.quotes
    {
        texts.insert(&a.text);
        times.extend(line::stamp(&a.text));
        length += 1;
        // What repeats itself is no copy, however long it goes on.
        if length == MAX_ALIKE && (texts.len() < MIN_DIFFERENT || times.len() < MIN_DIFFERENT) {
            return 0;
        }
    }
    if length >= MIN_COPY && texts.len() >= MIN_DIFFERENT && times.len() >= MIN_DIFFERENT { length } else { 0 }
}

fn mark(flags: &mut [bool], at: usize) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = true;
    }
}

/// The rows that stay; of those with a copy it is said.
fn dropped<'a>(mut rows: Vec<Row<'a>>, drop: &[bool], original: impl Fn(usize) -> Option<usize>) -> Vec<Row<'a>> {
    if !drop.contains(&true) {
        return rows;
    }
    for (n, _) in drop.iter().enumerate().filter(|(_, dropped)| **dropped) {
        if let Some(row) = original(n).and_then(|n| rows.get_mut(n)) {
            row.mended.doubled = true;
        }
    }
    let mut n = 0;
    rows.retain(|_| {
        n += 1;
        drop.get(n - 1) != Some(&true)
    });
    rows
}

#[cfg(test)]
mod tests {
    use crate::layout;

    fn texts(text: &str) -> Vec<String> {
        layout::read(text).rows.iter().map(|row| row.text.to_string()).collect()
    }

    #[test]
    fn pairs_are_read_once() {
        let log = "one\ntwo\nthree\nfour\n";
        let doubled: String = log.lines().map(|l| format!("{l}\n{l}\n")).collect();
        assert_eq!(texts(&doubled), ["one", "two", "three", "four", ""]);
        let recursion = " walk+0x1/0x2\n".repeat(8);
        assert_eq!(texts(&recursion).len(), 9);
    }

    #[test]
    fn a_passage_printed_again_is_read_once() {
        let log: String = (1..6).map(|n| format!("[    1.00000{n}] line {n}\n")).collect();
        let other: String = log.replace("] line", "] other");
        assert_eq!(texts(&format!("{log}{log}end")).len(), 6);
        assert_eq!(texts(&format!("{log}{other}end")).len(), 11);
    }

    #[test]
    fn the_newest_line_first() {
        let log: Vec<String> = (1..8).map(|n| format!("[    1.00000{n}] line {n}")).collect();
        let mut back = log.clone();
        back.reverse();
        assert_eq!(texts(&back.join("\n")), log);
        assert_eq!(texts(&log.join("\n")), log);
        let bare = " inner+0x1/0x2\n outer+0x1/0x2\nCall Trace:\nWARNING: CPU: 0 PID: 1 at a.c:1 inner+0x1/0x2";
        assert!(layout::read(bare).reversed);
    }
}
