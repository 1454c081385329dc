//! Runs after a change: what a run finds with what the run before has left is what it finds from nothing.
#![no_main]

use cuthere_base::{FileId, MemorySource, Source};
use cuthere_checks::{Options, Quiet, run, run_keeping};
use cuthere_incremental::Keep;
use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{LazyLock, Mutex};

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

/// What runs leave, in memory.
#[derive(Default)]
struct Kept {
    entries: Mutex<HashMap<(&'static str, String), Vec<u8>>>,
    contents: Vec<[u8; 32]>,
}

impl Keep for Kept {
    fn content(&self, file: FileId) -> Option<[u8; 32]> {
        self.contents.get(file.index()).copied()
    }
    fn get(&self, what: &'static str, part: &str) -> Option<Vec<u8>> {
        self.entries.lock().expect("one thread at a time").get(&(what, part.to_owned())).cloned()
    }
    fn put(&self, entries: Vec<(&'static str, String, Vec<u8>)>) {
        let mut kept = self.entries.lock().expect("one thread at a time");
        kept.extend(entries.into_iter().map(|(what, part, bytes)| ((what, part), bytes)));
    }
}

fn content(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (salt, part) in out.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (salt, bytes).hash(&mut hasher);
        part.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    out
}

fuzz_target!(|input: (&[u8], u8, u16, u16, &[u8])| {
    let (text, file, at, len, instead) = input;
    // Two files and their header, cut from one text; then some bytes of one of them become others.
    let third = text.len() / 3;
    let mut files = [text[..third].to_vec(), text[third..2 * third].to_vec(), text[2 * third..].to_vec()];
    let mut kept = Kept::default();
    for change in [false, true] {
        if change {
            let changed = &mut files[usize::from(file) % 3];
            let from = usize::from(at).min(changed.len());
            let to = (from + usize::from(len)).min(changed.len());
            changed.splice(from..to, instead.iter().copied());
        }
        let header = [b"#define NULL ((void *)0)\n".as_slice(), &files[2]].concat();
        let first = [b"#include <linux/a.h>\n".as_slice(), &files[0]].concat();
        let source = MemorySource::new([("a/a.c", first.as_slice()), ("b/b.c", &files[1]), ("include/linux/a.h", &header)]);
        kept.contents = (0..source.len() as u32).map(|n| content(&source.read(FileId(n)).expect("in memory"))).collect();
        let anew = run(&source, &MODEL, &Options::default(), &Quiet).findings;
        let again = run_keeping(&source, &MODEL, &Options::default(), &Quiet, Some(&kept)).findings;
        assert_eq!(anew, again);
    }
});
