//! Makes classes of submissions to the small course, and reads what came of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
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

/// A class of submissions to the small course, in a folder that vanishes with the value.
pub(crate) struct Class {
    pub(crate) dir: tempfile::TempDir,
}

impl Class {
    pub(crate) fn new() -> Self {
        let class = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(class.path("class")).unwrap();
        class
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A submission: the reference.
    pub(crate) fn reference(&self, name: &str) -> PathBuf {
        let folder = self.path("class").join(name);
        copy(&fixture().join("labs/echo/src"), &folder.join("labs/echo/src"));
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
            .arg(fixture())
            .arg("--out")
            .arg(self.path(out))
            .args(options);
        command
    }

    /// What came of it: a line a submission with points, status, and the causes of its tests.
    pub(crate) fn outcomes(&self, out: &str) -> BTreeMap<String, String> {
        let results = fs::read_to_string(self.path(out).join("results.jsonl")).unwrap();
        let mut outcomes = BTreeMap::new();
        for line in results.lines().skip(1) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let mut earned = 0.0;
            let mut causes = Vec::new();
            for test in value["suites"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|suite| suite["tests"].as_array().unwrap())
            {
                earned += test["earned"].as_f64().unwrap();
                causes.push(test["cause"].as_str().unwrap_or("pass").to_owned());
            }
            outcomes.insert(
                value["name"].as_str().unwrap().to_owned(),
                format!("{earned} [{}]", causes.join(", ")),
            );
        }
        outcomes
    }
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
