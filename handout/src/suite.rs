//! Compiles and runs the graded suites of a workspace that the instructors trust.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::cargo;
use crate::check::Place;
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

/// Compiles a suite and runs it, or only those of its tests whose names contain one of these words.
///
/// # Errors
///
/// Cargo cannot be started, or the harness left no results.
pub(crate) fn run(place: &Place, suite: &Suite, only: &[String]) -> Result<Outcome> {
    let program = match build(place, suite)? {
        Ok(program) => program,
        Err(why) => return Ok(Outcome::DoesNotCompile(why)),
    };
    // The program itself and not `cargo test`: cargo would wait for whoever else compiles.
    let out = tempfile::tempdir_in(&place.scratch)?;
    let folder = place.work.join(&suite.folder);
    let output = Command::new(&program)
        .args(only)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .env("CARGO_MANIFEST_DIR", &folder)
        .env("TESTKIT_OUT", out.path())
        .env("TESTKIT_FAILURES", "off")
        .output()
        .with_context(|| format!("cannot run `{}`", program.display()))?;
    // How it ends says less than the results do.
    let records = results::read(&out.path().join(results::FILE))
        .map_err(|error| error.context(String::from_utf8_lossy(&output.stderr).into_owned()))?;
    Ok(Outcome::Ran(records))
}

/// The program of a suite, or why the compiler refuses it.
fn build(place: &Place, suite: &Suite) -> Result<Result<PathBuf, String>> {
    let target = ["--package", &suite.package, "--test", &suite.name];
    let built = place.cargo().run(&[&["test", "--no-run", cargo::MESSAGES], &target[..]].concat())?;
    if !built.success() {
        return Ok(Err(built.stderr_tail(40)));
    }
    let program = cargo::artifacts(&String::from_utf8_lossy(&built.stdout))
        .into_iter()
        .find_map(|artifact| artifact.executable.filter(|_| artifact.name == suite.name));
    let program = program.with_context(|| format!("cargo built no program for the suite `{}`", suite.name));
    Ok(Ok(program?))
}
