//! What was read, as plain data: messages, series, patches, diffs, overview entries and notes about damage.
//!
//! The names of the serialised fields are those of `cuthere thread --format json`; fields may be added, none renamed.
//! Nothing here refers to the bytes it came from, and message indices are positions in [`Thread::messages`].

use serde::Serialize;

/// What kind of input the messages were read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// One or more messages with separator lines (mboxo, mboxrd, mboxcl, `git format-patch`).
    Mbox,
    /// One message with headers.
    Eml,
    /// A saved page of a public-inbox archive, as HTML.
    ArchiveHtml,
    /// A saved page of a public-inbox archive, as text copied from a browser.
    ArchiveText,
    /// A diff with no mail around it.
    Diff,
    /// Text that is none of the others.
    Text,
    /// Several files of a Maildir.
    Maildir,
    /// The history of a public-inbox git repository.
    PublicInbox,
    /// Several inputs read together.
    Several,
}

/// Something that was damaged, missing or left out, in one sentence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    /// The message it is about, if it is about one.
    pub message: Option<usize>,
    pub text: String,
}

/// A person or a list. Archive pages often show only one of the two parts.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Address {
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Address {
    /// Equal keys are the same recipient: the address without regard to case, else the name.
    pub fn key(&self) -> String {
        self.email.as_deref().or(self.name.as_deref()).unwrap_or_default().trim().to_lowercase()
    }

    /// The name, or the address where there is no name.
    pub fn display(&self) -> &str {
        self.name.as_deref().or(self.email.as_deref()).unwrap_or_default()
    }

    /// As it stands in a header: `Name <address>`, the name quoted where it must be.
    pub fn header(&self) -> String {
        match (&self.name, &self.email) {
            (Some(name), Some(email)) if name != email => {
                if name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '\'')) {
                    format!("{name} <{email}>")
                } else {
                    format!("\"{}\" <{email}>", name.replace('\\', "\\\\").replace('"', "\\\""))
                }
            }
            (_, Some(email)) => email.clone(),
            (Some(name), None) => name.clone(),
            (None, None) => String::new(),
        }
    }
}

/// One part of a message that is not its main text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attachment {
    pub content_type: String,
    pub name: Option<String>,
    /// Size in bytes after decoding; for pages, the size that the page states.
    pub size: u64,
    /// Shown in place rather than offered for saving.
    pub inline: bool,
    /// The decoded text of textual parts, within [`crate::limits::MAX_BODY`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What the bracketed part of a subject says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubjectInfo {
    /// The subject begins with `Re:` or one of its kin.
    pub reply: bool,
    /// The brackets say that this is a patch or part of a series.
    pub patch: bool,
    /// The version; 1 when none is given.
    pub version: u32,
    /// The number before the slash in `06/17`.
    pub index: Option<u32>,
    /// The number after the slash.
    pub total: Option<u32>,
    /// RFC, RESEND, tree names such as `net-next`, in order.
    pub tags: Vec<String>,
    /// The subject without reply prefix and brackets.
    pub clean: String,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// Message-ID without angle brackets; empty when the input does not have it.
    pub id: String,
    pub from: Address,
    /// RFC 3339, where the raw date could be read.
    pub date: Option<String>,
    pub date_raw: String,
    pub subject: String,
    pub subject_info: SubjectInfo,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub reply_to: Vec<Address>,
    pub list_id: Option<String>,
    /// The main text, decoded, with `\n` at line ends.
    pub body: String,
    pub attachments: Vec<Attachment>,
    /// Further copies of this message in the input that were left out.
    pub duplicates: u32,
    /// The message that this one answers.
    pub parent: Option<usize>,
    /// Steps to the root of the thread as far as it is in the input.
    pub depth: u32,
    /// Position in [`Thread::overview`], where that lists this message.
    pub overview: Option<usize>,
    /// Read from a page's text, so that headers may be missing.
    pub from_page: bool,
    /// Diffs in the message. Empty for a message that carries a [`Patch`]: they are there.
    pub diffs: Vec<DiffPart>,
}

impl Message {
    /// Everything in the message that can be read as text: the body, then textual attachments.
    pub fn text(&self) -> String {
        let mut out = self.body.clone();
        for text in self.attachments.iter().filter_map(|a| a.text.as_deref()) {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(text);
        }
        out
    }
}

/// A line of a page's thread overview. It may list messages that the page does not contain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewEntry {
    /// RFC 3339 in UTC, to the minute.
    pub date: Option<String>,
    /// The subject; for entries that show none, the one they inherit.
    pub subject: String,
    /// The entry shows its subject itself.
    pub own_subject: bool,
    pub author: String,
    pub depth: u32,
    /// The page was saved at this message.
    pub this_message: bool,
    /// The message as contained in the input.
    pub message: Option<usize>,
}

