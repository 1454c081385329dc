//! Where functions that are known by name alone are defined: one search through the tree for all of them, then the outlines of the files
//! that look right. Of several definitions the likeliest is chosen, by module, by symbolised file name, by nearness to the others.

use crate::outline::{Function, Lines, Outliner};
use crate::seek::Seeker;
use crate::words;
use cuthere_base::FileId;
use cuthere_tree::Tree;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names looked for at once.
const MAX_NAMES: usize = 1024;
/// Definitions kept of one name.
const MAX_SAME: usize = 64;
/// A header this large is generated tables.
const MAX_HEADER: u64 = 1 << 20;

/// A function found in the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Definition {
    pub file: String,
    pub function: Function,
    /// The whole file.
    pub text: Arc<[u8]>,
}

impl Definition {
    /// The line that the body begins on.
    pub fn body_line(&self) -> u32 {
        let head = self.text.get(self.function.span.start..self.function.body.start).unwrap_or_default();
        self.function.line + memchr::memchr_iter(b'\n', head).count() as u32
    }

    /// A line of the file, trimmed.
    pub fn line_text(&self, line: u32) -> String {
        let text = Lines::new(&self.text).text(&self.text, line).unwrap_or_default();
        String::from_utf8_lossy(text).trim().to_owned()
    }
}

/// What is known of the place beside the name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Hint {
    pub module: Option<String>,
    pub file: Option<String>,
}

/// Stands for a parameter of a macro that it calls.
pub(crate) const OWN_PARAMETER: &str = "*";

/// What the tree says about names of functions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Located {
    /// All definitions, the likeliest first.
    pub definitions: BTreeMap<String, Vec<Definition>>,
    /// Members that a function is stored in, by initialisers and assignments: `.open = foo_open`, `x->open = foo_open`.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// What macros of these names with parameters call; [`OWN_PARAMETER`] where that is a parameter of theirs.
    pub macros: BTreeMap<String, BTreeSet<String>>,
}

/// Looks up all of the names at once, in the whole tree.
pub(crate) fn locate(tree: &Tree, wanted: &BTreeMap<String, Hint>, arch: &str, outliner: &Outliner) -> Located {
    locate_in(tree, wanted, arch, outliner, &|_| true)
}

/// Looks up all of the names at once, in files with some paths.
pub(crate) fn locate_in(
    tree: &Tree,
    wanted: &BTreeMap<String, Hint>,
    arch: &str,
    outliner: &Outliner,
    inside: &(dyn Fn(&str) -> bool + Sync),
) -> Located {
    let names: Vec<&String> = wanted.keys().filter(|n| n.len() > 1 && n.bytes().all(words::is_word)).take(MAX_NAMES).collect();
    let mut patterns: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
    let calls: Vec<(usize, &str)> = names.iter().enumerate().filter_map(|(n, name)| Some((n, system_call(name)?))).collect();
    patterns.extend(calls.iter().map(|(_, call)| (*call).to_owned()));
    if patterns.is_empty() {
        return Located::default();
    }
    let search = Seeker::new(&patterns);
    let files: Vec<FileId> = (0..tree.len() as u32)
        .map(FileId)
        .filter(|id| inside(tree.path(*id)) && is_kernel(tree.path(*id), arch, tree.size_hint(*id)))
        .collect();
    /// Definitions, members, macros.
    type Found = (Vec<(String, Definition)>, Vec<(String, String)>, Vec<(String, BTreeSet<String>)>);
    let found: Vec<Found> =
        files
            .into_par_iter()
            .map(|id| {
                let Ok(text) = tree.read(id) else { return Found::default() };
                let mut here: BTreeSet<&str> = BTreeSet::new();
                let mut members: BTreeSet<(String, String)> = BTreeSet::new();
                let mut macros: Vec<(String, BTreeSet<String>)> = Vec::new();
                search.each(&text, |number, start, end| {
                    if let (Some(name), Some(member)) = (names.get(number), stored_in(&text, start, end)) {
                        members.insert(((*name).clone(), member));
                    }
                    if let (Some(name), Some(called)) = (names.get(number), called_by_macro(&text, start, end)) {
                        macros.push(((*name).clone(), called));
                    }
                    let name = match number.checked_sub(names.len()) {
                        None => names.get(number).map(|n| n.as_str()).filter(|_| is_definition(&text, start, end)),
                        Some(nth) => calls.get(nth).and_then(|c| names.get(c.0)).map(|n| n.as_str()).filter(|_| in_define(&text, start)),
                    };
                    here.extend(name);
                });
                let members: Vec<(String, String)> = members.into_iter().collect();
                if here.is_empty() {
                    return (Vec::new(), members, macros);
                }
                let functions = outliner.functions(&text);
                let whole: Arc<[u8]> = Arc::from(&text[..]);
                let mut out = Vec::new();
                for name in here {
                    let customary = system_call(name).map(|call| format!("sys_{call}"));
                    let matching = functions.iter().filter(|f| f.name == name || customary.as_ref() == Some(&f.name));
                    out.extend(matching.map(|f| {
                        (name.to_owned(), Definition { file: tree.path(id).to_owned(), function: f.clone(), text: whole.clone() })
                    }));
                }
                (out, members, macros)
            })
            .collect();
    let mut all: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut macros: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (defined, stored, called) in found {
        for (name, member) in stored {
            members.entry(name).or_default().insert(member);
        }
        for (name, called) in called {
            macros.entry(name).or_default().extend(called);
        }
        for (name, definition) in defined {
            let same = all.entry(name).or_default();
            if same.len() < MAX_SAME {
                same.push(definition);
            }
        }
    }
    // Folders of names that have one definition draw the others.
    let sure: BTreeSet<String> =
        all.values().filter(|d| d.len() == 1).flatten().map(|d| cuthere_base::folder(&d.file).to_owned()).collect();
    for (name, definitions) in &mut all {
        let hint = wanted.get(name).cloned().unwrap_or_default();
        definitions.sort_by_cached_key(|d| (std::cmp::Reverse(weigh(d, &hint, &sure)), d.file.clone(), d.function.line));
    }
    Located { definitions: all, members, macros }
}

