//! The server: its state, and which handler each message and each timer goes to.
// STUB: #![allow(unused)] // Remove this line when you start.

// BEGIN SOLUTION
mod commit;
mod election;
mod log;
mod membership;
mod persistence;
mod read;
mod replication;
mod snapshot;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

// END SOLUTION
use clientserver::{AmoApplication, KvStore};
use framework::{Address, Context, Durable, Node};
use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::inspect::{EntryView, Inspect, Role, SnapshotView};
// BEGIN SOLUTION
use crate::inspect::EntryKind;
// END SOLUTION
use crate::message::Message;
use crate::options::Options;
use crate::timer::Timer;
// BEGIN SOLUTION

use log::Log;
pub use log::{Entry, Payload, Snapshot};
pub use membership::Membership;
use read::PendingRead;
// END SOLUTION

/// The context of a server's handler.
pub(crate) type Ctx = Context<Message, Timer>;

/// One server of a group that replicates a key-value store.
///
/// Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", Figure 2, whose names the fields
/// have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RaftServer {
    /// All servers of the group, this one included; none if the server has to wait until it is added to one (part 8).
    /// Never changes.
    // BEGIN SOLUTION
    pub(crate) bootstrap: Configuration,
    // END SOLUTION
    // STUB: pub(crate) servers: Vec<Address>,
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
    // Invariant: last_included_index <= last_applied == commit_index <= log.last_index() between events.
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
        /// When it last heard from a leader of its term, or gave its vote.
        heard: Heard,
    },
    /// It asks whether it could be leader. (Part 7)
    PreCandidate {
        /// Who would vote for it, itself included.
        votes: BTreeSet<Address>,
    },
    /// It wants to be leader.
    Candidate {
        /// Who votes for it, itself included.
        votes: BTreeSet<Address>,
    },
    /// It is leader.
    Leader(Leader),
}

/// When a follower heard from a leader, in election timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Heard {
    /// Since its election timer last fired.
    Lately,
    /// Before that, and since it fired the time before: perhaps a moment ago, so it must not vote yet. Noted only if
    /// that matters, for pre-votes or check-quorum.
    Before,
    /// Not for a whole timeout, or never.
    No,
}

/// What only a leader knows. The first two maps have an entry for every server that it sends its log to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Leader {
    /// The index of the next entry to send.
    pub(crate) next_index: BTreeMap<Address, u64>,
    /// The highest index up to which the log is known to be the same as this one.
    // Invariant: match_index < next_index, server by server.
    pub(crate) match_index: BTreeMap<Address, u64>,
    /// Reads that wait for a majority to confirm that this is the leader, by client. (Part 6)
    pub(crate) reads: BTreeMap<Address, PendingRead>,
    /// Who answered since its election timer last fired, if it has to know. (Part 7)
    pub(crate) heard_from: BTreeSet<Address>,
    /// Whom it wants to hand over to. (Part 7)
    pub(crate) transfer_to: Option<Address>,
}

impl Leader {
    /// A leader that has just been elected.
    pub(crate) fn of(followers: &BTreeSet<Address>, next_index: u64) -> Self {
        Self {
            next_index: followers.iter().map(|follower| (*follower, next_index)).collect(),
            match_index: followers.iter().map(|follower| (*follower, 0)).collect(),
            reads: BTreeMap::new(),
            heard_from: BTreeSet::new(),
            transfer_to: None,
        }
    }
}
// END SOLUTION

impl RaftServer {
    /// A server of the group `servers`, which includes it, that has never run; or, if `servers` is empty, one that will
    /// be added to a group (part 8). What of `options` it cannot do yet, it leaves out.
    pub fn new(servers: Vec<Address>, options: Options) -> Self {
        // BEGIN SOLUTION
        Self {
            bootstrap: Configuration::of(servers),
            options,
            application: AmoApplication::new(KvStore::default()),
            current_term: 0,
            voted_for: None,
            log: Log::default(),
            commit_index: 0,
            last_applied: 0,
            role: RoleData::Follower { heard: Heard::No },
        }
        // END SOLUTION
        // STUB: Self { servers, options, application: AmoApplication::new(KvStore::default()) }
    }
    // BEGIN SOLUTION

    /// Goes on to a later term, if `term` is one; says whether it is. (Figure 2, Rules for Servers, All Servers)
    pub(crate) fn see_term(&mut self, term: u64) -> bool {
        let later = term > self.current_term;
        if later {
            self.current_term = term;
            self.voted_for = None;
            self.role = RoleData::Follower { heard: Heard::No };
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
        // STUB: if self.servers.len() > 1 || self.options != Options::default() {
        // STUB:     todo!("part 2: set the election timer (docs/part2.md; Figure 2, Rules for Servers, Followers)");
        // STUB: }
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Ctx) {
        match message {
            // BEGIN SOLUTION
            Message::Request(command) => self.on_request(command, ctx),
            Message::RequestVote(request) => self.on_request_vote(from, &request, ctx),
            Message::RequestVoteReply(reply) => self.on_request_vote_reply(from, &reply, ctx),
            Message::AppendEntries(request) => self.on_append_entries(from, request, ctx),
            Message::AppendEntriesReply(reply) => self.on_append_entries_reply(from, &reply, ctx),
            Message::InstallSnapshot(request) => self.on_install_snapshot(from, request, ctx),
            Message::PreVote(request) => self.on_pre_vote(from, &request, ctx),
            Message::PreVoteReply(reply) => self.on_pre_vote_reply(from, &reply, ctx),
            Message::TimeoutNow(request) => self.on_timeout_now(&request, ctx),
            Message::AdminRequest(request) => self.on_admin_request(from, &request, ctx),
            // END SOLUTION
            // STUB: Message::Request(command) => {
            // STUB:     todo!("part 1: execute the command and reply (docs/part1.md, \"The server\")")
            // STUB: }
            // STUB: Message::AdminRequest(request) => {
            // STUB:     todo!("part 7: hand over the leadership (docs/part7.md; dissertation, section 3.10)")
            // STUB: }
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
        // STUB: todo!("part 4: take over what was persisted (docs/part4.md; Figure 2, State; section 5.5)");
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
            RoleData::PreCandidate { .. } => Role::PreCandidate,
            RoleData::Candidate { .. } => Role::Candidate,
            RoleData::Leader(_) => Role::Leader,
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
        let kind = match &entry.payload {
            Payload::Command(command) => EntryKind::Command(command),
            Payload::Noop => EntryKind::Noop,
            Payload::Membership(membership) => EntryKind::Configuration(&membership.configuration),
        };
        Some(EntryView { term: entry.term, kind })
        // END SOLUTION
        // STUB: None // Part 3.
    }

    fn store(&self) -> &KvStore {
        self.application.application()
    }

    fn first_index(&self) -> u64 {
        // BEGIN SOLUTION
        self.log.last_included_index() + 1
        // END SOLUTION
        // STUB: 1 // Part 5.
    }

    fn snapshot(&self) -> Option<SnapshotView<'_>> {
        // BEGIN SOLUTION
        let snapshot = self.log.snapshot()?;
        Some(SnapshotView {
            last_included_index: snapshot.last_included_index,
            last_included_term: snapshot.last_included_term,
            configuration: snapshot.membership.as_ref().map(|membership| &membership.configuration),
        })
        // END SOLUTION
        // STUB: None // Part 5.
    }

    fn configuration(&self) -> Option<&Configuration> {
        // BEGIN SOLUTION
        self.log.memberships().next().map(|(_, membership)| &membership.configuration)
        // END SOLUTION
        // STUB: None // Part 8.
    }
}
