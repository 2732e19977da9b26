//! The kill matrix: which test finds which bug, and which tests are needed for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::Result;
use serde_json::{Value, json};

use crate::bugs::Kill;
use crate::results::Record;

/// The tests of each suite, by name.
fn tests(kills: &[Kill]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut tests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kill in kills {
        let names = kill.records().iter().map(|record| record.test.as_str());
        tests.entry(&kill.bug.part).or_default().extend(names);
    }
    tests
}

/// The tests of a suite that could go: each bug that they find is found by another test as well.
fn replaceable<'a>(kills: &'a [Kill], part: &str, tests: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let alone: BTreeSet<&str> = kills
        .iter()
        .filter(|kill| kill.bug.part == part)
        .filter_map(|kill| {
            let mut killers = kill.records().iter().filter(|record| !record.passes());
            let first = killers.next()?;
            killers.next().is_none().then_some(first.test.as_str())
        })
        .collect();
    tests.iter().filter(|test| !alone.contains(*test)).copied().collect()
}

/// `t04_search_large_tally` → `t04`.
fn short(test: &str) -> &str {
    test.split('_').next().unwrap_or(test)
}

fn cell(record: &Record) -> String {
    if record.passes() {
        return String::new();
    }
    let mut cell = record.cause.clone().unwrap_or_else(|| record.verdict.clone());
    let numbers: Vec<String> = ["depth", "states"]
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", record.number(name)?)))
        .collect();
    if !numbers.is_empty() {
        let _never_fails = write!(cell, " ({})", numbers.join(", "));
    }
    cell
}

/// The matrix as a page, a table for each suite.
pub(crate) fn markdown(kills: &[Kill]) -> String {
    let mut page = String::from("# Which test finds which seeded bug\n");
    for (part, tests) in tests(kills) {
        let columns: Vec<&str> = tests.iter().map(|test| short(test)).collect();
        let _never_fails =
            write!(page, "\n## {part}\n\n| bug | as it says | {} | seconds |\n", columns.join(" | "));
        let _never_fails = writeln!(page, "|---|---|{}---|", "---|".repeat(tests.len()));
        for kill in kills.iter().filter(|kill| kill.bug.part == part) {
            let cells = tests.iter().map(|test| {
                kill.records().iter().find(|record| record.test == **test).map(cell).unwrap_or_default()
            });
            let verdict = if kill.problem().is_none() { "killed" } else { "NO" };
            let cells: Vec<String> = cells.collect();
            let _never_fails = writeln!(
                page,
                "| {} | {verdict} | {} | {:.1} |",
                kill.bug.name,
                cells.join(" | "),
                kill.seconds
            );
        }
        let spare = replaceable(kills, part, &tests);
        if !spare.is_empty() {
            let _never_fails =
                write!(page, "\nTests that find nothing that no other test finds: {}.\n", spare.join(", "));
        }
    }
    page
}

/// The matrix as data.
pub(crate) fn json(kills: &[Kill]) -> Result<String> {
    let bugs: Vec<Value> = kills
        .iter()
        .map(|kill| {
            json!({
                "bug": kill.bug.name, "lab": kill.bug.lab, "part": kill.bug.part, "about": kill.bug.about,
                "problem": kill.problem(), "seconds": kill.seconds, "tests": kill.records(),
            })
        })
        .collect();
    let tests = tests(kills);
    let spare: BTreeMap<&str, Vec<&str>> =
        tests.iter().map(|(part, tests)| (*part, replaceable(kills, part, tests))).collect();
    Ok(serde_json::to_string_pretty(&json!({ "schema": 1, "bugs": bugs, "find_nothing_alone": spare }))?
        + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::{Bug, Expected, Patch};
    use crate::results;
    use crate::suite::Outcome;

    fn kill(name: &str, failing: &[&str]) -> Kill {
        let expected =
            |test: &&str| Expected { test: (*test).to_owned(), cause: "violated".to_owned(), detector: None };
        let bug = Bug {
            name: name.to_owned(),
            lab: "x".to_owned(),
            about: String::new(),
            part: "part2".to_owned(),
            kills: failing.iter().map(expected).collect(),
            patch: Patch::parse("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", 1).unwrap(),
        };
        let line = |test: &str| {
            let end = if failing.contains(&test) {
                r#""fail","cause":"violated","states":81,"earned":0"#
            } else {
                r#""pass","earned":1"#
            };
            format!(r#"{{"record":"test","test":"{test}","points":1,"verdict":{end}}}"#)
        };
        let lines = ["t01_a", "t02_b", "t03_c"].map(line).join("\n");
        Kill { bug, outcome: Outcome::Ran(results::parse(&lines).unwrap()), seconds: 1.0 }
    }

    #[test]
    fn the_matrix_says_who_finds_what_and_who_is_not_needed() {
        let mut survivor = kill("survives", &[]);
        survivor.bug.kills = kill("", &["t01_a"]).bug.kills;
        let kills = [kill("one", &["t01_a"]), kill("both", &["t01_a", "t02_b"]), survivor];
        insta::assert_snapshot!(markdown(&kills), @"
        # Which test finds which seeded bug

        ## part2

        | bug | as it says | t01 | t02 | t03 | seconds |
        |---|---|---|---|---|---|
        | one | killed | violated (states 81) |  |  | 1.0 |
        | both | killed | violated (states 81) | violated (states 81) |  | 1.0 |
        | survives | NO |  |  |  | 1.0 |

        Tests that find nothing that no other test finds: t02_b, t03_c.
        ");
        let data: Value = serde_json::from_str(&json(&kills).unwrap()).unwrap();
        assert_eq!(data["find_nothing_alone"]["part2"], json!(["t02_b", "t03_c"]));
        assert_eq!(data["bugs"][2]["problem"], json!("survives: `t01_a` passes"));
    }
}
