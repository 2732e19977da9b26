//! Records what clients asked, when, and what they got: what a linearizability checker judges.

use std::time::Duration;

use framework::{Address, AnyWorker, Payload};

/// One command of one client.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The client.
    pub client: Address,
    /// Which command of the client it is, from 0. A client that restarts begins again.
    pub index: usize,
    /// The command as `Debug` prints it.
    pub command: String,
    /// When the client sent it, since the start of the run.
    pub invoked_at: Duration,
    /// Its place among all invocations and returns of the run: these are in order also where the times are equal.
    pub invoked: u64,
    /// The response, if there is one.
    pub returned: Option<Returned>,
}

/// The response to a command.
#[derive(Clone, Debug)]
pub struct Returned {
    /// When it came, since the start of the run.
    pub at: Duration,
    /// Its place among all invocations and returns of the run.
    pub order: u64,
    /// The response.
    pub response: Payload,
}

/// The commands of all clients of a run, in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    next: u64,
}

/// How much of a client is in the history.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    sent: usize,
    results: usize,
    /// The place of the operation that has not returned.
    open: usize,
}

impl History {
    /// The commands of all clients, in the order in which they were sent.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The longest time that a client has waited for a response; one that is still outstanding counts as if it came
    /// `now`. (DSLabs `ClientWorker.maxWait`)
    pub fn max_wait(&self, now: Duration) -> Duration {
        let wait = |operation: &Operation| {
            operation
                .returned
                .as_ref()
                .map_or(now, |returned| returned.at)
                .saturating_sub(operation.invoked_at)
        };
        self.operations.iter().map(wait).max().unwrap_or_default()
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Adds what is new at a worker after an event.
    pub(crate) fn observe(
        &mut self,
        client: Address,
        worker: &dyn AnyWorker,
        seen: &mut Seen,
        now: Duration,
    ) {
        loop {
            if seen.results < seen.sent.min(worker.result_count()) {
                // A response without bytes would have failed when it was sent to the client.
                if let Ok(response) = worker.result(seen.results).payload() {
                    let order = self.next();
                    self.operations[seen.open].returned = Some(Returned { at: now, order, response });
                }
                seen.results += 1;
            } else if seen.sent < worker.sent_count() {
                seen.open = self.operations.len();
                let invoked = self.next();
                self.operations.push(Operation {
                    client,
                    index: seen.sent,
                    command: worker.command_text(client, seen.sent).unwrap_or_default(),
                    invoked_at: now,
                    invoked,
                    returned: None,
                });
                seen.sent += 1;
            } else {
                return;
            }
        }
    }
}
