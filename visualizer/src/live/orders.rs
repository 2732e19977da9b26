//! Lets racing deliveries arrive in the other order, and says what comes of it.

use std::collections::BTreeSet;

use framework::{Envelope, Event};
use search::State;

use super::ground::{Ground, Walk, failing, failure};
use super::perform::recorder;
use super::{Job, Order};
use crate::record::Asked;
use crate::text::fit;
use crate::trace_file::TraceFile;

/// How many differences are told.
const DIFFERENCES_MAX: usize = 8;
/// How much of a value.
const TEXT_MAX: usize = 60;

/// What comes of each pair of steps in the other order. The events after them follow if they can; where theirs is not
/// there, a message or a timer of the same kind takes its place, and that is said.
pub(super) fn orders(
    ground: &Ground,
    job: &Job,
    walk: &Walk,
    races: &[(usize, usize)],
    predicate: &str,
) -> Vec<Order> {
    let races = races.iter().filter(|(first, second)| {
        (1..=walk.events.len()).contains(first) && (first + 1..=walk.events.len()).contains(second)
    });
    races.map(|(first, second)| swapped(ground, job, walk, (*first, *second), predicate)).collect()
}

fn swapped(
    ground: &Ground,
    job: &Job,
    walk: &Walk,
    (first, second): (usize, usize),
    predicate: &str,
) -> Order {
    let events = &walk.events;
    let between = events[first - 1..second - 1].iter();
    let order = std::iter::once(&events[second - 1]).chain(between).chain(&events[second..]);
    let mut state = walk.states[first - 1].clone();
    let mut recorder = recorder(ground, &state);
    let mut arrived: BTreeSet<Envelope> = events[..first - 1].iter().filter_map(envelope).cloned().collect();
    let (mut replaced, mut skipped, mut failed) = (0, 0, None);
    for event in order {
        let exact = state.step(event, &ground.delivery);
        let (event, stepped, is_other) = match exact {
            Err(error) if failing(&error).is_none() => match instead(event, &state, ground, &arrived) {
                Some(other) => {
                    let stepped = state.step(&other, &ground.delivery);
                    (other, stepped, true)
                }
                None => {
                    skipped += 1;
                    continue;
                }
            },
            stepped => (event.clone(), stepped, false),
        };
        replaced += usize::from(is_other);
        arrived.extend(envelope(&event).cloned());
        match stepped {
            Ok(next) => {
                recorder.step(&state, &event, &next);
                state = next;
            }
            Err(error) if failing(&error).is_some() => {
                recorder.fail(&event, failure(&error));
                failed = Some(failure(&error));
                break;
            }
            Err(_) => skipped += 1,
        }
    }
    let trace = recorder.finish();
    let holds = if failed.is_some() { None } else { holds(&ground.asked, &trace, predicate) };
    let mut differs: Vec<String> = failed.into_iter().collect();
    differs.extend(differences(walk, &state));
    debug_assert!(job.way.steps.len() >= events.len(), "a way is not longer than its file says");
    Order { first, second, trace, replaced, skipped, holds, differs }
}

fn envelope(event: &Event) -> Option<&Envelope> {
    match event {
        Event::Deliver(envelope) => Some(envelope),
        _ => None,
    }
}

/// An event of the same kind between the same nodes: of messages the first that has not arrived yet.
fn instead(event: &Event, state: &State, ground: &Ground, arrived: &BTreeSet<Envelope>) -> Option<Event> {
    let possible = state.events(&ground.delivery);
    possible.into_iter().find(|other| match (event, other) {
        (Event::Deliver(a), Event::Deliver(b)) => {
            a.from == b.from && a.to == b.to && a.message.kind() == b.message.kind() && !arrived.contains(b)
        }
        (Event::Fire { node: a, timer: x }, Event::Fire { node: b, timer: y }) => {
            a == b && x.timer.kind() == y.timer.kind()
        }
        _ => false,
    })
}

/// What a predicate says at the end of a trace.
fn holds(asked: &Asked, trace: &TraceFile, predicate: &str) -> Option<bool> {
    debug_assert_eq!(
        trace.predicates.len(),
        asked.invariants.len()
            + asked.step_invariants.len()
            + asked.monitors.len()
            + asked.goals.len()
            + asked.prunes.len(),
        "every predicate is written down"
    );
    let place = trace.predicates.iter().position(|asked| asked.name == predicate)?;
    trace.steps.last()?.truth.get(place)?.holds
}

/// How a state differs from the end of the way.
fn differences(walk: &Walk, now: &State) -> Vec<String> {
    let then = walk.end();
    let mut differs = Vec::new();
    for (i, address) in then.addresses().iter().enumerate() {
        let (then, now) = (then.local(i), now.local(i));
        for change in then.node.value().changes(&now.node.value()) {
            let text = |value: &Option<framework::Value>| {
                value.as_ref().map_or_else(|| "nothing".to_owned(), |value| fit(&value.to_string(), TEXT_MAX))
            };
            let path = if change.path.is_empty() { String::new() } else { format!(".{}", change.path) };
            differs.push(format!("{address}{path} is {}, not {}", text(&change.after), text(&change.before)));
        }
        if then.timers.as_slice() != now.timers.as_slice() {
            differs.push(format!("{address} has other timers"));
        }
        if then.durable != now.durable {
            differs.push(format!("{address} has persisted something else"));
        }
        if then.up != now.up {
            differs.push(format!("{address} is {}", if now.up { "up" } else { "down" }));
        }
    }
    let (then, now) = (then.network(), now.network());
    let only = |a: &[Envelope], b: &[Envelope]| a.iter().filter(|e| b.binary_search(e).is_err()).count();
    let (gone, new) = (only(&then, &now), only(&now, &then));
    if gone + new > 0 {
        differs.push(format!("{new} other messages are in the network, and {gone} are not"));
    }
    let more = differs.len().saturating_sub(DIFFERENCES_MAX);
    if more > 0 {
        differs.truncate(DIFFERENCES_MAX);
        differs.push(format!("and {more} more"));
    }
    differs
}
