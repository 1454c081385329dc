//! A run after a change, with what the run before has left, finds exactly what a run from nothing finds.

use cuthere_base::{FileId, MemorySource, Source};
use cuthere_checks::{Options, Outcome, Quiet, run, run_keeping};
use cuthere_incremental::Keep;
use cuthere_kernel::Model;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Default)]
struct Kept {
    entries: Mutex<HashMap<(&'static str, String), Vec<u8>>>,
    contents: Vec<[u8; 32]>,
    written: AtomicU32,
}

impl Keep for Kept {
    fn content(&self, file: FileId) -> Option<[u8; 32]> {
        self.contents.get(file.index()).copied()
    }
    fn get(&self, what: &'static str, part: &str) -> Option<Vec<u8>> {
        self.entries.lock().unwrap().get(&(what, part.to_owned())).cloned()
    }
    fn put(&self, entries: Vec<(&'static str, String, Vec<u8>)>) {
        self.written.fetch_add(entries.len() as u32, Ordering::Relaxed);
        self.entries.lock().unwrap().extend(entries.into_iter().map(|(what, part, bytes)| ((what, part), bytes)));
    }
}

fn contents(source: &MemorySource) -> Vec<[u8; 32]> {
    let hash = |n: u32| {
        let mut out = [0; 32];
        for (salt, part) in out.chunks_mut(8).enumerate() {
            let mut hasher = DefaultHasher::new();
            (salt, source.read(FileId(n)).unwrap()).hash(&mut hasher);
            part.copy_from_slice(&hasher.finish().to_le_bytes());
        }
        out
    };
    (0..source.len() as u32).map(hash).collect()
}

type Files = BTreeMap<String, String>;

fn start() -> Files {
    let files = [
        (
            "include/linux/types.h",
            "typedef unsigned int gfp_t;\n#define NULL ((void *)0)\n#define GFP_KERNEL 0xcc0\n#define GFP_ATOMIC 0x820\n",
        ),
        ("include/linux/slab.h", "#include <linux/types.h>\nvoid *kmalloc(unsigned long size, gfp_t flags);\nvoid kfree(const void *p);\n"),
        (
            "include/linux/unit.h",
            "#include <linux/types.h>\nstruct hidden;\nstruct unit { spinlock_t lock; struct mutex big; struct hidden *h; int n; };\n\
             struct unit_ops { int (*poke)(struct unit *u); };\n#define UNIT_FLAGS GFP_KERNEL\n\
             static inline void unit_wait(struct unit *u)\n{\n\tif (u->n)\n\t\tmsleep(1);\n}\nstruct unit *unit_find(int n);\nvoid unit_rest(struct unit *u);\n",
        ),
        ("lib/hidden.h", "struct hidden { int depth; };\nenum { HIDDEN_FLAGS = 0x820 };\n"),
        (
            "lib/unit.c",
            "#include <linux/unit.h>\n#include <linux/slab.h>\nstruct unit *unit_find(int n)\n{\n\tif (n > 3)\n\t\treturn NULL;\n\t\
             return kmalloc(sizeof(struct unit), GFP_ATOMIC);\n}\nvoid unit_rest(struct unit *u)\n{\n\tunit_wait(u);\n}\n",
        ),
        (
            "drivers/a/a.c",
            "#include <linux/unit.h>\n#include <linux/slab.h>\nstatic int a_poke(struct unit *u)\n{\n\tspin_lock(&u->lock);\n\tunit_rest(u);\n\t\
             spin_unlock(&u->lock);\n\treturn u->h->depth;\n}\nstatic const struct unit_ops a_ops = { .poke = a_poke };\n\
             int a_get(int n)\n{\n\tstruct unit *u = unit_find(n);\n\treturn u->n;\n}\n",
        ),
        (
            "drivers/b/b.c",
            "#include <linux/unit.h>\n#include <linux/slab.h>\nint b_flags(struct unit *u)\n{\n\tspin_lock(&u->lock);\n\tkfree(kmalloc(1, HIDDEN_FLAGS));\n\t\
             spin_unlock(&u->lock);\n\tspin_lock(&u->lock);\n\tkfree(kmalloc(2, LATER_FLAGS));\n\tspin_unlock(&u->lock);\n\treturn 0;\n}\nint b_call(struct unit_ops *ops, struct unit *u)\n{\n\tint ret;\n\tspin_lock(&u->lock);\n\t\
             ret = ops->poke(u);\n\tkfree(kmalloc(8, UNIT_FLAGS));\n\tspin_unlock(&u->lock);\n\treturn ret + later(u);\n}\n",
        ),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

/// What is done to a tree: in a file, one text becomes another, or a file comes or goes (no text before or after).
const CHANGES: &[(&str, &str, &str)] = &[
    ("drivers/a/a.c", "static int a_poke", "/* moved */\n\nstatic int a_poke"),
    ("include/linux/unit.h", "GFP_KERNEL", "GFP_ATOMIC"),
    ("lib/unit.c", "unit_wait(u);", "u->n = 0;"),
    ("lib/unit.c", "u->n = 0;", "mutex_lock(&u->big);\n\tmutex_unlock(&u->big);"),
    ("include/linux/unit.h", "msleep(1)", "u->n++"),
    ("include/linux/unit.h", "GFP_ATOMIC", "GFP_KERNEL"),
    // A name that nobody declared is declared at last, out of sight.
    ("lib/later.c", "", "int later(struct unit *u)\n{\n\tmsleep(2);\n\treturn 0;\n}\n"),
    ("drivers/b/b.c", "ret + later(u);", "ret;"),
    ("drivers/b/b.c", "ret = ops->poke(u);", "ret = ops->poke(u) + later(u);"),
    ("lib/later.c", "msleep(2);", ""),
    ("lib/hidden.h", "int depth", "void *depth; int x"),
    // Constants that a file sees only because nobody else has one of that name.
    ("lib/hidden.h", "0x820", "0xcc0"),
    ("lib/more.h", "", "enum { LATER_FLAGS = 0xcc0 };\n"),
    ("lib/more.h", "0xcc0", "0x820"),
    ("lib/twice.h", "", "enum { HIDDEN_FLAGS = 0x820 };\n"),
    ("lib/unit.c", "if (n > 3)", "if (0)"),
    ("drivers/c/c.c", "", "#include <linux/unit.h>\nint c_get(void)\n{\n\treturn unit_find(5)->n;\n}\n"),
    ("lib/unit.c", "if (0)", "if (n > 4)"),
    ("lib/unit.c", "mutex_lock(&u->big);\n\tmutex_unlock(&u->big);", "deeper(u);"),
    ("lib/deeper.c", "", "#include <linux/unit.h>\nvoid deeper(struct unit *u)\n{\n\tunit_wait(u);\n\tmsleep(3);\n}\n"),
    ("lib/deeper.c", "\tmsleep(3);", "\n\n\tmsleep(3);"),
    ("drivers/a/a.c", ".poke = a_poke", ".poke = NULL"),
    ("lib/later.c", "int later", "int earlier"),
    ("drivers/c/c.c", "#include <linux/unit.h>\nint c_get(void)\n{\n\treturn unit_find(5)->n;\n}\n", ""),
    ("include/linux/types.h", "0xcc0", "0x820"),
    // Which bit of the flags allows to sleep is for the tree to say.
    ("include/linux/gfp_types.h", "", "#define __GFP_DIRECT_RECLAIM 0x20\n"),
];

fn apply(files: &mut Files, (path, before, after): (&str, &str, &str)) {
    let text = files.get(path).cloned().unwrap_or_default();
    assert!(before.is_empty() == text.is_empty() && text.contains(before), "{path}: {before}");
    match text.replacen(before, after, 1) {
        text if text.is_empty() => files.remove(path),
        text => files.insert(path.to_owned(), text),
    };
}

fn said(outcome: &Outcome) -> String {
    serde_json::to_string_pretty(&(&outcome.findings, &outcome.stats)).unwrap()
}

/// Both runs over a tree: what they say, and how many entries the second one wrote.
fn both(files: &Files, kept: &mut Kept) -> (String, u32) {
    let source = MemorySource::new(files.iter().map(|(path, text)| (path.clone(), text.clone())));
    let (model, options) = (Model::builtin(), Options::default());
    kept.contents = contents(&source);
    kept.written = AtomicU32::new(0);
    let anew = said(&run(&source, &model, &options, &Quiet));
    let again = said(&run_keeping(&source, &model, &options, &Quiet, Some(&*kept)));
    assert_eq!(anew, again);
    let fresh = Kept { contents: kept.contents.clone(), ..Kept::default() };
    run_keeping(&source, &model, &options, &Quiet, Some(&fresh));
    assert_eq!(indexed(&fresh), indexed(kept), "the index is that of a first run");
    (anew, kept.written.load(Ordering::Relaxed))
}

/// Names and records of the index, by the part that they are in.
fn indexed(kept: &Kept) -> BTreeMap<String, Vec<u8>> {
    let entries = kept.entries.lock().unwrap();
    let parts = entries.iter().filter(|((what, part), _)| *what == "index" && part != "head");
    let unpacked = parts.map(|((_, part), bytes)| (part.clone(), lz4_flex::decompress_size_prepended(bytes).unwrap()));
    // A part without records, of which the first byte is the number, is as good as none.
    unpacked.filter(|(_, bytes)| bytes.first() != Some(&0)).collect()
}

#[test]
fn a_run_after_a_change_finds_what_a_run_from_nothing_finds() {
    let (mut files, mut kept) = (start(), Kept::default());
    let mut seen = vec![both(&files, &mut kept).0];
    assert!(seen[0].contains("sleep-in-atomic") && seen[0].contains("null-deref"), "{}", seen[0]);
    for change in CHANGES {
        apply(&mut files, *change);
        let (said, written) = both(&files, &mut kept);
        assert!(written > 0 || change.2.is_empty(), "{change:?}");
        assert_eq!(both(&files, &mut kept).1, 0, "nothing has changed since");
        seen.push(said);
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > CHANGES.len() / 2, "the changes show: {}", seen.len());
}

#[test]
fn changes_in_any_order_and_many_at_once() {
    let mut state = 2026u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut kept = Kept::default();
    for _ in 0..30 {
        let mut files = start();
        for change in CHANGES {
            let fits = files.get(change.0).map_or(change.1.is_empty(), |text| !change.1.is_empty() && text.contains(change.1));
            if fits && below(2) == 0 {
                apply(&mut files, *change);
            }
        }
        both(&files, &mut kept);
    }
}

#[test]
fn what_is_cut_short_is_made_again() {
    let (files, mut kept) = (start(), Kept::default());
    both(&files, &mut kept);
    let whole = kept.entries.lock().unwrap().clone();
    for n in 1..40 {
        *kept.entries.lock().unwrap() = whole.iter().map(|(key, bytes)| (key.clone(), bytes[..bytes.len() * n / 40].to_vec())).collect();
        both(&files, &mut kept);
    }
}
