//! Ways out that keep a reference, and how sure it is that they should not.

use cuthere_analysis::{Claim, ways};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, Body, OpId, OpKind, Target};
use cuthere_flow::domain::{Source, Taken};
use cuthere_flow::engine::Path;
use cuthere_flow::value::{Value, ValueId};

/// A way out with a reference.
pub(super) struct Kept {
    pub fails: bool,
    /// What held the pointer to the object was freed on the way.
    pub lost: bool,
    /// The last variable that led to the object was given another value.
    pub overwritten: bool,
    /// A callee may have given it back, by another name.
    pub helped: bool,
    /// Something else was given up since, which may stand for it (`fput(sock->file)`).
    pub other_put: bool,
    /// What the caller has handed leads to the object.
    pub stored: bool,
    /// Blocks that the path passed by because of a variable that it set itself.
    pub passed: Vec<BlockId>,
    pub shared: bool,
    pub lent: bool,
    /// The path left a loop, which may have done so for others.
    pub after_loop: bool,
    /// What the path has freed since.
    pub freed: Vec<ValueId>,
    pub claim: Claim,
}

/// What becomes of the references that an operation takes.
pub(super) struct Get {
    pub op: OpId,
    pub counter: Symbol,
    pub source: Source,
    /// The model says that it is taken.
    pub modelled: bool,
    pub kept: Vec<Kept>,
    /// Given back on some way out; on a failing one.
    pub given: bool,
    pub given_on_failure: bool,
    /// Of failing ways that give it back: what the caller has handed leads to the object all the same.
    pub given_stored: bool,
    /// Handed on: returned, or shared on some way out.
    pub handed: bool,
    /// The object is what some way out returns, with the reference that a function called by its name gave.
    pub returned: bool,
    /// Objects that the function has made, and that lead to what was taken where a way out does not fail: it was taken for them.
    pub holders: Vec<ValueId>,
}

impl Get {
    /// How sure it is that a way out keeps what it should not.
    pub(super) fn judge(&self, kept: &Kept) -> Option<Confidence> {
        let alone = matches!(self.source, Source::Result | Source::Cursor);
        match (kept.shared, kept.fails) {
            _ if kept.lost => Some(Confidence::High),
            // What has ended on the way may be what the module was held for, as a file of its operations: surely if a callee made both.
            _ if self.counter.as_str() == "module" && kept.other_put => self.modelled.then_some(Confidence::Low),
            // What it was taken for is gone.
            _ if kept.fails && kept.freed.iter().any(|o| self.holders.contains(o)) => {
                Some(if kept.lent || kept.other_put || kept.after_loop { Confidence::Low } else { Confidence::High })
            }
            // Nobody can give it back any more.
            (false, _) if kept.overwritten && (self.given || alone && self.modelled && !kept.lent) => Some(Confidence::High),
            // Whoever calls gets the reference with the object, and neither here.
            (false, true) if self.returned && alone && !kept.lent && !kept.other_put && !kept.after_loop => Some(Confidence::High),
            // Whoever knows the object may give the reference back, but not if another failure has to do it here.
            (true, true) if self.given_on_failure => Some(if kept.after_loop { Confidence::Low } else { Confidence::High }),
            // A failure that ends what was begun here; who called may clean up after it.
            (true, true) if self.source == Source::Result && self.modelled && !kept.after_loop => Some(Confidence::Low),
            (true, _) => None,
            // Where a success keeps it too, it is handed to somebody in a way that is not followed, more often than not.
            (false, true) if self.given => {
                let module = self.counter.as_str() == "module";
                let plain = alone || module || self.given_on_failure || !kept.after_loop && self.kept.iter().all(|k| k.fails);
                Some(if plain { Confidence::High } else { Confidence::Low })
            }
            // What a success keeps a failure has no use for; but the caller may clean up after both.
            (false, true) if !alone && (!self.handed || self.counter.as_str() == "module") && self.kept.iter().any(|k| !k.fails) => {
                Some(if self.counter.as_str() == "module" { Confidence::High } else { Confidence::Low })
            }
            (false, fails) if alone && !self.handed && (self.given || self.modelled && (!kept.lent || self.source == Source::Cursor)) => {
                // A success may have stored what a function of the tree found where that is not followed.
                let cursor = self.source == Source::Cursor;
                Some(if fails || self.modelled && (!self.given || cursor) { Confidence::High } else { Confidence::Low })
            }
            // Code that was not read has seen it; most of that only looks.
            (false, _) if alone && !self.handed && self.modelled && kept.lent => Some(Confidence::Low),
            // What a function of the tree found, and nobody else was told of.
            (false, _) if self.source == Source::Result && !self.handed && !kept.lent => Some(Confidence::Low),
            _ => None,
        }
    }

