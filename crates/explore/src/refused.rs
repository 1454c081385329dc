//! Programs that say themselves that they are not to be compiled so: an `#error` that nothing leaves out. Looks at the program's own file only,
//! since what headers ask for is made up where they are not at hand.

use crate::scenario::ScenarioSource;
use cuthere_cfront::program::Program;

/// What a program refuses, by line.
pub(crate) fn refusals(program: &Program<'_>, scenario: &ScenarioSource) -> Vec<String> {
    let Ok(text) = program.text(scenario.file) else { return Vec::new() };
    let path = program.source.path(scenario.file);
    let inactive = &program.outline(scenario.file).inactive;
    let mut out = Vec::new();
    let (mut at, mut comment) = (0u32, false);
    for (n, line) in text.bytes.split(|b| *b == b'\n').enumerate() {
        let told = if comment { None } else { error(line) };
        if let Some(told) = told.filter(|_| !inactive.iter().any(|&(lo, hi)| (lo..hi).contains(&at))) {
            out.push(format!("{path}:{}: the program refuses to be compiled: #error {}", n + 1, String::from_utf8_lossy(told).trim()));
        }
        comment = ends_in_comment(line, comment);
        at += line.len() as u32 + 1;
    }
    out
}

/// What an `#error` says.
fn error(line: &[u8]) -> Option<&[u8]> {
    let rest = line.trim_ascii_start().strip_prefix(b"#")?.trim_ascii_start().strip_prefix(b"error")?;
    rest.first().is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_').then_some(rest)
}

/// Whether a comment of several lines goes on behind a line, where one does before it or not.
fn ends_in_comment(line: &[u8], before: bool) -> bool {
    let mut comment = before;
    let mut rest = line;
    while let Some(at) = memchr::memmem::find(rest, if comment { b"*/" } else { b"/*" }) {
        rest = &rest[at + 2..];
        comment = !comment;
    }
    comment
}
