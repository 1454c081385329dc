//! The reply to a patch: mail that quotes each hunk a remark is about and puts the evidence below it.
//!
//! Decides what is worth a mail: what a patch introduces, what it claims to mend and does not, and functions that keep the mistake it
//! mends. What was there before and is not the patch's business stays out, unless `verbose`. Nothing is sent. Trailers are proposed the
//! way test robots of the kernel lists do, for a fix that is a patch of its own; not for a new version of a patch under review.

use crate::quote::excerpt;
use crate::types::{Change, Claim, HunkReport, PatchReview, Remark, Review, ScenarioResult, Verdict};
use crate::words::count;
use crate::wrap::{WIDTH, cut_line, fill, width};
use cuthere_base::{Finding, Step, folder};
use cuthere_mail::{Address, ReplyHeaders, Thread};
use std::collections::BTreeSet;

/// How to write the reply.
#[derive(Clone, Debug, Default)]
pub struct ReplyOptions {
    /// Who replies; left out of `Cc` and used for `From` and `Reported-by`.
    pub me: Option<Address>,
    /// Also what was there before, and a reply when there is nothing to object.
    pub verbose: bool,
    /// Options that the reader must give to see the same, such as `--arch powerpc`; one word each.
    pub arguments: Vec<String>,
    /// Who hears of it beside those who got the patch, as `Name <address>`.
    pub also: Vec<String>,
    /// What the patches were laid over, in the reader's words: a version or commit.
    pub tree: Option<String>,
}

/// Steps shown of one finding; the first and the last ones matter most.
const MOST_STEPS: usize = 12;

/// The reply, headers and all: one mail for each patch that something is said about, in mbox form if they are several. `None` if there is
/// nothing to say.
pub fn reply(review: &Review, thread: &Thread, options: &ReplyOptions) -> Option<String> {
    // Scenarios are about the series: they stand in the last patch's mail.
    let last = review.patches.last().map(|p| p.index);
    let shown = |patch: &PatchReview| if Some(patch.index) == last { review.scenarios.as_slice() } else { &[] };
    let mails: Vec<String> = review.patches.iter().filter_map(|patch| mail(review, patch, shown(patch), thread, options)).collect();
    match mails.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(several.iter().map(|mail| format!("From mboxrd@z Thu Jan  1 00:00:00 1970\n{}\n", escape_from(mail))).collect()),
    }
}

fn escape_from(mail: &str) -> String {
    let line = |l: &str| if l.trim_start_matches('>').starts_with("From ") { format!(">{l}\n") } else { format!("{l}\n") };
    mail.lines().map(line).collect()
}

