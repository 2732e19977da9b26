//! The grader's side of the socket that is the standard input of what runs in a sandbox.
//!
//! It is two things. When it is closed, because the grader says so or is gone, the sandbox ends. And where a job wants it,
//! the program in the sandbox tells its results on it: each line begins with a word that is new every time, and that the
//! program reads there first. A socket has no name: what the program starts cannot open it, not even through `/proc`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much a program may tell.
const MOST: usize = 64 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Channel {
    socket: UnixStream,
    word: String,
    told: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Channel {
    /// A channel, and its end for the sandbox.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (mut socket, end) = UnixStream::pair()?;
        let draw = || RandomState::new().build_hasher().finish();
        let word = format!("{:016x}{:016x}", draw(), draw());
        writeln!(socket, "{word}")?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let (from, shared) = (socket.try_clone()?, told.clone());
        let reader = std::thread::spawn(move || listen(from, &shared));
        Ok((Self { socket, word, told, reader }, OwnedFd::from(end)))
    }

    /// Ends the sandbox.
    pub(super) fn close(&self) {
        let _closed = self.socket.shutdown(Shutdown::Both);
    }

    /// What was told until everybody at the other end was gone, without the words; or why it cannot be believed.
    pub(super) fn finish(self) -> Result<String, String> {
        // A process that got away may hold the other end for ever: what it says is not waited for.
        let patience = Instant::now();
        while !self.reader.is_finished() && patience.elapsed() < Duration::from_millis(500) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        if told.len() > MOST {
            return Err(format!("somebody told the grader more than {} MiB", MOST >> 20));
        }
        let told = String::from_utf8(told).map_err(|_| "what the grader was told is not UTF-8".to_owned())?;
        // A line that is cut was being written when the harness was stopped.
        let whole = told.rfind('\n').map(|end| told[..end].split('\n'));
        let lines: Option<Vec<&str>> = whole
            .into_iter()
            .flatten()
            .map(|line| line.strip_prefix(&self.word)?.strip_prefix(' '))
            .collect();
        lines
            .map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
            .ok_or_else(|| "somebody else than the harness told the grader results".to_owned())
    }
}

fn listen(mut from: UnixStream, told: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() <= MOST {
            told.extend(&buffer[..count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a program that gets the word and says something.
    fn told(say: impl FnOnce(&str) -> String) -> Result<String, String> {
        let (channel, end) = Channel::open().unwrap();
        let mut end = UnixStream::from(end);
        let mut word = [0; 33];
        end.read_exact(&mut word).unwrap();
        let word = std::str::from_utf8(&word).unwrap().trim();
        end.write_all(say(word).as_bytes()).unwrap();
        drop(end);
        channel.finish()
    }

    #[test]
    fn only_who_knows_the_word_is_believed() {
        assert_eq!(told(|_| String::new()).as_deref(), Ok(""));
        assert_eq!(told(|word| format!("{word} a\n{word} b\n{word} c")).as_deref(), Ok("a\nb\n"));
        for wrong in ["a\n", "\n", " a\n", "0123456789abcdef0123456789abcdef a\n"] {
            assert!(told(|_| wrong.to_owned()).is_err(), "{wrong:?}");
            assert!(told(|word| format!("{word} a\n{wrong}")).is_err(), "{wrong:?}");
        }
        assert!(told(|word| format!("{word} {}\n", "x".repeat(MOST))).is_err());
    }

    #[test]
    fn who_holds_the_other_end_is_not_waited_for() {
        let (channel, end) = Channel::open().unwrap();
        let mut end = UnixStream::from(end);
        let began = Instant::now();
        let line = format!("{} a\n", channel.word);
        end.write_all(line.as_bytes()).unwrap();
        // What was said before the end counts.
        channel.close();
        assert_eq!(channel.finish().as_deref(), Ok("a\n"));
        assert!(began.elapsed() < Duration::from_secs(20));
        assert!(end.write_all(line.as_bytes()).is_err());
    }
}
