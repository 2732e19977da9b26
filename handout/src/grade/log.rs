//! What is graded so far: a file that only grows, a line a submission. A grader that was killed goes on from it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::description::Description;
use crate::results::Record;

/// The version of the log and of `results.jsonl`.
const SCHEMA: u32 = 1;

/// Under which conditions submissions are graded. All lines of a log are graded under the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) record: String,
    pub(crate) schema: u32,
    pub(crate) version: String,
    pub(crate) hash: String,
    pub(crate) grading_hash: String,
    /// A hash of the hidden tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<String>,
    /// Words that the names of tests have to contain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) only: Vec<String>,
    /// Isolation and limits; older logs do not say them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conditions: Option<Conditions>,
    /// The tests of each suite, with their points.
    pub(crate) suites: BTreeMap<String, Vec<Worth>>,
    /// What was graded again, and since when the other results are as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) regraded: Option<Regraded>,
}

/// What decides on points beside the handout: whoever needs more is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conditions {
    /// How submissions are kept apart, in words.
    pub(crate) isolation: String,
    pub(crate) memory_mib: u64,
    /// Of a suite.
    pub(crate) suite_seconds: u64,
    /// Of all suites of a submission together.
    pub(crate) compile_seconds: u64,
    /// Of compiling; older logs say neither this nor the next.
    #[serde(default)]
    pub(crate) compile_memory_mib: Option<u64>,
    /// Of a submission, compiling included; none if there is no such limit.
    #[serde(default)]
    pub(crate) budget_seconds: Option<u64>,
    /// Of all tests; none if each has its own.
    #[serde(default)]
    pub(crate) seed: Option<u64>,
}

impl Conditions {
    /// What each is called, and what it is.
    fn words(&self) -> [(&'static str, String); 7] {
        let or =
            |limit: Option<u64>, none: &str| limit.map_or_else(|| none.to_owned(), |limit| limit.to_string());
        [
            ("the isolation", self.isolation.clone()),
            ("`--memory`", self.memory_mib.to_string()),
            ("`--seconds`", self.suite_seconds.to_string()),
            ("`--compile-seconds`", self.compile_seconds.to_string()),
            ("`--compile-memory`", or(self.compile_memory_mib, "unknown")),
            ("`--budget`", or(self.budget_seconds, "none")),
            ("`--seed`", or(self.seed, "none")),
        ]
    }
}

/// Results of which some tests were graded again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Regraded {
    /// Which, with their suites.
    pub(crate) tests: Vec<String>,
    /// The handout of the other results.
    pub(crate) version: String,
    pub(crate) hash: String,
    pub(crate) grading_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<String>,
}

/// A test and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worth {
    pub(crate) test: String,
    pub(crate) points: f64,
    /// Whether only the hidden tests have it: its author may not know of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hidden: bool,
}

/// What came of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Graded {
    pub(crate) record: String,
    pub(crate) name: String,
    /// A hash of the files that were graded; empty if it was refused.
    pub(crate) hash: String,
    /// Why nothing of it was graded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// What a teaching assistant should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What instructors want its author to read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) comments: Vec<String>,
    pub(crate) suites: Vec<SuiteGrade>,
}

/// What came of one suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SuiteGrade {
    pub(crate) suite: String,
    /// Why it did not run, or did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    pub(crate) tests: Vec<Record>,
}

impl Worth {
    /// Grows when it says something new: what was prepared before has to be prepared again.
    pub(crate) const VERSION: u32 = 2;
}

impl Header {
    pub(crate) fn new(
        handout: &Description,
        hidden: Option<String>,
        only: &[String],
        conditions: Conditions,
        suites: BTreeMap<String, Vec<Worth>>,
    ) -> Self {
        Self {
            record: "grading".to_owned(),
            schema: SCHEMA,
            version: handout.version.clone(),
            hash: handout.hash.clone(),
            grading_hash: handout.grading_hash.clone(),
            hidden,
            only: only.to_vec(),
            conditions: Some(conditions),
            suites,
            regraded: None,
        }
    }

    /// Whether students do not have a test.
    pub(crate) fn is_hidden(&self, suite: &str, test: &str) -> bool {
        let tests = self.suites.get(suite).into_iter().flatten();
        tests.filter(|worth| worth.hidden).any(|worth| worth.test == test)
    }

    /// The points of the tests that students have, or of the hidden ones.
    pub(crate) fn points_in(&self, hidden: bool) -> f64 {
        let tests = self.suites.values().flatten().filter(|worth| worth.hidden == hidden);
        tests.map(|worth| worth.points).sum()
    }

    /// Whether some tests are hidden.
    pub(crate) fn hides(&self) -> bool {
        self.suites.values().flatten().any(|worth| worth.hidden)
    }

