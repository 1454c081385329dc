//! A function that the tree does not define: what the kernel model says of it, and which names are like it.
//!
//! Names are looked for in the text of the sources, at the beginning of lines where definitions stand; that is a suggestion and no answer.

use crate::args::{FunctionArgs, ReadFormat};
use crate::inputs::Inputs;
use crate::{Status, nearest, output};
use anyhow::{Result, bail};
use cuthere_base::{FileId, Source, Symbol};
use cuthere_kernel::{Entry, Returns, Sleeps};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Says what is known. An error, unless the model knows the function.
pub fn answer(args: &FunctionArgs, inputs: &Inputs, functions: u64) -> Result<Status> {
    let (name, root) = (args.name.as_str(), inputs.tree.root().display());
    let facts = inputs.model.entry(Symbol::intern(name)).map(facts).unwrap_or_default();
    if facts.is_empty() || args.format == ReadFormat::Json {
        let model = if facts.is_empty() { String::new() } else { format!("; the kernel model says: {}", facts.join(", ")) };
        let near = near(name, inputs).map_or_else(String::new, |near| format!("; {near} is"));
        bail!("no function is called {name} in {root} ({} read){near}{model}", crate::count(functions as usize, "function"));
    }
    output::standard(|out, _| {
        writeln!(out, "{}() is not defined in {root}; the kernel model says:", cuthere_report::escape(name))?;
        facts.iter().try_for_each(|fact| writeln!(out, "  {fact}"))
    })?;
    Ok(Status::Clean)
}

/// What an entry says of sleeping, locks, and what comes back.
fn facts(entry: &Entry) -> Vec<String> {
    let mut out = Vec::new();
    let sleeps = match entry.sleeps {
        Sleeps::Unknown => String::new(),
        Sleeps::Never => "never sleeps".to_owned(),
        Sleeps::Always => "may sleep".to_owned(),
        Sleeps::Sometimes => "sleeps in some states of its objects".to_owned(),
        Sleeps::Gfp(n) => format!("sleeps if argument {} allows reclaim", n + 1),
        Sleeps::IfTrue(n) => format!("sleeps if argument {} is not zero", n + 1),
        Sleeps::IfFalse(n) => format!("sleeps if argument {} is zero", n + 1),
        Sleeps::IfBit(n, bit) => format!("sleeps if argument {} has the bit {bit:#x}", n + 1),
        Sleeps::UnlessBit(n, bit) => format!("sleeps unless argument {} has the bit {bit:#x}", n + 1),
        Sleeps::OnRt | Sleeps::OnBhLock => "sleeps on rt only".to_owned(),
    };
    out.extend(Some(sleeps).filter(|text| !text.is_empty()));
    let locks = |list: &[cuthere_kernel::LockEffect]| list.iter().map(|l| format!("{:?}", l.kind).to_lowercase()).collect::<Vec<_>>();
    for (verb, list) in [("takes", locks(&entry.acquires)), ("gives back", locks(&entry.releases))] {
        if !list.is_empty() {
            out.push(format!("{verb} a lock ({})", list.join(", ")));
        }
    }
    for effect in &entry.context {
        out.push(format!("{} a section ({:?})", if effect.enter { "enters" } else { "leaves" }, effect.part).to_lowercase());
    }
    let returns = match entry.returns {
        Returns::NonNull => "never returns NULL",
        Returns::MayNull => "may return NULL",
        Returns::RarelyNull => "returns NULL when out of memory only",
        Returns::ErrPtr => "may return an error pointer",
        Returns::NullOrErrPtr => "may return NULL or an error pointer",
        Returns::Errno | Returns::Interrupted => "returns zero or an error number",
        Returns::Unknown | Returns::Arg(_) | Returns::ErrorArg(_) => "",
    };
    out.extend(Some(returns.to_owned()).filter(|text| !text.is_empty()));
    for free in &entry.frees {
        out.push(format!("frees argument {}", free.argument + 1));
    }
    for n in &entry.derefs {
        out.push(format!("dereferences argument {}", n + 1));
    }
    if entry.noreturn {
        out.push("does not return".to_owned());
    }
    out
}

/// The name in the tree, or in the model, that is most like it.
fn near(name: &str, inputs: &Inputs) -> Option<String> {
    let tree = &inputs.tree;
    let fits = |word: &str| word.len().abs_diff(name.len()) <= 2 && strsim::damerau_levenshtein(word, name) <= 2;
    let there: BTreeSet<String> = (0..Source::len(tree) as u32)
        .into_par_iter()
        .map(FileId)
        .flat_map_iter(|id| {
            let text = Source::read(tree, id).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            let names = text.lines().filter_map(defined).filter(|word| fits(word)).map(str::to_owned).collect::<Vec<_>>();
            names.into_iter()
        })
        .collect();
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    nearest(name, &there).map(str::to_owned)
}

/// The name before the first bracket of a line that begins at the margin.
fn defined(line: &str) -> Option<&str> {
    let (head, _) = line.split_once('(').filter(|_| line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))?;
    head.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().filter(|word| !word.is_empty())
}
