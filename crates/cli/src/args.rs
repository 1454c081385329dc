//! The command line. Validates what can be judged without touching a file; everything else is up to the subcommands.

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use cuthere_base::Confidence;
use std::path::PathBuf;

/// Finds kernel C code that runs, sleeps or holds a pointer when it must not, without a build, a boot or a .config.
#[derive(Parser, Debug)]
#[command(name = "cuthere", version, after_help = "Exit status: 0 nothing to show, 1 findings shown, 2 the work could not be done.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How the command speaks; the same for every subcommand.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Write to this file instead of standard output
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,
    /// Say nothing on standard error but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: what was not read and why; of a review also the evidence of what was there before, and a reply without objections
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Do not show text through a pager
    #[arg(long, global = true)]
    pub no_pager: bool,
}

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Find defects in a kernel tree, or a part of one
    Check(Box<CheckArgs>),
    /// Read a whole tree and keep what it says for later runs over parts of it
    Index(Box<IndexArgs>),
    /// Say how a function is entered, whether it may sleep, and what it does to its callers
    Function(Box<FunctionArgs>),
    /// Say what a patch series in a mail thread introduces, fixes and leaves
    Review(Box<ReviewArgs>),
    /// Find the call that a crash report is about, in a tree's source
    Explain(Box<ExplainArgs>),
    /// Explore a scenario, and show the interleaving that goes wrong
    Witness(Box<WitnessArgs>),
    /// List the checks, or show one check's page
    Checks(ChecksArgs),
    /// Show what a mail thread holds: messages, patch series, crash reports
    Thread(ReadArgs),
    /// Read crash reports out of a log, a mail or any other text
    Splat(ReadArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
}

/// Which source is looked at, and as what.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Tree")]
pub struct TreeArgs {
    /// The tree's folder or repository [default: the nearest kernel tree above PATH, else PATH itself]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub tree: Option<PathBuf>,
    /// Read this git revision instead of the files on disk; for review also a range, A..B
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Lay this patch over the tree, in memory (repeatable, in order)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub patch: Vec<PathBuf>,
    /// The architecture whose headers count [default: x86]
    #[arg(long, value_name = "NAME")]
    pub arch: Option<String>,
    /// A .config that decides conditionals [default: everything on but debugging and the like]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// A file of kernel model entries to add to the built-in ones, written as `cuthere man model` says (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub model: Vec<PathBuf>,
    /// Look for includes in this folder too, before the kernel's own (repeatable)
    #[arg(short = 'I', long = "include", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub include: Vec<PathBuf>,
    /// The preemption model [default: full]
    #[arg(long, value_name = "MODEL", value_enum)]
    pub preempt: Option<Preempt>,
    /// On rt: disabled softirqs exclude each other by a lock
    #[arg(long)]
    pub bh_lock: bool,
    /// Threads to use [default: one per CPU]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Keep what was found in this folder, and find it there [default: cuthere in the user's cache folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "no_cache")]
    pub cache: Option<PathBuf>,
    /// Neither use nor write the cache
    #[arg(long)]
    pub no_cache: bool,
    /// Do not read a cuthere.toml
    #[arg(long)]
    pub no_settings: bool,
}

impl TreeArgs {
    /// The architecture, given or not.
    pub fn arch(&self) -> &str {
        self.arch.as_deref().unwrap_or("x86")
    }

    /// The preemption model, given or not.
    pub fn preempt(&self) -> Preempt {
        self.preempt.unwrap_or(Preempt::Full)
    }
}

/// How tasks are preempted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Preempt {
    None,
    Voluntary,
    Full,
    Rt,
}

