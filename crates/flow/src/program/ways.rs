//! The ways by which functions are entered from other functions: calls by name, through operations tables, and through parameters that were
//! given a function.
//!
//! Calls through a member go by a hub, one for each member that functions are bound to: so a call through a table of a thousand implementations is
//! one edge to the hub and a thousand from it, and nothing is quadratic. Where links know the few targets of such a call, these are meant; where
//! the model says in which context a member is called, its word stands for all calls through it. A function that is passed to another, which calls
//! it then and there, is entered from where it was passed, with what the other one adds. A function whose address goes where nothing
//! follows it has a way in that is not known.
//!
//! A way is certain if it is the only function that the call can mean.

use crate::body::{Body, Expr, OpId, OpKind, Record, Target};
use crate::index::CallState;
use crate::program::contexts::CallTable;
use crate::program::link::{FileNames, files};
use crate::program::{Callees, World};
use crate::summary::FuncId;
use cuthere_base::{Loc, Symbol};
use cuthere_kernel::{Context, Level};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

/// A member of a record, where calls through it meet the functions that are bound to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hub(pub Record, pub Symbol);

/// A function, or, above the number of functions, a hub.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Node(pub u32);

impl Node {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A step from a node to the next; from a function by an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub op: OpId,
    pub node: Node,
    /// What the called function adds before it calls what it was passed; a number of [`Ways::inner`], or [`NO_INNER`].
    pub inner: u32,
    pub certain: bool,
}

/// The edge is the call itself.
pub(super) const NO_INNER: u32 = u32::MAX;

/// No operation: the edge leaves a hub.
pub(super) const NO_OP: OpId = OpId(u32::MAX);

/// A place at which a function's address goes where no call is seen.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub func: FuncId,
    /// The function it is passed to; empty: it is stored.
    pub by: Symbol,
    pub at: (FuncId, Loc),
}

/// All ways, forwards and backwards.
pub(super) struct Ways {
    pub funcs: usize,
    pub hubs: Vec<Hub>,
    forward: Table,
    backward: Table,
    pub inner: Vec<CallState>,
    /// Sorted by function.
    pub taken: Vec<Taken>,
}

/// Edges by node.
struct Table {
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

impl Table {
    /// The edges of `(from, edge)`, in order within each node.
    fn new(nodes: usize, list: &[(Node, Edge)]) -> Table {
        let mut starts = vec![0u32; nodes + 1];
        for (from, _) in list {
            starts[from.index() + 1] += 1;
        }
        for n in 0..nodes {
            starts[n + 1] += starts[n];
        }
        let mut at = starts.clone();
        let mut edges = vec![Edge { op: NO_OP, node: Node(0), inner: NO_INNER, certain: false }; list.len()];
        for (from, edge) in list {
            edges[at[from.index()] as usize] = *edge;
            at[from.index()] += 1;
        }
        Table { starts, edges }
    }

