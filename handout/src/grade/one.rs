//! Grades one submission.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::grade::build::{Budget, Builder, Built, Refusal};
use crate::grade::log::{Graded, Header, SuiteGrade, Worth};
use crate::grade::slot::{Run, Slot};
use crate::grade::submission::Content;
use crate::grade::{Base, Options, report};
use crate::manifest::{self, Suite};
use crate::results::{self, Record};
use crate::sandbox::End;

/// The largest trace that is kept, and the largest page of one.
const MOST_TRACE: u64 = 8 << 20;
const MOST_PAGE: u64 = 32 << 20;
/// The largest text of a trace that is kept.
const MOST_TEXT: u64 = 1 << 20;

/// The cause of tests for which there is no program.
pub(super) const NO_PROGRAM: &str = "does-not-compile";

/// How long the handout itself may be compiled, on a slow machine: it is trusted, and there is much of it.
pub(super) const HANDOUT_SECONDS: u64 = 4 * 3600;

/// How a harness ends when some test did not pass.
const HARNESS_FAILED: i32 = 101;

/// The suites to run: all, or those that are named.
pub(super) fn suites(base: &Base, names: &[String]) -> Result<Vec<Suite>> {
    let all = manifest::suites(&base.with_hidden(&base.tree))?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|suite| suite.name == **name)) {
        let known: Vec<&str> = all.iter().map(|suite| suite.name.as_str()).collect();
        bail!("there is no suite `{unknown}`; there are {}", known.join(", "));
    }
    let chosen: Vec<Suite> =
        all.into_iter().filter(|suite| names.is_empty() || names.contains(&suite.name)).collect();
    if chosen.is_empty() {
        bail!("the handout has no suites to grade with");
    }
    Ok(chosen)
}

/// Compiles the handout in all slots, and asks the suites for their tests and points by running the skeleton.
pub(super) fn prepare(
    slots: &[Slot],
    base: &Base,
    suites: &[Suite],
    only: &[String],
) -> Result<BTreeMap<String, Vec<Worth>>> {
    let (first, others) = slots.split_first().context("there are no jobs")?;
    let mut worth = BTreeMap::new();
    let mut builder = Builder::new(first, base, &base.tree, Budget::seconds(HANDOUT_SECONDS))?;
    for suite in suites {
        let public = public_tests(first, base, suite, only)?;
        let program = match builder.suite(suite)? {
            Built::Yes(program) => program,
            Built::No(Refusal { why, .. }) => {
                bail!("the handout itself does not compile in the sandbox, suite `{}`:\n{why}", suite.name)
            }
        };
        first.set(&base.tree)?;
        let run = first.run(suite, &program, only)?;
        let text = run.ended.told;
        let text = text.map_err(|wrong| anyhow::anyhow!("the skeleton's results are wrong: {wrong}"))?;
        let records = results::parse(&text).context("the skeleton's results are wrong")?;
        if records.is_empty() && only.is_empty() {
            bail!(
                "the suite `{}` told no results in the sandbox ({:?}):\n{}",
                suite.name,
                run.ended.end,
                run.ended.stderr
            );
        }
        if records.is_empty() {
            continue;
        }
        let is_hidden = |test: &str| public.as_ref().is_some_and(|public| !public.contains(test));
        let tests = records
            .into_iter()
            .map(|record| Worth { hidden: is_hidden(&record.test), test: record.test, points: record.points })
            .collect();
        worth.insert(suite.name.clone(), tests);
    }
    if worth.is_empty() {
        bail!("no test has a name with {} in it", only.join(" or "));
    }
    for slot in others {
        slot.copy_from(first)?;
    }
    Ok(worth)
}

/// The tests of a suite that students have, where there are others.
fn public_tests(
    slot: &Slot,
    base: &Base,
    suite: &Suite,
    only: &[String],
) -> Result<Option<BTreeSet<String>>> {
    if base.hidden.is_none() {
        return Ok(None);
    }
    if !manifest::suites(&base.tree)?.iter().any(|public| public.name == suite.name) {
        return Ok(Some(BTreeSet::new()));
    }
    slot.set(&base.tree)?;
    let built = slot.build_suite(suite, false, &mut Budget::seconds(HANDOUT_SECONDS))?;
    let Built::Yes(program) = built else {
        bail!("the handout itself does not compile in the sandbox, suite `{}`", suite.name);
    };
    let text = slot.run(suite, &program, only)?.ended.told;
    let text = text.map_err(|wrong| anyhow::anyhow!("the skeleton's results are wrong: {wrong}"))?;
    Ok(Some(results::parse(&text)?.into_iter().map(|record| record.test).collect()))
}

