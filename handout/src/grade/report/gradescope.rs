//! Gradescope's `results.json` of one submission, for its author to read. It has what the harness's own file has
//! (`tests/support/src/results/gradescope.rs`); of hidden tests the author sees nothing, not even that there are any.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::grade::log::{Graded, Header, SuiteGrade};
use crate::results::Record;

/// The most of a counterexample that is shown, in bytes and in lines.
const MOST_STEPS: usize = 16 << 10;
const MOST_LINES: usize = 300;

/// The file. In `folder` are the traces.
pub(crate) fn results(graded: &Graded, header: &Header, folder: &Path) -> Result<String> {
    let mut tests = Vec::new();
    let mut problems: BTreeSet<String> = graded.refused.iter().cloned().collect();
    let (mut earned, mut points, mut seconds) = (0.0, 0.0, 0.0);
    let mut any_hidden = false;
    for suite in &graded.suites {
        let hidden = hidden_tests(suite, header);
        any_hidden |= !hidden.is_empty();
        // A suite whose name students do not know is not spoken of.
        if suite.tests.iter().any(|record| !hidden.contains(record.test.as_str())) {
            problems.extend(problem(suite, !hidden.is_empty()));
        }
        for record in &suite.tests {
            let is_hidden = hidden.contains(record.test.as_str());
            if !is_hidden {
                earned += record.earned;
                points += record.points;
            }
            seconds += record.number("seconds").unwrap_or(0.0);
            tests.push(test(suite, record, is_hidden, !hidden.is_empty(), folder));
        }
    }
    let mut output = vec![format!("Graded with handout {} ({}).", header.version, short(&header.hash))];
    if any_hidden {
        // Gradescope itself shows no total where a test is hidden.
        output.push(format!("The tests that you see: {earned} of {points} points."));
    }
    output.extend(problems);
    output.extend(graded.comments.iter().map(|comment| format!("\n{comment}")));
    let file = json!({
        "output": output.join("\n"),
        "output_format": "text",
        "execution_time": seconds.round(),
        "stdout_visibility": "hidden",
        "visibility": "visible",
        "tests": tests,
        "extra_data": { "handout": header.version, "hash": header.hash, "submission": graded.hash },
    });
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

fn hidden_tests<'a>(suite: &SuiteGrade, header: &'a Header) -> BTreeSet<&'a str> {
    let tests = header.suites.get(&suite.suite).into_iter().flatten();
    tests.filter(|worth| worth.hidden).map(|worth| worth.test.as_str()).collect()
}

