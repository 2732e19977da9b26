//! The binary `handout`, run as `cargo handout`.

fn main() -> std::process::ExitCode {
    handout::main()
}
