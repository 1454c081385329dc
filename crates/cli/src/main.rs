//! The `cuthere` command. Everything is in the library, so that documentation can be generated from the same definitions.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cuthere_cli::main()
}
