//! The contract of a node: what a student writes.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::context::{Context, Durable};

/// What messages, timers, commands, responses and nodes have in common: derive
/// `Clone, Debug, Serialize, Deserialize` and nothing else.
///
/// Two values are the same when their serialized bytes are. So every field that a handler reads has to be serialized,
/// and maps and sets have to be ordered (`BTreeMap`, `BTreeSet`, `im::OrdMap`): the search reports what is not.
pub trait Data: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static> Data for T {}

/// The context of a node of type `N`.
pub type ContextOf<N> = Context<<N as Node>::Message, <N as Node>::Timer>;

/// A node: it handles one event at a time, changes its own fields, and sends messages and sets timers through the
/// [`Context`]; it does nothing else.
///
/// A handler is a function of the node's fields and of the event: no clock, no randomness, no shared or static
/// variable, no input or output. It does not block. The search, the simulated run and the deployed process all call
/// the same handlers. All nodes of one lab have the same `Message` and the same `Timer` type.
///
/// Source: DSLabs `Node`.
pub trait Node: Data {
    /// The messages of the lab; usually an enum.
    type Message: Data;
    /// The timers of the lab; usually an enum.
    type Timer: Data;

    /// Called once, before any event.
    fn init(&mut self, ctx: &mut ContextOf<Self>) {
        let _ = ctx;
    }

    /// Called when a message arrives. It may arrive late, out of order, many times or never.
    fn on_message(&mut self, from: Address, message: Self::Message, ctx: &mut ContextOf<Self>);

    /// Called when a timer fires. The timer is gone afterwards; set it again if it should fire again.
    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut ContextOf<Self>);

    /// Called instead of [`init`](Node::init) when the node restarts after a crash. `self` is the node as it was first
    /// made, and `durable` what it last gave to [`Context::persist`]: everything else is lost.
    ///
    /// It is also called for a node that is added later and starts then; it has persisted nothing. Unless it is written, a
    /// node starts again as if it were new.
    fn recover(&mut self, durable: Option<Durable>, ctx: &mut ContextOf<Self>) {
        let _ = durable;
        self.init(ctx);
    }
}
