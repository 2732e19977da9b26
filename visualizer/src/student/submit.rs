//! `cargo lab submit`: packs what a student wrote, and nothing else, and says what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;
use zip::write::SimpleFileOptions;

use crate::amount::{bytes, counted};
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::student::grades::Grades;
use crate::student::handout::{Handout, HandoutError, Version, hash};
use crate::workspace::Workspace;

/// The largest file, and the largest sum of all: a right solution has a tenth of it.
const FILE_MAX: usize = 250_000;
const ALL_MAX: usize = 1_000_000;

/// The archive unless the student says where.
const ARCHIVE: &str = "submission.zip";

/// What is written into the archive beside the sources.
const ABOUT: &str = "SUBMISSION.json";

/// The command line.
pub(crate) fn definition() -> Command {
    Command::new("submit")
        .about("Pack what you wrote, to hand it in")
        .after_help(
            "Only the files under `student_files` in HANDOUT.json and new .rs files in `labs/<lab>/src` are in it: graders\n\
             take nothing else. The same sources give the same bytes.",
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The archive [default: submission.zip in your copy]"),
        )
}

/// Why nothing was packed.
#[derive(Debug, thiserror::Error)]
enum SubmitError {
    #[error(transparent)]
    Handout(#[from] HandoutError),
    #[error("cannot read `{path}`: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("`{path}` is a link or a special file; put the file itself there")]
    Link { path: String },
    #[error("`{path}` is not UTF-8; save it as UTF-8")]
    NotText { path: String },
    #[error("`{path}` is larger than {}; a solution has a tenth of that. Is it generated?", bytes(FILE_MAX as u64))]
    LargeFile { path: String },
    #[error("your sources are larger than {} together; a solution has a tenth of that", bytes(ALL_MAX as u64))]
    Large,
    #[error(
        "nothing to hand in: your files are as they were handed out; is this the copy you worked in? (such as `{example}`)"
    )]
    Untouched { example: String },
    #[error("cannot write `{path}`: {error}")]
    Unwritable { path: String, error: io::Error },
}

/// What there is to hand in.
#[derive(Debug)]
struct Submission {
    /// Paths with `/`, and their bytes.
    files: BTreeMap<String, Vec<u8>>,
    /// Files beside them that stay, with the reason.
    left_out: Vec<(String, &'static str)>,
    newest: Option<SystemTime>,
}

/// The description in the archive.
#[derive(Debug, Serialize)]
struct About<'a> {
    schema: u32,
    handout: &'a Version,
    /// A hash of the sources; graders print the same.
    content: String,
    /// What the student's own runs said. Graders run the tests again.
    runs: Vec<LastRun>,
}

/// The last run of a suite on the student's machine.
#[derive(Debug, Serialize)]
struct LastRun {
    suite: String,
    earned: f64,
    points: f64,
    passed: usize,
    tests: usize,
    /// Whether sources were changed after it.
    stale: bool,
}

/// Packs the copy around the current folder.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> ExitCode {
    let workspace = match Workspace::find(&console.here) {
        Ok(workspace) => workspace,
        Err(error) => {
            console.error(error);
            return ExitCode::Usage;
        }
    };
    let out = matches.get_one::<PathBuf>("out").map(|out| console.here.join(out));
    let out = out.unwrap_or_else(|| workspace.root.join(ARCHIVE));
    match pack(&workspace.root, &out) {
        Ok((size, report)) => {
            let name = console.relative(&out);
            let mut lines = vec![format!("{name}: {}", bytes(size as u64))];
            lines.extend(report);
            lines.push(format!("Hand in {name}."));
            let written = console.print(&lines);
            console.written(written, ExitCode::Success)
        }
        Err(error) => {
            console.error(&error);
            match error {
                SubmitError::Unwritable { .. } => ExitCode::Internal,
                _ => ExitCode::BadFile,
            }
        }
    }
}

/// Writes the archive; returns its size, and what to say of it.
fn pack(root: &Path, out: &Path) -> Result<(usize, Vec<String>), SubmitError> {
    let handout = Handout::read(root)?;
    let submission = Submission::collect(root, &handout)?;
    if submission.files.iter().all(|(path, bytes)| handout.is_skeleton(path, bytes)) {
        let example = handout.student_files.keys().next().cloned().unwrap_or_default();
        return Err(SubmitError::Untouched { example });
    }
    let about = About {
        schema: 1,
        handout: &handout.version,
        content: submission.hash(),
        runs: handout.suites.iter().filter_map(|suite| LastRun::of(root, suite, submission.newest)).collect(),
    };
    let archive = submission.zip(&about).and_then(|archive| fs::write(out, &archive).map(|()| archive.len()));
    let size = archive.map_err(|error| SubmitError::Unwritable { path: out.display().to_string(), error })?;
    Ok((size, report(root, &handout, &submission, &about)))
}

