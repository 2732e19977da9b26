//! Grades a class: each submission alone, on a clean handout, in a sandbox.

mod build;
mod class;
mod cluster;
mod log;
mod marks;
mod notes;
mod one;
mod regrade;
mod report;
mod slot;
mod submission;
mod unpack;
mod watch;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::console::{count, note, say};
use crate::description::Description;
use crate::generate;
use crate::manifest::Suite;
use crate::plan::Selection;
use crate::sandbox::Backend;
use crate::sandbox::jail::{self, Limits};
use crate::tree::Tree;

use build::Budget;
use class::Class;
use log::{Conditions, Graded, Header, Log, Worth};
use marks::Marks;
use regrade::Since;
use slot::{Slot, Tools};
use submission::Submission;

/// What to grade, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) source: PathBuf,
    /// A handout to grade on, in place of one made from the repository.
    pub(crate) handout: Option<PathBuf>,
    pub(crate) submissions: Vec<PathBuf>,
    pub(crate) out: PathBuf,
    pub(crate) jobs: usize,
    pub(crate) suites: Vec<String>,
    pub(crate) only: Vec<String>,
    pub(crate) hidden: Option<PathBuf>,
    /// The seed of all tests, in place of their own.
    pub(crate) seed: Option<u64>,
    pub(crate) since: Option<PathBuf>,
    pub(crate) resume: bool,
    pub(crate) isolation: String,
    pub(crate) memory_mib: u64,
    /// The memory of a compilation.
    pub(crate) compile_memory_mib: u64,
    pub(crate) seconds: u64,
    /// How long all suites of a submission together may be compiled.
    pub(crate) compile_seconds: u64,
    /// How long one submission may take, compiling included.
    pub(crate) budget: Option<u64>,
}

/// What everything is graded on.
#[derive(Debug)]
struct Base {
    tree: Tree,
    description: Description,
    hidden: Option<Tree>,
    /// The handout's own `lab`, which makes pages of traces.
    lab: Option<PathBuf>,
}

impl Base {
    fn of(options: &Options, backend: &Backend) -> Result<Self> {
        let (tree, description) = match &options.handout {
            Some(folder) => {
                let description = Description::read(folder)?;
                if let Some(changed) =
                    [description.changed_students_files(folder), description.changed_course_files(folder)]
                        .concat()
                        .first()
                {
                    bail!("`{changed}` in `{}` was changed; grade on a clean handout", folder.display());
                }
                (generate::read_handout(folder)?, description)
            }
            None => {
                let handout = generate::build(&options.source, &Selection::default())?;
                (handout.tree, handout.description)
            }
        };
        let hidden = options
            .hidden
            .as_ref()
            .map(|folder| Tree::read(folder, &|path| path.starts_with("target/")))
            .transpose()?;
        if let Some(hidden) = &hidden {
            let folder = options.hidden.as_deref().unwrap_or(Path::new(""));
            let hides = backend.isolates() || (backend.may_choose_user() && is_closed(folder)?);
            if !hides {
                bail!(
                    "hidden tests need a sandbox: here a submission could read them; install bubblewrap, or as root let \
                     nobody else into `{}`",
                    folder.display()
                );
            }
            if let Some(path) = hidden.0.keys().find(|path| description.may_be_students(path)) {
                bail!("`{path}` among the hidden tests is a student's file");
            }
        }
        Ok(Self { tree, description, hidden, lab: None })
    }

    /// A workspace with the hidden tests in it.
    fn with_hidden(&self, workspace: &Tree) -> Tree {
        let mut tree = workspace.clone();
        if let Some(hidden) = &self.hidden {
            tree.0.extend(hidden.0.clone());
        }
        tree
    }
}

/// Whether nobody but its owner may enter a folder.
fn is_closed(folder: &Path) -> Result<bool> {
    Ok(folder.metadata()?.permissions().mode() & 0o077 == 0)
}

