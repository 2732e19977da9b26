//! Seeded bugs: mistakes put into the reference on purpose, and the tests that must find each of them.

mod matrix;
mod patch;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::check;
use crate::console::{count, note, say};
use crate::generate;
use crate::manifest::{self, Suite};
use crate::plan::Selection;
use crate::results::Record;
use crate::suite::{self, Outcome};
use crate::tree::Tree;

pub(crate) use patch::Patch;

/// One seeded bug.
#[derive(Clone, Debug)]
pub(crate) struct Bug {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The folder below `handout/bugs`.
    pub(crate) lab: String,
    /// What is wrong, in one line.
    pub(crate) about: String,
    /// The suite that finds it.
    pub(crate) part: String,
    /// The tests that must fail, and how.
    pub(crate) kills: Vec<Expected>,
    /// The change of the reference.
    pub(crate) patch: Patch,
}

/// How a test must fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) test: String,
    pub(crate) cause: String,
    pub(crate) detector: Option<String>,
}

/// What came of a bug.
#[derive(Debug)]
pub(crate) struct Kill {
    pub(crate) bug: Bug,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

/// Reads all seeded bugs of a repository, sorted by lab and name.
///
/// # Errors
///
/// All files that are none, by name.
pub(crate) fn read(source: &Tree) -> Result<Vec<Bug>> {
    let mut bugs = Vec::new();
    let mut errors = Vec::new();
    for path in source.0.keys() {
        let Some((lab, file)) = path.strip_prefix("handout/bugs/").and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let Some(name) = file.strip_suffix(".patch") else { continue };
        match source.text(path).and_then(|text| parse(lab, name, text)) {
            Ok(bug) => bugs.push(bug),
            Err(error) => errors.push(format!("{path}: {error:#}")),
        }
    }
    if errors.is_empty() { Ok(bugs) } else { bail!("{}", errors.join("\n")) }
}

fn parse(lab: &str, name: &str, text: &str) -> Result<Bug> {
    let mut about = None;
    let mut part = None;
    let mut kills = Vec::new();
    let header = text.lines().take_while(|line| line.starts_with("# ") || line.is_empty()).count();
    for (line, number) in text.lines().zip(1..).take(header) {
        let Some((key, value)) = line.strip_prefix("# ").and_then(|line| line.split_once(": ")) else {
            if line.is_empty() {
                continue;
            }
            bail!("line {number}: `{line}`: the header has lines `# bug: …`, `# part: …` and `# kill: …`");
        };
        let value = value.trim().to_owned();
        let old = match key {
            "bug" => about.replace(value),
            "part" => part.replace(value),
            "kill" => {
                let pieces: Vec<String> = value.split(" | ").map(|piece| piece.trim().to_owned()).collect();
                let (test, cause, detector) = match pieces.as_slice() {
                    [test, cause] => (test, cause, None),
                    [test, cause, detector] => (test, cause, Some(detector.clone())),
                    _ => bail!(
                        "line {number}: write `# kill: test | cause` or `# kill: test | cause | detector`"
                    ),
                };
                kills.push(Expected { test: test.clone(), cause: cause.clone(), detector });
                None
            }
            _ => bail!("line {number}: `{key}` is none of `bug`, `part`, `kill`"),
        };
        if old.is_some() {
            bail!("line {number}: a second `{key}`");
        }
    }
    if kills.is_empty() {
        bail!("no `# kill: test | cause`: which test must find it?");
    }
    let rest: String = text.split_inclusive('\n').skip(header).collect();
    Ok(Bug {
        name: name.to_owned(),
        lab: lab.to_owned(),
        about: about.context("no `# bug: …`: what is wrong?")?,
        part: part.context("no `# part: …`: which suite finds it?")?,
        kills,
        patch: Patch::parse(&rest, header + 1)?,
    })
}

impl Kill {
    /// The records of all tests; none if it does not compile.
    pub(crate) fn records(&self) -> &[Record] {
        match &self.outcome {
            Outcome::Ran(records) => records,
            Outcome::DoesNotCompile(_) => &[],
        }
    }

