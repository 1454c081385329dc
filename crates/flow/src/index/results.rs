//! How code treats pointers that may be NULL: results of calls over the whole tree, members within their folder.
//!
//! This is belief inference in the sense of Engler and others (SOSP 2001): what most code does with a pointer is taken for what has to be done.

use super::facts::{Fact, Giver, MemberUse};
use crate::body::Record;
use crate::program::World;
use crate::summary::FuncId;
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};

/// How callers treat results: by whose they are, how often they are tested and how often dereferenced untested.
#[derive(Default)]
pub struct Habits(FxHashMap<Giver, (u32, u32)>);

impl Habits {
    pub fn add(&mut self, fact: &Fact) {
        let Fact::Result(u) = fact else { return };
        let entry = self.0.entry(u.giver).or_default();
        if u.tested {
            entry.0 += 1;
        } else if u.dereferenced {
            entry.1 += 1;
        }
    }

    /// All that is known, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Giver, (u32, u32))> {
        self.0.iter().map(|(giver, counts)| (*giver, *counts))
    }

    /// Takes what is known of more code, where it is more.
    pub fn raise(&mut self, of: impl Fn(Giver) -> Option<(u32, u32)>) {
        for (giver, counts) in &mut self.0 {
            if let Some(more) = of(*giver).filter(|more| more.0 + more.1 > counts.0 + counts.1) {
                *counts = more;
            }
        }
    }

    /// Tested, and dereferenced untested.
    pub fn get(&self, giver: Giver) -> (u32, u32) {
        self.0.get(&giver).copied().unwrap_or_default()
    }
}

/// What the folder that a member belongs to does with it.
#[derive(Default)]
pub struct Habit {
    /// A function that tests it, and where.
    pub tester: Option<(FuncId, crate::body::BlockId)>,
    /// A function that stores what may be NULL there.
    pub storer: Option<FuncId>,
    pub tested: u32,
    pub untested: u32,
    folder: String,
    /// Used in more than one folder: a member of the kernel's common records, whose rules differ from place to place.
    common: bool,
}

impl Habit {
    /// Whether the folder takes it for a member that may be NULL.
    fn optional(&self) -> bool {
        !self.common
            && (self.tested >= 3 && (self.untested < 2 || self.tested >= 4 * self.untested)
                || self.storer.is_some() && self.untested < if self.tested > 0 { 16 } else { 6 })
    }
}

type Key = (Record, Symbol);

/// Callers of a function that are asked.
const CALLERS_MAX: usize = 64;

/// How pointer members are treated, and who breaks with it.
#[derive(Default)]
pub struct Members {
    uses: Vec<(FuncId, MemberUse)>,
}

impl Members {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::Member(u) = fact {
            self.uses.push((func, *u));
        }
    }

    /// Uses without a test of members that the folder takes for optional, with the habit.
    pub fn unchecked(&self, world: &World<'_>, mut found: impl FnMut(FuncId, &MemberUse, &Habit)) {
        let mut habits: FxHashMap<Key, Habit> = FxHashMap::default();
        for (func, u) in &self.uses {
            let habit = habits.entry((u.record, u.member)).or_default();
            let folder = world.folder(*func);
            if habit.tested + habit.untested == 0 && habit.storer.is_none() {
                folder.clone_into(&mut habit.folder);
            }
            habit.common |= habit.folder != folder;
            if u.left_null {
                habit.storer = habit.storer.or(Some(*func));
            }
            if let Some(block) = u.tested {
                habit.tested += 1;
                habit.tester = habit.tester.or(Some((*func, block)));
            } else if u.dereferenced.is_some() {
                habit.untested += 1;
            }
        }
        habits.retain(|_, h| !h.common && h.untested > 0 && (h.tested >= 3 || h.storer.is_some()));
        let key = |u: &MemberUse| (u.record, u.member);
        let tests: FxHashSet<(FuncId, Key)> =
            self.uses.iter().filter(|(_, u)| u.tested.is_some() && habits.contains_key(&key(u))).map(|(f, u)| (*f, key(u))).collect();
        let suspect = |u: &MemberUse| u.dereferenced.is_some() && u.tested.is_none() && !u.left_null && habits.contains_key(&key(u));
        let mut suspects: Vec<&(FuncId, MemberUse)> = self.uses.iter().filter(|(_, u)| suspect(u)).collect();
        suspects.retain(|(func, u)| !guarded_by_caller(world, &tests, *func, key(u), 0));
        for habit in habits.values_mut() {
            habit.untested = 0;
        }
        for (_, u) in &suspects {
            if let Some(habit) = habits.get_mut(&key(u)) {
                habit.untested += 1;
            }
        }
        for (func, u) in suspects {
            if let Some(habit) = habits.get(&key(u)).filter(|h| h.optional()) {
                found(*func, u, habit);
            }
        }
    }
}

/// Whether a caller, or a caller's caller, tests the member: then it may call only if it is there.
fn guarded_by_caller(world: &World<'_>, tests: &FxHashSet<(FuncId, Key)>, func: FuncId, key: Key, depth: u32) -> bool {
    let callers = world.callers(func).chunk_by(|a, b| a.func == b.func).map(|calls| calls[0].func);
    callers.take(CALLERS_MAX).any(|f| tests.contains(&(f, key)) || (depth < 1 && guarded_by_caller(world, tests, f, key, depth + 1)))
}
