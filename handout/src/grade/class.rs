//! A class: all submissions with what they earned, and what changed since an earlier grading.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::grade::log::{Graded, Header, Worth};
use crate::grade::regrade::Since;

/// The file that keeps a class as it was graded, without the marks of instructors, in the folder of results.
const FILE: &str = "unmarked.json";

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
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
    /// Keeps it in a folder of results.
    pub(crate) fn keep(&self, out: &Path) -> Result<()> {
        let (part, path) = (out.join("unmarked.part"), out.join(FILE));
        let text = serde_json::to_vec(self)?;
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &path))
            .with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Reads what was kept in a folder of results.
    pub(crate) fn read(out: &Path) -> Result<Self> {
        let path = out.join(FILE);
        let bytes = fs::read(&path).with_context(|| {
            format!(
                "cannot read `{}`, which `grade` writes when all are graded; was it interrupted? go on with `--resume`",
                path.display()
            )
        })?;
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is damaged", path.display()))
    }

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

    /// Submissions with different files whose searches visited exactly as many states, to the same depths, in every stage.
    /// Names and layout change nothing in that, messages, fields and timers do. Where searches are small, or a good part of
    /// the class has the same numbers, they are those of the lab, and nothing is said.
    pub(crate) fn alike(&self) -> Vec<Alike<'_>> {
        let mut by_stages: BTreeMap<Vec<Searched<'_>>, Vec<&Graded>> = BTreeMap::new();
        for graded in &self.graded {
            by_stages.entry(searched(graded)).or_default().push(graded);
        }
        let many = (self.graded.len() / 4).max(2);
        let alike = by_stages.into_iter().filter_map(|(stages, graded)| {
            let states = stages.iter().map(|stage| stage.states).sum();
            let differ = graded.iter().any(|one| one.hash != graded[0].hash);
            (differ && graded.len() <= many && states >= STATES_THAT_TELL).then(|| Alike {
                names: graded.iter().map(|graded| graded.name.as_str()).collect(),
                stages: stages.len(),
                states,
            })
        });
        alike.collect()
    }
}

/// Fewer states in all stages together may be the same by chance.
const STATES_THAT_TELL: u64 = 10_000;

/// Submissions that behave alike: see [`Class::alike`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alike<'a> {
    pub(crate) names: Vec<&'a str>,
    /// In how many stages of searches.
    pub(crate) stages: usize,
    /// How many states they visited.
    pub(crate) states: u64,
}

/// What a stage of a search visited.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Searched<'a> {
    suite: &'a str,
    test: &'a str,
    stage: &'a str,
    states: u64,
    depth: u64,
}

fn searched(graded: &Graded) -> Vec<Searched<'_>> {
    let mut all = Vec::new();
    for (suite, record) in graded.tests() {
        for stage in record.rest.get("stages").and_then(Value::as_array).into_iter().flatten() {
            let number = |name: &str| stage[name].as_u64().unwrap_or(0);
            all.push(Searched {
                suite,
                test: &record.test,
                stage: stage["name"].as_str().unwrap_or(""),
                states: number("states"),
                depth: number("depth"),
            });
        }
    }
    all
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::grade::log::SuiteGrade;
    use crate::results;

    /// A test, its verdict, and its points.
    type Came = (&'static str, &'static str, f64);

    /// A class of one suite, whose tests are worth 5 points each: names, and what came of each test.
    pub(in crate::grade) fn class(submissions: &[(&str, &[Came])]) -> Class {
        let graded = |(name, tests): &(&str, &[Came])| {
            let line = |(test, verdict, earned): &Came| {
                let cause = if *verdict == "pass" { "null" } else { "\"violated\"" };
                format!(
                    r#"{{"record":"test","test":"{test}","verdict":"{verdict}","cause":{cause},"points":5,"earned":{earned},"message":"{test}"}}"#
                )
            };
            let lines: Vec<String> = tests.iter().map(line).collect();
            let tests = results::parse(&lines.join("\n")).unwrap();
            Graded::example(name, vec![SuiteGrade { suite: "part2".to_owned(), problem: None, tests }])
        };
        let tests = submissions.first().map_or(&[][..], |(_, tests)| *tests);
        let worth = |(test, ..): &Came| Worth { test: (*test).to_owned(), points: 5.0, hidden: false };
        let header = Header::example([("part2".to_owned(), tests.iter().map(worth).collect())]);
        Class { header, graded: submissions.iter().map(graded).collect(), since: None }
    }

    /// A class of one suite with a search of one stage: names, what tells their files apart, and how many states it visited.
    fn searching(submissions: &[(&str, &str, u64)]) -> Class {
        let mut class = class(&submissions.iter().map(|(name, ..)| (*name, &[][..])).collect::<Vec<_>>());
        for (graded, (_, hash, states)) in class.graded.iter_mut().zip(submissions) {
            graded.hash = (*hash).to_owned();
            let line = format!(
                r#"{{"record":"test","test":"t01","verdict":"pass","points":5,"earned":5,
                "stages":[{{"name":"all","states":{states},"depth":9}}]}}"#
            );
            graded.suites[0].tests = results::parse(&line.replace('\n', " ")).unwrap();
        }
        class
    }

    #[test]
    fn who_visits_exactly_as_many_states_is_named_unless_many_do() {
        let two = [("ada", "a", 70_000), ("bob", "b", 70_000), ("cy", "c", 70_001), ("dee", "d", 90_000)];
        let expected = [Alike { names: vec!["ada", "bob"], stages: 1, states: 70_000 }];
        assert_eq!(searching(&two).alike(), expected);
        // The same files are named elsewhere; and what is small is the same by chance.
        let equal = [("ada", "a", 70_000), ("bob", "a", 70_000), ("cy", "c", 50), ("dee", "d", 50)];
        assert_eq!(searching(&equal).alike(), []);
        // Three of four: that is how one solves this lab.
        let usual = [("ada", "a", 70_000), ("bob", "b", 70_000), ("cy", "c", 70_000), ("dee", "d", 90_000)];
        assert_eq!(searching(&usual).alike(), []);
    }
}
