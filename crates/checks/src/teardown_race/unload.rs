//! A module is unloaded, code and variables, while a timer or work item of its own is still armed.

use super::armed::runs_by_itself;
use super::parts::{Teardown, is_queue};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, FileId, Symbol};
use cuthere_flow::index::{Deed, LifeUse, Spot};
use cuthere_flow::summary::FuncId;
use std::collections::BTreeMap;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    let mut objects: BTreeMap<(FileId, &str), Vec<(FuncId, LifeUse)>> = BTreeMap::new();
    for &f in &all.functions {
        for life in all.lives.lifetimes.own(f) {
            if let Spot::Global(name) = life.spot {
                objects.entry((all.world.func(f).file, name.as_str())).or_default().push((f, *life));
            }
        }
    }
    for ((file, name), uses) in objects {
        // Who waits for it where it is armed leaves nothing behind; what no setting that holds here compiles arms nothing.
        let waited = |f: FuncId| all.lives.inside(f).iter().any(|d| d.life.deed == Deed::Wait);
        let active = |f: FuncId| all.world.program.function_ref(f.0).is_none_or(|r| all.world.program.item(r).active);
        let arm = uses.iter().find(|u| u.1.deed == Deed::Arm && runs_by_itself(u.1.kind.as_str()) && active(u.0) && !waited(u.0));
        let waits = |u: &(FuncId, LifeUse)| matches!(u.1.deed, Deed::CancelSync { .. } | Deed::Flush);
        let Some((armer, arm)) = arm.filter(|_| !uses.iter().any(waits)) else { continue };
        if let Some(exit) = unloads(all, file)
            && words::may_be_module(all.world, exit)
            && !flushes(all, exit)
        {
            claims.add(claim(all, exit, Symbol::intern(name), (*armer, arm), &uses));
        }
    }
}

/// The function of a file that is called when the module is unloaded.
fn unloads(all: &Teardown<'_>, file: FileId) -> Option<FuncId> {
    let start = all.world.funcs.partition_point(|b| b.file < file);
    let own = all.world.funcs[start..].iter().take_while(|b| b.file == file).enumerate();
    let ends = |b: &cuthere_flow::body::Body| {
        let said = b.annotations.iter().any(|a| a.as_str() == "__exit");
        let words = ["exit", "cleanup", "unload"];
        b.params == 0 && b.is_static && (said || b.ret_void && b.name.as_str().split('_').any(|w| words.contains(&w)))
    };
    // What another configuration leaves empty is called nowhere either.
    own.filter(|(_, b)| ends(b) && !b.ops.is_empty())
        .map(|(n, _)| FuncId((start + n) as u32))
        .find(|f| all.lives.callers(*f).next().is_none())
}

/// Whether work queues are waited for as a whole.
fn flushes(all: &Teardown<'_>, exit: FuncId) -> bool {
    let queue = |d: &cuthere_flow::index::Done| is_queue(d.life.kind) || d.life.deed == Deed::Flush && d.life.spot == Spot::Unknown;
    all.lives.inside(exit).iter().any(queue)
}

fn claim(all: &Teardown<'_>, exit: FuncId, name: Symbol, (armer, arm): (FuncId, &LifeUse), uses: &[(FuncId, LifeUse)]) -> Claim {
    let (kind, loc) = (arm.kind, all.world.func(exit).loc);
    let cancel = uses.iter().find(|u| u.1.deed == Deed::Cancel);
    let how = if cancel.is_some() { "cancelled, but not waited for," } else { "not stopped" };
    let message = format!("the {kind} `{name}` is {how} when the module is unloaded by `{}()`", all.name(exit));
    let runs = uses.iter().find_map(|u| u.1.function);
    let claim = Claim::new(arm.op, (exit, loc), Confidence::Medium, message);
    let claim = all.show_armed(claim, (armer, arm), runs, name.as_str());
    let claim = claim.thread(all.thread(0, exit));
    let claim = match cancel {
        Some((f, u)) => claim.step(*f, all.loc(*f, u.op), "cancels it, and does not wait until it has returned"),
        None => claim,
    };
    claim
        .step(exit, loc, "returns, and the code of the module goes away")
        .assume("it may be armed when the module is unloaded")
        .identity(name.as_str())
}
