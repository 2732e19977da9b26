//! What servers have persisted, compared with what they know.

use framework::{Address, Event, Node, Outcome, Predicate, StepPredicate};

use crate::inspect::Inspect;
use crate::predicates::{Group, describe};

/// What a server would know after a crash now is what it knows: term, vote and log. The restart is tried, with the
/// server's own `recover`.
///
/// That everything is saved when a handler ends is a rule of this lab; in general it has to be saved before a message is
/// sent that depends on it. (Figure 2, "Updated on stable storage before responding to RPCs")
pub fn durable_state_is_current<N: Node + Inspect>(group: &Group<N>) -> Predicate {
    let group = group.clone();
    Predicate::for_each_with_durable("term, vote and log are persisted", move |server, node: &N, durable| {
        let Some(after) = group.restarted(server, durable) else { return Outcome::holds() };
        if let Some((field, now, later)) = lost(node, &after) {
            return Outcome::fails(format!(
                "{server} {now}, but after a crash and a restart now it would {later}"
            ))
            .blaming(server, field);
        }
        Outcome::holds()
    })
}

/// What of term, vote and log is different after a restart: the field, what it is, and what it would be.
fn lost<N: Inspect>(node: &N, after: &N) -> Option<(&'static str, String, String)> {
    let (term, new_term) = (node.current_term(), after.current_term());
    if term != new_term {
        return Some(("current_term", format!("is in term {term}"), format!("be in term {new_term}")));
    }
    if node.voted_for() != after.voted_for() {
        let vote = |node: &N| node.voted_for().map_or("nobody".to_owned(), |candidate| candidate.to_string());
        let (now, later) = (vote(node), vote(after));
        return Some((
            "voted_for",
            format!("voted for {now} in term {term}"),
            format!("have voted for {later}"),
        ));
    }
    let last = node.last_index().max(after.last_index());
    // Which entries a snapshot has replaced may differ; that nothing is missing, `snapshot_is_persisted` looks at.
    let first = node.first_index().max(after.first_index());
    let index = (first..=last).find(|index| node.entry(*index) != after.entry(*index))?;
    let at = |node: &N| format!("{} at index {index}", describe(node.entry(index)));
    Some(("log", format!("has {}", at(node)), format!("have {}", at(after))))
}

/// A crash takes nothing away that was promised before: after a restart the term is no smaller, the vote of the same
/// term is the same, and the committed entries are there.
pub fn durable_state_survives<N: Node + Inspect>(group: &Group<N>) -> StepPredicate {
    let group = group.clone();
    StepPredicate::new("a crash loses no term, no vote and no committed entry", move |step| {
        let server: Address = step.event.node();
        if !matches!(step.event, Event::Crash { .. }) {
            return Outcome::holds();
        }
        let (Some(before), Some(after)) = (step.before.node::<N>(server), group.look(step.after, server))
        else {
            return Outcome::holds();
        };
        if after.current_term() < before.current_term() {
            let (old, new) = (before.current_term(), after.current_term());
            return Outcome::fails(format!(
                "{server} was in term {old}, and after a restart it is in term {new}"
            ))
            .blaming(server, "current_term");
        }
        if after.current_term() == before.current_term()
            && let Some(candidate) = before.voted_for()
            && after.voted_for() != Some(candidate)
        {
            let reason = format!(
                "{server} voted for {candidate} in term {}, and after a restart it does not know of it",
                before.current_term()
            );
            return Outcome::fails(reason).blaming(server, "voted_for");
        }
        let mut committed = before.first_index()..=before.commit_index();
        let lost = committed
            .find(|index| *index >= after.first_index() && before.entry(*index) != after.entry(*index));
        match lost {
            // All of it was in a snapshot.
            None if before.commit_index() > after.last_index() => Outcome::fails(format!(
                "{server} had committed all up to index {}, and after a restart its log ends at index {}",
                before.commit_index(),
                after.last_index()
            ))
            .blaming(server, "snapshot")
            .blaming(server, "log"),
            None => Outcome::holds(),
            Some(index) => Outcome::fails(format!(
                "{server} had committed {} at index {index}, and after a restart it has {}",
                describe(before.entry(index)),
                describe(after.entry(index))
            ))
            .blaming(server, "log"),
        }
    })
}
