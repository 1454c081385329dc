//! A driver is taken off its device while a file of the device is open, and the file's operations use what goes away with the driver's data.
//!
//! Whoever takes a misc device away keeps it from being opened again, and does nothing about those who have it open. An operation that finds the driver's data by its own file
//! needs a reference that opening has taken, or the driver has to wait until the last file is closed.

use super::order::freed_later;
use super::parts::{Key, Teardown};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Expr, LocalId, Record};
use cuthere_flow::index::{Deed, Done, Spot};
use cuthere_flow::summary::FuncId;

/// The table of a file's operations.
const FILES: &str = "file_operations";

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    let Some(table) = Symbol::find(FILES) else { return };
    let driver = |f: FuncId| all.bindings(f).any(|b| b.record.tag().ends_with("driver") && words::takes_off(b.field));
    for &f in all.functions.iter().filter(|f| driver(**f) && !stays_bound(all, **f)) {
        let inside = all.lives.inside(f);
        if inside.iter().any(|d| d.life.deed == Deed::Wait) {
            continue;
        }
        let gone = |d: &&Done| d.life.deed == Deed::Cancel && d.life.kind.as_str() == "misc-device";
        for d in inside.iter().filter(gone) {
            claims.extend(used_by_file(all, f, d, table));
        }
    }
}

/// Whether nobody can take a driver off its devices while it is there.
fn stays_bound(all: &Teardown<'_>, f: FuncId) -> bool {
    ["suppress_bind_attrs", "platform_driver_probe("].iter().any(|text| words::file_says(all.world, f, text))
}

fn used_by_file(all: &Teardown<'_>, f: FuncId, gone: &Done, table: Symbol) -> Option<Claim> {
    let Spot::Member { owner, through: false, .. } = gone.life.spot else { return None };
    let key = Key::of(gone.life.spot)?;
    let file = all.world.func(gone.by.0).file;
    let mine: Vec<FuncId> = all.bound(f, table).iter().copied().filter(|g| all.world.func(*g).file == file).collect();
    let counts = |g: &FuncId| {
        let bound = |name: &str| all.bindings(*g).any(|b| b.field.as_str() == name);
        let does = |deeds: &[Deed]| all.lives.inside(*g).iter().any(|d| deeds.contains(&d.life.deed));
        bound("open") && does(&[Deed::Get]) || bound("release") && does(&[Deed::Put, Deed::Free, Deed::FreeLater, Deed::Wake])
    };
    if mine.iter().any(counts) {
        return None;
    }
    let outlasts = |g: &FuncId| !all.bindings(*g).any(|b| matches!(b.field.as_str(), "open" | "release"));
    let (user, at) = mine.iter().filter(|g| outlasts(g)).find_map(|g| finds(all, *g, owner).map(|at| (*g, at)))?;
    let end = freed_later(all, f, owner, gone.at)?;
    // What is freed on some ways only goes on others with the last file.
    if end.is_some_and(|(g, end)| g == f && !all.lives.always_after(f, gone.at, end.at)) {
        return None;
    }
    let (name, by) = (all.name(f), all.called(gone.by.0, gone.by.1));
    let message = format!("`{name}()` lets `{owner}` go while files that were opened before {by}() may still use it");
    let claim = Claim::new(gone.at, (f, all.loc(f, gone.at)), Confidence::High, message).thread(all.thread(0, f));
    let claim =
        all.show(claim, f, gone, &format!("takes `{}` away: nobody opens it from here on, and who has it open keeps it open", key.text()));
    let claim = match end {
        Some((g, end)) => all.show(claim, g, &end, "frees the object"),
        None => claim.step(f, all.world.func(f).loc, format!("returns, and the device core frees `{owner}`")),
    };
    let claim = claim.thread(all.thread(1, user));
    let claim = claim.step(at, all.world.func(at).loc, format!("{}() finds the object by its file, and uses it", all.name(at)));
    Some(claim.assume("the driver is taken off its device while a file is open").identity(format!("{owner} open file")))
}

/// Who finds an object of a record by the file at hand: the operation, or a function that it calls.
fn finds(all: &Teardown<'_>, f: FuncId, record: Record) -> Option<FuncId> {
    let called = all.world.callees[f.index()].iter().flat_map(|(_, callees)| callees.list().iter().copied());
    std::iter::once(f).chain(called).find(|g| by_its_file(all, *g, record))
}

fn by_its_file(all: &Teardown<'_>, f: FuncId, record: Record) -> bool {
    let body = all.world.func(f);
    let data = |e: &Expr| matches!(*e, Expr::Field { name, .. } if name.as_str() == "private_data");
    let around = |e: &Expr| matches!(*e, Expr::ContainerOf { record: r, .. } if r == record);
    let known = || (0..body.locals.len() as u32).any(|l| body.local_pointee(LocalId::new(l)) == Some(record));
    body.exprs.iter().any(data) && (body.exprs.iter().any(around) || known())
}
