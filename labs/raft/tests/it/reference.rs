// INSTRUCTOR ONLY
//! The reference: what it reaches, in how many steps, and that nothing is wrong on the way.

use std::time::Duration;

use clientserver::appends_linearizable;
use framework::predicate::{clients_done, results_ok};
use raft::predicates::{self, Group};
use raft::{Handout, RaftServer};
use search::{Faults, RandomDfs, Settings, bfs, bfs_from, random_dfs};

use crate::support::{Lab, assert_covered, assert_goal, assert_nothing_wrong, client, clients, server};

const PUT: &[&str] = &["PUT:k:v"];

fn lab(servers: u16, client_count: u16, commands: &[&str]) -> Lab<Handout> {
    Lab::new(&Handout, servers, clients(client_count, commands))
}

/// The depths that one works out by hand: a timer, a request and a vote for each further server of a majority; then the
/// client's request, an AppendEntries and its reply; then the reply to the client.
#[test]
fn elects_and_commits_in_as_few_steps_as_possible() {
    for (servers, leader, done) in [(1, 1, 3), (3, 3, 7), (5, 5, 11)] {
        let lab = lab(servers, 1, PUT);
        let settings = || lab.terms_up_to(lab.safety(), 1);
        let found = bfs(&lab.start(), &settings().goal(predicates::some_leader::<RaftServer>()));
        assert_eq!(assert_goal(&found), leader, "{servers} servers");
        // Only one server stands, else the search with five is long.
        let alone = settings().goal(clients_done()).with_delivery(|d| {
            d.timers(false).node_timers(server(1), true);
        });
        assert_eq!(assert_goal(&bfs(&lab.start(), &alone)), done, "{servers} servers");
    }
}

#[test]
fn a_second_leader_follows_in_a_later_term() {
    let lab = lab(3, 0, PUT);
    let goal = predicates::some_leader_after::<RaftServer>(1);
    let one = bfs(&lab.start(), &lab.all_safety().goal(predicates::leads::<RaftServer>(server(1))));
    assert_eq!(assert_goal(&one), 3);
    let two = bfs_from(&one.goal_states, &lab.all_safety().goal(goal));
    // Whoever follows has been in term 1 before: it voted, or it stood for election itself.
    assert_eq!(assert_goal(&two), 7);
}

/// Every property of states and of steps, in every state up to a depth.
#[test]
fn nothing_is_wrong_nearby() {
    for (servers, client_count, commands, depth) in [
        (1, 2, &["APPEND:k:%a"] as &[&str], 12),
        (3, 0, PUT, 10),
        (3, 1, PUT, 9),
        (3, 1, &["PUT:k:v", "APPEND:k:w"], 9),
        (3, 2, &["APPEND:k:%a"], 7),
        (4, 1, PUT, 7),
        (5, 1, PUT, 6),
    ] {
        let lab = lab(servers, client_count, commands);
        let results = bfs(&lab.start(), &lab.all_safety().max_depth(depth));
        assert_nothing_wrong(&results);
        assert_covered(&results, depth);
    }
}

/// With two terms only, further down.
#[test]
fn nothing_is_wrong_within_two_terms() {
    let lab = lab(3, 1, PUT);
    let results = bfs(&lab.start(), &lab.terms_up_to(lab.all_safety(), 2).max_depth(10));
    assert_nothing_wrong(&results);
    assert!(results.coverage.prunes.iter().all(|(_, states)| *states > 0));
}

/// Crashes anywhere, also in handlers.
#[test]
fn nothing_is_wrong_with_crashes_and_restarts() {
    for (servers, client_count, depth) in [(1, 1, 10), (3, 0, 8), (3, 1, 7)] {
        let lab = lab(servers, client_count, PUT);
        let mut settings = lab.all_safety().max_depth(depth);
        settings.faults.crashes(2).restarts(2);
        let results = bfs(&lab.start(), &settings);
        assert_nothing_wrong(&results);
        assert_covered(&results, depth);
    }
}