/// Grades; true if every submission has a result.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let started = Instant::now();
    jail::close_memory()?;
    // A mistake in what is compared in the end is said before hours are spent.
    let since = options.since.as_deref().map(Since::read).transpose()?;
    if let Some(since) = &since {
        since.marks_into(&options.out)?;
    }
    Marks::read(&options.out)?;
    let backend = Backend::named(&options.isolation)?;
    let mut base = Base::of(options, &backend)?;
    let submissions = submission::find(&options.submissions)?;
    let jobs = options.jobs.clamp(1, submissions.len().max(1));
    note(format!(
        "handout {}; {}; {}",
        base.description.name(),
        count(submissions.len(), "submission"),
        count(jobs, "job")
    ));
    note(format!("isolation: {}", backend.describe()));

    let scratch = options.out.join(".work");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make `{}`", options.out.display()))?;
    let slots = slots(options, &backend, &scratch, &base.tree, jobs)?;
    let suites = one::suites(&base, &options.suites)?;
    let hidden = base.hidden.as_ref().map(Tree::hash);
    let worth = prepared(options, &scratch, &slots, &base, &suites, hidden.clone())?;
    base.lab = scratch.join("lab").canonicalize().ok();
    let conditions = Conditions {
        isolation: backend.describe().to_owned(),
        memory_mib: options.memory_mib,
        suite_seconds: options.seconds,
        compile_seconds: options.compile_seconds,
        compile_memory_mib: Some(options.compile_memory_mib),
        budget_seconds: options.budget,
        seed: options.seed,
    };
    let header = Header::new(&base.description, hidden, &options.only, conditions, worth);
    let log = Mutex::new(Log::open(&options.out.join("log.jsonl"), &header, options.resume)?);

    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for slot in &slots {
            let (next, log, failures, submissions, header, base, suites) =
                (&next, &log, &failures, &submissions, &header, &base, &suites);
            scope.spawn(move || {
                while let Some(submission) = submissions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let done = one_submission(options, slot, base, suites, header, submission, log);
                    if let Err(error) = done {
                        note(format!("{}: not graded: {error:#}", submission.name));
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.insert(submission.name.clone(), format!("{error:#}"));
                    }
                }
            });
        }
    });
    let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut class = Class { header, graded: log.latest(), since };
    if !options.only.is_empty() || !options.suites.is_empty() {
        replace_tests(&mut class, &options.out)?;
    }
    class.keep(&options.out)?;
    // They may have been written while this graded.
    let marks = Marks::read(&options.out)?.unwrap_or_default().apply(&mut class);
    report::write_all(&class, &options.out)?;
    say(report::summary(&class, &options.out, started.elapsed().as_secs()));
    for problem in &marks.problems {
        say(format!("{}: {problem}", marks::FILE));
    }
    for (name, error) in &failures {
        say(format!("not graded: {name}: {error}"));
    }
    if !failures.is_empty() {
        say(format!(
            "{} not graded; mend the cause and run the same with --resume",
            count(failures.len(), "submission")
        ));
    }
    Ok(failures.is_empty())
}

/// Applies the marks in a folder of results; true if all could be.
pub(crate) fn mark(out: &Path) -> Result<bool> {
    marks::run(out)
}

/// Where only some tests were graded since an earlier grading, the others are as they were.
fn replace_tests(class: &mut Class, out: &Path) -> Result<()> {
    let Some(since) = &class.since else { return Ok(()) };
    let header = since.header_with(&class.header);
    for graded in &mut class.graded {
        let folder = out.join("submissions").join(&graded.name);
        *graded = since.graded_with(graded, &class.header, &folder)?;
    }
    class.header = header;
    Ok(())
}

