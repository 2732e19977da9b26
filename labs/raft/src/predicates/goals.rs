//! What stages of a search look for, in words of the protocol: never a message, never an absolute index.

use clientserver::{KvCommand, KvResponse};
use framework::{Address, Application, Node, Outcome, Predicate, View};

use crate::inspect::{EntryKind, Inspect, Role};
use crate::predicates::term_at;

/// A goal about one server that is up.
fn of_server<N: Node + Inspect>(
    server: Address,
    name: String,
    check: impl Fn(&N) -> bool + Send + Sync + 'static,
) -> Predicate {
    Predicate::new(name, move |view| match view.node::<N>(server) {
        Some(node) if check(node) => Outcome::holds(),
        Some(node) => Outcome::fails(format!(
            "{server} is {:?} in term {} with commit_index {}, and its log ends at {}",
            node.role(),
            node.current_term(),
            node.commit_index(),
            node.last_index()
        ))
        .blaming(server, ""),
        None => Outcome::fails(format!("{server} is down, or no server of this design")),
    })
}

/// `server` is leader.
pub fn leads<N: Node + Inspect>(server: Address) -> Predicate {
    of_server(server, format!("{server} is leader"), |node: &N| node.role() == Role::Leader)
}

/// `server` is leader in a term after `term`.
pub fn leads_after<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    of_server(server, format!("{server} is leader in a term after {term}"), move |node: &N| {
        node.role() == Role::Leader && node.current_term() > term
    })
}

/// Some server is leader.
pub fn some_leader<N: Node + Inspect>() -> Predicate {
    some_leader_after::<N>(0).named("a server is leader")
}

/// Some server is leader in a term after `term`.
pub fn some_leader_after<N: Node + Inspect>(term: u64) -> Predicate {
    Predicate::new(format!("a server is leader in a term after {term}"), move |view: &View<'_>| {
        let leads = |node: &N| node.role() == Role::Leader && node.current_term() > term;
        match view.nodes::<N>().find(|(_, node)| leads(node)) {
            Some((server, node)) => {
                Outcome::holds().because(format!("{server} is leader in term {}", node.current_term()))
            }
            None => Outcome::fails(format!("no server is leader in a term after {term}")),
        }
    })
}

/// Some server is in a term after `term`; a prune that bounds a search.
pub fn term_above<N: Node + Inspect>(term: u64) -> Predicate {
    Predicate::holds(format!("a server is in a term after {term}"), move |view| {
        view.nodes::<N>().any(|(_, node)| node.current_term() > term)
    })
}

/// `server` has voted for `candidate` in its term.
pub fn voted<N: Node + Inspect>(server: Address, candidate: Address) -> Predicate {
    of_server(server, format!("{server} has voted for {candidate}"), move |node: &N| {
        node.voted_for() == Some(candidate)
    })
}

/// The last entry of `server` has this term.
pub fn last_term_is<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    of_server(server, format!("the last entry of {server} has term {term}"), move |node: &N| {
        term_at(node, node.last_index()) == Some(term)
    })
}

/// The indexes at which a server has a command.
fn places(node: &impl Inspect, client: Address, sequence: u64) -> impl Iterator<Item = u64> {
    (node.first_index()..=node.last_index()).filter(move |index| {
        matches!(node.entry(*index).map(|entry| entry.kind),
            Some(EntryKind::Command(command)) if (command.client, command.sequence) == (client, sequence))
    })
}

/// Command `sequence` (from 1) of `client` is in the log of `server`.
pub fn has_command<N: Node + Inspect>(server: Address, client: Address, sequence: u64) -> Predicate {
    of_server(server, format!("{server} has command {sequence} of {client}"), move |node: &N| {
        places(node, client, sequence).next().is_some()
    })
}

/// `server` has discarded the beginning of its log.
pub fn discarded<N: Node + Inspect>(server: Address) -> Predicate {
    of_server(server, format!("{server} has discarded the beginning of its log"), |node: &N| {
        node.first_index() > 1
    })
}

/// In the store of `server`, `key` has this value.
pub fn store_has<N: Node + Inspect>(server: Address, key: &str, value: &str) -> Predicate {
    let (key, value) = (key.to_owned(), value.to_owned());
    of_server(server, format!("the store of {server} has `{value}` for `{key}`"), move |node: &N| {
        let found = node.store().clone().execute(&KvCommand::Get { key: key.clone() });
        found == KvResponse::GetResult { value: value.clone() }
    })
}

/// `server` is in a term after `term`.
pub fn in_term_after<N: Node + Inspect>(server: Address, term: u64) -> Predicate {
    of_server(server, format!("{server} is in a term after {term}"), move |node: &N| {
        node.current_term() > term
    })
}

/// `server` is in this role.
pub fn has_role<N: Node + Inspect>(server: Address, role: Role) -> Predicate {
    of_server(server, format!("{server} is {role:?}"), move |node: &N| node.role() == role)
}

/// `server` knows command `sequence` (from 1) of `client` to be committed.
pub fn committed<N: Node + Inspect>(server: Address, client: Address, sequence: u64) -> Predicate {
    of_server(server, format!("{server} has committed command {sequence} of {client}"), move |node: &N| {
        places(node, client, sequence).any(|index| index <= node.commit_index())
    })
}
