//! The questions of all runs so far, which go beyond what files include.

use super::{Id, Keep, finish, pack, unpack};
use cuthere_base::Symbol;
use cuthere_cfront::asked::{Question, Space};
use cuthere_cfront::program::Program;
use serde::{Deserialize, Serialize};

/// All that was asked in the runs so far. What rests on other questions than these, of a run beside ours, does not count.
pub struct Questions {
    pub id: Id,
    /// Earlier states that these contain, latest last.
    before: Vec<Id>,
    /// Sorted.
    pub list: Vec<Question>,
    /// Those of files that are not there now.
    gone: Vec<Asked>,
}

/// What one file asked: `(path, [(space, name)])`.
type Asked = (String, Vec<(u8, Symbol)>);

/// With more questions than this, mostly of files as they once were, we begin anew.
const MOST: usize = 4_000_000;
/// More states of the questions than this are not remembered.
const STATES: usize = 1000;

#[derive(Serialize, Deserialize)]
struct KeptQuestions {
    id: Id,
    before: Vec<Id>,
    files: Vec<Asked>,
}

impl Questions {
    pub fn open(program: &Program<'_>, keep: &dyn Keep) -> Questions {
        let kept: Option<KeptQuestions> = keep.get("questions", "").and_then(|bytes| unpack(&bytes));
        let Some(kept) = kept.filter(|kept| kept.files.iter().map(|file| file.1.len()).sum::<usize>() < MOST) else {
            return Questions { id: [0; 16], before: Vec::new(), list: Vec::new(), gone: Vec::new() };
        };
        let (mut list, mut gone) = (Vec::new(), Vec::new());
        for (path, asked) in kept.files {
            let Some(file) = program.source.find(&path) else {
                gone.push((path, asked));
                continue;
            };
            list.extend(asked.into_iter().filter_map(|(space, name)| Some((file, Space::ALL.get(usize::from(space)).copied()?, name))));
        }
        sort(&mut list);
        Questions { id: kept.id, before: kept.before, list, gone }
    }

    /// Whether they contain this state of them.
    pub fn cover(&self, state: &Id) -> bool {
        self.id == *state || self.before.contains(state)
    }

    /// Adds those of this run: packed, if there are new ones. `None`: they cannot be packed.
    pub fn add(&mut self, program: &Program<'_>) -> Option<Option<Vec<u8>>> {
        let before = self.list.len();
        self.list.extend(program.questions());
        sort(&mut self.list);
        if self.list.len() == before && self.id != [0; 16] {
            return Some(None);
        }
        let mut files: Vec<Asked> = Vec::new();
        let mut last = None;
        for &(file, space, name) in &self.list {
            if last != Some(file) {
                files.push((program.source.path(file).to_owned(), Vec::new()));
                last = Some(file);
            }
            if let Some(list) = files.last_mut() {
                list.1.push((space.number(), name));
            }
        }
        files.extend(self.gone.iter().cloned());
        let bytes = pack(&files)?;
        self.before.push(self.id);
        self.before.drain(..self.before.len().saturating_sub(STATES));
        self.id = finish(blake3::Hasher::new().update(&self.id).update(&bytes));
        pack(&KeptQuestions { id: self.id, before: self.before.clone(), files }).map(Some)
    }
}

fn sort(questions: &mut Vec<Question>) {
    questions.sort_by_cached_key(|(file, space, name)| (*file, space.number(), name.as_str()));
    questions.dedup();
}
