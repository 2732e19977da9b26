// INSTRUCTOR ONLY
//! Solutions that are worth nothing do not pass: each fails the goal or the safety of the simplest searches.

use framework::predicate::clients_done;
use raft::predicates as p;
use search::{Results, Settings, bfs};

use crate::nulls::{Null, Server};
use crate::support::{Lab, clients};

/// How the search for a second leader ends, and that for a client that is done, within a depth at which the reference
/// has both.
fn verdicts(null: Null) -> [String; 2] {
    let lab = Lab::new(&null, 3, clients(1, &["PUT:k:v"]));
    let search =
        |goal, settings: Settings| -> Results { bfs(&lab.start(), &settings.goal(goal).max_depth(7)) };
    let elections = Settings {
        invariants: lab.group.election_invariants(),
        step_invariants: lab.group.election_step_invariants(),
        ..Settings::default()
    };
    let second_leader = p::some_leader_after::<Server>(1);
    let replication = Settings { invariants: lab.group.invariants(), ..Settings::default() };
    [search(second_leader, elections), search(clients_done(), replication)].map(|results| {
        let text = results.verdict.to_string();
        text.split(", at ").next().unwrap_or_default().to_owned()
    })
}

#[test]
fn solutions_worth_nothing_do_not_pass() {
    let text: Vec<String> = [
        Null::DoesNothing,
        Null::AlwaysGrants,
        Null::NeverGrants,
        Null::Panics,
        Null::OneServer,
        Null::Silent,
        Null::Pretends,
    ]
    .into_iter()
    .map(|null| {
        let [elections, replication] = verdicts(null);
        for verdict in [&elections, &replication] {
            assert!(!verdict.starts_with("goal found"), "{null:?}: {verdict}");
        }
        format!("{null:?}\n  elections: {elections}\n  replication: {replication}\n")
    })
    .collect();
    insta::assert_snapshot!(text.concat(), @r"
    DoesNothing
      elections: exhausted: every reachable state was visited
      replication: exhausted: every reachable state was visited
    AlwaysGrants
      elections: violated: one vote a term: server3 voted for server3 in term 1, then for server2 in the same term (in the step: server3 receives Vote(1) from server2)
      replication: violated: a leader has the votes of a majority: server2 is leader in term 1 without the votes of a majority of 3 servers: server1 voted for server1, server3 voted for server1
    NeverGrants
      elections: not decided: the depth limit was reached before every state was visited
      replication: not decided: the depth limit was reached before every state was visited
    Panics
      elections: handler panicked: on_message(Request) of server1 (Server): a handler that is not written yet
      replication: handler panicked: on_message(Request) of server1 (Server): a handler that is not written yet
    OneServer
      elections: violated: a leader has the votes of a majority: server1 is leader in term 1 without the votes of a majority of 3 servers: server2 has not voted, server3 has not voted
      replication: violated: a leader has the votes of a majority: server1 is leader in term 1 without the votes of a majority of 3 servers: server2 has not voted, server3 has not voted
    Silent
      elections: exhausted: every reachable state was visited
      replication: violated: stores agree: server1 and server2 have both applied their logs up to index 0, but their stores differ
    Pretends
      elections: exhausted: every reachable state was visited
      replication: exhausted: every reachable state was visited
    ");
}
