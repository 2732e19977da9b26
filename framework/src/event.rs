//! Messages on their way, and the events of a system.

use std::fmt;

use crate::address::Address;
use crate::payload::Payload;
use crate::timer::PendingTimer;

/// A message that was sent, with its sender and its receiver.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Envelope {
    /// Who sent it.
    pub from: Address,
    /// Who shall get it.
    pub to: Address,
    /// The message.
    pub message: Payload,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}: {:?}", self.from, self.to, self.message)
    }
}

/// Something that happens at one node.
///
/// Loss, duplication, delay and reordering are not events: the network keeps every message that was ever sent, and any
/// of them may be delivered at any time, again and again or never.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A message is delivered.
    Deliver(Envelope),
    /// A timer fires.
    Fire {
        /// The node whose timer it is.
        node: Address,
        /// The timer.
        timer: PendingTimer,
    },
}

impl Event {
    /// The node at which the event happens.
    pub fn node(&self) -> Address {
        match self {
            Self::Deliver(envelope) => envelope.to,
            Self::Fire { node, .. } => *node,
        }
    }

    /// The word for the event's handler and what it handles, without fields: `on_message(RequestVote)`.
    pub fn handler(&self) -> String {
        match self {
            Self::Deliver(envelope) => format!("on_message({})", envelope.message.kind()),
            Self::Fire { timer, .. } => format!("on_timer({})", timer.timer.kind()),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(e) => write!(f, "{} receives {:?} from {}", e.to, e.message, e.from),
            Self::Fire { node, timer } => write!(f, "{node}'s timer {:?} fires", timer.timer),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
