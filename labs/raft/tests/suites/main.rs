// INSTRUCTOR ONLY
//! The graded suites themselves are tested: every other right design gets all points, a solution that is worth nothing
//! gets next to none, and a design with a flaw fails the test that is about it, for the reason that is stated.
//!
//! A test of a suite that fails a right design is wrong, whatever the reference does.
//!
//! ```sh
//! cargo test -p raft --test suites                            # a sample, which the commit chooses; and the tables
//! cargo test -p raft --test suites -- --include-ignored       # everything, six minutes on two processors
//! cargo test -p raft --test suites naive -- --include-ignored # one design
//! RAFT_SUITES_SEEDS=50 cargo test -p raft --test suites seeds -- --include-ignored   # runs, with 50 seeds each
//! RAFT_SUITES_RECORD=$(date +%F) cargo test -p raft --test suites -- --include-ignored   # and note the result
//! RAFT_SUITES_TABLES=write cargo test -p raft --test suites tables                       # the tables in docs/
//! ```
//!
//! A suite runs in a process of its own, which is this binary again: `RAFT_SUITES_DESIGN` says which design its
//! [`Default`] is, and the harness of the suite hands that on to the process of each test.

mod chosen;
#[path = "../it/designs/mod.rs"]
#[expect(clippy::unwrap_used, reason = "they are written for tests, where it is allowed")]
mod designs;
mod flawed;
mod judge;
#[path = "../it/nulls.rs"]
#[expect(clippy::unwrap_used, reason = "they are written for tests, where it is allowed")]
mod nulls;
#[path = "../../../../tests/part1.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part1;
#[path = "../../../../tests/part2.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part2;
#[path = "../../../../tests/part3.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part3;
#[path = "../../../../tests/part4.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part4;
#[path = "../../../../tests/part5.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part5;
#[path = "../../../../tests/part6.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part6;
#[path = "../../../../tests/part7.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part7;
#[path = "../../../../tests/part8.rs"]
#[expect(dead_code, reason = "the suite has a `main` of its own")]
mod part8;
mod record;
mod seeds;
mod tables;

use std::env;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};
use raft::{Handout, Reconfigurable};
use testkit::Part;

use crate::chosen::{DESIGN, OtherDesign, Worthless};

/// Which part a process runs.
const PART: &str = "RAFT_SUITES_PART";

/// The design of this repository, which the tests of the workspace run without being asked.
const REFERENCE: &str = "reference";

/// The parts that there are, by their `[[test]]` targets.
const PARTS: [&str; 8] = ["part1", "part2", "part3", "part4", "part5", "part6", "part7", "part8"];

fn main() -> ExitCode {
    if let (Ok(design), Ok(part)) = (env::var(DESIGN), env::var(PART)) {
        return testkit::main(if chosen::is_worthless(&design) {
            part_of::<Worthless>(&part)
        } else if design == REFERENCE {
            reference(&part)
        } else {
            part_of::<OtherDesign>(&part)
        });
    }
    let args = Arguments::from_args();
    let record = record::Record::default();
    let mut trials = tables::trials();
    let sample = Sample::of_commit();
    for part in PARTS {
        for design in chosen::right_in(part) {
            let record = record.clone();
            let trial = Trial::test(format!("{design}::{part}"), move || judge::right(design, part, &record));
            trials.push(("right", trial));
        }
        for null in chosen::worthless_in(part) {
            let record = record.clone();
            let trial = Trial::test(format!("{null}::{part}"), move || judge::worthless(null, part, &record));
            trials.push(("worthless", trial));
        }
    }
    for flaw in &flawed::FLAWS {
        trials.push((
            "flawed",
            Trial::test(format!("{}::{}::{}", flaw.design, flaw.part, flaw.test), || judge::flawed(flaw)),
        ));
    }
    for part in PARTS {
        for design in std::iter::once(REFERENCE).chain(chosen::right_in(part)) {
            let chosen = seeds::chosen(sample.0);
            let trial =
                Trial::test(format!("seeds::{design}::{part}"), move || seeds::right(design, part, chosen));
            trials.push(("seeds", trial));
        }
    }
    let conclusion = libtest_mimic::run(&args, sample.choose(trials));
    if !conclusion.has_failed() {
        record.write();
    }
    conclusion.exit_code()
}

/// A suite for a design.
fn part_of<D: Reconfigurable + Default>(part: &str) -> Part {
    match part {
        "part1" => part1::part::<D>(),
        "part2" => part2::part::<D>(),
        "part3" => part3::part::<D>(),
        "part4" => part4::part::<D>(),
        "part5" => part5::part::<D>(),
        "part6" => part6::part::<D>(),
        "part7" => part7::part::<D>(),
        "part8" => part8::part::<D>(),
        other => panic!("there is no suite `{other}`"),
    }
}

/// Which trials run if nothing else is asked for: one of each kind, chosen by the commit, so that every commit tries
/// others.
struct Sample(usize);

impl Sample {
    fn of_commit() -> Self {
        let head = Command::new("git").args(["rev-parse", "HEAD"]).output();
        let digits = head.ok().and_then(|out| String::from_utf8(out.stdout).ok()).unwrap_or_default();
        Self(usize::from_str_radix(digits.get(..6).unwrap_or_default(), 16).unwrap_or_default())
    }

    /// Marks all but the chosen ones of each kind as ignored; tables always run.
    fn choose(&self, trials: Vec<(&'static str, Trial)>) -> Vec<Trial> {
        let count = |kind| trials.iter().filter(|(other, _)| *other == kind).count().max(1);
        let chosen = ["right", "worthless", "flawed", "seeds"].map(|kind| (kind, self.0 % count(kind)));
        let mut seen = [0; 4];
        let mut all = Vec::new();
        for (kind, trial) in trials {
            let Some(at) = chosen.iter().position(|(other, _)| *other == kind) else {
                all.push(trial);
                continue;
            };
            let ignored = seen[at] != chosen[at].1;
            seen[at] += 1;
            all.push(trial.with_ignored_flag(ignored));
        }
        all
    }
}

/// The suite of a part for the reference: what the tables are made of.
fn reference(part: &str) -> Part {
    part_of::<Handout>(part)
}
