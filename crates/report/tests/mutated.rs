//! Texts that are nearly baselines, changed at random: each is one, or an error names its line; and nothing that controls a terminal passes the escape.

use cuthere_report::{Baseline, escape};

const SEEDS: &[&str] = &[
    "{\"fingerprint\":\"0123456789abcdef\",\"check\":\"null-deref\",\"file\":\"a.c\",\"line\":3}\n{\"fingerprint\":\"1\"}\n",
    "# comment\n\n{\"version\":\"2.1.0\",\"runs\":[{\"results\":[{\"partialFingerprints\":{\"a\":\"b\"}}]}]}\n",
];

const PIECES: &[&str] = &["{", "}", "[", "]", ":", ",", "\"", "\\u0000", "\n", "null", "1e999", "\x1b]0;x\x07", "\u{9b}", "\u{202e}", "\0"];

#[test]
fn changed_baselines_are_read_or_refused() {
    cuthere_mutate::survive(SEEDS, PIECES, 20_000, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = Baseline::parse(&text);
        assert!(!escape(&text).chars().any(|c| c.is_control() && c != '\t'), "{:?}", escape(&text));
    });
}
