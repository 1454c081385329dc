//! The samples of README.md are what the commands print: every block that begins with `$ cuthere` is run in the repository, and its lines
//! must stand in the output in this order, next to each other but where a line `…` leaves some out.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// The command of each block, and what is to stand in its output.
fn samples(text: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let blocks = text.split("\n```").skip(1).step_by(2);
    let sample = |block: &str| {
        let mut lines = block.trim_start_matches('\n').lines();
        let command = lines.next()?.strip_prefix("$ cuthere ")?;
        Some((command.split(' ').map(str::to_owned).collect(), lines.map(str::to_owned).collect()))
    };
    blocks.filter_map(sample).collect()
}

/// The first line of the sample that is not where it should be.
fn missing<'s>(sample: &'s [String], output: &[&str]) -> Option<&'s str> {
    let pieces: Vec<&[String]> = sample.split(|line| line == "…").filter(|piece| !piece.is_empty()).collect();
    let mut from = 0;
    for piece in pieces {
        let rest = output.get(from..).unwrap_or_default();
        let fits = |at: &usize| rest.get(*at..*at + piece.len()).is_some_and(|lines| lines.iter().zip(piece).all(|(a, b)| *a == b));
        let Some(at) = (0..rest.len()).find(fits) else {
            return piece.iter().find(|line| !output.contains(&line.as_str())).or(piece.first()).map(String::as_str);
        };
        from += at + piece.len();
    }
    None
}

#[test]
fn samples_are_what_commands_print() {
    let samples = samples(&std::fs::read_to_string(root().join("README.md")).expect("README.md"));
    assert!(samples.len() >= 4, "the samples were read: {samples:?}");
    for (arguments, sample) in samples {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuthere"));
        let done = command.args(&arguments).arg("--no-cache").current_dir(root()).env_remove("CLICOLOR_FORCE").output().expect("runs");
        let output = String::from_utf8_lossy(&done.stdout).into_owned();
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(missing(&sample, &lines), None, "cuthere {}:\n{output}", arguments.join(" "));
    }
}
