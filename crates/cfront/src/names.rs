//! Which files declare a name: a table by symbol, for three name spaces.

use crate::outline::{FileOutline, ItemKind, ItemRef};
use cuthere_base::{FileId, Symbol};

/// Symbol → places, in the order of files.
#[derive(Default)]
pub struct Table {
    starts: Vec<u32>,
    entries: Vec<ItemRef>,
}

impl Table {
    fn new(mut pairs: Vec<(u32, ItemRef)>) -> Table {
        use rayon::slice::ParallelSliceMut;
        pairs.par_sort_unstable();
        let len = pairs.last().map_or(0, |p| p.0 as usize + 1);
        let mut starts = vec![0u32; len + 1];
        for (symbol, _) in &pairs {
            starts[*symbol as usize + 1] += 1;
        }
        for i in 0..len {
            starts[i + 1] += starts[i];
        }
        Table { starts, entries: pairs.into_iter().map(|p| p.1).collect() }
    }

    /// Everything declared by this name.
    pub fn get(&self, name: Symbol) -> &[ItemRef] {
        let i = name.index();
        if i + 1 >= self.starts.len() {
            return &[];
        }
        &self.entries[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

/// The tables of a program. A macro's [`ItemRef::item`] indexes `FileOutline::macros`.
#[derive(Default)]
pub struct Names {
    pub ordinary: Table,
    pub tags: Table,
    pub macros: Table,
}

impl Names {
    pub fn new(files: &[FileOutline]) -> Names {
        let mut ordinary = Vec::new();
        let mut tags = Vec::new();
        let mut macros = Vec::new();
        for (f, outline) in files.iter().enumerate() {
            let file = FileId(f as u32);
            for (i, item) in outline.items.iter().enumerate() {
                if item.name.is_empty() {
                    continue;
                }
                let entry = (item.name.index() as u32, ItemRef { file, item: i as u32 });
                match item.kind {
                    ItemKind::Record | ItemKind::Enum => tags.push(entry),
                    ItemKind::MacroUse => {}
                    _ => ordinary.push(entry),
                }
            }
            for (i, m) in outline.macros.iter().enumerate() {
                if m.active {
                    macros.push((m.name.index() as u32, ItemRef { file, item: i as u32 }));
                }
            }
        }
        Names { ordinary: Table::new(ordinary), tags: Table::new(tags), macros: Table::new(macros) }
    }
}
