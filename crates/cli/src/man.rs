//! `cuthere man`: manual pages, from the command line's own definition and the sections below, and what scenarios and model files may
//! say, from the documents that describe them.

mod roff;

use crate::args::ManArgs;
use crate::{Status, output, settings};
use anyhow::{Context, Result};
use roff::{escaped, plain, section, tagged, verbatim};
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// When these pages last changed in what they say.
const DATE: &str = "2026-11-29";

/// Documents that are pages too: the name, what it is about, and the text.
const DOCUMENTS: &[(&str, &str, &str)] = &[
    ("scenarios", "what a scenario for cuthere witness may say", include_str!("../../../docs/scenarios.md")),
    ("model", "what a file for --model may say of the kernel's functions", include_str!("../../kernel/models/README.md")),
];

/// Runs the subcommand.
pub fn run(args: &ManArgs) -> Result<Status> {
    let name = args.command.as_ref().map_or("cuthere".to_owned(), |command| format!("cuthere-{command}"));
    let pages = pages().context("cannot write the manual page")?;
    let (_, page) = pages.into_iter().find(|(file, _)| file.rsplit_once('.').is_some_and(|(stem, _)| stem == name)).with_context(|| {
        let command = args.command.as_deref().unwrap_or_default();
        let documents: Vec<&str> = DOCUMENTS.iter().map(|(name, ..)| *name).collect();
        format!("no subcommand is called {command}; see cuthere --help. Beside them there are: {}", documents.join(", "))
    })?;
    if !(output::on_terminal() && typeset(&page)) {
        output::standard(|out, _| out.write_all(&page))?;
    }
    Ok(Status::Clean)
}

/// Shows a page on the terminal as `man` does; `false`: there is no such program, or it does not take one so.
fn typeset(page: &[u8]) -> bool {
    let program = Command::new("man").args(["-l", "-"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut program) = program else { return false };
    // A reader who leaves early is no failure.
    let written = program.stdin.take().map(|mut pipe| pipe.write_all(page));
    let shown = program.wait().is_ok_and(|status| status.success());
    written.is_some() && shown
}

/// A page for the command, one for each subcommand, and the documents, with their file names.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = crate::command();
    command.build();
    // `cuthere help COMMAND` prints what these pages hold, and has none of its own.
    let own = |sub: &&clap::Command| sub.get_name() != "help";
    let names: Vec<String> = command.get_subcommands().filter(own).map(|sub| sub.get_name().to_owned()).collect();
    let mut out = vec![("cuthere.1".to_owned(), page(command.clone(), "", &names)?)];
    for sub in command.get_subcommands().filter(own) {
        let name = sub.get_name().to_owned();
        out.push((format!("cuthere-{name}.1"), page(sub.clone(), &name, &names)?));
    }
    for (name, about, text) in DOCUMENTS {
        let mut page = title(&format!("cuthere-{name}"), 7);
        roff::document(&mut page, &format!("cuthere-{name}"), about, text)?;
        section(&mut page, "SEE ALSO")?;
        plain(&mut page, if *name == "model" { "cuthere-check(1)" } else { "cuthere-witness(1)" })?;
        out.push((format!("cuthere-{name}.7"), roff::tidy(&page)));
    }
    Ok(out)
}

