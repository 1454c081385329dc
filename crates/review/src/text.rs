//! A review and an explanation as text for a terminal. Everything that comes from mail or source is made printable.

use crate::explain::Explanation;
use crate::types::{Change, PatchReview, Remark, Review, Verdict};
use crate::words::{count, ranges};
use cuthere_base::{Confidence, Finding};
use cuthere_mail::printable_line as printable;
use std::fmt::{self, Write};

/// Findings nearby that are listed; more are counted.
const MOST_NEARBY: usize = 10;

/// Checks that the last line names.
const MOST_CHECKS: usize = 6;

/// The review. `verbose` also shows the evidence of what was there before.
pub fn review_text(review: &Review, verbose: bool) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_review(&mut out, review, verbose);
    out
}

fn write_review(out: &mut String, review: &Review, verbose: bool) -> fmt::Result {
    if !review.subject.is_empty() {
        let version = if review.version > 1 { format!(" v{}", review.version) } else { String::new() };
        writeln!(
            out,
            "series{version}: {} ({})",
            printable(&review.subject),
            count(review.patches.len(), "patch").replace("patchs", "patches")
        )?;
    }
    for patch in &review.patches {
        write_patch(out, review, patch)?;
    }
    let claimed = |r: &&Remark| r.claimed || r.moved_from.is_some();
    let (still, there): (Vec<&Remark>, Vec<&Remark>) = review.remaining.iter().partition(claimed);
    section(out, "introduced", &review.introduced.iter().collect::<Vec<_>>(), true)?;
    section(out, "still there", &still, true)?;
    section(out, "fixed", &review.fixed.iter().collect::<Vec<_>>(), verbose)?;
    section(out, "there before, in what this touches", &there, verbose)?;
    let most = if verbose { usize::MAX } else { MOST_NEARBY };
    section(out, "there before, nearby", &review.nearby.iter().take(most).collect::<Vec<_>>(), false)?;
    if review.nearby.len() > most {
        writeln!(out, "  … and {} more", review.nearby.len() - most)?;
    }
    for scenario in &review.scenarios {
        writeln!(out, "\nscenario {}: {}", printable(&scenario.scenario), scenario.verdict)?;
        writeln!(out, "  {}", printable(&scenario.states()))?;
        if !scenario.claimed_by.is_empty() {
            writeln!(out, "  a fault of the sort that patch {} claims to mend", ranges(&scenario.claimed_by))?;
        }
        if let Some(shown) = scenario.witness() {
            writeln!(out)?;
            shown.run.text.lines().try_for_each(|line| writeln!(out, "  {}", clean(line)))?;
        }
    }
    writeln!(out)?;
    review.notes.iter().try_for_each(|note| writeln!(out, "note: {}", printable(note)))?;
    let failed = review.failed_hunks.len();
    let failed = if failed == 0 { String::new() } else { format!(", {} not applied and not looked at", count(failed, "hunk")) };
    let scope = &review.scope;
    let checks = match scope.checks.len() {
        0 => String::new(),
        // A list that is longer than a line says less than how many they are.
        n if n > MOST_CHECKS => format!("; {n} checks"),
        _ => format!("; checks: {}", scope.checks.join(", ")),
    };
    let outside = scope.outside.as_ref().map_or_else(String::new, |known| format!("; {known}"));
    writeln!(
        out,
        "{} introduced, {} fixed, {} still there{failed}; looked at {} in {}{checks}{outside}",
        review.introduced.len(),
        review.fixed.len(),
        review.remaining.len(),
        count(scope.files as usize, "file"),
        count(scope.folders.len(), "folder"),
    )
}

