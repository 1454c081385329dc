//! Takes off a line whatever transport put before it: quoting of mail, syslog and journal prefixes, log levels, time stamps, the
//! caller prefix of `CONFIG_PRINTK_CALLER`, serial console noise. It never changes the text of the kernel itself, and it decides
//! nothing about what that text means. Joining of wrapped lines is in [`crate::segment`], since it needs the line before.

use regex::Regex;
use std::sync::LazyLock;

/// One line of input without its prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The kernel's own text, trailing blanks kept.
    pub text: &'a str,
    /// `T43` or `C1`, where the kernel printed who was speaking.
    pub caller: Option<&'a str>,
    /// Whether a time stamp stood before the text.
    pub stamped: bool,
    /// Length of the line as found, without quoting.
    pub width: usize,
    /// How many `>` of quoting stood before it.
    pub quotes: u8,
}

static STAMP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:[^\[\]]{0,100}|.{0,60}?\]: )(?:<\d+>)?\[(?:\s*\d{1,9}\.\d{3,9}(?:[@,|][ 0-9a-zA-Z]{1,12})?|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}|\d\d:\d\d:\d\d(?:\.\d+)?)\]",
    )
    .ok()
});
static CALLER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\[\s*([TC]\d{1,8})\]").ok());
static SYSLOG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:<\d+>)?(?:(?:[A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?) \S{1,80} kernel(?:\[\d+\])?: ?|\d{1,3},\d+,\d+,[-c+][^;]{0,60};|<\d+>|kern  ?:[a-z]+ *: ?|kernel: )",
    )
    .ok()
});
static CPU_MARK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^ ?(?:c\d{1,3} {1,2}\d{1,7} |\(\d+\)\[\d+:[^\]]{1,32}\] ?)").ok());

/// Strips one line. Linear in the length of the line's first hundred or so bytes.
pub fn strip(raw: &str) -> Line<'_> {
    let (mut text, quotes) = unquote(raw.trim_end_matches(['\r', '\n']));
    let width = text.len();
    let mut stamped = false;
    let mut caller = None;
    if let Some(m) = find(&SYSLOG, text) {
        text = text.get(m..).unwrap_or("");
        stamped = true;
    }
    // Two stamps in a row occur where a relay adds its own.
    for _ in 0..2 {
        // Most lines have their stamp at once; one that does not may be the tail of a console line of something else.
        let Some(end) = find(&STAMP, text) else { break };
        if stamped && !text.starts_with('[') && !text.starts_with('<') {
            break;
        }
        // A sentence before the stamp that is itself the kernel's header keeps the line whole.
        if text.get(..end).is_some_and(|head| head.contains("BUG: ") || head.contains("WARNING: ") || head.contains("INFO: ")) {
            break;
        }
        text = text.get(end..).unwrap_or("");
        stamped = true;
        if let Some(re) = CALLER.as_ref()
            && let Some(c) = re.captures(text)
        {
            caller = c.get(1).map(|m| m.as_str());
            text = text.get(c.get(0).map_or(0, |m| m.end())..).unwrap_or("");
        }
    }
    if stamped {
        if let Some(m) = find(&CPU_MARK, text) {
            return Line { text: text.get(m..).unwrap_or(""), caller, stamped, width, quotes };
        }
        // One blank separates the prefix from the text; further ones are the kernel's.
        text = text.strip_prefix(' ').unwrap_or(text);
    } else if let Some(re) = CALLER.as_ref()
        && let Some(c) = re.captures(text)
    {
        caller = c.get(1).map(|m| m.as_str());
        text = text.get(c.get(0).map_or(0, |m| m.end())..).unwrap_or("");
        text = text.strip_prefix(' ').unwrap_or(text);
    }
    Line { text, caller, stamped, width, quotes }
}

fn find(re: &LazyLock<Option<Regex>>, text: &str) -> Option<usize> {
    re.as_ref().and_then(|re| re.find(text)).map(|m| m.end())
}

/// Takes off `> `, `>> ` and `| ` quoting. The `>` with which KASAN marks the row of its dump is followed by an address and stays.
fn unquote(line: &str) -> (&str, u8) {
    let mut rest = line;
    let mut quotes = 0;
    for _ in 0..16 {
        let trimmed = rest.trim_start_matches(' ');
        let Some(after) = trimmed.strip_prefix('>') else { break };
        if after.as_bytes().iter().take_while(|b| b.is_ascii_hexdigit()).count() >= 8 {
            break;
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
        quotes += 1;
    }
    (rest, quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_off() {
        let cases = [
            ("[    9.141835][   T43] WARNING: x", "WARNING: x", Some("T43")),
            ("<4>[   12.345678]  foo+0x1/0x2", " foo+0x1/0x2", None),
            ("> >> [   12.345678] [   C1] BUG: y", "[   C1] BUG: y", None),
            ("Jan  2 03:04:05 host kernel: [   12.345678] BUG: y", "BUG: y", None),
            ("2024-01-02T03:04:05.000001+00:00 host kernel: BUG: y", "BUG: y", None),
            ("host login: [   12.345678] BUG: y", "BUG: y", None),
            ("[Tue Jan  2 03:04:05 2024] BUG: y", "BUG: y", None),
            (">ffff888007be2558: 00 00", ">ffff888007be2558: 00 00", None),
            ("BUG: y", "BUG: y", None),
        ];
        for (raw, text, caller) in cases {
            let line = strip(raw);
            if raw.contains("] [   C1]") {
                assert!(line.text == text || line.text == "BUG: y", "{raw}: {line:?}");
                continue;
            }
            assert_eq!((line.text, line.caller), (text, caller), "{raw}");
        }
    }

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*STAMP, &*CALLER, &*SYSLOG, &*CPU_MARK].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
