//! Groups failures of a class that are the same failure, also if several tests find it: one comment of a teaching assistant
//! serves them all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::grade::class::Class;
use crate::grade::log::Graded;
use crate::grade::one::NO_PROGRAM;
use crate::results::Record;
use crate::tree;

/// Submissions that fail in the same way, in one test or in several of a suite.
#[derive(Debug)]
pub(crate) struct Cluster<'a> {
    /// The number by which instructors name it; the same as long as the failure is.
    pub(crate) id: String,
    pub(crate) suite: &'a str,
    /// The tests in which some of them fail so.
    pub(crate) tests: BTreeSet<&'a str>,
    pub(crate) cause: &'a str,
    pub(crate) detector: Option<&'a str>,
    /// Whose they are.
    pub(crate) members: BTreeSet<&'a str>,
    /// The one with the shortest trace, and its record.
    pub(crate) exemplar: (&'a Graded, &'a Record),
}

/// The groups, the largest first.
pub(crate) fn clusters(class: &Class) -> Vec<Cluster<'_>> {
    let mut groups: BTreeMap<[String; 4], Vec<(&str, &Graded, &Record)>> = BTreeMap::new();
    for graded in &class.graded {
        for (suite, record) in graded.tests().filter(|(_, record)| !record.passes()) {
            groups.entry(key(suite, record)).or_default().push((suite, graded, record));
        }
    }
    let mut clusters: Vec<Cluster<'_>> = groups
        .into_iter()
        .filter_map(|(key, members)| {
            let names = members.iter().map(|(_, graded, _)| graded.name.as_str()).collect();
            let tests = members.iter().map(|(_, _, record)| record.test.as_str()).collect();
            // Among equals the first test, and in it the first name.
            let (suite, graded, record) = members
                .into_iter()
                .min_by_key(|(_, graded, record)| (length(record), &record.test, &graded.name))?;
            Some(Cluster {
                id: id_of(&key),
                suite,
                tests,
                cause: record.cause.as_deref().unwrap_or(&record.verdict),
                detector: record.detector.as_deref(),
                members: names,
                exemplar: (graded, record),
            })
        })
        .collect();
    // The order among equals is that of the keys.
    clusters.sort_by_key(|cluster| Reverse(cluster.members.len()));
    clusters
}

impl Cluster<'_> {
    /// Which tests, in a few words.
    pub(crate) fn tests_in_words(&self) -> String {
        let first = self.exemplar.1.test.as_str();
        match self.tests.len() {
            1 => format!("{} {first}", self.suite),
            2 => format!("{} {first} and another test", self.suite),
            more => format!("{} {first} and {} other tests", self.suite, more - 1),
        }
    }
}

/// The number of the cluster that a failure belongs to.
pub(crate) fn id(suite: &str, record: &Record) -> String {
    id_of(&key(suite, record))
}

fn id_of(key: &[String; 4]) -> String {
    tree::hash(key.join("\n").as_bytes())[..8].to_owned()
}

/// What a failure has in common with the same failure of others.
fn key(suite: &str, record: &Record) -> [String; 4] {
    let common = match record.text("cluster") {
        // The harness writes the test's name before what is the same in other tests as well.
        Some(cluster) => cluster.strip_prefix(&record.test).unwrap_or(cluster).to_owned(),
        None => normal(record.text("message").unwrap_or_default()),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    // A program that does not compile fails once, not once in each suite.
    let suite = if record.cause.as_deref() == Some(NO_PROGRAM) { "" } else { suite };
    [suite.to_owned(), text(&record.cause), text(&record.detector), common]
}

/// A message without what differs between two programs with the same mistake: numbers and quoted texts.
fn normal(message: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    for c in message.chars() {
        if c == '"' {
            quoted = !quoted;
            out.push(c);
        } else if quoted {
            continue;
        } else if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

/// The steps of the saved trace. A failure without one comes last.
fn length(record: &Record) -> u64 {
    let steps = record.rest.get("steps").and_then(serde_json::Value::as_u64);
    steps.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::log::{Header, SuiteGrade};
    use crate::results;

    fn submission(name: &str, tests: &[&str]) -> Graded {
        let lines: Vec<String> =
            tests.iter().map(|rest| format!(r#"{{"record":"test",{rest},"points":1,"earned":0}}"#)).collect();
        let suite = SuiteGrade {
            suite: "part2".to_owned(),
            problem: None,
            tests: results::parse(&lines.join("\n")).unwrap(),
        };
        Graded::example(name, vec![suite])
    }

    #[test]
    fn the_same_failure_is_one_group_with_its_shortest_trace() {
        let message = |text: &str, steps: u32| {
            format!(
                r#""test":"t07","verdict":"fail","cause":"violated","detector":"election-safety","message":"{text}","stages":[{{"depth":3}},{{"depth":3}}],"steps":{steps}"#
            )
        };
        let class = Class {
            header: Header::example([]),
            graded: vec![
                submission("ada", &[&message("server3 and server12 lead term 2", 9)]),
                submission("bob", &[&message("server1 and server2 lead term 14", 7)]),
                submission(
                    "eve",
                    &[r#""test":"t07","verdict":"fail","cause":"panicked","message":"index 3 of 3""#],
                ),
                submission("joe", &[&message("server1 leads twice", 7)]),
                submission(
                    "kim",
                    &[
                        r#""test":"t07","verdict":"fail","cause":"does-not-compile","message":"no `x`""#,
                        r#""test":"t08","verdict":"fail","cause":"does-not-compile","message":"no `x`""#,
                    ],
                ),
                submission(
                    "zoe",
                    &[
                        r#""test":"t08","verdict":"fail","cause":"timed-out","cluster":"t08/run/timed-out","steps":9"#,
                        r#""test":"t09","verdict":"fail","cause":"timed-out","cluster":"t09/run/timed-out","steps":4"#,
                        r#""test":"t10","verdict":"fail","cause":"timed-out","cluster":"t10/run/timed-out","steps":9"#,
                    ],
                ),
            ],
            since: None,
        };
        let found: Vec<String> = clusters(&class)
            .iter()
            .map(|c| {
                format!(
                    "{}, {} {}: {} (see {})",
                    c.tests_in_words(),
                    c.cause,
                    c.detector.unwrap_or("-"),
                    c.members.iter().copied().collect::<Vec<_>>().join(", "),
                    c.exemplar.0.name
                )
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @"
        part2 t07, violated election-safety: ada, bob (see bob)
        part2 t07 and another test, does-not-compile -: kim (see kim)
        part2 t07, panicked -: eve (see eve)
        part2 t09 and 2 other tests, timed-out -: zoe (see zoe)
        part2 t07, violated election-safety: joe (see joe)
        ");
    }

    #[test]
    fn numbers_and_quoted_texts_do_not_count() {
        assert_eq!(normal(r#"client12 got "a\b7", expected 3"#), r#"client# got "", expected #"#);
    }
}