fn report(root: &Path, handout: &Handout, submission: &Submission, about: &About<'_>) -> Vec<String> {
    let width = submission.files.keys().map(String::len).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (path, text) in &submission.files {
        let note = if handout.is_skeleton(path, text) { "  as it was handed out" } else { "" };
        lines.push(format!("  {path:width$}  {:>11}{note}", bytes(text.len() as u64)));
    }
    let missing = handout.student_files.keys().filter(|path| !submission.files.contains_key(*path));
    lines.extend(missing.map(|path| format!("  {path:width$}  is gone: graders put the skeleton there")));
    lines.push(format!(
        "content {:.12}, handout {} ({:.12})",
        about.content, handout.version.version, handout.version.hash
    ));
    lines.push("your last runs (the graders run all tests again):".to_owned());
    for suite in &handout.suites {
        lines.push(match about.runs.iter().find(|run| run.suite == *suite) {
            Some(run) => {
                let stale = if run.stale { "; you changed something since, run it again" } else { "" };
                format!(
                    "  {suite}: {} of {} points, {} of {} passed{stale}",
                    run.earned,
                    run.points,
                    run.passed,
                    counted(run.tests as u64, "test")
                )
            }
            None => format!("  {suite}: not run; `cargo test --test {suite}` says what you have"),
        });
    }
    for path in handout.changed_course_files(root) {
        lines.push(format!("not in it: {path}, the course's: graders use their own, without your change"));
    }
    lines.extend(submission.left_out.iter().map(|(path, why)| format!("not in it: {path}: {why}")));
    lines
}

impl LastRun {
    fn of(root: &Path, suite: &str, newest: Option<SystemTime>) -> Option<Self> {
        let folder = root.join("target/grades").join(suite);
        let grades = Grades::read(&folder)?;
        let ran = fs::metadata(folder.join("results.jsonl")).and_then(|data| data.modified()).ok();
        Some(Self {
            suite: suite.to_owned(),
            earned: grades.earned(),
            points: grades.points,
            passed: grades.passed(),
            tests: grades.tests,
            stale: newest > ran,
        })
    }
}

impl Submission {
    /// Collects the student's files.
    fn collect(root: &Path, handout: &Handout) -> Result<Self, SubmitError> {
        let mut submission = Self { files: BTreeMap::new(), left_out: Vec::new(), newest: None };
        for lab in &handout.labs {
            submission.folder(root, &format!("labs/{lab}/src"), handout)?;
        }
        if submission.files.values().map(Vec::len).sum::<usize>() > ALL_MAX {
            return Err(SubmitError::Large);
        }
        Ok(submission)
    }

