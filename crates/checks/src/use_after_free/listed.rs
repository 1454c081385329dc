//! Objects that are put on a list that others walk, and freed by a function of another time: nobody in the tree takes one off.
//!
//! Lists are told apart by the link of their elements. Whatever text takes such a link off a list, or a list with such a head to another one, counts. Nothing is said where an element may be taken off by a pointer to its link, where the list's walkers free the elements
//! themselves, and of who frees what it has made (it may not have been put on the list yet).

use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, FileId, Loc, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, LifeUse, ListLies, ListUse, Lives};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::ListOp;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};

type Use = (FuncId, ListUse);

/// Calls between who walks a list and who frees its elements.
const UP_MAX: u32 = 2;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let (mut frees, mut taken_off) = (None, None);
    for uses in tree.rcu.lists() {
        let add = uses.iter().find(|(_, u)| u.op == ListOp::Add && u.lies == ListLies::Known && !u.head.is_empty());
        // A list in an object goes with it, as a whole.
        let outlives = |add: &&Use| is_global(tree.world.func(add.0), add.1.at);
        let Some(add) = add.filter(outlives).filter(|_| uses.iter().all(|(_, u)| u.op != ListOp::Remove)) else { continue };
        let walk = |(f, u): &&Use| u.op == ListOp::Walk && u.head == add.1.head && !tree.world.model.names_alone(tree.world.func(*f).name);
        let Some(walk) = uses.iter().find(walk) else { continue };
        let frees = frees.get_or_insert_with(|| all_frees(tree.lives()));
        let taken_off = taken_off.get_or_insert_with(|| all_taken_off(tree));
        let link = Symbol::intern(add.1.member.as_str().rsplit('.').next().unwrap_or_default());
        let off = |t: &TakenOff| if t.whole { t.member == add.1.head } else { t.member == link && t.record.may_be(add.1.record) };
        if taken_off.iter().any(off) {
            continue;
        }
        for (f, free) in frees.iter().filter(|(_, free)| free.object == add.1.record) {
            if on_list(tree, *f, free, &uses) {
                claims.extend(claim(tree, (*f, free), add, walk));
            }
        }
    }
}

/// Whether an operation is handed the address of something in a variable of the whole program.
fn is_global(body: &Body, op: OpId) -> bool {
    let Some((_, args)) = body.named_call(op) else { return false };
    args.iter().any(|&e| {
        let Expr::Addr(place) = body.expr(e) else { return false };
        matches!(body.expr(body.whole_of(place)), Expr::Global(_))
    })
}

fn all_frees(lives: &Lives<'_>) -> Vec<(FuncId, LifeUse)> {
    let own = |f: FuncId| lives.lifetimes.own(f).iter().filter(|u| u.deed == Deed::Free && !u.object.is_unknown()).map(move |u| (f, *u));
    lives.lifetimes.functions().into_iter().flat_map(own).collect()
}

/// A link that is taken off a list somewhere, or (`whole`) a head whose list is put elsewhere.
#[derive(PartialEq, Eq, Hash)]
struct TakenOff {
    record: Record,
    member: Symbol,
    whole: bool,
}

/// The members whose addresses are handed to what takes elements off lists, or puts lists elsewhere.
fn all_taken_off(tree: &Tree<'_>) -> HashSet<TakenOff> {
    let of = |body: &Body| -> Vec<TakenOff> {
        let mut out = Vec::new();
        for (_, op) in body.all_ops() {
            let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { continue };
            let whole = moves_lists(name);
            if whole || tree.world.model.entry(name).is_some_and(|e| e.unlinks.is_some()) {
                out.extend(body.call_args(args).iter().filter_map(|&e| match body.expr(e) {
                    Expr::Addr(place) => match body.expr(place) {
                        Expr::Field { record, name, .. } => Some(TakenOff { record, member: name, whole }),
                        Expr::Global(name) => Some(TakenOff { record: Record::UNKNOWN, member: name, whole }),
                        _ => None,
                    },
                    _ => None,
                }));
            }
        }
        out
    };
    tree.world.funcs.par_iter().with_min_len(1024).flat_map_iter(of).collect()
}

/// Whether a function is one that puts a whole list elsewhere.
fn moves_lists(name: Symbol) -> bool {
    name.as_str().contains("splice") || name.as_str().contains("list_cut")
}

/// Whether what a function frees is on the list as far as can be seen.
fn on_list(tree: &Tree<'_>, f: FuncId, free: &LifeUse, uses: &[Use]) -> bool {
    let lives = tree.lives();
    let made =
        |g: FuncId| lives.inside(g).iter().any(|d| matches!(d.life.deed, Deed::Allocate { .. }) && d.life.object.may_be(free.object));
    let files: BTreeSet<FileId> = uses.iter().map(|u| tree.world.func(u.0).file).chain([tree.world.func(f).file]).collect();
    // Who calls what puts it on the list may free it where that failed, or before.
    let puts_on = |g: &FuncId| uses.iter().any(|u| u.0 == *g && u.1.op == ListOp::Add);
    let calls = |g: FuncId| tree.world.callees[g.index()].iter().any(|(_, c)| c.list().iter().any(puts_on));
    !words::is_test_code(tree.world.path(f))
        && !made(f)
        && !calls(f)
        && !walks_above(tree, f, uses, 0)
        && !tree.world.funcs.iter().any(|body| files.contains(&body.file) && takes_off_by_pointer(tree, body))
}

/// Whether a function, or who calls it, walks the list, puts elements on it, or makes them.
fn walks_above(tree: &Tree<'_>, f: FuncId, uses: &[Use], depth: u32) -> bool {
    uses.iter().any(|u| u.0 == f) || depth < UP_MAX && tree.lives().callers(f).any(|(g, ..)| walks_above(tree, g, uses, depth + 1))
}

/// Whether a function takes something off a list of which its text does not say what, or empties a list at once.
fn takes_off_by_pointer(tree: &Tree<'_>, body: &Body) -> bool {
    let whole = |e: ExprId| matches!(body.expr(e), Expr::Addr(place) if matches!(body.expr(place), Expr::Field { .. }));
    body.all_ops().any(|(_, op)| {
        let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { return false };
        let args = body.call_args(args);
        let entry = tree.world.model.entry(name);
        let unlinked = entry.and_then(|e| e.unlinks).and_then(|i| args.get(i as usize));
        unlinked.is_some_and(|&e| !whole(e)) || moves_lists(name)
    })
}

fn claim(tree: &Tree<'_>, (f, free): (FuncId, &LifeUse), (g, add): &Use, (h, walk): &Use) -> Option<Claim> {
    let world = tree.world;
    let loc = |f: FuncId, op: OpId| -> Option<Loc> { world.func(f).op(op).map(|o| o.loc) };
    let link = format!("{}.{}", add.record, add.member);
    let (name, by) = (world.func(f).name, world.func(*g).name);
    let message =
        format!("`{name}()` frees a `{}` that is still on the list `{}`, on which `{by}()` put it (`{link}`)", add.record, add.head);
    let claim = Claim::new(free.op, (f, loc(f, free.op)?), Confidence::Medium, message)
        .step(*g, loc(*g, add.at)?, format!("puts it on the list `{}`", add.head))
        .step(f, loc(f, free.op)?, format!("frees it by {}()", free.kind))
        .step(*h, loc(*h, walk.at)?, "walks the list, and comes to what was freed");
    Some(claim.assume("nobody takes an element off this list").identity(format!("{link} listed")))
}
