//! The network of a run: which messages arrive, when, and how often; and whose timers fire.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use framework::Address;
use serde::{Deserialize, Serialize};

use crate::chance::{Chance, Purpose, Rate, nanos};
use crate::latency::Latency;

/// Which messages a setting is about. The first that says something decides: the link, the sender, the receiver, the
/// network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// All messages.
    Network,
    /// Those from the first to the second.
    Link(Address, Address),
    /// Those that a node sends.
    Sender(Address),
    /// Those to a node.
    Receiver(Address),
    /// Those that a node sends and those to it.
    Node(Address),
}

impl Scope {
    /// The addresses that it names.
    pub(crate) fn addresses(self) -> impl Iterator<Item = Address> {
        let (first, second) = match self {
            Self::Network => (None, None),
            Self::Link(from, to) => (Some(from), Some(to)),
            Self::Sender(node) | Self::Receiver(node) | Self::Node(node) => (Some(node), None),
        };
        first.into_iter().chain(second)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network => f.write_str("all messages"),
            Self::Link(from, to) => write!(f, "messages from {from} to {to}"),
            Self::Sender(node) => write!(f, "messages from {node}"),
            Self::Receiver(node) => write!(f, "messages to {node}"),
            Self::Node(node) => write!(f, "messages from and to {node}"),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One setting, for the network and for parts of it.
#[derive(Clone, Debug, PartialEq)]
struct Scoped<T> {
    links: BTreeMap<(Address, Address), T>,
    senders: BTreeMap<Address, T>,
    receivers: BTreeMap<Address, T>,
    network: T,
}

impl<T: Copy> Scoped<T> {
    fn new(network: T) -> Self {
        Self { links: BTreeMap::new(), senders: BTreeMap::new(), receivers: BTreeMap::new(), network }
    }

    fn set(&mut self, scope: Scope, value: T) {
        match scope {
            Scope::Network => self.network = value,
            Scope::Link(from, to) => {
                self.links.insert((from, to), value);
            }
            Scope::Sender(node) => {
                self.senders.insert(node, value);
            }
            Scope::Receiver(node) => {
                self.receivers.insert(node, value);
            }
            Scope::Node(node) => {
                self.senders.insert(node, value);
                self.receivers.insert(node, value);
            }
        }
    }

    fn get(&self, from: Address, to: Address) -> T {
        self.links
            .get(&(from, to))
            .or_else(|| self.senders.get(&from))
            .or_else(|| self.receivers.get(&to))
            .copied()
            .unwrap_or(self.network)
    }
}

/// What the network does to messages, and whose timers fire. It may be changed at any time.
///
/// A message to oneself always arrives, at once. For any other, and for each kind of setting by itself, the first that
/// says something decides: that of the link, of the sender, of the receiver, of the network. A message is lost if its
/// link is off when it is sent or when it would arrive.
///
/// ```
/// use framework::Address;
/// use runner::{Network, Scope};
///
/// let (a, b) = (Address::server(1), Address::server(2));
/// let mut network = Network::default();
/// network.deliver_rate(Scope::Network, 0.8).duplicate_rate(Scope::Link(a, b), 0.5).link(b, a, false);
/// assert!(network.may_deliver(a, b) && !network.may_deliver(b, a));
/// ```
///
/// Source: DSLabs `TestSettings` and `RunSettings`; the switches are those of a search's `Delivery`.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    on: Scoped<bool>,
    deliver: Scoped<Rate>,
    duplicate: Scoped<Rate>,
    hold_back: Scoped<(Rate, Duration)>,
    latency: Scoped<Latency>,
    node_timers: BTreeMap<Address, bool>,
    timers: bool,
}

impl Default for Network {
    /// Every message arrives once, after [`Latency::default`]; every timer fires.
    fn default() -> Self {
        Self {
            on: Scoped::new(true),
            deliver: Scoped::new(Rate::ALWAYS),
            duplicate: Scoped::new(Rate::NEVER),
            hold_back: Scoped::new((Rate::NEVER, Duration::ZERO)),
            latency: Scoped::new(Latency::default()),
            node_timers: BTreeMap::new(),
            timers: true,
        }
    }
}

/// The rate at which an unreliable network loses nothing.
const UNRELIABLE_DELIVER: f64 = 0.8;
const UNRELIABLE_DUPLICATE: f64 = 0.1;
const UNRELIABLE_HOLD_BACK: f64 = 0.1;
const UNRELIABLE_HOLD_BACK_TIME: Duration = Duration::from_millis(50);

/// How long a message to oneself takes. More than nothing: a node that keeps sending to itself must not stop the time.
const TO_ONESELF: u64 = 1_000;

impl Network {
    /// A fifth of all messages is lost, a tenth arrives twice, and a tenth is held back for up to 50 ms, so that others
    /// overtake it.
    pub fn unreliable(&mut self) -> &mut Self {
        self.deliver_rate(Scope::Network, UNRELIABLE_DELIVER)
            .duplicate_rate(Scope::Network, UNRELIABLE_DUPLICATE)
            .hold_back(Scope::Network, UNRELIABLE_HOLD_BACK, UNRELIABLE_HOLD_BACK_TIME)
    }

