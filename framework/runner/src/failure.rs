//! Why a run failed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use framework::{Address, HandlerFault, Outcome, SystemError};

use crate::trace::Trace;

/// What a test asked of a run that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// No node has this address.
    #[error("there is no node `{node}` in this run; the nodes are {}", list(.nodes))]
    NoSuchNode {
        /// The address.
        node: Address,
        /// Those that there are.
        nodes: Vec<Address>,
    },
    /// The node cannot be added.
    #[error("{0}")]
    System(SystemError),
    /// The node is down.
    #[error("{0} is down; restart it first")]
    IsDown(Address),
    /// The node is up.
    #[error("{0} is up; only a node that has crashed can be restarted")]
    IsUp(Address),
    /// The node was removed.
    #[error("{0} was removed from the run; crash a node that shall come back")]
    Removed(Address),
    /// An interactive client crashed.
    #[error(
        "{0} is an interactive client and does not restart: it would not know which commands it had; add another"
    )]
    Interactive(Address),
    /// A client has a command that is not answered.
    #[error("{0} still waits for the response to `{1}`; a client has one outstanding command at a time")]
    Busy(Address, String),
    /// No client has commands and responses of these types.
    #[error("no client of this run has commands of type `{command}` and responses of type `{response}`; the clients have {}", .clients.join(", "))]
    NoSuchClients {
        /// The type of commands that was asked for.
        command: &'static str,
        /// The type of responses that was asked for.
        response: &'static str,
        /// Those that there are.
        clients: Vec<String>,
    },
    /// A client lost its response before the test read it.
    #[error("{0} has no response any more; was it removed or crashed?")]
    NoResponse(Address),
}

fn list(addresses: &[Address]) -> String {
    let words: Vec<String> = addresses.iter().map(Address::to_string).collect();
    words.join(", ")
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// A state violates an invariant, or the last step does.
    Violated {
        /// The name of the invariant.
        invariant: String,
        /// The reason and the fields to blame.
        outcome: Outcome,
        /// Whether it is an invariant of steps.
        of_step: bool,
    },
    /// A handler panicked.
    HandlerPanicked(HandlerFault),
    /// A handler did not return. Only a run in real time notices; whoever starts a simulated run watches it.
    HandlerHung(HandlerFault),
    /// A handler sent, set or persisted something that has no canonical bytes.
    NotSerializable(HandlerFault),
    /// An invariant or what a test waited for panicked.
    PredicatePanicked {
        /// Its name.
        predicate: String,
        /// The message and the place.
        panic: String,
    },
    /// What a test waited for did not come.
    TimeUp {
        /// What it waited for.
        waited_for: String,
        /// How long.
        limit: Duration,
        /// Why it does not hold.
        outcome: Outcome,
        /// Whether nothing was left that could happen: no message was under way, no timer pending.
        idle: bool,
    },
    /// More events were handled than [`Settings::events_max`](crate::Settings::events_max) allows.
    TooManyEvents {
        /// The limit.
        events_max: u64,
        /// The messages of which there were most.
        busiest: String,
    },
    /// The test asked for something that cannot be done.
    Refused(RunError),
    /// The schedule asks for something that cannot be done.
    BadSchedule(RunError),
    /// The test itself panicked, as a failed assertion does; only [`Chaos`](crate::Chaos) catches that.
    TestPanicked {
        /// The message and the place.
        panic: String,
    },
}

impl FailureKind {
    /// Whether the run is over. It goes on after a wait in vain, and after a request of the test that was refused.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::TimeUp { .. } | Self::Refused(_))
    }

    /// The word for it in machine-readable output: `violated`, `handler-panicked`, `handler-hung`, `not-serializable`,
    /// `predicate-panicked`, `time-up`, `too-many-events`, `refused`, `bad-schedule`, `test-panicked`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Violated { .. } => "violated",
            Self::HandlerPanicked(_) => "handler-panicked",
            Self::HandlerHung(_) => "handler-hung",
            Self::NotSerializable(_) => "not-serializable",
            Self::PredicatePanicked { .. } => "predicate-panicked",
            Self::TimeUp { .. } => "time-up",
            Self::TooManyEvents { .. } => "too-many-events",
            Self::Refused(_) => "refused",
            Self::BadSchedule(_) => "bad-schedule",
            Self::TestPanicked { .. } => "test-panicked",
        }
    }

    /// Whether two failures are about the same thing: the same invariant, wait or handler. Reasons may differ.
    pub fn is_same_finding(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Violated { invariant: a, of_step: b, .. },
                Self::Violated { invariant: c, of_step: d, .. },
            ) => a == c && b == d,
            (Self::HandlerPanicked(a), Self::HandlerPanicked(b))
            | (Self::HandlerHung(a), Self::HandlerHung(b))
            | (Self::NotSerializable(a), Self::NotSerializable(b)) => {
                (&a.node_type, &a.handler) == (&b.node_type, &b.handler)
            }
            (Self::PredicatePanicked { predicate: a, .. }, Self::PredicatePanicked { predicate: b, .. })
            | (Self::TimeUp { waited_for: a, .. }, Self::TimeUp { waited_for: b, .. }) => a == b,
            (Self::TooManyEvents { .. }, Self::TooManyEvents { .. }) => true,
            (Self::Refused(a), Self::Refused(b)) | (Self::BadSchedule(a), Self::BadSchedule(b)) => a == b,
            (Self::TestPanicked { panic: a }, Self::TestPanicked { panic: b }) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violated { invariant, outcome, .. } => {
                write!(f, "`{invariant}` is violated: {}", outcome.reason())
            }
            Self::HandlerPanicked(fault) => write!(f, "{fault}"),
            Self::HandlerHung(fault) => write!(f, "{fault}"),
            Self::NotSerializable(fault) => write!(f, "{fault}"),
            Self::PredicatePanicked { predicate, panic } => write!(f, "`{predicate}` panicked: {panic}"),
            Self::TimeUp { waited_for, limit, outcome, idle } => {
                write!(f, "`{waited_for}` did not come to hold within {limit:?}: {}", outcome.reason())?;
                if *idle {
                    f.write_str(
                        "; nothing could happen any more: no message was under way and no timer pending",
                    )?;
                }
                Ok(())
            }
            Self::TooManyEvents { events_max, busiest } => write!(
                f,
                "the nodes handled more than {events_max} events; look for messages that cause each other without end: {busiest}"
            ),
            Self::Refused(error) => write!(f, "{error}"),
            Self::BadSchedule(error) => write!(f, "the schedule cannot be followed: {error}"),
            Self::TestPanicked { panic } => write!(f, "the test panicked: {panic}"),
        }
    }
}

/// A run that failed: how, when, with which seed, and everything that happened before.
#[derive(Clone, Debug)]
pub struct Failure(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: FailureKind,
    at: Duration,
    trace: Trace,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, at: Duration, trace: Trace) -> Self {
        Self(Box::new(Inner { kind, at, trace }))
    }

    /// How it failed.
    pub fn kind(&self) -> &FailureKind {
        &self.0.kind
    }

    /// When, since the start of the run.
    pub fn at(&self) -> Duration {
        self.0.at
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.0.trace.seed
    }

    /// What happened up to the failure. The last event is the one whose handler panicked or whose state violates an
    /// invariant, if every event is checked and all are kept.
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.0.trace.len() as u64 + self.0.trace.left_out;
        write!(f, "{} (after {:?} and {events} events, seed {})", self.0.kind, self.0.at, self.seed())
    }
}

impl Error for Failure {}