/// A `Key: value` line at the end of a commit message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trailer {
    pub key: String,
    pub value: String,
}

/// A `Fixes:` trailer, taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fixes {
    /// The abbreviated commit id, lower case.
    pub commit: String,
    pub subject: String,
}

/// A file that a diff changes. `None` is `/dev/null`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiffFile {
    pub old: Option<String>,
    pub new: Option<String>,
    pub hunks: u32,
    /// The path is absolute or climbs out of the tree; nothing may be read or written there.
    pub unsafe_path: bool,
}

/// Text of the person who quoted a diff, found between its lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiffComment {
    /// Number of lines of [`DiffPart::text`] before the comment.
    pub after_line: u32,
    pub text: String,
}

/// A contiguous diff, freed of quoting and of line wraps as far as these could be recognised.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiffPart {
    /// From the first file header to the last hunk line, each line ended by `\n`.
    pub text: String,
    /// How many `>` stood before each line.
    pub quoted_depth: u32,
    /// What the way through the mail did to it, one fact each. Lines count within [`DiffPart::text`], from 1.
    pub damage: Vec<String>,
    pub files: Vec<DiffFile>,
    pub hunks: u32,
    pub comments: Vec<DiffComment>,
    /// First line of the diff in the text it was found in, from 1.
    pub line: u32,
    /// Found in this attachment rather than in the body.
    pub attachment: Option<usize>,
}

/// One patch of a series.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Patch {
    /// The message that contains it.
    pub message: usize,
    pub index: u32,
    pub total: u32,
    /// The subject without brackets.
    pub subject: String,
    pub version: u32,
    pub author: Address,
    /// The patch itself is not in the input; it was read from this reply's quotation.
    pub quoted: bool,
    /// The commit message, trailers included.
    pub body: String,
    pub trailers: Vec<Trailer>,
    pub fixes: Vec<Fixes>,
    pub hunks: u32,
    pub diff: Vec<DiffPart>,
}

/// A patch series in one version.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Series {
    /// Of the cover letter, else of the first patch there is.
    pub subject: String,
    pub version: u32,
    pub tags: Vec<String>,
    pub total: u32,
    pub author: Address,
    pub cover: Option<usize>,
    pub patches: Vec<Patch>,
    /// Numbers of the patches that are not in the input.
    pub missing: Vec<u32>,
    /// No newer version of it is known from messages or overview.
    pub newest: bool,
    pub base_commit: Option<String>,
}

/// Everything that was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Thread {
    pub source_kind: SourceKind,
    pub messages: Vec<Message>,
    pub series: Vec<Series>,
    pub overview: Vec<OverviewEntry>,
    /// How many messages the page says the thread has.
    pub claimed: Option<u32>,
    pub notes: Vec<Note>,
    /// A part of the input lies beyond a bound and was not read; a note says which.
    #[serde(skip)]
    pub cut: bool,
}

impl Thread {
    pub(crate) fn new(source_kind: SourceKind) -> Thread {
        Thread { source_kind, messages: Vec::new(), series: Vec::new(), overview: Vec::new(), claimed: None, notes: Vec::new(), cut: false }
    }

    /// Whether these are commits of git's, as it shows them, none of which has a diff.
    pub fn commits_only(&self) -> bool {
        let no_diff = |m: &Message| m.diffs.is_empty() && m.body.trim_end().ends_with("---");
        self.source_kind == SourceKind::Diff && !self.messages.is_empty() && self.messages.iter().all(no_diff)
    }

    /// Adds a note, up to [`crate::limits::MAX_NOTES`]. Notes on the whole input stand first, and have as much room again.
    pub(crate) fn note(&mut self, message: Option<usize>, text: impl Into<String>) {
        let text = text.into();
        self.cut |= text.contains(crate::limits::CUT);
        let whole = self.notes.iter().take_while(|note| note.message.is_none()).count();
        if message.is_none() && whole < crate::limits::MAX_NOTES {
            self.notes.insert(whole, Note { message, text });
            return;
        }
        match self.notes.len().cmp(&crate::limits::MAX_NOTES) {
            std::cmp::Ordering::Less => self.notes.push(Note { message, text }),
            std::cmp::Ordering::Equal => self.notes.push(Note { message: None, text: "further notes are left out".into() }),
            std::cmp::Ordering::Greater => {}
        }
    }
}
