//! A class: all submissions with what they earned, and what changed since an earlier grading.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::grade::log::{Graded, Header, Worth};

/// See the module.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) header: Header,
    /// By name.
    pub(crate) graded: Vec<Graded>,
    pub(crate) since: Option<Since>,
}

/// What an earlier grading said.
#[derive(Debug)]
pub(crate) struct Since {
    pub(crate) header: Header,
    pub(crate) graded: BTreeMap<String, Graded>,
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

    /// Reads the `results.jsonl` of an earlier grading.
    pub(crate) fn compare_with(&mut self, path: &Path) -> Result<()> {
        let path = if path.is_dir() { path.join("results.jsonl") } else { path.to_owned() };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut lines = text.lines();
        let damaged = || format!("`{}` is not what `grade` writes", path.display());
        let header = serde_json::from_str(lines.next().unwrap_or_default()).with_context(damaged)?;
        let graded: Vec<Graded> =
            lines.map(serde_json::from_str).collect::<Result<_, _>>().with_context(damaged)?;
        let graded = graded.into_iter().map(|graded| (graded.name.clone(), graded)).collect();
        self.since = Some(Since { header, graded });
        Ok(())
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
