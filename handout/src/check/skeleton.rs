//! What must hold of the skeleton: it compiles, and its tests fail, each with a message that says what to write.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::cargo::Cargo;
use crate::check::Place;
use crate::console::count;
use crate::generate::Handout;
use crate::manifest::Suite;
use crate::results::Record;
use crate::suite::{self, Outcome};
use crate::tree::Tree;

/// The committed list.
const LIST: &str = "handout/passes-on-skeleton.txt";

/// How much of a suite's points a skeleton may earn.
const SHARE: f64 = 0.1;

/// Compiles everything; a warning is a failure.
pub(super) fn compiles(cargo: &Cargo) -> Result<String> {
    let ended = cargo.run(&["check", "--workspace", "--all-targets", "--locked"])?;
    if !ended.success() {
        bail!("{}", ended.stderr_tail(60));
    }
    let warnings = ended.stderr.lines().filter(|line| line.starts_with("warning")).count();
    if warnings > 0 {
        bail!("{}:\n{}", count(warnings, "warning"), ended.stderr_tail(60));
    }
    Ok(String::new())
}

/// Whether `cargo fmt` would change nothing.
pub(super) fn is_formatted(cargo: &Cargo) -> Result<String> {
    let ended = cargo.run(&["fmt", "--all", "--check", "--", "--color", "never"])?;
    if !ended.success() {
        let difference = String::from_utf8_lossy(&ended.stdout);
        let lines: Vec<&str> = difference.lines().take(30).collect();
        bail!(
            "`cargo fmt` would change it; mend the markers:\n{}\n{}",
            lines.join("\n"),
            ended.stderr_tail(5)
        );
    }
    Ok(String::new())
}

/// Runs the unit tests in the labs' `src`, which have no harness and no points. One that needs a solution would greet a
/// student's first `cargo test` with a failure that nothing tells how to mend.
pub(super) fn units_pass(cargo: &Cargo, labs: &[String]) -> Result<String> {
    let mut arguments = vec!["test", "--quiet", "--locked", "--lib", "--no-fail-fast"];
    arguments.extend(labs.iter().flat_map(|lab| ["--package", lab]));
    let ended = cargo.run(&arguments)?;
    if ended.success() {
        return Ok(String::new());
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    let failed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("---- ")?.strip_suffix(" stdout ----")).collect();
    if failed.is_empty() {
        bail!("{}", ended.stderr_tail(30));
    }
    bail!(
        "these need a solution, so put them between `BEGIN INSTRUCTOR ONLY` and `END INSTRUCTOR ONLY`: {}",
        failed.join(", ")
    )
}

/// The tests that pass on the skeleton: suite and test.
#[derive(Debug)]
pub(super) struct Expected(BTreeSet<(String, String)>);

impl Expected {
    pub(super) fn read(source: &Tree) -> Result<Self> {
        let text = source
            .text(LIST)
            .with_context(|| format!("`{LIST}` lists the tests that pass on the skeleton"))?;
        let mut expected = BTreeSet::new();
        for (line, number) in text.lines().zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((suite, test)) = line.split_once(' ') else {
                bail!(
                    "{LIST}:{number}: `{line}` is not a suite and a test, such as `pingpong t01_unit_starts`"
                );
            };
            expected.insert((suite.to_owned(), test.to_owned()));
        }
        Ok(Self(expected))
    }

    /// A suite that does not exist is a mistake; one that was not selected is none.
    pub(super) fn check_suites(&self, suites: &[Suite]) -> Result<String> {
        let known: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        let unknown: BTreeSet<&str> =
            self.0.iter().map(|(suite, _)| suite.as_str()).filter(|suite| !known.contains(suite)).collect();
        if let Some(suite) = unknown.first() {
            bail!("{LIST} names the suite `{suite}`; there are {}", known.join(", "));
        }
        Ok(count(self.0.len(), "test"))
    }

    fn of(&self, suite: &str) -> BTreeSet<&str> {
        self.0.iter().filter(|(of, _)| of == suite).map(|(_, test)| test.as_str()).collect()
    }
}