    fn of(&self, node: Node) -> &[Edge] {
        &self.edges[self.starts[node.index()] as usize..self.starts[node.index() + 1] as usize]
    }
}

/// What one file's functions say.
#[derive(Default)]
struct Found {
    calls: Vec<(FuncId, OpId, Hub)>,
    /// Calls of a function by what it was passed to, at once.
    now: Vec<(FuncId, OpId, FuncId)>,
    passed: Vec<Passed>,
    taken: Vec<Taken>,
}

/// A function is passed to another for a parameter.
#[derive(Clone, Copy)]
struct Passed {
    from: FuncId,
    op: OpId,
    to: (FuncId, u8),
    func: FuncId,
}

impl Ways {
    pub fn new(world: &World<'_>, calls: &CallTable) -> Ways {
        let found: Vec<Found> = files(&world.funcs).par_iter().map(|&(start, end)| in_file(world, start..end)).collect();
        let mut out = Ways {
            funcs: world.funcs.len(),
            hubs: Vec::new(),
            forward: Table { starts: Vec::new(), edges: Vec::new() },
            backward: Table { starts: Vec::new(), edges: Vec::new() },
            inner: Vec::new(),
            taken: Vec::new(),
        };
        let mut numbers: FxHashMap<Hub, Node> = FxHashMap::default();
        let funcs = out.funcs;
        let mut list: Vec<(Node, Edge)> = Vec::new();
        let mut hub = |hub: Hub, hubs: &mut Vec<Hub>| {
            *numbers.entry(hub).or_insert_with(|| {
                hubs.push(hub);
                Node((funcs + hubs.len() - 1) as u32)
            })
        };
        let certainly = |op: OpId, node: Node| Edge { op, node, inner: NO_INNER, certain: true };
        let perhaps = |op: OpId, node: Node| Edge { op, node, inner: NO_INNER, certain: false };
        let function = |f: FuncId| Node(f.0);
        for (n, callees) in world.callees.iter().enumerate() {
            let body = &world.funcs[n];
            for (op, targets) in callees.iter() {
                let pointer = body.op(*op).and_then(|o| match o.kind {
                    OpKind::Call { target: Target::Pointer(e), .. } => Some(e),
                    _ => None,
                });
                // What a parameter holds is entered from where it was passed.
                if pointer.is_some_and(|e| match body.ops_field(e) {
                    Some((record, field)) => described(world, Hub(record, field)),
                    None => parameter(body, e).is_some(),
                }) {
                    continue;
                }
                match targets {
                    Callees::One(f) => list.push((Node(n as u32), certainly(*op, function(*f)))),
                    Callees::Many(all) => list.extend(all.iter().map(|f| (Node(n as u32), perhaps(*op, function(*f))))),
                }
            }
        }
        for (from, op, f) in found.iter().flat_map(|file| &file.now) {
            list.push((function(*from), certainly(*op, function(*f))));
        }
        let mut params = Params { world, calls, known: FxHashMap::default() };
        for p in found.iter().flat_map(|file| &file.passed) {
            let uses = params.uses(p.to, 0);
            if let Some(state) = uses.called {
                out.inner.push(state);
                let edge = Edge { inner: out.inner.len() as u32 - 1, ..certainly(p.op, function(p.func)) };
                list.push((function(p.from), edge));
            } else if uses.stored.is_empty() {
                let loc = world.func(p.from).op(p.op).map_or(Loc::default(), |o| o.loc);
                out.taken.push(Taken { func: p.func, by: world.func(p.to.0).name, at: (p.from, loc) });
            }
            for member in uses.stored {
                if !described(world, member) {
                    list.push((hub(member, &mut out.hubs), perhaps(NO_OP, function(p.func))));
                }
            }
        }
        for b in &world.bound {
            let member = Hub(b.record, b.field);
            if !described(world, member) {
                list.push((hub(member, &mut out.hubs), perhaps(NO_OP, function(b.func))));
            }
        }
        for (from, op, member) in found.iter().flat_map(|file| &file.calls) {
            if !described(world, *member) {
                list.push((function(*from), perhaps(*op, hub(*member, &mut out.hubs))));
            }
        }
        list.sort_by_key(|(from, e)| (*from, e.op, e.node, e.inner));
        list.dedup_by_key(|(from, e)| (*from, e.op, e.node, e.inner));
        let nodes = out.nodes();
        let back: Vec<(Node, Edge)> = list.iter().map(|(from, e)| (e.node, Edge { node: *from, ..*e })).collect();
        (out.forward, out.backward) = rayon::join(|| Table::new(nodes, &list), || Table::new(nodes, &back));
        out.taken.extend(found.into_iter().flat_map(|file| file.taken));
        out.taken.sort_by_key(|t| (t.func, t.at));
        out
    }

    pub fn nodes(&self) -> usize {
        self.funcs + self.hubs.len()
    }

    pub fn leaving(&self, node: Node) -> &[Edge] {
        self.forward.of(node)
    }

    pub fn entering(&self, node: Node) -> &[Edge] {
        self.backward.of(node)
    }