fn graded(name: &str, hash: String) -> Graded {
    Graded {
        record: "submission".to_owned(),
        name: name.to_owned(),
        hash,
        refused: None,
        notes: Vec::new(),
        comments: Vec::new(),
        suites: Vec::new(),
    }
}

/// The grade of a submission that cannot be read.
pub(super) fn refused(name: &str, why: &str, header: &Header) -> Graded {
    let suites = header.suites.iter().map(|(suite, worth)| SuiteGrade {
        suite: suite.clone(),
        problem: None,
        tests: worth.iter().map(|worth| record(worth, "fail", "refused", why)).collect(),
    });
    Graded { refused: Some(why.to_owned()), suites: suites.collect(), ..graded(name, String::new()) }
}

/// A record that the grader makes, in place of one that the harness did not.
fn record(worth: &Worth, verdict: &str, cause: &str, message: &str) -> Record {
    let mut rest = Map::new();
    rest.insert("message".to_owned(), message.into());
    Record {
        test: worth.test.clone(),
        verdict: verdict.to_owned(),
        cause: Some(cause.to_owned()),
        detector: None,
        points: worth.points,
        earned: 0.0,
        rest,
    }
}

/// Compiles and runs all suites of a submission.
///
/// # Errors
///
/// The grader or its sandbox failed, and the submission is not to blame.
pub(super) fn grade(
    slot: &Slot,
    base: &Base,
    suites: &[Suite],
    header: &Header,
    name: &str,
    content: &Content,
    options: &Options,
) -> Result<Graded> {
    let out = &options.out;
    let mut graded = Graded { notes: content.notes.clone(), ..graded(name, content.hash()) };
    let workspace = content.over(&base.tree);
    let folder = out.join("submissions").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    // Nobody reads at compile time what others handed in.
    let labs = base.description.labs.iter().chain(suites.iter().map(|suite| &suite.package));
    slot.forget_submission(&labs.cloned().collect::<Vec<_>>())?;
    let mut builder = Builder::new(
        slot,
        base,
        &workspace,
        Budget::seconds(options.compile_seconds).until(slot.deadline()),
    )?;
    for suite in suites {
        let Some(worth) = header.suites.get(&suite.name) else { continue };
        // Whoever stops the grader now has what is done.
        report::write_so_far(&with_the_rest(&graded, suites, header), header, out)?;
        if slot.now().is_none() {
            break;
        }
        let program = match builder.suite(suite)? {
            Built::Yes(program) => program,
            Built::No(_) if slot.now().is_none() => break,
            Built::No(Refusal { first, why, .. }) => {
                let tests = worth.iter().map(|worth| record(worth, "fail", NO_PROGRAM, &first)).collect();
                fs::write(folder.join(format!("{}-compiler.txt", suite.name)), &why)?;
                graded.suites.push(SuiteGrade { suite: suite.name.clone(), problem: Some(why), tests });
                continue;
            }
        };
        let Some(slot) = &slot.now() else { break };
        slot.set(&workspace)?;
        let run = slot.run(suite, &program, &header.only)?;
        fs::write(
            folder.join(format!("{}-output.txt", suite.name)),
            [&*run.ended.stdout, &*run.ended.stderr].join("\n"),
        )?;
        let mut grade = settle(suite, worth, &run, slot.now().is_none());
        for record in &mut grade.tests {
            keep_trace(slot, base.lab.as_deref(), record, suite, &folder)?;
        }
        graded.suites.push(grade);
    }
    graded.notes.extend(graded.suites.iter().filter_map(|suite| differs(suite, content)));
    Ok(with_the_rest(&graded, suites, header))
}

