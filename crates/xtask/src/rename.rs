//! `cargo xtask rename OUT FILE…`: all functions and types that the files define get other names, consistently, token by token.
//!
//! New names are as long as the old ones, so that every place stays where it is. Members keep theirs, and so does what the files do not
//! define. Refuses to look into strings, and at names that are pasted together.

use crate::corpus::tokens;
use anyhow::{Context, Result};
use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::lexer::{Lexer, Raw};
use cuthere_cfront::outline::ItemKind;
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::token::Tok;
use cuthere_kernel::Model;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The folder to write the files to, under their own names, with `names.json`: old name to new
    out: PathBuf,
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// What the names of the files stand for.
#[derive(Default)]
struct Names {
    /// Functions and typedefs.
    ordinary: BTreeSet<String>,
    tags: BTreeSet<String>,
    /// Everything that is written anywhere, so that no new name is taken.
    all: BTreeSet<String>,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<bool> {
    let mut files = Vec::new();
    for path in &args.files {
        files.push(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let (renamed, map) = rename(&files);
    let texts = args.files.iter().zip(&renamed).map(|(path, text)| (path.file_name().unwrap_or_default().to_owned(), text.clone()));
    let names = serde_json::to_vec_pretty(&map)?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    for (name, text) in texts.chain([("names.json".into(), names)]) {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} names in {} files", map.len(), renamed.len());
    Ok(true)
}

/// The files with other names, and old name to new.
fn rename(files: &[Vec<u8>]) -> (Vec<Vec<u8>>, BTreeMap<String, String>) {
    let source = MemorySource::new(files.iter().enumerate().map(|(n, text)| (format!("{n:06}.c"), text.clone())));
    let program = Program::build(&source, Config::default(), Model::builtin().shapes());
    let mut names = Names::default();
    for (n, text) in files.iter().enumerate() {
        let mut written = BTreeSet::new();
        for raw in every_token(text) {
            if raw.kind == Tok::Ident {
                written.insert(word(text, &raw).to_owned());
            }
        }
        for item in &program.outline(FileId(n as u32)).items {
            let name = item.name.as_str();
            if !written.contains(name) {
                continue;
            }
            match item.kind {
                ItemKind::Function | ItemKind::Typedef => names.ordinary.insert(name.to_owned()),
                ItemKind::Record | ItemKind::Enum => names.tags.insert(name.to_owned()),
                _ => false,
            };
        }
        names.all.extend(written);
    }
    let mut map = BTreeMap::new();
    let mut taken = names.all.clone();
    for old in names.ordinary.union(&names.tags) {
        if let Some(new) = (1..26u8).map(|by| turned(old, by)).find(|new| new != old && !taken.contains(new) && !keyword(new)) {
            taken.insert(new.clone());
            map.insert(old.clone(), new);
        }
    }
    let out = files
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let records: Vec<(u32, u32)> = program
                .outline(FileId(n as u32))
                .items
                .iter()
                .filter(|item| item.kind == ItemKind::Record)
                .map(|item| (item.lo, item.hi))
                .collect();
            rewritten(text, &names, &records, &map)
        })
        .collect();
    (out, map)
}

fn rewritten(text: &[u8], names: &Names, records: &[(u32, u32)], map: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = text.to_vec();
    let mut before = "";
    for raw in every_token(text) {
        let name = word(text, &raw);
        let member = matches!(before, "." | "->");
        let tag = matches!(before, "struct" | "union" | "enum");
        let in_record = records.iter().any(|r| r.0 <= raw.lo && raw.lo < r.1);
        let ours = raw.kind == Tok::Ident
            && if tag {
                names.tags.contains(name)
            } else {
                names.ordinary.contains(name) && !member && (!in_record || !names.tags.contains(name))
            };
        if ours
            && let Some(new) = map.get(name)
            && new.len() == (raw.hi - raw.lo) as usize
            && let Some(place) = out.get_mut(raw.lo as usize..raw.hi as usize)
        {
            place.copy_from_slice(new.as_bytes());
        }
        before = name;
    }
    out
}

/// The tokens of a file; of directives those of definitions and conditions, not the paths of includes.
fn every_token(text: &[u8]) -> Vec<Raw> {
    let mut out = tokens(text, 0..text.len(), 1, &[]);
    let mut lexer = Lexer::new(text, 0, text.len(), 1);
    let mut include = false;
    let mut directive_line = 0;
    let mut in_directive = Vec::new();
    let mut hash = false;
    loop {
        let raw = lexer.next();
        if raw.kind == Tok::Eof {
            break;
        }
        if raw.first {
            hash = word(text, &raw) == "#";
            directive_line = raw.line;
            include = false;
        } else if hash && word(text, &raw) == "include" && raw.line == directive_line {
            include = true;
        } else if hash && !include {
            in_directive.push(raw);
        }
    }
    out.extend(in_directive);
    out.sort_by_key(|raw| raw.lo);
    out
}

fn word<'t>(text: &'t [u8], raw: &Raw) -> &'t str {
    text.get(raw.lo as usize..raw.hi as usize).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
}

