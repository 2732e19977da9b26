//! Reports and traces of searches, the viewer that steps through them, and the `lab` command.
//!
//! A search (crate `search`) prints nothing; this crate turns what it found into text, JSON and trace files, and shows
//! them. A trace file opens without the code of the lab: every value, message and reason is in it.
//!
//! A viewer never runs a handler itself. With the code of the lab linked in (`cargo lab explore`, `cargo lab replay`) a
//! trace can go on: messages arrive and timers fire as the person says, earlier steps branch, a search goes on from any
//! of them, racing messages are tried in the other order. Every such question is answered by a process of its own, so
//! nothing that a handler does ends the viewer. Without the code a trace is looked at as it was recorded.
//!
//! # The smallest example
//!
//! ```
//! use models::paxos::{self, Mistake};
//! use search::{Settings, State};
//! use visualizer::session::Session;
//! use visualizer::trace_file::Origin;
//! use visualizer::{Model, plain, record};
//!
//! let system = paxos::buggy_system(&["A", "B"], 3, Mistake::QuorumTooSmall);
//! let settings = Settings::default().invariant(paxos::agreement());
//! let results = search::bfs(&State::initial(&system)?, &settings);
//! let trace = record(&results, &settings, Origin::default(), "bfs").ok_or("nothing is wrong")?;
//!
//! let mut session = Session::new(Model::new(trace), None);
//! let mut words = Vec::new();
//! plain::run(&mut session, "why", &mut words)?;
//! let words = String::from_utf8(words)?;
//! assert!(words.starts_with("agreement is false since step 10\nit was last true at step 9\n"), "{words}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to read on
//!
//! - [`lab_main`] is the `main` of a lab's driver, and [`lab_command`] that of `cargo lab`; [`ExitCode`] lists how they
//!   end.
//! - [`record`](fn@record) writes down what a trace does, as a [`TraceFile`]; [`TraceFile::schema`] describes the format.
//! - [`model`] answers every question about a trace, without a screen. Whatever shows traces asks it.
//! - [`session`] is what a person looks at and does, with the one table of actions; [`panels`] is what they see.
//! - [`export`](mod@export) writes a trace for reports and for other tools, `cargo lab export`.
//! - The module `live` runs handlers for a session: what is asked, who answers, and the tree of branches.
//! - [`plain`] is the viewer in words, [`screenshot`] the one on a terminal. [`text`] is the short text under a search.

mod amount;
mod command;
mod console;
mod demo;
mod doctor;
mod driver;
mod exit_code;
pub mod export;
mod fault;
mod finish;
mod growth;
mod handler_log;
#[cfg(test)]
mod hostile;
mod human;
mod json;
mod launch;
mod live;
mod missed;
pub mod model;
mod options;
pub mod panels;
pub mod plain;
mod pool;
mod profile;
mod progress;
mod record;
mod regression;
#[cfg(test)]
mod sample;
pub mod session;
mod set_up;
mod shell;
mod show;
mod student;
mod supervise;
mod switches;
pub mod text;
pub mod trace_file;
mod tui;
mod workspace;

pub use command::lab_command;
pub use driver::lab_main;
pub use exit_code::ExitCode;
pub use model::Model;
pub use pool::{Pool, PoolError, ValueId};
pub use record::{record, record_with_goals};
pub use regression::Replay;
pub use trace_file::{TraceFile, TraceFileError};
pub use tui::screenshot;
