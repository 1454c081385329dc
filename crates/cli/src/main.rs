//! The `cuthere` command. Everything is in the library, so that documentation can be generated from the same definitions.

mod memory;

#[global_allocator]
static ALLOCATOR: memory::OrExit = memory::OrExit;

fn main() -> std::process::ExitCode {
    memory::keep_pages();
    cuthere_cli::main()
}
