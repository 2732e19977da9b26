// INSTRUCTOR ONLY
//! Wrong designs are found out, each by the predicate that is about its mistake.

use raft::predicates as p;
use search::{RandomDfs, Results, Settings, Verdict, bfs, bfs_from, random_dfs};

use crate::designs::named::{BATCHING, NAIVE};
use crate::designs::{Flaw, Variant, VariantServer};
use crate::support::{Lab, assert_goal, client, server, story, workload};

/// Three or more servers and two clients with an append each, without part 4's rule.
fn lab(flaw: Flaw, base: Variant, servers: u16, clients: u16) -> Lab<Variant> {
    let clients = (1..=clients).map(|number| (client(number), workload(&["APPEND:k:%a"])));
    Lab::new(&Variant { flaw, ..base }, servers, clients.collect())
}

fn settings(lab: &Lab<Variant>) -> Settings {
    Settings {
        invariants: lab.group.invariants(),
        step_invariants: lab.group.step_invariants(),
        ..Settings::default()
    }
}

#[track_caller]
fn assert_violates(results: &Results, expected: &str, depth: u32) {
    let Verdict::Violated { invariant, .. } = &results.verdict else { panic!("{}", story(results)) };
    assert_eq!(invariant, expected, "{}", story(results));
    assert_eq!(results.stats.depth, depth, "{}", story(results));
}

/// A plain search finds these in so many steps: an election, and then the mistake.
#[test]
fn near_mistakes_are_found_by_a_plain_search() {
    for (flaw, base, servers, clients, expected, depth) in [
        (Flaw::VotesAgain, NAIVE, 3, 0, "one vote a term", 3),
        (Flaw::ForgetsVote, NAIVE, 3, 0, "a leader has the votes of a majority", 4),
        (Flaw::HalfIsEnough, NAIVE, 4, 0, "a leader has the votes of a majority", 3),
        (Flaw::AnswersEarly, NAIVE, 3, 1, "finished writes are in the logs of a majority", 5),
    ] {
        let lab = lab(flaw, base, servers, clients);
        assert_violates(&bfs(&lab.start(), &settings(&lab).max_depth(8)), expected, depth);
    }
}

/// Part 4: the same with crashes.
#[test]
fn broken_promises_are_found_with_a_crash() {
    for (flaw, expected, depth) in [
        (Flaw::LosesVote, "a crash loses no term, no vote and no committed entry", 2),
        (Flaw::SavesLate, "a leader has the votes of a majority", 3),
    ] {
        let lab = lab(flaw, NAIVE, 3, 0);
        let mut settings = settings(&lab).max_depth(8);
        settings.faults.crashes(1).restarts(1);
        assert_violates(&bfs(&lab.start(), &settings), expected, depth);
    }
    let late = lab(Flaw::LosesVote, NAIVE, 3, 0);
    let saved = Settings::default().invariant(p::durable_state_is_current(&late.group));
    assert_violates(&bfs(&late.start(), &saved), "term, vote and log are persisted", 1);
}