    /// What differs from the conditions of an older log, in words.
    fn differs(&self, old: &Self) -> Option<String> {
        let hidden = |header: &Self| header.hidden.clone().unwrap_or_else(|| "none".to_owned());
        differs("the handout's grading hash", &old.grading_hash, &self.grading_hash)
            .or_else(|| differs("the hidden tests' hash", &hidden(old), &hidden(self)))
            .or_else(|| differs("`--tests`", &old.only.join(","), &self.only.join(",")))
            .or_else(|| {
                let names = |header: &Self| header.suites.keys().cloned().collect::<Vec<_>>().join(",");
                differs("the suites", &names(old), &names(self))
            })
            .or_else(|| self.other_conditions(old).into_iter().next())
    }

    /// What is not as in an older log beside the handout and the choice of tests: it may be why points changed.
    pub(crate) fn other_conditions(&self, old: &Self) -> Vec<String> {
        let old = old.conditions.as_ref().map(Conditions::words);
        let new = self.conditions.iter().flat_map(Conditions::words).enumerate();
        new.filter_map(|(at, (what, new))| {
            let old = old.as_ref().map_or("unknown", |old| &old[at].1);
            differs(what, old, &new)
        })
        .collect()
    }
}

fn differs(what: &str, old: &str, new: &str) -> Option<String> {
    (old != new).then(|| format!("{what} was `{old}` and is `{new}`"))
}

impl Graded {
    /// What it earned in the tests that students have, or in the hidden ones.
    pub(crate) fn earned_in(&self, header: &Header, hidden: bool) -> f64 {
        let of_these = self.tests().filter(|(suite, record)| header.is_hidden(suite, &record.test) == hidden);
        of_these.map(|(_, record)| record.earned).sum()
    }

    pub(crate) fn earned(&self) -> f64 {
        self.tests().map(|(_, record)| record.earned).sum()
    }

    /// All tests with their suites.
    pub(crate) fn tests(&self) -> impl Iterator<Item = (&str, &Record)> {
        self.suites.iter().flat_map(|suite| suite.tests.iter().map(|record| (suite.suite.as_str(), record)))
    }

    /// In one or two words.
    pub(crate) fn status(&self) -> &'static str {
        if self.refused.is_some() {
            "refused"
        } else if self
            .suites
            .iter()
            .all(|suite| suite.tests.iter().all(|test| test.cause.as_deref() == Some("does-not-compile")))
        {
            "does not compile"
        } else if self.tests().any(|(_, record)| record.cause.as_deref() == Some("tampered")) {
            "look at it"
        } else {
            "graded"
        }
    }
}

/// The file, open for more.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    pub(crate) done: Vec<Graded>,
}

impl Log {
    /// Begins a log, or goes on with one.
    ///
    /// # Errors
    ///
    /// There is one and `resume` is false; or its submissions were graded under other conditions.
    pub(crate) fn open(path: &Path, header: &Header, resume: bool) -> Result<Self> {
        let mut done = Vec::new();
        let old = fs::read(path).unwrap_or_default();
        // The last line may have been cut when the grader was killed.
        let whole = old.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole > 0 {
            if !resume {
                bail!(
                    "`{}` has results already; go on with `--resume`, or give another folder with `--out`",
                    path.display()
                );
            }
            let text = std::str::from_utf8(&old[..whole])
                .with_context(|| format!("`{}` is damaged", path.display()))?;
            let mut lines = text.lines();
            let first: Header = serde_json::from_str(lines.next().unwrap_or_default())
                .with_context(|| format!("`{}` does not begin as a log does", path.display()))?;
            if let Some(what) = header.differs(&first) {
                bail!(
                    "cannot go on with `{}`: {what}; give another folder with `--out`, and this one with `--since`",
                    path.display()
                );
            }
            for (line, number) in lines.zip(2..) {
                done.push(
                    serde_json::from_str(line)
                        .with_context(|| format!("`{}`, line {number}, is damaged", path.display()))?,
                );
            }
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        file.set_len(whole as u64)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
        let mut log = Self { file, done };
        if whole == 0 {
            log.line(header)?;
        }
        Ok(log)
    }

    /// Whether this content of this submission is graded.
    pub(crate) fn has(&self, name: &str, hash: &str) -> bool {
        self.done.iter().any(|graded| graded.name == name && graded.hash == hash && graded.refused.is_none())
    }

    /// Adds a submission; when this returns it is on the disk. A newer one takes the place of an older.
    pub(crate) fn add(&mut self, graded: Graded) -> Result<()> {
        self.line(&graded)?;
        self.done.push(graded);
        Ok(())
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).context("cannot write the log")
    }

