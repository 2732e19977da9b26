//! How a process ended without a result, and what that says about the code that ran.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::output::Output;
use crate::watch::{Activity, FatalInput, Note};

/// What ended a process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The stack was full.
    StackOverflow,
    /// An allocation failed.
    OutOfMemory,
    /// Somebody killed it; usually the system, for want of memory.
    Killed,
    /// `abort`, or a panic that cannot be caught; with what was printed last.
    Aborted(String),
    /// `process::exit` with this code.
    Exited(i32),
    /// A signal that nobody here sent, by its number.
    Signal(i32),
    /// It did not return for so long, and the supervisor killed it.
    Hung(Duration),
    /// It was not done when the time was over, and the supervisor killed it.
    TimeOver(Duration),
}

impl Cause {
    /// From the status, and what the runtime of Rust prints before it aborts.
    pub(super) fn of(status: ExitStatus, stderr: &Output) -> Self {
        const SIGILL: i32 = 4;
        const SIGABRT: i32 = 6;
        const SIGKILL: i32 = 9;
        const SIGSEGV: i32 = 11;
        let said = |text: &str| stderr.latest().any(|line| line.contains(text));
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(SIGABRT | SIGILL)) if said("has overflowed its stack") => Self::StackOverflow,
            (None, Some(SIGABRT | SIGILL)) if is_out_of_memory(stderr) => Self::OutOfMemory,
            (None, Some(SIGABRT | SIGILL)) => Self::Aborted(last_words(stderr)),
            (None, Some(SIGSEGV)) => Self::StackOverflow,
            (None, Some(SIGKILL)) => Self::Killed,
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }

    /// What it says about a handler or a predicate, and what to do.
    pub fn problem(&self) -> String {
        let hint = match self {
            Self::StackOverflow => {
                "look for a function that calls itself without end, also in Clone, Debug, Serialize or Drop"
            }
            Self::OutOfMemory | Self::Killed => "look for a collection that grows in a loop without end",
            Self::Aborted(_) => "look for a panic while another one unwinds (in a Drop), and for `abort`",
            Self::Exited(_) => "it has to return",
            Self::Signal(_) => "look for what sends signals or is not safe Rust",
            Self::Hung(_) | Self::TimeOver(_) => {
                "look for a loop that does not end, or a wait for something that only another handler can do"
            }
        };
        format!("it {self}; {hint}")
    }
}

/// What a panic said that could not be caught; else the last line that says anything.
fn last_words(stderr: &Output) -> String {
    let mut after: Option<&str> = None;
    for line in stderr.latest() {
        match after {
            // The line after this one is the message of the panic.
            Some(message) if line.contains(" panicked at ") => return message.trim().to_owned(),
            _ => after = Some(line),
        }
    }
    let last = stderr.latest().find(|line| !line.trim().is_empty());
    last.unwrap_or_default().trim().to_owned()
}

/// `memory allocation of 4096 bytes failed`, or whatever else could not be had.
fn is_out_of_memory(stderr: &Output) -> bool {
    let said = |line: &str| line.contains("memory allocation of ") && line.contains(" failed");
    stderr.latest().any(said)
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StackOverflow => f.write_str("overflowed its stack"),
            Self::OutOfMemory => f.write_str("ran out of memory"),
            Self::Killed => f.write_str("was killed, as the system does when memory runs out"),
            Self::Aborted(said) if said.is_empty() => f.write_str("aborted"),
            Self::Aborted(said) => write!(f, "aborted (`{said}`)"),
            Self::Exited(code) => write!(f, "called `process::exit({code})`"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Hung(time) => write!(f, "has not returned for {time:?}"),
            Self::TimeOver(time) => write!(f, "was not done after {time:?}"),
        }
    }
}

/// A process that ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// What ended it.
    pub cause: Cause,
    /// What it was at, if that is known.
    pub at: Option<Note>,
}

impl Death {
    /// What must not run again; nothing if it is not known what that is.
    pub(super) fn fatal(&self) -> Option<FatalInput> {
        let at = self.at.as_ref()?;
        Some(FatalInput {
            digest: at.digest,
            activity: at.activity,
            problem: self.cause.problem(),
            hangs: matches!(self.cause, Cause::Hung(_) | Cause::TimeOver(_)),
        })
    }
}

impl fmt::Display for Death {
    /// `on_message(Go) of server1 overflowed its stack`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            None => write!(f, "the process {}", self.cause),
            Some(at) if at.activity == Activity::Predicate => {
                write!(f, "the predicate `{}` {}", at.text, self.cause)
            }
            Some(at) if at.node.is_empty() => write!(f, "{} {}", at.text, self.cause),
            Some(at) => write!(f, "{} of {} {}", at.text, at.node, self.cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(raw: i32, stderr: &str) -> Cause {
        let stderr =
            super::super::output::Reader::start(std::io::Cursor::new(stderr.to_owned())).finish(|| true);
        Cause::of(ExitStatus::from_raw(raw), &stderr)
    }

    #[test]
    fn what_the_runtime_prints_tells_aborts_apart() {
        let overflow = "\nthread 'search-0' (77) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n";
        assert_eq!(cause(6, overflow), Cause::StackOverflow);
        assert_eq!(cause(6, "memory allocation of 4096 bytes failed\n"), Cause::OutOfMemory);
        assert_eq!(
            cause(6, "thread caused non-unwinding panic. aborting.\n\n"),
            Cause::Aborted("thread caused non-unwinding panic. aborting.".to_owned())
        );
        let in_drop = "\nthread 'a' (7) panicked at src/a.rs:1:2:\nfirst\n\nthread 'a' (7) panicked at core.rs:3:4:\n\
                       panic in a destructor during cleanup\nthread caused non-unwinding panic. aborting.\n";
        let words = "panic in a destructor during cleanup".to_owned();
        assert_eq!(cause(6, in_drop), Cause::Aborted(words));
        assert_eq!(cause(6, ""), Cause::Aborted(String::new()));
        assert_eq!(cause(11, ""), Cause::StackOverflow);
        assert_eq!(cause(9, ""), Cause::Killed);
        assert_eq!(cause(15, ""), Cause::Signal(15));
        assert_eq!(cause(3 << 8, overflow), Cause::Exited(3));
    }

    #[test]
    fn says_what_to_look_for() {
        let problems = [
            Cause::StackOverflow,
            Cause::OutOfMemory,
            Cause::Aborted(String::new()),
            Cause::Exited(0),
            Cause::Signal(5),
            Cause::Hung(Duration::from_secs(20)),
        ]
        .map(|cause| cause.problem());
        insta::assert_snapshot!(problems.join("\n"), @r"
        it overflowed its stack; look for a function that calls itself without end, also in Clone, Debug, Serialize or Drop
        it ran out of memory; look for a collection that grows in a loop without end
        it aborted; look for a panic while another one unwinds (in a Drop), and for `abort`
        it called `process::exit(0)`; it has to return
        it was ended by signal 5; look for what sends signals or is not safe Rust
        it has not returned for 20s; look for a loop that does not end, or a wait for something that only another handler can do
        ");
    }
}
