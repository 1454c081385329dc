//! Times as text, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first second of the year 10000, from which on a year has no four digits.
const TOO_LATE: u64 = 253_402_300_800;

/// The day (`2024-02-29`) and the minute (`23:59`) of a number of seconds since 1970.
pub fn day_and_minute(seconds: u64) -> Option<(String, String)> {
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs((seconds < TOO_LATE).then_some(seconds)?)).to_string();
    Some((text.get(..10)?.to_owned(), text.get(11..16)?.to_owned()))
}

/// Seconds since 1970; nothing before that.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_seconds_is_a_time_or_none() {
        let text = |seconds| day_and_minute(seconds).map(|(day, minute)| format!("{day} {minute}"));
        assert_eq!(text(1_709_251_199).as_deref(), Some("2024-02-29 23:59"));
        assert_eq!(text(TOO_LATE - 1).as_deref(), Some("9999-12-31 23:59"));
        assert_eq!((text(TOO_LATE), text(u64::MAX)), (None, None));
    }
}
