//! One search through a text for many names at once.
//!
//! Vector search of up to 64 names is some ten times faster than an automaton of hundreds, so the names are searched in groups. It tells
//! where names stand, also inside longer words; what stands around them is for the caller to judge.

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, MatchKind as Kind};

/// Names that one vector search takes.
const GROUP: usize = 64;

/// Looks for a group of names, of which the first has this number.
enum Group {
    Vector(usize, Searcher),
    Automaton(usize, AhoCorasick),
}

/// A search for names.
pub(crate) struct Seeker(Vec<Group>);

impl Seeker {
    /// For these names; a group that no search can be made of is not looked for. Longest first within a group, so that a name does not hide behind one that it begins with.
    pub fn new(names: &[String]) -> Seeker {
        let group = |(nth, names): (usize, &[String])| {
            let first = nth * GROUP;
            let vector = Config::new().match_kind(MatchKind::LeftmostLongest).builder().extend(names).build();
            let automaton = || AhoCorasick::builder().match_kind(Kind::LeftmostLongest).build(names).ok();
            match vector {
                Some(search) => Some(Group::Vector(first, search)),
                None => automaton().map(|search| Group::Automaton(first, search)),
            }
        };
        Seeker(names.chunks(GROUP).enumerate().filter_map(group).collect())
    }

    /// Tells of each place: the name's number, and where it begins and ends.
    pub fn each(&self, text: &[u8], mut told: impl FnMut(usize, usize, usize)) {
        for group in &self.0 {
            match group {
                Group::Vector(first, search) => {
                    search.find_iter(text).for_each(|hit| told(first + hit.pattern().as_usize(), hit.start(), hit.end()));
                }
                Group::Automaton(first, search) => {
                    search.find_iter(text).for_each(|hit| told(first + hit.pattern().as_usize(), hit.start(), hit.end()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_found_whatever_their_group() {
        let names: Vec<String> = (0..150).map(|n| format!("name_{n}")).chain(["x".to_owned(), "name".to_owned()]).collect();
        let text = names.join(" ; ");
        let mut found = vec![0usize; names.len()];
        Seeker::new(&names).each(text.as_bytes(), |number, start, end| {
            if let Some(name) = names.get(number) {
                assert_eq!(text.get(start..end), Some(name.as_str()));
                found[number] += 1;
            }
        });
        assert!(found.iter().all(|n| *n > 0), "{found:?}");
        Seeker::new(&[]).each(b"name", |_, _, _| unreachable!("no name was asked for"));
    }
}
