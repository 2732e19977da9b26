//! The kill matrix: which test finds which bug, and which tests are needed for that.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use crate::bugs::Kill;
use crate::results::Record;

/// What a matrix is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    /// The commit and its day; none where there is no git.
    pub(crate) commit: Option<String>,
    /// Whether files differ from the commit.
    pub(crate) changed: bool,
    /// Whether all bugs of the suite ran, with all tests. Else little follows from what is missing.
    pub(crate) whole: bool,
}

impl Origin {
    /// The state of a repository.
    pub(crate) fn of(root: &Path, whole: bool) -> Self {
        let git = |arguments: &[&str]| {
            let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
            output.status.success().then_some(text)
        };
        let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
        Self {
            commit: git(&["log", "-1", "--format=%h of %cs"]).filter(|text| !text.is_empty()),
            changed: changed.is_some_and(|text| !text.is_empty()),
            whole,
        }
    }

    fn text(&self) -> String {
        let commit = self.commit.as_ref().map_or_else(String::new, |commit| format!("Commit {commit}"));
        let changed = if self.changed { ", with changes" } else { "" };
        let whole = if self.whole { "all bugs, all tests" } else { "a part of the bugs or tests" };
        let text = format!("{commit}{changed}: {whole}.");
        text.strip_prefix(": ").map(str::to_owned).unwrap_or(text)
    }
}

/// The tests of a suite, by name.
fn tests<'a>(kills: &[&'a Kill]) -> BTreeSet<&'a str> {
    kills.iter().flat_map(|kill| kill.records()).map(|record| record.test.as_str()).collect()
}

/// The tests that could go: each bug that they find is found by another test as well.
fn replaceable<'a>(kills: &[&'a Kill], tests: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let alone: BTreeSet<&str> = kills
        .iter()
        .filter_map(|kill| {
            let mut killers = kill.records().iter().filter(|record| !record.passes());
            let first = killers.next()?;
            killers.next().is_none().then_some(first.test.as_str())
        })
        .collect();
    tests.iter().filter(|test| !alone.contains(*test)).copied().collect()
}

/// The tests that find no bug at all.
fn find_nothing<'a>(kills: &[&'a Kill], tests: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let records = || kills.iter().flat_map(|kill| kill.records());
    let find: BTreeSet<&str> =
        records().filter(|record| !record.passes()).map(|record| &*record.test).collect();
    tests.iter().filter(|test| !find.contains(*test)).copied().collect()
}

/// `t04_search_large_tally` → `t04`.
fn short(test: &str) -> &str {
    test.split('_').next().unwrap_or(test)
}

/// How a test found a bug: the cause, the depth of the search's last stage, the states, the time.
fn cell(record: &Record) -> String {
    if record.passes() {
        return String::new();
    }
    let cause = record.cause.clone().unwrap_or_else(|| record.verdict.clone());
    let mut numbers = Vec::new();
    numbers.extend(depth(record).map(|depth| format!("depth {depth}")));
    numbers.extend(
        record.number("states").filter(|states| *states > 0.0).map(|states| format!("{states} states")),
    );
    numbers.extend(record.number("seconds").map(|seconds| format!("{seconds:.1} s")));
    if numbers.is_empty() { cause } else { format!("{cause} ({})", numbers.join(", ")) }
}

fn depth(record: &Record) -> Option<u64> {
    record.rest.get("stages")?.as_array()?.last()?.get("depth")?.as_u64()
}

