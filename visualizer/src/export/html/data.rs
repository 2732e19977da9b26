//! What the script of the page shows: the rows of every panel at every step, each row written once.
//!
//! Lists of numbers refer to `rows` and `fields`. Nothing is to be worked out by the script but which of them to show.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::ExportError;
use super::table::PAPER;
use super::{compared, watched};
use crate::model::Model;
use crate::model::diff::Sign;
use crate::model::find::Facts;
use crate::model::line::{Line, Role};
use crate::model::spacetime::{Diagram, Layout, abbreviations};
use crate::model::tree::{self, Fold, Folds, TreeRow};
use crate::model::watch::Watch;
use crate::panels::{self, Row, Target};
use crate::session::Session;
use crate::session::action::{Action, Panel, TABLE};
use crate::trace_file::PredicateKind;

/// How many references to rows a page may have: some 30 megabytes.
const REFERENCES_MAX: usize = 4_000_000;
/// How often messages are looked at to say what is pending.
const LOOKS_MAX: usize = 2_000_000_000;

/// Everything that the script gets.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    /// What step 0 is called.
    first: usize,
    violation: usize,
    /// Whether it is one, rather than a goal.
    bad: bool,
    nodes: Vec<Value>,
    steps: Vec<Value>,
    /// For each node its states: the step, and the fields.
    states: Vec<Vec<(usize, Vec<usize>)>>,
    predicates: Vec<Value>,
    notes: Vec<usize>,
    /// For each node what differs between any two of its states; nothing if there are too many.
    compared: Value,
    /// What is watched.
    watches: Vec<Value>,
    rows: Vec<Value>,
    fields: Vec<Value>,
    /// What can be done on the page: the command, its keys, and what it does.
    actions: Vec<Value>,
}

/// What the page can do of what the viewer can.
const ACTIONS: &[Action] = &[
    Action::Next,
    Action::Previous,
    Action::Go,
    Action::Last,
    Action::First,
    Action::Violation,
    Action::Walk,
    Action::Chain,
    Action::Past,
    Action::Future,
    Action::OtherEnd,
    Action::NextOfNode,
    Action::PreviousOfNode,
    Action::NextFlip,
    Action::PreviousFlip,
    Action::NextPredicate,
    Action::NextChange,
    Action::PreviousChange,
    Action::NextNode,
    Action::PreviousNode,
    Action::HideUnchanged,
    Action::Search,
    Action::SearchNext,
    Action::SearchPrevious,
    Action::Filter,
    Action::Unfilter,
    Action::Compare,
    Action::Watch,
    Action::Unwatch,
    Action::Show(Panel::State),
    Action::Show(Panel::Pending),
    Action::Show(Panel::Why),
    Action::Show(Panel::Step),
    Action::Show(Panel::Notes),
    Action::Help,
    Action::Back,
];

/// Things that are written once and referred to by their number.
#[derive(Default)]
pub(super) struct Once {
    numbers: BTreeMap<String, usize>,
    all: Vec<Value>,
    references: usize,
}

impl Once {
    pub(super) fn add(&mut self, value: Value) -> Result<usize, ExportError> {
        self.references += 1;
        if self.references > REFERENCES_MAX {
            return Err(ExportError::TooLarge);
        }
        let next = self.all.len();
        let number = *self.numbers.entry(value.to_string()).or_insert(next);
        if number == next {
            self.all.push(value);
        }
        Ok(number)
    }

    fn rows(&mut self, rows: &[Row]) -> Result<Vec<usize>, ExportError> {
        rows.iter().map(|row| self.add(row_value(row))).collect()
    }
}

pub(super) fn of(model: &Model, watches: &[Watch]) -> Result<Data, ExportError> {
    let looks = model.nodes().saturating_mul(model.len()).saturating_mul(model.file().messages.len());
    if looks > LOOKS_MAX {
        return Err(ExportError::TooLarge);
    }
    let mut session = Session::new(model.clone(), None);
    let (mut rows, mut fields) = (Once::default(), Once::default());
    let steps = steps(&mut session, &mut rows)?;
    session.move_to(model.first_violation());
    let notes = rows.rows(&panels::rows(&mut session, Panel::Notes, PAPER))?;
    let mut predicates = Vec::new();
    for (place, row) in model.predicates().iter().enumerate() {
        session.predicate = place;
        let truth: String = row
            .truth
            .iter()
            .map(|truth| truth.holds.map_or('?', |holds| if holds { 't' } else { 'f' }))
            .collect();
        let must = matches!(row.kind, PredicateKind::Invariant | PredicateKind::StepInvariant);
        let kind = match row.kind {
            PredicateKind::Invariant => "invariant",
            PredicateKind::StepInvariant => "invariant of steps",
            PredicateKind::Goal => "goal",
            PredicateKind::Prune => "prune",
        };
        predicates.push(json!({
            "name": Line::plain(&row.name).text(),
            "kind": kind,
            "must": must,
            "truth": truth,
            "flips": row.flips(),
            "why": rows.rows(&panels::rows(&mut session, Panel::Why, PAPER))?,
        }));
    }
    let short = abbreviations(model);
    let node = |node: &usize| {
        let text = |text: &str| Line::plain(text).text();
        json!({ "name": text(model.address(*node)), "type": text(model.type_name(*node)), "short": short[*node] })
    };
    Ok(Data {
        first: model.number(0),
        violation: model.first_violation(),
        bad: model.is_failure(),
        nodes: model.lanes().iter().map(node).collect(),
        steps,
        states: states(model, &mut fields)?,
        predicates,
        notes,
        compared: compared::of(model, &mut fields)?,
        watches: watched::of(model, watches),
        rows: rows.all,
        fields: fields.all,
        actions: actions(),
    })
}

