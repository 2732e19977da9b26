//! Where files are: the workspace, results, traces, and what is kept from run to run.

use std::env;
use std::path::{Path, PathBuf};

/// The folders of one part.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The workspace: commands in reports are meant to be run there.
    pub(crate) root: PathBuf,
    /// Where results go.
    pub(crate) grades: PathBuf,
    /// Where traces go, and what records call it.
    pub(crate) traces: PathBuf,
    pub(crate) traces_name: &'static str,
    /// Where failing traces are kept for the next run, unless that is switched off.
    pub(crate) failures: Option<PathBuf>,
}

impl Places {
    /// From the environment and the folder in which cargo starts tests.
    pub(crate) fn find(part: &str) -> Self {
        let root = workspace();
        let keep = env::var_os("TESTKIT_FAILURES").is_none_or(|word| word != "off");
        let failures = keep.then(|| root.join("target/failures").join(part));
        match env::var_os("TESTKIT_OUT").map(PathBuf::from) {
            Some(out) => {
                let traces = out.join("traces");
                Self { root, grades: out, traces, traces_name: "traces", failures }
            }
            None => Self {
                grades: root.join("target/grades").join(part),
                traces: root.join("target/traces"),
                traces_name: "target/traces",
                failures,
                root,
            },
        }
    }

    /// A path as a command that is run in the workspace can use it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The trace that a record names, as a command can use it.
    pub(crate) fn trace_shown(&self, name: &str) -> String {
        let file = Path::new(name).file_name().unwrap_or_default();
        self.shown(&self.traces.join(file))
    }

    /// The handout's version and hashes, if this workspace is one.
    pub(crate) fn handout(&self) -> Option<serde_json::Value> {
        let json = std::fs::read(self.root.join("HANDOUT.json")).ok()?;
        let whole: serde_json::Value = serde_json::from_slice(&json).ok()?;
        let mut short = serde_json::Map::new();
        for key in ["version", "hash", "grading_hash"] {
            // A handout may say less than the harness can write down.
            short.extend(whole.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        Some(short.into())
    }
}

/// The folder with `Cargo.toml` and `labs/` around the folder of the package, else the current folder.
fn workspace() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let around = |dir: &Path| {
        let mut above = dir.ancestors();
        above.find(|dir| dir.join("Cargo.toml").is_file() && dir.join("labs").is_dir()).map(Path::to_owned)
    };
    package.as_deref().and_then(around).or_else(|| around(&here)).unwrap_or(here)
}
