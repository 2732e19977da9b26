// INSTRUCTOR ONLY
//! What tests look at.

use clientserver::KvStore;
use framework::Address;
use raft::{Configuration, EntryKind, EntryView, Inspect, Role, SnapshotView};

use super::super::message::Content;
use super::{Phase, VariantServer};

impl Inspect for VariantServer {
    fn current_term(&self) -> u64 {
        self.saved.term
    }
    fn voted_for(&self) -> Option<Address> {
        self.saved.vote
    }
    fn role(&self) -> Role {
        match self.phase {
            Phase::Follower { .. } => Role::Follower,
            Phase::Asking { .. } => Role::PreCandidate,
            Phase::Candidate { .. } => Role::Candidate,
            Phase::Leader(_) => Role::Leader,
        }
    }
    fn commit_index(&self) -> u64 {
        self.commit
    }
    fn last_applied(&self) -> u64 {
        self.applied
    }
    fn first_index(&self) -> u64 {
        self.saved.log.base() + 1
    }
    fn last_index(&self) -> u64 {
        self.last()
    }
    fn entry(&self, index: u64) -> Option<EntryView<'_>> {
        let slot = self.saved.log.slot(index)?;
        let kind = match &slot.content {
            Content::Nothing => EntryKind::Noop,
            Content::Command(command) => EntryKind::Command(command),
            Content::Change(change) => EntryKind::Configuration(&change.configuration),
        };
        Some(EntryView { term: slot.term, kind })
    }
    fn store(&self) -> &KvStore {
        self.application.application()
    }
    fn snapshot(&self) -> Option<SnapshotView<'_>> {
        let snapshot = self.saved.log.snapshot()?;
        Some(SnapshotView {
            last_included_index: snapshot.last.1,
            last_included_term: snapshot.last.0,
            configuration: snapshot.change.as_ref().map(|change| &change.configuration),
        })
    }
    fn configuration(&self) -> Option<&Configuration> {
        self.newest_change().map(|(_, change)| &change.configuration)
    }
}
