//! What the bodies of one tree say about the functions that its headers declare: whether they sleep, may return NULL, dereference, take and give up references.
//!
//! The result becomes a model file, so that a driver's directory without the kernel around it can be judged. What hand-written entries say is
//! left out here. A name with several bodies (one per architecture, or a stub) is learned only as far as they agree.

use cuthere_base::{FileId, Symbol};
use cuthere_cfront::outline::{Item, ItemKind, ItemRef};
use cuthere_flow::domain::Wait;
use cuthere_flow::index::{Giver, Habits};
use cuthere_flow::program::World;
use cuthere_flow::summary::{EffectKind, FuncId, NullWhy, Outcome, RefDelta, RelRoot, Summary, Test};
use cuthere_kernel::RefOp;
use rustc_hash::{FxHashMap, FxHashSet};

/// How a function sleeps, as the words of model files say it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum LearnedSleep {
    No,
    Always,
    Sometimes,
    Gfp(u8),
}

/// What was learned of one function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Learned {
    pub name: String,
    pub sleeps: LearnedSleep,
    /// The result may be NULL, and most callers test it.
    pub may_be_null: bool,
    /// It is NULL for want of memory.
    pub allocates: bool,
    /// Arguments dereferenced on every path.
    pub derefs: Vec<u8>,
    /// A result that is an object comes with a reference to it.
    pub returns_ref: bool,
    /// Arguments to which a reference is taken, or given up (`true`), on every path.
    pub refs: Vec<(u8, bool)>,
}

impl Learned {
    fn says_something(&self) -> bool {
        self.sleeps != LearnedSleep::No || self.may_be_null || self.returns_ref || !self.derefs.is_empty() || !self.refs.is_empty()
    }
}

