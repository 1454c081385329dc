//! One message from its bytes: headers, main text, attachments. RFC 5322 and MIME are `mail-parser`'s work.
//!
//! Decides before parsing what is too large or too deeply nested to be taken apart, since a nested message costs stack and a
//! boundary costs a search; such a message keeps its headers and its text as it stands. Nothing is written or executed, HTML
//! becomes plain text, and no attachment is unpacked.

use crate::flowed::unflow;
use crate::html::html_to_text;
use crate::limits::{MAX_ADDRESSES, MAX_BODY, MAX_HEADERS, MAX_MESSAGE, MAX_MIME_NESTING, MAX_PARTS, cut};
use crate::subject::parse_subject;
use crate::types::{Address, Attachment, Message};
use mail_parser::{HeaderName, HeaderValue, MessageParser, MessagePart, MimeHeaders, PartType};

/// Reads one message. The second value says what was cut or damaged.
pub(crate) fn read_message(bytes: &[u8]) -> (Message, Vec<String>) {
    let mut notes = Vec::new();
    let mut raw = bytes;
    if let Some(head) = raw.get(..MAX_MESSAGE).filter(|_| raw.len() > MAX_MESSAGE) {
        notes.push(format!("message of {} bytes: only the first {} MiB were read", raw.len(), MAX_MESSAGE >> 20));
        raw = head;
    }
    let body_at = body_start(raw);
    let limited: Vec<u8>;
    if body_at > MAX_HEADERS {
        let head = raw.get(..MAX_HEADERS).unwrap_or_default();
        let end = head.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        notes.push(format!("headers of {body_at} bytes: only the first {} KiB were read", MAX_HEADERS >> 10));
        limited = [head.get(..end).unwrap_or_default(), b"\n", raw.get(body_at..).unwrap_or_default()].concat();
        raw = &limited;
    }
    let nested = count_nesting(raw) > MAX_MIME_NESTING;
    let parser = MessageParser::default();
    let parsed = if nested { parser.parse_headers(raw) } else { parser.parse(raw) };
    let Some(parsed) = parsed.filter(|m| !m.parts.is_empty()) else {
        notes.push("no headers could be read".into());
        let message = Message { body: normalise(&String::from_utf8_lossy(raw)), ..Message::default() };
        return (message, notes);
    };
    let mut message = headers(&parsed);
    if nested {
        notes.push("more nested MIME parts than any mail has: its text was taken as it stands".into());
        message.body = normalise(&String::from_utf8_lossy(raw.get(body_start(raw)..).unwrap_or_default()));
    } else {
        parts(&parsed, &mut message, &mut notes);
    }
    if message.id.is_empty() {
        notes.push("the message has no Message-ID".into());
    }
    if message.date.is_none() {
        notes.push(if message.date_raw.is_empty() {
            "the message has no date".into()
        } else {
            format!("the date `{}` cannot be read", message.date_raw)
        });
    }
    (message, notes)
}

/// The addresses of a header's value, as pages and `From:` lines in bodies have it.
pub(crate) fn parse_addresses(value: &str) -> Vec<Address> {
    let raw = format!("To: {}\n\n", value.replace(['\r', '\n'], " "));
    let parser = MessageParser::default();
    parser.parse_headers(raw.as_bytes()).filter(|m| !m.parts.is_empty()).map(|m| addresses(&m, HeaderName::To)).unwrap_or_default()
}

/// A `Date:` value as RFC 3339.
pub(crate) fn parse_date(value: &str) -> Option<String> {
    let date = mail_parser::DateTime::parse_rfc822(value)?;
    (date.is_valid() && date.year > 1900).then(|| date.to_rfc3339())
}

fn body_start(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line.iter().all(|b| matches!(b, b'\n' | b'\r')) {
            return at;
        }
    }
    raw.len()
}

/// How often a boundary is declared or a message nested, an upper bound of the depth.
fn count_nesting(raw: &[u8]) -> usize {
    let count = |needle: &[u8]| {
        let Some((first, rest)) = needle.split_first() else { return 0 };
        let hit = |n: &usize| raw.get(n + 1..n + 1 + rest.len()).is_some_and(|w| w.eq_ignore_ascii_case(rest));
        raw.iter().enumerate().filter(|(_, b)| b.eq_ignore_ascii_case(first)).map(|(n, _)| n).filter(hit).take(MAX_MIME_NESTING + 1).count()
    };
    count(b"boundary").max(count(b"message/")).max(count(b"multipart/"))
}

fn headers(parsed: &mail_parser::Message<'_>) -> Message {
    let raw = |name: &'static str| parsed.header_raw(name).map(|v| v.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    let date_raw = raw("Date");
    let date = parsed.date().filter(|d| d.is_valid() && d.year > 1900).map(|d| d.to_rfc3339());
    let subject = parsed.subject().map(|s| s.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    let ids = |value: &HeaderValue<'_>| -> Vec<String> {
        value.as_text_list().unwrap_or_default().iter().map(|id| clean_id(id)).filter(|id| !id.is_empty()).take(MAX_ADDRESSES).collect()
    };
    Message {
        id: parsed.message_id().map(clean_id).unwrap_or_default(),
        from: addresses(parsed, HeaderName::From).into_iter().next().unwrap_or_default(),
        date,
        date_raw,
        subject_info: parse_subject(&subject),
        subject,
        in_reply_to: ids(parsed.in_reply_to()).into_iter().next(),
        references: ids(parsed.references()),
        to: addresses(parsed, HeaderName::To),
        cc: addresses(parsed, HeaderName::Cc),
        reply_to: addresses(parsed, HeaderName::ReplyTo),
        list_id: Some(raw("List-Id")).filter(|v| !v.is_empty()),
        ..Message::default()
    }
}