#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Files and folders to report on, relative to the current folder or else to the tree; with --tree also outside it [default: the current folder, or the whole of --tree]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub tree: TreeArgs,
    /// Run only these checks
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = check_ids(), hide_possible_values = true)]
    pub only: Vec<String>,
    /// Show findings of this confidence and above [default: medium]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub confidence: Option<Level>,
    /// Leave out files and folders that match, such as drivers/staging or '*_test.c' (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// What `cuthere.toml` leaves out beside that.
    #[arg(skip)]
    pub exclude_always: Vec<String>,
    /// Show every finding with its evidence, and those in tests, tools and generated files
    #[arg(long)]
    pub all: bool,
    /// Show numbers by check and directory instead of findings
    #[arg(long, conflicts_with = "all")]
    pub statistics: bool,
    /// Say who hears of each finding, by the tree's MAINTAINERS file
    #[arg(long)]
    pub to_maintainers: bool,
    /// Leave out the findings in this file, written earlier with --format json
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: Option<PathBuf>,
    /// How findings are written
    #[arg(short, long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Write numbers about the run to this file, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub stats: Option<PathBuf>,
    /// Print what a function was read as, instead of findings
    #[arg(long, value_name = "FUNCTION")]
    pub dump_ir: Option<String>,
}

/// The ids of checks, for completions and for suggestions where one is misspelt.
fn check_ids() -> clap::builder::PossibleValuesParser {
    crate::engine::registry().iter().map(|check| check.id).collect::<Vec<_>>().into()
}

/// [`Confidence`] as the command line spells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Level {
    /// Fit to be mailed to the list as it stands
    High,
    /// Likely right; look before mailing
    Medium,
    /// Worth a look where the code matters
    Low,
}

impl From<Level> for Confidence {
    fn from(level: Level) -> Confidence {
        match level {
            Level::High => Confidence::High,
            Level::Medium => Confidence::Medium,
            Level::Low => Confidence::Low,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// JSON Lines, one finding each
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// One page that stands alone; with -o FOLDER/ an index and a page for each part
    Html,
    /// As GCC writes: file:line:column: kind: text
    Gcc,
    /// A GitLab code quality report
    Gitlab,
    /// A JUnit test report
    Junit,
}

#[derive(Args, Debug)]
pub struct ReviewArgs {
    /// The thread: an mbox, a Maildir, a mail, a patch, `git show`, a saved page, a public-inbox repository; - is standard input. Several files are one series
    #[arg(value_name = "THREAD", value_hint = ValueHint::AnyPath)]
    pub thread: Vec<PathBuf>,
    #[command(flatten)]
    pub tree: TreeArgs,
    /// Explore this scenario before the series and after each patch (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub scenario: Vec<PathBuf>,
    /// Write a reply to this file, as a mail; it is not sent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub reply: Option<PathBuf>,
    /// Send the reply also to those whom the tree's MAINTAINERS file names
    #[arg(long)]
    pub to_maintainers: bool,
    /// How the review is written
    #[arg(short, long, value_enum, default_value_t = ReviewFormat::Text)]
    pub format: ReviewFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReviewFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// SARIF 2.1.0: what is introduced, and what a claimed fix leaves
    Sarif,
}

#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A log, mail or other text with a crash report; - is standard input
    #[arg(value_name = "SPLAT", value_hint = ValueHint::AnyPath)]
    pub input: PathBuf,
    #[command(flatten)]
    pub tree: TreeArgs,
    /// How it is written
    #[arg(short, long, value_enum, default_value_t = ReadFormat::Text)]
    pub format: ReadFormat,
}

#[derive(Args, Debug)]
pub struct IndexArgs {
    #[command(flatten)]
    pub tree: TreeArgs,
}

#[derive(Args, Debug)]
pub struct FunctionArgs {
    /// The function; all functions of this name are shown
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub tree: TreeArgs,
    /// How it is written
    #[arg(short, long, value_enum, default_value_t = ReadFormat::Text)]
    pub format: ReadFormat,
}

/// The words that a scenario has beyond C, for the help.
const VOCABULARY: &str = "\
The words of a scenario, after `#include <cuthere.h>`:
  void scenario(void)                          builds the start state and starts the rest
  cuthere_task(cpu, function, argument)        a task on that CPU, 0 to 3
  cuthere_softirq(cpu, function, argument)     a softirq, whenever bottom halves are enabled there
  cuthere_hardirq(cpu, function, argument)     an interrupt, whenever interrupts are enabled there
  cuthere_finally(function, argument)          when all threads have ended
  cuthere_assert(condition)                    must hold, anywhere
  cuthere_choose(n)                            any of 0 to n - 1; all are explored
  #include \"drivers/x.c\"                      joins a file of the tree: its static functions can be called
A function that the scenario defines replaces the tree's. More: cuthere man scenarios. Exit status: 0 none, 1 fault, 2 unknown.";

#[derive(Args, Debug)]
#[command(after_help = VOCABULARY)]
pub struct WitnessArgs {
    /// The scenario, or a C program with a main(); - is standard input
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath, required_unless_present = "write_header")]
    pub scenario: Option<PathBuf>,
    /// Write the header of scenarios to this file, for editors, and do nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "scenario")]
    pub write_header: Option<PathBuf>,
    #[command(flatten)]
    pub tree: TreeArgs,
    /// Read a C program with this macro: NAME or NAME=VALUE (repeatable)
    #[arg(short = 'D', long = "define", value_name = "NAME[=VALUE]")]
    pub define: Vec<String>,
    #[command(flatten)]
    pub bounds: BoundArgs,
    /// How the outcome is written
    #[arg(short, long, value_enum, default_value_t = WitnessFormat::Text)]
    pub format: WitnessFormat,
}

