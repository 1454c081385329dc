//! A saved page of a public-inbox archive: one message, or a whole thread, flat or nested.
//!
//! Reads the text, which an HTML page becomes first. Knows the page's own lines (headers with `(permalink / raw)`, navigation, the
//! overview, reply instructions) and gives back the messages between them. Copying from a browser may lose indentation and empty
//! lines; what a page does not show (Message-IDs on thread pages, addresses behind names) is said in the notes, never made up.

use crate::html::Link;
use crate::limits::MAX_MESSAGES;
use crate::mime::{parse_date, read_message};
use crate::overview::{Overview, is_overview_start, minute, read_overview, row_text};
use crate::subject::parse_subject;
use crate::types::{Address, Attachment, Message, SourceKind, Thread};

/// Whether the text is such a page. A mail that quotes one is not.
pub(crate) fn is_page(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().take(2000).collect();
    let Some(first) = lines.iter().position(|l| !l.trim().is_empty()) else { return false };
    if single_header_end(&lines, first).is_some() || flat_from(lines.get(first).copied().unwrap_or_default()).is_some() {
        return true;
    }
    if crate::mbox::is_header(lines.get(first).copied().unwrap_or_default().as_bytes()) {
        return false;
    }
    (first..lines.len()).any(|n| single_header_end(&lines, n).is_some() || lines.get(n).is_some_and(|l| flat_from(l).is_some()))
}

/// Reads a page. `links` are those of an HTML page.
pub(crate) fn read_page(text: &str, links: &[Link], kind: SourceKind) -> Thread {
    let mut thread = Thread::new(kind);
    let lines: Vec<&str> = text.lines().collect();
    let overview_at = lines.iter().rposition(|l| is_overview_start(l));
    let body_end = overview_at.unwrap_or(lines.len());
    let mut at = 0;
    while at < body_end && thread.messages.len() < MAX_MESSAGES {
        if let Some(header_end) = single_header_end(&lines, at) {
            let end = (header_end..body_end).find(|n| ends_message(&lines, *n)).unwrap_or(body_end);
            single(&lines, at, header_end, end, &mut thread);
            at = end.max(at + 1);
        } else if let Some((name, date)) = lines.get(at).and_then(|l| flat_from(l)) {
            let end = (at + 1..body_end).find(|n| ends_flat(&lines, *n)).unwrap_or(body_end);
            flat(&lines, at, end, name, date, links, &mut thread);
            at = end.max(at + 1);
        } else {
            at += 1;
        }
    }
    let names: Vec<String> = thread.messages.iter().map(|m| m.from.display().to_string()).filter(|n| !n.is_empty()).collect();
    if let Some(start) = overview_at {
        take_overview(read_overview(&lines, start, links, &names), &mut thread);
    }
    rejoin_names(&mut thread, &names);
    missing(&lines, &mut thread);
    thread
}

/// `From: name @ 2024-01-02  3:04 UTC (permalink / raw)`.
fn flat_from(line: &str) -> Option<(&str, String)> {
    let rest = line.trim_start().strip_prefix("From: ")?;
    let (name, rest) = rest.rsplit_once(" @ ")?;
    let (when, tail) = rest.split_once(" UTC")?;
    if !tail.trim_start().starts_with("(permalink") {
        return None;
    }
    let (day, time) = when.trim().split_once(' ')?;
    Some((name.trim(), minute(day, time.trim())?))
}

/// The end of the headers of a single message's page that begin at this line.
fn single_header_end(lines: &[&str], start: usize) -> Option<usize> {
    if !lines.get(start)?.starts_with("From: ") || flat_from(lines.get(start)?).is_some() {
        return None;
    }
    let mut seen_id = false;
    for at in start..lines.len().min(start + 400) {
        let line = *lines.get(at)?;
        if line.trim().is_empty() {
            return seen_id.then_some(at + 1);
        }
        if header_name(line) == Some("message-id") {
            seen_id = line.contains("(raw");
        } else if seen_id && header_name(line).is_none() && !line.starts_with([' ', '\t']) {
            return Some(at);
        }
    }
    None
}

