//! From a model file's text to rows of the vocabulary.
//!
//! Decides what rows mean, adds what follows from them (a lock argument is dereferenced), and refuses a name given twice in
//! one file and an argument index no function has. How files combine is decided in `model`.

use crate::entry::{
    CallbackEffect, ContainerMacro, Context, Custom, Entry, FreeClass, GuardClass, KernelLock, Level, LockRef, LoopMacro, Older, OpsField,
    PlaceAccess, Returns, Sleeps,
};
use crate::error::ModelError;
use crate::schema::{CallbackRow, EntryRow, File};
use crate::words::{MAX_ARGUMENT, Names, W, Word};
use cuthere_base::Symbol;
use cuthere_cfront::macros::MacroBody;
use cuthere_cfront::shapes::{KnownType, Shape};
use rustc_hash::FxHashSet;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// What one file says.
#[derive(Default)]
pub(crate) struct Rows {
    pub entries: Vec<Entry>,
    pub ops: Vec<OpsField>,
    pub guards: Vec<GuardClass>,
    /// What is held around operations: record, member and locks.
    pub around: Vec<((Symbol, Symbol), Vec<KernelLock>)>,
    /// Record and member.
    pub releases: Vec<(Symbol, Symbol)>,
    /// Record and member, with a lock that it is to be used under.
    pub guarded: Vec<((Symbol, Symbol), Symbol)>,
    pub counts: Vec<Symbol>,
    pub customs: Vec<(Custom, Symbol)>,
    pub frees: Vec<FreeClass>,
    pub loops: Vec<LoopMacro>,
    pub containers: Vec<(Symbol, ContainerMacro)>,
    pub places: Vec<(Symbol, PlaceAccess)>,
    pub conditions: Vec<(Symbol, u8)>,
    pub older: Vec<Older>,
    pub shapes: Vec<(Symbol, Shape)>,
    pub returns: Vec<Symbol>,
    pub constants: Vec<(Symbol, i64)>,
    pub macros: Vec<(Symbol, Arc<MacroBody>)>,
    pub types: Vec<(Symbol, KnownType)>,
}

