//! What instructors decide about a graded class: tests that are waived, and comments. It stands in `marks.toml` beside the
//! results and is applied whenever these are written. Nothing is compiled or run for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::console::{count, say};
use crate::grade::class::Class;
use crate::grade::cluster;
use crate::grade::log::{Graded, SuiteGrade};
use crate::grade::report;
use crate::results::Record;

/// The file's name, in the folder of results.
pub(crate) const FILE: &str = "marks.toml";

/// The decisions, as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marks {
    #[serde(default)]
    waive: Vec<Waive>,
    #[serde(default)]
    comment: Vec<Comment>,
}

/// A test that is worth its points, whatever came of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waive {
    /// Its suite and its name, or the beginning of its name up to an underscore.
    test: String,
    /// Whose; all if there are none.
    #[serde(default)]
    submissions: Vec<String>,
    /// The points; all of the test if it does not say.
    earned: Option<f64>,
    why: String,
}

/// What students read, of a failure that they share or of one submission.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    cluster: Option<String>,
    submission: Option<String>,
    text: String,
}

/// What came of marks.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// What was done, in words.
    pub(crate) done: Vec<String>,
    /// What could not be, and why. The rest was.
    pub(crate) problems: Vec<String>,
}

impl Marks {
    /// Those in a folder of results; none if there is no file.
    ///
    /// # Errors
    ///
    /// The file is none of marks; the line is named.
    pub(crate) fn read(out: &Path) -> Result<Option<Self>> {
        let path = out.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        toml_edit::de::from_str(&text)
            .map(Some)
            .with_context(|| format!("`{}` has `[[waive]]` and `[[comment]]`, see there", path.display()))
    }

    /// Applies them to a class that has none.
    pub(crate) fn apply(&self, class: &mut Class) -> Applied {
        let mut applied = Applied::default();
        for waive in &self.waive {
            if let Err(error) = waive.apply(class, &mut applied.done) {
                applied.problems.push(format!("waive `{}`: {error:#}", waive.test));
            }
        }
        for comment in &self.comment {
            if let Err(error) = comment.apply(class, &mut applied.done) {
                let of = comment.cluster.as_ref().or(comment.submission.as_ref());
                let of = of.map_or("for nobody", String::as_str);
                applied.problems.push(format!("comment `{of}`: {error:#}"));
            }
        }
        applied
    }
}

/// The submissions of a class, without which there is nothing to mark.
fn check_names<'a>(class: &Class, names: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let known: BTreeSet<&str> = class.graded.iter().map(|graded| graded.name.as_str()).collect();
    match names.into_iter().find(|name| !known.contains(name.as_str())) {
        Some(name) => anyhow::bail!("there is no submission `{name}`"),
        None => Ok(()),
    }
}

impl Waive {
    fn apply(&self, class: &mut Class, done: &mut Vec<String>) -> Result<()> {
        let (suite, test) = self.find(class)?;
        check_names(class, &self.submissions)?;
        for graded in &mut class.graded {
            if !self.submissions.is_empty() && !self.submissions.contains(&graded.name) {
                continue;
            }
            let suites = graded.suites.iter_mut().filter(|of| of.suite == suite);
            let records = suites.flat_map(|of| &mut of.tests).filter(|record| record.test == test);
            for record in records {
                let earned = self.earned.unwrap_or(record.points);
                anyhow::ensure!(
                    (0.0..=record.points).contains(&earned),
                    "`earned = {earned}`, but the test has {} points",
                    record.points
                );
                if record.earned == earned {
                    continue;
                }
                done.push(format!("{} {suite} {test}: {} → {earned}", graded.name, record.earned));
                record.rest.insert("earned_in_run".to_owned(), record.earned.into());
                record.rest.insert("waived".to_owned(), self.why.trim().into());
                record.earned = earned;
            }
        }
        Ok(())
    }

    /// The test that is meant, with its suite.
    fn find(&self, class: &Class) -> Result<(String, String)> {
        let (suite, test) =
            self.test.split_once(' ').context("a suite and a test are expected, such as `part3 t07`")?;
        let begins = format!("{test}_");
        let tests = class.tests();
        let of_suite = tests.iter().filter(|(of, _)| *of == suite).map(|(_, worth)| worth.test.as_str());
        let found: Vec<&str> = of_suite.filter(|name| *name == test || name.starts_with(&begins)).collect();
        match found.as_slice() {
            [one] => Ok((suite.to_owned(), (*one).to_owned())),
            [] => anyhow::bail!("no such test was graded"),
            several => anyhow::bail!("this may be {}", several.join(" or ")),
        }
    }
}

