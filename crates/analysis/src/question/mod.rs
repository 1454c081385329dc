//! What is known of the functions of a name: how they are entered, whether and how they may sleep, what they do to their callers.
//!
//! Answers are plain data, the same whatever they are written as. Everything in them is taken from summaries and from the contexts top-down;
//! nothing is judged.

mod effects;
mod entered;
mod words;

use cuthere_base::{Step, Symbol};
use cuthere_flow::program::World;
use cuthere_flow::program::contexts::{CallTable, Contexts};
use cuthere_flow::summary::FuncId;
use serde::Serialize;

/// What is known of one function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FunctionAnswer {
    pub function: String,
    pub file: String,
    pub line: u32,
    #[serde(rename = "static")]
    pub is_static: bool,
    /// Its body was read without a gap.
    pub read_whole: bool,
    /// Not all of its paths were followed: what is said holds, but there may be more.
    pub truncated: bool,
    pub entered: Entered,
    /// Callbacks, and members whose context the model knows.
    pub entry_points: Vec<Origin>,
    /// Members through which it is called.
    pub through: Vec<Through>,
    /// Places where its address goes, and nothing more is known.
    pub address_taken: Vec<Step>,
    /// Calls by name or through pointers with few targets, the first [`CALLERS_MAX`].
    pub callers: Vec<Caller>,
    pub callers_total: usize,
    /// The ways in which it may sleep, the surest first.
    pub sleeps: Vec<Done>,
    /// Locks that it takes, whether or not it gives them back.
    pub locks: Vec<Done>,
    pub frees: Vec<Done>,
    pub references: Vec<Done>,
    /// Arguments that are dereferenced untested.
    pub dereferences: Vec<Done>,
    pub returns: Vec<String>,
    /// Ways of returning that a caller can tell apart, where they differ.
    pub outcomes: Vec<Outcome>,
}

/// Callers that are listed.
pub const CALLERS_MAX: usize = 100;

/// Calls without a lock that others have that are listed.
pub const EXCEPTIONS_MAX: usize = 20;

/// How a function is entered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entered {
    /// Some way in is certain: it begins at an entry point, and each call on it can mean one function only.
    pub certain: bool,
    /// Nobody is seen to call it: task context with nothing held is assumed.
    pub assumed: bool,
    /// Sleeping is forbidden on entry: `always`, `sometimes`, `perhaps` (on ways that are not certain) or `never`.
    pub atomic: &'static str,
    pub levels: Vec<Holds>,
    /// What is disabled, and read-side sections.
    pub context: Vec<Holds>,
    pub locks: Vec<Holds>,
    /// More locks may be held than are told apart.
    pub truncated: bool,
}

/// Something that holds on entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Holds {
    /// A level, a part of the context, or a lock's class.
    pub what: String,
    /// The kind of a lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// On every way in.
    pub always: bool,
    /// On every certain way in.
    pub always_certain: bool,
    /// On some certain way in.
    pub sometimes_certain: bool,
    /// Of a lock: at how many of the calls of the function it is held, however they are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<(usize, usize)>,
    /// The other calls, the first [`EXCEPTIONS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_at: Vec<Step>,
    /// A way in on which it holds, outermost call first.
    pub example: Vec<Step>,
    /// A way in on which it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Step>,
}

/// How a function is entered from outside the code that calls it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Origin {
    pub how: String,
    pub file: String,
    pub line: u32,
}

/// A member through which a function is called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Through {
    /// `record.member`.
    pub pointer: String,
    /// Where the function is bound to it.
    pub bound: Vec<Origin>,
    /// Calls through it that are seen.
    pub calls: usize,
}

/// A call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Caller {
    pub function: String,
    pub file: String,
    pub line: u32,
    /// The call can mean no other function.
    pub certain: bool,
    /// What the caller has taken itself: locks on all paths to the call.
    pub holds: Vec<String>,
    /// The same on some paths only.
    pub sometimes: Vec<String>,
}

/// Something that a function does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Done {
    /// The place or the lock, in the function's own names; of a way to sleep what it ends in.
    pub what: String,
    /// On which arguments; empty: on all.
    pub condition: String,
    pub steps: Vec<Step>,
}

/// One way of returning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcome {
    pub returns: String,
    pub condition: String,
    /// Locks that are taken or given back, context that is left different, what is freed.
    pub leaves: Vec<String>,
}

/// What is known of all functions of a name, by place.
pub(crate) fn functions(world: &World<'_>, calls: &CallTable, name: Symbol) -> Vec<FunctionAnswer> {
    let all: Vec<FuncId> = (0..world.funcs.len() as u32).map(FuncId).filter(|f| world.func(*f).name == name).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let contexts = Contexts::new(world, calls);
    all.into_iter().map(|f| one(world, &contexts, f)).collect()
}

fn one(world: &World<'_>, contexts: &Contexts<'_>, f: FuncId) -> FunctionAnswer {
    let body = world.func(f);
    let callers: Vec<(FuncId, cuthere_flow::body::OpId, bool)> = contexts.callers(f).collect();
    let mut answer = FunctionAnswer {
        function: body.name.as_str().to_owned(),
        file: world.path(f).to_owned(),
        line: body.loc.line,
        is_static: body.is_static,
        read_whole: body.complete,
        truncated: world.summary(f).is_none_or(|s| s.truncated),
        entered: entered::entered(world, contexts, f),
        entry_points: entered::entry_points(world, f),
        through: entered::through(world, contexts, f),
        address_taken: entered::address_taken(world, contexts, f),
        callers: callers.iter().take(CALLERS_MAX).map(|&call| entered::caller(world, contexts, call)).collect(),
        callers_total: callers.len(),
        sleeps: Vec::new(),
        locks: Vec::new(),
        frees: Vec::new(),
        references: Vec::new(),
        dereferences: Vec::new(),
        returns: Vec::new(),
        outcomes: Vec::new(),
    };
    effects::add(world, f, &mut answer);
    answer
}