fn weigh(definition: &Definition, hint: &Hint, sure: &BTreeSet<String>) -> u32 {
    let path = definition.file.as_str();
    let by_file = hint.file.as_ref().is_some_and(|file| file.ends_with(path) || path.ends_with(file.as_str()));
    let same = |part: &str, module: &str| part.replace('-', "_") == module.replace('-', "_");
    let by_module = hint.module.as_ref().is_some_and(|module| path.split('/').any(|part| same(part.trim_end_matches(".c"), module)));
    let near = sure.contains(cuthere_base::folder(path));
    8 * u32::from(by_file) + 4 * u32::from(by_module) + 2 * u32::from(near) + u32::from(path.ends_with(".c"))
}

/// The system call that an entry stub is of: `__x64_sys_bind` is of `bind`.
fn system_call(name: &str) -> Option<&str> {
    const STUBS: &[&str] =
        &["__x64_sys_", "__ia32_sys_", "__arm64_sys_", "__riscv_sys_", "__s390x_sys_", "__se_sys_", "__do_sys_", "SyS_", "SYSC_", "sys_"];
    STUBS.iter().find_map(|stub| name.strip_prefix(stub)).filter(|rest| !rest.is_empty())
}

fn is_kernel(path: &str, arch: &str, size: u64) -> bool {
    let code = path.ends_with(".c") || (path.ends_with(".h") && size <= MAX_HEADER);
    let mut parts = path.split('/');
    code && match parts.next() {
        Some("tools" | "samples" | "Documentation" | "scripts" | "usr") => false,
        Some("arch") => parts.next() == Some(arch),
        _ => true,
    }
}

