//! Which servers a majority is made of: the configuration that governs an election or an entry, as logs show it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use framework::{Address, Node};

use crate::configuration::Configuration;
use crate::inspect::{EntryKind, Inspect};
use crate::predicates::Group;

/// Whether these servers are a majority of a configuration; of both halves if it is joint. Learners do not count, and
/// of nobody there is no majority.
pub(crate) fn is_quorum(configuration: &Configuration, contains: impl Fn(Address) -> bool) -> bool {
    is_majority(&configuration.voters, &contains)
        && (!configuration.is_joint() || is_majority(&configuration.outgoing, &contains))
}

fn is_majority(voters: &BTreeSet<Address>, contains: impl Fn(Address) -> bool) -> bool {
    2 * voters.iter().filter(|voter| contains(**voter)).count() > voters.len()
}

/// All configurations in a log with the indexes of their entries, from the newest back. That of the snapshot is the last, with
/// the index before the log; it is one of the others if the server has kept its entry although the snapshot covers it.
pub(crate) fn configurations<N: Inspect>(node: &N) -> impl Iterator<Item = (u64, &Configuration)> {
    let entries = (node.first_index()..=node.last_index()).rev().filter_map(|index| {
        let EntryKind::Configuration(configuration) = node.entry(index)?.kind else { return None };
        Some((index, configuration))
    });
    let snapshot = node.snapshot().filter(|snapshot| {
        let covered = node.first_index()..=snapshot.last_included_index;
        let is_configuration =
            |index| node.entry(index).is_some_and(|entry| matches!(entry.kind, EntryKind::Configuration(_)));
        !covered.into_iter().any(is_configuration)
    });
    let before = node.first_index().saturating_sub(1);
    entries.chain(
        snapshot
            .and_then(|snapshot| Some((snapshot.last_included_index.min(before), snapshot.configuration?))),
    )
}

impl<N: Node + Inspect> Group<N> {
    /// The configuration that the entry at `index` of a log is committed by, the newest up to there, and its own index, 0 if
    /// the group was made with it. A leader that commits the entry under a later one has had a majority of this one, too;
    /// but see [`is_stored`](Self::is_stored). `None` if it was discarded, and the snapshot has a later one.
    pub(crate) fn governing<'a>(&'a self, node: &'a N, index: u64) -> Option<(u64, &'a Configuration)> {
        // As long as there are none, this is cheap.
        if node.configuration().is_none() {
            return Some((0, &self.bootstrap));
        }
        let hidden = || node.snapshot().is_some_and(|snapshot| snapshot.configuration.is_some());
        let known = configurations(node).find(|(at, _)| *at <= index);
        known.or_else(|| (!hidden()).then_some((0, &self.bootstrap)))
    }

    /// Whether so many have the entry with this index and term, which is in a server's log, that it can be committed.
    ///
    /// Behind a joint configuration that is committed the new voters are enough: when its leader has appended C<sub>new</sub>, that
    /// one is in force, also for the entries between the two, of which others may know before they have C<sub>new</sub>. They cannot
    /// be lost, since whoever is elected with the joint configuration needs a majority of the new voters, too.
    pub(crate) fn is_stored(
        &self,
        servers: &[(Address, Cow<'_, N>)],
        node: &N,
        index: u64,
        term: u64,
    ) -> bool {
        let Some((since, configuration)) = self.governing(node, index) else { return true };
        let holders = Self::holders(servers, index, term);
        if is_quorum(configuration, |server| holders.contains(&server)) {
            return true;
        }
        let entered = || match node.entry(since) {
            None => true,
            Some(entry) => {
                let holders = Self::holders(servers, since, entry.term);
                is_quorum(configuration, |server| holders.contains(&server))
            }
        };
        configuration.is_joint()
            && since < index
            && is_majority(&configuration.voters, |server| holders.contains(&server))
            && entered()
    }

    /// The configuration that elected a leader: the newest in what its log was then, which are the entries of terms
    /// before its own. `None` if a snapshot hides it.
    pub(crate) fn electing<'a>(&'a self, leader: &'a N) -> Option<&'a Configuration> {
        if leader.configuration().is_none() {
            return Some(&self.bootstrap);
        }
        let term = leader.current_term();
        let snapshot = leader.snapshot();
        let before = configurations(leader).find(|(index, _)| match leader.entry(*index) {
            Some(entry) => entry.term < term,
            None => true,
        });
        match (before, snapshot) {
            (Some((index, configuration)), _) if leader.entry(index).is_some() => Some(configuration),
            (_, Some(snapshot)) if snapshot.last_included_term >= term => None,
            (Some((_, configuration)), _) => Some(configuration),
            (None, _) => Some(&self.bootstrap),
        }
    }

    /// The configuration in force at a server, and before it those that it replaces as long as the newer is not known
    /// there to be committed.
    pub(crate) fn in_use<'a>(&'a self, node: &'a N) -> Vec<&'a Configuration> {
        let mut in_use = Vec::new();
        for (index, configuration) in configurations(node) {
            in_use.push(configuration);
            if index <= node.commit_index() {
                return in_use;
            }
        }
        in_use.push(&self.bootstrap);
        in_use
    }

    /// The configuration in force at a server.
    pub(crate) fn in_force<'a>(&'a self, node: &'a N) -> &'a Configuration {
        node.configuration().unwrap_or(&self.bootstrap)
    }

    /// Those of `servers` who have the entry with this index and term, as addresses.
    pub(crate) fn holders(servers: &[(Address, Cow<'_, N>)], index: u64, term: u64) -> BTreeSet<Address> {
        let have = servers.iter().filter(|(_, server)| super::has_entry(server.as_ref(), index, term));
        have.map(|(address, _)| *address).collect()
    }

    /// A configuration for a sentence: `3 servers` as long as the group is as it was made.
    pub(crate) fn name(&self, configuration: &Configuration) -> String {
        if *configuration == self.bootstrap {
            format!("{} servers", configuration.voters.len())
        } else {
            configuration.to_string()
        }
    }
}
