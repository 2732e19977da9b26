//! Lab 2, a key-value store replicated by Raft: the assignment, the nodes, and what tests use to drive and to judge
//! them.
//!
#![doc = include_str!("../README.md")]

mod admin;
mod client;
mod configuration;
mod design;
mod inspect;
mod lab;
mod message;
mod options;
pub mod predicates;
mod server;
mod timer;

pub use admin::{
    AdminClient, AdminCommand, AdminParser, AdminReply, AdminRequest, AdminResponse, AdminWorkload,
};
pub use client::RaftClient;
pub use configuration::Configuration;
pub use design::{Design, Handout, Reconfigurable, add_servers, server_addresses, system};
pub use inspect::{EntryKind, EntryView, Inspect, Role, SnapshotView};
pub use lab::Raft;
pub use message::*;
pub use options::Options;
pub use server::RaftServer;
pub use timer::{CLIENT_RETRY, ELECTION_TIMEOUT, HEARTBEAT_INTERVAL, Timer};
