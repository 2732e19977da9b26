//! The fields that a predicate blames, who set them, and what stands for those that a node does not have.
//!
//! Predicates name fields as the reference has them, and every design may have others. A verdict is about the node in any
//! case, so that its blame never leads nowhere.

use std::collections::BTreeSet;

use super::super::Model;
use super::super::diff;
use super::super::field::{self, Field, Found};
use crate::text::fit;
use crate::trace_file::BlamedField;

/// How much of a value is shown.
const TEXT_MAX: usize = 200;
/// How many changes of a node are told where the whole node is blamed.
const CHANGES_MAX: usize = 3;
/// How much of a value each of them shows.
const CHANGE_MAX: usize = 40;

/// A field that a predicate points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// The field; `None` if the predicate names something that is not there.
    pub field: Option<Field>,
    /// What it is called.
    pub name: String,
    /// What it is; of a whole node what was last changed in it.
    pub value: String,
    /// The step that set it; 0 if it is as it was at the start.
    pub since: usize,
    /// The names that the predicate has for it, where the node has no such field: this is as much of the path as there
    /// is, else the only field of that name within others, else the whole node.
    pub stands_for: BTreeSet<String>,
}

impl Blamed {
    /// What is to blame, after a step; each field once.
    pub(crate) fn all(model: &Model, blame: &[BlamedField], step: usize) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for blame in blame {
            let blamed = Self::new(model, blame, step);
            match all.iter_mut().find(|other| other.field == blamed.field && other.name == blamed.name) {
                Some(other) => other.stands_for.extend(blamed.stands_for),
                None => all.push(blamed),
            }
        }
        all
    }

    fn new(model: &Model, blame: &BlamedField, step: usize) -> Self {
        let Some(node) = model.file().node(&blame.node) else {
            let name = format!("{}.{}", blame.node, blame.field);
            let value = "no such node".to_owned();
            return Self { field: None, name, value, since: 0, stands_for: BTreeSet::new() };
        };
        let path = model.full_path(node, &blame.field);
        let there = model.known_part(node, &path).map(str::to_owned);
        if there.as_ref() == Some(&path) {
            return Self::of_field(model, Field { node, path }, step);
        }
        let path = there.or_else(|| model.nested_path(node, &blame.field)).unwrap_or_default();
        let blamed = Self::of_field(model, Field { node, path }, step);
        Self { stands_for: BTreeSet::from([blame.field.clone()]), ..blamed }
    }

    /// The field and what it is: `server1.role = Leader`; of a whole node what was last changed in it.
    pub fn text(&self) -> String {
        let whole = self.field.as_ref().is_some_and(|field| field.path.is_empty());
        format!("{}{}{}", self.name, if whole { ": " } else { " = " }, self.value)
    }

    pub(super) fn of_field(model: &Model, field: Field, step: usize) -> Self {
        let since = model.last_write(&field, step).unwrap_or_default();
        let value = match model.found(&field, step) {
            _ if field.path.is_empty() => last_changes(model, field.node, since),
            Found::Absent => "absent".to_owned(),
            _ => model.field_text(&field, step, TEXT_MAX),
        };
        let name = model.field_name(&field);
        Self { field: Some(field), name, value, since, stands_for: BTreeSet::new() }
    }
}

/// What a step changed in a node, in a few words.
fn last_changes(model: &Model, node: usize, step: usize) -> String {
    if step == 0 {
        return "as it was at the start".to_owned();
    }
    let changes = diff::changes(model, node, step - 1, step, CHANGES_MAX + 1);
    let mut texts: Vec<String> = changes
        .iter()
        .take(CHANGES_MAX)
        .map(|change| {
            let (path, cut) = (field::shown(&change.field.path), |text| fit(text, CHANGE_MAX));
            match (change.before.as_str(), change.after.as_str()) {
                (before, "") => format!("{path} no longer {}", cut(before)),
                (_, after) => format!("{path} {}", cut(after)),
            }
        })
        .collect();
    if changes.len() > CHANGES_MAX {
        texts.push("more".to_owned());
    }
    texts.join(", ")
}

/// What stands for fields that nodes do not have, in one sentence; `None` if all are there.
pub(crate) fn substitutes(model: &Model, blamed: &[Blamed]) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for blamed in blamed.iter().filter(|blamed| !blamed.stands_for.is_empty()) {
        let Some(field) = &blamed.field else { continue };
        let names: Vec<String> = blamed.stands_for.iter().map(|name| format!("`{name}`")).collect();
        let (names, type_name) = (names.join(" or "), model.type_name(field.node));
        let stands = match field.path.as_str() {
            "" => "what changed in it last".to_owned(),
            path => format!("`{path}`"),
        };
        let text = format!("shown for {names} of {type_name} is {stands}");
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}