/// Reads a file; linear in its size.
pub(crate) fn load(file: &str, text: &str) -> Result<Rows, ModelError> {
    let parsed: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        ModelError::at(file, text, offset, error.message().trim())
    })?;
    let mut loader = Loader { file, text, rows: Rows::default(), seen: FxHashSet::default() };
    loader.entries(parsed.entry, parsed.learned)?;
    loader.rest(parsed.ops, parsed.guard, parsed.loops, parsed.container, parsed.condition)?;
    loader.rows.counts.extend(list(parsed.counts.member));
    let customs = parsed.customs;
    let all = [
        (Custom::Alone, customs.alone),
        (Custom::Phase, customs.phase),
        (Custom::AnyTime, customs.any_time),
        (Custom::AsksRunning, customs.asks_running),
        (Custom::TakesOver, customs.takes_over),
        (Custom::SetsFlag, customs.sets_flag),
        (Custom::Idempotent, customs.idempotent),
        (Custom::MakesList, customs.makes_list),
        (Custom::Early, customs.early),
        (Custom::IsLock, customs.is_lock),
        (Custom::Oops, customs.oops),
        (Custom::WhoRuns, customs.who_runs),
        (Custom::Fixed, customs.fixed),
        (Custom::AsksLast, customs.asks_last),
        (Custom::BusDevice, customs.bus_device),
        (Custom::AsksBit, customs.asks_bit),
        (Custom::AsksList, customs.asks_list),
        (Custom::AsksPending, customs.asks_pending),
    ];
    for (custom, names) in all {
        loader.rows.customs.extend(list(names).map(|name| (custom, name)));
    }
    for row in parsed.older {
        let field = row.no_operation.iter().flat_map(|of| &of.field.0.0);
        let no_operation = row.no_operation.iter().flat_map(|of| &of.record.0.0).zip(field).map(|(r, f)| (*r, *f)).collect();
        loader.rows.older.push(Older {
            defined: row.defined.0,
            without: row.without.0,
            never_sleeps: list(row.never_sleeps).collect(),
            no_context: list(row.no_context).collect(),
            no_operation,
        });
    }
    for row in parsed.around {
        for record in &row.record.get_ref().0.0 {
            for field in &row.field.get_ref().0.0 {
                loader.once("around", *record, *field, &row.field.span())?;
                loader.rows.around.push(((*record, *field), row.holds.iter().map(|word| word.0).collect()));
            }
        }
    }
    for row in parsed.member {
        for record in &row.record.get_ref().0.0 {
            for field in &row.field.get_ref().0.0 {
                loader.once("member", *record, *field, &row.field.span())?;
                loader.rows.guarded.extend(row.lock.iter().map(|W(lock)| ((*record, *field), lock.0)));
            }
        }
    }
    for row in parsed.release {
        for record in &row.record.get_ref().0.0 {
            for field in &row.field.get_ref().0.0 {
                loader.once("release", *record, *field, &row.field.span())?;
                loader.rows.releases.push((*record, *field));
            }
        }
    }
    for (name, calls) in parsed.free {
        let offset = calls.span().start;
        let name = Symbol::read(&name).map_err(|reason| loader.error(offset, reason))?;
        loader.rows.frees.push(FreeClass { name, calls: calls.into_inner().0 });
    }
    for (access, names) in [(PlaceAccess::Read, parsed.place.read), (PlaceAccess::Write, parsed.place.write)] {
        for name in names.iter().flat_map(|names| &names.get_ref().0.0) {
            loader.rows.places.push((*name, access));
        }
    }
    let shapes = parsed.shapes;
    let lists = [
        (Shape::Call, shapes.call),
        (Shape::Loop, shapes.loops),
        (Shape::Scope, shapes.scope),
        (Shape::Guard, shapes.guard),
        (Shape::ClassDecl, shapes.class),
        (Shape::Decl, shapes.declaration),
        (Shape::Cleanup, shapes.cleanup),
        (Shape::Ignored, shapes.ignored),
        (Shape::Annotation, shapes.annotation),
    ];
    for (shape, names) in lists {
        loader.rows.shapes.extend(list(names).map(|name| (name, shape)));
    }
    loader.rows.returns.extend(list(shapes.returns));
    for (name, value) in parsed.constants {
        let name = Symbol::read(&name).map_err(|reason| loader.error(text.find(name.as_str()).unwrap_or(0), reason))?;
        loader.rows.constants.push((name, value));
    }
    for (name, body) in parsed.macros {
        let name = Symbol::read(&name).map_err(|reason| loader.error(text.find(name.as_str()).unwrap_or(0), reason))?;
        loader.rows.macros.push((name, Arc::new(MacroBody::of_text(name, &body))));
    }
    let types = parsed.types;
    let int = |size, signed| KnownType::Int { size, signed };
    let lists = [
        (int(1, false), types.u8),
        (int(1, true), types.s8),
        (int(2, false), types.u16),
        (int(2, true), types.s16),
        (int(4, false), types.u32),
        (int(4, true), types.s32),
        (int(8, false), types.u64),
        (int(8, true), types.s64),
        (KnownType::Bool, types.bool),
        (KnownType::Struct, types.record),
        (KnownType::Pointer, types.pointer),
    ];
    for (known, names) in lists {
        loader.rows.types.extend(list(names).map(|name| (name, known)));
    }
    Ok(loader.rows)
}

fn list(names: Option<W<Names>>) -> impl Iterator<Item = Symbol> {
    names.into_iter().flat_map(|names| names.0.0)
}

struct Loader<'a> {
    file: &'a str,
    text: &'a str,
    rows: Rows,
    /// Section, name (and second name) already given in this file.
    seen: FxHashSet<(&'static str, Symbol, Symbol)>,
}

