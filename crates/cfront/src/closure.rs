//! The files that a file sees through its includes, nearest first. One thread keeps the last few it computed.

use crate::program::Program;
use cuthere_base::FileId;
use std::cell::RefCell;

/// Ranks of the files in one include closure, in breadth-first order.
#[derive(Default)]
pub struct Closure {
    program: u64,
    file: Option<FileId>,
    /// Per file: (stamp, rank).
    ranks: Vec<(u32, u32)>,
    stamp: u32,
    pub order: Vec<FileId>,
    /// Some include of the file itself or of what it sees was not found.
    pub missing: bool,
    /// Members that hold unindexed `#define` lists.
    pub bulk: Vec<FileId>,
    used: u64,
}

impl Closure {
    /// How near the file is; `None`: not visible.
    pub fn rank(&self, file: FileId) -> Option<u32> {
        self.ranks.get(file.index()).filter(|r| r.0 == self.stamp).map(|r| r.1)
    }

    fn compute(&mut self, program: &Program<'_>, file: FileId) {
        self.program = program.id;
        self.file = Some(file);
        if self.ranks.len() != program.files.len() || self.stamp == u32::MAX {
            self.ranks = vec![(0, 0); program.files.len()];
            self.stamp = 0;
        }
        self.stamp += 1;
        self.order.clear();
        self.bulk.clear();
        self.missing = !program.missing[file.index()].is_empty();
        self.order.push(file);
        self.ranks[file.index()] = (self.stamp, 0);
        let mut at = 0;
        while at < self.order.len() {
            let f = self.order[at];
            at += 1;
            if program.files[f.index()].bulk.is_some() {
                self.bulk.push(f);
            }
            for &inner in program.includes(f) {
                let rank = &mut self.ranks[inner.index()];
                if rank.0 != self.stamp {
                    *rank = (self.stamp, self.order.len() as u32);
                    self.order.push(inner);
                }
            }
        }
    }
}

const KEPT: usize = 8;

thread_local! {
    static RECENT: RefCell<(u64, Vec<Closure>)> = const { RefCell::new((0, Vec::new())) };
}

/// Calls `f` with the closure of a file. `f` must not ask for another closure.
pub fn with<R>(program: &Program<'_>, file: FileId, f: impl FnOnce(&Closure) -> R) -> R {
    RECENT.with_borrow_mut(|(clock, all)| {
        *clock += 1;
        let found = all.iter().position(|c| c.program == program.id && c.file == Some(file));
        let i = match found {
            Some(i) => i,
            None => {
                let i = if all.len() < KEPT {
                    all.push(Closure::default());
                    all.len() - 1
                } else {
                    (0..all.len()).min_by_key(|&i| all[i].used).unwrap_or(0)
                };
                all[i].compute(program, file);
                i
            }
        };
        all[i].used = *clock;
        f(&all[i])
    })
}
