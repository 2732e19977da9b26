//! What is watched on the page: expressions, worked out here for every step.

use serde_json::{Value, json};

use crate::model::Model;
use crate::model::line::Line;
use crate::model::watch::Watch;

/// How much of what an expression comes to is shown.
const TEXT_MAX: usize = 300;

/// What an expression comes to: the steps at which that changes, with what it is from there on.
pub(super) fn values(model: &Model, watch: &Watch) -> Vec<(usize, String)> {
    let mut values: Vec<(usize, String)> = Vec::new();
    for step in 0..=model.len() {
        let text: String = watch.at(model, step).to_string().chars().take(TEXT_MAX).collect();
        let text = Line::plain(text).text();
        if values.last().is_none_or(|(_, last)| *last != text) {
            values.push((step, text));
        }
    }
    values
}

/// The same for the script.
pub(super) fn of(model: &Model, watches: &[Watch]) -> Vec<Value> {
    let value = |watch: &Watch| json!([Line::plain(watch.text()).text(), values(model, watch)]);
    watches.iter().map(value).collect()
}
