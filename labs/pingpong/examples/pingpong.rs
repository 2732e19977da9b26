//! The driver of this lab: `cargo lab search pingpong` runs it.

fn main() -> std::process::ExitCode {
    visualizer::lab_main(&pingpong::PingPong)
}
