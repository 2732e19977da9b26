//! Leaders and votes.

use framework::{Address, Node, Outcome, Predicate};

use crate::inspect::{Inspect, Role};
use crate::predicates::Group;
use crate::predicates::quorum::is_quorum;

/// No two servers are leader in one term. (Figure 3, Election Safety; of leaders at the same time)
pub fn election_safety<N: Node + Inspect>() -> Predicate {
    Predicate::for_each_pair("election safety", |(a, first): (Address, &N), (b, second): (Address, &N)| {
        let term = first.current_term();
        if first.role() != Role::Leader || second.role() != Role::Leader || term != second.current_term() {
            return Outcome::holds();
        }
        Outcome::fails(format!("{a} and {b} are both leader in term {term}"))
            .blaming(a, "role")
            .blaming(b, "role")
    })
}

/// Every leader has the votes of a majority of the configuration that its log had when it was elected: so many have voted
/// for it in its term, or have gone on to a later one. A server that is down counts as what it will know after a restart.
///
/// This fails at the first illegal victory, some steps before there are two leaders. (Section 5.2)
pub fn leader_has_majority<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::new("a leader has the votes of a majority", move |view| {
        for (leader, node) in view.nodes::<N>() {
            if node.role() != Role::Leader {
                continue;
            }
            let term = node.current_term();
            let Some(configuration) = group.electing(node) else { continue };
            let mut servers = group.look_at_all(view);
            servers.retain(|(server, _)| {
                configuration.voters.contains(server) || configuration.outgoing.contains(server)
            });
            let against: Vec<_> = servers
                .iter()
                .filter(|(_, voter)| {
                    voter.current_term() < term
                        || (voter.current_term() == term && voter.voted_for() != Some(leader))
                })
                .collect();
            if is_quorum(configuration, |voter| !against.iter().any(|(other, _)| *other == voter)) {
                continue;
            }
            let votes: Vec<String> = against
                .iter()
                .map(|(voter, node)| match (node.current_term(), node.voted_for()) {
                    (voter_term, _) if voter_term < term => {
                        format!("{voter} has not got beyond term {voter_term}")
                    }
                    (_, Some(other)) => format!("{voter} voted for {other}"),
                    (_, None) => format!("{voter} has not voted"),
                })
                .collect();
            let reason = format!(
                "{leader} is leader in term {term} without the votes of a majority of {}: {}",
                group.name(configuration),
                votes.join(", ")
            );
            let outcome = Outcome::fails(reason).blaming(leader, "role");
            return against.iter().fold(outcome, |outcome, (voter, _)| outcome.blaming(*voter, "voted_for"));
        }
        Outcome::holds()
    })
}
