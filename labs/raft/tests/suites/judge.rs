// INSTRUCTOR ONLY
//! Runs a suite on a design, in a process of its own, and compares what came of it with what is expected.

use std::env;
use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use testkit::{Judgement, TestRecord};

use crate::chosen::DESIGN;
use crate::flawed::Flawed;
use crate::record::Record;
use crate::{PART, reference};

/// What worthless solutions earn, and why that is no more than they should. Whoever is not here earns nothing.
const EARNED: [(&str, &str, u32); 8] = [
    // A group of one needs no replication: they do what part 1 asks for.
    ("one-server", "part1", 40),
    ("silent", "part1", 40),
    // It does elect leaders, and follows the latest term; that there is never a second one in a term is what it fails.
    ("always-grants", "part2", 11),
    // The credit for a first leader and for walks that begin with one.
    ("always-grants", "part6", 2),
    // Stages that come before the first snapshot, read or transfer: their credits.
    ("naive+IgnoresOptions", "part5", 2),
    ("naive+IgnoresOptions", "part6", 4),
    // Also: who comes back in a later term is let in by plain Raft.
    ("naive+IgnoresOptions", "part7", 11),
    // It makes no entries, and answers rightly as long as nobody else has been elected; or when it is alone.
    ("naive+ReadsLocally", "part6", 14),
];

/// What of a suite is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Only<'t> {
    /// Everything.
    All,
    /// This test.
    Test(&'t str),
    /// The runs, on whatever network, with this seed in place of their own.
    RunsWith(u64),
}

/// Runs the suite of a part on a design.
pub(crate) fn run(design: &str, part: &str, only: Only<'_>) -> Result<Vec<TestRecord>, Failed> {
    let what = match only {
        Only::All => "all".to_owned(),
        Only::Test(test) => test.to_owned(),
        Only::RunsWith(seed) => seed.to_string(),
    };
    // Two tests may run on one design at the same time.
    let name = format!("raft-suites-{}-{design}-{part}-{what}", std::process::id());
    let out = env::temp_dir().join(name);
    let mut command = Command::new(env::current_exe()?);
    command.env(DESIGN, design).env(PART, part).env("TESTKIT_OUT", &out).env("TESTKIT_FAILURES", "off");
    match only {
        Only::All => {}
        Only::Test(test) => {
            command.args(["--exact", test]);
        }
        Only::RunsWith(seed) => {
            command.env("TESTKIT_SEED", seed.to_string()).args(["_run_", "_unreliable_"]);
        }
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
    let records = run(design, part, Only::All)?;
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
    let records = run(design, part, Only::All)?;
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
    let records = run(flaw.design, flaw.part, Only::Test(flaw.test))?;
    let record = records.first().ok_or_else(|| format!("there is no test `{}`", flaw.test))?;
    let about_it = matches!(record.cause.as_deref(), Some("violated" | "goal-not-found"));
    if about_it && record.detector.as_deref() == Some(flaw.detector) {
        return Ok(());
    }
    let found = (record.word(), record.detector.as_deref().unwrap_or_default());
    Err(format!("`{}` ends with {found:?} instead of with `{}`", flaw.test, flaw.detector).into())
}
