//! Outlines every C file under a directory and prints counts and speed: `scan_tree DIR [--functions] [--notes]`.

use cuthere_cfront::condition::Lookup;
use cuthere_cfront::config::Options;
use cuthere_cfront::outline::ItemKind;
use cuthere_cfront::program::Config;
use cuthere_cfront::scan::scan;
use cuthere_cfront::shapes::Shapes;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn collect(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            collect(&path, out);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "c" || e == "h") {
            out.push(path);
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(root) = args.iter().find(|a| !a.starts_with("--")) else {
        eprintln!("usage: scan_tree DIR [--functions] [--notes] [--items] [--suffix=.c]");
        return;
    };
    let flag = |name: &str| args.iter().any(|a| a == name);
    let mut files = Vec::new();
    let root = Path::new(root);
    if root.is_file() {
        files.push(root.to_owned())
    } else {
        collect(root, &mut files)
    }
    if let Some(suffix) = args.iter().find_map(|a| a.strip_prefix("--suffix=")) {
        files.retain(|f| f.to_string_lossy().ends_with(suffix));
    }
    let texts: Vec<Vec<u8>> = files.par_iter().map(|f| std::fs::read(f).unwrap_or_default()).collect();
    let mut options: BTreeMap<String, Options> = BTreeMap::new();
    let arch_of = |path: &Path| -> String {
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        path.strip_prefix("arch/").and_then(|p| p.split('/').next()).unwrap_or("x86").to_owned()
    };
    for file in &files {
        let arch = arch_of(file);
        options.entry(arch).or_insert_with_key(|a| Options::new(&Config::default(), a));
    }
    let shapes = Shapes::default();
    let start = Instant::now();
    let outlines: Vec<_> =
        files.par_iter().zip(&texts).map(|(f, text)| scan(text, &options[&arch_of(f)], &shapes, &|_| Lookup::Unknown)).collect();
    let seconds = start.elapsed().as_secs_f64();
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut macros, mut bulk, mut bulk_files, mut includes, mut notes, mut left_out) = (0, 0, 0, 0, 0, 0u64);
    for (outline, file) in outlines.iter().zip(&files) {
        for item in &outline.items {
            let count = kinds.entry(format!("{:?}", item.kind)).or_default();
            if item.active {
                count.0 += 1
            } else {
                count.1 += 1
            }
            if flag("--functions") && item.kind == ItemKind::Function || flag("--items") {
                println!(
                    "{}:{}:{}-{} {:?} {}{}",
                    file.display(),
                    item.loc.line,
                    item.loc.col,
                    item.end_line,
                    item.kind,
                    item.name,
                    if item.active { "" } else { " (inactive)" }
                );
            }
        }
        macros += outline.macros.len();
        if let Some(b) = &outline.bulk {
            bulk += b.len();
            bulk_files += 1;
        }
        includes += outline.includes.len();
        left_out += outline.inactive.iter().map(|r| u64::from(r.1 - r.0)).sum::<u64>();
        notes += outline.notes.len();
        if flag("--notes") {
            for (loc, note) in &outline.notes {
                println!("{}:{}: {note}", file.display(), loc.line);
            }
        }
    }
    eprintln!("{} files, {:.1} MB, {seconds:.2} s, {:.0} MB/s", files.len(), bytes as f64 / 1e6, bytes as f64 / 1e6 / seconds);
    for (kind, (active, inactive)) in kinds {
        eprintln!("{kind:12} {active:>9} active {inactive:>8} inactive");
    }
    eprintln!("{includes} includes, {macros} macros, {bulk} in {bulk_files} bulk files, {left_out} bytes left out, {notes} notes");
}
