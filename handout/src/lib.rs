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
//! | `mark` | waives tests and comments on failures of a graded class | a decision in the file fits nothing |
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
//! # A course, step by step
//!
//! 1. `cargo handout check --whole` before anything is handed out: generated twice with equal bytes, nothing given away, the
//!    skeleton compiles without warnings and fails, the reference passes *inside the handout*, every seeded bug is found.
//!    Without `--whole` it takes a sample that the content chooses, for every commit; `--skeleton-only` runs all suites on
//!    the skeleton alone, where each failure must end at a stub that says which part to write and where to read.
//! 2. `cargo handout generate --labs raft --parts 1-4 --out DIR` (`--vendor` for students without network). `HANDOUT.json`
//!    names version and hash; the harness prints them, `cargo lab submit` and the results name them again.
//! 3. In the middle of the term: raise `VERSION`, say in `template/CHANGES.md` what is new, generate, and
//!    `cargo handout update COPY`. It shows what is new, and says whether grading changes.
//! 4. Students hand in what `cargo lab submit` packs, or just their folder: only files that are theirs are taken.
//! 5. `cargo handout grade submissions/ --jobs 8 --hidden hidden/`. Everything is saved as soon as it is graded; after an
//!    interruption the same with `--resume`. `index.html` shows the points, the failures in groups with one short
//!    exemplar each, the one with the shortest trace, and pages to step through; what a person should look at in the sources,
//!    by file and line;
//!    `results.jsonl`, `grades.csv`, `junit.xml` and Gradescope's
//!    `results.json` are for programs. Where tests are hidden, what was earned in them stands apart.
//! 6. Something was wrong with a test: mend it, `cargo handout grade … --tests t12 --since OLD --out NEW` lists whose points
//!    changed. The results in NEW are those of OLD with this test replaced; of a replaced record the old one is kept in it,
//!    and each says with which handout it was made.
//! 7. `cargo handout mark` on the folder of results, to waive a test for some or all, to give the points of a submission that
//!    a person has looked at, and to write one comment for everybody who shares a failure. The decisions stand in `marks.toml`
//!    there; nothing is compiled or run for them, what is taken out of the file is undone, and a regrade takes them along.
//!
//! # Seeded bugs
//!
//! A test is worth what it finds. `cargo handout bugs` puts one mistake at a time into the reference, runs the suite, and
//! prints which test finds it, at which depth, in how many states, and which tests find nothing that no other test finds.
//! The workspace stays where it is (`~/.cache/cargo-handout`), so a bug costs one lab's compilation and its suite; what ran on
//! the same bytes is not run again. `--sample 3 --seed "$(git rev-parse HEAD)"` is for every commit, `--named` runs only the
//! tests that a bug names, `--out handout/bugs/matrix` saves a matrix to commit.
//!
//! # Hidden tests
//!
//! The least work is `--seed N`: the tests are those that students have, but what chance does in runs (who times out first,
//! what is lost, who crashes when) comes from a number that they do not know. The results name it, so a student repeats
//! a failure with `TESTKIT_SEED=N cargo test --test part3 t08`. It is fair because every right design passes with any seed:
//! `RAFT_SUITES_SEEDS=50 cargo test -p raft --test suites seeds -- --include-ignored` tries that, and CI a few for every commit.
//!
//! `--hidden DIR` lays the files of DIR over the handout once a submission is compiled: `DIR/tests/part3.rs` takes the place of the
//! suite that students have, and `DIR/tests/part3/more.rs` can stand beside it. Begin with a copy of the public suite and add
//! tests to it: a test that students have as well counts as visible, all others are hidden, and the results sum both. Vary what
//! a submission could have learnt by heart, such as the seeds of runs, the number of servers and clients, keys and values, and
//! who is cut off when; never demand more than the page of the part does. A hidden test that only the reference
//! passes encodes its design: lay DIR over a clone of the repository, and run
//! `cargo test -p raft --test suites ::part3 -- --include-ignored --skip tables` for a suite `part3`: all other right designs have to get all
//! points. (Without `--include-ignored` one design is tried, which the commit chooses; `tables` compares the public page of the part
//! with the suite, and a hidden test must not get into that.) No hidden suite lies in this repository, where students could read it.
//!
//! # Isolation
//!
//! Compiling and running happen in a sandbox without network, with a file system of its own, and limits on memory, time,
//! processes, files and output, and on compiling everything of a submission together: namespaces where the grader is root, bubblewrap, or user namespaces. Where there is none it
//! says `LIMITS ONLY`, and hidden tests are refused. Who is root has the strongest one: tests then run as a user of their
//! own and start no program that they bring along. Where the grader may make control groups, the kernel holds all processes
//! of a submission together to its memory and its number of processes; elsewhere the grader watches them.
//!
//! With hidden tests the libraries of labs are compiled while the hidden tests are not there, by the same command as with
//! them, and must then be fresh; test programs and libraries of others are removed first. Source: `src/grade/build.rs`.
//!
//! Results come from the harness on a socket (`sandbox/channel.rs`, `tests/support/src/channel.rs`), not in files: the code
//! under test is of the same user as the harness and may write wherever that writes. If the harness ends in an unusual way,
//! or its files say something else than it told, nothing counts until a person has looked (`tampered`). What remains: in a
//! user namespace in which tests run as its root (`user-namespaces`), safe code can still read the memory of its *own*
//! process and so hand over an outcome of its own choice for the test that runs. Where the grader is root, and in bubblewrap
//! started by an ordinary user, it cannot.
//!
//! The class of hostile submissions in `tests/class` says what was tried, `tests/RESULTS.md` what came of it;
//! `cargo test -p handout --test class -- --ignored` tries all of it in every kind of sandbox.
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
//! | seeded bugs | `bugs/<lab>/<bug>.patch`, read by `src/bugs/`; matrices in `bugs/matrix/` |
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
mod lock;
mod manifest;
mod markers;
mod pages;
mod plan;
// The `lab` command of students does the same with the same source; it is in every handout, and this crate is in none.
#[path = "../../visualizer/src/student/renewal.rs"]
mod renewal;
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
