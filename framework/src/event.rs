//! Messages on their way, and the events of a system: deliveries, timers, crashes and restarts.

use std::fmt;

use crate::address::Address;
use crate::local::{During, Stimulus};
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
    /// A node crashes: its fields and its timers are lost, what it last persisted stays, and so do the messages it has
    /// sent.
    Crash {
        /// The node.
        node: Address,
        /// What it was handling, if the crash falls into a handler.
        during: Option<Interrupted>,
    },
    /// A node that is down starts: its [`Node::recover`](crate::Node::recover) runs with what it last persisted.
    Restart {
        /// The node.
        node: Address,
    },
}

/// An event whose handler a crash interrupts, just before the node persists something: what it sent before that is out,
/// what it wanted to save is not saved.
///
/// No other place in a handler needs an event: a crash before the first effect is one without the event, and a crash
/// after the last save is one after the handler, because every message may be lost anyway.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interrupted {
    /// The event: a delivery or a timer.
    pub event: Box<Event>,
    /// Which of the handler's calls of [`Context::persist`](crate::Context::persist) does not happen any more, from 0.
    pub persist: usize,
}

impl Event {
    /// The node at which the event happens.
    pub fn node(&self) -> Address {
        match self {
            Self::Deliver(envelope) => envelope.to,
            Self::Fire { node, .. } | Self::Crash { node, .. } | Self::Restart { node } => *node,
        }
    }

    /// Calls `handle` with what the event is to its node, for [`Local::handle`](crate::Local::handle).
    pub fn with_stimulus<R>(&self, handle: impl FnOnce(Stimulus<'_>) -> R) -> R {
        match self {
            Self::Crash { during: Some(interrupted), .. } => {
                let stimulus = interrupted.event.plain_stimulus();
                handle(Stimulus::Crash(Some(During { stimulus: &stimulus, persist: interrupted.persist })))
            }
            event => handle(event.plain_stimulus()),
        }
    }

    fn plain_stimulus(&self) -> Stimulus<'_> {
        match self {
            Self::Deliver(envelope) => Stimulus::Message { from: envelope.from, message: &envelope.message },
            Self::Fire { timer, .. } => Stimulus::Timer(timer),
            Self::Crash { .. } => Stimulus::Crash(None),
            Self::Restart { .. } => Stimulus::Restart,
        }
    }

    /// The word for the event's handler and what it handles, without fields: `on_message(RequestVote)`; `crash` for a
    /// crash between handlers.
    pub fn handler(&self) -> String {
        match self {
            Self::Deliver(envelope) => format!("on_message({})", envelope.message.kind()),
            Self::Fire { timer, .. } => format!("on_timer({})", timer.timer.kind()),
            Self::Crash { during: None, .. } => "crash".to_owned(),
            Self::Crash { during: Some(interrupted), .. } => interrupted.event.handler(),
            Self::Restart { .. } => "recover".to_owned(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(e) => write!(f, "{} receives {:?} from {}", e.to, e.message, e.from),
            Self::Fire { node, timer } => write!(f, "{node}'s timer {:?} fires", timer.timer),
            Self::Crash { node, during: None } => write!(f, "{node} crashes"),
            Self::Crash { during: Some(Interrupted { event, persist }), .. } => {
                write!(f, "{event}, and it crashes just before it persists")?;
                if *persist == 0 { Ok(()) } else { write!(f, " for the {} time", ordinal(persist + 1)) }
            }
            Self::Restart { node } => write!(f, "{node} restarts"),
        }
    }
}

fn ordinal(number: usize) -> String {
    match number {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        _ => format!("{number}th"),
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupted").field("event", &self.event).field("persist", &self.persist).finish()
    }
}
