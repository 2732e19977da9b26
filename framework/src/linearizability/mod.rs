//! Whether concurrent operations look as if they came one after the other: linearizability and sequential consistency.

mod check;
mod core;
mod drawing;
mod explain;
mod history;
mod monitor;
mod object;
mod residual;
mod search;
mod specification;
mod worker_step;

pub use check::{Consistency, STEPS_MAX, Verdict, check};
pub use drawing::{COLUMNS, Style};
pub use explain::{Explanation, explain};
pub use history::{End, History, HistoryError, Operation};
pub use monitor::{Monitor, MonitorError, MonitorStep, TimedStep};
pub use specification::{ApplicationSpecification, Specification};
pub use worker_step::WorkerStep;
