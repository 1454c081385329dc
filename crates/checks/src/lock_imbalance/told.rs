//! What a way out tells its caller of a lock that it keeps: by what it writes, or by what it hands out.

use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::engine::Path;
use cuthere_flow::value::{Origin, Value, ValueId};

/// Whether something is written through a pointer argument, or to a member named after locking, that is not zero: callers may ask for it.
pub(super) fn tells(path: &Path<'_, '_>) -> bool {
    path.state.env.iter().any(|&(place, value)| {
        let asked = match path.values.get(place) {
            Value::PDeref(pointer) => path.values.param(pointer, path.body.params).is_some(),
            Value::PField(_, member, _) => member.as_str().contains("lock"),
            _ => false,
        };
        asked && !path.known(value).may_be_zero()
    })
}

/// Whether the index of a section, a call's result, is returned or stored where the caller finds it, or a callee stores it there by the caller's pointer.
pub(super) fn handed_out(path: &Path<'_, '_>, op: OpId, returned: Option<ValueId>) -> bool {
    let index = path.values.find(Value::Fresh(Origin::Result(op)));
    let outside = |place: ValueId| path.values.local_of(place).is_none();
    let stored = || path.state.env.iter().any(|e| Some(e.1) == index && outside(e.0));
    let by_callee = || match path.body.op(op).map(|o| o.kind) {
        Some(OpKind::Call { target: Target::Name(name), args, .. }) if path.world.model.entry(name).is_none() => {
            path.body.call_args(args).iter().any(|&a| path.body.loaded_local(a).is_some_and(|l| l.number() < path.body.params))
        }
        _ => false,
    };
    index.is_some() && (index == returned || stored()) || by_callee()
}