    /// Whether a way out keeps it for a reason that is not followed: a callee gives it back by another name; the caller's own object leads to it, which ways that
    /// give it back clear; or the function has set a variable so that it is kept. `puts`: what takes references, with what gives them back.
    pub(super) fn is_weak(&self, kept: &Kept, body: &Body, puts: &[(OpId, OpId)]) -> bool {
        let handed = kept.shared && kept.stored && !self.given_stored;
        let meant = |p: &(OpId, OpId)| p.0 == self.op && body.block_of(p.1).is_some_and(|block| kept.passed.contains(&block));
        kept.helped || handed || puts.iter().any(meant)
    }
}

/// The objects made by this function as memory whose members lead to what a reference was taken to.
pub(super) fn holders(path: &Path<'_, '_>, taken: &Taken) -> Vec<ValueId> {
    let values = path.values;
    let leads = |v: ValueId| {
        let root = values.pointer_root(v);
        let made = values.get(root);
        !matches!(made, Value::Int(_)) && (root == taken.object || values.rests_on(taken.object, &|v| v == made))
    };
    let inside = path.state.env.iter().filter(|e| values.root(e.0).is_some_and(|o| o != taken.object && is_new(path, o)) && leads(e.1));
    inside.filter_map(|e| values.root(e.0)).collect()
}

/// Whether the function itself has allocated an object.
fn is_new(path: &Path<'_, '_>, object: ValueId) -> bool {
    let made = path.values.call(object).and_then(|op| path.body.op(op)).map(|op| op.kind);
    match made {
        Some(OpKind::Call { target: Target::Name(name), .. }) => path.world.model.entry(name).is_some_and(|e| e.allocates && !e.managed),
        _ => false,
    }
}

/// What was freed since a reference was taken, by whatever way.
pub(super) fn freed_since(path: &Path<'_, '_>, taken: &Taken) -> Vec<ValueId> {
    let freed = path.state.objects.all_freed().filter(|(_, f)| f.op > taken.op && !f.put && !f.moved);
    freed.map(|(object, _)| object).collect()
}

/// Whether a place in what the caller has handed leads to an object.
pub(super) fn stored(path: &Path<'_, '_>, taken: &Taken) -> bool {
    let handed = |place: ValueId| path.values.root(place).is_some_and(|p| matches!(path.values.get(p), Value::Entry(_)));
    path.state.env.iter().any(|e| path.values.pointer_root(e.1) == taken.object && handed(e.0))
}

/// Whether a way out fails.
pub(super) fn fails(path: &Path<'_, '_>, value: Option<ValueId>) -> bool {
    let answer = value.map_or(ways::Answer::Nothing, |v| ways::Answer::of(path.known(v), path.body.ret_ptr));
    matches!(answer, ways::Answer::Failure | ways::Answer::NotZero) && !value.is_some_and(|v| goes_on(path, v))
}

/// Whether a result says that the operation goes on: what was taken for it is given back when it ends.
fn goes_on(path: &Path<'_, '_>, value: ValueId) -> bool {
    let asked = path.values.call(value).is_some();
    let known = path.known(value);
    // Of several answers that go on, the interval is known.
    [known.lo, known.hi].iter().any(|code| ways::PENDING.contains(code)) || asked && known.value() == Some(ways::BUSY)
}
