//! Whether the source has the call that a stack shows between two of its frames.
//!
//! A stack alone proves no call of the source: frames are lost, names are of another version, a line was misread. So a call is stated only
//! where the body has it: by name, by way of functions that the compiler put into the caller, or through a member in which the tree stores
//! the callee. Everything else is said to be the stack's word.

use crate::body::{Call as Site, calls, parameters};
use crate::explain::{Found, plain};
use crate::locate::{Definition, Hint, locate_in};
use crate::words;
use cuthere_base::Symbol;
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
/// Callees looked up at once.
const MAX_CALLEES: usize = 512;

/// Functions that the bodies of frames call, for calls that were inlined.
#[derive(Default)]
pub(crate) struct Callees(BTreeMap<String, Definition>);

impl Callees {
    /// Looks up what the callers call where a call is not seen at once, and what that calls in turn: in headers and in the folders of the
    /// callers, since what leaves no frame was put into its caller, or was left by a jump. One search a level for all of them.
    pub fn of<'a>(pairs: impl Iterator<Item = (&'a Frame, &'a Frame)>, found: &Found<'_>) -> Callees {
        let mut callees = Callees::default();
        let mut open: Vec<(&Frame, &Frame)> = pairs.collect();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        for _ in 0..DEPTH {
            open.retain(|(outer, inner)| found.definition(&outer.function).is_some() && edge(outer, inner, found, &callees).site.is_none());
            let mut wanted: BTreeMap<String, Hint> = BTreeMap::new();
            let mut folders: BTreeSet<String> = BTreeSet::new();
            for (outer, _) in &open {
                let Some(definition) = found.definition(&outer.function) else { continue };
                folders.insert(words::folder(&definition.file).to_owned());
                let hint = Hint { file: Some(definition.file.clone()), ..Hint::default() };
                for name in callees.unknown(definition, found, DEPTH) {
                    if wanted.len() < MAX_CALLEES && asked.insert(name.clone()) {
                        wanted.insert(name, hint.clone());
                    }
                }
            }
            if wanted.is_empty() {
                break;
            }
            let inside = |path: &str| path.ends_with(".h") && !path.starts_with("drivers/") || folders.contains(words::folder(path));
            let located = locate_in(found.tree, &wanted, &found.options.arch, found.outliner, &inside);
            callees.0.extend(located.definitions.into_iter().filter_map(|(name, all)| Some((name, all.into_iter().next()?))));
        }
        callees
    }

    /// Names that a function calls, itself or through what is known, and whose bodies are not known. What the kernel model knows is a
    /// primitive and leads nowhere.
    fn unknown(&self, definition: &Definition, found: &Found<'_>, depth: usize) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for call in calls(definition).into_iter().filter(|c| !c.through) {
            match self.0.get(&call.callee) {
                Some(body) if depth > 1 => out.extend(self.unknown(body, found, depth - 1)),
                Some(_) => {}
                None if found.definition(&call.callee).is_some() => {}
                None if found.options.model.entry(Symbol::intern(&call.callee)).is_some_and(|e| !e.learned) => {}
                None => {
                    out.insert(call.callee);
                }
            }
        }
        out
    }
}

/// The call in the outer frame's function that leads to the inner one.
pub(crate) fn edge(outer: &Frame, inner: &Frame, found: &Found<'_>, callees: &Callees) -> Edge {
    let Some(definition) = found.definition(&outer.function) else { return Edge { borne: Borne::NotHere, site: None } };
    let name = plain(&inner.function);
    let all = calls(definition);
    if let Some(site) = nearest(definition, outer, named(&all, name)) {
        return Edge { borne: Borne::Direct, site: Some(site) };
    }
    let stored = found.members.get(name);
    let through: Vec<&Site> = all.iter().filter(|c| c.through && stored.is_some_and(|members| members.contains(&c.callee))).collect();
    if let Some(site) = nearest(definition, outer, through) {
        return Edge { borne: Borne::Pointer, site: Some(site) };
    }
    let leads = |c: &&Site| !c.through && leads_to(&c.callee, name, found, callees, &mut BTreeSet::new(), DEPTH);
    if let Some(site) = nearest(definition, outer, all.iter().filter(leads).collect()) {
        return Edge { borne: Borne::Through, site: Some(site) };
    }
    let handed = parameters(definition);
    let open = all.iter().any(|c| c.through || handed.contains(&c.callee));
    let borne = if open { Borne::Unknown } else { Borne::Absent };
    Edge { borne, site: None }
}

fn leads_to(callee: &str, name: &str, found: &Found<'_>, callees: &Callees, seen: &mut BTreeSet<String>, depth: usize) -> bool {
    if depth == 0 || !seen.insert(callee.to_owned()) {
        return false;
    }
    let Some(definition) = callees.0.get(callee).or_else(|| found.definition(callee)) else { return false };
    let all = calls(definition);
    let stored = found.members.get(name);
    !named(&all, name).is_empty()
        || all.iter().any(|c| c.through && stored.is_some_and(|members| members.contains(&c.callee)))
        || all.iter().filter(|c| !c.through).any(|c| leads_to(&c.callee, name, found, callees, seen, depth - 1))
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
