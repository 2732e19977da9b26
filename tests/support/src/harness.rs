//! The `main` of a suite: which tests are meant, one process for each, one line and one record for each.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use libtest_mimic::{Arguments, FormatSetting, Trial};
use search::supervisor::Child;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::channel::Channel;
use crate::child;
use crate::console::{Console, ProgressLine};
use crate::failed::Failure;
use crate::filters::Filters;
use crate::part::{Part, Test};
use crate::places::Places;
use crate::record::{Header, Judgement, StageRecord, TestRecord, VERSION};
use crate::request::{Answer, Request};
use crate::results::Store;
use crate::supervise;
use crate::{console, text};

/// The exit code when a test did not pass, as that of the built-in harness.
const FAILED: u8 = 101;
/// The exit code when the suite itself is wrong, or nothing can be written.
const INTERNAL: u8 = 70;

/// The `main` of a suite.
///
/// # The command line
///
/// That of the built-in harness: filters, `--exact`, `--skip`, `--list`, `--nocapture`, `--test-threads` (1 unless it
/// is given: a search uses all cores), `--format`, `--color`. The exit code is 101 when a test did not pass.
///
/// # The environment
///
/// | variable | effect |
/// |---|---|
/// | `TESTKIT_OUT=DIR` | results and traces go there, not to `target/grades/<part>` and `target/traces` |
/// | `TESTKIT_FAILURES=off` | failing traces of earlier runs are neither tried nor kept |
/// | `TESTKIT_SEED=N` | the seed of all tests; each has its own otherwise. The results of a run are about code *and* seed |
/// | `TESTKIT_RESUME=1` | tests that `results.jsonl` has of the same executable are not run again |
/// | `TESTKIT_TIME=F` | the time limits, times `F` |
/// | `TESTKIT_CHANNEL=stdin` | the standard input is a socket to a grader, who reads the records there and not in files |
/// | `TESTKIT_THREADS=N` | the threads of a search |
///
/// # Files
///
/// `results.jsonl` ([`Header`], then a [`TestRecord`] as soon as each test ends), and made from it `results.json`
/// (Gradescope), `results.csv`, `junit.xml`.
pub fn main(part: Part) -> ExitCode {
    match Child::enter() {
        Ok(Some(child)) => return child::main(&part, child),
        Ok(None) => {}
        Err(error) => return complain(&error.to_string()),
    }
    let (filters, args) = Filters::split(env::args_os());
    let args = Arguments::from_iter(args.into_iter().map(|arg| {
        // The built-in harness takes both.
        if arg == "--no-capture" { "--nocapture".into() } else { arg }
    }));
    if let Err(problem) = part.check() {
        return complain(&problem);
    }
    if args.list {
        let chosen = part.tests.iter().filter(|test| filters.choose(&test.name, &args));
        let trials = chosen.map(|test| Trial::test(&test.name, || Ok(()))).collect();
        return libtest_mimic::run(&args, trials).exit_code();
    }
    let session = match Session::new(part, filters, &args) {
        Ok(session) => session,
        Err(problem) => return complain(&problem),
    };
    if args.format == Some(FormatSetting::Json) {
        return session.run_as_mimic(args);
    }
    session.run(&args)
}

fn complain(problem: &str) -> ExitCode {
    console::error(problem);
    ExitCode::from(INTERNAL)
}

/// One call of the harness.
struct Session {
    part: Part,
    filters: Filters,
    places: Places,
    store: Store,
    channel: Option<Channel>,
    seed: Option<u64>,
    time: f64,
    threads: Option<usize>,
    show: bool,
    resume: bool,
}

