//! Reads `HANDOUT.json`, which says whose files are whose in a copy of the handout.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::student::renewal::Edition;
pub(super) use crate::student::renewal::hash;

/// The file's name, at the root of the workspace.
const FILE: &str = "HANDOUT.json";

/// The version of the file that this program knows.
const SCHEMA: u32 = 1;

/// What `HANDOUT.json` says. `cargo handout generate` writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Handout {
    schema: u32,
    #[serde(flatten)]
    pub(super) version: Version,
    pub(super) labs: Vec<String>,
    pub(super) suites: Vec<String>,
    /// Files that students change, with the hash of their skeletons.
    pub(super) student_files: BTreeMap<String, String>,
    /// All other files, with their hashes.
    pub(super) course_files: BTreeMap<String, String>,
}

/// Which handout it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) version: String,
    pub(super) hash: String,
    pub(super) grading_hash: String,
}

/// Why there is no handout here.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandoutError {
    #[error(
        "`{root}` is no copy of a handout: it has no `HANDOUT.json`; run this in the folder that the course gave you"
    )]
    Missing { root: String },
    #[error("`HANDOUT.json` is damaged: {0}; get it from the course again")]
    Damaged(#[from] serde_json::Error),
    #[error(
        "`HANDOUT.json` has format {0}, and this program knows {SCHEMA}; bring the whole handout up to date"
    )]
    Newer(u32),
}

impl Version {
    /// The version with the beginning of the hash, for people.
    pub(super) fn name(&self) -> String {
        format!("{} ({:.12})", self.version, self.hash)
    }
}

impl Handout {
    pub(super) fn read(root: &Path) -> Result<Self, HandoutError> {
        let Ok(text) = fs::read(root.join(FILE)) else {
            return Err(HandoutError::Missing { root: root.display().to_string() });
        };
        let handout: Self = serde_json::from_slice(&text)?;
        if handout.schema > SCHEMA { Err(HandoutError::Newer(handout.schema)) } else { Ok(handout) }
    }

    /// What an update has to know of this version.
    pub(super) fn edition(&self) -> Edition<'_> {
        Edition {
            grading_hash: &self.version.grading_hash,
            labs: &self.labs,
            student_files: &self.student_files,
            course_files: &self.course_files,
        }
    }

    /// Whether a path is one that students may write: a skeleton, or a new source file of a lab. Graders take nothing else.
    pub(super) fn may_be_students(&self, path: &str) -> bool {
        let pieces: Vec<&str> = path.split('/').collect();
        let source = matches!(pieces.as_slice(), ["labs", lab, "src", .., file]
            if file.ends_with(".rs") && self.labs.iter().any(|known| known == lab))
            // Those are an editor's, or the system's.
            && !pieces.iter().any(|piece| piece.starts_with('.'));
        self.student_files.contains_key(path) || source && !self.course_files.contains_key(path)
    }

    /// Whether a student's file is still as it was handed out.
    pub(super) fn is_skeleton(&self, path: &str, bytes: &[u8]) -> bool {
        self.student_files.get(path).is_some_and(|skeleton| *skeleton == hash(bytes))
    }

    /// The course's files that were changed here. Graders use their own.
    pub(super) fn changed_course_files(&self, root: &Path) -> Vec<String> {
        // Vendoring adds to cargo's settings, and cargo may touch the lock file.
        let may_differ = [".cargo/config.toml", "Cargo.lock"];
        let differs = |path: &str, expected: &str| {
            fs::read(root.join(path)).is_ok_and(|bytes| hash(&bytes) != expected)
        };
        self.course_files
            .iter()
            .filter(|(path, expected)| !may_differ.contains(&path.as_str()) && differs(path, expected))
            .map(|(path, _)| path.clone())
            .collect()
    }
}