fn header_name(line: &str) -> Option<&'static str> {
    const NAMES: &[&str] = &[
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "reply-to",
        "list-id",
        "sender",
        "x-mailer",
        "user-agent",
    ];
    let (name, value) = line.split_once(':')?;
    if !value.is_empty() && !value.starts_with([' ', '\t']) {
        return None;
    }
    NAMES.iter().find(|n| n.eq_ignore_ascii_case(name)).copied()
}

const TWICE: &str = "WARNING: multiple messages have this Message-ID";

fn ends_message(lines: &[&str], at: usize) -> bool {
    let Some(line) = lines.get(at).map(|l| l.trim()) else { return true };
    line.starts_with(TWICE) && lines.get(at + 1..at + 4).unwrap_or_default().iter().any(|l| l.starts_with("From: "))
        || line.contains("other threads:[")
            && ["next", "prev", "parent", "reply", "other", "end of thread"].iter().any(|w| line.starts_with(w))
}

fn ends_flat(lines: &[&str], at: usize) -> bool {
    let Some(line) = lines.get(at) else { return true };
    flat_from(line).is_some() || line.trim_start().starts_with("^ permalink") || ends_message(lines, at)
}

fn single(lines: &[&str], start: usize, header_end: usize, end: usize, thread: &mut Thread) {
    let mut head = String::new();
    for line in lines.get(start..header_end).unwrap_or_default() {
        if line.trim().is_empty() {
            break;
        }
        match header_name(line) {
            Some(name) => {
                let value = line.split_once(':').map_or("", |(_, v)| v).trim();
                let value = match name {
                    "date" => value.split("[thread overview]").next().unwrap_or_default().trim(),
                    "message-id" => value.split("(raw").next().unwrap_or_default().trim(),
                    _ => value,
                };
                if !head.is_empty() {
                    head.push('\n');
                }
                head.push_str(&format!("{name}: {value}"));
            }
            None => {
                head.push(' ');
                head.push_str(line.trim());
            }
        }
    }
    let (mut message, notes) = read_message(format!("{head}\n\n").as_bytes());
    if message.date.is_none() {
        message.date = parse_date(&message.date_raw);
    }
    let (body, attachments) = split_attachments(lines.get(header_end..end).unwrap_or_default());
    (message.body, message.attachments, message.from_page) = (body, attachments, true);
    let index = thread.messages.len();
    notes.into_iter().for_each(|note| thread.note(Some(index), note));
    thread.messages.push(message);
}

fn flat(lines: &[&str], at: usize, end: usize, name: &str, date: String, links: &[Link], thread: &mut Thread) {
    let line = lines.get(at).copied().unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    let above = lines.get(at.saturating_sub(200)..at).unwrap_or_default();
    let stop = above.iter().rposition(|l| l.trim_start().starts_with("^ permalink")).map_or(0, |n| n + 1);
    let above_subject = above.iter().rposition(|l| l.trim_start().starts_with("* ")).map_or(0, |n| n + 1);
    // Between subject and sender the page shows the message's place: what it answers, itself (marked), its answers.
    let place = above.get(above_subject.max(stop)..).unwrap_or_default();
    let answered = place.iter().take_while(|l| !l.trim_start().starts_with('@')).find_map(|l| row_text(l));
    let subject =
        above.get(stop..).unwrap_or_default().iter().rev().find_map(|l| l.trim_start().strip_prefix("* ")).unwrap_or_default().trim();
    let mut recipients = String::new();
    let mut next = at + 1;
    while let Some(line) = lines.get(next).filter(|_| next < end) {
        let text = line.trim();
        let header = text.starts_with("To: ") || text.starts_with("Cc: ");
        if text.is_empty() || !(header || recipients.ends_with(',')) {
            break;
        }
        recipients.push_str(if header { "\n" } else { " " });
        recipients.push_str(text);
        next += 1;
    }
    if lines.get(next).is_some_and(|l| l.trim().is_empty()) {
        next += 1;
    }
    let (mut to, mut cc) = (Vec::new(), Vec::new());
    for line in recipients.lines() {
        let (list, value) = match line.strip_prefix("Cc: ") {
            Some(value) => ("cc", value),
            None => ("to", line.strip_prefix("To: ").unwrap_or_default()),
        };
        let (first, more) = value.split_once("; +Cc:").unwrap_or((value, ""));
        (if list == "cc" { &mut cc } else { &mut to }).extend(names_only(first));
        cc.extend(names_only(more));
    }
    let text: Vec<&str> = lines.get(next..end).unwrap_or_default().iter().map(|l| unindent(l, indent)).collect();
    let (body, attachments) = split_attachments(&text);
    let first = links.partition_point(|l| l.line < at);
    let answers = |(date, text): (String, String)| {
        let by = |m: &Message| m.date.as_deref() == Some(&date) && !m.from.display().is_empty() && text.ends_with(m.from.display());
        thread.messages.iter().rposition(by)
    };
    let parent = answered.and_then(answers);
    let id = links
        .get(first..)
        .unwrap_or_default()
        .iter()
        .take_while(|l| l.line == at)
        .find(|l| l.text.trim() == "permalink")
        .and_then(|l| id_of(&l.href));
    thread.messages.push(Message {
        id: id.unwrap_or_default(),
        from: address(name),
        date: Some(date.clone()),
        date_raw: date,
        subject: subject.to_string(),
        subject_info: parse_subject(subject),
        to,
        cc,
        body,
        attachments,
        parent,
        from_page: true,
        ..Message::default()
    });
}

