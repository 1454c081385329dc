//! Cells of memory that hold an open value: which one, while the bytes below mean nothing.

use super::{Memory, Ref};
use std::collections::BTreeMap;

/// The most bytes that one cell has.
const WIDEST: u64 = 8;

/// Open cells by address: the stand-in and how many bytes it takes. No two overlap.
#[derive(Clone, Default)]
pub(super) struct OpenCells(BTreeMap<u64, (i64, u8)>);

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

    /// The cells that share a byte with a range.
    pub fn within(&self, addr: u64, size: u64) -> impl Iterator<Item = OpenCell> + '_ {
        let cells = self.0.range(addr.saturating_sub(WIDEST - 1)..addr.saturating_add(size));
        let cells = cells.map(|(&addr, &(value, size))| OpenCell { addr, value, size });
        cells.filter(move |cell| cell.addr + u64::from(cell.size) > addr)
    }

    /// Something else is written to a range.
    pub fn clear(&mut self, addr: u64, size: u64) {
        let gone: Vec<u64> = self.within(addr, size).map(|cell| cell.addr).collect();
        for at in gone {
            self.0.remove(&at);
        }
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
        self.open.clear(addr, u64::from(size));
        self.open.0.insert(addr, (value, size));
    }

    /// Open cells move along with the bytes that are copied.
    pub(super) fn copy_open(&mut self, dst: Ref, src: Ref, size: u32) {
        let (from, to) = (self.address_of(src), self.address_of(dst));
        let moved: Vec<OpenCell> = self.open.within(from, u64::from(size)).collect();
        self.open.clear(to, u64::from(size));
        self.open.0.extend(moved.iter().map(|c| (c.addr - from + to, (c.value, c.size))));
    }

    /// What an open value is, is known now.
    pub fn close(&mut self, value: i64, v: i64) {
        let known: Vec<OpenCell> =
            self.open.0.iter().filter(|(_, cell)| cell.0 == value).map(|(&addr, &(value, size))| OpenCell { addr, value, size }).collect();
        for cell in known {
            self.open.0.remove(&cell.addr);
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
