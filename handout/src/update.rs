//! Brings a student's copy of the handout to a new version. Students' files stay as they are; what is replaced although it
//! was changed is kept aside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::console::{count, say};
use crate::description::{self, Description};
use crate::generate;
use crate::plan::Selection;
use crate::tree::{Tree, hash};

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

/// Where files go that were changed and are replaced, and new skeletons of files that students have changed.
const ASIDE: &str = "target/handout-update";

/// What happens to one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// It is the course's, and new or changed.
    Write(String),
    /// It is the course's and was changed here; that version is kept aside.
    Replace(String),
    /// It is not in the handout any more.
    Remove(String),
    /// It is the student's and stays; the new skeleton lies aside, to compare.
    Stays(String),
}

/// What an update would do.
#[derive(Debug)]
struct Plan {
    steps: Vec<Step>,
    /// Files that decide on points and differ between the versions; empty if grading stays the same.
    grading: Vec<String>,
}

/// Updates; true, as there is nothing that can be partly right.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let old = Description::read(&options.copy)?;
    let (tree, new) = match &options.handout {
        Some(folder) => (generate::read_handout(folder)?, Description::read(folder)?),
        None => {
            let selection = Selection { labs: Some(old.labs.iter().cloned().collect()), parts: None };
            let handout = generate::build(&options.source, &selection)?;
            (handout.tree, handout.description)
        }
    };
    let plan = plan(&options.copy, &old, &new, &tree)?;
    say(format!("{} → {}", old.name(), new.name()));
    if !options.dry_run {
        carry_out(&plan, &options.copy, &tree)?;
    }
    say(report(&plan, &old, &new, options.dry_run));
    Ok(true)
}

fn plan(copy: &Path, old: &Description, new: &Description, tree: &Tree) -> Result<Plan> {
    let mut steps = Vec::new();
    let here = |path: &str| fs::read(copy.join(path)).ok().map(|bytes| hash(&bytes));
    for path in tree.0.keys().filter(|path| *path != description::FILE) {
        let new_hash = hash(&tree.0[path].bytes);
        let before = old.course_files.get(path).or_else(|| old.student_files.get(path));
        let here = here(path);
        let untouched = here.is_none() || here.as_ref() == before;
        let step = if here.as_ref() == Some(&new_hash) {
            continue;
        } else if new.student_files.contains_key(path) {
            match before {
                // Deleted on purpose, or the skeleton is the same as before: nothing to say.
                Some(before) if here.is_none() || *before == new_hash => continue,
                _ if untouched => Step::Write(path.clone()),
                _ => Step::Stays(path.clone()),
            }
        } else if untouched || vendored_config(copy, path) {
            Step::Write(path.clone())
        } else {
            Step::Replace(path.clone())
        };
        steps.push(step);
    }
    for (path, before) in &old.course_files {
        if !tree.0.contains_key(path)
            && let Some(here) = here(path)
        {
            steps.push(if here == *before {
                Step::Remove(path.clone())
            } else {
                Step::Replace(path.clone())
            });
        }
    }
    steps.sort();
    let mut grading = Vec::new();
    if old.grading_hash != new.grading_hash {
        let both = old.course_files.keys().chain(new.course_files.keys());
        let differs = |path: &&String| old.course_files.get(*path) != new.course_files.get(*path);
        grading = both.filter(|path| description::grades(path)).filter(differs).cloned().collect();
        grading.sort();
        grading.dedup();
    }
    Ok(Plan { steps, grading })
}

/// The settings of cargo are longer where dependencies are vendored; that is no change of the student's.
fn vendored_config(copy: &Path, path: &str) -> bool {
    path == ".cargo/config.toml" && copy.join("vendor").is_dir()
}

fn carry_out(plan: &Plan, copy: &Path, tree: &Tree) -> Result<()> {
    let aside = copy.join(ASIDE);
    for step in &plan.steps {
        match step {
            Step::Write(path) => tree.write_file(copy, path)?,
            Step::Replace(path) => {
                let kept = aside.join("yours").join(path);
                if let Some(folder) = kept.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::copy(copy.join(path), &kept).with_context(|| format!("cannot keep `{path}` aside"))?;
                if tree.0.contains_key(path) {
                    tree.write_file(copy, path)?
                } else {
                    fs::remove_file(copy.join(path))?
                }
            }
            Step::Remove(path) => {
                fs::remove_file(copy.join(path)).with_context(|| format!("cannot remove `{path}`"))?
            }
            Step::Stays(path) => tree.write_file(&aside.join("skeletons"), path)?,
        }
    }
    if copy.join("vendor").is_dir() {
        fs::remove_dir_all(copy.join("vendor"))?;
        generate::vendor(copy)?;
    }
    // Last: an update that was interrupted is done again.
    tree.write_file(copy, description::FILE)
}

fn report(plan: &Plan, old: &Description, new: &Description, dry_run: bool) -> String {
    let mut lines = Vec::new();
    let paths =
        |kind: fn(&Step) -> Option<&String>| plan.steps.iter().filter_map(kind).cloned().collect::<Vec<_>>();
    let written = paths(|step| if let Step::Write(path) = step { Some(path) } else { None });
    let removed = paths(|step| if let Step::Remove(path) = step { Some(path) } else { None });
    let (would, will) = if dry_run { ("would be ", "would go to") } else { ("", "are in") };
    lines.push(format!("{} {would}written, {} {would}removed", count(written.len(), "file"), removed.len()));
    for path in paths(|step| if let Step::Replace(path) = step { Some(path) } else { None }) {
        lines.push(format!("replaced although you changed it: {path} (your versions {will} {ASIDE}/yours)"));
    }
    for path in paths(|step| if let Step::Stays(path) = step { Some(path) } else { None }) {
        lines.push(format!(
            "yours, and it stays; its skeleton changed: {path} (new skeletons {will} {ASIDE}/skeletons)"
        ));
    }
    if plan.grading.is_empty() && old.grading_hash == new.grading_hash {
        lines.push("grading does not change".to_owned());
    } else {
        lines.push(format!("GRADING CHANGES: {}", plan.grading.join(", ")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

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

    fn update(copy: &Path, course: &Path) -> String {
        let old = Description::read(copy).unwrap();
        let handout = generate::build(course, &Selection::default()).unwrap();
        let plan = plan(copy, &old, &handout.description, &handout.tree).unwrap();
        carry_out(&plan, copy, &handout.tree).unwrap();
        report(&plan, &old, &handout.description, false)
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
        replace(course, "tests/echo.rs", "points: 20.0", "points: 25.0");
        replace(course, "labs/echo/src/server.rs", "echo: answer", "echo: please answer");
        replace(course, "labs/echo/src/tally.rs", "echo: count", "echo: please count");
        fs::rename(course.join("labs/echo/README.md"), course.join("labs/echo/TEXT.md")).unwrap();
        insta::assert_snapshot!(update(copy, course), @"
        3 files written, 1 removed
        replaced although you changed it: tests/echo.rs (your versions are in target/handout-update/yours)
        yours, and it stays; its skeleton changed: labs/echo/src/server.rs (new skeletons are in target/handout-update/skeletons)
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
}