/// Far from the start, along random ways: several leaders, long logs, conflicts.
#[test]
fn nothing_is_wrong_far_away() {
    let commands = &["APPEND:k:%a-%i;", "APPEND:k:%a-%i;", "APPEND:k:%a-%i;"];
    for servers in [3, 5] {
        let lab = lab(servers, 2, commands);
        let linearizable = appends_linearizable(clients(2, commands));
        for faults in [0, 3] {
            let mut settings = lab.all_safety().invariant(linearizable.clone()).max_depth(200);
            settings.faults = Faults::default();
            settings.faults.crashes(faults).restarts(faults);
            let results = random_dfs(&lab.start(), &settings, RandomDfs { seed: 1, probes: Some(100) });
            assert_nothing_wrong(&results);
        }
    }
}

/// The three stages of a run: the leader is cut off, another takes over, and the first comes back and follows. All
/// commands are executed once.
#[test]
fn an_entry_of_a_cut_off_leader_gives_way() {
    let lab = lab(3, 1, &["APPEND:k:x"]);
    let has = |number| predicates::has_command::<RaftServer>(server(number), client(1), 1);
    let alone = lab.terms_up_to(lab.safety(), 1).goal(has(1)).with_delivery(|d| {
        d.timers(false).node_timers(server(1), true);
    });
    let first = bfs(&lab.start(), &alone);
    assert_eq!(assert_goal(&first), 4);
    let others =
        lab.terms_up_to(lab.safety(), 2).goal(predicates::committed::<RaftServer>(server(2), client(1), 1));
    let others = others.with_delivery(|d| {
        d.partition([&[server(2), server(3), client(1)][..]])
            .node_timers(server(1), false)
            .node_timers(server(3), false);
    });
    let second = bfs_from(&first.goal_states, &others);
    assert_goal(&second);
    let caught_up = predicates::committed::<RaftServer>(server(1), client(1), 1);
    let together = lab.terms_up_to(lab.safety(), 2).goal(caught_up.and(&clients_done()));
    assert_goal(&bfs_from(&second.goal_states, &together));
}

/// A leader that nobody disturbs changes nothing by its heartbeats: without elections and clients the space is small.
#[test]
fn heartbeats_change_nothing() {
    let lab = lab(3, 0, PUT);
    let leader = bfs(&lab.start(), &lab.safety().goal(predicates::leads::<RaftServer>(server(1))));
    let quiet = lab.safety().with_delivery(|d| {
        d.node_timers(server(2), false).node_timers(server(3), false);
    });
    let results = bfs_from(&leader.goal_states, &quiet);
    assert!(results.coverage.exhausted, "{}", results.verdict);
    assert!(results.stats.states < 100, "{} states", results.stats.states);
}

/// What the properties of this lab do not know: that clients get the right results.
#[test]
fn clients_get_the_right_results() {
    let commands = &["PUT:%a:1", "GET:%a", "APPEND:%a:2", "GET:%a"];
    let expected = [("PUT:%a:1", "PutOk"), ("GET:%a", "1"), ("APPEND:%a:2", "12"), ("GET:%a", "12")];
    let (texts, results): (Vec<&str>, Vec<&str>) = expected.into_iter().unzip();
    assert_eq!(texts, commands);
    let workload = framework::Workload::parse_expecting(clientserver::KvParser, texts, results).unwrap();
    let lab = Lab::new(&Handout, 3, vec![(client(1), workload.clone()), (client(2), workload)]);
    let settings = Settings { max_time: Some(Duration::from_secs(600)), ..lab.safety() };
    let settings = settings.invariant(results_ok()).max_depth(300);
    let results = random_dfs(&lab.start(), &settings, RandomDfs { seed: 7, probes: Some(100) });
    assert_nothing_wrong(&results);
}

#[test]
fn a_group_knows_its_servers() {
    let lab = lab(3, 1, PUT);
    let group: Group<RaftServer> = lab.group;
    assert!(group.addresses().eq([1, 2, 3].map(server)));
}
