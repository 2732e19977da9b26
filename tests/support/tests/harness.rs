//! Runs the suite that misbehaves, as cargo does, and looks at what is left of it.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use tempfile::TempDir;
use testkit::{Judgement, TestRecord};

/// A workspace of the test's own.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    workspace(dir.path());
    dir
}

fn workspace(root: &Path) {
    fs::create_dir_all(root.join("labs/fixture")).unwrap();
    fs::write(root.join("Cargo.toml"), "").unwrap();
}

/// A call of the suite from the folder of its package, with short times.
fn suite(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testkit-fixture"));
    for name in ["TESTKIT_OUT", "TESTKIT_SEED", "TESTKIT_RESUME", "NEXTEST_RUN_ID", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR").current_dir(root.join("labs/fixture"));
    command.env("TESTKIT_TIME", "0.2").env("TESTKIT_FAILURES", "off").env("TESTKIT_SEED", "7").args(args);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn records(folder: &Path) -> Vec<TestRecord> {
    let lines = fs::read_to_string(folder.join("results.jsonl")).unwrap();
    lines.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

struct Whole {
    root: PathBuf,
    output: Output,
    records: Vec<TestRecord>,
}

/// One run of all tests, which several tests look at.
fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        // Nobody drops it, so it is where cargo clears up. Processes that run at once, as those of nextest, have one each.
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("whole-{}", process::id()));
        let _not_there = fs::remove_dir_all(&root);
        workspace(&root);
        let output = suite(&root, &[]).output().unwrap();
        let records = records(&root.join("target/grades/fixture"));
        Whole { root, output, records }
    })
}

fn record(number: u32) -> &'static TestRecord {
    whole().records.iter().find(|record| record.number == number).unwrap()
}

/// Text without what differs from run to run: times, and the number of a thread.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for (before, after) in
            [("points, ", " s)"), ("(", " s)"), ("finished in ", "s"), ("thread 'main' (", ")")]
        {
            if let Some(start) = line.rfind(before).map(|start| start + before.len())
                && let Some(len) = line[start..].find(after)
                && len > 0
                && line[start..start + len].bytes().all(|b| b.is_ascii_digit() || b == b'.')
            {
                line.replace_range(start..start + len, "…");
            }
        }
        masked.push_str(&line);
        masked.push('\n');
    }
    masked
}

#[test]
fn every_test_gets_what_it_deserves() {
    let verdicts: Vec<String> = whole()
        .records
        .iter()
        .map(|record| {
            let detector = record.detector.as_deref().unwrap_or("-");
            format!("{} {}/{} {} | {detector}", record.test, record.earned, record.points, record.word())
        })
        .collect();
    assert_eq!(whole().output.status.code(), Some(101));
    insta::assert_snapshot!(verdicts.join("\n"));
}

/// What the suite tells a grader when some of its tests run, without the grader's word; and how it ends.
fn told(mut suite: Command) -> (Vec<TestRecord>, Option<i32>) {
    use std::io::{Read as _, Write as _};
    let (mut grader, end) = std::os::unix::net::UnixStream::pair().unwrap();
    grader.write_all(b"sesame\n").unwrap();
    suite.env("TESTKIT_CHANNEL", "stdin").stdin(std::os::fd::OwnedFd::from(end));
    let output = suite.output().unwrap();
    drop(suite);
    let mut said = String::new();
    grader.read_to_string(&mut said).unwrap();
    let record = |line: &str| serde_json::from_str(line.strip_prefix("sesame ").unwrap()).unwrap();
    (said.lines().map(record).collect(), output.status.code())
}

#[test]
fn a_grader_is_told_what_the_file_says() {
    let dir = folder();
    let root = dir.path();
    let (told, code) = told(suite(root, &["t01", "t02", "t08", "t12"]));
    let verdicts: Vec<&str> = told.iter().map(TestRecord::word).collect();
    assert_eq!((verdicts, code), (vec!["pass", "panicked", "exited", "pass"], Some(101)));
    assert_eq!(told, records(&root.join("target/grades/fixture")));
}

#[test]
fn a_grader_is_told_also_what_cannot_be_written() {
    let dir = folder();
    let root = dir.path();
    let file = root.join("target/grades/fixture/results.jsonl");
    let mut suite = suite(root, &["t01", "t32"]);
    suite.env("FIXTURE_LOCKS", &file);
    let (told, code) = told(suite);
    assert!(file.is_dir());
    let verdicts: Vec<&str> = told.iter().map(TestRecord::word).collect();
    assert_eq!((verdicts, code), (vec!["pass", "pass"], Some(70)));
}

