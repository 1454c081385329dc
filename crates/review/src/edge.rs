//! Whether the source has the call that a stack shows between two of its frames.
//!
//! A stack alone proves no call of the source: frames are lost, names are of another version, a line was misread. So a call is stated only
//! where the body has it: by name, by way of functions that the compiler put into the caller, or through a member in which the tree stores
//! the callee. Everything else is said to be the stack's word.

use crate::body::{Call as Site, blanked, calls, parameters};
use crate::explain::{Found, plain};
use crate::locate::{Definition, Hint, OWN_PARAMETER, locate_in};
use crate::words;
use cuthere_splat::Frame;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How the source bears out a call that the stack shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Borne {
    /// The body has the call.
    Direct,
    /// The body calls a function that has it: inlined, or left by a jump.
    Through,
    /// The body calls a member in which the tree stores the callee.
    Pointer,
    /// The body has calls through pointers, and none that the tree says is the callee.
    Unknown,
    /// The body has no such call.
    Absent,
    /// The compiler or the processor puts the call there: a check of an access, tracing, a trap. No source has it.
    Inserted,
    /// The caller is not in this tree.
    NotHere,
}

/// A call of the source that a stack leads through.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub borne: Borne,
    /// The call, where there is one.
    pub site: Option<Site>,
}

/// How deep functions that were inlined are looked into.
const DEPTH: usize = 4;
/// Functions on such a way that should have left a frame, and did not.
const MAX_KEPT: usize = 1;
/// Callees looked up at once.
const MAX_CALLEES: usize = 1024;
/// Definitions of one name that are looked into: those of other settings among them.
const MAX_SAME: usize = 4;
/// Where the kernel's own services are, whose functions are left by jumps into one another.
const SERVICES: &[&str] = &["kernel/", "lib/", "mm/", "block/", "drivers/base/", "net/core/"];

/// What a function or macro calls, by name and through members; true where the call leaves no frame of the function: it was put into its
/// caller, or left by a jump since nothing follows.
#[derive(Default)]
struct Calls {
    direct: BTreeMap<String, bool>,
    through: BTreeMap<String, bool>,
    /// Whether it calls what only running it tells, and leaves no frame where it does.
    open: bool,
    /// Members that it uses.
    members: BTreeSet<String>,
}

impl Calls {
    fn add(&mut self, definition: &Definition) {
        let head = definition.text.get(definition.function.span.start..definition.function.body.start).unwrap_or_default();
        let inlined = ["static", "inline", "__always_inline"].iter().any(|word| words::has_word(head, word));
        let packed: String = blanked(definition).chars().filter(|c| !c.is_whitespace()).collect();
        let body = packed.trim_end_matches(['}', ';']);
        let last = body.rfind([';', '{', '}']).map_or(0, |at| at + 1);
        let ends = body.get(last..).unwrap_or_default();
        let all = calls(definition);
        let jumps = packed.contains("return(*") || ends.contains("->") || ends.starts_with("(*");
        if inlined || jumps {
            let variables = variables(definition);
            self.open |= all.iter().any(|c| c.through || variables.contains(&c.callee));
        }
        self.members.extend(members(&packed).map(str::to_owned));
        for name in handed(definition, &all) {
            *self.direct.entry(name).or_default() |= inlined;
        }
        for call in all {
            let jump = || ends.starts_with(&format!("{}(", call.callee)) || packed.contains(&format!("return{}(", call.callee));
            let vanishes = inlined || jump();
            *(if call.through { &mut self.through } else { &mut self.direct }).entry(call.callee).or_default() |= vanishes;
        }
    }

    /// Whether a call of a function is here, and whether it leaves no frame.
    fn has(&self, name: &str, stored: Option<&BTreeSet<String>>) -> Option<bool> {
        let bare = name.trim_start_matches('_');
        let direct = self.direct.iter().filter(|(callee, _)| callee.trim_start_matches('_') == bare);
        let through = self.through.iter().filter(|(member, _)| stored.is_some_and(|members| members.contains(*member)));
        direct.chain(through).map(|(_, vanishes)| *vanishes).max()
    }
}

/// Functions and macros that the bodies of frames call, for calls that were inlined.
#[derive(Default)]
pub(crate) struct Callees(BTreeMap<String, Calls>);

