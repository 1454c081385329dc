//! The whole way from bytes to findings: any bytes are a C file beside a header, and the same bytes give the same findings.
#![no_main]

use cuthere_base::MemorySource;
use cuthere_checks::{Options, Quiet, run};
use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

fuzz_target!(|bytes: &[u8]| {
    let header: &[u8] = b"#include \"a.c\"\n#define NULL ((void *)0)\n";
    let source = MemorySource::new([("a.c", bytes), ("include/linux/a.h", header)]);
    let first = run(&source, &MODEL, &Options::default(), &Quiet).findings;
    assert_eq!(first, run(&source, &MODEL, &Options::default(), &Quiet).findings);
});
