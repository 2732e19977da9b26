// INSTRUCTOR ONLY
//! Invariants that were published for Raft and are false: the reference, which is right, violates them. None of them may
//! come back as a predicate.

use framework::predicate::clients_done;
use framework::{Address, Outcome, Predicate};
use raft::predicates as p;
use raft::{Handout, Inspect, RaftServer, Role};
use search::{Settings, Verdict, bfs, bfs_from};

use crate::support::{Lab, assert_goal, client, clients, server, story, workload};

/// Whether `server` has the committed entries of `other`.
fn has_committed(server: &RaftServer, other: &RaftServer, before_term: u64) -> bool {
    (1..=other.commit_index())
        .filter_map(|index| Some((index, other.entry(index)?)))
        .filter(|(_, entry)| entry.term < before_term)
        .all(|(index, entry)| server.entry(index) == Some(entry))
}

/// "A server's committed entries are in the log of whom it voted for." Not if the candidate lost: server3 votes for
/// itself, loses, and hears from the leader what is committed; or it voted for server2, and server2 lost.
#[test]
fn whom_one_voted_for_need_not_have_what_one_has_committed() {
    let lab = Lab::new(&Handout, 5, clients(1, &["PUT:k:v"]));
    let (s1, s2, s3, s4, s5) = (server(1), server(2), server(3), server(4), server(5));
    let voted = bfs(&lab.start(), &lab.safety().goal(p::voted::<RaftServer>(s3, s2)));
    assert_goal(&voted);
    let only = |settings: Settings, nodes: &[Address], timers: &[Address]| {
        lab.terms_up_to(settings, 1).with_delivery(|d| {
            d.partition([nodes]).timers(false);
            for node in timers {
                d.node_timers(*node, true);
            }
        })
    };
    let elected = lab.safety().goal(p::leads::<RaftServer>(s1));
    let elected = bfs_from(&voted.goal_states, &only(elected, &[s1, s4, s5], &[s1]));
    assert_goal(&elected);
    let committed = lab.safety().goal(p::committed::<RaftServer>(s1, client(1), 1));
    let committed = bfs_from(&elected.goal_states, &only(committed, &[s1, s4, s5, client(1)], &[]));
    assert_goal(&committed);
    let published = Predicate::new("a vote goes to a log with all that is committed", |view| {
        for (voter, node) in view.nodes::<RaftServer>() {
            let candidate = node.voted_for().and_then(|candidate| view.node::<RaftServer>(candidate));
            if candidate.is_some_and(|candidate| !has_committed(candidate, node, u64::MAX)) {
                return Outcome::fails(format!("{voter}'s candidate lacks what {voter} has committed"));
            }
        }
        Outcome::holds()
    });
    let told = only(lab.safety().invariant(published), &[s1, s3], &[s1]);
    let false_alarm = bfs_from(&committed.goal_states, &told);
    assert!(story(&false_alarm).contains("server3's candidate lacks"), "{}", story(&false_alarm));
    assert!(matches!(false_alarm.verdict, Verdict::Violated { .. }));
}

/// "A leader has every committed entry of an earlier term": not if a server of a later term committed it. server2, leader
/// in term 2 and cut off, lacks an entry of term 1 that the leader of term 3 commits.
#[test]
fn a_cut_off_leader_need_not_have_committed_entries_of_earlier_terms() {
    let (s1, s2, s3, c1, c2) = (server(1), server(2), server(3), client(1), client(2));
    let lab = Lab::new(&Handout, 3, vec![(c1, workload(&["APPEND:k:x"])), (c2, workload(&["APPEND:k:y"]))]);
    let only = |settings: Settings, nodes: &[Address], timers: &[Address]| {
        settings.with_delivery(|d| {
            d.partition([nodes]).timers(false);
            for node in timers {
                d.node_timers(*node, true);
            }
        })
    };
    let stage = |goal: Predicate, term| lab.terms_up_to(lab.all_safety().goal(goal), term);
    let one = bfs(&lab.start(), &only(stage(p::leads::<RaftServer>(s1), 1), &[s1, s3], &[s1]));
    assert_goal(&one);
    let two = stage(p::has_command::<RaftServer>(s1, c1, 1), 1);
    let two = bfs_from(&one.goal_states, &only(two, &[s1, c1], &[]));
    assert_goal(&two);
    let three = stage(p::leads_after::<RaftServer>(s2, 1), 2);
    let three = bfs_from(&two.goal_states, &only(three, &[s2, s3], &[s2]));
    assert_goal(&three);
    // server1 hears of term 2 from server3's refusal, and stands again.
    let four = stage(p::leads_after::<RaftServer>(s1, 2), 3);
    let four = bfs_from(&three.goal_states, &only(four, &[s1, s3], &[s1]));
    assert_goal(&four);
    let published = Predicate::new("a leader has every committed entry of an earlier term", |view| {
        for (leader, node) in view.nodes::<RaftServer>().filter(|(_, node)| node.role() == Role::Leader) {
            for (other, committed) in view.nodes::<RaftServer>() {
                if !has_committed(node, committed, node.current_term()) {
                    return Outcome::fails(format!("{leader} lacks what {other} has committed"));
                }
            }
        }
        Outcome::holds()
    });
    let five = |settings| only(lab.terms_up_to(settings, 3), &[s1, s3, c1, c2], &[s1]);
    let false_alarm = bfs_from(&four.goal_states, &five(Settings::default().invariant(published)));
    assert!(matches!(false_alarm.verdict, Verdict::Violated { .. }), "{}", story(&false_alarm));
    assert!(
        story(&false_alarm).contains("server2 lacks what server1 has committed"),
        "{}",
        story(&false_alarm)
    );
    // What this lab asserts instead holds all along.
    assert_goal(&bfs_from(&four.goal_states, &five(lab.all_safety().goal(clients_done()))));
}
