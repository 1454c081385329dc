//! Which lines of a C program's files its preprocessor keeps: the conditionals of the program and of what it includes from beside it.
//!
//! The front end reads each file as the kernel writes them, where headers do not depend on who includes them. A program's do (`#define BUG`
//! before `#include "queue.h"`): so they are walked here in the order of inclusion, with the macros that are defined at each place, and
//! what is not taken is blanked out, line by line, so that lines keep their numbers. Macros are not expanded but in conditions. A file that is
//! included again, and then says something else, becomes one more file. `#` and `##` in conditions are not known.

use crate::scenario::{PLAIN_HEADERS, is_provided};
use cuthere_cfront::condition::{Conditions, Lookup};
use cuthere_cfront::config::Options;
use cuthere_cfront::program::Config;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// How deep files include each other.
const MAX_INCLUDED: usize = 60;
/// How often macros of a condition are replaced.
const MAX_REPLACED: usize = 2_000;

#[derive(Clone)]
struct Macro {
    /// Of one that is written like a call.
    parameters: Option<Vec<String>>,
    body: String,
}

/// See the module.
pub(crate) struct Conditionals<'a> {
    others: BTreeMap<&'a str, &'a [u8]>,
    options: Options,
    macros: FxHashMap<String, Macro>,
    /// What is left of the files, by path.
    pub kept: BTreeMap<String, String>,
    once: BTreeSet<String>,
    depth: usize,
}

/// An open `#if`.
struct Open {
    /// The lines around it are kept.
    around: bool,
    /// A branch of it has been taken.
    taken: bool,
    live: bool,
}

impl<'a> Conditionals<'a> {
    /// `others`: what may be included from beside the program, by path from one folder; `defines`: macros of the command line.
    pub fn new(others: &'a [(String, Vec<u8>)], defines: &[(String, String)]) -> Conditionals<'a> {
        let word = |(name, body): &(String, String)| (name.clone(), Macro { parameters: None, body: body.clone() });
        Conditionals {
            others: others.iter().map(|(path, text)| (path.as_str(), &text[..])).collect(),
            options: Options::new(&Config::default(), "x86"),
            macros: defines.iter().map(word).collect(),
            kept: BTreeMap::new(),
            once: BTreeSet::new(),
            depth: 0,
        }
    }

    /// What is kept of a file, and of what it includes.
    pub fn walk(&mut self, path: &str, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut open: Vec<Open> = Vec::new();
        let mut comment = false;
        let mut lines = text.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let live = open.last().is_none_or(|o| o.live);
            let directive = if comment { None } else { line.trim_start().strip_prefix('#') };
            let Some(rest) = directive else {
                comment = in_comment(line, comment);
                keep(&mut out, line, live);
                continue;
            };
            let mut whole = line.to_owned();
            let mut said = rest.to_owned();
            loop {
                comment = in_comment(&said, false);
                let goes_on = comment || said.trim_end_matches(['\n', '\r']).ends_with('\\');
                let Some(next) = lines.next_if(|_| goes_on) else { break };
                whole.push_str(next);
                said.push_str(next);
            }
            let said = without_comments(&said);
            let said = said.trim();
            let end = said.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(said.len());
            let (word, rest) = (&said[..end], said[end..].trim());
            match word {
                "if" | "ifdef" | "ifndef" => {
                    let holds = live && self.holds(word, rest);
                    open.push(Open { around: live, taken: holds, live: holds });
                    keep(&mut out, &whole, false);
                }
                "elif" | "elifdef" | "elifndef" | "else" => {
                    if let Some((around, taken)) = open.last().map(|o| (o.around, o.taken)) {
                        let holds = around && !taken && (word == "else" || self.holds(&word[2..], rest));
                        open.pop();
                        open.push(Open { around, taken: taken || holds, live: holds });
                    }
                    keep(&mut out, &whole, false);
                }
                "endif" => {
                    open.pop();
                    keep(&mut out, &whole, false);
                }
                _ if !live => keep(&mut out, &whole, false),
                "include" => match self.include(path, rest) {
                    Some(other) => {
                        out.push_str(&format!("#include \"{other}\""));
                        out.extend(whole.chars().filter(|c| *c == '\n'));
                    }
                    None => out.push_str(&whole),
                },
                _ => {
                    match word {
                        "define" => self.define(rest),
                        "undef" => drop(self.macros.remove(rest)),
                        "pragma" if rest == "once" => drop(self.once.insert(path.to_owned())),
                        _ => {}
                    }
                    out.push_str(&whole);
                }
            }
        }
        out
    }

