//! The notes panel: what is watched, what people wrote, and the steps they marked.

use super::{Paper, Row, Target, heading};
use crate::model::line::{Line, Role};
use crate::session::Session;

pub(super) fn rows(session: &mut Session, paper: Paper) -> Vec<Row> {
    let (model, step) = (session.model(), session.step());
    let mut rows = Vec::new();
    if !session.watches.is_empty() {
        rows.push(heading("watched"));
    }
    for (i, watch) in session.watches.iter().enumerate() {
        let since = watch.since(model, step);
        let when = if since == 0 {
            "  since the start".to_owned()
        } else {
            format!("  since {}", model.number(since))
        };
        let mut line = Line::of(Role::Dim, format!(" {} ", i + 1)).with(Role::Label, watch.text());
        line.push(Role::Plain, format!("  {}", watch.at(model, step)));
        rows.extend(paper.rows_to(&line.with(Role::Cause, when), 5, Some(Target::Step(since))));
    }
    let file = model.file();
    if !file.notes.is_empty() {
        rows.push(heading("notes"));
    }
    for note in &file.notes {
        let by = if note.by.is_empty() { String::new() } else { format!("{}: ", note.by) };
        let line = Line::of(Role::Cause, format!(" {:>3} ", model.number(note.step)));
        let line = line.with(Role::Plain, format!("{by}{}", note.text));
        rows.extend(paper.rows_to(&line, 5, Some(Target::Step(note.step))));
    }
    if !file.marks.is_empty() {
        rows.push(heading("bookmarks"));
    }
    for mark in &file.marks {
        let name = if mark.name.is_empty() { model.headline(mark.step, 200) } else { mark.name.clone() };
        let line = Line::of(Role::Cause, format!(" {:>3} ", model.number(mark.step))).with(Role::Plain, name);
        rows.extend(paper.rows_to(&line, 5, Some(Target::Step(mark.step))));
    }
    if rows.is_empty() {
        let text = "Nothing here yet. `+` watches an expression such as max(server*.term) over all steps, `a` writes a \
                    note on this step, `M` marks it.";
        rows.extend(paper.wrapped(&Line::of(Role::Dim, text), 0).into_iter().map(Row::text));
    }
    if session.unsaved().is_some() {
        rows.push(Row::text(Line::of(Role::Changed, "not saved yet: Ctrl-s")));
    }
    rows
}