    fn folder(&mut self, root: &Path, folder: &str, handout: &Handout) -> Result<(), SubmitError> {
        let unreadable = |path: &str| {
            let path = path.to_owned();
            move |error: io::Error| SubmitError::Unreadable { path, error }
        };
        let entries = fs::read_dir(root.join(folder)).map_err(unreadable(folder))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable(folder))?;
            names.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
        names.sort();
        for (name, place) in names {
            let path = format!("{folder}/{name}");
            let data = fs::symlink_metadata(&place).map_err(unreadable(&path))?;
            if data.is_dir() {
                self.folder(root, &path, handout)?;
            } else if handout.may_be_students(&path) {
                if !data.is_file() {
                    return Err(SubmitError::Link { path });
                }
                if data.len() > FILE_MAX as u64 {
                    return Err(SubmitError::LargeFile { path });
                }
                let bytes = fs::read(&place).map_err(unreadable(&path))?;
                if std::str::from_utf8(&bytes).is_err() {
                    return Err(SubmitError::NotText { path });
                }
                self.newest = self.newest.max(data.modified().ok());
                self.files.insert(path, bytes);
            } else if !handout.course_files.contains_key(&path) {
                let why = if name.starts_with('.') {
                    "names that begin with a dot are no student's"
                } else {
                    "only .rs files are graded"
                };
                self.left_out.push((path, why));
            }
        }
        Ok(())
    }

    /// A hash of all paths and bytes, the one that `cargo handout grade` notes.
    fn hash(&self) -> String {
        let line =
            |(path, text): (&String, &Vec<u8>)| format!("{} false {} {path}\n", hash(text), text.len());
        hash(self.files.iter().map(line).collect::<String>().as_bytes())
    }

    /// The archive: sorted, without dates and owners. Not compressed: it is small, and packing it needs nothing then.
    fn zip(&self, about: &About<'_>) -> io::Result<Vec<u8>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let plain = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .unix_permissions(0o644);
        let about = serde_json::to_vec_pretty(about)?;
        let about = std::iter::once((ABOUT, &about));
        for (path, bytes) in about.chain(self.files.iter().map(|(path, bytes)| (path.as_str(), bytes))) {
            zip.start_file(path, plain).map_err(io::Error::other)?;
            zip.write_all(bytes)?;
        }
        Ok(zip.finish().map_err(io::Error::other)?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A copy of a handout with one lab, in a folder of its own.
    fn copy() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("labs/a/src/deep")).unwrap();
        fs::create_dir_all(root.join("tests")).unwrap();
        for (path, text) in
            [("labs/a/src/server.rs", "skeleton"), ("labs/a/src/given.rs", "given"), ("tests/a.rs", "tests")]
        {
            fs::write(root.join(path), text).unwrap();
        }
        let handout = serde_json::json!({
            "schema": 1, "version": "2026.1", "hash": "0123456789abcdef", "grading_hash": "fedcba", "labs": ["a"],
            "suites": ["a", "b"], "student_files": { "labs/a/src/server.rs": hash(b"skeleton") },
            "course_files": { "labs/a/src/given.rs": hash(b"given"), "tests/a.rs": hash(b"tests") },
        });
        fs::write(root.join("HANDOUT.json"), handout.to_string()).unwrap();
        dir
    }

    fn packed(root: &Path) -> Result<String, String> {
        let out = root.join(ARCHIVE);
        pack(root, &out)
            .map(|(_, lines)| lines.join("\n"))
            .map_err(|error| error.to_string().replace(&root.display().to_string(), "COPY"))
    }

    fn entries(root: &Path) -> Vec<String> {
        let archive = zip::ZipArchive::new(fs::File::open(root.join(ARCHIVE)).unwrap()).unwrap();
        archive.file_names().map(|name| name.unwrap().into_owned()).collect()
    }

    #[test]
    fn what_a_student_wrote_is_packed_and_nothing_else() {
        let dir = copy();
        let root = dir.path();
        fs::write(root.join("labs/a/src/server.rs"), "mine").unwrap();
        fs::write(root.join("labs/a/src/deep/log.rs"), "mine as well").unwrap();
        fs::write(root.join("labs/a/src/notes.txt"), "notes").unwrap();
        fs::write(root.join("labs/a/src/._server.rs"), b"\0\xff").unwrap();
        fs::write(root.join("labs/a/build.rs"), "fn main() {}").unwrap();
        fs::write(root.join("tests/a.rs"), "easier tests").unwrap();
        fs::create_dir_all(root.join("target/grades/a")).unwrap();
        let results = "{\"record\":\"run\",\"points\":40,\"tests\":2}\n\
            {\"record\":\"test\",\"test\":\"t01\",\"verdict\":\"pass\",\"earned\":30}\n\
            {\"record\":\"test\",\"test\":\"t02\",\"verdict\":\"fail\",\"earned\":5}\n";
        fs::write(root.join("target/grades/a/results.jsonl"), results).unwrap();
        insta::assert_snapshot!(packed(root).unwrap(), @"
          labs/a/src/deep/log.rs     12 bytes
          labs/a/src/server.rs        4 bytes
        content b77a986e0697, handout 2026.1 (0123456789ab)
        your last runs (the graders run all tests again):
          a: 35 of 40 points, 1 of 2 tests passed
          b: not run; `cargo test --test b` says what you have
        not in it: tests/a.rs, the course's: graders use their own, without your change
        not in it: labs/a/src/._server.rs: names that begin with a dot are no student's
        not in it: labs/a/src/notes.txt: only .rs files are graded
        ");
        assert_eq!(entries(root), ["SUBMISSION.json", "labs/a/src/deep/log.rs", "labs/a/src/server.rs"]);
        let first = fs::read(root.join(ARCHIVE)).unwrap();
        packed(root).unwrap();
        assert_eq!(fs::read(root.join(ARCHIVE)).unwrap(), first, "the same sources give the same bytes");

        // What was run before the last change says so.
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::open(root.join("labs/a/src/server.rs")).unwrap().set_modified(later).unwrap();
        assert!(packed(root).unwrap().contains("1 of 2 tests passed; you changed something since"));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let dir = copy();
        let root = dir.path();
        insta::assert_snapshot!(packed(root).unwrap_err(), @"nothing to hand in: your files are as they were handed out; is this the copy you worked in? (such as `labs/a/src/server.rs`)");
        let server = root.join("labs/a/src/server.rs");
        fs::write(&server, vec![b' '; FILE_MAX + 1]).unwrap();
        insta::assert_snapshot!(packed(root).unwrap_err(), @"`labs/a/src/server.rs` is larger than 250 kB; a solution has a tenth of that. Is it generated?");
        fs::write(&server, b"\xff\xfe").unwrap();
        insta::assert_snapshot!(packed(root).unwrap_err(), @"`labs/a/src/server.rs` is not UTF-8; save it as UTF-8");
        for number in 0..5 {
            fs::write(root.join(format!("labs/a/src/large{number}.rs")), vec![b' '; FILE_MAX]).unwrap();
        }
        fs::write(&server, "mine").unwrap();
        insta::assert_snapshot!(packed(root).unwrap_err(), @"your sources are larger than 1,000 kB together; a solution has a tenth of that");
        #[cfg(unix)]
        {
            fs::remove_file(&server).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", &server).unwrap();
            insta::assert_snapshot!(packed(root).unwrap_err(), @"`labs/a/src/server.rs` is a link or a special file; put the file itself there");
        }
        fs::remove_file(root.join("HANDOUT.json")).unwrap();
        insta::assert_snapshot!(packed(root).unwrap_err(), @"`COPY` is no copy of a handout: it has no `HANDOUT.json`; run this in the folder that the course gave you");
        assert!(!root.join(ARCHIVE).exists(), "nothing is written when something is refused");
    }
}
