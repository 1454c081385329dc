//! Opens what the command line names: the tree with its patches, the kernel model, the configuration.

use crate::args::{Preempt, TreeArgs};
use crate::output;
use crate::outside::Outside;
use crate::place::{self, Place};
use anyhow::{Context, Result, bail};
use cuthere_cfront::program::Config;
use cuthere_kernel::Model;
use cuthere_mail::{Hint, SourceKind};
use cuthere_splat::Splat;
use cuthere_tree::{HunkResult, OpenOptions, PatchOutcome, PatchText, SkipReason, Skipped, Tree};
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of one file that the command line names.
const MAX_INPUT: u64 = 256 << 20;

/// Parts of a patch that did not apply, and are named.
const MAX_FAILURES: usize = 5;

/// Everything a run looks at.
pub struct Inputs {
    pub tree: Tree,
    /// The parts to report on, relative to the tree; empty: everything.
    pub paths: Vec<String>,
    pub model: Model,
    /// What the model was made from, beyond what is built in.
    pub model_hash: [u8; 32],
    pub config: Config,
    pub bh_lock: bool,
    /// Sources outside the tree.
    pub outside: Outside,
    /// What should have been read and was not, but for broken links, which are usual in a tree and hide nothing.
    pub skipped: Vec<Skipped>,
}

/// Opens all of it; the first thing that is wrong ends the run.
pub fn open(args: &TreeArgs, paths: &[PathBuf]) -> Result<Inputs> {
    let current = std::env::current_dir().context("the current folder cannot be found")?;
    let other_revision = args.rev.is_some() || !args.patch.is_empty();
    let (mut outside, rest) = Outside::split(args.tree.as_deref(), paths, &args.include, &current)?;
    let mut place = place::locate(args.tree.as_deref(), &rest, &current, other_revision)?;
    if rest.is_empty() && !outside.paths.is_empty() {
        place.paths.clear();
    }
    let rt = args.preempt() == Preempt::Rt;
    let (tree, model) = rayon::join(|| open_tree(args, &place), || model(&args.model, rt));
    let (mut tree, (model, model_hash)) = (tree?, model?);
    let mut skipped = tree.skipped().to_vec();
    // A module that is looked at alone has a build that says where its own headers are.
    if place.bounded && place.root.is_dir() && !other_revision {
        outside.read_flags(&tree, &place.root, "");
    }
    if !outside.is_empty() {
        let more;
        (tree, more) = outside.lay(tree)?;
        skipped.extend(more);
        // Beside the whole tree nothing has to be named.
        let whole = place.paths.is_empty() && (paths.is_empty() || !rest.is_empty());
        if !whole {
            place.paths.extend(outside.paths.iter().cloned());
            place.paths.sort();
        }
    }
    skipped.retain(|s| s.reason != SkipReason::LinkBroken);
    if tree.is_empty() {
        // A file that is named is the tree's only one.
        if !place.root.is_dir() {
            let why = skipped.first().map_or_else(|| "is no C file".to_owned(), |s| format!("was not read: {}", s.reason));
            bail!("{} {why}; nothing was looked at", place.root.display());
        }
        let why = skipped.first().map_or_else(String::new, |s| format!("; not read: {}", s));
        bail!("no C file in {}{why}; nothing was looked at", tree.root().display());
    }
    if let Some(path) = place.paths.iter().find(|path| !tree.paths().iter().any(|file| place::covers(std::slice::from_ref(path), file))) {
        if let Some(skipped) = tree.skipped().iter().find(|skipped| skipped.path == *path) {
            bail!("{path} was not read: {}", skipped.reason);
        }
        bail!("no C file in {path} (tree {}); name a folder or file that has some", tree.root().display());
    }
    let arch = format!("arch/{}", args.arch());
    let any_arch = tree.paths().iter().any(|path| path.starts_with("arch/"));
    if any_arch && !tree.paths().iter().any(|path| path.strip_prefix(arch.as_str()).is_some_and(|rest| rest.starts_with('/'))) {
        bail!("the tree has no {arch}; --arch takes the name of a folder below arch/");
    }
    let dotconfig = args.config.as_deref().map(dotconfig).transpose()?;
    let config = Config {
        arch: args.arch().to_owned(),
        dotconfig,
        preempt_rt: rt,
        include: outside.include.clone(),
        defines: outside.defines.clone(),
        ..Config::default()
    };
    Ok(Inputs { tree, paths: place.paths, model, model_hash, config, bh_lock: args.bh_lock, outside, skipped })
}

/// The text of a `.config`, which must be one: with a file of another kind everything would be off.
fn dotconfig(path: &Path) -> Result<String> {
    let text = text(path, "--config")?;
    let is_option = |line: &str| {
        let line = line.trim();
        let off = line.strip_prefix("# CONFIG_").is_some_and(|rest| rest.ends_with(" is not set"));
        off || line.strip_prefix("CONFIG_").is_some_and(|rest| rest.contains('='))
    };
    if !text.lines().any(is_option) {
        bail!("{} is no .config: no line in it sets an option (--config)", path.display());
    }
    Ok(text)
}

