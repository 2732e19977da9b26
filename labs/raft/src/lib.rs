//! Lab 3, a key-value store replicated by Raft: the assignment, the nodes, and what tests use to drive and to judge
//! them.
//!
#![doc = include_str!("../README.md")]

mod client;
// BEGIN SOLUTION
mod commit;
// END SOLUTION
mod design;
// BEGIN SOLUTION
mod election;
// END SOLUTION
mod inspect;
mod lab;
// BEGIN SOLUTION
mod log;
// END SOLUTION
mod message;
// BEGIN SOLUTION
mod persistence;
// END SOLUTION
pub mod predicates;
// BEGIN SOLUTION
mod replication;
// END SOLUTION
mod server;
mod timer;

pub use client::RaftClient;
pub use design::{Design, Handout, server_addresses, system};
pub use inspect::{EntryKind, EntryView, Inspect, Role};
pub use lab::Raft;
// BEGIN SOLUTION
pub use log::Entry;
pub use message::{AppendEntries, AppendEntriesReply, RequestVote, RequestVoteReply};
// END SOLUTION
pub use message::Message;
pub use server::RaftServer;
pub use timer::{CLIENT_RETRY, ELECTION_TIMEOUT, HEARTBEAT_INTERVAL, Timer};
