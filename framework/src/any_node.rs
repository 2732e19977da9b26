//! Puts nodes of different types behind one, so that the engine is compiled once and not for every lab.

use std::any::{Any, TypeId};
use std::fmt;

use crate::address::Address;
use crate::context::{Context, Durable, Effect};
use crate::encoding::{self, DecodeError, EncodeError};
use crate::node::Node;
use crate::payload::Payload;
use crate::timer::TimerLength;
use crate::value::{Value, variants};
use crate::workload::AnyWorker;

/// One effect of a handler, with types erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyEffect {
    /// A message was sent.
    Send {
        /// Who shall get it.
        to: Address,
        /// The message.
        message: Payload,
    },
    /// A timer was set.
    SetTimer {
        /// The timer.
        timer: Payload,
        /// How long it runs.
        length: TimerLength,
    },
    /// The node's durable state was replaced.
    Persist(Durable),
}

/// Erases the types of a handler's effects.
pub(crate) fn erase<M: crate::Data, T: crate::Data>(
    effects: Vec<Effect<M, T>>,
) -> Result<Vec<AnyEffect>, EncodeError> {
    if effects.is_empty() {
        return Ok(Vec::new());
    }
    effects
        .into_iter()
        .map(|effect| {
            Ok(match effect {
                Effect::Send { to, message } => AnyEffect::Send { to, message: Payload::new(message)? },
                Effect::SetTimer { timer, length } => {
                    AnyEffect::SetTimer { timer: Payload::new(timer)?, length }
                }
                Effect::Persist(durable) => AnyEffect::Persist(durable?),
            })
        })
        .collect()
}

/// What a handler did, or why its effects have no bytes.
pub type Effects = Result<Vec<AnyEffect>, EncodeError>;

/// A node of any type: [`Node`]s and client workers implement it, nobody else needs to.
pub trait AnyNode: Send + Sync {
    /// A copy, as `Clone` makes it.
    fn boxed(&self) -> Box<dyn AnyNode>;
    /// A copy made of the node's bytes: nothing that is not serialized is in it.
    ///
    /// # Errors
    ///
    /// When the bytes do not decode.
    fn rebuild(&self, bytes: &[u8]) -> Result<Box<dyn AnyNode>, DecodeError>;
    /// Appends the canonical bytes that are the node's identity.
    ///
    /// # Errors
    ///
    /// When the node has no canonical bytes.
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;
    /// The fields as a tree.
    fn value(&self) -> Value;
    /// The pretty `Debug` text.
    fn debug(&self) -> String;
    /// The name of the node's type, without its path.
    fn type_name(&self) -> &'static str;
    /// The types of the lab's messages and timers.
    fn speaks(&self) -> [(TypeId, &'static str); 2];
    /// The variants that the lab's message type and its timer type declare; empty where one is no enum.
    fn kinds(&self) -> [&'static [&'static str]; 2];
    /// The node itself, for downcasts; of a client worker, the client.
    fn as_any(&self) -> &dyn Any;
    /// The node's worker side, if it is a client worker.
    fn as_worker(&self) -> Option<&dyn AnyWorker>;
    /// Runs [`Node::init`].
    fn init(&mut self, address: Address) -> Effects;
    /// Runs [`Node::on_message`].
    fn on_message(&mut self, address: Address, from: Address, message: &Payload) -> Effects;
    /// Runs [`Node::on_timer`].
    fn on_timer(&mut self, address: Address, timer: &Payload) -> Effects;
    /// Runs [`Node::recover`].
    fn recover(&mut self, address: Address, durable: Option<Durable>) -> Effects;
}

impl Clone for Box<dyn AnyNode> {
    fn clone(&self) -> Self {
        self.as_ref().boxed()
    }
}

impl fmt::Debug for Box<dyn AnyNode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.debug())
    }
}

/// The message or timer of the node's own type; the payload has another only if the engine mixed up two labs.
pub(crate) fn expect_payload<T: crate::Data>(payload: &Payload) -> T {
    payload.to().expect("a system's nodes have one message and one timer type, checked when they are added")
}

impl<N: Node> AnyNode for N {
    fn boxed(&self) -> Box<dyn AnyNode> {
        Box::new(self.clone())
    }
    fn rebuild(&self, bytes: &[u8]) -> Result<Box<dyn AnyNode>, DecodeError> {
        Ok(Box::new(encoding::decode::<N>(bytes)?))
    }
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encoding::encode_into(self, out)
    }
    fn value(&self) -> Value {
        Value::of(self)
    }
    fn debug(&self) -> String {
        format!("{self:#?}")
    }
    fn type_name(&self) -> &'static str {
        encoding::short_type_name::<N>()
    }
    fn speaks(&self) -> [(TypeId, &'static str); 2] {
        speaks::<N>()
    }
    fn kinds(&self) -> [&'static [&'static str]; 2] {
        kinds::<N>()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_worker(&self) -> Option<&dyn AnyWorker> {
        None
    }
    fn init(&mut self, address: Address) -> Effects {
        let mut ctx = Context::new(address);
        Node::init(self, &mut ctx);
        erase(ctx.into_effects())
    }
    fn on_message(&mut self, address: Address, from: Address, message: &Payload) -> Effects {
        let mut ctx = Context::new(address);
        Node::on_message(self, from, expect_payload(message), &mut ctx);
        erase(ctx.into_effects())
    }
    fn on_timer(&mut self, address: Address, timer: &Payload) -> Effects {
        let mut ctx = Context::new(address);
        Node::on_timer(self, expect_payload(timer), &mut ctx);
        erase(ctx.into_effects())
    }
    fn recover(&mut self, address: Address, durable: Option<Durable>) -> Effects {
        let mut ctx = Context::new(address);
        Node::recover(self, durable, &mut ctx);
        erase(ctx.into_effects())
    }
}

/// The message and timer types of `N`.
pub(crate) fn speaks<N: Node>() -> [(TypeId, &'static str); 2] {
    [
        (TypeId::of::<N::Message>(), encoding::short_type_name::<N::Message>()),
        (TypeId::of::<N::Timer>(), encoding::short_type_name::<N::Timer>()),
    ]
}

/// The variants of the message and timer types of `N`.
pub(crate) fn kinds<N: Node>() -> [&'static [&'static str]; 2] {
    [variants::<N::Message>(), variants::<N::Timer>()]
}
