//! Runs one test in a process of its own, and says how that ended.
//!
//! The process is this executable again. It leads a process group, which is killed when the test is over, whatever it
//! started. It gets its request on a socket and answers there; what it prints is kept, and believed by nobody.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::channel::{Lines, Message, Request, send};
use crate::child::CHILD;
use crate::failed::Failure;
use crate::record::StageRecord;

/// The bytes of its output that are kept.
const TAIL_BYTES: usize = 16 << 10;
/// How often it is looked whether the process is still there.
const POLL: Duration = Duration::from_millis(50);
/// How long a process may take to end after it has told its result.
const GRACE: Duration = Duration::from_secs(2);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with an exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
    /// By us, because the time was up.
    TimedOut,
}

/// What became of a test.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The result, if there is one; `Some(None)` is a pass.
    pub(crate) done: Option<Option<Failure>>,
    pub(crate) stages: Vec<StageRecord>,
    /// The stage that had begun and not ended.
    pub(crate) stage: Option<String>,
    pub(crate) end: End,
    /// The last lines of what it printed.
    pub(crate) output: Vec<String>,
    pub(crate) elapsed: Duration,
}

/// Runs the test; calls `progress` with a line about it now and then. With `show` what it prints is passed on.
///
/// # Errors
///
/// When the process cannot be started.
pub(crate) fn run(
    request: &Request,
    limit: Duration,
    show: bool,
    mut progress: impl FnMut(&str),
) -> io::Result<Outcome> {
    let began = Instant::now();
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = start(theirs)?;
    let output = [
        child.stdout.take().map(|from| capture(from, show.then(io::stdout))),
        child.stderr.take().map(|from| capture(from, show.then(io::stderr))),
    ];
    let mut outcome = Outcome {
        done: None,
        stages: Vec::new(),
        stage: None,
        end: End::TimedOut,
        output: Vec::new(),
        elapsed: Duration::ZERO,
    };
    // A process that dies at once says so by its end.
    let _gone = send(&ours, request);
    let messages = receive(ours.try_clone()?, request.nonce.clone());
    let mut deadline = began + limit;
    loop {
        match messages.recv_timeout(POLL) {
            Ok(Message::Progress(line)) => progress(&line),
            Ok(Message::Began(stage)) => outcome.stage = Some(stage),
            Ok(Message::Ended(stage)) => outcome.stages.push(stage),
            Ok(Message::Done(result)) => {
                outcome.done = Some(result);
                deadline = deadline.min(Instant::now() + GRACE);
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The socket is closed; the end of the process is near.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(1)),
        }
        if outcome.done.is_some() || has_ended(&child) || Instant::now() >= deadline {
            break;
        }
    }
    let timed_out = outcome.done.is_none() && !has_ended(&child);
    end_group(&child);
    let status = child.wait()?;
    // What was sent before the end is still there.
    while outcome.done.is_none() {
        match messages.recv_timeout(GRACE) {
            Ok(Message::Done(result)) => outcome.done = Some(result),
            Ok(Message::Began(stage)) => outcome.stage = Some(stage),
            Ok(Message::Ended(stage)) => outcome.stages.push(stage),
            Ok(Message::Progress(_)) => {}
            Err(_) => break,
        }
    }
    outcome.end = match (timed_out, status.code()) {
        (true, _) => End::TimedOut,
        (false, Some(code)) => End::Exited(code),
        (false, None) => End::Signaled(std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0)),
    };
    for tail in output.into_iter().flatten() {
        // Whoever left the process group may hold the pipe open for ever.
        outcome.output.extend(tail.recv_timeout(GRACE).unwrap_or_default());
    }
    outcome.elapsed = began.elapsed();
    Ok(outcome)
}

fn start(stdin: UnixStream) -> io::Result<Child> {
    use std::os::unix::process::CommandExt as _;
    Command::new(std::env::current_exe()?)
        .env(CHILD, "1")
        .stdin(Stdio::from(OwnedFd::from(stdin)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn receive(socket: UnixStream, nonce: String) -> Receiver<Message> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = Lines::new(socket);
        while let Some(message) = lines.next_message(&nonce) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Reads to the end, passes on if asked, and keeps the last lines.
fn capture(
    mut from: impl Read + Send + 'static,
    mut show: Option<impl Write + Send + 'static>,
) -> Receiver<Vec<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut tail: VecDeque<u8> = VecDeque::with_capacity(TAIL_BYTES);
        let mut buffer = [0; 4096];
        while let Ok(len) = from.read(&mut buffer)
            && len > 0
        {
            if let Some(show) = &mut show {
                let _nobody_reads = show.write_all(&buffer[..len]).and_then(|()| show.flush());
            }
            tail.extend(&buffer[..len]);
            tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        }
        let bytes: Vec<u8> = tail.into();
        let text = String::from_utf8_lossy(&bytes);
        let _nobody_waits = sender.send(text.lines().map(str::to_owned).collect());
    });
    receiver
}

/// Whether the process has ended; it stays a zombie, so that its number belongs to nobody else yet.
fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(Some(_)) | Err(_))
}

/// Ends the process and everything it started in its group.
fn end_group(child: &Child) {
    let _already_gone = kill_process_group(Pid::from_child(child), Signal::KILL);
}

impl Outcome {
    /// Why the test did not pass, if it did not: what it said, or else what its end says.
    pub(crate) fn failure(&mut self, limit: Duration, memory_mib: u64) -> Option<Failure> {
        if let Some(done) = self.done.take() {
            return done;
        }
        let printed = |text: &str| self.output.iter().any(|line| line.contains(text));
        let (cause, message) = match self.end {
            End::TimedOut => (
                "timed-out",
                format!("it had not ended after {limit:?} and was killed: look for a loop that does not end"),
            ),
            End::Exited(code) => (
                "exited",
                format!(
                    "the process ended with exit code {code} before the test did: something called \
                     `std::process::exit`"
                ),
            ),
            End::Signaled(_) if printed("has overflowed its stack") => (
                "stack-overflow",
                "a stack overflow: look for a function that calls itself without end".to_owned(),
            ),
            End::Signaled(_) if printed("memory allocation of") => (
                "out-of-memory",
                format!(
                    "it needed more than {memory_mib} MiB of memory: look for a collection that grows without end"
                ),
            ),
            End::Signaled(6) => ("aborted", "the process was aborted".to_owned()),
            End::Signaled(9) => {
                ("killed", "the process was killed, perhaps because memory ran out".to_owned())
            }
            End::Signaled(signal) => ("killed", format!("the process was ended by signal {signal}")),
        };
        Some(Failure::fail(cause, message))
    }
}
