//! The engine: explores every order of events of a system, and says what it found and what it covered.
//!
//! A **state** of a system is, of every node, its fields, its pending timers, what it persisted, and the messages it has
//! sent. The network never forgets: delivering a message takes nothing away, so a search covers loss, duplication, delay
//! and reordering without events of their own. A [search](fn@bfs) visits states, checks [`Settings::invariants`] in each,
//! and ends with a [`Verdict`]: every state was visited, a goal was found, something is violated, or a budget is spent.
//!
//! What it is **not**: a proof about systems larger than the one it was given, a test of real time (only the order of
//! timers counts), and nothing that prints. It knows no lab. Two states are the same when their serialized bytes are; a
//! field that serde skips is no part of a state (the report lists those). A spent budget is never a pass.
//!
//! # The smallest example
//!
//! Two nodes that both think they may lead:
//!
//! ```
//! use framework::{Address, Context, Node, Outcome, Predicate, System};
//! use search::{Settings, State};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct Server { peer: Address, leader: bool }
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! enum Message { IAmLeader }
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct Election;
//!
//! impl Node for Server {
//!     type Message = Message;
//!     type Timer = Election;
//!     fn init(&mut self, ctx: &mut Context<Message, Election>) {
//!         ctx.set_timer(Election, std::time::Duration::from_millis(10));
//!     }
//!     fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Message, Election>) {
//!         self.leader = false;
//!     }
//!     fn on_timer(&mut self, _: Election, ctx: &mut Context<Message, Election>) {
//!         self.leader = true;
//!         ctx.send(self.peer, Message::IAmLeader);
//!     }
//! }
//!
//! let (a, b) = (Address::server(1), Address::server(2));
//! let mut system = System::new();
//! system.add(a, Server { peer: b, leader: false })?;
//! system.add(b, Server { peer: a, leader: false })?;
//! let one_leader = Predicate::for_each_pair("one leader", |(a, x): (Address, &Server), (b, y): (Address, &Server)| {
//!     if x.leader && y.leader { Outcome::fails(format!("{a} and {b} both lead")) } else { Outcome::holds() }
//! });
//!
//! let results = search::bfs(&State::initial(&system)?, &Settings::default().invariant(one_leader));
//! assert_eq!(results.verdict.to_string(), "violated: one leader: server1 and server2 both lead");
//! let events: Vec<String> = results.trace.unwrap().events.iter().map(|event| event.to_string()).collect();
//! assert_eq!(events, ["server1's timer Election fires", "server2's timer Election fires"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to read on
//!
//! - [`bfs`](fn@bfs), [`bfs_from`] and [`random_dfs`](fn@random_dfs): the strategies. A goal state of one search is where the next can start.
//! - [`Settings`] and [`Delivery`]: what is looked for, what may happen, and how far it goes.
//! - [`Results`], [`Verdict`], [`Coverage`]: what comes out. [`replay`](fn@replay) and [`minimize`](fn@minimize): what to do with a [`Trace`].
//! - [`guide`]: pages on crashes, linearizability and other things a search can answer.
//! - How it works: `ARCHITECTURE.md`, then the modules `space` and `visited`.

mod bfs;
mod delivery;
mod engine;
mod explored;
mod faults;
mod finish;
mod handler;
mod memory;
mod minimize;
mod missed;
mod observe;
mod pool;
mod profile;
mod progress;
mod properties;
mod random_dfs;
mod replay;
mod results;
mod settings;
mod space;
mod state;
mod stuck;
pub mod supervisor;

mod visited;
mod watch;

/// Pages on what a search can answer.
pub mod guide {
    #[doc = include_str!("../docs/faults.md")]
    pub mod faults {}
    #[doc = include_str!("../docs/linearizability.md")]
    pub mod linearizability {}
}

use framework::guard;

pub use bfs::{bfs, bfs_from};
pub use delivery::Delivery;
pub use faults::Faults;
pub use finish::{CanFinish, FinishAnswer, Probe, Trap, can_always_finish, can_always_finish_from};
pub use minimize::{Target, is_one_minimal, minimize};
pub use missed::{GoalPart, Held, Missed, NearMiss, Obstacles};
pub use observe::Follower;
pub use profile::{Profile, ProfileItem, ProfileRow, Repeat, profile};
pub use progress::Progress;
pub use random_dfs::{RandomDfs, random_dfs};
pub use replay::{ReplayError, replay};
pub use results::{Budget, Coverage, HandlerCoverage, HandlerFault, Results, Stats, Trace, Verdict};
pub use settings::{CancelToken, ProgressCallback, Settings};
pub use space::NODES_MAX;
pub use state::{State, StepError};
pub use watch::{Activity, FatalInput, Journal, Note, Noting, Watch};
