//! `HANDOUT.json`: which version of the handout this is, what is in it, and whose files are whose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::manifest;
use crate::markers::Skeleton;
use crate::plan::{self, Parts, Selection};
use crate::renewal::{Edition, VENDORED, grades};
use crate::tree::{Tree, hash};

/// The file's name, at the root of a handout.
pub(crate) const FILE: &str = "HANDOUT.json";

/// The version of the format. A file with a higher one is refused.
const SCHEMA: u32 = 1;

/// What `HANDOUT.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// The version of this format.
    pub(crate) schema: u32,
    /// The version of the handout, as the instructors count it.
    pub(crate) version: String,
    /// A hash of all files but this one and vendored dependencies.
    pub(crate) hash: String,
    /// A hash of what decides on points: everything but pages, students' files and the visualizer. Equal hashes grade equally.
    pub(crate) grading_hash: String,
    /// The labs in it.
    pub(crate) labs: Vec<String>,
    /// The suites in it: names for `cargo test --test`.
    pub(crate) suites: Vec<String>,
    /// Files that students change, with the hash of their skeletons. New files beside them are students' as well.
    pub(crate) student_files: BTreeMap<String, String>,
    /// All other files, with their hashes.
    pub(crate) course_files: BTreeMap<String, String>,
    /// What was selected. Handouts of an earlier version of this program do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selection: Option<Selection>,
}

impl Description {
    /// Describes the files of a handout.
    pub(crate) fn of(
        tree: &Tree,
        version: String,
        skeletons: &BTreeMap<String, Skeleton>,
        selection: &Selection,
    ) -> Result<Self> {
        let students = |path: &str| {
            path.starts_with("labs/")
                && path.split('/').nth(2) == Some("src")
                && skeletons.get(path).is_some_and(Skeleton::is_students)
        };
        let hashes = |wanted: &dyn Fn(&str) -> bool| -> BTreeMap<String, String> {
            let files = tree.0.iter().filter(|(path, _)| wanted(path));
            files.map(|(path, file)| (path.clone(), hash(&file.bytes))).collect()
        };
        let grading = tree.0.iter().filter(|(path, _)| grades(path) && !students(path));
        let labs = manifest::packages(tree)?
            .into_iter()
            .filter_map(|package| package.strip_prefix("labs/").map(str::to_owned))
            .collect();
        let suites = manifest::suites(tree)?;
        if let Some(parts) = &selection.parts {
            let have = |part: &&u32| suites.iter().any(|suite| plan::part(&suite.source) == Some(**part));
            if let Some(part) = parts.0.iter().find(|part| !have(part)) {
                bail!("there is no part {part}: no lab has the suite `tests/part{part}.rs`");
            }
        }
        Ok(Self {
            schema: SCHEMA,
            version,
            hash: tree.hash(),
            grading_hash: Tree(grading.map(|(path, file)| (path.clone(), file.clone())).collect()).hash(),
            labs,
            suites: suites.into_iter().map(|suite| suite.name).collect(),
            student_files: hashes(&students),
            course_files: hashes(&|path| !students(path)),
            selection: Some(selection.clone()),
        })
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the file of a handout.
    ///
    /// # Errors
    ///
    /// It is not there, damaged, or of a later version of the format.
    pub(crate) fn read(handout: &Path) -> Result<Self> {
        let path = handout.join(FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("`{}` is no handout: it has no `{FILE}`", handout.display()))?;
        let description: Self =
            serde_json::from_str(&text).with_context(|| format!("`{}` is damaged", path.display()))?;
        if description.schema > SCHEMA {
            bail!(
                "`{}` has format {}, and this program knows {SCHEMA}; use a newer `cargo handout`",
                path.display(),
                description.schema
            );
        }
        Ok(description)
    }

    /// The students' files that are not their skeletons any more, or are gone.
    pub(crate) fn changed_students_files(&self, handout: &Path) -> Vec<String> {
        changed(&self.student_files, handout)
    }

    /// The files of the course that are not as they were handed out, or are gone.
    pub(crate) fn changed_course_files(&self, handout: &Path) -> Vec<String> {
        changed(&self.course_files, handout)
    }

    /// Whether a path is one that students may write: a skeleton, or a new source file of a lab of this handout.
    pub(crate) fn may_be_students(&self, path: &str) -> bool {
        if self.student_files.contains_key(path) {
            return true;
        }
        let mut pieces = path.split('/');
        let (labs, lab, src) = (pieces.next(), pieces.next(), pieces.next());
        labs == Some("labs")
            && lab.is_some_and(|lab| self.labs.iter().any(|known| known == lab))
            && src == Some("src")
            && path.ends_with(".rs")
            && !path.split('/').any(|piece| piece.starts_with('.'))
            && !self.course_files.contains_key(path)
    }

    /// What a new version of this handout is made of: the same labs and parts as this one. A handout of everything gets
    /// everything, also what is new.
    pub(crate) fn selection(&self) -> Selection {
        self.selection.clone().unwrap_or_else(|| {
            let parts = self.suites.iter().filter_map(|suite| plan::part(&format!("tests/{suite}.rs")));
            let parts: BTreeSet<u32> = parts.collect();
            let parts = (!parts.is_empty()).then_some(Parts(parts));
            Selection { labs: Some(self.labs.iter().cloned().collect()), parts }
        })
    }

    /// What an update has to know of this version.
    pub(crate) fn edition(&self) -> Edition<'_> {
        Edition {
            grading_hash: &self.grading_hash,
            labs: &self.labs,
            student_files: &self.student_files,
            course_files: &self.course_files,
        }
    }

    /// The version with the beginning of the hash, for people.
    pub(crate) fn name(&self) -> String {
        format!("{} ({})", self.version, &self.hash[..12.min(self.hash.len())])
    }
}

fn changed(files: &BTreeMap<String, String>, handout: &Path) -> Vec<String> {
    let same = |path: &str, expected: &str| {
        let Ok(text) = fs::read(handout.join(path)) else { return false };
        // Vendoring adds to cargo's settings; the rest must be as it was.
        let vendored = path == ".cargo/config.toml"
            && std::str::from_utf8(&text).is_ok_and(|text| {
                text.split_once(VENDORED).is_some_and(|(before, _)| hash(before.as_bytes()) == expected)
            });
        vendored || hash(&text) == expected
    };
    files.iter().filter(|(path, expected)| !same(path, expected)).map(|(path, _)| path.clone()).collect()
}
