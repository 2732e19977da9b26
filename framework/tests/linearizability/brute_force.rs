//! The definitions of linearizability and sequential consistency, written down as plainly as possible: try all orders.

use std::collections::{BTreeMap, BTreeSet};

use framework::Address;
use framework::linearizability::{Consistency, End, History, Operation, Specification};

/// Whether `a` has to come before `b`, which stands after it in the list if both are of one client.
fn before<C, R>(
    consistency: Consistency,
    a: (usize, &Operation<C, R>),
    b: (usize, &Operation<C, R>),
) -> bool {
    let End::Returned { at, .. } = a.1.end else { return false };
    let program_order = a.1.client == b.1.client && a.0 < b.0;
    match consistency {
        Consistency::Linearizable => program_order || at < b.1.invoked_at,
        Consistency::SequentiallyConsistent => program_order,
    }
}

/// Whether these operations in this order give their responses.
fn gives_the_responses<S: Specification>(
    specification: &S,
    order: &[&Operation<S::Command, S::Response>],
) -> bool {
    let mut state = specification.initial();
    order.iter().all(|operation| {
        let response = specification.apply(&mut state, &operation.command);
        operation.response().is_none_or(|wanted| format!("{wanted:?}") == format!("{response:?}"))
    })
}

/// Calls `visit` with every order of all returned and some of the other operations, until it says that it is enough.
fn orders<'a, C, R>(
    operations: &'a [Operation<C, R>],
    consistency: Consistency,
    order: &mut Vec<usize>,
    visit: &mut impl FnMut(&[&'a Operation<C, R>]) -> bool,
) -> bool {
    let all_returned_are_in =
        operations.iter().enumerate().all(|(i, o)| order.contains(&i) || o.response().is_none());
    if all_returned_are_in && visit(&order.iter().map(|i| &operations[*i]).collect::<Vec<_>>()) {
        return true;
    }
    for next in 0..operations.len() {
        let missing = |i: &usize| !order.contains(i);
        let may_be_next = missing(&next)
            && (0..operations.len())
                .filter(missing)
                .all(|i| !before(consistency, (i, &operations[i]), (next, &operations[next])));
        if may_be_next {
            order.push(next);
            if orders(operations, consistency, order, visit) {
                return true;
            }
            order.pop();
        }
    }
    false
}

/// Whether some order of all returned and some of the other operations explains the history.
pub(crate) fn explains<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    consistency: Consistency,
) -> bool {
    orders(history.operations(), consistency, &mut Vec::new(), &mut |order| {
        gives_the_responses(specification, order)
    })
}

/// Whether this one order explains the history: it has every returned operation, none twice, none before one that
/// precedes it, and it gives the responses.
pub(crate) fn is_explained_by<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
    part: &str,
    consistency: Consistency,
    order: &[usize],
) -> bool {
    let operations = history.operations();
    let complete = operations.iter().enumerate().all(|(i, operation)| {
        let of_part = consistency == Consistency::SequentiallyConsistent
            || specification.partition(&operation.command) == part;
        let times = order.iter().filter(|other| **other == i).count();
        times == usize::from(of_part && operation.response().is_some())
            || (of_part && operation.response().is_none() && times <= 1)
    });
    let in_order = (0..order.len()).all(|later| {
        (0..later).all(|earlier| {
            let (a, b) = (order[earlier], order[later]);
            !before(consistency, (b, &operations[b]), (a, &operations[a]))
        })
    });
    let order: Vec<_> = order.iter().map(|i| &operations[*i]).collect();
    complete && in_order && gives_the_responses(specification, &order)
}

/// All configurations that a history may be in: for every order that explains it, the state afterwards, the responses of
/// the operations that wait and have taken effect, and the commands of crashed clients that have not. As a text.
pub(crate) fn configurations<S: Specification>(
    specification: &S,
    history: &History<S::Command, S::Response>,
) -> BTreeSet<String> {
    let operations = history.operations();
    let mut found = BTreeSet::new();
    orders(operations, Consistency::Linearizable, &mut Vec::new(), &mut |order| {
        if gives_the_responses(specification, order) {
            let mut state = specification.initial();
            let mut responses = BTreeMap::new();
            for operation in order {
                let response = specification.apply(&mut state, &operation.command);
                if matches!(operation.end, End::Pending) {
                    responses.insert(operation.client, format!("{response:?}"));
                }
            }
            let is_in = |operation: &_| order.iter().any(|other| std::ptr::eq(*other, operation));
            let mut lost: Vec<String> = operations
                .iter()
                .filter(|operation| matches!(operation.end, End::Crashed { .. }) && !is_in(operation))
                .filter(|operation| !specification.only_reads(&operation.command))
                .map(|operation| format!("{:?}", operation.command))
                .collect();
            lost.sort();
            found.insert((format!("{state:?}"), responses, lost));
        }
        false
    });
    let waiting = operations.iter().filter(|operation| matches!(operation.end, End::Pending));
    let waiting: Vec<(Address, Option<String>)> = waiting
        .map(|operation| {
            let may_take_effect =
                found.iter().any(|(_, responses, _)| !responses.contains_key(&operation.client));
            (operation.client, may_take_effect.then(|| format!("{:?}", operation.command)))
        })
        .collect();
    let mut texts: BTreeSet<String> =
        found.iter().map(|configuration| format!("{configuration:?}")).collect();
    if !texts.is_empty() {
        let waiting: BTreeMap<_, _> = waiting.into_iter().collect();
        texts.insert(format!("{waiting:?}"));
    }
    texts
}
