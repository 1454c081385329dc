//! What has to be known of a tree's files before and after the paths are run: which are read, which function exists under which setting.

use crate::options::{Gap, Options};
use cuthere_base::{FileId, Source, Symbol};
use cuthere_cfront::program::Program;
use cuthere_flow::body::Body;
use cuthere_incremental::Incomplete;
use cuthere_kernel::Model;

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

/// Whether a function stands inside `#if 0`: it exists under no setting at all.
pub(crate) fn in_no_setting(program: &Program<'_>, func: &Body) -> bool {
    let Ok(text) = program.text(func.file) else { return false };
    let mut open: Vec<bool> = Vec::new();
    for line in text.bytes.split(|b| *b == b'\n').take(func.loc.line as usize) {
        let line = line.trim_ascii();
        let Some(directive) = line.strip_prefix(b"#").map(<[u8]>::trim_ascii) else { continue };
        if directive.starts_with(b"if") {
            open.push(directive.strip_prefix(b"if").is_some_and(|c| c.trim_ascii().first() == Some(&b'0')));
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
