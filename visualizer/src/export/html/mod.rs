//! HTML: one page with the whole trace, for somebody who has nothing but a browser.
//!
//! Everything is worked out here; the script only shows and hides. What the page shows are the rows of the panels, so it
//! says what the terminal viewer says. Without scripts, and on paper, it is a document with every step in a table.
//!
//! Nothing in a trace can act: values are text in elements, or JSON in a block that is data, and the page's policy allows
//! one script and one style, named by their digests, and no request at all.

mod compared;
mod data;
mod table;
mod watched;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::markup::{Escaped, json_in_script};
use super::svg::{self, Look};
use super::{ExportError, Sheet};
use crate::model::Model;
use crate::model::label::count;
use crate::model::watch::Watch;

/// One script in four parts, each of which goes on where the one before ends.
const SCRIPT: &str = concat!(
    include_str!("js/see.js"),
    include_str!("js/ask.js"),
    include_str!("js/draw.js"),
    include_str!("js/act.js"),
);
const STYLE: &str = include_str!("page.css");
/// The measures of the drawing; the style has the same row height.
const LOOK: Look = Look { spacing: 46, row: 26, top: 40, left: 62, short: true, labels: false };
/// How many steps a page shows. A browser is slow with more, and nobody reads them.
const STEPS_MAX: usize = 5_000;
/// How many nodes it shows.
const NODES_MAX: usize = 200;
/// How much of a step stands beside its row.
const LABEL_MAX: usize = 80;

pub(super) fn write(
    model: &Model,
    name: &str,
    watches: &[Watch],
    sheet: &mut Sheet,
) -> Result<(), ExportError> {
    for (what, has, max) in [("steps", model.len(), STEPS_MAX), ("nodes", model.nodes(), NODES_MAX)] {
        if has > max {
            return Err(ExportError::Unfit(format!(
                "it has {has} {what}, and a page shows {max} at the most; `text` has no such limit"
            )));
        }
    }
    let verdict = &model.file().verdict;
    let title = format!("{name}: {}: {}", verdict.kind.replace('-', " "), verdict.name);
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    write!(
        sheet,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{}'; \
         style-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        digest(SCRIPT),
        digest(STYLE),
        Escaped(&title),
    )?;
    header(model, sheet)?;
    sheet.write_str(
        "<div id=\"strip\" hidden></div>\n<main>\n<section id=\"trace\" aria-label=\"Trace\">\n<div id=\"scroll\">",
    )?;
    drawing(model, sheet)?;
    sheet.write_str("</div>\n<ol id=\"listed\" hidden></ol>\n</section>\n")?;
    sheet.write_str(include_str!("panels.html"))?;
    sheet.write_str("</main>\n")?;
    table::write(model, watches, sheet)?;
    let json = serde_json::to_string(&data::of(model, watches)?)
        .map_err(|error| ExportError::Unfit(format!("the trace is no JSON: {error}")))?;
    write!(
        sheet,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        json_in_script(&json)
    )?;
    Ok(())
}

/// What is wrong, and how to see it with the program.
fn header(model: &Model, sheet: &mut Sheet) -> Result<(), ExportError> {
    let file = model.file();
    let verdict = &file.verdict;
    let (class, sign) = if model.is_failure() { ("bad", "✗") } else { ("good", "✓") };
    write!(
        sheet,
        "<header>\n<h1><span class=\"{class}\">{sign} {}:</span> {}</h1>\n",
        Escaped(&verdict.kind.replace('-', " ")),
        Escaped(&verdict.name),
    )?;
    if !verdict.reason.is_empty() {
        writeln!(sheet, "<p id=\"reason\">{}</p>", Escaped(&verdict.reason))?;
    }
    write!(sheet, "<p class=\"about\">")?;
    if !file.origin.lab.is_empty() {
        write!(sheet, "{}, ", Escaped(&file.origin.lab))?;
    }
    write!(sheet, "{}, {}", count(model.nodes(), "node"), count(model.len(), "step"))?;
    if !model.history().is_empty() {
        write!(sheet, " after {} of earlier stages", count(model.history().len(), "event"))?;
    }
    if file.search.found_len > model.len() {
        write!(sheet, ", shortened from {}", file.search.found_len)?;
    }
    if !file.origin.command.is_empty() {
        write!(sheet, "; searched again by <code>{}</code>", Escaped(&file.origin.command))?;
    }
    Ok(sheet.write_str("</p>\n</header>\n")?)
}

/// The drawing, with what each step carries beside it as a link to the row of the table.
fn drawing(model: &Model, sheet: &mut Sheet) -> Result<(), ExportError> {
    let (width, height) = (LOOK.lanes_width(model), LOOK.height(model));
    writeln!(
        sheet,
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Space-time diagram; the table of all steps says the same\">"
    )?;
    svg::draw(model, &LOOK, sheet)?;
    writeln!(sheet, "</svg>\n<ol id=\"labels\" start=\"{}\">", model.number(0))?;
    for step in 0..=model.len() {
        let bad = if model.is_failure() && step == model.first_violation() { " class=\"bad\"" } else { "" };
        writeln!(
            sheet,
            "<li{bad}><a href=\"#t{step}\" data-step=\"{step}\">{}</a></li>",
            Escaped(&model.label(step, LABEL_MAX))
        )?;
    }
    Ok(sheet.write_str("</ol>")?)
}
