//! Reading and writing the bytes of checked ranges. Whoever asks has the range from [`Memory::check`]; what is peeked at need not be there.

use super::{BASE, Kind, Memory, POISON, Ref, SLOT_BITS, SLOTS, SPACE_BITS, State};
use crate::code::IntTy;

impl Memory {
    /// Reads an integer of a checked access.
    #[inline]
    pub fn read(&self, at: Ref, ty: IntTy) -> i64 {
        let start = self.object(at).start as usize + at.off as usize;
        let b = &self.bytes[start..start + usize::from(ty.size)];
        let raw = match *b {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => 0,
        };
        ty.fit(raw as i64)
    }

    /// A number at an address that was used before, for messages.
    pub fn peek_int(&self, addr: u64, size: u64) -> Option<i64> {
        let object = self.known(addr)?;
        let off = addr.wrapping_sub(object.addr);
        if size == 0 || size > 8 || off.checked_add(size)? > u64::from(object.size) {
            return None;
        }
        let start = object.start as usize + off as usize;
        let bytes = self.bytes.get(start..start + size as usize)?;
        let raw = bytes.iter().rev().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let shift = 64 - 8 * size as u32;
        Some((raw << shift) as i64 >> shift)
    }

    /// Writes an integer of a checked access.
    #[inline]
    pub fn write(&mut self, at: Ref, ty: IntTy, v: i64) {
        self.overwrite(at, u64::from(ty.size));
        let start = self.object(at).start as usize + at.off as usize;
        let bytes = v.to_le_bytes();
        match &mut self.bytes[start..start + usize::from(ty.size.min(8))] {
            [a] => *a = bytes[0],
            to => match to.len() {
                4 => to.copy_from_slice(&bytes[..4]),
                8 => to.copy_from_slice(&bytes),
                size => to.copy_from_slice(&bytes[..size]),
            },
        }
    }

    /// The eight bytes at an aligned address, if they can be read; where one is open, what tells it from other contents.
    pub fn peek(&self, addr: u64) -> Option<u64> {
        let x = addr.wrapping_sub(BASE);
        let object = self.spaces.of((x >> SPACE_BITS) as usize).get(((x >> SLOT_BITS) & (SLOTS - 1)) as usize)?;
        if object.kind == Kind::None || object.state != State::Live {
            return None;
        }
        let start = object.start as usize + usize::try_from(addr.wrapping_sub(object.addr)).ok()?;
        let bytes = self.bytes.get(start..start.checked_add(8)?)?.first_chunk()?;
        let mark = if self.has_open() { self.open_mark(addr) } else { 0 };
        Some(u64::from_le_bytes(*bytes) ^ mark)
    }

    /// Whether a number read here comes from memory that nobody has written, as far as its bytes tell: those of a word around it.
    pub fn unwritten(&self, at: Ref, size: u8) -> bool {
        let object = self.object(at);
        if !matches!(object.kind, Kind::Heap | Kind::Stack) {
            return false;
        }
        let (from, to) = (at.off & !3, (at.off + u32::from(size)).next_multiple_of(4).min(object.size));
        let start = object.start as usize;
        let bytes = self.bytes.get(start + from as usize..start + to as usize);
        bytes.is_some_and(|bytes| bytes.iter().all(|b| *b == POISON))
    }

    /// Copies between two checked ranges, which may overlap.
    pub fn copy(&mut self, dst: Ref, src: Ref, size: u32) {
        // An empty range may be of no object at all.
        if size == 0 {
            return;
        }
        if self.has_open() {
            self.copy_open(dst, src, size);
        }
        if self.has_guessed() {
            self.copy_guessed(dst, src, size);
        }
        let d = self.object(dst).start as usize + dst.off as usize;
        let s = self.object(src).start as usize + src.off as usize;
        self.bytes.copy_within(s..s + size as usize, d);
    }

    /// Up to eight bytes of a checked range.
    pub fn bytes(&self, at: Ref, size: u32) -> [u8; 8] {
        let start = self.object(at).start as usize + at.off as usize;
        let mut out = [0; 8];
        let size = size.min(8) as usize;
        out[..size].copy_from_slice(&self.bytes[start..start + size]);
        out
    }

    /// Writes up to eight bytes of a checked range.
    pub fn set_bytes(&mut self, at: Ref, size: u32, bytes: [u8; 8]) {
        self.overwrite(at, u64::from(size));
        let start = self.object(at).start as usize + at.off as usize;
        let size = size.min(8) as usize;
        self.bytes[start..start + size].copy_from_slice(&bytes[..size]);
    }

    /// Sets all bytes of a checked range.
    pub fn fill(&mut self, at: Ref, size: u32, byte: u8) {
        if size == 0 {
            return;
        }
        self.overwrite(at, u64::from(size));
        let d = self.object(at).start as usize + at.off as usize;
        self.bytes[d..d + size as usize].fill(byte);
    }

    /// Another value comes to a checked range, which may have held open ones.
    #[inline]
    fn overwrite(&mut self, at: Ref, size: u64) {
        if self.has_open() {
            self.open.clear(self.address_of(at), size);
        }
        if self.has_guessed() {
            self.guessed.clear(self.address_of(at), size);
        }
    }
}
