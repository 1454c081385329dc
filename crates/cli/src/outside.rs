//! Sources outside the tree: a module's folder, read with the tree's headers.
//!
//! Its files are laid into the tree in memory, under a folder of their own, and shown by the names that the user gave. What its Kbuild or
//! Makefile says of includes and macros counts where it is plain: `ccflags-y`, `subdir-ccflags-y` and `EXTRA_CFLAGS` with `-I` and `-D`.
//! A folder that it names beside the module is laid into the tree as well, if it is not a large one. Nothing is run; a value that needs
//! more than the names of folders is left out, and said so.

use crate::output;
use anyhow::{Context, Result, bail};
use cuthere_tree::{OpenOptions, Skipped, Tree};
use std::path::{Component, Path, PathBuf};

/// The folder of the tree under which they stand.
const MOUNT: &str = "extmod";

/// A folder outside, and its place in the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// In the tree.
    pub inner: String,
    /// As the user knows it.
    pub shown: String,
    folder: PathBuf,
    /// A build names it for its headers.
    headers: bool,
}

/// Everything outside that a run looks at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outside {
    mounts: Vec<Mount>,
    /// What is reported on, by the names in the tree.
    pub paths: Vec<String>,
    /// Where includes are looked for.
    pub include: Vec<String>,
    /// Macros that the build defines.
    pub defines: Vec<(String, i64)>,
}

impl Outside {
    /// Takes those of `paths` that exist and lie outside the tree; the others come back. `include` may lie in or outside of it.
    pub fn split(tree: Option<&Path>, paths: &[PathBuf], include: &[PathBuf], current: &Path) -> Result<(Outside, Vec<PathBuf>)> {
        let mut out = Outside::default();
        let mut rest = Vec::new();
        let root = tree.map(|tree| current.join(tree)).and_then(|tree| tree.canonicalize().ok());
        for path in paths {
            let real = current.join(path).canonicalize().ok();
            match (&root, real) {
                (Some(root), Some(real)) if !real.starts_with(root) && (explicit(path) || !root.join(path).exists()) => {
                    out.add(path, &real)?
                }
                _ => rest.push(path.clone()),
            }
        }
        for folder in include {
            let real = current.join(folder).canonicalize().with_context(|| format!("-I {} is not there", folder.display()))?;
            if !real.is_dir() {
                bail!("-I {} is no folder", folder.display());
            }
            let inside = root.clone().or_else(|| cuthere_tree::find_kernel_root(current));
            match inside.as_ref().and_then(|root| real.strip_prefix(root).ok()) {
                Some(relative) => out.include.push(relative.to_string_lossy().into_owned()),
                None => {
                    let inner = out.mount(folder, &real);
                    out.include.push(inner);
                }
            }
        }
        Ok((out, rest))
    }

    fn add(&mut self, path: &Path, real: &Path) -> Result<()> {
        if real.is_dir() {
            let inner = self.mount(path, real);
            self.paths.push(inner);
            return Ok(());
        }
        // A file is read with what stands beside it.
        let (Some(folder), Some(name)) = (real.parent(), real.file_name().and_then(|n| n.to_str())) else {
            bail!("{} is no file", path.display());
        };
        let shown = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let inner = self.mount(shown, folder);
        self.paths.push(format!("{inner}/{name}"));
        Ok(())
    }

    /// The folder's place in the tree; a folder within one that is there already has its place below that.
    fn mount(&mut self, shown: &Path, real: &Path) -> String {
        if let Some((mount, below)) = self.mounts.iter().find_map(|m| Some((m, real.strip_prefix(&m.folder).ok()?))) {
            return if below.as_os_str().is_empty() { mount.inner.clone() } else { format!("{}/{}", mount.inner, below.display()) };
        }
        let name = real.file_name().map_or_else(|| "module".to_owned(), |n| n.to_string_lossy().into_owned());
        let same = self.mounts.iter().filter(|m| m.folder.file_name() == real.file_name()).count();
        let inner = if same == 0 { format!("{MOUNT}/{name}") } else { format!("{MOUNT}/{name}-{}", same + 1) };
        self.mounts.push(Mount { inner: inner.clone(), shown: shown.display().to_string(), folder: real.to_path_buf(), headers: false });
        inner
    }

