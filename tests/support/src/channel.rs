//! The way of results to a grader that does not trust what is tested: a socket that only the harness has.
//!
//! A grader starts the suite with `TESTKIT_CHANNEL=stdin` and a socket as its standard input, and writes a line to it: a
//! word that is new every time. The harness writes that word before every record. A test's process has neither the socket
//! (its standard input is another one, and a socket cannot be opened again through `/proc`) nor the word.
//!
//! On Linux the harness and the processes of tests then also forbid others of their user to look into them: otherwise
//! `/proc/<id>/mem` lets safe code read and write the memory of a process. What remains: code that runs as the user whom
//! the kernel calls root in its user namespace still reads its own memory there, and could find out how its process hands
//! its outcome to the harness.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// The variable that says that there is a grader, and where.
pub(crate) const VARIABLE: &str = "TESTKIT_CHANNEL";

/// See the module.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: Mutex<UnixStream>,
    word: String,
}

impl Channel {
    /// The channel, if the environment says that there is one. From then on nobody looks into this process.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        if env::var_os(VARIABLE).is_none_or(|place| place != "stdin") {
            return Ok(None);
        }
        close_memory()?;
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Self::on(socket).map(Some)
    }

    fn on(socket: UnixStream) -> io::Result<Self> {
        let mut word = String::new();
        BufReader::new(socket.try_clone()?).read_line(&mut word)?;
        let word = word.trim().to_owned();
        if word.is_empty() {
            let problem = format!("`{VARIABLE}` is set, but there is no grader on the standard input");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Self { socket: Mutex::new(socket), word })
    }

    /// Tells the grader.
    pub(crate) fn send(&self, what: &impl Serialize) -> io::Result<()> {
        let line = format!("{} {}\n", self.word, serde_json::to_string(what)?);
        self.socket.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

/// Keeps other processes of this user out of the memory and the open files of this one. A debugger is one of them.
pub(crate) fn close_memory() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_follows_the_word_of_the_grader() {
        let (mut grader, harness) = UnixStream::pair().unwrap();
        grader.write_all(b"abc\n").unwrap();
        let channel = Channel::on(harness).unwrap();
        channel.send(&serde_json::json!({"record": "test"})).unwrap();
        channel.send(&7).unwrap();
        drop(channel);
        assert_eq!(io::read_to_string(grader).unwrap(), "abc {\"record\":\"test\"}\nabc 7\n");

        let (grader, harness) = UnixStream::pair().unwrap();
        drop(grader);
        assert!(Channel::on(harness).unwrap_err().to_string().contains("there is no grader"));
    }
}
