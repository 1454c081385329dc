//! `cuthere index`: reads a whole tree and keeps what it says for runs over parts of it.

use crate::args::IndexArgs;
use crate::memo::Memo;
use crate::progress::Stages;
use crate::{Status, check, engine, inputs, output, workers};
use anyhow::{Result, bail};

/// Runs the subcommand.
pub fn run(args: &IndexArgs) -> Result<Status> {
    workers(args.tree.jobs)?;
    if args.tree.no_cache {
        bail!("without a cache nothing can be kept (--no-cache)");
    }
    let inputs = inputs::open(&args.tree, &[])?;
    inputs::say_skipped(&inputs.skipped);
    let stages = Stages::new();
    let memo = Memo::open(&args.tree);
    let options = engine::options(&inputs, &check::chosen_checks(&[])?);
    let outcome = memo.run(&inputs.tree, &inputs, &options, &stages);
    let head = memo.index(&inputs.tree, &inputs, &options);
    let notes = memo.close().notes;
    stages.finish();
    let Some(head) = head else {
        bail!("nothing was kept of {}: {}", inputs.tree.root().display(), notes.first().map_or("the cache takes nothing", String::as_str));
    };
    let made = time(head.made);
    output::standard(|out, _| {
        writeln!(
            out,
            "{} of {} in {} of {} can be called from elsewhere and are known to later runs (index of {made})",
            head.functions,
            crate::count(outcome.stats.functions as usize, "function"),
            crate::count(outcome.stats.files as usize, "file"),
            inputs.tree.root().display()
        )
    })?;
    Ok(Status::Clean)
}

/// What is known of the rest of the tree, for the last line of a run over a part.
pub fn rest(stats: &engine::Stats) -> Option<String> {
    if !stats.part {
        return None;
    }
    let Some(index) = stats.index else {
        return Some("functions outside are known by the kernel model only (`cuthere index` makes more of them known)".to_owned());
    };
    let stale = match index.stale {
        0 => String::new(),
        1 => ", 1 more has changed since".to_owned(),
        n => format!(", {n} more have changed since"),
    };
    let known = match index.functions {
        0 => return Some(format!("the index of {}{stale} knows none of the functions that are called outside", time(index.made))),
        1 => "1 function outside is".to_owned(),
        n => format!("{n} functions outside are"),
    };
    Some(format!("{known} known by the index of {}{stale}", time(index.made)))
}

/// A time in words.
fn time(seconds: u64) -> String {
    let stamp = crate::date::day_and_minute(seconds);
    stamp.map_or_else(|| "an unknown time".to_owned(), |(day, minute)| format!("{day} {minute} UTC"))
}
