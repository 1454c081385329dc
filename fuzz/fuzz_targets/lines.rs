//! Line numbers: comments and blank lines put before a file move every finding by as many lines, and change nothing else.
#![no_main]

use cuthere_base::MemorySource;
use cuthere_checks::{Options, Quiet, run};
use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

fuzz_target!(|input: (u8, &str)| {
    let (lines, text) = input;
    // What the file says of its own lines, and what stands in the first line, is not moved.
    if text.contains("__LINE__") || text.contains("#line") || text.starts_with('\u{feff}') {
        return;
    }
    let lines = u32::from(lines % 64);
    let moved = format!("{}{text}", "/* moved */\n".repeat(lines as usize));
    let find = |text: &str| run(&MemorySource::new([("a.c", text)]), &MODEL, &Options::default(), &Quiet).findings;
    let (here, there) = (find(text), find(&moved));
    let places = |findings: &[cuthere_base::Finding], by: u32| findings.iter().map(|f| (f.check.clone(), f.line + by)).collect::<Vec<_>>();
    assert_eq!(places(&here, lines), places(&there, 0));
});
