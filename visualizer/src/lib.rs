//! Reports and traces of searches, and the `lab` command.
//!
//! A search (crate `search`) prints nothing; this crate turns what it found into text, JSON and trace files. A trace
//! file opens without the code of the lab: every value, message and reason is in it.
//!
//! - [`lab_main`] is the `main` of a lab's driver, and [`lab_command`] that of `cargo lab`.
//! - [`record`](fn@record) writes down what a trace does, as a [`TraceFile`]; [`text`] shows one.
//! - [`ExitCode`] lists how the commands end.
//!
//! It shows plain text only: there is no interactive viewer here yet.

mod amount;
mod command;
mod console;
mod demo;
mod driver;
mod exit_code;
mod finish;
#[cfg(test)]
mod hostile;
mod human;
mod json;
mod launch;
mod missed;
pub mod model;
mod options;
pub mod panels;
pub mod plain;
mod pool;
mod profile;
mod progress;
mod record;
#[cfg(test)]
mod sample;
pub mod session;
mod shell;
mod show;
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
pub use record::record;
pub use trace_file::{TraceFile, TraceFileError};
pub use tui::screenshot;
