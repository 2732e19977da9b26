//! A node that takes one command at a time and later has its response.

use crate::node::{ContextOf, Data, Node};

/// A closed-loop client: it has at most one outstanding command.
///
/// Source: DSLabs `Client` (`sendCommand`, `hasResult`, `getResult`).
pub trait Client: Node {
    /// What the client can be asked to do.
    type Command: Data;
    /// What it gets back.
    type Response: Data;

    /// Starts on a command. It is called only when the previous command, if any, has its response.
    fn send_command(&mut self, command: Self::Command, ctx: &mut ContextOf<Self>);

    /// The response to the last command, once it is there. The client keeps it until the next command.
    fn response(&self) -> Option<Self::Response>;
}
