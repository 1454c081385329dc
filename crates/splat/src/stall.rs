//! Lack of progress: soft and hard lockups, RCU stalls, hung tasks, workqueues. The innermost function of such a stack is where the
//! CPU happened to be, so the function is chosen by where the work was dispatched (see [`crate::guilty`]).

use crate::body::{Body, RawStack};
use crate::guilty::{in_group, pick, pick_hung, pick_stalled};
use crate::segment::Segment;
use crate::types::{Context, Frame, Kind, StackKind};
use crate::verdict::Verdict;

/// Reads a report of this family.
pub fn read(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    match segment.kind {
        Kind::HungTask => {
            if opening.contains("can't die") {
                return Verdict::new(Kind::HungTask, "INFO: task can't die in %", pick(body.main(), &["schedule"]));
            }
            Verdict::new(Kind::HungTask, "INFO: task hung in %", pick_hung(body.main()))
        }
        Kind::WorkqueueLockup => Verdict::bare(Kind::WorkqueueLockup, "BUG: workqueue lockup", None),
        Kind::RcuStall => Verdict::new(Kind::RcuStall, "INFO: rcu detected stall in %", stalled(body)),
        Kind::SoftLockup => {
            let frames = interrupted(body);
            Verdict::new(Kind::SoftLockup, "BUG: soft lockup in %", pick_stalled(frames.iter().copied(), &[]))
        }
        _ => {
            let frames = interrupted(body);
            let function = pick_stalled(frames.iter().copied(), &[]).or_else(|| pick(frames, &[]));
            Verdict::new(Kind::HardLockup, "BUG: hard lockup in %", function)
        }
    }
}

/// The instruction pointer and its stack, without the timer's interrupt that noticed and shows them.
fn interrupted(body: &Body) -> Vec<&Frame> {
    let mut frames = body.faulting();
    if let Some(timer) = frames.iter().position(|f| in_group("lockup-watch", &f.function))
        && let Some(entry) = frames.iter().skip(timer).position(|f| is_timer_interrupt(f))
    {
        let pointer = usize::from(body.instructions.first().is_some_and(|i| i.frame.is_some()));
        frames.drain(pointer.min(timer)..=timer + entry);
    }
    frames
}

/// The context of what a lockup interrupted, where the stack shows the timer's interrupt that noticed it.
pub fn context(body: &Body) -> Option<Context> {
    let frames = interrupted(body);
    if frames.len() == body.faulting().len() {
        return None;
    }
    let entry = |f: &&Frame| match f.function.as_str() {
        name if in_group("softirq-entry", name) => Some(Context::Softirq),
        name => in_group("hardirq-entry", name).then_some(Context::Hardirq),
    };
    Some(frames.iter().filter(|f| !f.unreliable).find_map(entry).unwrap_or(Context::Task))
}

/// What an RCU stall interrupted: the part of the stack outside the timer interrupt that noticed the stall, else any stack shown.
fn stalled(body: &Body) -> Option<String> {
    let groups = &["rcu-stall"][..];
    // The grace-period thread is shown when it starves; what starves it is elsewhere.
    let stacks = || {
        body.stacks.iter().filter(|s| {
            matches!(s.kind, StackKind::Main | StackKind::OtherCpu)
                && !s.frames.iter().any(|f| f.function.contains("rcu_gp_kthread") && !f.unreliable)
        })
    };
    for stack in stacks() {
        let interrupt = stack.frames.iter().position(is_timer_interrupt);
        if let Some(at) = interrupt {
            let rest: Vec<&Frame> = stack.frames.iter().skip(at + 1).collect();
            if let Some(f) = pick_stalled(rest.iter().copied(), groups) {
                return Some(f);
            }
        }
    }
    for stack in stacks() {
        let pointer = body.instructions.iter().rfind(|i| i.line <= stack.line).and_then(|i| i.frame.as_ref());
        if let Some(f) = pick_stalled(pointer.into_iter().chain(stack.frames.iter()), groups) {
            return Some(f);
        }
    }
    // An interrupt's handler that does not end, on a stack that leads nowhere else.
    // The timer's own only noticed the stall.
    let any = |s: &RawStack, group: &str| s.frames.iter().any(|f| in_group(group, &f.function));
    let handles = |s: &&RawStack| any(s, "hardirq-entry") && !any(s, "timer-handler");
    stacks().find(handles).and_then(|stack| pick(&stack.frames, groups))
}

fn is_timer_interrupt(f: &Frame) -> bool {
    in_group("timer-interrupt", &f.function)
}
