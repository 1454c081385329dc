//! Where the tree defines what a scenario lacks: so that an unknown outcome says which line to write.
//!
//! The files that a scenario does not include are not read by outline, so definitions are looked for in their text, in the folders where the kernel keeps what
//! everybody calls and in those around the scenario's own files. Text that only looks like a definition is believed.

use cuthere_base::FileId;
use cuthere_cfront::program::Program;
use std::time::Instant;

/// Folders that hold what drivers call.
const FOLDERS: [&str; 12] = [
    "kernel/",
    "lib/",
    "mm/",
    "fs/",
    "block/",
    "net/core/",
    "drivers/base/",
    "drivers/pci/",
    "drivers/usb/core/",
    "drivers/clk/",
    "drivers/gpio/",
    "sound/core/",
];
/// Files that are looked into, and names that are looked for.
const FILES_MAX: usize = 8000;
const NAMES_MAX: usize = 16;

/// For each name, the line to write, as far as it is found until then.
pub(crate) fn hints<'n>(program: &Program<'_>, scenario: FileId, names: impl Iterator<Item = &'n str>, until: Instant) -> Vec<String> {
    let mut wanted: Vec<&str> = Vec::new();
    for name in names {
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_name && !wanted.contains(&name) && wanted.len() < NAMES_MAX {
            wanted.push(name);
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Option<String>> = vec![None; wanted.len()];
    let mut late = false;
    for file in candidates(program, scenario) {
        late = Instant::now() >= until;
        if late || found.iter().all(Option::is_some) {
            break;
        }
        let Ok(bytes) = program.source.read(file) else { continue };
        for (name, place) in wanted.iter().zip(&mut found).filter(|(_, place)| place.is_none()) {
            if defines(&bytes, name) {
                *place = Some(program.source.path(file).to_owned());
            }
        }
    }
    let told = |(name, place): (&&str, Option<String>)| match place {
        Some(path) => format!("`{name}` is defined in {path}: write #include \"{path}\", or define it in the scenario"),
        None if late => {
            format!("`{name}`: where the tree defines it was not found in time; more --time finds it, or define it in the scenario")
        }
        None => format!("`{name}` was not found in the tree's common parts: define it in the scenario"),
    };
    wanted.iter().zip(found).map(told).collect()
}

/// The files in which to look, nearest first.
fn candidates(program: &Program<'_>, scenario: FileId) -> Vec<FileId> {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut near: Vec<String> = program.includes(scenario).iter().map(|&f| folder(program.source.path(f))).collect();
    near.retain(|folder| !folder.is_empty() && !folder.starts_with("include/"));
    let all = (0..program.files.len() as u32).map(FileId);
    let sources: Vec<FileId> = all.filter(|&f| f != scenario && program.source.path(f).ends_with(".c")).collect();
    let of = |test: &dyn Fn(&str) -> bool| -> Vec<FileId> { sources.iter().copied().filter(|&f| test(program.source.path(f))).collect() };
    let mut out = of(&|path| near.contains(&folder(path)));
    out.extend(of(&|path| !near.contains(&folder(path)) && FOLDERS.iter().any(|folder| path.starts_with(folder))));
    out.truncate(FILES_MAX);
    out
}

/// Whether a line that begins in its first column defines the name.
fn defines(text: &[u8], name: &str) -> bool {
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&text[from..], name.as_bytes()).map(|at| at + from) {
        from = at + name.len();
        let start = text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
        let before = &text[start..at];
        let whole = before.last().is_none_or(|b| matches!(b, b' ' | b'*' | b'\t' | b'('));
        let head = before.first().copied().unwrap_or(b'x');
        if !whole || !(head.is_ascii_alphabetic() || head == b'_') || before.starts_with(b"extern") || before.contains(&b'=') {
            continue;
        }
        match text.get(from) {
            // `name(…)` and then a brace.
            Some(b'(') if !before.contains(&b'(') => {
                let mut depth = 0;
                let end = text[from..].iter().position(|b| {
                    depth += i32::from(*b == b'(') - i32::from(*b == b')');
                    depth == 0
                });
                let after = end.and_then(|end| text[from + end + 1..].iter().find(|b| !b.is_ascii_whitespace()));
                if after == Some(&b'{') {
                    return true;
                }
            }
            // A variable, also one that a macro makes: `DEFINE_MUTEX(name);`.
            Some(b';' | b'[' | b' ' | b',' | b')') if !before.is_empty() && (before.contains(&b'(') == before.starts_with(b"DEFINE_")) => {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_told_from_uses() {
        let text = b"extern int level;\nint ask(struct pump *p);\nint ask(struct pump *p)\n{\n\treturn fill(p);\n}\nDEFINE_MUTEX(lock);\nstatic unsigned long level = 3;\n";
        for (name, is) in [("ask", true), ("fill", false), ("lock", true), ("level", true), ("pump", false), ("as", false)] {
            assert_eq!(defines(text, name), is, "{name}");
        }
    }
}