impl Callees {
    /// Looks up what the callers call where a call is not seen at once, and what that calls in turn: in headers, in the folders of the
    /// callers and in the kernel's services, since what leaves no frame was put into its caller, or was left by a jump. One search a level for all of them.
    pub fn of<'a>(pairs: impl Iterator<Item = (&'a Frame, &'a Frame)>, found: &Found<'_>) -> Callees {
        let mut callees = Callees::default();
        let mut open: Vec<(&Frame, &Frame)> = pairs.collect();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        for _ in 0..DEPTH {
            open.retain(|(outer, inner)| {
                let edge = edge(outer, inner, found, &callees);
                !matches!(edge.borne, Borne::NotHere | Borne::Inserted) && edge.site.is_none()
            });
            let mut wanted: BTreeMap<String, Hint> = BTreeMap::new();
            let mut folders: BTreeSet<String> = BTreeSet::new();
            for (outer, _) in &open {
                let Some(definition) = found.definition(&outer.function) else { continue };
                folders.insert(cuthere_base::folder(&definition.file).to_owned());
                let hint = Hint { file: Some(definition.file.clone()), ..Hint::default() };
                for name in callees.unknown(definition) {
                    if wanted.len() < MAX_CALLEES && asked.insert(name.clone()) {
                        wanted.insert(name, hint.clone());
                    }
                }
            }
            if wanted.is_empty() {
                break;
            }
            let inside = |path: &str| {
                path.ends_with(".h") && !path.starts_with("drivers/")
                    || folders.contains(cuthere_base::folder(path))
                    || SERVICES.iter().any(|s| path.starts_with(s))
            };
            let located = locate_in(found.tree, &wanted, &found.options.arch, found.outliner, &inside);
            for (name, all) in located.definitions {
                let calls = callees.0.entry(name).or_default();
                all.iter().take(MAX_SAME).for_each(|definition| calls.add(definition));
            }
            for (name, called) in located.macros {
                // Whether a macro calls by name or through a member of that name, the tree says where the function is stored.
                let calls = callees.0.entry(name).or_default();
                calls.open |= called.contains(OWN_PARAMETER);
                calls.through.extend(called.iter().map(|callee| (callee.clone(), true)));
                calls.direct.extend(called.into_iter().map(|callee| (callee, true)));
            }
        }
        callees
    }

    /// Names that a function calls, itself or through what is known, and of which nothing is known.
    fn unknown(&self, definition: &Definition) -> BTreeSet<String> {
        let mut own = Calls::default();
        own.add(definition);
        let (mut seen, mut level) = (BTreeSet::new(), own.direct.into_keys().collect::<BTreeSet<_>>());
        let mut out = BTreeSet::new();
        for _ in 0..DEPTH {
            let mut next = BTreeSet::new();
            for name in std::mem::take(&mut level) {
                match self.0.get(&name) {
                    Some(calls) => next.extend(calls.direct.keys().filter(|c| !seen.contains(*c)).cloned()),
                    None => {
                        out.insert(name.clone());
                    }
                }
                seen.insert(name);
            }
            level = next;
        }
        out
    }

    /// Whether a function, or what was put into it, has something: what is looked into leaves no frame.
    fn any(&self, from: &str, has: impl Fn(&Calls) -> bool) -> bool {
        let mut level = vec![from];
        let mut seen: BTreeSet<&str> = level.iter().copied().collect();
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for calls in level.iter().filter_map(|name| self.0.get(*name)) {
                if has(calls) {
                    return true;
                }
                let further = calls.direct.iter().filter(|(_, vanishes)| **vanishes).map(|(callee, _)| callee.as_str());
                next.extend(further.filter(|callee| seen.insert(callee)));
            }
            level = next;
        }
        false
    }

    /// Whether a function uses a member, itself or in what was put into it.
    pub fn uses(&self, definition: &Definition, member: &str) -> bool {
        calls(definition).iter().any(|c| self.any(&c.callee, |calls| calls.members.contains(member)))
    }

    /// How many calls lead from one function to another, by way of functions that left no frame, but for `most`; `None`: too many, or none do.
    fn distance(&self, from: &str, name: &str, found: &Found<'_>, most: usize) -> Option<usize> {
        let stored = found.members.get(name);
        // With each function how many before it should have left a frame.
        let mut level = vec![(from.to_owned(), 0usize)];
        let mut seen: BTreeSet<(String, usize)> = level.iter().cloned().collect();
        for steps in 1..=DEPTH {
            let mut next = Vec::new();
            for (function, kept) in level {
                let of_frame = found.definition(&function).filter(|_| !self.0.contains_key(&function)).map(|definition| {
                    let mut calls = Calls::default();
                    calls.add(definition);
                    calls
                });
                let Some(calls) = self.0.get(&function).or(of_frame.as_ref()) else { continue };
                let after = |vanishes: bool| kept + usize::from(!vanishes);
                if calls.has(name, stored).is_some_and(|vanishes| after(vanishes) <= most) {
                    return Some(steps);
                }
                let further = calls.direct.iter().map(|(callee, vanishes)| (callee.clone(), after(*vanishes)));
                next.extend(further.filter(|(_, kept)| *kept <= most).filter(|step| seen.insert(step.clone())));
            }
            level = next;
        }
        None
    }
}