/// With a record also for each test that was not reached.
fn with_the_rest(graded: &Graded, suites: &[Suite], header: &Header) -> Graded {
    let mut graded = graded.clone();
    for suite in suites {
        let Some(worth) = header.suites.get(&suite.name) else { continue };
        if graded.suites.iter().any(|done| done.suite == suite.name) {
            continue;
        }
        let why =
            format!("there was no time left to compile and run `{}`; nothing is known of it", suite.name);
        let tests = worth.iter().map(|worth| record(worth, "inconclusive", "not-run", &why)).collect();
        graded.suites.push(SuiteGrade { suite: suite.name.clone(), problem: Some(why), tests });
    }
    graded
}

/// What to note where the author's own run earned other points, of the same tests.
fn differs(suite: &SuiteGrade, content: &Content) -> Option<String> {
    let said = content.said.iter().find(|said| said.suite == suite.suite)?;
    let points: f64 = suite.tests.iter().map(|test| test.points).sum();
    let earned: f64 = suite.tests.iter().map(|test| test.earned).sum();
    let differs = said.points == points && said.earned != earned;
    differs.then(|| {
        format!("its author had {} of {points} points in {}, here {earned}", said.earned, suite.suite)
    })
}

/// One record for each test, whatever the submission did to the harness. `spent` says that the time of the whole submission was
/// over when the suite ended: what it did not reach is not its fault.
fn settle(suite: &Suite, worth: &[Worth], run: &Run, spent: bool) -> SuiteGrade {
    let tampered = |why: String| SuiteGrade {
        suite: suite.name.clone(),
        tests: worth.iter().map(|worth| record(worth, "inconclusive", "tampered", &why)).collect(),
        problem: Some(format!(
            "the results cannot be believed, so nothing counts until somebody has looked: {why}"
        )),
    };
    let text = match &run.ended.told {
        Ok(text) => text,
        Err(wrong) => return tampered(wrong.clone()),
    };
    let mut records = match results::parse(text) {
        Ok(records) => records,
        Err(error) => return tampered(format!("{error:#}")),
    };
    let known: BTreeMap<&str, f64> = worth.iter().map(|worth| (worth.test.as_str(), worth.points)).collect();
    if let Some(record) =
        records.iter().find(|record| known.get(record.test.as_str()) != Some(&record.points))
    {
        return tampered(format!("there is no test `{}` of {} points", record.test, record.points));
    }
    let have: BTreeSet<String> = records.iter().map(|record| record.test.clone()).collect();
    let missing: Vec<&Worth> = worth.iter().filter(|worth| !have.contains(&worth.test)).collect();
    if let Some(why) = disagrees(run, text, &records, missing.is_empty()) {
        return tampered(why);
    }
    if run.ended.end == End::TimedOut && spent {
        let why =
            format!("there was no time left to end `{}`; nothing is known of its other tests", suite.name);
        records.extend(missing.into_iter().map(|worth| record(worth, "inconclusive", "not-run", &why)));
        records.sort_by_key(|record| worth.iter().position(|worth| worth.test == record.test));
        return SuiteGrade { suite: suite.name.clone(), problem: Some(why), tests: records };
    }
    let stopped = match run.ended.end {
        End::Exited(_) => None,
        End::TimedOut => Some(("timed-out", "the suite took too long and was stopped")),
        End::OutOfMemory => Some(("out-of-memory", "all processes together took too much memory")),
        End::TooManyProcesses => Some(("too-many-processes", "it had too many processes or threads")),
        End::TooMuchOutput => Some(("too-much-output", "it printed too much and was stopped")),
        End::Stopped => Some(("too-many-files", "it wrote too much into files and was stopped")),
    };
    if let Some((cause, why)) = stopped {
        records.extend(missing.into_iter().map(|worth| record(worth, "fail", cause, why)));
    }
    let place = |record: &Record| worth.iter().position(|worth| worth.test == record.test);
    records.sort_by_key(place);
    let problem = stopped.map(|(_, why)| why.to_owned());
    SuiteGrade { suite: suite.name.clone(), problem, tests: records }
}

