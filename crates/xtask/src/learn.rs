//! `cargo xtask learn TREE`: what the bodies of a tree say about the functions that its headers declare, as `models/learned.toml`.
//! Decides only how the file is laid out: one entry for all names of which the same is known.

use crate::corpus;
use cuthere_analysis::{Learned, LearnedSleep, Options, Quiet};
use cuthere_kernel::Model;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The tree
    tree: PathBuf,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let tree = corpus::open(&args.tree)?;
    let model = Model::builtin().for_preempt(false);
    let pool = rayon::ThreadPoolBuilder::new().stack_size(16 << 20).build()?;
    let learned = pool.install(|| cuthere_analysis::learn(&tree, &model, &Options::default(), &Quiet));
    print!("{}", file(&learned));
    Ok(true)
}

/// The model file.
fn file(learned: &[Learned]) -> String {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for l in learned {
        groups.entry(facts(l)).or_default().push(&l.name);
    }
    let mut out = String::from(
        "# Entries derived from a tree by `cargo xtask learn`; anything written by hand, and any body in the tree, wins over them.\n\nlearned = true\n",
    );
    for (facts, names) in groups {
        out.push_str("\n[[entry]]\nname = \"\"\"\n");
        let mut width = 0;
        for (i, name) in names.iter().enumerate() {
            if i > 0 && width + name.len() > 118 {
                out.push('\n');
                width = 0;
            } else if i > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(name);
            width += name.len();
        }
        let _ = write!(out, "\"\"\"\n{facts}");
    }
    out
}

fn facts(l: &Learned) -> String {
    let mut out = String::new();
    match l.sleeps {
        LearnedSleep::No => {}
        LearnedSleep::Always => out.push_str("sleeps = \"always\"\n"),
        LearnedSleep::Sometimes => out.push_str("sleeps = \"sometimes\"\n"),
        LearnedSleep::Gfp(i) => {
            let _ = writeln!(out, "sleeps = \"gfp {i}\"");
        }
    }
    if l.allocates {
        out.push_str("allocates = true\n");
    }
    if l.may_be_null {
        out.push_str("returns = \"may-null\"\n");
    }
    if !l.derefs.is_empty() {
        let _ = writeln!(out, "derefs = {:?}", l.derefs);
    }
    if l.returns_ref {
        out.push_str("returns_ref = true\n");
    }
    if !l.refs.is_empty() {
        let refs: Vec<String> = l.refs.iter().map(|(n, put)| format!("{} {n}", if *put { "put" } else { "get" })).collect();
        let _ = writeln!(out, "refs = {refs:?}");
    }
    out
}
