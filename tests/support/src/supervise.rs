//! Runs one test in a process of its own, and says how that ended.
//!
//! The process is this executable again, under a [`Supervisor`]: if it ends without a result it is started again with
//! what was learned, so that a search can name the handler that ends the process, and the way that leads there.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use search::supervisor::{Cause, Death, Output, Supervisor};

use crate::channel;
use crate::child::HANDLER_TIME;
use crate::console::ProgressLine;
use crate::failed::Failure;
use crate::live;
use crate::request::{Answer, LiveStage, Request};

/// The address space beside the memory of the test, in MiB for each thread: stacks, and what an allocator reserves.
const RESERVED_MIB: u64 = 128;

/// What became of a test.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// The last lines of what it printed.
    pub(crate) output: Vec<String>,
    pub(crate) elapsed: Duration,
}

/// Runs the test; calls `progress` with a line about it now and then.
///
/// # Errors
///
/// When the process cannot be started, or answers what is no answer.
pub(crate) fn run(request: &Request, limit: Duration, progress: Option<ProgressLine>) -> io::Result<Outcome> {
    let began = Instant::now();
    let threads = request.threads.or(available_parallelism().ok().map(Into::into)).unwrap_or(1) as u64;
    let live = request.live.clone();
    let supervisor = Supervisor {
        request: serde_json::to_string(request)?,
        memory: Some((request.memory_mib + threads * RESERVED_MIB) << 20),
        time: Some(limit),
        handler_time: HANDLER_TIME.mul_f64(request.time),
        progress: progress.map(|progress| {
            let stage = move || {
                let json = fs::read(live.as_ref()?).ok()?;
                serde_json::from_slice::<LiveStage>(&json).ok()
            };
            Arc::new(move |now: &search::Progress| progress(&live::line(stage().as_ref(), now))) as _
        }),
        ..Supervisor::default()
    };
    let mut command = Command::new(std::env::current_exe()?);
    let supervised = supervisor.run(command.env_remove(channel::VARIABLE))?;
    let mut answer = match &supervised.result {
        Ok(json) => serde_json::from_slice(json)?,
        Err(death) => Answer { failure: Some(died(death, request.memory_mib)), ..Answer::default() },
    };
    if answer.failure.is_none()
        && let Some(death) = &supervised.unrepeated
    {
        let message = format!(
            "the first time the process {}, the second time it did not: something depends on more than the node's \
             fields and the event",
            death.cause
        );
        answer.failure = Some(Failure::fail("nondeterministic", message));
    }
    let output = lines(&supervised.stdout).into_iter().chain(lines(&supervised.stderr)).collect();
    Ok(Outcome { answer, output, elapsed: began.elapsed() })
}

/// What was kept of an output, without its beginning where there is a gap.
fn lines(output: &Output) -> Vec<String> {
    let kept = (output.first.len() + output.last.len()) as u64;
    let first = if kept < output.lines { &[] } else { &output.first[..] };
    first.iter().chain(&output.last).cloned().collect()
}

/// A process that ended without an answer.
fn died(death: &Death, memory_mib: u64) -> Failure {
    let cause = match &death.cause {
        Cause::StackOverflow => "stack-overflow",
        Cause::OutOfMemory => "out-of-memory",
        Cause::Aborted(_) => "aborted",
        Cause::Exited(_) => "exited",
        Cause::Hung(_) if death.at.is_some() => "handler-hung",
        Cause::Hung(_) => "timed-out",
        Cause::TimeOver(_) => "timed-out",
        _ => "killed",
    };
    let who = match &death.at {
        Some(note) if note.node.is_empty() => note.text.clone(),
        Some(note) => format!("{} of {}", note.text, note.node),
        None => "the test".to_owned(),
    };
    let problem = death.cause.problem();
    // The words of a handler's fault begin with `it`.
    let what = problem.strip_prefix("it ").unwrap_or(&problem);
    let mut failure = Failure::fail(cause, format!("{who} {what}"));
    if death.cause == Cause::OutOfMemory {
        failure.lines.push(format!("The test may use {memory_mib} MiB."));
    }
    failure.detector = death.at.as_ref().map(|_| who);
    failure
}
