//! Patches: any bytes are read as a diff and laid over a file made of the same bytes.
#![no_main]

use cuthere_tree::{ApplyOptions, apply, diff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for file in diff::parse(bytes).files {
        let applied = apply::apply(&file.hunks, bytes, &ApplyOptions::default());
        assert_eq!(applied.hunks.len(), file.hunks.len());
    }
});
