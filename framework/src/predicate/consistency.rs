//! The predicate that all clients' results together look as if their commands had come one after the other.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::encoding::short_type_name;
use crate::linearizability::{
    Consistency, End, Explanation, History, Operation, STEPS_MAX, Specification, Verdict, check, explain,
};
use crate::predicate::{Outcome, Predicate};
use crate::workload::Worker;

/// Once all clients are done, some order of their commands, those of one client in its order, gives their results.
///
/// Where one client's command came before another's in time is not looked at; a
/// [`Monitor`](crate::linearizability::Monitor) does that. It holds as long as a client is not done, so pair it with
/// the goal [`clients_done`](super::clients_done). It is not for clients that crash: what they did before is not among
/// their results, and might explain those of others.
///
/// # Panics
///
/// Panics when the specification does, and when a million steps do not decide the question: that is no pass and no
/// failure. Then give the clients fewer commands.
pub fn sequentially_consistent<S: Specification>(specification: S) -> Predicate {
    Predicate::new("results are sequentially consistent", move |view| {
        let workers: Vec<Worker<'_>> = view.workers().collect();
        if !workers.iter().all(Worker::is_done) {
            return Outcome::holds();
        }
        judge(&specification, &workers).unwrap_or_else(Outcome::fails)
    })
}

fn judge<S: Specification>(specification: &S, workers: &[Worker<'_>]) -> Result<Outcome, String> {
    let history = history::<S>(workers)?;
    let consistency = Consistency::SequentiallyConsistent;
    let verdict =
        check(specification, &history, consistency, STEPS_MAX).map_err(|error| error.to_string())?;
    match verdict {
        Verdict::Consistent { .. } => Ok(Outcome::holds()),
        Verdict::Inconsistent { .. } => {
            let explanation = explain(specification, &history, consistency, STEPS_MAX);
            let explanation = explanation.map_err(|error| error.to_string())?;
            Ok(explanation
                .map_or_else(|| Outcome::from(false), |explanation| outcome(&history, &explanation)))
        }
        Verdict::Undecided { steps } => panic!(
            "whether {} results are sequentially consistent is not decided after {steps} steps; give the clients fewer commands",
            history.len()
        ),
    }
}

/// The operations of all clients; the times are places in the workload.
fn history<S: Specification>(workers: &[Worker<'_>]) -> Result<History<S::Command, S::Response>, String> {
    let mut operations = Vec::new();
    for worker in workers {
        let client = worker.address();
        let expected = [short_type_name::<S::Command>(), short_type_name::<S::Response>()];
        let other_types = || {
            let [commands, responses] = worker.type_names();
            format!(
                "{client} has commands of type `{commands}` and responses of type `{responses}`, the specification has \
                 `{}` and `{}`",
                expected[0], expected[1]
            )
        };
        let results = worker.results::<S::Response>().ok_or_else(other_types)?;
        for (i, response) in (0_u64..).zip(results) {
            let command = usize::try_from(i).ok().and_then(|i| worker.command::<S::Command>(i));
            operations.push(Operation {
                client,
                command: command.ok_or_else(other_types)?,
                invoked_at: 2 * i,
                end: End::Returned { at: 2 * i + 1, response: response.clone() },
            });
        }
    }
    History::from_operations(operations).map_err(|error| error.to_string())
}

fn outcome<C, R>(history: &History<C, R>, explanation: &Explanation) -> Outcome {
    let core = explanation.core();
    let mut outcome = Outcome::fails(explanation.sentence());
    let mut places: BTreeMap<Address, usize> = BTreeMap::new();
    for (i, operation) in history.operations().iter().enumerate() {
        let place = places.entry(operation.client).or_insert(0);
        if core.contains(&i) {
            outcome = outcome.blaming(operation.client, format!("results[{place}]"));
        }
        *place += 1;
    }
    outcome
}
