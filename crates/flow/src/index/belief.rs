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
    /// A weakness of the place: it runs once at boot, in tests or in user space.
    pub weak: bool,
    /// It is a test, or runs in user space; or the call told of the failure otherwise too, and that was asked for.
    pub excused: bool,
    /// What it may return was learned from another release, and nobody's body says so here.
    pub learned: bool,
    /// This very result is tested in this function, and paths were merged before the use.
    pub tested_here: bool,
}

impl Belief {
    /// The confidence, given how others treat the same result, with the fact that decided.
    pub fn weigh(&self, habits: &Habits) -> (Confidence, Option<String>) {
        let (tested, untested) = habits.get(self.giver);
        let all = tested + untested;
        let said = format!("{tested} of {all} uses of this result are tested for NULL");
        // The use that is judged is one of them, and no habit of others.
        let others = all - untested.min(1);
        let most = |percent: u32, least: u32| tested >= least && tested * 100 >= others * percent;
        let confidence = match self.why {
            // The result is tested, and paths were merged since: the test and the use may belong together.
            _ if self.tested_here || self.excused => Confidence::Low,
            // What hands on an allocator's failure, and hardly anybody tests, has been set up before by those who call it.
            NullWhy::Allocation if matches!(self.giver, Giver::Function(_)) && all >= 8 && !most(50, 1) => Confidence::Low,
            NullWhy::Allocation => Confidence::High,
            // Those who know that there is one may still have to expect that memory is short.
            NullWhy::Mixed if !self.outside && !self.lookup && most(60, 1) => Confidence::Medium,
            _ if self.outside && (all < 4 || most(60, 2)) => Confidence::High,
            _ if self.outside => Confidence::Medium,
            // What is looked up is most often there: it takes a habit that hardly anybody breaks with.
            NullWhy::Literal | NullWhy::Mixed if !self.lookup => {
                if most(97, 20) {
                    Confidence::Medium
                } else {
                    Confidence::Low
                }
            }
            // Who looks something up by a key of its own often knows that it is there: those who break with the habit are right more often than not.
            _ if most(93, 15) => Confidence::Medium,
            // Too few uses to speak of a habit: the model's word stands.
            NullWhy::Model if !self.learned && (all < 6 || all < 12 && most(80, 4)) => Confidence::Medium,
            _ => Confidence::Low,
        };
        let confidence = if self.learned { confidence.min(Confidence::Medium) } else { confidence };
        let confidence = match (self.weak, confidence) {
            // What runs once, before there are users, hardly ever lacks memory; a key from outside can be wrong there too.
            (true, Confidence::High) if self.outside => Confidence::Medium,
            (true, _) => Confidence::Low,
            (false, sure) => sure,
        };
        (confidence, (all > 1).then_some(said))
    }
}
