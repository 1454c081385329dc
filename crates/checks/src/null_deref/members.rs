//! Members that nearly everybody in their folder tests, dereferenced without a test.

use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::program::World;
use cuthere_flow::summary::FuncId;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    tree.members.unchecked(tree.world, |func, u, habit| {
        if let Some(claim) =
            u.dereferenced.and_then(|(op, argument)| untested_member(tree.world, func, op, argument, (u.record.tag(), u.member)))
        {
            let world = tree.world;
            let storer = habit.storer.map(|f| (world.func(f), world.path(f)));
            let tester = habit.tester.map(|(f, block)| (world.func(f), world.path(f), world.func(f).block(block).loc.line));
            let count = format!("{} of {} functions that use this member test it for NULL", habit.tested, habit.tested + habit.untested);
            let stored = storer.map(|(f, path)| format!("`{}` may store NULL there ({path}:{})", f.name, f.loc.line));
            let tested = tester.map(|(f, path, line)| [count, format!("`{}` tests it ({path}:{line})", f.name)]);
            claims.add(claim.assume_all(stored).assume_all(tested.into_iter().flatten()));
        }
    });
}

fn untested_member(world: &World<'_>, func: FuncId, op: OpId, argument: Option<u8>, (record, member): (&str, Symbol)) -> Option<Claim> {
    let body = world.func(func);
    let made = body.op(op)?;
    let (text, step) = words::accessed(body, op, argument)?;
    let message = format!("`{text}` is dereferenced untested; `{member}` of `struct {record}` may be NULL");
    Some(
        Claim::new(op, (func, made.loc), Confidence::Low, message).step(func, made.loc, step).identity(format!("member {record}.{member}")),
    )
}
