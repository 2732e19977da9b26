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
    let majority = |voters: &BTreeSet<Address>| {
        2 * voters.iter().filter(|voter| contains(**voter)).count() > voters.len()
    };
    majority(&configuration.voters) && (!configuration.is_joint() || majority(&configuration.outgoing))
}

/// All configurations in a log with the indexes of their entries, from the newest back; that of the snapshot, if it has
/// one, is the last, with the last index that the snapshot covers.
pub(crate) fn configurations<N: Inspect>(node: &N) -> impl Iterator<Item = (u64, &Configuration)> {
    let entries = (node.first_index()..=node.last_index()).rev().filter_map(|index| {
        let EntryKind::Configuration(configuration) = node.entry(index)?.kind else { return None };
        Some((index, configuration))
    });
    let snapshot = node.snapshot();
    entries.chain(snapshot.and_then(|snapshot| Some((snapshot.last_included_index, snapshot.configuration?))))
}

impl<N: Node + Inspect> Group<N> {
    /// The configuration that the entry at `index` of a log is committed by: the newest up to there. A leader that
    /// commits it under a later one has had a majority of this one, too.
    pub(crate) fn governing<'a>(&'a self, node: &'a N, index: u64) -> &'a Configuration {
        // As long as there are none, this is cheap.
        if node.configuration().is_none() {
            return &self.bootstrap;
        }
        configurations(node)
            .find(|(at, _)| *at <= index)
            .map_or(&self.bootstrap, |(_, configuration)| configuration)
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
