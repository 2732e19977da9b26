//! Seeded bugs: mistakes put into the reference on purpose, and the tests that must find each of them.

mod matrix;
mod patch;
mod runs;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::console::{count, say};
use crate::generate;
use crate::results::Record;
use crate::suite::Outcome;
use crate::tree::Tree;

pub(crate) use patch::Patch;
pub(crate) use runs::{How, run_all, sample};

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
    /// So many of them, chosen by the seed.
    pub(crate) sample: Option<usize>,
    pub(crate) seed: String,
    pub(crate) jobs: usize,
    pub(crate) named: bool,
    pub(crate) fresh: bool,
    /// Where the matrix goes; else `target/handout-bugs`.
    pub(crate) out: Option<std::path::PathBuf>,
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
    let whole = options.sample.is_none() && options.names.is_empty() && !options.named;
    if let Some(count) = options.sample {
        bugs = sample(bugs, count, &options.seed);
    }
    let how =
        How { jobs: options.jobs, named: options.named, fresh: options.fresh, reference: true, quiet: false };
    let kills = run_all(&root, &bugs, how)?;
    let folder = options.out.clone().unwrap_or_else(|| root.join("target/handout-bugs"));
    save(&kills, &folder, &matrix::Origin::of(&root, whole))?;
    let problems: Vec<String> = kills.iter().filter_map(Kill::problem).collect();
    for problem in &problems {
        say(format!("FAIL  {problem}"));
    }
    say(format!(
        "{}, {} not killed as they say; the matrix is in {}",
        count(kills.len(), "seeded bug"),
        problems.len(),
        folder.display()
    ));
    Ok(problems.is_empty())
}

/// Writes and prints a page for each suite, and writes the same as data.
fn save(kills: &[Kill], folder: &Path, origin: &matrix::Origin) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let suites: BTreeSet<&str> = kills.iter().map(|kill| &*kill.bug.part).collect();
    for suite in suites {
        let of_it: Vec<&Kill> = kills.iter().filter(|kill| kill.bug.part == suite).collect();
        let page = matrix::markdown(suite, &of_it, origin);
        fs::write(folder.join(format!("{suite}.md")), &page)?;
        fs::write(folder.join(format!("{suite}.json")), matrix::json(suite, &of_it, origin)?)?;
        say(page);
    }
    Ok(())
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
    fn a_sample_depends_on_the_seed_alone() {
        let bugs: Vec<Bug> = (0..20)
            .map(|number| {
                parse(
                    "a",
                    &format!("bug-{number:02}"),
                    &format!("# bug: x\n# part: x\n# kill: a | b\n{DIFF}"),
                )
            })
            .collect::<Result<_>>()
            .unwrap();
        let names = |seed: &str, bugs: &[Bug]| -> Vec<String> {
            sample(bugs.to_vec(), 3, seed).into_iter().map(|bug| bug.name).collect()
        };
        let backwards: Vec<Bug> = bugs.iter().rev().cloned().collect();
        assert_eq!(names("c0ffee", &bugs), names("c0ffee", &backwards));
        assert_ne!(names("c0ffee", &bugs), names("c0ffef", &bugs));
        // In the long run every bug has its turn.
        let seen: BTreeSet<String> = (0..100).flat_map(|seed| names(&seed.to_string(), &bugs)).collect();
        assert_eq!(seen.len(), bugs.len());
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