#[test]
fn several_words_choose_tests() {
    let dir = folder();
    let root = dir.path();
    let names = |args: &[&str]| -> Vec<String> {
        let output = suite(root, args).output().unwrap();
        assert!(output.status.success());
        text(&output).lines().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    let all = names(&["--list"]);
    let (first, third) = (all[0].clone(), all[2].clone());
    assert_eq!(names(&["--list", "t01", &third]), [&*first, &*third]);
    assert_eq!(names(&["--exact", &third, "--list", "t01", "--color", "never"]), [&*third]);

    // The same words choose what runs.
    suite(root, &["t01", "t02"]).output().unwrap();
    let ran: Vec<u32> =
        records(&root.join("target/grades/fixture")).iter().map(|record| record.number).collect();
    assert_eq!(ran, [1, 2]);
}

#[test]
fn what_a_student_reads() {
    // What is random is in no snapshot.
    let blocks: Vec<String> = whole()
        .records
        .iter()
        .filter(|record| !record.block.is_empty() && record.number != 19)
        .map(|record| format!("{}\n{}\n", record.test, record.block.join("\n")))
        .collect();
    insta::assert_snapshot!(masked(&blocks.join("\n")));
    for record in &whole().records {
        assert!(record.block.len() <= 40, "{} has {} lines", record.test, record.block.len());
        assert!(record.block.iter().all(|line| line.chars().count() <= 102), "{}", record.test);
    }
    let random = record(19).block.join("\n");
    assert!(random.contains("two runs on the same input differ"), "{random}");
}

#[test]
fn points_are_added_up_at_the_end() {
    let output = masked(&text(&whole().output));
    let end = output.split_once("\nUnits ").unwrap().1;
    insta::assert_snapshot!(format!("Units {end}"));
}

#[test]
fn traces_can_be_stepped_through() {
    for record in whole().records.iter().filter(|record| record.trace.is_some()) {
        let path = whole().root.join(record.trace.as_ref().unwrap());
        let trace = visualizer::TraceFile::load(&path).unwrap();
        let short = record.test.split('_').next().unwrap();
        assert_eq!(trace.origin.command, format!("TESTKIT_SEED=7 cargo test --test fixture {short}"));
        assert_eq!(Some(&trace.verdict.kind), record.cause.as_ref(), "{}", record.test);
        assert_eq!(record.steps, Some(trace.steps.len()), "{}", record.test);
    }
    let with_traces = whole().records.iter().filter(|record| record.trace.is_some()).count();
    assert!(with_traces >= 10, "{with_traces}");
}

#[test]
fn nothing_that_a_test_started_is_left() {
    record(11);
    let running = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok).filter(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        command.starts_with(b"sleep\x00600.125")
    });
    // A zombie has no command line any more.
    assert_eq!(running.count(), 0);
}

#[test]
fn files_of_results_agree() {
    let folder = whole().root.join("target/grades/fixture");
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("results.json")).unwrap()).unwrap();
    let xml = fs::read_to_string(folder.join("junit.xml")).unwrap();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    let csv = fs::read_to_string(folder.join("results.csv")).unwrap();
    let cases: Vec<_> = xml.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    let tests = json["tests"].as_array().unwrap();
    let records = &whole().records;
    assert_eq!([cases.len(), tests.len(), csv.lines().count() - 1], [records.len(); 3]);
    for (i, record) in records.iter().enumerate() {
        assert_eq!(
            (cases[i].attribute("name"), &tests[i]["name"]),
            (Some(&*record.test), &(*record.test).into())
        );
        let marks =
            cases[i].children().filter(|node| node.has_tag_name("failure") || node.has_tag_name("error"));
        let status = if record.verdict == Judgement::Pass { "passed" } else { "failed" };
        assert_eq!((marks.count(), &tests[i]["status"]), (usize::from(status == "failed"), &status.into()));
        if record.points > 0 {
            assert_eq!(tests[i]["score"], record.earned);
        }
    }
}

