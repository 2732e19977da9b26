//! The trace file: one way through a system with everything needed to show it without the lab's code.
//!
//! UTF-8 JSON, one object. Readers accept every older version and ignore fields they do not know; a file of a later
//! version is refused with a sentence. The version grows when the meaning of a field changes.
//!
//! Not in a file: the name of the user, absolute paths, the environment, the time. Students share these files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::pool::{Pool, PoolError, ValueId};

/// The word by which a trace file is known.
const FORMAT: &str = "dstrace";
/// The version that this crate writes, and the newest it reads.
const VERSION: u32 = 1;
/// The largest file that is read, in bytes.
const SIZE_MAX: u64 = 64 << 20;

/// The number of a message in [`TraceFile::messages`].
pub type MessageId = u32;

/// A trace file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceFile {
    /// `dstrace`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The program that wrote it.
    pub tool: String,
    /// Where it comes from, and how to build the system again.
    pub origin: Origin,
    /// What the network and the timers allowed, between the nodes of this system.
    pub network: Network,
    /// The search that found it.
    pub search: Search,
    /// What is wrong, or what was found.
    pub verdict: Finding,
    /// The nodes, in the order in which they were added to the system.
    pub nodes: Vec<NodeInfo>,
    /// The values that the rest refers to.
    pub pool: Pool,
    /// The messages that the rest refers to.
    pub messages: Vec<Message>,
    /// The events before the start, of the earlier stages of a staged search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Happening>,
    /// The state in which the trace starts.
    pub start: Start,
    /// What happens, one event a step.
    pub steps: Vec<Step>,
}

/// Where a trace comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name of the lab.
    pub lab: String,
    /// The command that runs the search again; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The options from which the lab builds the system, as [`framework::LabOptions`].
    #[serde(default)]
    pub options: Options,
}

/// The options of a lab, as [`framework::LabOptions`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The number of servers, if given.
    pub servers: Option<u16>,
    /// The number of clients, if given.
    pub clients: Option<u16>,
    /// The commands of each client, if given.
    pub workload: Option<String>,
    /// The seed of random workloads.
    pub seed: u64,
    /// The lab's own options.
    #[serde(default)]
    pub own: BTreeMap<String, String>,
}

/// What was switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Sender and receiver of each link that was off.
    pub links_off: Vec<(String, String)>,
    /// The nodes whose timers were off.
    pub timers_off: Vec<String>,
}

/// The search that found a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// `bfs` or `random`.
    pub strategy: String,
    /// The states visited.
    pub states: u64,
    /// The depth of the deepest state.
    pub depth: u32,
    /// The names of the invariants.
    pub invariants: Vec<String>,
    /// The names of the prunes.
    pub prunes: Vec<String>,
    /// The number of events before the trace was minimized.
    pub found_len: usize,
}

/// The verdict that the trace is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The word for the verdict: `violated`, `handler-panicked`, ….
    pub kind: String,
    /// The invariant, goal or predicate, or the handler.
    pub name: String,
    /// Why, in words; may be empty.
    pub reason: String,
    /// The fields to blame.
    #[serde(default)]
    pub blame: Vec<BlamedField>,
}

/// A field that a predicate points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlamedField {
    /// The node.
    pub node: String,
    /// The path to the field; empty for the whole node.
    pub field: String,
}

/// A node of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its address.
    pub address: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it.
    pub from: String,
    /// Who shall get it.
    pub to: String,
    /// What it says.
    pub value: ValueId,
    /// What it is: the variant of an enum, or the type.
    pub kind: String,
}

/// A timer, pending or fired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timer {
    /// What was set.
    pub value: ValueId,
    /// What it is: the variant of an enum, or the type.
    pub kind: String,
    /// Its shortest length in nanoseconds.
    pub min_ns: u64,
    /// Its longest length in nanoseconds.
    pub max_ns: u64,
}

/// Everything that belongs to one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its fields.
    pub fields: ValueId,
    /// Its pending timers, in the order in which they were set.
    pub timers: Vec<Timer>,
    /// What it last persisted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<ValueId>,
    /// Whether it runs; while it does not, its fields are those with which it was first made.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub up: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_yes(up: &bool) -> bool {
    *up
}

/// The state in which a trace starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// One for each node, in their order.
    pub nodes: Vec<NodeState>,
    /// The messages in the network.
    pub network: Vec<MessageId>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Happening {
    /// A message is delivered.
    Deliver {
        /// Which.
        message: MessageId,
    },
    /// A timer fires.
    Timer {
        /// Whose.
        node: String,
        /// Which.
        timer: Timer,
    },
    /// A node crashes.
    Crash {
        /// Which.
        node: String,
        /// The handler that the crash interrupts, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        during: Option<Interrupted>,
    },
    /// A node that is down starts again.
    Restart {
        /// Which.
        node: String,
    },
}

