//! Small reference systems whose exact numbers of states are known, and systems to measure the engine with.
//!
//! Tests compare what the search counts with what other checkers counted; benchmarks and the demo of the `lab` command
//! run the same systems. This crate is *not* a lab and no example of one: some systems are deliberately wrong, leave out
//! what a lab must have (durable state, bounded logs), or are built to be hard for the engine. Students get `labs`.
//!
//! | module | system | a size | distinct states | counted by |
//! |---|---|---|---|---|
//! | [`timer_ring`] | timers with overlapping ranges | 2 nodes, limit 2 | 1,936 | DSLabs |
//! | [`paxos`] | single-decree Paxos, right and wrong | 2 proposers, 3 acceptors, depth 11 | 443,829 | DSLabs |
//! | [`two_phase_commit`] | two-phase commit | 7 resource managers | 296,448 | TLC, Stateright |
// BEGIN INSTRUCTOR ONLY
//! | [`raft`] | a key-value store on Raft | 3 servers, 1 client, 1 command, term 2, depth 14 | 9,705,490 | this crate alone |
// END INSTRUCTOR ONLY
//! | [`adversarial::delivery_log`] | a server that logs the order of messages | 3 senders of 3 | 9,510,278 | a formula |
//! | [`adversarial::flood`] | a server that alone moves | 3 senders of 50 | 140,608 | a formula |
//!
//! Each module has a table with more sizes. A count is of states reached without faults, the initial state included; with
//! a depth limit, states at the limit are counted and not expanded.
//!
//! # The smallest example
//!
//! ```
//! let system = models::two_phase_commit::system(3);
//! let names: Vec<String> = system.nodes().map(|(address, _)| address.to_string()).collect();
//! assert_eq!(names, ["tm", "rm1", "rm2", "rm3"]);
//! assert_eq!(models::two_phase_commit::consistent().name(), "consistent");
//! ```
//!
//! `tests/counts.rs` enumerates the systems without the engine, in the most obvious way.

use framework::{Address, Node, System};

pub mod adversarial;
pub mod paxos;
// BEGIN INSTRUCTOR ONLY
pub mod raft;
// END INSTRUCTOR ONLY
pub mod timer_ring;
pub mod two_phase_commit;

/// Why adding a node to a system of this crate cannot fail.
const ADDED: &str = "a model gives every node its own address and the same message and timer types";

fn add(system: &mut System, address: Address, node: impl Node) {
    system.add(address, node).expect(ADDED);
}
