//! Lab 0, a client that pings a server: the assignment, the nodes and how the `lab` command runs them.
//!
#![doc = include_str!("../README.md")]

mod client;
mod lab;
mod message;
mod server;
mod timer;

pub use client::PingClient;
pub use lab::{PingParser, PingPong};
pub use message::{Ping, PingMessage, Pong};
pub use server::PingServer;
pub use timer::{PING_TIMER, PingTimer};
