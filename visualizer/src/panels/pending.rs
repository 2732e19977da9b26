//! The pending panel: what could happen after this step, and what cannot and why.

use super::{Paper, Row, Target, heading, preview};
use crate::model::line::{Line, Role};
use crate::model::{Model, label, pending};
use crate::pool::ValueId;
use crate::session::Session;

/// How many messages to one node are listed.
const MESSAGES_MAX: usize = 200;
/// In how many lines at most a message or a timer is written.
const LINES_MAX: usize = 3;

pub(super) fn rows(session: &mut Session, paper: Paper) -> Vec<Row> {
    let (model, step) = (session.model(), session.step());
    let mut nodes = vec![session.node()];
    nodes.extend(model.lanes().iter().copied().filter(|node| *node != session.node()));
    let choices = session.choices();
    let lost = session.lost();
    let mut rows = Vec::new();
    let mut idle = Vec::new();
    for node in nodes {
        let messages = pending::messages(model, node, step);
        let timers = pending::timers(model, node, step);
        let shown = messages.iter().filter(|message| session.show_delivered || message.arrived.is_empty());
        let shown: Vec<_> = shown.filter(|message| !lost.contains(&message.id)).collect();
        let arrived = messages.len() - messages.iter().filter(|message| message.arrived.is_empty()).count();
        if shown.is_empty() && timers.is_empty() {
            idle.push((node, arrived));
            continue;
        }
        let mut counts = vec![];
        if !shown.is_empty() {
            counts.push(label::count(shown.len(), "message"));
        }
        if !timers.is_empty() {
            counts.push(label::count(timers.len(), "timer"));
        }
        if arrived > 0 && !session.show_delivered {
            counts.push(format!("{arrived} arrived (A)"));
        }
        let head =
            Line::of(Role::Node, model.address(node)).with(Role::Dim, format!("  {}", counts.join(", ")));
        rows.push(Row::text(head.fit(paper.width, paper.more())));
        for message in shown.iter().take(MESSAGES_MAX) {
            let content = model.message(message.id);
            let new = if message.sent == step { "*" } else { " " };
            let choice = choices.iter().find(|choice| choice.message() == Some(message.id));
            let choice = choice.filter(|_| session.is_live());
            let label = choice.map_or("m", |choice| &choice.label);
            let mut line = Line::of(Role::Added, format!(" {new}{label} "));
            line.push(Role::Label, text(model, content.value, paper));
            let mut right = Line::of(Role::Dim, format!("  {}@{}", content.from, model.number(message.sent)));
            if let Some(next) = message.arrives {
                right.push(Role::Cause, format!(" {}{}", paper.arrow(), model.number(next)));
            }
            if !message.arrived.is_empty() {
                right.push(Role::Dim, " d");
            }
            let target =
                choice.map_or(Target::Step(message.sent), |choice| Target::Choice(choice.label.clone()));
            rows.extend(beside(&line, right, target, paper));
            rows.extend(message.blocked.iter().flat_map(|why| blocked(why, paper)));
            rows.extend(previewed(session, label, paper));
        }
        if shown.len() > MESSAGES_MAX {
            let more = format!("    and {} more", shown.len() - MESSAGES_MAX);
            rows.push(Row::text(Line::of(Role::Dim, more)));
        }
        for (place, pending) in timers.into_iter().enumerate() {
            let new = if pending.set == step && step > 0 { "*" } else { " " };
            let choice = choices.iter().find(|choice| choice.is_timer(node, place));
            let choice = choice.filter(|_| session.is_live());
            let label = choice.map_or("t", |choice| &choice.label);
            let mut line = Line::of(Role::Added, format!(" {new}{label} "));
            line.push(Role::Label, text(model, pending.timer.value, paper));
            line.push(Role::Plain, format!(" {}", label::timer_length(pending.timer)));
            let right = Line::of(Role::Dim, format!("  set@{}", model.number(pending.set)));
            let target =
                choice.map_or(Target::Step(pending.set), |choice| Target::Choice(choice.label.clone()));
            rows.extend(beside(&line, right, target, paper));
            rows.extend(pending.blocked.iter().flat_map(|why| blocked(why, paper)));
            rows.extend(previewed(session, label, paper));
        }
    }
    if rows.is_empty() {
        rows.push(Row::text(Line::plain("nothing can happen any more")));
    }
    for (i, id) in lost.iter().enumerate() {
        let message = model.message(*id);
        let text = text(model, message.value, paper);
        let line = Line::of(Role::Removed, format!("  x{} {text}", i + 1));
        let line = line.with(Role::Dim, format!("  {} {} {}, lost", message.from, paper.arrow(), message.to));
        let again = session.is_live().then(|| Target::Choice(format!("x{}", i + 1)));
        rows.push(Row { line: line.fit(paper.width, paper.more()), target: again });
    }
    if !idle.is_empty() {
        let names = idle.into_iter().map(|(node, arrived)| match arrived {
            0 => model.address(node).to_owned(),
            arrived => format!("{} ({arrived} arrived)", model.address(node)),
        });
        let text = format!("nothing new for {}", names.collect::<Vec<_>>().join(", "));
        rows.extend(paper.wrapped(&Line::of(Role::Dim, text), 2).into_iter().map(Row::text));
    }
    rows.push(heading(""));
    let key = if session.is_live() {
        "d do it  e what would it do  u again  x lose it  * new at this step  s1@7 sent by s1 at 7"
    } else {
        "m message  t timer  * new at this step  s1@7 sent by s1 at 7"
    };
    rows.extend(paper.wrapped(&Line::of(Role::Dim, key), 2).into_iter().map(Row::text));
    rows
}

/// What an event would do, below the row of the event.
fn previewed(session: &Session, label: &str, paper: Paper) -> Vec<Row> {
    let preview = session.preview().filter(|preview| preview.label == label);
    preview.map_or_else(Vec::new, |preview| preview::rows(preview, paper))
}

/// A message or a timer: in full where there is room for it.
fn text(model: &Model, value: ValueId, paper: Paper) -> String {
    if paper.width >= 60 { model.full(value, 200) } else { label::brief(model.pool(), value, 200) }
}

/// A text with something at the right end of its last line, or below it where there is no room for both.
fn beside(line: &Line, right: Line, target: Target, paper: Paper) -> Vec<Row> {
    let mut lines = paper.wrapped_to(line, 6, LINES_MAX);
    if lines.last().is_none_or(|last| last.width() + right.width() > paper.width) {
        lines.push(Line::new());
    }
    if let Some(last) = lines.last_mut() {
        last.pad_to(paper.width.saturating_sub(right.width()));
        last.append(right);
    }
    let mut target = Some(target);
    lines.into_iter().map(|line| Row { line, target: target.take() }).collect()
}

fn blocked(why: &str, paper: Paper) -> Vec<Row> {
    paper.rows_to(&Line::of(Role::Bad, format!("    cannot: {why}")), 6, None)
}
