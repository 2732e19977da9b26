//! One node of a run: its local, its clock and its timers.

use std::collections::BTreeSet;

use framework::{Address, Local, Payload};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Clock;
use crate::deadlines::Deadlines;
use crate::operations::Seen;

/// One node of a run.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) address: Address,
    /// `None` while a handler has it.
    pub(crate) local: Option<Local>,
    /// The messages that it has sent.
    pub(crate) sent: BTreeSet<(Address, Payload)>,
    pub(crate) clock: Clock,
    pub(crate) deadlines: Deadlines,
    /// It crashes before this call of persist of the next handler in which that matters.
    pub(crate) crash_in_handler: Option<usize>,
    pub(crate) fate: Fate,
    pub(crate) seen: Seen,
    /// The number of the last event that changed it.
    pub(crate) version: u64,
    /// The number by which choices know it: the same whenever it was added.
    pub(crate) id: u64,
}

/// Whether a node takes part for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It may crash and restart.
    Normal,
    /// It is a client that a test talks to, and does not restart.
    Interactive,
    /// It was taken away and does not come back.
    Removed,
    /// Its handler did not return.
    Hung,
}

impl Cell {
    pub(crate) fn new(address: Address, local: Local, now: u64, fate: Fate) -> Self {
        Self {
            address,
            local: Some(local),
            sent: BTreeSet::new(),
            clock: Clock::new(now),
            deadlines: Deadlines::default(),
            crash_in_handler: None,
            fate,
            seen: Seen::default(),
            version: 0,
            id: xxh3_64(address.to_string().as_bytes()),
        }
    }

    /// Its local; nobody asks while a handler has it.
    pub(crate) fn local(&self) -> &Local {
        self.local.as_ref().expect("no handler of this node is running")
    }
}
