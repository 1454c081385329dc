//! Every check is whole: a file that opens with its page, a generated page, fixtures of both kinds, and a line in the registry.
//!
//! A check file is one in `crates/checks/src` that holds its own id as a string. Folders of fixtures for checks that do not exist yet are let be while `pending.txt` lists all of
//! their `bug_` fixtures. No other file of the engine, the conductor or the checks names a check.

use super::collect;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the registry is.
const REGISTRY: &str = "lib.rs";
/// The crates in which no check is named.
const ENGINE: [&str; 4] = ["flow", "incremental", "analysis", "checks"];

/// What is missing of checks, and fixtures of none.
pub fn complaints(root: &Path) -> Result<Vec<String>> {
    let registered: BTreeSet<&str> = cuthere_cli::pages().into_iter().map(|(id, _)| id).collect();
    let folder = root.join("crates/checks");
    let registry = fs::read_to_string(folder.join("src").join(REGISTRY)).context("cannot read the registry of checks")?;
    let mut out = Vec::new();
    for id in files(&folder.join("src"))? {
        if !registered.contains(id.as_str()) {
            out.push(format!("crates/checks/src/{}.rs: `{id}` is not in the registry", stem(&id)));
        }
    }
    for id in &registered {
        let file = format!("crates/checks/src/{}.rs", stem(id));
        match fs::read_to_string(root.join(&file)) {
            Ok(text) if text.starts_with("//!") => {}
            Ok(_) => out.push(format!("{file}: does not open with the check's page")),
            Err(_) => out.push(format!("{file}: missing, although `{id}` is registered")),
        }
        if !registry.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(&format!("{}::", stem(id)))) {
            out.push(format!("crates/checks/src: no line of the registry names {}", stem(id)));
        }
        if !root.join(format!("docs/checks/{id}.md")).exists() {
            out.push(format!("docs/checks/{id}.md: missing; run `cargo xtask gen`"));
        }
        for kind in ["bug_", "ok_"] {
            if fixtures(&folder.join("fixtures").join(id), kind).is_empty() {
                out.push(format!("crates/checks/fixtures/{id}: no `{kind}*.c`"));
            }
        }
    }
    let pending = fs::read_to_string(folder.join("fixtures/pending.txt")).context("cannot read crates/checks/fixtures/pending.txt")?;
    for entry in fs::read_dir(folder.join("fixtures")).context("cannot list crates/checks/fixtures")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let listed = |fixture: &String| pending.lines().any(|l| l.split(' ').next() == Some(&format!("{name}/{fixture}")));
        if entry.path().is_dir() && !registered.contains(name.as_str()) && !fixtures(&entry.path(), "bug_").iter().all(listed) {
            out.push(format!("crates/checks/fixtures/{name}: fixtures of no check"));
        }
    }
    out.extend(elsewhere(root, &registered)?);
    out.sort();
    Ok(out)
}

/// Where code of the engine, the conductor or another check names a check.
fn elsewhere(root: &Path, ids: &BTreeSet<&str>) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for name in ENGINE {
        collect(&root.join("crates").join(name).join("src"), &mut files);
    }
    files.sort();
    let mut out = Vec::new();
    for path in files {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path == root.join("crates/checks/src").join(REGISTRY) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        for id in ids.iter().filter(|id| name != format!("{}.rs", stem(id))) {
            if let Some(line) = named(&text, id) {
                out.push(format!("{shown}:{line}: names the check {id}, which only its own file and the registry do"));
            }
        }
    }
    Ok(out)
}

/// The first line of code, outside comments, that names a check.
fn named(text: &str, id: &str) -> Option<usize> {
    let (quoted, path) = (format!("\"{id}\""), format!("{}::", stem(id)));
    let code = |line: &str| !line.trim_start().starts_with("//") && (line.contains(&quoted) || line.contains(&path));
    text.lines().position(code).map(|index| index + 1)
}

/// The ids of the check files of a folder.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".rs").filter(|stem| stem.contains('_')) else { continue };
        let id = stem.replace('_', "-");
        let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
        if text.contains(&format!("\"{id}\"")) {
            out.push(id);
        }
    }
    out.sort();
    Ok(out)
}

fn stem(id: &str) -> String {
    id.replace('-', "_")
}

/// The names of the fixtures of a kind.
fn fixtures(folder: &Path, kind: &str) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    names.filter(|n| n.starts_with(kind) && n.ends_with(".c")).collect()
}

#[cfg(test)]
mod tests {
    use super::{files, named};

    #[test]
    fn check_files_hold_their_id_and_others_that_name_it_are_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in
            [("null_deref.rs", "const ID: &str = \"null-deref\";"), ("null_field.rs", "//! null-field"), ("run.rs", "\"run\"")]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        assert_eq!(files(folder.path()).expect("listed"), ["null-deref"]);
        assert_eq!(named("// \"null-deref\"\nlet x = \"null-deref\";\n", "null-deref"), Some(2));
        assert_eq!(named("crate::null_deref::CHECK", "null-deref"), Some(1));
        assert_eq!(named("//! `null-deref` is told apart.\nfn null_deref_like() {}\n", "null-deref"), None);
    }
}
