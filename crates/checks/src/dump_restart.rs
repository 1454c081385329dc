//! # dump-restart
//!
//! A netlink dump callback reports that there is more to come, and keeps no position: the next call begins anew.
//!
//! ## Why it matters
//!
//! The kernel calls a dump until it returns zero, with a buffer of a page or two each time. One that does not remember where it was sends its first entries again and again: the
//! program that asked never comes to the end, or sees a part only.
//!
//! ## Example
//!
//! ```c
//! static int cup_dump(struct sk_buff *skb, struct netlink_callback *cb)
//! {
//!         list_for_each_entry(c, &cups, node)
//!                 if (cup_fill(skb, c) < 0)
//!                         break;
//!         return skb->len;              /* and cb->args[0] is never stored */
//! }
//! ```
//!
//! Count what was sent, store it in `cb->args[]` or `cb->ctx`, and skip as many the next time.
//!
//! ## How it decides
//!
//! Functions that are bound to members named `dump` or `dumpit`, or handed to a function that registers one, and that get a `netlink_callback`: if the length of the buffer is returned, and neither they nor a callee
//! that gets the callback stores anything in its `args` or `ctx`, or keeps a pointer into them, the position is lost. Callees that were not read count as storing it.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! All is **low**: of nine that were looked up none was right. The position was kept behind a pointer, or stored through a pointer of another type.
//!
//! ## What it assumes and misses
//!
//! Positions that are stored on some ways only, or in the wrong slot; iterators of seq_file.

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree};
use cuthere_base::{Confidence, Loc};
use cuthere_flow::body::{Body, Expr, ExprId, LocalId, OpKind, Record, Target, Term};
use cuthere_flow::program::World;
use cuthere_flow::summary::FuncId;
use std::collections::BTreeSet;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "dump-restart",
        summary: "a netlink dump returns for more and keeps no position",
        source: include_str!("dump_restart.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(judge),
};

/// Calls that are followed down.
const DEPTH_MAX: u32 = 4;

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let world = tree.world;
    let dumps = world.bound.iter().filter(|b| b.field.as_str().contains("dump")).map(|b| b.func);
    let all: BTreeSet<FuncId> = dumps.chain(handed(world)).collect();
    for f in all {
        let body = world.func(f);
        let Some(cb) = callback(body) else { continue };
        let Some(at) = returns_length(body) else { continue };
        let position = position(world, f, cb, 0);
        if position.stored {
            continue;
        }
        let (sure, said) = match (position.read, loops(body)) {
            // Looked up, all were wrong: the position is kept behind a pointer, or stored through another type.
            (true, _) => (Confidence::Low, "reads the position, which nobody stores"),
            (false, true) => (Confidence::Low, "begins at the first entry each time"),
            (false, false) => (Confidence::Low, "begins anew each time"),
        };
        let message = format!("`{}()` returns for more and keeps no position: the dump begins again and never ends", body.name);
        let claim = Claim::new(cuthere_flow::body::OpId(0), (f, at), sure, message).step(f, body.loc, said).step(
            f,
            at,
            "returns the length of what was sent, so that it is called again",
        );
        claims.add(claim.identity(body.name.as_str()));
    }
}

/// Functions named for dumping that are handed to others.
fn handed<'w>(world: &'w World<'_>) -> impl Iterator<Item = FuncId> + use<'w> {
    world.entry_points.keys().copied().filter(|f| world.func(*f).name.as_str().contains("dump"))
}

/// The parameter that is the state of a dump.
fn callback(body: &Body) -> Option<LocalId> {
    (0..body.params).map(LocalId::new).find(|l| body.local_pointee(*l).is_some_and(|r| r.tag() == "netlink_callback"))
}

/// Where the length of the message that is being filled is returned.
fn returns_length(body: &Body) -> Option<Loc> {
    body.blocks.iter().find_map(|b| match b.term {
        Term::Return(Some(e)) if length(body, e) || kept_length(body, e) => Some(b.loc),
        _ => None,
    })
}

fn length(body: &Body, e: ExprId) -> bool {
    match body.expr(e) {
        Expr::Load(place, _) => matches!(body.expr(place), Expr::Field { name, .. } if name.as_str() == "len"),
        Expr::Select(_, a, b) => length(body, a) || length(body, b),
        _ => false,
    }
}

