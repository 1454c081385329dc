//! Who hears of a finding: the people and lists that a tree's `MAINTAINERS` names for a file.
//!
//! Follows `scripts/get_maintainer.pl --no-git --no-git-fallback`: sections match by `F:` (not by `X:`), `N:` and `K:`; those with the
//! deepest pattern come first; lists for subscribers only stay out. Keywords are looked for in what is spoken of, as the script does in patches. Departs from it in one point: of the section that matches every file,
//! only the lists count, where the script leaves out a person by name.

use regex::Regex;
use serde::Serialize;
use std::collections::BTreeMap;

/// Sections that are kept; a file with more is no list of maintainers.
const MAX_SECTIONS: usize = 20_000;
/// Bytes of a source that are searched for keywords.
const MAX_SEARCHED: usize = 4 << 20;

/// A `MAINTAINERS` file, read.
#[derive(Debug, Default)]
pub struct Maintainers {
    sections: Vec<Section>,
}

#[derive(Debug, Default)]
struct Section {
    people: Vec<String>,
    lists: Vec<String>,
    files: Vec<Pattern>,
    not: Vec<Pattern>,
    names: Vec<Regex>,
    keywords: Vec<Regex>,
}

/// A file pattern: `*` and `?` as the shell has them, but for folders.
#[derive(Debug)]
struct Pattern {
    matches: Regex,
    /// It names a folder, and everything below.
    folder: bool,
    slashes: usize,
    /// It matches every file.
    everything: bool,
}

/// Who a mail goes to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Recipients {
    /// `Name <address>`, maintainers and reviewers, those of the nearest section first.
    pub people: Vec<String>,
    pub lists: Vec<String>,
}

impl Recipients {
    /// All of them, people first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.people.iter().chain(&self.lists).map(String::as_str)
    }

    /// Adds those that are not there yet.
    pub fn merge(&mut self, other: &Recipients) {
        add(&mut self.people, &other.people);
        add(&mut self.lists, &other.lists);
    }
}

fn add(to: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !to.iter().any(|there| address(there) == address(one)) {
            to.push(one.clone());
        }
    }
}

/// The bare address of `Name <address>`, in lower case.
fn address(text: &str) -> String {
    let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(text, |(inside, _)| inside);
    inside.trim().to_lowercase()
}

impl Pattern {
    fn new(value: &str, is_folder: &dyn Fn(&str) -> bool) -> Option<Pattern> {
        let value = value.trim();
        let named = !value.contains(['*', '?', '[']) && !value.ends_with('/') && is_folder(value);
        let value = if named { format!("{value}/") } else { value.to_owned() };
        let text = value.replace('.', "\\.").replace('*', ".*").replace('?', ".");
        Some(Pattern {
            matches: Regex::new(&format!("^(?:{text})")).ok()?,
            folder: value.ends_with('/'),
            slashes: value.matches('/').count(),
            everything: value.starts_with('*') && value.trim_start_matches(['*', '/']).is_empty(),
        })
    }

    fn fits(&self, file: &str) -> bool {
        self.matches.is_match(file) && (self.folder || self.slashes == file.matches('/').count())
    }

    /// How near to a file it is: patterns of more parts come first.
    fn depth(&self) -> i64 {
        if self.everything { -1 } else { self.slashes as i64 + i64::from(!self.folder) }
    }
}

