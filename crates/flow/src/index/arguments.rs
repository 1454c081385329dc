//! What the callers of static functions hand them: facts of arguments at entry, met over all calls.
//!
//! A static function whose every caller hands an object needs no test of that argument; a test in it is there for safety's sake. An argument that a
//! caller merely hands on is what that caller's own callers hand it.

use super::facts::{Fact, Handed};
use crate::summary::FuncId;
use rustc_hash::FxHashMap;

/// What is handed for the tested parameters of static functions, by all callers.
#[derive(Default)]
pub struct Arguments(FxHashMap<(FuncId, u8), Vec<(FuncId, Handed)>>);

/// Callers that are followed upwards.
const DEPTH_MAX: u32 = 6;

impl Arguments {
    pub fn add(&mut self, caller: FuncId, fact: &Fact) {
        if let Fact::Argument(u) = fact {
            self.0.entry((u.callee, u.param)).or_default().push((caller, u.handed));
        }
    }

    /// Whether everybody who calls a function hands it an object there.
    pub fn all_hand_objects(&self, func: FuncId, param: u8) -> bool {
        self.objects(func, param, 0)
    }

    fn objects(&self, func: FuncId, param: u8, depth: u32) -> bool {
        let one = |&(caller, handed): &(FuncId, Handed)| match handed {
            Handed::Object => true,
            Handed::Own(p) => depth < DEPTH_MAX && self.objects(caller, p, depth + 1),
            Handed::Unknown | Handed::MayBeNull => false,
        };
        self.0.get(&(func, param)).is_some_and(|all| all.iter().all(one))
    }
}
