//! Records what clients asked, when, and what they got: what a linearizability checker judges.

use std::any::TypeId;
use std::time::Duration;

use framework::linearizability::{self, History, HistoryError};
use framework::{Address, AnyWorker, Data, Payload};

use crate::chance::nanos;

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
pub(crate) struct Operations {
    operations: Vec<Operation>,
}

/// How much of a client is recorded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    sent: usize,
    results: usize,
    /// The place of the last operation.
    last: usize,
}

impl Operations {
    /// The commands of all clients, in the order in which they were sent.
    pub(crate) fn list(&self) -> &[Operation] {
        &self.operations
    }

    /// The longest time that a client has waited for a response. One that is still outstanding counts as if it came
    /// `now`, and one whose client crashed up to the crash. (DSLabs `ClientWorker.maxWaitTimeMilis`)
    pub(crate) fn max_wait(&self, now: Duration) -> Duration {
        let wait = |operation: &Operation| {
            let end = match operation.end {
                End::Returned { at, .. } | End::Crashed { at } => at,
                End::Pending => now,
            };
            end.saturating_sub(operation.invoked_at)
        };
        self.operations.iter().map(wait).max().unwrap_or_default()
    }

    /// The operations of the clients with commands `C` and responses `R`; `worker` finds a client's worker. `None` if
    /// there is no such client.
    pub(crate) fn history<'a, C: Data, R: Data>(
        &self,
        clients: impl Iterator<Item = Address>,
        worker: impl Fn(Address) -> Option<&'a dyn AnyWorker>,
    ) -> Option<Result<History<C, R>, HistoryError>> {
        let types = [TypeId::of::<C>(), TypeId::of::<R>()];
        let is_typed =
            |client| worker(client).is_some_and(|worker| worker.types().map(|(id, _)| id) == types);
        let clients: Vec<Address> = clients.filter(|client| is_typed(*client)).collect();
        if clients.is_empty() {
            return None;
        }
        let typed = |operation: &Operation| {
            let (client, invoked_at) = (operation.client, nanos(operation.invoked_at));
            let command = worker(client)?.command(client, operation.index)?.downcast::<C>().ok()?;
            let end = match &operation.end {
                End::Returned { at, response } => {
                    linearizability::End::Returned { at: nanos(*at), response: response.to().ok()? }
                }
                End::Pending => linearizability::End::Pending,
                End::Crashed { at } => linearizability::End::Crashed { at: nanos(*at) },
            };
            Some(linearizability::Operation { client, command: *command, invoked_at, end })
        };
        let operations = self.operations.iter().filter(|operation| clients.contains(&operation.client));
        let operations = operations.map(|operation| {
            typed(operation).expect("a command and its response have the types of their client")
        });
        Some(History::from_operations(operations.collect()))
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
