// INSTRUCTOR ONLY
//! Other right designs pass everything: no predicate holds for the reference only, and every goal can be reached.

use clientserver::appends_linearizable;
use framework::predicate::clients_done;
use raft::Design;
use raft::predicates as p;
use search::{RandomDfs, bfs, bfs_from, random_dfs};

use crate::designs::variant::Routing;
use crate::designs::{ALL, QUIRKY, Variant, VariantServer};
use crate::support::{Lab, assert_covered, assert_goal, assert_nothing_wrong, client, clients, server};

fn lab(variant: Variant, servers: u16, client_count: u16, commands: &[&str]) -> Lab<Variant> {
    Lab::new(&variant, servers, clients(client_count, commands))
}

/// The designs differ: no two of them reach the same number of states.
#[test]
fn designs_differ() {
    let mut counts: Vec<(u64, &str)> = ALL
        .map(|(name, variant)| {
            let lab = lab(variant, 3, 1, &["PUT:k:v"]);
            let leader = lab.safety().goal(p::leads::<VariantServer>(server(1)));
            let leader = bfs(&lab.start(), &leader).goal_states;
            let depth = leader[0].depth() + 4;
            (bfs_from(&leader, &lab.safety().max_depth(depth)).stats.states, name)
        })
        .to_vec();
    counts.sort_unstable();
    assert!(counts.windows(2).all(|pair| pair[0].0 != pair[1].0), "{counts:?}");
}

#[test]
fn elect_and_commit() {
    for (name, variant) in ALL {
        for servers in [1, 3] {
            let lab = lab(variant, servers, 1, &["APPEND:k:x"]);
            let alone = |goal| {
                lab.terms_up_to(lab.safety(), 1).goal(goal).with_delivery(|d| {
                    d.timers(false).node_timers(server(1), true).node_timers(client(1), true);
                })
            };
            let leader = bfs(&lab.start(), &alone(p::leads::<VariantServer>(server(1))));
            assert_eq!(assert_goal(&leader), if servers == 1 { 1 } else { 3 }, "{name}");
            let done = bfs_from(&leader.goal_states, &alone(clients_done()));
            // Who asks one server and asked another than the leader needs some steps more.
            let more = if variant.routing == Routing::Broadcast { 0 } else { 2 };
            assert!(assert_goal(&done) <= if servers == 1 { 3 } else { 9 + more }, "{name}");
        }
    }
}

/// A cut-off leader comes back with an entry that nobody else has; the others have gone on with two of theirs.
#[test]
fn logs_become_equal_again() {
    for (name, variant) in ALL {
        let lab = Lab::new(
            &variant,
            3,
            [(client(1), vec!["APPEND:k:a"]), (client(2), vec!["APPEND:k:b", "APPEND:k:c"])]
                .map(|(address, texts)| (address, crate::support::workload(&texts)))
                .to_vec(),
        );
        let has = |n, c, seq| p::has_command::<VariantServer>(server(n), client(c), seq);
        let committed = |n, c, seq| p::committed::<VariantServer>(server(n), client(c), seq);
        let only =
            |settings: search::Settings, nodes: &[framework::Address], timers: &[framework::Address]| {
                settings.with_delivery(|d| {
                    d.partition([nodes]).timers(false);
                    for node in timers {
                        d.node_timers(*node, true);
                    }
                })
            };
        let (s1, s2, s3, c1, c2) = (server(1), server(2), server(3), client(1), client(2));
        let leader = only(lab.safety().goal(p::leads::<VariantServer>(s1)), &[s1, s2, s3], &[s1]);
        let leader = bfs(&lab.start(), &leader);
        assert_goal(&leader);
        let alone = bfs_from(&leader.goal_states, &only(lab.safety().goal(has(1, 1, 1)), &[s1, c1], &[c1]));
        assert_goal(&alone);
        let settings = lab.terms_up_to(lab.safety().goal(p::leads::<VariantServer>(s2)), 2);
        let others = bfs_from(&alone.goal_states, &only(settings, &[s2, s3], &[s2]));
        assert_goal(&others);
        let settings = lab.terms_up_to(lab.safety().goal(committed(2, 2, 1)), 2);
        let first = bfs_from(&others.goal_states, &only(settings, &[s2, s3, c2], &[c2]));
        assert_goal(&first);
        let settings = lab.terms_up_to(lab.safety().goal(committed(2, 2, 2)), 2);
        let second = bfs_from(&first.goal_states, &only(settings, &[s2, s3, c2], &[c2]));
        assert_goal(&second);
        let settings = lab.terms_up_to(lab.safety().goal(has(1, 2, 2)), 2);
        let together = bfs_from(&second.goal_states, &only(settings, &[s1, s2], &[s2]));
        assert!(
            matches!(together.verdict, search::Verdict::GoalFound { .. }),
            "{name}: {}",
            together.verdict
        );
        let settings = lab.terms_up_to(lab.safety().goal(clients_done()), 2);
        let done = bfs_from(&together.goal_states, &only(settings, &[s1, s2, s3, c1, c2], &[s2, c1]));
        assert_goal(&done);
    }
}