    /// Takes all rates back: no message is lost by chance, arrives twice or is held back. Links stay as they are.
    pub fn reliable(&mut self) -> &mut Self {
        let Self { deliver, duplicate, hold_back, .. } = Self::default();
        (self.deliver, self.duplicate, self.hold_back) = (deliver, duplicate, hold_back);
        self
    }

    /// How likely a message is to arrive. (DSLabs `networkDeliverRate`, `linkDeliverRate`, …)
    pub fn deliver_rate(&mut self, scope: Scope, rate: impl Into<Rate>) -> &mut Self {
        self.deliver.set(scope, rate.into());
        self
    }

    /// How likely a message that arrives is to arrive a second time.
    pub fn duplicate_rate(&mut self, scope: Scope, rate: impl Into<Rate>) -> &mut Self {
        self.duplicate.set(scope, rate.into());
        self
    }

    /// How likely a message is to take longer than its latency, by any time up to `at_most`. Others overtake it then.
    pub fn hold_back(&mut self, scope: Scope, rate: impl Into<Rate>, at_most: Duration) -> &mut Self {
        self.hold_back.set(scope, (rate.into(), at_most));
        self
    }

    /// How long messages are on their way.
    pub fn latency(&mut self, scope: Scope, latency: Latency) -> &mut Self {
        self.latency.set(scope, latency);
        self
    }

    /// Lets messages from `from` to `to` through, or not. One direction only.
    pub fn link(&mut self, from: Address, to: Address, on: bool) -> &mut Self {
        self.on.set(Scope::Link(from, to), on);
        self
    }

    /// Lets the messages that `node` sends through, or not.
    pub fn sender(&mut self, node: Address, on: bool) -> &mut Self {
        self.on.set(Scope::Sender(node), on);
        self
    }

    /// Lets the messages to `node` through, or not.
    pub fn receiver(&mut self, node: Address, on: bool) -> &mut Self {
        self.on.set(Scope::Receiver(node), on);
        self
    }

    /// Both directions of one node.
    pub fn node(&mut self, node: Address, on: bool) -> &mut Self {
        self.on.set(Scope::Node(node), on);
        self
    }

    /// All messages, where nothing more special is set.
    pub fn network(&mut self, on: bool) -> &mut Self {
        self.on.set(Scope::Network, on);
        self
    }

    /// Splits the network: messages pass only within a group. Nodes in no group, clients too, are alone; see
    /// [`split`](Self::split) for another wish. Replaces earlier settings of links and of the network, but not those of
    /// senders and receivers, which a link inside a group overrules.
    pub fn partition<'a>(&mut self, groups: impl IntoIterator<Item = &'a [Address]>) -> &mut Self {
        self.reconnect().network(false);
        for group in groups {
            for from in group {
                for to in group {
                    self.link(*from, *to, true);
                }
            }
        }
        self
    }

