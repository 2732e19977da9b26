//! Reads what the grading harness left of its last run: `results.jsonl`, a header and a line a test.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// The last run of a suite.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Grades {
    /// What tells this run from others.
    #[serde(default)]
    pub(super) run: String,
    #[serde(default)]
    pub(super) lab: String,
    /// The points of all tests of the suite.
    #[serde(default)]
    pub(super) points: f64,
    /// The number of all tests of the suite.
    #[serde(default)]
    pub(super) tests: usize,
    /// Where to begin when nothing passes.
    #[serde(default)]
    pub(super) hint: Option<String>,
    #[serde(skip)]
    pub(super) records: Vec<Record>,
}

/// One test of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Record {
    pub(super) test: String,
    #[serde(default)]
    pub(super) claim: String,
    pub(super) verdict: String,
    /// The word for why not: `violated`, `goal-not-found`, ….
    #[serde(default)]
    pub(super) cause: Option<String>,
    /// The predicate or handler that says so.
    #[serde(default)]
    pub(super) detector: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
    /// The heading that it stands under.
    #[serde(default)]
    pub(super) section: Option<String>,
    /// The stage in which it failed.
    #[serde(default)]
    pub(super) stage: Option<String>,
    #[serde(default)]
    pub(super) earned: f64,
    /// The saved trace, relative to the workspace or to the folder of the results.
    #[serde(default)]
    pub(super) trace: Option<String>,
}

impl Record {
    pub(super) fn passes(&self) -> bool {
        self.verdict == "pass"
    }
}

impl Grades {
    /// The results in a folder, if a run left some there. Lines that are no records of tests are not counted.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("results.jsonl")).ok()?;
        let mut lines = text.lines();
        let mut grades: Self = serde_json::from_str(lines.next()?).ok()?;
        grades.records = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        Some(grades)
    }

    pub(super) fn earned(&self) -> f64 {
        self.records.iter().map(|record| record.earned).sum()
    }

    pub(super) fn passed(&self) -> usize {
        self.records.iter().filter(|record| record.passes()).count()
    }

    /// The tests that did not pass, in their order.
    pub(super) fn failing(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| !record.passes())
    }
}
