//! The facts that plain mode prints, in words.

use crate::live::tree::EXPLORED;
use crate::model::cause::Cause;
use crate::model::diff::{FieldChange, Sign, changes, timer_changes};
use crate::model::predicates::PredicateRow;
use crate::model::tree::{self, Fold};
use crate::model::{Model, label, pending};
use crate::panels::order_text;
use crate::session::{Choice, Highlight, Session};
use crate::trace_file::PredicateKind;

/// How much of a value is printed.
const TEXT_MAX: usize = 400;
/// How many changes of one step are printed.
const CHANGES_MAX: usize = 200;

/// What the trace is, and what is wrong.
pub(super) fn summary(session: &Session) -> Vec<String> {
    let model = session.model();
    let file = model.file();
    let name = session
        .path
        .as_ref()
        .and_then(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| if session.is_live() { "live" } else { "trace" }.to_owned());
    let lab = if file.origin.lab.is_empty() { String::new() } else { format!("{}, ", file.origin.lab) };
    let steps = label::count(model.len(), "step");
    let mut lines = vec![format!("{name}: {lab}{}, {steps}.", label::count(model.nodes(), "node"))];
    let finding = &file.verdict;
    let at = model.number(model.first_violation());
    if finding.kind != EXPLORED {
        lines.push(format!("{} at step {at}: {}", finding.kind.replace('-', " "), finding.name));
    }
    if !finding.reason.is_empty() {
        lines.push(format!("reason: {}", finding.reason));
    }
    if file.search.found_len > model.len() {
        lines.push(format!("shortened from {} steps", file.search.found_len));
    }
    let nodes =
        model.lanes().iter().map(|node| format!("{} ({})", model.address(*node), model.type_name(*node)));
    lines.push(format!("nodes: {}", nodes.collect::<Vec<_>>().join(", ")));
    lines
}

/// Every listed step with its sentence.
pub(super) fn trace(session: &Session) -> Vec<String> {
    let model = session.model();
    session
        .listed()
        .into_iter()
        .map(|step| {
            let here = if step == session.step() { " (you are here)" } else { "" };
            format!(
                "step {}{here}: {}{}",
                model.number(step),
                model.headline(step, TEXT_MAX),
                cause(model, step)
            )
        })
        .collect()
}

fn cause(model: &Model, step: usize) -> String {
    match model.cause(step) {
        Cause::Sent(sent) => format!(", sent at step {}", model.number(sent)),
        _ => String::new(),
    }
}

/// Everything about a step.
pub(super) fn step(session: &Session, step: usize) -> Vec<String> {
    step_of(session.model(), step, session.is_live())
}

/// Where the trace may go on, nobody knows what does not arrive.
fn step_of(model: &Model, step: usize, open: bool) -> Vec<String> {
    let (number, last) = (model.number(step), model.number(model.len()));
    let mut lines =
        vec![format!("step {number} of {last}: {}{}", model.headline(step, TEXT_MAX), cause(model, step))];
    if let (Some(node), Some(happened)) = (model.acting(step), model.step(step)) {
        if let Some(fault) = &happened.fault {
            lines.push(format!("  failed: {fault}"));
        }
        let mut changed = changes(model, node, step - 1, step, CHANGES_MAX);
        changed.extend(timer_changes(model, node, step - 1, step, CHANGES_MAX));
        let nothing = changed.is_empty() && happened.fault.is_none();
        lines.extend(changed.iter().map(|change| format!("  {}", change_text(model, change))));
        if nothing {
            lines.push("  changed nothing".to_owned());
        }
        for id in &happened.sent {
            let message = model.message(*id);
            let arrives = model.arrivals(*id).iter().find(|arrival| **arrival > step);
            let arrives = match arrives {
                Some(step) => format!(", arrives at step {}", model.number(*step)),
                None if open => String::new(),
                None => ", does not arrive".to_owned(),
            };
            lines.push(format!("  sent {} to {}{arrives}", model.full(message.value, TEXT_MAX), message.to));
        }
        for id in &happened.lost {
            let message = model.message(*id);
            let text = model.full(message.value, TEXT_MAX);
            lines.push(format!("  then {text} from {} to {} was lost", message.from, message.to));
        }
        lines.extend(happened.log.iter().map(|text| format!("  logged: {text}")));
    }
    lines.extend(invariants(model, step));
    for note in model.file().notes.iter().filter(|note| note.step == step) {
        lines.push(format!("  note: {}", note.text));
    }
    lines
}

