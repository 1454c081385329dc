//! The project's own rules, held by its own tools.

use std::process::Command;

fn xtask(args: &[&str]) -> (bool, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).output().expect("runs");
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn generated_pages_are_up_to_date() {
    let (fresh, said) = xtask(&["gen", "--check"]);
    assert!(fresh, "run `cargo xtask gen`:\n{said}");
}

#[test]
fn the_sources_are_tidy() {
    let (tidy, said) = xtask(&["tidy"]);
    assert!(tidy, "{said}");
}
