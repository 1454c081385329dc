//! Crash reports: any text gives some, with lines in order.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for splat in cuthere_splat::read(&String::from_utf8_lossy(bytes)) {
        assert!(splat.lines.start <= splat.lines.end);
    }
});
