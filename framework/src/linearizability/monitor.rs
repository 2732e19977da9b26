//! The check of linearizability along a search: a residual beside the state, and what a step of a client makes of it.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::encoding::{EncodeError, decode, encode, short_type_name};
use crate::linearizability::object::Object;
use crate::linearizability::residual::{CONFIGURATIONS_MAX, Residual, ResidualError, Written};
use crate::linearizability::specification::Specification;
use crate::node::Data;
use crate::predicate::Outcome;
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

/// What a monitor makes of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorStep {
    /// What it has to know later.
    pub residual: Vec<u8>,
    /// Whether the results can still be explained, and if not, which one cannot, in words.
    pub outcome: Outcome,
}

/// Why a monitor cannot judge a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// The clients are those of another kind of object.
    #[error(
        "the {what}s of `{client}` are `{found}`, but the specification of the monitor `{monitor}` has `{expected}`; give the search the monitor of this lab"
    )]
    OtherTypes {
        /// The monitor.
        monitor: String,
        /// The client.
        client: Address,
        /// `command` or `response`.
        what: &'static str,
        /// Its type.
        found: &'static str,
        /// That of the specification.
        expected: &'static str,
    },
    /// A state, command or response has no bytes.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The bytes are not a residual of this monitor.
    #[error(
        "these {len} bytes are no residual of the monitor `{monitor}`; a monitor goes on from what it returned itself"
    )]
    NotAResidual {
        /// The monitor.
        monitor: String,
        /// How many bytes.
        len: usize,
    },
    /// There are too many orders in which operations at once may take effect.
    #[error(
        "the monitor `{monitor}` gives up: {waiting} operations at once may take effect in more than {max} ways; search with fewer clients or crashes, or tell the specification which commands only read and which part each is about"
    )]
    TooMany {
        /// The monitor.
        monitor: String,
        /// How many operations wait.
        waiting: usize,
        /// The limit.
        max: usize,
    },
}

/// Says at every step of a search whether the results of the clients can still be explained.
///
/// It is no part of the state of the system: a search keeps a **residual** beside each state, which is to the history as a
/// state is to the trace. Two histories have equal residuals exactly if they allow the same configurations: the same
/// states of the object, with the same operations that wait having taken effect with the same responses. So histories
/// with the same future are one, except where the specification has different states that no command tells apart.
///
/// How an engine drives it: [`initial`](Self::initial) with the workers as they are in the initial state; then
/// [`step`](Self::step) for each event at a client worker. A residual is a function of the residual before, the client
/// and the worker before and after, so steps may be remembered. Events at other nodes, and events that neither send a
/// command nor record a result, leave it as it is.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Monitor {
    name: Arc<str>,
    inner: Arc<dyn AnyMonitor>,
}

trait AnyMonitor: Send + Sync {
    fn step(
        &self,
        name: &str,
        residual: &[u8],
        client: Address,
        step: WorkerStep<'_>,
    ) -> Result<MonitorStep, MonitorError>;
}

impl Monitor {
    /// The results of the clients are linearizable.
    pub fn linearizable<S: Specification>(specification: S) -> Self {
        Self { name: "results are linearizable".into(), inner: Arc::new(Linearizable(specification)) }
    }

