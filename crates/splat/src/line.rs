//! Takes off a line whatever transport put before it: quoting of mail, syslog and journal prefixes, log levels, time stamps, the
//! caller prefix of `CONFIG_PRINTK_CALLER`, serial console noise. It never changes the text of the kernel itself, and it decides
//! nothing about what that text means. Joining of wrapped lines is in [`crate::segment`], since it needs the line before.

use crate::layout::Row;
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
        r"^(?:<\d+>)?\[\s*\d{1,9}\.\d{1,2}\]|^(?:[^\[\]]{0,100}|.{0,60}?\]: )(?:<\d+>)?\[(?:\s*\d{1,9}\.\d{3,9}(?:[@,|][ 0-9a-zA-Z]{1,12}| <[ \d.]{1,20}>)?|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4}|\d\d:\d\d:\d\d(?:\.\d+)?)\]",
    )
    .ok()
});
static CALLER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\[\s*([TC]\d{1,8})\]").ok());
static SYSLOG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:(?:[A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d \S{1,80} )?<\d+>1 \d{4}-\d\d-\d\dT\S{8,24} \S{1,80} kernel \S{1,40} \S{1,40} (?:-|\[[^\]]{0,200}\]) \x{feff}?|(?:<\d+>)?(?:(?:(?:\p{L}{2,9}\.?|\d{1,2}月)\s+\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?) \S{1,80} kernel(?:\[\d+\])?: ?|\d{1,3},\d+,\d+,[-c+][^;]{0,60};|<\d+>|kern  ?:[a-z]+ *: ?|kernel: ))",
    )
    .ok()
});
static CPU_MARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^ ?(?:c\d{1,3} {1,2}\d{1,7} |(?:<\d+>)? ?[-.]?\(\d+\)\[\d+:[^\]]{1,32}\] ?|[A-Z]? ?\[(?:c?\d+[: ] *[^\[\]]{1,20}: *\d+|c\d+ \d+ [^\[\]]{1,20})\] ?)").ok()
});

// A stamp that lost its point, before the speaker.
static TORN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\[\s*\d{1,12}\](\[\s*[TC]\d{1,8}\] )").ok());

// Dates and clocks that loggers put before a kernel's line: `2024-01-02T03:04:05.678Z`, `[03:04:05]`, `Jan 02 03:04:05.678`, Android's
// `01-02 03:04:05.678  0  0 W ` and `12.345:   <1> (01-02 03:04:05.678)`, a mainframe's number of the CPU, the numbers of lines that a pager shows.
static CLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?: *\d{1,9}\.\d{3,9}: +<\d+> \(\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}\) |\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z|[+-]\d\d:?\d\d)?\]?[ :|]|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?[ :|]|\[?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:[.,]\d+)?\]?[ :|]|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?: *root)? *\d+ +\d+ [VDIWEFS] [^:\[]{0,40}: |[VDIWEF]/[\w. -]{0,30}\( *\d+\): |[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} (?:[a-z]+\.[a-z]+ )?(?:kernel: )|\d\d: (?:\[|\d\d:\d\d:\d\d )|(?:stdout|stderr) [FP] |[\w.-]{1,40} +\| \[| *\d{1,7} +│)[ ]?",
    )
    .ok()
});
// What a program other than the kernel logged.
static FOREIGN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\S{1,64} [\w./@-]{1,40}\[\d+\]: ").ok());

/// How deep a line is quoted, and where its own text begins.
pub fn quoting(line: &str) -> (u8, usize) {
    let (rest, quotes) = unquote(line);
    (quotes, line.len() - rest.len())
}

/// Strips one line of a layout.
pub fn strip_row<'a>(row: &'a Row<'_>) -> Line<'a> {
    strip(&row.text, row.quotes, row.width)
}

/// The kernel's own time stamp at the head of a line (behind the prefix of a logger), in units that only order stamps of one log.
pub fn stamp(text: &str) -> Option<u64> {
    let open = text.bytes().take(120).position(|b| b == b'[')?;
    let inside = text.get(open + 1..)?.split(']').next()?.trim_start();
    let (seconds, fraction) = inside.split_once('.')?;
    let digits = |s: &str| !s.is_empty() && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
    let fraction = fraction.split(['@', ',', ' ']).next().unwrap_or("");
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    // A version in brackets looks like a stamp of few digits, and stands behind a word.
    let before = text.get(..open)?.trim_end();
    if fraction.len() < 3 && !before.is_empty() && !before.ends_with(['>', 'Z', ':']) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<9}").parse().ok()?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000_000 + fraction)
}

/// The time of a line: the kernel's stamp, or the clock of the logger.
pub fn time(text: &str) -> Option<u64> {
    if let Some(stamp) = stamp(text) {
        return Some(stamp);
    }
    let head = text.get(..text.len().min(40)).or_else(|| text.get(..text.char_indices().nth(30).map_or(0, |(at, _)| at)))?;
    let at = head
        .as_bytes()
        .windows(8)
        .position(|w| w.iter().enumerate().all(|(n, b)| if n == 2 || n == 5 { *b == b':' } else { b.is_ascii_digit() }))?;
    let number = |from: usize| head.get(at + from..at + from + 2).and_then(|d| d.parse::<u64>().ok());
    // The day of the month keeps logs that pass midnight in order.
    let day: u64 =
        head.get(..at).and_then(|h| h.trim_end_matches(['T', ' ']).rsplit([' ', '-']).next()).and_then(|d| d.parse().ok()).unwrap_or(0);
    Some((((day * 24 + number(0)?) * 60 + number(3)?) * 60 + number(6)?) * 1_000_000_000)
}

