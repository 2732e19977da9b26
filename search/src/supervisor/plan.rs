//! What a supervisor tells the process it starts, on its standard input.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::watch::FatalInput;

/// One line of JSON, before anything of a student's runs: nothing in it is in the environment or on the command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Where the journal is.
    pub(super) journal: PathBuf,
    /// What the result begins with. It is drawn for every run, and only the process itself is told.
    pub(super) nonce: String,
    /// What the process is asked for, in words of its own.
    pub(super) request: String,
    /// The bytes of address space that the process may have.
    pub(super) memory: Option<u64>,
    pub(super) fatal: Vec<FatalInput>,
    pub(super) pass_over_fatal: bool,
    pub(super) thorough: bool,
    pub(super) try_debug: bool,
    pub(super) keep_traces: bool,
}

/// The line that asks the process to come to an end, after the plan.
pub(super) const CANCEL: &str = "cancel";

/// Set for a process that has a supervisor: it finds its plan on its standard input.
pub(super) const SUPERVISED: &str = "SEARCH_SUPERVISED";
