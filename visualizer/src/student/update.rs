//! `cargo lab update`: brings a student's copy to a new version of the handout, of which the student has the folder or the archive.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::student::handout::{Handout, HandoutError};
use crate::student::renewal::{self, Beside, Dependencies, Files, Refused, Renewal};
use crate::workspace::Workspace;

/// The command line.
pub(crate) fn definition() -> Command {
    Command::new("update")
        .about("Bring your copy to a new version of the handout; what you wrote stays")
        .after_help(
            "Files of the course become those of the new version. Files under `student_files` in HANDOUT.json stay as they are once\n\
             you have written in them, and so do files that you have added. Commit before, then `git diff` shows what changed.",
        )
        .arg(
            Arg::new("new")
                .value_name("NEW")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The new handout: its folder, or the .tar.gz that the course gave you"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Say what would be done, and do nothing"),
        )
}

/// Why the copy stays as it is.
#[derive(Debug, thiserror::Error)]
enum UpdateError {
    #[error(transparent)]
    Handout(#[from] HandoutError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("cannot read `{path}`: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("`{path}` is no handout; name the folder that has the new `HANDOUT.json` in it, or the archive")]
    NoHandout { path: String },
    #[error("`{path}` is no archive of a handout (.tar.gz)")]
    NoArchive { path: String },
    #[error("that is your copy itself; unpack the new handout beside it, and name that folder")]
    Itself,
    #[error(
        "your copy has its dependencies in `vendor`, and the new version needs others, which it does not bring along.\n\
         Nothing was changed. Ask the course for the handout with dependencies (a folder `vendor` is in it). Or, if you have \
         network: delete the folder `vendor`, and in `.cargo/config.toml` everything below the line that names it; then run \
         this again"
    )]
    OtherDependencies,
}

/// Updates the copy around the current folder.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> ExitCode {
    let copy = match Workspace::find(&console.here) {
        Ok(workspace) => workspace.root,
        Err(error) => {
            console.error(error);
            return ExitCode::Usage;
        }
    };
    let new = matches.get_one::<PathBuf>("new").map(|new| console.here.join(new)).unwrap_or_default();
    match update(&copy, &new, matches.get_flag("dry-run")) {
        Ok(lines) => {
            let written = console.print(&lines);
            console.written(written, ExitCode::Success)
        }
        Err(error) => {
            console.error(error);
            ExitCode::BadFile
        }
    }
}

/// Updates, and says what was done.
fn update(copy: &Path, new: &Path, dry_run: bool) -> Result<Vec<String>, UpdateError> {
    let old = Handout::read(copy)?;
    let unreadable = |error| UpdateError::Unreadable { path: new.display().to_string(), error };
    let kind = fs::metadata(new).map_err(unreadable)?;
    if new.canonicalize().ok() == copy.canonicalize().ok() {
        return Err(UpdateError::Itself);
    }
    let beside = Beside::new(copy)?;
    let folder = if kind.is_dir() { new.to_owned() } else { unpack(new, &beside.path().join("new"))? };
    let handout = Handout::read(&folder).map_err(|error| match error {
        HandoutError::Missing { root } => UpdateError::NoHandout { path: root },
        error => error.into(),
    })?;
    let files = renewal::read_files(&folder, &handout.edition())?;
    let renewal = Renewal::plan(copy, &old.edition(), &handout.edition(), &files);
    if !dry_run {
        let dependencies = dependencies(copy, &folder, &files, &beside)?;
        renewal.carry_out(copy, &files, &dependencies)?;
    }
    let mut lines = vec![format!("{} → {}", old.version.name(), handout.version.name())];
    lines.extend(renewal.report(dry_run));
    Ok(lines)
}

