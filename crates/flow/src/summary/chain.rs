//! From a summary's effect back to the source: the steps of a call chain. One walk for all kinds of effects.

use super::{Effect, EffectKind, FuncId, RelPlace, RelRoot, RelStep, Sleep, Way};
use crate::body::{Block, BlockId, Body, Expr, ExprId, LocalId, OpKind, Record, Target, Term};
use crate::program::World;
use cuthere_base::{Loc, Step, Symbol};
use cuthere_ir::{BinOp, UnOp};
use cuthere_kernel::{Custom, RefOp};
use serde::{Deserialize, Serialize};

/// A place in a function with what happens there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct At {
    pub func: FuncId,
    pub loc: Loc,
    pub text: String,
}

impl At {
    /// As a step of a finding.
    pub fn step(&self, world: &World<'_>) -> Step {
        Step {
            file: world.path(self.func).to_owned(),
            line: self.loc.line,
            column: u32::from(self.loc.col),
            function: world.func(self.func).name.as_str().to_owned(),
            thread: None,
            text: self.text.clone(),
        }
    }
}

/// What a way leads to: the frames below the call, then the primitive or the access.
pub struct Chain {
    pub frames: Vec<At>,
    /// Every function on the way, outermost first.
    pub funcs: Vec<FuncId>,
    /// The primitive at its end; empty: the last function's own code does it.
    pub primitive: Symbol,
}

/// Frames shown at most.
const FRAMES_MAX: usize = 16;

/// Follows a way down to its end.
pub fn chain(world: &World<'_>, way: Way) -> Chain {
    let mut chain = Chain { frames: Vec::new(), funcs: Vec::new(), primitive: Symbol::EMPTY };
    let mut at = way;
    while chain.frames.len() < FRAMES_MAX {
        match at {
            Way::Here => break,
            Way::Model(name) => {
                chain.primitive = name;
                break;
            }
            Way::Table(record, field) => {
                chain.primitive = Symbol::intern(&format!("{record}.{field}"));
                break;
            }
            Way::Callee(f, id) => {
                let Some(effect) = world.summary(f).and_then(|s| s.effect(id)) else { break };
                chain.funcs.push(f);
                chain.frames.push(At { func: f, loc: effect.loc, text: text(world, f, effect) });
                at = effect.way;
            }
        }
    }
    chain
}

/// What the name of a way's next step is.
pub fn way_name(world: &World<'_>, way: Way) -> Symbol {
    match way {
        Way::Here => Symbol::EMPTY,
        Way::Model(name) => name,
        Way::Table(record, field) => Symbol::intern(&format!("{record}.{field}")),
        Way::Callee(f, _) => world.func(f).name,
    }
}

/// The table that the call at a place goes through, and how many implementations it has, in words; empty: the call is by name.
pub fn through_table(world: &World<'_>, func: FuncId, loc: Loc, callee: FuncId) -> String {
    let body = world.func(func);
    let called = body.all_ops().filter(|(_, op)| op.loc == loc).find_map(|(id, op)| match op.kind {
        OpKind::Call { target: Target::Pointer(e), .. } => {
            Some((id, e)).filter(|_| world.callees(func, id).is_some_and(|c| c.list().contains(&callee)))
        }
        _ => None,
    });
    let Some((op, pointer)) = called else { return String::new() };
    let Some((record, field)) = body.ops_field(pointer) else {
        return body.loaded_local(pointer).map_or_else(String::new, |l| format!(" through `{}`", body.local_name(l)));
    };
    let count = world.callees(func, op).map_or(0, |c| c.list().len());
    let record = if record.is_unknown() { String::new() } else { format!("{record}.") };
    match count {
        1 if world.is_narrowed(func, op) => format!(" through `{record}{field}`, of which one implementation is known here"),
        1 => format!(" through `{record}{field}`, its only implementation"),
        n => format!(" through `{record}{field}`, one of {n} implementations"),
    }
}

/// A condition on objects' state on a way down.
pub struct Given {
    /// How it comes out, and its place.
    pub text: String,
    /// It asks for bits of a word.
    pub flags: bool,
    /// The function that asks.
    pub func: FuncId,
    /// The member that is asked for, and whether it is set.
    pub member: Option<(Record, Symbol, bool)>,
}

/// The conditions on objects' state that hold on a way down, outermost first.
pub fn given(world: &World<'_>, way: Way) -> Vec<Given> {
    conditions(world, way, |sleep| sleep.given)
}

/// Conditions on a way down beside which others lead to the same, outermost first.
pub fn either(world: &World<'_>, way: Way) -> Vec<Given> {
    conditions(world, way, |sleep| sleep.either)
}

