//! The commands on a whole course that compiles in a second, and on the same course with one mistake in it.
#![cfg(test)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::{copy, fixture};

/// A copy of the course, and what is built of it; both vanish with the value.
struct Course(tempfile::TempDir);

impl Course {
    fn new() -> Self {
        let course = Self(tempfile::tempdir().unwrap());
        copy(&fixture(), &course.root());
        course
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("course")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "`{path}` has no `{from}`");
        fs::write(self.path(path), text.replace(from, to)).unwrap();
    }

    /// Runs a command on it; returns how it ended and what it printed, without times.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_handout"))
            .args(arguments)
            .args(["--source".as_ref(), self.root().as_os_str()])
            .env("XDG_CACHE_HOME", self.0.path().join("cache"))
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text.replace(&*self.root().to_string_lossy(), "COURSE"))
    }

    /// What `check` says when something is wrong: the lines of the checks that failed.
    fn problems(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_ne!(code, Some(0), "{text}");
        text.lines()
            .filter(|line| {
                line.starts_with("FAIL") || line.starts_with("      ") || line.starts_with("error")
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[test]
fn a_right_course_is_proved() {
    let course = Course::new();
    let (code, text) = course.run(&["check", "--whole"]);
    assert_eq!(code, Some(0), "{text}");
    let (quick, text) = course.run(&["check"]);
    assert_eq!(quick, Some(0), "{text}");
    assert!(text.contains("ok    1 seeded bug killed as they say"), "{text}");

    let (code, text) = course.run(&["check", "--skeleton-only"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ok    every stub says its part, and where to read (2 stubs)"), "{text}");
    assert!(text.contains("echo: the skeleton passes what is listed and no more"), "{text}");
    assert!(!text.contains("reference passes") && !text.contains("seeded bug"), "{text}");

    let (code, text) = course.run(&["bugs", "--jobs", "2"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("| tally-wraps | killed |  |  |  | violated |"), "{text}");
    assert!(
        text.contains(
            "Tests that find nothing that no other test finds: t01_unit_starts_at_zero, t03_run_counts."
        ),
        "{text}"
    );
}

#[test]
fn a_skeleton_that_does_not_compile_passes_too_much_or_warns_is_found() {
    let course = Course::new();
    course.replace(
        "labs/echo/src/server.rs",
        "// STUB: #![allow(unused)] // Remove this line when you start.\n",
        "",
    );
    course.replace(
        "labs/echo/src/tally.rs",
        "// STUB: todo!(\"echo: count (README)\")",
        "// STUB: self.count = self.count.max(more);",
    );
    course.replace(
        "handout/passes-on-skeleton.txt",
        "echo t01_unit_starts_at_zero",
        "echo t02_run_echo\nraft t01",
    );
    let problems = course.problems(&["check", "--whole"]);
    for expected in [
        "FAIL  the skeleton compiles without warnings",
        "warning: unused variable: `message`",
        "names the suite `raft`; there are echo",
        "`t01_unit_starts_at_zero` passes and is not listed",
        "`t04_search_large_tally` passes and is not listed",
        "`t02_run_echo` is listed in handout/passes-on-skeleton.txt and does not pass",
        "it earns 21 of 41 points",
    ] {
        assert!(problems.contains(expected), "{expected}\n\n{problems}");
    }
}

#[test]
fn a_stub_that_does_not_say_what_to_write_is_found() {
    let course = Course::new();
    course.replace("labs/echo/src/tally.rs", "echo: count (README)", "count");
    course.replace(
        "labs/echo/src/server.rs",
        "// STUB: todo!(\"echo: answer with the message, and count (README)\")",
        "// STUB: String::new()",
    );
    let problems = course.problems(&["check", "--skeleton-only"]);
    for expected in [
        "labs/echo/src/tally.rs:17: `todo!(\"count\")` is not `todo!(\"part 2: what to write (where to read)\")`",
        "labs/echo/src has no `todo!` to begin with",
        "`t02_run_echo` ends at no stub: no message",
        "`t04_search_large_tally` ends at no stub: not yet implemented: count",
    ] {
        assert!(problems.contains(expected), "{expected}\n\n{problems}");
    }
}

#[test]
fn a_reference_or_a_bug_that_is_not_what_it_says_is_found() {
    let course = Course::new();
    course.replace("handout/bugs/echo/tally-wraps.patch", "tally-only-grows", "every-message-counts");
    course.replace("handout/bugs/echo/answers-in-capitals.patch", "violated", "panicked");
    let (code, text) = course.run(&["bugs"]);
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        "FAIL  tally-wraps: in `t04_search_large_tally` it is found by `tally-only-grows`, not `every-message-counts`",
        "FAIL  answers-in-capitals: `t02_run_echo` ends with `violated`, not `panicked`",
        "2 seeded bugs, 2 not killed as they say",
    ] {
        assert!(text.contains(expected), "{expected}\n\n{text}");
    }
    course.replace("labs/echo/src/tally.rs", "saturating_add(more)", "max(more)");
    let problems = course.problems(&["check", "--whole"]);
    assert!(problems.contains("4 tests, failing: t03_run_counts"), "{problems}");
    assert!(
        problems.contains("tally-wraps: the hunk at line 15 of `labs/echo/src/tally.rs` fits nowhere"),
        "{problems}"
    );
}

#[test]
fn misuse_says_what_is_possible() {
    let course = Course::new();
    let error = |arguments: &[&str]| course.problems(arguments);
    assert_eq!(error(&["generate", "--labs", "raft"]), "error: there is no lab `raft`; known labs: echo");
    assert_eq!(
        error(&["generate", "--parts", "3"]),
        "error: there is no part 3: no lab has the suite `tests/part3.rs`"
    );
    assert_eq!(
        error(&["bugs", "--lab", "raft"]),
        "error: no seeded bug is meant; there are: echo/answers-in-capitals (echo), echo/tally-wraps (echo)"
    );
    fs::write(course.path("labs/echo/src/tally.rs"), "// BEGIN SOLUTION\n").unwrap();
    assert_eq!(
        error(&["generate"]),
        "error: labs/echo/src/tally.rs:1: `BEGIN SOLUTION` has no `END SOLUTION`"
    );
}
