//! Resolves calls, operations tables and callbacks over the whole program.
//!
//! A call through a pointer is resolved by the member it was loaded from: (record, member) as bound by initialisers and assignments anywhere in
//! the tree. Beyond [`TARGETS_MAX`] implementations those of the caller's own folder are meant, else none: unknown, never all.

use crate::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target};
use crate::domain::Preemption;
use crate::program::callback::{self, Modes, ObjectKey};
use crate::program::parameters::Parameters;
use crate::program::rearmed::{Armed, Armings};
use crate::program::{Callees, EntryPoint, Release, counts, owners, releases};
use crate::summary::FuncId;
use cuthere_base::{FileId, Loc, Symbol, folder};
use cuthere_cfront::include_graph::arch_of;
use cuthere_cfront::program::Program;
use cuthere_ir::BinOp;
use cuthere_kernel::{ArgumentTest, CallbackEffect, CallbackOp, Context, Level, Model, RefOp, Setting, When};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// More possible targets than this are narrowed to the caller's folder.
pub const TARGETS_MAX: usize = 16;

/// A function's address stored in a member of some object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Binding {
    pub record: Record,
    pub field: Symbol,
    pub function: Symbol,
    /// Known from the context.
    #[serde(skip)]
    pub file: FileId,
    pub loc: Loc,
}

/// A function that a member of some object holds, and where it was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoundFunction {
    pub func: FuncId,
    pub record: Record,
    pub field: Symbol,
    pub at: (FileId, Loc),
}

/// The result of linking.
pub struct Links {
    /// Sorted by function, then by place.
    pub bound: Vec<BoundFunction>,
    pub callees: Vec<Box<[(OpId, Callees)]>>,
    pub entry_points: FxHashMap<FuncId, Vec<EntryPoint>>,
    pub releases: FxHashMap<FuncId, Box<[Release]>>,
    pub owners: FxHashMap<FuncId, Box<[(Record, Symbol)]>>,
    pub counts: FxHashMap<FuncId, Box<[(Record, Symbol)]>>,
    pub excused: Excused,
    pub keepers: Keepers,
    pub narrowed: Narrowed,
}

/// The functions of each file that raise a count of uses and leave lowering it to others (`pm_runtime_get_sync()` when a transfer starts).
pub type Keepers = FxHashMap<(FileId, Symbol), Vec<FuncId>>;

/// Per function, its calls through members that may hold other functions than those that are followed: there are more, of which those of its own folder are taken, or the
/// member's record has no name.
pub type Narrowed = FxHashMap<FuncId, Box<[OpId]>>;

/// The calls in each file that allow others in every context (`pm_runtime_irq_safe()`).
pub type Excused = FxHashSet<(FileId, Symbol)>;

/// Functions of which nothing but a summary is at hand, by name, with their files.
pub type Outside = FxHashMap<Symbol, Vec<(FuncId, FileId)>>;

/// The function outside that a call in a file means: of this part of the tree, the nearest.
fn outside(program: &Program<'_>, from: FileId, all: &[(FuncId, FileId)]) -> Option<FuncId> {
    let path = program.source.path(from);
    let arch = arch_of(path).unwrap_or(&program.config.arch);
    let near = |file: FileId| program.source.path(file).split('/').zip(path.split('/')).take_while(|(a, b)| a == b).count();
    all.iter()
        .filter(|(_, file)| program.domain(*file) == program.domain(from) && arch_of(program.source.path(*file)).is_none_or(|a| a == arch))
        .min_by_key(|(f, file)| (std::cmp::Reverse(near(*file)), *f))
        .map(|(f, _)| *f)
}

/// Resolves names for one file, remembering what it found.
pub(super) struct FileNames<'p, 'a> {
    program: &'p Program<'a>,
    file: FileId,
    outside: Option<&'p Outside>,
    known: FxHashMap<Symbol, Option<FuncId>>,
}

impl<'p, 'a> FileNames<'p, 'a> {
    pub fn new(program: &'p Program<'a>, file: FileId, outside: Option<&'p Outside>) -> FileNames<'p, 'a> {
        FileNames { program, file, outside, known: FxHashMap::default() }
    }

    pub fn get(&mut self, name: Symbol) -> Option<FuncId> {
        let (program, file, all) = (self.program, self.file, self.outside);
        let elsewhere = || all?.get(&name).and_then(|all| outside(program, file, all));
        *self
            .known
            .entry(name)
            .or_insert_with(|| program.resolve_call(file, name).and_then(|r| program.function_number(r)).map(FuncId).or_else(elsewhere))
    }
}

