//! What is written down of a test: one line of JSON, from which all other files are made.

use serde::{Deserialize, Serialize};

use crate::part::Kind;

/// The version of the records. It grows when the meaning of a field changes; new fields do not change it.
pub const VERSION: u32 = 1;

/// Whether a test passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// It passed.
    Pass,
    /// Something is wrong.
    Fail,
    /// A budget was spent before anything could be said. Never a pass.
    Inconclusive,
}

impl Judgement {
    /// `pass`, `fail`, `inconclusive`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The first line of `results.jsonl`: which run the records below are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `run`.
    pub record: String,
    /// The version of the records.
    pub schema: u32,
    /// What tells this run from others.
    pub run: String,
    /// The target.
    pub part: String,
    /// The lab.
    pub lab: String,
    /// The title of the part.
    pub title: String,
    /// The points of all tests of the part, whether they ran or not.
    pub points: u32,
    /// The number of all tests of the part.
    pub tests: usize,
    /// Where to begin when nothing passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// A hash of the test's executable: records of another one are of other code.
    pub executable: String,
    /// Version and hash of the handout, if this is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handout: Option<serde_json::Value>,
}

/// One stage of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Its name.
    pub name: String,
    /// Whether it passed.
    pub verdict: Judgement,
    /// The word for how the search ended, as in `search::Verdict::word`.
    pub ended: String,
    /// Whether it reached a goal.
    pub goal: bool,
    /// The states visited.
    pub states: u64,
    /// The depth of the deepest state.
    pub depth: u32,
    /// How long it took.
    pub seconds: f64,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// `test`.
    pub record: String,
    /// The name: `t04_search_single_client_pings`.
    pub test: String,
    /// The number.
    pub number: u32,
    /// The kind.
    pub kind: Kind,
    /// What holds when it passes.
    pub claim: String,
    /// The heading it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The points for passing it.
    pub points: u32,
    /// The points earned.
    pub earned: u32,
    /// Whether it passed.
    pub verdict: Judgement,
    /// The word for why not: `violated`, `goal-not-found`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The invariant, goal, predicate or handler that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// What happened, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The stage in which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The stages that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageRecord>,
    /// The seed of whatever is random in it.
    pub seed: u64,
    /// The states of all stages.
    pub states: u64,
    /// How long it took.
    pub seconds: f64,
    /// The saved trace, relative to the workspace or to `TESTKIT_OUT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// How many steps it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// What the failure has in common with the same failure of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether a trace that an earlier run had kept found it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// What the student reads, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<String>,
}

impl TestRecord {
    /// The cause, or the verdict where there is none: a word for tables.
    pub fn word(&self) -> &str {
        self.cause.as_deref().unwrap_or(self.verdict.word())
    }
}
