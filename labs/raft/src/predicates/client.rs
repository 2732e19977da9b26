//! What clients were told, compared with the logs.

use std::collections::BTreeMap;

use clientserver::KvResponse;
use framework::{Address, Node, Outcome, Predicate};

use crate::inspect::{EntryKind, Inspect};
use crate::predicates::Group;

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
        let mut copies: BTreeMap<(Address, u64), BTreeMap<(u64, u64), usize>> = BTreeMap::new();
        for (_, node) in &servers {
            for index in 1..=node.last_index() {
                let Some(entry) = node.entry(index) else { continue };
                if let EntryKind::Command(command) = entry.kind {
                    let places = copies.entry((command.client, command.sequence)).or_default();
                    *places.entry((index, entry.term)).or_default() += 1;
                }
            }
        }
        for (client, index) in writes {
            // The first command of a client has number 1.
            let places = copies.get(&(client, index as u64 + 1));
            let most = places.and_then(|places| places.values().max()).copied().unwrap_or(0);
            if !group.is_majority(most) {
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
