//! Runs cargo in a folder.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

/// Makes cargo say on its standard output what it built; errors stay readable.
pub(crate) const MESSAGES: &str = "--message-format=json-render-diagnostics";

/// Something that cargo built, or found built already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// The target: a library, a suite.
    pub(crate) name: String,
    pub(crate) is_library: bool,
    /// Its main source file.
    pub(crate) source: PathBuf,
    /// The program, if it is one.
    pub(crate) executable: Option<PathBuf>,
    /// Whether it was built already.
    pub(crate) fresh: bool,
}

/// What cargo says that it built, with [`MESSAGES`].
pub(crate) fn artifacts(stdout: &str) -> Vec<Artifact> {
    let messages = stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-artifact")
        .map(|message| Artifact {
            name: message["target"]["name"].as_str().unwrap_or_default().to_owned(),
            source: PathBuf::from(message["target"]["src_path"].as_str().unwrap_or_default()),
            is_library: message["target"]["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib")),
            executable: message["executable"].as_str().map(PathBuf::from),
            fresh: message["fresh"] == true,
        })
        .collect()
}

/// Cargo for one workspace.
#[derive(Clone, Debug)]
pub(crate) struct Cargo {
    dir: PathBuf,
    target_dir: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

/// How cargo ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn success(&self) -> bool {
        self.status.success()
    }

    /// The last lines of what it said.
    pub(crate) fn stderr_tail(&self, count: usize) -> String {
        let lines: Vec<&str> = self.stderr.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

impl Cargo {
    /// Cargo for the workspace in `dir`, without the variables that a surrounding cargo sets.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), target_dir: None, variables: Vec::new() }
    }

    /// Builds into this folder.
    pub(crate) fn target_dir(mut self, target_dir: &Path) -> Self {
        self.target_dir = Some(target_dir.to_owned());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Downloads nothing.
    pub(crate) fn offline(self) -> Self {
        self.variable("CARGO_NET_OFFLINE", "true")
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    ///
    /// Cargo cannot be started. That the command failed is no error.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Ended> {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            // What a surrounding `cargo run` or `cargo test` says is about another package.
            if name.starts_with("CARGO_PKG_")
                || matches!(name.as_str(), "CARGO_MANIFEST_DIR" | "CARGO_TARGET_DIR")
            {
                command.env_remove(name);
            }
        }
        command.env("CARGO_TERM_COLOR", "never");
        if let Some(target_dir) = &self.target_dir {
            command.env("CARGO_TARGET_DIR", target_dir);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = command.output().with_context(|| {
            format!(
                "cannot run `cargo` in `{}`; is the folder there, and Rust from rustup.rs?",
                self.dir.display()
            )
        })?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Ended { status: output.status, stdout: output.stdout, stderr })
    }
}
