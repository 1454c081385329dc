//! The headers of a reply to all. Decides recipients and references only; nothing is ever sent.

use crate::types::{Address, Thread};
use serde::Serialize;
use std::collections::HashSet;

/// What a reply to one message needs in its headers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ReplyHeaders {
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub subject: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
}

impl ReplyHeaders {
    /// A reply to all for a message: `To` is its Reply-To or sender, `Cc` everybody else it went to, each once. `me` is left out of
    /// `Cc`. `None` if there is no such message.
    pub fn new(thread: &Thread, message: usize, me: Option<&str>) -> Option<ReplyHeaders> {
        let original = thread.messages.get(message)?;
        let me = me.map(str::to_lowercase);
        let mut seen = HashSet::new();
        let sender = if original.reply_to.is_empty() { std::slice::from_ref(&original.from) } else { &original.reply_to };
        let mut once = |list: &mut dyn Iterator<Item = &Address>| -> Vec<Address> {
            list.filter(|a| !a.key().is_empty() && seen.insert(a.key())).cloned().collect()
        };
        let to = once(&mut sender.iter());
        let cc = once(&mut [&original.from].into_iter().chain(&original.to).chain(&original.cc).filter(|a| me.as_ref() != Some(&a.key())));
        let mut references = original.references.clone();
        if references.is_empty() {
            references.extend(original.in_reply_to.clone());
        }
        let id = Some(original.id.clone()).filter(|id| !id.is_empty());
        references.extend(id.clone());
        let subject = if original.subject_info.reply { original.subject.clone() } else { format!("Re: {}", original.subject) };
        Some(ReplyHeaders { to, cc, subject, in_reply_to: id, references })
    }

    /// Adds addresses, written as in a header, to `Cc`: those that are not there yet, without `me`. The first becomes `To` where nobody is.
    pub fn add(&mut self, more: &[String], me: Option<&str>) {
        let me = me.map(str::to_lowercase);
        for address in more.iter().flat_map(|text| crate::mime::parse_addresses(text)) {
            let key = address.key();
            let there = self.to.iter().chain(&self.cc).any(|a| a.key() == key);
            if !there && !key.is_empty() && me.as_ref() != Some(&key) {
                if self.to.is_empty() { self.to.push(address) } else { self.cc.push(address) }
            }
        }
    }

    /// The headers as lines of a mail, long lists folded.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let list = |list: &[Address]| list.iter().map(|a| one_line(&a.header())).collect::<Vec<_>>();
        let ids = |ids: &[String]| ids.iter().map(|id| format!("<{}>", one_line(id))).collect::<Vec<_>>();
        fold(&mut out, "To", &list(&self.to), ",");
        fold(&mut out, "Cc", &list(&self.cc), ",");
        fold(&mut out, "Subject", &[one_line(&self.subject)], "");
        fold(&mut out, "In-Reply-To", &ids(self.in_reply_to.as_slice()), "");
        fold(&mut out, "References", &ids(&self.references), "");
        out
    }
}

/// A value from a mail must not begin a header of its own.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn fold(out: &mut String, name: &str, values: &[String], between: &str) {
    if values.is_empty() {
        return;
    }
    let mut column = name.len() + 1;
    out.push_str(name);
    out.push(':');
    for (nth, value) in values.iter().enumerate() {
        let more = if nth + 1 < values.len() { between } else { "" };
        if nth > 0 && column + 1 + value.len() + more.len() > 75 {
            out.push_str("\n\t");
            column = 8;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(value);
        out.push_str(more);
        column += value.len() + more.len();
    }
    out.push('\n');
}
