//! Operations tables as they are written (`static const struct file_operations foo_fops = { … }`): what each member of a variable that holds functions
//! starts with.
//!
//! Only variables whose own members hold functions are kept, without arrays and nested records. A member that any code of the tree stores, in whatever
//! variable, is unknown: such records are no tables of constants.

use super::link::BoundFunction;
use crate::body::{Body, Expr, Op, OpKind, Record, Target};
use cuthere_base::{FileId, Symbol};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// A variable whose initialiser names functions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Table {
    pub name: Symbol,
    pub record: Record,
    /// Other files may mean it by its name.
    pub shared: bool,
    /// Known from the context.
    #[serde(skip)]
    pub file: FileId,
    /// The members with an initialiser; `None`: something else than a function's name.
    pub members: Box<[(Symbol, Option<Symbol>)]>,
}

/// What a member of a table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Member {
    Function(Symbol),
    /// It is left out.
    Null,
}

/// All tables of the tree.
#[derive(Default)]
pub struct Tables {
    by_name: FxHashMap<Symbol, Vec<Table>>,
    /// Members that code stores.
    stored: FxHashSet<(Record, Symbol)>,
    /// Of records with few tables: the first that leaves out a member which another one has, and its file.
    left_out: FxHashMap<(Record, Symbol), (Symbol, FileId)>,
    /// Per member that functions are bound to, and that other files which bind some of the record's leave out.
    partly: FxHashMap<(Record, Symbol), Partly>,
}

/// How many files bind a member of a record, of how many that bind any of its members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Partly {
    with: u32,
    all: u32,
}

/// Records with more tables are interfaces of the kernel's core, where who calls knows what each kind has.
const TABLES_MAX: usize = 8;

impl Tables {
    pub fn new(tables: Vec<Table>, funcs: &[Body]) -> Tables {
        let mut out = Tables::default();
        for table in tables {
            out.by_name.entry(table.name).or_default().push(table);
        }
        let records: FxHashSet<Record> = out.by_name.values().flatten().map(|t| t.record).collect();
        let stores = |body: &'_ Body| -> Vec<(Record, Symbol)> {
            let stored = |op: &Op| match op.kind {
                OpKind::Store { place, .. } => match body.expr(place) {
                    Expr::Field { record, name, .. } if records.contains(&record) => Some((record, name)),
                    _ => None,
                },
                _ => None,
            };
            body.ops.iter().filter_map(stored).collect()
        };
        out.stored = funcs.par_iter().flat_map_iter(stores).collect();
        out.find_left_out();
        out
    }

    fn find_left_out(&mut self) {
        let mut by_record: FxHashMap<Record, Vec<&Table>> = FxHashMap::default();
        for table in self.by_name.values().flatten() {
            by_record.entry(table.record).or_default().push(table);
        }
        for (record, mut tables) in by_record {
            if record.is_unknown() || tables.len() > TABLES_MAX {
                continue;
            }
            tables.sort_unstable_by_key(|t| (t.file, t.name.as_str()));
            for (member, _) in tables.iter().flat_map(|t| t.members.iter()) {
                let has = |t: &&&Table| t.members.iter().any(|m| m.0 == *member);
                if let Some(without) = tables.iter().find(|t| !has(t))
                    && !self.stored.contains(&(record, *member))
                {
                    self.left_out.insert((record, *member), (without.name, without.file));
                }
            }
        }
    }

    /// Notes which members are left out where others of their record are bound.
    pub fn note_bound(&mut self, bound: &[BoundFunction]) {
        let mut files: FxHashMap<(Record, Symbol), FxHashSet<FileId>> = FxHashMap::default();
        let mut records: FxHashMap<Record, FxHashSet<FileId>> = FxHashMap::default();
        for b in bound.iter().filter(|b| !b.record.is_unknown()) {
            files.entry((b.record, b.field)).or_default().insert(b.at.0);
            records.entry(b.record).or_default().insert(b.at.0);
        }
        for (key, with) in files {
            let all = records.get(&key.0).map_or(0, FxHashSet::len);
            if with.len() < all {
                self.partly.insert(key, Partly { with: with.len() as u32, all: all as u32 });
            }
        }
    }

    /// Whether one of few kinds of objects, each at home in a file, is bound without a member that another has.
    pub fn of_one_kind(&self, record: Record, member: Symbol) -> bool {
        self.partly.get(&(record, member)).is_some_and(|p| p.with == 1 && p.all as usize <= TABLES_MAX)
    }

    /// Whether most of a record's objects do without a member.
    pub fn is_seldom(&self, record: Record, member: Symbol) -> bool {
        self.partly.get(&(record, member)).is_some_and(|p| p.all > 2 && p.with * 2 < p.all)
    }

    /// A table of a record that leaves out a member which others have.
    pub fn left_out(&self, record: Record, member: Symbol) -> Option<(Symbol, FileId)> {
        self.left_out.get(&(record, member)).copied()
    }

    /// The table that a name means in a file.
    pub fn get(&self, file: FileId, name: Symbol) -> Option<&Table> {
        let all = self.by_name.get(&name)?;
        let own = all.iter().find(|t| t.file == file);
        own.or_else(|| match all.iter().filter(|t| t.shared).collect::<Vec<_>>()[..] {
            [one] => Some(one),
            _ => None,
        })
    }

    /// What a member of a table holds, if that is known.
    pub fn member(&self, file: FileId, name: Symbol, member: Symbol) -> Option<Member> {
        let table = self.get(file, name)?;
        if self.stored.contains(&(table.record, member)) {
            return None;
        }
        match table.members.iter().rev().find(|m| m.0 == member) {
            Some((_, function)) => function.map(Member::Function),
            None => Some(Member::Null),
        }
    }

    /// What a function's results rest on: the tables that it names.
    pub fn named(&self, body: &Body) -> String {
        let mut out = String::new();
        for op in body.ops.iter() {
            if let OpKind::Call { target: Target::Pointer(e), .. } = op.kind
                && let Some((record, member)) = body.ops_field(e)
                && let Some((table, file)) = self.left_out(record, member)
            {
                out += &format!("{member} {table} {}\n", file == body.file);
            }
        }
        for e in body.exprs.iter() {
            if let Expr::Field { record, name, .. } = e
                && let Some(Partly { with, all }) = self.partly.get(&(*record, *name))
            {
                out += &format!("{name} {with} {all}\n");
            }
            if let Expr::Global(name) = e
                && let Some(table) = self.get(body.file, *name)
            {
                for (member, _) in &table.members {
                    let holds = match self.member(body.file, *name, *member) {
                        Some(Member::Function(function)) => function.as_str(),
                        _ => "?",
                    };
                    out += &format!("{name}.{member} {holds}\n");
                }
            }
        }
        out
    }
}
