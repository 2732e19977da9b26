//! The read-only view of a whole system that predicates get, and the record of what they looked at.

use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;

use crate::address::Address;
use crate::any_node::AnyNode;
use crate::context::Durable;
use crate::event::Envelope;
use crate::node::Data;
use crate::timer::PendingTimer;
use crate::workload::Worker;

/// Where a [`View`] reads from: a state of a search or a running system. Nodes are numbered in the order in which they
/// were added.
pub trait Source {
    /// How many nodes there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The address of node `i`.
    fn address(&self, i: usize) -> Address;
    /// Node `i`.
    fn node(&self, i: usize) -> &dyn AnyNode;
    /// The pending timers of node `i`.
    fn timers(&self, i: usize) -> &[PendingTimer];
    /// What node `i` last persisted.
    fn durable(&self, i: usize) -> Option<&Durable>;
    /// Whether node `i` runs; where nothing can crash, every node does.
    fn is_up(&self, i: usize) -> bool {
        let _ = i;
        true
    }
    /// Calls `visit` with every message in the network until it breaks, in no particular order.
    fn messages(&self, visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>);
}

/// What a predicate looked at: it would say the same of any state that agrees on these parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    nodes: u64,
    network: bool,
}

impl ReadSet {
    /// Whether the network, or a node that has no bit of its own, was read: then only an equal state will do.
    pub fn network(self) -> bool {
        self.network
    }

    /// The nodes that were read, bit `i` for node `i`.
    pub fn nodes(self) -> u64 {
        self.nodes
    }

    /// Both together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { nodes: self.nodes | other.nodes, network: self.network || other.network }
    }
}

/// A whole system, to look at: nodes, client workers, timers and the network.
///
/// Source: DSLabs `AbstractState`.
pub struct View<'a> {
    source: &'a dyn Source,
    read: Cell<ReadSet>,
}

impl<'a> View<'a> {
    /// A view of a system.
    pub fn new(source: &'a dyn Source) -> Self {
        Self { source, read: Cell::new(ReadSet::default()) }
    }

    /// What was looked at so far.
    pub fn read_set(&self) -> ReadSet {
        self.read.get()
    }

    fn reading(&self, i: usize) {
        let mut read = self.read.get();
        match 1_u64.checked_shl(u32::try_from(i).unwrap_or(u32::MAX)) {
            Some(bit) => read.nodes |= bit,
            None => read.network = true,
        }
        self.read.set(read);
    }

    fn reading_network(&self) {
        self.read.set(ReadSet { network: true, ..self.read.get() });
    }

    fn index(&self, address: Address) -> Option<usize> {
        (0..self.source.len()).find(|i| self.source.address(*i) == address)
    }

    /// The addresses of all nodes, in the order in which they were added.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + use<'a> {
        let source = self.source;
        (0..source.len()).map(|i| source.address(i))
    }

    /// Whether the node at `address` is up; `false` if there is no such node.
    pub fn is_up(&self, address: Address) -> bool {
        self.index(address).is_some_and(|i| {
            self.reading(i);
            self.source.is_up(i)
        })
    }

    /// The node at `address`, if it is an `N` and up: a node that is down has no fields. Of a client worker it is the
    /// client.
    pub fn node<N: Data>(&self, address: Address) -> Option<&'a N> {
        let i = self.index(address)?;
        // A node's type never changes, so a node of another type is not "read".
        let node = self.source.node(i).as_any().downcast_ref()?;
        self.reading(i);
        self.source.is_up(i).then_some(node)
    }

    /// All nodes that are an `N` and up, with their addresses.
    pub fn nodes<N: Data>(&self) -> impl Iterator<Item = (Address, &'a N)> {
        // A node's type never changes, so a node of another type is not "read".
        (0..self.source.len()).filter_map(|i| {
            let node = self.source.node(i).as_any().downcast_ref()?;
            self.reading(i);
            self.source.is_up(i).then(|| (self.source.address(i), node))
        })
    }

    /// The node at `address`, of whatever type. While it is down, that is the node as it was first made.
    pub fn any_node(&self, address: Address) -> Option<&'a dyn AnyNode> {
        let i = self.index(address)?;
        self.reading(i);
        Some(self.source.node(i))
    }

    /// The client worker at `address`. While it is down, it is one without results.
    pub fn worker(&self, address: Address) -> Option<Worker<'a>> {
        let i = self.index(address)?;
        let worker = self.source.node(i).as_worker()?;
        self.reading(i);
        Some(Worker::new(address, worker))
    }

    /// All client workers.
    pub fn workers(&self) -> impl Iterator<Item = Worker<'a>> {
        (0..self.source.len()).filter_map(|i| {
            let worker = self.source.node(i).as_worker()?;
            self.reading(i);
            Some(Worker::new(self.source.address(i), worker))
        })
    }

    /// The pending timers of a node, in the order in which they were set; none if there is no such node.
    pub fn timers(&self, address: Address) -> &'a [PendingTimer] {
        self.index(address).map_or(&[], |i| {
            self.reading(i);
            self.source.timers(i)
        })
    }

    /// What the node at `address` last persisted.
    pub fn durable(&self, address: Address) -> Option<&'a Durable> {
        let i = self.index(address)?;
        self.reading(i);
        self.source.durable(i)
    }

    /// Whether the network holds a message for which `matches` is true.
    pub fn any_envelope(&self, mut matches: impl FnMut(&Envelope) -> bool) -> bool {
        self.reading_network();
        let mut found = false;
        self.source.messages(&mut |envelope| {
            found = matches(envelope);
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }

    /// Whether the network holds a message `(from, to, message)` for which `matches` is true.
    pub fn any_message<M: Data>(&self, mut matches: impl FnMut(Address, Address, &M) -> bool) -> bool {
        self.any_envelope(|e| e.message.get::<M>().is_some_and(|message| matches(e.from, e.to, message)))
    }

    /// All messages in the network, sorted.
    pub fn envelopes(&self) -> Vec<Envelope> {
        self.reading_network();
        let mut envelopes = Vec::new();
        self.source.messages(&mut |envelope| {
            envelopes.push(envelope.clone());
            ControlFlow::Continue(())
        });
        envelopes.sort();
        envelopes
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever prints everything reads everything.
        self.reading_network();
        let nodes = (0..self.source.len()).map(|i| (self.source.address(i), self.source.node(i).debug()));
        f.debug_map().entries(nodes).finish()
    }
}