/// Strips one line that has no quoting. Linear in the length of the line's first hundred or so bytes.
pub fn strip(text: &str, quotes: u8, width: usize) -> Line<'_> {
    let mut text = text;
    let mut stamped = false;
    let mut caller = None;
    for _ in 0..4 {
        if let Some(m) = find(&SYSLOG, text) {
            text = text.get(m..).unwrap_or("");
        } else if let Some(m) = find(&CLOCK, text) {
            let rest = text.get(m..).unwrap_or("");
            if FOREIGN.as_ref().is_some_and(|re| re.is_match(rest)) && !rest.contains(" kernel") {
                break;
            }
            // The bracket that told the number of a CPU or a name from text is the kernel's.
            let head = text.get(..m).unwrap_or("").trim_end();
            text = head.strip_suffix('[').and_then(|before| text.get(before.len()..)).unwrap_or(rest);
        } else {
            break;
        }
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
    if !stamped && let Some(c) = TORN.as_ref().and_then(|re| re.captures(text)) {
        text = text.get(c.get(1).map_or(0, |m| m.start())..).unwrap_or("");
    }
    if stamped {
        if let Some(m) = find(&CPU_MARK, text) {
            return Line { text: text.get(m..).unwrap_or(""), caller, stamped, width, quotes };
        }
        // One blank separates the prefix from the text; further ones are the kernel's.
        text = text.strip_prefix(' ').unwrap_or(text);
        // A journal with monotonic stamps names the host behind them.
        if let Some((host, rest)) = text.split_once(" kernel: ")
            && !host.is_empty()
            && host.len() <= 64
            && !host.contains([' ', ':', '('])
        {
            text = rest;
        }
    } else if let Some(re) = CALLER.as_ref()
        && let Some(c) = re.captures(text)
    {
        caller = c.get(1).map(|m| m.as_str());
        text = text.get(c.get(0).map_or(0, |m| m.end())..).unwrap_or("");
        text = text.strip_prefix(' ').unwrap_or(text);
    }
    if stamped {
        // rsyslog writes control characters as `#` and three octal digits; the kernel begins lines with them.
        while let Some(rest) = text.strip_prefix("#012").or_else(|| text.strip_prefix("#011")) {
            text = rest;
        }
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
            ("  1234.567890:   <1> (01-02 03:04:05.678901234) BUG: y", "BUG: y", None),
            ("2024-01-02T03:04:05.000001+00:00 host kernel: #012-> #2 (a){+.+.}:", "-> #2 (a){+.+.}:", None),
            ("[    34567][    T1] [<c0004070>] foo+0x2c/0x3c", "[<c0004070>] foo+0x2c/0x3c", Some("T1")),
            ("#012x", "#012x", None),
            ("[2024-01-02T03:04:05.678Z] [   12.345678] BUG: y", "BUG: y", None),
            ("03:04:05 [   12.345678] BUG: y", "BUG: y", None),
            ("03:04:05 BUG: y", "BUG: y", None),
            ("Tue Jan  2 03:04:05 2024 kern.warn kernel: [   12.345678] BUG: y", "BUG: y", None),
            ("01-02 03:04:05.678     0     0 W         : BUG: y", "BUG: y", None),
            ("W/KERNEL  (  123): [   12.345678] BUG: y", "BUG: y", None),
            ("<6>[   12.345678] I[0:      swapper/0:    0] BUG: y", "BUG: y", None),
            ("[   12.345678] [3:  kworker/3:1:  123] BUG: y", "BUG: y", None),
            ("[   12.345678]<0> -(0)[12:init]BUG: y", "BUG: y", None),
            ("[   12.345678] [c0 12 init] BUG: y", "BUG: y", None),
            ("[   12.345678 <    0.000012>] BUG: y", "BUG: y", None),
            ("[   12.3] BUG: y", "BUG: y", None),
            ("<4>[   12.34][   T43] BUG: y", "BUG: y", Some("T43")),
            ("2024-01-02T03:04:05.1234567Z [    5.50] BUG: y", "BUG: y", None),
            ("  7331   │ 4,4992,12915300100,-; f+0x1/0x2", "f+0x1/0x2", None),
            ("linux [6.1] is where", "linux [6.1] is where", None),
            ("00: [   12.345678] BUG: y", "BUG: y", None),
            ("2024-01-02T03:04:05 host sshd[12]: BUG: y", "2024-01-02T03:04:05 host sshd[12]: BUG: y", None),
            ("[   12.345678] host kernel: BUG: y", "BUG: y", None),
            ("мая 02 03:04:05 host kernel: BUG: y", "BUG: y", None),
            ("Mär 02 03:04:05 host kernel:  f+0x1/0x2", "f+0x1/0x2", None),
            ("3月 02 03:04:05 host kernel: BUG: y", "BUG: y", None),
            ("<4>1 2024-01-02T03:04:05.678+00:00 host kernel - - - BUG: y", "BUG: y", None),
            ("Jan  2 03:04:05 10.0.0.1 <4>1 2024-01-02T03:04:05Z host kernel - - [a b=\"c\"]  f+0x1/0x2", "f+0x1/0x2", None),
            ("[   12.345678]  [<c0100000>] f+0x1/0x2", " [<c0100000>] f+0x1/0x2", None),
        ];
        for (raw, text, caller) in cases {
            let (quotes, start) = quoting(raw);
            let line = strip(raw.get(start..).unwrap_or(""), quotes, raw.len());
            if raw.contains("] [   C1]") {
                assert!(line.text == text || line.text == "BUG: y", "{raw}: {line:?}");
                continue;
            }
            assert_eq!((line.text, line.caller), (text, caller), "{raw}");
        }
    }

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*STAMP, &*CALLER, &*SYSLOG, &*CPU_MARK, &*CLOCK, &*FOREIGN].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
