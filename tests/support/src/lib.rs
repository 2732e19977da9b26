//! The grading harness: tests with numbers and points, each in a process of its own, with results that a student, a
//! teaching assistant and a grading server can read.
//!
//! A suite is one file with one explicit list of tests, a `[[test]]` target with `harness = false`. `cargo test --test
//! pingpong`, `cargo test --test pingpong t02`, `-- --list` and `cargo nextest` work as everywhere.
//!
//! What it is **not**: a sandbox against a determined attacker (that is `cargo handout grade`), and no judge of speed:
//! budgets are in states and in simulated time, wall-clock limits are only there to end what hangs, and such an end is
//! never a pass.
//!
//! # The smallest suite
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use framework::System;
//! use framework::predicate::{clients_done, results_ok};
//! use testkit::{Failed, Part, Reached, SearchTest, Test};
//!
//! fn main() -> ExitCode {
//!     let claim = "Every order of events gives the client the pongs it expects";
//!     testkit::main(
//!         Part::new("pingpong", "pingpong", "Lab 0: ping-pong")
//!             .test(Test::search(4, "single_client_pings", claim, t04).points(10).states(10_000)),
//!     )
//! }
//!
//! fn t04(search: &mut SearchTest) -> Result<Reached, Failed> {
//!     let system = System::new(); // …with a server and a client
//!     search.invariant(results_ok());
//!     let start = search.start(&system)?;
//!     let done = search.stage("the client gets its pongs").goal(clients_done()).from(&start)?;
//!     search.stage("and nothing else").prune(clients_done()).exhaust().from(&start)?;
//!     Ok(done)
//! }
//! ```
//!
//! A search test returns the state that a goal stage [`Reached`]: a test that only looks for violations, and which a
//! solution that does nothing would pass, does not compile.
//!
//! # Where to read on
//!
//! - [`Part`] and [`Test`]: the list. [`SearchTest`] and [`Stage`], [`RunTest`], [`UnitTest`]: what a test can do.
//! - [`Failed`]: how a test fails. [`TestRecord`]: what is written down of it.
//! - [`main`]: the command line, the environment, the files.

mod channel;
mod child;
mod console;
mod corpus;
mod failed;
mod filters;
mod harness;
mod judge;
mod judge_run;
mod live;
mod missed;
mod part;
mod places;
mod record;
mod request;
mod results;
mod run_test;
mod search_test;
mod stage;
mod supervise;
mod text;
mod unit_test;

pub use failed::Failed;
pub use harness::main;
pub use part::{Body, Kind, Part, Test};
pub use record::{Header, Judgement, StageRecord, TestRecord, VERSION};
pub use run_test::RunTest;
pub use search_test::{Explored, Reached, SearchTest, Starts};
pub use stage::{Aimless, Covering, Perhaps, Stage, StillPossible, ToGoal};
pub use unit_test::UnitTest;
