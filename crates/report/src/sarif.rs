//! SARIF 2.1.0 (OASIS): one run, a rule per check, a result per finding, its steps as a code flow with a thread flow per thread.
//!
//! Files are relative to `SRCROOT`, those of a module outside the tree to a base of their own. What could not be read is a notification of the run. Columns are bytes, which in the kernel's sources are characters nearly everywhere. Confidence is the
//! level: high `error`, medium `warning`, low `note`. Forges match results between runs by `partialFingerprints`.
//! Only the few parts of the format that findings need are written; a test holds them against the official schema.

use crate::excerpt::end_column;
use crate::{Lines, Rule};
use cuthere_base::{Confidence, Finding, Step};
use serde_json::{Value, json};
use std::io::{self, Write};

const ROOT: &str = "SRCROOT";
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What the fingerprint in `partialFingerprints` is called; the number changes when fingerprints are computed differently.
const FINGERPRINT: &str = "cuthere/v1";

/// What a log is of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin<'a> {
    /// The program's version.
    pub version: &'a str,
    /// The tree's folder, absolute.
    pub root: Option<String>,
    /// Where the tree's repository is, as a URI, and the revision that was looked at.
    pub repository: Option<(String, String)>,
    /// Folders outside the tree: how the paths of findings in them begin, and where they are, absolute.
    pub outside: Vec<(String, String)>,
    /// What was not read or not understood, a sentence each.
    pub gaps: Vec<String>,
}

impl Origin<'_> {
    /// A file's base, and its path below that.
    fn place<'f>(&self, file: &'f str) -> (String, &'f str) {
        let below = |(nth, (prefix, _)): (usize, &(String, String))| {
            let rest = file.strip_prefix(prefix.as_str())?.strip_prefix('/')?;
            Some((module(nth), rest))
        };
        self.outside.iter().enumerate().find_map(below).unwrap_or_else(|| (ROOT.to_owned(), file))
    }
}

/// The base of a folder outside.
fn module(nth: usize) -> String {
    if nth == 0 { "MODULE".to_owned() } else { format!("MODULE{}", nth + 1) }
}

/// Writes one SARIF log. Findings of a check that is not among `rules` refer to it by id only.
pub fn sarif(out: &mut dyn Write, findings: &[Finding], rules: &[Rule], origin: &Origin<'_>, lines: &Lines) -> io::Result<()> {
    let mut run = json!({
        "tool": {"driver": {
            "name": "cuthere",
            "semanticVersion": origin.version,
            "rules": rules.iter().map(descriptor).collect::<Vec<Value>>(),
        }},
        "columnKind": "unicodeCodePoints",
        "results": findings.iter().map(|finding| result(finding, rules, origin, lines)).collect::<Vec<Value>>(),
    });
    let base = |folder: &str| json!({"uri": format!("file://{}/", uri(folder.trim_end_matches('/')))});
    let roots = origin.root.iter().map(|root| (ROOT.to_owned(), base(root)));
    let modules = origin.outside.iter().enumerate().map(|(nth, (_, folder))| (module(nth), base(folder)));
    let bases: serde_json::Map<String, Value> = roots.chain(modules).collect();
    if !bases.is_empty() {
        run["originalUriBaseIds"] = Value::Object(bases);
    }
    let notification = |gap: &String| json!({"level": "warning", "message": {"text": gap}});
    let gaps: Vec<Value> = origin.gaps.iter().map(notification).collect();
    run["invocations"] = json!([{"executionSuccessful": true, "toolExecutionNotifications": gaps}]);
    if let Some((repository, revision)) = &origin.repository {
        run["versionControlProvenance"] = json!([{
            "repositoryUri": repository,
            "revisionId": revision,
            "mappedTo": {"uriBaseId": ROOT},
        }]);
    }
    let log = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]});
    serde_json::to_writer_pretty(&mut *out, &log).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": rule.page},
        "helpUri": help_uri(rule),
        "defaultConfiguration": {"level": if rule.trial { "warning" } else { "error" }},
        // What forges show beside a rule: of a check on trial one finding in two is right, of the others nine in ten.
        "properties": {"precision": if rule.trial { "medium" } else { "high" }, "tags": ["correctness", "kernel"]},
    })
}

/// The document that a check follows, if its page names one; else the command's own page by a name that a program can tell from others.
fn help_uri(rule: &Rule) -> String {
    let linked = rule.page.find("https://").and_then(|at| rule.page.get(at..)?.split([')', ']', '>', ' ', '\n', '`']).next());
    linked.map_or_else(|| format!("cuthere:checks/{}", rule.id), |link| link.trim_end_matches(['.', ',']).to_owned())
}

fn result(finding: &Finding, rules: &[Rule], origin: &Origin<'_>, lines: &Lines) -> Value {
    let level = match finding.confidence {
        Confidence::High => "error",
        Confidence::Medium => "warning",
        Confidence::Low => "note",
    };
    let mut result = json!({
        "ruleId": finding.check,
        "level": level,
        "message": {"text": finding.message},
        "locations": [location((&finding.file, finding.line, finding.column), &finding.function, None, origin, lines)],
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
        result["codeFlows"] = json!([{"threadFlows": thread_flows(&finding.steps, origin, lines)}]);
    }
    result
}

/// One flow per thread, in the order in which the threads first act; `executionOrder` keeps the order across them.
fn thread_flows(steps: &[Step], origin: &Origin<'_>, lines: &Lines) -> Vec<Value> {
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
                let place = location((&step.file, step.line, step.column), &step.function, Some(&step.text), origin, lines);
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

fn location((file, line, column): (&str, u32, u32), function: &str, text: Option<&str>, origin: &Origin<'_>, lines: &Lines) -> Value {
    let (base, path) = origin.place(file);
    let mut physical = json!({"artifactLocation": {"uri": uri(path), "uriBaseId": base}});
    if line > 0 {
        let mut region = json!({"startLine": line});
        if column > 0 {
            region["startColumn"] = json!(column);
            if let Some(end) = lines(file, line).and_then(|text| end_column(&text, column)) {
                region["endLine"] = json!(line);
                region["endColumn"] = json!(end);
            }
        }
        physical["region"] = region;
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
    use super::{Origin, uri};

    #[test]
    fn folders_outside_have_bases_of_their_own() {
        let folder = |inner: &str, at: &str| (inner.to_owned(), at.to_owned());
        let origin = Origin { outside: vec![folder("extmod/m", "/src/m"), folder("extmod/n", "/src/n")], ..Origin::default() };
        assert_eq!(origin.place("extmod/m/a.c"), ("MODULE".to_owned(), "a.c"));
        assert_eq!(origin.place("extmod/n/b/c.c"), ("MODULE2".to_owned(), "b/c.c"));
        assert_eq!(origin.place("extmod/more/a.c"), ("SRCROOT".to_owned(), "extmod/more/a.c"));
    }

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("net/batman-adv/hard-interface.c"), "net/batman-adv/hard-interface.c");
        assert_eq!(uri("a b/100%:ä.c"), "a%20b/100%25%3A%C3%A4.c");
    }
}
