//! Points the columns of findings at what their texts name.
//!
//! The analysis knows where the operator of an operation stands: the parenthesis of a call, the sign of an assignment. What a step is about is
//! an operand, which its text quotes; where the line has it, blanks aside, the column becomes that of the nearest such place. Else it stays.

use crate::Lines;
use cuthere_base::Finding;

/// Moves the columns of findings and of their steps.
pub fn point(findings: &mut [Finding], lines: &Lines) {
    for finding in findings {
        let own = (finding.line, finding.column);
        let mut lead = None;
        for step in &mut finding.steps {
            let at = (step.line, step.column);
            if let Some(column) = lines(&step.file, step.line).and_then(|line| place(&line, step.column, &step.text)) {
                step.column = column;
            }
            if step.file == finding.file && at == own {
                lead = Some(step.column);
            }
        }
        let asked = || lines(&finding.file, finding.line).and_then(|line| place(&line, finding.column, &finding.message));
        if let Some(column) = lead.or_else(asked) {
            finding.column = column;
        }
    }
}

/// The column, in bytes from 1, of what a text names first and a line has, nearest to a column.
fn place(line: &[u8], column: u32, text: &str) -> Option<u32> {
    named(text).find_map(|name| {
        let starts = (0..line.len()).filter(|&at| stands_at(line, at, name.as_bytes()));
        let nearest = starts.min_by_key(|at| (*at as u32 + 1).abs_diff(column))?;
        u32::try_from(nearest + 1).ok()
    })
}

/// The expressions that a text quotes, then the functions that it names.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|name| !name.is_empty() && !name.contains('…'));
    let called = text.split_whitespace().filter_map(|word| word.split_once("()").map(|(name, _)| name)).filter(|name| !name.is_empty());
    quoted.chain(called)
}

/// Whether a name stands at a place of a line, as whole words and with whatever blanks between.
fn stands_at(line: &[u8], at: usize, name: &[u8]) -> bool {
    let word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    if line[at].is_ascii_whitespace() || word(name.first()) && at > 0 && word(line.get(at - 1)) {
        return false;
    }
    let mut rest = line[at..].iter().filter(|b| !b.is_ascii_whitespace());
    let all = name.iter().filter(|b| !b.is_ascii_whitespace()).all(|b| rest.next() == Some(b));
    // The rest of the name's last word would follow at once.
    let mut end = at;
    let mut left = name.iter().filter(|b| !b.is_ascii_whitespace()).count();
    while all && left > 0 {
        left -= usize::from(!line[end].is_ascii_whitespace());
        end += 1;
    }
    all && !(word(name.last()) && word(line.get(end)))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn the_quoted_operand_is_found_nearest_to_the_operator() {
        let line = b"\tp->ports = p->hub->ports + q->hub;";
        assert_eq!(place(line, 11, "loads or stores `p->hub->ports`"), Some(13));
        assert_eq!(place(line, 11, "passes `p->hub` to f()"), Some(13));
        assert_eq!(place(line, 40, "dereferences `hub`"), Some(32));
        assert_eq!(place(b"\tspin_lock (& d -> lock);", 12, "takes `d->lock`"), Some(15));
        assert_eq!(place(b"\tif (ready(d))", 11, "calls ready()"), Some(6));
    }

    #[test]
    fn what_the_line_does_not_have_stays() {
        assert_eq!(place(b"\tspin_lock(l);", 11, "takes `d->lock`"), None);
        assert_eq!(place(b"\talready(d);", 11, "calls ready()"), None);
        assert_eq!(place(b"\treadyx(d);", 11, "calls ready()"), None);
        assert_eq!(place(b"", 1, "`x`"), None);
        assert_eq!(place(b"\tf(a);", 3, "`f(…)` is false"), None);
    }
}
