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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::context::Context;
    use crate::node::Node;
    use crate::workload::{ClientWorker, Workload};
    use serde::{Deserialize, Serialize};

    /// A client that has its first `answers` responses at once.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Quick {
        answers: usize,
        sent: usize,
    }

    impl Node for Quick {
        type Message = ();
        type Timer = ();
        fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
        fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
    }

    impl Client for Quick {
        type Command = String;
        type Response = usize;
        fn send_command(&mut self, _: String, _: &mut Context<(), ()>) {
            self.sent += 1;
        }
        fn response(&self) -> Option<usize> {
            (self.sent <= self.answers).then_some(self.sent)
        }
    }

    /// A worker with so many results.
    fn worker(results: usize) -> Box<dyn crate::AnyNode> {
        let commands = ["a", "b", "c"].map(str::to_owned);
        let worker = ClientWorker::new(Quick { answers: results, sent: 0 }, Workload::commands(commands));
        let mut worker: Box<dyn crate::AnyNode> = Box::new(worker);
        worker.init(Address::client(1)).expect("it has bytes");
        worker
    }

    fn actions(step: &str, before: usize, after: usize) -> String {
        let (before, after) = (worker(before), worker(after));
        let before = before.as_worker().expect("it is a worker");
        let after = after.as_worker().expect("it is a worker");
        let step = match step {
            "starts" => WorkerStep::Started { after },
            "handles" => WorkerStep::Handled { before, after },
            "crashes" => WorkerStep::Crashed { before, during: None },
            _ => WorkerStep::Crashed { before, during: Some(after) },
        };
        format!("{:?}", step.actions())
    }

    #[test]
    fn results_come_before_the_next_command() {
        assert_eq!(actions("starts", 0, 0), "[Invoke(0)]");
        assert_eq!(actions("starts", 0, 1), "[Invoke(0), Return(0), Invoke(1)]");
        assert_eq!(actions("handles", 0, 0), "[]");
        assert_eq!(actions("handles", 0, 2), "[Return(0), Invoke(1), Return(1), Invoke(2)]");
        assert_eq!(actions("handles", 2, 3), "[Return(2)]");
    }

    #[test]
    fn a_crash_leaves_what_was_sent_without_a_result() {
        assert_eq!(actions("crashes", 1, 1), "[Lose(1)]");
        assert_eq!(actions("crashes", 3, 3), "[]");
        assert_eq!(actions("crashes while it handles", 0, 1), "[Lose(0), Invoke(1), Lose(1)]");
    }

    #[test]
    fn commands_and_results_have_their_types() {
        let worker = worker(2);
        let worker = worker.as_worker().expect("it is a worker");
        assert_eq!(command::<String>(worker, Address::client(1), 1), "b");
        assert_eq!(response::<usize>(worker, 1), &2);
        assert!(worker.command(Address::client(1), 3).is_none());
        assert_eq!(worker.types().map(|(_, name)| name), ["String", "usize"]);
    }
}
