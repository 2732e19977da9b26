//! Whether concurrent operations look as if they came one after the other: linearizability and sequential consistency.
//!
//! - A [`Specification`] says what operations mean one after the other; [`ApplicationSpecification`] makes one of an
//!   [`Application`](crate::Application).
//! - A [`History`] records who asked for what, when, and what came back. [`check`](fn@check) decides whether some order explains it,
//!   and [`explain`](fn@explain) says why not: which few operations conflict, in a sentence and in a drawing.
//! - A [`Monitor`] does the same along a search, step by step, without a history.
//!   [`predicate::sequentially_consistent`](crate::predicate::sequentially_consistent) looks at the results of finished
//!   clients and needs neither.
//!
//! The questions are NP-complete. Every check has a bound on its steps and says so when it does not know; nothing here
//! takes that for a pass. What makes it fast: parts of the object that have nothing to do with each other
//! ([`Specification::partition`]) and knowing what only reads ([`Specification::only_reads`]). What makes it slow: many
//! operations at once on one part, of which nobody sees the order.
//!
//! # The smallest example
//!
//! ```
//! use framework::Address;
//! use framework::linearizability::{Consistency, History, STEPS_MAX, Specification, Style, explain};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! enum Command { Get, Put(u32) }
//!
//! struct Register;
//!
//! impl Specification for Register {
//!     type State = u32;
//!     type Command = Command;
//!     type Response = u32;
//!     fn initial(&self) -> u32 { 0 }
//!     fn apply(&self, state: &mut u32, command: &Command) -> u32 {
//!         if let Command::Put(value) = command { *state = *value; }
//!         *state
//!     }
//! }
//!
//! let (alice, bob) = (Address::named("alice"), Address::named("bob"));
//! let mut history = History::new();
//! history.invoke(0, alice, Command::Put(1))?;
//! history.returned(1, alice, 1)?;
//! history.invoke(2, bob, Command::Get)?;
//! history.returned(3, bob, 0)?;
//!
//! let explanation = explain(&Register, &history, Consistency::Linearizable, STEPS_MAX)?.unwrap();
//! assert_eq!(explanation.text(Style::Ascii, 80), "\
//! not linearizable: bob got 0 for Get, although alice's Put(1) -> 1 had returned
//! before that was invoked; only 1 was possible
//!
//! alice  |---1---|
//! bob                    |---2---|
//! time   0       1       2       3
//!
//!   1  alice  Put(1) -> 1
//! ! 2  bob    Get -> 0
//!
//! No order of these 2 operations explains their responses; it takes all of them.
//! Until time 2 the history is linearizable.
//! ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
