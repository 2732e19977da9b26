//! The side of the process that is supervised: reads its plan, limits itself, and hands over its result.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpgrp, getpid, getrlimit, kill_process_group, setrlimit,
};

use super::plan::{CANCEL, Plan, SUPERVISED};
use crate::settings::CancelToken;
use crate::watch::{Journal, Watch};

/// A process that has a supervisor, seen from inside.
#[derive(Debug)]
pub struct Child {
    /// Canceled when the supervisor wants an end; give it to every search.
    pub cancel: CancelToken,
    /// What the supervisor asks for.
    pub request: String,
    nonce: String,
}

impl Child {
    /// Takes up the plan of the supervisor: from now on this process has its limits, notes what it runs, avoids what is
    /// known to be fatal, and ends when its supervisor does. `None` in a process without supervisor.
    ///
    /// To be called first of all in `main`, before any other thread is started and anything reads the standard input.
    ///
    /// # Errors
    ///
    /// When there should be a plan, but is none.
    pub fn enter() -> io::Result<Option<Self>> {
        if std::env::var_os(SUPERVISED).is_none() {
            return Ok(None);
        }
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        let plan: Plan = serde_json::from_str(&line).map_err(|error| {
            let problem = format!(
                "`{SUPERVISED}` is set, but there is no plan of a supervisor on the standard input ({error}); \
                 unset it to run this by hand"
            );
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })?;
        if let Some(memory) = plan.memory {
            limit_memory(memory);
        }
        let journal = Journal::join(&plan.journal)?;
        Watch {
            journal: Some(Arc::new(journal)),
            fatal: plan.fatal.into(),
            pass_over_fatal: plan.pass_over_fatal,
            thorough: plan.thorough,
            try_debug: plan.try_debug,
            keep_traces: plan.keep_traces,
        }
        .install();
        let cancel = CancelToken::default();
        let token = cancel.clone();
        std::thread::Builder::new()
            .name("supervised".to_owned())
            .spawn(move || listen(&token, &plan.journal))?;
        Ok(Some(Self { cancel, request: plan.request, nonce: plan.nonce }))
    }

    /// Hands over the result. What the process does afterwards no longer matters; best it ends.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(self, result: &[u8]) -> io::Result<()> {
        let mut bytes = head(&self.nonce, result.len()).into_bytes();
        bytes.extend_from_slice(result);
        // Not through `Stdin`, whose lock is held for ever by who listens.
        UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?).write_all(&bytes)
    }
}

/// What stands before a result.
fn head(nonce: &str, len: usize) -> String {
    format!("{nonce} {len}\n")
}

/// The result that a process hands over, on the supervisor's side. Whatever else comes before it is no result, nor is what
/// is not whole.
pub(super) fn read_result(mut from: impl BufRead, nonce: &str) -> Option<Vec<u8>> {
    /// A word, and a number.
    const HEAD: u64 = 64;
    let mut line = String::new();
    from.by_ref().take(HEAD).read_line(&mut line).ok()?;
    let len: usize = line.strip_prefix(nonce)?.trim().parse().ok()?;
    if line != head(nonce, len) {
        return None;
    }
    let mut result = Vec::new();
    from.take(len as u64).read_to_end(&mut result).ok()?;
    (result.len() == len).then_some(result)
}

/// Limits what this process may allocate: asking for more then fails at once and is told, where the machine would otherwise
/// get slow and kill something.
fn limit_memory(bytes: u64) {
    let now = getrlimit(Resource::As);
    let least = now.maximum.map_or(bytes, |maximum| maximum.min(bytes));
    // Where there are no such limits the search's own accounting has to do.
    let _not_here = setrlimit(Resource::As, Rlimit { current: Some(least), maximum: now.maximum });
}

/// Waits for what the supervisor says. When it is gone, this process and all that it started end as well.
fn listen(cancel: &CancelToken, journal: &Path) {
    // Held for ever: a handler that reads the standard input does not return, and that is noticed.
    let mut input = io::stdin().lock();
    loop {
        let mut line = String::new();
        match input.read_line(&mut line) {
            Ok(read) if read > 0 => {
                if line.trim_end() == CANCEL {
                    cancel.cancel();
                }
            }
            _ => break,
        }
    }
    // The supervisor had no time to do that.
    if let Some(folder) = journal.parent() {
        let _left_over = fs::remove_dir_all(folder);
    }
    // Only if the group is this process's own: a command started by hand shares that of its shell.
    let own: Pid = getpid();
    if getpgrp() == own {
        let _gone = kill_process_group(own, Signal::KILL);
    }
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_result_after_the_right_word_is_one() {
        let read = |text: &str| read_result(text.as_bytes(), "abc");
        assert_eq!(read("abc 4\npass").as_deref(), Some(&b"pass"[..]));
        assert_eq!(read("abc 4\npass and more").as_deref(), Some(&b"pass"[..]));
        assert_eq!(read("abc 0\n").as_deref(), Some(&b""[..]));
        let long = "x".repeat(100_000);
        for wrong in
            ["", "abc", "abc 4\npas", "abd 4\npass", " abc 4\npass", "abc +4\npass", "abc 4 \npass", &long]
        {
            assert_eq!(read(wrong), None, "{wrong:.20}");
        }
    }
}
