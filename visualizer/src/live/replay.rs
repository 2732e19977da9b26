//! What is the same and what is not when a saved trace runs again with today's code.

use super::Stuck;
use super::splice::Splice;
use super::tree::{EXPLORED, Tree};
use crate::model::Model;
use crate::model::diff::{FieldChange, changes, timer_changes};
use crate::trace_file::{Finding, Happening, MessageId, NodeState, Step, TraceFile, Truth};

/// The name of the branch that is as the file has it.
pub(crate) const RECORDED: &str = "recorded";
/// How many differences are told.
const DIFFERENCES_MAX: usize = 6;

/// A trace that ran again.
pub(super) struct Compared {
    /// Today's run, with the values of the recorded one.
    pub(super) file: TraceFile,
    /// The steps of the recorded one in that file, if they are not the same; its start is.
    pub(super) recorded: Option<Vec<Step>>,
    /// What to tell the person.
    pub(super) said: Vec<String>,
}

/// Compares today's run with the file.
pub(super) fn compare(old: &TraceFile, mut today: TraceFile, stuck: Option<&Stuck>) -> Compared {
    let mut steps = today.steps.clone();
    let mut splice = Splice::new(old, &mut today);
    let start: Vec<_> = old.start.nodes.iter().map(|state| splice.state(state)).collect();
    let mut recorded: Vec<Step> = old.steps.iter().map(|step| splice.step(step)).collect();
    let lost = old.start.lost.iter().map(|id| splice.message(*id)).collect();
    today.start.lost = lost;
    for step in &mut recorded {
        step.truth = in_order_of(&today, old, &step.truth);
    }
    // Nobody but the file knows what was lost on the way.
    for (step, recorded) in steps.iter_mut().zip(&recorded) {
        step.lost.clone_from(&recorded.lost);
    }
    today.steps.clone_from(&steps);
    let same_start = start == today.start.nodes;
    let before = old.history.len();
    let mut said = Vec::new();
    let ran = steps.len();
    match stuck {
        Some(stuck) => {
            let event = sentence(old, stuck.step);
            let number = before + stuck.step;
            said.push(format!(
                "replayed {ran} of {} with today's code: step {number}, {event}, cannot happen any more: {}",
                crate::model::label::count(old.steps.len(), "step"),
                stuck.why
            ));
        }
        None if ran == old.steps.len() => {
            said.push(format!("replayed all {} with today's code", crate::model::label::count(ran, "step")));
        }
        None => said.push(format!(
            "replayed {ran} of {} with today's code: the handler fails in the last of them",
            crate::model::label::count(old.steps.len(), "step")
        )),
    }
    let differing = (0..ran.min(recorded.len())).find(|i| !is_same(&steps[*i], &recorded[*i]));
    if !same_start {
        said.push("the start is not as recorded:".to_owned());
        said.extend(differences(&today, &today.start.nodes, &start));
    } else if let Some(i) = differing {
        said.push(format!("the first difference is at step {}: {}", before + i + 1, sentence(old, i + 1)));
        said.extend(step_differences(&today, &steps[i], &recorded[i]));
    } else if stuck.is_none() {
        said.push("every step does what was recorded".to_owned());
    }
    let tree = Tree::new("main", steps);
    let now = tree.finding(0, &today);
    said.extend(verdicts(&old.verdict, &now));
    let same = same_start && differing.is_none() && ran == recorded.len();
    if !same_start {
        said.push("`cargo lab show` still shows the trace as it was recorded".to_owned());
    }
    if before > 0 {
        today.history = {
            let mut splice = Splice::new(old, &mut today);
            old.history.iter().map(|event: &Happening| splice.happening(event)).collect()
        };
    }
    today.verdict = now;
    today.view = old.view.clone();
    today.search = old.search.clone();
    today.origin = old.origin.clone();
    Compared { file: today, recorded: (!same && same_start).then_some(recorded), said }
}

/// What predicates of another file say, in the order of this one; nothing of those that the other does not have.
fn in_order_of(file: &TraceFile, other: &TraceFile, truth: &[Truth]) -> Vec<Truth> {
    let of = |name: &str| other.predicates.iter().position(|asked| asked.name == name);
    let one = |name: &str| of(name).and_then(|place| truth.get(place)).cloned().unwrap_or_default();
    file.predicates.iter().map(|asked| one(&asked.name)).collect()
}