impl Loader<'_> {
    fn error(&self, offset: usize, message: impl Into<String>) -> ModelError {
        ModelError::at(self.file, self.text, offset, message)
    }

    /// Where `name` stands inside the span of a list of names.
    fn offset(&self, span: &Range<usize>, name: Symbol) -> usize {
        let inside = self.text.get(span.clone()).unwrap_or("");
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let found = inside
            .match_indices(name.as_str())
            .find(|(at, found)| !inside[..*at].ends_with(word) && !inside[at + found.len()..].starts_with(word));
        span.start + found.map_or(0, |(at, _)| at)
    }

    fn once(&mut self, section: &'static str, name: Symbol, second: Symbol, span: &Range<usize>) -> Result<(), ModelError> {
        if self.seen.insert((section, name, second)) {
            return Ok(());
        }
        let shown = if second.is_empty() { name.to_string() } else { format!("{name}` `{second}") };
        Err(self.error(self.offset(span, name), format!("`{shown}` is given twice in this file: keep one {section} of it")))
    }

    fn argument(&self, index: u8, offset: usize) -> Result<u8, ModelError> {
        if index <= MAX_ARGUMENT {
            return Ok(index);
        }
        Err(self.error(offset, format!("argument index {index} in this table is too large (arguments count from 0 to {MAX_ARGUMENT})")))
    }

    fn entries(&mut self, rows: Vec<EntryRow>, learned: bool) -> Result<(), ModelError> {
        for row in rows {
            let span = row.name.span();
            let plain = row
                .derefs
                .iter()
                .chain(&row.derefs_inside)
                .chain(&row.ensures)
                .chain(&row.implies)
                .chain(&row.null_ok)
                .chain(&row.assigns)
                .chain(&row.interior)
                .chain(&row.length)
                .chain(&row.waits);
            for index in plain.chain(&row.wakes).chain(&row.publishes).chain(&row.links).chain(&row.unlinks) {
                self.argument(*index, span.start)?;
            }
            for callback in &row.callback {
                for index in [callback.object, callback.function, callback.data].into_iter().flatten() {
                    self.argument(index, span.start)?;
                }
            }
            let names = row.name.get_ref().0.0.clone();
            let mut common = entry(row);
            common.learned = learned;
            // Variants for one preemption model are names of their own.
            let variant = common.rt.map_or(Symbol::EMPTY, |rt| Symbol::intern(if rt { "rt = true" } else { "rt = false" }));
            for name in names {
                self.once("entry", name, variant, &span)?;
                self.rows.entries.push(Entry { name, ..common.clone() });
            }
        }
        Ok(())
    }

    fn rest(
        &mut self,
        ops: Vec<crate::schema::OpsRow>,
        guards: Vec<crate::schema::GuardRow>,
        loops: Vec<crate::schema::LoopRow>,
        containers: Vec<crate::schema::ContainerRow>,
        conditions: Vec<crate::schema::ConditionRow>,
    ) -> Result<(), ModelError> {
        for row in ops {
            for record in &row.record.get_ref().0.0 {
                for field in &row.field.get_ref().0.0 {
                    let section = row.rt.map_or("ops", |rt| if rt { "ops for rt" } else { "ops without rt" });
                    self.once(section, *record, *field, &row.field.span())?;
                    let context = row.context.0.clone();
                    self.rows.ops.push(OpsField {
                        record: *record,
                        field: *field,
                        context,
                        may_sleep: row.may_sleep,
                        when: row.when.iter().map(|word| word.0).collect(),
                        between: row.between.as_ref().and_then(|names| names.0.0.first().copied()),
                        not_during: row.not_during.as_ref().map_or(Vec::new(), |names| names.0.0.clone()),
                        unless: row.unless.iter().map(|word| word.0).collect(),
                        unless_near: row.unless_near.iter().map(|word| word.0).collect(),
                        rt: row.rt,
                    });
                }
            }
        }
        for row in guards {
            for class in &row.class.get_ref().0.0 {
                self.once("guard", *class, Symbol::EMPTY, &row.class.span())?;
                self.rows.guards.push(GuardClass { class: *class, enter: row.enter.get_ref().0, exit: row.exit.get_ref().0 });
            }
        }
        for row in loops {
            self.argument(row.cursor, row.name.span().start)?;
            for name in &row.name.get_ref().0.0 {
                self.once("loop", *name, Symbol::EMPTY, &row.name.span())?;
                self.rows.loops.push(LoopMacro {
                    name: *name,
                    cursor: row.cursor,
                    head: row.head,
                    null_after: row.null_after,
                    holds_ref: row.holds_ref,
                    rcu_read: row.rcu_read,
                    reads_cursor: row.reads_cursor,
                });
            }
        }
        for row in containers {
            for index in [row.pointer, row.record, row.member] {
                self.argument(index, row.name.span().start)?;
            }
            for name in self.fresh("container", &row.name)? {
                self.rows.containers.push((name, ContainerMacro { ptr: row.pointer, record: row.record, member: row.member }));
            }
        }
        for row in conditions {
            self.argument(row.argument, row.name.span().start)?;
            for name in self.fresh("condition", &row.name)? {
                self.rows.conditions.push((name, row.argument));
            }
        }
        Ok(())
    }

    fn fresh(&mut self, section: &'static str, names: &Spanned<W<Names>>) -> Result<Vec<Symbol>, ModelError> {
        for name in &names.get_ref().0.0 {
            self.once(section, *name, Symbol::EMPTY, &names.span())?;
        }
        Ok(names.get_ref().0.0.clone())
    }
}

