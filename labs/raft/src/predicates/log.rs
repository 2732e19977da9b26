//! Logs, and what of them is committed.

use framework::{Address, Node, Outcome, Predicate};

use crate::inspect::{Inspect, Role};
use crate::predicates::{Group, common_indexes, describe, describe_at, has_entry, term_at};

/// What is applied is committed, and what is committed is in the log.
pub fn indexes_in_order<N: Node + Inspect>() -> Predicate {
    Predicate::for_each("last_applied ≤ commit_index ≤ last index", |server: Address, node: &N| {
        let (applied, commit, last) = (node.last_applied(), node.commit_index(), node.last_index());
        let reason = if applied > commit {
            format!("{server} has applied index {applied}, but knows only index {commit} to be committed")
        } else if commit > last {
            format!("{server} takes index {commit} for committed, but its log ends at index {last}")
        } else if node.first_index() > applied + 1 {
            let first = node.first_index();
            format!("{server} has discarded all before index {first}, but applied only up to index {applied}")
        } else if let Some(hole) = (node.first_index()..=last).find(|index| node.entry(*index).is_none()) {
            format!("the log of {server} ends at index {last}, but has no entry at index {hole}")
        } else {
            return Outcome::holds();
        };
        Outcome::fails(reason)
            .blaming(server, "last_applied")
            .blaming(server, "commit_index")
            .blaming(server, "log")
    })
}

/// If two logs have an entry with the same index and term, they are the same up to that entry. (Figure 3, Log
/// Matching)
pub fn log_matching<N: Node + Inspect>() -> Predicate {
    Predicate::for_each_pair("log matching", |(a, first): (Address, &N), (b, second): (Address, &N)| {
        let same_term = |index: &u64| {
            let term = |node: &N| node.entry(*index).map(|entry| entry.term);
            term(first).is_some() && term(first) == term(second)
        };
        let indexes = common_indexes(first, second);
        let Some(matching) = indexes.clone().rev().find(same_term) else { return Outcome::holds() };
        match (*indexes.start()..=matching).find(|index| first.entry(*index) != second.entry(*index)) {
            None => Outcome::holds(),
            Some(at) => Outcome::fails(format!(
                "the logs of {a} and {b} have the same term at index {matching}, but differ at index {at}: {} and {}",
                describe(first.entry(at)),
                describe(second.entry(at))
            ))
            .blaming(a, "log")
            .blaming(b, "log"),
        }
    })
}

/// No two servers have committed different entries at one index. (Figure 3, State Machine Safety)
pub fn state_machine_safety<N: Node + Inspect>() -> Predicate {
    Predicate::for_each_pair(
        "state machine safety",
        |(a, first): (Address, &N), (b, second): (Address, &N)| {
            let both = first.commit_index().min(second.commit_index());
            let indexes = common_indexes(first, second);
            let differ = |index: &u64| first.entry(*index) != second.entry(*index);
            match indexes.take_while(|index| *index <= both).find(differ) {
                None => Outcome::holds(),
                Some(at) => Outcome::fails(format!(
                    "{a} and {b} have committed different entries at index {at}: {} and {}",
                    describe(first.entry(at)),
                    describe(second.entry(at))
                ))
                .blaming(a, "log")
                .blaming(a, "commit_index")
                .blaming(b, "log")
                .blaming(b, "commit_index"),
            }
        },
    )
}

/// A leader has every entry that a server of its own or an earlier term knows to be committed. (Figure 3, Leader
/// Completeness)
///
/// Of servers of later terms nothing follows: a leader that is cut off need not have what its successors commit, also
/// if the entry is of a term before its own.
pub fn leader_completeness<N: Node + Inspect>() -> Predicate {
    fn check<N: Inspect>((a, leader): (Address, &N), (b, server): (Address, &N)) -> Outcome {
        if leader.role() != Role::Leader || server.current_term() > leader.current_term() {
            return Outcome::holds();
        }
        // Inside a snapshot only its last entry is known.
        let known = server.first_index().max(leader.first_index()) - 1..=server.commit_index();
        let missing = known.into_iter().find(|index| match term_at(server, *index) {
            Some(term) if *index >= leader.first_index() => term_at(leader, *index) != Some(term),
            Some(term) => term_at(leader, *index).is_some_and(|own| own != term),
            None => false,
        });
        match missing {
            None => Outcome::holds(),
            Some(at) => Outcome::fails(format!(
                "{a} is leader in term {}, but at index {at}, where {b} has committed {}, it has {}",
                leader.current_term(),
                describe_at(server, at),
                describe_at(leader, at)
            ))
            .blaming(a, "log")
            .blaming(b, "commit_index"),
        }
    }
    Predicate::for_each_pair("leader completeness", |a: (Address, &N), b: (Address, &N)| {
        let outcome = check(a, b);
        if outcome.is_ok() { check(b, a) } else { outcome }
    })
}

/// What a server takes for committed is in the logs of a majority, down ones included: they have it after a restart. The
/// majority is one of the newest configuration up to there, which has both halves if it is joint; of what comes after a
/// joint one that is committed, the new half is enough.
///
/// This fails at the first entry that is committed too early or thrown away after it was committed, long before
/// another leader can overwrite it. (Section 5.3; the rule behind Leader Completeness)
pub fn committed_on_majority<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::new("committed entries are in the logs of a majority", move |view| {
        for (server, node) in view.nodes::<N>() {
            let index = node.commit_index();
            let Some(term) = term_at(node, index).filter(|_| index > 0) else { continue };
            let mut servers = group.look_at_all(view);
            if group.is_stored(&servers, node, index, term) {
                continue;
            }
            let Some((_, configuration)) = group.governing(node, index) else { continue };
            servers.retain(|(server, _)| {
                configuration.voters.contains(server) || configuration.outgoing.contains(server)
            });
            let without: Vec<&Address> = servers
                .iter()
                .filter(|(_, other)| !has_entry(other.as_ref(), index, term))
                .map(|(address, _)| address)
                .collect();
            let names: Vec<String> = without.iter().map(ToString::to_string).collect();
            let reason = format!(
                "{server} takes index {index} for committed ({}), but of {} it is not in the logs of {}",
                describe_at(node, index),
                group.name(configuration),
                names.join(", ")
            );
            let outcome = Outcome::fails(reason).blaming(server, "commit_index");
            return without.iter().fold(outcome, |outcome, other| outcome.blaming(**other, "log"));
        }
        Outcome::holds()
    })
}
