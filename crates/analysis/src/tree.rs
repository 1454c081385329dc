//! What has to be known of a tree's files before and after the paths are run: which are read, which function exists under which setting.

use crate::options::{Gap, Options};
use cuthere_base::{FileId, Source, Symbol};
use cuthere_cfront::lexer::is_ident;
use cuthere_cfront::program::Program;
use cuthere_flow::body::{Body, Op, OpKind, Target};
use cuthere_incremental::Incomplete;
use cuthere_kernel::Model;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

pub(crate) fn outline<'s>(source: &'s dyn Source, model: &Model, options: &Options) -> Program<'s> {
    let shapes = model.shapes();
    let config = options.config.clone();
    if options.paths.is_empty() || options.paths.iter().any(|p| p.is_empty()) {
        return Program::build(source, config, shapes);
    }
    let roots = (0..source.len() as u32).map(FileId).filter(|f| options.covers(source.path(*f))).collect::<Vec<_>>();
    Program::build_partial(source, config, shapes, &roots)
}

/// Whether files belong to architectures that no kernel is built for at once. User-mode Linux runs on x86 code, 64-bit Arm shares some of
/// 32-bit's.
pub(crate) fn two_architectures<'p>(paths: impl Iterator<Item = &'p str>) -> bool {
    let mut first = None;
    paths.filter_map(|p| p.strip_prefix("arch/")?.split('/').next()).filter(|a| *a != "um").any(|arch| {
        let arch = if arch == "arm64" { "arm" } else { arch };
        *first.get_or_insert(arch) != arch
    })
}

/// Whether a function stands inside `#if 0`, or inside `#ifdef` of a name that the file itself has undefined: it exists under no setting at all.
pub(crate) fn in_no_setting(program: &Program<'_>, func: &Body) -> bool {
    let Ok(text) = program.text(func.file) else { return false };
    let mut open: Vec<bool> = Vec::new();
    let mut undefined: Vec<&[u8]> = Vec::new();
    for line in text.bytes.split(|b| *b == b'\n').take(func.loc.line as usize) {
        let line = line.trim_ascii();
        let Some(directive) = line.strip_prefix(b"#").map(<[u8]>::trim_ascii) else { continue };
        let name = |word: &str| directive.strip_prefix(word.as_bytes()).and_then(|rest| rest.trim_ascii().split(|b| !is_ident(*b)).next());
        if let Some(name) = name("undef") {
            undefined.push(name);
        } else if let Some(name) = name("define") {
            undefined.retain(|u| *u != name);
        } else if let Some(name) = name("ifdef") {
            open.push(undefined.contains(&name));
        } else if directive.starts_with(b"if") {
            open.push(name("if") == Some(b"0"));
        } else if directive.starts_with(b"el") {
            if let Some(last) = open.last_mut() {
                *last = false;
            }
        } else if directive.starts_with(b"endif") {
            open.pop();
        }
    }
    open.contains(&true)
}

pub(crate) fn gap(program: &Program<'_>, i: &Incomplete) -> Gap {
    Gap {
        file: program.source.path(i.file).to_owned(),
        line: i.loc.line,
        function: i.function.as_str().to_owned(),
        reason: i.reason.clone(),
    }
}

/// A GFP bit's value: the tree's own if it defines one, else the model's.
pub(crate) fn gfp(program: &Program<'_>, model: &Model, names: &[&str]) -> i64 {
    for path in ["include/linux/gfp_types.h", "include/linux/gfp.h"] {
        if let Some(file) = program.source.find(path)
            && !program.outline(file).macros.is_empty()
        {
            for name in names {
                if let Some(value) = program.macro_constant(file, Symbol::intern(name))
                    && value != 0
                {
                    return value;
                }
            }
        }
    }
    names.iter().find_map(|n| model.constant(Symbol::intern(n))).unwrap_or(0)
}

/// The accesses to user memory that architectures' own files make by macros without an assertion, by file and name.
pub(crate) fn tolerant(program: &Program<'_>, model: &Model, funcs: &[Body]) -> FxHashSet<(FileId, Symbol)> {
    const ASSERTIONS: &[&str] = &["might_fault", "might_sleep"];
    let own = |d: &&Body| program.source.path(d.file).starts_with("arch/");
    let faults = |d: &Body| -> Vec<(FileId, Symbol)> {
        let name = |op: &Op| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => Some(name).filter(|name| model.entry(*name).is_some_and(|e| e.faults)),
            _ => None,
        };
        d.ops.iter().filter_map(name).map(|name| (d.file, name)).collect()
    };
    let mut all: Vec<(FileId, Symbol)> = funcs.par_iter().filter(own).flat_map_iter(faults).collect();
    all.sort_unstable_by_key(|(file, name)| (*file, name.as_str()));
    all.dedup();
    all.retain(|(file, name)| !ASSERTIONS.contains(&name.as_str()) && program.mentions(*file, *name, ASSERTIONS, 3) == Some(false));
    all.into_iter().collect()
}
