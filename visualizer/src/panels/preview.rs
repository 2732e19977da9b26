//! What an event would do, in a few lines: which predicates would flip, what it would send, and the changes at its node.

use super::{Paper, Row};
use crate::model::diff::{changes, timer_changes};
use crate::model::label;
use crate::model::line::{Line, Role};
use crate::session::Preview;

/// How many changes are listed.
const CHANGES_MAX: usize = 30;
/// How much of a message is shown.
const TEXT_MAX: usize = 300;

pub(super) fn rows(preview: &Preview, paper: Paper) -> Vec<Row> {
    let model = &preview.model;
    let mut rows = Vec::new();
    let mut push = |content: Line| {
        let mut line = Line::plain("    ");
        line.append(content);
        rows.extend(paper.wrapped(&line, 8).into_iter().map(Row::text));
    };
    let Some(happened) = model.step(1) else { return Vec::new() };
    if let Some(fault) = &happened.fault {
        push(Line::of(Role::Bad, fault));
    }
    let node = model.acting(1).unwrap_or_default();
    let mut changed = changes(model, node, 0, 1, CHANGES_MAX);
    changed.extend(timer_changes(model, node, 0, 1, CHANGES_MAX));
    if changed.is_empty() && happened.sent.is_empty() && happened.fault.is_none() {
        push(Line::of(Role::Dim, "would change nothing"));
    }
    for row in model.predicates() {
        if let (Some(before), Some(after)) = (row.holds(0), row.holds(1))
            && before != after
        {
            let (sign, role) =
                if row.is_broken(1) { (paper.no(), Role::Bad) } else { (paper.yes(), Role::Good) };
            push(Line::of(role, format!("{sign} {} would become {after}", row.name)));
        }
    }
    for id in &happened.sent {
        let message = model.message(*id);
        let text = if paper.width >= 60 {
            model.full(message.value, TEXT_MAX)
        } else {
            label::brief(model.pool(), message.value, TEXT_MAX)
        };
        let text = format!("{text} {} {}", paper.arrow(), message.to);
        push(Line::of(Role::Added, "+ sends ").with(Role::Label, text));
    }
    for change in changed {
        let mut line = Line::of(Role::Changed, format!("{} ", change.sign.character()));
        line.push(Role::Label, model.field_name(&change.field));
        let text = match (change.before.as_str(), change.after.as_str()) {
            ("", after) => after.to_owned(),
            (before, "") => format!("({before})"),
            (before, after) => format!("{before} {} {after}", paper.arrow()),
        };
        line.push(Role::Plain, format!("  {text}"));
        push(line);
    }
    rows
}
