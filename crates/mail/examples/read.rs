//! Prints what was read from a path: `cargo run --example read -- PATH [--json]`.

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = args.first() else { return std::process::ExitCode::from(2) };
    match cuthere_mail::source::read_path(std::path::Path::new(path)) {
        Ok(thread) if args.iter().any(|a| a == "--json") => match serde_json::to_string_pretty(&thread) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("{error}"),
        },
        Ok(thread) => print!("{}", thread.summary()),
        Err(error) => {
            eprintln!("{error}");
            return std::process::ExitCode::from(2);
        }
    }
    std::process::ExitCode::SUCCESS
}
