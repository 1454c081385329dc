//! Objects that readers can find before they are ready: put on a list that is walked under RCU, and set up only afterwards.

use cuthere_analysis::{Claim, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Expr, OpId, OpKind, Record, Target};
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::naming::names_maker;
use cuthere_flow::value::{Value, ValueId};

/// What an operation does to a member of an object that this function has made and put on such a list before.
pub(super) fn set_up_late(path: &Path<'_, '_>, event: &Event<'_>) -> Option<Claim> {
    if !path.state.objects.any_linked() {
        return None;
    }
    let (place, by) = match &event.kind {
        EventKind::Call(call) if sets_up(path, call.name) => match path.values.get(*call.args.first()?) {
            Value::Addr(place) => (place, Some(call.name)),
            _ => return None,
        },
        EventKind::Memory(memory) if memory.store && !memory.marked && event.origin.is_empty() => (memory.place, None),
        _ => return None,
    };
    let object = path.values.pointer_root(path.values.root(place)?);
    let linked = path.state.objects.linked(object).filter(|_| is_made(path, object))?;
    let (link, list) = published(path, linked)?;
    let Value::PField(_, member, _) = path.values.get(place) else { return None };
    if member == link.1 {
        return None;
    }
    let name = path.describe_place(place, 0)?;
    // A plain member may be one that readers do not look at.
    // No reader takes a lock that sleeps in its section: who does has come by the object otherwise.
    let sleeps = by.is_some_and(|by| sets_up_sleeping(by.as_str()));
    let weak = by.is_none() || sleeps || path.state.merged || words::is_test_code(path.world.path(path.func));
    let does = by.map_or_else(|| "stored to".to_owned(), |by| format!("set up by {by}()"));
    let message = format!("`{name}` is {does} only after {list}() has shown the object to readers");
    let claim = Claim::here(path, event, if weak { Confidence::Low } else { Confidence::High }, message)
        .thread(format!("CPU 0: {}", path.body.name))
        .step_at(path, Some(linked), format!("puts the object on a list by {list}(): readers find it from here on"))
        .thread("CPU 1: a reader that walks the list")
        .step_at(path, Some(linked), format!("finds the object, and uses `{name}` as it was allocated"))
        .thread(format!("CPU 0: {}", path.body.name))
        .step(path.func, event.loc, by.map_or_else(|| format!("stores to `{name}`"), |by| format!("sets it up by {by}()")));
    Some(
        claim
            .assume(format!("readers use `{name}`"))
            .identity(format!("late {name}"))
            .cause(linked)
            .unless_unread(Some(link))
            .unless_unused(member),
    )
}

/// Whether a function makes the member that it is handed ready for use, by its name.
fn sets_up(path: &Path<'_, '_>, name: Symbol) -> bool {
    let lists = path.world.model.entry(name).is_some_and(|e| e.links.is_some() || e.unlinks.is_some());
    !lists && name.as_str().split('_').any(|word| word.eq_ignore_ascii_case("init") || word.eq_ignore_ascii_case("setup"))
}

/// Whether what a function makes ready is a lock that sleeps, by its name.
fn sets_up_sleeping(name: &str) -> bool {
    name.split('_').any(|word| matches!(word, "mutex" | "rwsem" | "sema" | "semaphore"))
}

/// Whether this function has made an object, by itself or by a function that is named for it.
fn is_made(path: &Path<'_, '_>, object: ValueId) -> bool {
    let made = path.values.call(object).and_then(|op| path.body.op(op)).map(|op| op.kind);
    match made {
        Some(OpKind::Call { target: Target::Name(name), .. }) => {
            path.world.model.entry(name).map_or_else(|| names_maker(name), |e| e.allocates)
        }
        _ => false,
    }
}

/// The link by which an operation has put an element on a list that others walk meanwhile, and the operation's name.
fn published(path: &Path<'_, '_>, linked: OpId) -> Option<((Record, Symbol), Symbol)> {
    let OpKind::Call { target: Target::Name(name), args, .. } = path.body.op(linked)?.kind else { return None };
    let entry = path.world.model.entry(name).filter(|e| e.rcu_list)?;
    let link = *path.body.call_args(args).get(entry.links? as usize)?;
    let Expr::Addr(place) = path.body.expr(link) else { return None };
    match path.body.expr(place) {
        Expr::Field { record, name: member, .. } => Some(((record, member), name)),
        _ => None,
    }
}
