//! The process of one test: takes the request, runs the body, reports.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use search::Progress;
use visualizer::TraceFile;

use crate::channel::{Lines, Message, Request, send_message};
use crate::corpus::Corpus;
use crate::failed::{Failed, Failure};
use crate::judge_run;
use crate::limits;
use crate::part::{Body, Part, Test};
use crate::record::StageRecord;
use crate::run_test::RunTest;
use crate::search_test::SearchTest;
use crate::text::{counted, grouped};
use crate::unit_test::UnitTest;

/// The variable that makes an executable the process of one test.
pub(crate) const CHILD: &str = "TESTKIT_CHILD";
/// The exit code of a process that could not begin.
const NO_REQUEST: u8 = 70;
/// The exit code of a process whose harness is gone.
const ORPHAN: i32 = 71;
/// After which time a handler that has not returned is reported, unless the environment changes it.
const HANDLER_TIME: Duration = Duration::from_secs(5);
/// How often progress is sent.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Runs the test that the harness asks for on the standard input.
pub(crate) fn main(part: &Part) -> ExitCode {
    let Ok(socket) = private_socket() else { return ExitCode::from(NO_REQUEST) };
    let Ok(reading) = socket.try_clone() else { return ExitCode::from(NO_REQUEST) };
    let mut lines = Lines::new(reading);
    let Some(request) = lines.next::<Request>() else { return ExitCode::from(NO_REQUEST) };
    let Some(test) = part.tests.iter().find(|test| test.name == request.test) else {
        return ExitCode::from(NO_REQUEST);
    };
    limits::apply(request.memory_mib);
    // When the harness is gone nobody waits for the result.
    thread::spawn(move || {
        while lines.next::<serde_json::Value>().is_some() {}
        std::process::exit(ORPHAN);
    });
    let reporter = Arc::new(Reporter::new(Some((socket, request.nonce.clone()))));
    let corpus = request.corpus.clone().map_or_else(Corpus::default, Corpus::at);
    let context = Context {
        lab: part.lab.to_owned(),
        target: part.target.to_owned(),
        short_name: test.short_name().to_owned(),
        test: test.name.clone(),
        seed: request.seed,
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
    reporter.send(Message::Done(failure));
    ExitCode::SUCCESS
}

/// The socket that the harness gave as the standard input; afterwards the standard input is empty.
fn private_socket() -> io::Result<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(socket)
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
    pub(crate) test: String,
    pub(crate) short_name: String,
    pub(crate) seed: u64,
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
        command(&self.target, &self.short_name)
    }

    /// Notes that a stage begins; its number.
    pub(crate) fn begin_stage(&mut self, name: &str) -> usize {
        self.stages += 1;
        self.reporter.send(Message::Began(name.to_owned()));
        self.stages
    }

    pub(crate) fn end_stage(&self, record: StageRecord) {
        self.reporter.send(Message::Ended(record));
    }

    /// Saves the trace of the test; how records call it.
    pub(crate) fn save_trace(&self, file: &TraceFile) -> Option<String> {
        let request = self.traces.as_ref()?;
        let name = format!("{}-{}.json", self.target, self.test);
        file.save(&request.traces.join(&name)).ok()?;
        Some(format!("{}/{name}", request.traces_name))
    }
}

/// The command that runs one test of a target.
pub(crate) fn command(target: &str, short_name: &str) -> String {
    format!("cargo test --test {target} {short_name}")
}

/// Tells the harness what happens; in tests of the harness itself it keeps the messages.
#[derive(Debug)]
pub(crate) struct Reporter {
    to: Option<(UnixStream, String)>,
    last_progress: Mutex<Option<Instant>>,
    pub(crate) kept: Mutex<Vec<Message>>,
}

impl Reporter {
    pub(crate) fn new(to: Option<(UnixStream, String)>) -> Self {
        Self { to, last_progress: Mutex::default(), kept: Mutex::default() }
    }

    pub(crate) fn send(&self, message: Message) {
        match &self.to {
            // A harness that is gone ends this process.
            Some((socket, nonce)) => drop(send_message(socket, nonce, message)),
            None => self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(message),
        }
    }

    /// Sends the result, from another thread than that of the test, which hangs; and ends the process.
    pub(crate) fn end_here(&self, failure: Failure) {
        self.send(Message::Done(Some(failure)));
        std::process::exit(0);
    }

    /// Sends how far a search is, now and then.
    pub(crate) fn search_progress(
        &self,
        number: usize,
        stage: &str,
        progress: &Progress,
        budget: Option<u64>,
    ) {
        let mut last = self.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return;
        }
        *last = Some(Instant::now());
        self.send(Message::Progress(search_line(number, stage, progress, budget)));
    }
}

/// `stage 2, "an entry is committed": 120,000 states, depth 9, 600,000 states/s, 12 % of the budget`.
fn search_line(number: usize, stage: &str, progress: &Progress, budget: Option<u64>) -> String {
    let mut line =
        format!("stage {number}, {stage}: {}, depth {}", counted(progress.states, "state"), progress.depth);
    let millis = progress.elapsed.as_millis();
    if let Some(rate) = (u128::from(progress.states) * 1000).checked_div(millis) {
        line.push_str(&format!(", {} states/s", grouped(u64::try_from(rate).unwrap_or(u64::MAX))));
    }
    if progress.probes > 0 {
        line.push_str(&format!(", {}", counted(progress.probes, "probe")));
    }
    if let Some(share) = budget.and_then(|budget| (progress.states * 100).checked_div(budget)) {
        line.push_str(&format!(", {share} % of the budget"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_a_search_is() {
        let progress = Progress {
            states: 120_000,
            depth: 9,
            elapsed: Duration::from_millis(200),
            ..Progress::default()
        };
        let line = search_line(2, "an entry is committed", &progress, Some(1_000_000));
        insta::assert_snapshot!(line, @"stage 2, an entry is committed: 120,000 states, depth 9, 600,000 states/s, 12 % of the budget");
    }

    #[test]
    fn a_panic_becomes_a_message_with_its_place() {
        let panic = quietly(|| panic!("term {}", 3)).unwrap_err();
        assert!(panic.starts_with("term 3, at ") && panic.contains("child.rs:"), "{panic}");
        assert_eq!(quietly(|| 1), Ok(1));
    }
}
