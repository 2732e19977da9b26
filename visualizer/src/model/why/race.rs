//! Messages that could as well have come in the other order.

use super::super::Model;
use super::super::cause::Cause;
use crate::trace_file::Happening;

/// How many pairs of racing deliveries are listed.
const RACES_MAX: usize = 20;
/// How many deliveries at one node are compared with each other.
const DELIVERIES_MAX: usize = 300;

/// Two deliveries at one node of which the second was on its way when the first arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// The node.
    pub node: usize,
    /// The step in which the first arrives.
    pub first: usize,
    /// The step in which the second arrives.
    pub second: usize,
    /// The step that sent the second: before the first arrived.
    pub sent: usize,
}

/// The pairs of deliveries at one node in a set of steps that race, the most telling first: different messages before
/// equal ones (the acks of a quorum race all the time), then the closest.
pub(super) fn races(model: &Model, steps: &[bool]) -> Vec<Race> {
    let mut races = Vec::new();
    for node in 0..model.nodes() {
        let delivers = |step: &usize| {
            steps[*step] && matches!(model.step(*step).map(|s| &s.event), Some(Happening::Deliver { .. }))
        };
        let deliveries: Vec<usize> =
            model.steps_of(node).iter().copied().filter(delivers).rev().take(DELIVERIES_MAX).collect();
        for (i, second) in deliveries.iter().enumerate() {
            let Cause::Sent(sent) = model.cause(*second) else { continue };
            for first in &deliveries[i + 1..] {
                if sent < *first && !same_message(model, *first, *second) {
                    races.push(Race { node, first: *first, second: *second, sent });
                }
            }
        }
    }
    let kind = |step: usize| {
        let message = model.step(step).and_then(|step| step.event.message());
        message.map(|id| model.message(id).kind.as_str())
    };
    let sender =
        |step: usize| model.step(step).and_then(|step| step.event.message()).map(|id| model.ends(id).0);
    races.sort_by_key(|race| {
        let alike = kind(race.first) == kind(race.second);
        (alike, sender(race.first) == sender(race.second), race.second - race.first, race.first)
    });
    races.truncate(RACES_MAX);
    races
}

fn same_message(model: &Model, a: usize, b: usize) -> bool {
    let message = |step: usize| model.step(step).and_then(|step| step.event.message());
    message(a) == message(b)
}
