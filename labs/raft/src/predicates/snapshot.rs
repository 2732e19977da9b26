//! Snapshots: what they stand for, compared with the rest of the log and with the other servers. (Section 7, part 5)

use clientserver::KvStore;
use framework::{Address, Node, Outcome, Predicate, StepPredicate, encode};

use crate::configuration::Configuration;
use crate::inspect::{EntryKind, Inspect};
use crate::predicates::{Group, term_at};

/// What a server has discarded is in its snapshot, and what is in its snapshot it has applied. Entries that it keeps
/// although the snapshot covers them end with the same term as the snapshot.
pub fn snapshot_in_order<N: Node + Inspect>() -> Predicate {
    Predicate::for_each(
        "a snapshot covers what was discarded and nothing that is not applied",
        |server: Address, node: &N| match out_of_order(server, node) {
            None => Outcome::holds(),
            Some(reason) => Outcome::fails(reason).blaming(server, "snapshot").blaming(server, "log"),
        },
    )
}

fn out_of_order(server: Address, node: &impl Inspect) -> Option<String> {
    let first = node.first_index();
    let Some(snapshot) = node.snapshot() else {
        return (first > 1).then(|| {
            format!(
                "the log of {server} begins at index {first}, but there is no snapshot of the entries before"
            )
        });
    };
    let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
    if first > index + 1 {
        Some(format!("the snapshot of {server} ends at index {index}, but its log begins at index {first}"))
    } else if index > node.last_applied() {
        let applied = node.last_applied();
        Some(format!(
            "the snapshot of {server} ends at index {index}, but {server} has applied only up to index {applied}"
        ))
    } else {
        let kept = node.entry(index).filter(|entry| entry.term != term)?;
        Some(format!(
            "the snapshot of {server} ends at index {index} with term {term}, but its log has an entry of term {} there",
            kept.term
        ))
    }
}

/// The terms in a log never become smaller, from the snapshot to the last entry, and none is later than the server's.
///
/// A leader appends entries of its own term, which is later than all that it has, so it is true of every log; a tail that
/// was kept although it follows something else breaks it.
pub fn terms_grow_along_a_log<N: Node + Inspect>() -> Predicate {
    Predicate::for_each("terms never decrease along a log", |server: Address, node: &N| {
        let mut before = node.snapshot().map_or((0, 0), |snapshot| {
            if snapshot.last_included_index < node.first_index() {
                (snapshot.last_included_index, snapshot.last_included_term)
            } else {
                (0, 0)
            }
        });
        for index in node.first_index()..=node.last_index() {
            let Some(entry) = node.entry(index) else { continue };
            if entry.term < before.1 {
                let (at, term) = before;
                return Outcome::fails(format!(
                    "{server} has term {term} at index {at}, and then term {} at index {index}: no leader made such a log",
                    entry.term
                ))
                .blaming(server, "log");
            }
            before = (index, entry.term);
        }
        if before.1 > node.current_term() {
            let reason = format!(
                "{server} is in term {}, but at index {} of its log is term {}",
                node.current_term(),
                before.0,
                before.1
            );
            return Outcome::fails(reason).blaming(server, "log").blaming(server, "current_term");
        }
        Outcome::holds()
    })
}

/// The last entry that a snapshot replaces is the one that others have committed there, and its configuration is the
/// newest up to there. (Figure 3, State Machine Safety, of snapshots)
pub fn snapshots_agree<N: Node + Inspect>() -> Predicate {
    fn check<N: Inspect>((a, first): (Address, &N), (b, second): (Address, &N)) -> Outcome {
        let Some(snapshot) = first.snapshot() else { return Outcome::holds() };
        let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
        if second.commit_index() < index {
            return Outcome::holds();
        }
        if let Some(other) = term_at(second, index).filter(|other| *other != term) {
            return Outcome::fails(format!(
                "the snapshot of {a} ends at index {index} with term {term}, but {b} has committed an entry of term {other} \
                 there"
            ))
            .blaming(a, "snapshot")
            .blaming(b, "log");
        }
        match newest_up_to(second, index) {
            Some(newest) if newest != snapshot.configuration => {
                let text = |configuration: Option<&Configuration>| {
                    configuration.map_or("none".to_owned(), ToString::to_string)
                };
                Outcome::fails(format!(
                    "the snapshot of {a} ends at index {index}; the newest configuration in it is {}, but of what {b} has \
                     committed up to there it is {}",
                    text(snapshot.configuration),
                    text(newest)
                ))
                .blaming(a, "snapshot")
                .blaming(b, "log")
            }
            _ => Outcome::holds(),
        }
    }
    Predicate::for_each_pair("snapshots are of what is committed", |a: (Address, &N), b: (Address, &N)| {
        let outcome = check(a, b);
        if outcome.is_ok() { check(b, a) } else { outcome }
    })
}

