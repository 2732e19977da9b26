//! Brings a student's copy of the handout to a new version. What happens to which file, `renewal.rs` says.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::console::say;
use crate::description::Description;
use crate::generate;
use crate::renewal::{self, Beside, Dependencies, Files, NewFile, Renewal};
use crate::tree::Tree;

/// What to bring to which version.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The student's copy.
    pub(crate) copy: PathBuf,
    pub(crate) source: PathBuf,
    /// The new handout, in place of one made from the repository.
    pub(crate) handout: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    pub(crate) dry_run: bool,
}

/// Updates; true, as there is nothing that can be partly right.
pub(crate) fn run(options: &Options) -> Result<bool> {
    for line in update(options)? {
        say(line);
    }
    Ok(true)
}

/// Updates, and says what was done.
///
/// # Errors
///
/// The copy is as it was then, unless the disk is full or the like; the same command goes on with it.
fn update(options: &Options) -> Result<Vec<String>> {
    let copy =
        options.copy.canonicalize().with_context(|| format!("no folder `{}`", options.copy.display()))?;
    let old = Description::read(&copy)?;
    let (files, new) = match &options.handout {
        Some(folder) => {
            let new = Description::read(folder)?;
            (renewal::read_files(folder, &new.edition())?, new)
        }
        None => {
            let handout = generate::build(&options.source, &old.selection())?;
            (files(&handout.tree), handout.description)
        }
    };
    let renewal = Renewal::plan(&copy, &old.edition(), &new.edition(), &files);
    if !options.dry_run {
        let beside = Beside::new(&copy)?;
        let dependencies = dependencies(&copy, options.handout.as_deref(), &files, &beside)?;
        renewal.carry_out(&copy, &files, &dependencies)?;
    }
    let mut lines = vec![format!("{} → {}", old.name(), new.name())];
    lines.extend(renewal.report(options.dry_run));
    Ok(lines)
}

fn files(tree: &Tree) -> Files {
    let file = |file: &crate::tree::File| NewFile { bytes: file.bytes.clone(), executable: file.executable };
    tree.0.iter().map(|(path, of)| (path.clone(), file(of))).collect()
}

