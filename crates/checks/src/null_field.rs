//! Pointer members that nearly everybody tests for NULL before the use, dereferenced without a test.
//!
//! A part of null-deref: the evidence is what the rest of the program does with the same member, so it is judged when everything was read.

use crate::check::Claim;
use crate::habits::{DIRECT, Giver, Use};
use crate::words;
use cuthere_base::Confidence;
use cuthere_flow::chain::At;
use cuthere_flow::digest::{DOpKind, Target};
use cuthere_flow::summary::FuncId;
use cuthere_flow::world::World;
use rustc_hash::{FxHashMap, FxHashSet};

/// What the folder that a member belongs to does with it.
#[derive(Default)]
struct Local {
    /// A function that tests it, and the block.
    tester: Option<(FuncId, u32)>,
    /// A function that stores what may be NULL there.
    storer: Option<FuncId>,
    tested: u32,
    untested: u32,
    folder: String,
    /// Used in more than one folder: a member of the kernel's common records, whose rules differ from place to place.
    common: bool,
}

impl Local {
    fn optional(&self) -> bool {
        !self.common
            && (self.tested >= 3 && (self.untested < 2 || self.tested >= 4 * self.untested)
                || self.storer.is_some() && self.untested < if self.tested > 0 { 16 } else { 6 })
    }
}

/// Claims about members, given every function's uses of them. `check` is null-deref's index.
pub(crate) fn unchecked_members(world: &World<'_>, uses: &[(FuncId, Use)], check: usize) -> Vec<Claim> {
    let mut members: FxHashMap<Giver, Local> = FxHashMap::default();
    for &(func, u) in uses {
        let local = members.entry(u.giver).or_default();
        let folder = world.path(func).rsplit_once('/').map_or("", |d| d.0);
        if local.tested + local.untested == 0 && local.storer.is_none() {
            folder.clone_into(&mut local.folder);
        }
        local.common |= local.folder != folder;
        if u.left_null {
            local.storer = local.storer.or(Some(func));
        }
        if u.tested {
            local.tested += 1;
            local.tester = local.tester.or(Some((func, u.op)));
        } else if u.dereferenced {
            local.untested += 1;
        }
    }
    members.retain(|_, local| !local.common && local.untested > 0 && (local.tested >= 3 || local.storer.is_some()));
    let tests: FxHashSet<(FuncId, Giver)> =
        uses.iter().filter(|(_, u)| u.tested && members.contains_key(&u.giver)).map(|(f, u)| (*f, u.giver)).collect();
    let mut suspects: Vec<(FuncId, Use)> =
        uses.iter().filter(|(_, u)| u.dereferenced && !u.tested && !u.left_null && members.contains_key(&u.giver)).copied().collect();
    let callers = callers(world, &suspects);
    suspects.retain(|(func, u)| !guarded_by_caller(&callers, &tests, *func, u.giver, 0));
    for local in members.values_mut() {
        local.untested = 0;
    }
    for (_, u) in &suspects {
        if let Some(local) = members.get_mut(&u.giver) {
            local.untested += 1;
        }
    }
    suspects.retain(|(_, u)| members.get(&u.giver).is_some_and(Local::optional));
    suspects.iter().filter_map(|&(func, u)| claim(world, func, u, members.get(&u.giver)?, check)).collect()
}

/// Who calls the suspects, and who calls those.
fn callers(world: &World<'_>, suspects: &[(FuncId, Use)]) -> FxHashMap<FuncId, Vec<FuncId>> {
    let mut map: FxHashMap<FuncId, Vec<FuncId>> = suspects.iter().map(|s| (s.0, Vec::new())).collect();
    for _ in 0..2 {
        let mut more: Vec<FuncId> = Vec::new();
        for (n, all) in world.callees.iter().enumerate() {
            for (_, callees) in all.iter() {
                for f in callees.list() {
                    if let Some(list) = map.get_mut(f)
                        && !list.contains(&FuncId(n as u32))
                        && list.len() < 64
                    {
                        list.push(FuncId(n as u32));
                        more.push(FuncId(n as u32));
                    }
                }
            }
        }
        for f in more {
            map.entry(f).or_default();
        }
    }
    map
}

/// Whether a caller, or a caller's caller, tests the member: then it may call only if it is there.
fn guarded_by_caller(
    callers: &FxHashMap<FuncId, Vec<FuncId>>,
    tests: &FxHashSet<(FuncId, Giver)>,
    func: FuncId,
    giver: Giver,
    depth: u32,
) -> bool {
    callers.get(&func).is_some_and(|list| {
        list.iter().any(|&c| tests.contains(&(c, giver)) || (depth < 1 && guarded_by_caller(callers, tests, c, giver, depth + 1)))
    })
}

fn claim(world: &World<'_>, func: FuncId, u: Use, local: &Local, check: usize) -> Option<Claim> {
    let Giver::Field(record, field) = u.giver else { return None };
    let d = world.func(func);
    let op = d.ops.get(u.op as usize)?;
    let (text, step) = match op.kind {
        DOpKind::Access { ptr, member } if u.argument == DIRECT => {
            let text = d.text(ptr);
            let step = if member.is_empty() { format!("dereferences `{text}`") } else { format!("loads or stores `{text}->{member}`") };
            (text, step)
        }
        DOpKind::Call { target: Target::Name(callee), args, .. } => {
            let text = d.text(*d.call_args(args).get(u.argument as usize)?);
            let step = format!("passes `{text}` to {callee}(), which dereferences it");
            (text, step)
        }
        _ => return None,
    };
    let mut assumes = Vec::new();
    if let Some(f) = local.storer {
        assumes.push(format!("`{}` may store NULL there ({}:{})", world.func(f).name, world.path(f), world.func(f).loc.line));
    }
    if let Some((f, block)) = local.tester {
        let line = world.func(f).blocks.get(block as usize).map_or(0, |b| b.loc.line);
        assumes.push(format!("{} of {} functions that use this member test it for NULL", local.tested, local.tested + local.untested));
        assumes.push(format!("`{}` tests it ({}:{line})", world.func(f).name, world.path(f)));
    }
    Some(Claim {
        check,
        confidence: if words::is_test_code(world.path(func)) { Confidence::Low } else { Confidence::Medium },
        op: u.op,
        cause: u32::MAX,
        merged: false,
        at: (func, op.loc),
        message: format!("`{text}` is dereferenced untested; `{field}` of `struct {record}` may be NULL"),
        steps: vec![At { func, loc: op.loc, text: step }],
        assumes,
        locks: Vec::new(),
        context: String::new(),
        identity: format!("member {record}.{field}"),
        weigh: None,
    })
}
