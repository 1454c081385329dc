//! Copies and fillings of memory, piece by piece: another thread may see the first half of a structure with the second half of another.
//!
//! No machine moves more than a word at once, and none promises to move a structure as one. A piece is one read and one write, each an
//! operation of its own. Where nobody could notice, all pieces are done together; they count as many operations all the same, so that schedules do
//! not depend on what a search has learned.

use super::*;

/// What a range of memory is filled with.
#[derive(Clone, Copy)]
pub(crate) enum Filling {
    From(u64),
    With(u8),
}

impl Machine<'_> {
    /// Fills `to`. `false`: the thread stopped on the way, or died.
    pub(crate) fn transfer(&mut self, t: usize, to: u64, filling: Filling, size: u32, unit: u32, granted: &mut bool) -> bool {
        if size == 0 {
            return true;
        }
        self.weak_forget(to, u64::from(size));
        let each = if matches!(filling, Filling::From(_)) { 2 } else { 1 };
        let steps = size.div_ceil(unit) * each;
        if self.threads[t].copied == 0 && self.spend(t, u64::from(size) / 4) {
            return false;
        }
        if self.threads[t].copied == 0 && self.at_once(t, to, filling, size, steps) {
            *granted = false;
            return true;
        }
        // What overlaps is moved from its far end.
        let backwards = matches!(filling, Filling::From(from) if from < to && to < from.saturating_add(u64::from(size)));
        while self.threads[t].copied < steps {
            let step = self.threads[t].copied;
            let piece = if backwards { steps / each - 1 - step / each } else { step / each };
            let off = piece * unit;
            let len = unit.min(size - off);
            let place = |base: u64| base.wrapping_add(u64::from(off));
            match filling {
                Filling::From(from) if step.is_multiple_of(2) => {
                    let addr = place(from);
                    let Access_::Go(at) = self.access(t, addr, len, false, granted) else { return false };
                    let open = self.link.mem.open_cells(addr, u64::from(len));
                    self.threads[t].carried = self.link.mem.bytes(at, len);
                    self.threads[t].carried_guess = self.read_guess(addr, u64::from(len));
                    self.threads[t].carried_open = open.iter().map(|(off, cell)| (*off, cell.value, cell.size)).collect();
                }
                _ => {
                    let addr = place(to);
                    let Access_::Go(at) = self.access(t, addr, len, true, granted) else { return false };
                    let (bytes, open) = match filling {
                        Filling::From(_) => (self.threads[t].carried, std::mem::take(&mut self.threads[t].carried_open)),
                        Filling::With(byte) => ([byte; 8], Vec::new()),
                    };
                    self.link.mem.set_bytes(at, len, bytes);
                    let guess = if each == 2 { self.threads[t].carried_guess } else { self.resting.operand };
                    if guess != 0 {
                        self.link.mem.mark_guessed(addr, u64::from(len), guess);
                    }
                    for (off, value, size) in open {
                        if let Ok(at) = self.link.mem.check(addr + off, u32::from(size)) {
                            self.link.mem.write_open(at, size, value);
                        }
                    }
                }
            }
            self.threads[t].copied += 1;
            if self.spend(t, 32) {
                return false;
            }
        }
        self.threads[t].copied = 0;
        true
    }

    /// Does all of it, if nobody could come between and nothing is wrong with it.
    fn at_once(&mut self, t: usize, to: u64, filling: Filling, size: u32, steps: u32) -> bool {
        let Ok(d) = self.link.mem.check(to, size) else { return false };
        let source = match filling {
            Filling::From(from) => match self.link.mem.check(from, size) {
                Ok(s) => Some((from, s)),
                Err(_) => return false,
            },
            Filling::With(_) => None,
        };
        if self.concurrent() {
            let seen = |m: &Self, at: Ref| {
                let seen = m.link.mem.visibility(at, size);
                seen.shared || seen.freed
            };
            let visible = seen(self, d) || source.is_some_and(|s| seen(self, s.1));
            let fits = match self.stop_at {
                Some(at) => self.threads[t].ops + u64::from(steps) <= at && (self.races.is_none() || !visible),
                None => !visible,
            };
            if !fits {
                return false;
            }
            self.threads[t].ops += u64::from(steps);
            self.changes(t, d, to, size);
            if let Some((from, s)) = source {
                self.link.mem.touch(s, size, t as u8, false);
                if self.record.is_some() {
                    self.note(t, from, false);
                }
            }
            self.link.mem.touch(d, size, t as u8, true);
            if self.record.is_some() {
                self.note(t, to, true);
            }
        }
        match (source, filling) {
            (Some((_, s)), _) => self.link.mem.copy(d, s, size),
            (None, Filling::With(byte)) => self.link.mem.fill(d, size, byte),
            _ => {}
        }
        true
    }
}
