//! Runs the nodes of a lab: on a simulated network in virtual time, or in real time.
//!
//! A test builds a [`System`](framework::System), starts it as a [`Run`], lets time pass, does things to the network and
//! the nodes, and asserts what clients got. In a **simulated** run, the default, one printed seed decides everything:
//! which messages are lost, how long each is on its way, how long timers run. Nothing sleeps, so thirty seconds pass in a
//! fraction of one, and a seed that fails does so again on every machine. In **real time** each node has a thread and
//! the clock is the one on the wall; the settings and the test are the same.
//!
//! A run sees one of the many orders in which things can happen, so that it passes proves little: what *cannot* happen
//! is the business of the crate `search`. What it sees may happen, though: every run is a path of the model that is
//! searched. Its [`Trace`] replays there step by step, can be minimized and looked at.
//!
//! This crate is *not* what deploys nodes: no byte leaves the process and nothing is written to a disk. Handlers take no
//! time in a simulated run, so it says how many messages a protocol needs and how long it waits, not how fast its code
//! is.
//!
//! # The smallest example
//!
//! With the nodes of lab 0:
//!
//! ```
//! use std::time::Duration;
//!
//! use framework::predicate::results_ok;
//! use framework::{Address, System, Workload};
//! use pingpong::{PingClient, PingParser, PingServer};
//! use runner::{Run, Settings};
//!
//! let (server, client) = (Address::server(1), Address::client(1));
//! let mut system = System::new();
//! system.add(server, PingServer)?;
//! let pings = Workload::parse_expecting(PingParser, ["ping-%i"], ["ping-%i"])?.repeated(100);
//! system.add_client(client, PingClient::new(server), pings)?;
//!
//! let settings = Settings::simulated(7).invariant(results_ok()).network(|network| network.unreliable());
//! let mut run = Run::new(&system, settings)?;
//! let done = run.wait_for_clients(Duration::from_secs(60))?;
//! // 985.3ms for the reference's nodes, on every machine.
//! assert!(done < Duration::from_secs(10));
//! assert!(run.traffic().of_kind("PongReply").delivered >= 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A test that fails prints its seed:
//!
//! ```
//! # use std::time::Duration;
//! # use framework::{Address, System, Workload};
//! # use pingpong::{PingClient, PingParser, PingServer};
//! # use runner::{Run, Settings};
//! # let (server, client) = (Address::server(1), Address::client(1));
//! # let mut system = System::new();
//! # system.add(server, PingServer)?;
//! # let pings = Workload::parse_expecting(PingParser, ["ping-%i"], ["ping-%i"])?.repeated(100);
//! # system.add_client(client, PingClient::new(server), pings)?;
//! let mut run = Run::new(&system, Settings::simulated(7))?;
//! run.run_for(Duration::from_millis(50))?;
//! run.network(|network| network.node(server, false));
//! let failure = run.wait_for_clients(Duration::from_secs(1)).unwrap_err();
//! // The reference's nodes: `all clients are done` did not come to hold within 1s: client1 has 20 of 100 results
//! // (after 1.05s and 160 events, seed 7)
//! let failure = failure.to_string();
//! assert!(failure.starts_with("`all clients are done` did not come to hold within 1s: client1 has"), "{failure}");
//! assert!(failure.ends_with("seed 7)"), "{failure}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to read on
//!
//! - [`Settings`]: mode, seed, invariants, limits. [`Network`], [`Scope`], [`Latency`]: what happens to messages.
//! - [`Run`]: everything a test can do. [`Interactive`]: clients that the test talks to.
//! - [`Schedule`], [`Action`], [`Nemesis`]: faults at fixed or random times. [`Chaos`]: many seeds, and a small schedule
//!   that still fails.
//! - [`Failure`], [`Trace`]: what went wrong, and how it came about. [`Traffic`], [`Operation`]: what was measured;
//!   [`Run::history`] is what a linearizability checker judges.

mod chance;
mod chaos;
mod clock;
mod deadlines;
mod failure;
mod interactive;
mod job;
mod latency;
mod nemesis;
mod network;
mod node;
mod operations;
mod real_time;
mod run;
mod running;
mod schedule;
mod settings;
mod shrink;
mod simulation;
mod trace;
mod traffic;
mod watch;
mod world;

pub use chance::Rate;
pub use chaos::{Chaos, ChaosFailure};
pub use clock::ClockRate;
pub use failure::{Failure, FailureKind, RunError};
pub use interactive::Interactive;
pub use latency::Latency;
pub use nemesis::Nemesis;
pub use network::{Network, Scope};
pub use operations::{End, Operation};
pub use run::Run;
pub use running::{Observer, Running, RunningHandler};
pub use schedule::{Action, Schedule};
pub use settings::{Check, Mode, Settings};
pub use trace::{Note, TimedEvent, Trace};
pub use traffic::{Count, Traffic};
