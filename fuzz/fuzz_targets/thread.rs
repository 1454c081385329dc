//! Mail: any bytes give a thread.
#![no_main]

use cuthere_mail::{Hint, read_thread};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let thread = read_thread(bytes, Hint::Auto);
    let _ = thread.summary();
});
