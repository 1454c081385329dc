//! References that open files hold: whoever is inside an operation of a file keeps alive what its opener referred to, until the file is released.

use super::chain::{chains, entered, one_table};
use super::parts::Teardown;
use cuthere_flow::body::Record;
use cuthere_flow::index::Deed;
use cuthere_flow::summary::FuncId;

impl Teardown<'_> {
    /// Whether a function runs in an operation of a file only, of which opening takes a reference to a record or releasing drops one.
    pub fn held_by_open_file(&self, f: FuncId, record: Record) -> bool {
        let roots: Vec<FuncId> = chains(self, f).iter().map(|way| way.first().map_or(f, |c| c.0)).collect();
        !roots.is_empty() && roots.iter().all(|&root| self.opener_holds(root, record))
    }

    fn opener_holds(&self, root: FuncId, record: Record) -> bool {
        entered(self, root).iter().any(|(table, ..)| {
            self.bound(root, table.tag_symbol()).iter().any(|&g| {
                let is = |name: &str| self.bindings(g).any(|b| b.record == *table && b.field.as_str() == name);
                let drops = || self.lives.inside(g).iter().any(|d| d.life.deed == Deed::Put && self.concerns(&d.life, record));
                one_table(self, root, g) && (is("open") && self.takes_reference(g, record) || is("release") && drops())
            })
        })
    }
}
