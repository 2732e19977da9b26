//! The engine.
mod delivery;
mod guard;
mod progress;
mod results;
mod settings;
mod state;

pub use delivery::Delivery;
pub use progress::Progress;
pub use results::{Budget, Coverage, HandlerCoverage, HandlerFault, Results, Stats, Trace, Verdict};
pub use settings::{CancelToken, ProgressCallback, Settings};
pub use state::{State, StepError};

/// Breadth-first search from one state.
pub fn bfs(start: &State, settings: &Settings) -> Results {
    bfs_from(std::slice::from_ref(start), settings)
}
/// Breadth-first search from several states (all goal states of the stage before).
pub fn bfs_from(starts: &[State], settings: &Settings) -> Results {
    let _ = (starts, settings);
    unimplemented!()
}
/// How a random search draws.
#[derive(Clone, Copy, Debug)]
pub struct RandomDfs {
    /// Seed; probe k uses a seed mixed of it and k.
    pub seed: u64,
    /// How many probes at the most.
    pub probes: Option<u64>,
}
/// Random depth-first probes.
pub fn random_dfs(start: &State, settings: &Settings, random: RandomDfs) -> Results {
    let _ = (start, settings, random);
    unimplemented!()
}
/// The states of a trace: the start, then the state after every event.
pub fn replay(trace: &Trace, delivery: &Delivery) -> Result<Vec<State>, (usize, StepError)> {
    let _ = (trace, delivery);
    unimplemented!()
}
