//! Makes classes of submissions to a course, and reads what came of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{copy, fixture};

/// The program.
pub(crate) fn handout(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handout"));
    command.args(arguments);
    command
}

/// What a program printed.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A class of submissions to one lab of a course, in a folder that vanishes with the value.
pub(crate) struct Class {
    pub(crate) dir: tempfile::TempDir,
    course: PathBuf,
    lab: &'static str,
}

impl Class {
    /// Of the small course.
    pub(crate) fn new() -> Self {
        Self::of(fixture(), "echo")
    }

    /// Of a lab of any course.
    pub(crate) fn of(course: PathBuf, lab: &'static str) -> Self {
        let class = Self { dir: tempfile::tempdir().unwrap(), course, lab };
        fs::create_dir_all(class.path("class")).unwrap();
        class
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A submission: the reference.
    pub(crate) fn reference(&self, name: &str) -> PathBuf {
        let folder = self.path("class").join(name);
        let sources = Path::new("labs").join(self.lab).join("src");
        copy(&self.course.join(&sources), &folder.join(&sources));
        folder
    }

    /// The reference with other code in place of the line that counts, which runs when the server is asked.
    pub(crate) fn asked(&self, name: &str, code: &str) {
        let file = self.reference(name).join("labs/echo/src/server.rs");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("self.tally.add(1);"));
        fs::write(file, text.replace("self.tally.add(1);", code)).unwrap();
    }

    /// Grades the class; options that are given twice are clap's error, so none are set here but these.
    pub(crate) fn grade(&self, out: &str, options: &[&str]) -> Command {
        let mut command = handout(&["grade"]);
        command
            .arg(self.path("class"))
            .arg("--source")
            .arg(&self.course)
            .arg("--out")
            .arg(self.path(out))
            .args(options);
        command
    }

    /// What came of it: a line a submission with points, status, and the causes of its tests.
    pub(crate) fn outcomes(&self, out: &str) -> BTreeMap<String, String> {
        let line = |earned: f64, tests: &[(String, Option<String>)]| {
            let causes: Vec<&str> =
                tests.iter().map(|(_, cause)| cause.as_deref().unwrap_or("pass")).collect();
            format!("{earned} [{}]", causes.join(", "))
        };
        let graded = graded(&self.path(out).join("results.jsonl")).into_iter();
        graded.map(|(name, (earned, tests))| (name, line(earned, &tests))).collect()
    }
}

/// The points of a submission, and its tests with the causes of those that did not pass.
pub(crate) type Outcome = (f64, Vec<(String, Option<String>)>);

/// What a `results.jsonl` of a class says, by the names of the submissions.
pub(crate) fn graded(results: &Path) -> BTreeMap<String, Outcome> {
    let results = fs::read_to_string(results).unwrap();
    let mut graded = BTreeMap::new();
    for line in results.lines().skip(1) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let suites = value["suites"].as_array().unwrap();
        let (mut earned, mut tests) = (0.0, Vec::new());
        for test in suites.iter().flat_map(|suite| suite["tests"].as_array().unwrap()) {
            earned += test["earned"].as_f64().unwrap();
            let cause = test["cause"].as_str().map(str::to_owned);
            tests.push((test["test"].as_str().unwrap().to_owned(), cause));
        }
        graded.insert(value["name"].as_str().unwrap().to_owned(), (earned, tests));
    }
    graded
}

/// The processes on this machine that run a program of the sandbox of this class.
pub(crate) fn left_behind(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(marker) {
            found.push(line);
        }
    }
    found
}
