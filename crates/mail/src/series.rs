//! Patches and the series they belong to: versions, cover letters, what is missing, which is newest.
//!
//! A message is a patch if it is no reply and its subject numbers it or its text has a diff. A patch that is only known from
//! somebody's quotation is taken from there and marked. Patches join by author, version, tags and thread; those sent without
//! threading join where their number is free. Series are the same work in another version if they share the subject of the
//! cover letter or of a patch.

use crate::diff::find_diffs;
use crate::mime::parse_addresses;
use crate::quote;
use crate::threading::roots;
use crate::trailers::{base_commit, commit_message, fixes, trailers};
use crate::types::{Address, DiffPart, Message, Patch, Series, SourceKind, Thread};
use std::collections::HashMap;

/// Finds the diffs of every message, then the patches and series.
pub(crate) fn collect(thread: &mut Thread) {
    for message in &mut thread.messages {
        message.diffs = all_diffs(message);
    }
    let roots = roots(&thread.messages);
    let mut series: Vec<(Key, Series)> = Vec::new();
    let mut by_key: HashMap<Key, Vec<usize>> = HashMap::new();
    for nth in 0..thread.messages.len() {
        let Some(message) = thread.messages.get(nth) else { break };
        if message.subject_info.reply || !is_patch(thread, message) {
            continue;
        }
        let root = roots.get(nth).copied().unwrap_or(nth);
        let mut key = Key::new(message, root);
        if key.single.is_empty() && message.subject_info.total.is_none() {
            // Diffs without a subject have nothing in common.
            key.single = format!("\0{nth}");
        }
        let at = place(&series, &by_key, &key, message, thread);
        let at = at.unwrap_or_else(|| {
            by_key.entry(key.loose()).or_default().push(series.len());
            series.push((key, empty_series(message)));
            series.len() - 1
        });
        if let Some((_, entry)) = series.get_mut(at) {
            add(thread, entry, nth);
        }
    }
    quoted(thread, &roots, &mut series);
    let mut list = joined(series, thread);
    for entry in &mut list {
        finish(entry, thread);
    }
    newest(&mut list, thread);
    thread.series = list;
}

/// Joins what is one series although its mails differ in author or version: a cover letter that alone has the version; patches of
/// several authors, as `git format-patch` writes them.
fn joined(series: Vec<(Key, Series)>, thread: &Thread) -> Vec<Series> {
    let mut out: Vec<(Key, Series)> = Vec::new();
    for (key, one) in series {
        let fits = |(other, into): &&mut (Key, Series)| {
            let numbers = one.patches.iter().all(|p| into.patches.iter().all(|q| q.index != p.index));
            let covers = one.cover.is_none() || into.cover.is_none();
            let lone_cover = |a: &Series, b: &Series| a.patches.is_empty() && a.cover.is_some() && b.version == 1;
            let versions = one.version == into.version || lone_cover(&one, into) || lone_cover(into, &one);
            let same = one.total == into.total && one.total > 1 && numbers && covers && versions;
            same && (other.root == key.root || follows(into, &one, thread))
        };
        match out.iter_mut().find(fits) {
            Some((_, into)) => {
                into.version = into.version.max(one.version);
                if into.cover.is_none() && one.cover.is_some() {
                    (into.cover, into.subject) = (one.cover, one.subject);
                    into.author = one.author;
                }
                into.base_commit = into.base_commit.take().or(one.base_commit);
                into.patches.extend(one.patches);
            }
            None => out.push((key, one)),
        }
    }
    out.into_iter().map(|(_, series)| series).collect()
}

/// Whether one series goes on where another ends, in one file of mails that answer nothing.
fn follows(first: &Series, then: &Series, thread: &Thread) -> bool {
    let alone = |s: &Series| s.patches.iter().all(|p| thread.messages.get(p.message).is_some_and(|m| m.parent.is_none()));
    let next = |q: &Patch| first.patches.iter().any(|p| p.message + 1 == q.message && p.index + 1 == q.index);
    let several = matches!(thread.source_kind, SourceKind::Mbox | SourceKind::Several);
    several && alone(first) && alone(then) && then.patches.iter().any(next)
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    author: String,
    version: u32,
    total: u32,
    tags: Vec<String>,
    root: Option<usize>,
    single: String,
}

