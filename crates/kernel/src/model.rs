//! The model as the analysis asks it: look-ups by name over all tables together.
//!
//! Decides how files combine: the compiled-in tables must not contradict each other; a user's file replaces entries of the
//! same name; what was learned never replaces what was written by hand. Immutable once made, and cheap to clone.

use crate::entry::{ContainerMacro, Custom, Entry, FreeClass, GuardClass, KernelLock, LoopMacro, Older, OpsField, PlaceAccess, Sleeps};
use crate::error::ModelError;
use crate::load::{Rows, load};
use cuthere_base::Symbol;
use cuthere_cfront::shapes::{Shape, Shapes};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};

macro_rules! tables {
    ($($name:literal),* $(,)?) => {
        /// The compiled-in tables: file name and text.
        pub(crate) const TABLES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../models/", $name)))),*];
    };
}
tables! {
    "locks.toml", "rcu.toml", "context.toml", "sleeping.toml", "subsystems.toml", "memory.toml", "refs.toml", "callbacks.toml", "registrations.toml", "lists.toml", "ops.toml", "around.toml",
    "lookups.toml", "members.toml", "readers.toml", "asserts.toml", "guards.toml", "loops.toml", "shapes.toml", "constants.toml", "enumerators.toml", "macros.toml", "types.toml",
    // Last: what was learned gives way to everything before it.
    "learned.toml",
}

/// What is known about the kernel's functions, macros and operations tables.
#[derive(Clone, Debug)]
pub struct Model {
    data: Arc<Data>,
}

#[derive(Clone, Debug, Default)]
struct Data {
    /// Whether entries for PREEMPT_RT are chosen.
    rt: bool,
    /// All variants of all entries, without order.
    all: Vec<Entry>,
    /// Entry name and preemption model → position in `all`.
    variants: FxHashMap<(Symbol, Option<bool>), u32>,
    /// By record, field and preemption model.
    ops: FxHashMap<(Symbol, Symbol, Option<bool>), OpsField>,
    around: FxHashMap<(Symbol, Symbol), Vec<KernelLock>>,
    guards: FxHashMap<Symbol, GuardClass>,
    releases: rustc_hash::FxHashSet<(Symbol, Symbol)>,
    guarded: FxHashMap<(Symbol, Symbol), Vec<Symbol>>,
    counts: rustc_hash::FxHashSet<Symbol>,
    customs: rustc_hash::FxHashSet<(Custom, Symbol)>,
    frees: FxHashMap<Symbol, FreeClass>,
    loops: FxHashMap<Symbol, LoopMacro>,
    containers: FxHashMap<Symbol, ContainerMacro>,
    places: FxHashMap<Symbol, PlaceAccess>,
    conditions: FxHashMap<Symbol, u8>,
    older: Vec<Older>,
    shapes: Shapes,
}

static BUILTIN: LazyLock<Model> = LazyLock::new(|| {
    let mut data = Data::default();
    for (name, text) in TABLES {
        // The tests load every table, so this cannot fail in a build that passed them.
        let rows = load(name, text).unwrap_or_else(|error| panic!("compiled-in kernel model: {error}"));
        data.add(rows, false);
    }
    Model { data: Arc::new(data) }
});

impl Model {
    /// The compiled-in model without PREEMPT_RT. Parsed once per process; later calls cost a reference count.
    pub fn builtin() -> Model {
        BUILTIN.clone()
    }

    /// This model with the entries of a user's file (`--model FILE`) added; rows of a known name replace it as a whole.
    ///
    /// # Errors
    /// The first mistake in the file, with its place and what is allowed there.
    pub fn extended(mut self, name: &str, text: &str) -> Result<Model, ModelError> {
        let rows = load(name, text)?;
        for guard in &rows.guards {
            for call in [guard.enter, guard.exit] {
                let known = self.data.has(call) || rows.entries.iter().any(|entry| entry.name == call);
                if !known {
                    let offset = text.find(call.as_str()).unwrap_or(0);
                    let message = format!("guard `{}` calls `{call}`, which has no entry: add an [[entry]] for it", guard.class);
                    return Err(ModelError::at(name, text, offset, message));
                }
            }
        }
        Arc::make_mut(&mut self.data).add(rows, true);
        Ok(self)
    }

    /// The same model for a preemption model: entries that hold only on PREEMPT_RT, or only off it, are chosen by `rt`.
    pub fn for_preempt(mut self, rt: bool) -> Model {
        if self.data.rt != rt {
            Arc::make_mut(&mut self.data).rt = rt;
        }
        self
    }

