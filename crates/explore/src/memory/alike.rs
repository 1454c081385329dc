//! Whether what two threads have made is the same, but for addresses of their own. Refuses to compare what others have made.

use super::{BASE, Memory, Object, SPACE_BITS};

impl Memory {
    /// An address in a thread's own space, without the thread; any other number as it is.
    pub fn in_space(&self, v: u64, thread: usize) -> (bool, u64) {
        let x = v.wrapping_sub(BASE);
        let own = x >> SPACE_BITS == thread as u64 + 1;
        (own, if own { x & ((1 << SPACE_BITS) - 1) } else { v })
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
