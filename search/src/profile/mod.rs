//! Says which fields, timers and messages make how many of the states of a system.

mod count;
mod parts;
mod repeats;

use std::fmt;

use rayon::prelude::*;

use crate::bfs::Bfs;
use crate::engine::Engine;
use crate::guard;
use crate::results::Results;
use crate::settings::Settings;
use crate::state::State;

use count::States;
use parts::{Candidate, Catalog};

/// Where the states of a system come from.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The states that were looked at: those that the search has visited.
    pub states: u64,
    /// What was left out, the one with the biggest saving first.
    pub rows: Vec<ProfileRow>,
    /// The messages that do something again when they arrive twice in a row, by type of node and kind.
    pub repeats: Vec<Repeat>,
    /// The search that visited the states. Unless it is exhausted, they are a part of all.
    pub search: Results,
}

/// What remains of the states if one thing is left out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRow {
    /// What is left out.
    pub item: ProfileItem,
    /// How many different values (timers, messages) occurred.
    pub distinct: u64,
    /// How many states remain without it.
    pub without: u64,
    /// For integers and collections some bounds, and in how many states no value (no length) is larger.
    pub bounds: Vec<(u64, u64)>,
}

/// A kind of message for which a second delivery, right after the first, changes the node again.
///
/// The network of the model repeats messages, so a handler that takes a copy for a new message is mostly wrong. It can also be
/// right: a leader that backs up by one with every rejection does so for a repeated one as well, and only makes more states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The type of the nodes that receive it.
    pub node_type: String,
    /// The kind of the message.
    pub message: String,
    /// How many deliveries that change a node were repeated: pairs of a component and a message.
    pub repeated: u64,
    /// How many of the second deliveries changed it again.
    pub changed: u64,
    /// One of them: the event, what it does, and what it does once more.
    pub example: String,
}

/// Something that makes states.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProfileItem {
    /// A field of all nodes of a type.
    Field {
        /// The type of the nodes.
        node_type: String,
        /// The path of the field: `log`, or `client.retries`.
        path: String,
    },
    /// The pending timers of a kind, of all nodes of a type.
    Timer {
        /// The type of the nodes.
        node_type: String,
        /// The kind of the timers.
        kind: String,
    },
    /// The messages of a kind.
    Message {
        /// The kind.
        kind: String,
    },
}

impl fmt::Display for ProfileItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { node_type, path } => write!(f, "{node_type}.{path}"),
            Self::Timer { node_type, kind } => write!(f, "timer {kind} of {node_type}"),
            Self::Message { kind } => write!(f, "message {kind}"),
        }
    }
}

impl ProfileRow {
    /// What to do about it, if it makes at least every second state and is no mere yes or no.
    pub fn advice(&self, states: u64) -> Option<&'static str> {
        if self.without.saturating_mul(2) > states || self.distinct <= 2 {
            return None;
        }
        Some(match (&self.item, self.bounds.is_empty()) {
            (ProfileItem::Field { .. }, false) => {
                "if no handler decides by it, leave it out; else keep it small, or prune where it is large"
            }
            (ProfileItem::Field { .. }, true) => {
                "if no handler decides by it, or it follows from the other fields, leave it out"
            }
            (ProfileItem::Timer { .. }, _) => "set it only where none is pending, and without a number in it",
            (ProfileItem::Message { .. }, _) => {
                "send it only when it says something new, and without a counter in it"
            }
        })
    }
}

#[doc = include_str!("../../docs/profile.md")]
///
/// Invariants, monitors, goals and stuck states of the settings are not looked for; prunes and budgets are as always.
pub fn profile(start: &State, settings: &Settings) -> Profile {
    let settings = Settings {
        invariants: Vec::new(),
        step_invariants: Vec::new(),
        monitors: Vec::new(),
        goals: Vec::new(),
        stuck: None,
        ..settings.clone()
    };
    let starts = std::slice::from_ref(start);
    let engine = match Engine::new(starts, &settings) {
        Ok(engine) => engine,
        Err(search) => {
            return Profile { states: 0, rows: Vec::new(), repeats: Vec::new(), search: *search };
        }
    };
    let mut bfs = Bfs::new(engine);
    let ending = bfs.run(starts);
    // Values are made by a student's `Serialize`, and kinds by `Debug`.
    let visited = States::of(&bfs);
    let rows = guard::catch(|| rows(&bfs, start, &visited)).unwrap_or_default();
    let repeats = guard::catch(|| repeats::repeats(&bfs.engine.space, start, &visited)).unwrap_or_default();
    let states = bfs.states;
    Profile { states, rows, repeats, search: bfs.finish(ending, starts) }
}

fn rows(bfs: &Bfs<'_>, start: &State, states: &States) -> Vec<ProfileRow> {
    let catalog = Catalog::of(&bfs.engine.space, start, states);
    let row = |candidate: &Candidate| {
        let classes = catalog.classes_without(candidate);
        ProfileRow {
            item: candidate.item.clone(),
            distinct: candidate.distinct,
            without: states.count_distinct(&classes),
            bounds: catalog.bounds(candidate, states),
        }
    };
    let guarded = |candidate: &Candidate| guard::catch(|| row(candidate)).ok();
    let threads = bfs.engine.pool.is_complete();
    let mut rows: Vec<ProfileRow> = if threads {
        bfs.engine.pool.run(|| catalog.candidates.par_iter().filter_map(guarded).collect())
    } else {
        catalog.candidates.iter().filter_map(guarded).collect()
    };
    rows.sort_by(|a, b| (a.without, &a.item).cmp(&(b.without, &b.item)));
    rows
}