impl Comment {
    fn apply(&self, class: &mut Class, done: &mut Vec<String>) -> Result<()> {
        let text = self.text.trim();
        anyhow::ensure!(!text.is_empty(), "its text is empty");
        match (&self.cluster, &self.submission) {
            (Some(id), None) => {
                let mut names = BTreeSet::new();
                for Graded { name, suites, .. } in &mut class.graded {
                    for SuiteGrade { suite, tests, .. } in suites {
                        for record in tests.iter_mut().filter(|record| !record.passes()) {
                            if cluster::id(suite, record) == *id {
                                add(record, text);
                                names.insert(name.as_str());
                            }
                        }
                    }
                }
                anyhow::ensure!(!names.is_empty(), "no failure of this class has that number");
                done.push(format!("a comment for {}", names.into_iter().collect::<Vec<_>>().join(", ")));
            }
            (None, Some(name)) => {
                check_names(class, [name])?;
                let of_it = class.graded.iter_mut().filter(|graded| graded.name == *name);
                of_it.for_each(|graded| graded.comments.push(text.to_owned()));
                done.push(format!("a comment for {name}"));
            }
            _ => anyhow::bail!("it has either `cluster` or `submission`"),
        }
        Ok(())
    }
}

/// Takes the marks out of a record.
pub(crate) fn undo(record: &mut Record) {
    if let Some(earned) = record.rest.remove("earned_in_run").and_then(|earned| earned.as_f64()) {
        record.earned = earned;
    }
    for key in ["waived", "comment"] {
        record.rest.remove(key);
    }
}

/// Adds a comment to what a record already has.
fn add(record: &mut Record, text: &str) {
    let all =
        record.text("comment").map_or_else(|| text.to_owned(), |earlier| format!("{earlier}\n\n{text}"));
    record.rest.insert("comment".to_owned(), all.into());
}

/// A file to begin with: what can be decided, and the failures of the class with the numbers that name them.
fn template(class: &Class) -> String {
    let mut text = String::from(
        "# What you decide about this grading. Run `cargo handout mark` on this folder after every change: nothing is compiled
# or run, and what is not written here any more is undone. `grade … --since` takes it along.
#
# A test that counts for all of its points, or for as many as `earned` says, whatever came of it: for these submissions,
# or, without that line, for everybody. Results that cannot be believed get their points here as well, once you have looked.
#
# [[waive]]
# test = \"part3 t07\"
# submissions = [\"ada\", \"bob\"]
# why = \"the text of this test was wrong until Monday\"
#
# A comment that students read, for one submission or for all who share a failure.
#
# [[comment]]
# submission = \"ada\"
# text = \"A pleasure to read.\"
#
# The failures of this class, the most frequent first:
",
    );
    for cluster in cluster::clusters(class) {
        let detector = cluster.detector.map(|name| format!(", {name}")).unwrap_or_default();
        let _never_fails = write!(
            text,
            "\n# {}: {}, {}{detector} (see {})\n# [[comment]]\n# cluster = \"{}\"\n# text = \"\"\n",
            count(cluster.members.len(), "submission"),
            cluster.tests_in_words(),
            cluster.cause,
            cluster.exemplar.0.name,
            cluster.id,
        );
    }
    text
}

/// Takes the marks of an earlier grading along, unless the new one has some.
pub(crate) fn take_along(from: &Path, out: &Path) -> Result<()> {
    let (old, new) = (from.join(FILE), out.join(FILE));
    if old.is_file() && !new.exists() {
        fs::create_dir_all(out)?;
        fs::copy(&old, &new).with_context(|| format!("cannot copy `{}`", old.display()))?;
    }
    Ok(())
}

