//! ShiViz: a log with vector clocks. Its first two lines are what ShiViz asks for, the expression that parses the rest
//! and the one that separates executions (none); then two lines an event: what happened; where, and the clock.
//!
//! A step is one event: what a handler sends leaves with the clock of the step.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{ExportError, Sheet, words};
use crate::model::Model;
use crate::model::line::harmless;

/// The expression that parses the log.
pub(super) const PARSER: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";
/// How much of an event is written.
const LABEL_MAX: usize = 200;
/// How many entries all clocks together may have.
const ENTRIES_MAX: usize = 20_000_000;

/// For each step, from 1, how many events of each node it knows of, with itself.
fn clocks(model: &Model) -> Result<Vec<BTreeMap<usize, usize>>, ExportError> {
    let mut clocks: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new()];
    let mut entries = 0;
    for step in 1..=model.len() {
        let node = model.acting(step).unwrap_or_default();
        let mut clock = BTreeMap::new();
        for cause in [model.previous_of_node(step), model.sending_step(step)].into_iter().flatten() {
            for (node, time) in &clocks[cause] {
                let known: &mut usize = clock.entry(*node).or_default();
                *known = (*known).max(*time);
            }
        }
        *clock.entry(node).or_default() += 1;
        entries += clock.len();
        if entries > ENTRIES_MAX {
            return Err(ExportError::TooLarge);
        }
        clocks.push(clock);
    }
    Ok(clocks)
}

pub(super) fn write(model: &Model, sheet: &mut Sheet) -> Result<(), ExportError> {
    let names = words(model, &[]);
    let clocks = clocks(model)?;
    writeln!(sheet, "{PARSER}\n")?;
    for (step, clock) in clocks.iter().enumerate().skip(1) {
        let node = model.acting(step).unwrap_or_default();
        let sentence = harmless(&model.headline(step, LABEL_MAX));
        let broken = if step == model.first_violation() && model.is_failure() {
            format!(" ({}: {})", model.file().verdict.kind.replace('-', " "), model.file().verdict.name)
        } else {
            String::new()
        };
        // The word in front keeps a sentence that begins with a brace from being taken for a clock.
        writeln!(sheet, "step {}: {sentence}{}", model.number(step), harmless(&broken))?;
        write!(sheet, "{} {{", names[node])?;
        for (place, (node, time)) in clock.iter().enumerate() {
            // Names are letters, digits and `_`.
            write!(sheet, "{}\"{}\":{time}", if place == 0 { "" } else { "," }, names[*node])?;
        }
        writeln!(sheet, "}}")?;
    }
    Ok(())
}
