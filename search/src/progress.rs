//! What a running search tells its caller now and then.

use std::time::Duration;

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// The states found so far.
    pub states: u64,
    /// The depth of the states that are being found now.
    pub depth: u32,
    /// The states of the level that is being expanded, and how many of them are done. Both 0 in a random search.
    pub frontier: u64,
    /// How many states of that level are expanded.
    pub expanded: u64,
    /// The random probes finished so far; 0 in a breadth-first search.
    pub probes: u64,
    /// The bytes in use.
    pub bytes: u64,
    /// The bytes at which the search ends.
    pub max_bytes: u64,
    /// The time since the search began.
    pub elapsed: Duration,
}
