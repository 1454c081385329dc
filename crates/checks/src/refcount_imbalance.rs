//! # refcount-imbalance
//!
//! A reference to an object is taken and not given back on a way out of the function, or given back more often than it was taken.
//!
//! ## Why it matters
//!
//! A reference that is lost keeps the object, and what it holds in turn, for ever: a module that cannot be unloaded, a device that does not go
//! away, memory that a user can use up. One given back too often frees the object under those who still use it.
//!
//! ## Example
//!
//! ```c
//! np = of_get_child_by_name(parent, "cup");
//! if (!np)
//!         return -ENODEV;
//! err = of_property_read_u32(np, "size", &size);
//! if (err)
//!         return err;           /* of_node_put(np) first */
//! of_node_put(np);
//! ```
//!
//! Give it back on every way out, or let the scope do it (`__free(device_node)`). A loop that holds a reference for its cursor (`for_each_child_of_node()`) gives it
//! back with the next round: who leaves earlier has to do it.
//!
//! ## How it decides
//!
//! What takes and gives back is known from the kernel model, and from the bodies of callees for each way of returning that callers can tell apart: wrappers,
//! look-ups whose result comes with a reference, functions that take one only if they succeed. Paths on which the pointer is NULL or an error hold nothing. Who
//! returns the object hands the reference on, so that a way out that fails instead loses it, and who stores it, or hands it to code that keeps it, may have done so.
//!
//! A way out that fails with a reference is wrong if another way out of the function gives the same reference back; where the object was shared, if another failing one does. A look-up's or a
//! loop's reference that nobody else knows of is lost on every way out that keeps it; so is one whose pointer was stored only in an object that the function made and frees as
//! mere memory, and a failing way out that frees a new object which leads to what was taken, where the others leave it alive with the reference. Over the whole tree: a member of a record that a look-up's reference is stored in, where objects of the record are freed and no code gives up, hands on or returns what the member leads to. A failing way out must not give up what a member of an argument held before and holds afterwards, if
//! the others do not, and nothing was called before. A reader of RCU who holds no lock and finds an object must ask whether its count is zero, if the count's release function frees it
//! when readers are done: until then the object is found with a count that came to zero. An object must not be freed as mere memory once a device or kobject in it was set up, though it failed to be added.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: taken for certain, kept on a path that was followed from its beginning, and given back on others, or known to nobody else.
//! * **low**: paths that were merged since it was taken, or before if what is asked in between may go together with what they differed in; a loop's
//!   later rounds; code that runs once, when the machine starts; where a callee on the way gives up such a reference to what it
//!   comes to by another name; a success that keeps what other ways give back, or that keeps what was taken of an object at hand: it
//!   is handed to somebody in a way that is not followed; a look-up's reference that a failing way out leaves in memory, or that only code that was not read has seen; test code.
//!
//! ## What it assumes and misses
//!
//! References that are kept in one function and given back in another; counts that are plain integers; what is handed to a function that was not read counts as handed over.

mod by_readers;
mod kept;
mod members;
mod put_only;
mod too_many;

use self::kept::{Get, Kept, fails, freed_since, holders, stored};
use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, Tree, ways, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Expr, ExprId, LocalId, OpId, OpKind, Target};
use cuthere_flow::domain::{Source, Taken};
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, Summary, Way};
use cuthere_flow::value::{Value, ValueId};
use cuthere_kernel::RefOp;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "refcount-imbalance",
        summary: "a reference that a way out keeps, or that is given back more often than taken",
        source: include_str!("refcount_imbalance.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::<RefcountImbalance>::default()),
    entered: false,
    tree: Some(judge),
};

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    members::judge(tree, claims);
    by_readers::judge(tree, claims);
}

/// A reference given up that memory goes on to hold.
struct Borrowed {
    pointer: ValueId,
    fails: bool,
    claim: Option<Claim>,
}

#[derive(Default)]
struct RefcountImbalance {
    gets: Vec<Get>,
    borrowed: Vec<Borrowed>,
    /// Operations that take references, with those that give them back.
    puts: Vec<(OpId, OpId)>,
    twice: too_many::Twice,
    /// What references were taken through, on any path.
    taken: Vec<ValueId>,
    /// Some way out does not fail.
    succeeds: bool,
}

/// Objects that are remembered as what an operation took a reference for.
const HOLDERS_MAX: usize = 4;