fn unindent(line: &str, indent: usize) -> &str {
    let blanks = line.bytes().take(indent).take_while(|b| matches!(b, b' ' | b'\t')).count();
    line.get(blanks..).unwrap_or_default()
}

fn names_only(list: &str) -> Vec<Address> {
    list.split(',').map(str::trim).filter(|n| !n.is_empty()).map(address).take(crate::limits::MAX_ADDRESSES).collect()
}

fn address(name: &str) -> Address {
    if name.contains('@') && !name.contains(' ') {
        Address { name: None, email: Some(name.into()) }
    } else {
        Address { name: Some(name.into()), email: None }
    }
}

/// The Message-ID in a permalink: the last component of the path, percent-decoded.
fn id_of(href: &str) -> Option<String> {
    let path = href.split(['#', '?']).next()?.trim_end_matches('/');
    let last = path.rsplit('/').next().filter(|l| !l.is_empty())?;
    let mut out = Vec::with_capacity(last.len());
    let mut bytes = last.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex: Vec<u8> = bytes.by_ref().take(2).collect();
            out.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Takes the page's lines about attachments out of a body. Text shown below such a line belongs to that attachment.
fn split_attachments(lines: &[&str]) -> (String, Vec<Attachment>) {
    let mut body = String::new();
    let mut list: Vec<Attachment> = Vec::new();
    let mut into: Option<usize> = None;
    for line in lines {
        let text = line.trim();
        let marker = text.strip_prefix("[-- ").and_then(|t| t.strip_suffix(" --]"));
        if let Some((number, what)) = marker.and_then(|m| m.strip_prefix("Attachment #")).and_then(|m| m.split_once(": ")) {
            let main =
                into.is_none() && list.is_empty() && body.trim().is_empty() && what.starts_with("Type: text/") && number.starts_with('1');
            body = if main { String::new() } else { body };
            if !main && list.len() < crate::limits::MAX_PARTS {
                let named = !what.starts_with("Type: ");
                list.push(Attachment {
                    content_type: String::new(),
                    name: named.then(|| what.to_string()),
                    size: 0,
                    inline: false,
                    text: None,
                });
                into = Some(list.len() - 1);
                if !named {
                    set_type(&mut list, into, what);
                }
            }
        } else if let Some(what) = marker.filter(|m| m.starts_with("Type: ")) {
            set_type(&mut list, into, what);
        } else if marker.is_some_and(|m| m.starts_with("Warning: decoded text")) {
        } else if let Some(attachment) = into.and_then(|n| list.get_mut(n)) {
            let kept = attachment.text.get_or_insert_default();
            kept.push_str(line);
            kept.push('\n');
        } else {
            body.push_str(line);
            body.push('\n');
        }
    }
    for attachment in &mut list {
        attachment.text = attachment.text.take().map(|t| trim_end(t.trim_start_matches('\n'))).filter(|t| !t.trim().is_empty());
        attachment.inline = attachment.text.is_some();
    }
    (trim_end(&body), list)
}

fn set_type(list: &mut [Attachment], at: Option<usize>, what: &str) {
    if let Some(attachment) = at.and_then(|n| list.get_mut(n)) {
        let mut parts = what.split(", ");
        attachment.content_type = parts.next().and_then(|p| p.strip_prefix("Type: ")).unwrap_or_default().to_string();
        attachment.size =
            parts.find_map(|p| p.strip_prefix("Size: ")).and_then(|s| s.split(' ').next()).and_then(|s| s.parse().ok()).unwrap_or(0);
    }
}

fn trim_end(text: &str) -> String {
    let kept = text.trim_end_matches(['\n', '\r']);
    let kept = if kept.ends_with("--") { text.get(..kept.len()).unwrap_or(kept) } else { kept.trim_end() };
    if kept.is_empty() { String::new() } else { format!("{kept}\n") }
}

/// Connects overview and messages: by the mark of the page's own message, else by date and author.
fn take_overview(overview: Overview, thread: &mut Thread) {
    thread.claimed = overview.claimed;
    thread.overview = overview.entries;
    if overview.flattened {
        thread.note(None, "the overview's indentation is lost: who answered whom is not known from it");
    }
    if overview.cut {
        thread.note(None, "the overview is too long; its end was left out");
    }
    // One message, perhaps shown in several copies: the one that is marked.
    let one = thread.overview.iter().any(|e| e.this_message)
        && thread.messages.first().is_some_and(|first| thread.messages.iter().all(|m| !m.id.is_empty() && m.id == first.id));
    let mut by_date: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    for (nth, message) in thread.messages.iter().enumerate().rev() {
        by_date.entry(message.date.clone().unwrap_or_default()).or_default().push(nth);
    }
    for nth in 0..thread.overview.len() {
        let Some(entry) = thread.overview.get_mut(nth) else { break };
        let hit = if entry.this_message && one {
            Some(0)
        } else if one {
            None
        } else {
            let waiting = by_date.get_mut(entry.date.as_deref().unwrap_or_default());
            let messages = &thread.messages;
            waiting.and_then(|list| {
                let place = list.iter().rposition(|m| messages.get(*m).is_some_and(|m| m.from.display() == entry.author))?;
                Some(list.remove(place))
            })
        };
        entry.message = hit;
        if let Some(message) = hit.and_then(|m| thread.messages.get_mut(m)) {
            message.overview = Some(nth);
            if !message.subject.is_empty() {
                entry.subject.clone_from(&message.subject);
            }
        }
    }
}

/// A comma in a name splits it in lists of names; put together what is known as one author.
fn rejoin_names(thread: &mut Thread, names: &[String]) {
    let with_comma: Vec<&String> = names.iter().filter(|n| n.contains(", ")).take(100).collect();
    if with_comma.is_empty() {
        return;
    }
    for list in thread.messages.iter_mut().flat_map(|m| [&mut m.to, &mut m.cc]) {
        let mut at = 0;
        while at + 1 < list.len() {
            let pair = format!("{}, {}", list.get(at).map_or("", |a| a.display()), list.get(at + 1).map_or("", |a| a.display()));
            if with_comma.iter().any(|n| **n == pair) {
                list.remove(at + 1);
                if let Some(first) = list.get_mut(at) {
                    *first = address(&pair);
                }
            }
            at += 1;
        }
    }
}

fn missing(lines: &[&str], thread: &mut Thread) {
    let without_id = thread.messages.iter().filter(|m| m.id.is_empty()).count();
    if without_id > 0 {
        thread.note(None, format!("the page shows no Message-ID for {without_id} of its messages, so a reply has no In-Reply-To"));
    }
    let names: usize = thread.messages.iter().flat_map(|m| m.to.iter().chain(&m.cc).chain([&m.from])).filter(|a| a.email.is_none()).count();
    if names > 0 {
        thread.note(None, format!("the page shows only the names of {names} senders and recipients"));
    }
    if !thread.messages.is_empty() && lines.len() > 20 && !lines.iter().any(|l| l.starts_with([' ', '\t']) || l.contains("  ")) {
        thread.note(None, "white space was squeezed when the page was copied: indentation and empty lines are lost");
    }
    let contained: std::collections::HashSet<&str> = thread.messages.iter().map(|m| m.id.as_str()).collect();
    let have = if contained.contains("") { thread.messages.len() } else { contained.len() };
    if let Some(claimed) = thread.claimed.filter(|c| *c as usize > have) {
        thread.note(None, format!("the page contains {have} of the {claimed} messages that it lists"));
    }
}
