//! Hostile circumstances, made on purpose.

use super::*;
use std::process::{Command, Stdio};

fn key(n: u32) -> Key {
    Key::new("test", 1, &[&n.to_le_bytes()])
}

fn value(n: u32) -> Vec<u8> {
    format!("value {n} ").repeat(1 + (n % 50) as usize).into_bytes()
}

fn fill(store: &Store, range: std::ops::Range<u32>) {
    store.put_many(range.map(|n| (key(n), value(n))));
}

fn packs(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir.join("v1"))
        .expect("the folder is there")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "pack"))
        .collect();
    found.sort();
    found
}

const LARGE: u64 = 1 << 30;

#[test]
fn what_was_put_is_found_again_by_another_run() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fill(&Store::open(dir.path(), LARGE), 0..1000);
    let store = Store::open(dir.path(), LARGE);
    assert!((0..1000).all(|n| store.get(&key(n)) == Some(value(n))));
    assert_eq!(store.get(&key(1000)), None);
    let stats = store.stats();
    assert_eq!((stats.packs, stats.entries, stats.hits, stats.misses, stats.written), (1, 1000, 1000, 1, 0));
    assert_eq!(stats.notes, Vec::<String>::new());
    fill(&store, 500..1001);
    assert_eq!(store.stats().written, 1, "what is there already is not written again");
}

#[test]
fn a_key_tells_namespace_version_and_the_borders_of_its_inputs_apart() {
    let base = Key::new("a", 1, &[b"xy", b"z"]);
    for other in
        [Key::new("b", 1, &[b"xy", b"z"]), Key::new("a", 2, &[b"xy", b"z"]), Key::new("a", 1, &[b"x", b"yz"]), Key::new("a", 1, &[b"xyz"])]
    {
        assert_ne!(base, other);
    }
    assert_eq!(base, Key::new("a", 1, &[b"xy", b"z"]));
}

#[test]
fn every_truncation_is_noticed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fill(&Store::open(dir.path(), LARGE), 0..5);
    let path = packs(dir.path()).pop().expect("one pack");
    let whole = fs::read(&path).expect("readable");
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).expect("writable");
        let store = Store::open(dir.path(), LARGE);
        assert!((0..5).all(|n| store.get(&key(n)).is_none()), "cut to {len} bytes");
        assert_eq!(store.stats().corrupted, 1, "cut to {len} bytes");
        assert!(!path.exists(), "a pack without an index is removed");
    }
}

#[test]
fn no_flipped_byte_gives_wrong_bytes() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fill(&Store::open(dir.path(), LARGE), 0..5);
    let path = packs(dir.path()).pop().expect("one pack");
    let whole = fs::read(&path).expect("readable");
    let mut kept = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).expect("writable");
        let store = Store::open(dir.path(), LARGE);
        for n in 0..5 {
            let got = store.get(&key(n));
            assert!(got.is_none() || got == Some(value(n)), "byte {at}");
            kept += usize::from(got.is_some());
        }
    }
    assert!(kept > whole.len(), "damage to one entry leaves the others");
}

#[test]
fn a_damaged_entry_is_written_anew_and_then_found() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fill(&Store::open(dir.path(), LARGE), 0..3);
    let path = packs(dir.path()).pop().expect("one pack");
    let mut bytes = fs::read(&path).expect("readable");
    bytes[10] ^= 1;
    fs::write(&path, &bytes).expect("writable");
    let store = Store::open(dir.path(), LARGE);
    assert_eq!(store.get(&key(0)), None);
    fill(&store, 0..1);
    assert_eq!(store.get(&key(0)), Some(value(0)));
    assert_eq!(Store::open(dir.path(), LARGE).get(&key(0)), Some(value(0)), "the newer pack wins");
}

#[test]
fn writers_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().expect("temporary folder");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let dir = dir.path();
            scope.spawn(move || {
                for round in 0..20 {
                    let store = Store::open(dir, LARGE);
                    let from = writer * 1000 + round * 10;
                    fill(&store, from..from + 10);
                    // Another writer may merge and remove packs at any time.
                    assert!((from..from + 10).all(|n| store.get(&key(n)) == Some(value(n))));
                }
            });
        }
    });
    let store = Store::open(dir.path(), LARGE);
    let found = (0..4).flat_map(|w| w * 1000..w * 1000 + 200).filter(|n| store.get(&key(*n)) == Some(value(*n))).count();
    assert_eq!(found, 800);
    assert_eq!(store.stats().corrupted, 0);
}

