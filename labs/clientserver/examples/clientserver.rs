//! The driver of this lab: `cargo lab search clientserver` runs it.

fn main() -> std::process::ExitCode {
    visualizer::lab_main(&clientserver::ClientServer)
}
