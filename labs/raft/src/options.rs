//! What a server is asked to do beyond parts 1 to 4: the tests of each part turn on what the part is about.

use serde::{Deserialize, Serialize};

/// What a server shall do. It is the same for all servers of a group and never changes.
///
/// By default all is off: then a server does what parts 1 to 4 ask for, and the tests of those parts can search far,
/// whatever is built later. A server ignores what its author has not come to yet.
///
/// Source: `PreVote` and `CheckQuorum` in the `Config` of etcd's raft library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Part 5: as soon as so many applied entries are in its log, a server replaces them by a snapshot. It may keep
    /// some, but never more than twice as many.
    pub snapshot_every: Option<u64>,
    /// Parts 6 and 8: a new leader appends an empty entry. If this is off, it may, but need not.
    pub noop: bool,
    /// Part 6: a `Get` is answered without an entry in the log. If this is off, it may be, but need not.
    pub read_index: bool,
    /// Part 7: who wants to stand for election asks first whether it could win, without a new term. If this is off, it
    /// must not.
    pub pre_vote: bool,
    /// Part 7: a leader that hears from no majority for a while steps down, and a server that hears from its leader
    /// ignores requests for votes. If this is off, it must not.
    pub check_quorum: bool,
}
