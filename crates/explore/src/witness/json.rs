//! One JSON object; fields are added, never renamed.

use super::outcome_word;
use super::steps::{Line, relevant};
use crate::outcome::{FoundFault, Options, Outcome, Place, Replay};
use serde_json::{Value, json};

fn place_json(place: &Place) -> Value {
    json!({"file": place.file, "line": place.line, "function": place.function})
}

fn locks_json(held: &[(String, Place)]) -> Vec<Value> {
    held.iter().map(|(name, place)| json!({"lock": name, "at": place_json(place)})).collect()
}

fn fault_json(found: &FoundFault) -> Value {
    json!({
        "fault": found.fault.kind.id(),
        "message": found.fault.detail,
        "file": found.place.file,
        "line": found.place.line,
        "function": found.place.function,
        "thread": found.thread,
        "cpu": found.cpu,
        "context": found.context,
        "stack": found.stack.iter().map(place_json).collect::<Vec<_>>(),
        "allocated": found.allocated.as_ref().map(|(p, _)| place_json(p)),
        "freed": found.freed.as_ref().map(|(p, _)| place_json(p)),
        "freed_locks": found.freed_with.as_ref().map(|locks| locks_json(locks)),
        "armed": found.armed.as_ref().map(|(thread, stack)| json!({"thread": thread, "stack": stack.iter().map(place_json).collect::<Vec<_>>()})),
        "locks": locks_json(&found.held),
        "other_access": found.beside.as_ref().map(|access| json!({
            "write": access.write,
            "thread": access.thread,
            "cpu": access.cpu,
            "context": access.context,
            "stack": access.stack.iter().map(place_json).collect::<Vec<_>>(),
            "locks": locks_json(&access.held),
        })),
        "replay": found.schedule.encode(),
        "guess": found.guess,
        "object": found.object,
        "operands": found.operands,
        "waiting": found.waits.iter().map(|wait| json!({
            "thread": wait.thread,
            "call": wait.call,
            "lock": wait.lock,
            "interrupted": wait.interrupted,
            "stack": wait.stack.iter().map(place_json).collect::<Vec<_>>(),
            "holder": wait.holder.as_ref().map(|(_, thread, place)| json!({"thread": thread, "at": place_json(place)})),
        })).collect::<Vec<_>>(),
    })
}

/// The outcome as one JSON object.
pub fn json(outcome: &Outcome, options: &Options) -> String {
    let step = |line: &Line<'_>| {
        let thread = outcome.threads.get(line.step.thread);
        json!({
            "thread": thread.map(|t| t.name.clone()),
            "cpu": thread.map(|t| t.cpu),
            "context": thread.map(|t| t.context),
            "file": line.step.place.file,
            "line": line.step.place.line,
            "function": line.step.place.function,
            "text": line.step.text,
            "values": line.values,
            "waits": line.step.waits,
        })
    };
    let first = outcome.faults.first();
    let value = json!({
        "outcome": outcome_word(outcome),
        "fault": first.map(|f| f.fault.kind.id()),
        "faults": outcome.faults.iter().map(fault_json).collect::<Vec<_>>(),
        "executions": outcome.executions,
        "bounds": {
            "preemptions": if outcome.complete { Value::Null } else { json!(options.preemptions) },
            "interrupts": options.interrupts,
            "unroll": if outcome.unroll > 0 { outcome.unroll } else { options.unroll },
            "threads": if outcome.alike > 0 { json!(outcome.alike) } else { Value::Null },
            "reached": outcome.bounds,
        },
        "replay": first.map(|f| f.schedule.encode()),
        "diverged": match &outcome.replay {
            Some(Replay::Diverged(run, why)) => json!({"run": run, "reason": why}),
            _ => Value::Null,
        },
        "steps": relevant(outcome).iter().map(step).collect::<Vec<_>>(),
        "unknown_calls": outcome.unknown_calls,
        "unsupported": outcome.unsupported,
        "guesses": outcome.guesses,
        "hints": outcome.hints,
        "unfinished": outcome.unfinished,
        "unreached": outcome.unreached.iter().map(place_json).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}
