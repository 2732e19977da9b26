//! The options that switch links, nodes, timers and crashes off and on, and what they make of a search's [`Delivery`] and
//! [`Faults`].

use framework::Address;
use search::{Delivery, Faults};

/// `server1=off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeSwitch {
    node: Address,
    on: bool,
}

/// `server1:server2=off`: messages from the first to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkSwitch {
    from: Address,
    to: Address,
    on: bool,
}

/// `server1,server2|server3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    groups: Vec<Vec<Address>>,
}

/// Everything that the command line says about what may be delivered and which timers may fire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    pub(crate) partition: Option<Partition>,
    pub(crate) links: Vec<LinkSwitch>,
    pub(crate) senders: Vec<NodeSwitch>,
    pub(crate) receivers: Vec<NodeSwitch>,
    pub(crate) timers: Vec<NodeSwitch>,
    pub(crate) no_network: bool,
    pub(crate) no_timers: bool,
    pub(crate) crashes: u16,
    /// As many as crashes unless it is given.
    pub(crate) restarts: Option<u16>,
    pub(crate) crash: Vec<NodeSwitch>,
}

/// An address that the system does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{option}` names `{address}`, but this system has no such node; its nodes are {known}")]
pub(crate) struct NoSuchNode {
    option: &'static str,
    address: Address,
    known: String,
}

impl Switches {
    /// The delivery settings for a system with these nodes, and what the user should know about them.
    pub(crate) fn delivery(&self, nodes: &[Address]) -> Result<(Delivery, Vec<String>), NoSuchNode> {
        self.check(nodes)?;
        let mut delivery = Delivery::default();
        let mut notes = Vec::new();
        // First, because a partition replaces what was said about links.
        if let Some(partition) = &self.partition {
            delivery.partition(partition.groups.iter().map(Vec::as_slice));
            let alone: Vec<&Address> =
                nodes.iter().filter(|node| !partition.groups.iter().flatten().any(|a| a == *node)).collect();
            if !alone.is_empty() {
                notes.push(format!("in no group of the partition, so each is alone: {}", join(alone)));
            }
        }
        if self.no_network {
            delivery.network(false);
        }
        for receiver in &self.receivers {
            delivery.receiver(receiver.node, receiver.on);
        }
        for sender in &self.senders {
            delivery.sender(sender.node, sender.on);
        }
        for link in &self.links {
            delivery.link(link.from, link.to, link.on);
        }
        delivery.timers(!self.no_timers);
        for timer in &self.timers {
            delivery.node_timers(timer.node, timer.on);
        }
        Ok((delivery, notes))
    }

    /// Which crashes and restarts may happen. [`delivery`](Self::delivery) checks that the nodes exist.
    pub(crate) fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        faults.crashes(self.crashes).restarts(self.restarts.unwrap_or(self.crashes));
        for crash in &self.crash {
            faults.node(crash.node, crash.on);
        }
        faults
    }

    fn check(&self, nodes: &[Address]) -> Result<(), NoSuchNode> {
        let named = |option, switches: &[NodeSwitch]| -> Vec<(&'static str, Address)> {
            switches.iter().map(|switch| (option, switch.node)).collect()
        };
        let mut all = Vec::new();
        if let Some(partition) = &self.partition {
            all.extend(partition.groups.iter().flatten().map(|address| ("--partition", *address)));
        }
        all.extend(self.links.iter().flat_map(|link| [("--link", link.from), ("--link", link.to)]));
        all.extend(named("--sender", &self.senders));
        all.extend(named("--receiver", &self.receivers));
        all.extend(named("--timers", &self.timers));
        all.extend(named("--crash", &self.crash));
        match all.into_iter().find(|(_, address)| !nodes.contains(address)) {
            Some((option, address)) => Err(NoSuchNode { option, address, known: join(nodes) }),
            None => Ok(()),
        }
    }
}

fn join<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> String {
    let words: Vec<String> = addresses.into_iter().map(Address::to_string).collect();
    words.join(", ")
}

/// Parses `server1=off`.
pub(crate) fn node_switch(text: &str) -> Result<NodeSwitch, String> {
    let (node, on) = switched(text, "server1=off")?;
    Ok(NodeSwitch { node: address(node)?, on })
}

/// Parses `server1:server2=off`.
pub(crate) fn link_switch(text: &str) -> Result<LinkSwitch, String> {
    let example = "server1:server2=off";
    let (link, on) = switched(text, example)?;
    let (from, to) = link.split_once(':').ok_or_else(|| {
        format!("`{link}` is not a link: expected sender and receiver with a colon, such as `{example}`")
    })?;
    Ok(LinkSwitch { from: address(from)?, to: address(to)?, on })
}

