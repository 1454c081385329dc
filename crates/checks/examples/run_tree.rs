//! Runs all checks over a folder and prints JSON Lines, with times on standard error: for tuning without the command line.
//! `RT=1` asks for PREEMPT_RT.

use cuthere_checks::{Options, Quiet, run};
use cuthere_tree::{OpenOptions, Tree};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    rayon::ThreadPoolBuilder::new().stack_size(16 << 20).build_global().expect("threads");
    let tree = Tree::open_dir(std::path::Path::new(&args[0]), &OpenOptions::default()).expect("tree");
    let rt = std::env::var_os("RT").is_some();
    let model = cuthere_kernel::Model::builtin().for_preempt(rt);
    let mut options = Options { paths: args[1..].to_vec(), ..Options::default() };
    options.config.preempt_rt = rt;
    let outcome = run(&tree, &model, &options, &Quiet);
    for f in &outcome.findings {
        println!("{}", serde_json::to_string(f).expect("plain data"));
    }
    let s = &outcome.stats;
    eprintln!(
        "files {} bytes {} functions {} complete {} truncated {} findings {}",
        s.files,
        s.bytes,
        s.functions,
        s.functions_complete,
        s.functions_truncated,
        outcome.findings.len()
    );
    for (name, seconds) in &s.seconds {
        eprintln!("{name:12} {seconds:.2}");
    }
    if let Ok(path) = std::env::var("GAPS") {
        let text: String = s.incomplete.iter().map(|g| format!("{}:{}: {}: {}\n", g.file, g.line, g.function, g.reason)).collect();
        std::fs::write(path, text).expect("gaps");
    }
}
