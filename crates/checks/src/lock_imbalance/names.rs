//! Whether two names of a lock are written alike.

use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::engine::Path;
use cuthere_flow::value::{Origin, Value, ValueId};

/// Steps of a name that are compared.
const DEPTH_MAX: u32 = 12;

/// Whether two places are the same members on the way from one variable, or from what one function gives for the same arguments (`UNIT(dev)->lock`).
pub(super) fn written_alike(path: &Path<'_, '_>, a: ValueId, b: ValueId, depth: u32) -> bool {
    let alike = |a, b| written_alike(path, a, b, depth + 1);
    if a == b || depth > DEPTH_MAX {
        return a == b;
    }
    match (path.values.get(a), path.values.get(b)) {
        (Value::PField(x, name, _), Value::PField(y, other, _)) => name == other && alike(x, y),
        (Value::PIndex(x, at), Value::PIndex(y, to)) => at == to && alike(x, y),
        (Value::PDeref(x), Value::PDeref(y)) | (Value::Entry(x), Value::Entry(y)) | (Value::Addr(x), Value::Addr(y)) => alike(x, y),
        (Value::Fresh(Origin::Result(x)), Value::Fresh(Origin::Result(y))) => same_call(path, x, y),
        _ => false,
    }
}

fn same_call(path: &Path<'_, '_>, a: OpId, b: OpId) -> bool {
    let call = |op: OpId| match path.body.op(op)?.kind {
        OpKind::Call { target: Target::Name(name), args, .. } => Some((name, path.body.call_args(args))),
        _ => None,
    };
    call(a).is_some_and(|first| call(b) == Some(first))
}
