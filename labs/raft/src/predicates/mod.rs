//! What tests assert of the servers of a group, through [`Inspect`] only: nothing here knows a solution's fields.
//!
//! Properties of states are invariants of a search; those of steps compare the states before and after an event, and
//! show the handler that did it. Each is true in every right design; those that are rules of this lab, and not of every
//! Raft, say so. The names in capitals are those of the paper's Figure 3 where it has one.

mod client;
mod election;
mod goals;
mod log;
mod membership;
mod persistence;
mod quorum;
mod snapshot;
mod steps;
mod store;

use std::borrow::Cow;
use std::sync::Arc;

use framework::{Address, Context, Durable, Node, Predicate, StepPredicate, System, View};

use crate::configuration::Configuration;
use crate::inspect::{EntryKind, EntryView, Inspect};

pub use client::{reads_make_no_entries, results_are_committed};
pub use election::{election_safety, leader_has_majority};
pub use goals::{
    committed, discarded, has_command, has_role, in_term_after, last_term_is, leads, leads_after,
    some_leader, some_leader_after, store_has, term_above, voted,
};
pub use log::{
    committed_on_majority, indexes_in_order, leader_completeness, log_matching, state_machine_safety,
};
pub use membership::{
    configurations_are_well_formed, earlier_configurations_are_committed, finished_changes_are_committed,
    newest_configuration_is_used, one_active_leader, only_voters_campaign,
};
pub use persistence::{durable_state_is_current, durable_state_survives};
pub use snapshot::{
    logs_are_compacted, snapshot_in_order, snapshot_is_persisted, snapshots_agree, snapshots_never_get_older,
    terms_grow_along_a_log,
};
pub use steps::{
    commit_index_never_decreases, committed_entries_never_change, entries_are_made_by_leaders,
    last_applied_never_decreases, leader_append_only, leaders_were_candidates, one_vote_a_term,
    only_own_term_is_counted, terms_never_decrease,
};
pub use store::{store_matches_log, stores_agree};

/// The servers of a system as they were first made: who they are, which of them are the group when it begins, and what
/// one that is down will know when it starts again.
#[derive(Clone, Debug)]
pub struct Group<N> {
    servers: Arc<[(Address, N)]>,
    /// The configuration in force as long as no log has one.
    bootstrap: Configuration,
}

impl<N: Node + Inspect> Group<N> {
    /// The servers of a system: all its nodes that are an `N`. All are members.
    pub fn of(system: &System) -> Self {
        let servers: Arc<[(Address, N)]> = system
            .nodes()
            .filter_map(|(address, node)| {
                let node: &N = node.as_any().downcast_ref()?;
                Some((address, node.clone()))
            })
            .collect();
        let bootstrap = Configuration::of(servers.iter().map(|(address, _)| *address));
        Self { servers, bootstrap }
    }

    /// The same servers, of which only these are members when the group begins; the others wait to be added.
    #[must_use]
    pub fn with_members(self, members: impl IntoIterator<Item = Address>) -> Self {
        Self { bootstrap: Configuration::of(members), ..self }
    }