fn mail(review: &Review, patch: &PatchReview, scenarios: &[ScenarioResult], thread: &Thread, options: &ReplyOptions) -> Option<String> {
    let me = options.me.as_ref();
    let mut body = text(review, patch, scenarios, options)?;
    let id = own_id(&body, patch, me);
    if patch.findings.iter().any(|r| r.change == Change::Introduced && r.gone_with.is_none()) {
        trailers(&mut body, id.as_deref(), options);
    }
    body.push_str("\n-- \ncuthere, reading source only: no build, no boot\n");
    let mut headers = ReplyHeaders::new(thread, patch.message, me.and_then(|a| a.email.as_deref())).unwrap_or_default();
    headers.add(&options.also, me.and_then(|a| a.email.as_deref()));
    let mut out = String::new();
    if let Some(me) = me {
        cut_header(&mut out, &format!("From: {}", me.header()));
    }
    out.push_str(&headers.to_text());
    if let Some(id) = &id {
        cut_header(&mut out, &format!("Message-ID: <{id}>"));
    }
    out.push_str("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
    // Whom a mail quotes it says only if it quotes.
    if body.starts_with('>')
        && let Some(message) = thread.messages.get(patch.message)
    {
        let who = message.from.display();
        if !who.is_empty() {
            let when = if message.date_raw.is_empty() { String::new() } else { format!("On {}, ", message.date_raw) };
            fill(&mut out, "", "", &format!("{when}{who} wrote:"));
        }
    }
    out.push_str(&body);
    Some(out)
}

fn cut_header(out: &mut String, line: &str) {
    out.extend(line.chars().filter(|c| !c.is_control()));
    out.push('\n');
}

/// The remarks of the mail, grouped by hunk in the order of the patch; those about no hunk last.
fn text(review: &Review, patch: &PatchReview, scenarios: &[ScenarioResult], options: &ReplyOptions) -> Option<String> {
    let said = |r: &&Remark| match r.change {
        Change::Introduced => true,
        Change::Remaining => options.verbose || r.claimed || r.moved_from.is_some(),
        Change::Fixed => options.verbose,
        Change::Nearby => false,
    };
    let remarks: Vec<&Remark> = patch.findings.iter().filter(said).collect();
    let siblings = patch.claim.as_ref().map_or(&[][..], |c| &c.siblings);
    if remarks.is_empty() && siblings.is_empty() && scenarios.is_empty() && !options.verbose {
        return None;
    }
    let mut out = String::new();
    let mut placed: BTreeSet<usize> = BTreeSet::new();
    let mut file = "";
    for hunk in &patch.hunks {
        let here = |r: &Remark| r.hunk.as_ref().is_some_and(|s| s.file == hunk.file && s.hunk == hunk.hunk);
        let about: Vec<usize> = remarks.iter().enumerate().filter(|(_, r)| here(r)).map(|(at, _)| at).collect();
        if about.is_empty() {
            continue;
        }
        let findings: Vec<&Finding> = about.iter().filter_map(|at| remarks.get(*at)).map(|r| &r.finding).collect();
        quote(&mut out, hunk, &findings, file != hunk.file);
        file = &hunk.file;
        about.iter().filter_map(|at| remarks.get(*at)).for_each(|r| remark(&mut out, r));
        placed.extend(about);
    }
    for (_, other) in remarks.iter().enumerate().filter(|(at, _)| !placed.contains(at)) {
        out.push('\n');
        remark(&mut out, other);
    }
    if let Some(claim) = &patch.claim {
        let mends = remarks.iter().any(|r| r.change == Change::Fixed);
        claim_text(&mut out, claim, options.verbose, mends);
    }
    if remarks.is_empty() && siblings.is_empty() {
        if !out.is_empty() && !out.ends_with("\n\n") {
            out.push('\n');
        }
        let stays = patch.findings.iter().any(|r| r.change == Change::Remaining);
        let none = if stays { "" } else { ", and none stays in the functions that it touches" };
        fill(&mut out, "", "", &format!("No finding comes with this patch{none}."));
        out.push('\n');
    }
    scenarios.iter().for_each(|s| scenario(&mut out, s));
    let before = review.patches.iter().filter(|p| p.index < patch.index && !p.already_applied).map(|p| p.index).min();
    how_to_check(&mut out, patch, before, &remarks, siblings.iter().map(|s| &s.finding), options);
    bounds(&mut out, review, patch, options);
    Some(out)
}

fn quote(out: &mut String, hunk: &HunkReport, findings: &[&Finding], name: bool) {
    if name {
        cut_line(out, &format!("> --- a/{}", clean(&hunk.file)));
        cut_line(out, &format!("> +++ b/{}", clean(&hunk.file)));
    }
    cut_line(out, &format!("> {}", clean(&hunk.header)));
    for line in excerpt(hunk, findings) {
        match line {
            Some(line) => cut_line(out, format!("> {}", clean(line)).trim_end()),
            None => out.push_str("> [...]\n"),
        }
    }
    out.push('\n');
}

/// What a scenario showed, with the interleaving that reaches the fault.
fn scenario(out: &mut String, result: &ScenarioResult) {
    out.push('\n');
    fill(out, "", "", &format!("Scenario {}: {} ({}).", result.scenario, result.verdict, result.states()));
    let Some(shown) = result.witness() else { return };
    let when = if shown.patch == 0 { "Before the series".to_owned() } else { format!("After patch {}", shown.patch) };
    out.push('\n');
    fill(out, "", "", &format!("{when}, on the tree's own functions:"));
    out.push('\n');
    shown.run.mail.lines().for_each(|line| cut_line(out, &clean(line)));
    out.push('\n');
}

/// Controls but tabs made visible.
fn clean(line: &str) -> String {
    line.split('\t').map(cuthere_mail::printable_line).collect::<Vec<_>>().join("\t")
}

fn remark(out: &mut String, remark: &Remark) {
    let finding = &remark.finding;
    let lead = match (remark.change, &remark.moved_from) {
        (Change::Introduced, _) if remark.gone_with.is_some() => "A defect from here to a later patch".to_owned(),
        (Change::Introduced, _) => "This introduces a defect".to_owned(),
        (Change::Fixed, _) => "This fixes".to_owned(),
        (_, Some(from)) if from.function != finding.function => format!("Still there, moved here from {}()", from.function),
        (_, Some(_)) => "Still there, at another place".to_owned(),
        (_, None) if remark.claimed => "Still there with this patch".to_owned(),
        (_, None) => "There before this patch".to_owned(),
    };
    let check = &finding.check;
    fill(out, "", "", &format!("{lead} ({check}, confidence {}):", finding.confidence.as_str()));
    out.push('\n');
    fill(out, "  ", "  ", &format!("{}:{}: {}", finding.file, finding.line, finding.message));
    steps(out, &finding.steps, &finding.file);
    let list = |out: &mut String, word: &str, items: &[String]| {
        if !items.is_empty() {
            fill(out, "  ", "    ", &format!("{word}: {}", items.join("; ")));
        }
    };
    if !finding.context.is_empty() && finding.context != NO_OTHER {
        fill(out, "  ", "    ", &format!("Context: {}", finding.context));
    }
    list(out, "Locks held", &finding.locks);
    list(out, "Assumed", &finding.assumes);
    out.push('\n');
    if let Some(later) = remark.gone_with {
        fill(out, "", "", &format!("Patch {later} of this series mends it; until then a bisection meets it."));
        out.push('\n');
    }
}

/// Steps in time order; the file is named when it changes, the function always.
fn steps(out: &mut String, steps: &[Step], own: &str) {
    let shown = |nth: usize| steps.len() <= MOST_STEPS || nth < MOST_STEPS / 2 || nth + MOST_STEPS / 2 >= steps.len();
    let mut file = own;
    let mut left_out = false;
    for (nth, step) in steps.iter().enumerate() {
        if !shown(nth) {
            if !left_out {
                let more = steps.len() - MOST_STEPS;
                out.push_str(&format!("     [{} left out]\n", count(more, "step")));
            }
            left_out = true;
            continue;
        }
        let place = if step.file == file { format!("line {}", step.line) } else { format!("{}:{}", step.file, step.line) };
        file = &step.file;
        let thread = step.thread.as_ref().map(|t| format!("[{t}] ")).unwrap_or_default();
        let lead = format!("  {}. ", nth + 1);
        let rest = " ".repeat(width(&lead));
        fill(out, &lead, &rest, &format!("{thread}{}(), {place}: {}", step.function, step.text));
    }
}

/// What became of the claim; `mends`: something is said to be mended, which may be the cause of what the claim names.
fn claim_text(out: &mut String, claim: &Claim, verbose: bool, mends: bool) {
    let words = match claim.verdict {
        Verdict::Fixed if verbose => Some("The defect that this patch claims to fix is gone."),
        Verdict::StillThere => Some("The patch claims a fix, but the finding above is there with it as without it."),
        Verdict::Moved => Some("The patch claims a fix, but the finding above only moved."),
        Verdict::NotSeen if verbose && !mends => {
            Some("What this patch claims to fix shows neither before nor after it in what was analysed.")
        }
        Verdict::Fixed | Verdict::NotSeen => None,
    };
    if let Some(words) = words {
        fill(out, "", "", words);
        out.push('\n');
    }
    if !claim.siblings.is_empty() {
        let same = if claim.siblings.len() == 1 { "Another function keeps" } else { "Other functions keep" };
        fill(out, "", "", &format!("{same} the mistake that this patch mends:"));
        out.push('\n');
        for sibling in &claim.siblings {
            let f = &sibling.finding;
            fill(out, "  - ", "    ", &format!("{}(), {}:{}: {}", f.function, f.file, f.line, f.message));
        }
        out.push('\n');
    }
}

/// The command that shows the same, on lines that fit: with the patch, or if all that is told is gone with it, without. `before` is the first
/// patch of the series that has to be laid before this one.
fn how_to_check<'f>(
    out: &mut String,
    patch: &PatchReview,
    before: Option<u32>,
    remarks: &[&'f Remark],
    siblings: impl Iterator<Item = &'f Finding>,
    options: &ReplyOptions,
) {
    let there = remarks.iter().filter(|r| r.change != Change::Fixed).map(|r| &r.finding);
    let mut findings: Vec<&Finding> = there.chain(siblings).collect();
    let gone = findings.is_empty();
    if gone {
        findings = remarks.iter().map(|r| &r.finding).collect();
    }
    // Of a tree that has the patch, what was before it is nowhere.
    if findings.is_empty() || (gone && patch.already_applied) {
        return;
    }
    let last = if gone { patch.index.saturating_sub(1) } else { patch.index };
    let checks: BTreeSet<&str> = findings.iter().map(|f| f.check.as_str()).collect();
    // Chains cross files, so the whole folder is named.
    let files: BTreeSet<&str> = findings.iter().map(|f| Some(folder(&f.file)).filter(|p| !p.is_empty()).unwrap_or(&f.file)).collect();
    let weak = findings.iter().any(|f| f.confidence == cuthere_base::Confidence::Low);
    let mut words: Vec<String> = vec!["cuthere".into(), "check".into()];
    if !patch.already_applied && (before.is_some() || !gone) {
        words.push(if before.is_some() { "--patch series.mbox" } else { "--patch this.patch" }.into());
    }
    words.extend(options.arguments.iter().map(|a| shell(a)));
    words.push(format!("--only {}", checks.into_iter().collect::<Vec<_>>().join(",")));
    if weak {
        words.push("--confidence low".into());
    }
    words.extend(files.into_iter().take(8).map(path_word));
    let lead = match before {
        _ if patch.already_applied => "To see it, in the tree:".to_owned(),
        Some(first) => {
            let which = if first == last { format!("patch {first}") } else { format!("patches {first} to {last}") };
            format!("To see it, in the tree, with {which} of the series saved in one file, series.mbox:")
        }
        None if gone => "To see it, in the tree without this patch:".to_owned(),
        None => "To see it, in the tree with this mail saved as this.patch:".to_owned(),
    };
    fill(out, "", "", &lead);
    out.push('\n');
    let mut line = String::from("   ");
    for word in words {
        if line.trim().is_empty() || width(&line) + 1 + width(&word) + 2 <= WIDTH {
            line.push(' ');
        } else {
            out.push_str(&line);
            out.push_str(" \\\n");
            line = String::from("        ");
        }
        line.push_str(&word);
    }
    out.push_str(&line);
    out.push_str("\n\n");
}

/// A word as the shell reads it back, whatever a file is called.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if cuthere_mail::printable_line(word) == word {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    // Characters that do not show, by their bytes.
    let mut out = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            c if cuthere_mail::printable_line(c.encode_utf8(&mut [0; 4])) == c.to_string() => out.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| out.push_str(&format!("\\x{b:02x}"))),
        }
    }
    out.push('\'');
    out
}

