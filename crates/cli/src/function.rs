//! `cuthere function`: how functions are entered, whether they may sleep, what they do to their callers.

use crate::args::{FunctionArgs, ReadFormat};
use crate::memo::Memo;
use crate::progress::Stages;
use crate::{Status, check, engine, inputs, output, unknown, workers};
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use cuthere_analysis::{Done, FunctionAnswer, Holds};
use cuthere_base::Step;
use cuthere_report::escape;
use std::io::{self, Write};

/// Locks that may be held at no call in particular, by name.
const LOCKS_SHOWN: usize = 6;
/// Callers that the text lists.
const CALLERS_SHOWN: usize = 8;

/// Runs the subcommand.
pub fn run(args: &FunctionArgs) -> Result<Status> {
    workers(args.tree.jobs)?;
    let inputs = inputs::open(&args.tree, &[])?;
    inputs::say_skipped(&inputs.skipped);
    let stages = Stages::new();
    let memo = Memo::open(&args.tree);
    // With all checks, as a run of `check` over the whole tree: each finds what the other has left.
    let options = engine::options(&inputs, &check::chosen_checks(&[])?);
    let (answers, stats) = memo.functions(&inputs.tree, &inputs, &options, &stages, &args.name);
    memo.close();
    stages.finish();
    if answers.is_empty() {
        return unknown::answer(args, &inputs, stats.functions);
    }
    match args.format {
        ReadFormat::Json => {
            let json = serde_json::to_string_pretty(&answers).context("cannot write the answer as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))?;
        }
        ReadFormat::Text => output::standard(|out, colour| {
            let styles = if colour { Styles::colour() } else { Styles::default() };
            for (n, answer) in answers.iter().enumerate() {
                if n > 0 {
                    writeln!(out)?;
                }
                text(out, answer, &styles)?;
            }
            Ok(())
        })?,
    }
    Ok(Status::Clean)
}

/// How the parts of an answer look.
#[derive(Default)]
struct Styles {
    head: Style,
    fact: Style,
    place: Style,
}

impl Styles {
    fn colour() -> Styles {
        Styles {
            head: Style::new().bold().fg_color(Some(AnsiColor::BrightBlue.into())),
            fact: Style::new().bold(),
            place: AnsiColor::BrightBlue.on_default(),
        }
    }
}

/// One answer: what holds on entry first, then the examples, then what the function does.
fn text(out: &mut dyn Write, answer: &FunctionAnswer, styles: &Styles) -> io::Result<()> {
    let Styles { head, fact, .. } = styles;
    writeln!(out, "{head}{}(){head:#} at {}:{}", escape(&answer.function), escape(&answer.file), answer.line)?;
    let entered = &answer.entered;
    let held: Vec<&Holds> = entered.locks.iter().filter(|l| l.always).collect();
    let certainly: Vec<&Holds> = entered.locks.iter().filter(|l| !l.always && l.always_certain).collect();
    let (mostly, rarely): (Vec<&Holds>, Vec<&Holds>) =
        entered.locks.iter().filter(|l| !l.always && !l.always_certain).partition(|l| l.calls.is_some_and(|c| c.0 > 0));
    let mut line = |what: &str, text: &str| {
        if text.is_empty() { Ok(()) } else { writeln!(out, "  {fact}{what}:{fact:#} {}", escape(text)) }
    };
    if entered.assumed {
        line("not seen", "who calls it; task context with nothing held is assumed")?;
    }
    line("held on every way in", &none(names(&held)))?;
    line("held on every certain way in", &names(&certainly))?;
    let share = |l: &&Holds| l.calls.map_or(String::new(), |(n, of)| format!("{} at {n} of {of} calls", name(l)));
    line("held", &mostly.iter().map(share).collect::<Vec<_>>().join(", "))?;
    let few = names(&rarely[..rarely.len().min(LOCKS_SHOWN)]);
    let more = rarely.len().saturating_sub(LOCKS_SHOWN);
    line("perhaps held", &if more > 0 { format!("{few}, and {more} more") } else { few })?;
    let tiers = |list: &[Holds]| {
        let of = |want: &dyn Fn(&Holds) -> bool| names(&list.iter().filter(|h| want(h)).collect::<Vec<_>>());
        (of(&|h| h.always), of(&|h| !h.always && h.sometimes_certain), of(&|h| !h.always && !h.sometimes_certain))
    };
    let (always, some, perhaps) = tiers(&entered.levels);
    line("always entered in", &always)?;
    line("entered in", &some)?;
    line("perhaps entered in", &perhaps)?;
    let (always, some, perhaps) = tiers(&entered.context);
    line("always with", &always)?;
    line("sometimes with", &some)?;
    line("perhaps with", &perhaps)?;
    line("atomic on entry", entered.atomic)?;
    line("may sleep", &sleeps(answer))?;
    let mut gaps = Vec::new();
    if !answer.address_taken.is_empty() {
        gaps.push(format!("its address is taken in {} more, where calls are not followed", places(answer.address_taken.len())));
    }
    if entered.truncated {
        gaps.push("more locks may be held than are told apart".to_owned());
    }
    if answer.truncated {
        gaps.push("not all of its paths were followed".to_owned());
    }
    if !answer.read_whole {
        gaps.push("not all of its body could be read".to_owned());
    }
    line("not known", &gaps.join("; "))?;

    ways_in(out, answer, styles)?;
    let sections: [(&str, &[Done]); 5] = [
        ("may sleep", &answer.sleeps),
        ("takes", &answer.locks),
        ("frees", &answer.frees),
        ("references", &answer.references),
        ("dereferences untested", &answer.dereferences),
    ];
    for (title, list) in sections {
        for done in list {
            let when = if done.condition.is_empty() { String::new() } else { format!(" if {}", done.condition) };
            writeln!(out, "  {fact}{title}{fact:#} {}{}", escape(&done.what), escape(&when))?;
            steps(out, &done.steps, styles)?;
        }
    }
    for returned in &answer.returns {
        writeln!(out, "  {fact}returns{fact:#} {}", escape(returned))?;
    }
    for outcome in &answer.outcomes {
        let when = if outcome.condition.is_empty() { String::new() } else { format!(" if {}", outcome.condition) };
        let leaves = if outcome.leaves.is_empty() { "everything as it was".to_owned() } else { outcome.leaves.join(", ") };
        writeln!(out, "  {fact}on return with{fact:#} {}{}: {}", escape(&outcome.returns), escape(&when), escape(&leaves))?;
    }
    Ok(())
}

/// Who leads to the function, and an example for all that holds on entry.
fn ways_in(out: &mut dyn Write, answer: &FunctionAnswer, styles: &Styles) -> io::Result<()> {
    let Styles { fact, .. } = styles;
    let entered = &answer.entered;
    for origin in &answer.entry_points {
        writeln!(out, "  {fact}{}{fact:#}, {}:{}", escape(&origin.how), escape(&origin.file), origin.line)?;
    }
    for through in &answer.through {
        let bound: Vec<String> = through.bound.iter().map(|b| format!("{}:{}", b.file, b.line)).collect();
        let bound = if bound.is_empty() { String::new() } else { format!(", bound at {}", bound.join(", ")) };
        writeln!(out, "  {fact}called through{fact:#} {} in {}{}", escape(&through.pointer), places(through.calls), escape(&bound))?;
    }
    if answer.callers_total > 0 {
        writeln!(out, "  {fact}called{fact:#} in {}", places(answer.callers_total))?;
        for caller in answer.callers.iter().take(CALLERS_SHOWN) {
            let holds = caller.holds.iter().cloned().chain(caller.sometimes.iter().map(|s| format!("sometimes {s}")));
            let holds: Vec<String> = holds.collect();
            let holds = if holds.is_empty() { String::new() } else { format!(": {}", holds.join(", ")) };
            place(out, &caller.file, caller.line, &format!("{}(){holds}", caller.function), styles)?;
        }
        if answer.callers_total > CALLERS_SHOWN {
            writeln!(out, "    and {} more", answer.callers_total - CALLERS_SHOWN)?;
        }
    }
    for step in &answer.address_taken {
        place(out, &step.file, step.line, &format!("{}() {}", step.function, step.text), styles)?;
    }
    // What may hold at no call in particular is told by name alone.
    let telling = |l: &&Holds| l.always || l.always_certain || l.calls.is_some_and(|c| c.0 > 0);
    let all = entered.locks.iter().filter(telling).map(|l| (l, format!("with {} held", l.what)));
    let all = all.chain(entered.context.iter().map(|c| (c, format!("with {}", c.what))));
    let all = all.chain(entered.levels.iter().map(|l| (l, format!("in {}", l.what))));
    for (holds, what) in all {
        for (chain, so) in [(&holds.example, "entered"), (&holds.without, "entered, but not")] {
            if !chain.is_empty() {
                writeln!(out, "  {fact}{so} {}{fact:#}, for example", escape(&what))?;
                steps(out, chain, styles)?;
            }
        }
        // Where fewer than half of the calls have it, they are the exceptions.
        let Some((with, of)) = holds.calls.filter(|(with, of)| 2 * with >= *of && !holds.not_at.is_empty()) else { continue };
        writeln!(out, "  {fact}called, but not {}{fact:#}, in {}", escape(&what), places(of - with))?;
        steps(out, &holds.not_at, styles)?;
    }
    Ok(())
}

fn steps(out: &mut dyn Write, steps: &[Step], styles: &Styles) -> io::Result<()> {
    steps.iter().try_for_each(|step| place(out, &step.file, step.line, &format!("{}() {}", step.function, step.text), styles))
}

fn place(out: &mut dyn Write, file: &str, line: u32, text: &str, styles: &Styles) -> io::Result<()> {
    let place = styles.place;
    writeln!(out, "    {place}{}:{line}{place:#} {}", escape(file), escape(text))
}

fn name(h: &Holds) -> String {
    match h.kind {
        Some(kind) => format!("{} ({kind})", h.what),
        None => h.what.clone(),
    }
}

fn names(all: &[&Holds]) -> String {
    all.iter().map(|h| name(h)).collect::<Vec<_>>().join(", ")
}

fn none(text: String) -> String {
    if text.is_empty() { "nothing".to_owned() } else { text }
}

fn places(n: usize) -> String {
    if n == 1 { "1 place".to_owned() } else { format!("{n} places") }
}

/// Whether it may sleep, in a word.
fn sleeps(answer: &FunctionAnswer) -> String {
    match answer.sleeps.as_slice() {
        [] => "no way is known".to_owned(),
        [first, ..] if first.condition.is_empty() => format!("yes, by {}", first.what),
        [first, ..] => format!("if {}, by {}", first.condition, first.what),
    }
}
