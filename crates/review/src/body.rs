//! A function's text looked at without parsing it: which functions it calls where, with which arguments, and what variables are set from.
//! Comments, strings and preprocessor lines are blanked first. Good enough to point at a line; never the ground of a finding.

use crate::locate::Definition;
use crate::words;

/// A call in a function's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    pub callee: String,
    /// In the file, from 1.
    pub line: u32,
    /// The arguments as written.
    pub arguments: Vec<String>,
    /// The variable that the result is assigned to.
    pub target: Option<String>,
    /// Whether it is a member that is called: what runs is what the pointer in it names.
    pub through: bool,
}

/// Text of a body larger than this is cut.
const MAX_BODY: usize = 1 << 18;
/// Calls looked at.
const MAX_CALLS: usize = 4096;
/// Nesting of parentheses followed.
const MAX_DEPTH: u32 = 200;

/// The calls in the order of the text.
pub(crate) fn calls(definition: &Definition) -> Vec<Call> {
    let text = blanked(definition);
    let first = definition.body_line();
    let newlines: Vec<usize> = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect();
    let line = |at: usize| first + newlines.partition_point(|n| *n < at) as u32;
    let call = |(at, callee): (usize, &str)| Call {
        callee: callee.to_owned(),
        line: line(at),
        arguments: arguments(text.get(at + callee.len()..).unwrap_or_default()),
        target: target(text.get(..at).unwrap_or_default()),
        through: text.get(..at).is_some_and(|before| before.trim_end().ends_with("->") || before.trim_end().ends_with('.')),
    };
    let mut all: Vec<(usize, Call)> = words::called(&text).take(MAX_CALLS).map(|found| (found.0, call(found))).collect();
    all.extend(pointed(&text).into_iter().map(|p| {
        let (rest, before) = (text.get(p.open..).unwrap_or_default(), text.get(..p.start).unwrap_or_default());
        let call = Call { callee: p.name, line: line(p.start), arguments: arguments(rest), target: target(before), through: p.member };
        (p.start, call)
    }));
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, call)| call).collect()
}

/// A call through what stands in parentheses or in an array: `(*ops->open)(x)`, `steps[i](x)`.
struct Pointed {
    start: usize,
    /// Where its arguments begin.
    open: usize,
    /// The member or variable that holds the pointer.
    name: String,
    member: bool,
}

fn pointed(text: &str) -> Vec<Pointed> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut opened: Vec<usize> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' => opened.push(at),
            b')' | b']' => {
                let Some(start) = opened.pop() else { continue };
                let blanks = bytes.get(at + 1..).unwrap_or_default().iter().take_while(|b| b.is_ascii_whitespace()).count();
                let open = at + 1 + blanks;
                if bytes.get(open) != Some(&b'(') || out.len() >= MAX_CALLS {
                    continue;
                }
                let inside = text.get(start + 1..at).unwrap_or_default().trim();
                let path = if *byte == b']' {
                    text.get(..start).map(|before| before.rsplit([' ', '\t', '\n', ';', '(', ',', '=', '!']).next().unwrap_or_default())
                } else {
                    // A star or a member tells it from a cast.
                    let path = inside.strip_prefix('*').unwrap_or(inside);
                    (path.len() < inside.len() || path.contains("->")).then_some(path)
                };
                let Some(path) = path.filter(|p| p.len() <= 256) else { continue };
                if let Some((_, name)) = words::identifiers(path).last() {
                    out.push(Pointed {
                        start,
                        open,
                        name: name.to_owned(),
                        member: *byte == b']' || path.contains("->") || path.contains('.'),
                    });
                }
            }
            b';' => opened.clear(),
            _ => {}
        }
    }
    out
}

/// The names of the parameters in order.
pub(crate) fn parameters(definition: &Definition) -> Vec<String> {
    let function = &definition.function;
    let head = definition.text.get(function.span.start..function.body.start).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let Some(at) = words::called(&head).find(|(_, word)| *word == function.name).map(|(at, word)| at + word.len()) else {
        return Vec::new();
    };
    let name = |argument: &String| match argument.split_once("(*") {
        // A pointer to a function.
        Some((_, rest)) => words::identifiers(rest).next().map(|w| w.1.to_owned()),
        None => words::identifiers(argument.split('[').next().unwrap_or_default()).last().map(|w| w.1.to_owned()),
    };
    arguments(head.get(at..).unwrap_or_default()).iter().filter_map(name).collect()
}

/// Whether the function tests the variable for NULL, or at all, before a line.
pub(crate) fn tests(definition: &Definition, variable: &str, from: u32, to: u32) -> bool {
    let text = blanked(definition);
    let first = definition.body_line();
    let lines = text.lines().enumerate().map(|(n, l)| (first + n as u32, l)).filter(|(n, _)| *n >= from && *n <= to);
    for (_, line) in lines {
        let packed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        // Who is asked for an error pointer says failures so, and gives no NULL.
        let errors = [format!("IS_ERR({variable})"), format!("IS_ERR_OR_NULL({variable})")];
        let forms = [format!("!{variable}"), format!("if({variable})"), format!("({variable}&&")];
        let compared = [format!("{variable}==NULL"), format!("{variable}!=NULL"), format!("{variable}?")];
        if forms.iter().chain(&errors).chain(&compared).any(|form| packed.contains(form.as_str())) {
            return true;
        }
    }
    false
}

