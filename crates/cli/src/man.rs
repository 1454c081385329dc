//! `cuthere man`: manual pages, from the command line's own definition and the sections below.

use crate::args::ManArgs;
use crate::{Status, output, settings};
use anyhow::{Context, Result};
use std::io::{self, Write};

/// Runs the subcommand.
pub fn run(args: &ManArgs) -> Result<Status> {
    let name = args.command.as_ref().map_or("cuthere.1".to_owned(), |command| format!("cuthere-{command}.1"));
    let pages = pages().context("cannot write the manual page")?;
    let (_, page) = pages.into_iter().find(|(file, _)| *file == name).with_context(|| {
        let command = args.command.as_deref().unwrap_or_default();
        format!("no subcommand is called {command}; see cuthere --help")
    })?;
    output::standard(|out, _| out.write_all(&page))?;
    Ok(Status::Clean)
}

/// A page for the command and one for each subcommand, with their file names.
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
    Ok(out)
}

/// One page, its sections in the order of man-pages(7).
fn page(command: clap::Command, name: &str, all: &[String]) -> io::Result<Vec<u8>> {
    let has_subcommands = command.has_subcommands();
    // What the help says at its end stands in sections of its own here, but for the words of scenarios.
    let vocabulary = command.get_after_help().map(ToString::to_string).filter(|_| name == "witness");
    let title = if name.is_empty() { "cuthere".to_owned() } else { format!("cuthere-{name}") };
    let man = clap_mangen::Man::new(command.display_name(title.clone())).title(title).date("").manual("cuthere manual");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
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
    pages.extend(["sparse(1)".to_owned(), "spatch(1)".to_owned(), "git-format-patch(1)".to_owned()]);
    plain(&mut out, &pages.join(", "))?;
    Ok(out)
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
        "man" => &[("Read a page without installing it:", "cuthere man check | man -l -")],
        _ => &[
            ("The current folder of a kernel tree:", "cuthere check"),
            ("What is about to be committed:", "git diff --cached | cuthere review -"),
            ("The call that a crash is about:", "dmesg | cuthere explain - --tree ~/linux"),
        ],
    }
}

fn section(out: &mut dyn Write, title: &str) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"")
}

fn tagged(out: &mut dyn Write, tag: &str, text: &str) -> io::Result<()> {
    writeln!(out, ".TP\n\\fB{}\\fR\n{}", escaped(tag), escaped(text))
}

fn plain(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, ".PP\n{}", escaped(text))
}

fn verbatim(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, ".PP\n.RS 4\n.nf")?;
    text.lines().try_for_each(|line| writeln!(out, "{}", escaped(line)))?;
    writeln!(out, ".fi\n.RE")
}

/// Text for roff: backslashes, hyphens that are typed, and lines that would be requests.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('~', "\\(ti").replace('^', "\\(ha").replace('`', "\\(ga");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