pub(crate) fn clean_id(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').trim().to_string()
}

fn addresses(parsed: &mail_parser::Message<'_>, name: HeaderName<'static>) -> Vec<Address> {
    let text = |value: Option<&str>| value.map(|v| v.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|v| !v.is_empty());
    parsed
        .header_values(name)
        .filter_map(|value| value.as_address())
        .flat_map(|list| list.iter())
        .map(|a| Address { name: text(a.name()), email: text(a.address()) })
        .filter(|a| a.name.is_some() || a.email.is_some())
        .take(MAX_ADDRESSES)
        .collect()
}

fn parts(parsed: &mail_parser::Message<'_>, message: &mut Message, notes: &mut Vec<String>) {
    let mut body = String::new();
    let mut listed: Vec<u32> = Vec::new();
    for (nth, id) in parsed.text_body.iter().take(MAX_PARTS).enumerate() {
        let Some(part) = parsed.part(*id) else { continue };
        let Some(text) = part_text(part, notes) else { continue };
        if nth > 0 && (part.attachment_name().is_some() || is_patch_type(part)) {
            message.attachments.push(attachment(part, true, Some(text)));
        } else {
            if matches!(part.body, PartType::Html(_)) {
                notes.push("the message's text is HTML, shown as plain text".into());
            }
            if !body.is_empty() && !body.ends_with('\n') {
                body.push('\n');
            }
            body.push_str(&text);
        }
        listed.push(*id);
    }
    for id in parsed.attachments.iter().take(MAX_PARTS) {
        let Some(part) = parsed.part(*id).filter(|_| !listed.contains(id)) else { continue };
        let inline = part.content_disposition().is_some_and(|d| d.is_inline());
        let text = part_text(part, notes);
        message.attachments.push(attachment(part, inline, text));
    }
    if parsed.parts.len() > MAX_PARTS {
        notes.push(format!("{} MIME parts: only the first {MAX_PARTS} are listed", parsed.parts.len()));
    }
    if parsed.parts.iter().any(|p| p.is_encoding_problem) {
        notes.push("a part's transfer encoding is damaged".into());
    }
    if body.contains('\u{fffd}') {
        notes.push("the text has bytes that its character set does not allow".into());
    }
    message.body = body;
}

fn is_patch_type(part: &MessagePart<'_>) -> bool {
    part.content_type().and_then(|t| t.c_subtype.as_deref()).is_some_and(|s| matches!(s, "x-patch" | "x-diff" | "x-c"))
}

fn part_text(part: &MessagePart<'_>, notes: &mut Vec<String>) -> Option<String> {
    let text = match &part.body {
        PartType::Text(text) => {
            let kind = part.content_type();
            let is = |name: &str, value: &str| kind.and_then(|t| t.attribute(name)).is_some_and(|v| v.trim().eq_ignore_ascii_case(value));
            let text = normalise(text);
            if is("format", "flowed") { unflow(&text, is("delsp", "yes")) } else { text }
        }
        PartType::Html(html) => normalise(&html_to_text(cut(html, MAX_BODY)).text),
        PartType::Message(inner) => inner.body_text(0).map(|t| normalise(&t))?,
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            let name = part.attachment_name().unwrap_or_default().to_lowercase();
            let textual = [".patch", ".diff", ".txt", ".log", ".c", ".h"].iter().any(|end| name.ends_with(end)) || is_patch_type(part);
            if !textual || bytes.contains(&0) {
                return None;
            }
            normalise(&String::from_utf8_lossy(cut_bytes(bytes)))
        }
        PartType::Multipart(_) => return None,
    };
    let kept = cut(&text, MAX_BODY);
    if kept.len() < text.len() {
        notes.push(format!("a text of {} bytes: only the first {} MiB are kept", text.len(), MAX_BODY >> 20));
        return Some(kept.to_string());
    }
    Some(text)
}

fn cut_bytes(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAX_BODY).unwrap_or(bytes)
}

fn attachment(part: &MessagePart<'_>, inline: bool, text: Option<String>) -> Attachment {
    let content_type = part.content_type().map(|t| match &t.c_subtype {
        Some(sub) => format!("{}/{sub}", t.c_type),
        None => t.c_type.to_string(),
    });
    Attachment {
        content_type: content_type.unwrap_or_else(|| "text/plain".into()),
        name: part.attachment_name().map(str::to_string),
        size: part.len() as u64,
        inline,
        text,
    }
}

/// Line ends as `\n`, no byte order mark, bounded.
pub(crate) fn normalise(text: &str) -> String {
    cut(text.strip_prefix('\u{feff}').unwrap_or(text), MAX_BODY).replace("\r\n", "\n")
}
