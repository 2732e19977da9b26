//! The step panel: everything that is known of one step.

use super::{Paper, Row, Target, heading};
use crate::model::cause::{Cause, Via};
use crate::model::diff::{changes, timer_changes};
use crate::model::line::{Line, Role};
use crate::session::Session;

/// How much of a message is shown.
const TEXT_MAX: usize = 2_000;
/// How many changes are listed.
const CHANGES_MAX: usize = 100;
/// How many messages are listed.
const SENT_MAX: usize = 100;

pub(super) fn rows(session: &mut Session, paper: Paper) -> Vec<Row> {
    let (model, step) = (session.model(), session.step());
    let mut rows = Vec::new();
    let wrap = |rows: &mut Vec<Row>, line: Line, target: Option<Target>| {
        rows.extend(paper.wrapped(&line, 4).into_iter().map(|line| Row { line, target: target.clone() }));
    };
    let head = Line::of(Role::Strong, format!("{}  ", model.number(step)));
    wrap(&mut rows, head.with(Role::Plain, model.headline(step, TEXT_MAX)), None);
    let Some(happened) = model.step(step) else {
        for (i, event) in model.history().iter().enumerate() {
            wrap(
                &mut rows,
                Line::of(Role::Dim, format!("{}  {}", i + 1, model.sentence(event, TEXT_MAX))),
                None,
            );
        }
        return rows;
    };
    match model.cause(step) {
        Cause::Sent(sent) => {
            let flight = step - sent;
            let text = format!("sent at step {}, {flight} earlier", model.number(sent));
            rows.push(Row::to(Line::of(Role::Cause, text), Target::Step(sent)));
        }
        Cause::Timer => {
            let set = model.setting_step(step).unwrap_or_default();
            rows.push(Row::to(
                Line::of(Role::Cause, format!("set at step {}", model.number(set))),
                Target::Step(set),
            ));
        }
        Cause::Fault | Cause::Start => {}
    }
    let earlier: Vec<String> = happened
        .event
        .message()
        .map(|id| {
            model
                .arrivals(id)
                .iter()
                .take_while(|s| **s < step)
                .map(|s| model.number(*s).to_string())
                .collect()
        })
        .unwrap_or_default();
    if !earlier.is_empty() {
        let text = format!("the same message arrived before, at {}", earlier.join(", "));
        wrap(&mut rows, Line::of(Role::Plain, text), None);
    }
    if let Some(fault) = &happened.fault {
        wrap(&mut rows, Line::of(Role::Bad, fault), None);
    }
    let Some(node) = model.acting(step) else { return rows };
    let mut changed = changes(model, node, step - 1, step, CHANGES_MAX);
    changed.extend(timer_changes(model, node, step - 1, step, CHANGES_MAX));
    if changed.is_empty() && happened.fault.is_none() {
        rows.push(Row::text(Line::of(Role::Dim, "changed nothing")));
    }
    if !changed.is_empty() {
        rows.push(heading("changed"));
    }
    for change in changed {
        let mut line = Line::of(Role::Changed, format!(" {} ", change.sign.character()));
        line.push(Role::Label, crate::model::field::shown(&change.field.path));
        let text = match (change.before.as_str(), change.after.as_str()) {
            ("", after) => after.to_owned(),
            (before, "") => format!("({before})"),
            (before, after) => format!("{before} {} {after}", paper.arrow()),
        };
        line.push(Role::Plain, format!("  {text}"));
        wrap(&mut rows, line, Some(Target::Field(change.field)));
    }
    if !happened.sent.is_empty() {
        rows.push(heading("sent"));
    }
    for id in happened.sent.iter().take(SENT_MAX) {
        let message = model.message(*id);
        let arrives = model.arrivals(*id).iter().find(|arrival| **arrival > step).copied();
        let mut line = Line::of(Role::Label, format!("   {}", model.full(message.value, TEXT_MAX)));
        line.push(Role::Plain, format!(" {} {}", paper.arrow(), message.to));
        match arrives {
            Some(arrives) => line.push(Role::Cause, format!(", arrives at {}", model.number(arrives))),
            None => line.push(Role::Dim, ", does not arrive after this"),
        }
        wrap(&mut rows, line, arrives.map(Target::Step));
    }
    if !happened.lost.is_empty() {
        rows.push(heading("lost then"));
    }
    for id in happened.lost.iter().take(SENT_MAX) {
        let message = model.message(*id);
        let line = Line::of(Role::Removed, format!("   {}", model.full(message.value, TEXT_MAX)));
        let ends = format!(", {} {} {}", message.from, paper.arrow(), message.to);
        wrap(&mut rows, line.with(Role::Dim, ends), None);
    }
    if !happened.log.is_empty() {
        rows.push(heading("logged"));
        for text in happened.log.iter().take(CHANGES_MAX) {
            wrap(&mut rows, Line::plain(format!("   {text}")), None);
        }
    }
    let chain = model.chain(step);
    if chain.len() > 1 {
        rows.push(heading("because of"));
        for link in &chain[1..] {
            let via = match link.via {
                Some(Via::Message) => "sent",
                Some(Via::Timer) => "timer set",
                _ => "before",
            };
            let line = Line::of(Role::Cause, format!("   {:>3} {via:<9} ", model.number(link.step)))
                .with(Role::Plain, model.headline(link.step, 200));
            rows.push(Row::to(line.fit(paper.width, paper.more()), Target::Step(link.step)));
        }
    }
    rows
}