/// Whether the name at these bytes heads a definition: it is a whole word on a line that begins in column 0, and `{` follows its
/// parameters.
fn is_definition(text: &[u8], start: usize, end: usize) -> bool {
    let line = text.get(..start).and_then(|t| memchr::memrchr(b'\n', t)).map_or(0, |at| at + 1);
    let first = text.get(line).copied().unwrap_or(b' ');
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    if !words::is_word(first) || before.is_some_and(|b| words::is_word(*b)) {
        return false;
    }
    let rest = text.get(end..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(4096)).unwrap_or_default();
    let Some(open) = rest.iter().position(|b| !b.is_ascii_whitespace()).filter(|at| rest.get(*at) == Some(&b'(')) else { return false };
    let mut depth = 0u32;
    for byte in rest.get(open..).unwrap_or_default() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'{' if depth == 0 => return true,
            b';' | b'=' | b'}' if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

/// What the macro whose name these bytes are calls, if a macro with parameters is defined there.
fn called_by_macro(text: &[u8], start: usize, end: usize) -> Option<BTreeSet<String>> {
    const MAX_MACRO: usize = 4096;
    let line = text.get(..start).and_then(|t| memchr::memrchr(b'\n', t)).map_or(0, |at| at + 1);
    let head = text.get(line..start)?.trim_ascii().strip_prefix(b"#")?.trim_ascii_start();
    if head != b"define" || !text.get(start.checked_sub(1)?)?.is_ascii_whitespace() || text.get(end) != Some(&b'(') {
        return None;
    }
    let rest = text.get(end..)?;
    let rest = rest.get(..rest.len().min(MAX_MACRO))?;
    // To the first line that is not continued, without the parameters.
    let close = memchr::memchr(b')', rest)? + 1;
    let ends = |at: &usize| rest.get(at.wrapping_sub(1)) != Some(&b'\\');
    let last = memchr::memchr_iter(b'\n', rest).find(ends).unwrap_or(rest.len());
    let body = String::from_utf8_lossy(rest.get(close..last.max(close))?).into_owned();
    let parameters = String::from_utf8_lossy(rest.get(..close)?);
    let own = |word: &str| words::identifiers(&parameters).any(|(_, parameter)| parameter == word);
    Some(words::called(&body).map(|(_, word)| if own(word) { OWN_PARAMETER.to_owned() } else { word.to_owned() }).collect())
}

/// The member that the function at these bytes is stored in: an identifier before `=` that `.` or `->` stands before.
fn stored_in(text: &[u8], start: usize, end: usize) -> Option<String> {
    let after = text.get(end).copied().unwrap_or(b' ');
    if words::is_word(after) || after == b'(' {
        return None;
    }
    let before = text.get(start.saturating_sub(128)..start)?;
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"&").unwrap_or(before).trim_ascii_end().strip_suffix(b"=")?;
    if before.ends_with(b"=") || before.ends_with(b"!") || before.ends_with(b"<") || before.ends_with(b">") {
        return None;
    }
    let before = before.trim_ascii_end();
    let length = before.iter().rev().take_while(|b| words::is_word(**b)).count();
    let (head, member) = before.split_at_checked(before.len() - length)?;
    let is_member = head.ends_with(b".") || head.ends_with(b"->");
    (is_member && length > 0).then(|| String::from_utf8_lossy(member).into_owned())
}

fn in_define(text: &[u8], start: usize) -> bool {
    let line = text.get(..start).and_then(|t| memchr::memrchr(b'\n', t)).map_or(0, |at| at + 1);
    text.get(line..start).is_some_and(|head| memchr::memmem::find(head, b"SYSCALL_DEFINE").is_some() && head.ends_with(b"("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_told_from_calls_and_prototypes() {
        let text =
            b"int foo(int a);\nint foo(int a)\n{\n\tfoo(1);\n}\nint x = foo(2);\nstatic void\nfoo (void) __must_hold(x)\n{\n}\nafoo(1) {\n";
        let hits: Vec<usize> = memchr::memmem::find_iter(text, b"foo").filter(|at| is_definition(text, *at, at + 3)).collect();
        assert_eq!(hits.len(), 2, "{hits:?}");
        let text = "int a;\n# define take(x, y) \\\n\tdo { lock(x); put(y); } while (0)\nvoid f(void) { take(1, 2); none(); }\n#define take_all 1\n";
        let hits: Vec<usize> = memchr::memmem::find_iter(text.as_bytes(), b"take").collect();
        let called: Vec<_> = hits.iter().filter_map(|at| called_by_macro(text.as_bytes(), *at, at + 4)).collect();
        assert_eq!(called, [BTreeSet::from(["lock".to_owned(), "put".to_owned()])]);
        assert_eq!(system_call("__x64_sys_bind"), Some("bind"));
        for (text, member) in [
            ("\t.open\t= foo,", Some("open")),
            ("x->ops.open = &foo;", Some("open")),
            ("x->open = foo;", Some("open")),
            ("if (x->open == foo)", None),
            ("x->open = foo(1);", None),
            ("p = foo;", None),
        ] {
            let at = text.find("foo").expect("the name");
            assert_eq!(stored_in(text.as_bytes(), at, at + 3).as_deref(), member, "{text}");
        }
    }
}