/// The row's facts without a name.
fn entry(row: EntryRow) -> Entry {
    let acquires: Vec<_> = row.acquires.into_iter().map(|word| word.0).collect();
    let releases: Vec<_> = row.releases.into_iter().map(|word| word.0).collect();
    let mut derefs = row.derefs;
    // Whoever takes or releases a lock dereferences the pointer to it.
    for effect in acquires.iter().chain(&releases) {
        if let LockRef::Arg(index) | LockRef::Member(index, ..) = effect.lock
            && !derefs.contains(&index)
            && !row.null_ok.contains(&index)
        {
            derefs.push(index);
        }
    }
    Entry {
        name: Symbol::EMPTY,
        acquires,
        releases,
        takes: row.takes.into_iter().map(|word| word.0).collect(),
        nested: row.nested,
        context: row.context.into_iter().map(|word| word.0).collect(),
        sleeps: row.sleeps.map_or(Sleeps::Unknown, |word| word.0),
        returns: row.returns.map_or(Returns::Unknown, |word| word.0),
        allocates: row.allocates,
        zeroed: row.zeroed,
        managed: row.managed,
        put_only: row.put_only,
        lookup: row.lookup,
        outside: row.outside,
        unevaluated: row.unevaluated.clone(),
        frees: row.frees.into_iter().map(|word| word.0).collect(),
        moves: row.moves.into_iter().map(|word| word.0).collect(),
        refs: row.refs.into_iter().map(|word| word.0.0).collect(),
        accesses: row.accesses.into_iter().map(|word| word.0).collect(),
        percpu: row.percpu.map(|word| word.0),
        needs: row.needs.map(|word| word.0),
        rcu_list: row.rcu_list,
        finds: row.finds,
        returns_ref: row.returns_ref,
        callbacks: row.callback.into_iter().map(callback).collect(),
        derefs,
        derefs_inside: row.derefs_inside,
        ensures: row.ensures,
        implies: row.implies,
        length: row.length,
        null_ok: row.null_ok,
        assigns: row.assigns,
        interior: row.interior,
        interior_of: row.interior_of.map(|word| word.0),
        asserts: row.asserts.into_iter().map(|word| word.0).collect(),
        links: row.links,
        unlinks: row.unlinks,
        waits: row.waits,
        wakes: row.wakes,
        noreturn: row.noreturn,
        grace_period: row.grace_period,
        faults: row.faults,
        defers_in_interrupt: row.defers_in_interrupt,
        asks: row.asks.map(|word| word.0),
        irq_off_ok: row.irq_off_ok,
        excused_by: row.excused_by.map(|word| word.0),
        vouched_by: row.vouched_by.map(|word| word.0.0).unwrap_or_default(),
        rcu_read: row.rcu_read,
        publishes: row.publishes,
        tests: row.tests.map(|word| word.0),
        opaque: row.opaque,
        unexpanded: row.is_macro.unwrap_or(row.opaque),
        learned: false,
        rt: row.rt,
    }
}

fn callback(row: CallbackRow) -> CallbackEffect {
    // Without a context the callback is a surprise to nobody: it runs as its caller does.
    let context = row.context.map_or(Context { level: Level::Inherit, ..Context::default() }, |word| word.0);
    CallbackEffect {
        op: row.op.into(),
        object: row.object,
        function: row.function,
        data: row.data,
        for_good: row.for_good,
        or_now: row.or_now,
        tables: row.tables.map(|word| word.0.0).unwrap_or_default(),
        context,
        when: row.when.map(|word| word.0),
        kind: row.kind.0.0,
    }
}
