//! What goes over the network: requests and replies of clients, and the RPCs of Figure 2.

// BEGIN SOLUTION
use std::collections::BTreeMap;

// END SOLUTION
use clientserver::{AmoCommand, AmoResponse, KvCommand, KvResponse};
// BEGIN SOLUTION
use framework::Address;
// END SOLUTION
use serde::{Deserialize, Serialize};

use crate::admin::{AdminReply, AdminRequest};
// BEGIN SOLUTION
pub use crate::server::{Entry, Membership, Payload, Snapshot};
// END SOLUTION

/// The messages of this lab.
///
/// An RPC of the paper is two messages, a request and a reply: a node never waits. Who sent a message is known to
/// whoever receives it, so the paper's `candidateId` and `leaderId` are no fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// From a client to a server.
    Request(AmoCommand<KvCommand>),
    /// From a server to the client that asked.
    Reply(AmoResponse<KvResponse>),
    /// From an administrator to a server.
    AdminRequest(AdminRequest),
    /// From a server to the administrator that asked.
    AdminReply(AdminReply),
    // BEGIN SOLUTION
    /// From a candidate to every other server.
    RequestVote(RequestVote),
    /// The answer to it.
    RequestVoteReply(RequestVoteReply),
    /// From a leader to another server: entries, or none to say that it is there.
    AppendEntries(AppendEntries),
    /// The answer to it, and to InstallSnapshot.
    AppendEntriesReply(AppendEntriesReply),
    /// From a leader to a server that lacks what the leader has discarded.
    InstallSnapshot(InstallSnapshot),
    /// From a server that would be a candidate to every other voter.
    PreVote(PreVote),
    /// The answer to it.
    PreVoteReply(PreVoteReply),
    /// From a leader to the server that shall be the next one.
    TimeoutNow(TimeoutNow),
    // END SOLUTION
    // STUB: // Your messages.
}
// BEGIN SOLUTION

/// Figure 2, RequestVote RPC, arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: u64,
    /// The index of the candidate's last entry; 0 if it has none.
    pub last_log_index: u64,
    /// The term of that entry; 0 if there is none.
    pub last_log_term: u64,
    /// Whether the leader wants it: then those who hear from that leader vote all the same.
    pub transfer: bool,
}

/// Figure 2, RequestVote RPC, results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The term of the server that answers.
    pub term: u64,
    /// Whether the candidate has its vote.
    pub vote_granted: bool,
}

/// Figure 2, AppendEntries RPC, arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: u64,
    /// The index of the entry right before `entries`; 0 if they are the first.
    pub prev_log_index: u64,
    /// The term of that entry; 0 if there is none.
    pub prev_log_term: u64,
    /// What the follower shall store.
    pub entries: Vec<Entry>,
    /// The leader's `commit_index`.
    pub leader_commit: u64,
    /// The reads that wait for a majority to confirm the leader: the client and the number of its command.
    pub reads: BTreeMap<Address, u64>,
}

/// Figure 2, AppendEntries RPC, results, with the shortcut of the end of section 5.3.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The term of the server that answers.
    pub term: u64,
    /// Whether its log had the entry before the new ones, so that it has them all now.
    pub success: bool,
    /// The entry that the leader should send next. On success the one after the last that is known to be the same; if
    /// not, one at or before which the logs differ. 0 if the leader's term is over: then nothing is said of the log.
    pub next_index: u64,
    /// The reads of the request, which it confirms.
    pub reads: BTreeMap<Address, u64>,
}

/// Figure 13, InstallSnapshot RPC, arguments; the snapshot is sent in one piece.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: u64,
    /// What the follower shall put in place of its log.
    pub snapshot: Snapshot,
}

/// Dissertation, section 9.6: a RequestVote that changes nobody's term.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreVote {
    /// The term in which the sender would stand for election.
    pub next_term: u64,
    /// The index of its last entry; 0 if it has none.
    pub last_log_index: u64,
    /// The term of that entry; 0 if there is none.
    pub last_log_term: u64,
}

/// The answer to a PreVote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreVoteReply {
    /// The term of the server that answers.
    pub term: u64,
    /// The term that it was asked about.
    pub next_term: u64,
    /// Whether the sender would have its vote.
    pub vote_granted: bool,
}

/// Dissertation, section 3.10: the receiver shall stand for election at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimeoutNow {
    /// The term that it shall end.
    pub term: u64,
}
// END SOLUTION
