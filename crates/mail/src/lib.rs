//! Mail in: bytes become messages, the thread tree, patch series and diffs.
//!
//! Reads mbox in all dialects, gzip of anything, single messages, `git format-patch` output, plain diffs, and saved pages of a
//! public-inbox archive as HTML or as text copied from a browser. Everything but [`source`] is a pure function from bytes to values:
//! no file is opened, nothing is fetched, written or executed, and every bound of [`limits`] holds for hostile input. What was
//! damaged, missing or cut is said in [`Thread::notes`] and [`DiffPart::damage`]; no input is an error and none panics.
//!
//! Splats are not looked for here: [`Message::text`] gives another stage the text to search.

mod diff;
mod flowed;
mod html;
mod hunk;
pub mod limits;
mod mbox;
mod mime;
mod overview;
mod page;
mod paths;
mod printable;
mod quote;
mod reply;
mod series;
mod shown;
pub mod source;
mod subject;
mod summary;
mod tags;
mod threading;
mod trailers;
mod types;
mod unpack;

pub use diff::find_diffs;
pub use printable::{printable, printable_line};
pub use quote::quote;
pub use reply::ReplyHeaders;
pub use subject::parse_subject;
pub use trailers::{fixes, trailers};
pub use types::{
    Address, Attachment, DiffComment, DiffFile, DiffPart, Fixes, Message, Note, OverviewEntry, Patch, Series, SourceKind, SubjectInfo,
    Thread, Trailer,
};

/// What the caller knows about the input. The content decides where it is unmistakable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hint {
    /// Nothing is known.
    #[default]
    Auto,
    /// One message, whatever its first line looks like: a file of a Maildir, an `.eml`.
    Message,
}

impl Hint {
    /// By a file's name.
    pub fn from_name(name: &str) -> Hint {
        if name.to_lowercase().trim_end_matches(".gz").ends_with(".eml") { Hint::Message } else { Hint::Auto }
    }
}

/// Reads whatever it is into a thread. Linear in the input but for bounded factors.
pub fn read_thread(bytes: &[u8], hint: Hint) -> Thread {
    let mut thread = read_blob(bytes, hint);
    finish(&mut thread);
    thread
}

/// Reads several inputs, such as the files of a Maildir, into one thread. `kind` is what they are together.
pub fn read_messages<B: AsRef<[u8]>>(blobs: impl IntoIterator<Item = B>, kind: SourceKind, hint: Hint) -> Thread {
    let mut all = Thread::new(kind);
    for blob in blobs {
        let one = read_blob(blob.as_ref(), hint);
        let (messages, entries) = (all.messages.len(), all.overview.len());
        if messages + one.messages.len() > limits::MAX_MESSAGES {
            all.note(None, format!("only the first {messages} messages were read"));
            break;
        }
        let shift = |m: usize| m + messages;
        for note in one.notes {
            all.note(note.message.map(shift), note.text);
        }
        all.overview.extend(one.overview.into_iter().map(|e| OverviewEntry { message: e.message.map(shift), ..e }));
        all.messages.extend(one.messages.into_iter().map(|m| Message {
            overview: m.overview.map(|o| o + entries),
            parent: m.parent.map(shift),
            ..m
        }));
        all.claimed = all.claimed.max(one.claimed);
    }
    finish(&mut all);
    all
}

fn finish(thread: &mut Thread) {
    threading::link(thread);
    series::collect(thread);
}

fn read_blob(bytes: &[u8], hint: Hint) -> Thread {
    let (bytes, cut) = unpack::unpack(bytes);
    let mut thread = read_plain(&bytes, hint);
    if let Some(cut) = cut {
        thread.note(None, cut);
    }
    thread
}

