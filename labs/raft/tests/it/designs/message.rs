// INSTRUCTOR ONLY
//! The messages and timers of the other designs.

use clientserver::{AmoCommand, AmoResponse, KvCommand, KvResponse};
use framework::Address;
use serde::{Deserialize, Serialize};

/// A command of a client.
pub(crate) type Command = AmoCommand<KvCommand>;

/// An entry: a term, and a command or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) term: u64,
    pub(crate) command: Option<Command>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// From a client or, passed on, from a server.
    Request(Command),
    Reply(AmoResponse<KvResponse>),
    /// "I am not the leader": who is, if that is known.
    NotLeader {
        sequence: u64,
        leader: Option<Address>,
    },
    Vote {
        term: u64,
        last: (u64, u64),
    },
    VoteReply {
        term: u64,
        granted: bool,
    },
    Append {
        term: u64,
        prev: u64,
        prev_term: u64,
        slots: Vec<Slot>,
        commit: u64,
    },
    /// `index`: the last that matches, or the one that does not; `hint`: where to go on.
    AppendReply {
        term: u64,
        matches: bool,
        index: u64,
        hint: u64,
    },
    Heartbeat {
        term: u64,
        commit: u64,
    },
    HeartbeatReply {
        term: u64,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Timer {
    Tick,
    Retry { sequence: u64 },
}
