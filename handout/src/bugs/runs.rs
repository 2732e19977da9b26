//! Runs the suites of seeded bugs: several at a time, and nothing twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::bugs::{Bug, Kill};
use crate::check::{self, Place};
use crate::console::note;
use crate::generate;
use crate::manifest::{self, Suite};
use crate::plan::Selection;
use crate::results::Record;
use crate::suite::{self, Outcome};
use crate::tree::{self, Tree};

/// How to run bugs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// How many at a time.
    pub(crate) jobs: usize,
    /// Only the tests that a bug names; else the whole suite, which also says who else finds it.
    pub(crate) named: bool,
    /// Run also what was run on the same bytes before.
    pub(crate) fresh: bool,
    /// First run the suites on the reference itself.
    pub(crate) reference: bool,
    /// Whether a line is printed for each bug.
    pub(crate) quiet: bool,
}

/// What one run of a suite left, kept for the next time.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    seconds: f64,
    tests: Vec<Record>,
}

/// Something to run: a bug's suite on the reference with this one mistake.
struct Work<'a> {
    bug: &'a Bug,
    suite: &'a Suite,
    tree: Tree,
}

/// Runs the suites of bugs, each on the reference with this one mistake. The results are in the order of the bugs.
///
/// What was run on the same bytes before is not run again: a run that was killed goes on where it was.
///
/// # Errors
///
/// The reference itself does not pass its suites: then a failing test would say nothing. A patch that does not fit.
pub(crate) fn run_all(root: &Path, bugs: &[Bug], how: How) -> Result<Vec<Kill>> {
    let handout = generate::build(root, &Selection::default())?;
    let reference = check::solved(&handout)?;
    let suites = manifest::suites(&reference)?;
    let all = bugs.iter().map(|bug| work(bug, &suites, &reference)).collect::<Result<Vec<_>>>()?;
    if how.reference {
        let used: BTreeMap<&str, &Suite> = all.iter().map(|work| (&*work.suite.name, work.suite)).collect();
        for suite in used.values() {
            reference_passes(root, &reference, suite, how)?;
        }
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let job = |job: usize| -> Result<()> {
        while let Some((at, work)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            all.get(at).map(|work| (at, work))
        } {
            let kill = run_one(root, job, work, how).with_context(|| work.bug.name.clone())?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            if !how.quiet {
                let word = if kill.problem().is_none() { "killed" } else { "NOT KILLED" };
                let number = done.len() + 1;
                note(format!("[{number}/{}] {} {word} ({:.1} s)", bugs.len(), kill.bug.name, kill.seconds));
            }
            done.insert(at, kill);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers = how.jobs.clamp(1, bugs.len().max(1));
        let threads: Vec<_> = (0..workers).map(|number| scope.spawn(move || job(number))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a job panicked; this is a mistake of this program"),
        })
    })?;
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
}

fn work<'a>(bug: &'a Bug, suites: &'a [Suite], reference: &Tree) -> Result<Work<'a>> {
    let suite = suites.iter().find(|suite| suite.name == bug.part);
    let suite = suite.with_context(|| format!("{}: there is no suite `{}`", bug.name, bug.part))?;
    let mut tree = reference.clone();
    bug.patch.apply(&mut tree).with_context(|| bug.name.clone())?;
    if let Some(path) = bug.patch.paths().find(|path| !path.starts_with("labs/")) {
        bail!("{}: `{path}` is no file of a lab", bug.name);
    }
    Ok(Work { bug, suite, tree })
}

fn run_one(root: &Path, job: usize, work: &Work<'_>, how: How) -> Result<Kill> {
    let Work { bug, suite, tree } = work;
    let only: Vec<String> =
        bug.kills.iter().filter(|_| how.named).map(|expected| expected.test.clone()).collect();
    let (outcome, seconds) = run_suite(root, job, suite, tree, &only, how.fresh)?;
    Ok(Kill { bug: (*bug).clone(), outcome, seconds })
}

fn reference_passes(root: &Path, reference: &Tree, suite: &Suite, how: How) -> Result<()> {
    let (outcome, seconds) = run_suite(root, 0, suite, reference, &[], how.fresh)?;
    match check::all_pass(&outcome) {
        Ok(details) if how.quiet => drop(details),
        Ok(details) => note(format!("the reference passes {}: {details} ({seconds:.1} s)", suite.name)),
        Err(error) => bail!("the reference itself does not pass `{}`: {error:#}", suite.name),
    }
    Ok(())
}

/// Runs a suite in the workspace of a job, or reads what came of the same before.
fn run_suite(
    root: &Path,
    job: usize,
    suite: &Suite,
    tree: &Tree,
    only: &[String],
    fresh: bool,
) -> Result<(Outcome, f64)> {
    let place = Place::of_job(root, job)?;
    let kept = kept_in(&place, suite, tree, only);
    if !fresh && let Some(Kept { seconds, tests }) = earlier(&place, suite, tree, only) {
        return Ok((Outcome::Ran(tests), seconds));
    }
    let started = Instant::now();
    tree.sync(&place.work, &check::is_built)?;
    let outcome = suite::run(&place, suite, only)?;
    let seconds = started.elapsed().as_secs_f64();
    if let Outcome::Ran(tests) = &outcome {
        let text = serde_json::to_vec(&Kept { seconds, tests: tests.clone() })?;
        let part = kept.with_extension(format!("part-{job}"));
        fs::create_dir_all(kept.parent().unwrap_or(&place.scratch))?;
        fs::write(&part, text).and_then(|()| fs::rename(&part, &kept)).context("cannot keep the results")?;
    }
    Ok((outcome, seconds))
}

/// What came of these tests on the same files before: when they ran, or when the whole suite did.
fn earlier(place: &Place, suite: &Suite, tree: &Tree, only: &[String]) -> Option<Kept> {
    let read =
        |file: PathBuf| fs::read(file).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    read(kept_in(place, suite, tree, only)).or_else(|| {
        let mut whole = read(kept_in(place, suite, tree, &[]))?;
        whole.tests.retain(|record| only.contains(&record.test));
        Some(whole)
    })
}

/// The file that keeps what came of a suite on these files. Equal files, and tests that are functions of them, give equal
/// results.
fn kept_in(place: &Place, suite: &Suite, tree: &Tree, only: &[String]) -> PathBuf {
    let key = tree::hash(format!("{} {} {}", tree.hash(), suite.name, only.join(" ")).as_bytes());
    place.scratch.join("kept").join(format!("{}-{}.json", suite.name, &key[..32]))
}

/// Some of the bugs, the same for the same seed: those whose names, hashed with it, come first.
pub(crate) fn sample(mut bugs: Vec<Bug>, count: usize, seed: &str) -> Vec<Bug> {
    let key = |bug: &Bug| tree::hash(format!("{seed} {} {}", bug.lab, bug.name).as_bytes());
    bugs.sort_by_cached_key(key);
    bugs.truncate(count);
    bugs.sort_by(|a, b| (&a.lab, &a.name).cmp(&(&b.lab, &b.name)));
    bugs
}
