//! A class: all submissions with what they earned, and what changed since an earlier grading.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::grade::log::{Graded, Header, Worth};
use crate::grade::regrade::Since;

/// See the module.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) header: Header,
    /// By name.
    pub(crate) graded: Vec<Graded>,
    pub(crate) since: Option<Since>,
}

/// A test whose points changed.
#[derive(Debug, PartialEq)]
pub(crate) struct Change<'a> {
    pub(crate) name: &'a str,
    pub(crate) suite: &'a str,
    pub(crate) test: &'a str,
    pub(crate) before: f64,
    pub(crate) after: f64,
}

impl Class {
    /// The tests with their suites, in the order in which they run.
    pub(crate) fn tests(&self) -> Vec<(&str, &Worth)> {
        self.header
            .suites
            .iter()
            .flat_map(|(suite, tests)| tests.iter().map(move |worth| (suite.as_str(), worth)))
            .collect()
    }

    /// The points that can be earned.
    pub(crate) fn points(&self) -> f64 {
        self.tests().iter().map(|(_, worth)| worth.points).sum()
    }

    /// The tests whose points are others than in the earlier grading. Tests that only one of them has do not count.
    pub(crate) fn changes(&self) -> Vec<Change<'_>> {
        let Some(since) = &self.since else { return Vec::new() };
        let mut changes = Vec::new();
        for graded in &self.graded {
            let Some(old) = since.graded.get(&graded.name) else { continue };
            let before: BTreeMap<(&str, &str), f64> =
                old.tests().map(|(suite, record)| ((suite, record.test.as_str()), record.earned)).collect();
            for (suite, record) in graded.tests() {
                if let Some(before) =
                    before.get(&(suite, record.test.as_str())).filter(|before| **before != record.earned)
                {
                    changes.push(Change {
                        name: &graded.name,
                        suite,
                        test: &record.test,
                        before: *before,
                        after: record.earned,
                    });
                }
            }
        }
        changes
    }

    /// Submissions whose graded files are the same bytes.
    pub(crate) fn equal(&self) -> Vec<Vec<&str>> {
        let mut same: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for graded in self.graded.iter().filter(|graded| graded.refused.is_none()) {
            same.entry(&graded.hash).or_default().push(&graded.name);
        }
        same.into_values().filter(|names| names.len() > 1).collect()
    }
}

/// Takes out what differs from run to run: times, and the texts that name them.
pub(crate) fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !matches!(key.as_str(), "seconds" | "block" | "run" | "executable"));
            map.values_mut().for_each(without_times);
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => {}
    }
}
