//! How sure a claim about a result is, by what others do with the same result.

use super::{Giver, Habits};
use crate::summary::NullWhy;
use cuthere_base::Confidence;
use serde::{Deserialize, Serialize};

/// What a claim about the result of a call is weighed by.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Belief {
    pub giver: Giver,
    pub why: NullWhy,
    /// The key of the look-up came from outside.
    pub outside: bool,
    /// The model says that the look-up fails by a key from elsewhere.
    pub lookup: bool,
    /// A weakness of the place: it runs once at boot, in tests or in user space, or the failure was told otherwise too.
    pub weak: bool,
    /// This very result is tested in this function, and paths were merged before the use.
    pub tested_here: bool,
}

impl Belief {
    /// The confidence, given how others treat the same result, with the fact that decided.
    pub fn weigh(&self, habits: &Habits) -> (Confidence, Option<String>) {
        let (tested, untested) = habits.get(self.giver);
        let all = tested + untested;
        let said = format!("{tested} of {all} uses of this result are tested for NULL");
        let most = |percent: u32, least: u32| tested >= least && tested * 100 >= all * percent;
        let mut confidence = match self.why {
            // The result is tested, and paths were merged since: the test and the use may belong together.
            _ if self.tested_here => Confidence::Low,
            // What hands on an allocator's failure, and hardly anybody tests, has been set up before by those who call it.
            NullWhy::Allocation if matches!(self.giver, Giver::Function(_)) && all >= 8 && !most(50, 1) => Confidence::Medium,
            NullWhy::Allocation => Confidence::High,
            _ if self.outside => Confidence::High,
            // What a function of the tree finds in the tree's own data is most often there.
            _ if self.lookup && most(85, 5) => Confidence::High,
            _ if most(45, 1) => Confidence::Medium,
            // Too few uses to speak of a habit: the model's word stands, a body's `return NULL` needs another reason.
            NullWhy::Model if all < 6 => Confidence::Medium,
            _ => Confidence::Low,
        };
        if self.weak {
            confidence = confidence.min(Confidence::Medium);
        }
        (confidence, (all > 1).then_some(said))
    }
}
