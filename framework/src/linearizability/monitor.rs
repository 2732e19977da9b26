//! The check of linearizability along a search: a residual beside the state, and what a step of a client makes of it.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::encoding::{EncodeError, decode, encode, short_type_name};
use crate::linearizability::check::Consistency;
use crate::linearizability::explain::{Explanation, explain};
use crate::linearizability::history::{History, HistoryError};
use crate::linearizability::object::Object;
use crate::linearizability::residual::{CONFIGURATIONS_MAX, Residual, ResidualError, Written};
use crate::linearizability::specification::Specification;
use crate::linearizability::worker_step::{Action, WorkerStep, command, response};
use crate::node::Data;
use crate::predicate::Outcome;
use crate::workload::AnyWorker;

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
    /// The steps to explain do not follow one another.
    #[error(transparent)]
    History(#[from] HistoryError),
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

/// A step of a client worker, with the place of the step in the trace.
pub type TimedStep<'a> = (u64, Address, WorkerStep<'a>);

trait AnyMonitor: Send + Sync {
    fn explain(
        &self,
        name: &str,
        steps: &[TimedStep<'_>],
        steps_max: u64,
    ) -> Result<Option<Explanation>, MonitorError>;
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
    /// residual is another monitor's, or there are more than 65,536 ways to explain the step.
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

    /// Why the results of a trace cannot be explained; `None` if they can, or if it is not known in `steps_max` steps.
    ///
    /// Give all steps of client workers in the order of the trace, those of workers in the initial state first; times are
    /// for the reader, such as the numbers of the events in the trace.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step); and when the steps do not follow one another.
    ///
    /// # Panics
    ///
    /// Panics when the specification does.
    pub fn explain(
        &self,
        steps: &[TimedStep<'_>],
        steps_max: u64,
    ) -> Result<Option<Explanation>, MonitorError> {
        self.inner.explain(&self.name, steps, steps_max)
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
    fn explain(
        &self,
        name: &str,
        steps: &[TimedStep<'_>],
        steps_max: u64,
    ) -> Result<Option<Explanation>, MonitorError> {
        let mut history = History::new();
        for (at, client, step) in steps {
            let worker = step.worker();
            check_types::<S>(name, *client, worker)?;
            for action in step.actions() {
                match action {
                    Action::Invoke(i) => history.invoke(*at, *client, command(worker, *client, i))?,
                    Action::Return(i) => {
                        history.returned(*at, *client, response::<S::Response>(worker, i).clone())?;
                    }
                    Action::Lose(_) => history.crashed(*at, *client)?,
                }
            }
        }
        Ok(explain(&self.0, &history, Consistency::Linearizable, steps_max)?)
    }

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
        if parts.values().any(Written::is_violated) {
            let outcome = Outcome::fails("no order explains the results before this step");
            return Ok(MonitorStep { residual: residual.to_owned(), outcome });
        }
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
fn check_types<S: Specification>(
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
