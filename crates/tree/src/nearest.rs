//! Where a hunk that does not apply would most nearly fit.
//!
//! Every line of the hunk's old side votes for the places where it would stand, rare lines more loudly; the best places
//! are then compared line by line. Blanks do not count. All loops are capped, so that the cost does not grow with the
//! product of hunk and file; the price is that in a file of equal lines the answer may be missing.

use crate::apply::Nearest;
use crate::diff::HunkLine;
use crate::lines::{Lines, blanks_hash};
use std::collections::BTreeMap;

/// A line that stands at more places than this says nothing about where it belongs.
const MAX_PLACES: usize = 256;
/// Lines of the hunk that vote, and lines of the window that are compared.
const MAX_LINES: usize = 200;
/// Lines of the file that are shown.
const SHOWN: usize = 8;

/// The place most like `run`, near `expected` if several are alike; `None` if hardly anything is.
pub(crate) fn nearest(lines: &Lines<'_>, run: &[&HunkLine], expected: usize) -> Option<Nearest> {
    let telling = |text: &[u8]| text.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() >= 3;
    let wanted: Vec<(usize, u64)> = run
        .iter()
        .enumerate()
        .filter(|(_, line)| telling(&line.text))
        .take(MAX_LINES)
        .map(|(i, line)| (i, blanks_hash(&line.text)))
        .collect();
    let mut votes: BTreeMap<usize, u64> = BTreeMap::new();
    for &(i, hash) in &wanted {
        let places = lines.places_of(hash);
        if places.len() <= MAX_PLACES {
            for &(_, line) in places {
                *votes.entry((line as usize).saturating_sub(i)).or_default() += 1000 / places.len() as u64 + 1;
            }
        }
    }
    let mut best: Vec<(u64, usize)> = votes.into_iter().map(|(at, weight)| (weight, at)).collect();
    best.sort_unstable_by_key(|&(weight, at)| (std::cmp::Reverse(weight), at.abs_diff(expected), at));
    let scored = best.iter().take(8).map(|&(_, at)| (alike(lines, &wanted, at, run.len()), at));
    let (same, at) = scored.max_by_key(|&(same, at)| (same, std::cmp::Reverse(at.abs_diff(expected))))?;
    let at = at.min(lines.lines.len().saturating_sub(1));
    let shown = lines.lines.iter().skip(at).take(SHOWN.min(run.len().max(1)));
    let text = shown.map(|line| String::from_utf8_lossy(line.get(..200).unwrap_or(line)).into_owned()).collect::<Vec<_>>().join("\n");
    let similarity = (same * 100 / wanted.len().max(1)) as u8;
    Some(Nearest { line: at as u32 + 1, similarity, text })
}

/// The length of the longest common subsequence of the wanted lines and the lines around `at`.
fn alike(lines: &Lines<'_>, wanted: &[(usize, u64)], at: usize, len: usize) -> usize {
    let slack = 4;
    let start = at.saturating_sub(slack);
    let window: Vec<u64> = (start..at + len.min(MAX_LINES) + slack).map_while(|line| lines.blanks_hash_at(line)).collect();
    let mut row = vec![0usize; window.len() + 1];
    for &(_, want) in wanted {
        let mut diagonal = 0;
        for (i, &have) in window.iter().enumerate() {
            let above = row[i + 1];
            row[i + 1] = if want == have { diagonal + 1 } else { above.max(row[i]) };
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}