/// Random walks find these.
#[test]
fn far_mistakes_are_found_by_random_walks() {
    let walks = |flaw, base| {
        let lab = lab(flaw, base, 3, 2);
        let settings = settings(&lab).max_depth(120);
        random_dfs(&lab.start(), &settings, RandomDfs { seed: 1, probes: Some(3000) })
    };
    let found: String = [
        (Flaw::ComparesLengths, BATCHING),
        (Flaw::ChecksIndexOnly, BATCHING),
        (Flaw::CutsOff, BATCHING),
        (Flaw::AcknowledgesAll, BATCHING),
        (Flaw::CountsOldTerms, NAIVE),
        (Flaw::TrustsCommit, NAIVE),
        (Flaw::LowersCommit, NAIVE),
        (Flaw::SkipsEntries, BATCHING),
    ]
    .into_iter()
    .map(|(flaw, base)| match walks(flaw, base).verdict {
        Verdict::Violated { invariant, .. } => format!("{flaw:?}: {invariant}\n"),
        verdict => format!("{flaw:?}: {verdict}\n"),
    })
    .collect();
    insta::assert_snapshot!(found, @r"
    ComparesLengths: leader completeness
    ChecksIndexOnly: log matching
    CutsOff: committed entries never change
    AcknowledgesAll: committed entries are in the logs of a majority
    CountsOldTerms: only entries of its own term are committed by a leader
    TrustsCommit: state machine safety
    LowersCommit: commit_index never decreases
    SkipsEntries: a store is what the applied entries make of it
    ");
}

/// Figure 8, up to the moment when the mistake shows: a leader of term 3 commits an entry of term 1 with server3's
/// acknowledgment alone.
#[test]
fn counting_old_terms_is_found_in_stages() {
    let lab = lab(Flaw::CountsOldTerms, NAIVE, 3, 1);
    let (s1, s2, s3, c1) = (server(1), server(2), server(3), client(1));
    let only = |goal, term, nodes: &[framework::Address], timers: &[framework::Address]| {
        lab.terms_up_to(settings(&lab).goal(goal), term).with_delivery(|d| {
            d.partition([nodes]).timers(false);
            for node in timers {
                d.node_timers(*node, true);
            }
        })
    };
    let leader = bfs(&lab.start(), &only(p::leads::<VariantServer>(s1), 1, &[s1, s2], &[s1]));
    assert_goal(&leader);
    let has = only(p::has_command::<VariantServer>(s1, c1, 1), 1, &[s1, c1], &[]);
    let has = bfs_from(&leader.goal_states, &has);
    assert_goal(&has);
    let other =
        bfs_from(&has.goal_states, &only(p::leads_after::<VariantServer>(s2, 1), 2, &[s2, s3], &[s2]));
    assert_goal(&other);
    let again =
        bfs_from(&other.goal_states, &only(p::leads_after::<VariantServer>(s1, 2), 3, &[s1, s3], &[s1]));
    assert_goal(&again);
    let never = framework::Predicate::never();
    let found = bfs_from(&again.goal_states, &only(never, 3, &[s1, s3], &[s1]));
    let Verdict::Violated { invariant, .. } = &found.verdict else { panic!("{}", story(&found)) };
    assert_eq!(invariant, "only entries of its own term are committed by a leader");
}

/// Two leaders in one term, because a server voted twice: a trace on which the viewer's tests are, among others, shown
/// that its cause is found with a few keys.
#[test]
fn a_double_vote_is_a_trace_that_the_viewer_is_tested_on() {
    let lab = lab(Flaw::VotesAgain, NAIVE, 3, 0);
    let settings = Settings::default().invariant(p::election_safety::<VariantServer>()).max_depth(8);
    let found = bfs(&lab.start(), &settings);
    assert_violates(&found, "election safety", 6);
    is_the_fixture("double_vote", &found, &settings, "bfs");
}

/// Two servers that commit different entries at one index, because one of them takes over the leader's `commit_index` as
/// it is.
#[test]
fn different_entries_are_a_trace_that_the_viewer_is_tested_on() {
    let lab = lab(Flaw::TrustsCommit, NAIVE, 3, 2);
    let settings = Settings::default().invariant(p::state_machine_safety::<VariantServer>()).max_depth(120);
    let found = random_dfs(&lab.start(), &settings, RandomDfs { seed: 1, probes: Some(3000) });
    let Verdict::Violated { invariant, .. } = &found.verdict else { panic!("{}", story(&found)) };
    assert_eq!(invariant, "state machine safety", "{}", story(&found));
    is_the_fixture("different_entries", &found, &settings, "random");
}

/// Compares what was found with the trace of that name among the viewer's, which is of this design as it was when the viewer's
/// tests were written: without the fields of later parts. With `UPDATE_FIXTURES` set it is written again.
#[track_caller]
fn is_the_fixture(name: &str, found: &Results, settings: &Settings, strategy: &str) {
    let origin = visualizer::trace_file::Origin { lab: "raft".to_owned(), ..Default::default() };
    let trace = visualizer::record(found, settings, origin, strategy).expect("it was found");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../visualizer/src/fixtures");
    let path = std::path::Path::new(folder).join(format!("{name}.json"));
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        trace.save(&path).unwrap();
    }
    let fixture = visualizer::TraceFile::load(&path).unwrap();
    let (expected, now) = (&fixture.verdict, &trace.verdict);
    assert_eq!(
        (&expected.kind, &expected.name),
        (&now.kind, &now.name),
        "run this test with UPDATE_FIXTURES=1"
    );
}