    /// What is not as the bug says, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Outcome::DoesNotCompile(why) = &self.outcome {
            return Some(format!("{}: does not compile:\n{why}", self.bug.name));
        }
        let problems: Vec<String> =
            self.bug.kills.iter().filter_map(|expected| self.misses(expected)).collect();
        if problems.is_empty() { None } else { Some(format!("{}: {}", self.bug.name, problems.join("; "))) }
    }

    fn misses(&self, expected: &Expected) -> Option<String> {
        let Expected { test, cause, detector } = expected;
        let Some(record) = self.records().iter().find(|record| record.test == *test) else {
            return Some(format!("the suite `{}` has no test `{test}`", self.bug.part));
        };
        if record.passes() {
            return Some(format!("`{test}` passes"));
        }
        if record.cause.as_ref() != Some(cause) {
            let found = record.cause.as_deref().unwrap_or("no cause");
            return Some(format!("`{test}` ends with `{found}`, not `{cause}`"));
        }
        if detector.is_some() && record.detector != *detector {
            let found = record.detector.as_deref().unwrap_or("nothing");
            return Some(format!(
                "in `{test}` it is found by `{found}`, not `{}`",
                detector.as_deref().unwrap_or_default()
            ));
        }
        None
    }
}

/// Which bugs, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) source: std::path::PathBuf,
    pub(crate) part: Option<String>,
    pub(crate) lab: Option<String>,
    pub(crate) names: Vec<String>,
    pub(crate) jobs: usize,
}

/// Runs the bugs that were asked for; prints and saves the kill matrix. True if each is killed as it says.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let root = options.source.canonicalize().with_context(|| format!("no `{}`", options.source.display()))?;
    let all = read(&generate::read_source(&root)?)?;
    let part = options.part.as_ref().map(|part| match part.parse::<u32>() {
        Ok(number) => format!("part{number}"),
        Err(_) => part.clone(),
    });
    let mut bugs = all.clone();
    bugs.retain(|bug| {
        part.as_ref().is_none_or(|part| bug.part == *part)
            && options.lab.as_ref().is_none_or(|lab| bug.lab == *lab)
            && (options.names.is_empty() || options.names.contains(&bug.name))
    });
    if bugs.is_empty() {
        let known: BTreeSet<String> =
            all.iter().map(|bug| format!("{}/{} ({})", bug.lab, bug.name, bug.part)).collect();
        bail!("no seeded bug is meant; there are: {}", known.into_iter().collect::<Vec<_>>().join(", "));
    }
    let kills = run_all(&root, &bugs, options.jobs, Quiet(false))?;
    let folder = root.join("target/handout-bugs");
    fs::create_dir_all(&folder)?;
    let markdown = matrix::markdown(&kills);
    fs::write(folder.join("kills.md"), &markdown)?;
    fs::write(folder.join("kills.json"), matrix::json(&kills)?)?;
    say(&markdown);
    let problems: Vec<String> = kills.iter().filter_map(Kill::problem).collect();
    for problem in &problems {
        say(format!("FAIL  {problem}"));
    }
    say(format!(
        "{}, {} not killed as they say; the matrix is in {}",
        count(kills.len(), "seeded bug"),
        problems.len(),
        folder.join("kills.md").display()
    ));
    Ok(problems.is_empty())
}

/// Whether a line is printed for each bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quiet(pub(crate) bool);

