// INSTRUCTOR ONLY
//! What a run meets depends on its seed; and with the same seed every design meets something else, for it sends other
//! messages. So a test that fails the reference once in a hundred seeds fails one right student in a hundred. Here the
//! right designs run with many seeds.

use std::env;

use libtest_mimic::Failed;
use testkit::Judgement;

use crate::judge::{self, Only};

/// How many seeds are tried.
const COUNT: &str = "RAFT_SUITES_SEEDS";

/// How many if nothing is said: some seconds for most parts.
const DEFAULT: u64 = 5;

/// The seeds to try: other ones for every commit, and `RAFT_SUITES_SEEDS` of them.
pub(crate) fn chosen(commit: usize) -> impl Iterator<Item = u64> + Clone {
    let count = env::var(COUNT).ok().and_then(|count| count.parse().ok()).unwrap_or(DEFAULT);
    // No test has a seed of so few digits of its own.
    let first = commit as u64 * 1000;
    first..first + count
}

/// A right design passes all runs of a part, with each of the seeds.
pub(crate) fn right(design: &str, part: &str, seeds: impl Iterator<Item = u64>) -> Result<(), Failed> {
    let mut failed = Vec::new();
    for seed in seeds {
        let records = judge::run(design, part, Only::RunsWith(seed))?;
        if records.is_empty() {
            return Err(format!("no test of {part} is a run").into());
        }
        let not_passed = records.iter().filter(|test| test.verdict != Judgement::Pass);
        failed.extend(
            not_passed.map(|test| format!("{} with seed {seed}:\n{}", test.test, test.block.join("\n"))),
        );
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("a right design does not pass, so the suite is wrong\n{}", failed.join("\n")).into())
}
