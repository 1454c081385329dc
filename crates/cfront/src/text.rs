//! Texts of files: lines by offset, and which texts are kept in memory.

use cuthere_base::{FileId, Symbol};
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file's bytes, with marks from which lines are counted.
#[derive(Clone, Debug)]
pub struct FileText {
    pub bytes: Arc<[u8]>,
    /// Newlines before each block.
    marks: Arc<[u32]>,
}

/// Bytes between two marks.
const BLOCK: usize = 2048;

fn newlines(bytes: &[u8]) -> u32 {
    memchr::memchr_iter(b'\n', bytes).count() as u32
}

impl FileText {
    pub fn new(bytes: Arc<[u8]>) -> FileText {
        let mut before = 0;
        let mark = |block: &[u8]| {
            let at = before;
            before += newlines(block);
            at
        };
        let marks = bytes.chunks(BLOCK).map(mark).collect();
        FileText { bytes, marks }
    }

    /// The line of an offset, from 1.
    pub fn line_of(&self, offset: u32) -> u32 {
        let offset = (offset as usize).min(self.bytes.len());
        let block = offset / BLOCK;
        match self.marks.get(block) {
            Some(before) => before + newlines(&self.bytes[block * BLOCK..offset]) + 1,
            // The end of a text of whole blocks.
            None => self.marks.last().map_or(1, |before| before + newlines(&self.bytes[(block - 1) * BLOCK..offset]) + 1),
        }
    }

    /// Whether this name stands at the offset.
    pub(crate) fn starts_with_word(&self, at: u32, name: Symbol) -> bool {
        let word = name.as_str().as_bytes();
        let Some(rest) = self.bytes.get(at as usize..) else { return false };
        rest.starts_with(word) && !rest.get(word.len()).is_some_and(|&b| crate::lexer::is_ident(b))
    }
}

/// Bytes of texts that are kept. When there are more, all are dropped and read again as needed.
const KEPT_MAX: usize = 256 << 20;

/// Texts of headers, which many files ask for.
pub(crate) struct Texts {
    slots: Vec<RwLock<Option<FileText>>>,
    kept: AtomicUsize,
}

impl Texts {
    pub(crate) fn new(files: usize) -> Texts {
        Texts { slots: (0..files).map(|_| RwLock::new(None)).collect(), kept: AtomicUsize::new(0) }
    }

    /// The text of a file, read if it is not there.
    pub(crate) fn get(&self, file: FileId, read: impl FnOnce() -> Result<FileText, String>) -> Result<FileText, String> {
        let Some(slot) = self.slots.get(file.index()) else { return read() };
        if let Some(text) = &*slot.read() {
            return Ok(text.clone());
        }
        let text = read()?;
        let size = text.bytes.len();
        if self.kept.fetch_add(size, Ordering::Relaxed) + size > KEPT_MAX {
            self.kept.store(size, Ordering::Relaxed);
            self.slots.iter().for_each(|s| *s.write() = None);
        }
        *slot.write() = Some(text.clone());
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_offsets() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let bytes: Vec<u8> = (0..size).map(|i| if i % 7 == 3 { b'\n' } else { b'x' }).collect();
            let text = FileText::new(Arc::from(&bytes[..]));
            for at in (0..=size).filter(|at| at % 5 == 0 || at % BLOCK < 9 || *at == size) {
                let lines = bytes[..at].iter().filter(|b| **b == b'\n').count() as u32 + 1;
                assert_eq!(text.line_of(at as u32), lines, "{at} of {size}");
            }
        }
    }

    #[test]
    fn texts_are_read_once() {
        let texts = Texts::new(2);
        let read = || Ok(FileText::new(Arc::from(&b"int x;"[..])));
        assert!(texts.get(FileId(1), read).is_ok());
        assert!(texts.get(FileId(1), || Err("read twice".to_owned())).is_ok());
        assert!(texts.get(FileId(0), || Err("gone".to_owned())).is_err());
    }
}