impl Key {
    fn new(message: &Message, root: usize) -> Key {
        let info = &message.subject_info;
        let total = info.total.unwrap_or(1);
        let single = if total <= 1 && info.index != Some(0) { info.clean.to_lowercase() } else { String::new() };
        let mut tags: Vec<String> = info.tags.iter().map(|t| t.to_lowercase()).collect();
        tags.sort();
        let author = message.from.key();
        Key {
            author,
            version: info.version,
            total,
            tags,
            root: Some(root),
            single: if info.total.is_some() { String::new() } else { single },
        }
    }

    /// Without the thread: what patches sent without threading have in common.
    fn loose(&self) -> Key {
        Key { root: None, ..self.clone() }
    }
}

fn is_patch(thread: &Thread, message: &Message) -> bool {
    let own_diff = message.diffs.iter().any(|d| d.quoted_depth == 0);
    let info = &message.subject_info;
    if info.patch {
        return info.index.is_some() || own_diff;
    }
    let source = matches!(thread.source_kind, SourceKind::Diff | SourceKind::Several);
    // What `git format-patch -k` writes has a line that ends the description; what is sent as a mere try mostly answers somebody.
    let formatted = || message.parent.is_none() && message.body.lines().any(|line| line.trim_end() == "---");
    own_diff && (source || thread.messages.len() == 1 || message.body.contains("Signed-off-by:") || formatted())
}

fn all_diffs(message: &Message) -> Vec<DiffPart> {
    let mut diffs = find_diffs(&message.body);
    for (nth, attachment) in message.attachments.iter().enumerate() {
        if let Some(text) = &attachment.text {
            diffs.extend(find_diffs(text).into_iter().map(|d| DiffPart { attachment: Some(nth), ..d }));
        }
    }
    diffs
}

fn empty_series(message: &Message) -> Series {
    let info = &message.subject_info;
    Series {
        subject: info.clean.clone(),
        version: info.version.max(1),
        tags: info.tags.clone(),
        total: info.total.unwrap_or(1),
        author: message.from.clone(),
        ..Series::default()
    }
}

/// The series that a patch joins: of the same thread, else one where its number is free and either was sent without threading.
fn place(series: &[(Key, Series)], by_key: &HashMap<Key, Vec<usize>>, key: &Key, message: &Message, thread: &Thread) -> Option<usize> {
    let candidates = by_key.get(&key.loose())?;
    let same_root = candidates.iter().copied().find(|n| series.get(*n).is_some_and(|(k, _)| k.root == key.root));
    same_root.or_else(|| {
        let index = message.subject_info.index.unwrap_or(1);
        candidates.iter().rev().copied().find(|n| {
            series.get(*n).is_some_and(|(_, s)| {
                let free = if index == 0 { s.cover.is_none() } else { !s.patches.iter().any(|p| p.index == index) };
                let alone = |m: usize| thread.messages.get(m).is_some_and(|m| m.parent.is_none());
                free && s.total > 1 && message.parent.is_none() && s.patches.iter().all(|p| alone(p.message))
            })
        })
    })
}

