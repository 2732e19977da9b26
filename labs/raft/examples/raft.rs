//! The driver of this lab: `cargo lab search raft` runs it.

fn main() -> std::process::ExitCode {
    visualizer::lab_main(&raft::Raft)
}
