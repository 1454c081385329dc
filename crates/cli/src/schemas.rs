//! The JSON Schemas of what the command writes as JSON, made from the types that are written, for the generator of `docs/schemas`.
//!
//! Fields may be added between versions and none renamed, so no schema forbids further fields.

use crate::{stats, thread};
use cuthere_analysis::FunctionAnswer;
use cuthere_base::Finding;
use cuthere_review::{Explanation, Review};
use cuthere_splat::Splat;
use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

/// Each with its name: a subcommand's, or of what else is written.
pub fn all() -> Vec<(&'static str, String)> {
    let all: [(&str, &str, Value); 8] = [
        ("finding", "a line of `cuthere check --format json`", of::<Finding>()),
        ("stats", "the file of `cuthere check --stats`", of::<stats::Stats>()),
        ("function", "`cuthere function --format json`", of::<Vec<FunctionAnswer>>()),
        ("review", "`cuthere review --format json`", of::<Review>()),
        ("explain", "`cuthere explain --format json`", of::<Explanation>()),
        ("thread", "`cuthere thread --format json`", of::<thread::Read>()),
        ("splat", "`cuthere splat --format json`", of::<Vec<Splat>>()),
        ("witness", "`cuthere witness --format json`", witness()),
    ];
    all.into_iter()
        .map(|(name, what, mut schema)| {
            schema["description"] = format!("What {what} writes.").into();
            let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
            (name, text + "\n")
        })
        .collect()
}

fn of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

/// The explorer writes its outcome by hand: the fields that other programs rest on.
fn witness() -> Value {
    let number = || json!({"type": "integer", "minimum": 0});
    let text = || json!({"type": "string"});
    let place = json!({"type": "object", "required": ["file", "line", "function"],
        "properties": {"file": text(), "line": number(), "function": text()}});
    let fault = json!({"type": "object", "required": ["fault", "message", "file", "line", "function", "replay"],
        "properties": {"fault": text(), "message": text(), "file": text(), "line": number(), "function": text(), "replay": text(),
            "stack": {"type": "array", "items": place}}});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Witness",
        "type": "object",
        "required": ["outcome", "fault", "faults", "executions", "bounds", "replay", "steps"],
        "properties": {
            "outcome": {"enum": ["fault", "none", "unknown"]},
            "fault": {"type": ["string", "null"]},
            "faults": {"type": "array", "items": fault},
            "executions": number(),
            "bounds": {"type": "object"},
            "replay": {"type": ["string", "null"]},
            "steps": {"type": "array", "items": {"type": "object"}},
        },
    })
}