impl Session {
    fn new(part: Part, filters: Filters, args: &Arguments) -> Result<Self, String> {
        let channel = Channel::open().map_err(|error| format!("no way to the grader: {error}"))?;
        let places = Places::find(part.target);
        let executable = executable_hash()?;
        let header = Header {
            record: "run".to_owned(),
            schema: VERSION,
            run: env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| run_id()),
            part: part.target.to_owned(),
            lab: part.lab.to_owned(),
            title: part.title.to_owned(),
            points: part.points(),
            tests: part.tests.len(),
            hint: part.hint.map(str::to_owned),
            executable,
            handout: places.handout(),
        };
        let resume = env::var_os("TESTKIT_RESUME").is_some_and(|word| word == "1");
        let store = Store::open(&places.grades, header, resume).map_err(|error| {
            format!("cannot write `{}`: {error}", places.grades.join("results.jsonl").display())
        })?;
        Ok(Self {
            store,
            channel,
            seed: number("TESTKIT_SEED")?,
            time: number("TESTKIT_TIME")?.unwrap_or(1.0),
            threads: number("TESTKIT_THREADS")?,
            show: args.nocapture,
            resume,
            part,
            filters,
            places,
        })
    }

    /// Runs the chosen tests and prints what a student reads.
    fn run(&self, args: &Arguments) -> ExitCode {
        // Under nextest others run the rest; a test that is asked for again shall run again.
        let done = if self.resume { self.store.records() } else { Vec::new() };
        let mut chosen: Vec<&Test> =
            self.part.tests.iter().filter(|test| self.filters.choose(&test.name, args)).collect();
        let filtered_out = self.part.tests.len() - chosen.len();
        chosen.retain(|test| !done.iter().any(|record| record.test == test.name));
        // What failed last time is most likely what one is working on.
        let failed_before = |test: &Test| self.corpus(test).is_some_and(|file| file.exists());
        chosen.sort_by_key(|test| !failed_before(test));
        let first = chosen.iter().filter(|test| failed_before(test)).count();
        let threads = args.test_threads.or_else(test_threads).unwrap_or(1).clamp(1, chosen.len().max(1));
        let console = Mutex::new(Console::new(args));
        locked(&console).begin(&self.part, chosen.len(), first);
        let began = Instant::now();
        let next = AtomicUsize::new(0);
        let records = Mutex::new(done);
        let problems = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(test) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                        locked(&console).test_begins(test, threads == 1);
                        let line = locked(&console).progress(test);
                        let record = self.run_test(test, line);
                        if let Err(error) = self.keep(&record) {
                            locked(&problems).push(error.to_string());
                        }
                        locked(&console).test_ends(&record);
                        locked(&records).push(record);
                    }
                });
            }
        });
        let mut records = records.into_inner().unwrap_or_default();
        records.sort_by_key(|record| record.number);
        let grades = self.places.shown(&self.places.grades);
        locked(&console).end(
            &self.part,
            &records,
            filtered_out,
            began.elapsed(),
            &grades,
            self.store.handout(),
        );
        if let Some(problem) = problems.into_inner().unwrap_or_default().first() {
            return complain(&format!("cannot write the results to `{grades}`: {problem}"));
        }
        let passed = records.iter().all(|record| record.verdict == Judgement::Pass);
        if passed { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }

    /// Runs the tests with the output of `libtest-mimic`, which some editors read.
    fn run_as_mimic(self, mut args: Arguments) -> ExitCode {
        args.test_threads = Some(args.test_threads.or_else(test_threads).unwrap_or(1));
        let session = std::sync::Arc::new(self);
        let tests = &session.part.tests;
        let chosen = (0..tests.len()).filter(|i| session.filters.choose(&tests[*i].name, &args));
        let trials = chosen.map(|i| {
            let session = std::sync::Arc::clone(&session);
            Trial::test(session.part.tests[i].name.clone(), move || {
                let record = session.run_test(&session.part.tests[i], None);
                session.keep(&record)?;
                if record.verdict == Judgement::Pass { Ok(()) } else { Err(record.block.join("\n").into()) }
            })
        });
        libtest_mimic::run(&args, trials.collect()).exit_code()
    }

    /// Writes down what came of a test. The grader knows it first: files can be made unwritable by what is tested.
    fn keep(&self, record: &TestRecord) -> std::io::Result<()> {
        if let Some(channel) = &self.channel {
            channel.send(record)?;
        }
        self.store.append(record)
    }

    fn corpus(&self, test: &Test) -> Option<PathBuf> {
        Some(self.places.failures.as_ref()?.join(format!("{}.json", test.name)))
    }

    fn run_test(&self, test: &Test, progress: Option<ProgressLine>) -> TestRecord {
        let live = progress.as_ref().and_then(|_| live_file(&test.name));
        let request = Request {
            test: test.name.clone(),
            seed: self.seed.unwrap_or_else(|| own_seed(self.part.target, test)),
            seed_was_given: self.seed.is_some(),
            memory_mib: test.memory_mib,
            time: self.time,
            threads: self.threads,
            live: live.clone(),
            traces: self.places.traces.clone(),
            traces_name: self.places.traces_name.to_owned(),
            corpus: self.corpus(test),
            graded: self.channel.is_some(),
        };
        let outcome = supervise::run(&request, test.backstop.mul_f64(self.time), progress);
        if let Some(live) = live {
            let _never_written = std::fs::remove_file(live);
        }
        let outcome = outcome.unwrap_or_else(|error| {
            let message = format!("the test's process cannot be run: {error}");
            let failure = Some(Failure::fail("not-started", message));
            let answer = Answer { failure, ..Answer::default() };
            supervise::Outcome { answer, output: Vec::new(), elapsed: Duration::ZERO }
        });
        if self.show {
            console::show(&outcome.output);
        }
        self.record(test, request.seed, outcome)
    }

    /// What is written down of a test.
    fn record(&self, test: &Test, seed: u64, outcome: supervise::Outcome) -> TestRecord {
        let supervise::Outcome { answer: Answer { failure, stages, stage }, output, elapsed } = outcome;
        let failure = failure.or_else(|| never_ran(test, &stages));
        let mut record = TestRecord {
            record: "test".to_owned(),
            test: test.name.clone(),
            number: test.number,
            kind: test.kind,
            claim: test.claim.to_owned(),
            section: section(&self.part, test),
            points: test.points,
            earned: earned(test, &stages, failure.is_none()),
            verdict: Judgement::Pass,
            cause: None,
            detector: None,
            message: None,
            stage: None,
            seed,
            states: stages.iter().map(|stage| stage.states).sum(),
            stages,
            seconds: elapsed.as_secs_f64(),
            trace: None,
            steps: None,
            cluster: None,
            replayed: false,
            block: Vec::new(),
        };
        let Some(failure) = failure else { return record };
        record.verdict = failure.judgement;
        record.stage = stage;
        record.message = Some(text::fit(&failure.message, 1000));
        record.detector = failure.detector.clone();
        record.trace = failure.trace.clone();
        record.steps = failure.steps;
        record.cluster = Some(match &failure.cluster {
            Some(cluster) => format!("{}/{cluster}", test.name),
            None => format!("{}/{}", test.name, failure.cause),
        });
        record.replayed = failure.replayed;
        let trace = failure.trace.as_deref().map(|name| self.places.trace_shown(name));
        record.block =
            console::block(&record, &failure, self.part.target, trace.as_deref(), &output, self.seed);
        record.cause = Some(failure.cause);
        record
    }
}