fn add(thread: &mut Thread, series: &mut Series, nth: usize) {
    let Some(message) = thread.messages.get_mut(nth) else { return };
    let info = &message.subject_info;
    let has_diff = message.diffs.iter().any(|d| d.quoted_depth == 0);
    if info.index == Some(0) && !has_diff {
        let text = info.clean.clone();
        if series.cover.is_none() {
            series.cover = Some(nth);
            series.subject = text;
        }
        series.base_commit = series.base_commit.take().or_else(|| base_commit(&message.body));
        return;
    }
    let diffs = std::mem::take(&mut message.diffs);
    let (mut diff, rest): (Vec<_>, Vec<_>) = diffs.into_iter().partition(|d| d.quoted_depth == 0);
    message.diffs = rest;
    // The same patch is often both in the text and attached.
    if diff.iter().any(|d| d.attachment.is_none()) {
        diff.retain(|d| d.attachment.is_none());
    }
    let before = match diff.first() {
        Some(first) if first.attachment.is_none() => head(&message.body, first.line),
        _ => message.body.as_str(),
    };
    let (body, author) = commit_message(before);
    series.base_commit = series.base_commit.take().or_else(|| base_commit(&message.body));
    let author = author.and_then(|a| parse_addresses(&a).into_iter().next()).unwrap_or_else(|| message.from.clone());
    let patch = patch(nth, message, body, author, diff, false);
    let hollow = patch.hunks == 0 && patch.diff.is_empty();
    let index = patch.index;
    match series.patches.iter_mut().find(|p| p.index == index) {
        Some(slot) => {
            let old = slot.message;
            *slot = patch;
            thread.note(Some(nth), format!("patch {index} was sent again; this one replaces the one of message {old}"));
        }
        None => series.patches.push(patch),
    }
    if hollow {
        thread.note(Some(nth), "a patch by its subject, but no diff was found in it");
    }
}

fn head(text: &str, line: u32) -> &str {
    let end: usize = text.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
    text.get(..end).unwrap_or(text)
}

fn patch(nth: usize, message: &Message, body: String, author: Address, diff: Vec<DiffPart>, quoted: bool) -> Patch {
    let info = &message.subject_info;
    let trailers = trailers(&body);
    Patch {
        message: nth,
        index: info.index.unwrap_or(1).max(1),
        total: info.total.unwrap_or(1),
        subject: info.clean.clone(),
        version: info.version.max(1),
        author,
        quoted,
        fixes: fixes(&trailers),
        trailers,
        body,
        hunks: diff.iter().map(|d| d.hunks).sum(),
        diff,
    }
}

/// Patches that are only known from replies: from the quotation with the most hunks. Replies to patches of which nothing is known
/// still tell that there is a series.
fn quoted(thread: &mut Thread, roots: &[usize], series: &mut Vec<(Key, Series)>) {
    for nth in 0..thread.messages.len() {
        let Some(message) = thread.messages.get(nth) else { break };
        let info = message.subject_info.clone();
        if !(info.reply && info.patch) || info.index == Some(0) {
            continue;
        }
        let root = roots.get(nth).copied();
        let index = info.index.unwrap_or(1);
        let fits = |k: &Key, s: &Series| k.root == root && s.version == info.version.max(1) && s.total == info.total.unwrap_or(1);
        let same_single = |s: &Series| info.total.is_some() || s.subject == info.clean;
        let at = match series.iter().position(|(k, s)| fits(k, s) && same_single(s)) {
            Some(at) => at,
            None => {
                let author = Address::default();
                series.push((Key { root, ..Key::new(message, nth) }, Series { author, ..empty_series(message) }));
                series.len() - 1
            }
        };
        let Some((_, entry)) = series.get_mut(at) else { continue };
        let depth = message.diffs.iter().filter(|d| d.quoted_depth > 0).max_by_key(|d| d.hunks).map(|d| d.quoted_depth);
        let Some(depth) = depth else { continue };
        let hunks: u32 = message.diffs.iter().filter(|d| d.quoted_depth == depth).map(|d| d.hunks).sum();
        let old = entry.patches.iter().position(|p| p.index == index);
        let better = old.and_then(|n| entry.patches.get(n)).is_none_or(|p| p.quoted && p.hunks < hunks);
        if !better {
            continue;
        }
        let Some(message) = thread.messages.get_mut(nth) else { break };
        let (diff, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut message.diffs).into_iter().partition(|d| d.quoted_depth == depth);
        message.diffs = rest;
        let first = diff.first().map_or(1, |d| d.line);
        let (body, _) = commit_message(&quoted_before(&message.body, first, depth));
        let signer = trailers(&body).into_iter().rev().find(|t| t.key.eq_ignore_ascii_case("signed-off-by"));
        let author = signer.and_then(|t| parse_addresses(&t.value).into_iter().next()).unwrap_or_default();
        let new = patch(nth, message, body, author.clone(), diff, true);
        entry.author = if entry.author == Address::default() { author } else { entry.author.clone() };
        let replaced = match old.and_then(|n| entry.patches.get_mut(n)) {
            Some(slot) => Some(std::mem::replace(slot, new)),
            None => {
                entry.patches.push(new);
                None
            }
        };
        // The quotation that was not as good goes back to its message.
        if let Some(replaced) = replaced
            && let Some(message) = thread.messages.get_mut(replaced.message)
        {
            message.diffs.extend(replaced.diff);
            message.diffs.sort_by_key(|d| (d.attachment, d.line));
        }
    }
}

