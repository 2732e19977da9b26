//! Groups failures of a class that are the same failure: one comment of a teaching assistant serves them all.

use std::collections::BTreeMap;

use crate::grade::class::Class;
use crate::grade::log::Graded;
use crate::results::Record;

/// Submissions that fail a test in the same way.
#[derive(Debug)]
pub(crate) struct Cluster<'a> {
    pub(crate) suite: &'a str,
    pub(crate) test: &'a str,
    pub(crate) cause: &'a str,
    pub(crate) detector: Option<&'a str>,
    /// Whose they are, by name.
    pub(crate) members: Vec<&'a str>,
    /// The one with the shortest trace, and its record.
    pub(crate) exemplar: (&'a Graded, &'a Record),
}

/// The groups, the largest first.
pub(crate) fn clusters(class: &Class) -> Vec<Cluster<'_>> {
    let mut groups: BTreeMap<[String; 5], Vec<(&str, &Graded, &Record)>> = BTreeMap::new();
    for graded in &class.graded {
        for (suite, record) in graded.tests().filter(|(_, record)| !record.passes()) {
            groups.entry(key(suite, record)).or_default().push((suite, graded, record));
        }
    }
    let mut clusters: Vec<Cluster<'_>> = groups
        .into_values()
        .filter_map(|members| {
            let names = members.iter().map(|(_, graded, _)| graded.name.as_str()).collect();
            let (suite, graded, record) = members
                .into_iter()
                .min_by_key(|(_, graded, record)| (length(record), graded.name.clone()))?;
            Some(Cluster {
                suite,
                test: &record.test,
                cause: record.cause.as_deref().unwrap_or(&record.verdict),
                detector: record.detector.as_deref(),
                members: names,
                exemplar: (graded, record),
            })
        })
        .collect();
    // The order among equals is that of the keys.
    clusters.sort_by_key(|cluster| usize::MAX - cluster.members.len());
    clusters
}

/// What a failure has in common with the same failure of others.
fn key(suite: &str, record: &Record) -> [String; 5] {
    let common = match record.text("cluster") {
        Some(cluster) => cluster.to_owned(),
        None => normal(record.text("message").unwrap_or_default()),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [suite.to_owned(), record.test.clone(), text(&record.cause), text(&record.detector), common]
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

/// The length of the trace, where the harness says it: the depth that the last stage of a search reached. A failure
/// without one comes last.
fn length(record: &Record) -> u64 {
    let last_stage = || record.rest.get("stages")?.as_array()?.last()?.get("depth");
    let events = record.rest.get("events").or_else(last_stage).and_then(serde_json::Value::as_u64);
    let has_trace = record.text("trace").is_some();
    events.unwrap_or(if has_trace { 1 << 20 } else { 1 << 40 })
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
        Graded {
            record: "submission".to_owned(),
            name: name.to_owned(),
            hash: name.to_owned(),
            refused: None,
            notes: Vec::new(),
            suites: vec![suite],
        }
    }

    #[test]
    fn the_same_failure_is_one_group_with_its_shortest_trace() {
        let message = |text: &str, events: u32| {
            format!(
                r#""test":"t07","verdict":"fail","cause":"violated","detector":"election-safety","message":"{text}","stages":[{{"depth":3}},{{"depth":{events}}}]"#
            )
        };
        let class = Class {
            header: Header {
                record: String::new(),
                schema: 1,
                version: String::new(),
                hash: String::new(),
                grading_hash: String::new(),
                hidden: None,
                only: Vec::new(),
                suites: BTreeMap::new(),
            },
            graded: vec![
                submission("ada", &[&message("server3 and server12 lead term 2", 9)]),
                submission("bob", &[&message("server1 and server2 lead term 14", 7)]),
                submission(
                    "eve",
                    &[r#""test":"t07","verdict":"fail","cause":"panicked","message":"index 3 of 3""#],
                ),
                submission("joe", &[&message("server1 leads twice", 7)]),
            ],
            since: None,
        };
        let found: Vec<String> = clusters(&class)
            .iter()
            .map(|c| {
                format!(
                    "{} {} {}: {} (see {})",
                    c.test,
                    c.cause,
                    c.detector.unwrap_or("-"),
                    c.members.join(", "),
                    c.exemplar.0.name
                )
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @"
        t07 violated election-safety: ada, bob (see bob)
        t07 panicked -: eve (see eve)
        t07 violated election-safety: joe (see joe)
        ");
    }

    #[test]
    fn numbers_and_quoted_texts_do_not_count() {
        assert_eq!(normal(r#"client12 got "a\b7", expected 3"#), r#"client# got "", expected #"#);
    }
}
