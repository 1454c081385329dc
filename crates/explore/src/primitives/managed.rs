//! Memory that goes with a device (`devm_kzalloc()` and its kin): freed when the driver core lets go of the device, in reverse order.
//!
//! Where the scenario includes `drivers/base/devres.c`, its own code does this. Refuses to run actions (`devm_add_action()`): those are unknown
//! functions here.

use super::{Prim, Size};
use crate::code::CallSite;
use crate::machine::{Flow, Machine};

impl Machine<'_> {
    pub(super) fn allocate_managed(&mut self, t: usize, site: &CallSite, zero: bool, size: Size) -> Flow {
        let device = self.arg(t, site, 0) as u64;
        let flow = self.allocate(t, site, zero, size);
        if let Flow::Next(addr) = flow
            && addr != 0
        {
            self.world.managed.entry(device).or_default().push(addr as u64);
        }
        flow
    }

    /// What others may notice of the end of a device's memory.
    pub(super) fn managed_footprint(&mut self, t: usize, device: u64) {
        for addr in self.world.managed.get(&device).cloned().unwrap_or_default() {
            // A wrong free is found when it is done.
            let _ = self.free_footprint(t, addr);
        }
    }

    pub(super) fn release_managed(&mut self, t: usize, device: u64) {
        for addr in self.world.managed.remove(&device).unwrap_or_default().into_iter().rev() {
            if self.threads[t].active() {
                self.free_now(t, addr);
            }
        }
    }

    /// `devm_kfree()` frees before the time.
    pub(super) fn forget_managed(&mut self, prim: Prim, t: usize, site: &CallSite) {
        if prim == Prim::Free(1) {
            let (device, addr) = (self.arg(t, site, 0) as u64, self.arg(t, site, 1) as u64);
            if let Some(all) = self.world.managed.get_mut(&device) {
                all.retain(|a| *a != addr);
            }
        }
    }
}
