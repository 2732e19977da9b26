//! What clients were told, compared with the logs.

use std::collections::{BTreeMap, BTreeSet};

use clientserver::{KvCommand, KvResponse};
use framework::{Address, Node, Outcome, Predicate};

use crate::inspect::{EntryKind, Inspect};
use crate::predicates::Group;
use crate::predicates::quorum::is_quorum;

/// A write that a client has the result of is in the logs of a majority, at one index and of one term, so that no later
/// leader can be without it. (Section 8)
///
/// Reads are left out: a later part answers them without an entry. A server that has discarded the beginning of its log may
/// have had the entry there.
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
        let discarded: BTreeSet<Address> =
            servers.iter().filter(|(_, node)| node.first_index() > 1).map(|(server, _)| *server).collect();
        let is_hidden = |configuration| is_quorum(configuration, |server| discarded.contains(&server));
        if is_hidden(&group.bootstrap) || servers.iter().any(|(_, node)| is_hidden(group.in_force(node))) {
            return Outcome::holds();
        }
        let mut places: BTreeMap<(Address, u64), BTreeSet<(u64, u64)>> = BTreeMap::new();
        for (_, node) in &servers {
            for index in node.first_index()..=node.last_index() {
                let Some(entry) = node.entry(index) else { continue };
                if let EntryKind::Command(command) = entry.kind {
                    places.entry((command.client, command.sequence)).or_default().insert((index, entry.term));
                }
            }
        }
        let copies = |(index, term): &(u64, u64)| Group::holders(&servers, *index, *term);
        for (client, index) in writes {
            // The first command of a client has number 1.
            let places = places.get(&(client, index as u64 + 1)).into_iter().flatten();
            // Logs that have the entry are the same up to there, so any of them tells its configuration.
            let committed = places.clone().any(|(index, term)| {
                let mut holders = servers.iter().map(|(_, node)| node);
                let holder = holders.find(|node| node.entry(*index).is_some_and(|entry| entry.term == *term));
                holder.is_some_and(|node| group.is_stored(&servers, node, *index, *term))
            });
            if !committed {
                let most = places.map(|place| copies(place).len()).max().unwrap_or(discarded.len());
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

/// No log has a read. With [`read_index`](crate::Options::read_index) every read is answered without an entry, also one that
/// comes a second time. (Part 6)
pub fn reads_make_no_entries<N: Node + Inspect>() -> Predicate {
    Predicate::for_each("reads make no entries", |server: Address, node: &N| {
        let read = (node.first_index()..=node.last_index()).find_map(|index| {
            let EntryKind::Command(command) = node.entry(index)?.kind else { return None };
            matches!(command.command, KvCommand::Get { .. }).then_some((index, command))
        });
        match read {
            None => Outcome::holds(),
            Some((index, command)) => Outcome::fails(format!(
                "{server} has command {} of {}, which is a read, at index {index} of its log",
                command.sequence, command.client
            ))
            .blaming(server, "log"),
        }
    })
}
