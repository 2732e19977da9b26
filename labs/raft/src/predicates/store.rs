//! The key-value stores of the servers, compared with the logs and with each other.

use std::collections::{BTreeMap, BTreeSet};

use clientserver::{KvCommand, KvResponse};
use framework::{Address, Application, Node, Outcome, Predicate, encode};

use crate::inspect::{EntryKind, Inspect};

/// A store holds what the applied entries make of it, each command executed once and in the order of the log.
///
/// The log is replayed here, by a few lines that do not use a solution's store or session table. Servers that have
/// discarded the beginning of their log are not judged.
pub fn store_matches_log<N: Node + Inspect>() -> Predicate {
    Predicate::for_each("a store is what the applied entries make of it", |server: Address, node: &N| {
        if node.first_index() > 1 {
            return Outcome::holds();
        }
        let mut expected: BTreeMap<&str, String> = BTreeMap::new();
        let mut latest: BTreeMap<Address, u64> = BTreeMap::new();
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for entry in (1..=node.last_applied()).filter_map(|index| node.entry(index)) {
            let EntryKind::Command(command) = entry.kind else { continue };
            keys.insert(command.command.key());
            if latest.get(&command.client).is_some_and(|latest| command.sequence <= *latest) {
                continue;
            }
            latest.insert(command.client, command.sequence);
            match &command.command {
                KvCommand::Get { .. } => {}
                KvCommand::Put { key, value } => {
                    expected.insert(key, value.clone());
                }
                KvCommand::Append { key, value } => {
                    expected.entry(key).or_default().push_str(value);
                }
            }
        }
        let mut store = node.store().clone();
        for key in keys {
            let found = match store.execute(&KvCommand::Get { key: key.to_owned() }) {
                KvResponse::GetResult { value } => Some(value),
                _ => None,
            };
            if found.as_ref() != expected.get(key) {
                let text = |value: Option<&String>| value.map_or("no value".to_owned(), |v| format!("`{v}`"));
                return Outcome::fails(format!(
                    "{server} has applied its log up to index {}, which gives `{key}` {}, but its store has {}",
                    node.last_applied(),
                    text(expected.get(key)),
                    text(found.as_ref())
                ))
                .blaming(server, "application")
                .blaming(server, "log");
            }
        }
        Outcome::holds()
    })
}

/// Two servers that have applied equally much have equal stores. (Figure 3, State Machine Safety, as its effect)
pub fn stores_agree<N: Node + Inspect>() -> Predicate {
    Predicate::for_each_pair("stores agree", |(a, first): (Address, &N), (b, second): (Address, &N)| {
        let applied = first.last_applied();
        if applied != second.last_applied() {
            return Outcome::holds();
        }
        match (encode(first.store()), encode(second.store())) {
            (Ok(first), Ok(second)) if first == second => Outcome::holds(),
            (Ok(_), Ok(_)) => Outcome::fails(format!(
                "{a} and {b} have both applied their logs up to index {applied}, but their stores differ"
            ))
            .blaming(a, "application")
            .blaming(b, "application"),
            (Err(error), _) | (_, Err(error)) => {
                Outcome::fails(format!("the store of {a} or {b} has no canonical bytes: {error}"))
            }
        }
    })
}
