//! How code treats pointers that may be NULL, counted over everything that was read, and what that says of one claim.

use cuthere_base::{Confidence, Symbol};
use cuthere_flow::summary::{FuncId, NullWhy};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Where a pointer came from: the result of a function of the tree or of a name of the model, or a member of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Giver {
    Function(FuncId),
    Name(Symbol),
    /// `(record, member)`.
    Field(Symbol, Symbol),
}

/// No argument: the dereference is made by the operation itself.
pub(crate) const DIRECT: u8 = u8::MAX;

/// One use of a pointer in a function; of a member there is one for the whole function.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Use {
    pub giver: Giver,
    pub op: u32,
    /// The argument of the call at `op` that is dereferenced by the callee; `DIRECT` for an access here.
    pub argument: u8,
    pub tested: bool,
    pub dereferenced: bool,
    /// NULL was left in the member: an argument that this function takes care to find NULL was stored there.
    pub left_null: bool,
}

/// What a claim is weighed by.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Weigh {
    pub giver: Giver,
    pub why: NullWhy,
    /// The key of the look-up came from outside.
    pub outside: bool,
    /// The model says that the look-up fails by a key from elsewhere.
    pub lookup: bool,
    /// In code that runs once at boot, in tests, or in user space.
    pub boot: bool,
    /// This very result is tested in this function, and paths were merged before the use.
    pub tested_here: bool,
}

/// How callers treat results, over everything that was read.
#[derive(Default)]
pub(crate) struct Habits(FxHashMap<Giver, (u32, u32)>);

impl Habits {
    pub fn add(&mut self, u: &Use) {
        let entry = self.0.entry(u.giver).or_default();
        if u.tested {
            entry.0 += 1;
        } else if u.dereferenced {
            entry.1 += 1;
        }
    }

    /// Tested, and dereferenced untested.
    pub fn get(&self, giver: Giver) -> (u32, u32) {
        self.0.get(&giver).copied().unwrap_or_default()
    }
}

/// The confidence of a claim, given how others treat the same result, with the fact that decided.
pub(crate) fn weigh(w: &Weigh, habits: &Habits) -> (Confidence, Option<String>) {
    let (tested, untested) = habits.get(w.giver);
    let all = tested + untested;
    let said = format!("{tested} of {all} uses of this result are tested for NULL");
    let most = |percent: u32, least: u32| tested >= least && tested * 100 >= all * percent;
    let mut confidence = match w.why {
        // The result is tested, and paths were merged since: the test and the use may belong together.
        _ if w.tested_here => Confidence::Low,
        // What hands on an allocator's failure, and hardly anybody tests, has been set up before by those who call it.
        NullWhy::Allocation if matches!(w.giver, Giver::Function(_)) && all >= 8 && !most(50, 1) => Confidence::Medium,
        NullWhy::Allocation => Confidence::High,
        _ if w.outside => Confidence::High,
        // What a function of the tree finds in the tree's own data is most often there.
        _ if w.lookup && most(85, 5) => Confidence::High,
        _ if most(45, 1) => Confidence::Medium,
        // Too few uses to speak of a habit: the model's word stands, a body's `return NULL` needs another reason.
        NullWhy::Model if all < 6 => Confidence::Medium,
        _ => Confidence::Low,
    };
    if w.boot {
        confidence = confidence.min(Confidence::Medium);
    }
    (confidence, (all > 1).then_some(said))
}
