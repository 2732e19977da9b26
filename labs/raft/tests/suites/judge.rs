// INSTRUCTOR ONLY
//! Runs a suite on a design, in a process of its own, and compares what came of it with what is expected.

use std::env;
use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use testkit::{Judgement, TestRecord};

use crate::chosen::DESIGN;
use crate::record::Record;
use crate::{PART, reference};

/// A design with a flaw, and the test that fails because of it.
pub(crate) struct Flawed {
    /// The base and the flaw.
    pub(crate) design: &'static str,
    /// The suite.
    pub(crate) part: &'static str,
    /// The test of it.
    pub(crate) test: &'static str,
    /// What it finds.
    pub(crate) detector: &'static str,
}

/// Mistakes in another base than the reference; those in the reference are in `handout/bugs/raft`.
pub(crate) const FLAWS: [Flawed; 16] = [
    Flawed {
        design: "naive+VotesAgain",
        part: "part2",
        test: "t10_search_election_safety",
        detector: "one vote a term",
    },
    Flawed {
        design: "batching+ForgetsVote",
        part: "part2",
        test: "t10_search_election_safety",
        detector: "one vote a term",
    },
    Flawed {
        design: "streaming+HalfIsEnough",
        part: "part2",
        test: "t11_search_votes_of_a_majority",
        detector: "a leader has the votes of a majority",
    },
    Flawed {
        design: "naive+CountsOldTerms",
        part: "part3",
        test: "t17_search_figure8_counted",
        detector: "only entries of its own term are committed by a leader",
    },
    Flawed {
        design: "naive+CountsOldTerms",
        part: "part3",
        test: "t18_search_figure8_lost",
        detector: "appends to one key are linearizable",
    },
    Flawed {
        design: "batching+ComparesLengths",
        part: "part3",
        test: "t19_search_longer_log_of_an_earlier_term",
        detector: "leader completeness",
    },
    Flawed {
        design: "batching+AcknowledgesAll",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "batching+CutsOff",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "committed entries are in the logs of a majority",
    },
    Flawed {
        design: "batching+ChecksIndexOnly",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "state machine safety",
    },
    Flawed {
        design: "naive+TrustsCommit",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "state machine safety",
    },
    Flawed {
        design: "naive+LowersCommit",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "last_applied ≤ commit_index ≤ last index",
    },
    Flawed {
        design: "batching+SkipsEntries",
        part: "part3",
        test: "t21_search_old_messages",
        detector: "a store is what the applied entries make of it",
    },
    Flawed {
        design: "naive+AnswersEarly",
        part: "part3",
        test: "t14_search_two_commands",
        detector: "finished writes are in the logs of a majority",
    },
    Flawed {
        design: "naive+LosesVote",
        part: "part4",
        test: "t08_search_one_leader_a_term",
        detector: "election safety",
    },
    Flawed {
        design: "naive+SavesLate",
        part: "part4",
        test: "t07_search_vote_survives_crash",
        detector: "a leader has the votes of a majority",
    },
    Flawed {
        design: "naive+SavesLate",
        part: "part4",
        test: "t09_search_log_survives_crash",
        detector: "committed entries are in the logs of a majority",
    },
];

/// What worthless solutions earn, and why that is no more than they should. Whoever is not here earns nothing.
const EARNED: [(&str, &str, u32); 3] = [
    // A group of one needs no replication: they do what part 1 asks for.
    ("one-server", "part1", 40),
    ("silent", "part1", 40),
    // It does elect leaders, and follows the latest term; that there is never a second one in a term is what it fails.
    ("always-grants", "part2", 11),
];

/// Runs the suite of a part on a design, or one test of it.
fn run(design: &str, part: &str, test: Option<&str>) -> Result<Vec<TestRecord>, Failed> {
    let out = env::temp_dir().join(format!("raft-suites-{}-{design}-{part}", std::process::id()));
    let mut command = Command::new(env::current_exe()?);
    command.env(DESIGN, design).env(PART, part).env("TESTKIT_OUT", &out).env("TESTKIT_FAILURES", "off");
    if let Some(test) = test {
        command.args(["--exact", test]);
    }
    let output = command.output()?;
    let results = fs::read_to_string(out.join("results.jsonl"));
    fs::remove_dir_all(&out)?;
    let results = results.map_err(|error| {
        format!("the suite left no results ({error}): {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let records = results.lines().skip(1).map(serde_json::from_str);
    Ok(records.collect::<Result<_, _>>()?)
}

/// All points, and all tests.
pub(crate) fn right(design: &str, part: &str, record: &Record) -> Result<(), Failed> {
    let records = run(design, part, None)?;
    let failed: Vec<String> = records
        .iter()
        .filter(|test| test.verdict != Judgement::Pass)
        .map(|test| test.block.join("\n"))
        .collect();
    let earned: u32 = records.iter().map(|test| test.earned).sum();
    if !failed.is_empty() || earned != reference(part).points() {
        return Err(
            format!("a right design does not pass, so the suite is wrong\n{}", failed.join("\n")).into()
        );
    }
    record.note(design, part, &records);
    Ok(())
}

/// Not more points than are known and explained.
pub(crate) fn worthless(design: &str, part: &str, record: &Record) -> Result<(), Failed> {
    let records = run(design, part, None)?;
    let earned: u32 = records.iter().map(|test| test.earned).sum();
    let known = EARNED.iter().find(|(other, of, _)| (*other, *of) == (design, part));
    let expected = known.map_or(0, |(_, _, points)| *points);
    record.note(design, part, &records);
    if earned == expected && !records.is_empty() {
        return Ok(());
    }
    let with: Vec<String> = records
        .iter()
        .filter(|test| test.earned > 0)
        .map(|test| format!("  {} of {} for {}", test.earned, test.points, test.test))
        .collect();
    Err(format!("worth nothing, and earns {earned} points instead of {expected}:\n{}", with.join("\n"))
        .into())
}

/// The stated test fails for the stated reason.
pub(crate) fn flawed(flaw: &Flawed) -> Result<(), Failed> {
    let records = run(flaw.design, flaw.part, Some(flaw.test))?;
    let record = records.first().ok_or_else(|| format!("there is no test `{}`", flaw.test))?;
    if record.cause.as_deref() == Some("violated") && record.detector.as_deref() == Some(flaw.detector) {
        return Ok(());
    }
    let found = (record.word(), record.detector.as_deref().unwrap_or_default());
    Err(format!("`{}` ends with {found:?} instead of a violation of `{}`", flaw.test, flaw.detector).into())
}