/// Functions that headers under `include/` define, or declare and modules may call, sorted by name; those of which nothing is to be said are left out.
pub(crate) fn learn(world: &World<'_>, habits: &Habits) -> Vec<Learned> {
    let (declared, exported) = (declared(world), exported(world));
    let mut bodies: FxHashMap<Symbol, Vec<FuncId>> = FxHashMap::default();
    for (n, d) in world.funcs.iter().enumerate() {
        let id = FuncId(n as u32);
        let in_header = world.path(id).starts_with("include/");
        let active = world.program.function_ref(n as u32).is_none_or(|r| world.program.item(r).active);
        if active && declared.contains(&d.name) && (in_header || !d.is_static && exported.contains(&d.name)) {
            bodies.entry(d.name).or_default().push(id);
        }
    }
    let mut all: Vec<Learned> = bodies
        .into_iter()
        .filter(|(name, _)| world.model.entry(*name).is_none_or(|e| e.learned))
        .filter_map(|(name, ids)| {
            ids.iter().map(|&id| one(world, habits, name, id)).reduce(|a, b| agreed(&a, &b)).filter(Learned::says_something)
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Names of the functions in headers under `include/`.
fn declared(world: &World<'_>) -> FxHashSet<Symbol> {
    let program = world.program;
    let mut names = FxHashSet::default();
    for f in 0..program.files.len() as u32 {
        let file = FileId(f);
        if !program.source.path(file).starts_with("include/") {
            continue;
        }
        for item in 0..program.outline(file).items.len() as u32 {
            let it = program.item(ItemRef { file, item });
            if matches!(it.kind, ItemKind::Prototype | ItemKind::Function) {
                names.insert(it.name);
            }
        }
    }
    names
}

/// Names given to `EXPORT_SYMBOL()` and its kin.
fn exported(world: &World<'_>) -> FxHashSet<Symbol> {
    let program = world.program;
    let mut names = FxHashSet::default();
    for f in 0..program.files.len() as u32 {
        let file = FileId(f);
        let items = &program.outline(file).items;
        if !items.iter().any(is_export) {
            continue;
        }
        let Ok(text) = program.text(file) else { continue };
        for item in items.iter().filter(|i| is_export(i)) {
            let written = text.bytes.get(item.lo as usize..item.hi as usize).unwrap_or_default();
            let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            let name = written.split(|b| *b == b'(').nth(1).unwrap_or_default().trim_ascii_start();
            let name = &name[..name.iter().take_while(|b| word(b)).count()];
            if let Some(name) = std::str::from_utf8(name).ok().and_then(Symbol::find) {
                names.insert(name);
            }
        }
    }
    names
}

fn is_export(item: &Item) -> bool {
    item.kind == ItemKind::MacroUse && item.name.as_str().starts_with("EXPORT_SYMBOL")
}

fn one(world: &World<'_>, habits: &Habits, name: Symbol, id: FuncId) -> Learned {
    let none = Summary::default();
    let s = world.summary(id).unwrap_or(&none);
    let d = world.func(id);
    let null = s.ret.null.as_ref().filter(|n| n.condition.iter().any(|g| g.is_empty()));
    let (tested, untested) = habits.get(Giver::Function(id));
    let tests = tested >= 3 && tested * 100 >= (tested + untested) * 60;
    let may_be_null = d.ret_ptr && null.is_some() && tests;
    let certain = |e: &cuthere_flow::summary::Effect| e.always && e.condition.iter().any(|g| g.is_empty()) && e.depth <= 2;
    let mut derefs: Vec<u8> = s.derefs().filter(|(_, param, e)| certain(e) && *param < 8).map(|(_, param, _)| param).collect();
    derefs.sort_unstable();
    let (returns_ref, refs) = references(s, name.as_str());
    Learned {
        name: name.as_str().to_owned(),
        sleeps: sleeps(world, s),
        may_be_null,
        allocates: may_be_null && null.is_some_and(|n| n.why == NullWhy::Allocation),
        derefs,
        returns_ref: d.ret_ptr && returns_ref,
        refs,
    }
}

/// What functions are named that take a reference, that give one up, and that find an object which comes with one. What is named otherwise (`register`, `alloc`, `destroy`) does more than
/// that, and its callers do not think of it as a reference of theirs.
const TAKES: &[&str] = &["get", "hold", "ref", "grab", "inc", "dup"];
const GIVES_UP: &[&str] = &["put", "unref", "drop", "deref", "release"];
const FINDS: &[&str] = &["get", "find", "lookup"];

/// Whether every object that is returned comes with a reference, and the arguments to which every way of returning takes or gives up exactly one.
fn references(s: &Summary, name: &str) -> (bool, Vec<(u8, bool)>) {
    let named = |words: &[&str]| name.split('_').any(|word| words.contains(&word));
    // Functions whose ways were not all followed promise nothing.
    if s.truncated || s.outcomes.is_empty() {
        return (false, Vec::new());
    }
    let taken = |o: &Outcome, root: RelRoot| -> i8 {
        let of = |d: &&RefDelta| {
            let known = s.effect(d.effect).map(|e| &e.kind);
            matches!(known, Some(EffectKind::Reference { place, op, counter }) if *op != RefOp::Init && place.root == root && place.object().is_empty() && counter.is_empty())
        };
        o.refs.iter().filter(of).map(|d| d.count).sum()
    };
    let object = |o: &&Outcome| !o.ret.is_zero() && o.ret.is_err() != Some(true);
    let mut objects = s.outcomes.iter().filter(object).peekable();
    let returns = named(FINDS) && objects.peek().is_some() && objects.all(|o| taken(o, RelRoot::Result) == 1);
    let all = |param: u8, count: i8| {
        let null = |o: &Outcome| {
            o.guard.iter().any(|(subject, test)| subject.is_arg() && subject.param == param && matches!(test, Test::In(i) if i.is_zero()))
        };
        let mut rest = s.outcomes.iter().filter(|o| !null(o)).peekable();
        rest.peek().is_some() && rest.all(|o| taken(o, RelRoot::Param(param)) == count)
    };
    let kinds = [(false, TAKES, 1), (true, GIVES_UP, -1)].into_iter().filter(|(_, words, _)| named(words));
    let refs = kinds.flat_map(|(put, _, n)| (0..4).filter(move |p| all(*p, n)).map(move |p| (p, put))).collect();
    (returns, refs)
}

fn sleeps(world: &World<'_>, summary: &Summary) -> LearnedSleep {
    let mut best = LearnedSleep::No;
    for (_, site) in summary.sleeps() {
        let certain = matches!(&site.kind, EffectKind::Sleep(s) if s.wait == Wait::Sleep && !s.defers && !s.unlikely && s.around.is_none());
        if site.indirect > 0 || !certain {
            continue;
        }
        for guard in &site.condition {
            let how = match guard.as_slice() {
                [] if site.modes == 0 => LearnedSleep::Always,
                [(subject, Test::AnyBit(mask))] if subject.is_arg() && *mask == world.gfp_reclaim => LearnedSleep::Gfp(subject.param),
                all if all.iter().all(|(subject, _)| !subject.is_arg()) => LearnedSleep::Sometimes,
                // What depends on other arguments is not for callers whose arguments are not seen.
                _ => LearnedSleep::No,
            };
            best = match (best, how) {
                (LearnedSleep::No, _) => how,
                (_, LearnedSleep::Always) => how,
                (LearnedSleep::Sometimes, LearnedSleep::Gfp(_)) => how,
                _ => best,
            };
        }
    }
    best
}

/// What two bodies of a name have in common.
fn agreed(a: &Learned, b: &Learned) -> Learned {
    Learned {
        name: a.name.clone(),
        sleeps: if a.sleeps == b.sleeps {
            a.sleeps
        } else if a.sleeps == LearnedSleep::No || b.sleeps == LearnedSleep::No {
            LearnedSleep::No
        } else {
            LearnedSleep::Sometimes
        },
        may_be_null: a.may_be_null && b.may_be_null,
        allocates: a.allocates && b.allocates,
        derefs: a.derefs.iter().copied().filter(|p| b.derefs.contains(p)).collect(),
        returns_ref: a.returns_ref && b.returns_ref,
        refs: a.refs.iter().copied().filter(|r| b.refs.contains(r)).collect(),
    }
}
