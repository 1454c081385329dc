//! The order of the crates: each depends only on those that ARCHITECTURE.md names before it.
//!
//! Decides by the manifests alone. What only tests need is free, as it cannot make a circle of what is built; crates that the list names and that do not exist
//! are passed over.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// What the names in manifests begin with.
const PREFIX: &str = "cuthere-";
/// What the list begins after.
const LIST: &str = "depends only on those named before it:";
/// Stands outside: it may depend on all others.
const OUTSIDE: &str = "xtask";

/// The dependencies that break the order, and crates that the list leaves out.
pub fn complaints(root: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).context("cannot read ARCHITECTURE.md")?;
    let order = order(&text).context("ARCHITECTURE.md does not list the crates in order")?;
    let mut crates: Vec<(String, String)> = Vec::new();
    for entry in fs::read_dir(root.join("crates")).context("cannot list crates")?.flatten() {
        let path = entry.path().join("Cargo.toml");
        if path.exists() {
            let manifest = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            crates.push((entry.file_name().to_string_lossy().into_owned(), manifest));
        }
    }
    crates.sort();
    let mut out = Vec::new();
    for (name, manifest) in &crates {
        out.extend(breaches(&order, name, manifest)?);
    }
    Ok(out)
}

/// The names between back quotes, from the words that introduce the list to the end of it.
fn order(text: &str) -> Option<Vec<&str>> {
    let (_, after) = text.split_once(LIST)?;
    let list = after.split([';', '.']).next()?;
    Some(list.split('`').skip(1).step_by(2).collect())
}

/// What is wrong with one crate's dependencies.
fn breaches(order: &[&str], name: &str, manifest: &str) -> Result<Vec<String>> {
    if name == OUTSIDE {
        return Ok(Vec::new());
    }
    let Some(own) = order.iter().position(|n| *n == name) else {
        return Ok(vec![format!("crates/{name}: ARCHITECTURE.md does not name it in the order of crates")]);
    };
    let table: toml::Table = manifest.parse().with_context(|| format!("crates/{name}/Cargo.toml"))?;
    let targets =
        table.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|t| t.values()).filter_map(toml::Value::as_table);
    let sections = std::iter::once(&table).chain(targets).flat_map(|t| ["dependencies", "build-dependencies"].map(|key| t.get(key)));
    let mut out = Vec::new();
    for dependency in sections.flatten().filter_map(toml::Value::as_table).flat_map(|section| section.keys()) {
        let Some(other) = dependency.strip_prefix(PREFIX) else { continue };
        match order.iter().position(|n| *n == other) {
            Some(at) if at < own => {}
            _ => out.push(format!("crates/{name}/Cargo.toml: depends on {other}, which does not come before it in ARCHITECTURE.md")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{breaches, order};

    #[test]
    fn dependencies_go_one_way() {
        let text = "Data goes one way. A crate depends only on those named before it: `base`, `tree`,\n`flow`; `xtask` stands outside.";
        let order = order(text).expect("a list");
        assert_eq!(order, ["base", "tree", "flow"]);
        let said = |name: &str, manifest: &str| breaches(&order, name, manifest).expect("a manifest").len();
        assert_eq!(said("flow", "[dependencies]\ncuthere-base.workspace = true\nrayon = \"1\"\n"), 0);
        assert_eq!(said("tree", "[dependencies]\ncuthere-base.workspace = true\ncuthere-flow.workspace = true\n"), 1);
        assert_eq!(said("base", "[dev-dependencies]\ncuthere-flow.workspace = true\n"), 0);
        assert_eq!(said("base", "[build-dependencies]\ncuthere-flow.workspace = true\n"), 1);
        assert_eq!(said("base", "[target.'cfg(unix)'.dependencies]\ncuthere-tree.workspace = true\n"), 1);
        assert_eq!(said("tree", "[dependencies]\ncuthere-new.workspace = true\n"), 1);
        assert_eq!(said("new", ""), 1);
        assert_eq!(said("xtask", "[dependencies]\ncuthere-flow.workspace = true\n"), 0);
    }
}
