//! `cargo xtask helpers TREE…`: the names of the functions that the files of `crates/splat/data/helpers.toml` define in these trees, as
//! `crates/splat/data/helpers.txt`. Assembly counts, as far as its macros name what they define.

use crate::corpus;
use anyhow::{Context as _, bail};
use cuthere_base::FileId;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_kernel::Model;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

#[derive(clap::Args)]
pub struct Args {
    /// The trees
    #[arg(required = true)]
    trees: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Table {
    group: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    files: Vec<String>,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let path = crate::root::root().join("crates/splat/data/helpers.toml");
    let table: Table = toml::from_str(&std::fs::read_to_string(&path)?).with_context(|| format!("cannot read {}", path.display()))?;
    let mut groups = Vec::new();
    for group in table.group.into_iter().filter(|g| !g.files.is_empty()) {
        groups.push((group.name, globs(&group.files)?, BTreeSet::new()));
    }
    for tree in &args.trees {
        collect(tree, &mut groups)?;
    }
    let mut out = String::from("# Made by `cargo xtask helpers` from the files that helpers.toml names.\n");
    for (name, _, functions) in &groups {
        if functions.is_empty() {
            bail!("the files of group {name} define nothing in these trees");
        }
        out.push_str(&format!("\n[{name}]\n"));
        for function in functions {
            out.push_str(function);
            out.push('\n');
        }
    }
    print!("{out}");
    Ok(true)
}

fn globs(patterns: &[String]) -> anyhow::Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
    }
    Ok(set.build()?)
}

fn collect(root: &Path, groups: &mut [(String, GlobSet, BTreeSet<String>)]) -> anyhow::Result<()> {
    let source = corpus::open(root)?;
    let assembly = assembly(root)?;
    let program = Program::build(&source, Config::default(), Model::builtin().shapes());
    for (_, files, functions) in groups {
        for file in (0..source.len() as u32).map(FileId).filter(|file| files.is_match(source.path(*file))) {
            let items = program.functions(file).iter().map(|&item| program.item(ItemRef { file, item }));
            functions.extend(items.filter(|item| item.kind == ItemKind::Function).map(|item| item.name.as_str().to_owned()));
        }
        functions.extend(assembly.iter().filter(|(path, _)| files.is_match(path)).map(|(_, name)| name.clone()));
    }
    Ok(())
}

/// What the assembly files define: paths and names.
fn assembly(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    const MACROS: &[&str] =
        &["ENTRY(", "WEAK(", "GLOBAL(", "SYM_FUNC_START", "SYM_CODE_START", "SYM_FUNC_ALIAS", "SYM_TYPED_FUNC_START", "_GLOBAL"];
    let mut found = Vec::new();
    for entry in WalkDir::new(root.join("arch")).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_none_or(|e| e != "S") {
            continue;
        }
        let path = entry.path().strip_prefix(root)?.to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&std::fs::read(entry.path())?).into_owned();
        let lines = text.lines().filter(|line| MACROS.iter().any(|m| line.starts_with(m)));
        let names = lines.filter_map(|line| line.split_once('(')?.1.split([',', ')']).next()).map(str::trim);
        let plain = |name: &&str| !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        found.extend(names.filter(plain).map(|name| (path.clone(), name.to_owned())));
    }
    Ok(found)
}
