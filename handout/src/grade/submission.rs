//! A submission: the files of it that count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::description::Description;
use crate::grade::notes;
use crate::grade::unpack::{self, Unpacked};
use crate::tree::{File, Tree, hash};

/// What a student handed in.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// The file's or folder's name, without an archive's ending.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// What of it is graded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    /// Students' files, by their paths in the handout.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// What a teaching assistant should know of it.
    pub(crate) notes: Vec<String>,
    /// The points that its author says to have.
    pub(crate) said: Vec<Said>,
}

/// What an author's own run of a suite earned: the student's word, which decides nothing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Said {
    pub(crate) suite: String,
    pub(crate) earned: f64,
    pub(crate) points: f64,
}

/// What `cargo lab submit` writes beside the sources.
#[derive(Debug, Deserialize)]
struct About {
    handout: Version,
    content: String,
    runs: Vec<Said>,
}

/// The handout that it was made with.
#[derive(Debug, Deserialize)]
struct Version {
    version: String,
    grading_hash: String,
}

/// The submissions among some paths. A folder without `labs` in it, directly or one folder deeper, holds submissions.
///
/// # Errors
///
/// A path that is not there; two submissions with one name.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<Submission>> {
    let mut found: BTreeMap<String, Submission> = BTreeMap::new();
    for path in paths {
        if !path.exists() {
            bail!("there is no `{}`", path.display());
        }
        let several = path.is_dir() && !is_submission(path);
        let inside = if several { children(path)? } else { vec![path.clone()] };
        if inside.is_empty() {
            bail!("`{}` has no submissions in it: no folder, .zip or .tar.gz", path.display());
        }
        for path in inside {
            let name = name_of(&path)?;
            let submission = Submission { name: name.clone(), path: path.clone() };
            if let Some(other) = found.insert(name.clone(), submission) {
                bail!(
                    "two submissions are called `{name}`: `{}` and `{}`",
                    other.path.display(),
                    path.display()
                );
            }
        }
    }
    Ok(found.into_values().collect())
}

