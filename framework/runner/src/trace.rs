//! What happened in a run, such that it can be stepped through and replayed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use framework::{Event, System};

/// An event with the time at which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedEvent {
    /// The time since the start of the run.
    pub at: Duration,
    /// The event.
    pub event: Event,
}

/// What a test, a schedule or the run itself did or had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The time since the start of the run.
    pub at: Duration,
    /// How many events came before.
    pub after_events: u64,
    /// The text.
    pub text: String,
}

/// A run as a sequence of events: a path of the model, which can be replayed step by step.
///
/// The initial state is that of [`system`](Self::system); each of [`events`](Self::events) may happen in the state that
/// those before it lead to. Cheap to clone.
#[derive(Clone)]
pub struct Trace {
    /// The seed of the run.
    pub seed: u64,
    /// All nodes. Those that were added after the start are down at the beginning, and a restart starts them.
    pub system: System,
    /// What was done to the network and the nodes, and what else was noted.
    pub notes: Vec<Note>,
    /// How many events at the end were not kept, because there were more than
    /// [`Settings::trace_events_max`](crate::Settings::trace_events_max).
    pub left_out: u64,
    pub(crate) events: EventLog,
}

impl Trace {
    /// Of a run of which nothing is known.
    pub(crate) fn unknown(seed: u64) -> Self {
        let (notes, events) = (Vec::new(), EventLog::default());
        Self { seed, system: System::new(), notes, left_out: 0, events }
    }

    /// The events that were kept, in the order in which they happened: all of them unless
    /// [`left_out`](Self::left_out) says otherwise.
    pub fn events(&self) -> impl Iterator<Item = &TimedEvent> {
        self.events.iter()
    }

    /// The number of events that were kept.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({} events, seed {})", self.len() as u64 + self.left_out, self.seed)
    }
}

/// Prints one line an event, with notes between: what two runs of one seed have in common to the byte.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notes = self.notes.iter().peekable();
        for (before, TimedEvent { at, event }) in (0..).zip(self.events()) {
            while let Some(note) = notes.next_if(|note| note.after_events <= before) {
                writeln!(f, "{:>14}  -- {}", time(note.at), note.text)?;
            }
            writeln!(f, "{:>14}  {event}", time(*at))?;
        }
        if self.left_out > 0 {
            writeln!(f, "… and {} more events, which were not kept", self.left_out)?;
        }
        for note in notes {
            writeln!(f, "{:>14}  -- {}", time(note.at), note.text)?;
        }
        Ok(())
    }
}

/// A time of a run with a fixed number of digits: `1.250000000s`.
fn time(at: Duration) -> String {
    format!("{}.{:09}s", at.as_secs(), at.subsec_nanos())
}

/// How many events share one allocation.
const CHUNK: usize = 4096;

/// Events in chunks that copies of the log share.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventLog {
    full: Vec<Arc<[TimedEvent]>>,
    // Invariant: shorter than CHUNK.
    open: Vec<TimedEvent>,
}

impl EventLog {
    pub(crate) fn push(&mut self, event: TimedEvent) {
        self.open.push(event);
        if self.open.len() == CHUNK {
            self.full.push(std::mem::take(&mut self.open).into());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.open.len()
    }

    fn iter(&self) -> impl Iterator<Item = &TimedEvent> {
        self.full.iter().flat_map(|chunk| chunk.iter()).chain(&self.open)
    }
}
