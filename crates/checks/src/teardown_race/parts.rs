//! What the judgements share: who arms, stops and frees what, and how sides are shown.

use cuthere_analysis::{Claim, Tree};
use cuthere_base::{Loc, Symbol};
use cuthere_flow::body::{Expr, ExprId, OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, Done, LifeUse, Lives, Spot};
use cuthere_flow::program::World;
use cuthere_flow::program::contexts::Contexts;
use cuthere_flow::program::link::BoundFunction;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::CallbackOp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A callback object: the record that the way to it starts at, and the member that it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    pub owner: Record,
    pub record: Record,
    pub member: Symbol,
}

impl Key {
    pub fn of(spot: Spot) -> Option<Key> {
        match spot {
            Spot::Member { owner, record, member, .. } if !owner.is_unknown() => Some(Key { owner, record, member }),
            _ => None,
        }
    }

    /// In the source's words.
    pub fn text(self) -> String {
        if self.owner == self.record { format!("{}.{}", self.owner, self.member) } else { format!("{}…{}", self.owner, self.member) }
    }

    fn order(self) -> (&'static str, &'static str, &'static str) {
        (self.owner.tag(), self.record.tag(), self.member.as_str())
    }
}

/// What is done to one callback object, anywhere.
#[derive(Default)]
pub struct Uses {
    pub all: Vec<(FuncId, LifeUse)>,
}

impl Uses {
    pub fn of(&self, deed: impl Fn(Deed) -> bool) -> impl Iterator<Item = &(FuncId, LifeUse)> {
        self.all.iter().filter(move |u| deed(u.1.deed))
    }

    pub fn arms(&self) -> impl Iterator<Item = &(FuncId, LifeUse)> {
        self.of(|d| d == Deed::Arm)
    }

    /// The callbacks bound to it.
    pub fn callbacks(&self) -> impl Iterator<Item = FuncId> + '_ {
        self.of(|d| d == Deed::Setup || d == Deed::Arm).filter_map(|u| u.1.function)
    }
}

