// INSTRUCTOR ONLY
//! The messages and timers of the other designs.

use std::collections::BTreeMap;
use std::fmt;

use clientserver::{AmoCommand, AmoResponse, KvCommand, KvResponse};
use framework::Address;
use raft::{AdminReply, AdminRequest, Configuration};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A command of a client.
pub(crate) type Command = AmoCommand<KvCommand>;

/// Where an entry is: its term, then its index, so that the later of two last entries is the greater one.
pub(crate) type Place = (u64, u64);

/// Bytes, which are saved and sent as such, and not one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visit)
    }
}

/// A configuration, and the numbers of the requests of administrators that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) configuration: Configuration,
    pub(crate) requests: BTreeMap<Address, u64>,
}

/// What an entry is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    Nothing,
    Command(Command),
    Change(Change),
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) term: u64,
    pub(crate) content: Content,
}

/// Why a vote is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ballot {
    /// To be elected.
    Election,
    /// To be elected, as the leader wishes.
    Summoned,
    /// To know whether an election could be won: a pre-vote.
    Question,
}

/// AppendEntries. `round` is the number of the round that confirms reads, 0 if none wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Append {
    pub(crate) term: u64,
    pub(crate) prev: u64,
    pub(crate) prev_term: u64,
    pub(crate) slots: Vec<Slot>,
    pub(crate) commit: u64,
    pub(crate) round: u64,
}

/// A part of a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) term: u64,
    pub(crate) last: Place,
    pub(crate) change: Option<Change>,
    pub(crate) number: u8,
    pub(crate) is_last: bool,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// From a client or, passed on, from a server.
    Request(Command),
    Reply(AmoResponse<KvResponse>),
    /// From an administrator or, passed on, from a server.
    Admin {
        admin: Address,
        request: AdminRequest,
    },
    AdminReply(AdminReply),
    /// "I am not the leader": who is, if that is known.
    NotLeader {
        sequence: u64,
        leader: Option<Address>,
    },
    Vote {
        term: u64,
        last: Place,
        ballot: Ballot,
    },
    /// `about`: the term that the pre-vote was about.
    VoteReply {
        term: u64,
        granted: bool,
        about: Option<u64>,
    },
    Append(Append),
    /// `index`: the last that matches, or the one that does not; `hint`: where to go on.
    AppendReply {
        term: u64,
        matches: bool,
        index: u64,
        hint: u64,
        round: u64,
    },
    Heartbeat {
        term: u64,
        commit: u64,
        round: u64,
    },
    HeartbeatReply {
        term: u64,
        round: u64,
    },
    Snapshot(Piece),
    /// `wants`: the number of the next piece.
    SnapshotReply {
        term: u64,
        last: Place,
        wants: u8,
    },
    /// A follower was asked to read.
    ReadAt(Command),
    /// How far the log has to be applied for that.
    ReadAtReply {
        client: Address,
        sequence: u64,
        index: u64,
    },
    /// The receiver shall stand for election, when its log has the entry at `last`; then the administrator is told.
    TimeoutNow {
        term: u64,
        last: Place,
        tell: Option<(Address, u64)>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Timer {
    Tick,
    Retry { sequence: u64 },
}
