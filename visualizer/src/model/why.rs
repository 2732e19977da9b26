//! Why a predicate is false: when that began, what changed then, which fields are to blame and who set them, what all that
//! depends on, where the causes of two fields meet, and which messages could as well have come in the other order.

mod blame;
mod meet;
mod race;

use std::cmp::Reverse;

use super::Model;
use super::diff::{self, FieldChange};
use super::predicates::PredicateRow;
use crate::trace_file::PredicateKind;

pub use blame::Blamed;
pub(crate) use blame::substitutes;
pub use meet::Meeting;
pub use race::Race;

/// How many changes of the decisive step are listed.
const CHANGES_MAX: usize = 50;
/// How many of them are blamed where the predicate blames nothing.
const BLAMED_MAX: usize = 20;

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
    /// The fields to blame, and if the predicate names none those that the decisive step changed. Those that this step
    /// set come first, then what was set later before what was set earlier.
    pub blamed: Vec<Blamed>,
    /// The steps that the decisive step and the blamed fields depend on, in order, with those themselves.
    pub past: Vec<usize>,
    /// The steps up to the decisive one that nothing of this depends on.
    pub outside: Vec<usize>,
    /// The nodes that acted for two of the blamed fields, the most telling first.
    pub meetings: Vec<Meeting>,
    /// Deliveries at one node, both in [`past`](Self::past), that could have come in the other order; the most telling
    /// first. Only re-executing the handlers tells whether the predicate would hold then.
    pub races: Vec<Race>,
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
        let mut blamed = Blamed::all(model, blame, step);
        if blamed.is_empty() && holds.is_some() {
            let changed = changes.iter().take(BLAMED_MAX);
            blamed.extend(changed.map(|change| Blamed::of_field(model, change.field.clone(), step)));
        }
        blamed.sort_by_key(|blamed| (Some(blamed.since) != decisive, Reverse(blamed.since)));
        let mut roots: Vec<usize> =
            blamed.iter().map(|blamed| blamed.since).filter(|since| *since > 0).collect();
        roots.extend(decisive);
        let in_past = model.past(&roots);
        let last = roots.iter().copied().max().unwrap_or_default();
        let (past, outside) = (1..=last).partition(|step| in_past[*step]);
        let races = race::races(model, &in_past);
        let meetings = meet::meetings(model, &blamed, &races);
        let reason = truth.map_or_else(String::new, |truth| truth.reason.clone());
        Self { predicate, step, holds, reason, since, changes, blamed, past, outside, meetings, races }
    }

    /// The last step after which it was otherwise.
    pub fn last_otherwise(&self) -> Option<usize> {
        self.since.and_then(|since| since.checked_sub(1))
    }

    /// What stands for blamed fields that the nodes do not have, in one sentence; `None` if they have all.
    pub fn substitutes(&self, model: &Model) -> Option<String> {
        blame::substitutes(model, &self.blamed)
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
            [("proposer2.decision", "Some(\"B\")", 18), ("proposer1.decision", "Some(\"A\")", 11)]
        );
        assert_eq!(why.past.len() + why.outside.len(), 18);
        // acceptor2 promises number 2 at step 8, and accepts number 1 at step 9, which was sent at step 5.
        let node = model.node_called("acceptor2").unwrap();
        assert_eq!(why.races[0], Race { node, first: 8, second: 9, sent: 5 });
        let Meeting { first, first_for, second, second_for, .. } = why.meetings[0];
        assert_eq!((why.meetings[0].node, first, first_for, second, second_for), (node, 8, 0, 9, 1));
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

    fn blamed(why: &Why) -> String {
        let line = |blamed: &Blamed| format!("{}, since {}\n", blamed.text(), blamed.since);
        why.blamed.iter().map(line).collect()
    }

    /// The predicate blames `role`, which this design does not have: what of it there is are whole servers.
    #[test]
    fn a_double_vote_is_explained_by_both_votes() {
        let model = Model::new(sample::double_vote());
        let why = model.why();
        insta::assert_snapshot!(blamed(&why), @r"
        server2: leader Some(server2), phase Leader { progress: {server1: Progress {…, since 6
        server1: leader Some(server1), phase Leader { progress: {server2: Progress {…, since 5
        ");
        insta::assert_snapshot!(why.substitutes(&model).unwrap(), @"shown for `role` of VariantServer is what changed in it last");
        assert_eq!((why.past.as_slice(), why.outside.as_slice()), (&[1, 2, 3, 4, 5, 6][..], &[][..]));
        let voter = model.node_called("server3").unwrap();
        let meeting = &why.meetings[0];
        assert_eq!((why.meetings.len(), meeting.node, meeting.first, meeting.second), (1, voter, 3, 4));
        assert!(meeting.changes.iter().any(|change| change.field.path == "saved.vote"), "{meeting:?}");
        assert_eq!(why.races[0], Race { node: voter, first: 3, second: 4, sent: 1 });
    }

    /// What server1 commits at step 14 is as much to blame as what server2 commits at step 16.
    #[test]
    fn different_entries_are_explained_by_both_commits() {
        let model = Model::new(sample::different_entries());
        let why = model.why();
        insta::assert_snapshot!(blamed(&why), @r"
        server2: saved.term 5, saved.vote None, commit 1, more, since 16
        server1: commit 1, applied 1, phase.progress[server3].next 2, more, since 14
        ");
        insta::assert_snapshot!(why.substitutes(&model).unwrap(), @"shown for `commit_index` or `log` of VariantServer is what changed in it last");
        // Server2 got its entry at step 4, and server1 its own by step 12; neither depends on the other.
        for step in [4, 12, 14, 16] {
            assert!(why.past.contains(&step), "{step} of {:?}", why.past);
        }
    }

    #[test]
    fn a_field_inside_another_stands_for_one_that_is_not_there() {
        let blaming = |fields: &[&str]| {
            let mut file = sample::different_entries();
            let last = file.steps.len() - 1;
            let blame = fields.iter().map(|field| crate::trace_file::BlamedField {
                node: "server1".to_owned(),
                field: (*field).to_owned(),
            });
            file.steps[last].truth[0].blame = blame.collect();
            let model = Model::new(file);
            let why = model.why();
            format!("{}{}", blamed(&why), why.substitutes(&model).unwrap_or_default())
        };
        // There is one `vote`, but every entry has a `term`.
        insta::assert_snapshot!(blaming(&["vote"]), @r"
        server1.saved.vote = Some(server1), since 5
        shown for `vote` of VariantServer is `saved.vote`
        ");
        insta::assert_snapshot!(blaming(&["slots[0].term"]), @r"
        server1.saved.slots[0].term = 5, since 12
        shown for `slots[0].term` of VariantServer is `saved.slots[0].term`
        ");
        insta::assert_snapshot!(blaming(&["term", "role"]), @r"
        server1: commit 1, applied 1, phase.progress[server3].next 2, more, since 14
        shown for `role` or `term` of VariantServer is what changed in it last
        ");
        insta::assert_snapshot!(blaming(&["saved.vote", "saved.nothing", ""]), @r#"
        server1: commit 1, applied 1, phase.progress[server3].next 2, more, since 14
        server1.saved = Saved { term: 5, vote: Some(server1), slots: [Slot { term: 5, command: Some(AmoCommand { client: client1, sequence: 1, command: Append { key: "k", value: "client1" } }) }], commit: 0 }, since 12
        server1.saved.vote = Some(server1), since 5
        shown for `saved.nothing` of VariantServer is `saved`
        "#);
    }
}