/// Runs the suites of bugs, each on the reference with this one mistake. The results are in the order of the bugs.
///
/// # Errors
///
/// The reference itself does not pass its suites: then a failing test would say nothing. A patch that does not fit.
pub(crate) fn run_all(root: &Path, bugs: &[Bug], jobs: usize, quiet: Quiet) -> Result<Vec<Kill>> {
    let handout = generate::build(root, &Selection::default())?;
    let reference = check::solved(&handout)?;
    let suites = manifest::suites(&reference)?;
    let mut trees = Vec::new();
    for bug in bugs {
        let suite = suites.iter().find(|suite| suite.name == bug.part);
        let suite = suite.with_context(|| format!("{}: there is no suite `{}`", bug.name, bug.part))?;
        let mut tree = reference.clone();
        bug.patch.apply(&mut tree).with_context(|| bug.name.clone())?;
        if let Some(path) = bug.patch.paths().find(|path| !path.starts_with("labs/")) {
            bail!("{}: `{path}` is no file of a lab", bug.name);
        }
        trees.push((suite, tree));
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let workers = jobs.clamp(1, bugs.len().max(1));
    let work = |job: usize| -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(bug), Some((suite, tree))) = (bugs.get(at), trees.get(at)) else { return Ok(()) };
            let kill = run_one(root, job, bug, suite, tree)?;
            let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            done.push((at, kill));
            if let (false, Some((_, kill))) = (quiet.0, done.last()) {
                let word = if kill.problem().is_none() { "killed" } else { "NOT KILLED" };
                note(format!("[{}/{}] {} {word} ({:.1} s)", done.len(), bugs.len(), bug.name, kill.seconds));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|job| scope.spawn(move || work(job))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a job panicked; this is a mistake of this program"),
        })
    })?;
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, kill)| kill).collect())
}

fn run_one(root: &Path, job: usize, bug: &Bug, suite: &Suite, tree: &Tree) -> Result<Kill> {
    let started = Instant::now();
    let place = check::Place::of_job(root, job)?;
    tree.sync(&place.work, &check::is_built)?;
    let outcome = suite::run(&place.cargo(), suite, &BTreeSet::new(), &place.scratch)?;
    Ok(Kill { bug: bug.clone(), outcome, seconds: started.elapsed().as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "\n--- a/labs/x\n+++ b/labs/x\n@@ -1 +1 @@\n-a\n+b\n";

    #[test]
    fn a_header_says_which_test_must_find_the_bug() {
        let bug = parse("raft", "votes-twice", &format!("# bug: it votes twice: in one term\n# part: part2\n# kill: t07_search | violated | election-safety\n# kill: t08_run | timed-out\n{DIFF}")).unwrap();
        assert_eq!((bug.about.as_str(), bug.part.as_str()), ("it votes twice: in one term", "part2"));
        assert_eq!(bug.kills[0].detector.as_deref(), Some("election-safety"));
        assert_eq!(
            bug.kills[1],
            Expected { test: "t08_run".to_owned(), cause: "timed-out".to_owned(), detector: None }
        );
        assert_eq!(bug.patch.paths().collect::<Vec<_>>(), ["labs/x"]);
    }

    #[test]
    fn errors_say_what_the_header_lacks() {
        let refusal =
            |header: &str| format!("{:#}", parse("a", "b", &format!("{header}{DIFF}")).unwrap_err());
        insta::assert_snapshot!(refusal("# part: x\n# kill: a | violated\n"), @"no `# bug: …`: what is wrong?");
        insta::assert_snapshot!(refusal("# bug: x\n# kill: a | violated\n"), @"no `# part: …`: which suite finds it?");
        insta::assert_snapshot!(refusal("# bug: x\n# part: x\n"), @"no `# kill: test | cause`: which test must find it?");
        insta::assert_snapshot!(refusal("# bug: x\n# bug: y\n"), @"line 2: a second `bug`");
        insta::assert_snapshot!(refusal("# kill: a\n"), @"line 1: write `# kill: test | cause` or `# kill: test | cause | detector`");
        insta::assert_snapshot!(refusal("# kills: a\n"), @"line 1: `kills` is none of `bug`, `part`, `kill`");
        insta::assert_snapshot!(refusal("# a note\n"), @"line 1: `# a note`: the header has lines `# bug: …`, `# part: …` and `# kill: …`");
    }
}