#[test]
fn nothing_is_wrong_nearby() {
    for (_, variant) in ALL {
        for (servers, client_count, commands, depth) in [
            (1, 2, &["APPEND:k:%a"] as &[&str], 10),
            (3, 0, &["PUT:k:v"], 8),
            (3, 1, &["PUT:k:v", "APPEND:k:w"], 7),
            (4, 1, &["PUT:k:v"], 6),
        ] {
            let lab = lab(variant, servers, client_count, commands);
            let results = bfs(&lab.start(), &lab.all_safety().max_depth(depth));
            assert_nothing_wrong(&results);
            assert_covered(&results, depth);
        }
    }
}

#[test]
fn nothing_is_wrong_with_crashes_and_restarts() {
    for (_, variant) in ALL {
        let lab = lab(variant, 3, 1, &["PUT:k:v"]);
        let mut settings = lab.all_safety().max_depth(6);
        settings.faults.crashes(2).restarts(2);
        let results = bfs(&lab.start(), &settings);
        assert_nothing_wrong(&results);
        assert_covered(&results, 6);
    }
}

#[test]
fn nothing_is_wrong_far_away() {
    let commands = &["APPEND:k:%a-%i;", "APPEND:k:%a-%i;"];
    for (_, variant) in ALL {
        for (servers, faults) in [(3, 0), (3, 3), (5, 3)] {
            let lab = lab(variant, servers, 2, commands);
            let linearizable = appends_linearizable(clients(2, commands));
            let mut settings = lab.all_safety().invariant(linearizable).max_depth(150);
            settings.faults.crashes(faults).restarts(faults);
            let random = RandomDfs { seed: 3, probes: Some(50) };
            assert_nothing_wrong(&random_dfs(&lab.start(), &settings, random));
        }
    }
}

/// What looks like a mistake, and is none, is not taken for one.
#[test]
fn quirks_are_not_punished() {
    for variant in QUIRKY {
        let nearby = lab(variant, 3, 1, &["PUT:k:v"]);
        let results = bfs(&nearby.start(), &nearby.all_safety().max_depth(7));
        assert_nothing_wrong(&results);
        assert_covered(&results, 7);
        let two = lab(variant, 5, 2, &["APPEND:k:%a"]);
        let random = RandomDfs { seed: 5, probes: Some(50) };
        assert_nothing_wrong(&random_dfs(&two.start(), &two.all_safety().max_depth(150), random));
    }
}

/// A design is a way to build a system, and nothing else: the reference is one, too.
#[test]
fn designs_are_interchangeable() {
    fn depth_of_first_leader<D: Design>(design: &D) -> u32 {
        let lab = Lab::new(design, 5, clients(0, &[]));
        let goal = lab.terms_up_to(lab.safety(), 1).goal(p::some_leader::<D::Server>());
        let goal = goal.with_delivery(|d| {
            d.timers(false).node_timers(server(2), true);
        });
        assert_goal(&bfs(&lab.start(), &goal))
    }
    assert_eq!(depth_of_first_leader(&raft::Handout), 5);
    for (_, variant) in ALL {
        assert_eq!(depth_of_first_leader(&variant), 5);
    }
}
