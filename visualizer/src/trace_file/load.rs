//! Reads and writes trace files. They come by mail from strangers: sizes are bounded, references are checked, nothing
//! in them is run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{FORMAT, Happening, MessageId, NodeState, Timer, TraceFile, Truth, VERSION};
use crate::pool::{PoolError, ValueId};

/// The largest file that is read, in bytes.
const SIZE_MAX: u64 = 32 << 20;
/// How many bytes of fields that this program does not know are read and kept.
const UNKNOWN_MAX: usize = 1 << 20;
/// The fields of a file that it knows.
const KNOWN: [&str; 17] = [
    "format",
    "version",
    "tool",
    "origin",
    "network",
    "search",
    "verdict",
    "predicates",
    "nodes",
    "pool",
    "messages",
    "history",
    "start",
    "steps",
    "notes",
    "marks",
    "view",
];
/// How many steps a trace may have.
const STEPS_MAX: usize = 100_000;
/// How many nodes a trace may have.
const NODES_MAX: usize = 1_000;
/// How many predicates a trace may have.
const PREDICATES_MAX: usize = 1_000;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceFileError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any trace.
    #[error("`{}` has {size} bytes; a trace has {SIZE_MAX} at the most", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, as far as it was read.
        size: u64,
    },
    /// It is no trace file.
    #[error("`{}` is no trace file: {problem}", path.display())]
    NotATrace {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It was written by a later version.
    #[error(
        "`{}` has version {version} of the trace format, this program reads up to {VERSION}; update it, or run the \
         search again",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// What every version of a file has.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// What is wrong inside a file.
#[derive(Debug, thiserror::Error)]
enum Inconsistent {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("it refers to value {0}, but has {1} values")]
    Value(ValueId, usize),
    #[error("it refers to message {0}, but has {1} messages")]
    Message(MessageId, usize),
    #[error("it has {0} nodes, but the states of {1}")]
    Nodes(usize, usize),
    #[error("it refers to a node `{0}`, which it does not have")]
    Node(String),
    #[error("it refers to step {0}, but has {1} steps")]
    Step(usize, usize),
    #[error("it has {0} {1}, more than the {2} that are read")]
    TooMany(usize, &'static str, usize),
    #[error("it has {0} predicates, but says of {1} whether they hold in a state")]
    Truth(usize, usize),
    #[error("`{0}` crashes during something that is neither a message nor a timer")]
    CrashDuring(String),
    #[error("`{0}` crashes while another node is at work")]
    CrashElsewhere(String),
    #[error("a timer of at least {0} ns and at most {1} ns is impossible")]
    TimerLength(u64, u64),
}

impl TraceFile {
    /// Reads a file and checks that everything in it fits together. Nothing in a file is run, and its size is bounded.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no trace or is of a later version; the message says which.
    pub fn load(path: &Path) -> Result<Self, TraceFileError> {
        let read_error = |source| TraceFileError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read_error)?;
        let mut json = Vec::new();
        file.take(SIZE_MAX + 1).read_to_end(&mut json).map_err(read_error)?;
        let size = json.len() as u64;
        if size > SIZE_MAX {
            return Err(TraceFileError::TooLarge { path: path.to_owned(), size });
        }
        Self::parse(path, &json)
    }

    /// As [`load`](Self::load), from bytes; `path` is what errors call them.
    ///
    /// # Errors
    ///
    /// When it is no trace or is of a later version; the message says which.
    pub fn parse(path: &Path, json: &[u8]) -> Result<Self, TraceFileError> {
        let not_a_trace = |problem: String| TraceFileError::NotATrace { path: path.to_owned(), problem };
        let header: Header = serde_json::from_slice(json).map_err(|error| not_a_trace(error.to_string()))?;
        if header.format != FORMAT {
            return Err(not_a_trace(format!(
                "its format is `{}`, not `{FORMAT}`",
                header.format.escape_debug()
            )));
        }
        if header.version > VERSION {
            return Err(TraceFileError::Version { path: path.to_owned(), version: header.version });
        }
        let mut trace: Self = serde_json::from_slice(json).map_err(|error| not_a_trace(error.to_string()))?;
        trace.unknown = unknown(json).map_err(not_a_trace)?;
        trace.check().map_err(|error| not_a_trace(error.to_string()))?;
        Ok(trace)
    }

    /// Writes the file, all of it or nothing, and makes the folders it is in.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or is larger than [`load`](Self::load) would read.
    pub fn save(&self, path: &Path) -> Result<(), TraceFileError> {
        let write_error = |source| TraceFileError::Write { path: path.to_owned(), source };
        self.check().map_err(|error| write_error(io::Error::other(error)))?;
        let mut json = serde_json::to_vec(self).map_err(|error| write_error(error.into()))?;
        json.push(b'\n');
        if json.len() as u64 > SIZE_MAX {
            return Err(TraceFileError::TooLarge { path: path.to_owned(), size: json.len() as u64 });
        }
        let name = path.file_name().ok_or_else(|| write_error(io::ErrorKind::InvalidFilename.into()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(write_error)?;
        // Two searches may write to one place at the same time.
        let temporary = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(&json))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _best_effort = fs::remove_file(&temporary);
        }
        written.map_err(write_error)
    }

    /// Checks that everything in it fits together; the error says what does not.
    pub(crate) fn verify(&self) -> Result<(), String> {
        self.check().map_err(|error| error.to_string())
    }

    /// Checks that every reference leads somewhere.
    fn check(&self) -> Result<(), Inconsistent> {
        self.pool.check()?;
        let counts = [
            (self.steps.len(), "steps", STEPS_MAX),
            (self.history.len(), "events of earlier stages", STEPS_MAX),
            (self.nodes.len(), "nodes", NODES_MAX),
            (self.predicates.len(), "predicates", PREDICATES_MAX),
        ];
        if let Some((count, what, max)) = counts.into_iter().find(|(count, _, max)| count > max) {
            return Err(Inconsistent::TooMany(count, what, max));
        }
        if self.start.nodes.len() != self.nodes.len() {
            return Err(Inconsistent::Nodes(self.nodes.len(), self.start.nodes.len()));
        }
        for message in &self.messages {
            self.check_value(message.value)?;
        }
        self.start.nodes.iter().try_for_each(|state| self.check_state(state))?;
        let at_start = self.start.network.iter().chain(&self.start.lost);
        at_start.copied().try_for_each(|id| self.check_message(id))?;
        self.history.iter().try_for_each(|event| self.check_event(event))?;
        for step in &self.steps {
            self.check_event(&step.event)?;
            step.after.iter().try_for_each(|state| self.check_state(state))?;
            step.sent.iter().chain(&step.lost).try_for_each(|id| self.check_message(*id))?;
            self.check_truth(&step.truth)?;
        }
        self.check_truth(&self.start.truth)?;
        let steps = self.notes.iter().map(|note| note.step).chain(self.marks.iter().map(|mark| mark.step));
        match steps.max() {
            Some(step) if step > self.steps.len() => Err(Inconsistent::Step(step, self.steps.len())),
            _ => Ok(()),
        }
    }

    fn check_truth(&self, truth: &[Truth]) -> Result<(), Inconsistent> {
        if truth.is_empty() || truth.len() == self.predicates.len() {
            Ok(())
        } else {
            Err(Inconsistent::Truth(self.predicates.len(), truth.len()))
        }
    }

    fn check_event(&self, event: &Happening) -> Result<(), Inconsistent> {
        match event {
            Happening::Deliver { message } => self.check_message(*message)?,
            Happening::Timer { timer, .. } => self.check_timer(timer)?,
            Happening::Crash { node, during: Some(interrupted) } => {
                let event = &*interrupted.event;
                if !matches!(event, Happening::Deliver { .. } | Happening::Timer { .. }) {
                    return Err(Inconsistent::CrashDuring(node.escape_debug().to_string()));
                }
                self.check_event(event)?;
                if self.node_of(event) != node {
                    return Err(Inconsistent::CrashElsewhere(node.escape_debug().to_string()));
                }
            }
            Happening::Crash { during: None, .. } | Happening::Restart { .. } => {}
        }
        let node = self.node_of(event);
        self.node(node).map(|_| ()).ok_or_else(|| Inconsistent::Node(node.escape_debug().to_string()))
    }

    fn check_state(&self, state: &NodeState) -> Result<(), Inconsistent> {
        state.timers.iter().try_for_each(|timer| self.check_timer(timer))?;
        [state.fields].into_iter().chain(state.durable).try_for_each(|id| self.check_value(id))
    }

    fn check_timer(&self, timer: &Timer) -> Result<(), Inconsistent> {
        if timer.min_ns > timer.max_ns {
            return Err(Inconsistent::TimerLength(timer.min_ns, timer.max_ns));
        }
        self.check_value(timer.value)
    }

    fn check_value(&self, id: ValueId) -> Result<(), Inconsistent> {
        if (id as usize) < self.pool.len() { Ok(()) } else { Err(Inconsistent::Value(id, self.pool.len())) }
    }

    fn check_message(&self, id: MessageId) -> Result<(), Inconsistent> {
        if (id as usize) < self.messages.len() {
            Ok(())
        } else {
            Err(Inconsistent::Message(id, self.messages.len()))
        }
    }
}