    /// Splits the network: no message passes between two groups. Nodes in no group keep all their links, so clients reach
    /// both sides. Replaces earlier settings of links and of the network.
    pub fn split<'a>(&mut self, groups: impl IntoIterator<Item = &'a [Address]>) -> &mut Self {
        self.reconnect();
        let groups: Vec<&[Address]> = groups.into_iter().collect();
        for (i, group) in groups.iter().enumerate() {
            for (_, other) in groups.iter().enumerate().filter(|(j, _)| *j != i) {
                for from in *group {
                    for to in *other {
                        self.link(*from, *to, false);
                    }
                }
            }
        }
        self
    }

    /// Undoes partitions and link settings.
    pub fn reconnect(&mut self) -> &mut Self {
        self.on.links.clear();
        self.network(true)
    }

    /// Undoes whatever keeps messages from a link: partitions, and the switches of links, senders, receivers and the
    /// network. Rates and latencies stay.
    pub fn heal(&mut self) -> &mut Self {
        self.on = Scoped::new(true);
        self
    }

    /// Lets the timers of one node fire, or not. Those that are due meanwhile fire when they may again.
    pub fn node_timers(&mut self, node: Address, on: bool) -> &mut Self {
        self.node_timers.insert(node, on);
        self
    }

    /// All timers, where nothing is set for the node.
    pub fn timers(&mut self, on: bool) -> &mut Self {
        self.timers = on;
        self
    }

    /// Whether a message that is not lost by chance arrives.
    pub fn may_deliver(&self, from: Address, to: Address) -> bool {
        from == to || self.on.get(from, to)
    }

    /// Whether the timers of a node may fire.
    pub fn may_fire(&self, node: Address) -> bool {
        self.node_timers.get(&node).copied().unwrap_or(self.timers)
    }

    /// What becomes of message `number` of those from one node to another: how many nanoseconds each copy of it takes.
    pub(crate) fn fate(&self, chance: Chance, link: Link, number: u64) -> Copies {
        let Link { from, to, id } = link;
        if from == to {
            return Copies { first: Some(TO_ONESELF), second: None };
        }
        let draw = |purpose, copy: u64| chance.draw(purpose, [id, number, copy]);
        let lost = !self.on.get(from, to) || !draw(Purpose::Delivery, 0).happens(self.deliver.get(from, to));
        if lost {
            return Copies { first: None, second: None };
        }
        let latency = |copy| {
            let latency = self
                .latency
                .get(from, to)
                .draw(draw(Purpose::Latency, 2 * copy), draw(Purpose::Latency, 2 * copy + 1));
            let (rate, at_most) = self.hold_back.get(from, to);
            if draw(Purpose::HoldBack, copy).happens(rate) {
                latency.saturating_add(draw(Purpose::HoldBackTime, copy).between(0, nanos(at_most)))
            } else {
                latency
            }
        };
        let twice = draw(Purpose::Duplication, 0).happens(self.duplicate.get(from, to));
        Copies { first: Some(latency(0)), second: twice.then(|| latency(1)) }
    }
}

/// A sender, a receiver, and the number by which choices know the two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) id: u64,
}

