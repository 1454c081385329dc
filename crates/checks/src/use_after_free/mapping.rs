//! Objects that a mapping of a file keeps a bare pointer to, and that somebody frees while the mapping is there: its `close` uses them afterwards.
//!
//! A mapping keeps its file open, so what the file's release frees no mapping leads to any more. What a request of a user frees, or a driver that is taken off its device, is
//! another matter: page tables may be emptied for that, but the mapping stays, and is closed at some time. Tables with an `open` count their mappings, and are left alone.

use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, FileId};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Record};
use cuthere_flow::index::{Deed, LifeUse};
use cuthere_flow::program::link::BoundFunction;
use cuthere_flow::summary::FuncId;

/// Functions above a free that are looked at.
const FUNCS_MAX: usize = 64;
/// Lines between the members of one table.
const TABLE_LINES: u32 = 6;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let all = || tree.world.bound.iter().filter(|b| b.record.tag() == "vm_operations_struct");
    let mut seen = Vec::new();
    for b in all().filter(|b| b.field.as_str() == "close") {
        let beside = |o: &BoundFunction| o.at.0 == b.at.0 && o.at.1.line.abs_diff(b.at.1.line) <= TABLE_LINES;
        if seen.contains(&b.func) || all().filter(|o| o.field.as_str() == "open").any(beside) || counts(tree, b.func) {
            continue;
        }
        seen.push(b.func);
        if let Some(record) = kept(tree.world.func(b.func))
            && let Some((mmap, at)) = keeper(tree, tree.world.func(b.func).file, record)
        {
            claims.extend(freed(tree, b.func, record, (mmap, at)));
        }
    }
}

/// Whether a function takes a reference to something or gives one up.
fn counts(tree: &Tree<'_>, f: FuncId) -> bool {
    tree.lives().inside(f).iter().any(|d| matches!(d.life.deed, Deed::Get | Deed::Put))
}

/// The record of what a function finds by a mapping.
fn kept(body: &Body) -> Option<Record> {
    body.all_ops().find_map(|(_, op)| match op.kind {
        OpKind::Store { place, value } => match (body.expr(place), body.expr(value)) {
            (Expr::Local(local), Expr::Load(from, _)) if is_mappings(body, from) => body.local_pointee(local),
            _ => None,
        },
        _ => None,
    })
}

/// Whether a place is the pointer that a mapping keeps.
fn is_mappings(body: &Body, place: ExprId) -> bool {
    matches!(body.expr(place), Expr::Field { name, .. } if name.as_str() == "vm_private_data")
}

/// The function of a file that gives mappings a pointer to such an object, and takes no reference for that; `None`: one does, or the pointer is cleared somewhere.
fn keeper(tree: &Tree<'_>, file: FileId, record: Record) -> Option<(FuncId, OpId)> {
    let world = tree.world;
    let start = world.funcs.partition_point(|b| b.file < file);
    let mut found = None;
    for (n, body) in world.funcs.iter().enumerate().skip(start).take_while(|(_, b)| b.file == file) {
        let f = FuncId(n as u32);
        for (at, op) in body.all_ops() {
            let OpKind::Store { place, value } = op.kind else { continue };
            if !is_mappings(body, place) {
                continue;
            }
            if body.expr(value) == Expr::Int(0) {
                return None;
            }
            if body.pointee(value) == Some(record) {
                if counts(tree, f) {
                    return None;
                }
                found = found.or(Some((f, at)));
            }
        }
    }
    found
}

fn freed(tree: &Tree<'_>, close: FuncId, record: Record, (mmap, at): (FuncId, OpId)) -> Option<Claim> {
    let world = tree.world;
    let own = |f: FuncId| tree.lifetimes.own(f).iter().find(|u| u.deed == Deed::Free && u.object == record).map(|u| (f, *u));
    let mut frees =
        tree.lifetimes.functions().into_iter().filter(|f| *f != close && world.folder(*f) == world.folder(close)).filter_map(own);
    let (f, free, root) = frees.find_map(|(f, free)| Some((f, free, entered_otherwise(tree, f, (close, mmap), record)?)))?;
    Some(claim(tree, (close, mmap, at), record, (f, free, root)))
}

/// The function above one that frees which is entered at another time than when a file is released: not by the mapping, nor where the object is made.
fn entered_otherwise(tree: &Tree<'_>, f: FuncId, (close, mmap): (FuncId, FuncId), record: Record) -> Option<FuncId> {
    let makes = |g: FuncId| tree.lifetimes.own(g).iter().any(|u| matches!(u.deed, Deed::Allocate { .. }) && u.object == record);
    let (mut seen, mut open) = (Vec::new(), vec![f]);
    while let Some(g) = open.pop() {
        if seen.contains(&g) || seen.len() >= FUNCS_MAX || g == close || g == mmap || makes(g) {
            continue;
        }
        seen.push(g);
        let ends = tree.world.bindings(g).iter().any(|b| match b.record.tag() {
            "file_operations" => !matches!(b.field.as_str(), "release" | "mmap" | "open"),
            tag => tag.ends_with("driver") && words::takes_off(b.field),
        });
        if ends {
            return Some(g);
        }
        open.extend(tree.lives().callers(g).map(|(caller, ..)| caller));
    }
    None
}

fn claim(tree: &Tree<'_>, (close, mmap, at): (FuncId, FuncId, OpId), record: Record, (f, free, root): (FuncId, LifeUse, FuncId)) -> Claim {
    let world = tree.world;
    let loc = |f: FuncId, op: OpId| world.func(f).op(op).map_or(world.func(f).loc, |o| o.loc);
    let name = |f: FuncId| world.func(f).name;
    let message = format!("`{}()` frees `{record}` while a mapping keeps a pointer to it, which `{}()` uses", name(f), name(close));
    let sure = if words::is_test_code(world.path(f)) { Confidence::Low } else { Confidence::High };
    let claim = Claim::new(free.op, (f, loc(f, free.op)), sure, message)
        .step(mmap, loc(mmap, at), format!("{}() gives the mapping a pointer to the object, and takes no reference", name(mmap)))
        .step(root, world.func(root).loc, format!("{}() is entered while the mapping is there", name(root)))
        .step(f, loc(f, free.op), format!("frees the object by {}()", free.kind))
        .step(close, world.func(close).loc, format!("{}() is called when the mapping goes, and uses the object", name(close)));
    claim.assume("the mapping is still there").identity(format!("{record} mapping"))
}
