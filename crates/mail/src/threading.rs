//! Who answers whom: by In-Reply-To and References, by a page's overview, then by subject. Copies of a message become one.
//!
//! Links that would make a circle are dropped and said. All passes are linear, whatever the headers claim.

use crate::types::{Message, Thread};
use std::collections::HashMap;

/// Leaves out copies and sets parents and depths.
pub(crate) fn link(thread: &mut Thread) {
    drop_copies(thread);
    let by_id: HashMap<String, usize> =
        thread.messages.iter().enumerate().rev().filter(|(_, m)| !m.id.is_empty()).map(|(n, m)| (m.id.clone(), n)).collect();
    let mut by_subject: HashMap<String, usize> = HashMap::new();
    for (nth, message) in thread.messages.iter().enumerate() {
        if !message.subject_info.clean.is_empty() {
            let first = by_subject.entry(subject_key(message)).or_insert(nth);
            let earlier = thread.messages.get(*first).is_some_and(|f| f.subject_info.reply && !message.subject_info.reply);
            if earlier {
                *first = nth;
            }
        }
    }
    let from_overview = overview_parents(thread);
    for nth in 0..thread.messages.len() {
        let Some(message) = thread.messages.get(nth) else { break };
        let named = message.in_reply_to.iter().chain(message.references.iter().rev());
        let mut parent = named.filter_map(|id| by_id.get(id).copied()).find(|p| *p != nth);
        // What a page shows beside the message itself, then its overview.
        parent = parent.or(message.parent.filter(|p| *p != nth)).or_else(|| from_overview.get(nth).copied().flatten());
        let mut note = None;
        if parent.is_none()
            && message.in_reply_to.is_none()
            && message.references.is_empty()
            && message.subject_info.reply
            && message.overview.is_none()
        {
            parent = by_subject.get(&subject_key(message)).copied().filter(|p| *p != nth);
            if parent.is_some() {
                note = Some("no header says what this answers; placed by its subject".to_string());
            }
        }
        if parent.is_none()
            && let Some(id) = message.in_reply_to.as_ref().or(message.references.last())
        {
            note = Some(format!("the message it answers, <{id}>, is not in the input"));
        }
        if let Some(message) = thread.messages.get_mut(nth) {
            message.parent = parent;
        }
        if let Some(note) = note {
            thread.note(Some(nth), note);
        }
    }
    break_circles(thread);
}

fn subject_key(message: &Message) -> String {
    let info = &message.subject_info;
    format!("{}\n{}\n{:?}", info.clean.to_lowercase(), info.version, info.index)
}

fn drop_copies(thread: &mut Thread) {
    let mut kept: Vec<Message> = Vec::new();
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut moved: Vec<usize> = Vec::new();
    let mut differs: Vec<usize> = Vec::new();
    for message in std::mem::take(&mut thread.messages) {
        let key = if message.id.is_empty() {
            format!("{}\n{}\n{}\n{}", message.from.key(), message.date_raw, message.subject, message.body)
        } else {
            format!("<{}>", message.id)
        };
        let at = *place.entry(key).or_insert(kept.len());
        moved.push(at);
        match kept.get_mut(at) {
            Some(first) => {
                first.duplicates = first.duplicates.saturating_add(1);
                first.overview = first.overview.or(message.overview);
                if !same_text(&first.body, &message.body) {
                    differs.push(at);
                }
            }
            None => kept.push(message),
        }
    }
    for note in &mut thread.notes {
        note.message = note.message.and_then(|m| moved.get(m).copied());
    }
    thread.notes.dedup();
    for entry in &mut thread.overview {
        entry.message = entry.message.and_then(|m| moved.get(m).copied());
    }
    for message in &mut kept {
        message.parent = message.parent.and_then(|p| moved.get(p).copied());
    }
    thread.messages = kept;
    differs.sort_unstable();
    differs.dedup();
    for at in differs {
        thread.note(Some(at), "several messages have this Message-ID and their texts differ; the first was taken");
    }
}

fn same_text(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

/// For each message the nearest ancestor in the overview that the input contains.
fn overview_parents(thread: &Thread) -> Vec<Option<usize>> {
    let mut parents = vec![None; thread.messages.len()];
    // The messages (or their absence) on the way from the root, by depth.
    let mut way: Vec<Option<usize>> = Vec::new();
    for entry in &thread.overview {
        let depth = (entry.depth as usize).min(way.len());
        way.truncate(depth);
        let above = way.last().copied().flatten();
        if let Some(slot) = entry.message.and_then(|m| parents.get_mut(m))
            && entry.message != above
        {
            *slot = above;
        }
        way.push(entry.message.or(above));
    }
    parents
}

fn break_circles(thread: &mut Thread) {
    let count = thread.messages.len();
    let mut depth: Vec<Option<u32>> = vec![None; count];
    let mut on_way = vec![false; count];
    for start in 0..count {
        let mut way = Vec::new();
        let mut at = start;
        let base = loop {
            if let Some(known) = depth.get(at).copied().flatten() {
                break known + 1;
            }
            if on_way.get(at).copied().unwrap_or(true) {
                // The last message on the way claims one that answers it.
                let last = way.last().copied().unwrap_or(at);
                if let Some(message) = thread.messages.get_mut(last) {
                    message.parent = None;
                }
                thread.note(Some(last), "its references go round in a circle; it starts a thread of its own");
                break 0;
            }
            if let Some(mark) = on_way.get_mut(at) {
                *mark = true;
            }
            way.push(at);
            match thread.messages.get(at).and_then(|m| m.parent) {
                Some(parent) => at = parent,
                None => break 0,
            }
        };
        for (steps, message) in way.iter().rev().enumerate() {
            if let Some(slot) = depth.get_mut(*message) {
                *slot = Some(base + steps as u32);
            }
            if let Some(mark) = on_way.get_mut(*message) {
                *mark = false;
            }
        }
    }
    for (message, depth) in thread.messages.iter_mut().zip(depth) {
        message.depth = depth.unwrap_or(0);
    }
}

/// The first message of the thread that each message is in.
pub(crate) fn roots(messages: &[Message]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..messages.len()).collect();
    order.sort_by_key(|n| messages.get(*n).map_or(0, |m| m.depth));
    let mut roots: Vec<usize> = (0..messages.len()).collect();
    for nth in order {
        let root = messages.get(nth).and_then(|m| m.parent).and_then(|p| roots.get(p).copied());
        if let (Some(root), Some(slot)) = (root, roots.get_mut(nth)) {
            *slot = root;
        }
    }
    roots
}
