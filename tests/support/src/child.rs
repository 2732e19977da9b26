//! The process of one test: takes the request, runs the body, answers.

use std::cell::{Cell, RefCell};
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use search::supervisor::Child;
use visualizer::TraceFile;

use crate::channel;
use crate::corpus::Corpus;
use crate::failed::{Failed, Failure};
use crate::judge_run;
use crate::part::{Body, Part, Test};
use crate::record::StageRecord;
use crate::request::{Answer, LiveStage, Request};
use crate::run_test::RunTest;
use crate::search_test::SearchTest;
use crate::unit_test::UnitTest;

/// After which time a handler that has not returned is reported, unless the environment changes it.
pub(crate) const HANDLER_TIME: Duration = Duration::from_secs(5);
/// The exit code of a process that was not asked for anything it has.
const NO_REQUEST: u8 = 70;

/// Runs the test that the harness asks for.
pub(crate) fn main(part: &Part, child: Child) -> ExitCode {
    let Ok(request) = serde_json::from_str::<Request>(&child.request) else {
        return ExitCode::from(NO_REQUEST);
    };
    let Some(test) = part.tests.iter().find(|test| test.name == request.test) else {
        return ExitCode::from(NO_REQUEST);
    };
    if request.graded && channel::close_memory().is_err() {
        return ExitCode::from(NO_REQUEST);
    }
    let reporter = Arc::new(Reporter::new(Some(child), request.live.clone()));
    let corpus = request.corpus.clone().map_or_else(Corpus::default, Corpus::at);
    let context = Context {
        lab: part.lab.to_owned(),
        target: part.target.to_owned(),
        short_name: test.short_name().to_owned(),
        seed: request.seed,
        given_seed: request.seed_was_given.then_some(request.seed),
        states: test.states,
        // The engine ends with a verdict before the system ends the process.
        search_memory: (request.memory_mib << 20) / 2,
        threads: request.threads,
        handler_time: HANDLER_TIME.mul_f64(request.time),
        reporter: Arc::clone(&reporter),
        corpus: corpus.clone(),
        traces: Some(request),
        stages: 0,
    };
    let failure = run_body(test, context);
    if failure.is_none() {
        corpus.forget();
    }
    if reporter.finish(failure) { ExitCode::SUCCESS } else { ExitCode::from(NO_REQUEST) }
}

/// Runs the body; says why the test failed, if it did.
pub(crate) fn run_body(test: &Test, context: Context) -> Option<Failure> {
    let seed = context.seed;
    let mut run_test = RunTest::new(context.clone());
    let result = quietly(|| match test.body {
        Body::Unit(body) => body(&mut UnitTest { seed }),
        Body::Run(body) => body(&mut run_test),
        Body::Search(body) => body(&mut SearchTest::new(context)).map(drop),
    });
    match result {
        Ok(Ok(())) => None,
        Ok(Err(Failed(inner))) => Some(match &inner.run {
            Some(failure) => judge_run::failure(&run_test, failure),
            None => inner.failure,
        }),
        Err(panic) => Some(Failure::fail("panicked", format!("panicked: {panic}"))),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `run`; a panic in it is caught, and becomes its message and its place instead of a print.
pub(crate) fn quietly<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                return before(info);
            }
            let place = info.location().map_or_else(String::new, |place| format!(", at {place}"));
            CAUGHT.set(Some(format!("{}{place}", info.payload_as_str().unwrap_or("a panic without a text"))));
        }));
    });
    let outer = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(outer);
    result.map_err(|_| CAUGHT.take().unwrap_or_else(|| "a panic without a text".to_owned()))
}

/// What a test's process knows.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) lab: String,
    pub(crate) target: String,
    pub(crate) short_name: String,
    pub(crate) seed: u64,
    /// The same, if it is not the test's own.
    pub(crate) given_seed: Option<u64>,
    pub(crate) states: u64,
    pub(crate) search_memory: u64,
    pub(crate) threads: Option<usize>,
    /// After which time a handler that has not returned is reported.
    pub(crate) handler_time: Duration,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) corpus: Corpus,
    /// Says where traces are saved; nowhere in tests of the harness itself.
    pub(crate) traces: Option<Request>,
    pub(crate) stages: usize,
}

impl Context {
    /// The command that runs the test again.
    pub(crate) fn command(&self) -> String {
        command(&self.target, &self.short_name, self.given_seed)
    }

    /// Notes that a stage begins.
    pub(crate) fn begin_stage(&mut self, name: &str, budget: Option<u64>) {
        self.stages += 1;
        self.reporter.begin_stage(LiveStage { number: self.stages, name: name.to_owned(), budget });
    }

    pub(crate) fn end_stage(&self, record: StageRecord) {
        locked(&self.reporter.answer).stages.push(record);
    }

    /// Saves the trace of the test; how records call it.
    pub(crate) fn save_trace(&self, file: &TraceFile) -> Option<String> {
        let request = self.traces.as_ref()?;
        let name = format!("{}-{}.json", self.target, self.short_name);
        file.save(&request.traces.join(&name)).ok()?;
        Some(format!("{}/{name}", request.traces_name))
    }
}

/// The command that runs one test of a target, with a seed if that is not the test's own.
pub(crate) fn command(target: &str, short_name: &str, given_seed: Option<u64>) -> String {
    let seed = given_seed.map(|seed| format!("TESTKIT_SEED={seed} ")).unwrap_or_default();
    format!("{seed}cargo test --test {target} {short_name}")
}

/// Tells the harness what happens.
#[derive(Debug)]
pub(crate) struct Reporter {
    child: Mutex<Option<Child>>,
    live: Option<std::path::PathBuf>,
    answer: Mutex<Answer>,
}

impl Reporter {
    /// A reporter to the supervisor of this process, if there is one.
    pub(crate) fn new(child: Option<Child>, live: Option<std::path::PathBuf>) -> Self {
        Self { child: Mutex::new(child), live, answer: Mutex::default() }
    }

    fn begin_stage(&self, stage: LiveStage) {
        locked(&self.answer).stage = Some(stage.name.clone());
        if let (Some(live), Ok(json)) = (&self.live, serde_json::to_string(&stage)) {
            // Without it the terminal shows less.
            let _best_effort = fs::write(live, json);
        }
    }

    /// Hands over the result; whether that was possible. Only the first result counts.
    pub(crate) fn finish(&self, failure: Option<Failure>) -> bool {
        let answer = Answer { failure, ..locked(&self.answer).clone() };
        let Ok(json) = serde_json::to_vec(&answer) else { return false };
        locked(&self.child).take().is_some_and(|child| child.finish(&json).is_ok())
    }

    /// Hands over the result from another thread than that of the test, which hangs; and ends the process.
    pub(crate) fn end_here(&self, failure: Failure) {
        self.finish(Some(failure));
        std::process::exit(0);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message_with_its_place() {
        let panic = quietly(|| panic!("term {}", 3)).unwrap_err();
        assert!(panic.starts_with("term 3, at ") && panic.contains("child.rs:"), "{panic}");
        assert_eq!(quietly(|| 1), Ok(1));
    }
}