/// Every letter moved on in the alphabet; a name without letters stays.
fn turned(name: &str, by: u8) -> String {
    let turn = |c: char, base: u8| char::from(base + (c as u8 - base + by) % 26);
    name.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            _ => c,
        })
        .collect()
}

fn keyword(name: &str) -> bool {
    ["if", "do", "for", "int", "auto", "case", "char", "else", "enum", "goto", "long", "void", "asm", "u8", "s8", "bool"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_checks::{Options, Quiet, run as check};
    use std::path::Path;

    #[test]
    fn members_strings_and_foreign_names_stay() {
        let text = b"#include <linux/pump.h>\n#define CALL pump(1)\nstruct pump { int pump; };\nstatic int pump(int n)\n{\n\treturn foreign(\"pump\");\n}\n\
                     int user(struct pump *p)\n{\n\treturn p->pump + pump(2);\n}\n";
        let (out, map) = rename(&[text.to_vec()]);
        let new = &map["pump"];
        let out = String::from_utf8(out[0].clone()).expect("UTF-8");
        assert!(out.contains(&format!("struct {new} {{ int pump; }}")) && out.contains(&format!("p->pump + {new}(2)")), "{out}");
        assert!(out.contains("foreign(\"pump\")") && out.contains("<linux/pump.h>") && out.contains(&format!("CALL {new}(1)")), "{out}");
        assert_eq!(map.len(), 2);
    }

    fn collect(folder: &Path, root: &Path, out: &mut Vec<(String, Vec<u8>)>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                collect(&path, root, out);
            } else {
                let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned();
                out.push((name, std::fs::read(&path).expect("readable")));
            }
        }
    }

    /// Every word that was or could have been renamed becomes its new name.
    fn canonical(text: &str, map: &BTreeMap<String, String>) -> String {
        let mut out = String::new();
        for part in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let end = part.rfind(|c: char| c.is_ascii_alphanumeric() || c == '_').map_or(0, |last| last + 1);
            out.push_str(map.get(&part[..end]).map_or(&part[..end], |new| new));
            out.push_str(&part[end..]);
        }
        out
    }

    fn findings(files: &[(String, Vec<u8>)], map: &BTreeMap<String, String>) -> Vec<String> {
        let source = MemorySource::new(files.to_vec());
        let found = check(&source, &Model::builtin(), &Options::default(), &Quiet).findings;
        let mut out: Vec<String> = found
            .iter()
            .map(|f| {
                let steps: Vec<String> =
                    f.steps.iter().map(|s| format!("{}:{}:{} {} {}", s.file, s.line, s.column, s.function, s.text)).collect();
                // Paths hold words too, and are never renamed.
                let said = format!("{} {} {:?} {:?} {}", f.function, f.message, f.assumes, f.locks, f.context);
                format!(
                    "{}:{}:{} {} {:?} {}",
                    f.file,
                    f.line,
                    f.column,
                    f.check,
                    f.confidence,
                    canonical(&format!("{said} {}", steps.join(" | ")), map)
                )
            })
            .collect();
        out.sort();
        out
    }

    #[test]
    fn renaming_changes_nothing_but_names() {
        let root = crate::root::root().join("examples/kernel");
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        let ours = |path: &str| path.ends_with(".c") || path == "include/net/mini.h";
        let old: Vec<Vec<u8>> = files.iter().filter(|(path, _)| ours(path)).map(|(_, text)| text.clone()).collect();
        let (new, map) = rename(&old);
        let mut new = new.into_iter();
        let renamed: Vec<(String, Vec<u8>)> =
            files.iter().map(|(path, text)| (path.clone(), if ours(path) { new.next().expect("as many") } else { text.clone() })).collect();
        assert!(map.len() > 100, "{} names", map.len());
        assert_ne!(files, renamed);
        let (before, after) = (findings(&files, &map), findings(&renamed, &map));
        assert!(before.len() > 10, "{}", before.len());
        assert_eq!(before, after);
    }
}