/// Says on standard error what could not be read, for runs whose report does not.
pub fn say_skipped(skipped: &[Skipped]) {
    let most = if output::verbose() { usize::MAX } else { 1 };
    for one in skipped.iter().take(most) {
        let more = match skipped.len() - 1 {
            0 => String::new(),
            _ if output::verbose() => String::new(),
            more => format!(" (and {more} more; --verbose names them)"),
        };
        output::say(&format!("not read: {one}{more}"));
    }
}

fn open_tree(args: &TreeArgs, place: &Place) -> Result<Tree> {
    let mut options = OpenOptions::default();
    if place.bounded {
        options.only.clone_from(&place.paths);
    }
    let tree = match &args.rev {
        Some(rev) => Tree::open_rev(&place.root, rev, &options)?,
        None => Tree::open_dir(&place.root, &options)?,
    };
    if args.patch.is_empty() {
        return Ok(tree);
    }
    let mut patches = Vec::new();
    for path in &args.patch {
        let bytes = bytes(path).context("cannot read the patch")?;
        // Nothing at all is no change; a text without a diff is a mistake.
        if cuthere_tree::diff::parse(&bytes).files.is_empty() && !bytes.trim_ascii().is_empty() {
            bail!("no diff in {} (--patch)", path.display());
        }
        patches.push(PatchText::new(path.display().to_string(), bytes));
    }
    let (tree, outcomes) = tree.with_patches(&patches)?;
    for file in outcomes.iter().flat_map(PatchOutcome::binary) {
        output::say(&format!("no text, and not looked at: {}", file.path));
    }
    let mut failures: Vec<String> = outcomes.iter().flat_map(failures).collect();
    if !failures.is_empty() {
        if failures.len() > MAX_FAILURES && !output::verbose() {
            let more = failures.len() - MAX_FAILURES;
            failures.truncate(MAX_FAILURES);
            failures.push(format!("and {more} more did not apply; --verbose names them"));
        }
        bail!("{}\nnothing was checked: mend the patch, or choose the tree that it was made for", failures.join("\n"));
    }
    Ok(tree)
}

/// What did not apply, a line each: patch, file, hunk, reason, nearest match.
fn failures(outcome: &PatchOutcome) -> Vec<String> {
    let mut out = Vec::new();
    for file in outcome.files.iter().filter(|file| !file.is_binary()) {
        if let Some(problem) = &file.problem {
            out.push(format!("{}: {}: {problem}", outcome.name, file.path));
            continue;
        }
        for hunk in &file.hunks {
            let HunkResult::Failed { reason, nearest } = &hunk.result else { continue };
            let mut line = format!("{}:{}: {}: hunk {} ({}): {reason}", outcome.name, hunk.patch_line, file.path, hunk.number, hunk.header);
            if let Some(nearest) = nearest {
                // Writing to a `String` cannot fail.
                let _ = write!(line, "; nearest match at line {} ({} %)", nearest.line, nearest.similarity);
            }
            out.push(line);
        }
    }
    out
}

fn model(files: &[PathBuf], rt: bool) -> Result<(Model, [u8; 32])> {
    let mut model = Model::builtin();
    let mut texts = vec![rt.to_string()];
    for path in files {
        let text = text(path, "--model")?;
        model = model.extended(&path.display().to_string(), &text).context("the kernel model file is not accepted")?;
        texts.push(text);
    }
    Ok((model.for_preempt(rt), cuthere_store::content_hash(texts.join("\0").as_bytes())))
}

/// The text of a file that an option names.
pub fn text(path: &Path, option: &str) -> Result<String> {
    String::from_utf8(bytes(path).with_context(|| option.to_owned())?)
        .map_err(|_| anyhow::anyhow!("{} is not UTF-8 text ({option})", path.display()))
}

/// The crash reports in a file: a log, perhaps compressed, or a mail that hides them in an encoding, or a page in mark-up.
pub fn splats(path: &Path) -> Result<Vec<Splat>> {
    let bytes = bytes(path)?;
    let thread = cuthere_mail::read_thread(&bytes, Hint::Auto);
    let as_it_is = || cuthere_splat::read(&String::from_utf8_lossy(&bytes));
    let in_mails = || thread.messages.iter().flat_map(|mail| cuthere_splat::read(&mail.text())).collect::<Vec<_>>();
    let mail = thread.source_kind != SourceKind::Text;
    let readings: [&dyn Fn() -> Vec<Splat>; 2] = if mail { [&in_mails, &as_it_is] } else { [&as_it_is, &in_mails] };
    let splats = readings.iter().map(|read| read()).find(|splats| !splats.is_empty()).unwrap_or_default();
    // That a log is no mail is not worth a word, nor what a mail lacks for other ends.
    let notes = thread.notes.iter().filter(|note| note.message.is_none() && (!mail || splats.is_empty()));
    for note in notes.skip(usize::from(!mail)) {
        output::say(&note.text);
    }
    if !mail && let Some(left) = cuthere_splat::left_over(&String::from_utf8_lossy(&bytes), &splats) {
        output::say(&format!("line {} looks like part of a report that could not be read: {}", left.line, left.text));
    }
    Ok(splats)
}

/// The bytes of a file, or of standard input for `-`.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
        if bytes.len() as u64 > MAX_INPUT {
            bail!("standard input has more than {} MiB", MAX_INPUT >> 20);
        }
        return Ok(bytes);
    }
    cuthere_tree::read_small(path, MAX_INPUT).with_context(|| format!("cannot read {}", path.display()))
}
