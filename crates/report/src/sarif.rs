//! SARIF 2.1.0 (OASIS): one run, a rule per check, a result per finding, its steps as a code flow with a thread flow per thread.
//!
//! Files are relative to `SRCROOT`. Columns are bytes, which in the kernel's sources are characters nearly everywhere. Confidence is the
//! level: high `error`, medium `warning`, low `note`. Forges match results between runs by `partialFingerprints`.
//! Only the few parts of the format that findings need are written; a test holds them against the official schema.

use crate::Rule;
use cuthere_base::{Confidence, Finding, Step};
use serde_json::{Value, json};
use std::io::{self, Write};

const ROOT: &str = "SRCROOT";
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What the fingerprint in `partialFingerprints` is called; the number changes when fingerprints are computed differently.
const FINGERPRINT: &str = "cuthere/v1";

/// Writes one SARIF log. Findings of a check that is not among `rules` refer to it by id only.
pub fn sarif(out: &mut dyn Write, findings: &[Finding], rules: &[Rule], version: &str) -> io::Result<()> {
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "cuthere",
                "semanticVersion": version,
                "rules": rules.iter().map(descriptor).collect::<Vec<Value>>(),
            }},
            "results": findings.iter().map(|finding| result(finding, rules)).collect::<Vec<Value>>(),
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": rule.page},
    })
}

fn result(finding: &Finding, rules: &[Rule]) -> Value {
    let level = match finding.confidence {
        Confidence::High => "error",
        Confidence::Medium => "warning",
        Confidence::Low => "note",
    };
    let mut result = json!({
        "ruleId": finding.check,
        "level": level,
        "message": {"text": finding.message},
        "locations": [location(&finding.file, finding.line, finding.column, &finding.function, None)],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "properties": {
            "assumes": finding.assumes,
            "confidence": finding.confidence,
            "context": finding.context,
            "locks": finding.locks,
        },
    });
    if let Some(index) = rules.iter().position(|rule| rule.id == finding.check) {
        result["ruleIndex"] = json!(index);
    }
    if !finding.steps.is_empty() {
        result["codeFlows"] = json!([{"threadFlows": thread_flows(&finding.steps)}]);
    }
    result
}

/// One flow per thread, in the order in which the threads first act; `executionOrder` keeps the order across them.
fn thread_flows(steps: &[Step]) -> Vec<Value> {
    let mut threads: Vec<&Option<String>> = Vec::new();
    for step in steps {
        if !threads.contains(&&step.thread) {
            threads.push(&step.thread);
        }
    }
    let flow = |thread: &Option<String>| {
        let own = steps.iter().enumerate().filter(|(_, step)| step.thread == *thread);
        let locations: Vec<Value> = own
            .map(|(index, step)| {
                let place = location(&step.file, step.line, step.column, &step.function, Some(&step.text));
                json!({"location": place, "executionOrder": index + 1})
            })
            .collect();
        let mut flow = json!({"locations": locations});
        if let Some(name) = thread {
            flow["id"] = json!(name);
        }
        flow
    };
    threads.into_iter().map(flow).collect()
}

fn location(file: &str, line: u32, column: u32, function: &str, text: Option<&str>) -> Value {
    let mut physical = json!({"artifactLocation": {"uri": uri(file), "uriBaseId": ROOT}});
    if line > 0 {
        physical["region"] = if column > 0 { json!({"startLine": line, "startColumn": column}) } else { json!({"startLine": line}) };
    }
    let mut place = json!({"physicalLocation": physical});
    if !function.is_empty() {
        place["logicalLocations"] = json!([{"name": function, "kind": "function"}]);
    }
    if let Some(text) = text {
        place["message"] = json!({"text": text});
    }
    place
}

/// A path as a relative URI reference (RFC 3986): what a path segment may not hold is percent-encoded, colons too, so that a first segment
/// never looks like a scheme.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' | b'+' | b',' | b'=' | b'@' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("net/batman-adv/hard-interface.c"), "net/batman-adv/hard-interface.c");
        assert_eq!(uri("a b/100%:ä.c"), "a%20b/100%25%3A%C3%A4.c");
    }
}
