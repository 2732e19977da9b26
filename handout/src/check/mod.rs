//! Proves that a handout is complete and gives nothing away.

mod leaks;
mod shared;
mod skeleton;
mod vendored;

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::bugs;
use crate::cargo::Cargo;
use crate::console::{count, say};
use crate::generate::{self, Handout};
use crate::manifest::{self, Suite};
use crate::markers::{self, Applied};
use crate::plan::{self, Fate, Selection};
use crate::renewal;
use crate::suite::{self, Outcome};
use crate::tree::Tree;

/// What to check, and how much of it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) source: PathBuf,
    pub(crate) selection: Selection,
    pub(crate) extent: Extent,
    pub(crate) jobs: usize,
}

/// How much is run. What can be seen without running a suite is always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One suite, on the skeleton and on the reference, and one seeded bug; which ones, the content of the handout decides.
    Sample,
    /// All suites on the skeleton alone.
    Skeleton,
    /// All suites on both, all their seeded bugs, and the handout with its dependencies in it.
    Whole,
}

/// Where a job builds: its workspace and what is built of it stay, so that only what changed is compiled again. The path is
/// not inside the repository, where cargo and its tools would find settings that a student does not have. Each workspace has
/// a target folder of its own: cargo names what it builds by paths relative to the workspace, and would take one job's for
/// another's.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) scratch: PathBuf,
    pub(crate) work: PathBuf,
    target: PathBuf,
}

impl Place {
    /// The place of one of several jobs.
    pub(crate) fn of_job(root: &Path, job: usize) -> Result<Self> {
        let name = crate::tree::hash(root.to_string_lossy().as_bytes());
        let scratch = cache().join("cargo-handout").join(&name[..12]);
        let place = Self {
            work: scratch.join(format!("work-{job}")),
            target: scratch.join(format!("target-{job}")),
            scratch,
        };
        std::fs::create_dir_all(&place.work)
            .and_then(|()| std::fs::set_permissions(&place.scratch, Permissions::from_mode(0o700)))
            .with_context(|| format!("cannot make `{}`", place.work.display()))?;
        Ok(place)
    }

    /// Cargo for what is there.
    pub(crate) fn cargo(&self) -> Cargo {
        Cargo::new(&self.work).target_dir(&self.target).offline().variable("CARGO_INCREMENTAL", "1")
    }
}

/// Where this user's caches go; solutions are for nobody else.
fn cache() -> PathBuf {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    given.or_else(|| Some(std::env::home_dir()?.join(".cache"))).unwrap_or_else(std::env::temp_dir)
}

/// Files that a workspace in a scratch folder has besides the handout's.
pub(crate) fn is_built(path: &str) -> bool {
    path == "target"
}