/// The fields of a file that this program does not know. They are left as text until it is known that they are few:
/// as values they take thirty times their bytes.
fn unknown(json: &[u8]) -> Result<BTreeMap<String, serde_json::Value>, String> {
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(json).map_err(|error| error.to_string())?;
    fields.retain(|name, _| !KNOWN.contains(&name.as_str()));
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.get().len()).sum();
    if bytes > UNKNOWN_MAX {
        return Err(format!(
            "it has {bytes} bytes of fields that this program does not know, and {UNKNOWN_MAX} are read at the most"
        ));
    }
    let value = |(name, value): (String, &RawValue)| Some((name, serde_json::from_str(value.get()).ok()?));
    Ok(fields.into_iter().filter_map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn refusal(json: &str) -> String {
        TraceFile::parse(Path::new("t.json"), json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_saved_trace_comes_back() {
        let trace = sample::violated();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("round/trip.json");
        trace.save(&path).unwrap();
        assert_eq!(TraceFile::load(&path).unwrap(), trace);
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
    }

    #[test]
    fn the_format_is_stable() {
        let trace = TraceFile { tool: "lab [version]".to_owned(), ..sample::violated() };
        insta::assert_snapshot!(serde_json::to_string_pretty(&trace).unwrap());
    }

    #[test]
    fn says_why_a_file_is_refused() {
        let json = serde_json::to_string(&sample::violated()).unwrap();
        let changed = |from: &str, to: &str| {
            assert!(json.contains(from), "{from}");
            refusal(&json.replacen(from, to, 1))
        };
        let refusals = [
            refusal(""),
            refusal("not json"),
            refusal("{}"),
            refusal("[1]"),
            refusal(r#"{"format":"png","version":1}"#),
            refusal(r#"{"format":"dstrace","version":3}"#),
            refusal(r#"{"format":"dstrace","version":1}"#),
            changed(r#""message":0"#, r#""message":99"#),
            changed(r#""fields":"#, r#""fields":9"#),
            changed(r#""address":"server1""#, r#""address":"server7""#),
            refusal(&json[..json.len() / 2]),
        ];
        insta::assert_snapshot!(refusals.join("\n"));
        let missing = TraceFile::load(Path::new("nowhere.json")).unwrap_err().to_string();
        assert!(missing.contains("nowhere.json`: No such file"), "{missing}");
    }

    #[test]
    fn broken_files_are_errors_and_no_panics() {
        let json = serde_json::to_string(&sample::violated()).unwrap();
        // Every number replaced by others in turn: references that lead nowhere, or to something else.
        let places: Vec<usize> =
            json.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(place, _)| place).collect();
        for place in places {
            for digit in ["0", "7", "99999", "-1", "1e400", "\"x\"", "[]"] {
                let broken = format!("{}{digit}{}", &json[..place], &json[place + 1..]);
                if let Ok(trace) = TraceFile::parse(Path::new("t.json"), broken.as_bytes()) {
                    // What is accepted can be shown.
                    let _text = crate::text::lines(&trace, &crate::text::Layout::default());
                }
            }
        }
    }

    #[test]
    fn what_is_known_is_what_the_format_has() {
        let schema = serde_json::to_value(TraceFile::schema()).unwrap();
        let mut has: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        has.sort_unstable();
        let mut known = KNOWN.to_vec();
        known.sort_unstable();
        assert_eq!(known, has);
    }

    #[test]
    fn unknown_fields_are_bounded() {
        let json = serde_json::to_string(&sample::violated()).unwrap();
        let large = |items: usize| json.replacen('{', &format!("{{\"mood\":[{}0],", "0,".repeat(items)), 1);
        assert!(TraceFile::parse(Path::new("t.json"), large(1_000).as_bytes()).is_ok());
        insta::assert_snapshot!(refusal(&large(600_000)), @"`t.json` is no trace file: it has 1200007 bytes of fields that this program does not know, and 1048576 are read at the most");
    }

    #[test]
    fn unknown_fields_are_kept() {
        let json = serde_json::to_string(&sample::violated()).unwrap();
        let later = json.replacen('{', r#"{"mood":[{"of":"ta"}],"#, 1);
        let trace = TraceFile::parse(Path::new("t.json"), later.as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&trace).unwrap()["mood"][0]["of"], "ta");
    }
}