/// The call in the outer frame's function that leads to the inner one.
pub(crate) fn edge(outer: &Frame, inner: &Frame, found: &Found<'_>, callees: &Callees) -> Edge {
    if cuthere_splat::is_inserted(&inner.function) {
        return Edge { borne: Borne::Inserted, site: None };
    }
    let Some(definition) = found.definition(&outer.function) else { return Edge { borne: Borne::NotHere, site: None } };
    let name = plain(&inner.function);
    let all = calls(definition);
    if let Some(site) = nearest(definition, outer, named(&all, name)) {
        return Edge { borne: Borne::Direct, site: Some(site) };
    }
    let stored = found.members.get(name);
    // Handed to who calls it, as a release function to what drops a reference.
    let given = all.iter().filter(|c| !c.through && c.arguments.iter().any(|a| lone_name(a) == Some(name))).collect();
    if let Some(site) = nearest(definition, outer, given) {
        return Edge { borne: Borne::Through, site: Some(site) };
    }
    let through: Vec<&Site> = all.iter().filter(|c| c.through && stored.is_some_and(|members| members.contains(&c.callee))).collect();
    if let Some(site) = nearest(definition, outer, through) {
        return Edge { borne: Borne::Pointer, site: Some(site) };
    }
    // A way on which every frame would be missing for a reason comes first, as stacks go; of these, the shortest.
    let ways = |most: usize| -> Vec<(usize, &Site)> {
        all.iter().filter(|c| !c.through).filter_map(|c| Some((callees.distance(&c.callee, name, found, most)?, c))).collect()
    };
    let ways = (0..=MAX_KEPT).map(ways).find(|ways| !ways.is_empty()).unwrap_or_default();
    let shortest = ways.iter().map(|(steps, _)| *steps).min();
    if let Some(site) = nearest(definition, outer, ways.iter().filter(|(steps, _)| Some(*steps) == shortest).map(|(_, c)| *c).collect()) {
        return Edge { borne: Borne::Through, site: Some(site) };
    }
    let variables = variables(definition);
    let open = all.iter().any(|c| c.through || variables.contains(&c.callee) || callees.any(&c.callee, |calls| calls.open));
    let borne = if open { Borne::Unknown } else { Borne::Absent };
    Edge { borne, site: None }
}

/// Parameters and variables of a function that may hold what it calls.
fn variables(definition: &Definition) -> BTreeSet<String> {
    let text = blanked(definition);
    let holds = |at: usize, word: &str| {
        let after = text.get(at + word.len()..).unwrap_or_default().trim_start();
        let before = text.get(..at).unwrap_or_default().trim_end();
        let assigned = after.starts_with('=') && !after.starts_with("==");
        !before.ends_with("->") && !before.ends_with('.') && (assigned || before.ends_with('*') && after.starts_with(')'))
    };
    let own = words::identifiers(&text).filter(|(at, word)| holds(*at, word)).map(|(_, word)| word.to_owned());
    own.chain(parameters(definition)).collect()
}

/// The members that a body without blanks names.
fn members(packed: &str) -> impl Iterator<Item = &str> {
    words::identifiers(packed)
        .filter(|(at, _)| packed.get(..*at).is_some_and(|before| before.ends_with("->") || before.ends_with('.')))
        .map(|(_, word)| word)
}

/// The name that an argument consists of, its address or not.
fn lone_name(argument: &str) -> Option<&str> {
    let name = argument.trim().trim_start_matches('&').trim_start();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(word)).then_some(name)
}

/// Names that a body hands to what it calls and neither declares nor uses otherwise, such as functions; constants are written in capitals.
fn handed(definition: &Definition, all: &[Site]) -> BTreeSet<String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for name in all.iter().flat_map(|c| &c.arguments).filter_map(|a| lone_name(a)) {
        if name.contains(|c: char| c.is_ascii_lowercase()) {
            *times.entry(name).or_default() += 1;
        }
    }
    let own = parameters(definition);
    let text = blanked(definition);
    for (_, word) in words::identifiers(&text) {
        if let Some(left) = times.get_mut(word) {
            *left = left.wrapping_sub(1);
        }
    }
    times.into_iter().filter(|(name, left)| *left == 0 && !own.iter().any(|p| p == name)).map(|(name, _)| name.to_owned()).collect()
}

/// The calls of a name; without underscores in front where it is not called as it is, since macros of the name add them.
pub(crate) fn named<'a>(all: &'a [Site], name: &str) -> Vec<&'a Site> {
    let direct = || all.iter().filter(|c| !c.through);
    let exact: Vec<&Site> = direct().filter(|c| c.callee == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    let bare = name.trim_start_matches('_');
    direct().filter(|c| c.callee.trim_start_matches('_') == bare).collect()
}

/// The site whose line is the frame's, or stands in the function about where the offset stands in its code.
pub(crate) fn nearest(definition: &Definition, frame: &Frame, sites: Vec<&Site>) -> Option<Site> {
    let from = u64::from(definition.body_line());
    let lines = u64::from(definition.function.end_line).saturating_sub(from);
    let guess = match (own_line(definition, frame), frame.offset, frame.size) {
        (Some(line), _, _) => u64::from(line),
        (None, Some(offset), Some(size)) if size > 0 => from + lines.saturating_mul(offset.min(size)) / size,
        _ => from,
    };
    sites.into_iter().min_by_key(|s| (u64::from(s.line).abs_diff(guess), s.line)).cloned()
}

/// The line that the report itself gives, where it is one of the function's in this tree.
pub(crate) fn own_line(definition: &Definition, frame: &Frame) -> Option<u32> {
    let same_file =
        frame.file.as_ref().is_none_or(|file| file.ends_with(definition.file.as_str()) || definition.file.ends_with(file.as_str()));
    frame.line.filter(|line| same_file && definition.function.contains(*line))
}
