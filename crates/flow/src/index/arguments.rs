//! What the callers of functions hand them: facts of arguments at entry, met over all calls.
//!
//! A static function whose every caller hands an object needs no test of that argument; a test in it is there for safety's sake. An argument that a
//! caller merely hands on is what that caller's own callers hand it. A function that is bound to members of operations tables, and called no other
//! way, is handed what those who call through these members hand (`ep->ops->flush(ep)` has looked at `ep` before).

use super::facts::{Called, Fact, Handed};
use crate::program::World;
use crate::summary::FuncId;
use rustc_hash::FxHashMap;

/// What is handed for the tested parameters of functions, by all callers.
#[derive(Default)]
pub struct Arguments(FxHashMap<(Called, u8), Vec<(FuncId, Handed)>>);

/// Callers that are followed upwards.
const DEPTH_MAX: u32 = 6;

impl Arguments {
    pub fn add(&mut self, caller: FuncId, fact: &Fact) {
        if let Fact::Argument(u) = fact {
            self.0.entry((u.callee, u.param)).or_default().push((caller, u.handed));
        }
    }

    /// Whether everybody who calls a function hands it an object there.
    pub fn all_hand_objects(&self, world: &World<'_>, func: FuncId, param: u8) -> bool {
        self.objects(world, func, param, 0)
    }

    fn objects(&self, world: &World<'_>, func: FuncId, param: u8, depth: u32) -> bool {
        let one = |&(caller, handed): &(FuncId, Handed)| match handed {
            Handed::Object => true,
            Handed::Own(p) => depth < DEPTH_MAX && self.objects(world, caller, p, depth + 1),
            Handed::Unknown | Handed::MayBeNull => false,
        };
        let all = |called: Called| self.0.get(&(called, param)).is_some_and(|all| all.iter().all(one));
        if !world.func(func).is_static {
            return false;
        }
        let bound = world.bindings(func);
        match bound.is_empty() {
            true => !world.entry_points.contains_key(&func) && all(Called::Function(func)),
            false => {
                world.callers(func).iter().all(|c| world.calls_through(c)) && bound.iter().all(|b| all(Called::Member(b.record, b.field)))
            }
        }
    }
}
