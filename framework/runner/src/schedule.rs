//! What is done to a run at which time: partitions, crashes, clocks, rates.

use std::fmt;
use std::time::Duration;

use framework::Address;
use serde::{Deserialize, Serialize};

use crate::chance::Rate;
use crate::clock::ClockRate;
use crate::latency::Latency;
use crate::network::{Network, Scope};

/// Something that is done to the network or to a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// [`Network::partition`].
    Partition(Vec<Vec<Address>>),
    /// [`Network::split`].
    Split(Vec<Vec<Address>>),
    /// Cuts one node off, in both directions.
    Isolate(Address),
    /// Cuts one direction of a link.
    CutLink {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// Mends one direction of a link.
    MendLink {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// [`Network::heal`].
    Heal,
    /// A node crashes; nothing happens to one that is down.
    Crash(Address),
    /// A node crashes in the next handler in which it matters; see
    /// [`Run::crash_in_handler`](crate::Run::crash_in_handler).
    CrashInHandler {
        /// The node.
        node: Address,
        /// Before which of the handler's calls of persist, from 0.
        persist: usize,
    },
    /// A node restarts; nothing happens to one that is up.
    Restart(Address),
    /// A node's clock runs faster or slower from now on.
    ClockRate {
        /// The node.
        node: Address,
        /// How fast.
        rate: ClockRate,
    },
    /// [`Network::deliver_rate`].
    DeliverRate {
        /// Of which messages.
        scope: Scope,
        /// How likely they are to arrive.
        rate: Rate,
    },
    /// [`Network::duplicate_rate`].
    DuplicateRate {
        /// Of which messages.
        scope: Scope,
        /// How likely they are to arrive twice.
        rate: Rate,
    },
    /// [`Network::hold_back`].
    HoldBack {
        /// Which messages.
        scope: Scope,
        /// How likely they are to be held back.
        rate: Rate,
        /// For how long at most.
        at_most: Duration,
    },
    /// [`Network::latency`].
    Latency {
        /// Of which messages.
        scope: Scope,
        /// How long they are on their way.
        latency: Latency,
    },
    /// [`Network::timers`].
    Timers(bool),
    /// [`Network::node_timers`].
    NodeTimers {
        /// The node.
        node: Address,
        /// Whether its timers fire.
        on: bool,
    },
    /// Only adds a note to the trace.
    Note(String),
}

impl Action {
    /// Changes the network; what is done to a node is left to the run.
    pub(crate) fn change<'a>(&self, network: &'a mut Network) -> &'a mut Network {
        fn slices(groups: &[Vec<Address>]) -> impl Iterator<Item = &[Address]> {
            groups.iter().map(Vec::as_slice)
        }
        match self {
            Self::Partition(groups) => network.partition(slices(groups)),
            Self::Split(groups) => network.split(slices(groups)),
            Self::Isolate(node) => network.node(*node, false),
            Self::CutLink { from, to } => network.link(*from, *to, false),
            Self::MendLink { from, to } => network.link(*from, *to, true),
            Self::Heal => network.heal(),
            Self::DeliverRate { scope, rate } => network.deliver_rate(*scope, *rate),
            Self::DuplicateRate { scope, rate } => network.duplicate_rate(*scope, *rate),
            Self::HoldBack { scope, rate, at_most } => network.hold_back(*scope, *rate, *at_most),
            Self::Latency { scope, latency } => network.latency(*scope, *latency),
            Self::Timers(on) => network.timers(*on),
            Self::NodeTimers { node, on } => network.node_timers(*node, *on),
            Self::Crash(_)
            | Self::CrashInHandler { .. }
            | Self::Restart(_)
            | Self::ClockRate { .. }
            | Self::Note(_) => network,
        }
    }

    /// The addresses that it names.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        match self {
            Self::Partition(groups) | Self::Split(groups) => groups.iter().flatten().copied().collect(),
            Self::Isolate(node)
            | Self::Crash(node)
            | Self::CrashInHandler { node, .. }
            | Self::Restart(node)
            | Self::ClockRate { node, .. }
            | Self::NodeTimers { node, .. } => vec![*node],
            Self::CutLink { from, to } | Self::MendLink { from, to } => vec![*from, *to],
            Self::DeliverRate { scope, .. }
            | Self::DuplicateRate { scope, .. }
            | Self::HoldBack { scope, .. }
            | Self::Latency { scope, .. } => scope.addresses().collect(),
            Self::Heal | Self::Timers(_) | Self::Note(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn groups(groups: &[Vec<Address>]) -> String {
            let words =
                |group: &Vec<Address>| group.iter().map(Address::to_string).collect::<Vec<_>>().join(" ");
            groups.iter().map(words).collect::<Vec<_>>().join(" | ")
        }
        let on_off = |on: &bool| if *on { "on" } else { "off" };
        match self {
            Self::Partition(sides) => write!(f, "partition: {}", groups(sides)),
            Self::Split(sides) => write!(f, "split: {}", groups(sides)),
            Self::Isolate(node) => write!(f, "{node} is cut off"),
            Self::CutLink { from, to } => write!(f, "the link from {from} to {to} is cut"),
            Self::MendLink { from, to } => write!(f, "the link from {from} to {to} works again"),
            Self::Heal => f.write_str("all links work again"),
            Self::Crash(node) => write!(f, "crash {node}"),
            Self::CrashInHandler { node, persist } => {
                write!(f, "crash {node} in a handler, before persist number {}", persist + 1)
            }
            Self::Restart(node) => write!(f, "restart {node}"),
            Self::ClockRate { node, rate } => write!(f, "the clock of {node} runs at {rate}"),
            Self::DeliverRate { scope, rate } => write!(f, "{scope} arrive at a rate of {rate}"),
            Self::DuplicateRate { scope, rate } => write!(f, "{scope} arrive twice at a rate of {rate}"),
            Self::HoldBack { scope, rate, at_most } => {
                write!(f, "{scope} are held back for up to {at_most:?} at a rate of {rate}")
            }
            Self::Latency { scope, latency } => write!(f, "{scope} take {latency}"),
            Self::Timers(on) => write!(f, "timers are {}", on_off(on)),
            Self::NodeTimers { node, on } => write!(f, "timers of {node} are {}", on_off(on)),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// What is done at which time of a run. Actions at the same time happen in the order in which they were added, before
/// any event of that time.
///
/// ```
/// use std::time::Duration;
///
/// use framework::Address;
/// use runner::{Action, Schedule};
///
/// let (a, b, c) = (Address::server(1), Address::server(2), Address::server(3));
/// let schedule = Schedule::new()
///     .at(Duration::from_secs(1), Action::Split(vec![vec![a, b], vec![c]]))
///     .at(Duration::from_secs(3), Action::Crash(a))
///     .at(Duration::from_secs(3), Action::Heal)
///     .at(Duration::from_millis(3500), Action::Restart(a));
/// let lines: Vec<String> = schedule.to_string().lines().map(str::to_owned).collect();
/// assert_eq!(lines, [
///     "1s: split: server1 server2 | server3",
///     "3s: crash server1",
///     "3s: all links work again",
///     "3.5s: restart server1",
/// ]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(Duration, Action)>", into = "Vec<(Duration, Action)>")]
pub struct Schedule {
    // Invariant: sorted by time.
    entries: Vec<(Duration, Action)>,
}

impl Schedule {
    /// Nothing is done.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an action at a time since the start of the run.
    #[must_use]
    pub fn at(mut self, at: Duration, action: Action) -> Self {
        let place = self.entries.partition_point(|(earlier, _)| *earlier <= at);
        self.entries.insert(place, (at, action));
        self
    }

    /// All actions with their times, in order.
    pub fn entries(&self) -> &[(Duration, Action)] {
        &self.entries
    }

    /// The number of actions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The actions of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        other.entries.into_iter().fold(self, |schedule, (at, action)| schedule.at(at, action))
    }

    /// Those of its actions for which `keep` is true, which gets their places.
    pub(crate) fn filtered(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let entries =
            self.entries.iter().enumerate().filter(|(i, _)| keep(*i)).map(|(_, entry)| entry.clone());
        Self { entries: entries.collect() }
    }
}

impl FromIterator<(Duration, Action)> for Schedule {
    fn from_iter<I: IntoIterator<Item = (Duration, Action)>>(actions: I) -> Self {
        let mut entries: Vec<(Duration, Action)> = actions.into_iter().collect();
        entries.sort_by_key(|(at, _)| *at);
        Self { entries }
    }
}

impl From<Vec<(Duration, Action)>> for Schedule {
    fn from(actions: Vec<(Duration, Action)>) -> Self {
        actions.into_iter().collect()
    }
}

impl From<Schedule> for Vec<(Duration, Action)> {
    fn from(schedule: Schedule) -> Self {
        schedule.entries
    }
}

/// Prints one line an action.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|(at, action)| writeln!(f, "{at:?}: {action}"))
    }
}
