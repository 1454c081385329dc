//! RCU and SRCU: read-side sections, grace periods and what runs after them.
//!
//! A grace period waits for the sections that had begun before it. Sections are events only in programs that wait for grace periods.

use super::lock::LockOp;
use super::{Prim, Wrong};
use crate::code::{CallSite, FnId};
use crate::event::{Access, Location, Mode, ThreadSet};
use crate::lives::Death;
use crate::machine::{Flow, Machine};
use crate::thread::Level;
use cuthere_kernel::CtxPart;

impl Machine<'_> {
    pub(super) fn rcu_context_footprint(&mut self, t: usize, op: &LockOp) {
        if !self.world.rcu_used {
            return;
        }
        for effect in op.context.iter().flatten() {
            let c = &self.threads[t].context;
            let depth = match effect.part {
                CtxPart::Rcu => c.rcu,
                CtxPart::Bh | CtxPart::RcuBh => c.bh,
                CtxPart::Preempt | CtxPart::RcuSched => c.preempt,
                CtxPart::Irq | CtxPart::IrqSave => i32::from(c.irq),
                CtxPart::PagefaultOff => continue,
            };
            if effect.enter && depth == 0 {
                self.threads[t].footprint.push(Access::new(Location::rcu(0, false), Mode::Read));
            } else if !effect.enter && depth <= 1 {
                self.threads[t].footprint.push(Access::new(Location::rcu(0, true), Mode::Release));
            }
        }
    }

    pub(super) fn rcu_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        let domain = self.domain(t, prim, site);
        let (begin, end) = (Location::rcu(domain, false), Location::rcu(domain, true));
        let access = match prim {
            Prim::Synchronize { .. } | Prim::RcuBarrier if self.threads[t].phase > 0 => Access::new(end, Mode::Acquire),
            Prim::SrcuLock => Access::new(begin, Mode::Read),
            Prim::SrcuUnlock => Access::new(end, Mode::Release),
            _ => Access::new(begin, Mode::Write),
        };
        self.threads[t].footprint.push(access);
        self.add_cpu(t, false);
        if let Prim::FreeLater { .. } = prim {
            let addr = self.arg(t, site, 0) as u64;
            if addr != 0 {
                return self.want(t, addr, 1, false).map(|_| ()).map_err(|bad| Wrong::Access(bad, addr, true));
            }
        }
        Ok(())
    }

    fn domain(&self, t: usize, prim: Prim, site: &CallSite) -> u64 {
        match prim {
            Prim::Synchronize { srcu: true } | Prim::SrcuLock | Prim::SrcuUnlock => self.arg(t, site, 0) as u64,
            Prim::CallRcu { srcu: true } => self.arg(t, site, 0) as u64,
            _ => 0,
        }
    }

    pub(super) fn rcu_ready(&self, t: usize, prim: Prim, _site: &CallSite) -> bool {
        let thread = &self.threads[t];
        if thread.phase == 0 {
            return true;
        }
        match prim {
            Prim::RcuBarrier => !self.threads.iter().any(|u| !u.ended() && u.callback == RCU_CALLBACK),
            _ => thread.waits_for == 0,
        }
    }

    fn readers(&self, t: usize, domain: u64) -> ThreadSet {
        let mut mask = 0;
        for n in 0..self.threads.len() {
            if n == t {
                continue;
            }
            let inside = if domain == 0 {
                self.reader(n)
            } else {
                !self.threads[n].ended() && self.threads[n].srcu.iter().any(|s| s.0 == domain && s.1 > 0)
            };
            if inside {
                mask |= 1 << n;
            }
        }
        mask
    }

    pub(super) fn rcu_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let domain = self.domain(t, prim, site);
        if self.concurrent() && !matches!(prim, Prim::SrcuLock | Prim::SrcuUnlock) && !self.world.rcu_used {
            self.world.rcu_used = true;
            self.world.grown = true;
        }
        match prim {
            Prim::SrcuLock => {
                match self.threads[t].srcu.iter_mut().find(|s| s.0 == domain) {
                    Some(s) => s.1 += 1,
                    None => self.threads[t].srcu.push((domain, 1)),
                }
                Flow::Next(0)
            }
            Prim::SrcuUnlock => {
                if let Some(s) = self.threads[t].srcu.iter_mut().find(|s| s.0 == domain) {
                    s.1 -= 1;
                    if s.1 == 0 {
                        let bit: ThreadSet = !(1 << t);
                        self.threads.no_longer_wait(bit);
                    }
                }
                Flow::Next(0)
            }
            Prim::Synchronize { .. } | Prim::RcuBarrier => {
                if !self.concurrent() {
                    return Flow::Next(0);
                }
                if self.threads[t].phase == 0 {
                    if !self.may_sleep(t, site.name.as_str()) {
                        return Flow::Dead;
                    }
                    self.threads[t].phase = 1;
                    self.threads[t].waits_for = self.readers(t, domain);
                    // The wait is an operation of its own.
                    let mut no = false;
                    return self.primitive(t, prim, site, 0, &mut no);
                }
                self.threads[t].phase = 0;
                self.follows_grace(t);
                self.give_way(t);
                Flow::Next(0)
            }
            Prim::FreeLater { .. } => {
                let addr = self.arg(t, site, 0) as u64;
                if addr == 0 {
                    return Flow::Next(0);
                }
                if !self.concurrent() {
                    self.free_now(t, addr);
                    return Flow::Next(0);
                }
                if self.record.is_some() {
                    self.lives.deaths.push(Death { addr, recorded: usize::MAX, stack: self.stack(t), held: self.held_there(t) });
                }
                self.after_grace(t, 0, FnId(u32::MAX), addr as i64, site);
                Flow::Next(0)
            }
            _ => {
                let (head, function) = if domain != 0 { (1, 2) } else { (0, 1) };
                let (head, function) = (self.arg(t, site, head), self.arg(t, site, function) as u64);
                if let Some(id) = self.link.function_at(function) {
                    self.after_grace(t, domain, id, head, site);
                }
                Flow::Next(0)
            }
        }
    }

    /// A callback that starts when today's readers are gone.
    fn after_grace(&mut self, t: usize, domain: u64, id: FnId, data: i64, site: &CallSite) {
        let name = self.link.functions.get(id.0 as usize).map_or(site.name, |f| f.name);
        let waits_for = self.readers(t, domain) | if self.reader(t) && domain == 0 { 1 << t } else { 0 };
        let cpu = self.threads[t].cpu;
        if let Some(new) = self.spawn(t, Level::Softirq, cpu, (id, data), name) {
            self.threads[new].callback = RCU_CALLBACK;
            self.threads[new].waits_for = waits_for;
            self.arrive(new);
        }
    }

    /// A thread's own body where it has no function: the free after a grace period.
    pub(crate) fn run_native(&mut self, t: usize, id: FnId, arg: i64) {
        if id.0 == u32::MAX {
            self.free_now(t, arg as u64);
        }
    }
}

/// What RCU callbacks have for a callback object.
pub(crate) const RCU_CALLBACK: u64 = 8;
