//! Any two steps compared, for the page: for each node what differs between every two of its states.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::{Once, field_value};
use crate::export::ExportError;
use crate::model::Model;
use crate::model::tree::{self, Folds};

/// How many pairs of states are compared. More take longer than anybody waits, and a page of many megabytes.
const PAIRS_MAX: usize = 10_000;
/// How many rows all of them may have.
const ROWS_MAX: usize = 200_000;

/// For each node, in the order of lanes, the rows by the numbers of two of its states, the earlier first; only what
/// differs, with what it is in. Nothing if there are too many.
pub(super) fn of(model: &Model, fields: &mut Once) -> Result<Value, ExportError> {
    let states = |node: &usize| model.steps_of(*node).len() + 1;
    let pairs: usize = model.lanes().iter().map(states).map(|count| count * (count - 1) / 2).sum();
    if pairs > PAIRS_MAX {
        return Ok(Value::Null);
    }
    let mut folds = Folds::all_open();
    folds.hide_unchanged = true;
    let (mut all, mut left) = (Vec::new(), ROWS_MAX);
    for node in model.lanes() {
        let steps: Vec<usize> = std::iter::once(0).chain(model.steps_of(*node).iter().copied()).collect();
        let mut of_node: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, earlier) in steps.iter().enumerate() {
            for (j, later) in steps.iter().enumerate().skip(i + 1) {
                let rows = tree::rows(model, *node, *earlier, *later, &folds);
                let Some(rest) = left.checked_sub(rows.len()) else { return Ok(Value::Null) };
                left = rest;
                let numbers = rows.into_iter().map(|row| fields.add(field_value(row, 0)));
                of_node.insert(format!("{i} {j}"), numbers.collect::<Result<_, _>>()?);
            }
        }
        all.push(of_node);
    }
    Ok(json!(all))
}
