//! The engine.
mod bfs;
mod delivery;
mod engine;
mod guard;
mod handler;
mod memory;
mod minimize;
mod pool;
mod progress;
mod properties;
mod random_dfs;
mod replay;
mod results;
mod settings;
mod space;
mod state;
mod visited;

pub use bfs::{bfs, bfs_from};
pub use delivery::Delivery;
pub use minimize::{Target, is_one_minimal, minimize};
pub use progress::Progress;
pub use random_dfs::{RandomDfs, random_dfs};
pub use replay::{ReplayError, replay};
pub use results::{Budget, Coverage, HandlerCoverage, HandlerFault, Results, Stats, Trace, Verdict};
pub use settings::{CancelToken, ProgressCallback, Settings};
pub use state::{State, StepError};
