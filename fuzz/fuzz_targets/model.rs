//! Kernel model files: any text is either accepted or an error with its place.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = cuthere_kernel::Model::builtin().extended("fuzz.toml", text);
});
