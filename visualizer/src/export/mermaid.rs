//! Mermaid: the trace as a sequence diagram, to stand in a Markdown file. Arrows stand where messages arrive.

use std::fmt::{self, Write};

use super::{ExportError, Sheet, words};
use crate::model::Model;
use crate::model::cause::Cause;
use crate::model::line::harmless;
use crate::model::spacetime::is_duplicate;
use crate::trace_file::Happening;

/// How much of a message stands on an arrow.
const LABEL_MAX: usize = 60;
/// Words that begin something else than the name of a participant.
const KEYWORDS: &[&str] = &[
    "activate",
    "actor",
    "alt",
    "and",
    "as",
    "autonumber",
    "box",
    "break",
    "create",
    "critical",
    "deactivate",
    "destroy",
    "details",
    "else",
    "end",
    "left",
    "link",
    "links",
    "loop",
    "note",
    "opt",
    "option",
    "over",
    "par",
    "par_over",
    "participant",
    "properties",
    "rect",
    "right",
    "title",
];
/// How much of a reason is shown.
const REASON_MAX: usize = 300;

pub(super) fn write(model: &Model, sheet: &mut Sheet) -> Result<(), ExportError> {
    let names = words(model, KEYWORDS);
    writeln!(sheet, "sequenceDiagram")?;
    for node in model.lanes() {
        writeln!(sheet, "    participant {} as {}", names[*node], text(model.address(*node), 60))?;
    }
    let finding = model.first_violation();
    for step in 1..=model.len() {
        let here = step == finding;
        if here {
            // Readable on a light and on a dark page.
            writeln!(sheet, "    rect rgba(213, 94, 0, 0.25)")?;
        }
        write_step(model, step, &names, sheet)?;
        if here {
            write_finding(model, step, &names, sheet)?;
            writeln!(sheet, "    end")?;
        }
    }
    Ok(())
}

fn write_step(model: &Model, step: usize, names: &[String], sheet: &mut Sheet) -> fmt::Result {
    let (Some(happened), Some(node)) = (model.step(step), model.acting(step)) else { return Ok(()) };
    let (number, name) = (model.number(step), &names[node]);
    let label = text(&model.label(step, LABEL_MAX), 2 * LABEL_MAX);
    let from = happened.event.message().and_then(|id| model.ends(id).0);
    let crash = matches!(happened.event, Happening::Crash { .. });
    match from {
        Some(from) if !crash => {
            let arrow = if is_duplicate(model, step) { "-->>" } else { "->>" };
            let sent = match model.cause(step) {
                Cause::Sent(sent) if sent + 1 < step => format!(" (sent at {})", model.number(sent)),
                _ => String::new(),
            };
            writeln!(sheet, "    {}{arrow}{name}: {number} {label}{sent}", names[from])?;
        }
        _ => {
            let what = match happened.event {
                Happening::Timer { .. } => "timer ",
                // The sender is no node of this system.
                Happening::Deliver { .. } => "receives ",
                Happening::Crash { .. } | Happening::Restart { .. } => "",
            };
            writeln!(sheet, "    Note over {name}: {number} {what}{label}")?;
        }
    }
    if let Some(fault) = &happened.fault {
        writeln!(sheet, "    Note over {name}: {}", text(fault, REASON_MAX))?;
    }
    Ok(())
}

fn write_finding(model: &Model, step: usize, names: &[String], sheet: &mut Sheet) -> fmt::Result {
    let Some(node) = model.acting(step) else { return Ok(()) };
    let verdict = &model.file().verdict;
    let mut said = verdict.name.clone();
    if !verdict.reason.is_empty() {
        said.push_str(": ");
        said.push_str(&verdict.reason);
    }
    let kind = verdict.kind.replace('-', " ");
    writeln!(sheet, "    Note over {}: {}: {}", names[node], text(&kind, 60), text(&said, REASON_MAX))
}

/// A text that is one: what Mermaid, or the HTML it makes, would act on is written as the number of the character.
fn text(text: &str, max: usize) -> String {
    let mut safe = String::new();
    let mut chars = harmless(text).chars().collect::<Vec<_>>();
    if chars.len() > max {
        chars.truncate(max.saturating_sub(1));
        chars.push('…');
    }
    for (place, c) in chars.iter().enumerate() {
        // The word `end` ends a block wherever it stands.
        let end = c.eq_ignore_ascii_case(&'e')
            && chars[place..].iter().take(3).collect::<String>().eq_ignore_ascii_case("end");
        let plain = c.is_alphanumeric() || " .,_-+*/=(){}[]→…'!?".contains(*c);
        if plain && !end {
            safe.push(*c);
        } else {
            safe.push_str(&format!("#{};", u32::from(*c)));
        }
    }
    if safe.trim().is_empty() { "#8203;".to_owned() } else { safe }
}