/// A line made printable, its tabs kept.
fn clean(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

fn write_patch(out: &mut String, review: &Review, patch: &PatchReview) -> fmt::Result {
    let number = if patch.total > 1 { format!(" {}/{}", patch.index, patch.total) } else { String::new() };
    let subject = if patch.subject.trim().is_empty() { "a diff without a subject".to_owned() } else { printable(&patch.subject) };
    writeln!(out, "\npatch{number}: {subject}")?;
    let mut hunks = match patch.hunks.len() {
        0 => "none".to_owned(),
        all => format!("{} of {} in", patch.applied, count(all, "hunk")),
    };
    let with = |what: &str, n: usize| if n == 0 { String::new() } else { format!(", {n} {what}") };
    hunks += &with("with an offset", patch.hunks.iter().filter(|h| h.offset != 0).count());
    hunks += &with("with fuzz", patch.hunks.iter().filter(|h| h.fuzz > 0).count());
    hunks += &with("there already", patch.hunks.iter().filter(|h| h.result == "already-applied").count());
    writeln!(out, "  hunks: {hunks}")?;
    for failed in review.failed_hunks.iter().filter(|f| f.patch == patch.index) {
        let which = if failed.hunk == 0 { "the file".to_owned() } else { format!("hunk {}", failed.hunk) };
        let file = if failed.file.is_empty() { "no file's name".to_owned() } else { printable(&failed.file) };
        writeln!(out, "  failed: {file}: {which}: {}", printable(&failed.reason))?;
        if !failed.header.is_empty() {
            writeln!(out, "    {}", printable(&failed.header))?;
        }
        if let Some(nearest) = &failed.nearest {
            writeln!(out, "    nearest match at line {} ({} %):", nearest.line, nearest.similarity)?;
            nearest.text.lines().take(4).try_for_each(|line| writeln!(out, "      | {}", printable(&line.replace('\t', "        "))))?;
        }
    }
    if let Some(claim) = &patch.claim {
        let kinds = if claim.kinds.is_empty() { "something".to_owned() } else { claim.kinds.join(", ") };
        let verdict = match claim.verdict {
            Verdict::Fixed => "fixed",
            Verdict::StillThere => "still there",
            Verdict::Moved => "moved, still there",
            Verdict::NotSeen => "shows neither before nor after",
        };
        writeln!(out, "  claims to fix {kinds} ({}): {verdict}", claim.by.join(", "))?;
        for sibling in &claim.siblings {
            writeln!(out, "  same mistake elsewhere: {}", one_line(&sibling.finding))?;
        }
    }
    patch.notes.iter().try_for_each(|note| writeln!(out, "  note: {}", printable(note)))?;
    // What a later patch of the series takes back does not show in the whole.
    let lasting = |r: &&Remark| !review.introduced.iter().any(|w| w.finding.fingerprint == r.finding.fingerprint);
    for remark in patch.findings.iter().filter(|r| r.change == Change::Introduced).filter(lasting) {
        let later = remark.gone_with.map_or_else(|| "a later patch".to_owned(), |n| format!("patch {n}"));
        writeln!(out, "  introduced, and gone with {later}: {}", one_line(&remark.finding))?;
    }
    Ok(())
}

fn section(out: &mut String, title: &str, remarks: &[&Remark], whole: bool) -> fmt::Result {
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:")?;
    for remark in remarks {
        if !whole {
            writeln!(out, "  {}", one_line(&remark.finding))?;
            continue;
        }
        write_finding(out, &remark.finding, "  ")?;
        if let Some(from) = &remark.moved_from {
            writeln!(out, "     = moved from: {}:{} in `{}`", printable(&from.file), from.line, printable(&from.function))?;
        }
        if let Some(spot) = &remark.hunk {
            writeln!(out, "     = patch: {}, hunk {} of {}", remark.patch, spot.hunk, printable(&spot.file))?;
        }
    }
    Ok(())
}

fn level(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "error",
        Confidence::Medium => "warning",
        Confidence::Low => "note",
    }
}

fn one_line(finding: &Finding) -> String {
    let Finding { check, file, line, function, message, .. } = finding;
    let level = level(finding.confidence);
    format!("{level}[{check}]: {} ({}:{line} in `{}`)", printable(message), printable(file), printable(function))
}

/// A finding with its steps, one line each.
pub(crate) fn write_finding(out: &mut String, finding: &Finding, indent: &str) -> fmt::Result {
    writeln!(out, "{indent}{}[{}]: {}", level(finding.confidence), printable(&finding.check), printable(&finding.message))?;
    writeln!(out, "{indent}  --> {}:{}:{} in `{}`", printable(&finding.file), finding.line, finding.column, printable(&finding.function))?;
    for (nth, step) in finding.steps.iter().enumerate() {
        let thread = step.thread.as_ref().map(|t| format!("[{}] ", printable(t))).unwrap_or_default();
        let place = format!("{}:{} in `{}`", printable(&step.file), step.line, printable(&step.function));
        writeln!(out, "{indent}  ({}) {thread}{place}: {}", nth + 1, printable(&step.text))?;
    }
    if !finding.context.is_empty() {
        writeln!(out, "{indent}   = context: {}", printable(&finding.context))?;
    }
    if !finding.locks.is_empty() {
        writeln!(out, "{indent}   = locks held: {}", printable(&finding.locks.join(", ")))?;
    }
    finding.assumes.iter().try_for_each(|fact| writeln!(out, "{indent}   = assumes: {}", printable(fact)))
}

