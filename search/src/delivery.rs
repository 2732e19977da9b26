//! Which messages may be delivered and which timers may fire: links, senders, receivers, partitions, timers.

use std::collections::BTreeMap;

use framework::Address;

/// What the network and the timers of a search allow; fixed while it runs.
///
/// A message to oneself always arrives. For any other the first setting that says something decides: that of the link,
/// of the sender, of the receiver, of the network.
///
/// ```
/// use framework::Address;
/// use search::Delivery;
///
/// let (a, b, c) = (Address::server(1), Address::server(2), Address::server(3));
/// let mut delivery = Delivery::default();
/// delivery.sender(a, false);
/// delivery.link(a, b, true);
/// assert!(delivery.may_deliver(a, b) && !delivery.may_deliver(a, c) && delivery.may_deliver(b, a));
/// ```
///
/// Source: DSLabs `TestSettings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    links: BTreeMap<(Address, Address), bool>,
    senders: BTreeMap<Address, bool>,
    receivers: BTreeMap<Address, bool>,
    network: bool,
    node_timers: BTreeMap<Address, bool>,
    timers: bool,
}

impl Default for Delivery {
    /// Everything may happen.
    fn default() -> Self {
        Self {
            links: BTreeMap::new(),
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            network: true,
            node_timers: BTreeMap::new(),
            timers: true,
        }
    }
}

impl Delivery {
    /// Lets messages from `from` to `to` through, or not. One direction only.
    pub fn link(&mut self, from: Address, to: Address, on: bool) -> &mut Self {
        self.links.insert((from, to), on);
        self
    }

    /// Lets the messages that `node` sends through, or not.
    pub fn sender(&mut self, node: Address, on: bool) -> &mut Self {
        self.senders.insert(node, on);
        self
    }

    /// Lets the messages to `node` through, or not.
    pub fn receiver(&mut self, node: Address, on: bool) -> &mut Self {
        self.receivers.insert(node, on);
        self
    }

    /// Both directions of one node.
    pub fn node(&mut self, node: Address, on: bool) -> &mut Self {
        self.sender(node, on).receiver(node, on)
    }

    /// All messages, where nothing more special is set.
    pub fn network(&mut self, on: bool) -> &mut Self {
        self.network = on;
        self
    }

    /// Splits the network: messages pass only within a group. Nodes in no group are alone. Replaces earlier settings of
    /// links and of the network, but not those of senders and receivers, which a link inside a group overrules.
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

    /// Undoes partitions and link settings.
    pub fn reconnect(&mut self) -> &mut Self {
        self.links.clear();
        self.network(true)
    }

    /// Lets the timers of one node fire, or not.
    pub fn node_timers(&mut self, node: Address, on: bool) -> &mut Self {
        self.node_timers.insert(node, on);
        self
    }

    /// All timers, where nothing is set for the node.
    pub fn timers(&mut self, on: bool) -> &mut Self {
        self.timers = on;
        self
    }

    /// Whether a message may be delivered.
    pub fn may_deliver(&self, from: Address, to: Address) -> bool {
        from == to
            || self
                .links
                .get(&(from, to))
                .or_else(|| self.senders.get(&from))
                .or_else(|| self.receivers.get(&to))
                .copied()
                .unwrap_or(self.network)
    }

    /// Whether the timers of a node may fire.
    pub fn may_fire(&self, node: Address) -> bool {
        self.node_timers.get(&node).copied().unwrap_or(self.timers)
    }

    /// Every address that a setting names; a caller can check that the system has them.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        let links = self.links.keys().flat_map(|(from, to)| [*from, *to]);
        links
            .chain(self.senders.keys().copied())
            .chain(self.receivers.keys().copied())
            .chain(self.node_timers.keys().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::server(1);
    const B: Address = Address::server(2);
    const C: Address = Address::server(3);

    #[test]
    fn the_more_special_setting_wins() {
        let mut delivery = Delivery::default();
        delivery.network(false);
        assert!(!delivery.may_deliver(A, B) && delivery.may_deliver(A, A));
        delivery.receiver(B, true);
        assert!(delivery.may_deliver(A, B) && !delivery.may_deliver(B, A));
        delivery.sender(A, false);
        assert!(!delivery.may_deliver(A, B) && delivery.may_deliver(C, B));
        delivery.link(A, B, true);
        assert!(delivery.may_deliver(A, B));
        delivery.node_timers(A, false);
        assert!(!delivery.may_fire(A) && delivery.may_fire(B));
        delivery.timers(false).node_timers(A, true);
        assert!(delivery.may_fire(A) && !delivery.may_fire(B));
    }

    #[test]
    fn a_partition_lets_messages_pass_within_its_groups_only() {
        let mut delivery = Delivery::default();
        delivery.partition([&[A, B][..], &[C][..]]);
        assert!(delivery.may_deliver(A, B) && delivery.may_deliver(B, A));
        assert!(!delivery.may_deliver(A, C) && !delivery.may_deliver(C, B));
        assert!(!delivery.may_deliver(A, Address::client(1)));
        assert_eq!(*delivery.reconnect(), Delivery::default());
    }
}