impl Maintainers {
    /// Reads the file. `is_folder` says whether the tree has a folder of a path.
    pub fn parse(text: &str, is_folder: &dyn Fn(&str) -> bool) -> Maintainers {
        let mut sections: Vec<Section> = Vec::new();
        // Before the first title only the fields' own description has such lines.
        let mut inside = false;
        for line in text.lines() {
            let field = line
                .split_at_checked(2)
                .filter(|(key, _)| key.as_bytes().first().is_some_and(u8::is_ascii_uppercase) && key.ends_with(':'));
            let Some((key, value)) = field else {
                let title = !line.trim().is_empty() && !line.starts_with(['#', ' ', '\t']);
                if title && sections.len() < MAX_SECTIONS {
                    sections.push(Section::default());
                    inside = true;
                }
                continue;
            };
            let Some(section) = sections.last_mut().filter(|_| inside) else { continue };
            let value = value.trim();
            match key {
                "M:" | "R:" => section.people.push(value.to_owned()),
                "L:" => {
                    let (list, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
                    if !rest.contains("subscribers-only") {
                        section.lists.push(list.to_owned());
                    }
                }
                "F:" => section.files.extend(Pattern::new(value, is_folder)),
                "X:" => section.not.extend(Pattern::new(value, is_folder)),
                "N:" => section.names.extend(Regex::new(&format!("(?x){value}"))),
                "K:" => section.keywords.extend(Regex::new(&format!("(?x){value}"))),
                _ => {}
            }
        }
        Maintainers { sections }
    }

    /// Whether no section was found.
    pub fn is_empty(&self) -> bool {
        self.sections.iter().all(|s| s.files.is_empty() && s.names.is_empty() && s.keywords.is_empty())
    }

    /// Who hears of a file. `text` is what of it is spoken of: keywords are looked for there.
    pub fn of(&self, file: &str, text: &[u8]) -> Recipients {
        let text = String::from_utf8_lossy(text.get(..text.len().min(MAX_SEARCHED)).unwrap_or_default());
        let mut near: BTreeMap<(i64, usize), bool> = BTreeMap::new();
        let mut keyed: Vec<usize> = Vec::new();
        for (nth, section) in self.sections.iter().enumerate() {
            if !section.not.iter().any(|p| p.fits(file)) {
                let by_file = section.files.iter().filter(|p| p.fits(file)).map(|p| (p.depth(), p.everything)).max();
                let by_name = section.names.iter().any(|r| r.is_match(file)).then_some((0, false));
                if let Some((depth, everything)) = by_file.max(by_name) {
                    near.insert((-depth, nth), everything);
                    continue;
                }
            }
            if section.keywords.iter().any(|r| r.is_match(&text)) {
                keyed.push(nth);
            }
        }
        let mut out = Recipients::default();
        let chosen = near.into_iter().map(|((_, nth), everything)| (nth, everything)).chain(keyed.into_iter().map(|nth| (nth, false)));
        for (nth, everything) in chosen {
            let Some(section) = self.sections.get(nth) else { continue };
            if !everything {
                add(&mut out.people, &section.people);
            }
            add(&mut out.lists, &section.lists);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "List of maintainers\n===================\n\n\tM: *Mail* patches to\n\nGADGET DRIVER\nM:\tAnn <ann@example.org>\nR:\tBob <bob@example.org>\n\
        L:\tgadget@example.org (moderated for non-subscribers)\nL:\tinner@example.org (subscribers-only)\nS:\tMaintained\nF:\tdrivers/gadget\n\
        X:\tdrivers/gadget/old/\n\nGADGET CORE\nM:\tCee <cee@example.org>\nF:\tdrivers/gadget/core*.c\n\nWIDGETS\nM:\tDee <dee@example.org>\n\
        N:\twidget[^a-z]\nK:\tstruct\\s+widget\\b\n\nBUS\nM:\tAnn <ANN@example.org>\nF:\tdrivers/*/bus/\n\nTHE REST\nM:\tTop <top@example.org>\n\
        L:\tall@example.org\nF:\t*\nF:\t*/\n";

    fn ask(file: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let maintainers = Maintainers::parse(TEXT, &|path| path == "drivers/gadget");
        let who = maintainers.of(file, text.as_bytes());
        (who.people.iter().map(|p| address(p)).collect(), who.lists)
    }

    fn is(people: &[&str], lists: &[&str]) -> (Vec<String>, Vec<String>) {
        let own = |all: &[&str]| all.iter().map(|one| format!("{one}@example.org")).collect();
        (own(people), own(lists))
    }

    #[test]
    fn sections_match_by_file_name_and_keyword() {
        assert_eq!(ask("drivers/gadget/a.c", ""), is(&["ann", "bob"], &["gadget", "all"]));
        assert_eq!(ask("drivers/gadget/core-x.c", ""), is(&["cee", "ann", "bob"], &["gadget", "all"]));
        assert_eq!(ask("drivers/gadget/deep/core.c", ""), is(&["ann", "bob"], &["gadget", "all"]));
        assert_eq!(ask("drivers/gadget/old/a.c", ""), is(&[], &["all"]));
        assert_eq!(ask("net/widget_1.c", ""), is(&["dee"], &["all"]));
        assert_eq!(ask("net/x.c", "struct  widget w;"), is(&["dee"], &["all"]));
        assert_eq!(ask("drivers/x/bus/a.c", ""), is(&["ann"], &["all"]));
        assert_eq!(ask("net/x.c", "struct widgets w;"), is(&[], &["all"]));
    }

    #[test]
    fn recipients_join_by_address() {
        let maintainers = Maintainers::parse(TEXT, &|path| path == "drivers/gadget");
        let mut all = maintainers.of("drivers/gadget/a.c", b"");
        all.merge(&maintainers.of("drivers/x/bus/a.c", b""));
        assert_eq!(all.all().count(), 4);
        assert!(!maintainers.is_empty() && Maintainers::default().is_empty());
    }
}
