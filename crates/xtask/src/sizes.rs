//! `cargo xtask sizes`: how long each file of the checks and of the engine is.
//!
//! Counts lines, and among them lines of code: neither blank, nor a comment alone, nor in a module of tests at the end of its file.

use crate::root::root;
use crate::tidy::collect;
use anyhow::{Context, Result};
use std::fs;

/// The crates that are counted.
const CRATES: [&str; 2] = ["checks", "flow"];

/// Runs the subcommand.
pub fn run() -> Result<bool> {
    let root = root();
    for name in CRATES {
        let folder = root.join("crates").join(name).join("src");
        let mut files = Vec::new();
        collect(&folder, &mut files);
        files.sort();
        let (mut all, mut code) = (0, 0);
        println!("{:>6} {:>6}  crates/{name}/src", "lines", "code");
        for path in &files {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let counted = (text.lines().count(), code_lines(&text));
            all += counted.0;
            code += counted.1;
            println!("{:>6} {:>6}  {}", counted.0, counted.1, path.strip_prefix(&folder).unwrap_or(path).display());
        }
        println!("{all:>6} {code:>6}  {} files\n", files.len());
    }
    Ok(true)
}

fn code_lines(text: &str) -> usize {
    let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    before_tests.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    #[test]
    fn comments_blank_lines_and_tests_are_no_code() {
        let text = "//! Page.\n\n/// Doc.\nfn f() {\n    // Why.\n    g(); // there\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
        assert_eq!(super::code_lines(text), 3);
    }
}