/// Runs the checks one after the other and prints a line for each; true if all hold.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let root = options.source.canonicalize().with_context(|| format!("no `{}`", options.source.display()))?;
    let mut report = Report { failed: 0, started: Instant::now() };

    let handout = generate::build(&root, &options.selection)?;
    say(format!("handout {}, {}", handout.description.name(), count(handout.tree.0.len(), "file")));
    for path in generate::unknown_to_git(&root) {
        say(format!("note  `{path}` is not handed out: git does not know it; `git add` it"));
    }
    report.step("generated twice, the bytes are equal", || {
        let again = generate::build(&root, &options.selection)?;
        same_bytes(&handout.tree, &again.tree)?;
        let archive = crate::archive::tar_gz(&handout.tree, "handout")?;
        if archive != crate::archive::tar_gz(&again.tree, "handout")? {
            bail!("the archives differ although the files do not");
        }
        Ok(String::new())
    });
    report.step("no solution, marker, instructors' file or history is in it", || {
        let found = leaks::find(&handout, &root.to_string_lossy());
        if !found.is_empty() {
            bail!("{}", found.join("\n"));
        }
        Ok(format!("searched for {}", count(leaks::secret_lines(&handout.source), "line")))
    });
    let solved = report.step_with("the solutions put back give the bytes of the repository", || {
        let solved = solved(&handout)?;
        Ok((format!("{} marked files", handout.skeletons.len()), solved))
    });

    report.step("what is new in this version is said to students", || says_what_is_new(&handout));

    let place = Place::of_job(&root, 0)?;
    let cargo = place.cargo();
    handout.tree.sync(&place.work, &is_built)?;
    report.step("the skeleton compiles without warnings, offline, with its lock file", || {
        skeleton::compiles(&cargo)
    });
    report.step("what tests compile serves `cargo lab` too", || {
        shared::compiled_once(&cargo, &manifest::packages(&handout.tree)?, &handout.description.labs)
    });
    report.step("the skeleton is formatted", || skeleton::is_formatted(&cargo));

    if options.extent == Extent::Whole {
        report.compiles_vendored(&handout, &place);
    }

    let suites = manifest::suites(&handout.tree)?;
    let stubs = report.step_with("every stub says its part, and where to read", || {
        let stubs = skeleton::Stubs::read(&handout, &suites)?;
        Ok((count(stubs.len(), "stub"), stubs))
    });
    let stubs = stubs.unwrap_or_default();
    let chosen = match options.extent {
        Extent::Sample => sample(&suites, &handout),
        Extent::Skeleton | Extent::Whole => suites,
    };
    let expected = skeleton::Expected::read(&handout.source)?;
    let all = manifest::suites(&handout.source)?;
    report.step(
        "the labs' own unit tests pass on the skeleton: what fails is a suite's, and says what to write",
        || skeleton::units_pass(&cargo, &handout.description.labs),
    );
    report.step("the suites listed as passing on the skeleton exist", || expected.check_suites(&all));
    for suite in &chosen {
        report.step(&format!("{}: the skeleton passes what is listed and no more", suite.name), || {
            skeleton::passes_as_listed(&place, suite, &expected, &stubs)
        });
    }
    if let Some(solved) = solved.filter(|_| options.extent != Extent::Skeleton) {
        solved.sync(&place.work, &is_built)?;
        for suite in &chosen {
            report.step(&format!("{}: the reference passes inside the handout", suite.name), || {
                reference_passes(&place, suite)
            });
        }
        bugs(&mut report, options, &root, &handout, &chosen)?;
    }
    let seconds = report.started.elapsed().as_secs();
    if report.failed == 0 {
        say(format!("the handout is right ({seconds} s)"));
    } else {
        say(format!("{} failed ({seconds} s)", count(report.failed, "check")));
    }
    Ok(report.failed == 0)
}

fn bugs(
    report: &mut Report,
    options: &Options,
    root: &Path,
    handout: &Handout,
    suites: &[Suite],
) -> Result<()> {
    let wanted: BTreeSet<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    let mut bugs = bugs::read(&handout.source)?;
    bugs.retain(|bug| wanted.contains(bug.part.as_str()));
    if options.extent == Extent::Sample {
        bugs = bugs::sample(bugs, 1, &handout.description.hash);
    }
    if bugs.is_empty() {
        say("skip  seeded bugs: there are none for these suites");
        return Ok(());
    }
    report.step(&format!("{} killed as they say", count(bugs.len(), "seeded bug")), || {
        // That the reference passes was seen above.
        let how = bugs::How { jobs: options.jobs, named: true, fresh: false, reference: false, quiet: true };
        let kills = bugs::run_all(root, &bugs, how)?;
        let survivors: Vec<String> = kills.iter().filter_map(bugs::Kill::problem).collect();
        if !survivors.is_empty() {
            bail!("{}", survivors.join("\n"));
        }
        Ok(String::new())
    });
    Ok(())
}

/// One of the suites, chosen by the content.
fn sample(suites: &[Suite], handout: &Handout) -> Vec<Suite> {
    match suites.len() {
        0 => Vec::new(),
        len => {
            let number = usize::from_str_radix(&handout.description.hash[..8], 16).unwrap_or(0);
            vec![suites[number % len].clone()]
        }
    }
}

/// Steps that hold or not.
struct Report {
    failed: usize,
    started: Instant,
}

impl Report {
    fn step(&mut self, name: &str, check: impl FnOnce() -> Result<String>) {
        self.step_with(name, || check().map(|details| (details, ())));
    }