fn steps(session: &mut Session, rows: &mut Once) -> Result<Vec<Value>, ExportError> {
    let model = session.model().clone();
    let marks = session.marks();
    let layout = Layout::new(&model, 80, false, &Default::default());
    let diagram = Diagram::rows(&model, &layout, &marks);
    let lane_of: BTreeMap<usize, usize> =
        model.lanes().iter().enumerate().map(|(lane, node)| (*node, lane)).collect();
    let mut steps = Vec::new();
    for step in 0..=model.len() {
        session.move_to(step);
        let arrivals = model.step(step).into_iter().flat_map(|happened| &happened.sent);
        let arrival = arrivals.flat_map(|id| model.arrivals(*id)).filter(|arrival| **arrival > step).min();
        let causes: Vec<usize> =
            [model.sending_step(step), model.previous_of_node(step)].into_iter().flatten().collect();
        steps.push(json!({
            "facts": facts(&model, step),
            "node": model.acting(step).and_then(|node| lane_of.get(&node)),
            "mark": diagram.mark(step).0.to_string().trim(),
            "causes": causes,
            "sent": model.sending_step(step),
            "arrives": arrival,
            "walk": model.walk_back(step).map(|link| link.step),
            "step": rows.rows(&panels::rows(session, Panel::Step, PAPER))?,
            "pending": rows.rows(&panels::rows(session, Panel::Pending, PAPER))?,
        }));
    }
    Ok(steps)
}

/// What is looked at when somebody looks for steps: the sentence, the rest of what words are found in, the kind, and
/// the names of node, sender and receiver.
fn facts(model: &Model, step: usize) -> Value {
    let Facts { sentence, fault, kind, node, from, to, changed } = Facts::of(model, step);
    let changed: Vec<String> = changed.into_iter().map(|path| Line::plain(path).text()).collect();
    let [sentence, fault, kind, node, from, to] =
        [Some(sentence), fault, kind, node, from, to].map(|text| text.map(|text| Line::plain(text).text()));
    json!([sentence, fault, kind, node, from, to, changed])
}

/// The states of a node: each with its step, and the numbers of its rows.
type States = Vec<(usize, Vec<usize>)>;

/// The states of every node, in the order of lanes: at the start, and after each of its steps.
fn states(model: &Model, fields: &mut Once) -> Result<Vec<States>, ExportError> {
    let folds = Folds::all_open();
    let mut all = Vec::new();
    for node in model.lanes() {
        let mut states = Vec::new();
        // The step that last changed each field.
        let mut since: BTreeMap<String, usize> = BTreeMap::new();
        for step in std::iter::once(0).chain(model.steps_of(*node).iter().copied()) {
            let mut numbers = Vec::new();
            for row in tree::rows(model, *node, step.saturating_sub(1), step, &folds) {
                let changed = row.sign != Sign::Same;
                if changed && step > 0 {
                    since.insert(row.field.path.clone(), step);
                }
                let set = since.get(&row.field.path).copied().unwrap_or_default();
                let sign = if step == 0 { Sign::Same } else { row.sign };
                numbers.push(fields.add(field_value(TreeRow { sign, ..row }, set))?);
            }
            states.push((step, numbers));
        }
        all.push(states);
    }
    Ok(all)
}

/// A row of a tree as `[depth, sign, label, before, after, the step that set it, whether it has parts]`.
pub(super) fn field_value(row: TreeRow, set: usize) -> Value {
    json!([
        row.depth,
        row.sign.character().to_string(),
        Line::plain(&row.label).text(),
        row.before.map(|text| Line::plain(text).text()),
        row.after.map(|text| Line::plain(text).text()),
        set,
        i32::from(row.fold != Fold::Leaf),
    ])
}

/// A row as `[indentation, [[role, text], …], step]`.
fn row_value(row: &Row) -> Value {
    let mut spans: Vec<(&str, String)> = Vec::new();
    let mut indent = 0;
    for span in row.line.spans() {
        let mut text = span.text.as_str();
        if spans.is_empty() {
            let rest = text.trim_start_matches(' ');
            indent += text.len() - rest.len();
            text = rest;
        }
        if !text.is_empty() {
            // What stands at the right edge of a terminal stands behind a gap here.
            let mut words = text.to_owned();
            while words.contains("   ") {
                words = words.replace("   ", "  ");
            }
            spans.push((role(span.role), words));
        }
    }
    let target = match &row.target {
        Some(Target::Step(step) | Target::Written(_, step)) => Some(*step),
        // A page has one line of steps, and runs nothing.
        Some(Target::Field(_) | Target::Choice(_) | Target::Branch(_)) | None => None,
    };
    json!([indent, spans, target])
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Plain => "",
        Role::Dim => "dim",
        Role::Strong => "strong",
        Role::Node => "node",
        Role::Label => "label",
        Role::Added => "added",
        Role::Removed => "removed",
        Role::Changed => "changed",
        Role::Bad => "bad",
        Role::Good => "good",
        Role::Key => "key",
        Role::Cause => "cause",
        Role::Found => "found",
    }
}

/// The rows of the table of actions that the page has, with the keys they have everywhere.
fn actions() -> Vec<Value> {
    let rows = TABLE.iter().filter(|entry| ACTIONS.contains(&entry.action));
    rows.map(|entry| json!([entry.name, entry.keys, entry.title])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_page_is_one_of_the_viewer() {
        assert_eq!(actions().len(), ACTIONS.len());
        // The script has a function for each.
        for action in actions() {
            let name = action[0].as_str().unwrap();
            assert!(super::super::SCRIPT.contains(&format!("'{name}': ")), "`{name}` is not in the script");
        }
    }
}
