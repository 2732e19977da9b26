//! The page as a document: why, every step in a table, and the states at the start. What is seen without scripts and on
//! paper, and all there is for a program that reads pages aloud from the beginning.

use std::fmt::{self, Write};

use super::super::markup::Escaped;
use super::super::{ExportError, Sheet};
use crate::model::line::Role;
use crate::model::tree::{self, Folds};
use crate::model::watch::Watch;
use crate::model::{Model, label};
use crate::panels::{self, Paper, Row};
use crate::session::Session;
use crate::session::action::Panel;

/// Nothing is cut and no line is broken: that is for the browser.
pub(super) const PAPER: Paper = Paper { width: 4_000, ascii: false };
/// How much of an event is written.
const TEXT_MAX: usize = 2_000;

pub(super) fn write(model: &Model, watches: &[Watch], sheet: &mut Sheet) -> Result<(), ExportError> {
    let mut session = Session::new(model.clone(), None);
    writeln!(sheet, "<article id=\"report\">\n<h2>Why</h2>")?;
    list(&panels::rows(&mut session, Panel::Why, PAPER), sheet)?;
    write!(
        sheet,
        "<h2>All steps</h2>\n<table>\n<thead><tr><th>Step</th><th>Node</th><th>What happens</th><th>What comes of it</th>\
         <th>Predicates</th></tr></thead>\n<tbody>\n"
    )?;
    for step in 0..=model.len() {
        row(&mut session, step, sheet)?;
    }
    writeln!(sheet, "</tbody>\n</table>\n<h2>States at the start</h2>")?;
    for node in model.lanes() {
        start(model, *node, sheet)?;
    }
    if !watches.is_empty() {
        writeln!(sheet, "<h2>Watched</h2>\n<ul>")?;
        for watch in watches {
            let values: Vec<String> = super::watched::values(model, watch)
                .into_iter()
                .map(|(step, text)| format!("{text} from step {}", model.number(step)))
                .collect();
            writeln!(sheet, "<li>{}: {}</li>", Escaped(watch.text()), Escaped(&values.join(", ")))?;
        }
        writeln!(sheet, "</ul>")?;
    }
    let file = model.file();
    if !(file.notes.is_empty() && file.marks.is_empty()) {
        writeln!(sheet, "<h2>Notes</h2>")?;
        list(&panels::rows(&mut session, Panel::Notes, PAPER), sheet)?;
    }
    Ok(sheet.write_str("</article>\n")?)
}

fn row(session: &mut Session, step: usize, sheet: &mut Sheet) -> fmt::Result {
    session.move_to(step);
    let rows = panels::rows(session, Panel::Step, PAPER);
    let model = session.model();
    let node = model.acting(step).map_or("", |node| model.address(node));
    write!(
        sheet,
        "<tr id=\"t{step}\"><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>",
        model.number(step),
        Escaped(node),
        Escaped(&model.headline(step, TEXT_MAX)),
    )?;
    // The first row is the headline; the last ones are the chain of causes, which are rows of their own here.
    let rest: Vec<Row> = rows.into_iter().skip(1).take_while(|row| row.line.text() != "because of").collect();
    list(&rest, sheet)?;
    write!(sheet, "</td><td><ul>")?;
    for predicate in model.predicates() {
        let said = match predicate.holds(step) {
            Some(true) => "true",
            Some(false) => "false",
            None => "not known",
        };
        let class = if predicate.is_broken(step) { " class=\"bad\"" } else { "" };
        let reason = predicate.truth.get(step).map(|truth| truth.reason.as_str()).unwrap_or_default();
        let colon = if reason.is_empty() { "" } else { ": " };
        write!(sheet, "<li{class}>{}: {said}{colon}{}</li>", Escaped(&predicate.name), Escaped(reason))?;
    }
    write!(sheet, "</ul>")?;
    for note in model.file().notes.iter().filter(|note| note.step == step) {
        write!(sheet, "<p class=\"note\">note: {}</p>", Escaped(&note.text))?;
    }
    writeln!(sheet, "</td></tr>")
}

/// The rows of a panel as a list; headings are told by their weight.
fn list(rows: &[Row], sheet: &mut Sheet) -> fmt::Result {
    write!(sheet, "<ul>")?;
    for row in rows.iter().filter(|row| !row.line.text().trim().is_empty()) {
        let heading = row.line.spans().iter().all(|span| span.role == Role::Strong);
        let text = row.line.text();
        let words: Vec<&str> = text.split_whitespace().collect();
        let class = if heading && row.target.is_none() { " class=\"heading\"" } else { "" };
        write!(sheet, "<li{class}>{}</li>", Escaped(&words.join(" ")))?;
    }
    writeln!(sheet, "</ul>")
}

fn start(model: &Model, node: usize, sheet: &mut Sheet) -> fmt::Result {
    let down = if model.state(node, 0).up { "" } else { ", down" };
    write!(
        sheet,
        "<h3>{}: {}{down}</h3>\n<ul>",
        Escaped(model.address(node)),
        Escaped(model.type_name(node)),
    )?;
    for row in tree::rows(model, node, 0, 0, &Folds::default()) {
        let value = row.after.unwrap_or_default();
        write!(sheet, "<li>{} = {}</li>", Escaped(&row.label), Escaped(&value))?;
    }
    for message in crate::model::pending::messages(model, node, 0) {
        let content = model.message(message.id);
        let text = label::full(model.pool(), content.value, TEXT_MAX);
        write!(sheet, "<li>on its way: {} from {}</li>", Escaped(&text), Escaped(&content.from))?;
    }
    writeln!(sheet, "</ul>")
}