    /// Walks an included file. Gives the name that it is to be included by, if that is another one.
    fn include(&mut self, from: &str, what: &str) -> Option<String> {
        let close = if what.starts_with('<') { '>' } else { '"' };
        let name = what.get(1..)?.split(close).next()?.to_owned();
        let beside = joined(from, &name);
        let others = &self.others;
        let found = if close == '"' && others.contains_key(beside.as_str()) {
            Some(beside)
        } else if close == '>' && is_provided(&name) {
            None
        } else {
            let tail = format!("/{name}");
            others.keys().find(|path| **path == name || path.ends_with(&tail)).map(|path| (*path).to_owned())
        };
        if self.depth >= MAX_INCLUDED {
            return None;
        }
        let Some(path) = found else {
            let own = format!("include/{name}");
            let text = PLAIN_HEADERS.iter().find(|(header, _)| *header == own)?.1;
            self.depth += 1;
            self.walk(&own, text);
            self.depth -= 1;
            return None;
        };
        if self.once.contains(&path) {
            return None;
        }
        let text = String::from_utf8_lossy(self.others.get(path.as_str())?).into_owned();
        self.depth += 1;
        let kept = self.walk(&path, &text);
        self.depth -= 1;
        match self.kept.get(&path) {
            None => drop(self.kept.insert(path, kept)),
            Some(first) if *first == kept || kept.trim().is_empty() => {}
            Some(_) => {
                let number = self.kept.len() + 1;
                self.kept.insert(format!("{path} ({number})"), kept);
                return Some(format!("{name} ({number})"));
            }
        }
        None
    }

    fn define(&mut self, rest: &str) {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let called = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let parameters = called.map(|(list, _)| list.split(',').map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect());
        let body = called.map_or(rest, |(_, body)| body).trim().to_owned();
        self.macros.insert(name.to_owned(), Macro { parameters, body });
    }

    fn is_defined(&self, name: &str) -> bool {
        self.macros.contains_key(name) || self.is_built_in(name)
    }

    /// Whether compilers define it.
    fn is_built_in(&self, name: &str) -> bool {
        matches!(name, "__has_attribute" | "__has_builtin" | "__has_include" | "__FILE__" | "__LINE__")
            || name != "__KERNEL__" && self.options.predefined(name).is_some()
    }

    fn holds(&self, word: &str, rest: &str) -> bool {
        let name = || rest.split(|c: char| !is_word(c)).next().unwrap_or_default();
        match word {
            "ifdef" | "def" => self.is_defined(name()),
            "ifndef" | "ndef" => !self.is_defined(name()),
            _ => {
                let lookup = |name: &str| if self.is_built_in(name) { Lookup::Unknown } else { Lookup::Undefined };
                let mut left = MAX_REPLACED;
                let text = self.replaced(rest, &mut Vec::new(), &mut left);
                Conditions { options: &self.options, lookup: &lookup, overrides: &[] }.value(text.as_bytes()) != 0
            }
        }
    }

    /// A condition with its macros replaced. `within`: those whose replacement this is.
    fn replaced(&self, text: &str, within: &mut Vec<String>, left: &mut usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c: char| is_word(c) != is_word(first)).unwrap_or(rest.len());
            let (part, behind) = rest.split_at(end);
            rest = behind;
            if !is_word(first) || first.is_ascii_digit() {
                out.push_str(part);
                continue;
            }
            if part == "defined" {
                let inside = rest.trim_start().trim_start_matches('(').trim_start();
                let end = inside.find(|c: char| !is_word(c)).unwrap_or(inside.len());
                out.push_str(if self.is_defined(&inside[..end]) { "1" } else { "0" });
                let closes = rest.trim_start().starts_with('(');
                rest = inside[end..].trim_start();
                rest = if closes { rest.strip_prefix(')').unwrap_or(rest) } else { rest };
                continue;
            }
            let known = self.macros.get(part).filter(|_| *left > 0 && !within.iter().any(|name| name == part));
            let Some(known) = known else {
                out.push_str(part);
                continue;
            };
            let body = match &known.parameters {
                None => known.body.clone(),
                Some(parameters) => {
                    let Some((arguments, behind)) = arguments(rest) else {
                        out.push_str(part);
                        continue;
                    };
                    rest = behind;
                    let values: Vec<String> = arguments.iter().map(|a| self.replaced(a, within, left)).collect();
                    substituted(&known.body, parameters, &values)
                }
            };
            *left = left.saturating_sub(1);
            within.push(part.to_owned());
            out.push(' ');
            out.push_str(&self.replaced(&body, within, left));
            out.push(' ');
            within.pop();
        }
        out
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Keeps lines, or as many empty ones.
fn keep(out: &mut String, lines: &str, live: bool) {
    if live {
        out.push_str(lines);
    } else {
        out.extend(lines.chars().filter(|c| *c == '\n'));
    }
}

/// Whether a comment of several lines is open behind these.
fn in_comment(text: &str, inside: bool) -> bool {
    let mut open = inside;
    parts(text, &mut open, |_, _| {});
    open
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    parts(text, &mut false, |c, comment| {
        if !comment {
            out.push(c);
        }
    });
    out.replace("\\\r\n", " ").replace("\\\n", " ")
}

