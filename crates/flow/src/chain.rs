//! From a summary's entry back to the source: the steps of a call chain.

use crate::summary::{FuncId, SleepVia};
use crate::world::World;
use cuthere_base::{Loc, Step, Symbol};
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

/// What a sleeping call leads to: the frames below it, then the primitive.
pub struct SleepChain {
    pub frames: Vec<At>,
    /// Every function on the way, outermost first.
    pub funcs: Vec<FuncId>,
    /// The primitive that sleeps.
    pub primitive: Symbol,
}

/// Follows a way of sleeping down to its primitive.
pub fn sleep_chain(world: &World<'_>, via: SleepVia) -> SleepChain {
    let mut chain = SleepChain { frames: Vec::new(), funcs: Vec::new(), primitive: Symbol::EMPTY };
    let mut at = via;
    for _ in 0..16 {
        match at {
            SleepVia::Primitive(name) => {
                chain.primitive = name;
                break;
            }
            SleepVia::Ops(record, field) => {
                chain.primitive = Symbol::intern(&format!("{record}.{field}"));
                break;
            }
            SleepVia::Function(f, site) => {
                let Some(site) = world.summary(f).and_then(|s| s.sleeps.get(site as usize)) else { break };
                chain.funcs.push(f);
                let callee = via_name(world, site.via);
                let text = match site.via {
                    SleepVia::Primitive(_) => format!("calls {callee}(), which may sleep"),
                    SleepVia::Ops(..) => format!("calls {callee}, which may sleep"),
                    SleepVia::Function(..) => format!("calls {callee}()"),
                };
                chain.frames.push(At { func: f, loc: site.loc, text });
                at = site.via;
            }
        }
    }
    chain
}

/// The name of what is called.
pub fn via_name(world: &World<'_>, via: SleepVia) -> Symbol {
    match via {
        SleepVia::Primitive(name) => name,
        SleepVia::Ops(record, field) => Symbol::intern(&format!("{record}.{field}")),
        SleepVia::Function(f, _) => world.func(f).name,
    }
}

/// What dereferences a parameter: the frames below the call.
pub fn deref_chain(world: &World<'_>, func: FuncId, index: u8) -> (Vec<At>, Option<FuncId>) {
    let mut frames = Vec::new();
    let (mut f, mut i) = (func, index);
    for _ in 0..12 {
        let Some(deref) = world.summary(f).and_then(|s| s.derefs.get(i as usize)) else { break };
        let d = world.func(f);
        let param = d.locals.get(deref.param as usize).copied().unwrap_or_default();
        let text = match deref.via {
            Some((next, _)) => format!("passes `{param}` to {}()", world.func(next).name),
            None if !deref.primitive.is_empty() => format!("passes `{param}` to {}(), which dereferences it", deref.primitive),
            None if deref.member.is_empty() => format!("dereferences `{param}`"),
            None => format!("loads or stores `{param}->{}`", deref.member),
        };
        frames.push(At { func: f, loc: deref.loc, text });
        match deref.via {
            Some((next, n)) => (f, i) = (next, n),
            None => return (frames, Some(f)),
        }
    }
    (frames, None)
}