pub struct Teardown<'t> {
    pub world: &'t World<'t>,
    pub lives: &'t Lives<'t>,
    pub contexts: &'t Contexts<'t>,
    /// Functions that do anything, in order.
    pub functions: Vec<FuncId>,
    /// Callback objects in an order that does not change from run to run.
    pub objects: Vec<(Key, Uses)>,
    /// Their positions.
    by_key: HashMap<Key, usize>,
    /// The functions that do anything, by folder.
    by_folder: HashMap<&'t str, Vec<FuncId>>,
    /// The functions that code of a folder binds to members of records with a tag.
    bound: HashMap<(&'t str, Symbol), Vec<FuncId>>,
    /// Folders in which work queues are flushed or destroyed, or all of them; true: the queue that all share.
    flushing: HashSet<(&'t str, bool)>,
    /// Records that the device core frees.
    managed: HashSet<Record>,
    /// Records with callback objects, and the folders in which these are armed.
    armed: HashSet<(Record, &'t str)>,
}

impl<'t> Teardown<'t> {
    pub fn new(tree: &Tree<'t>) -> Teardown<'t> {
        let lives = tree.lives();
        let functions = tree.lifetimes.functions();
        let mut objects: BTreeMap<(&str, &str, &str), (Key, Uses)> = BTreeMap::new();
        let mut add = |key: Key, func: FuncId, life: LifeUse| {
            objects.entry(key.order()).or_insert_with(|| (key, Uses::default())).1.all.push((func, life));
        };
        for &f in &functions {
            for life in tree.lifetimes.own(f) {
                if let Some(key) = Key::of(life.spot) {
                    add(key, f, *life);
                } else if let Spot::Param(_) = life.spot {
                    for (caller, op, _) in lives.callers(f) {
                        for d in lives.inside(caller).iter().filter(|d| d.at == op && d.by == (f, life.op)) {
                            if let Some(key) = Key::of(d.life.spot) {
                                add(key, caller, LifeUse { op, ..d.life });
                            }
                        }
                    }
                }
            }
        }
        let objects: Vec<(Key, Uses)> = objects.into_values().collect();
        let by_key = objects.iter().enumerate().map(|(n, (key, _))| (*key, n)).collect();
        let mut all = Teardown {
            world: tree.world,
            lives,
            contexts: tree.contexts(),
            functions,
            objects,
            by_key,
            by_folder: HashMap::new(),
            bound: HashMap::new(),
            flushing: HashSet::new(),
            managed: HashSet::new(),
            armed: HashSet::new(),
        };
        all.index();
        all
    }

    fn index(&mut self) {
        let world = self.world;
        for &f in &self.functions {
            let folder = world.folder(f);
            self.by_folder.entry(folder).or_default().push(f);
            for u in self.lives.lifetimes.own(f) {
                let queue = is_queue(u.kind) || u.deed == Deed::Flush && u.spot == Spot::Unknown && u.kind.as_str() == "work";
                if matches!(u.deed, Deed::Flush | Deed::CancelSync { .. }) && queue {
                    let shared = u.kind.as_str() == "work" || matches!(u.spot, Spot::Global(name) if is_shared(name));
                    self.flushing.insert((folder, shared));
                }
                if u.deed == (Deed::Allocate { managed: true }) {
                    self.managed.insert(u.object);
                }
            }
        }
        for b in &world.bound {
            self.bound.entry((world.folder(b.func), b.record.tag_symbol())).or_default().push(b.func);
        }
        for (key, uses) in &self.objects {
            self.armed.extend(uses.arms().map(|a| (key.owner, world.folder(a.0))));
        }
    }

    /// What is done to a callback object.
    pub fn uses(&self, key: Key) -> Option<&Uses> {
        self.by_key.get(&key).map(|n| &self.objects[*n].1)
    }

    /// The functions of a folder that do anything.
    pub fn near(&self, f: FuncId) -> &[FuncId] {
        self.by_folder.get(self.world.folder(f)).map_or(&[], Vec::as_slice)
    }

    /// The functions that code of a function's folder binds to members of records with this tag.
    pub fn bound(&self, f: FuncId, table: Symbol) -> &[FuncId] {
        self.bound.get(&(self.world.folder(f), table)).map_or(&[], Vec::as_slice)
    }

    /// Whether the work queue that a function arms something on may be waited for as a whole by code of its folder.
    pub fn flushes(&self, f: FuncId, arm: OpId) -> bool {
        self.flushing.contains(&(self.world.folder(f), self.on_shared_queue(f, arm)))
    }

    /// Whether what is armed goes on the queue that all share: no other is named.
    fn on_shared_queue(&self, f: FuncId, arm: OpId) -> bool {
        let body = self.world.func(f);
        let Some(OpKind::Call { target: Target::Name(name), args, .. }) = body.op(arm).map(|o| o.kind) else { return false };
        let arms = self.world.model.entry(name).and_then(|e| e.callbacks.iter().find(|c| c.op == CallbackOp::Arm));
        let shared =
            |&a: &ExprId| matches!(body.expr(a), Expr::Load(place, _) if matches!(body.expr(place), Expr::Global(name) if is_shared(name)));
        arms.is_some_and(|c| c.object == Some(0)) || body.call_args(args).iter().any(shared)
    }

    /// Whether the device core frees objects of this record.
    pub fn is_managed(&self, record: Record) -> bool {
        self.managed.contains(&record)
    }

    /// Whether a callback object in a record is armed by code of a function's folder.
    pub fn arms_near(&self, record: Record, f: FuncId) -> bool {
        self.armed.contains(&(record, self.world.folder(f)))
    }

    /// The members that a function is bound to.
    pub fn bindings(&self, f: FuncId) -> impl Iterator<Item = &BoundFunction> {
        let start = self.world.bound.partition_point(|b| b.func < f);
        self.world.bound[start..].iter().take_while(move |b| b.func == f)
    }

    pub fn name(&self, f: FuncId) -> &'static str {
        self.world.func(f).name.as_str()
    }

    pub fn loc(&self, f: FuncId, op: OpId) -> Loc {
        self.world.func(f).op(op).map_or(self.world.func(f).loc, |o| o.loc)
    }

    /// The function that an operation calls, as written.
    pub fn called(&self, f: FuncId, op: OpId) -> Symbol {
        match self.world.func(f).op(op).map(|o| o.kind) {
            Some(OpKind::Call { target: Target::Name(name), .. }) => name,
            Some(OpKind::Call { target: Target::Pointer(e), .. }) => self.world.func(f).ops_field(e).map_or(Symbol::EMPTY, |m| m.1),
            _ => Symbol::EMPTY,
        }
    }

    /// Whether a function takes a reference to a record, to something in it, or to what it lies in.
    pub fn takes_reference(&self, f: FuncId, record: Record) -> bool {
        let around = |whole: Record| !whole.is_unknown() && self.lives.parts(whole).contains(&record);
        self.lives.inside(f).iter().any(|d| d.life.deed == Deed::Get && (self.concerns(&d.life, record) || around(d.life.object)))
    }

    /// Whether a deed is done to a record.
    pub fn concerns(&self, life: &LifeUse, record: Record) -> bool {
        life.object == record || matches!(life.spot, Spot::Member { owner, .. } if owner == record) || life.spot == Spot::Object(record)
    }

    /// Begins the side of a callback: who arms the object of this name, and the function that runs, if it is known.
    pub fn show_armed(&self, claim: Claim, (armer, arm): (FuncId, &LifeUse), runs: Option<FuncId>, name: &str) -> Claim {
        let claim = claim.thread(runs.map_or_else(|| format!("CPU 1: {} callback", arm.kind), |g| self.thread(1, g))).step(
            armer,
            self.loc(armer, arm.op),
            format!("{}() arms `{name}`", self.name(armer)),
        );
        match runs {
            Some(g) => claim.step(g, self.world.func(g).loc, format!("{}() runs", self.name(g))),
            None => claim,
        }
    }

    /// Adds the call that leads to a deed, and the deed.
    pub fn show(&self, claim: Claim, f: FuncId, done: &Done, text: &str) -> Claim {
        let loc = self.loc(f, done.at);
        if done.by.0 == f {
            return claim.step(f, loc, text);
        }
        let claim = claim.step(f, loc, format!("calls {}()", self.called(f, done.at)));
        claim.step(done.by.0, self.loc(done.by.0, done.by.1), text)
    }

    /// How a function is entered, for the head of a thread.
    pub fn thread(&self, cpu: u32, f: FuncId) -> String {
        let how = self.world.entry_points.get(&f).and_then(|e| e.first()).map(|e| format!(" ({})", e.how));
        format!("CPU {cpu}: {}(){}", self.name(f), how.unwrap_or_default())
    }
}

/// Whether a work queue is one of the kernel's own (`system_wq`).
fn is_shared(queue: Symbol) -> bool {
    queue.as_str().starts_with("system_")
}

/// Whether a kind is that of what runs works one after the other.
pub fn is_queue(kind: Symbol) -> bool {
    matches!(kind.as_str(), "workqueue" | "kthread-worker")
}
