//! The predicates every lab uses, about clients' results and messages (DSLabs `StatePredicate`).

use crate::address::Address;
use crate::event::Envelope;
use crate::node::Data;
use crate::predicate::{Outcome, Predicate};
use crate::view::View;
use crate::workload::Worker;

/// Whether a property is asked of one client or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one client.
    Any,
    /// Every client.
    All,
}

/// Every client got the results its workload expects so far. Commands without expectation accept any result.
/// (DSLabs `RESULTS_OK`)
pub fn results_ok() -> Predicate {
    Predicate::for_each_worker("clients got the expected results", |worker| match worker.wrong_result() {
        None => Outcome::holds(),
        Some(wrong) => {
            let reason = format!(
                "{} got {} for {} (its command {}), expected {}",
                worker.address(),
                wrong.response,
                wrong.command,
                wrong.index + 1,
                wrong.expected
            );
            Outcome::fails(reason).blaming(worker.address(), format!("results[{}]", wrong.index))
        }
    })
}

/// No client has any result. (DSLabs `NONE_DECIDED`)
pub fn none_decided() -> Predicate {
    Predicate::for_each_worker("no client has a result", |worker| match worker.result_count() {
        0 => Outcome::holds(),
        count => {
            let (address, first) = (worker.address(), worker.result_text(0));
            Outcome::fails(format!("{address} has {count} results, the first is {first}"))
                .blaming(address, "results")
        }
    })
}

/// Every client has finished its workload. (DSLabs `CLIENTS_DONE`)
pub fn clients_done() -> Predicate {
    Predicate::for_each_worker("all clients are done", |worker| {
        if worker.is_done() { Outcome::holds() } else { not_done(worker) }
    })
}

fn not_done(worker: Worker<'_>) -> Outcome {
    let total = worker.command_count().map_or_else(|| "endless".to_owned(), |count| count.to_string());
    let done = worker.result_count();
    Outcome::fails(format!("{} has {done} of {total} results", worker.address()))
        .blaming(worker.address(), "results")
        .so_far(done, worker.command_count().map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX)))
}

/// One client has finished its workload. (DSLabs `clientDone`)
pub fn client_done(address: Address) -> Predicate {
    Predicate::new(format!("{address} is done"), move |view| match view.worker(address) {
        Some(worker) if worker.is_done() => Outcome::holds(),
        Some(worker) => not_done(worker),
        None => no_such_client(address),
    })
}

/// One client has exactly `count` results. (DSLabs `clientHasResults`)
pub fn client_has_results(address: Address, count: usize) -> Predicate {
    Predicate::new(format!("{address} has {count} results"), move |view| match view.worker(address) {
        Some(worker) if worker.result_count() == count => Outcome::holds(),
        Some(worker) => {
            let done = worker.result_count();
            let outcome = Outcome::fails(format!("{address} has {done} results, not {count}"));
            outcome.blaming(address, "results").so_far(if done < count { done } else { 0 }, count)
        }
        None => no_such_client(address),
    })
}

fn no_such_client(address: Address) -> Outcome {
    Outcome::fails(format!("there is no client worker `{address}` in this system"))
}

/// All clients have the same list of results. (DSLabs `ALL_RESULTS_SAME`)
pub fn all_results_same() -> Predicate {
    Predicate::new("all clients have the same results", |view| {
        let workers: Vec<Worker<'_>> = view.workers().collect();
        for pair in workers.windows(2) {
            if !pair[0].same_results(&pair[1]) {
                let text = |w: &Worker<'_>| format!("{} has {}", w.address(), w.results_text());
                return Outcome::fails(format!("{}, but {}", text(&pair[0]), text(&pair[1])))
                    .blaming(pair[0].address(), "results")
                    .blaming(pair[1].address(), "results");
            }
        }
        Outcome::holds()
    })
}

