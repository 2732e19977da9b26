// INSTRUCTOR ONLY
//! Other right designs: another implementation of Raft, with the freedoms that the paper leaves, in four combinations.
//!
//! It shares no code with the reference. A handler collects what it wants to send, then saves what changed, then sends;
//! one timer ticks for leaders and followers alike; an entry may be empty.

mod client;
mod message;
mod server;

use clientserver::KvStore;
use framework::Address;
use raft::{Design, Options};
use serde::{Deserialize, Serialize};

pub(crate) use client::VariantClient;
pub(crate) use server::VariantServer;

/// How many entries a leader sends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Batch {
    One,
    All,
}

/// How a leader finds the place where logs agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Backup {
    /// One entry back for each rejection.
    Decrement,
    /// As far back as the follower says.
    Hint,
}

/// What a leader sends to say that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Heartbeat {
    /// AppendEntries without entries.
    Empty,
    /// AppendEntries with all that is not acknowledged.
    Full,
    /// A message of its own, with the leader's `commit_index` as far as the follower is known to have it.
    Separate,
}

/// How a command finds the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Routing {
    /// The client asks all servers.
    Broadcast,
    /// The client asks one; if it is not the leader, it says who is.
    Redirect,
    /// The client asks one; if it is not the leader, it passes the command on.
    Forward,
}

/// A right design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Variant {
    /// A new leader appends an empty entry.
    pub(crate) noop: bool,
    pub(crate) batch: Batch,
    /// A leader sends the next entries before the last ones are acknowledged.
    pub(crate) pipeline: bool,
    pub(crate) backup: Backup,
    pub(crate) heartbeat: Heartbeat,
    /// A leader says at once that something is committed, and not with the next message.
    pub(crate) notify: bool,
    pub(crate) routing: Routing,
    /// A follower that has not voted notes the leader as the one it voted for.
    pub(crate) vote_for_leader: bool,
    /// `commit_index` is saved, too.
    pub(crate) save_commit: bool,
    /// Every server that applies a command answers the client.
    pub(crate) all_reply: bool,
    pub(crate) quirk: Quirk,
    pub(crate) flaw: Flaw,
}

/// What is a mistake: with one of these a design is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flaw {
    None,
    /// Votes for everybody whose log is good enough.
    VotesAgain,
    /// Forgets its vote when it hears from a leader.
    ForgetsVote,
    /// Takes half of the servers for a majority.
    HalfIsEnough,
    /// Compares the lengths of logs only, when it votes.
    ComparesLengths,
    /// Checks that the entry before the new ones is there, but not its term.
    ChecksIndexOnly,
    /// Cuts off everything behind the entry before the new ones.
    CutsOff,
    /// Acknowledges its log up to the end.
    AcknowledgesAll,
    /// Commits entries of earlier terms because many servers have them.
    CountsOldTerms,
    /// Takes over the leader's `commit_index` as it is.
    TrustsCommit,
    /// Takes it over also if it is smaller than its own.
    LowersCommit,
    /// Applies the last of several committed entries only.
    SkipsEntries,
    /// Answers a client when the command is in its log.
    AnswersEarly,
    /// Does not save its vote.
    LosesVote,
    /// Sends first, and saves then.
    SavesLate,
}

/// What looks like a mistake and breaks no promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Quirk {
    None,
    /// A candidate that has found another leader in its term still counts votes of that term: there are never enough.
    CountsLateVotes,
    /// A server does not repeat its vote to one who asks twice: the candidate may wait for the next term.
    RefusesRepeats,
    /// A late reply makes what a leader knows of a follower smaller; `commit_index` stays.
    MatchMayShrink,
}

/// As simple as possible: one entry a message, one message at a time, one step back.
pub(crate) const NAIVE: Variant = Variant {
    noop: false,
    batch: Batch::One,
    pipeline: false,
    backup: Backup::Decrement,
    heartbeat: Heartbeat::Empty,
    notify: false,
    routing: Routing::Broadcast,
    vote_for_leader: false,
    save_commit: false,
    all_reply: false,
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// As etcd does it.
pub(crate) const ETCD_LIKE: Variant = Variant {
    noop: true,
    batch: Batch::All,
    pipeline: true,
    backup: Backup::Hint,
    heartbeat: Heartbeat::Separate,
    notify: true,
    routing: Routing::Redirect,
    vote_for_leader: false,
    save_commit: true,
    all_reply: false,
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// The whole tail of the log in every message; followers pass commands on.
pub(crate) const BATCHING: Variant = Variant {
    noop: false,
    batch: Batch::All,
    pipeline: false,
    backup: Backup::Hint,
    heartbeat: Heartbeat::Full,
    notify: true,
    routing: Routing::Forward,
    vote_for_leader: true,
    save_commit: false,
    all_reply: false,
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// One entry a message, but many messages at a time; every server answers.
pub(crate) const STREAMING: Variant = Variant {
    noop: true,
    batch: Batch::One,
    pipeline: true,
    backup: Backup::Decrement,
    heartbeat: Heartbeat::Empty,
    notify: false,
    routing: Routing::Broadcast,
    vote_for_leader: true,
    save_commit: true,
    all_reply: true,
    quirk: Quirk::None,
    flaw: Flaw::None,
};

/// A right design with each of the quirks.
pub(crate) const QUIRKY: [Variant; 3] = [
    Variant { quirk: Quirk::CountsLateVotes, ..NAIVE },
    Variant { quirk: Quirk::RefusesRepeats, ..NAIVE },
    Variant { quirk: Quirk::MatchMayShrink, ..BATCHING },
];

/// All without quirks, with names.
pub(crate) const ALL: [(&str, Variant); 4] =
    [("naive", NAIVE), ("etcd-like", ETCD_LIKE), ("batching", BATCHING), ("streaming", STREAMING)];

impl Design for Variant {
    type Server = VariantServer;
    type Client = VariantClient;

    fn server(&self, own: Address, servers: &[Address], _: &Options) -> VariantServer {
        VariantServer::new(*self, own, servers, KvStore::default())
    }

    fn client(&self, servers: &[Address]) -> VariantClient {
        VariantClient::new(self.routing, servers)
    }
}