/// One test. What is hidden has no text at all: who may see the test in Gradescope finds the text in the grader's own files.
fn test(suite: &SuiteGrade, record: &Record, is_hidden: bool, beside_hidden: bool, folder: &Path) -> Value {
    let data = |name: &str| record.rest.get(name).cloned().unwrap_or_default();
    let mut test = json!({
        "name": format!("{} {}", suite.suite, record.test),
        "number": record.rest.get("number").map(Value::to_string).unwrap_or_default(),
        "status": if record.passes() { "passed" } else { "failed" },
        "output": output(suite, record, beside_hidden, folder),
        "output_format": "text",
        "visibility": "visible",
        "tags": record.text("kind").into_iter().collect::<Vec<_>>(),
        "extra_data": {
            "verdict": record.verdict,
            "cause": record.cause,
            "detector": record.detector,
            "stage": data("stage"),
            "states": data("states"),
            "seed": data("seed"),
            "trace": data("trace"),
            "cluster": data("cluster"),
        },
    });
    // A test without points has no score: Gradescope then shows its status alone.
    if record.points > 0.0 {
        test["score"] = json!(record.earned);
        test["max_score"] = json!(record.points);
    }
    if is_hidden {
        test["visibility"] = json!("hidden");
        test["output"] = json!("");
    }
    test
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// What to say of a whole suite.
fn problem(suite: &SuiteGrade, beside_hidden: bool) -> Option<String> {
    let problem = suite.problem.as_deref()?;
    Some(if beside_hidden { without_hidden(problem) } else { problem.to_owned() })
}

/// A problem of a suite in which there are hidden tests: the compiler's words only where they are about the author's own
/// files, for else they quote the hidden ones.
fn without_hidden(problem: &str) -> String {
    let mut places = problem.lines().filter_map(|line| line.trim_start().strip_prefix("--> ")).peekable();
    let all_own = |place: &str| place.starts_with("labs/") && place.contains("/src/");
    if places.peek().is_some() && places.all(all_own) {
        return problem.to_owned();
    }
    let known = [
        "there was no time left",
        "the suite took too long",
        "all processes together took too much memory",
        "it had too many processes",
        "it printed too much",
    ];
    let found = known.iter().find(|words| problem.starts_with(**words)).map(|words| (*words).to_owned());
    found.unwrap_or_else(|| {
        "it could not be compiled with the course's tests, or did not run to their end".to_owned()
    })
}

/// What the author reads: what the harness says of a test, after what instructors say of it.
fn output(suite: &SuiteGrade, record: &Record, beside_hidden: bool, folder: &Path) -> String {
    let waived = record.text("waived").map(|why| {
        let before = record.number("earned_in_run").unwrap_or_default();
        format!("{} points, where the run earned {before}: {why}", record.earned)
    });
    let remarks: Vec<&str> = waived.as_deref().into_iter().chain(record.text("comment")).collect();
    let text = of_the_harness(suite, record, beside_hidden, folder);
    remarks.into_iter().chain((!text.is_empty()).then_some(&*text)).collect::<Vec<_>>().join("\n\n")
}

/// What the harness says of a test.
fn of_the_harness(suite: &SuiteGrade, record: &Record, beside_hidden: bool, folder: &Path) -> String {
    if record.passes() {
        let claim = record.text("claim").unwrap_or_default().trim_end_matches('.');
        return if claim.is_empty() { String::new() } else { format!("{claim}.") };
    }
    let mut text = match record.rest.get("block").and_then(Value::as_array) {
        Some(block) => {
            let lines = block.iter().filter_map(Value::as_str);
            // The file is in a container that is gone when this is read.
            let kept = lines.filter(|line| !line.trim_start().starts_with("Step through it: "));
            kept.collect::<Vec<_>>().join("\n")
        }
        None => {
            // The grader's own words about a suite are as open as the suite's problem.
            let veiled = suite
                .problem
                .as_deref()
                .filter(|_| beside_hidden)
                .map(|problem| (problem, without_hidden(problem)));
            let veiled = veiled.filter(|(problem, shown)| problem != shown).map(|(_, shown)| shown);
            let message = veiled.or_else(|| record.text("message").map(str::to_owned));
            let words = [record.cause.clone(), record.detector.clone(), message];
            words.into_iter().flatten().collect::<Vec<_>>().join(": ")
        }
    };
    if let Some(steps) = record.text("transcript").and_then(|path| fs::read_to_string(folder.join(path)).ok())
    {
        text.push_str("\n\nThe whole counterexample:\n\n");
        text.push_str(&beginning(&steps));
    }
    text
}

/// The first lines of a text, not more than may be shown.
fn beginning(text: &str) -> String {
    let mut shown = String::new();
    let mut left = text.lines();
    for line in left.by_ref().take(MOST_LINES) {
        if shown.len() + line.len() > MOST_STEPS {
            shown.push_str("…\n");
            return shown;
        }
        shown.push_str(line);
        shown.push('\n');
    }
    if left.next().is_some() {
        shown.push_str("…\n");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::log::Worth;

    const SECRET: &str = "t05_run_secret";

    fn header() -> Header {
        let worth = |test: &str, hidden| Worth { test: test.to_owned(), points: 5.0, hidden };
        Header::example([
            ("part1".to_owned(), vec![worth("t01_run_open", false), worth(SECRET, true)]),
            ("secret".to_owned(), vec![worth("t01_search_secret", true)]),
        ])
    }

    fn record(text: &str) -> Record {
        serde_json::from_str(text).unwrap()
    }

    fn graded(suites: Vec<(&str, Option<&str>, Vec<Record>)>) -> Graded {
        let suites = suites.into_iter().map(|(suite, problem, tests)| SuiteGrade {
            suite: suite.to_owned(),
            problem: problem.map(str::to_owned),
            tests,
        });
        Graded::example("ada", suites.collect())
    }

    /// What the author sees of a file: all but the hidden tests.
    fn seen(file: &str) -> String {
        let mut file: Value = serde_json::from_str(file).unwrap();
        file["tests"].as_array_mut().unwrap().retain(|test| test["visibility"] == "visible");
        serde_json::to_string_pretty(&file).unwrap()
    }

    #[test]
    fn hidden_tests_count_and_are_not_seen() {
        let failed = |test: &str| {
            record(&format!(
                r#"{{"test":"{test}","verdict":"fail","cause":"violated","detector":"secret","points":5,"earned":0,
                     "number":5,"kind":"run","seconds":1.2,"block":["  The secret claim."],"trace":"traces/secret.json"}}"#
            ))
        };
        let open = record(
            r#"{"test":"t01_run_open","verdict":"pass","points":5,"earned":5,"number":1,"kind":"run","claim":"It answers","seconds":0.5}"#,
        );
        let compiler = "error[E0599]: no method `secret`\n --> tests/part1.rs:7:1\n7 | let secret = 1;";
        let graded = graded(vec![
            ("part1", Some(compiler), vec![open, failed(SECRET)]),
            ("secret", Some("error: secret"), vec![failed("t01_search_secret")]),
        ]);
        let file = results(&graded, &header(), Path::new("/nowhere")).unwrap();
        let whole: Value = serde_json::from_str(&file).unwrap();
        let tests = whole["tests"].as_array().unwrap();
        let of = |key: &str| tests.iter().map(|test| test[key].clone()).collect::<Vec<_>>();
        assert_eq!(of("visibility"), ["visible", "hidden", "hidden"]);
        assert_eq!(of("max_score"), [5.0, 5.0, 5.0]);
        assert_eq!(of("output"), ["It answers.", "", ""]);
        assert!(!seen(&file).contains("secret"), "{}", seen(&file));
        assert!(seen(&file).contains("The tests that you see: 5 of 5 points."), "{}", seen(&file));
        assert_eq!(whole["execution_time"], 3.0);
    }

    #[test]
    fn what_instructors_say_comes_first() {
        let failed = record(
            r#"{"test":"t01_run_open","verdict":"fail","points":5,"earned":3,"earned_in_run":0,"waived":"nearly","comment":"Figure 2.",
                "block":["  It does not answer."]}"#,
        );
        let mut graded = graded(vec![("part1", None, vec![failed])]);
        graded.comments.push("Nice.".to_owned());
        let file: Value = serde_json::from_str(&results(&graded, &header(), Path::new("")).unwrap()).unwrap();
        assert!(file["output"].as_str().unwrap().ends_with("\n\nNice."), "{file}");
        insta::assert_snapshot!(file["tests"][0]["output"].as_str().unwrap(), @"
        3 points, where the run earned 0: nearly

        Figure 2.

          It does not answer.
        ");
    }

    #[test]
    fn the_compiler_is_quoted_about_the_authors_own_files_only() {
        let refused = |why: &str| {
            let missing = format!(
                r#"{{"test":"t01_run_open","verdict":"fail","cause":"does-not-compile","points":5,"earned":0,"message":{}}}"#,
                serde_json::to_string(why.lines().next().unwrap()).unwrap()
            );
            let graded = graded(vec![("part1", Some(why), vec![record(&missing)])]);
            let file: Value =
                serde_json::from_str(&results(&graded, &header(), Path::new("")).unwrap()).unwrap();
            format!("{}\n{}", file["output"].as_str().unwrap(), file["tests"][0]["output"].as_str().unwrap())
        };
        let own = refused("error[E0425]: no `n`\n  --> labs/echo/src/server.rs:3:1\n3 | n");
        assert_eq!((own.matches("3 | n").count(), own.matches("no `n`").count()), (1, 2), "{own}");
        let hidden = refused(
            "error[E0599]: no method `secret`\n  --> labs/echo/src/server.rs:3:1\n  --> tests/part1.rs:9:1",
        );
        assert!(!hidden.contains("secret") && hidden.contains("could not be compiled"), "{hidden}");
    }

    #[test]
    fn a_failure_is_the_block_and_the_whole_counterexample() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("steps.txt"), "1 a → b\n".repeat(400)).unwrap();
        let failed = record(
            r#"{"test":"t01_run_open","verdict":"fail","points":0,"earned":0,"steps":400,"transcript":"steps.txt","block":
               ["  It answers.","  Step through it: cargo lab show /out/x.json","  Run it again:    cargo test --test part1 t01"]}"#,
        );
        let graded = graded(vec![("part1", None, vec![failed])]);
        let file: Value = serde_json::from_str(&results(&graded, &header(), folder.path()).unwrap()).unwrap();
        let test = &file["tests"][0];
        assert!(test.get("score").is_none() && test.get("max_score").is_none());
        let output = test["output"].as_str().unwrap();
        assert!(!output.contains("/out/"), "{output}");
        assert!(
            output.starts_with("  It answers.\n  Run it again:    cargo test --test part1 t01\n\nThe whole"),
            "{output}"
        );
        assert_eq!(output.matches("1 a → b").count(), MOST_LINES);
        assert!(output.ends_with("…\n"), "{output}");
    }

    /// The names of the members in the objects that a source writes.
    fn members(source: &str) -> BTreeSet<&str> {
        let code = source.split("#[cfg(test)]").next().unwrap();
        let names = code.lines().filter_map(|line| line.trim_start().strip_prefix('"')?.split_once("\": "));
        let assigned =
            code.lines().filter_map(|line| line.trim_start().strip_prefix("test[\"")?.split_once("\"] = "));
        names.chain(assigned).map(|(name, _)| name).collect()
    }

    #[test]
    fn the_file_has_the_members_of_the_harnesss_own() {
        let own = members(include_str!("gradescope.rs"));
        let harness =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/src/results/gradescope.rs");
        let harness = fs::read_to_string(harness).unwrap();
        let harness = members(&harness);
        assert!(harness.contains("execution_time") && harness.contains("cluster"), "{harness:?}");
        let missing: Vec<&&str> = harness.difference(&own).collect();
        assert!(missing.is_empty(), "the harness's file has {missing:?}, too");
    }
}