/// The text quoted to the same depth right before a line.
fn quoted_before(body: &str, line: u32, depth: u32) -> String {
    let lines: Vec<&str> = body.lines().take(line.saturating_sub(1) as usize).collect();
    let mut out: Vec<&str> = Vec::new();
    for line in lines.into_iter().rev() {
        let (found, offset) = quote::depth(line);
        if found != depth {
            break;
        }
        out.push(line.get(offset..).unwrap_or_default());
    }
    out.reverse();
    out.join("\n")
}

fn finish(series: &mut Series, thread: &mut Thread) {
    series.patches.sort_by_key(|p| p.index);
    if series.cover.is_none()
        && let Some(first) = series.patches.first()
    {
        series.subject.clone_from(&first.subject);
    }
    let present: std::collections::HashSet<u32> = series.patches.iter().map(|p| p.index).collect();
    series.missing = (1..=series.total).filter(|n| !present.contains(n)).collect();
    let quoted: Vec<u32> = series.patches.iter().filter(|p| p.quoted).map(|p| p.index).collect();
    for index in quoted {
        let message = series.patches.iter().find(|p| p.index == index).map(|p| p.message);
        thread.note(message, format!("patch {index} of {} is not in the input; it was read from this reply's quotation", series.total));
    }
}

fn newest(list: &mut [Series], thread: &Thread) {
    type Rank = (u32, bool, usize);
    let rank = |s: &Series| -> Rank {
        let first = s.cover.or(s.patches.first().map(|p| p.message)).unwrap_or(0);
        (s.version, s.tags.iter().any(|t| t == "RESEND"), first)
    };
    let subjects = |s: &Series| -> Vec<String> {
        let cover = s.cover.map(|_| work_title(&s.subject));
        cover
            .into_iter()
            .chain([work_title(&s.subject)])
            .chain(s.patches.iter().map(|p| work_title(&p.subject)))
            .filter(|t| !t.is_empty())
            .collect()
    };
    let mut best: HashMap<String, Rank> = HashMap::new();
    let mut learn = |title: String, rank: Rank| {
        let entry = best.entry(title).or_insert(rank);
        *entry = (*entry).max(rank);
    };
    for entry in thread.overview.iter().filter(|e| e.own_subject) {
        let info = crate::subject::parse_subject(&entry.subject);
        if info.patch && !info.reply && !info.clean.is_empty() {
            learn(work_title(&info.clean), (info.version, false, 0));
        }
    }
    for series in list.iter() {
        subjects(series).into_iter().for_each(|title| learn(title, rank(series)));
    }
    for series in list.iter_mut() {
        let own = rank(series);
        series.newest = subjects(series).iter().all(|title| best.get(title).is_none_or(|other| *other <= own));
    }
}

/// A subject without a version at its end, for comparing versions of the same work.
fn work_title(subject: &str) -> String {
    let mut words: Vec<String> = subject.to_lowercase().split_whitespace().map(str::to_string).collect();
    let is_version = |w: &String| {
        let w = w.trim_matches(['(', ')', ',']);
        w.strip_prefix('v').is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    if words.len() > 1 && words.last().is_some_and(is_version) {
        words.pop();
    }
    words.join(" ")
}
