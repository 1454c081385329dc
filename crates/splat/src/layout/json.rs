//! Logs that a program wrote as JSON: `journalctl -o json`, an object a line, and `dmesg --json`, an array with a member a line or an object a line.
//!
//! Decides which lines hold a message of the kernel and which hold none. It reads line by line, so that a part of such a log is read like the whole; it refuses objects
//! that go over several lines and have other members than those of `dmesg`.

use crate::line;
use serde::Deserialize;

/// A record of the journal or of `dmesg`. A message of bytes that are no text is a list of numbers, and says nothing here.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "MESSAGE")]
    message: Option<Text>,
    #[serde(rename = "_TRANSPORT")]
    transport: Option<Text>,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    identifier: Option<Text>,
    msg: Option<Text>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Other(serde::de::IgnoredAny),
}

impl Text {
    fn plain(self) -> Option<String> {
        match self {
            Text::Plain(text) => Some(text),
            Text::Other(_) => None,
        }
    }
}

/// Whether a text is, or is part of, what `dmesg --json` writes.
pub fn is_listing(text: &str) -> bool {
    text.contains("\"msg\":")
}

/// What the kernel says in a line, none where it is no JSON of a log. `listing`: whether the text is a listing of `dmesg`.
pub fn messages(raw: &str, listing: bool) -> Option<Option<String>> {
    let line = raw.get(line::quoting(raw).1..)?.trim();
    if line.starts_with('{') && line.len() > 2 && (line.contains("\"MESSAGE\"") || listing) {
        let end = line.rfind('}')?;
        let record: Record = serde_json::from_str(line.get(..=end)?).ok()?;
        let plain = |text: Option<Text>| text.and_then(Text::plain);
        if let Some(message) = plain(record.msg) {
            return Some(Some(message));
        }
        let (transport, identifier) = (plain(record.transport), plain(record.identifier));
        // What lacks both may be an extract of the members that somebody thought of.
        let kernel = transport.as_deref().or(identifier.as_deref()).is_none_or(|by| by == "kernel");
        return Some(plain(record.message).filter(|_| kernel));
    }
    if !listing {
        return None;
    }
    if let Some(value) = line.strip_prefix("\"msg\":") {
        let value = value.trim().trim_end_matches(',');
        return serde_json::from_str(value).ok().map(Some);
    }
    let punctuation = line.chars().all(|c| matches!(c, '{' | '}' | '[' | ']' | ',')) && !line.is_empty();
    let member = ["\"dmesg\":", "\"pri\":", "\"fac\":", "\"time\":", "\"caller\":"].iter().any(|name| line.starts_with(name));
    (punctuation || member).then_some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_kernel_alone() {
        let said = |raw: &str, listing: bool| messages(raw, listing).map(|m| m.unwrap_or("-".into()));
        let cases: &[(&str, bool, Option<&str>)] = &[
            (r#"{"MESSAGE":"one \"two\"","_TRANSPORT":"kernel"}"#, false, Some("one \"two\"")),
            (r#"> {"MESSAGE":"one"}"#, false, Some("one")),
            (r#"{"MESSAGE":"one","SYSLOG_IDENTIFIER":"cron","_TRANSPORT":"syslog"}"#, false, Some("-")),
            (r#"{"MESSAGE":[27,91],"_TRANSPORT":"kernel"}"#, false, Some("-")),
            (r#"{"MESSAGE":"one"#, false, None),
            (r#"{"pri":4,"time":1.5,"msg":"one"},"#, true, Some("one")),
            (r#"   "msg": "one""#, true, Some("one")),
            (r#"   "time":   12.5,"#, true, Some("-")),
            ("},{", true, Some("-")),
            ("},{", false, None),
            ("one+0x1/0x2", true, None),
            ("", true, None),
        ];
        for (raw, listing, expected) in cases {
            assert_eq!(said(raw, *listing).as_deref(), *expected, "{raw}");
        }
        assert!(is_listing("{\n \"dmesg\": [\n {\n  \"msg\":\"x\"") && !is_listing("one"));
    }
}