fn conditions(world: &World<'_>, way: Way, which: impl Fn(&Sleep) -> Option<(BlockId, bool)>) -> Vec<Given> {
    let mut out = Vec::new();
    let mut at = way;
    // Functions that call each other may lead in a circle.
    for _ in 0..FRAMES_MAX {
        let Way::Callee(f, id) = at else { break };
        let Some(effect) = world.summary(f).and_then(|s| s.effect(id)) else { break };
        if let EffectKind::Sleep(sleep) = &effect.kind
            && let Some((block, taken)) = which(sleep)
        {
            let body = world.func(f);
            // Of a function that is known by its summary alone, the condition has no text: it may ask for anything.
            let Some(block) = body.blocks.get(block.index()) else {
                out.push(Given { text: format!("a condition in {}() is {taken}", body.name), flags: true, func: f, member: None });
                at = effect.way;
                continue;
            };
            if let Term::Branch { cond, .. } | Term::Switch { value: cond, .. } = block.term {
                let text = format!("`{}` is {taken} ({}:{})", body.text(cond), world.path(f), block.loc.line);
                let flags = asks_bits(world, body, block, cond) || sets_up(body, cond, taken);
                let member = body.asks_member(cond).map(|(record, name)| (record, name, taken == body.asks_for_set(cond)));
                out.push(Given { text, flags, func: f, member });
            }
        }
        at = effect.way;
    }
    out
}

/// Whether a variable of the program has to be zero: what is set up by whoever comes first, and was long ago.
fn sets_up(body: &Body, cond: ExprId, taken: bool) -> bool {
    match body.expr(cond) {
        Expr::Un(UnOp::Not, inner) => sets_up(body, inner, !taken),
        Expr::Load(place, _) => !taken && matches!(body.expr(place), Expr::Global(_)),
        _ => false,
    }
}

fn asks_bits(world: &World<'_>, body: &Body, block: &Block, cond: ExprId) -> bool {
    // An operation that most leave out says what kind of object it is.
    if body.asks_member(cond).is_some_and(|(record, member)| world.tables.is_seldom(record, member)) {
        return true;
    }
    let again = |e| asks_bits(world, body, block, e);
    match body.expr(cond) {
        // What is set for everybody, by a module parameter, belongs to no object.
        Expr::Bin(BinOp::And, word, mask) => {
            let global = matches!(body.expr(word), Expr::Load(place, _) if matches!(body.expr(place), Expr::Global(_)));
            matches!(body.expr(mask), Expr::Int(_)) && !global
        }
        Expr::Un(UnOp::Not, a) => again(a),
        Expr::Bin(_, a, b) => again(a) || again(b),
        Expr::Load(..) => body.asked_call(block, cond).is_some_and(|(name, _)| world.model.is_custom(Custom::AsksBit, name)),
        _ => false,
    }
}

/// One frame in words.
fn text(world: &World<'_>, func: FuncId, effect: &Effect) -> String {
    let callee = way_name(world, effect.way);
    let through = matches!(effect.way, Way::Callee(..));
    match &effect.kind {
        EffectKind::Sleep(_) => match effect.way {
            Way::Callee(f, _) => format!("calls {callee}(){}", through_table(world, func, effect.loc, f)),
            Way::Table(..) => format!("calls {callee}, which may sleep"),
            _ => format!("calls {callee}(), which may sleep"),
        },
        EffectKind::Deref { param, member, .. } => {
            let param = world.func(func).local_name(LocalId::new(u32::from(*param)));
            match effect.way {
                Way::Callee(..) => format!("passes `{param}` to {callee}()"),
                Way::Model(_) => format!("passes `{param}` to {callee}(), which dereferences it"),
                _ if member.is_empty() => format!("dereferences `{param}`"),
                _ => format!("loads or stores `{param}->{member}`"),
            }
        }
        EffectKind::DerefMember { .. } if through => format!("calls {callee}()"),
        EffectKind::DerefMember { place, member } => {
            let text = place_text(world, func, place);
            if member.is_empty() { format!("dereferences `{text}`") } else { format!("loads or stores `{text}->{member}`") }
        }
        _ if through => format!("calls {callee}()"),
        EffectKind::Free { moved: true, .. } => format!("may put it elsewhere by {callee}()"),
        EffectKind::Free { deferred: false, .. } => format!("frees it by {callee}()"),
        EffectKind::Free { deferred: true, .. } => format!("frees it after a grace period by {callee}()"),
        EffectKind::Acquire { class, .. } => format!("takes {class} by {callee}()"),
        EffectKind::Reference { op: RefOp::Put, .. } => format!("drops a reference by {callee}()"),
        EffectKind::Reference { .. } => format!("takes a reference by {callee}()"),
    }
}

/// A place reached from an argument, in the function's own words.
fn place_text(world: &World<'_>, func: FuncId, place: &RelPlace) -> String {
    let RelRoot::Param(param) = place.root else { return "…".to_owned() };
    let mut text = world.func(func).local_name(LocalId::new(u32::from(param))).as_str().to_owned();
    let mut pointer = true;
    for step in &place.path {
        match step {
            RelStep::Field(name, _) => {
                text += if pointer { "->" } else { "." };
                text += name.as_str();
                pointer = false;
            }
            RelStep::Deref => pointer = true,
            RelStep::Around(..) => {}
        }
    }
    text
}