fn change_text(model: &Model, change: &FieldChange) -> String {
    let name = model.field_name(&change.field);
    let (before, after) = (in_words(&change.before), in_words(&change.after));
    match change.sign {
        Sign::Added => format!("added {name}: {after}"),
        Sign::Removed => format!("removed {name}: {before}"),
        Sign::Same | Sign::Changed => format!("changed {name} from {before} to {after}"),
    }
}

/// Without the signs that stand for words.
fn in_words(text: &str) -> String {
    text.replace('–', " to ").replace('…', "...")
}

fn invariants(model: &Model, step: usize) -> Vec<String> {
    let must_hold =
        |row: &&PredicateRow| matches!(row.kind, PredicateKind::Invariant | PredicateKind::StepInvariant);
    let known = model.predicates().iter().filter(must_hold).filter(|row| row.holds(step).is_some()).count();
    let broken = model.broken(step);
    if known == 0 {
        return vec!["  invariants: not recorded".to_owned()];
    }
    if broken.is_empty() {
        return vec!["  invariants: all true".to_owned()];
    }
    let lines = broken.into_iter().map(|row| {
        let reason = row.truth.get(step).map(|truth| truth.reason.as_str()).unwrap_or_default();
        format!("  invariant false: {}{}{reason}", row.name, if reason.is_empty() { "" } else { ": " })
    });
    lines.collect()
}

/// The fields of one node or of all.
pub(super) fn state(session: &Session, one: bool) -> Vec<String> {
    let (model, step, base) = (session.model(), session.step(), session.base_step());
    let nodes = if one { vec![session.node()] } else { model.lanes().to_vec() };
    let mut lines =
        vec![format!("state after step {}, compared with step {}:", model.number(step), model.number(base))];
    for node in nodes {
        for row in tree::rows(model, node, base, step, &session.folds) {
            let name = model.field_name(&row.field);
            // What is in an open field has lines of its own.
            let line = match (row.sign, &row.before, &row.after) {
                (Sign::Changed, None, _) if row.fold == Fold::Open => continue,
                (Sign::Added, _, Some(after)) => format!("{name} = {after} (added)"),
                (Sign::Removed, Some(before), _) => format!("{name} is gone, it was {before} (removed)"),
                (_, Some(before), Some(after)) => format!("{name} = {after} (changed, it was {before})"),
                (Sign::Changed, None, Some(after)) => format!("{name} = {after} (changed)"),
                (_, _, Some(after)) => format!("{name} = {after}"),
                (_, _, None) => continue,
            };
            lines.push(format!("  {line}"));
        }
    }
    lines
}

