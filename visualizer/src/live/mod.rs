//! Live mode: a trace that can go on, because the lab's code is linked in.
//!
//! The viewer never runs a handler itself. Everything it wants to know of the code is a [`Job`]: the way so far as a trace
//! file, and a question about its end. A process of its own ([`Supervised`]) builds the system, lets the events of the way
//! happen again, answers with a trace file ([`Reply`]), and ends. So a handler that panics, hangs, overflows its stack or
//! ends the process costs the viewer nothing: the [supervisor](search::supervisor) says what it did, and that is the answer.
//! And no state has to be kept alive or repaired: what the viewer knows is in the trace.
//!
//! That the way leads to the same state every time is checked with every answer; where it does not, handlers are not
//! deterministic.
//!
//! | File | Is responsible for |
//! |---|---|
//! | `ground.rs` | building the system, and walking the way again |
//! | `resolve.rs` | which event of the running system an event of a file is |
//! | `perform.rs`, `seek.rs`, `orders.rs` | the answers |
//! | `engine.rs` | who performs a job: a process of its own |
//! | `splice.rs` | copying steps from one file into another |
//! | `tree.rs` | the branches that were explored |
//! | `replay.rs` | what is the same and what is not when a saved trace runs again |
//! | `open.rs`, `command.rs` | `explore` and `replay` |

mod command;
mod engine;
mod ground;
mod open;
mod orders;
mod perform;
mod replay;
mod resolve;
mod seek;
mod splice;
pub(crate) mod tree;
// BEGIN INSTRUCTOR ONLY
// They run the solutions of labs.
#[cfg(test)]
mod tests;
// END INSTRUCTOR ONLY

use serde::{Deserialize, Serialize};

use crate::trace_file::{MessageId, Network, Options, TraceFile};

pub(crate) use command::{is_live, replay_definition, run, serve};
// BEGIN INSTRUCTOR ONLY
#[cfg(test)]
pub(crate) use engine::Inside;
// END INSTRUCTOR ONLY
pub(crate) use engine::{Engine, Performed, Running, Supervised};
pub(crate) use open::{Opened, explore, printed, replay};
pub(crate) use perform::perform;
pub(crate) use replay::state_differences;
pub(crate) use splice::{Splice, compact, way};

/// Which system it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Setup {
    /// The one of these arguments of `explore`.
    Arguments(Vec<String>),
    /// The one that a trace was saved of.
    Trace {
        /// The options of the lab.
        options: Options,
        /// What was switched off.
        network: Network,
    },
}

/// A question about the end of a way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The system.
    pub(crate) setup: Setup,
    /// The events so far; of the steps of the file only those count.
    pub(crate) way: TraceFile,
    /// How many of them are known already, so that the answer begins after them.
    pub(crate) from: usize,
    /// The messages that are lost at the end.
    pub(crate) dropped: Vec<MessageId>,
    /// The question.
    pub(crate) ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// What the events do.
    Run,
    /// Whether something can come of it.
    Search {
        /// What is looked for.
        aim: Aim,
        /// After how many states to give up.
        within: u64,
    },
    /// What of the way is needed for what it shows at its end.
    Minimize {
        /// The predicate; if that is not broken at the end, what is.
        predicate: String,
    },
    /// What comes of the other order of two deliveries.
    Orders {
        /// The first and the second step of each.
        races: Vec<(usize, usize)>,
        /// The predicate of interest.
        predicate: String,
    },
}

/// What a search looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Aim {
    /// A goal of the lab that does not hold yet.
    Goal,
    /// A violation of what still holds.
    Violation,
    /// A state in which a watch expression is true.
    Expression(String),
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The events happened: a trace that begins with the known part of the way, with a step for each of the others.
    Ran {
        /// The trace.
        trace: Box<TraceFile>,
        /// The event that could not happen, if there is one; those after it were not tried.
        stuck: Option<Stuck>,
    },
    /// A trace was found: from the end of the way, or for a shorter way from the start.
    Found {
        /// The trace.
        trace: Box<TraceFile>,
        /// What was found, in words.
        what: String,
    },
    /// What comes of other orders, one for each that was asked.
    Orders(Vec<Order>),
    /// There is nothing to show, and why.
    Nothing(String),
}

/// An event that cannot happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stuck {
    /// Its place in the way, from 1.
    pub(crate) step: usize,
    /// Why not.
    pub(crate) why: String,
}

/// What came of two deliveries in the other order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The step that came first.
    pub(crate) first: usize,
    /// The one that comes before it now.
    pub(crate) second: usize,
    /// From before `first` on.
    pub(crate) trace: TraceFile,
    /// How many later events have a message or a timer of the same kind instead, because theirs was not there.
    pub(crate) replaced: usize,
    /// How many later events could not happen at all.
    pub(crate) skipped: usize,
    /// Whether the predicate holds at the end.
    pub(crate) holds: Option<bool>,
    /// What is different at the end, in words; empty if nothing is.
    pub(crate) differs: Vec<String>,
}