/// What a finding says of its context where no lock, section or entry says otherwise. Callers may know better, so a mail does not state it.
const NO_OTHER: &str = "preemptible";

/// A path as an argument: one that begins with `-` would be read as an option.
fn path_word(path: &str) -> String {
    if path.starts_with('-') { shell(&format!("./{path}")) } else { shell(path) }
}

fn bounds(out: &mut String, review: &Review, patch: &PatchReview, options: &ReplyOptions) {
    let scope = &review.scope;
    let tree = options.tree.as_ref().map(|t| format!(" of {t}")).unwrap_or_default();
    let named: Vec<&str> = scope.folders.iter().map(|f| if f.is_empty() { "the top folder" } else { f.as_str() }).collect();
    let folders = match named.as_slice() {
        [] => String::new(),
        some if some.len() <= 4 => format!(" in {}", some.join(", ")),
        many => format!(" in {} and {} more", many.iter().take(3).copied().collect::<Vec<_>>().join(", "), count(many.len() - 3, "folder")),
    };
    let checks = match scope.checks.as_slice() {
        [] => String::new(),
        [one] => format!(", by the check {one}"),
        some => format!(", by the checks {}", some.join(", ")),
    };
    let read = if scope.functions > 0 {
        format!(" ({} of {} read whole)", scope.functions_complete, count(scope.functions as usize, "function"))
    } else {
        String::new()
    };
    fill(
        out,
        "",
        "",
        &format!("Looked at: {}{folders}{tree}{read}{checks}. Nothing is claimed beyond that.", count(scope.files as usize, "file")),
    );
    if patch.failed > 0 {
        let all = count(patch.hunks.len(), "hunk");
        fill(out, "", "", &format!("{} of {all} did not apply here and were not looked at.", patch.failed));
    }
    if patch.blanks_ignored {
        fill(out, "", "", "The mail's blanks were damaged; the patch was applied ignoring them.");
    }
}