    /// The handout of students who have no network.
    fn compiles_vendored(&mut self, handout: &Handout, place: &Place) {
        let name = "with its dependencies in it, it compiles on a machine that has neither network nor cache";
        match vendored::compiles(handout, place) {
            Ok(vendored::Outcome::OutOfReach(why)) => {
                say(format!("skip  {name}: cargo cannot get them: {why}"))
            }
            other => self.step(name, || other.map(|_| String::new())),
        }
    }

    fn step_with<T>(&mut self, name: &str, check: impl FnOnce() -> Result<(String, T)>) -> Option<T> {
        match check() {
            Ok((details, value)) => {
                let details = if details.is_empty() { details } else { format!(" ({details})") };
                say(format!("ok    {name}{details}"));
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                say(format!("FAIL  {name}"));
                for line in format!("{error:#}").lines() {
                    say(format!("      {line}"));
                }
                None
            }
        }
    }
}

fn says_what_is_new(handout: &Handout) -> Result<String> {
    let version = &handout.description.version;
    let text = handout.tree.text(renewal::CHANGES)?;
    match renewal::sections(text).first() {
        Some((newest, text)) if newest == version && !text.is_empty() => Ok(version.clone()),
        Some((newest, _)) if newest != version => bail!(
            "handout/template/{} begins with `## {newest}`, and handout/VERSION is `{version}`",
            renewal::CHANGES
        ),
        _ => bail!("handout/template/{} has nothing below `## {version}`", renewal::CHANGES),
    }
}

fn same_bytes(a: &Tree, b: &Tree) -> Result<()> {
    let paths: BTreeSet<&String> = a.0.keys().chain(b.0.keys()).collect();
    let different: Vec<&str> =
        paths.into_iter().filter(|path| a.0.get(*path) != b.0.get(*path)).map(String::as_str).collect();
    if different.is_empty() { Ok(()) } else { bail!("these differ: {}", different.join(", ")) }
}

/// The handout with all solutions in it: what a student with the reference's code has.
///
/// # Errors
///
/// A file is then not what the repository has.
pub(crate) fn solved(handout: &Handout) -> Result<Tree> {
    let mut solved = handout.tree.clone();
    for (path, skeleton) in &handout.skeletons {
        let text =
            skeleton.restore(handout.tree.text(path)?).map_err(|what| anyhow::anyhow!("{path}: {what}"))?;
        let original = handout
            .source
            .text(path)
            .or_else(|_| handout.source.text(&format!("handout/template/{path}")))?;
        if text != original {
            bail!("`{path}` is not what the repository has");
        }
        // Only solutions come back: what is the instructors' stays out.
        if handout.description.student_files.contains_key(path) {
            solved.add_text(path, text);
        }
    }
    for (path, file) in &handout.source.0 {
        let copied = matches!(plan::fate(path, &Selection::default()), Fate::Copied(_));
        let of_the_handout = handout.description.may_be_students(path);
        if copied && of_the_handout && !solved.0.contains_key(path) {
            let text = handout.source.text(path)?;
            if matches!(markers::apply(path, text), Ok(Applied::Gone { solution: true })) {
                solved.0.insert(path.clone(), file.clone());
            }
        }
    }
    Ok(solved)
}

fn reference_passes(place: &Place, suite: &Suite) -> Result<String> {
    all_pass(&suite::run(place, suite, &[])?)
}

/// What a suite says in which every test passes.
///
/// # Errors
///
/// What is wrong otherwise.
pub(crate) fn all_pass(outcome: &Outcome) -> Result<String> {
    let records = match outcome {
        Outcome::DoesNotCompile(why) => bail!("it does not compile:\n{why}"),
        Outcome::Ran(records) => records,
    };
    let failing: Vec<&str> =
        records.iter().filter(|record| !record.passes()).map(|record| record.test.as_str()).collect();
    if records.is_empty() || !failing.is_empty() {
        bail!("{}, failing: {}", count(records.len(), "test"), failing.join(", "));
    }
    let points: f64 = records.iter().map(|record| record.points).sum();
    Ok(format!("{}, {points} points", count(records.len(), "test")))
}