/// Whether two steps of one file are the same, whatever predicates say of them and whatever they log.
fn is_same(a: &Step, b: &Step) -> bool {
    let fails = |step: &Step| step.fault.is_some();
    a.event == b.event && a.after == b.after && a.sent == b.sent && fails(a) == fails(b)
}

fn sentence(file: &TraceFile, step: usize) -> String {
    let model = Model::along(file.clone(), String::new(), file.steps.clone());
    model.headline(step, 120)
}

/// A model in which the nodes go from some states to others, one after the other.
fn between(file: &TraceFile, from: &[NodeState], to: &[NodeState]) -> Model {
    let mut file = TraceFile { history: Vec::new(), notes: Vec::new(), marks: Vec::new(), ..file.clone() };
    file.start.nodes = from.to_vec();
    let nodes = file.nodes.clone();
    let steps = nodes.iter().zip(to).map(|(node, state)| Step {
        after: Some(state.clone()),
        ..Step::of(Happening::Restart { node: node.address.clone() })
    });
    let steps = steps.collect();
    Model::along(file, String::new(), steps)
}

/// The fields in which the states of two lists differ, the first as what was.
pub(crate) fn state_differences(
    file: &TraceFile,
    from: &[NodeState],
    to: &[NodeState],
) -> (Model, Vec<FieldChange>) {
    let model = between(file, from, to);
    let mut all = Vec::new();
    for node in 0..model.nodes() {
        all.extend(changes(&model, node, 0, model.len(), DIFFERENCES_MAX * 4));
        all.extend(timer_changes(&model, node, 0, model.len(), DIFFERENCES_MAX * 4));
    }
    (model, all)
}

fn differences(file: &TraceFile, from: &[NodeState], to: &[NodeState]) -> Vec<String> {
    let (model, all) = state_differences(file, from, to);
    let more = all.len().saturating_sub(DIFFERENCES_MAX);
    let mut lines: Vec<String> =
        all.iter().take(DIFFERENCES_MAX).map(|change| now_and_then(&model, change)).collect();
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn now_and_then(model: &Model, change: &FieldChange) -> String {
    let or_nothing = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
    let name = model.field_name(&change.field);
    format!("  {name} is {} now, and was {}", or_nothing(&change.before), or_nothing(&change.after))
}

fn step_differences(file: &TraceFile, now: &Step, then: &Step) -> Vec<String> {
    if now.event != then.event {
        return vec!["  another event".to_owned()];
    }
    let mut lines = Vec::new();
    match (&now.after, &then.after) {
        (Some(a), Some(b)) => {
            let place = file.node(file.node_of(&now.event)).unwrap_or_default();
            let mut from = file.start.nodes.clone();
            let mut to = file.start.nodes.clone();
            (from[place], to[place]) = (a.clone(), b.clone());
            lines.extend(differences(file, &from, &to));
        }
        (None, _) => lines.push(format!("  {}", now.fault.clone().unwrap_or_default())),
        (_, None) => lines.push("  its handler failed, and fails no more".to_owned()),
    }
    let text = |ids: &[MessageId]| {
        let texts = ids.iter().map(|id| {
            let message = &file.messages[*id as usize];
            format!("{} to {}", crate::model::label::full(&file.pool, message.value, 80), message.to)
        });
        let texts: Vec<String> = texts.collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    };
    if now.sent != then.sent {
        lines.push(format!("  it sends {} now, and sent {}", text(&now.sent), text(&then.sent)));
    }
    lines
}

/// What the trace was about, and what it shows now.
fn verdicts(then: &Finding, now: &Finding) -> Option<String> {
    let text = |finding: &Finding| match finding.kind.as_str() {
        "goal-found" => format!("`{}` holds", finding.name),
        "violated" => format!("`{}` is violated", finding.name),
        EXPLORED => "nothing is violated".to_owned(),
        kind => kind.replace('-', " "),
    };
    if then.kind == EXPLORED && now.kind == EXPLORED {
        return None;
    }
    let same = then.kind == now.kind
        && (then.name == now.name || !matches!(now.kind.as_str(), "violated" | "goal-found"));
    Some(if same {
        format!("it shows what was recorded: {}", text(now))
    } else {
        format!("recorded was: {}; today: {}", text(then), text(now))
    })
}
