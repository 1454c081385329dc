//! Baselines: any text is either a baseline or an error with its line.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = cuthere_report::Baseline::parse(text);
    let _ = cuthere_report::escape(text);
});