/// What does not agree with the results that the harness told: how it ended, or the file in which it writes them as well.
/// Then something happened to the harness, or in its folder, that no handler does by mistake.
fn disagrees(run: &Run, told: &str, records: &[Record], all: bool) -> Option<String> {
    let written = run.written.as_deref().unwrap_or_default();
    // A line that is cut was being written when the harness was stopped. The first one is no record.
    let whole = written.rfind('\n').map_or("", |end| &written[..end]);
    let written: Vec<&str> = whole.lines().skip(1).collect();
    let known: BTreeSet<&str> = told.lines().collect();
    if let Some(line) = written.iter().find(|line| !known.contains(*line)) {
        let line: String = line.chars().take(200).collect();
        return Some(format!("in the file of results somebody else wrote `{line}`"));
    }
    let End::Exited(code) = run.ended.end else { return None };
    let passed = records.iter().all(Record::passes);
    match code {
        0 | HARNESS_FAILED if !all => Some("the harness ended, and told of some tests nothing".to_owned()),
        0 | HARNESS_FAILED if (code == 0) != passed => {
            Some(format!("the harness ended with {code}, which its results do not say"))
        }
        0 | HARNESS_FAILED if written.len() != known.len() => {
            Some("what the harness wrote into its file of results is not there".to_owned())
        }
        0 | HARNESS_FAILED => None,
        _ => Some(format!("the harness ended with {code}: it was killed, or could not write")),
    }
}