    /// The same monitor under another name.
    #[must_use]
    pub fn named(&self, name: impl Into<String>) -> Self {
        Self { name: name.into().into(), inner: Arc::clone(&self.inner) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The residual of an initial state with these workers, all of which have started.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    pub fn initial(&self, workers: &[(Address, &dyn AnyWorker)]) -> Result<MonitorStep, MonitorError> {
        let mut so_far = MonitorStep { residual: encode(&Parts::new())?, outcome: Outcome::holds() };
        for (client, after) in workers {
            if !so_far.outcome.is_ok() {
                break;
            }
            so_far = self.step(&so_far.residual, *client, WorkerStep::Started { after: *after })?;
        }
        Ok(so_far)
    }

    /// The residual after a step of a client.
    ///
    /// # Errors
    ///
    /// When the client's commands or responses are not those of the specification, something has no canonical bytes, the
    /// residual is another monitor's, or there are more than some 100,000 ways to explain the step.
    ///
    /// # Panics
    ///
    /// Panics when the specification does.
    pub fn step(
        &self,
        residual: &[u8],
        client: Address,
        step: WorkerStep<'_>,
    ) -> Result<MonitorStep, MonitorError> {
        self.inner.step(&self.name, residual, client, step)
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Monitor({})", self.name)
    }
}

/// The residual as it is written: the parts of the object that are not as they were at first.
type Parts = BTreeMap<String, Written>;

struct Linearizable<S>(S);

impl<S: Specification> AnyMonitor for Linearizable<S> {
    fn step(
        &self,
        name: &str,
        residual: &[u8],
        client: Address,
        step: WorkerStep<'_>,
    ) -> Result<MonitorStep, MonitorError> {
        let worker = step.worker();
        check_types::<S>(name, client, worker)?;
        let actions = step.actions();
        if actions.is_empty() {
            return Ok(MonitorStep { residual: residual.to_owned(), outcome: Outcome::holds() });
        }
        let not_a_residual = || MonitorError::NotAResidual { monitor: name.to_owned(), len: residual.len() };
        let mut parts: Parts = decode(residual).map_err(|_| not_a_residual())?;
        let mut outcome = Outcome::holds();
        for action in actions {
            let (Action::Invoke(i) | Action::Return(i) | Action::Lose(i)) = action;
            let command: S::Command = command(worker, client, i);
            let part = self.0.partition(&command);
            let mut object = Object::new(&self.0)?;
            let initial = Object::<S>::INITIAL;
            let mut waiting = 0;
            let mut go_on = || -> Result<(), ResidualError> {
                let mut residual = match parts.get(&part) {
                    Some(written) => Residual::read(written, &mut object)?,
                    None => Residual::new(initial),
                };
                waiting = residual.waiting();
                match action {
                    Action::Invoke(_) => residual.invoke(client, object.number_command(&command)?),
                    Action::Lose(_) => residual.lose(&mut object, client)?,
                    Action::Return(i) => {
                        let response = response::<S::Response>(worker, i);
                        let number = object.number_response(response)?;
                        if let Some(possible) = residual.returned(&mut object, client, number)? {
                            let possible = possible.iter().map(|r| format!("{:?}", object.response(*r)));
                            let reason = reason(client, &command, response, possible.collect());
                            outcome = Outcome::fails(reason).blaming(client, format!("results[{i}]"));
                        }
                    }
                }
                if residual.is_new(initial) {
                    parts.remove(&part);
                } else {
                    parts.insert(part.clone(), residual.write(&object)?);
                }
                Ok(())
            };
            go_on().map_err(|error| match error {
                ResidualError::Encode(error) => MonitorError::Encode(error),
                ResidualError::Foreign => not_a_residual(),
                ResidualError::TooMany => {
                    MonitorError::TooMany { monitor: name.to_owned(), waiting, max: CONFIGURATIONS_MAX }
                }
            })?;
            if !outcome.is_ok() {
                break;
            }
        }
        Ok(MonitorStep { residual: encode(&parts)?, outcome })
    }
}

/// Most responses that are listed as possible.
const LISTED_MAX: usize = 4;

fn reason<C: Data, R: Data>(client: Address, command: &C, response: &R, mut possible: Vec<String>) -> String {
    possible.sort();
    let count = possible.len();
    let listed = if count > LISTED_MAX {
        possible.truncate(LISTED_MAX);
        format!("{} and {} more are", possible.join(", "), count - LISTED_MAX)
    } else {
        format!("{} {}", possible.join(" or "), if count == 1 { "is" } else { "are" })
    };
    format!(
        "{client} got {response:?} for {command:?}, but after what the clients have seen so far only {listed} possible"
    )
}

/// Whether the client's commands and responses are those of the specification.
pub(crate) fn check_types<S: Specification>(
    monitor: &str,
    client: Address,
    worker: &dyn AnyWorker,
) -> Result<(), MonitorError> {
    let expected = [
        (TypeId::of::<S::Command>(), short_type_name::<S::Command>()),
        (TypeId::of::<S::Response>(), short_type_name::<S::Response>()),
    ];
    for ((found, expected), what) in worker.types().into_iter().zip(expected).zip(["command", "response"]) {
        if found.0 != expected.0 {
            let monitor = monitor.to_owned();
            let (found, expected) = (found.1, expected.1);
            return Err(MonitorError::OtherTypes { monitor, client, what, found, expected });
        }
    }
    Ok(())
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
