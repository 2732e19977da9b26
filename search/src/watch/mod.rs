//! What a search says about the code it is about to run, and which code it must not run again.
//!
//! A panic can be caught; a stack overflow, `abort`, `process::exit` and memory that runs out cannot. So a process that
//! has a supervisor notes what it is about to run in a [`Journal`], and when it is started again, it gets a list of
//! [`FatalInput`]s: a search that comes to one does not run it and ends with the trace that leads there.

mod journal;

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use framework::{Address, Stimulus};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use self::journal::Journal;
pub(crate) use self::journal::Noted;
use crate::progress::Progress;

/// What kind of code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Activity {
    /// Builds the system: constructors of nodes.
    SetUp = 1,
    /// `init` of a node, with the copying and encoding of the node that belongs to it.
    Init = 2,
    /// A handler in the course of a search, with what belongs to it: `Clone`, `Deserialize`, `Serialize`, `Drop`.
    Handler = 3,
    /// A handler while a trace is replayed or shortened.
    Replay = 4,
    /// An invariant, goal or prune.
    Predicate = 5,
    /// Writing down what was found: `Debug` and `Serialize` of nodes and messages.
    Report = 6,
}

impl Activity {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::SetUp, Self::Init, Self::Handler, Self::Replay, Self::Predicate, Self::Report]
            .into_iter()
            .find(|activity| *activity as u8 == byte)
    }
}

/// What a thread was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The kind of code.
    pub activity: Activity,
    /// The node, if it is about one.
    pub node: String,
    /// The handler with the type of what it handles, or the name of the predicate.
    pub text: String,
    /// Of the node's bytes and those of the event: the same in every process.
    pub digest: u64,
    /// The later of two notes of a process has the greater one.
    pub sequence: u64,
}

/// A piece of code with its input that is known to end the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FatalInput {
    /// As in the journal.
    pub digest: u64,
    /// The kind of code.
    pub activity: Activity,
    /// What happens, and what to do about it: `it overflowed its stack; …`.
    pub problem: String,
    /// Whether it does not return, rather than end the process.
    pub hangs: bool,
}

/// What a search says and knows about fatal code. The default is nothing: a search without a supervisor.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Where threads note what they are about to run.
    pub journal: Option<Arc<Journal>>,
    /// What must not run.
    pub fatal: Arc<[FatalInput]>,
    /// Whether handlers with a fatal input count as steps that change nothing, rather than end the search. They are
    /// listed in [`Coverage::passed_over`](crate::Coverage::passed_over).
    pub pass_over_fatal: bool,
    /// Whether one thread does all the work, and notes predicates as well. Slow, but what dies is found, always the same.
    pub thorough: bool,
    /// Whether handlers are tried for a `Debug` that ends the process, which otherwise shows only when a trace is printed.
    pub try_debug: bool,
    /// Whether traces stay as long as they were found, because shortening runs into too much that is fatal.
    pub keep_traces: bool,
}

static INSTALLED: OnceLock<Watch> = OnceLock::new();

static OFF: LazyLock<Watch> = LazyLock::new(Watch::default);

impl Watch {
    /// Makes this the watch of the process: what [`Settings::default`](crate::Settings) and functions without settings
    /// use. Only the first call does anything: a process has one supervisor.
    pub fn install(self) {
        // There is one already.
        let _ignored = INSTALLED.set(self);
    }

    /// The watch of the process.
    pub fn installed() -> &'static Self {
        INSTALLED.get().unwrap_or(&OFF)
    }

    /// Whether there is nothing to note and nothing to avoid.
    pub(crate) fn is_off(&self) -> bool {
        self.journal.is_none() && self.fatal.is_empty()
    }

    /// Notes code that is no handler and no predicate, as long as the answer lives.
    pub fn noting(&self, activity: Activity, text: &str) -> Noting<'_> {
        Noting { _noted: self.note(activity, &"", &text, digest_of_text(activity, text)) }
    }

    /// Notes what this thread is about to run, as long as the answer lives.
    pub(crate) fn note(
        &self,
        activity: Activity,
        node: &dyn fmt::Display,
        text: &dyn fmt::Display,
        digest: u64,
    ) -> Option<Noted<'_>> {
        self.journal.as_deref().map(|journal| journal.begin(activity, node, text, digest))
    }

    /// Notes how far the search is.
    pub(crate) fn progress(&self, progress: &Progress) {
        if let Some(journal) = &self.journal {
            journal.progress(progress);
        }
    }

    /// What is known to happen.
    pub(crate) fn fate(&self, digest: u64) -> Option<&FatalInput> {
        self.fatal.iter().find(|fatal| fatal.digest == digest)
    }

    /// What is known to happen to code that was noted with [`noting`](Self::noting).
    pub fn fate_of(&self, activity: Activity, text: &str) -> Option<&FatalInput> {
        self.fate(digest_of_text(activity, text))
    }
}

/// Something that is noted as long as this lives.
#[must_use = "it is noted as long as this lives"]
pub struct Noting<'w> {
    _noted: Option<Noted<'w>>,
}

/// Identifies code that has no other input than a name.
pub(crate) fn digest_of_text(activity: Activity, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), activity as u64)
}

/// Identifies a predicate and the state it looks at.
pub(crate) fn digest_of_predicate(name: &str, state: u64) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), state ^ Activity::Predicate as u64)
}

/// Identifies a node in a state of its own; [`digest_of_input`] adds the event.
pub(crate) fn digest_of_local(address: Address, local_bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(local_bytes, xxh3_64_with_seed(address.to_string().as_bytes(), 0))
}

/// Identifies a handler's whole input.
pub(crate) fn digest_of_input(local: u64, stimulus: Stimulus<'_>) -> u64 {
    match stimulus {
        Stimulus::Init => xxh3_64_with_seed(b"init", local),
        Stimulus::Restart => xxh3_64_with_seed(b"restart", local),
        Stimulus::Crash(None) => xxh3_64_with_seed(b"crash", local),
        Stimulus::Crash(Some(during)) => {
            xxh3_64_with_seed(&during.persist.to_le_bytes(), digest_of_input(local, *during.stimulus))
        }
        Stimulus::Message { from, message } => {
            let from = xxh3_64_with_seed(from.to_string().as_bytes(), 1);
            xxh3_64_with_seed(message.bytes(), local ^ from)
        }
        Stimulus::Timer(timer) => {
            let mut lengths = [0; 32];
            lengths[..16].copy_from_slice(&timer.length.at_least().as_nanos().to_le_bytes());
            lengths[16..].copy_from_slice(&timer.length.at_most().as_nanos().to_le_bytes());
            xxh3_64_with_seed(timer.timer.bytes(), local ^ xxh3_64_with_seed(&lengths, 2))
        }
    }
}

/// A handler as the journal names it: `on_message(Message)`. The type stands for the message, whose `Debug` is code that
/// may not return.
pub(crate) struct HandlerName(&'static str, &'static str);

impl HandlerName {
    pub(crate) fn of(stimulus: Stimulus<'_>) -> Self {
        match stimulus {
            Stimulus::Init => Self("init", ""),
            Stimulus::Restart => Self("recover", ""),
            Stimulus::Crash(None) => Self("crash", ""),
            Stimulus::Crash(Some(during)) => Self::of(*during.stimulus),
            Stimulus::Message { message, .. } => Self("on_message", message.type_name()),
            Stimulus::Timer(timer) => Self("on_timer", timer.timer.type_name()),
        }
    }
}

impl fmt::Display for HandlerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(handler, of) = self;
        if of.is_empty() { f.write_str(handler) } else { write!(f, "{handler}({of})") }
    }
}