/// The newest configuration up to an index that a server has committed, or that there is none; `None` if it is not known
/// any more.
fn newest_up_to(node: &impl Inspect, index: u64) -> Option<Option<&Configuration>> {
    let in_log = (node.first_index()..=index).rev().find_map(|at| match node.entry(at)?.kind {
        EntryKind::Configuration(configuration) => Some(configuration),
        _ => None,
    });
    match (in_log, node.snapshot()) {
        (Some(configuration), _) => Some(Some(configuration)),
        (None, None) => Some(None),
        (None, Some(snapshot)) => (snapshot.last_included_index <= index).then_some(snapshot.configuration),
    }
}

/// Applied entries do not stay in a log for ever: there are never more than twice as many as
/// [`snapshot_every`](crate::Options::snapshot_every).
///
/// That is a rule of this lab; the paper leaves open when a server compacts its log.
pub fn logs_are_compacted<N: Node + Inspect>(snapshot_every: u64) -> Predicate {
    Predicate::for_each("logs are compacted", move |server: Address, node: &N| {
        let kept = (node.last_applied() + 1).saturating_sub(node.first_index());
        if kept <= 2 * snapshot_every {
            return Outcome::holds();
        }
        Outcome::fails(format!(
            "{server} has {kept} applied entries in its log, from index {}; with a snapshot every {snapshot_every} there may \
             be {} of them",
            node.first_index(),
            2 * snapshot_every
        ))
        .blaming(server, "log")
    })
}

/// A snapshot is never replaced by an older one, and what was discarded does not come back, while a server is up.
pub fn snapshots_never_get_older<N: Node + Inspect>() -> StepPredicate {
    let end = |node: &N| node.snapshot().map_or(0, |snapshot| snapshot.last_included_index);
    StepPredicate::for_each("snapshots never get older", move |server, before: &N, after: &N, _| {
        let (old, new) = (end(before), end(after));
        if new < old {
            return Outcome::fails(format!(
                "{server} had a snapshot up to index {old}, and replaced it by one up to index {new}"
            ))
            .blaming(server, "snapshot");
        }
        if after.first_index() < before.first_index() {
            return Outcome::fails(format!(
                "the log of {server} began at index {}, and now it begins at index {}",
                before.first_index(),
                after.first_index()
            ))
            .blaming(server, "log");
        }
        Outcome::holds()
    })
}

/// What a server would know after a crash now has no hole: its snapshot covers what its log lacks, and the store is that
/// of the entries up to [`last_applied`](Inspect::last_applied). The restart is tried, with the server's own `recover`.
///
/// When a compacted log is saved is free; what is saved has to fit together.
pub fn snapshot_is_persisted<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::for_each_with_durable("snapshots are persisted", move |server, node: &N, durable| {
        if node.snapshot().is_none() {
            return Outcome::holds();
        }
        let Some(after) = group.restarted(server, durable) else { return Outcome::holds() };
        let then = "after a crash and a restart now";
        if let Some(reason) = out_of_order(server, &after) {
            return Outcome::fails(format!("{then}: {reason}")).blaming(server, "snapshot");
        }
        let covered = after.snapshot().map_or(0, |snapshot| snapshot.last_included_index);
        let hole = (covered.max(after.first_index() - 1) + 1..node.first_index())
            .find(|index| after.entry(*index).is_none());
        if let Some(index) = hole {
            return Outcome::fails(format!(
                "{server} has discarded index {index}; {then} its snapshot would end at index {covered}, and its log would \
                 not have that entry"
            ))
            .blaming(server, "snapshot");
        }
        if after.last_applied() == node.last_applied() && !same_store(node.store(), after.store()) {
            return Outcome::fails(format!(
                "{server} has applied its log up to index {}; {then} it would say the same, but have another store",
                node.last_applied()
            ))
            .blaming(server, "snapshot")
            .blaming(server, "application");
        }
        Outcome::holds()
    })
}

/// Whether two stores are equal, as far as it can be known: a store without canonical bytes is judged elsewhere.
fn same_store(a: &KvStore, b: &KvStore) -> bool {
    match (encode(a), encode(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => true,
    }
}
