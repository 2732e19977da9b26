//! What clients were told, compared with the logs.

use std::collections::{BTreeMap, BTreeSet};

use clientserver::KvResponse;
use framework::{Address, Node, Outcome, Predicate};

use crate::inspect::{EntryKind, Inspect};
use crate::predicates::Group;
use crate::predicates::quorum::is_quorum;

/// Where a command is: at which index and of which term in the logs of which servers.
type Places = BTreeMap<(u64, u64), BTreeSet<Address>>;

/// A write that a client has the result of is in the logs of a majority, at one index and of one term, so that no later
/// leader can be without it. (Section 8)
///
/// Reads are left out: a later part answers them without an entry. So are groups in which somebody has discarded the
/// beginning of its log.
pub fn results_are_committed<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::new("finished writes are in the logs of a majority", move |view| {
        let writes: Vec<(Address, usize)> = view
            .workers()
            .flat_map(|worker| {
                let results = worker.results::<KvResponse>().unwrap_or_default().iter().enumerate();
                let writes = results
                    .filter(|(_, r)| matches!(r, KvResponse::PutOk | KvResponse::AppendResult { .. }))
                    .map(|(i, _)| (worker.address(), i));
                writes.collect::<Vec<_>>()
            })
            .collect();
        if writes.is_empty() {
            return Outcome::holds();
        }
        let servers = group.look_at_all(view);
        if servers.iter().any(|(_, node)| node.first_index() > 1) {
            return Outcome::holds();
        }
        let mut copies: BTreeMap<(Address, u64), Places> = BTreeMap::new();
        for (server, node) in &servers {
            for index in 1..=node.last_index() {
                let Some(entry) = node.entry(index) else { continue };
                if let EntryKind::Command(command) = entry.kind {
                    let places = copies.entry((command.client, command.sequence)).or_default();
                    places.entry((index, entry.term)).or_default().insert(*server);
                }
            }
        }
        for (client, index) in writes {
            // The first command of a client has number 1.
            let places = copies.get(&(client, index as u64 + 1));
            let places = places.into_iter().flatten();
            // Logs that have the entry are the same up to there, so any of them tells its configuration.
            let committed = places.clone().any(|((index, _), holders)| {
                let holder = servers.iter().find(|(server, _)| holders.contains(server));
                let configuration = holder.map(|(_, node)| group.governing(node, *index));
                configuration
                    .is_some_and(|configuration| is_quorum(configuration, |server| holders.contains(&server)))
            });
            if !committed {
                let most = places.map(|(_, holders)| holders.len()).max().unwrap_or(0);
                let reason = format!(
                    "{client} has the result of its command {}, but only {most} of {} servers have it in their logs",
                    index + 1,
                    servers.len()
                );
                return Outcome::fails(reason).blaming(client, format!("results[{index}]"));
            }
        }
        Outcome::holds()
    })
}
