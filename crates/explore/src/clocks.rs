//! Vector clocks in rows of one width, which grows with the threads that there are.

/// Rows of equal width, one behind the other.
pub(crate) struct Clocks {
    width: usize,
    cells: Vec<u32>,
}

/// By how much the width grows.
const STEP: usize = 8;

impl Clocks {
    pub fn new() -> Clocks {
        Clocks { width: STEP, cells: Vec::new() }
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Makes rows wide enough for this many threads.
    #[inline]
    pub fn widen(&mut self, threads: usize) {
        if threads > self.width {
            self.spread(threads.next_multiple_of(STEP));
        }
    }

    #[cold]
    fn spread(&mut self, width: usize) {
        let mut cells = Vec::with_capacity(self.cells.len() / self.width * width);
        for row in self.cells.chunks(self.width) {
            cells.extend_from_slice(row);
            cells.resize(cells.len().next_multiple_of(width), 0);
        }
        (self.width, self.cells) = (width, cells);
    }

    #[inline]
    pub fn row(&self, n: usize) -> &[u32] {
        self.cells.get(n * self.width..(n + 1) * self.width).unwrap_or(&[])
    }

    #[inline]
    pub fn row_mut(&mut self, n: usize) -> &mut [u32] {
        self.cells.get_mut(n * self.width..(n + 1) * self.width).unwrap_or(&mut [])
    }

    /// Adds a row; shorter ones end with noughts.
    pub fn push(&mut self, row: &[u32]) {
        self.cells.extend_from_slice(row);
        self.cells.resize(self.cells.len().next_multiple_of(self.width), 0);
    }

    /// Makes this many rows of noughts.
    pub fn restart(&mut self, rows: usize) {
        self.cells.clear();
        self.cells.resize(rows * self.width, 0);
    }

    /// Keeps this many rows.
    pub fn truncate(&mut self, rows: usize) {
        self.cells.truncate(rows * self.width);
    }
}

/// Everything that `from` has seen, `to` has seen as well.
#[inline]
pub(crate) fn join(to: &mut [u32], from: &[u32]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a = (*a).max(*b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_what_they_hold() {
        let mut clocks = Clocks::new();
        clocks.push(&[1, 2, 3, 4, 5, 6, 7, 8]);
        clocks.push(&[9]);
        clocks.widen(8);
        assert_eq!((clocks.width(), clocks.row(1)), (8, &[9, 0, 0, 0, 0, 0, 0, 0][..]));
        clocks.widen(9);
        assert_eq!((clocks.width(), &clocks.row(0)[..9]), (16, &[1, 2, 3, 4, 5, 6, 7, 8, 0][..]));
        assert_eq!(clocks.row(1)[0], 9);
        let mut to = [0, 5];
        join(&mut to, clocks.row(0));
        assert_eq!(to, [1, 5]);
    }
}