/// The command: writes the results of a folder again, with its marks; true if all could be applied. Where there is no file
/// of marks, it writes one to begin with.
pub(crate) fn run(out: &Path) -> Result<bool> {
    let mut class = Class::read(out)?;
    let Some(marks) = Marks::read(out)? else {
        let path = out.join(FILE);
        fs::write(&path, template(&class)).with_context(|| format!("cannot write `{}`", path.display()))?;
        say(format!("wrote {}: fill it in, and run the same again", path.display()));
        return Ok(true);
    };
    let before: BTreeMap<String, f64> =
        class.graded.iter().map(|graded| (graded.name.clone(), graded.earned())).collect();
    let applied = marks.apply(&mut class);
    report::write_all(&class, out)?;
    for line in applied.done {
        say(line);
    }
    let changed =
        class.graded.iter().filter(|graded| before.get(&graded.name) != Some(&graded.earned())).count();
    say(format!("{} with other points than the run gave", count(changed, "submission")));
    for problem in &applied.problems {
        say(format!("FAIL  {problem}"));
    }
    say(format!("the class: {}", out.join("index.html").display()));
    Ok(applied.problems.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::class;

    fn class() -> Class {
        class::tests::class(&[
            ("ada", &[("t01_run_a", "pass", 5.0), ("t02_search_b", "fail", 0.0)]),
            ("bob", &[("t01_run_a", "fail", 0.0), ("t02_search_b", "fail", 0.0)]),
        ])
    }

    fn marks(text: &str) -> Marks {
        toml_edit::de::from_str(text).unwrap()
    }

    #[test]
    fn a_waived_test_has_its_points_and_says_why() {
        let mut class = class();
        let all = marks(
            "[[waive]]\ntest = \"part2 t02\"\nwhy = \"it was wrong\"\n\n[[waive]]\ntest = \"part2 t01_run_a\"\n\
             submissions = [\"bob\"]\nearned = 2\nwhy = \"nearly\"\n",
        );
        let applied = all.apply(&mut class);
        assert_eq!(applied.problems, Vec::<String>::new());
        insta::assert_snapshot!(applied.done.join("\n"), @"
        ada part2 t02_search_b: 0 → 5
        bob part2 t02_search_b: 0 → 5
        bob part2 t01_run_a: 0 → 2
        ");
        assert_eq!(class.graded.iter().map(|graded| graded.earned()).collect::<Vec<_>>(), [10.0, 7.0]);
        let record = &class.graded[1].suites[0].tests[0];
        assert_eq!((record.text("waived"), record.number("earned_in_run")), (Some("nearly"), Some(0.0)));
        assert!(!record.passes(), "what came of it stays");
    }

    #[test]
    fn a_comment_on_a_failure_is_for_all_who_share_it() {
        let mut class = class();
        let clusters: Vec<(String, usize)> =
            cluster::clusters(&class).iter().map(|one| (one.id.clone(), one.members.len())).collect();
        let (shared, members) = &clusters[0];
        assert_eq!(*members, 2);
        let text = format!(
            "[[comment]]\ncluster = \"{shared}\"\ntext = \"Figure 2.\"\n[[comment]]\nsubmission = \"ada\"\ntext = \"Nice.\"\n"
        );
        let applied = marks(&text).apply(&mut class);
        assert_eq!(applied.done, ["a comment for ada, bob", "a comment for ada"]);
        let of = |graded: usize, test: usize| class.graded[graded].suites[0].tests[test].text("comment");
        assert_eq!([of(0, 0), of(0, 1), of(1, 1)], [None, Some("Figure 2."), Some("Figure 2.")]);
        assert_eq!(class.graded[0].comments, ["Nice."]);
    }

    #[test]
    fn what_cannot_be_applied_is_named_and_the_rest_is() {
        let mut class = class();
        let text = "[[waive]]\ntest = \"t02\"\nwhy = \"\"\n[[waive]]\ntest = \"part2 t0\"\nwhy = \"\"\n\
             [[waive]]\ntest = \"part2 t02\"\nsubmissions = [\"eve\"]\nwhy = \"\"\n[[waive]]\ntest = \"part2 t02\"\nearned = 50\nwhy = \"\"\n\
             [[comment]]\ncluster = \"00\"\ntext = \"x\"\n[[comment]]\ntext = \"x\"\n[[comment]]\nsubmission = \"ada\"\ntext = \" \"\n\
             [[comment]]\nsubmission = \"ada\"\ntext = \"x\"\n";
        let applied = marks(text).apply(&mut class);
        insta::assert_snapshot!(applied.problems.join("\n"), @"
        waive `t02`: a suite and a test are expected, such as `part3 t07`
        waive `part2 t0`: no such test was graded
        waive `part2 t02`: there is no submission `eve`
        waive `part2 t02`: `earned = 50`, but the test has 5 points
        comment `00`: no failure of this class has that number
        comment `for nobody`: it has either `cluster` or `submission`
        comment `ada`: its text is empty
        ");
        assert_eq!(applied.done, ["a comment for ada"]);
    }

    #[test]
    fn the_file_to_begin_with_decides_nothing_until_it_is_filled_in() {
        let mut class = class();
        let text = template(&class);
        assert!(text.contains("# 2 submissions: part2 t02_search_b, violated"), "{text}");
        let applied = marks(&text).apply(&mut class);
        assert!(applied.done.is_empty() && applied.problems.is_empty(), "{applied:?}");
        let mut filled = String::new();
        for line in text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)) {
            let is_toml = line.starts_with("[[") || line.contains(" = \"") || line.contains(" = [");
            if is_toml {
                filled.push_str(&line.replace("text = \"\"", "text = \"read it\""));
                filled.push('\n');
            }
        }
        let applied = marks(&filled).apply(&mut class);
        assert!(applied.done.contains(&"a comment for ada, bob".to_owned()), "{applied:?}");
        assert_eq!(applied.problems, ["waive `part3 t07`: no such test was graded"]);
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "[[waive]]\ntest = \"part2 t02\"\nreason = \"x\"\n").unwrap();
        let error = format!("{:#}", Marks::read(folder.path()).unwrap_err());
        assert!(error.contains("line 3") && error.contains("unknown field `reason`"), "{error}");
        assert!(Marks::read(&folder.path().join("elsewhere")).unwrap().is_none());
    }
}