/// How far the explorer goes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Search")]
pub struct BoundArgs {
    /// Preemptions of one execution [default: 2]
    #[arg(long, value_name = "N")]
    pub preemptions: Option<u32>,
    /// How often one interrupt source fires [default: 2]
    #[arg(long, value_name = "N")]
    pub interrupts: Option<u32>,
    /// Rounds of a loop [default: 20; of a C program: 200]
    #[arg(long, value_name = "N")]
    pub unroll: Option<u32>,
    /// Seconds for everything, reading included [default: 20]
    #[arg(long, value_name = "SECONDS")]
    pub time: Option<u64>,
    /// Executions after which the search ends [default: 10000000]
    #[arg(long, value_name = "N")]
    pub executions: Option<u64>,
    /// When others see what a thread stores
    #[arg(long, value_name = "MODEL", value_enum, default_value_t = Memory::Sc)]
    pub memory: Memory,
    /// Also report plain accesses that nothing orders
    #[arg(long)]
    pub races: bool,
    /// How schedules are chosen
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Strategy::Dpor)]
    pub strategy: Strategy,
    /// What the random strategies start from [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Run only this schedule, as a witness printed it
    #[arg(long, value_name = "STRING")]
    pub replay: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Memory {
    /// At once: sequential consistency
    Sc,
    /// Through the store buffers of x86
    Tso,
    /// As the kernel's memory model lets them, without load buffering
    Lkmm,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Strategy {
    /// Each equivalence class of interleavings once
    Dpor,
    /// Each state of a C program once, without the search through executions
    States,
    /// Random priorities with a few change points
    Pct,
    Random,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum WitnessFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// One page that stands alone
    Html,
}

#[derive(Args, Debug)]
pub struct ChecksArgs {
    /// The check whose page to show
    #[arg(value_name = "ID", value_parser = check_ids(), hide_possible_values = true)]
    pub id: Option<String>,
}

#[derive(Args, Debug)]
pub struct ReadArgs {
    /// What to read; - is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub input: PathBuf,
    /// How it is written
    #[arg(short, long, value_enum, default_value_t = ReadFormat::Text)]
    pub format: ReadFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReadFormat {
    /// For people
    Text,
    /// One JSON value
    Json,
}

#[derive(Args, Debug)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct ManArgs {
    /// The subcommand; or scenarios, or model: what such files may say [default: the command itself]
    pub command: Option<String>,
}
