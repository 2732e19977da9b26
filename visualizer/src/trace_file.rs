//! The trace file: one way through a system with everything needed to show it without the lab's code.
//!
//! UTF-8 JSON, one object. Readers accept every older version and ignore fields they do not know; a file of a later
//! version is refused with a sentence. The version grows when the meaning of a field changes, or when a reader that does
//! not know what is new could not show the trace.
//!
//! | version | what is new |
//! |---|---|
//! | 1 | nodes, messages, timers, durable state, the finding |
//! | 2 | predicates and their truth in every state, crashes and restarts, what handlers logged, notes and bookmarks |
//!
//! Not in a file: the name of the user, absolute paths, the environment, the time. Students share these files.

mod load;
mod schema;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pool::{Pool, ValueId};

pub use load::TraceFileError;

/// The word by which a trace file is known.
const FORMAT: &str = "dstrace";
/// The version that this crate writes, and the newest it reads.
const VERSION: u32 = 2;

/// The number of a message in [`TraceFile::messages`].
pub type MessageId = u32;

/// A trace file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The predicates whose truth is recorded; [`Start::truth`] and [`Step::truth`] have one entry for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicates: Vec<PredicateInfo>,
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
    /// What people wrote about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Steps that people want to find again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// How people look at it.
    #[serde(default, skip_serializing_if = "View::is_empty")]
    pub view: View,
    /// What this program does not know; kept when the file is written again.
    #[serde(flatten, skip_deserializing)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// A predicate of the search, or one that it was not asked about but that is of interest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PredicateInfo {
    /// What it is for.
    pub kind: PredicateKind,
    /// Its name.
    pub name: String,
}

/// What a predicate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PredicateKind {
    /// Must hold in every state.
    Invariant,
    /// Must hold for every step; it has no truth at the start.
    StepInvariant,
    /// Some state should satisfy it.
    Goal,
    /// Where it holds, the search does not go on.
    Prune,
}

/// What a predicate says of one state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Truth {
    /// Whether it holds; nothing if that is not known: it panicked, or it is about steps and this is the start.
    pub holds: Option<bool>,
    /// Why, in words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The fields to blame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blame: Vec<BlamedField>,
}

/// What somebody wrote about a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The step, counted from 1; 0 is the start.
    pub step: usize,
    /// What it says.
    pub text: String,
    /// Who wrote it, in their own words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// A step that somebody wants to find again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// The step, counted from 1; 0 is the start.
    pub step: usize,
    /// What for; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// How people look at a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// The expressions that are watched.
    #[serde(default)]
    pub watch: Vec<String>,
}

impl View {
    fn is_empty(&self) -> bool {
        self.watch.is_empty()
    }
}

/// Where a trace comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The name of the lab.
    pub lab: String,
    /// The command that runs the search again; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The options from which the lab builds the system, as [`framework::LabOptions`].
    #[serde(default)]
    pub options: Options,
    /// The type that builds it, as Rust names it: `pingpong::PingPong`; empty if it was built otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rust: String,
}

/// The options of a lab, as [`framework::LabOptions`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl From<Options> for framework::LabOptions {
    fn from(options: Options) -> Self {
        let Options { servers, clients, workload, seed, own } = options;
        Self { servers, clients, workload, seed, own }
    }
}

/// What was switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Sender and receiver of each link that was off.
    pub links_off: Vec<(String, String)>,
    /// The nodes whose timers were off.
    pub timers_off: Vec<String>,
}

/// The search that found a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The word for the verdict: `violated`, `handler-panicked`, …; `explored` for a way that shows nothing.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlamedField {
    /// The node.
    pub node: String,
    /// The path to the field; empty for the whole node.
    pub field: String,
}

/// A node of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeInfo {
    /// Its address.
    pub address: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeState {
    /// Its fields.
    pub fields: ValueId,
    /// Its pending timers, in the order in which they were set.
    pub timers: Vec<Timer>,
    /// What it last persisted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<ValueId>,
    /// Whether it runs. A node that is down has its durable state only; its fields are those of a new one.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub up: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_true(up: &bool) -> bool {
    *up
}

/// The state in which a trace starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// One for each node, in their order.
    pub nodes: Vec<NodeState>,
    /// The messages in the network.
    pub network: Vec<MessageId>,
    /// Those that somebody who explored the system lost before the first step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<MessageId>,
    /// What the predicates say of it: one for each of [`TraceFile::predicates`], or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truth: Vec<Truth>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// A node stops: its fields and timers are lost.
    Crash {
        /// Which.
        node: String,
        /// What it was doing, if it stopped in the middle of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        during: Option<Interrupted>,
    },
    /// A node starts again with what it persisted.
    Restart {
        /// Which.
        node: String,
    },
}

/// A handler that a crash interrupts just before it persists something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interrupted {
    /// What is handled: a delivery or a timer.
    pub event: Box<Happening>,
    /// Which call of persist does not happen any more, from 0.
    pub persist: u32,
}

impl Happening {
    /// The message that arrives, also if its receiver crashes while it handles it.
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Deliver { message } => Some(*message),
            Self::Crash { during: Some(interrupted), .. } => interrupted.event.message(),
            _ => None,
        }
    }

    /// The timer that fires, also if its node crashes while it handles it.
    pub fn timer(&self) -> Option<&Timer> {
        match self {
            Self::Timer { timer, .. } => Some(timer),
            Self::Crash { during: Some(interrupted), .. } => interrupted.event.timer(),
            _ => None,
        }
    }
}

/// An event and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What happened.
    pub event: Happening,
    /// What the node is afterwards; nothing if the handler did not return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<NodeState>,
    /// What the node sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<MessageId>,
    /// The messages that somebody who explored the system lost after this step: they do not arrive any more unless they
    /// are sent again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<MessageId>,
    /// What went wrong in the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What the handler logged, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// What the predicates say of the state afterwards: one for each of [`TraceFile::predicates`], or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truth: Vec<Truth>,
}

impl Step {
    /// An event of which nothing is known but that it happened.
    pub(crate) fn of(event: Happening) -> Self {
        Self {
            event,
            after: None,
            sent: Vec::new(),
            lost: Vec::new(),
            fault: None,
            log: Vec::new(),
            truth: Vec::new(),
        }
    }
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
            predicates: Vec::new(),
            nodes: Vec::new(),
            pool: Pool::default(),
            messages: Vec::new(),
            history: Vec::new(),
            start: Start::default(),
            steps: Vec::new(),
            notes: Vec::new(),
            marks: Vec::new(),
            view: View::default(),
            unknown: BTreeMap::new(),
        }
    }
}

impl TraceFile {
    /// Whether it is of a lab's system, as far as its name tells: such a trace can be run again.
    pub fn is_of_a_lab(&self) -> bool {
        let name = &self.origin.lab;
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
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
}