/// The texts of the `todo!`s in students' files.
#[derive(Debug, Default)]
pub(super) struct Stubs(BTreeSet<String>);

impl Stubs {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// A lab without one: nobody could see where to begin. One that is not `part 2: what to write (where to read)`, or
    /// does not begin with a step or the name of a suite in place of the part.
    pub(super) fn read(handout: &Handout, suites: &[Suite]) -> Result<Self> {
        let mut stubs = BTreeSet::new();
        let mut problems = Vec::new();
        let mut without: BTreeSet<&str> = handout.description.labs.iter().map(String::as_str).collect();
        for path in handout.description.student_files.keys() {
            for (line, number) in handout.tree.text(path)?.lines().zip(1..) {
                let Some((_, stub)) = line.split_once("todo!(") else { continue };
                let text = stub.strip_prefix('"').and_then(|stub| stub.rsplit_once("\")"));
                let text = text.map(|(text, _)| text.replace("\\\"", "\""));
                match text.filter(|text| says_where(text, suites)) {
                    Some(text) => {
                        without.retain(|lab| path.split('/').nth(1) != Some(lab));
                        stubs.insert(text);
                    }
                    None => problems.push(format!(
                        "{path}:{number}: `todo!({stub}` is not `todo!(\"part 2: what to write (where to read)\")`"
                    )),
                }
            }
        }
        problems.extend(without.iter().map(|lab| format!("labs/{lab}/src has no `todo!` to begin with")));
        if problems.is_empty() { Ok(Self(stubs)) } else { bail!("{}", problems.join("\n")) }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a test ended at one of them.
    fn ended(&self, record: &Record) -> bool {
        record.text("message").is_some_and(|message| self.0.iter().any(|stub| message.contains(stub)))
    }
}

/// Whether a stub's text names its part (a suite of its own), or its step (within a suite), or just its suite, and ends with
/// where to read.
fn says_where(text: &str, suites: &[Suite]) -> bool {
    let Some((part, what)) = text.split_once(": ") else { return false };
    let number = part.strip_prefix("part ").or_else(|| part.strip_prefix("step "));
    let known = number.is_some_and(|number| number.parse::<u32>().is_ok())
        || suites.iter().any(|suite| suite.name == part);
    known && what.contains(" (") && what.ends_with(')')
}

/// Runs a suite on the skeleton and compares what passes with the list. What fails has to end at a stub, or its author
/// would not know what to write.
pub(super) fn passes_as_listed(
    place: &Place,
    suite: &Suite,
    expected: &Expected,
    stubs: &Stubs,
) -> Result<String> {
    let records = match suite::run(place, suite, &[])? {
        Outcome::DoesNotCompile(why) => bail!("it does not compile:\n{why}"),
        Outcome::Ran(records) => records,
    };
    let passing: BTreeSet<&str> =
        records.iter().filter(|record| record.passes()).map(|record| record.test.as_str()).collect();
    let listed = expected.of(&suite.name);
    let mut problems = Vec::new();
    for test in passing.difference(&listed) {
        problems.push(format!("`{test}` passes and is not listed in {LIST}"));
    }
    for test in listed.difference(&passing) {
        problems.push(format!("`{test}` is listed in {LIST} and does not pass"));
    }
    for record in records.iter().filter(|record| !record.passes() && !stubs.ended(record)) {
        let message = record.text("message").unwrap_or("no message");
        problems.push(format!("`{}` ends at no stub: {message}", record.test));
    }
    let earned: f64 = records.iter().map(|record| record.earned).sum();
    let points: f64 = records.iter().map(|record| record.points).sum();
    if earned > points * SHARE {
        problems.push(format!("it earns {earned} of {points} points"));
    }
    if records.is_empty() {
        problems.push("it has no tests".to_owned());
    }
    if problems.is_empty() {
        Ok(format!("{} of {}, {earned} of {points} points", passing.len(), count(records.len(), "test")))
    } else {
        bail!("{}", problems.join("\n"))
    }
}
