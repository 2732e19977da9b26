//! Results of a class in which some tests were graded again: the earlier results, with these tests replaced. Of a replaced
//! record the earlier one is kept in it, and each says with which handout it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::grade::log::{Graded, Header, Regraded, SuiteGrade, Worth};
use crate::grade::marks;
use crate::manifest;
use crate::results::Record;

/// An earlier grading.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Since {
    pub(crate) header: Header,
    pub(crate) graded: BTreeMap<String, Graded>,
    /// Where its files are.
    #[serde(skip)]
    folder: PathBuf,
}

impl Since {
    /// Reads the `results.jsonl` of a grading, or of the folder of one.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("results.jsonl") } else { path.to_owned() };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut lines = text.lines();
        let damaged = || format!("`{}` is not what `grade` writes", path.display());
        let header = serde_json::from_str(lines.next().unwrap_or_default()).with_context(damaged)?;
        let graded: Vec<Graded> =
            lines.map(serde_json::from_str).collect::<Result<_, _>>().with_context(damaged)?;
        let graded = graded.into_iter().map(|graded| (graded.name.clone(), graded)).collect();
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { header, graded, folder })
    }

    /// Takes the marks of the earlier grading along into a folder of results, unless that has some.
    pub(crate) fn marks_into(&self, out: &Path) -> Result<()> {
        marks::take_along(&self.folder, out)
    }

    /// The header of the earlier results with the tests of this one replaced.
    pub(crate) fn header_with(&self, new: &Header) -> Header {
        let old = &self.header;
        let mut suites = old.suites.clone();
        for (suite, tests) in &new.suites {
            let all = suites.entry(suite.clone()).or_default();
            for worth in tests {
                replace(all, worth.clone(), |a: &Worth, b| a.test == b.test);
            }
        }
        let regraded = Regraded {
            tests: new
                .suites
                .iter()
                .flat_map(|(suite, tests)| tests.iter().map(move |worth| format!("{suite} {}", worth.test)))
                .collect(),
            version: old.version.clone(),
            hash: old.hash.clone(),
            grading_hash: old.grading_hash.clone(),
            hidden: old.hidden.clone(),
        };
        Header { suites, only: old.only.clone(), regraded: Some(regraded), ..new.clone() }
    }

    /// The earlier results of a submission with these in place of those of the same tests. `folder` is that of the
    /// submission's new files; what old records name is copied there.
    pub(crate) fn graded_with(&self, new: &Graded, header: &Header, folder: &Path) -> Result<Graded> {
        let mut merged = new.clone();
        let Some(old) = self.graded.get(&new.name) else {
            merged
                .notes
                .push("not in the earlier grading: it has only the tests that were graded now".to_owned());
            return Ok(merged);
        };
        if old.refused.is_none() && old.hash != new.hash {
            merged.notes.push(
                "its files are not those of the earlier grading, of which its other tests are".to_owned(),
            );
        }
        let names: BTreeSet<&str> =
            old.suites.iter().chain(&new.suites).map(|suite| suite.suite.as_str()).collect();
        merged.suites = Vec::new();
        for name in names {
            let [before, now] =
                [old, new].map(|graded| graded.suites.iter().find(|suite| suite.suite == name));
            let mut tests = Vec::new();
            for record in before.iter().flat_map(|suite| &suite.tests) {
                let mut record = with_handout(record, &self.header.hash);
                // The new folder has marks of its own.
                marks::undo(&mut record);
                self.copy(&mut record, &new.name, folder)?;
                tests.push(record);
            }
            for record in now.iter().flat_map(|suite| &suite.tests) {
                let mut record = with_handout(record, &header.hash);
                if let Some(mut earlier) = tests.iter().find(|old| old.test == record.test).cloned() {
                    // One is enough; the older ones are where that one is.
                    earlier.rest.remove("before");
                    record.rest.insert("before".to_owned(), serde_json::to_value(earlier)?);
                }
                replace(&mut tests, record, |a, b| a.test == b.test);
            }
            let problem = now.map_or_else(
                || before.and_then(|suite| suite.problem.clone()),
                |suite| suite.problem.clone(),
            );
            merged.suites.push(SuiteGrade { suite: name.to_owned(), problem, tests });
        }
        Ok(merged)
    }

    /// Copies the files that an old record names to the new results; it no longer names those that are gone.
    fn copy(&self, record: &mut Record, name: &str, folder: &Path) -> Result<()> {
        for key in ["trace", "page", "transcript"] {
            let Some(Value::String(path)) = record.rest.remove(key) else { continue };
            let Some(inside) = manifest::normal(&path) else { continue };
            let from = self.folder.join("submissions").join(name).join(&inside);
            let to = folder.join(&inside);
            if !to.is_file() {
                if !from.is_file() {
                    continue;
                }
                fs::create_dir_all(to.parent().unwrap_or(folder))?;
                fs::copy(&from, &to).with_context(|| format!("cannot copy `{}`", from.display()))?;
            }
            record.rest.insert(key.to_owned(), path.into());
        }
        Ok(())
    }
}

/// The record, with the handout's hash that it was graded with, unless it says one.
fn with_handout(record: &Record, hash: &str) -> Record {
    let mut record = record.clone();
    record.rest.entry("handout").or_insert_with(|| hash.into());
    record
}

/// Puts a value in place of the one that is equal in this way, or at the end.
fn replace<T>(all: &mut Vec<T>, value: T, equal: impl Fn(&T, &T) -> bool) {
    match all.iter_mut().find(|other| equal(other, &value)) {
        Some(other) => *other = value,
        None => all.push(value),
    }
}
