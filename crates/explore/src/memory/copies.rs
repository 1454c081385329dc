//! All contents of memory at one moment: remembered to go back to, and told from others. What the search has learned is no part of them.

use super::guessed::GuessedRanges;
use super::open::{OpenCell, OpenCells};
use super::shared::Touch;
use super::spaces::Spaces;
use super::{Kind, Memory, Object, State};
use smallvec::SmallVec;

/// Told before an open cell: no address, and hardly a number.
const OPEN: u64 = 0x6f70_656e << 32;

/// A copy of all memory at one moment.
#[derive(Default)]
pub struct MemoryCopy {
    bytes: Vec<u8>,
    touched: Vec<Touch>,
    spaces: Spaces,
    open: OpenCells,
    guessed: GuessedRanges,
}

impl Memory {
    /// All that tells the contents from others: objects that live with their bytes, and which do not live any more. `threads`: the order of the threads.
    pub fn contents(&self, threads: &[usize], mut word: impl FnMut(u64)) {
        self.contents_in(0, &mut word);
        threads.iter().for_each(|t| self.contents_in(t + 1, &mut word));
    }

    /// The same of what a thread has made.
    pub fn contents_of(&self, thread: usize, mut word: impl FnMut(u64)) {
        self.contents_in(thread + 1, &mut word);
    }

    fn contents_in(&self, space: usize, word: &mut impl FnMut(u64)) {
        for object in self.spaces.of(space).iter().filter(|object| object.kind != Kind::None) {
            word(object.addr);
            word(object.state as u64);
            if object.state == State::Live {
                let start = object.start as usize;
                let bytes = self.bytes.get(start..start + (object.size as usize).next_multiple_of(8)).unwrap_or(&[]);
                let number = |chunk: &[u8]| <[u8; 8]>::try_from(chunk).map_or(0, u64::from_le_bytes);
                if !self.has_open() {
                    bytes.chunks_exact(8).for_each(|chunk| word(number(chunk)));
                    continue;
                }
                let mut cells = self.open.within(object.addr, u64::from(object.size)).peekable();
                let mut crossing: Option<OpenCell> = None;
                for (addr, chunk) in (object.addr..).step_by(8).zip(bytes.chunks_exact(8)) {
                    // The bytes of an open cell mean nothing; what it holds is told behind them.
                    let all = |cell: &OpenCell| u64::MAX >> (64 - 8 * u32::from(cell.size));
                    let mut mask = crossing.take().map_or(0, |cell| all(&cell) >> (8 * (addr - cell.addr)));
                    let mut here: SmallVec<[OpenCell; 8]> = SmallVec::new();
                    while let Some(cell) = cells.next_if(|cell| cell.addr < addr + 8) {
                        mask |= all(&cell) << (8 * (cell.addr - addr));
                        crossing = Some(cell).filter(|cell| cell.addr + u64::from(cell.size) > addr + 8);
                        here.push(cell);
                    }
                    word(number(chunk) & !mask);
                    for cell in here {
                        word(OPEN | (cell.addr - addr) << 8 | u64::from(cell.size));
                        word(cell.value as u64);
                    }
                }
            }
        }
    }

    /// Bytes of a copy.
    pub fn copy_size(&self) -> usize {
        self.bytes.len() + self.touched.len() * size_of::<Touch>() + self.spaces.all().count() * size_of::<Object>()
    }

    /// Remembers all contents in a copy that there is already.
    pub fn copy_to(&self, copy: &mut MemoryCopy) {
        copy.bytes.clone_from(&self.bytes);
        copy.touched.clone_from(&self.touched);
        copy.spaces.copy_from(&self.spaces);
        copy.open.clone_from(&self.open);
        copy.guessed.clone_from(&self.guessed);
    }

    /// Remembers all contents.
    pub fn copy_out(&self) -> MemoryCopy {
        let mut copy = MemoryCopy::default();
        self.copy_to(&mut copy);
        copy
    }

    /// Goes back to remembered contents.
    pub fn copy_in(&mut self, copy: &MemoryCopy) {
        self.bytes.clone_from(&copy.bytes);
        self.touched.clone_from(&copy.touched);
        self.spaces.copy_from(&copy.spaces);
        self.open.clone_from(&copy.open);
        self.guessed.clone_from(&copy.guessed);
    }
}
