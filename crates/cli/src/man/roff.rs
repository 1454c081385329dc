//! The language of manual pages: the few requests that pages need, documents in Markdown as pages, and what a checker of pages objects to.
//!
//! Of Markdown, what the documents use: headings, paragraphs, lists, tables, code. A table is a list of tagged paragraphs here, since
//! tables need a preprocessor that not every reader runs.

use std::io::{self, Write};

/// The longest line of text that is not laid out as it stands.
const WIDTH: usize = 78;

pub fn section(out: &mut dyn Write, title: &str) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"")
}

pub fn tagged(out: &mut dyn Write, tag: &str, text: &str) -> io::Result<()> {
    writeln!(out, ".TP\n\\fB{}\\fR\n{}", escaped(tag), escaped(text))
}

pub fn plain(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, ".PP\n{}", escaped(text))
}

pub fn verbatim(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, ".PP\n.RS 4\n.nf")?;
    text.lines().try_for_each(|line| writeln!(out, "{}", escaped(line)))?;
    writeln!(out, ".fi\n.RE")
}

/// Text for roff: backslashes, hyphens that are typed, and lines that would be requests.
pub fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('~', "\\(ti").replace('^', "\\(ha").replace('`', "\\(ga");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// A document in Markdown as the sections of a page.
pub fn document(out: &mut dyn Write, name: &str, about: &str, text: &str) -> io::Result<()> {
    section(out, "NAME")?;
    writeln!(out, "{} \\- {}", escaped(name), escaped(about))?;
    section(out, "DESCRIPTION")?;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            verbatim(out, &code.join("\n"))?;
        } else if let Some(heading) = line.strip_prefix("## ") {
            section(out, &escaped(&heading.replace('`', "").replace('"', "'")))?;
        } else if line.starts_with('|') {
            // The heads of the columns, and the line below them, say nothing that the rows do not.
            let is_head = lines.next_if(|next| next.starts_with("|-")).is_some();
            if !is_head {
                row(out, line)?;
            }
        } else if !line.is_empty() && !line.starts_with("# ") {
            let (request, first) = line.strip_prefix("- ").map_or((".PP", line), |item| (".IP \\(bu 2", item));
            let mut paragraph = first.to_owned();
            let goes_on = |next: &&str| !next.is_empty() && !["- ", "|", "#", "```"].iter().any(|mark| next.starts_with(mark));
            while let Some(next) = lines.next_if(|next| goes_on(next)) {
                paragraph.push(' ');
                paragraph.push_str(next.trim());
            }
            writeln!(out, "{request}\n{}", inline(&paragraph))?;
        }
    }
    Ok(())
}

/// A row of a table: the first cell is what the others are about.
fn row(out: &mut dyn Write, line: &str) -> io::Result<()> {
    const BAR: &str = "\u{0}";
    let line = line.replace("\\|", BAR);
    let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().replace(BAR, "|")).collect();
    let Some((tag, rest)) = cells.split_first() else { return Ok(()) };
    writeln!(out, ".TP\n{}", inline(tag))?;
    let rest: Vec<String> = rest.iter().filter(|cell| !cell.is_empty()).map(|cell| inline(cell)).collect();
    writeln!(out, "{}", rest.join("\n.br\n"))
}

/// A paragraph: code in bold, links by what they are called.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (nth, part) in text.split('`').enumerate() {
        if nth % 2 == 1 {
            out.push_str(&format!("\\fB{}\\fR", escaped(part)));
            continue;
        }
        let mut rest = part;
        while let Some((before, label, after)) = link(rest) {
            out.push_str(&escaped(before));
            out.push_str(&escaped(label));
            rest = after;
        }
        out.push_str(&escaped(rest).replace("**", ""));
    }
    out
}

/// What is before a link, what it is called, and what follows.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (label, rest) = text.split_once("](")?;
    let (before, label) = label.rsplit_once('[')?;
    let (_, after) = rest.split_once(')')?;
    Some((before, label, after))
}

/// The same page without what a checker of pages objects to: blanks at the ends of lines, breaks beside space, paragraphs that begin where
/// a section does, long lines, characters that not every reader knows.
pub fn tidy(page: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(page.len());
    for c in String::from_utf8_lossy(page).chars() {
        match c {
            c if c.is_ascii() => text.push(c),
            c => text.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    let mut out: Vec<String> = Vec::new();
    let mut as_it_stands = false;
    for line in text.lines().map(str::trim_end) {
        match line {
            ".nf" => as_it_stands = true,
            ".fi" => as_it_stands = false,
            _ => {}
        }
        let last = out.last().map_or("", String::as_str);
        match line {
            "" if as_it_stands => out.push(String::new()),
            // Space ends a line by itself.
            "" | ".sp" => {
                if last == ".br" {
                    out.pop();
                }
                out.push(".sp".to_owned());
            }
            ".br" if last == ".sp" => {}
            ".PP" if last.starts_with(".SH") => {}
            line if as_it_stands || line.starts_with(['.', '\'']) => out.push(line.to_owned()),
            line => wrapped(line, &mut out),
        }
    }
    let mut page = out.join("\n");
    page.push('\n');
    page.into_bytes()
}

/// A line of text in lines of [`WIDTH`], none of which begins like a request.
fn wrapped(line: &str, out: &mut Vec<String>) {
    let mut current = String::new();
    for word in line.split(' ') {
        let request = word.starts_with(['.', '\'']);
        if !current.is_empty() && current.len() + 1 + word.len() > WIDTH && !request {
            out.push(std::mem::take(&mut current));
        } else if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    out.push(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_sections_lists_and_tags() {
        let text = "# Title\n\nOne [two](x.md) `a-b`\nthree.\n\n## The words\n\n| call | meaning |\n|---|---|\n| `f(x\\|y)` | does **it** |\n\n- first\n  goes on\n- .second\n\n```c\n.int x;\n```\n";
        let mut page = Vec::new();
        document(&mut page, "cuthere-x", "what x is", text).expect("written");
        let page = String::from_utf8(tidy(&page)).expect("text");
        let expected = ".SH \"NAME\"\ncuthere\\-x \\- what x is\n.SH \"DESCRIPTION\"\nOne two \\fBa\\-b\\fR three.\n.SH \"The words\"\n.TP\n\\fBf(x|y)\\fR\ndoes it\n.IP \\(bu 2\nfirst goes on\n.IP \\(bu 2\n\\&.second\n.PP\n.RS 4\n.nf\n\\&.int x;\n.fi\n.RE\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn what_a_checker_objects_to_goes() {
        let long = "word ".repeat(30);
        let page = format!(".SH \"A\"\n.PP\nte\u{2026}xt \n.br\n\n.br\nmore\n.nf\n\n.fi\n{long}.x\n");
        let tidy = String::from_utf8(tidy(page.as_bytes())).expect("text");
        assert!(tidy.starts_with(".SH \"A\"\nte\\[u2026]xt\n.sp\nmore\n.nf\n\n.fi\nword"), "{tidy}");
        assert!(tidy.lines().all(|line| line.len() <= WIDTH + 3 && !line.ends_with(' ') && line != ".x"), "{tidy}");
    }
}