/// A handler that a crash interrupts just before it persists something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// What is handled: a delivery or a timer.
    pub event: Box<Happening>,
    /// Which call of persist does not happen any more, from 0.
    pub persist: u32,
}

/// An event and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What happened.
    pub event: Happening,
    /// What the node is afterwards; nothing if the handler did not return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<NodeState>,
    /// What the node sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<MessageId>,
    /// What went wrong in the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

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
    #[error("it has a crash in something that is no delivery and no timer of the node that crashes")]
    Interrupted,
}

impl Default for TraceFile {
    /// An empty trace of the present version.
    fn default() -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            tool: concat!("lab ", env!("CARGO_PKG_VERSION")).to_owned(),
            origin: Origin::default(),
            network: Network::default(),
            search: Search::default(),
            verdict: Finding::default(),
            nodes: Vec::new(),
            pool: Pool::default(),
            messages: Vec::new(),
            history: Vec::new(),
            start: Start::default(),
            steps: Vec::new(),
        }
    }
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

    fn parse(path: &Path, json: &[u8]) -> Result<Self, TraceFileError> {
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
        let trace: Self = serde_json::from_slice(json).map_err(|error| not_a_trace(error.to_string()))?;
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

    /// The number of the node with an address.
    pub fn node(&self, address: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.address == address)
    }

    /// The address of the node at which an event happens.
    pub fn node_of<'a>(&'a self, event: &'a Happening) -> &'a str {
        match event {
            Happening::Deliver { message } => &self.messages[*message as usize].to,
            Happening::Timer { node, .. } | Happening::Crash { node, .. } | Happening::Restart { node } => {
                node
            }
        }
    }

    /// Checks that every reference leads somewhere.
    fn check(&self) -> Result<(), Inconsistent> {
        self.pool.check()?;
        if self.start.nodes.len() != self.nodes.len() {
            return Err(Inconsistent::Nodes(self.nodes.len(), self.start.nodes.len()));
        }
        for message in &self.messages {
            self.check_value(message.value)?;
        }
        self.start.nodes.iter().try_for_each(|state| self.check_state(state))?;
        self.start.network.iter().try_for_each(|id| self.check_message(*id))?;
        self.history.iter().try_for_each(|event| self.check_event(event))?;
        for step in &self.steps {
            self.check_event(&step.event)?;
            step.after.iter().try_for_each(|state| self.check_state(state))?;
            step.sent.iter().try_for_each(|id| self.check_message(*id))?;
        }
        Ok(())
    }

    fn check_event(&self, event: &Happening) -> Result<(), Inconsistent> {
        match event {
            Happening::Deliver { message } => self.check_message(*message)?,
            Happening::Timer { timer, .. } => self.check_value(timer.value)?,
            Happening::Crash { node, during: Some(interrupted) } => {
                let inner = &*interrupted.event;
                if !matches!(inner, Happening::Deliver { .. } | Happening::Timer { .. }) {
                    return Err(Inconsistent::Interrupted);
                }
                self.check_event(inner)?;
                if self.node_of(inner) != node {
                    return Err(Inconsistent::Interrupted);
                }
            }
            Happening::Crash { during: None, .. } | Happening::Restart { .. } => {}
        }
        let node = self.node_of(event);
        self.node(node).map(|_| ()).ok_or_else(|| Inconsistent::Node(node.escape_debug().to_string()))
    }

    fn check_state(&self, state: &NodeState) -> Result<(), Inconsistent> {
        let timers = state.timers.iter().map(|timer| timer.value);
        [state.fields].into_iter().chain(state.durable).chain(timers).try_for_each(|id| self.check_value(id))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("lab-trace-{}", std::process::id())).join(name)
    }

    fn refusal(json: &str) -> String {
        TraceFile::parse(Path::new("t.json"), json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_saved_trace_comes_back() {
        let trace = sample::violated();
        let path = temporary("round/trip.json");
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
            refusal(r#"{"format":"dstrace","version":2}"#),
            refusal(r#"{"format":"dstrace","version":1}"#),
            changed(r#""message":0"#, r#""message":99"#),
            changed(r#""fields":"#, r#""fields":9"#),
            changed(r#""address":"server1""#, r#""address":"server7""#),
            refusal(&json[..json.len() / 2]),
        ];
        insta::assert_snapshot!(refusals.join("\n"));
        let missing = TraceFile::load(&temporary("nowhere.json")).unwrap_err().to_string();
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
    fn unknown_fields_are_ignored() {
        let json = serde_json::to_string(&sample::violated()).unwrap();
        let later = json.replacen('{', r#"{"notes":[{"by":"ta"}],"#, 1);
        assert!(TraceFile::parse(Path::new("t.json"), later.as_bytes()).is_ok());
    }
}
