//! A program that stands outside of any tree, with the files that it includes.
//!
//! Which names a line includes, and which of them others provide, the caller says; here is only looked for them: beside the including file, then in the
//! folders given. What is not there is left out, and said by nobody: the program's reader misses it.

use crate::input::read_small;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that one program includes; one with more is somebody's mistake.
const MAX_INCLUDED: usize = 256;
/// A file with more bytes is not included.
const MAX_BYTES: u64 = 16 << 20;

/// A name in an inclusion, and whether it may stand beside the including file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Included {
    pub name: String,
    pub beside: bool,
}

/// A program and what it includes, with names relative to one folder that holds them all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gathered {
    /// The program itself.
    pub program: String,
    pub files: Vec<(String, Vec<u8>)>,
    /// Those of the folders given that hold any of the files.
    pub folders: Vec<String>,
}

/// Gathers what a program includes, directly or not, as far as it is there.
pub fn gather(program: &Path, text: &[u8], folders: &[PathBuf], inclusion: &dyn Fn(&str) -> Option<Included>) -> Gathered {
    let folders: Vec<PathBuf> = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    let mut used = vec![false; folders.len()];
    let mut found: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::from([(program.to_owned(), text.to_owned())]);
    let mut waiting = vec![program.to_owned()];
    while let Some(from) = waiting.pop() {
        let text = String::from_utf8_lossy(found.get(&from).map_or(&[], Vec::as_slice)).into_owned();
        for Included { name, beside } in text.lines().filter_map(inclusion) {
            let own = beside.then(|| (None, from.with_file_name("")));
            let places = own.into_iter().chain(folders.iter().cloned().enumerate().map(|(n, folder)| (Some(n), folder)));
            for (folder, place) in places {
                let Ok(path) = place.join(&name).canonicalize() else { continue };
                if !path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_BYTES) {
                    continue;
                }
                if let Some(folder) = folder {
                    used[folder] = true;
                }
                if !found.contains_key(&path)
                    && found.len() <= MAX_INCLUDED
                    && let Ok(bytes) = read_small(&path, MAX_BYTES)
                {
                    found.insert(path.clone(), bytes);
                    waiting.push(path);
                }
                break;
            }
        }
    }
    let used: Vec<&PathBuf> = folders.iter().zip(used).filter(|(_, used)| *used).map(|(folder, _)| folder).collect();
    let mut root = program.with_file_name("");
    let inside = |root: &Path| found.keys().chain(used.iter().copied()).all(|path| path.starts_with(root));
    while !inside(&root) && root.pop() {}
    let name = |path: &Path| path.strip_prefix(&root).unwrap_or(path).display().to_string();
    let folders = used.iter().map(|folder| name(folder)).collect();
    found.remove(program);
    Gathered { program: name(program), files: found.into_iter().map(|(path, bytes)| (name(&path), bytes)).collect(), folders }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_includes_comes_from_beside_it_and_from_folders() {
        let root = std::env::temp_dir().join(format!("cuthere-beside-{}", std::process::id()));
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a/program.c", "\"x.h\n<y.h\n<missing.h\n");
        write("a/x.h", "\"deep/z.h\n");
        write("a/deep/z.h", "");
        write("inc/y.h", "");
        write("inc/x.h", "not this one");
        let inclusion = |line: &str| {
            let (beside, name) = line.split_at_checked(1)?;
            Some(Included { name: name.to_owned(), beside: beside == "\"" })
        };
        let program = root.join("a/program.c").canonicalize().unwrap();
        let text = std::fs::read(&program).unwrap();
        let gathered = gather(&program, &text, &[root.join("inc"), root.join("none")], &inclusion);
        let names: Vec<&str> = gathered.files.iter().map(|f| f.0.as_str()).collect();
        assert_eq!((gathered.program.as_str(), &names[..]), ("a/program.c", &["a/deep/z.h", "a/x.h", "inc/y.h"][..]));
        assert_eq!(gathered.folders, ["inc"]);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