/// Whether the function loads or stores through the variable after one line and before another: it got past that, so it was no NULL.
pub(crate) fn dereferences(definition: &Definition, variable: &str, after: u32, before: u32) -> bool {
    let text = blanked(definition);
    let first = definition.body_line();
    let lines = text.lines().enumerate().map(|(n, l)| (first + n as u32, l)).filter(|(n, _)| *n > after && *n < before);
    for (_, line) in lines {
        let packed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let member = format!("{variable}->");
        for (at, _) in packed.match_indices(member.as_str()) {
            let head = packed.get(..at).unwrap_or_default();
            // An address is computed, and nothing loaded, unless the path goes on through what is loaded.
            let path = packed.get(at + member.len()..).unwrap_or_default();
            let end = path.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '>' | '.'))).unwrap_or(path.len());
            let further = path.get(..end).unwrap_or_default().contains("->");
            let whole = !head.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '>' | '.'));
            if whole && (!head.ends_with('&') || head.ends_with("&&") || further) {
                return true;
            }
        }
    }
    false
}

/// The body with everything but code blanked; line ends stay.
pub(crate) fn blanked(definition: &Definition) -> String {
    let body = definition.text.get(definition.function.body.clone()).unwrap_or_default();
    let body = body.get(..body.len().min(MAX_BODY)).unwrap_or_default();
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    let mut fresh = true;
    while let Some(byte) = body.get(at).copied() {
        let rest = body.get(at..).unwrap_or_default();
        let len = match byte {
            b'/' if rest.starts_with(b"/*") => memchr::memmem::find(rest.get(2..).unwrap_or_default(), b"*/").map_or(rest.len(), |n| n + 4),
            b'/' if rest.starts_with(b"//") => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            b'"' | b'\'' => quoted(rest, byte),
            b'#' if fresh => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
            _ => 0,
        };
        if len == 0 {
            fresh = byte == b'\n' || (fresh && byte.is_ascii_whitespace());
            out.push(if byte.is_ascii() { byte } else { b' ' });
            at += 1;
        } else {
            out.extend(rest.iter().take(len).map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at += len;
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\n' => return at,
            b if *b == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The arguments of the parenthesis that the text begins with.
fn arguments(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut depth = 0u32;
    for c in text.chars().take(1 << 14) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && !c.is_whitespace() || depth > MAX_DEPTH {
            break;
        }
        if depth == 1 && c == '(' && out.len() == 1 && out.iter().all(String::is_empty) {
            continue;
        }
        if depth == 1 && c == ',' {
            out.push(String::new());
        } else if depth > 0
            && let Some(last) = out.last_mut()
        {
            last.push(c);
        }
    }
    out.iter().map(|a| a.trim().to_owned()).collect()
}

/// The variable that stands before `=` at the end of the text.
fn target(before: &str) -> Option<String> {
    let rest = before.trim_end().strip_suffix('=')?;
    if rest.ends_with(['=', '!', '<', '>', '+', '-', '|', '&', '^', '*', '/', '%']) {
        return None;
    }
    let rest = rest.trim_end();
    let start = rest.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let name = rest.get(start..)?;
    // A member, or an assignment whose value is a condition and so is tested.
    let other = rest.get(..start)?.trim_end().ends_with(['>', '.', '(']);
    (!name.is_empty() && !other).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::Outliner;
    use cuthere_cfront::shapes::Shapes;

    fn definition(text: &str) -> Definition {
        let function = Outliner::new(Shapes::default()).functions(text.as_bytes()).pop().expect("a function");
        Definition { file: "a.c".into(), function, text: text.as_bytes().into() }
    }

    #[test]
    fn pointers_to_functions_are_parameters_and_conditions_are_tests() {
        let d = definition(
            "int f(struct a *one, int (*act)(struct a *, int))\n{\n\tstruct b *p;\n\n\twhile ((p = get(one)))\n\t\tact(one, p->n);\n}\n",
        );
        assert_eq!(parameters(&d), ["one", "act"]);
        assert!(calls(&d).iter().all(|c| c.target.is_none()));
    }

    #[test]
    fn calls_have_lines_arguments_and_targets() {
        let d = definition(
            "int f(struct a *one, int two[])\n{\n\t/* g(1) */\n#define H h(2)\n\tstruct b *p = get(one,\n\t\t\t  sum(1, 2));\n\n\tif (!p)\n\t\treturn put(\"x(y)\");\n}\n",
        );
        let got: Vec<_> = calls(&d).into_iter().map(|c| (c.callee, c.line, c.arguments, c.target)).collect();
        let text = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        assert_eq!(
            got,
            [
                ("get".to_owned(), 5, text(&["one", "sum(1, 2)"]), Some("p".to_owned())),
                ("sum".to_owned(), 6, text(&["1", "2"]), None),
                ("put".to_owned(), 9, text(&[""]), None),
            ]
        );
        assert_eq!(parameters(&d), ["one", "two"]);
        let d2 = definition("int f(struct a *p)\n{\n\tstruct b *q = get(p);\n\n\ttake(&q->lock);\n\tq->n++;\n\tput(q);\n}\n");
        assert!(!dereferences(&d2, "q", 3, 6) && dereferences(&d2, "q", 3, 7) && !dereferences(&d2, "p", 3, 7));
        assert!(tests(&d, "p", 6, 9) && !tests(&d, "p", 1, 6) && !tests(&d, "q", 1, 20));
    }
}