/// Goes through a text, and says of each character whether it is a part of a comment.
fn parts(text: &str, open: &mut bool, mut see: impl FnMut(char, bool)) {
    let (mut quote, mut line) = (None, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match (c, next) {
            ('\n', _) => (quote, line) = (None, false),
            _ if line => {}
            ('*', Some('/')) if *open => {
                see(c, true);
                chars.next();
                *open = false;
                see(' ', false);
                continue;
            }
            _ if *open => {}
            ('\\', Some(escaped)) if quote.is_some() => {
                see(c, false);
                chars.next();
                see(escaped, false);
                continue;
            }
            ('"' | '\'', _) if quote == Some(c) => quote = None,
            ('"' | '\'', _) if quote.is_none() => quote = Some(c),
            ('/', Some('*')) if quote.is_none() => {
                chars.next();
                *open = true;
            }
            ('/', Some('/')) if quote.is_none() => line = true,
            _ => {}
        }
        see(c, *open || line && c != '\n');
    }
}

/// The arguments of a call that a text begins with, and what comes behind it.
fn arguments(text: &str) -> Option<(Vec<String>, &str)> {
    let start = text.find(|c: char| !c.is_whitespace()).filter(|at| text[*at..].starts_with('('))?;
    let (mut level, mut list) = (0usize, vec![String::new()]);
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match c {
            '(' => level += 1,
            ')' => level -= 1,
            _ => {}
        }
        match c {
            ')' if level == 0 => return Some((list, &text[at + 1..])),
            ',' if level == 1 => list.push(String::new()),
            '(' if level == 1 => {}
            _ => list.last_mut()?.push(c),
        }
    }
    None
}

fn substituted(body: &str, parameters: &[String], values: &[String]) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        let value = parameters.iter().position(|p| p == part).and_then(|n| values.get(n));
        out.push_str(value.map_or(part, String::as_str));
    }
    out
}

/// A path from the folder of another one.
fn joined(from: &str, name: &str) -> String {
    let mut parts: Vec<&str> = from.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect());
    for part in name.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)], text: &str) -> (String, BTreeMap<String, String>) {
        let others: Vec<(String, Vec<u8>)> = files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect();
        let mut all = Conditionals::new(&others, &[("FROM_OUTSIDE".to_owned(), "3".to_owned())]);
        let main = all.walk("d/main.c", text);
        (main, all.kept)
    }

    #[test]
    fn a_header_sees_the_macros_of_who_includes_it() {
        let header = "#ifndef H\n#define H\n#ifdef BUG\nint wrong;\n#else\nint right;\n#endif\n#endif\n";
        let (_, with) = kept(&[("d/h.h", header)], "#define BUG\n#include \"h.h\"\n#include \"h.h\"\n");
        assert_eq!(with["d/h.h"], "\n#define H\n\nint wrong;\n\n\n\n\n");
        let (_, without) = kept(&[("d/h.h", header)], "#include \"../d/h.h\"\n#define BUG\n");
        assert_eq!(without["d/h.h"], "\n#define H\n\n\n\nint right;\n\n\n");
    }

    #[test]
    fn conditions_are_those_of_c() {
        let holds = |condition: &str| {
            let text = format!("#define N 4\n#define TWICE(x) ((x) * 2)\n#define EMPTY\n#if {condition}\nyes\n#else\nno\n#endif\n");
            kept(&[], &text).0.contains("yes")
        };
        for yes in
            ["N > 3", "TWICE(N + 1) == 10", "defined N && !defined(M)", "M == 0", "FROM_OUTSIDE == 3", "N /* \" */ == 4 // 5", "EMPTY 1"]
        {
            assert!(holds(yes), "{yes}");
        }
        for no in ["N > 4", "defined(__KERNEL__)", "CONFIG_SMP", "defined M \\\n || 0"] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn comments_and_branches_keep_their_lines() {
        let text = "a /* x\n#if 1\n*/ b \"/*\"\n#if 0\nc /* ' */\n#elif 1 /* two\nlines */\nd\n# else\ne\n#endif\nf\n";
        assert_eq!(kept(&[], text).0, "a /* x\n#if 1\n*/ b \"/*\"\n\n\n\n\nd\n\n\n\nf\n");
    }

    #[test]
    fn what_says_something_else_the_second_time_is_a_file_of_its_own() {
        let header = "#ifdef SECOND\nint b;\n#else\nint a;\n#endif\n";
        let (main, files) = kept(&[("d/x.h", header)], "#include \"x.h\"\n#define SECOND\n#include \"x.h\"\n");
        assert_eq!(main, "#include \"x.h\"\n#define SECOND\n#include \"x.h (2)\"\n");
        assert_eq!(files["d/x.h"], "\n\n\nint a;\n\n");
        assert_eq!(files["d/x.h (2)"], "\nint b;\n\n\n\n");
    }
}