fn read_plain(bytes: &[u8], hint: Hint) -> Thread {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if hint == Hint::Message && mbox::first_separator(bytes).is_none() {
        return from_messages(SourceKind::Eml, [bytes]);
    }
    if mbox::first_separator(bytes).is_some() {
        let (messages, cut) = mbox::split(bytes);
        let mut thread = from_messages(SourceKind::Mbox, messages);
        if cut {
            thread.note(None, format!("only the first {} messages were read", limits::MAX_MESSAGES));
        }
        return thread;
    }
    let head = String::from_utf8_lossy(bytes.get(..1024).unwrap_or(bytes)).trim_start().to_ascii_lowercase();
    if head.starts_with("<!doctype html") || head.starts_with("<html") || head.starts_with("<head") {
        let html = html::html_to_text(limits::cut(&String::from_utf8_lossy(bytes), limits::MAX_MESSAGE));
        if page::is_page(&html.text) {
            return page::read_page(&html.text, &html.links, SourceKind::ArchiveHtml);
        }
        return text_only(html.text, "the HTML is no page of a mail archive; its text was taken as it is");
    }
    let mut thread = read_text(bytes);
    if bytes.len() > limits::MAX_BODY && thread.messages.iter().all(|m| m.body.len() + (1 << 10) >= limits::MAX_BODY) {
        thread.note(None, format!("a text of {} MiB: {} {} MiB were read", bytes.len() >> 20, limits::CUT, limits::MAX_BODY >> 20));
    }
    thread
}

/// Reads what is neither HTML nor messages with separator lines.
fn read_text(bytes: &[u8]) -> Thread {
    let text = String::from_utf8_lossy(bytes.get(..limits::MAX_MESSAGE).unwrap_or(bytes)).replace("\r\n", "\n");
    if page::is_page(&text) {
        return page::read_page(&text, &[], SourceKind::ArchiveText);
    }
    let commits = shown::read(&text);
    if !commits.is_empty() {
        let mut thread = Thread::new(SourceKind::Diff);
        thread.messages = commits;
        return thread;
    }
    let first = bytes.split(|b| *b == b'\n').find(|l| !l.iter().all(u8::is_ascii_whitespace)).unwrap_or_default();
    let skip = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if mbox::is_header(first) && !first.starts_with(b"Index:") && has_mail_header(&text) {
        return from_messages(SourceKind::Eml, [bytes.get(skip..).unwrap_or_default()]);
    }
    if !find_diffs(&text).is_empty() {
        let mut thread = Thread::new(SourceKind::Diff);
        thread.messages.push(Message { body: mime::normalise(&text), subject_info: parse_subject(""), ..Message::default() });
        return thread;
    }
    text_only(text, "the input is neither mail nor diff; its text was taken as it is")
}

/// A text that begins with `Word:` is a mail only if its first lines have one of the headers that every mail has.
fn has_mail_header(text: &str) -> bool {
    const NAMES: &[&str] = &["from", "subject", "message-id", "date", "to", "received", "return-path", "mime-version", "delivered-to"];
    let head = text.trim_start().lines().take(200).take_while(|l| !l.trim().is_empty());
    let named = |l: &str| l.split_once(':').is_some_and(|(name, _)| NAMES.iter().any(|n| n.eq_ignore_ascii_case(name)));
    head.filter(|l| named(l)).take(1).count() > 0
}

fn text_only(text: String, why: &str) -> Thread {
    let mut thread = Thread::new(SourceKind::Text);
    if !text.trim().is_empty() {
        thread.messages.push(Message { body: mime::normalise(&text), subject_info: parse_subject(""), ..Message::default() });
    }
    thread.note(None, why);
    thread
}

fn from_messages<B: AsRef<[u8]>>(kind: SourceKind, messages: impl IntoIterator<Item = B>) -> Thread {
    let mut thread = Thread::new(kind);
    for raw in messages {
        let raw = raw.as_ref();
        if raw.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let (message, notes) = mime::read_message(raw);
        let index = thread.messages.len();
        notes.into_iter().for_each(|note| thread.note(Some(index), note));
        thread.messages.push(message);
    }
    thread
}