/// The identifier of the reply, so that it can name itself: from what it says and what it answers, in the sender's domain.
fn own_id(body: &str, patch: &PatchReview, me: Option<&Address>) -> Option<String> {
    let domain = me?.email.as_deref()?.rsplit_once('@')?.1;
    let fits = !domain.is_empty() && domain.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    // FNV-1a, 64 bits: stable between versions and machines.
    let hash = body
        .bytes()
        .chain(patch.message_id.bytes())
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    fits.then(|| format!("cuthere-{hash:016x}@{domain}"))
}

fn trailers(out: &mut String, id: Option<&str>, options: &ReplyOptions) {
    out.push('\n');
    fill(out, "", "", "If you fix this in a patch of its own (not in a new version of this one), kindly add:");
    out.push('\n');
    match &options.me {
        Some(me) => cut_header(out, &format!("  Reported-by: {}", me.header())),
        None => out.push_str("  Reported-by: <sender of this mail>\n"),
    }
    match id {
        Some(id) => cut_header(out, &format!("  Closes: https://lore.kernel.org/r/{id}/")),
        None => out.push_str("  Closes: <link to this mail>\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        let cases = [
            ("net/core", "net/core"),
            ("drivers/n --stats out/x.txt", "'drivers/n --stats out/x.txt'"),
            ("a'b", "'a'\\''b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("a\x1b[2J", "$'a\\x1b[2J'"),
            ("", "''"),
        ];
        for (word, expected) in cases {
            assert_eq!(shell(word), expected, "{word:?}");
        }
        assert_eq!((path_word("-rf"), path_word("fs")), ("./-rf".to_owned(), "fs".to_owned()));
    }
}
