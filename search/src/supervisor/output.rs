//! What a process prints, as much of it as anybody wants to read.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The lines that are kept from the beginning, and as many from the end.
const LINES: usize = 20;

/// The bytes of a line that are kept.
const LINE: usize = 500;

/// What a process printed: its first lines, its last lines, and how much it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The first lines.
    pub first: Vec<String>,
    /// The last lines, after those.
    pub last: VecDeque<String>,
    /// How many lines there were.
    pub lines: u64,
    /// How many bytes there were.
    pub bytes: u64,
    /// A line that has not ended yet.
    rest: Vec<u8>,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = LINE.saturating_sub(self.rest.len());
            self.rest.extend_from_slice(&part[..part.len().min(room)]);
            if parts.peek().is_some() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned();
        self.lines += 1;
        if self.first.len() < LINES {
            self.first.push(line);
            return;
        }
        if self.last.len() == LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// The lines that were kept, from the last on.
    pub(super) fn latest(&self) -> impl Iterator<Item = &str> {
        self.last.iter().rev().chain(self.first.iter().rev()).map(String::as_str)
    }
}

/// Reads a stream to its end, on a thread of its own.
pub(super) struct Reader {
    output: Arc<Mutex<Output>>,
    thread: JoinHandle<()>,
}

impl Reader {
    pub(super) fn start(mut stream: impl Read + Send + 'static) -> Self {
        let output = Arc::new(Mutex::new(Output::default()));
        let shared = Arc::clone(&output);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(read) = stream.read(&mut buffer) {
                let mut output = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if read == 0 {
                    if !output.rest.is_empty() {
                        output.end_line();
                    }
                    break;
                }
                output.add(&buffer[..read]);
            }
        });
        Self { output, thread }
    }

    /// What was printed. A process that escaped may hold the stream open; it is not waited for longer than `looks`.
    pub(super) fn finish(self, mut wait: impl FnMut() -> bool) -> Output {
        while !self.thread.is_finished() && wait() {}
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_the_last_lines_of_megabytes() {
        let text: String = (0..200_000).map(|i| format!("line {i}\n")).collect();
        let output = Reader::start(std::io::Cursor::new(format!("{text}the end"))).finish(|| true);
        assert_eq!((output.lines, output.bytes), (200_001, text.len() as u64 + 7));
        assert_eq!((output.first.len(), output.last.len()), (LINES, LINES));
        assert_eq!((&output.first[0][..], &output.first[LINES - 1][..]), ("line 0", "line 19"));
        assert_eq!(output.latest().take(2).collect::<Vec<_>>(), ["the end", "line 199999"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let output = Reader::start(std::io::repeat(b'x').take(10_000_000)).finish(|| true);
        assert_eq!((output.lines, output.bytes, output.first[0].len()), (1, 10_000_000, LINE));
    }
}
