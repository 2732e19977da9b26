//! What a step of a search shows of a client worker: commands that it sends and results that it records.

use std::any::Any;
use std::fmt;

use crate::address::Address;
use crate::node::Data;
use crate::workload::AnyWorker;

/// What happened to a client worker in one step.
#[derive(Clone, Copy)]
pub enum WorkerStep<'a> {
    /// It started, or restarted after a crash.
    Started {
        /// The worker afterwards.
        after: &'a dyn AnyWorker,
    },
    /// It handled a message or a timer.
    Handled {
        /// The worker before.
        before: &'a dyn AnyWorker,
        /// The worker afterwards.
        after: &'a dyn AnyWorker,
    },
    /// It crashed. What it waited for may or may not take effect, now or later.
    Crashed {
        /// The worker before.
        before: &'a dyn AnyWorker,
        /// If a crash fell into a handler: the worker as it would be, had the handler finished. Commands that it sends there
        /// may be on their way; what it learns there is forgotten.
        during: Option<&'a dyn AnyWorker>,
    },
}

impl fmt::Debug for WorkerStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |worker: &dyn AnyWorker| (worker.sent_count(), worker.result_count());
        match self {
            Self::Started { after } => f.debug_tuple("Started").field(&counts(*after)).finish(),
            Self::Handled { before, after } => {
                f.debug_tuple("Handled").field(&counts(*before)).field(&counts(*after)).finish()
            }
            Self::Crashed { before, during } => {
                f.debug_tuple("Crashed").field(&counts(*before)).field(&during.map(counts)).finish()
            }
        }
    }
}

/// What a step shows of a client's operations; numbers are places in its workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Invoke(usize),
    Return(usize),
    /// The command will never return.
    Lose(usize),
}

impl<'a> WorkerStep<'a> {
    /// The worker that knows the commands and responses of the step.
    pub(crate) fn worker(&self) -> &'a dyn AnyWorker {
        match self {
            Self::Started { after } | Self::Handled { after, .. } => *after,
            Self::Crashed { before, during } => during.unwrap_or(*before),
        }
    }

    /// What happened, in order: a worker records a result before it sends its next command.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let (mut sent, mut results, after) = match self {
            Self::Started { after } => (0, 0, *after),
            Self::Handled { before, after } => (before.sent_count(), before.result_count(), *after),
            Self::Crashed { before, during } => {
                let (sent, results) = (before.sent_count(), before.result_count());
                if sent > results {
                    actions.push(Action::Lose(results));
                }
                for i in sent..during.map_or(sent, AnyWorker::sent_count) {
                    actions.extend([Action::Invoke(i), Action::Lose(i)]);
                }
                return actions;
            }
        };
        loop {
            if sent > results && results < after.result_count() {
                actions.push(Action::Return(results));
                results += 1;
            } else if sent == results && sent < after.sent_count() {
                actions.push(Action::Invoke(sent));
                sent += 1;
            } else {
                return actions;
            }
        }
    }
}

/// A command that was sent.
pub(crate) fn command<C: Data>(worker: &dyn AnyWorker, client: Address, i: usize) -> C {
    let command: Option<Box<dyn Any>> = worker.command(client, i);
    let command = command.expect("a command that was sent is in the workload");
    *command.downcast().expect("the types were checked")
}

/// A result that was recorded.
pub(crate) fn response<R: Data>(worker: &dyn AnyWorker, i: usize) -> &R {
    let results: Option<&Vec<R>> = worker.results().downcast_ref();
    &results.expect("the types were checked")[i]
}