    /// Their addresses, in the order in which they were added to the system.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.servers.iter().map(|(address, _)| *address)
    }

    /// What the server at `address` would know after a restart with this durable state; `None` if it is none of the
    /// group.
    pub(crate) fn restarted(&self, address: Address, durable: Option<&Durable>) -> Option<N> {
        let (_, made) = self.servers.iter().find(|(member, _)| *member == address)?;
        let mut node = made.clone();
        node.recover(durable.cloned(), &mut Context::new(address));
        Some(node)
    }

    /// A server as it is, or, if it is down, as it will be when it starts again: what it has promised is what that one
    /// knows.
    pub(crate) fn look<'a>(&self, view: &View<'a>, address: Address) -> Option<Cow<'a, N>> {
        match view.node::<N>(address) {
            Some(node) => Some(Cow::Borrowed(node)),
            None => self.restarted(address, view.durable(address)).map(Cow::Owned),
        }
    }

    /// All servers, as [`look`](Self::look) shows them.
    pub(crate) fn look_at_all<'a>(&self, view: &View<'a>) -> Vec<(Address, Cow<'a, N>)> {
        self.addresses().filter_map(|address| Some((address, self.look(view, address)?))).collect()
    }

    /// Everything that must hold in every state, the properties that show a mistake earliest first.
    pub fn invariants(&self) -> Vec<Predicate> {
        let mut invariants = self.election_invariants();
        invariants.extend([
            indexes_in_order::<N>(),
            snapshot_in_order::<N>(),
            terms_grow_along_a_log::<N>(),
            log_matching::<N>(),
            state_machine_safety::<N>(),
            snapshots_agree::<N>(),
            leader_completeness::<N>(),
            committed_on_majority(self),
            store_matches_log::<N>(),
            stores_agree::<N>(),
            results_are_committed(self),
        ]);
        invariants
    }

    /// Everything that must hold in every state while members change, beside the above. (Part 8)
    pub fn membership_invariants(&self) -> Vec<Predicate> {
        vec![
            newest_configuration_is_used::<N>(),
            configurations_are_well_formed(self),
            earlier_configurations_are_committed(self),
            only_voters_campaign(self),
            one_active_leader(self),
            finished_changes_are_committed(self),
        ]
    }

    /// Those of them that are about elections alone, for part 2.
    pub fn election_invariants(&self) -> Vec<Predicate> {
        vec![election_safety::<N>(), leader_has_majority(self)]
    }

    /// Everything that every step must satisfy. A search that checks steps is slower: it has to take all of them.
    pub fn step_invariants(&self) -> Vec<StepPredicate> {
        let mut invariants = self.election_step_invariants();
        invariants.extend([
            commit_index_never_decreases::<N>(),
            committed_entries_never_change::<N>(),
            leader_append_only::<N>(),
            only_own_term_is_counted::<N>(),
            entries_are_made_by_leaders::<N>(),
            last_applied_never_decreases::<N>(),
            snapshots_never_get_older::<N>(),
            durable_state_survives(self),
        ]);
        invariants
    }

    /// Those of them that are about elections alone, for part 2.
    pub fn election_step_invariants(&self) -> Vec<StepPredicate> {
        vec![terms_never_decrease::<N>(), one_vote_a_term::<N>(), leaders_were_candidates(self)]
    }
}

/// Whether a server has the entry with this index and term, or has discarded it after it was applied.
pub(crate) fn has_entry(server: &impl Inspect, index: u64, term: u64) -> bool {
    index < server.first_index() || server.entry(index).is_some_and(|entry| entry.term == term)
}

/// The term of the entry at an index: of one that is there, of the last one that the snapshot replaces, and 0 at index 0.
/// `None` if there is none, or it was discarded.
pub(crate) fn term_at(server: &impl Inspect, index: u64) -> Option<u64> {
    let snapshot = || server.snapshot().filter(|snapshot| snapshot.last_included_index == index);
    match server.entry(index) {
        Some(entry) => Some(entry.term),
        None if index == 0 => Some(0),
        None => snapshot().map(|snapshot| snapshot.last_included_term),
    }
}

/// What a server has at an index, in words.
pub(crate) fn describe_at(server: &impl Inspect, index: u64) -> String {
    match (server.entry(index), term_at(server, index)) {
        (Some(entry), _) => describe(Some(entry)),
        (None, Some(term)) if index > 0 => format!("a snapshot that ends with an entry of term {term}"),
        _ if index < server.first_index() => "a snapshot".to_owned(),
        _ => describe(None),
    }
}

/// The indexes of which both servers have the entries.
pub(crate) fn common_indexes(a: &impl Inspect, b: &impl Inspect) -> std::ops::RangeInclusive<u64> {
    a.first_index().max(b.first_index())..=a.last_index().min(b.last_index())
}

/// An entry in words: `client1's command 2 of term 1`.
pub(crate) fn describe(entry: Option<EntryView<'_>>) -> String {
    match entry {
        None => "no entry".to_owned(),
        Some(EntryView { term, kind: EntryKind::Noop }) => format!("an empty entry of term {term}"),
        Some(EntryView { term, kind: EntryKind::Configuration(configuration) }) => {
            format!("the configuration {configuration} of term {term}")
        }
        Some(EntryView { term, kind: EntryKind::Command(command) }) => {
            format!("{}'s command {} of term {term}", command.client, command.sequence)
        }
    }
}