/// Ways out that are remembered for one operation, of those that fail and of the others.
const KEPT_MAX: usize = 12;

impl Checker for RefcountImbalance {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        match &event.kind {
            EventKind::Reference { op: RefOp::Put, taken: None, spent: Some(before), object, .. } => {
                self.twice.note(path, event, before, *object)
            }
            EventKind::Reference { op: RefOp::Put, taken: Some(taken), .. } if !self.puts.contains(&(taken.op, event.op)) => {
                self.puts.push((taken.op, event.op))
            }
            EventKind::Reference { op: RefOp::Get | RefOp::GetUnlessZero | RefOp::GetUnlessError, pointer, .. } => {
                self.taken.push(*pointer)
            }
            EventKind::Free { object, freed, .. } => claims.extend(put_only::freed(path, event, *object, freed)),
            EventKind::Exit { value, .. } => {
                let references = &path.state.objects.references;
                for taken in references.taken().iter().filter(|t| t.source != Source::Initial) {
                    self.exit(path, event, taken, *value);
                }
                let fails = fails(path, *value);
                self.succeeds |= !fails;
                self.twice.exit(path, fails);
                for dropped in references.dropped() {
                    if self.borrowed.len() >= 2 * KEPT_MAX {
                        break;
                    }
                    let claim = if fails { too_many::borrowed(path, dropped) } else { None };
                    self.borrowed.push(Borrowed { pointer: dropped.pointer, fails, claim });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, world: &World<'_>, func: FuncId, _: &Summary, claims: &mut Claims) {
        let body = world.func(func);
        for b in self.borrowed.iter().filter(|b| self.succeeds && !self.taken.contains(&b.pointer)) {
            if !self.borrowed.iter().any(|other| other.pointer == b.pointer && !other.fails) {
                claims.extend(b.claim.clone());
            }
        }
        self.twice.judge(claims);
        for get in &self.gets {
            for kept in &get.kept {
                if let Some(most) = get.judge(kept) {
                    let most = if get.is_weak(kept, body, &self.puts) { Confidence::Low } else { most };
                    claims.add(kept.claim.clone().sure(most.min(kept.claim.confidence)).cause(get.op));
                }
            }
        }
    }
}

impl RefcountImbalance {
    fn exit(&mut self, path: &Path<'_, '_>, event: &Event<'_>, taken: &Taken, value: Option<ValueId>) {
        let references = &path.state.objects.references;
        let known = path.known(taken.object);
        let at = self.gets.iter().position(|g| g.op == taken.op && g.counter == taken.counter).unwrap_or_else(|| {
            let (op, counter, source) = (taken.op, taken.counter, taken.source);
            let modelled = matches!(taken.way, Way::Model(_));
            self.gets.push(Get {
                op,
                counter,
                source,
                modelled,
                kept: Vec::new(),
                given: false,
                given_on_failure: false,
                given_stored: false,
                handed: false,
                returned: false,
                holders: Vec::new(),
            });
            self.gets.len() - 1
        });
        let get = &mut self.gets[at];
        let fails = fails(path, value);
        if known.is_zero() || known.is_err() == Some(true) {
            return;
        }
        if taken.count == 0 {
            get.given |= !taken.doubtful;
            // What was given back before it became known to others says nothing of what comes later.
            get.given_on_failure |= fails && taken.shared;
            get.given_stored |= fails && stored(path, taken);
            return;
        }
        if !fails && !taken.doubtful {
            for holder in holders(path, taken) {
                if get.holders.len() < HOLDERS_MAX && !get.holders.contains(&holder) {
                    get.holders.push(holder);
                }
            }
        }
        let handed = |v: ValueId| {
            let root = path.values.pointer_root(v);
            if matches!(path.values.get(root), Value::Int(_)) {
                return false;
            }
            let made = path.values.get(root);
            let object = path.values.get(taken.object);
            let result = path.body.ret_ptr && path.values.call(root).is_some_and(|op| taken.given_to.contains(&Some(op)));
            // A number that was read from the object leads nowhere.
            let leads =
                path.body.ret_ptr && (path.values.rests_on(taken.object, &|v| v == made) || path.values.rests_on(root, &|v| v == object));
            result || root == taken.object || leads
        };
        if taken.overwritten.is_none() && value.is_some_and(handed) {
            get.handed = true;
            let named = path.body.named_call(taken.op).is_some();
            get.returned |= named && !taken.doubtful && value.is_some_and(|v| path.values.pointer_root(v) == taken.object);
            return;
        }
        // What an object held that was freed as mere memory, nobody can give back any more; unless that was done in a way that is not followed.
        let other_put = references.dropped().iter().any(|d| d.op > taken.op);
        let lost = taken.lost.filter(|&freed| !other_put && !given_up_after(path, taken, freed));
        get.handed |= taken.shared && lost.is_none();
        // Many of one kind leave room for the other: what succeeds tells what a failure should not keep.
        let full = get.kept.iter().filter(|kept| kept.fails == fails).count() >= KEPT_MAX;
        if taken.doubtful || taken.lost.is_some() && lost.is_none() || full {
            return;
        }
        let name = path.describe(taken.object).unwrap_or_else(|| "the object".to_owned());
        let what = if taken.counter.is_empty() { "a reference to".to_owned() } else { format!("a `{}` count of", taken.counter) };
        let message = format!("`{}` returns with {what} `{name}` that {} took", path.body.name, by(path, taken));
        let sure = if doubtful(path, path.merged_around_reference(taken)) { Confidence::Low } else { Confidence::High };
        let claim = took(path, Claim::here(path, event, sure, message), taken, &name);
        let claim = claim.step_at(path, taken.overwritten, "gives the variable another value: nothing leads to the object any more");
        let claim = claim.step_at(path, lost, "frees the object that holds the pointer to it");
        let claim = ways::decided(path, claim).step(path.func, event.loc, "returns without giving it back");
        get.kept.push(Kept {
            fails,
            lost: lost.is_some(),
            overwritten: taken.overwritten.is_some(),
            helped: taken.helped,
            other_put,
            stored: stored(path, taken),
            passed: ways::passed_by(path),
            shared: taken.shared && lost.is_none(),
            lent: taken.lent,
            after_loop: path.left_loop(),
            freed: freed_since(path, taken),
            claim: claim.identity(format!("keeps {name} {}", by(path, taken))),
        });
    }
}

/// Whether a variable that holds the object is handed, behind an operation, to what is named for giving up: it need not be followed there.
fn given_up_after(path: &Path<'_, '_>, taken: &Taken, after: OpId) -> bool {
    let (body, values) = (path.body, path.values);
    let holds = |e: ExprId| {
        let local = match body.expr(e) {
            Expr::Addr(place) => match body.expr(place) {
                Expr::Local(l) => Some(l),
                _ => None,
            },
            _ => body.loaded_local(e),
        };
        let leads = |l: LocalId| {
            let now = path.state.env.iter().find(|e| values.get(e.0) == Value::PLocal(l)).map(|e| values.pointer_root(e.1));
            now.map_or_else(|| values.param(taken.object, body.params) == Some(l.number()), |v| v == taken.object)
        };
        local.is_some_and(leads)
    };
    body.all_ops().any(|(op, o)| match o.kind {
        OpKind::Call { target: Target::Name(name), args, .. } => {
            op > after && too_many::gives_up(name) && body.call_args(args).iter().any(|&e| holds(e))
        }
        _ => false,
    })
}

/// Adds the step that took a reference.
fn took(path: &Path<'_, '_>, claim: Claim, taken: &Taken, name: &str) -> Claim {
    let text = match taken.source {
        Source::Result => format!("`{name}` comes with a reference from {}", by(path, taken)),
        Source::Cursor => format!("{} holds a reference to `{name}`", by(path, taken)),
        _ => format!("takes a reference to `{name}` by {}", by(path, taken)),
    };
    claim.step_at(path, Some(taken.op), text).down(path.world, taken.way)
}

/// What took a reference, as called here.
fn by(path: &Path<'_, '_>, taken: &Taken) -> String {
    let name = path.called(taken.op).unwrap_or_default();
    match taken.way {
        Way::Model(_) if taken.source == Source::Cursor => format!("{name}"),
        _ => format!("{name}()"),
    }
}

/// Whether what a path shows is to be doubted. `merged`: paths were merged that may make it impossible.
fn doubtful(path: &Path<'_, '_>, merged: bool) -> bool {
    let once = words::is_boot_code(path.body) || words::is_test_code(path.world.path(path.func));
    merged || !path.state.rounds.is_empty() || once
}