    /// Whether a file lies in a folder that is there for its headers alone: nobody asked for what is in it.
    pub fn is_header(&self, file: &str) -> bool {
        let below = |folder: &str| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.mounts.iter().any(|m| below(&m.inner)) && !self.paths.iter().any(|path| path == file || below(path))
    }

    /// Lays the files into the tree, with the folders that their build names.
    pub fn lay(&mut self, mut tree: Tree) -> Result<(Tree, Vec<Skipped>)> {
        let mut skipped = Vec::new();
        let mut next = 0;
        while let Some(mount) = self.mounts.get(next).cloned() {
            next += 1;
            let module = Tree::open_dir(&mount.folder, &OpenOptions::default())?;
            skipped.extend(module.skipped().iter().map(|s| Skipped { path: format!("{}/{}", mount.inner, s.path), ..s.clone() }));
            let mut files = Vec::with_capacity(module.len());
            for (n, path) in (0..).zip(module.paths()) {
                match module.read(cuthere_base::FileId(n)) {
                    Ok(bytes) => files.push((format!("{}/{path}", mount.inner), bytes.into_owned())),
                    Err(error) => skipped.push(Skipped {
                        path: format!("{}/{path}", mount.inner),
                        reason: cuthere_tree::SkipReason::Unreadable(error.to_string()),
                    }),
                }
            }
            tree = tree.with_files(files)?;
            // This may find folders that are still to be laid; their own builds are somebody else's.
            if !mount.headers {
                self.read_flags(&module, &mount.folder, &mount.inner);
            }
        }
        Ok((tree, skipped))
    }

    /// What the Makefiles beside the files of a module say; `module` is its place in the tree that is looked at, empty if it is that tree.
    pub fn read_flags(&mut self, files: &Tree, folder: &Path, module: &str) {
        let mut folders: Vec<&str> = files.paths().iter().map(|path| cuthere_base::folder(path)).collect();
        folders.push("");
        folders.sort_unstable();
        folders.dedup();
        for part in folders {
            for name in ["Kbuild", "Makefile"] {
                if let Ok(bytes) = cuthere_tree::read_small(&folder.join(part).join(name), 1 << 20) {
                    self.flags(&String::from_utf8_lossy(&bytes), module, part, folder);
                }
            }
        }
    }