/// The heading that a test stands under.
fn section(part: &Part, test: &Test) -> Option<String> {
    let at = part.tests.iter().position(|other| other.number == test.number)?;
    part.sections.iter().rev().find(|(first, _)| *first <= at).map(|(_, title)| (*title).to_owned())
}

/// The points of a passed test; else those of its stages that passed, once one of them reached a goal.
fn earned(test: &Test, stages: &[StageRecord], passed: bool) -> u32 {
    if passed {
        return test.points;
    }
    let goal = stages.iter().position(|stage| stage.goal && stage.verdict == Judgement::Pass);
    let Some(goal) = goal else { return 0 };
    let mut by_name: BTreeMap<&str, u32> = test.credits.iter().copied().collect();
    let passed =
        stages.iter().enumerate().filter(|(i, stage)| *i >= goal && stage.verdict == Judgement::Pass);
    passed.filter_map(|(_, stage)| by_name.remove(stage.name.as_str())).sum()
}

/// A stage that gives points and that a passing test never ran is a mistake of the suite.
fn never_ran(test: &Test, stages: &[StageRecord]) -> Option<Failure> {
    let (stage, _) = test.credits.iter().find(|(name, _)| !stages.iter().any(|stage| stage.name == *name))?;
    let message = format!("the test has points for a stage `{stage}`, which it does not have");
    Some(Failure::fail("suite-error", message))
}

/// The seed of a test unless the environment gives one: the same on every machine.
fn own_seed(target: &str, test: &Test) -> u64 {
    xxh3_64(format!("{target}/{}", test.name).as_bytes()) >> 32
}

/// A number in the environment.
fn number<T: std::str::FromStr>(name: &str) -> Result<Option<T>, String> {
    let Ok(text) = env::var(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("`{name}={text}` is not a number"))
}

fn test_threads() -> Option<usize> {
    env::var("RUST_TEST_THREADS").ok()?.parse().ok()
}

fn executable_hash() -> Result<String, String> {
    let bytes = env::current_exe().and_then(std::fs::read);
    let bytes = bytes.map_err(|error| format!("cannot read this test's own executable: {error}"))?;
    Ok(format!("{:016x}", xxh3_64(&bytes)))
}

/// What tells this run from others.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{:032x}", xxh3_128(format!("{now}/{}", std::process::id()).as_bytes()))
}

/// A file for the stage that a test is in.
fn live_file(test: &str) -> Option<PathBuf> {
    Some(env::temp_dir().join(format!("testkit-{}-{test}.json", run_id())))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, verdict: Judgement, goal: bool) -> StageRecord {
        let (name, ended) = (name.to_owned(), String::new());
        StageRecord { name, verdict, ended, goal, states: 1, depth: 0, seconds: 0.0 }
    }

    #[test]
    fn stages_give_points_from_the_first_goal_on() {
        let test = Test::unit(1, "a", "It holds", |_| Ok(()))
            .points(10)
            .credit("safe", 2)
            .credit("leader", 3)
            .credit("commit", 4);
        use Judgement::{Fail, Pass};
        let earned = |stages: &[StageRecord]| earned(&test, stages, false);
        assert_eq!(super::earned(&test, &[], true), 10);
        // A system that does nothing is safe.
        assert_eq!(earned(&[stage("safe", Pass, false), stage("leader", Fail, false)]), 0);
        assert_eq!(earned(&[stage("leader", Pass, true), stage("safe", Pass, false)]), 5);
        assert_eq!(earned(&[stage("leader", Pass, true), stage("commit", Fail, false)]), 3);
        // The same stage counts once.
        assert_eq!(earned(&[stage("leader", Pass, true), stage("leader", Pass, true)]), 3);
        assert_eq!(earned(&[stage("other", Pass, true), stage("commit", Pass, false)]), 4);
    }

    #[test]
    fn a_test_has_its_own_seed_on_every_machine() {
        let test = Test::unit(1, "a", "It holds", |_| Ok(()));
        assert_eq!(own_seed("part1", &test), own_seed("part1", &test));
        assert_ne!(own_seed("part1", &test), own_seed("part2", &test));
    }
}
