//! A system to search or to run: nodes with addresses, in a fixed order.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::any_node::AnyNode;
use crate::client::Client;
use crate::node::Node;
use crate::workload::{ClientWorker, Workload};

/// Why a node cannot be added to a system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// Two nodes have one address.
    #[error("there are two nodes with the address `{0}`; every node needs its own")]
    SameAddress(Address),
    /// A node has other messages or timers than those before it.
    #[error(
        "node `{address}` has the {what} type `{found}`, the nodes before it have `{expected}`; all nodes of a lab share one message and one timer type"
    )]
    OtherTypes {
        /// The node.
        address: Address,
        /// `message` or `timer`.
        what: &'static str,
        /// Its type.
        found: &'static str,
        /// The type of the others.
        expected: &'static str,
    },
}

/// Nodes that have not started, with their addresses.
///
/// The order in which they are added is the order in which reports list them; it changes no verdict.
#[derive(Clone, Debug, Default)]
pub struct System {
    nodes: Vec<(Address, Box<dyn AnyNode>)>,
    down: BTreeSet<Address>,
}

impl System {
    /// A system without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node.
    ///
    /// # Errors
    ///
    /// When the address is taken, or the node's messages or timers are of another type than those of the nodes before.
    pub fn add(&mut self, address: Address, node: impl Node) -> Result<(), SystemError> {
        self.add_any(address, Box::new(node))
    }

    /// Adds a client with its workload.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_client<C: Client>(
        &mut self,
        address: Address,
        client: C,
        workload: Workload<C::Command, C::Response>,
    ) -> Result<(), SystemError> {
        self.add_any(address, Box::new(ClientWorker::new(client, workload)))
    }

    /// Adds a node of any type.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_any(&mut self, address: Address, node: Box<dyn AnyNode>) -> Result<(), SystemError> {
        if self.nodes.iter().any(|(taken, _)| *taken == address) {
            return Err(SystemError::SameAddress(address));
        }
        if let Some((_, first)) = self.nodes.first() {
            for ((expected, found), what) in
                first.speaks().into_iter().zip(node.speaks()).zip(["message", "timer"])
            {
                if expected.0 != found.0 {
                    return Err(SystemError::OtherTypes {
                        address,
                        what,
                        found: found.1,
                        expected: expected.1,
                    });
                }
            }
        }
        self.nodes.push((address, node));
        Ok(())
    }

    /// Adds a node that is not started yet: it is down, as if it had crashed before it ever persisted anything, until an
    /// [`Event::Restart`](crate::Event::Restart).
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_down(&mut self, address: Address, node: Box<dyn AnyNode>) -> Result<(), SystemError> {
        self.add_any(address, node)?;
        self.down.insert(address);
        Ok(())
    }

    /// Whether the node at `address` was added as one that is not started yet.
    pub fn is_down(&self, address: Address) -> bool {
        self.down.contains(&address)
    }

    /// The nodes in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = (Address, &dyn AnyNode)> {
        self.nodes.iter().map(|(address, node)| (*address, node.as_ref()))
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
