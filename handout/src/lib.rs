//! The instructors' tool, run as `cargo handout`: it makes handouts from the repository, proves them, brings students'
//! copies up to date, and grades what comes back.
//!
//! It is *not* a grading harness: what a test is, what it is worth and whether it passes is decided by the suites in
//! `tests/`, which write `results.jsonl`; nothing is ever parsed from what they print. It depends on no other crate of the
//! workspace, so that a broken workspace can still be handed out and checked.
//!
//! | command | does | exit code 1 |
//! |---|---|---|
//! | `generate` | writes a workspace for students, without solutions, the same bytes each time | |
//! | `check` | proves that it is complete and gives nothing away | something is wrong with it |
//! | `bugs` | runs the suites on the reference with one seeded bug each, prints who finds what | a bug is not found as it says |
//! | `update` | brings a student's copy to a new version | |
//! | `grade` | grades a class, each submission alone in a sandbox | some submission has no result |
//! | `gradescope` | packs an autograder | |
//!
//! Exit code 2 is misuse, or broken surroundings.
//!
//! # The smallest example
//!
//! ```text
//! $ cargo handout generate --labs pingpong --out /tmp/handout
//! handout 2026.1 (…) in /tmp/handout
//!   … files, 2 for students to write; labs pingpong; suites pingpong
//! $ cargo handout grade submissions/ --jobs 2
//! isolation: namespaces and a user of its own: own file system, network, processes; limits
//! [1] ada                            … of … points, graded (9 s)
//! ```
//!
//! # Where things are
//!
//! | | |
//! |---|---|
//! | the markers of solutions | `markers.rs` |
//! | which files are handed out, and why others are not | `plan.rs`, and `manifest.rs` for what manifests then may not name |
//! | `HANDOUT.json` | `description.rs` |
//! | what students get besides the sources | `template/` |
//! | the tests that pass without any work | `passes-on-skeleton.txt` |
//! | seeded bugs | `bugs/<lab>/<bug>.patch`, read by `src/bugs/` |
//! | the sandbox | `src/sandbox/`; what is seen inside is said in `src/grade/slot.rs` |
//! | a course that compiles in a second, to test all this with | `fixture/course/` |

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
