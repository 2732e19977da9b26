//! Compiles and runs the graded suites of a workspace that the instructors trust.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;
use crate::manifest::Suite;
use crate::results::{self, Record};

/// What came of a suite.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It does not compile: the compiler's last lines.
    DoesNotCompile(String),
    /// It ran; one record a test.
    Ran(Vec<Record>),
}

/// Compiles a suite and runs it, or only those of its tests whose names are given.
///
/// # Errors
///
/// Cargo cannot be started, or the harness left no results.
pub(crate) fn run(cargo: &Cargo, suite: &Suite, only: &BTreeSet<String>, scratch: &Path) -> Result<Outcome> {
    let target = ["--package", &suite.package, "--test", &suite.name];
    let built = cargo.run(&[&["test", "--no-run"], &target[..]].concat())?;
    if !built.success() {
        return Ok(Outcome::DoesNotCompile(built.stderr_tail(40)));
    }
    let out = tempfile::tempdir_in(scratch)?;
    let cargo = cargo
        .clone()
        .variable("TESTKIT_OUT", out.path().to_string_lossy())
        .variable("TESTKIT_FAILURES", "off");
    let mut arguments = [&["test"], &target[..]].concat();
    if !only.is_empty() {
        arguments.push("--");
        arguments.extend(only.iter().map(String::as_str));
    }
    // How it ends says less than the results do.
    let ended = cargo.run(&arguments)?;
    let records = results::read(&out.path().join(results::FILE))
        .map_err(|error| error.context(ended.stderr_tail(10)))?;
    Ok(Outcome::Ran(records))
}