/// One page, its sections in the order of man-pages(7).
fn page(command: clap::Command, name: &str, all: &[String]) -> io::Result<Vec<u8>> {
    let has_subcommands = command.has_subcommands();
    // What the help says at its end stands in sections of its own here, but for the words of scenarios.
    let vocabulary = command.get_after_help().map(ToString::to_string).filter(|_| name == "witness");
    let title = if name.is_empty() { "cuthere".to_owned() } else { format!("cuthere-{name}") };
    let mut out = self::title(&title, 1);
    let man = clap_mangen::Man::new(command.display_name(title));
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if has_subcommands {
        man.render_subcommands_section(&mut out)?;
    }
    if let Some(words) = vocabulary {
        section(&mut out, "SCENARIOS")?;
        verbatim(&mut out, &words)?;
    }
    section(&mut out, "EXIT STATUS")?;
    for (status, meaning) in exit_status(name) {
        tagged(&mut out, status, meaning)?;
    }
    section(&mut out, "ENVIRONMENT")?;
    for (variable, meaning) in ENVIRONMENT {
        tagged(&mut out, variable, meaning)?;
    }
    section(&mut out, "FILES")?;
    tagged(
        &mut out,
        settings::NAME,
        "What a tree or folder always wants: checks, confidence, exclude, model, include, preempt, bh-lock, arch, config, baseline. Paths in it start from its folder. The nearest one at or above the first PATH counts, up to the tree's root; the command line wins.",
    )?;
    tagged(&mut out, "~/.cache/cuthere", "What was found before, at most 2 GiB; see --cache and --no-cache.")?;
    tagged(&mut out, "MAINTAINERS", "Of the tree: who hears of a finding (--to-maintainers).")?;
    section(&mut out, "EXAMPLES")?;
    for (what, command) in examples(name) {
        plain(&mut out, what)?;
        verbatim(&mut out, command)?;
    }
    section(&mut out, "SEE ALSO")?;
    let mut pages: Vec<String> = all.iter().filter(|other| *other != name).map(|other| format!("cuthere-{other}(1)")).collect();
    if !name.is_empty() {
        pages.insert(0, "cuthere(1)".to_owned());
    }
    pages.extend(DOCUMENTS.iter().map(|(name, ..)| format!("cuthere-{name}(7)")));
    pages.extend(["sparse(1)".to_owned(), "spatch(1)".to_owned(), "git-format-patch(1)".to_owned()]);
    plain(&mut out, &pages.join(", "))?;
    Ok(roff::tidy(&out))
}

/// The first line of a page: its name, section, date, source and manual.
fn title(name: &str, number: u8) -> Vec<u8> {
    let name = escaped(&name.to_uppercase());
    format!(".TH \"{name}\" {number} \"{DATE}\" \"cuthere {}\" \"cuthere manual\"\n", env!("CARGO_PKG_VERSION")).into_bytes()
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("CUTHERE_PAGER, PAGER", "Through what text is shown on a terminal; less, if neither is set. Empty or cat: through nothing."),
    ("NO_COLOR, CLICOLOR_FORCE", "Whether text is coloured, where --color is not given."),
    ("XDG_CACHE_HOME", "Where the cache is."),
];

fn exit_status(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "check" => &[
            ("0", "Nothing is shown."),
            ("1", "Findings are shown."),
            (
                "2",
                "The work could not be done: an option, a file or a patch that cannot be used, a PATH that is not there. Or nothing was checked: no function in what was named, none of them read whole, or what is excluded leaves none.",
            ),
        ],
        "review" => &[
            (
                "0",
                "Nothing is introduced, no claimed fix is missing, and everything applied; or there was no change at all, or none to a C file.",
            ),
            ("1", "A defect is introduced, or one that the patch claims to mend is still there."),
            (
                "2",
                "The work could not be done, there is no patch in the input, or a part of the patches did not apply or lies beyond a bound, and was not looked at.",
            ),
        ],
        "explain" => &[
            ("0", "No finding agrees with the report."),
            ("1", "A finding agrees."),
            ("2", "There is no crash report in the input, no function of it is in the tree, or the work could not be done."),
        ],
        "function" => &[("0", "It is said."), ("2", "No function is called so, or the work could not be done.")],
        "checks" => &[("0", "It is done."), ("2", "No check is called so.")],
        "splat" => &[("0", "Reports are shown."), ("2", "There is no crash report in the input, or it could not be read.")],
        "thread" => &[("0", "It is done."), ("2", "The work could not be done, or the folder holds no mails.")],
        "witness" => &[
            ("0", "No fault within the bounds."),
            ("1", "A fault."),
            ("2", "Not decided within the bounds that are named, or the work could not be done."),
        ],
        "" => &[
            ("0", "Nothing to show."),
            ("1", "Findings shown, or a witness."),
            ("2", "The work could not be done, or there was nothing that it could be done on."),
        ],
        _ => &[("0", "It is done."), ("2", "The work could not be done.")],
    }
}