/// Links all bodies. `bindings` come from initialisers; those made by assignments are found here. `outside` is asked where the program has no
/// definition.
pub fn link(
    program: &Program<'_>,
    model: &Model,
    preemption: Preemption,
    funcs: &[Body],
    bindings: &[Binding],
    outside: Option<&Outside>,
) -> Links {
    let by_file = files(funcs);
    /// A function bound to a member, how it is then entered, and the object that it was stored in, if that is known.
    type Bound = ((Record, Symbol), FuncId, EntryPoint, Option<ObjectKey>);
    // Pass 1: names, assignments of functions to members, callbacks registered.
    struct Pass1 {
        direct: Vec<(u32, Vec<(OpId, FuncId)>)>,
        bound: Vec<Bound>,
        modes: Vec<(ObjectKey, CallbackOp, Context)>,
        /// The chains that notifiers are put onto.
        chains: Vec<(FileId, Context)>,
        stored: Vec<BoundFunction>,
        excused: Vec<(FileId, Symbol)>,
        keepers: Vec<((FileId, Symbol), FuncId)>,
        /// What the file sets of objects that it registers.
        set: Vec<(FileId, Setting)>,
        armings: Armings,
    }
    let mut settings: FxHashMap<(Symbol, Symbol), Vec<Setting>> = FxHashMap::default();
    for setting in model.ops_fields().flat_map(|field| field.unless.iter().chain(&field.unless_near)) {
        settings.entry((setting.record, setting.member)).or_default().push(*setting);
    }
    let excuses: FxHashSet<Symbol> = model.entries().filter_map(|entry| entry.excused_by).collect();
    let first: Vec<Pass1> = by_file
        .par_iter()
        .map(|&(start, end)| {
            let mut names = FileNames::new(program, funcs[start].file, outside);
            let mut out = Pass1 {
                direct: Vec::new(),
                bound: Vec::new(),
                modes: Vec::new(),
                chains: Vec::new(),
                stored: Vec::new(),
                excused: Vec::new(),
                keepers: Vec::new(),
                set: Vec::new(),
                armings: Armings::default(),
            };
            for (offset, d) in funcs[start..end].iter().enumerate() {
                let id = (start + offset) as u32;
                out.armings.next_function();
                let mut direct = Vec::new();
                let mut counts: Vec<(Symbol, RefOp)> = Vec::new();
                for (i, op) in d.all_ops() {
                    match op.kind {
                        OpKind::Call { target: Target::Name(name), args, .. } => {
                            if let Some(f) = names.get(name) {
                                direct.push((i, f));
                            }
                            if let Some(all) = settings.get(&(Symbol::EMPTY, name)) {
                                let handed = |s: &Setting| d.call_args(args).get(s.argument as usize).copied();
                                let sets = |s: &&Setting| handed(s).is_some_and(|value| sets(program, d, value, s));
                                out.set.extend(all.iter().filter(sets).map(|s| (d.file, *s)));
                            }
                            if excuses.contains(&name) {
                                out.excused.push((d.file, name));
                            }
                            if let Some(entry) = model.entry(name) {
                                counts.extend(entry.refs.iter().filter(|r| !r.counter.is_empty()).map(|r| (r.counter, r.op)));
                                for callback in &entry.callbacks {
                                    if callback.op == CallbackOp::Arm && callback.kind.as_str() == "notifier" {
                                        out.chains.push((d.file, preemption.entered(&callback.context)));
                                    }
                                    let object = callback.object.and_then(|i| d.call_args(args).get(i as usize));
                                    let object = object.and_then(|&e| callback::object_at(d, e));
                                    if callback.op == CallbackOp::Arm && callback.function.is_none() {
                                        out.armings.arm(d, i, object, callback.kind);
                                    }
                                    if callback.function.is_none() && callback.when.is_none() {
                                        // Armed in the ordinary way, where others name where it is to run.
                                        let named = |c: &&CallbackEffect| matches!(c.when, Some(When { test: ArgumentTest::Named(_), .. }));
                                        let mut others = entry.callbacks.iter().filter(named).peekable();
                                        if others.peek().is_some()
                                            && others.all(|c| callback::context(d, args, c, preemption).is_none())
                                            && let Some(object) = object
                                        {
                                            out.modes.push((object, callback.op, preemption.entered(&callback.context)));
                                        }
                                        continue;
                                    }
                                    let Some(context) = callback::context(d, args, callback, preemption) else { continue };
                                    let Some(function) = callback.function else {
                                        if let Some(object) = object {
                                            out.modes.push((object, callback.op, context));
                                        }
                                        continue;
                                    };
                                    let Some(&e) = d.call_args(args).get(function as usize) else { continue };
                                    let Expr::Function(f) = d.expr(e) else { continue };
                                    let Some(f) = names.get(f) else { continue };
                                    let how = match callback.op {
                                        CallbackOp::CallNow => format!("called by {name}()"),
                                        _ => format!("{} callback", callback.kind),
                                    };
                                    let entry_point =
                                        EntryPoint { context, contract: false, when: Vec::new(), how, bound: Some((d.file, op.loc.line)) };
                                    // What it is armed with may say more than what it is set up with.
                                    let object = object.filter(|_| callback.when.is_none());
                                    if let Some(object) =
                                        object.filter(|_| callback.op == CallbackOp::Setup && entry_point.context.atomic())
                                    {
                                        out.armings.set_up(i, object, callback.kind, f);
                                    }
                                    out.bound.push(((Record::UNKNOWN, Symbol::EMPTY), f, entry_point, object));
                                }
                            }
                        }
                        OpKind::Store { place, value } => {
                            if let Expr::Field { record, name, .. } = d.expr(place)
                                && let Some(all) = settings.get(&(record.tag_symbol(), name))
                            {
                                let sets = |s: &&Setting| sets(program, d, value, s);
                                out.set.extend(all.iter().filter(sets).map(|s| (d.file, *s)));
                            }
                            if let (Expr::Field { record, name, base }, Expr::Function(f)) = (d.expr(place), d.expr(value))
                                && let Some(f) = names.get(f)
                            {
                                let (key, f, entry_point) = bound(model, preemption, record, name, f, d.file, op.loc);
                                out.stored.push(BoundFunction { func: f, record, field: name, at: (d.file, op.loc) });
                                out.bound.push((key, f, entry_point, callback::object(d, base)));
                            }
                        }
                        _ => {}
                    }
                }
                for (counter, _) in counts.iter().filter(|c| c.1 == RefOp::Get) {
                    if !counts.contains(&(*counter, RefOp::Put)) {
                        out.keepers.push(((d.file, *counter), FuncId(id)));
                    }
                }
                out.direct.push((id, direct));
            }
            out
        })
        .collect();

    let mut tables: FxHashMap<(Record, Symbol), Vec<FuncId>> = FxHashMap::default();
    let mut entry_points: FxHashMap<FuncId, Vec<EntryPoint>> = FxHashMap::default();
    let mut add = |key: (Record, Symbol), f: FuncId, entry_point: EntryPoint| {
        if !key.1.is_empty() {
            tables.entry(key).or_default().push(f);
        }
        if entry_point.context != Context::default() || entry_point.bound.is_some() {
            let list = entry_points.entry(f).or_default();
            if list.len() < 4 && !list.contains(&entry_point) {
                list.push(entry_point);
            }
        }
    };
    let mut stored: Vec<BoundFunction> = first.iter().flat_map(|pass| pass.stored.iter().copied()).collect();
    let mut names: Option<FileNames<'_, '_>> = None;
    let set: FxHashSet<(FileId, Setting)> = first.iter().flat_map(|pass| pass.set.iter().copied()).collect();
    let near: FxHashSet<(&str, Setting)> = set.iter().map(|&(file, s)| (neighbourhood(program.source.path(file)), s)).collect();
    // Who registers an object so that its operations may sleep says so of all of them.
    let relax = |record: Record, field: Symbol, file: FileId, entry_point: &mut EntryPoint| {
        let Some(known) = model.ops_field(record.tag_symbol(), field) else { return };
        let around = neighbourhood(program.source.path(file));
        if known.unless.iter().any(|setting| set.contains(&(file, *setting)))
            || known.unless_near.iter().any(|setting| near.contains(&(around, *setting)))
        {
            (entry_point.context, entry_point.contract) = (Context::default(), false);
        }
    };
    let chains = one_chain(first.iter().flat_map(|pass| &pass.chains));
    for b in bindings {
        if names.as_ref().is_none_or(|n| n.file != b.file) {
            names = Some(FileNames::new(program, b.file, outside));
        }
        if let Some(f) = names.as_mut().and_then(|n| n.get(b.function)) {
            let (key, f, mut entry_point) = bound(model, preemption, b.record, b.field, f, b.file, b.loc);
            // Which block is put onto which chain is not known; all of a file mostly go onto one.
            if b.record.tag_symbol().as_str() == "notifier_block"
                && let Some(Some(context)) = chains.get(&b.file)
            {
                entry_point.context = context.clone();
            }
            relax(b.record, b.field, b.file, &mut entry_point);
            add(key, f, entry_point);
            stored.push(BoundFunction { func: f, record: b.record, field: b.field, at: (b.file, b.loc) });
        }
    }
    let excused = first.iter().flat_map(|pass| pass.excused.iter().copied()).collect();
    stored.retain(|b| !b.field.is_empty());
    stored.sort_by_key(|b| (b.func, b.at));
    let mut modes = Modes::default();
    for (object, op, context) in first.iter().flat_map(|pass| &pass.modes) {
        modes.add(*object, *op, context);
    }
    let armed = Armed::new(first.iter().map(|pass| &pass.armings));
    for (key, f, entry_point, object) in first.iter().flat_map(|pass| &pass.bound) {
        if object.is_some_and(|object| armed.never(object, *f)) {
            continue;
        }
        let mut entry_point = entry_point.clone();
        if let Some((file, _)) = entry_point.bound {
            relax(key.0, key.1, file, &mut entry_point);
        }
        // What the object was set up with says more than what holds of all objects of its kind.
        let set_up = object.map_or(&[][..], |object| modes.of(object));
        // What is queued in either way runs as its owner asks for each time.
        let either = set_up.len() > 1 && entry_point.how.ends_with("work callback");
        let set_up = if either { &[][..] } else { set_up };
        for context in set_up.iter().filter(|_| entry_point.bound.is_some()) {
            let context = Context { sometimes: context.sometimes || set_up.len() > 1, ..context.clone() };
            add(*key, *f, EntryPoint { context, ..entry_point.clone() });
        }
        if set_up.is_empty() || entry_point.bound.is_none() {
            add(*key, *f, entry_point.clone());
        }
    }
    for list in tables.values_mut() {
        list.sort_unstable();
        list.dedup();
    }

    let mut keepers = Keepers::default();
    for (key, f) in first.iter().flat_map(|pass| &pass.keepers) {
        let list = keepers.entry(*key).or_default();
        if list.last() != Some(f) {
            list.push(*f);
        }
    }

    // Pass 2: calls through pointers.
    let direct: Vec<(u32, Vec<(OpId, FuncId)>)> = first.into_iter().flat_map(|pass| pass.direct).collect();
    let resolve = |from: FuncId, name: Symbol| {
        program.resolve_call(funcs[from.index()].file, name).and_then(|r| program.function_number(r)).map(FuncId)
    };
    let parameters = Parameters::find(funcs, &direct, resolve);
    let releases = releases::find(model, funcs, &stored, resolve);
    let (callees, narrowed): (Vec<_>, Vec<_>) = direct
        .par_iter()
        .map(|(id, direct)| {
            let mut narrowed = Vec::new();
            let d = &funcs[*id as usize];
            let mut all: Vec<(OpId, Callees)> = direct.iter().map(|(op, f)| (*op, Callees::One(*f))).collect();
            for (i, op) in d.all_ops() {
                if let OpKind::Call { target: Target::Pointer(e), .. } = op.kind
                    && let Some(key) = d.ops_field(e)
                    && let Some(list) = tables.get(&key)
                    && let Some((targets, some)) = narrow(program, d.file, list, funcs)
                {
                    // Members of records without a name may be those of any.
                    narrowed.extend((some || key.0.is_unknown()).then_some(i));
                    all.push((i, targets));
                }
                if let OpKind::Call { target: Target::Pointer(e), .. } = op.kind
                    && let Some(targets) = d.loaded_local(e).and_then(|l| parameters.targets(FuncId(*id), l))
                {
                    all.push((i, Callees::Many(targets.into())));
                }
            }
            all.sort_unstable_by_key(|c| c.0);
            (all.into_boxed_slice(), narrowed.into_boxed_slice())
        })
        .unzip();
    let in_order = narrowed.into_iter().enumerate().filter(|(_, ops)| !ops.is_empty());
    let narrowed = in_order.map(|(n, ops)| (FuncId(n as u32), ops)).collect();
    let owners = owners::find(model, funcs);
    let counts = counts::find(model, funcs);
    Links { bound: stored, callees, entry_points, releases, owners, counts, excused, keepers, narrowed }
}

