//! The instructors' tool: it makes handouts, proves them, and grades what comes back.

mod archive;
mod bugs;
mod cargo;
mod check;
mod cli;
mod console;
mod description;
#[cfg(test)]
mod fixture;
mod generate;
mod grade;
mod gradescope;
mod manifest;
mod markers;
mod plan;
mod results;
mod sandbox;
mod suite;
mod tree;
mod update;

/// Runs the command that the program's arguments name, and returns how it ended: success, failure (1: a check failed,
/// a bug survived), or misuse and broken surroundings (2).
pub fn main() -> std::process::ExitCode {
    cli::main()
}
