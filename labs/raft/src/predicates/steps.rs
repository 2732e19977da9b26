//! What one event may not do to a server.

use framework::{Event, Node, Outcome, StepPredicate};

use crate::inspect::{Inspect, Role};
use crate::predicates::quorum::is_quorum;
use crate::predicates::{Group, describe, describe_at, term_at};

/// A server's term never decreases. (Figure 2, "increases monotonically")
pub fn terms_never_decrease<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("terms never decrease", |server, before: &N, after: &N, _| {
        let (old, new) = (before.current_term(), after.current_term());
        if new >= old {
            return Outcome::holds();
        }
        Outcome::fails(format!("{server} went back from term {old} to term {new}"))
            .blaming(server, "current_term")
    })
}

/// A server that has voted in a term does not vote for another, and does not forget its vote. (Section 5.2)
///
/// A server may vote at any time in a term in which it has not: also for a leader of which it hears only now.
pub fn one_vote_a_term<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("one vote a term", |server, before: &N, after: &N, _| {
        let term = before.current_term();
        let Some(first) = before.voted_for() else { return Outcome::holds() };
        if after.current_term() != term || after.voted_for() == Some(first) {
            return Outcome::holds();
        }
        let then = match after.voted_for() {
            Some(second) => format!("then for {second} in the same term"),
            None => "then forgot it in the same term".to_owned(),
        };
        Outcome::fails(format!("{server} voted for {first} in term {term}, {then}"))
            .blaming(server, "voted_for")
    })
}

/// A server becomes leader only from candidate. In a group of one it may do both in one step.
pub fn leaders_were_candidates<N: Node + Inspect>(group: &Group<N>) -> StepPredicate {
    let group = group.clone();
    StepPredicate::for_each("leaders were candidates", move |server, before: &N, after: &N, _| {
        let new_leader = after.role() == Role::Leader
            && (before.role() != Role::Leader || before.current_term() != after.current_term());
        let elected = before.role() == Role::Candidate && before.current_term() == after.current_term();
        if !new_leader || elected || is_quorum(group.in_force(before), |voter| voter == server) {
            return Outcome::holds();
        }
        let reason = format!(
            "{server} became leader in term {}, in which it was no candidate before",
            after.current_term()
        );
        Outcome::fails(reason).blaming(server, "role")
    })
}

/// `commit_index` never decreases. After a restart it may begin at 0 again. (Figure 2, "increases monotonically")
pub fn commit_index_never_decreases<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("commit_index never decreases", |server, before: &N, after: &N, _| {
        let (old, new) = (before.commit_index(), after.commit_index());
        if new >= old {
            return Outcome::holds();
        }
        Outcome::fails(format!("{server} knew index {old} to be committed, and now only index {new}"))
            .blaming(server, "commit_index")
    })
}

/// An entry that a server knows to be committed stays in its log as it is.
pub fn committed_entries_never_change<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("committed entries never change", |server, before: &N, after: &N, _| {
        let first = before.first_index().max(after.first_index());
        match (first..=before.commit_index()).find(|index| before.entry(*index) != after.entry(*index)) {
            None => Outcome::holds(),
            Some(index) => Outcome::fails(format!(
                "{server} had committed {} at index {index}, and replaced it by {}",
                describe(before.entry(index)),
                describe(after.entry(index))
            ))
            .blaming(server, "log"),
        }
    })
}

/// A leader adds entries to its log and does nothing else to it. (Figure 3, Leader Append-Only)
pub fn leader_append_only<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("leader append-only", |server, before: &N, after: &N, _| {
        let term = before.current_term();
        let stays =
            before.role() == Role::Leader && after.role() == Role::Leader && after.current_term() == term;
        if !stays {
            return Outcome::holds();
        }
        let first = before.first_index().max(after.first_index());
        match (first..=before.last_index()).find(|index| before.entry(*index) != after.entry(*index)) {
            None => Outcome::holds(),
            Some(index) => Outcome::fails(format!(
                "{server}, leader in term {term}, had {} at index {index}, and now has {}",
                describe(before.entry(index)),
                describe(after.entry(index))
            ))
            .blaming(server, "log"),
        }
    })
}

/// A leader commits by counting only up to an entry of its own term; what lies before comes with it. (Section 5.4.2,
/// Figure 8)
pub fn only_own_term_is_counted<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each(
        "only entries of its own term are committed by a leader",
        |server, before: &N, after: &N, _| {
            let term = after.current_term();
            let leads = before.role() == Role::Leader
                && after.role() == Role::Leader
                && before.current_term() == term;
            let index = after.commit_index();
            let Some(entry_term) = term_at(after, index) else { return Outcome::holds() };
            if !leads || index <= before.commit_index() || entry_term == term {
                return Outcome::holds();
            }
            let reason = format!(
                "{server}, leader in term {term}, committed index {index}, which is {}: a majority that has it can still \
             lose it",
                describe_at(after, index)
            );
            Outcome::fails(reason).blaming(server, "commit_index").blaming(server, "log")
        },
    )
}

/// Entries come from leaders: when a timer fires, or a client asks, only a leader's log grows, by entries of its term.
/// What a server stores when another server says so is not judged here. A leader may be none any more when the handler
/// returns: one timer may tell it to end a change of members, and that it hears from too few.
///
/// The stronger "a new entry is seen at the leader of its term first" is false: the leader may have lost an entry that a
/// message still carries.
pub fn entries_are_made_by_leaders<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("entries are made by leaders", |server, before: &N, after: &N, event| {
        // Servers have the same label, `server`; whoever else sends something is a client.
        let from_server = matches!(event, Event::Deliver(e) if e.from.label() == server.label());
        if from_server {
            return Outcome::holds();
        }
        let led = |node: &N| (node.role() == Role::Leader).then(|| node.current_term());
        let led = [led(before), led(after)];
        let may_add = |index: u64| match after.entry(index) {
            Some(entry) => led.contains(&Some(entry.term)),
            // It is discarded already.
            None => led != [None, None],
        };
        let term = after.current_term();
        let mut added = before.last_index() + 1..=after.last_index();
        match added.find(|index| !may_add(*index)) {
            None => Outcome::holds(),
            Some(index) => {
                let role = match after.role() {
                    Role::Leader => "leader",
                    Role::Candidate => "candidate",
                    Role::PreCandidate => "pre-candidate",
                    Role::Follower => "follower",
                };
                let entry = describe(after.entry(index));
                Outcome::fails(format!("{server}, {role} in term {term}, added {entry} at index {index}"))
                    .blaming(server, "log")
            }
        }
    })
}

/// `last_applied` never decreases while a server is up: nothing is applied again. (What is applied, and in which order,
/// is what [`store_matches_log`](crate::predicates::store_matches_log) looks at.)
pub fn last_applied_never_decreases<N: Node + Inspect>() -> StepPredicate {
    StepPredicate::for_each("last_applied never decreases", |server, before: &N, after: &N, _| {
        let (old, new) = (before.last_applied(), after.last_applied());
        if new >= old {
            return Outcome::holds();
        }
        Outcome::fails(format!(
            "{server} had applied index {old}, and now says it has applied only index {new}"
        ))
        .blaming(server, "last_applied")
    })
}