/// Whether `results` are a beginning of `expected`, compared as states are: by their bytes.
fn is_prefix<R: Data>(worker: &Worker<'_>, expected: &[R]) -> bool {
    worker.result_count() <= expected.len()
        && expected.iter().take(worker.result_count()).enumerate().all(|(i, e)| worker.result_is(i, e))
}

/// Every client's results are a beginning of `expected`. (DSLabs `allResultsMatch`)
pub fn all_results_match<R: Data>(expected: Vec<R>) -> Predicate {
    Predicate::new(format!("all results match {expected:?}"), move |view| {
        match view.workers().find(|worker| !is_prefix(worker, &expected)) {
            Some(worker) => Outcome::fails(format!(
                "{} has {}, which is no beginning of {expected:?}",
                worker.address(),
                worker.results_text()
            ))
            .blaming(worker.address(), "results"),
            None => Outcome::holds(),
        }
    })
}

/// Some client's results are a beginning of `expected`. (DSLabs `anyResultsMatch`)
pub fn any_results_match<R: Data>(expected: Vec<R>) -> Predicate {
    Predicate::new(format!("some results match {expected:?}"), move |view| {
        if view.workers().any(|worker| is_prefix(&worker, &expected)) {
            Outcome::holds()
        } else {
            Outcome::fails(format!("no client's results are a beginning of {expected:?}"))
        }
    })
}

/// Every result of one client has this kind: the variant of an enum, or the name of the type. (DSLabs
/// `resultsHaveType`)
pub fn results_have_kind(address: Address, kind: impl Into<String>) -> Predicate {
    let kind = kind.into();
    Predicate::new(format!("the results of {address} are {kind}"), move |view| {
        let Some(worker) = view.worker(address) else { return no_such_client(address) };
        match (0..worker.result_count()).find(|i| worker.result_kind(*i) != kind) {
            Some(i) => Outcome::fails(format!("result {} of {address} is {}", i + 1, worker.result_text(i)))
                .blaming(address, format!("results[{i}]")),
            None => Outcome::holds(),
        }
    })
}

/// The network holds a message for which `matches` is true. (DSLabs `containsEnvelopMatching`)
pub fn contains_envelope_matching(
    name: impl Into<String>,
    matches: impl Fn(&Envelope) -> bool + Send + Sync + 'static,
) -> Predicate {
    let name = name.into();
    Predicate::new(format!("a message in the network: {name}"), move |view| {
        if view.any_envelope(&matches) {
            Outcome::holds()
        } else {
            Outcome::fails(format!("no message in the network is {name}"))
        }
    })
}

/// The network holds an `M` for which `matches` is true. (DSLabs `containsMessageMatching`)
pub fn contains_message_matching<M: Data>(
    name: impl Into<String>,
    matches: impl Fn(&M) -> bool + Send + Sync + 'static,
) -> Predicate {
    contains_envelope_matching(name, move |envelope| envelope.message.get::<M>().is_some_and(&matches))
}

/// A property of all clients' result lists together. (DSLabs `resultsPredicate`)
pub fn results_predicate<R: Data>(
    name: impl Into<String>,
    check: impl Fn(&[(Address, &[R])]) -> Outcome + Send + Sync + 'static,
) -> Predicate {
    Predicate::new(name, move |view| check(&lists(view)))
}

fn lists<'a, R: Data>(view: &View<'a>) -> Vec<(Address, &'a [R])> {
    view.workers().filter_map(|worker| Some((worker.address(), worker.results::<R>()?))).collect()
}

/// A property of one client's result list, of any or of every client. (DSLabs `resultPredicate`)
pub fn result_predicate<R: Data>(
    name: impl Into<String>,
    quantifier: Quantifier,
    check: impl Fn(Address, &[R]) -> Outcome + Send + Sync + 'static,
) -> Predicate {
    Predicate::new(name, move |view| {
        let wanted = quantifier == Quantifier::Any;
        let mut last = Outcome::from(!wanted);
        for (address, results) in lists::<R>(view) {
            last = check(address, results);
            if last.is_ok() == wanted {
                return last;
            }
        }
        last
    })
}