/// By way of a local.
fn kept_length(body: &Body, e: ExprId) -> bool {
    let Some(local) = body.loaded_local(e) else { return false };
    body.ops
        .iter()
        .any(|op| matches!(op.kind, OpKind::Store { place, value } if body.expr(place) == Expr::Local(local) && length(body, value)))
}

fn loops(body: &Body) -> bool {
    body.ops.iter().any(|op| matches!(op.kind, OpKind::LoopNext { .. }))
        || body.blocks().any(|(id, b)| {
            let mut back = false;
            b.term.successors(|s| back |= s <= id);
            back
        })
}

/// What is done with the position of a dump.
#[derive(Clone, Copy, Default)]
struct Position {
    read: bool,
    stored: bool,
}

/// What a function does with the position in what its parameter points to.
fn position(world: &World<'_>, f: FuncId, cb: LocalId, depth: u32) -> Position {
    let body = world.func(f);
    if body.blocks.is_empty() || depth > DEPTH_MAX {
        return Position { read: false, stored: true };
    }
    let mut out = Position::default();
    let state = |place: ExprId| in_state(body, place);
    for (id, op) in body.all_ops() {
        match op.kind {
            OpKind::Store { place, value } => {
                // A pointer to it that is kept somewhere stores through it.
                out.stored |= state(place) || matches!(body.expr(value), Expr::Addr(p) if state(p)) || decays(body, value);
                out.stored |= body.loaded_local(value) == Some(cb);
            }
            OpKind::Zero { place } => out.stored |= state(place),
            OpKind::Call { args, target, .. } => {
                for (i, &a) in body.call_args(args).iter().enumerate() {
                    if matches!(body.expr(a), Expr::Addr(p) if state(p)) || decays(body, a) {
                        out.stored = true;
                    }
                    if body.loaded_local(a) != Some(cb) {
                        continue;
                    }
                    let known = matches!(target, Target::Name(name) if reads_only(name.as_str()));
                    let callees = world.callees(f, id).map_or(&[][..], |c| c.list());
                    if callees.is_empty() && !known {
                        out.stored = true;
                    }
                    for &g in callees.iter().filter(|_| !known) {
                        let below = position(world, g, LocalId::new(i as u32), depth + 1);
                        out.read |= below.read;
                        out.stored |= below.stored;
                    }
                }
            }
            OpKind::Gap => out.stored = true,
            _ => {}
        }
    }
    out.read |= body.exprs.iter().any(|e| matches!(*e, Expr::Load(place, _) if state(place)));
    out
}

/// Whether a place lies in what a dump may use as it likes.
fn in_state(body: &Body, place: ExprId) -> bool {
    let mut at = place;
    for _ in 0..8 {
        at = match body.expr(at) {
            Expr::Field { base, record, name } if of_dump(body, base, record) => return matches!(name.as_str(), "args" | "ctx" | "data"),
            Expr::Field { base, .. } | Expr::Index { base, .. } => base,
            // Where nobody says that it is an array, it is a pointer to its elements.
            Expr::Deref(value) => match body.expr(value) {
                Expr::Load(place, _) => place,
                Expr::Bin(_, a, _) => match body.expr(a) {
                    Expr::Load(place, _) => place,
                    _ => return false,
                },
                _ => return false,
            },
            _ => return false,
        };
    }
    false
}

/// Whether a member is one of the state of a dump; of a record that is only declared, the pointer tells.
fn of_dump(body: &Body, base: ExprId, record: Record) -> bool {
    let pointer = match body.expr(base) {
        Expr::Deref(value) => body.pointee(value),
        _ => None,
    };
    record.tag() == "netlink_callback" || record.is_unknown() && pointer.is_some_and(|r| r.tag() == "netlink_callback")
}

/// Whether an expression is the address of an array in there.
fn decays(body: &Body, e: ExprId) -> bool {
    match body.expr(e) {
        Expr::Load(place, _) => matches!(body.expr(place), Expr::Field { .. }) && in_state(body, place),
        Expr::Bin(_, array, _) => decays(body, array),
        _ => false,
    }
}

/// Functions that only look at the callback.
fn reads_only(name: &str) -> bool {
    matches!(
        name,
        "genl_dumpit_info" | "genl_info_dump" | "genl_dump_check_consistent" | "nl_dump_check_consistent" | "genlmsg_nlhdr" | "nlmsg_parse"
    )
}
