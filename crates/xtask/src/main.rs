//! `cargo xtask`: what the project does to itself. One file per subcommand; no logic here.

mod bench;
mod corpus;
mod garble;
mod gen_docs;
mod helpers;
mod learn;
mod plant;
mod planted;
mod probe;
mod rename;
mod root;
mod sizes;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Generates, measures and tidies")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the generated pages: docs/checks, docs/man, docs/completions
    Gen(gen_docs::Args),
    /// Time a run of the release binary over a tree, and print the numbers as JSON
    Bench(bench::Args),
    /// Write defects of a known kind at random places of a tree, as patches
    Plant(plant::Args),
    /// Count how many planted defects are found
    Planted(planted::Args),
    /// Plant unknown syntax, and compare what is said to be incomplete
    Garble(garble::Args),
    /// Rename all functions and types that some files define
    Rename(rename::Args),
    /// Print the names of helper functions, as crate splat reads them
    Helpers(helpers::Args),
    /// Print what the bodies of a tree say about the functions of its headers, as a model file
    Learn(learn::Args),
    /// Look for what the house style forbids
    Tidy,
    /// Print how long each check and each file of the engine is
    Sizes,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Gen(args) => gen_docs::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Plant(args) => plant::run(&args),
        Command::Planted(args) => planted::run(&args),
        Command::Garble(args) => garble::run(&args),
        Command::Rename(args) => rename::run(&args),
        Command::Helpers(args) => helpers::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Tidy => tidy::run(),
        Command::Sizes => sizes::run(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