    /// The function or hub that a node is.
    pub fn function(&self, node: Node) -> Result<FuncId, Hub> {
        match node.index().checked_sub(self.funcs) {
            None => Ok(FuncId(node.0)),
            Some(n) => Err(self.hubs[n]),
        }
    }
}

/// Whether the model says in which context a member of an operations table is called.
pub(super) fn described(world: &World<'_>, Hub(record, field): Hub) -> bool {
    let says = |c: &Context| !c.sometimes && c.level != Level::Inherit && *c != Context::default();
    world.model.ops_field(record.tag_symbol(), field).is_some_and(|known| says(&known.context))
}

/// What the functions of one file say of pointers to functions.
fn in_file(world: &World<'_>, range: std::ops::Range<usize>) -> Found {
    let mut out = Found::default();
    let mut names = FileNames::new(world.program, world.funcs[range.start].file, None);
    for n in range {
        let (func, body) = (FuncId(n as u32), &world.funcs[n]);
        for (op, o) in body.all_ops() {
            match o.kind {
                OpKind::Call { target, args, .. } => {
                    let callees = world.callees(func, op);
                    if let Target::Pointer(e) = target
                        && callees.is_none()
                        && let Some((record, field)) = body.ops_field(e)
                    {
                        out.calls.push((func, op, Hub(record, field)));
                    }
                    for (i, &arg) in body.call_args(args).iter().enumerate() {
                        let Expr::Function(name) = body.expr(arg) else { continue };
                        let Some(f) = names.get(name) else { continue };
                        let by = match target {
                            Target::Name(name) => name,
                            Target::Pointer(_) => Symbol::EMPTY,
                        };
                        // The model's word makes it an entry point, or it is called here and now.
                        let callback = world.model.entry(by).and_then(|e| e.callbacks.iter().find(|c| c.function == Some(i as u8)));
                        match (callback, callees) {
                            (Some(c), _) if c.context.level == Level::Inherit => out.now.push((func, op, f)),
                            (Some(_), _) => {}
                            (None, Some(Callees::One(g))) if i < 255 => {
                                out.passed.push(Passed { from: func, op, to: (*g, i as u8), func: f });
                            }
                            _ => out.taken.push(Taken { func: f, by, at: (func, o.loc) }),
                        }
                    }
                }
                OpKind::Store { place, value } => {
                    if let Expr::Function(name) = body.expr(value)
                        && !matches!(body.expr(place), Expr::Field { .. })
                        && let Some(f) = names.get(name)
                    {
                        out.taken.push(Taken { func: f, by: Symbol::EMPTY, at: (func, o.loc) });
                    }
                }
                _ => {}
            }
        }
    }
    out
}

/// The parameter that a called pointer is.
fn parameter(body: &Body, e: crate::body::ExprId) -> Option<u8> {
    let l = match body.expr(e) {
        Expr::Deref(value) => body.loaded_local(value),
        _ => body.loaded_local(e),
    }?;
    (l.number() < body.params.min(255)).then_some(l.number() as u8)
}

/// What a function does with a function that it gets for a parameter.
#[derive(Clone, Default)]
struct Uses {
    /// It calls it, itself or through others that it hands it to: with this, whatever it was entered with.
    called: Option<CallState>,
    /// It stores it in these members.
    stored: Vec<Hub>,
}

/// Uses of parameters, as they are asked for.
struct Params<'w> {
    world: &'w World<'w>,
    calls: &'w CallTable,
    known: FxHashMap<(FuncId, u8), Uses>,
}

/// How often a function that was passed is followed when it is handed on.
const HANDED_ON_MAX: u32 = 6;

impl Params<'_> {
    fn uses(&mut self, (func, param): (FuncId, u8), depth: u32) -> Uses {
        if let Some(known) = self.known.get(&(func, param)) {
            return known.clone();
        }
        // A circle adds nothing.
        self.known.insert((func, param), Uses::default());
        let world = self.world;
        let body = world.func(func);
        let states = self.calls.get(&func);
        let at = |op: OpId| states.and_then(|s| s.at(op)).cloned().unwrap_or_else(|| CallState::nothing(op));
        let is_it = |e| body.loaded_local(e).is_some_and(|l| l.number() == u32::from(param));
        let mut out = Uses::default();
        let add = |out: &mut Uses, state: CallState| {
            out.called = Some(match out.called.take() {
                Some(known) => known.or(&state),
                None => state,
            });
        };
        for (op, o) in body.all_ops() {
            if states.is_some_and(|s| !s.reached(op)) {
                continue;
            }
            match o.kind {
                OpKind::Call { target, args, .. } => {
                    if let Target::Pointer(e) = target
                        && parameter(body, e) == Some(param)
                    {
                        add(&mut out, at(op));
                    }
                    let Some(Callees::One(g)) = world.callees(func, op) else { continue };
                    if depth >= HANDED_ON_MAX {
                        continue;
                    }
                    for (i, _) in body.call_args(args).iter().enumerate().filter(|(i, arg)| *i < 255 && is_it(**arg)) {
                        let inner = self.uses((*g, i as u8), depth + 1);
                        if let Some(state) = inner.called {
                            add(&mut out, at(op).then(&state));
                        }
                        out.stored.extend(inner.stored);
                    }
                }
                OpKind::Store { place, value } if is_it(value) => {
                    if let Expr::Field { record, name, .. } = body.expr(place) {
                        out.stored.push(Hub(record, name));
                    }
                }
                _ => {}
            }
        }
        self.known.insert((func, param), out.clone());
        out
    }
}