/// The matrix of a suite as a page.
pub(crate) fn markdown(suite: &str, kills: &[&Kill], origin: &Origin) -> String {
    let tests = tests(kills);
    let mut page = format!("# Which test of `{suite}` finds which seeded bug\n\n{}\n", origin.text());
    let columns: Vec<&str> = tests.iter().map(|test| short(test)).collect();
    let _never_fails = write!(page, "\n| bug | as it says | {} | seconds |\n", columns.join(" | "));
    let _never_fails = writeln!(page, "|---|---|{}---|", "---|".repeat(tests.len()));
    for kill in kills {
        let cells = tests.iter().map(|test| {
            kill.records().iter().find(|record| record.test == **test).map(cell).unwrap_or_default()
        });
        let verdict = if kill.problem().is_none() { "killed" } else { "NO" };
        let cells: Vec<String> = cells.collect();
        let _never_fails =
            writeln!(page, "| {} | {verdict} | {} | {:.1} |", kill.bug.name, cells.join(" | "), kill.seconds);
    }
    let lists = [
        ("Tests that find nothing that no other test finds", replaceable(kills, &tests)),
        ("Tests that find nothing at all", find_nothing(kills, &tests)),
    ];
    for (about, tests) in lists.iter().filter(|(_, tests)| origin.whole && !tests.is_empty()) {
        let _never_fails = write!(page, "\n{about}: {}.\n", tests.join(", "));
    }
    page
}

/// The matrix of a suite as data: of each bug the tests that find it.
pub(crate) fn json(suite: &str, kills: &[&Kill], origin: &Origin) -> Result<String> {
    let bugs: Vec<Value> = kills
        .iter()
        .map(|kill| {
            json!({
                "bug": kill.bug.name, "lab": kill.bug.lab, "about": kill.bug.about,
                "problem": kill.problem(), "seconds": kill.seconds, "tests": found_by(kill),
            })
        })
        .collect();
    let spare = replaceable(kills, &tests(kills));
    let none = find_nothing(kills, &tests(kills));
    let matrix = json!({
        "schema": 1, "suite": suite, "origin": origin, "bugs": bugs, "find_nothing_alone": spare,
        "find_nothing": none,
    });
    Ok(serde_json::to_string_pretty(&matrix)? + "\n")
}

/// The tests that find a bug, and how; what a student would read is left out.
fn found_by(kill: &Kill) -> Vec<Value> {
    let failing = kill.records().iter().filter(|record| !record.passes());
    let found = failing.map(|record| {
        json!({
            "test": record.test, "verdict": record.verdict, "cause": record.cause, "detector": record.detector,
            "depth": depth(record), "states": record.number("states"), "seconds": record.number("seconds"),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests_of_the_matrix {
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
                r#""fail","cause":"violated","states":81,"seconds":0.25,"stages":[{"depth":4},{"depth":7}],"earned":0"#
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
        let kills: Vec<&Kill> = kills.iter().collect();
        let origin = Origin { commit: Some("c0ffee of 2026-11-21".to_owned()), changed: false, whole: true };
        insta::assert_snapshot!(markdown("part2", &kills, &origin), @"
        # Which test of `part2` finds which seeded bug

        Commit c0ffee of 2026-11-21: all bugs, all tests.

        | bug | as it says | t01 | t02 | t03 | seconds |
        |---|---|---|---|---|---|
        | one | killed | violated (depth 7, 81 states, 0.2 s) |  |  | 1.0 |
        | both | killed | violated (depth 7, 81 states, 0.2 s) | violated (depth 7, 81 states, 0.2 s) |  | 1.0 |
        | survives | NO |  |  |  | 1.0 |

        Tests that find nothing that no other test finds: t02_b, t03_c.

        Tests that find nothing at all: t03_c.
        ");
        let data: Value = serde_json::from_str(&json("part2", &kills, &origin).unwrap()).unwrap();
        assert_eq!(data["find_nothing_alone"], json!(["t02_b", "t03_c"]));
        assert_eq!(data["find_nothing"], json!(["t03_c"]));
        assert_eq!(data["bugs"][1]["tests"][1]["test"], json!("t02_b"));
        assert_eq!(data["bugs"][2]["problem"], json!("survives: `t01_a` passes"));

        // Where only some bugs ran, it says so, and does not say that a test is not needed.
        let page = markdown("part2", &kills[..1], &Origin::default());
        assert!(
            page.contains("\na part of the bugs or tests.\n") && !page.contains("no other test"),
            "{page}"
        );
    }
}
