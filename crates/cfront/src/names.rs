//! Which files declare a name: a table by symbol, for three name spaces.

use crate::outline::{FileOutline, ItemKind, ItemRef};
use cuthere_base::{FileId, Symbol};

/// More declarations of one name in one file are passed over: look-ups are linear in them.
const MAX_SAME: usize = 64;

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

    /// Keeps at most [`MAX_SAME`] declarations of a name in a file, the ones that look-ups prefer. Gives the files that had more.
    fn thin(&mut self, files: &[FileOutline]) -> Vec<ItemRef> {
        let slices = self.starts.windows(2).map(|w| w[0] as usize..w[1] as usize);
        let crowded = |same: &[ItemRef]| same.len() > MAX_SAME && same.chunk_by(|a, b| a.file == b.file).any(|own| own.len() > MAX_SAME);
        if !slices.clone().any(|slice| crowded(&self.entries[slice])) {
            return Vec::new();
        }
        let mut thinned = Vec::new();
        let mut starts = vec![0u32];
        let mut entries = Vec::with_capacity(self.entries.len());
        for slice in slices {
            for own in self.entries[slice].chunk_by(|a, b| a.file == b.file) {
                if own.len() <= MAX_SAME {
                    entries.extend_from_slice(own);
                    continue;
                }
                let mut best = own.to_vec();
                best.sort_by_key(|r| {
                    let item = &files[r.file.index()].items[r.item as usize];
                    (!item.active, item.kind == ItemKind::Prototype, r.item)
                });
                thinned.push(best[MAX_SAME]);
                best.truncate(MAX_SAME);
                best.sort_unstable();
                entries.extend(best);
            }
            starts.push(entries.len() as u32);
        }
        (self.starts, self.entries) = (starts, entries);
        thinned
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
    /// The tables of these outlines; what a table leaves out is noted in its file.
    pub fn new(files: &mut [FileOutline]) -> Names {
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
        let (mut ordinary, mut tags) = (Table::new(ordinary), Table::new(tags));
        let mut thinned = [ordinary.thin(files), tags.thin(files)].concat();
        // Symbols have no order of their own, places do.
        thinned.sort_unstable();
        for r in thinned {
            let item = files[r.file.index()].items[r.item as usize];
            let reason = format!("`{}` is declared more than {MAX_SAME} times: the others are not looked at", item.name);
            files[r.file.index()].notes.push((item.loc, reason));
        }
        Names { ordinary, tags, macros: Table::new(macros) }
    }
}
