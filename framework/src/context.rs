//! What a handler may do: send, set timers, persist. The effects are recorded in order and happen after it returns.

use std::fmt;

use crate::address::Address;
use crate::encoding::EncodeError;
use crate::node::Data;
use crate::payload::Payload;
use crate::timer::TimerLength;

/// What a node last gave to [`Context::persist`]. Read it with [`Payload::to`].
pub type Durable = Payload;

/// One effect of a handler, with the lab's types.
#[derive(Clone, Debug)]
pub enum Effect<M, T> {
    /// A message was sent.
    Send {
        /// Who shall get it.
        to: Address,
        /// The message.
        message: M,
    },
    /// A timer was set.
    SetTimer {
        /// The timer.
        timer: T,
        /// How long it runs.
        length: TimerLength,
    },
    /// The node's durable state was replaced, at this point of the handler.
    Persist(Result<Durable, EncodeError>),
}

/// A handler's only way out.
///
/// The order of the effects is kept: a crash may fall between any two of them, so *persist, then reply* and *reply,
/// then persist* are different programs.
pub struct Context<M, T> {
    address: Address,
    effects: Vec<Effect<M, T>>,
}

impl<M, T> Context<M, T> {
    /// A context for one call of a handler of the node `address`. Runners and tests make these; labs only use them.
    pub fn new(address: Address) -> Self {
        Self { address, effects: Vec::new() }
    }

    /// The address of the node whose handler runs.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Sends `message` to `to`. Sending to oneself is allowed and always arrives.
    pub fn send(&mut self, to: Address, message: M) {
        self.effects.push(Effect::Send { to, message });
    }

    /// Sends `message` to each of `to`.
    pub fn broadcast<'a>(&mut self, to: impl IntoIterator<Item = &'a Address>, message: &M)
    where
        M: Clone,
    {
        for address in to {
            self.send(*address, message.clone());
        }
    }

    /// Sets a timer, of a fixed length (a [`Duration`](std::time::Duration)) or of one that lies in a range.
    ///
    /// A node may have many timers, also equal ones; none can be cancelled. A handler ignores those that no longer
    /// matter.
    ///
    /// # Panics
    ///
    /// Panics when the range is empty.
    pub fn set_timer(&mut self, timer: T, length: impl Into<TimerLength>) {
        self.effects.push(Effect::SetTimer { timer, length: length.into() });
    }

    /// Makes `state` what survives a crash, in place of what was persisted before. It is saved at the point of the
    /// call: before the sends that follow in this handler, after those that precede.
    pub fn persist<D: Data>(&mut self, state: D) {
        self.effects.push(Effect::Persist(Payload::new(state)));
    }

    /// Runs handlers of a node inside this one, which has other message and timer types: its messages and timers are
    /// wrapped in the host's, and what it persists becomes part of the host's durable state.
    ///
    /// The host and the embedded node share one address. The host unwraps what arrives for the embedded node:
    ///
    /// ```
    /// # use framework::{Address, Context, Effect, Embedding};
    /// # use std::time::Duration;
    /// #[derive(Clone, Debug)]
    /// enum StoreMessage { Raft(&'static str) }
    /// enum StoreTimer { Raft(u8) }
    ///
    /// let mut store: Context<StoreMessage, StoreTimer> = Context::new(Address::server(1));
    /// store.embed(Embedding::new(StoreMessage::Raft, StoreTimer::Raft), |raft| {
    ///     raft.send(Address::server(2), "RequestVote");
    ///     raft.set_timer(7, Duration::from_millis(10));
    /// });
    /// let effects = store.into_effects();
    /// assert!(matches!(effects[0], Effect::Send { message: StoreMessage::Raft("RequestVote"), .. }));
    /// assert!(matches!(effects[1], Effect::SetTimer { timer: StoreTimer::Raft(7), .. }));
    /// ```
    ///
    /// Source: DSLabs' sub-nodes (`Node.addSubNode`).
    pub fn embed<M2, T2, R>(
        &mut self,
        embedding: Embedding<'_, M, T, M2, T2>,
        run: impl FnOnce(&mut Context<M2, T2>) -> R,
    ) -> R {
        let mut inner = Context::new(self.address);
        let result = run(&mut inner);
        for effect in inner.effects {
            self.effects.push(match effect {
                Effect::Send { to, message } => Effect::Send { to, message: (embedding.message)(message) },
                Effect::SetTimer { timer, length } => {
                    Effect::SetTimer { timer: (embedding.timer)(timer), length }
                }
                Effect::Persist(durable) => Effect::Persist(durable.and_then(|d| (embedding.durable)(d))),
            });
        }
        result
    }

    /// The effects so far, in the order in which the handler had them.
    pub fn into_effects(self) -> Vec<Effect<M, T>> {
        self.effects
    }
}

impl<M: fmt::Debug, T: fmt::Debug> fmt::Debug for Context<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("address", &self.address).field("effects", &self.effects).finish()
    }
}

/// How the messages, timers and durable state of an embedded node become its host's; see [`Context::embed`].
pub struct Embedding<'a, M, T, M2, T2> {
    message: Box<dyn Fn(M2) -> M + 'a>,
    timer: Box<dyn Fn(T2) -> T + 'a>,
    durable: DurableMap<'a>,
}

/// Turns what an embedded node persists into what its host persists.
type DurableMap<'a> = Box<dyn Fn(Durable) -> Result<Durable, EncodeError> + 'a>;

impl<'a, M, T, M2, T2> Embedding<'a, M, T, M2, T2> {
    /// Wraps messages and timers; what the embedded node persists is what the host persists.
    pub fn new(message: impl Fn(M2) -> M + 'a, timer: impl Fn(T2) -> T + 'a) -> Self {
        Self { message: Box::new(message), timer: Box::new(timer), durable: Box::new(Ok) }
    }

    /// Says what the host persists when the embedded node persists something: usually a struct of it and the host's
    /// own durable fields.
    #[must_use]
    pub fn durable<D: Data>(mut self, durable: impl Fn(Durable) -> D + 'a) -> Self {
        self.durable = Box::new(move |inner| Payload::new(durable(inner)));
        self
    }
}

impl<M, T, M2, T2> fmt::Debug for Embedding<'_, M, T, M2, T2> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedding")
    }
}
