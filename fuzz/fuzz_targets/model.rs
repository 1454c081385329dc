//! Kernel model files: any text is either accepted or an error with its place.
#![no_main]

use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

fuzz_target!(|text: &str| {
    let _ = MODEL.extended("fuzz.toml", text);
});