/// Compiles the handout and its `lab` in the slots and asks its suites for their tests, unless that was done for the same
/// handout.
fn prepared(
    options: &Options,
    scratch: &Path,
    slots: &[Slot],
    base: &Base,
    suites: &[Suite],
    hidden: Option<String>,
) -> Result<BTreeMap<String, Vec<Worth>>> {
    let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    let key = json!({
        "hash": base.description.hash, "hidden": hidden, "suites": names, "only": options.only, "jobs": slots.len(),
        "isolation": options.isolation, "reads": Worth::VERSION,
    });
    let file = scratch.join("prepared.json");
    let old: Option<Value> = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(old) = old.filter(|old| old["key"] == key) {
        return serde_json::from_value(old["worth"].clone())
            .with_context(|| format!("`{}` is damaged", file.display()));
    }
    note("compiling the handout …");
    let slots: Vec<Slot> = slots.iter().map(Slot::for_the_handout).collect();
    let lab = scratch.join("lab");
    let _not_there = fs::remove_file(&lab);
    if base.tree.0.contains_key("visualizer/Cargo.toml") {
        let Some(first) = slots.first() else { bail!("there are no jobs") };
        first.set(&base.tree)?;
        if let Err(error) = first.build_lab(&lab, &mut Budget::seconds(one::HANDOUT_SECONDS)) {
            note(format!("traces will have no pages: {error:#}"));
        }
    }
    let worth = one::prepare(&slots, base, suites, &options.only)?;
    // A grader that is killed here prepares again.
    let part = scratch.join("prepared.part");
    fs::write(&part, serde_json::to_vec(&json!({ "key": key, "worth": worth }))?)?;
    fs::rename(&part, &file)?;
    Ok(worth)
}

fn one_submission(
    options: &Options,
    slot: &Slot,
    base: &Base,
    suites: &[Suite],
    header: &Header,
    submission: &Submission,
    log: &Mutex<Log>,
) -> Result<()> {
    let started = Instant::now();
    let content = submission.read(&base.description);
    if let Ok(content) = &content {
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.has(&submission.name, &content.hash()) {
            return Ok(());
        }
    }
    let graded = match content {
        Err(error) => one::refused(&submission.name, &format!("{error:#}"), header),
        Ok(content) => {
            let slot = slot.until(options.budget.map(|seconds| started + Duration::from_secs(seconds)));
            one::grade(&slot, base, suites, header, &submission.name, &content, options)?
        }
    };
    report::write_one(&graded, header, &options.out)?;
    let line = progress(&graded, header);
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.add(graded)?;
    note(format!("[{}] {line} ({:.0} s)", log.latest().len(), started.elapsed().as_secs_f64()));
    Ok(())
}

fn progress(graded: &Graded, header: &Header) -> String {
    let points: f64 = header.suites.values().flatten().map(|worth| worth.points).sum();
    let detail = graded.refused.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{:24} {:>6} of {points} points, {}{detail}", graded.name, graded.earned(), graded.status())
}

fn slots(
    options: &Options,
    backend: &Backend,
    scratch: &Path,
    handout: &Tree,
    jobs: usize,
) -> Result<Vec<Slot>> {
    let limits = Limits {
        // A process that grows alone meets its own limit first, and its test alone ends.
        process_mib: options.memory_mib / 4 * 3,
        processor_seconds: options.seconds,
        file_mib: 256,
        processes: 512,
        memory_mib: options.memory_mib,
        seconds: options.seconds,
        output_mib: 16,
    };
    // The toolchain is the one that the handout's file names.
    let place = scratch.join("toolchain");
    fs::create_dir_all(&place)?;
    if handout.0.contains_key("rust-toolchain.toml") {
        handout.write_file(&place, "rust-toolchain.toml")?;
    }
    let tools = Tools::find(&place)?;
    let own: Vec<usize> = match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU).filter(|processor| set.is_set(*processor)).collect(),
        Err(_) => Vec::new(),
    };
    (0..jobs)
        .map(|number| {
            let share = (own.len() / jobs).max(1);
            // Each job has processors of its own, so that more jobs do not make a test slower.
            let mine = own.iter().cycle().skip(number * share).take(share.min(own.len())).copied().collect();
            let folder = scratch.join(format!("slot-{number}"));
            let slot = Slot::new(folder, backend.clone(), tools.clone(), limits, mine, number)?
                .with_compile_memory(options.compile_memory_mib)
                .with_seed(options.seed);
            let must_not_read = options.hidden.is_some() && !backend.isolates();
            if must_not_read { slot.with_a_user_who_compiles() } else { Ok(slot) }
        })
        .collect()
}
