//! Lab 1, a key-value store behind a server that executes every command exactly once: the assignment, the
//! store, the nodes, and what tests use to drive and to judge them.
//!
#![doc = include_str!("../README.md")]

mod amo;
mod client;
mod clients;
mod kvstore;
mod lab;
mod message;
mod predicates;
mod server;
mod timer;
mod workload;

pub use amo::{AmoApplication, AmoCommand, AmoResponse};
pub use client::SimpleClient;
pub use clients::{DEFAULT_WORKLOAD, LabClients};
pub use kvstore::{KvCommand, KvResponse, KvStore};
pub use lab::ClientServer;
pub use message::Message;
pub use predicates::{appends_linearizable, store_linearizable};
pub use server::SimpleServer;
pub use timer::{CLIENT_RETRY, ClientTimer};
pub use workload::{
    KvParser, KvWorkload, append_append_get, append_different_key_workload, append_same_key_workload,
    different_keys_infinite_workload, put_append_get_workload, put_get_workload, put_workload,
    simple_workload,
};