    /// The latest of each submission, by name.
    pub(crate) fn latest(&self) -> Vec<Graded> {
        let latest: BTreeMap<&str, &Graded> =
            self.done.iter().map(|graded| (graded.name.as_str(), graded)).collect();
        latest.into_values().cloned().collect()
    }
}

/// What tests begin with.
#[cfg(test)]
impl Header {
    pub(crate) fn example(suites: impl Into<BTreeMap<String, Vec<Worth>>>) -> Self {
        Self {
            record: "grading".to_owned(),
            schema: SCHEMA,
            version: "1".to_owned(),
            hash: "a".to_owned(),
            grading_hash: "b".to_owned(),
            hidden: None,
            only: Vec::new(),
            conditions: None,
            suites: suites.into(),
            regraded: None,
        }
    }
}

#[cfg(test)]
impl Graded {
    pub(crate) fn example(name: &str, suites: Vec<SuiteGrade>) -> Self {
        Self {
            record: "submission".to_owned(),
            name: name.to_owned(),
            hash: name.to_owned(),
            refused: None,
            notes: Vec::new(),
            comments: Vec::new(),
            suites,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(only: &[&str]) -> Header {
        Header {
            only: only.iter().map(|word| (*word).to_owned()).collect(),
            conditions: Some(Conditions {
                isolation: "namespaces".to_owned(),
                memory_mib: 3072,
                suite_seconds: 900,
                compile_seconds: 1200,
                compile_memory_mib: Some(3072),
                budget_seconds: None,
                seed: None,
            }),
            ..Header::example([])
        }
    }

    fn graded(name: &str, hash: &str) -> Graded {
        Graded { hash: hash.to_owned(), ..Graded::example(name, Vec::new()) }
    }

    #[test]
    fn a_log_that_was_cut_anywhere_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let mut log = Log::open(&path, &header(&[]), false).unwrap();
        log.add(graded("ada", "1")).unwrap();
        log.add(graded("bob", "1")).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut log = Log::open(&path, &header(&[]), true).unwrap();
            for name in ["ada", "bob"] {
                if !log.has(name, "1") {
                    log.add(graded(name, "1")).unwrap();
                }
            }
            assert_eq!(fs::read(&path).unwrap(), whole, "cut after {cut} bytes");
        }
    }

    #[test]
    fn a_log_is_never_mixed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let mut log = Log::open(&path, &header(&[]), false).unwrap();
        log.add(graded("ada", "1")).unwrap();
        log.add(graded("ada", "2")).unwrap();
        assert!(log.has("ada", "2") && !log.has("ada", "3"));
        assert_eq!(log.latest(), [graded("ada", "2")]);
        let refusal = |header: &Header, resume| {
            Log::open(&path, header, resume).unwrap_err().to_string().replace(&*path.to_string_lossy(), "LOG")
        };
        insta::assert_snapshot!(refusal(&header(&[]), false), @"`LOG` has results already; go on with `--resume`, or give another folder with `--out`");
        insta::assert_snapshot!(refusal(&header(&["t12"]), true), @"cannot go on with `LOG`: `--tests` was `` and is `t12`; give another folder with `--out`, and this one with `--since`");
        let with = |change: fn(&mut Conditions)| {
            let mut header = header(&[]);
            change(header.conditions.as_mut().unwrap());
            let refusal = refusal(&header, true);
            refusal.strip_prefix("cannot go on with `LOG`: ").unwrap().split_once(';').unwrap().0.to_owned()
        };
        insta::assert_snapshot!(with(|limits| limits.memory_mib = 640), @"`--memory` was `3072` and is `640`");
        insta::assert_snapshot!(with(|limits| limits.suite_seconds = 60), @"`--seconds` was `900` and is `60`");
        insta::assert_snapshot!(with(|limits| limits.compile_seconds = 60), @"`--compile-seconds` was `1200` and is `60`");
        insta::assert_snapshot!(with(|limits| limits.compile_memory_mib = Some(512)), @"`--compile-memory` was `3072` and is `512`");
        insta::assert_snapshot!(with(|limits| limits.budget_seconds = Some(540)), @"`--budget` was `none` and is `540`");
        insta::assert_snapshot!(with(|limits| limits.seed = Some(7)), @"`--seed` was `none` and is `7`");
        insta::assert_snapshot!(with(|limits| limits.isolation = "none".to_owned()), @"the isolation was `namespaces` and is `none`");
        let path = dir.path().join("older.jsonl");
        Log::open(&path, &Header { conditions: None, ..header(&[]) }, false).unwrap();
        let older = Log::open(&path, &header(&[]), true).unwrap_err().to_string();
        assert!(older.contains("the isolation was `unknown` and is `namespaces`"), "{older}");
    }
}
