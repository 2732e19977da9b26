//! The programming model: what a student writes against, and the words that tests, searches and runs share.
//!
//! A distributed system is a set of **nodes** with **addresses**. A [`Node`] handles one event at a time, a message or a
//! timer; it changes its own fields, and it sends messages and sets timers through its [`Context`]. The same nodes are
//! searched over all interleavings, run on a simulated network, and deployed.
//!
//! This crate is *not* a runtime: it starts no thread, reads no clock, draws no random number and opens no file. What
//! explores a system is the crate `search`.
//!
//! # The smallest example
//!
//! ```
//! use std::time::Duration;
//!
//! use framework::{Address, Context, Event, Local, Node, Payload, Stimulus, Value};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! enum Message { Ping(u32), Pong(u32) }
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct Retry;
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct Player { peer: Address, pongs: Vec<u32> }
//!
//! impl Node for Player {
//!     type Message = Message;
//!     type Timer = Retry;
//!
//!     fn init(&mut self, ctx: &mut Context<Message, Retry>) {
//!         ctx.send(self.peer, Message::Ping(1));
//!         ctx.set_timer(Retry, Duration::from_millis(10));
//!     }
//!
//!     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Retry>) {
//!         match message {
//!             Message::Ping(number) => ctx.send(from, Message::Pong(number)),
//!             Message::Pong(number) => self.pongs.push(number),
//!         }
//!     }
//!
//!     fn on_timer(&mut self, _: Retry, ctx: &mut Context<Message, Retry>) {
//!         self.init(ctx);
//!     }
//! }
//!
//! // What one event makes of one node; a search does this for you, for all events in all orders.
//! let (alice, bob) = (Address::named("alice"), Address::named("bob"));
//! let mut local = Local::new(Box::new(Player { peer: bob, pongs: vec![] }));
//! let sent = local.handle(alice, Stimulus::Init)?;
//! assert_eq!(format!("{sent:?}"), "[(bob, Ping(1))]");
//! local.handle(alice, Stimulus::Message { from: bob, message: &Payload::new(Message::Pong(1))? })?;
//! assert_eq!(local.node.value().to_string(), "Player { peer: bob, pongs: [1] }");
//! # Ok::<(), framework::EncodeError>(())
//! ```
//!
//! # Where to read on
//!
//! - [`Node`] and [`Context`]: the contract of a handler. [`Client`], [`Application`]: what labs are made of.
//! - [`Workload`]: what clients do in a test. [`Predicate`]: what a test asserts, with [`predicate`] for the usual ones.
//! - [`linearizability`]: whether clients' results look as if their commands had come one after the other, and why not.
//! - [`Value`]: any state as a tree of named fields, and the differences of two.
//! - [`Lab`]: how a lab presents itself to the `lab` command.

mod address;
mod any_node;
mod application;
mod client;
mod context;
mod encoding;
mod event;
mod fault;
pub mod guard;
mod lab;
pub mod linearizability;
mod local;
mod node;
mod payload;
pub mod predicate;
mod system;
mod timer;
mod value;
mod view;
mod workload;

pub use address::{Address, ParseAddressError};
pub use any_node::{AnyEffect, AnyNode, Effects};
pub use application::Application;
pub use client::Client;
pub use context::{Context, Durable, Effect, Embedding};
pub use encoding::{DecodeError, EncodeError, decode, encode, encode_into};
pub use event::{Envelope, Event, Interrupted};
pub use fault::HandlerFault;
pub use lab::{Lab, LabOption, LabOptions, Scenario};
pub use local::{During, Local, Sent, Stimulus};
pub use node::{ContextOf, Data, Node};
pub use payload::Payload;
pub use predicate::{Blame, Outcome, Parts, Predicate, Step, StepPredicate};
pub use system::{System, SystemError};
pub use timer::{PendingTimer, TimerLength, TimerQueue};
pub use value::{Change, Value, ignored_fields, variants};
pub use view::{ReadSet, Source, View};
pub use workload::{
    AnyResult, AnyWorker, ClientWorker, CommandParser, Expectation, NextCommand, Worker, Workload,
    WorkloadError, WrongResult,
};