    /// The plain flags of one Makefile in the folder `part` of a module, which is at `root`.
    fn flags(&mut self, text: &str, module: &str, part: &str, root: &Path) {
        let here = join_parts(module, part);
        for line in text.replace("\\\n", " ").lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            let name = name.trim().trim_end_matches(['+', ':', '?']).trim();
            let plain = ["ccflags-y", "ccflags-m", "subdir-ccflags-y", "EXTRA_CFLAGS"].contains(&name) || name.starts_with("CFLAGS_");
            if !plain {
                continue;
            }
            let mut words = value.split('#').next().unwrap_or_default().split_whitespace();
            while let Some(word) = words.next() {
                let folder = match word {
                    "-I" => words.next(),
                    word => word.strip_prefix("-I"),
                };
                if let Some(folder) = folder {
                    match expand(folder, part, root).map_or(Err("is not plain"), |folder| self.include_of(folder, module, root)) {
                        Ok(folder) if !self.include.contains(&folder) => self.include.push(folder),
                        Ok(_) => {}
                        Err(why) => {
                            output::say(&format!("{}: -I{folder} {why}, and was left out", self.shown(&join_parts(&here, "Makefile"))))
                        }
                    }
                } else if let Some(macro_) = word.strip_prefix("-D") {
                    let (name, value) = macro_.split_once('=').unwrap_or((macro_, "1"));
                    let value = value.trim_matches(['"', '\'', '\\']);
                    let known = self.defines.iter().any(|(other, _)| other == name);
                    if !known && !name.is_empty() && !name.contains('$') {
                        // A text that is no number is defined, and has no value that a condition could use.
                        self.defines.push((name.to_owned(), value.parse().unwrap_or(0)));
                    }
                }
            }
        }
    }

    /// The name in the tree of a folder that a Makefile names; else why it has none.
    fn include_of(&mut self, folder: Named, module: &str, root: &Path) -> Result<String, &'static str> {
        let real = match folder {
            Named::Tree(folder) => return Ok(folder),
            Named::Disk(real) => real,
        };
        if let Ok(below) = real.strip_prefix(root) {
            return Ok(join_parts(module, &below.to_string_lossy()));
        }
        let real = real.canonicalize().map_err(|_| "is not there")?;
        if let Ok(below) =
            root.canonicalize().map_or_else(|_| Err(()), |root| real.strip_prefix(root).map(Path::to_path_buf).map_err(|_| ()))
        {
            return Ok(join_parts(module, &below.to_string_lossy()));
        }
        if !is_small(&real) {
            return Err("holds more than headers of a module");
        }
        let inner = self.mount(&real, &real);
        // A folder within a module is read as that.
        if let Some(mount) = self.mounts.iter_mut().find(|m| m.inner == inner) {
            mount.headers = true;
        }
        Ok(inner)
    }

    /// The name by which the user knows a path of the tree.
    pub fn shown(&self, path: &str) -> String {
        let below =
            |m: &Mount| path.strip_prefix(m.inner.as_str()).and_then(|rest| rest.strip_prefix('/')).map(|rest| join(&m.shown, rest));
        self.mounts.iter().find_map(below).unwrap_or_else(|| path.to_owned())
    }

    /// The path in the tree of a name that [`Outside::shown`] gave.
    pub fn inner(&self, shown: &str) -> String {
        let below = |m: &Mount| {
            let rest = if m.shown == "." {
                Some(shown)
            } else {
                shown.strip_prefix(m.shown.trim_end_matches('/')).and_then(|r| r.strip_prefix('/'))
            };
            rest.map(|rest| format!("{}/{rest}", m.inner))
        };
        self.mounts.iter().find_map(below).unwrap_or_else(|| shown.to_owned())
    }

    /// A text in which paths of the tree are named.
    pub fn text(&self, text: &str) -> String {
        self.mounts.iter().fold(text.to_owned(), |text, m| text.replace(&format!("{}/", m.inner), &join(&m.shown, "")))
    }

    /// How the paths of each folder begin in the tree, and where it is.
    pub fn folders(&self) -> Vec<(String, String)> {
        self.mounts.iter().map(|m| (m.inner.clone(), m.folder.display().to_string())).collect()
    }

    /// Whether nothing lies outside.
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty()
    }
}

/// Whether a path says itself where it starts, so that it cannot be one of the tree's.
fn explicit(path: &Path) -> bool {
    path.is_absolute() || matches!(path.components().next(), Some(Component::CurDir | Component::ParentDir))
}

fn join(folder: &str, rest: &str) -> String {
    if folder == "." { rest.to_owned() } else { format!("{}/{rest}", folder.trim_end_matches('/')) }
}

