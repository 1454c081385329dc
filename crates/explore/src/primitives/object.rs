//! References of devices and kernel objects: a put is a drop plus, on the last one, the release callback that is stored in the object.
//!
//! The driver core is not interpreted: an object counts one reference from its first use on, as after its initialisation.

use super::{Prim, Wrong};
use crate::code::CallSite;
use crate::event::{Access, Location, Mode};
use crate::fault::FaultKind;
use crate::machine::{Flow, Machine};

impl Machine<'_> {
    pub(super) fn object_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        let object = self.arg(t, site, 0) as u64;
        if object == 0 {
            return Ok(());
        }
        let result = self.synchronises(t, object, Access::new(Location::sync(object), Mode::Write));
        if prim != Prim::GetObject {
            self.managed_footprint(t, object);
        }
        self.add_cpu(t, false);
        result
    }

    pub(super) fn object_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let object = self.arg(t, site, 0) as u64;
        if object == 0 {
            return Flow::Next(0);
        }
        if let Err(bad) = self.link.mem.check(object, 1) {
            self.bad(t, bad, object, true);
            return Flow::Dead;
        }
        let count = self.world.references.entry(object).or_insert(1);
        if prim == Prim::GetObject {
            *count += 1;
            return Flow::Next(object as i64);
        }
        *count -= 1;
        let last = *count == 0;
        if last || prim == (Prim::PutObject { delete: true }) {
            self.release_managed(t, object);
        }
        match self.world.references.get(&object).copied().unwrap_or(0) {
            0 => {}
            n if n < 0 => {
                self.fault(t, FaultKind::RefcountUnderflow, object, "reference dropped of an object that has none left");
                return Flow::Dead;
            }
            _ => return Flow::Next(0),
        }
        let Some(release) = self.release_function(object) else { return Flow::Next(0) };
        self.advance_past(t);
        if self.push_frame(t, release, &[object as i64], None, 0) {
            return Flow::Called;
        }
        self.unadvance(t);
        Flow::Next(0)
    }

    /// `dev->release`, else its type's, else its class's.
    fn release_function(&mut self, object: u64) -> Option<crate::code::FnId> {
        let at = |m: &mut Self, base: u64, tag: &str, member: &str| -> Option<u64> {
            let (off, ty) = m.link.member(tag, member)?;
            m.read_int(base.wrapping_add(off), ty).map(|v| v as u64).filter(|&v| v != 0)
        };
        if let Some(id) = at(self, object, "device", "release").and_then(|f| self.link.function_at(f)) {
            return Some(id);
        }
        if let Some(ty) = at(self, object, "device", "type")
            && let Some(id) = at(self, ty, "device_type", "release").and_then(|f| self.link.function_at(f))
        {
            return Some(id);
        }
        let class = at(self, object, "device", "class")?;
        let id = at(self, class, "class", "dev_release")?;
        self.link.function_at(id)
    }
}