/// What the chain says of its callbacks, for files that use one chain.
fn one_chain<'p>(all: impl Iterator<Item = &'p (FileId, Context)>) -> FxHashMap<FileId, Option<Context>> {
    let mut out: FxHashMap<FileId, Option<Context>> = FxHashMap::default();
    for (file, context) in all {
        let known = Some(context.clone()).filter(|c| *c != Context::default());
        let slot = out.entry(*file).or_insert_with(|| known.clone());
        if *slot != known {
            *slot = None;
        }
    }
    out
}

fn bound(
    model: &Model,
    preemption: Preemption,
    record: Record,
    field: Symbol,
    f: FuncId,
    file: FileId,
    loc: Loc,
) -> ((Record, Symbol), FuncId, EntryPoint) {
    let entry_point = match model.ops_field(record.tag_symbol(), field) {
        Some(known) => EntryPoint {
            context: preemption.entered(&known.context),
            contract: known.may_sleep == Some(false),
            when: known.when.clone(),
            how: format!("{record}.{field}"),
            bound: Some((file, loc.line)),
        },
        None => {
            let context = Context { level: Level::Task, ..Context::default() };
            EntryPoint { context, contract: false, when: Vec::new(), how: String::new(), bound: None }
        }
    };
    ((record, field), f, entry_point)
}

