//! The binary `lab`, run as `cargo lab`.

fn main() -> std::process::ExitCode {
    visualizer::lab_command()
}
