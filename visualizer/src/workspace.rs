//! Finds the workspace that the labs are in, and says which labs there are.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a `Cargo.toml` and `labs/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
}

/// Why a lab or the workspace was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error(
        "no folder with a `Cargo.toml` and `labs/` here or above `{here}`; run this in your copy of the labs"
    )]
    NotFound { here: String },
    #[error("there is no lab `{lab}`; known labs: {known}")]
    NoSuchLab { lab: String, known: String },
    #[error("the lab `{lab}` has no driver: `labs/{lab}/examples/{lab}.rs` is missing")]
    NoDriver { lab: String },
}

impl Workspace {
    /// The workspace around `here`; else the one that this program was built in.
    pub(crate) fn find(here: &Path) -> Result<Self, WorkspaceError> {
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::around(here)
            .or_else(|| Self::around(built_in))
            .ok_or_else(|| WorkspaceError::NotFound { here: here.display().to_string() })
    }

    fn around(here: &Path) -> Option<Self> {
        let root =
            here.ancestors().find(|dir| dir.join("Cargo.toml").is_file() && dir.join("labs").is_dir())?;
        Some(Self { root: root.to_owned() })
    }

    /// The names of the labs: the folders of `labs/` that are crates, sorted.
    pub(crate) fn labs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join("labs")) else { return Vec::new() };
        let mut labs: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        labs.sort();
        labs
    }

    /// Checks that a lab exists and has a driver.
    pub(crate) fn check(&self, lab: &str) -> Result<(), WorkspaceError> {
        let known = self.labs();
        if !known.iter().any(|name| name == lab) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(WorkspaceError::NoSuchLab { lab: lab.to_owned(), known });
        }
        let driver = self.root.join("labs").join(lab).join("examples").join(format!("{lab}.rs"));
        if driver.is_file() { Ok(()) } else { Err(WorkspaceError::NoDriver { lab: lab.to_owned() }) }
    }

    /// What a lab is about: the first heading of its README.
    pub(crate) fn about(&self, lab: &str) -> Option<String> {
        let readme = fs::read_to_string(self.root.join("labs").join(lab).join("README.md")).ok()?;
        let heading = readme.lines().find_map(|line| line.strip_prefix("# "))?;
        Some(heading.trim().to_owned())
    }

    /// Where a trace is saved unless the user says where.
    pub(crate) fn trace_path(&self, name: &str) -> PathBuf {
        self.root.join("target").join("traces").join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A workspace of its own for each test.
    fn workspace() -> (TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        for lab in ["raft", "pingpong", "paxos"] {
            fs::create_dir_all(root.join("labs").join(lab).join("examples")).unwrap();
            fs::write(root.join("labs").join(lab).join("Cargo.toml"), "").unwrap();
        }
        fs::create_dir_all(root.join("labs/notes")).unwrap();
        fs::write(root.join("labs/raft/README.md"), "<!-- note -->\n# Lab 2: Raft\n\n# More\n").unwrap();
        fs::write(root.join("labs/raft/examples/raft.rs"), "").unwrap();
        fs::write(root.join("Cargo.toml"), "").unwrap();
        (dir, Workspace { root })
    }

    #[test]
    fn labs_are_folders_with_a_manifest() {
        let (_dir, workspace) = workspace();
        assert_eq!(workspace.labs(), ["paxos", "pingpong", "raft"]);
        assert_eq!(workspace.about("raft").as_deref(), Some("Lab 2: Raft"));
        assert_eq!(workspace.about("paxos"), None);
        assert_eq!(Workspace::find(&workspace.root.join("labs/raft/examples")), Ok(workspace));
    }

    #[test]
    fn says_what_is_missing() {
        let (_dir, workspace) = workspace();
        assert_eq!(workspace.check("raft"), Ok(()));
        insta::assert_snapshot!(workspace.check("rafd").unwrap_err(), @"there is no lab `rafd`; known labs: paxos, pingpong, raft");
        insta::assert_snapshot!(workspace.check("../raft").unwrap_err(), @"there is no lab `../raft`; known labs: paxos, pingpong, raft");
        insta::assert_snapshot!(workspace.check("paxos").unwrap_err(), @"the lab `paxos` has no driver: `labs/paxos/examples/paxos.rs` is missing");
    }
}