/// The messages and timers of one node or of all.
pub(super) fn pending(session: &Session, one: bool) -> Vec<String> {
    let (model, step) = (session.model(), session.step());
    let nodes = if one { vec![session.node()] } else { model.lanes().to_vec() };
    let mut lines = vec![format!("pending after step {}:", model.number(step))];
    let (choices, lost) = (session.choices(), session.lost());
    let named = |found: Option<&Choice>| match found {
        Some(choice) if session.is_live() => format!("{} ", choice.label),
        _ => String::new(),
    };
    let numbers =
        |steps: &[usize]| steps.iter().map(|s| model.number(*s).to_string()).collect::<Vec<_>>().join(", ");
    for node in nodes {
        let address = model.address(node);
        for message in pending::messages(model, node, step) {
            if !message.arrived.is_empty() && !session.show_delivered && !one || lost.contains(&message.id) {
                continue;
            }
            let content = model.message(message.id);
            let label = named(choices.iter().find(|choice| choice.message() == Some(message.id)));
            let mut line = format!("  {label}message to {address}: {}", model.full(content.value, TEXT_MAX));
            line.push_str(&format!(" from {}, sent at step {}", content.from, model.number(message.sent)));
            if !message.arrived.is_empty() {
                line.push_str(&format!(", arrived at step {}", numbers(&message.arrived)));
            }
            if let Some(next) = message.arrives {
                line.push_str(&format!(", arrives at step {}", model.number(next)));
            }
            if let Some(blocked) = &message.blocked {
                line.push_str(&format!("; cannot arrive: {}", blocked.replace('–', " to ")));
            }
            lines.push(line);
        }
        for (place, pending) in pending::timers(model, node, step).into_iter().enumerate() {
            let label = named(choices.iter().find(|choice| choice.is_timer(node, place)));
            let length = label::timer_length(pending.timer).replace('–', " to ");
            let value = model.full(pending.timer.value, TEXT_MAX);
            let mut line = format!(
                "  {label}timer of {address}: {value}, {length}, set at step {}",
                model.number(pending.set)
            );
            if let Some(blocked) = pending.blocked {
                line.push_str(&format!("; cannot fire: {}", blocked.replace('–', " to ")));
            }
            lines.push(line);
        }
    }
    if lines.len() == 1 {
        lines.push("  nothing".to_owned());
    }
    for (i, id) in lost.iter().enumerate() {
        let message = model.message(*id);
        let text = model.full(message.value, TEXT_MAX);
        lines.push(format!("  x{} lost: {text} from {} to {}", i + 1, message.from, message.to));
    }
    lines
}

/// What an event would do.
pub(super) fn preview(session: &Session) -> Vec<String> {
    let Some(preview) = session.preview() else { return Vec::new() };
    let model = &preview.model;
    let mut lines = vec![format!("{} would be: {}", preview.label, model.headline(1, TEXT_MAX))];
    lines.extend(step_of(model, 1, true).into_iter().skip(1).filter(|line| !line.starts_with("  invariant")));
    for row in model.predicates() {
        if let (Some(before), Some(after)) = (row.holds(0), row.holds(1))
            && before != after
        {
            lines.push(format!("  {} would become {after}", row.name));
        }
    }
    lines
}

/// The branches.
pub(super) fn tree(session: &Session) -> Vec<String> {
    let (model, branches) = (session.model(), session.branches());
    let lines = branches.iter().map(|branch| {
        let mut line = format!("branch {}: {}", branch.name, label::count(branch.len, "step"));
        if let Some((other, shared)) = branch.from {
            line.push_str(&format!(
                ", parts from {} after step {}",
                branches[other].name,
                model.number(shared)
            ));
        }
        if !branch.shows.is_empty() {
            line.push_str(&format!(", {}", branch.shows));
        }
        if branch.current {
            line.push_str(&format!(" (you are here, at step {})", model.number(session.step())));
        }
        line
    });
    lines.collect()
}

/// What came of other orders.
pub(super) fn orders(session: &Session) -> Vec<String> {
    let lines = session.orders().iter().enumerate();
    lines.map(|(i, order)| format!("order {}: {}", i + 1, order_text(session.model(), order))).collect()
}

