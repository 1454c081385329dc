//! From a summary's effect back to the source: the steps of a call chain. One walk for all kinds of effects.

use super::{Effect, EffectKind, FuncId, Way};
use crate::body::LocalId;
use crate::program::World;
use cuthere_base::{Loc, Step, Symbol};
use cuthere_kernel::RefOp;
use serde::{Deserialize, Serialize};

/// A place in a function with what happens there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct At {
    pub func: FuncId,
    pub loc: Loc,
    pub text: String,
}

impl At {
    /// As a step of a finding.
    pub fn step(&self, world: &World<'_>) -> Step {
        Step {
            file: world.path(self.func).to_owned(),
            line: self.loc.line,
            column: u32::from(self.loc.col),
            function: world.func(self.func).name.as_str().to_owned(),
            thread: None,
            text: self.text.clone(),
        }
    }
}

/// What a way leads to: the frames below the call, then the primitive or the access.
pub struct Chain {
    pub frames: Vec<At>,
    /// Every function on the way, outermost first.
    pub funcs: Vec<FuncId>,
    /// The primitive at its end; empty: the last function's own code does it.
    pub primitive: Symbol,
}

/// Frames shown at most.
const FRAMES_MAX: usize = 16;

/// Follows a way down to its end.
pub fn chain(world: &World<'_>, way: Way) -> Chain {
    let mut chain = Chain { frames: Vec::new(), funcs: Vec::new(), primitive: Symbol::EMPTY };
    let mut at = way;
    while chain.frames.len() < FRAMES_MAX {
        match at {
            Way::Here => break,
            Way::Model(name) => {
                chain.primitive = name;
                break;
            }
            Way::Table(record, field) => {
                chain.primitive = Symbol::intern(&format!("{record}.{field}"));
                break;
            }
            Way::Callee(f, id) => {
                let Some(effect) = world.summary(f).and_then(|s| s.effect(id)) else { break };
                chain.funcs.push(f);
                chain.frames.push(At { func: f, loc: effect.loc, text: text(world, f, effect) });
                at = effect.way;
            }
        }
    }
    chain
}

/// What the name of a way's next step is.
pub fn way_name(world: &World<'_>, way: Way) -> Symbol {
    match way {
        Way::Here => Symbol::EMPTY,
        Way::Model(name) => name,
        Way::Table(record, field) => Symbol::intern(&format!("{record}.{field}")),
        Way::Callee(f, _) => world.func(f).name,
    }
}

/// One frame in words.
fn text(world: &World<'_>, func: FuncId, effect: &Effect) -> String {
    let callee = way_name(world, effect.way);
    let through = matches!(effect.way, Way::Callee(..));
    match &effect.kind {
        EffectKind::Sleep { .. } => match effect.way {
            Way::Callee(..) => format!("calls {callee}()"),
            Way::Table(..) => format!("calls {callee}, which may sleep"),
            _ => format!("calls {callee}(), which may sleep"),
        },
        EffectKind::Deref { param, member, .. } => {
            let param = world.func(func).local_name(LocalId(u32::from(*param)));
            match effect.way {
                Way::Callee(..) => format!("passes `{param}` to {callee}()"),
                Way::Model(_) => format!("passes `{param}` to {callee}(), which dereferences it"),
                _ if member.is_empty() => format!("dereferences `{param}`"),
                _ => format!("loads or stores `{param}->{member}`"),
            }
        }
        _ if through => format!("calls {callee}()"),
        EffectKind::Free { deferred: false, .. } => format!("frees it by {callee}()"),
        EffectKind::Free { deferred: true, .. } => format!("frees it after a grace period by {callee}()"),
        EffectKind::Acquire { class, .. } => format!("takes {class} by {callee}()"),
        EffectKind::Reference { op: RefOp::Put, .. } => format!("drops a reference by {callee}()"),
        EffectKind::Reference { .. } => format!("takes a reference by {callee}()"),
    }
}
