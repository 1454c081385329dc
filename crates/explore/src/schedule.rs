//! One interleaving as plain data, and as a short string that replays it.
//!
//! A schedule says which thread ran up to which of its operations, in order. Operations are counted whether or not they were scheduling
//! points, so a schedule does not depend on what a search knew. It does on the bounds of the search, which say where a thread stops for good: they are
//! part of it. The string is version, checksum and numbers of seven bits in base64's alphabet for URLs; anything altered or cut short is refused with
//! its reason.

use std::fmt;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Schedule {
    /// Rounds of loops, and threads of one function, within which it was found; `None`: any number.
    pub unroll: Option<u32>,
    pub alike: Option<u32>,
    /// How many operations each thread does when it comes into being, before the first decision about it.
    pub arrivals: Vec<u64>,
    /// Thread, and how many operations it does in this run.
    pub runs: Vec<(u8, u64)>,
    /// What the open choices were, in order; choices of nought are written too.
    pub choices: Vec<u16>,
}

/// Why a string is no schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScheduleError {
    Empty,
    Character(char, usize),
    Version,
    Checksum,
    Truncated,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScheduleError::Empty => f.write_str("the replay string is empty"),
            ScheduleError::Character(c, at) => {
                write!(f, "the replay string has `{}` at position {}, which no replay string has", c.escape_default(), at + 1)
            }
            ScheduleError::Version => f.write_str("the replay string is of another version, or none"),
            ScheduleError::Checksum => f.write_str("the replay string was altered or cut short: its checksum does not match"),
            ScheduleError::Truncated => f.write_str("the replay string ends too early"),
        }
    }
}

impl std::error::Error for ScheduleError {}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VERSION: u8 = 3;
/// Bits of a run's number that are its thread.
const THREAD_BITS: u32 = 7;

fn put(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn take(bytes: &mut std::slice::Iter<'_, u8>) -> Result<u64, ScheduleError> {
    let mut v = 0u64;
    for shift in (0..63).step_by(7) {
        let b = *bytes.next().ok_or(ScheduleError::Truncated)?;
        v |= u64::from(b & 0x7f) << shift;
        if b < 0x80 {
            return Ok(v);
        }
    }
    Err(ScheduleError::Truncated)
}

/// FNV-1a, folded to three bytes.
fn checksum(bytes: &[u8]) -> [u8; 3] {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for b in bytes {
        h = (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
    }
    h ^= h >> 32;
    [h as u8, (h >> 8) as u8, (h >> 16) as u8]
}

impl Schedule {
    /// The string.
    pub fn encode(&self) -> String {
        let mut body = vec![VERSION];
        for bound in [self.unroll, self.alike] {
            put(&mut body, bound.map_or(0, |n| u64::from(n) + 1));
        }
        put(&mut body, self.arrivals.len() as u64);
        self.arrivals.iter().for_each(|&n| put(&mut body, n));
        put(&mut body, self.runs.len() as u64);
        for &(thread, ops) in &self.runs {
            put(&mut body, u64::from(thread) | ops << THREAD_BITS);
        }
        self.choices.iter().for_each(|&c| put(&mut body, u64::from(c)));
        let mut bytes = checksum(&body).to_vec();
        bytes.extend(body);
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let word = chunk.iter().enumerate().fold(0u32, |w, (n, b)| w | u32::from(*b) << (16 - 8 * n));
            for n in 0..=chunk.len() {
                out.push(char::from(ALPHABET[(word >> (18 - 6 * n) & 63) as usize]));
            }
        }
        out
    }

    /// Reads a string.
    pub fn decode(text: &str) -> Result<Schedule, ScheduleError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ScheduleError::Empty);
        }
        let mut bytes = Vec::with_capacity(text.len());
        let (mut word, mut bits) = (0u32, 0);
        for (at, c) in text.chars().enumerate() {
            let v = u8::try_from(c).ok().and_then(|b| ALPHABET.iter().position(|&a| a == b)).ok_or(ScheduleError::Character(c, at))?;
            word = word << 6 | v as u32;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                bytes.push((word >> bits) as u8);
                word &= (1 << bits) - 1;
            }
        }
        let (sum, body) = bytes.split_at_checked(3).ok_or(ScheduleError::Truncated)?;
        if checksum(body) != *sum || word != 0 {
            return Err(ScheduleError::Checksum);
        }
        let (version, rest) = body.split_first().ok_or(ScheduleError::Truncated)?;
        if *version != VERSION {
            return Err(ScheduleError::Version);
        }
        let mut it = rest.iter();
        let bound = |n: u64| n.checked_sub(1).map(|n| n as u32);
        let (unroll, alike) = (bound(take(&mut it)?), bound(take(&mut it)?));
        let mut schedule = Schedule { unroll, alike, ..Schedule::default() };
        for _ in 0..take(&mut it)?.min(rest.len() as u64) {
            schedule.arrivals.push(take(&mut it)?);
        }
        for _ in 0..take(&mut it)?.min(rest.len() as u64) {
            let v = take(&mut it)?;
            schedule.runs.push(((v & ((1 << THREAD_BITS) - 1)) as u8, v >> THREAD_BITS));
        }
        while !it.as_slice().is_empty() {
            schedule.choices.push(take(&mut it)? as u16);
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Schedule {
        Schedule { unroll: Some(2), alike: None, arrivals: vec![0, 3, 200], runs: vec![(1, 5), (2, 70_000), (1, 1)], choices: vec![0, 2] }
    }

    #[test]
    fn a_schedule_survives_its_string() {
        let text = example().encode();
        assert_eq!(Schedule::decode(&text), Ok(example()));
        assert_eq!(Schedule::decode(&Schedule::default().encode()), Ok(Schedule::default()));
    }

    #[test]
    fn garbage_is_refused() {
        let text = example().encode();
        for cut in 0..text.len() {
            assert!(Schedule::decode(&text[..cut]).is_err(), "cut at {cut}");
        }
        let mut state = 12345u32;
        for _ in 0..1000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % text.len();
            let with = char::from(ALPHABET[(state >> 24) as usize % 64]);
            let altered: String = text.chars().enumerate().map(|(n, c)| if n == at { with } else { c }).collect();
            assert!(altered == text || Schedule::decode(&altered).is_err(), "{altered}");
        }
        assert_eq!(Schedule::decode("ab!c"), Err(ScheduleError::Character('!', 2)));
    }
}