/// Why the predicate is as it is.
pub(super) fn why(session: &mut Session) -> Vec<String> {
    let why = session.why().clone();
    let model = session.model();
    let row = &model.predicates()[why.predicate];
    let text = |holds: bool| if holds { "true" } else { "false" };
    let mut lines = Vec::new();
    match (why.holds, why.since) {
        (Some(holds), Some(0)) => lines.push(format!("{} is {} since the start", row.name, text(holds))),
        (Some(holds), Some(since)) => {
            lines.push(format!("{} is {} since step {}", row.name, text(holds), model.number(since)));
            let before = why.last_otherwise().and_then(|last| row.holds(last).map(|holds| (last, holds)));
            if let Some((last, holds)) = before {
                lines.push(format!("it was last {} at step {}", text(holds), model.number(last)));
            }
        }
        _ => lines.push(format!("whether {} holds is not recorded", row.name)),
    }
    if !why.reason.is_empty() {
        lines.push(format!("reason: {}", why.reason));
    }
    for blamed in &why.blamed {
        let since = match blamed.since {
            0 => "as at the start".to_owned(),
            step => format!("set at step {}: {}", model.number(step), model.headline(step, TEXT_MAX)),
        };
        lines.push(format!("to blame: {}, {since}", in_words(&blamed.text())));
        if let Some(chain) = causes(model, blamed.since) {
            lines.push(format!("  because of {chain}"));
        }
    }
    lines.extend(why.substitutes(model));
    for meeting in &why.meetings {
        lines.push(format!(
            "{} acted for both: step {} ({}) for {}, then step {} ({}) for {}",
            model.address(meeting.node),
            model.number(meeting.first),
            plain(&model.label(meeting.first, 60)),
            why.blamed[meeting.first_for].name,
            model.number(meeting.second),
            plain(&model.label(meeting.second, 60)),
            why.blamed[meeting.second_for].name,
        ));
        lines.extend(
            meeting.changes.iter().map(|change| format!("  in between it {}", change_text(model, change))),
        );
    }
    if let Some(since) = why.since.filter(|since| *since > 0) {
        for change in &why.changes {
            lines.push(format!("step {} {}", model.number(since), change_text(model, change)));
        }
    }
    for race in &why.races {
        lines.push(format!(
            "order that may matter: at {}, step {} ({}) came before step {} ({}), which was sent at step {} already",
            model.address(race.node),
            model.number(race.first),
            plain(&model.label(race.first, 60)),
            model.number(race.second),
            plain(&model.label(race.second, 60)),
            model.number(race.sent),
        ));
    }
    let numbers: Vec<String> = why.outside.iter().map(|step| model.number(*step).to_string()).collect();
    if !numbers.is_empty() {
        lines.push(format!("it does not depend on steps {}", numbers.join(", ")));
    }
    lines
}

/// The steps that a step was caused by, the nearest first.
fn causes(model: &Model, step: usize) -> Option<String> {
    let chain = model.chain(step);
    let texts: Vec<String> = chain
        .iter()
        .skip(1)
        .map(|link| format!("step {} ({})", model.number(link.step), plain(&model.label(link.step, 60))))
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// A label whose cut is told in ASCII.
fn plain(text: &str) -> String {
    text.replace('…', "...")
}

/// What is watched, the notes and the bookmarks.
pub(super) fn notes(session: &Session) -> Vec<String> {
    let (model, step) = (session.model(), session.step());
    let watches = session.watches.iter().enumerate().map(|(i, watch)| {
        let since = model.number(watch.since(model, step));
        format!("watch {}: {} = {}, since step {since}", i + 1, watch.text(), watch.at(model, step))
    });
    let notes = model.file().notes.iter().map(|note| {
        let by = if note.by.is_empty() { String::new() } else { format!(" by {}", note.by) };
        format!("note at step {}{by}: {}", model.number(note.step), note.text)
    });
    let marks = model.file().marks.iter().map(|mark| {
        let name = if mark.name.is_empty() { String::new() } else { format!(": {}", mark.name) };
        format!("bookmark at step {}{name}", model.number(mark.step))
    });
    let lines: Vec<String> = watches.chain(notes).chain(marks).collect();
    if lines.is_empty() { vec!["no watches, notes or bookmarks".to_owned()] } else { lines }
}

/// The steps that are lit up.
pub(super) fn lit(session: &Session) -> Vec<String> {
    let model = session.model();
    let (steps, of) = match session.highlight {
        Some(Highlight::Past(step)) => (model.past(&[step]), step),
        Some(Highlight::Future(step)) => (model.future(step), step),
        None => return Vec::new(),
    };
    let lit = (1..=model.len()).filter(|step| steps[*step] && *step != of);
    lit.map(|step| format!("step {}: {}", model.number(step), model.headline(step, TEXT_MAX))).collect()
}