fn is_submission(folder: &Path) -> bool {
    folder.join("labs").is_dir() || folder.join("HANDOUT.json").is_file()
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let archive = [".zip", ".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending));
        if !name.starts_with('.') && (path.is_dir() || archive) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A name that is also a plain file name.
fn name_of(path: &Path) -> Result<String> {
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lower = name.to_lowercase();
    let ending =
        [".zip", ".tar.gz", ".tgz"].into_iter().find(|ending| !path.is_dir() && lower.ends_with(ending));
    let name = &name[..name.len() - ending.map_or(0, str::len)];
    let plain = |c: char| if c.is_alphanumeric() || "-_.@+ ".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.is_empty() || name.starts_with('.') {
        bail!("`{}` is no name for a submission", path.display());
    }
    Ok(name)
}

impl Submission {
    /// Reads it and keeps what counts.
    ///
    /// # Errors
    ///
    /// It cannot be read, or no file of it counts: in words for its author.
    pub(crate) fn read(&self, handout: &Description) -> Result<Content> {
        let unpacked = Unpacked::read(&self.path)?;
        let mut content = Content::default();
        // The folder that holds `labs`: the submission itself, or a folder with the student's name in it.
        let place = |path: &str| -> Option<(String, String)> {
            let at = if path.starts_with("labs/") { 0 } else { path.find("/labs/")? + 1 };
            Some((path[..at].to_owned(), path[at..].to_owned()))
        };
        if let Some(link) = unpacked.special.iter().find(|path| place(path).is_some()) {
            bail!("`{link}` is a link or a special file; submit plain files");
        }
        let mut from: Option<String> = None;
        let mut ignored = Vec::new();
        let mut about = None;
        for (path, bytes) in unpacked.files {
            if path.ends_with(unpack::ABOUT) {
                about = serde_json::from_slice::<About>(&bytes).ok();
                continue;
            }
            let Some((prefix, inside)) = place(&path) else { continue };
            if !handout.may_be_students(&inside) {
                if handout.course_files.get(&inside).is_none_or(|expected| *expected != hash(&bytes)) {
                    ignored.push(inside);
                }
                continue;
            }
            if let Some(other) = from.as_ref().filter(|other| **other != prefix) {
                bail!("it has `labs` twice, in `{other}` and in `{prefix}`; submit one");
            }
            from = Some(prefix);
            let Ok(text) = std::str::from_utf8(&bytes) else { bail!("`{inside}` is not UTF-8") };
            content.notes.extend(notes::notes(&inside, text));
            content.files.insert(inside, bytes);
        }
        if content.files.is_empty() {
            let example = handout.student_files.keys().next().map_or("labs/…/src/….rs", String::as_str);
            bail!("it has none of the files that students write, such as `{example}`");
        }
        if !ignored.is_empty() {
            content.notes.push(format!("not graded, as it is the course's: {}", ignored.join(", ")));
        }
        if let Some(about) = about {
            content.compare(about, handout);
        }
        Ok(content)
    }
}

impl Content {
    /// Notes what its author should be asked.
    fn compare(&mut self, about: About, handout: &Description) {
        if about.handout.grading_hash != handout.grading_hash {
            let version: String = about.handout.version.chars().take(40).collect();
            self.notes.push(format!(
                "made with handout {version}, which grades in another way than {}",
                handout.version
            ));
        }
        if about.content != self.hash() {
            self.notes.push("changed after `cargo lab submit`".to_owned());
        }
        self.said = about.runs;
    }

    /// A hash of what is graded.
    pub(crate) fn hash(&self) -> String {
        self.tree().hash()
    }

    fn tree(&self) -> Tree {
        let file = |bytes: &Vec<u8>| File { bytes: bytes.clone(), executable: false };
        Tree(self.files.iter().map(|(path, bytes)| (path.clone(), file(bytes))).collect())
    }

    /// The workspace to grade: a clean handout with the student's files in it.
    pub(crate) fn over(&self, handout: &Tree) -> Tree {
        let mut tree = handout.clone();
        tree.0.extend(self.tree().0);
        tree
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::plan::Selection;
    use crate::{fixture, generate};

    fn description() -> Description {
        generate::build(fixture::course().path(), &Selection::default()).unwrap().description
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn read(files: &[(&str, &str)]) -> Result<Content> {
        let dir = folder(files);
        Submission { name: "x".to_owned(), path: dir.path().to_owned() }.read(&description())
    }

    #[test]
    fn only_students_files_count() {
        let content = read(&[
            ("work/labs/echo/src/server.rs", "struct X;"),
            ("work/labs/echo/src/server/log.rs", "\nconst X: &str = include_str!(\"/etc/passwd\");"),
            ("work/labs/echo/build.rs", "fn main() {}"),
            ("work/labs/echo/Cargo.toml", ""),
            ("work/tests/echo.rs", "fn main() {}"),
            ("work/labs/new/src/lib.rs", ""),
        ])
        .unwrap();
        assert_eq!(
            content.files.keys().collect::<Vec<_>>(),
            ["labs/echo/src/server.rs", "labs/echo/src/server/log.rs"]
        );
        assert_eq!(
            content.notes,
            [
                "look at labs/echo/src/server/log.rs:2: `include_str!`",
                "not graded, as it is the course's: labs/echo/build.rs, labs/new/src/lib.rs"
            ]
        );
    }

    #[test]
    fn what_an_author_says_is_compared_and_believed_in_nothing() {
        let handout = description();
        let source = ("labs/echo/src/server.rs", "struct X;");
        let about = |grading_hash: &str, content: &str| {
            format!(
                r#"{{"schema":1,"handout":{{"version":"2025.9","hash":"","grading_hash":"{grading_hash}"}},"content":"{content}",
                    "runs":[{{"suite":"echo","earned":41,"points":41}}]}}"#
            )
        };
        let hash = read(&[source]).unwrap().hash();
        let same = read(&[source, ("SUBMISSION.json", &about(&handout.grading_hash, &hash))]).unwrap();
        assert_eq!((same.hash(), same.notes), (hash.clone(), Vec::<String>::new()));
        assert_eq!(same.said, [Said { suite: "echo".to_owned(), earned: 41.0, points: 41.0 }]);
        let other = ("me/SUBMISSION.json", &*about("0", "0"));
        let notes = read(&[("me/labs/echo/src/server.rs", "struct X;"), other]).unwrap().notes;
        assert_eq!(
            notes,
            [
                "made with handout 2025.9, which grades in another way than 2026.1",
                "changed after `cargo lab submit`"
            ]
        );
        assert_eq!(read(&[source, ("SUBMISSION.json", "no JSON")]).unwrap().said, []);
    }

    #[test]
    fn what_cannot_be_graded_says_why() {
        let refusal = |files: &[(&str, &str)]| format!("{:#}", read(files).unwrap_err());
        insta::assert_snapshot!(refusal(&[("report.pdf", "")]), @"it has none of the files that students write, such as `labs/echo/src/lib.rs`");
        insta::assert_snapshot!(refusal(&[("a/labs/echo/src/server.rs", ""), ("b/labs/echo/src/server.rs", "")]), @"it has `labs` twice, in `a/` and in `b/`; submit one");
    }

    #[test]
    fn folders_of_submissions_and_single_ones() {
        let dir = folder(&[
            ("ada/labs/echo/src/server.rs", ""),
            ("bob.tar.gz", ""),
            ("notes.txt", ""),
            (".cache/x", ""),
        ]);
        let names = |path: &Path| {
            find(&[path.to_owned()]).map(|found| found.into_iter().map(|one| one.name).collect::<Vec<_>>())
        };
        assert_eq!(names(dir.path()).unwrap(), ["ada", "bob"]);
        assert_eq!(names(&dir.path().join("ada")).unwrap(), ["ada"]);
        assert_eq!(names(&dir.path().join("bob.tar.gz")).unwrap(), ["bob"]);
        assert!(names(&dir.path().join("eve")).is_err());
        fs::create_dir(dir.path().join("bob")).unwrap();
        assert!(names(dir.path()).unwrap_err().to_string().starts_with("two submissions are called `bob`"));
    }
}