/// Copies the trace of a failure next to the other results, with a page to step through it and a transcript of its
/// steps, and names them in the record.
fn keep_trace(
    slot: &Slot,
    lab: Option<&Path>,
    record: &mut Record,
    suite: &Suite,
    folder: &Path,
) -> Result<()> {
    // What the submission calls its page is none.
    record.rest.remove("page");
    record.rest.remove("transcript");
    let Some(Value::String(trace)) = record.rest.remove("trace") else { return Ok(()) };
    let Some(bytes) = slot.left(&trace, MOST_TRACE) else { return Ok(()) };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = format!("{}-{}", suite.name, record.test).chars().map(plain).collect();
    let path = format!("traces/{name}.json");
    fs::create_dir_all(folder.join("traces"))?;
    fs::write(folder.join(&path), &bytes)?;
    record.rest.insert("trace".to_owned(), path.into());
    let Some(lab) = lab else { return Ok(()) };
    for (what, format, ending, most) in
        [("page", "html", "html", MOST_PAGE), ("transcript", "text", "txt", MOST_TEXT)]
    {
        if let Some(bytes) = slot.export(lab, &bytes, format, most)? {
            let path = format!("traces/{name}.{ending}");
            fs::write(folder.join(&path), bytes)?;
            record.rest.insert(what.to_owned(), path.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Ended;

    fn settled(told: Result<&str, &str>, written: Option<&str>, end: End) -> String {
        settled_when(told, written, end, false)
    }

    fn settled_when(told: Result<&str, &str>, written: Option<&str>, end: End, spent: bool) -> String {
        let suite = Suite {
            name: "part1".to_owned(),
            package: "a".to_owned(),
            folder: "labs/a".to_owned(),
            source: String::new(),
        };
        let worth = |test: &str| Worth { test: test.to_owned(), points: 5.0, hidden: false };
        let told = told.map(str::to_owned).map_err(str::to_owned);
        let ended = Ended { end, stdout: String::new(), stderr: String::new(), told };
        let run = Run { ended, written: written.map(|written| format!("{{\"record\":\"run\"}}\n{written}")) };
        let grade = settle(&suite, &[worth("t01"), worth("t02")], &run, spent);
        let tests: Vec<String> = grade
            .tests
            .iter()
            .map(|test| {
                format!(
                    "{} {} {} {}",
                    test.test,
                    test.verdict,
                    test.cause.as_deref().unwrap_or("-"),
                    test.earned
                )
            })
            .collect();
        format!("{}\n{}", tests.join("\n"), grade.problem.unwrap_or_default())
    }

    /// The same in the file.
    fn honest(told: &str, end: End) -> String {
        settled(Ok(told), Some(told), end)
    }

    const PASS: &str = r#"{"record":"test","test":"t01","verdict":"pass","points":5,"earned":5}"#;

    #[test]
    fn every_test_has_one_record() {
        let both = format!("{PASS}\n{}\n", PASS.replace("t01", "t02"));
        insta::assert_snapshot!(honest(&both, End::Exited(0)), @"
        t01 pass - 5
        t02 pass - 5
        ");
        insta::assert_snapshot!(honest(&format!("{PASS}\n"), End::TimedOut), @"
        t01 pass - 5
        t02 fail timed-out 0
        the suite took too long and was stopped
        ");
        // The time was not the suite's but the whole submission's.
        let one = format!("{PASS}\n");
        insta::assert_snapshot!(settled_when(Ok(&one), Some(&one), End::TimedOut, true), @"
        t01 pass - 5
        t02 inconclusive not-run 0
        there was no time left to end `part1`; nothing is known of its other tests
        ");
        // It was stopped between the two, or while it wrote into the file.
        for written in ["".to_owned(), PASS[..40].to_owned(), format!("{PASS}\n{{\"record\":\"te")] {
            insta::allow_duplicates! {insta::assert_snapshot!(settled(Ok(&format!("{PASS}\n")), Some(&written), End::TooMuchOutput), @"
            t01 pass - 5
            t02 fail too-much-output 0
            it printed too much and was stopped
            ");}
        }
        insta::assert_snapshot!(settled(Ok(""), None, End::OutOfMemory), @"
        t01 fail out-of-memory 0
        t02 fail out-of-memory 0
        all processes together took too much memory
        ");
    }

    #[test]
    fn results_that_the_harness_did_not_write_count_for_nothing() {
        let one = format!("{PASS}\n");
        let both = format!("{PASS}\n{}\n", PASS.replace("t01", "t02"));
        let fails =
            one.replace("t01", "t02").replace("pass", "fail").replace(r#""earned":5"#, r#""earned":0"#);
        let half = format!("{one}{fails}");
        let why = |told: Result<&str, &str>, written: Option<&str>, end: End| {
            let all = settled(told, written, end);
            let (records, why) = all.rsplit_once('\n').unwrap();
            assert_eq!(records, "t01 inconclusive tampered 0\nt02 inconclusive tampered 0");
            why.strip_prefix("the results cannot be believed, so nothing counts until somebody has looked: ")
                .unwrap()
                .to_owned()
        };
        let twice = format!("{one}{one}");
        insta::assert_snapshot!(why(Ok(&twice), Some(&twice), End::Exited(0)), @"line 2: a second record for `t01`");
        insta::assert_snapshot!(why(Ok(&PASS.replace('5', "500")), None, End::Exited(0)), @"there is no test `t01` of 500 points");
        insta::assert_snapshot!(why(Err("the word is wrong"), Some(&both), End::Stopped), @"the word is wrong");
        // Forged in the file, whatever became of the harness.
        for end in [End::Exited(101), End::Exited(70), End::TooMuchOutput, End::OutOfMemory, End::TimedOut] {
            insta::allow_duplicates! {insta::assert_snapshot!(why(Ok(&one), Some(&both), end), @r#"in the file of results somebody else wrote `{"record":"test","test":"t02","verdict":"pass","points":5,"earned":5}`"#);}
        }
        insta::assert_snapshot!(why(Ok(&half), Some(&half), End::Exited(70)), @"the harness ended with 70: it was killed, or could not write");
        insta::assert_snapshot!(why(Ok(&half), Some(&half), End::Exited(137)), @"the harness ended with 137: it was killed, or could not write");
        insta::assert_snapshot!(why(Ok(&one), Some(&one), End::Exited(0)), @"the harness ended, and told of some tests nothing");
        insta::assert_snapshot!(why(Ok(&half), Some(&half), End::Exited(0)), @"the harness ended with 0, which its results do not say");
        insta::assert_snapshot!(why(Ok(&both), Some(&both), End::Exited(101)), @"the harness ended with 101, which its results do not say");
        insta::assert_snapshot!(why(Ok(&both), Some(&one), End::Exited(0)), @"what the harness wrote into its file of results is not there");
        insta::assert_snapshot!(why(Ok(&both), None, End::Exited(0)), @"what the harness wrote into its file of results is not there");
    }
}
