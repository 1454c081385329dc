//! Objects that are freed at once after they were unlinked where readers walk.
//!
//! Unlinking and freeing are put together at the end of a function, by control flow: the unlinking has to come first on every way to the free, and nothing on
//! the ways between may wait for a grace period. A callee that may sleep counts as waiting if something below it waits, and one that was not read does.

use super::below;
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Loc, Symbol};
use cuthere_flow::body::{Body, Expr, OpId, OpKind, Record, Target};
use cuthere_flow::engine::event::{CallEvent, EventKind};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::index::{ListLies, list_lies, list_link};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, Way};
use cuthere_flow::value::{Origin, Value, ValueId};
use cuthere_kernel::ListOp;

struct Unlink {
    object: ValueId,
    op: OpId,
    loc: Loc,
    by: Symbol,
    /// The link, if it was on a list.
    link: Option<(Record, Symbol)>,
}

/// What a function unlinks, frees and waits for.
#[derive(Default)]
pub(super) struct Unlinks {
    unlinked: Vec<Unlink>,
    freed: Vec<(ValueId, OpId, Claim)>,
    waits: Vec<OpId>,
    /// Elements of lists that lie in what this function has made: no reader knows them yet.
    own: Vec<ValueId>,
}

impl Unlinks {
    pub(super) fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        match &event.kind {
            EventKind::List { op: ListOp::Remove, link, rcu: true, .. } => {
                if let (Some(root), Way::Model(by)) = (path.values.root(*link), event.way) {
                    self.unlink(path.values.pointer_root(root), event, by, list_link(path.values, *link));
                }
            }
            EventKind::List { op: ListOp::Walk | ListOp::Add, link, head: Some(head), .. } => {
                if let Some(root) = path.values.root(*link).filter(|_| list_lies(path, *head) == ListLies::Here) {
                    let element = path.values.pointer_root(root);
                    if !self.own.contains(&element) && self.own.len() < 16 {
                        self.own.push(element);
                    }
                }
            }
            EventKind::Call(call) => {
                for object in replaced(path, event.op, call).into_iter().chain(cleared(path, call)) {
                    self.unlink(object, event, call.name, None);
                }
                if call.entry.is_none() && call.callees.is_empty() && path.world.model.entry(call.name).is_none() {
                    self.wait(event.op);
                }
            }
            EventKind::Wait { .. } if !self.unlinked.is_empty() => self.wait(event.op),
            EventKind::MaySleep { call, .. }
                if !self.unlinked.is_empty()
                    && !self.waits.contains(&event.op)
                    && below::may_wait(path.world, path.func, event.op, call) =>
            {
                self.wait(event.op);
            }
            EventKind::Free { object, freed, before: None, .. } if !self.unlinked.is_empty() => {
                let certain = !freed.deferred
                    && !freed.moved
                    && !freed.last
                    && !freed.put
                    && !freed.handle
                    && !freed.by_state
                    && event.unconditional(path.world);
                let root = path.values.pointer_root(*object);
                if certain && !self.freed.iter().any(|f| f.1 == event.op) && self.unlinked.iter().any(|u| u.object == root) {
                    let name = path.describe(root).unwrap_or_else(|| "the object".to_owned());
                    let message = format!("`{name}` is freed by {}() before a grace period has ended since it was unlinked", freed.by);
                    let weak = words::is_test_code(path.world.path(path.func)) || ends_use(path.body);
                    let claim = Claim::here(path, event, if weak { Confidence::Low } else { Confidence::High }, message);
                    let claim = if weak { claim.assume("readers may still be there") } else { claim };
                    self.freed.push((root, event.op, claim.identity(format!("free at once {name}"))));
                }
            }
            _ => {}
        }
    }

    fn unlink(&mut self, object: ValueId, event: &Event<'_>, by: Symbol, link: Option<(Record, Symbol)>) {
        if !self.own.contains(&object) && !self.unlinked.iter().any(|u| u.object == object && u.op == event.op) && self.unlinked.len() < 16
        {
            self.unlinked.push(Unlink { object, op: event.op, loc: event.loc, by, link });
        }
    }

    fn wait(&mut self, op: OpId) {
        if !self.waits.contains(&op) {
            self.waits.push(op);
        }
    }

    pub(super) fn end(self, world: &World<'_>, func: FuncId, claims: &mut Claims) {
        let body = world.func(func);
        for (object, op, claim) in self.freed {
            let first = |u: &&Unlink| u.object == object && body.leads(u.op, op) && body.dominates(u.op, body.block_of(op));
            let Some(u) = self.unlinked.iter().find(first) else { continue };
            if self.waits.iter().any(|&w| w != u.op && (w == op || body.leads(u.op, w) && body.leads(w, op))) {
                continue;
            }
            let Some(free) = body.op(op) else { continue };
            // Where each round frees one, all go: nobody may be there any more.
            let all = body.every_round(op);
            let claim = if all { claim.sure(Confidence::Low).assume("readers may still be there") } else { claim };
            let claim = claim.step(func, u.loc, format!("unlinks it by {}(); readers may go on with it", u.by));
            claims.add(claim.step(func, free.loc, "frees it at once").cause(op).unless_unread(u.link));
        }
    }
}