/// How long the copies of a message take that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copies {
    pub(crate) first: Option<u64>,
    pub(crate) second: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::server(1);
    const B: Address = Address::server(2);
    const C: Address = Address::server(3);

    #[test]
    fn the_more_special_setting_wins() {
        let mut network = Network::default();
        network.network(false);
        assert!(!network.may_deliver(A, B) && network.may_deliver(A, A));
        network.receiver(B, true);
        assert!(network.may_deliver(A, B) && !network.may_deliver(B, A));
        network.sender(A, false);
        assert!(!network.may_deliver(A, B) && network.may_deliver(C, B));
        network.link(A, B, true);
        assert!(network.may_deliver(A, B));
        network.node_timers(A, false);
        assert!(!network.may_fire(A) && network.may_fire(B));
        network.timers(false).node_timers(A, true);
        assert!(network.may_fire(A) && !network.may_fire(B));
        assert!(network.heal().may_deliver(A, C));
    }

    /// The same switches as a search has, on random sequences of settings.
    #[test]
    fn its_switches_are_those_of_a_search() {
        let nodes = [A, B, C];
        for seed in 0..200_u64 {
            let chance = Chance::new(seed);
            let (mut network, mut delivery) = (Network::default(), search::Delivery::default());
            for step in 0..12 {
                let pick = |what: u64, count| {
                    usize::try_from(chance.draw(Purpose::Nemesis, [step, what, 0]).below(count)).unwrap()
                };
                let (from, to, on) = (nodes[pick(0, 3)], nodes[pick(1, 3)], pick(2, 2) == 0);
                let groups = [&nodes[..pick(4, 3)], &nodes[pick(4, 3)..pick(4, 3) + pick(5, 2)]];
                let _both = match pick(3, 9) {
                    0 => (network.link(from, to, on), delivery.link(from, to, on)),
                    1 => (network.sender(from, on), delivery.sender(from, on)),
                    2 => (network.receiver(to, on), delivery.receiver(to, on)),
                    3 => (network.node(from, on), delivery.node(from, on)),
                    4 => (network.network(on), delivery.network(on)),
                    5 => (network.partition(groups), delivery.partition(groups)),
                    6 => (network.reconnect(), delivery.reconnect()),
                    7 => (network.timers(on), delivery.timers(on)),
                    _ => (network.node_timers(from, on), delivery.node_timers(from, on)),
                };
                for from in nodes {
                    assert_eq!(network.may_fire(from), delivery.may_fire(from));
                    for to in nodes {
                        assert_eq!(network.may_deliver(from, to), delivery.may_deliver(from, to));
                    }
                }
            }
        }
    }

    #[test]
    fn a_split_leaves_others_connected() {
        let mut network = Network::default();
        network.split([&[A][..], &[B][..]]);
        assert!(!network.may_deliver(A, B) && !network.may_deliver(B, A));
        assert!(network.may_deliver(A, C) && network.may_deliver(C, B));
        assert_eq!(*network.reconnect(), Network::default());
    }

    #[test]
    fn messages_are_lost_doubled_and_held_back_at_their_rates() {
        let mut network = Network::default();
        network.unreliable().latency(Scope::Network, Latency::fixed(Duration::from_nanos(5)));
        let link = Link { from: A, to: B, id: 9 };
        let fates: Vec<Copies> = (0..10_000).map(|i| network.fate(Chance::new(1), link, i)).collect();
        let count = |which: fn(&Copies) -> bool| fates.iter().filter(|copies| which(copies)).count();
        // Five standard deviations are at most 200.
        assert!(count(|c| c.first.is_some()).abs_diff(8_000) < 200);
        assert!(count(|c| c.second.is_some()).abs_diff(800) < 150);
        assert!(count(|c| c.first.is_some_and(|time| time > 5)).abs_diff(800) < 150);
        assert!(count(|c| c.first.is_some_and(|time| time > 50_000_005)) == 0);
        network.deliver_rate(Scope::Receiver(B), 0.0);
        assert_eq!(network.fate(Chance::new(1), link, 0).first, None);
        network.deliver_rate(Scope::Sender(A), 1.0).duplicate_rate(Scope::Link(A, B), 1.0).reliable();
        network.duplicate_rate(Scope::Link(A, B), 1.0);
        assert_eq!(network.fate(Chance::new(1), link, 0), Copies { first: Some(5), second: Some(5) });
    }
}
