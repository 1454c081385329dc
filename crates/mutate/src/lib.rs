//! Changed inputs for tests of parsers: small texts that are nearly right, the same ones in each run.
//!
//! Decides how a text is changed (words left out, doubled, exchanged, put in; two texts joined; the end cut off; a byte of any value) and notices when
//! what is tested panics or does not end. Knows no language: words are runs of letters, and any other character is a word of its own. It is no fuzzer:
//! it measures no coverage and runs for seconds. The targets in `fuzz/` start from the same kinds of text and go on for as long as one likes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// An input that takes longer is taken for one that never ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Changes of one input, at most.
const CHANGES: usize = 4;
/// Bytes of the stack that inputs are tried on: what the command gives its threads.
const STACK: usize = 16 << 20;

/// Tries `f` on the seeds and on `count` changed ones. Panics, after printing the input, where `f` panics or does not end.
pub fn survive(seeds: &[&str], pieces: &[&str], count: usize, f: impl Fn(&[u8]) + Send + 'static) {
    let whole = seeds.iter().map(|seed| seed.as_bytes().to_vec());
    let inputs: Vec<Vec<u8>> = whole.chain(Changes::new(seeds, pieces).take(count)).collect();
    let (done, finished) = channel();
    let shared = inputs.clone();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        for input in &shared {
            let result = catch_unwind(AssertUnwindSafe(|| f(input)));
            if done.send(result.is_ok()).is_err() || result.is_err() {
                return result;
            }
        }
        Ok(())
    });
    let worker = worker.expect("a thread for the inputs");
    for input in &inputs {
        match finished.recv_timeout(PATIENCE) {
            Ok(true) => {}
            Ok(false) | Err(RecvTimeoutError::Disconnected) => {
                eprintln!("this input fails: {:?}", String::from_utf8_lossy(input));
                break;
            }
            Err(RecvTimeoutError::Timeout) => panic!("this input does not end: {:?}", String::from_utf8_lossy(input)),
        }
    }
    if let Ok(Err(panic)) | Err(panic) = worker.join() {
        resume_unwind(panic);
    }
}

/// Changed texts without end.
pub struct Changes<'a> {
    seeds: Vec<Vec<&'a str>>,
    pieces: &'a [&'a str],
    state: u64,
}

impl<'a> Changes<'a> {
    /// Changes of these texts, into which these pieces are put.
    pub fn new(seeds: &'a [&'a str], pieces: &'a [&'a str]) -> Changes<'a> {
        assert!(!seeds.is_empty() && !pieces.is_empty(), "nothing to change");
        Changes { seeds: seeds.iter().map(|seed| words(seed)).collect(), pieces, state: 0x2545_f491_4f6c_dd1d }
    }

    /// A number below `n`, by Marsaglia's xorshift.
    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % n.max(1) as u64) as usize
    }

    fn change(&mut self, text: &mut Vec<&'a str>) {
        let at = self.below(text.len() + 1);
        let end = text.len();
        match self.below(8) {
            0 if at < end => drop(text.remove(at)),
            1 if at < end => {
                for _ in 0..=self.below(3) {
                    text.insert(at, text[at]);
                }
            }
            2 if at < end => {
                let other = self.below(end);
                text.swap(at, other);
            }
            3 if at < end => text[at] = self.pieces[self.below(self.pieces.len())],
            4 => {
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len());
                let tail = self.seeds[other][from..].to_vec();
                text.truncate(at);
                text.extend(tail);
            }
            5 if self.below(4) == 0 => text.truncate(at),
            _ => text.insert(at, self.pieces[self.below(self.pieces.len())]),
        }
    }
}

impl Iterator for Changes<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let seed = self.below(self.seeds.len());
        let mut text = self.seeds[seed].clone();
        for _ in 0..=self.below(CHANGES) {
            self.change(&mut text);
        }
        let mut bytes = text.concat().into_bytes();
        if !bytes.is_empty() && self.below(16) == 0 {
            let at = self.below(bytes.len());
            bytes[at] = self.below(256) as u8;
        }
        Some(bytes)
    }
}

/// Runs of letters, digits and `_`, and all other characters one by one.
fn words(text: &str) -> Vec<&str> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if inside(first) { rest.find(|c| !inside(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_whole_text() {
        assert_eq!(words("int f(x_1);\n"), ["int", " ", "f", "(", "x_1", ")", ";", "\n"]);
    }

    #[test]
    fn changes_differ_and_are_the_same_each_time() {
        let once: Vec<_> = Changes::new(&["int f(void);", "a b c"], &["{", "}"]).take(100).collect();
        let again: Vec<_> = Changes::new(&["int f(void);", "a b c"], &["{", "}"]).take(100).collect();
        assert_eq!(once, again);
        let different: std::collections::BTreeSet<_> = once.iter().collect();
        assert!(different.len() > 80, "{}", different.len());
    }

    #[test]
    fn what_fails_is_noticed() {
        let found = catch_unwind(|| survive(&["a b"], &["x"], 1000, |text| assert!(!text.contains(&b'x'))));
        assert!(found.is_err());
        survive(&["a b"], &["x"], 100, |_| {});
    }
}