/// Where the copy's dependencies come from afterwards. If they have to be in it and are not there yet, they are fetched
/// beside it, before anything is changed.
fn dependencies(copy: &Path, handout: Option<&Path>, files: &Files, beside: &Beside) -> Result<Dependencies> {
    if let Some((folder, settings)) = handout.and_then(renewal::brings_along) {
        return Ok(beside.take(&folder, settings)?);
    }
    let lock = files.get("Cargo.lock").map(|file| String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
    if !renewal::is_vendored(copy) || renewal::vendor_serves(copy, &lock) {
        return Ok(Dependencies::AsBefore);
    }
    let workspace = tempfile::tempdir().context("cannot make a temporary folder")?;
    for (path, file) in files {
        renewal::write(workspace.path(), path, file)?;
    }
    let folder = beside.path().join("vendor");
    let settings = generate::vendor_into(workspace.path(), &folder).context(
        "nothing was changed: the copy has its dependencies in `vendor`, the new version needs others, and cargo cannot \
         get them.\nConnect to the network; or, where there is one, `cargo handout generate --vendor --out NEW`, bring NEW \
         here, and `cargo handout update COPY --handout NEW`",
    )?;
    Ok(Dependencies::Vendored { folder, settings })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fixture;
    use crate::plan::{Parts, Selection};

    /// A student's copy of version 1, and the course, in which version 2 is made.
    fn copy_and_course() -> (tempfile::TempDir, fixture::Course) {
        let course = fixture::course();
        let copy = tempfile::tempdir().unwrap();
        generate::build(course.path(), &Selection::default()).unwrap().tree.write(copy.path()).unwrap();
        (copy, course)
    }

    fn replace(root: &Path, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(root.join(path)).unwrap();
        assert!(text.contains(from), "{path}: {from}");
        fs::write(root.join(path), text.replace(from, to)).unwrap();
    }

    fn options(copy: &Path, course: &Path) -> Options {
        Options { copy: copy.to_owned(), source: course.to_owned(), handout: None, dry_run: false }
    }

    /// What an update says, without the versions.
    fn update(copy: &Path, course: &Path) -> String {
        super::update(&options(copy, course)).unwrap()[1..].join("\n")
    }

    #[test]
    fn students_files_stay_and_the_courses_are_replaced() {
        let (copy, course) = copy_and_course();
        let (copy, course) = (copy.path(), course.path());
        fs::write(copy.join("labs/echo/src/server.rs"), "// my work\n").unwrap();
        fs::write(copy.join("labs/echo/src/log.rs"), "// my file\n").unwrap();
        fs::write(copy.join("notes.md"), "mine\n").unwrap();
        replace(copy, "tests/echo.rs", "points: 10.0", "points: 1000.0");

        replace(course, "README.md", "course", "course, again");
        replace(course, "handout/template/README.md", "Labs", "The labs");
        let news = "## 2026.2\n\nThe second test asks for more.\n\n## 2026.1";
        replace(course, "handout/template/CHANGES.md", "## 2026.1", news);
        replace(course, "tests/echo.rs", "points: 20.0", "points: 25.0");
        replace(course, "labs/echo/src/server.rs", "echo: answer", "echo: please answer");
        replace(course, "labs/echo/src/tally.rs", "echo: count", "echo: please count");
        fs::rename(course.join("labs/echo/README.md"), course.join("labs/echo/TEXT.md")).unwrap();
        insta::assert_snapshot!(update(copy, course), @"
        4 files written, 1 removed
        still as it was handed out, so renewed: labs/echo/src/tally.rs
        replaced although you changed it: tests/echo.rs (your versions are in target/handout-update/yours)
        yours, and it stays: labs/echo/src/server.rs; the course changed its skeleton, the new one is target/handout-update/skeletons/labs/echo/src/server.rs
        new in 2026.2:
          The second test asks for more.
        GRADING CHANGES: tests/echo.rs
        ");
        let read = |path: &str| fs::read_to_string(copy.join(path)).unwrap();
        assert_eq!(read("labs/echo/src/server.rs"), "// my work\n");
        assert_eq!(read("labs/echo/src/log.rs"), "// my file\n");
        assert_eq!(read("notes.md"), "mine\n");
        assert!(read("labs/echo/src/tally.rs").contains("please count"), "an untouched skeleton is renewed");
        assert!(read("tests/echo.rs").contains("points: 25.0") && !read("tests/echo.rs").contains("1000"));
        assert!(read("target/handout-update/yours/tests/echo.rs").contains("points: 1000.0"));
        assert!(read("target/handout-update/skeletons/labs/echo/src/server.rs").contains("please answer"));
        assert!(!copy.join("labs/echo/README.md").exists());

        // Everything of the course is now as in a fresh handout, and a second update does nothing.
        assert_eq!(Description::read(copy).unwrap().changed_course_files(copy), Vec::<String>::new());
        let again = update(copy, course);
        assert_eq!(again.lines().next(), Some("0 files written, 0 removed"));
        assert_eq!(again.lines().last(), Some("grading does not change"));
    }

    #[test]
    fn pages_do_not_change_grading() {
        let (copy, course) = copy_and_course();
        replace(course.path(), "handout/template/README.md", "Labs", "The labs");
        insta::assert_snapshot!(update(copy.path(), course.path()), @"
        1 file written, 0 removed
        grading does not change
        ");
    }

    #[test]
    fn a_copy_keeps_its_parts() {
        let course = fixture::course();
        for part in ["part1", "part2"] {
            fs::copy(course.path().join("tests/echo.rs"), course.path().join(format!("tests/{part}.rs")))
                .unwrap();
            let target = format!(
                "[[test]]\nname = \"{part}\"\npath = \"../../tests/{part}.rs\"\nharness = false\n\n[[test]]\nname = \"reference\""
            );
            replace(course.path(), "labs/echo/Cargo.toml", "[[test]]\nname = \"reference\"", &target);
        }
        let suites = |copy: &Path| Description::read(copy).unwrap().suites;
        let parts = Selection { labs: None, parts: Some("1".parse().unwrap()) };
        for (selection, expected) in
            [(parts, &["echo", "part1"][..]), (Selection::default(), &["echo", "part1", "part2"])]
        {
            let copy = tempfile::tempdir().unwrap();
            generate::build(course.path(), &selection).unwrap().tree.write(copy.path()).unwrap();
            assert_eq!(suites(copy.path()), expected);
            assert_eq!(Description::read(copy.path()).unwrap().selection(), selection);
            insta::allow_duplicates! {
                insta::assert_snapshot!(update(copy.path(), course.path()), @"
                0 files written, 0 removed
                grading does not change
                ");
            }
            assert_eq!(suites(copy.path()), expected);

            // A handout that does not say what was selected in it.
            let text = fs::read_to_string(copy.path().join("HANDOUT.json")).unwrap();
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            json.as_object_mut().unwrap().remove("selection").unwrap();
            fs::write(copy.path().join("HANDOUT.json"), json.to_string()).unwrap();
            let known = Description::read(copy.path()).unwrap().selection();
            let parts = expected[1..].iter().map(|part| part[4..].parse().unwrap()).collect();
            let labs = Some(["echo".to_owned()].into());
            assert_eq!(known, Selection { labs, parts: Some(Parts(parts)) });
        }
    }
}
