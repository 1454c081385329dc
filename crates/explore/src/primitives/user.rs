//! A user's memory, as the kernel reads and writes it. A scenario gives ordinary memory for it; what is none is the user's mistake and no fault.

use super::Prim;
use crate::code::{CallSite, IntTy};
use crate::machine::{Flow, Machine};

const EFAULT: i64 = 14;

impl Machine<'_> {
    /// `get_user(x, from)` and `put_user(x, to)`.
    pub(super) fn user_access(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        if self.threads[t].context.pagefault == 0 && !self.may_sleep(t, site.name.as_str()) {
            return Flow::Dead;
        }
        let ty = site.given.get(1).map_or(IntTy::LONG, |given| given.pointee);
        let (own, user) = (self.arg(t, site, 0), self.arg(t, site, 1) as u64);
        let write = prim == Prim::UserWrite;
        let Ok(at) = self.link.mem.check(user, u32::from(ty.size)) else { return Flow::Next(-EFAULT) };
        self.link.mem.touch(at, u32::from(ty.size), t as u8, write);
        if write {
            self.put(at, ty, own);
            return Flow::Next(0);
        }
        let v = self.link.mem.read(at, ty);
        match self.link.mem.check(own as u64, u32::from(site.pointee.size)) {
            Ok(to) => {
                self.link.mem.touch(to, u32::from(site.pointee.size), t as u8, true);
                self.put(to, site.pointee, v);
                Flow::Next(0)
            }
            Err(bad) => {
                self.bad(t, bad, own as u64, true);
                Flow::Dead
            }
        }
    }
}
