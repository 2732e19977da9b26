//! What the harness and the process of a test tell each other: lines of JSON on a socket that nothing else uses.
//!
//! Every line of the test's process carries a nonce that only it was told, on the socket itself: what a student's code
//! prints, or leaves behind in files, is no result.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failed::Failure;
use crate::record::StageRecord;

/// The longest line, in bytes: more than any report needs.
const LINE_MAX: u64 = 16 << 20;

/// What the harness asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) nonce: String,
    pub(crate) test: String,
    pub(crate) seed: u64,
    pub(crate) memory_mib: u64,
    /// What time limits are multiplied with.
    pub(crate) time: f64,
    pub(crate) threads: Option<usize>,
    /// The folder of saved traces, and how records call it.
    pub(crate) traces: PathBuf,
    pub(crate) traces_name: String,
    /// Where failing traces are kept for the next run.
    pub(crate) corpus: Option<PathBuf>,
}

/// What the process of a test says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Message {
    /// A stage began.
    Began(String),
    /// How far it is, for the terminal.
    Progress(String),
    /// A stage ended.
    Ended(StageRecord),
    /// The test ended; nothing follows.
    Done(Option<Failure>),
}

#[derive(Serialize, Deserialize)]
struct Line {
    nonce: String,
    message: Message,
}

/// Writes one line.
pub(crate) fn send(mut to: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Writes one message under the nonce.
pub(crate) fn send_message(to: &UnixStream, nonce: &str, message: Message) -> io::Result<()> {
    send(to, &Line { nonce: nonce.to_owned(), message })
}

/// Reads lines until the other side is gone.
pub(crate) struct Lines(BufReader<UnixStream>);

impl Lines {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self(BufReader::new(socket))
    }

    /// The next line that can be read as a `T`; others are skipped. `None` at the end.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let mut line = Vec::new();
            match (&mut self.0).take(LINE_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {
                    if let Ok(what) = serde_json::from_slice(&line) {
                        return Some(what);
                    }
                }
            }
        }
    }

    /// The next message under the nonce.
    pub(crate) fn next_message(&mut self, nonce: &str) -> Option<Message> {
        loop {
            let line: Line = self.next()?;
            if line.nonce == nonce {
                return Some(line.message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_under_the_nonce_arrive() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs)
            .write_all(b"{\"nonce\":\"guess\",\"message\":{\"done\":null}}\nrubbish\n\xff\xfe\n")
            .unwrap();
        send_message(&theirs, "secret", Message::Began("one".to_owned())).unwrap();
        send_message(&theirs, "secret", Message::Done(None)).unwrap();
        drop(theirs);
        let mut lines = Lines::new(ours);
        assert_eq!(lines.next_message("secret"), Some(Message::Began("one".to_owned())));
        assert_eq!(lines.next_message("secret"), Some(Message::Done(None)));
        assert_eq!(lines.next_message("secret"), None);
    }
}
