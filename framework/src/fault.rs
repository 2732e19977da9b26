//! Says what is wrong with a handler: the words that searches and runs share.

use std::fmt;

use crate::address::Address;

/// What is wrong with a handler, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerFault {
    /// The node.
    pub node: Address,
    /// The name of its type.
    pub node_type: String,
    /// The handler and what it handled: `on_message(RequestVote)`, or `init`.
    pub handler: String,
    /// What happened, and what to do about it.
    pub problem: String,
}

impl fmt::Display for HandlerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({}): {}", self.handler, self.node, self.node_type, self.problem)
    }
}