/// Parses `server1,server2|server3`.
pub(crate) fn partition(text: &str) -> Result<Partition, String> {
    let mut groups: Vec<Vec<Address>> = Vec::new();
    for group in text.split('|') {
        let mut members = Vec::new();
        for word in group.split(',').filter(|word| !word.trim().is_empty()) {
            let member = address(word)?;
            if groups.iter().flatten().chain(&members).any(|other| *other == member) {
                return Err(format!("`{member}` is named twice: a node is in one group of a partition"));
            }
            members.push(member);
        }
        if members.is_empty() {
            return Err(format!(
                "a group of `{text}` is empty: expected groups such as `server1,server2|server3`"
            ));
        }
        groups.push(members);
    }
    Ok(Partition { groups })
}

fn switched<'a>(text: &'a str, example: &str) -> Result<(&'a str, bool), String> {
    let error = || format!("expected `on` or `off` after an equals sign, such as `{example}`");
    let (what, switch) = text.split_once('=').ok_or_else(error)?;
    match switch.trim() {
        "on" => Ok((what, true)),
        "off" => Ok((what, false)),
        _ => Err(error()),
    }
}

fn address(word: &str) -> Result<Address, String> {
    word.trim().parse().map_err(|e: framework::ParseAddressError| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const S1: Address = Address::server(1);
    const S2: Address = Address::server(2);
    const S3: Address = Address::server(3);
    const C1: Address = Address::client(1);

    #[test]
    fn every_switch_reaches_the_delivery() {
        let switches = Switches {
            links: vec![link_switch("server1:server2=off").unwrap()],
            senders: vec![node_switch("server3=off").unwrap()],
            receivers: vec![node_switch("client1=off").unwrap()],
            timers: vec![node_switch("client1=on").unwrap()],
            no_timers: true,
            ..Switches::default()
        };
        let (delivery, notes) = switches.delivery(&[S1, S2, S3, C1]).unwrap();
        assert!(!delivery.may_deliver(S1, S2) && delivery.may_deliver(S2, S1));
        assert!(!delivery.may_deliver(S3, S1) && !delivery.may_deliver(S1, C1));
        assert!(delivery.may_fire(C1) && !delivery.may_fire(S1));
        assert!(notes.is_empty());
    }

    #[test]
    fn there_are_as_many_restarts_as_crashes_unless_it_is_said() {
        let switches = Switches { crashes: 2, ..Switches::default() };
        assert_eq!(switches.faults(), *Faults::default().crashes(2).restarts(2));
        let crash = vec![node_switch("server2=off").unwrap()];
        let switches = Switches { crashes: 1, restarts: Some(0), crash, ..Switches::default() };
        assert_eq!(switches.faults(), *Faults::default().crashes(1).node(S2, false));
        let error = switches.delivery(&[S1]).unwrap_err();
        insta::assert_snapshot!(error, @"`--crash` names `server2`, but this system has no such node; its nodes are server1");
    }

    #[test]
    fn links_overrule_a_partition_and_lonely_nodes_are_named() {
        let switches = Switches {
            partition: Some(partition("server1, server2 | server3").unwrap()),
            links: vec![link_switch("server1:server3=on").unwrap()],
            ..Switches::default()
        };
        let (delivery, notes) = switches.delivery(&[S1, S2, S3, C1]).unwrap();
        assert!(
            delivery.may_deliver(S1, S2) && delivery.may_deliver(S1, S3) && !delivery.may_deliver(S3, S1)
        );
        assert!(!delivery.may_deliver(C1, S1));
        assert_eq!(notes, ["in no group of the partition, so each is alone: client1"]);
    }

    #[test]
    fn names_the_nodes_there_are() {
        let switches =
            Switches { links: vec![link_switch("server1:server9=off").unwrap()], ..Switches::default() };
        let error = switches.delivery(&[S1, C1]).unwrap_err();
        insta::assert_snapshot!(error, @"`--link` names `server9`, but this system has no such node; its nodes are server1, client1");
    }

    #[test]
    fn says_what_was_expected() {
        let errors = [
            node_switch("server1").unwrap_err(),
            node_switch("server1=no").unwrap_err(),
            node_switch("1=off").unwrap_err(),
            link_switch("server1=off").unwrap_err(),
            link_switch("server1:server2").unwrap_err(),
            partition("server1|").unwrap_err(),
            partition("server1,server2|server1").unwrap_err(),
        ];
        insta::assert_snapshot!(errors.join("\n"));
    }
}
