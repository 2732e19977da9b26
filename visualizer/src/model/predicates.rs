//! The truth of every predicate at every step.

use super::Model;
use crate::live::tree::EXPLORED;
use crate::trace_file::{BlamedField, PredicateInfo, PredicateKind, TraceFile, Truth};

/// A predicate with what it says of every state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredicateRow {
    /// What it is for.
    pub kind: PredicateKind,
    /// Its name.
    pub name: String,
    /// One for every step, with step 0.
    pub truth: Vec<Truth>,
    /// Whether the trace is about it.
    pub is_finding: bool,
}

impl PredicateRow {
    /// Whether it holds after a step; `None` if that is not known.
    pub fn holds(&self, step: usize) -> Option<bool> {
        self.truth.get(step)?.holds
    }

    /// Whether it is as it should be after a step: an invariant that holds. Goals and prunes are neither right nor wrong.
    pub fn is_broken(&self, step: usize) -> bool {
        let must_hold = matches!(self.kind, PredicateKind::Invariant | PredicateKind::StepInvariant);
        must_hold && self.holds(step) == Some(false)
    }

    /// The steps at which it becomes true or false, in order. Where its truth is not known nothing flips.
    pub fn flips(&self) -> Vec<usize> {
        let mut flips = Vec::new();
        let mut last = None;
        for (step, truth) in self.truth.iter().enumerate() {
            let Some(holds) = truth.holds else { continue };
            if last.is_some_and(|last| last != holds) {
                flips.push(step);
            }
            last = Some(holds);
        }
        flips
    }

    /// The first step after which it is as the trace is about: broken, or for a goal or a prune satisfied.
    pub fn first_finding(&self) -> Option<usize> {
        let wanted = matches!(self.kind, PredicateKind::Goal | PredicateKind::Prune);
        self.truth.iter().position(|truth| truth.holds == Some(wanted))
    }
}

/// The rows of a file, the one that its finding is about first.
pub(super) fn rows(file: &TraceFile) -> Vec<PredicateRow> {
    let truths = || std::iter::once(&file.start.truth).chain(file.steps.iter().map(|step| &step.truth));
    let mut rows: Vec<PredicateRow> = file
        .predicates
        .iter()
        .enumerate()
        .map(|(i, PredicateInfo { kind, name })| PredicateRow {
            kind: *kind,
            name: name.clone(),
            truth: truths().map(|truth| truth.get(i).cloned().unwrap_or_default()).collect(),
            is_finding: false,
        })
        .collect();
    let goal = file.verdict.kind == "goal-found";
    let is_about =
        |row: &PredicateRow| row.name == file.verdict.name && (row.kind == PredicateKind::Goal) == goal;
    match rows.iter().position(is_about) {
        Some(place) => rows[..=place].rotate_right(1),
        // A branch that shows nothing is about none of its predicates.
        None if file.verdict.kind == EXPLORED && !rows.is_empty() => return rows,
        None => rows.insert(0, finding(file, goal)),
    }
    rows[0].is_finding = true;
    rows
}

/// A row for a finding that is no predicate of the file: a handler that fails, or a file without predicates.
fn finding(file: &TraceFile, goal: bool) -> PredicateRow {
    let verdict = &file.verdict;
    let failing = file.steps.iter().any(|step| step.fault.is_some());
    let steps = file.steps.len();
    let truth = |step: usize| {
        let here = if failing {
            file.steps.get(step.wrapping_sub(1)).is_some_and(|s| s.fault.is_some())
        } else {
            step == steps && verdict.kind != EXPLORED
        };
        if here {
            let blame: Vec<BlamedField> = verdict.blame.clone();
            return Truth { holds: Some(goal), reason: verdict.reason.clone(), blame };
        }
        // Of a state that no predicate was asked about nothing is known, but its handlers returned.
        let returned = failing || verdict.kind == EXPLORED;
        Truth { holds: returned.then_some(true), ..Truth::default() }
    };
    let name = if failing && verdict.kind != EXPLORED {
        format!("no handler fails ({})", verdict.name)
    } else {
        verdict.name.clone()
    };
    let kind = if goal { PredicateKind::Goal } else { PredicateKind::Invariant };
    PredicateRow { kind, name, truth: (0..=steps).map(truth).collect(), is_finding: false }
}

impl Model {
    /// The step to go to for a violation: the first after which the predicate that the trace is about is broken, or for
    /// a goal satisfied; the last step if that is not known.
    pub fn first_violation(&self) -> usize {
        self.predicates().first().and_then(PredicateRow::first_finding).unwrap_or_else(|| self.finding())
    }

    /// The names of the invariants that are broken after a step.
    pub fn broken(&self, step: usize) -> Vec<&PredicateRow> {
        self.predicates().iter().filter(|row| row.is_broken(step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn strip(row: &PredicateRow) -> String {
        row.truth.iter().map(|truth| truth.holds.map_or('?', |holds| if holds { 'T' } else { 'F' })).collect()
    }

    #[test]
    fn every_step_has_a_truth() {
        let model = Model::new(sample::demo());
        let row = &model.predicates()[0];
        assert_eq!((row.name.as_str(), row.is_finding), ("agreement", true));
        assert_eq!(strip(row), format!("{}F", "T".repeat(18)));
        assert_eq!((row.flips(), model.first_violation()), (vec![18], 18));
        let goal = model.predicates().iter().find(|row| row.kind == PredicateKind::Goal).unwrap();
        assert_eq!(strip(goal), format!("{}{}", "F".repeat(11), "T".repeat(8)));
        assert!(!goal.is_broken(0));
    }

    #[test]
    fn a_file_without_predicates_knows_the_end() {
        let mut file = sample::violated();
        file.predicates.clear();
        file.start.truth.clear();
        file.steps.iter_mut().for_each(|step| step.truth.clear());
        let model = Model::new(file);
        assert_eq!(strip(&model.predicates()[0]), "?????F");
        assert_eq!(model.predicates()[0].truth[5].blame.len(), 2);
    }

    #[test]
    fn a_failing_handler_breaks_the_last_step() {
        let model = Model::new(sample::panicked());
        let row = &model.predicates()[0];
        assert_eq!(
            (strip(row), row.name.as_str()),
            ("TTTTF".to_owned(), "no handler fails (on_message(Write) of server1 (Server))")
        );
    }
}