/// Whether a function, by its name, is what comes last: then there may be no readers any more.
pub(super) fn ends_use(body: &Body) -> bool {
    let last =
        |w: &str| matches!(w, "exit" | "fini" | "destroy" | "uninit" | "cleanup" | "teardown" | "release" | "free" | "purge" | "flush");
    body.name.as_str().split('_').any(last) || body.annotations.iter().any(|a| a.as_str() == "__exit")
}

/// The object that a call has made unreachable: its owner, found through a pointer in the object itself, which a caller handed over, now leads nowhere.
fn cleared(path: &Path<'_, '_>, call: &CallEvent<'_>) -> Option<ValueId> {
    let (entry, values) = (call.entry?, path.values);
    let assigns = entry.percpu.is_none() && entry.accesses.iter().any(|a| a.store && a.named);
    let &[place, value] = call.args.get(..2).filter(|_| assigns)? else { return None };
    let Value::Addr(place) = values.get(place) else { return None };
    let Value::Entry(back) = values.get(values.root(place)?) else { return None };
    let object = values.root(back)?;
    let nothing = matches!(values.get(value), Value::Int(0));
    (nothing && values.param(object, path.body.params).is_some()).then_some(object)
}

/// What a pointer under RCU led to that a call has made to lead elsewhere: what was read from the same place before, and what the call returns.
fn replaced(path: &Path<'_, '_>, op: OpId, call: &CallEvent<'_>) -> Vec<ValueId> {
    let Some(entry) = call.entry else { return Vec::new() };
    if entry.percpu.is_some() || !entry.accesses.iter().any(|a| a.store && a.named) {
        return Vec::new();
    }
    let body = path.body;
    let argument = |op: OpId| match body.op(op).map(|o| o.kind) {
        Some(OpKind::Call { target: Target::Name(name), args, .. }) => body.call_args(args).first().map(|e| (name, body.expr(*e))),
        _ => None,
    };
    let Some((_, Expr::Addr(place))) = argument(op) else { return Vec::new() };
    let reads = |id: OpId| match argument(id) {
        Some((name, Expr::Load(p, _))) => {
            p == place && path.world.model.entry(name).is_some_and(|e| e.accesses.iter().any(|a| !a.store && a.named))
        }
        _ => false,
    };
    let earlier = body.all_ops().map(|(id, _)| id).take_while(|id| *id < op).filter(|id| reads(*id));
    earlier.chain(std::iter::once(op)).filter_map(|id| path.values.find(Value::Fresh(Origin::Result(id)))).collect()
}