#[test]
fn small_packs_are_merged() {
    let dir = tempfile::tempdir().expect("temporary folder");
    for round in 0..40 {
        fill(&Store::open(dir.path(), LARGE), round * 10..round * 10 + 10);
    }
    assert!(packs(dir.path()).len() <= MAX_SMALL + 1, "{}", packs(dir.path()).len());
    let store = Store::open(dir.path(), LARGE);
    assert!((0..400).all(|n| store.get(&key(n)) == Some(value(n))));
}

#[test]
fn the_folder_stays_within_its_limit_and_what_is_used_stays() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let size = |range: std::ops::Range<u32>| -> u64 {
        let other = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(other.path(), LARGE);
        fill(&store, range);
        store.stats().bytes
    };
    let limit = size(0..100) + size(100..200) + 100;
    fill(&Store::open(dir.path(), limit), 0..100);
    fill(&Store::open(dir.path(), limit), 100..200);
    for (n, path) in packs(dir.path()).iter().enumerate() {
        let old = SystemTime::now() - Duration::from_secs(1000 + n as u64);
        fs::File::options().append(true).open(path).and_then(|f| f.set_modified(old)).expect("times can be set");
    }
    assert!(Store::open(dir.path(), limit).get(&key(0)).is_some(), "this marks the first pack as used");
    let store = Store::open(dir.path(), limit);
    fill(&store, 200..250);
    assert!(store.stats().bytes <= limit);
    assert_eq!(store.stats().evicted, 1);
    assert_eq!((store.get(&key(0)).is_some(), store.get(&key(100)).is_some(), store.get(&key(200)).is_some()), (true, false, true));
    let on_disk: u64 = packs(dir.path()).iter().map(|p| fs::metadata(p).expect("there").len()).sum();
    assert_eq!(on_disk, store.stats().bytes);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_empty_cache_with_a_note() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = dir.path().join("file");
    fs::write(&file, "in the way").expect("writable");
    let store = Store::open(&file.join("cache"), LARGE);
    fill(&store, 0..3);
    assert_eq!(store.get(&key(0)), None);
    let notes = store.stats().notes;
    assert!(notes.first().is_some_and(|note| note.starts_with("cannot ") && note.contains("not")), "{notes:?}");
    assert_eq!(fs::read_to_string(&file).expect("readable"), "in the way");
}

/// `/dev/full` cannot stand in for a folder, so a file takes the place of the folder after it was opened.
#[test]
fn a_write_that_fails_loses_nothing_that_was_there() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fill(&Store::open(dir.path(), LARGE), 0..10);
    let store = Store::open(dir.path(), LARGE);
    let aside = dir.path().join("aside");
    fs::rename(dir.path().join("v1"), &aside).expect("renames");
    fs::write(dir.path().join("v1"), "").expect("writable");
    fill(&store, 10..20);
    assert_eq!(store.get(&key(5)), Some(value(5)), "open packs stay readable");
    assert_eq!(store.get(&key(15)), None);
    assert!(store.stats().notes.iter().any(|note| note.starts_with("cannot write to the cache")));
}

#[test]
fn only_abandoned_temporary_files_are_cleared_away() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fill(&Store::open(dir.path(), LARGE), 0..1);
    let (old, young) = (dir.path().join("v1/new-old"), dir.path().join("v1/new-young"));
    fs::write(&old, "half").expect("writable");
    fs::write(&young, "half").expect("writable");
    let then = SystemTime::now() - ABANDONED * 2;
    fs::File::options().append(true).open(&old).and_then(|f| f.set_modified(then)).expect("times can be set");
    let store = Store::open(dir.path(), LARGE);
    assert_eq!((old.exists(), young.exists()), (false, true));
    assert_eq!(store.get(&key(0)), Some(value(0)));
}

/// The child's part of the next test: writes until it is killed.
#[test]
fn child_writer() {
    let Ok(dir) = std::env::var("CUTHERE_STORE_TEST_DIR") else { return };
    println!("writing");
    for n in 0.. {
        fill(&Store::open(Path::new(&dir), LARGE), n * 10..n * 10 + 10);
    }
}

#[test]
fn a_killed_writer_leaves_only_whole_entries() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let this = std::env::current_exe().expect("this test's own path");
    let mut found = 0;
    for round in 0..8u64 {
        let mut child = Command::new(&this)
            .args(["--exact", "tests::child_writer", "--nocapture"])
            .env("CUTHERE_STORE_TEST_DIR", dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(Duration::from_millis(40 + 7 * round));
        child.kill().expect("dies");
        child.wait().expect("is gone");
        let store = Store::open(dir.path(), LARGE);
        for n in 0..10_000 {
            if let Some(got) = store.get(&key(n)) {
                assert_eq!(got, value(n));
                found += 1;
            }
        }
        assert_eq!(store.stats().corrupted, 0, "a pack is renamed only when it is whole");
    }
    assert!(found > 0, "the writers got nowhere");
}