/// The explanation of crash reports.
pub fn explanation_text(explanation: &Explanation) -> String {
    let mut out = String::new();
    let _ = write_explanation(&mut out, explanation);
    out
}

fn write_explanation(out: &mut String, explanation: &Explanation) -> fmt::Result {
    for (nth, splat) in explanation.splats.iter().enumerate() {
        writeln!(out, "{}{}", if nth > 0 { "\n" } else { "" }, printable(&splat.splat.title))?;
        if let Some(claim) = &splat.claim {
            writeln!(out, "  {}", printable(claim))?;
        }
        if let Some(call) = &splat.call {
            let what = if call.callee.is_some() { "the call" } else { "the function" };
            writeln!(out, "  {what}: {}", printable(&call.text()))?;
            if let Some(text) = &call.text {
                writeln!(out, "    | {}", printable(text))?;
            }
            call.why.iter().try_for_each(|why| writeln!(out, "    {}", printable(why)))?;
        }
        for (nth, link) in splat.chain.iter().enumerate() {
            // What the line before calls, and the tree does not define, has nothing more to say.
            let caller = nth.checked_sub(1).and_then(|before| splat.chain.get(before));
            if link.file.is_some() || link.next.is_some() || caller.is_none_or(|c| c.calls.as_ref() != Some(&link.function)) {
                writeln!(out, "    {}", printable(&link.text()))?;
            }
        }
        for source in &splat.source {
            for inner in source.inlined.iter().rev() {
                let function = inner.function.as_ref().map(|f| format!("`{f}`")).unwrap_or_else(|| "a function".to_owned());
                let place = format!("{}:{}", inner.file, inner.line);
                writeln!(out, "  inlined in `{}`: {} ({})", printable(&source.function), printable(&function), printable(&place))?;
            }
        }
        for (word, sources) in [("allocated", &splat.allocated), ("freed", &splat.freed), ("the other access is", &splat.against)] {
            if !sources.is_empty() {
                let places: Vec<String> = sources.iter().take(3).map(|s| s.text()).collect();
                writeln!(out, "  {word} in {}", printable(&places.join(", from ")))?;
            }
        }
        splat.splat.notes.iter().try_for_each(|note| writeln!(out, "  note: {}", printable(note)))?;
        for lock in &splat.held {
            writeln!(out, "  held: {}", printable(&lock.text()))?;
        }
        if let Some(entered) = &splat.entered {
            writeln!(out, "  entered: {}", printable(entered))?;
        }
        if let Some(agreement) = &splat.agreement {
            if !agreement.locks.is_empty() {
                let locks: Vec<String> = agreement.locks.iter().map(|class| format!("`{class}`")).collect();
                writeln!(out, "  locks of the report: {}", printable(&locks.join(", ")))?;
            }
            match agreement.findings.as_slice() {
                [] => writeln!(out, "  no static finding agrees:")?,
                findings => writeln!(out, "  a static finding agrees: {}", printable(&findings.join(", ")))?,
            }
            agreement.none.iter().try_for_each(|why| writeln!(out, "    {}", printable(why)))?;
        }
        if let Some(why) = &splat.splat.corrupted {
            writeln!(out, "  the report is not whole: {}", printable(why))?;
        }
        splat.splat.damage.iter().try_for_each(|damage| writeln!(out, "  damage: {}", printable(damage)))?;
        for frame in &splat.splat.unread_frames {
            writeln!(out, "  a frame that could not be read whole (line {}): {}", frame.line, printable(&frame.text))?;
        }
    }
    for finding in &explanation.findings {
        let agrees = if finding.agrees { "agrees" } else { "in the same functions" };
        writeln!(out, "\n{agrees}:")?;
        write_finding(out, &finding.finding, "  ")?;
    }
    explanation.notes.iter().try_for_each(|note| writeln!(out, "note: {}", printable(note)))
}
