//! What tests look at in a server: the interface that every solution implements, whatever its fields are.

use clientserver::{AmoCommand, KvCommand, KvStore};
use framework::Address;

use crate::configuration::Configuration;

/// What a server is in its term. (Section 5.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It follows a leader, if there is one.
    Follower,
    /// It asks whether it could win an election. (Part 7)
    PreCandidate,
    /// It stands for election.
    Candidate,
    /// It is leader.
    Leader,
}

/// An entry of a log, to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryView<'a> {
    /// The term of the leader that made the entry.
    pub term: u64,
    /// What is in it.
    pub kind: EntryKind<'a>,
}

/// What is in an entry of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A command of a client.
    Command(&'a AmoCommand<KvCommand>),
    /// Nothing: an entry that a leader makes for itself. Not every solution has these.
    Noop,
    /// Who is in the group from here on. (Part 8)
    Configuration(&'a Configuration),
}

/// The snapshot at the beginning of a log, to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotView<'a> {
    /// The index of the last entry that it replaces.
    pub last_included_index: u64,
    /// The term of that entry.
    pub last_included_term: u64,
    /// The newest configuration in what it replaces, if there was one. (Part 8)
    pub configuration: Option<&'a Configuration>,
}

/// What the tests of parts 2 and later may know of a server.
///
/// Tests never look at fields, messages or timers of a server, because solutions differ in them; they ask these
/// questions. The answers are functions of the server's fields: no side effects, no panics, and cheap.
///
/// | part | needs |
/// |---|---|
/// | 1 | [`store`](Self::store) only, which is given |
/// | 2 | [`current_term`](Self::current_term), [`voted_for`](Self::voted_for), [`role`](Self::role) |
/// | 3, 4 | all but the following |
/// | 5 | [`first_index`](Self::first_index), [`snapshot`](Self::snapshot) |
/// | 8 | [`configuration`](Self::configuration) |
///
/// Indexes start at 1, as in the paper; term 0 is before the first election. A solution whose log begins with an
/// artificial entry hides it here.
///
/// Source: DSLabs' `PaxosServer.status`, `command`, `firstNonCleared` and `lastNonEmpty`.
pub trait Inspect {
    /// The latest term that the server has seen.
    fn current_term(&self) -> u64;
    /// Who has its vote in that term.
    fn voted_for(&self) -> Option<Address>;
    /// What it is in that term.
    fn role(&self) -> Role;
    /// The highest index that it knows to be committed; 0 if there is none.
    fn commit_index(&self) -> u64;
    /// The highest index that it has applied to its store; 0 if there is none.
    fn last_applied(&self) -> u64;
    /// The lowest index of which it still has the entry; one more than [`last_index`](Self::last_index) if it has
    /// none. It is 1 until part 5.
    fn first_index(&self) -> u64 {
        1
    }
    /// The index of its last entry; 0 if there was never one.
    fn last_index(&self) -> u64;
    /// The entry at an index, if it has one.
    fn entry(&self, index: u64) -> Option<EntryView<'_>>;
    /// Its key-value store, as of [`last_applied`](Self::last_applied).
    fn store(&self) -> &KvStore;
    /// The snapshot that stands for the entries before [`first_index`](Self::first_index), if it has one. It has none
    /// until part 5.
    fn snapshot(&self) -> Option<SnapshotView<'_>> {
        None
    }
    /// The configuration that it uses, if it comes from its log or its snapshot; `None` if it is the one that the server
    /// was made with. It is that one until part 8.
    fn configuration(&self) -> Option<&Configuration> {
        None
    }
}
