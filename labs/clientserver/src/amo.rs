//! At most once: commands with a number, and an application that executes each of them once at most. Later
//! labs replicate it.
// STUB: #![allow(unused)] // Remove this line when you start.

use framework::{Address, Application};
use serde::{Deserialize, Serialize};

/// A command with its place among the commands of its client.
///
/// Source: DSLabs `AMOCommand`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmoCommand<C> {
    /// Whose command it is. (Not always who sent the message: servers of later labs forward commands.)
    pub client: Address,
    /// The first command of a client has number 1, the next one 2.
    pub sequence: u64,
    /// The command.
    pub command: C,
}

/// A response with the number of the command that it answers.
///
/// Source: DSLabs `AMOResult`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmoResponse<R> {
    /// The number of the command.
    pub sequence: u64,
    /// What the application answered.
    pub response: R,
}

/// An application that executes no command of a client twice, however often it is asked to.
///
/// It relies on clients that have one outstanding command at most: command `n + 1` of a client says that the
/// client has the response to command `n`, so the response to its latest command is all that has to be kept.
///
/// Source: DSLabs `AMOApplication`.
#[derive(Clone, Debug, Serialize, Deserialize)]
// The bounds of `Application` say it all; serde's own would say it again, and then the compiler cannot
// choose.
#[serde(bound = "")]
pub struct AmoApplication<A: Application> {
    application: A,
    // BEGIN SOLUTION
    /// The latest response of each client.
    latest: im::OrdMap<Address, AmoResponse<A::Response>>,
    // END SOLUTION
    // STUB: // Your fields.
}

impl<A: Application> AmoApplication<A> {
    /// Wraps an application that has executed nothing yet.
    pub fn new(application: A) -> Self {
        // BEGIN SOLUTION
        Self { application, latest: im::OrdMap::new() }
        // END SOLUTION
        // STUB: Self { application }
    }

    /// The application inside, to look at.
    pub fn application(&self) -> &A {
        &self.application
    }

    /// Whether this command, or a later one of the same client, was executed.
    pub fn already_executed(&self, command: &AmoCommand<A::Command>) -> bool {
        // BEGIN SOLUTION
        self.latest.get(&command.client).is_some_and(|latest| command.sequence <= latest.sequence)
        // END SOLUTION
        // STUB: todo!("step 2: say whether the command was executed (README, \"Exactly once\")")
    }
}

impl<A: Application> Application for AmoApplication<A> {
    type Command = AmoCommand<A::Command>;
    /// `None`: the command is older than the client's latest, whose client no longer waits for a response to
    /// it.
    type Response = Option<AmoResponse<A::Response>>;

    /// Executes a new command; answers the latest one again, from memory; ignores older ones.
    fn execute(&mut self, command: &Self::Command) -> Self::Response {
        // BEGIN SOLUTION
        if self.already_executed(command) {
            let latest = self.latest.get(&command.client)?;
            return (latest.sequence == command.sequence).then(|| latest.clone());
        }
        let response = self.application.execute(&command.command);
        let response = AmoResponse { sequence: command.sequence, response };
        self.latest.insert(command.client, response.clone());
        Some(response)
        // END SOLUTION
        // STUB: todo!("step 2: execute the command unless it was executed (README, \"Exactly once\")")
    }
}
