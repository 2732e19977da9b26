//! Why a predicate is false: when that began, what changed then, which fields are to blame and who set them, what all that
//! depends on, and which messages could as well have come in the other order.

use super::Model;
use super::cause::Cause;
use super::diff::{self, FieldChange};
use super::field::{Field, Found};
use super::predicates::PredicateRow;
use crate::trace_file::{BlamedField, Happening, PredicateKind};

/// How many changes of the decisive step are listed.
const CHANGES_MAX: usize = 50;
/// How many pairs of racing deliveries are listed.
const RACES_MAX: usize = 20;
/// How many deliveries at one node are compared with each other.
const DELIVERIES_MAX: usize = 300;

/// The answer for one predicate at one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The number of the predicate in [`Model::predicates`].
    pub predicate: usize,
    /// The step that is explained.
    pub step: usize,
    /// Whether it holds there; `None` if that is not known.
    pub holds: Option<bool>,
    /// The reason that the predicate gives; may be empty.
    pub reason: String,
    /// The step that made it so; 0 if it was so at the start, `None` if that is not known.
    pub since: Option<usize>,
    /// What that step changed.
    pub changes: Vec<FieldChange>,
    /// The fields to blame, and if the predicate names none those that the decisive step changed.
    pub blamed: Vec<Blamed>,
    /// The steps that the decisive step and the blamed fields depend on, in order, with those themselves.
    pub past: Vec<usize>,
    /// The steps up to the decisive one that nothing of this depends on.
    pub outside: Vec<usize>,
    /// Deliveries at one node, both in [`past`](Self::past), that could have come in the other order; the most telling
    /// first. Only re-executing the handlers tells whether the predicate would hold then.
    pub races: Vec<Race>,
}

/// A field that a predicate points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// The field; `None` if the predicate names something that is not there.
    pub field: Option<Field>,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: String,
    /// The step that set it; 0 if it is as it was at the start.
    pub since: usize,
}

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

impl Why {
    /// Explains a predicate as it is after a step.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many predicates.
    pub fn new(model: &Model, predicate: usize, step: usize) -> Self {
        let row = &model.predicates()[predicate];
        let holds = row.holds(step);
        let truth = row.truth.get(step);
        let since = holds.and_then(|_| since(row, step));
        let decisive = since.filter(|since| *since > 0);
        let changes = decisive.map_or_else(Vec::new, |since| match model.acting(since) {
            Some(node) => diff::changes(model, node, since - 1, since, CHANGES_MAX),
            None => Vec::new(),
        });
        let blame = truth.map_or(&[][..], |truth| &truth.blame);
        let mut blamed: Vec<Blamed> = blame.iter().map(|blame| Blamed::new(model, blame, step)).collect();
        if blamed.is_empty() && holds.is_some() {
            let changed = changes.iter().take(RACES_MAX);
            blamed.extend(changed.map(|change| Blamed::of_field(model, change.field.clone(), step)));
        }
        let mut roots: Vec<usize> =
            blamed.iter().map(|blamed| blamed.since).filter(|since| *since > 0).collect();
        roots.extend(decisive);
        let in_past = model.past(&roots);
        let last = roots.iter().copied().max().unwrap_or_default();
        let (past, outside) = (1..=last).partition(|step| in_past[*step]);
        let races = races(model, &in_past);
        let reason = truth.map_or_else(String::new, |truth| truth.reason.clone());
        Self { predicate, step, holds, reason, since, changes, blamed, past, outside, races }
    }

    /// The last step after which it was otherwise.
    pub fn last_otherwise(&self) -> Option<usize> {
        self.since.and_then(|since| since.checked_sub(1))
    }
}

/// The first of the steps up to `step` after which the predicate says what it says after `step`, without a break.
fn since(row: &PredicateRow, step: usize) -> Option<usize> {
    let holds = row.holds(step)?;
    let mut since = step;
    while let Some(before) = since.checked_sub(1) {
        match row.holds(before) {
            Some(other) if other == holds => since = before,
            // A property of steps is not asked at the start.
            None if before == 0 && row.kind == PredicateKind::StepInvariant => break,
            Some(_) | None => break,
        }
    }
    Some(since)
}

impl Blamed {
    fn new(model: &Model, blame: &BlamedField, step: usize) -> Self {
        let field = model.file().node(&blame.node).map(|node| {
            let path = model.full_path(node, &blame.field);
            Field { node, path }
        });
        match field {
            Some(field) => Self::of_field(model, field, step),
            None => {
                let name = format!("{}.{}", blame.node, blame.field);
                Self { field: None, name, value: "no such node".to_owned(), since: 0 }
            }
        }
    }

    fn of_field(model: &Model, field: Field, step: usize) -> Self {
        let value = match model.found(&field, step) {
            Found::Absent => "absent".to_owned(),
            _ => model.field_text(&field, step, 200),
        };
        let since = model.last_write(&field, step).unwrap_or_default();
        Self { name: model.field_name(&field), field: Some(field), value, since }
    }
}

/// The pairs of deliveries at one node in a set of steps that race, the most telling first: different messages before
/// equal ones (the acks of a quorum race all the time), then the closest.
fn races(model: &Model, steps: &[bool]) -> Vec<Race> {
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

impl Model {
    /// Why the predicate that the trace is about is as it is at the end.
    pub fn why(&self) -> Why {
        Why::new(self, 0, self.first_violation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_lost_promise_is_the_first_race() {
        let model = Model::new(sample::demo());
        let why = model.why();
        assert_eq!((why.since, why.last_otherwise(), why.holds), (Some(18), Some(17), Some(false)));
        assert_eq!(why.reason, "proposer1 decided A, but proposer2 decided B");
        let blamed: Vec<_> =
            why.blamed.iter().map(|b| (b.name.as_str(), b.value.as_str(), b.since)).collect();
        assert_eq!(
            blamed,
            [("proposer1.decision", "Some(\"A\")", 11), ("proposer2.decision", "Some(\"B\")", 18)]
        );
        assert_eq!(why.past.len() + why.outside.len(), 18);
        // acceptor2 promises number 2 at step 8, and accepts number 1 at step 9, which was sent at step 5.
        let node = model.node_called("acceptor2").unwrap();
        assert_eq!(why.races[0], Race { node, first: 8, second: 9, sent: 5 });
    }

    #[test]
    fn without_blame_the_decisive_step_is_blamed() {
        let mut file = sample::violated();
        file.steps.iter_mut().flat_map(|step| &mut step.truth).for_each(|truth| truth.blame.clear());
        let model = Model::new(file);
        let why = model.why();
        let blamed: Vec<_> = why.blamed.iter().map(|b| (b.name.as_str(), b.since)).collect();
        assert_eq!(blamed, [("client1.done", 5)]);
        assert_eq!((why.past, why.outside), (vec![1, 3, 5], vec![2, 4]));
    }

    #[test]
    fn the_union_of_pasts_has_both_sides_of_a_contradiction() {
        let why = Model::new(sample::violated()).why();
        assert_eq!((why.past, why.outside), (vec![1, 2, 3, 4, 5], vec![]));
    }

    #[test]
    fn a_failing_handler_is_explained_too() {
        let model = Model::new(sample::panicked());
        let why = model.why();
        assert_eq!((why.since, why.holds), (Some(4), Some(false)));
        assert!(why.reason.starts_with("there is a text already"), "{}", why.reason);
    }
}
