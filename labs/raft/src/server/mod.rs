//! The server: its state, and which handler each message and each timer goes to.
// STUB: #![allow(unused)] // Remove this line when you start.

// BEGIN SOLUTION
mod commit;
mod election;
mod log;
mod persistence;
mod replication;

use std::collections::{BTreeMap, BTreeSet};

// END SOLUTION
use clientserver::{AmoApplication, KvStore};
use framework::{Address, Context, Durable, Node};
use serde::{Deserialize, Serialize};

use crate::inspect::{EntryView, Inspect, Role};
// BEGIN SOLUTION
use crate::inspect::EntryKind;
// END SOLUTION
use crate::message::Message;
use crate::options::Options;
use crate::timer::Timer;

// BEGIN SOLUTION
pub use log::Entry;
use log::Log;
// END SOLUTION

/// The context of a server's handler.
pub(crate) type Ctx = Context<Message, Timer>;

/// One server of a group that replicates a key-value store.
///
/// Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", Figure 2, whose names the fields
/// have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RaftServer {
    /// All servers of the group, this one included. Never changes.
    pub(crate) servers: Vec<Address>,
    /// What it shall do beyond parts 1 to 4. Never changes.
    pub(crate) options: Options,
    /// The store, with what is needed to execute every command once.
    pub(crate) application: AmoApplication<KvStore>,
    // BEGIN SOLUTION
    /// The latest term it has seen. Persistent.
    pub(crate) current_term: u64,
    /// Who has its vote in that term. Persistent.
    pub(crate) voted_for: Option<Address>,
    /// Its log. Persistent.
    pub(crate) log: Log,
    /// The highest index known to be committed.
    // Invariant: last_applied == commit_index <= log.last_index() between events.
    pub(crate) commit_index: u64,
    /// The highest index applied to the store.
    pub(crate) last_applied: u64,
    /// What it is in its term, with what only such a server has to know.
    pub(crate) role: RoleData,
    // END SOLUTION
    // STUB: // Your fields: Figure 2, State.
}
// BEGIN SOLUTION

/// What a server is in its term.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum RoleData {
    /// It follows a leader, if there is one.
    Follower {
        /// Whether it heard from a leader of its term, or gave its vote, since its election timer last fired.
        heard: bool,
    },
    /// It wants to be leader.
    Candidate {
        /// Who votes for it, itself included.
        votes: BTreeSet<Address>,
    },
    /// It is leader. Both maps have an entry for every other server.
    Leader {
        /// The index of the next entry to send.
        next_index: BTreeMap<Address, u64>,
        /// The highest index up to which the log is known to be the same as this one.
        // Invariant: match_index < next_index, server by server.
        match_index: BTreeMap<Address, u64>,
    },
}
// END SOLUTION

impl RaftServer {
    /// A server of the group `servers`, which includes it, that has never run. What of `options` it cannot do yet, it
    /// leaves out.
    pub fn new(servers: Vec<Address>, options: Options) -> Self {
        // BEGIN SOLUTION
        Self {
            servers,
            options,
            application: AmoApplication::new(KvStore::default()),
            current_term: 0,
            voted_for: None,
            log: Log::default(),
            commit_index: 0,
            last_applied: 0,
            role: RoleData::Follower { heard: false },
        }
        // END SOLUTION
        // STUB: Self { servers, options, application: AmoApplication::new(KvStore::default()) }
    }
    // BEGIN SOLUTION

    /// The other servers of the group.
    pub(crate) fn peers(&self, own: Address) -> impl Iterator<Item = &Address> {
        self.servers.iter().filter(move |server| **server != own)
    }

    /// Whether `count` servers are more than half of the group.
    pub(crate) fn is_majority(&self, count: usize) -> bool {
        2 * count > self.servers.len()
    }

    /// Goes on to a later term, if `term` is one; says whether it is. (Figure 2, Rules for Servers, All Servers)
    pub(crate) fn see_term(&mut self, term: u64) -> bool {
        let later = term > self.current_term;
        if later {
            self.current_term = term;
            self.voted_for = None;
            self.role = RoleData::Follower { heard: false };
        }
        later
    }
    // END SOLUTION
}

impl Node for RaftServer {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Ctx) {
        // BEGIN SOLUTION
        self.set_election_timer(ctx);
        // END SOLUTION
        // STUB: // Part 2: set the election timer.
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Ctx) {
        match message {
            // BEGIN SOLUTION
            Message::Request(command) => self.on_request(command, ctx),
            Message::RequestVote(request) => self.on_request_vote(from, &request, ctx),
            Message::RequestVoteReply(reply) => self.on_request_vote_reply(from, &reply, ctx),
            Message::AppendEntries(request) => self.on_append_entries(from, request, ctx),
            Message::AppendEntriesReply(reply) => self.on_append_entries_reply(from, &reply, ctx),
            // END SOLUTION
            // STUB: Message::Request(command) => {} // Part 1, then part 3.
            // Administrators send this: parts 7 and 8.
            Message::AdminRequest(_) => {}
            // Only servers send these.
            Message::Reply(_) | Message::AdminReply(_) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx) {
        match timer {
            // BEGIN SOLUTION
            Timer::Election => self.on_election_timer(ctx),
            Timer::Heartbeat { term } => self.on_heartbeat_timer(term, ctx),
            // END SOLUTION
            // STUB: // Part 2: your timers.
            // Only clients set these.
            Timer::Retry { .. } => {}
        }
    }

    fn recover(&mut self, durable: Option<Durable>, ctx: &mut Ctx) {
        // BEGIN SOLUTION
        self.restore(durable);
        // END SOLUTION
        // STUB: // Part 4: take over what was persisted.
        self.init(ctx);
    }
}

/// What the tests of parts 2 and later look at. It must tell the truth: tests compare it with what clients get, with
/// the log, and with what a restarted server knows.
impl Inspect for RaftServer {
    fn current_term(&self) -> u64 {
        // BEGIN SOLUTION
        self.current_term
        // END SOLUTION
        // STUB: 0 // Part 2.
    }

    fn voted_for(&self) -> Option<Address> {
        // BEGIN SOLUTION
        self.voted_for
        // END SOLUTION
        // STUB: None // Part 2.
    }

    fn role(&self) -> Role {
        // BEGIN SOLUTION
        match self.role {
            RoleData::Follower { .. } => Role::Follower,
            RoleData::Candidate { .. } => Role::Candidate,
            RoleData::Leader { .. } => Role::Leader,
        }
        // END SOLUTION
        // STUB: Role::Follower // Part 2.
    }

    fn commit_index(&self) -> u64 {
        // BEGIN SOLUTION
        self.commit_index
        // END SOLUTION
        // STUB: 0 // Part 3.
    }

    fn last_applied(&self) -> u64 {
        // BEGIN SOLUTION
        self.last_applied
        // END SOLUTION
        // STUB: 0 // Part 3.
    }

    fn last_index(&self) -> u64 {
        // BEGIN SOLUTION
        self.log.last_index()
        // END SOLUTION
        // STUB: 0 // Part 3.
    }

    fn entry(&self, index: u64) -> Option<EntryView<'_>> {
        // BEGIN SOLUTION
        let entry = self.log.get(index)?;
        Some(EntryView { term: entry.term, kind: EntryKind::Command(&entry.command) })
        // END SOLUTION
        // STUB: None // Part 3.
    }

    fn store(&self) -> &KvStore {
        self.application.application()
    }
}
