//! What the harness asks of the process of a test, and what that answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failed::Failure;
use crate::record::StageRecord;

/// What the harness asks for. It is told on a pipe: code that is tested does not find the name of the test in its
/// arguments or environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) test: String,
    pub(crate) seed: u64,
    /// Whether the seed is not the test's own.
    pub(crate) seed_was_given: bool,
    pub(crate) memory_mib: u64,
    /// What time limits are multiplied with.
    pub(crate) time: f64,
    pub(crate) threads: Option<usize>,
    /// Where the stage that begins is noted, for the terminal only.
    pub(crate) live: Option<PathBuf>,
    /// The folder of saved traces, and how records call it.
    pub(crate) traces: PathBuf,
    pub(crate) traces_name: String,
    /// Where failing traces are kept for the next run.
    pub(crate) corpus: Option<PathBuf>,
    /// Whether a grader wants to know the outcome, who does not trust what is tested.
    pub(crate) graded: bool,
}

/// How a test ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Why it did not pass, if it did not.
    pub(crate) failure: Option<Failure>,
    /// The stages that ended.
    pub(crate) stages: Vec<StageRecord>,
    /// The last stage that began.
    pub(crate) stage: Option<String>,
}

/// The stage that a search is in, for the terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveStage {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) budget: Option<u64>,
}
