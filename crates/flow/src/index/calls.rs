//! What holds where a function calls others: locks, context and read-side sections, against its own entry.
//!
//! Noted while the paths of the function run, on all paths to the call and on some. Only calls that can lead into the tree count, and only those
//! at which something holds are kept; calls that no path reached are kept by number. [`crate::program::contexts`] adds them up.

use crate::body::{Body, OpId, OpKind, Target};
use crate::domain::Held;
use crate::engine::event::{Event, EventKind};
use crate::engine::{Observer, Path};
use crate::summary::Ctx;
use cuthere_base::Symbol;
use cuthere_kernel::{LockKind, LockMode};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Locks that are told apart at one call.
const LOCKS_MAX: usize = 16;

/// A lock that is held at a call, by its class as findings name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockAt {
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    /// The operation that took it, on the first path that was seen.
    pub taken: OpId,
    /// On all paths.
    pub always: bool,
}

/// What holds at a call, beyond what held at entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallState {
    pub op: OpId,
    /// What every path has entered (positive) or left (negative) at least.
    pub least: Ctx,
    pub most: Ctx,
    pub held: SmallVec<[LockAt; 1]>,
    /// Locks of the caller that were given back, and whether on all paths.
    pub released: SmallVec<[(Symbol, bool); 1]>,
}

impl CallState {
    /// Nothing holds beyond what held at entry.
    pub fn nothing(op: OpId) -> CallState {
        CallState { op, least: Ctx::default(), most: Ctx::default(), held: SmallVec::new(), released: SmallVec::new() }
    }

    /// What holds inside the call, at another call that is reached from there.
    pub fn then(&self, next: &CallState) -> CallState {
        let mut out = CallState { least: self.least.plus(next.least), most: self.most.plus(next.most), ..self.clone() };
        for (class, always) in &next.released {
            match out.held.iter().position(|l| l.class == *class) {
                Some(i) if *always => {
                    out.held.remove(i);
                }
                Some(i) => out.held[i].always = false,
                None if !out.released.iter().any(|r| r.0 == *class) => out.released.push((*class, *always)),
                None => {}
            }
        }
        for lock in &next.held {
            match out.held.iter_mut().find(|l| l.class == lock.class && l.kind == lock.kind) {
                Some(l) => l.always |= lock.always,
                None => out.held.push(*lock),
            }
        }
        out
    }

    /// What holds at either of two calls.
    pub fn or(&self, other: &CallState) -> CallState {
        let mut out = CallState { least: self.least.least(other.least), most: self.most.most(other.most), ..self.clone() };
        for lock in out.held.iter_mut() {
            lock.always &= other.held.iter().any(|l| l.class == lock.class && l.kind == lock.kind && l.always);
        }
        for lock in &other.held {
            if !out.held.iter().any(|l| l.class == lock.class && l.kind == lock.kind) {
                out.held.push(LockAt { always: false, ..*lock });
            }
        }
        for r in out.released.iter_mut() {
            r.1 &= other.released.contains(&(r.0, true));
        }
        for r in &other.released {
            if !out.released.iter().any(|o| o.0 == r.0) {
                out.released.push((r.0, false));
            }
        }
        out
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.released.is_empty() && self.least.is_zero() && self.most.is_zero()
    }
}

/// The calls of one function.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Sorted by operation; a call that is not listed and was reached has nothing to say.
    pub states: Box<[CallState]>,
    /// Calls that no path reached, sorted.
    pub unreached: Box<[OpId]>,
    /// At some call more locks are held than are told apart.
    pub truncated: bool,
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.states.is_empty() && self.unreached.is_empty()
    }

    /// What holds at a call; `None`: nothing beyond what held at entry.
    pub fn at(&self, op: OpId) -> Option<&CallState> {
        self.states.binary_search_by_key(&op, |s| s.op).ok().map(|i| &self.states[i])
    }

    pub fn reached(&self, op: OpId) -> bool {
        self.unreached.binary_search(&op).is_err()
    }
}

/// Notes the calls of one function.
#[derive(Default)]
pub struct CallRecorder {
    states: Vec<CallState>,
    truncated: bool,
}

impl CallRecorder {
    /// Everything that was noted, once all paths were seen. `leads`: whether the call at an operation reaches functions of the tree.
    pub fn finish(mut self, body: &Body, truncated: bool, leads: impl Fn(OpId) -> bool) -> Calls {
        let mut unreached = Vec::new();
        // Where paths were cut off, a call that was not seen may be reached all the same.
        if !truncated {
            for (op, o) in body.all_ops() {
                let counts = match o.kind {
                    OpKind::Call { target: Target::Pointer(_), .. } => true,
                    OpKind::Call { .. } => leads(op),
                    _ => false,
                };
                if counts && self.states.binary_search_by_key(&op, |s| s.op).is_err() {
                    unreached.push(op);
                }
            }
        }
        self.states.retain(|s| !s.is_empty());
        Calls { states: self.states.into_boxed_slice(), unreached: unreached.into_boxed_slice(), truncated: self.truncated }
    }
}

impl Observer for CallRecorder {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        let EventKind::Call(call) = &event.kind else { return };
        if call.callees.is_empty() && call.entry.is_some() {
            return;
        }
        let state = path.state;
        let ours = state.locks.held.iter().filter(|l| l.op.is_some());
        let i = match self.states.binary_search_by_key(&event.op, |s| s.op) {
            Err(i) => {
                let mut new = CallState {
                    op: event.op,
                    least: state.ctx,
                    most: state.ctx,
                    held: SmallVec::new(),
                    released: state.locks.released.iter().map(|r| (r.class, true)).collect(),
                };
                for lock in ours {
                    self.truncated |= !hold(&mut new, lock, true);
                }
                self.states.insert(i, new);
                return;
            }
            Ok(i) => i,
        };
        let known = &mut self.states[i];
        known.least = known.least.least(state.ctx);
        known.most = known.most.most(state.ctx);
        if known.held.is_empty() && known.released.is_empty() && state.locks.held.is_empty() && state.locks.released.is_empty() {
            return;
        }
        for lock in known.held.iter_mut().filter(|l| l.always) {
            lock.always = state.locks.held.iter().any(|h| h.class == lock.class && h.kind == lock.kind);
        }
        for lock in ours {
            self.truncated |= !hold(known, lock, false);
        }
        for r in known.released.iter_mut().filter(|r| r.1) {
            r.1 = state.locks.released.iter().any(|l| l.class == r.0);
        }
        for lock in &state.locks.released {
            if !known.released.iter().any(|r| r.0 == lock.class) {
                known.released.push((lock.class, false));
            }
        }
    }
}

/// Adds a lock unless one of its class is there; false: there are too many.
fn hold(state: &mut CallState, lock: &Held, always: bool) -> bool {
    if state.held.iter().any(|l| l.class == lock.class && l.kind == lock.kind) {
        return true;
    }
    let Some(taken) = lock.op.filter(|_| state.held.len() < LOCKS_MAX) else { return false };
    state.held.push(LockAt { class: lock.class, kind: lock.kind, mode: lock.mode, taken, always });
    true
}