fn examples(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "check" => &[
            ("The current folder of a kernel tree:", "cuthere check"),
            ("A whole tree, as numbers:", "cuthere check --tree ~/linux --statistics"),
            (
                "Only what is new since a run that was kept:",
                "cuthere check net -f json -o base.jsonl\ncuthere check net --baseline base.jsonl",
            ),
            ("A module outside the tree, with the tree's headers:", "cuthere check --tree ~/linux ~/src/mymodule"),
            ("Errors that an editor jumps to:", "cuthere check drivers/usb/host -f gcc"),
            ("A report of a whole tree, in several pages:", "cuthere check --tree ~/linux -f html -o report/"),
        ],
        "index" => &[("Read a tree once, so that later runs over its folders know what they call:", "cuthere index --tree ~/linux")],
        "function" => &[("Which locks are held wherever a function is called:", "cuthere function dev_close --tree ~/linux")],
        "review" => &[
            ("What is about to be committed:", "git diff --cached | cuthere review -"),
            ("The commits of a branch:", "cuthere review --rev origin/master..HEAD"),
            ("A series in files:", "cuthere review 0001-*.patch 0002-*.patch --tree ~/linux"),
            ("A thread from a list, and the answer to it:", "cuthere review thread.mbox --tree ~/linux --reply answer.eml"),
        ],
        "explain" => &[("The call that a crash is about:", "dmesg | cuthere explain - --tree ~/linux")],
        "witness" => &[
            ("Explore a scenario:", "cuthere witness race.c --tree ~/linux"),
            ("Run one schedule again:", "cuthere witness race.c --tree ~/linux --replay STRING"),
        ],
        "checks" => &[("The list, and one page:", "cuthere checks\ncuthere checks null-deref")],
        "thread" => &[("What a saved thread holds:", "cuthere thread thread.mbox")],
        "splat" => &[("Every crash report in a log, as JSON:", "cuthere splat console.log -f json")],
        "completions" => &[("For the shell at hand:", "cuthere completions bash > ~/.local/share/bash-completion/completions/cuthere")],
        "man" => &[
            ("Read a page:", "cuthere man check"),
            ("What a scenario, and a file for --model, may say:", "cuthere man scenarios\ncuthere man model"),
            ("Install a page:", "cuthere man check > /usr/local/share/man/man1/cuthere-check.1"),
        ],
        _ => &[
            ("The current folder of a kernel tree:", "cuthere check"),
            ("What is about to be committed:", "git diff --cached | cuthere review -"),
            ("The call that a crash is about:", "dmesg | cuthere explain - --tree ~/linux"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `mandoc -T lint` and `groff -ww` object to, as far as it can be seen without them.
    #[test]
    fn pages_are_well_formed() {
        let pages = pages().expect("written");
        assert!(pages.iter().any(|(name, _)| name == "cuthere-scenarios.7") && pages.iter().any(|(name, _)| name == "cuthere-model.7"));
        for (name, page) in pages {
            let page = String::from_utf8(page).expect("text");
            let lines: Vec<&str> = page.lines().collect();
            assert!(page.is_ascii() && lines.iter().all(|line| !line.ends_with(' ')), "{name}");
            assert!(lines.first().is_some_and(|line| line.starts_with(".TH \"CUTHERE") && line.matches('"').count() == 8), "{name}");
            let pairs = || lines.iter().zip(lines.iter().skip(1));
            let wrong =
                |pair: (&&str, &&str)| matches!(pair, (&".br", &".sp") | (&".sp", &".br")) || pair.0.starts_with(".SH") && *pair.1 == ".PP";
            assert!(!pairs().any(wrong), "{name}");
        }
    }
}
