//! Findings for build services: GitLab's code quality reports and JUnit's test reports.
//!
//! GitLab's is the subset of the Code Climate format that its documentation names. JUnit's is the form that build services agree on:
//! a suite per check, a failed case per finding, and a passed case for a check that found nothing.

use crate::Rule;
use cuthere_base::{Confidence, Finding};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes one JSON array. Equal findings get fingerprints of their own, as the format asks.
pub fn gitlab(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let issue = |finding: &Finding, nth: u32| -> Value {
        let severity = match finding.confidence {
            Confidence::High => "critical",
            Confidence::Medium => "major",
            Confidence::Low => "minor",
        };
        let more = if nth == 0 { String::new() } else { format!("-{nth}") };
        json!({
            "type": "issue",
            "check_name": finding.check,
            "description": finding.message,
            "categories": ["Bug Risk"],
            "severity": severity,
            "fingerprint": format!("{}{more}", finding.fingerprint),
            "location": {"path": finding.file, "lines": {"begin": finding.line.max(1)}},
        })
    };
    let mut issues = Vec::with_capacity(findings.len());
    for finding in findings {
        let nth = seen.entry((&finding.check, &finding.fingerprint)).or_default();
        issues.push(issue(finding, *nth));
        *nth += 1;
    }
    serde_json::to_writer_pretty(&mut *out, &issues).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Writes one XML document.
pub fn junit(out: &mut dyn Write, findings: &[Finding], rules: &[Rule<'_>]) -> io::Result<()> {
    let mut by: BTreeMap<&str, Vec<&Finding>> = rules.iter().map(|rule| (rule.id, Vec::new())).collect();
    for finding in findings {
        by.entry(&finding.check).or_default().push(finding);
    }
    let tests: usize = by.values().map(|all| all.len().max(1)).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"cuthere\" tests=\"{tests}\" failures=\"{}\" errors=\"0\">", findings.len())?;
    for (check, all) in &by {
        let (tests, failures) = (all.len().max(1), all.len());
        writeln!(out, "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">", xml(check))?;
        if all.is_empty() {
            writeln!(out, "    <testcase classname=\"{0}\" name=\"{0}\"/>", xml(check))?;
        }
        for finding in all {
            let name = format!("{}:{} {}", finding.file, finding.line, finding.function);
            let (file, line) = (xml(&finding.file), finding.line);
            writeln!(out, "    <testcase classname=\"{}\" name=\"{}\" file=\"{file}\" line=\"{line}\">", xml(check), xml(&name))?;
            let mut text = String::new();
            for (nth, step) in finding.steps.iter().enumerate() {
                text.push_str(&format!("({}) {}:{} {}: {}\n", nth + 1, step.file, step.line, step.function, step.text));
            }
            finding.assumes.iter().for_each(|fact| text.push_str(&format!("assumes: {fact}\n")));
            writeln!(
                out,
                "      <failure message=\"{}\" type=\"{}\">{}</failure>",
                xml(&finding.message),
                finding.confidence.as_str(),
                xml(&text)
            )?;
            writeln!(out, "    </testcase>")?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// Text for XML. Characters that XML 1.0 does not have become escapes.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => cuthere_base::push_escaped(&mut out, c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        assert_eq!(xml("a<b> & \"c\"\x01"), "a&lt;b&gt; &amp; &quot;c&quot;\\x01");
    }
}