/// What drivers of one maker share: the folder, but no more than its first three names.
fn neighbourhood(path: &str) -> &str {
    let folder = folder(path);
    folder.match_indices('/').nth(2).map_or(folder, |(end, _)| &folder[..end])
}

/// Whether a value that is stored, or handed over, makes a setting.
fn sets(program: &Program<'_>, d: &Body, value: ExprId, setting: &Setting) -> bool {
    let (known, others) = match d.expr(value) {
        Expr::Int(known) => (known, 0),
        Expr::Bin(BinOp::Or, a, b) => match (d.expr(a), d.expr(b)) {
            (Expr::Int(a), Expr::Int(b)) => (a, b),
            (Expr::Int(known), _) | (_, Expr::Int(known)) => (known, 0),
            _ => return false,
        },
        _ => return false,
    };
    let bits = if setting.bits.is_empty() { Some(-1) } else { program.constant(d.file, setting.bits) };
    bits.is_some_and(|bits| (known | others) & bits != 0)
}

/// The targets that a caller in `from` can mean, and whether there are more than are followed.
fn narrow(program: &Program<'_>, from: FileId, list: &[FuncId], funcs: &[Body]) -> Option<(Callees, bool)> {
    let path = program.source.path(from);
    let (domain, arch) = (program.domain(from), arch_of(path));
    let mut fit: Vec<FuncId> = list
        .iter()
        .copied()
        .filter(|f| {
            let file = funcs[f.index()].file;
            let p = program.source.path(file);
            program.domain(file) == domain && arch_of(p).is_none_or(|a| a == arch.unwrap_or(&program.config.arch))
        })
        .collect();
    let narrowed = fit.len() > TARGETS_MAX;
    if narrowed {
        let own = folder(path);
        fit.retain(|f| folder(program.source.path(funcs[f.index()].file)) == own);
    }
    match fit.len() {
        0 => None,
        1 => Some((Callees::One(fit[0]), narrowed)),
        n if n <= TARGETS_MAX => Some((Callees::Many(fit.into_boxed_slice()), narrowed)),
        _ => None,
    }
}

/// The names that functions call and that nothing in the program defines, but for those of which the model has the last word.
pub fn undefined(program: &Program<'_>, model: &Model, funcs: &[Body]) -> FxHashSet<Symbol> {
    let in_file = |&(start, end): &(usize, usize)| {
        let mut names = FileNames::new(program, funcs[start].file, None);
        let mut out: Vec<Symbol> = Vec::new();
        for d in &funcs[start..end] {
            for (_, op) in d.all_ops() {
                if let OpKind::Call { target: Target::Name(name), .. } = op.kind
                    && names.get(name).is_none()
                    && !model.entry(name).is_some_and(|e| e.opaque)
                {
                    out.push(name);
                }
            }
        }
        out
    };
    files(funcs).par_iter().flat_map_iter(in_file).collect()
}

/// Ranges of functions of one file.
pub fn files(funcs: &[Body]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut start = 0;
    for i in 1..=funcs.len() {
        if i == funcs.len() || funcs[i].file != funcs[start].file {
            out.push((start, i));
            start = i;
        }
    }
    if funcs.is_empty() { Vec::new() } else { out }
}