    /// The model as it holds for a tree, by the names that this defines, and what was changed for it; `None`: as it stands.
    pub fn for_tree(&self, defines: impl Fn(Symbol) -> bool) -> Option<(Model, String)> {
        let holds = |older: &&Older| defines(older.defined) && !defines(older.without);
        let all: Vec<Older> = self.data.older.iter().filter(holds).cloned().collect();
        if all.is_empty() {
            return None;
        }
        let mut model = self.clone();
        let data = Arc::make_mut(&mut model.data);
        for entry in &mut data.all {
            if all.iter().any(|older| older.never_sleeps.contains(&entry.name)) {
                entry.sleeps = Sleeps::Never;
            }
            if all.iter().any(|older| older.no_context.contains(&entry.name)) {
                entry.context.clear();
            }
        }
        data.ops.retain(|key, _| !all.iter().any(|older| older.no_operation.contains(&(key.0, key.1))));
        let names: Vec<&str> = all.iter().map(|older| older.without.as_str()).collect();
        Some((model, names.join(" ")))
    }

    /// What a function or macro does, if the model knows it.
    pub fn entry(&self, name: Symbol) -> Option<&Entry> {
        let data = &*self.data;
        let at = data.variants.get(&(name, Some(data.rt))).or_else(|| data.variants.get(&(name, None)))?;
        data.all.get(*at as usize)
    }

    /// How the kernel calls a function pointer field of a record (by tag).
    pub fn ops_field(&self, record: Symbol, field: Symbol) -> Option<&OpsField> {
        let data = &*self.data;
        data.ops.get(&(record, field, Some(data.rt))).or_else(|| data.ops.get(&(record, field, None)))
    }

    /// The locks, any of which a member of a record is to be used under; empty: nothing is known.
    pub fn locks_of(&self, record: Symbol, field: Symbol) -> &[Symbol] {
        self.data.guarded.get(&(record, field)).map_or(&[], Vec::as_slice)
    }

    /// The members of which the model knows such locks, by record; in no order.
    pub fn locked_members(&self) -> impl Iterator<Item = (Symbol, Symbol)> {
        self.data.guarded.keys().copied()
    }

    /// The locks of its own that the kernel holds around calls of an operation, for the order of locks alone.
    pub fn around(&self, record: Symbol, field: Symbol) -> &[KernelLock] {
        self.data.around.get(&(record, field)).map_or(&[], Vec::as_slice)
    }

    /// Whether a member of a record holds the function that frees an object when the last reference is gone, or leads to it.
    pub fn is_release(&self, record: Symbol, field: Symbol) -> bool {
        self.data.releases.contains(&(record, field))
    }

    /// Whether a member of this name counts references, if it is a plain integer.
    pub fn counts_references(&self, member: Symbol) -> bool {
        self.data.counts.contains(&member)
    }

    /// Whether a word of a function's name, or the name, says this by custom.
    pub fn is_custom(&self, custom: Custom, name: Symbol) -> bool {
        self.data.customs.contains(&(custom, name))
    }

    /// Whether some word of a function's name says that nobody else knows the object, not yet or not any more.
    pub fn names_alone(&self, name: Symbol) -> bool {
        self.has_word(Custom::Alone, name)
    }

    /// Whether some word of an operation's name says that it keeps the object that it is called for, or gives it up.
    pub fn names_taking_over(&self, name: Symbol) -> bool {
        self.names_alone(name) || self.has_word(Custom::TakesOver, name)
    }

    /// Whether some word of a function's name says that a module starts or ends then.
    pub fn names_phase(&self, name: Symbol) -> bool {
        self.has_word(Custom::Phase, name)
    }

    fn has_word(&self, custom: Custom, name: Symbol) -> bool {
        name.as_str().split('_').any(|word| Symbol::find(word).is_some_and(|word| self.is_custom(custom, word)))
    }

    /// What `guard(class)` calls.
    pub fn guard(&self, class: Symbol) -> Option<&GuardClass> {
        self.data.guards.get(&class)
    }

    /// What `__free(name)` calls.
    pub fn free_class(&self, name: Symbol) -> Option<&FreeClass> {
        self.data.frees.get(&name)
    }

    /// How a loop macro moves its cursor.
    pub fn loop_macro(&self, name: Symbol) -> Option<&LoopMacro> {
        self.data.loops.get(&name)
    }

    /// Which arguments of a macro of the `container_of` family are the pointer, the type and the member.
    pub fn container_of(&self, name: Symbol) -> Option<ContainerMacro> {
        self.data.containers.get(&name).copied()
    }

    /// The macros that read or write the place in their first argument, by name.
    pub fn place_macros(&self) -> Vec<(Symbol, PlaceAccess)> {
        let mut all: Vec<(Symbol, PlaceAccess)> = self.data.places.iter().map(|(name, access)| (*name, *access)).collect();
        all.sort_unstable_by_key(|(name, _)| name.as_str());
        all
    }

    /// Whether the macro reads or writes the place in its first argument (`READ_ONCE`, `WRITE_ONCE`).
    pub fn place_macro(&self, name: Symbol) -> Option<PlaceAccess> {
        self.data.places.get(&name).copied()
    }

    /// The argument that the macro evaluates again and again until it holds (`wait_event`).
    pub fn condition_arg(&self, name: Symbol) -> Option<u8> {
        self.data.conditions.get(&name).copied()
    }

