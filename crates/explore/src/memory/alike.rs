//! Whether what two threads have made is the same, but for addresses of their own. Refuses to compare what others have made.

use super::{BASE, Memory, Object, SPACE_BITS};

/// Threads that nothing tells apart, for what is learned of them in all executions: what one of them does, each could have done.
#[derive(Default)]
pub struct Kinds {
    /// The first of its kind, by thread.
    eldest: Vec<u8>,
}

/// Numbers that no thread has, for others of a kind.
const OTHERS: [u8; 2] = [252, 253];

impl Kinds {
    /// A thread is of the kind of another one, or of its own.
    pub fn set(&mut self, thread: usize, eldest: u8) {
        while self.eldest.len() <= thread {
            self.eldest.push(self.eldest.len() as u8);
        }
        self.eldest[thread] = eldest;
    }

    pub fn clear(&mut self) {
        self.eldest.clear();
    }

    fn owner(addr: u64) -> Option<usize> {
        (addr.wrapping_sub(BASE) >> SPACE_BITS).checked_sub(1).map(|t| t as usize)
    }

    fn of(&self, thread: usize) -> usize {
        self.eldest.get(thread).map_or(thread, |t| usize::from(*t))
    }

    fn moved(addr: u64, to: usize) -> u64 {
        BASE + ((to as u64 + 1) << SPACE_BITS) + (addr.wrapping_sub(BASE) & ((1 << SPACE_BITS) - 1))
    }

    /// An address in the space of the first of its kind.
    pub fn address(&self, addr: u64) -> u64 {
        Kinds::owner(addr).map_or(addr, |t| Kinds::moved(addr, self.of(t)))
    }

    /// The same address in the spaces of all of the kind.
    pub fn addresses(&self, addr: u64) -> Vec<u64> {
        let Some(owner) = Kinds::owner(addr) else { return vec![addr] };
        let kind = self.of(owner);
        let others = (0..self.eldest.len()).filter(|&t| t != owner && self.of(t) == kind);
        std::iter::once(addr).chain(others.map(|t| Kinds::moved(addr, t))).collect()
    }

    /// Who may have used an object where a thread has.
    pub fn users(&self, addr: u64, thread: u8) -> [u8; 2] {
        let kind = self.of(usize::from(thread));
        if Kinds::owner(addr) == Some(usize::from(thread)) {
            return [kind as u8; 2];
        }
        let several = (0..self.eldest.len()).filter(|&t| self.of(t) == kind).nth(1).is_some();
        if several { OTHERS } else { [thread; 2] }
    }
}

impl Memory {
    /// An address in a thread's own space, without the thread; any other number as it is.
    pub fn in_space(&self, v: u64, thread: usize) -> (bool, u64) {
        let x = v.wrapping_sub(BASE);
        let own = x >> SPACE_BITS == thread as u64 + 1;
        (own, if own { x & ((1 << SPACE_BITS) - 1) } else { v })
    }

    /// A number, if it is an address in a thread's own space, with the thread's new number.
    pub fn renamed(&self, v: u64, numbers: &[u8]) -> u64 {
        let x = v.wrapping_sub(BASE);
        match (x >> SPACE_BITS).checked_sub(1).and_then(|t| numbers.get(t as usize)) {
            Some(&to) => BASE + ((u64::from(to) + 1) << SPACE_BITS) + (x & ((1 << SPACE_BITS) - 1)),
            None => v,
        }
    }

    /// Whether two threads have made the same objects with the same contents, but for addresses of their own.
    pub fn alike(&self, a: usize, b: usize) -> bool {
        let words = |object: &Object| {
            let start = object.start as usize;
            self.bytes.get(start..start + (object.size as usize).next_multiple_of(8)).unwrap_or(&[]).chunks_exact(8)
        };
        let number = |chunk: &[u8]| chunk.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
        let (mine, theirs) = (self.spaces.of(a + 1), self.spaces.of(b + 1));
        mine.len() == theirs.len()
            && mine.iter().zip(theirs).all(|(x, y)| {
                (x.size, x.state, x.kind) == (y.size, y.state, y.kind)
                    && words(x).zip(words(y)).all(|(v, w)| self.in_space(number(v), a) == self.in_space(number(w), b))
            })
    }
}
