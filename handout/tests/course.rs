//! The commands on a whole course that compiles in a second, and on the same course with one mistake in it.
#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
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

    fn append(&self, path: &str, more: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        fs::write(self.path(path), text + more).unwrap();
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

    /// Lets a crate of the registry be a dependency of the lab: one that this crate needs as well, so cargo has it.
    fn depend(&self, name: &str) {
        let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        let at = lock.find(&format!("name = \"{name}\"\nversion = ")).unwrap();
        let version = lock[at..].split('"').nth(3).unwrap();
        let depends = format!("[dependencies]\n{name} = \"={version}\"\n");
        self.replace("labs/echo/Cargo.toml", "[dependencies]\n", &depends);
        let locked = Command::new("cargo")
            .args(["metadata", "--offline", "--format-version", "1"])
            .current_dir(self.root())
            .output()
            .unwrap();
        assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    }

    /// Runs a command without network and with an empty cache of cargo's.
    fn run_alone(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_handout"))
            .args(arguments)
            .env("CARGO_HOME", self.0.path().join("empty"))
            .env("CARGO_NET_OFFLINE", "true")
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), text)
    }

    /// Whether a copy of the handout compiles without network and with an empty cache.
    fn compiles_alone(&self, copy: &str) -> bool {
        let output = Command::new("cargo")
            .args(["check", "--frozen", "--workspace"])
            .current_dir(self.path(copy))
            .env("CARGO_HOME", self.0.path().join("empty"))
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap();
        output.status.success()
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
    course.depend("cfg-if");
    let (code, text) = course.run(&["check", "--whole"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("ok    with its dependencies in it, it compiles on a machine that has neither"),
        "{text}"
    );
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
    course.append(
        "labs/echo/src/tally.rs",
        "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn counts() {\n        \
         Tally::default().add(2);\n    }\n\n    #[test]\n    fn begins_at_zero() {\n        \
         assert_eq!(Tally::default().count, 0);\n    }\n}\n",
    );
    course.replace("handout/VERSION", "2026.1", "2026.2");
    course.replace(
        "labs/echo/src/server.rs",
        "// STUB: todo!(\"echo: answer with the message, and count (README)\")",
        "// STUB: String::new()",
    );
    let problems = course.problems(&["check", "--skeleton-only"]);
    for expected in [
        "these need a solution, so put them between `BEGIN INSTRUCTOR ONLY` and `END INSTRUCTOR ONLY`: tally::tests::counts\n",
        "handout/template/CHANGES.md begins with `## 2026.1`, and handout/VERSION is `2026.2`",
        "labs/echo/src/tally.rs:17: `todo!(\"count\")` is not `todo!(\"part 2: what to write (where to read)\")`",
        "labs/echo/src has no `todo!` to begin with",
        "`t02_run_echo` ends at no stub: no message",
        "`t04_search_large_tally` ends at no stub: not yet implemented: count",
    ] {
        assert!(problems.contains(expected), "{expected}\n\n{problems}");
    }
}

#[test]
fn a_handout_that_does_not_compile_with_its_dependencies_in_it_is_found() {
    let course = Course::new();
    course.depend("cfg-if");
    course.replace(
        ".cargo/config.toml",
        "[alias]",
        "[source.vendored-sources]\ndirectory = \"elsewhere\"\n\n[alias]",
    );
    let problems = course.problems(&["check", "--whole"]);
    assert!(problems.starts_with("FAIL  with its dependencies in it"), "{problems}");
    assert_eq!(problems.matches("FAIL").count(), 1, "{problems}");
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

/// All files of a folder with their bytes, but not what cargo has built.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                found.insert(path.clone(), fs::read(path).unwrap());
            } else if path != root.join("target") {
                folders.push(path);
            }
        }
    }
    found
}

#[test]
fn a_copy_with_its_dependencies_in_it_is_updated_whole_or_not_at_all() {
    let course = Course::new();
    course.depend("cfg-if");
    let path = |name: &str| course.path(name).display().to_string();
    let (copy, new) = (path("copy"), path("new"));
    let (code, text) = course.run(&["generate", "--vendor", "--out", &copy]);
    assert_eq!(code, Some(0), "{text}");
    assert!(course.compiles_alone("copy"));
    fs::write(course.path("copy/labs/echo/src/log.rs"), "// mine\n").unwrap();

    // The same dependencies: the folder that is there has them.
    course.replace("README.md", "course", "course, again");
    course.replace("handout/template/README.md", "Labs", "The labs");
    let (code, text) = course.run(&["generate", "--out", &new]);
    assert_eq!(code, Some(0), "{text}");
    let (right, text) = course.run_alone(&["update", &copy, "--handout", &new]);
    assert!(right && text.contains("1 file written, 0 removed"), "{text}");
    assert!(course.compiles_alone("copy"));

    // Another dependency, and no way to get it: nothing changes.
    course.depend("fnv");
    let (code, text) = course.run(&["generate", "--out", &new]);
    assert_eq!(code, Some(0), "{text}");
    let before = contents(&course.path("copy"));
    let (right, text) = course.run_alone(&["update", &copy, "--handout", &new]);
    assert!(!right && text.contains("nothing was changed"), "{text}");
    assert!(text.contains("cargo handout generate --vendor --out NEW"), "{text}");
    assert_eq!(contents(&course.path("copy")), before);
    assert!(course.compiles_alone("copy"));

    // A new handout that brings it along, and cargo's own cache.
    let (code, text) = course.run(&["generate", "--vendor", "--out", &new]);
    assert_eq!(code, Some(0), "{text}");
    let other = path("other");
    common::copy(&course.path("copy"), &course.path("other"));
    let (right, text) = course.run_alone(&["update", &copy, "--handout", &new]);
    assert!(right, "{text}");
    let (code, text) = course.run(&["update", &other]);
    assert_eq!(code, Some(0), "{text}");
    for copy in ["copy", "other"] {
        let vendored: Vec<_> = fs::read_dir(course.path(copy).join("vendor")).unwrap().collect();
        assert_eq!(vendored.len(), 2);
        assert!(course.compiles_alone(copy));
        assert_eq!(fs::read_to_string(course.path(copy).join("labs/echo/src/log.rs")).unwrap(), "// mine\n");
        let left = fs::read_dir(course.path(copy)).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".handout-update")
        });
        assert_eq!(left.count(), 0, "what was made beside is gone");
    }
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