    /// The value of a constant when the tree does not define it.
    pub fn constant(&self, name: Symbol) -> Option<i64> {
        self.data.shapes.constants.get(&name).copied()
    }

    /// The table for the front end. It does not depend on the preemption model.
    pub fn shapes(&self) -> Shapes {
        self.data.shapes.clone()
    }

    /// All entries that hold for the chosen preemption model, by name. Costs a sort.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let rt = self.data.rt;
        let chosen = |entry: &&Entry| match entry.rt {
            Some(of) => of == rt,
            None => !self.data.variants.contains_key(&(entry.name, Some(rt))),
        };
        let mut entries: Vec<&Entry> = self.data.all.iter().filter(chosen).collect();
        entries.sort_by_key(|entry| entry.name.as_str());
        entries.into_iter()
    }

    /// All operations-table fields, by record and field. Costs a sort.
    pub fn ops_fields(&self) -> impl Iterator<Item = &OpsField> {
        let chosen = |ops: &&OpsField| self.ops_field(ops.record, ops.field) == Some(*ops);
        let mut fields: Vec<&OpsField> = self.data.ops.values().filter(chosen).collect();
        fields.sort_by_key(|ops| (ops.record.as_str(), ops.field.as_str()));
        fields.into_iter()
    }

    /// All guard classes, by name. Costs a sort.
    pub fn guards(&self) -> impl Iterator<Item = &GuardClass> {
        let mut guards: Vec<&GuardClass> = self.data.guards.values().collect();
        guards.sort_by_key(|guard| guard.class.as_str());
        guards.into_iter()
    }

    /// All loop macros, by name. Costs a sort.
    pub fn loops(&self) -> impl Iterator<Item = &LoopMacro> {
        let mut loops: Vec<&LoopMacro> = self.data.loops.values().collect();
        loops.sort_by_key(|each| each.name.as_str());
        loops.into_iter()
    }
}

impl Data {
    fn has(&self, name: Symbol) -> bool {
        [None, Some(false), Some(true)].iter().any(|rt| self.variants.contains_key(&(name, *rt)))
    }

    /// Adds a file's rows. `replace`: an entry takes the place of all variants of its name.
    fn add(&mut self, rows: Rows, replace: bool) {
        self.add_entries(rows.entries, replace);
        let names = &mut self.shapes.names;
        names.extend(rows.shapes);
        names.extend(rows.loops.iter().map(|each| (each.name, Shape::Loop)));
        names.extend(rows.containers.iter().map(|(name, _)| (*name, Shape::Call)));
        names.extend(rows.places.iter().map(|(name, _)| (*name, Shape::Call)));
        names.extend(rows.conditions.iter().map(|(name, _)| (*name, Shape::Call)));
        self.shapes.types.extend(rows.types);
        self.shapes.constants.extend(rows.constants);
        self.shapes.returns.extend(rows.returns);
        self.shapes.macros.extend(rows.macros);
        for (member, lock) in rows.guarded {
            self.guarded.entry(member).or_default().push(lock);
        }
        if replace {
            let fresh: rustc_hash::FxHashSet<(Symbol, Symbol)> = rows.ops.iter().map(|ops| (ops.record, ops.field)).collect();
            self.ops.retain(|key, _| !fresh.contains(&(key.0, key.1)));
        }
        self.ops.extend(rows.ops.into_iter().map(|ops| ((ops.record, ops.field, ops.rt), ops)));
        self.around.extend(rows.around);
        self.releases.extend(rows.releases);
        self.counts.extend(rows.counts);
        self.customs.extend(rows.customs);
        self.guards.extend(rows.guards.into_iter().map(|guard| (guard.class, guard)));
        self.frees.extend(rows.frees.into_iter().map(|free| (free.name, free)));
        self.loops.extend(rows.loops.into_iter().map(|each| (each.name, each)));
        self.containers.extend(rows.containers);
        self.places.extend(rows.places);
        self.conditions.extend(rows.conditions);
        self.older.extend(rows.older);
    }

    fn add_entries(&mut self, entries: Vec<Entry>, replace: bool) {
        if replace {
            let fresh: rustc_hash::FxHashSet<Symbol> = entries.iter().filter(|entry| !entry.learned).map(|entry| entry.name).collect();
            if self.all.iter().any(|entry| fresh.contains(&entry.name)) {
                self.all.retain(|entry| !fresh.contains(&entry.name));
                self.variants = self.all.iter().enumerate().map(|(at, entry)| ((entry.name, entry.rt), at as u32)).collect();
            }
        }
        for entry in entries {
            if entry.learned && self.has(entry.name) {
                continue;
            }
            if entry.unexpanded {
                // A shape given on its own (a declaration, a scope) says more than "a call".
                self.shapes.names.entry(entry.name).or_insert(Shape::Call);
            }
            self.variants.insert((entry.name, entry.rt), self.all.len() as u32);
            self.all.push(entry);
        }
    }
}