/// Where the copy's dependencies come from afterwards.
fn dependencies(
    copy: &Path,
    new: &Path,
    files: &Files,
    beside: &Beside,
) -> Result<Dependencies, UpdateError> {
    if let Some((folder, settings)) = renewal::brings_along(new) {
        return Ok(beside.take(&folder, settings)?);
    }
    let lock = files.get("Cargo.lock").map(|file| String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
    if renewal::is_vendored(copy) && !renewal::vendor_serves(copy, &lock) {
        return Err(UpdateError::OtherDependencies);
    }
    Ok(Dependencies::AsBefore)
}

/// Unpacks an archive, and returns the one folder in it.
fn unpack(archive: &Path, to: &Path) -> Result<PathBuf, UpdateError> {
    let path = || archive.display().to_string();
    let file = fs::File::open(archive).map_err(|error| UpdateError::Unreadable { path: path(), error })?;
    let no_archive = |_: io::Error| UpdateError::NoArchive { path: path() };
    let file = flate2::read::GzDecoder::new(io::BufReader::new(file));
    tar::Archive::new(file).unpack(to).map_err(no_archive)?;
    let mut inside = fs::read_dir(to).map_err(no_archive)?.flatten();
    let root = inside.next().map(|entry| entry.path());
    root.ok_or_else(|| UpdateError::NoArchive { path: path() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::student::renewal::hash;

    /// The files of a version of the handout: the course's, and those of the students.
    type Texts = BTreeMap<&'static str, String>;

    fn texts(version: u32) -> Texts {
        let mut texts: Texts = [
            ("Cargo.toml", "[workspace]"),
            ("Cargo.lock", "version = 4\n"),
            (".cargo/config.toml", "[alias]\n"),
            ("README.md", "the labs\n"),
            ("tests/a.rs", "tests\n"),
            ("labs/a/src/client.rs", "skeleton of the client\n"),
            ("labs/a/src/server.rs", "skeleton of the server\n"),
        ]
        .map(|(path, text)| (path, text.to_owned()))
        .into();
        if version > 1 {
            for path in ["README.md", "tests/a.rs", "labs/a/src/client.rs", "labs/a/src/server.rs"] {
                texts.entry(path).or_default().push_str("changed\n");
            }
        }
        texts
    }

    fn put(root: &Path, path: &str, text: &str) {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }

    /// Writes a version of the handout.
    fn handout(root: &Path, version: &str, texts: &Texts) {
        let hashes = |students: bool| -> BTreeMap<&str, String> {
            let of = texts.iter().filter(|(path, _)| path.contains("/src/") == students);
            of.map(|(path, text)| (*path, hash(text.as_bytes()))).collect()
        };
        let all = |paths: &[&str]| {
            hash(paths.iter().map(|path| texts[path].as_str()).collect::<String>().as_bytes())
        };
        let json = serde_json::json!({
            "schema": 1, "version": version, "hash": all(&["README.md", "tests/a.rs", "Cargo.lock"]),
            "grading_hash": all(&["tests/a.rs"]), "labs": ["a"], "suites": ["a"],
            "student_files": hashes(true), "course_files": hashes(false),
        });
        for (path, text) in texts {
            put(root, path, text);
        }
        put(root, "HANDOUT.json", &json.to_string());
    }

    fn said(copy: &Path, new: &Path) -> Result<String, String> {
        let said = update(copy, new, false).map(|lines| lines[1..].join("\n"));
        said.map_err(|error| error.to_string().replace(&*copy.parent().unwrap().to_string_lossy(), "HOME"))
    }

    #[test]
    fn the_courses_files_change_and_the_students_stay() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        let (copy, new) = (home.join("copy"), home.join("new"));
        handout(&copy, "1", &texts(1));
        handout(&new, "2", &texts(2));
        put(&copy, "labs/a/src/server.rs", "mine\n");
        put(&copy, "labs/a/src/server/log.rs", "mine as well\n");
        put(&copy, "README.md", "my notes\n");
        let before = fs::read(copy.join("HANDOUT.json")).unwrap();
        assert!(update(&copy, &new, true).unwrap()[1].starts_with("2 files would be written"));
        assert_eq!(fs::read(copy.join("HANDOUT.json")).unwrap(), before);
        insta::assert_snapshot!(said(&copy, &new).unwrap(), @"
        2 files written, 0 removed
        still as it was handed out, so renewed: labs/a/src/client.rs
        replaced although you changed it: README.md (your versions are in target/handout-update/yours)
        yours, and it stays: labs/a/src/server.rs; the course changed its skeleton, the new one is target/handout-update/skeletons/labs/a/src/server.rs
        GRADING CHANGES: tests/a.rs
        ");
        let read = |path: &str| fs::read_to_string(copy.join(path)).unwrap();
        assert_eq!(read("labs/a/src/server.rs"), "mine\n");
        assert_eq!(read("labs/a/src/server/log.rs"), "mine as well\n");
        assert_eq!(
            read("target/handout-update/skeletons/labs/a/src/server.rs"),
            texts(2)["labs/a/src/server.rs"]
        );
        assert_eq!(read("target/handout-update/yours/README.md"), "my notes\n");
        assert_eq!(read("tests/a.rs"), texts(2)["tests/a.rs"]);
        assert_eq!(Handout::read(&copy).unwrap(), Handout::read(&new).unwrap());
        insta::assert_snapshot!(said(&copy, &new).unwrap(), @"
        0 files written, 0 removed
        grading does not change
        ");
        // A second version keeps what was kept aside of the first.
        let mut third = texts(2);
        third.insert("README.md", "again\n".to_owned());
        handout(&new, "3", &third);
        put(&copy, "README.md", "my other notes\n");
        insta::assert_snapshot!(said(&copy, &new).unwrap(), @"
        0 files written, 0 removed
        replaced although you changed it: README.md (your versions are in target/handout-update/yours)
        grading does not change
        ");
        assert_eq!(read("target/handout-update/yours/README.md"), "my notes\n");
        assert_eq!(read("target/handout-update/yours/README.md.2"), "my other notes\n");
    }

    #[test]
    fn an_archive_is_a_handout_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        let (copy, new) = (home.join("copy"), home.join("handout-2"));
        handout(&copy, "1", &texts(1));
        handout(&new, "2", &texts(2));
        let packed = fs::File::create(home.join("new.tar.gz")).unwrap();
        let packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        let mut archive = tar::Builder::new(packed);
        archive.append_dir_all("handout-2", &new).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
        assert!(said(&copy, &home.join("new.tar.gz")).unwrap().starts_with("4 files written"));
        assert_eq!(Handout::read(&copy).unwrap(), Handout::read(&new).unwrap());
        let left = fs::read_dir(&copy).unwrap().flatten().map(|entry| entry.file_name());
        assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with(".handout-update")));
    }

    #[test]
    fn dependencies_in_the_copy_are_never_missing() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        let (copy, new) = (home.join("copy"), home.join("new"));
        let mut first = texts(1);
        let package = |name: &str| {
            format!(
                "\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"registry\"\nchecksum = \"sum of {name}\"\n"
            )
        };
        first.entry("Cargo.lock").or_default().push_str(&package("one"));
        let vendor = |root: &Path, names: &[&str]| {
            for name in names {
                let sums = format!("{{\"files\":{{}},\"package\":\"sum of {name}\"}}");
                put(root, &format!("vendor/{name}-1.0.0/.cargo-checksum.json"), &sums);
            }
            let config = fs::read_to_string(root.join(".cargo/config.toml")).unwrap();
            put(root, ".cargo/config.toml", &(config + renewal::VENDORED + "[source.crates-io]\n"));
        };
        handout(&copy, "1", &first);
        vendor(&copy, &["one"]);
        let settings = || fs::read_to_string(copy.join(".cargo/config.toml")).unwrap();

        // The same dependencies: they stay, and cargo is still told of them.
        let mut second = texts(2);
        second.insert("Cargo.lock", first["Cargo.lock"].clone());
        second.insert(".cargo/config.toml", "[alias]\nlab = \"run\"\n".to_owned());
        handout(&new, "2", &second);
        said(&copy, &new).unwrap();
        assert_eq!(
            settings(),
            second[".cargo/config.toml"].clone() + renewal::VENDORED + "[source.crates-io]\n"
        );

        // Others, which the new handout does not bring along.
        second.entry("Cargo.lock").or_default().push_str(&package("two"));
        handout(&new, "3", &second);
        let before = Handout::read(&copy).unwrap();
        let error = said(&copy, &new).unwrap_err();
        assert!(error.contains("Nothing was changed. Ask the course"), "{error}");
        assert_eq!(Handout::read(&copy).unwrap(), before);
        assert_eq!(fs::read_to_string(copy.join("Cargo.lock")).unwrap(), first["Cargo.lock"]);
        assert!(copy.join("vendor/one-1.0.0").exists());

        vendor(&new, &["one", "two"]);
        said(&copy, &new).unwrap();
        assert!(copy.join("vendor/one-1.0.0").exists() && copy.join("vendor/two-1.0.0").exists());
        assert_eq!(settings(), fs::read_to_string(new.join(".cargo/config.toml")).unwrap());
        assert!(renewal::vendor_serves(&copy, &second["Cargo.lock"]));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        let (copy, new) = (home.join("copy"), home.join("new"));
        handout(&copy, "1", &texts(1));
        insta::assert_snapshot!(said(&copy, &new).unwrap_err(), @"cannot read `HOME/new`: No such file or directory (os error 2)");
        insta::assert_snapshot!(said(&copy, &copy).unwrap_err(), @"that is your copy itself; unpack the new handout beside it, and name that folder");
        insta::assert_snapshot!(said(&copy, &copy.join("README.md")).unwrap_err(), @"`HOME/copy/README.md` is no archive of a handout (.tar.gz)");
        fs::create_dir(&new).unwrap();
        insta::assert_snapshot!(said(&copy, &new).unwrap_err(), @"`HOME/new` is no handout; name the folder that has the new `HANDOUT.json` in it, or the archive");
        handout(&new, "2", &texts(2));
        put(&new, "tests/a.rs", "easier tests\n");
        insta::assert_snapshot!(said(&copy, &new).unwrap_err(), @"`HOME/new/tests/a.rs` is not as the course made it; get the new handout again, and do not work in it before");
        let mut outside = texts(2);
        outside.insert("../outside.md", String::new());
        handout(&new, "2", &outside);
        insta::assert_snapshot!(said(&copy, &new).unwrap_err(), @"`HOME/new/../outside.md` is not as the course made it; get the new handout again, and do not work in it before");
        let before = texts(1);
        assert!(before.iter().all(|(path, text)| fs::read_to_string(copy.join(path)).unwrap() == **text));
    }
}
