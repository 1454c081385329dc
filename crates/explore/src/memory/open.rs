//! Cells of memory that hold an open value: which one, while the bytes below mean nothing.

use super::{Memory, Ref};

/// The most bytes that one cell has.
const WIDEST: u64 = 8;

/// Open cells in the order of their addresses. No two overlap. They are copied more often than changed.
#[derive(Default)]
pub(super) struct OpenCells(Vec<OpenCell>);

impl Clone for OpenCells {
    fn clone(&self) -> OpenCells {
        OpenCells(self.0.clone())
    }

    fn clone_from(&mut self, from: &OpenCells) {
        self.0.clone_from(&from.0);
    }
}

/// A cell that holds an open value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenCell {
    pub addr: u64,
    pub value: i64,
    pub size: u8,
}

impl OpenCells {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn reset(&mut self) {
        self.0.clear();
    }

    /// Where the first cell is that ends behind this address.
    fn first(&self, addr: u64) -> usize {
        self.0.partition_point(|cell| cell.addr + u64::from(cell.size) <= addr)
    }

    /// The cells that share a byte with a range.
    pub fn within(&self, addr: u64, size: u64) -> impl Iterator<Item = OpenCell> + '_ {
        let end = addr.saturating_add(size);
        self.0[self.first(addr)..].iter().take_while(move |cell| cell.addr < end).copied()
    }

    /// Something else is written to a range.
    pub fn clear(&mut self, addr: u64, size: u64) {
        let first = self.first(addr);
        let count = self.within(addr, size).count();
        self.0.drain(first..first + count);
    }

    /// A range holds an open value and nothing else.
    fn insert(&mut self, cell: OpenCell) {
        self.clear(cell.addr, u64::from(cell.size));
        self.0.insert(self.first(cell.addr), cell);
    }
}

impl Memory {
    /// Whether any cell is open.
    #[inline]
    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The first open cell that shares a byte with a range.
    pub fn open_in(&self, addr: u64, size: u64) -> Option<OpenCell> {
        self.open.within(addr, size).next()
    }

    /// The first open cell that an access of this range would tear.
    pub fn torn_by(&self, addr: u64, size: u64) -> Option<OpenCell> {
        self.open.within(addr, size).find(|c| c.addr < addr || c.addr + u64::from(c.size) > addr.saturating_add(size))
    }

    /// All open cells that lie in a range, with their distance from its beginning.
    pub fn open_cells(&self, addr: u64, size: u64) -> Vec<(u64, OpenCell)> {
        if !self.has_open() {
            return Vec::new();
        }
        self.open.within(addr, size).filter(|c| c.addr >= addr).map(|c| (c.addr - addr, c)).collect()
    }

    /// Writes an open value to a checked place.
    pub fn write_open(&mut self, at: Ref, size: u8, value: i64) {
        let addr = self.address_of(at);
        self.open.insert(OpenCell { addr, value, size });
    }

    /// Open cells move along with the bytes that are copied.
    pub(super) fn copy_open(&mut self, dst: Ref, src: Ref, size: u32) {
        let (from, to) = (self.address_of(src), self.address_of(dst));
        let moved: Vec<OpenCell> = self.open.within(from, u64::from(size)).collect();
        self.open.clear(to, u64::from(size));
        moved.iter().for_each(|c| self.open.insert(OpenCell { addr: c.addr.wrapping_sub(from).wrapping_add(to), ..*c }));
    }

    /// What an open value is, is known now.
    pub fn close(&mut self, value: i64, v: i64) {
        let known: Vec<OpenCell> = self.open.0.extract_if(.., |cell| cell.value == value).collect();
        for cell in known {
            if let Ok(at) = self.check(cell.addr, u32::from(cell.size)) {
                self.write(at, crate::code::IntTy { size: cell.size, signed: false }, v);
            }
        }
    }

    /// What tells the open cells of a granule from others.
    pub(super) fn open_mark(&self, granule: u64) -> u64 {
        let cells = self.open.within(granule, WIDEST);
        cells.fold(0, |mark, c| mark ^ (c.value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left((c.addr & 7) as u32 * 8))
    }
}