#[test]
fn a_filter_and_a_list_work_as_everywhere() {
    let dir = folder();
    let root = dir.path();
    let run = |args: &[&str]| {
        let output = suite(root, args).output().unwrap();
        (output.status.code(), text(&output))
    };
    let (code, list) = run(&["--list", "--format", "terse"]);
    assert_eq!((code, list.lines().count()), (Some(0), 32));
    assert_eq!(list.lines().next(), Some("t01_unit_passes: test"));
    let (code, output) = run(&["t12"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("31 filtered out; 10/10 points"), "{output}");
    let (code, output) = run(&["passes", "--skip", "search", "--test-threads", "2"]);
    assert_eq!(code, Some(0));
    assert!(output.contains("2 passed; 0 failed"), "{output}");
    let (code, output) = run(&["--exact", "t01_unit_passes", "--nocapture"]);
    assert_eq!(code, Some(0));
    assert!(output.contains("1 passed; 0 failed"), "{output}");
    let (code, output) = run(&["no_such_test"]);
    assert_eq!(code, Some(0));
    assert!(output.contains("0 passed; 0 failed; 0 ignored; 0 measured; 32 filtered out"), "{output}");
}

#[test]
fn what_a_test_prints_is_shown_on_demand() {
    let dir = folder();
    let root = dir.path();
    let shown = |args: &[&str]| text(&suite(root, args).output().unwrap());
    assert!(!shown(&["t12"]).contains("hello from the test"));
    assert!(shown(&["t12", "--nocapture"]).contains("hello from the test"));
}

#[test]
fn one_process_a_test_as_nextest_does() {
    let dir = folder();
    let root = dir.path();
    let codes: Vec<Option<i32>> = ["t12_search_passes", "t01_unit_passes", "t02_unit_panics"]
        .iter()
        .map(|name| {
            let mut command = suite(root, &["--exact", name, "--nocapture"]);
            command.env("NEXTEST_RUN_ID", "run-1").output().unwrap().status.code()
        })
        .collect();
    assert_eq!(codes, [Some(0), Some(0), Some(101)]);
    let numbers: Vec<u32> =
        records(&root.join("target/grades/fixture")).iter().map(|record| record.number).collect();
    assert_eq!(numbers, [12, 1, 2]);
}

#[test]
fn a_run_that_was_cut_short_goes_on() {
    let dir = folder();
    let root = dir.path();
    let out = root.join("out");
    let run = |args: &[&str], resume: &str| {
        let mut command = suite(root, args);
        text(&command.env("TESTKIT_OUT", &out).env("TESTKIT_RESUME", resume).output().unwrap())
    };
    run(&["t01"], "0");
    let before = fs::read_to_string(out.join("results.jsonl")).unwrap();
    let output = run(&["_passes"], "1");
    assert!(output.contains("running 2 tests") && output.contains("3 passed"), "{output}");
    let after = fs::read_to_string(out.join("results.jsonl")).unwrap();
    assert!(after.starts_with(&before), "{after}");
    // Without the wish to go on everything runs again.
    assert!(run(&["_passes"], "0").contains("running 3 tests"));
}

#[test]
fn a_failing_trace_is_tried_first_next_time() {
    let dir = folder();
    let root = dir.path();
    let run = |args: &[&str]| {
        let mut command = suite(root, args);
        let output = text(&command.env_remove("TESTKIT_FAILURES").output().unwrap());
        (output, records(&root.join("target/grades/fixture")))
    };
    let (_, first) = run(&["t13"]);
    let kept = root.join("target/failures/fixture/t13_search_violates.json");
    assert!(kept.exists());
    let (output, again) = run(&["search"]);
    assert!(output.contains("(1 of them failed last time and come first)"), "{output}");
    assert_eq!(again[0].test, "t13_search_violates");
    assert!(again[0].replayed && !first[0].replayed);
    assert_eq!((&again[0].message, &again[0].cause), (&first[0].message, &first[0].cause));
    assert_eq!(
        again[0].block[3..].join("\n").replace(
            "  A trace that an earlier run kept still fails, so nothing was searched this time.\n",
            ""
        ),
        first[0].block[3..].join("\n")
    );
    // One that no longer fits is left to the search.
    fs::write(&kept, fs::read_to_string(&kept).unwrap().replace("deliver", "deliver no")).unwrap();
    let (_, searched) = run(&["t13"]);
    assert!(!searched[0].replayed);
    assert_eq!(searched[0].block, first[0].block);
}

#[test]
fn a_handout_says_which_it_is() {
    let dir = folder();
    let root = dir.path();
    let json = r#"{"schema": 1, "version": "1.2", "hash": "0123456789abcdef", "labs": ["fixture"]}"#;
    fs::write(root.join("HANDOUT.json"), json).unwrap();
    let output = text(&suite(root, &["t01"]).output().unwrap());
    assert!(output.contains("results: target/grades/fixture (handout 1.2, 01234567)"), "{output}");
    let header = fs::read_to_string(root.join("target/grades/fixture/results.jsonl")).unwrap();
    let header: serde_json::Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    assert_eq!(header["handout"]["hash"], "0123456789abcdef");
}

#[test]
fn the_seed_is_that_of_the_environment() {
    let dir = folder();
    let root = dir.path();
    let seed = |value: Option<&str>| {
        let mut command = suite(root, &["t22"]);
        match value {
            Some(value) => command.env("TESTKIT_SEED", value),
            None => command.env_remove("TESTKIT_SEED"),
        };
        assert!(command.output().unwrap().status.success());
        records(&root.join("target/grades/fixture"))[0].seed
    };
    assert_eq!(seed(Some("12")), 12);
    assert_eq!(seed(None), seed(None));
    let wrong = suite(root, &["t22"]).env("TESTKIT_SEED", "x").output().unwrap();
    assert_eq!(wrong.status.code(), Some(70));
    assert_eq!(String::from_utf8(wrong.stderr).unwrap(), "error: `TESTKIT_SEED=x` is not a number\n");
}
