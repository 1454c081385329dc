//! Which records end with what a function does, the ones that lie in the memory of others included.

use super::parts::Teardown;
use cuthere_base::Symbol;
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::FreeHow;

impl Teardown<'_> {
    /// The records whose memory is given back by a deed, and the release callback that does it.
    pub fn ends(&self, done: &Done) -> Vec<(Record, Option<(FuncId, OpId)>)> {
        let mut out = Vec::new();
        match done.life.deed {
            Deed::Free | Deed::FreeLater if !done.life.object.is_unknown() => out.push((done.life.object, None)),
            Deed::Put => {
                // A count beside it (`percpu_ref_put()`) has a release of its own.
                let devices = self.world.model.entry(done.life.kind).is_some_and(|e| e.frees.iter().any(|f| f.how == FreeHow::Put));
                if let Spot::Member { owner, through: false, .. } = done.life.spot
                    && devices
                    && let Some(by) = self.release_of(owner)
                {
                    out.push((owner, Some(by)));
                }
            }
            _ => {}
        }
        for (record, by) in out.clone() {
            for u in self.lives.parts(record).iter().filter(|part| self.part_here(**part, record, done.by.0)) {
                out.push((*u, by));
            }
        }
        out
    }

    /// Whether a record is what a function's file, or else its folder, keeps in the memory of another: `netdev_priv()` is something else to each driver.
    fn part_here(&self, part: Record, whole: Record, f: FuncId) -> bool {
        let file = self.world.func(f).file;
        let said =
            |g: &FuncId| self.lives.lifetimes.own(*g).iter().filter(|u| u.deed == Deed::Interior && u.object == whole).map(|u| u.spot);
        if self.lives.lies_behind(part, whole) {
            return true;
        }
        let mut here = self.near(f).iter().filter(|g| self.world.func(**g).file == file).flat_map(said).peekable();
        if here.peek().is_some() {
            return here.any(|spot| spot == Spot::Object(part));
        }
        // Nothing is said in the file: only if the whole folder speaks of one.
        let mut there = self.near(f).iter().flat_map(said).peekable();
        there.peek().is_some() && there.all(|spot| spot == Spot::Object(part))
    }

    /// Whether a deed makes an object of a record, or what it lies in.
    pub fn makes(&self, life: &LifeUse, record: Record) -> bool {
        let inside = |whole: Record| self.lives.parts(whole).contains(&record);
        matches!(life.deed, Deed::Allocate { .. }) && (life.object == record || inside(life.object))
    }

    /// The release callback of a device that frees the record around it.
    fn release_of(&self, record: Record) -> Option<(FuncId, OpId)> {
        let release = |field: &str| Symbol::find(field).map_or(&[][..], |f| self.lives.bound_to(f));
        let all = release("release").iter().chain(release("dev_release"));
        all.filter(|(_, of)| matches!(of.tag(), "device" | "device_type" | "class" | "kobj_type"))
            .find_map(|&(f, _)| self.lives.inside(f).iter().find(|d| d.life.deed == Deed::Free && d.life.object == record).map(|d| d.by))
    }
}