/// The two parts of a path, either of which may be empty.
fn join_parts(folder: &str, rest: &str) -> String {
    [folder, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// Files of a folder that a Makefile names, beyond which it is no folder of headers.
const MOST_FILES: usize = 5000;

/// Whether a folder holds few enough files to be laid into the tree because a Makefile names it.
fn is_small(folder: &Path) -> bool {
    let mut open = vec![folder.to_path_buf()];
    let mut seen = 0usize;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST_FILES {
                return false;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    true
}

/// Where a folder lies that a Makefile names.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Named {
    /// In the tree, by its name there.
    Tree(String),
    /// On disk.
    Disk(PathBuf),
}

/// A folder as a Makefile in the folder `part` of the module at `root` writes it; `None`: more than the usual variables is in it, or it
/// leads out of the tree.
fn expand(text: &str, part: &str, root: &Path) -> Option<Named> {
    let mut text = text.trim_matches('"');
    // Where the build runs is the tree, and the folder of a module is an absolute path: with or without the tree before it, that counts.
    let mut in_tree = true;
    if let Some(rest) = after(text, &["srctree", "KERNEL_SRC", "objtree"]) {
        text = rest.trim_start_matches('/');
        if !text.starts_with('$') {
            return normal(Path::new(text)).filter(|path| !path.is_absolute()).map(|path| Named::Tree(path.to_string_lossy().into_owned()));
        }
    }
    let mut path = PathBuf::new();
    if let Some(rest) = after(text, &["src", "obj"]) {
        (path, text, in_tree) = (root.join(part), rest.trim_start_matches('/'), false);
    } else if let Some(rest) = after(text, &["M", "PWD", "CURDIR", "KBUILD_EXTMOD"]) {
        (path, text, in_tree) = (root.to_path_buf(), rest.trim_start_matches('/'), false);
    }
    if text.contains('$') {
        return None;
    }
    let path = normal(&path.join(text))?;
    Some(if in_tree && !path.is_absolute() { Named::Tree(path.to_string_lossy().into_owned()) } else { Named::Disk(path) })
}

/// What follows one of these variables at the start of a text.
fn after<'t>(text: &'t str, names: &[&str]) -> Option<&'t str> {
    let (close, rest) = text.strip_prefix("$(").map(|rest| (')', rest)).or_else(|| Some(('}', text.strip_prefix("${")?)))?;
    let (name, rest) = rest.split_once(close)?;
    names.contains(&name).then_some(rest)
}

/// A path without `.` and `..`; `None`: it leads up from nowhere.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.pop() => {}
            Component::ParentDir => return None,
            part => out.push(part),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(inner: &str, shown: &str, folder: &str) -> Mount {
        Mount { inner: inner.into(), shown: shown.into(), folder: PathBuf::from(folder), headers: false }
    }

    #[test]
    fn plain_flags_of_a_makefile_count() {
        let mut outside = Outside { mounts: vec![mount("extmod/m", "../m", "/work/m")], ..Outside::default() };
        let text = "obj-m += m.o\nccflags-y += -I$(src)/include -DDEBUG \\\n  -DLEVEL=3 -I $(srctree)/drivers/x\nEXTRA_CFLAGS := -I$(shell pwd) -I${M}/top/../up\nLDFLAGS = -Inot\nCFLAGS_m.o := -I$(srctree)/$(src)/own -Iinclude/linux\n";
        outside.flags(text, "extmod/m", "sub", Path::new("/work/m"));
        assert_eq!(outside.include, ["extmod/m/sub/include", "drivers/x", "extmod/m/up", "extmod/m/sub/own", "include/linux"]);
        assert_eq!(outside.defines, [("DEBUG".to_owned(), 1), ("LEVEL".to_owned(), 3)]);
    }

    #[test]
    fn folders_beside_a_module_are_laid_if_they_are_there() {
        let ground = tempfile::tempdir().expect("a temporary folder");
        let base = ground.path().canonicalize().expect("there");
        for folder in ["m/sub", "shared"] {
            std::fs::create_dir_all(base.join(folder)).expect("made");
        }
        let mut outside = Outside::default();
        let inner = outside.mount(Path::new("m"), &base.join("m"));
        let text = format!("ccflags-y := -I$(src)/../shared -I$(src)/../none -I{}/m/sub -I../../..\n", base.display());
        outside.flags(&text, &inner, "", &base.join("m"));
        assert_eq!(outside.include, ["extmod/shared", "extmod/m/sub"]);
        assert_eq!(outside.mounts.iter().map(|m| m.headers).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn names_are_shown_as_the_user_gave_them() {
        let outside = Outside { mounts: vec![mount("extmod/m", "../m/", ""), mount("extmod/n", ".", "")], ..Outside::default() };
        for (inner, shown) in [("extmod/m/a.c", "../m/a.c"), ("extmod/n/b/c.c", "b/c.c")] {
            assert_eq!((outside.shown(inner).as_str(), outside.inner(shown).as_str()), (shown, inner));
        }
        assert_eq!(outside.shown("net/a.c"), "net/a.c");
        assert_eq!(outside.text("bound at extmod/m/a.c:7"), "bound at ../m/a.c:7");
    }
}
