//! Records what clients asked, when, and what they got: what a linearizability checker judges.

use std::time::Duration;

use framework::{Address, AnyWorker, Payload};

/// One command of one client.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The client.
    pub client: Address,
    /// Which command of the client's workload it is, from 0. A client that restarts begins again.
    pub index: usize,
    /// The command as `Debug` prints it.
    pub command: String,
    /// When the client sent it, since the start of the run.
    pub invoked_at: Duration,
    /// What came of it.
    pub end: End,
}

impl Operation {
    /// When it returned, if it did.
    pub fn returned_at(&self) -> Option<Duration> {
        match self.end {
            End::Returned { at, .. } => Some(at),
            End::Pending | End::Crashed { .. } => None,
        }
    }
}

/// How an operation ended, as its client saw it.
#[derive(Clone, Debug)]
pub enum End {
    /// It returned.
    Returned {
        /// When, since the start of the run.
        at: Duration,
        /// With this response.
        response: Payload,
    },
    /// It is still waiting: it may or may not have taken effect.
    Pending,
    /// Its client crashed before there was a response: it may or may not have taken effect, or may yet.
    Crashed {
        /// When, since the start of the run.
        at: Duration,
    },
}

/// The commands of all clients of a run, in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
}

/// How much of a client is in the history.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    sent: usize,
    results: usize,
    /// The place of the last operation.
    last: usize,
}

impl History {
    /// The commands of all clients, in the order in which they were sent.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The longest time that a client has waited for a response. One that is still outstanding counts as if it came
    /// `now`, and one whose client crashed up to the crash. (DSLabs `ClientWorker.maxWaitTimeMilis`)
    pub fn max_wait(&self, now: Duration) -> Duration {
        let wait = |operation: &Operation| {
            let end = match operation.end {
                End::Returned { at, .. } | End::Crashed { at } => at,
                End::Pending => now,
            };
            end.saturating_sub(operation.invoked_at)
        };
        self.operations.iter().map(wait).max().unwrap_or_default()
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
                // A response without bytes would have made the step fail.
                if let Ok(response) = worker.result(seen.results).payload() {
                    self.operations[seen.last].end = End::Returned { at: now, response };
                }
                seen.results += 1;
            } else if seen.sent < worker.sent_count() {
                seen.last = self.operations.len();
                self.operations.push(Operation {
                    client,
                    index: seen.sent,
                    command: worker.command_text(client, seen.sent).unwrap_or_default(),
                    invoked_at: now,
                    end: End::Pending,
                });
                seen.sent += 1;
            } else {
                return;
            }
        }
    }

    /// A client crashed.
    pub(crate) fn crash(&mut self, seen: &mut Seen, now: Duration) {
        if seen.sent > seen.results {
            self.operations[seen.last].end = End::Crashed { at: now };
        }
        *seen = Seen::default();
    }
}
