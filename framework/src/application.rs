//! The deterministic state machine that a lab replicates.

use crate::node::Data;

/// A deterministic state machine: the same commands in the same order give the same responses.
///
/// Source: DSLabs `Application`; its `Result` is called [`Response`](Application::Response) here.
pub trait Application: Data {
    /// What clients ask for.
    type Command: Data;
    /// What they get.
    type Response: Data;

    /// Executes one command.
    fn execute(&mut self, command: &Self::Command) -> Self::Response;
}
