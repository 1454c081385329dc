//! Strings of `--replay`: any text is a schedule that is written the same way again, or an error.
#![no_main]

use cuthere_explore::Schedule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(schedule) = Schedule::decode(text) {
        assert_eq!(Schedule::decode(&schedule.encode()).ok(), Some(schedule));
    }
});
