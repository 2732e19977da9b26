//! Traces: they replay to what was found, are as short as they can be, and know where they come from.

use framework::{Address, Event, Predicate, StepPredicate, System};
use models::paxos::{self, Mistake, Proposer};
use models::{timer_ring, two_phase_commit};
use search::{Delivery, RandomDfs, ReplayError, Results, Settings, State, StepError, Target, Trace, Verdict};

const VALUES: [&str; 2] = ["x", "y"];

fn start(system: &System) -> State {
    State::initial(system).unwrap()
}

fn bad_paxos() -> State {
    start(&paxos::buggy_system(&VALUES, 3, Mistake::QuorumTooSmall))
}

fn agreement() -> Settings {
    Settings::default().invariant(paxos::agreement()).invariant(paxos::validity(&VALUES))
}

/// The trace ends where the verdict says, and nothing can be left out.
fn check(results: &Results, settings: &Settings) {
    let trace = results.trace.as_ref().unwrap();
    let states = search::replay(trace, &settings.delivery).unwrap();
    assert_eq!(states.len(), trace.events.len() + 1);
    let last = states.last().unwrap().view();
    match &results.verdict {
        Verdict::Violated { invariant, outcome } => {
            let violated = settings.invariants.iter().find(|p| p.name() == invariant).unwrap();
            // The reason is that of the state that the trace ends in.
            assert_eq!(violated.explained(&last), *outcome);
            assert!(!outcome.is_ok() && !outcome.reason().is_empty());
        }
        Verdict::GoalFound { goal } => {
            assert!(settings.goals.iter().find(|p| p.name() == goal).unwrap().check(&last).is_ok());
        }
        other => panic!("{other}"),
    }
    assert!(search::is_one_minimal(trace, &Target::new(&results.verdict, settings)));
}

fn events(results: &Results) -> Vec<String> {
    results.trace.as_ref().unwrap().events.iter().map(ToString::to_string).collect()
}

#[test]
fn a_violation_of_paxos_is_the_shortest_and_the_same_with_any_number_of_threads() {
    for (mistake, acceptors) in [(Mistake::QuorumTooSmall, 3), (Mistake::ForgetsPromise, 1)] {
        let start = start(&paxos::buggy_system(&VALUES, acceptors, mistake));
        let mut first = None;
        for threads in [1, 2, 3, 8] {
            let settings = agreement().threads(threads);
            let results = search::bfs(&start, &settings);
            check(&results, &settings);
            let trace = results.trace.as_ref().unwrap();
            assert_eq!((trace.events.len(), trace.found_len, results.stats.depth), (10, 10, 10));
            let this = (events(&results), results.verdict.clone(), results.stats.digests.clone());
            assert_eq!(*first.get_or_insert(this.clone()), this);
        }
    }
}

#[test]
fn the_counterexample_names_who_decided_what() {
    let results = search::bfs(&bad_paxos(), &agreement());
    let Verdict::Violated { invariant, outcome } = &results.verdict else { panic!("{}", results.verdict) };
    assert_eq!(invariant, "agreement");
    assert_eq!(outcome.reason(), "proposer1 decided x, but proposer2 decided y");
    let blame: Vec<String> = outcome.blame().iter().map(ToString::to_string).collect();
    assert_eq!(blame, ["proposer1.decision", "proposer2.decision"]);
}

/// Effects stand next to their causes: the rounds of the proposers are not interleaved more than their meeting at one
/// acceptor, and the last event staying the last, ask for.
#[test]
fn a_trace_is_in_reading_order() {
    let results = search::bfs(&bad_paxos(), &agreement());
    let events = events(&results);
    let about = |i: usize| if events[i].contains("proposer1") { 1 } else { 2 };
    let changes = (1..events.len()).filter(|i| about(*i) != about(i - 1)).count();
    assert!(changes <= 3, "{events:#?}");
}

#[test]
fn reading_order_ends_in_the_state_that_was_found() {
    let paxos = start(&paxos::system(&VALUES, 3));
    let ring = start(&timer_ring::system(2, 2));
    let commit = start(&two_phase_commit::system(3));
    for (start, goal) in [
        (paxos, paxos::decided()),
        (ring, timer_ring::all_spent()),
        (commit.clone(), two_phase_commit::all_committed()),
        (commit, two_phase_commit::all_aborted()),
    ] {
        for minimize in [false, true] {
            let settings = Settings { minimize, ..Settings::default().goal(goal.clone()) };
            let results = search::bfs(&start, &settings);
            check(&results, &settings);
            let trace = results.trace.as_ref().unwrap();
            // Breadth-first, so there is nothing to leave out; only the order may be another.
            assert_eq!(trace.events.len(), trace.found_len);
            assert_eq!(trace.found_len, results.stats.depth as usize);
            let end = search::replay(trace, &settings.delivery).unwrap().pop().unwrap();
            let found = results.goal_state().unwrap();
            if !minimize {
                assert!(end.is_same_state(found));
                let sorted = |mut events: Vec<Event>| {
                    events.sort();
                    events
                };
                assert_eq!(sorted(trace.events.clone()), sorted(found.history()));
            }
            assert_eq!((found.depth() as usize, found.history().len()), (trace.found_len, trace.found_len));
        }
    }
}

#[test]
fn a_staged_trace_knows_its_past() {
    let begin = bad_paxos();
    let decided = Settings::default().goal(paxos::decided());
    let first = search::bfs(&begin, &decided);
    let stage = first.goal_state().unwrap();
    assert_eq!((first.stats.depth, stage.depth()), (5, 5));

    let settings = agreement();
    let results = search::bfs(stage, &settings);
    check(&results, &settings);
    let trace = results.trace.as_ref().unwrap();
    assert_eq!((trace.start.depth(), trace.events.len(), results.stats.depth), (5, 5, 10));
    assert_eq!(results.stats.levels[..5], [0; 5]);
    // Past and trace together lead from the very beginning to the violation.
    let whole = search::Trace {
        start: begin,
        events: trace.start.history().into_iter().chain(trace.events.clone()).collect(),
        found_len: 10,
    };
    let end = search::replay(&whole, &settings.delivery).unwrap().pop().unwrap();
    assert!(!paxos::agreement().check(&end.view()).is_ok());
    assert_eq!((end.depth(), end.history()), (10, whole.events));
}

#[test]
fn a_random_trace_is_minimized_to_the_same_violation() {
    let begin = bad_paxos();
    let mut first = None;
    for threads in [1, 2, 3, 8] {
        let settings = agreement().max_depth(60).threads(threads);
        let results = search::random_dfs(&begin, &settings, RandomDfs { seed: 7, probes: Some(5_000) });
        check(&results, &settings);
        let trace = results.trace.as_ref().unwrap();
        assert!(trace.found_len >= 2 * trace.events.len(), "{} {}", trace.found_len, trace.events.len());
        let this = (events(&results), results.verdict.clone(), results.stats.digests.clone());
        assert_eq!(*first.get_or_insert(this.clone()), this);
    }
}

#[test]
fn a_trace_that_is_not_minimized_is_what_was_walked() {
    let settings = Settings { minimize: false, ..agreement().max_depth(60) };
    let results = search::random_dfs(&bad_paxos(), &settings, RandomDfs { seed: 7, probes: Some(5_000) });
    let trace = results.trace.as_ref().unwrap();
    assert_eq!(trace.events.len(), trace.found_len);
    search::replay(trace, &settings.delivery).unwrap();
    let shorter =
        search::minimize(&trace.start, trace.events.clone(), &Target::new(&results.verdict, &settings));
    assert!(shorter.len() < trace.events.len());
    assert!(!search::is_one_minimal(trace, &Target::new(&results.verdict, &settings)));

    // With few steps it is not as short, but shows the same: whatever is left out, the violation is still there.
    let within = |steps| {
        let target = Target::new(&results.verdict, &settings).within(steps);
        search::minimize(&trace.start, trace.events.clone(), &target)
    };
    let lengths: Vec<usize> = (0..40)
        .map(|times| {
            let events = within(times * trace.events.len() as u64);
            let shown =
                search::replay(&Trace { events: events.clone(), ..trace.clone() }, &settings.delivery);
            let last = shown.unwrap().pop().unwrap();
            assert!(!settings.invariants[0].check(&last.view()).is_ok(), "{events:#?}");
            events.len()
        })
        .collect();
    assert!(lengths.is_sorted_by(|more, less| more >= less), "{lengths:?}");
    assert_eq!((lengths[0], lengths.last()), (trace.events.len(), Some(&shorter.len())));
}

/// Two states are the same exactly if their bytes are, however they came to be.
#[test]
fn the_same_state_has_the_same_bytes() {
    let delivery = Delivery::default();
    let begin = start(&two_phase_commit::system(2));
    let mut states = vec![begin];
    for depth in 0..3 {
        let next: Vec<State> = states
            .iter()
            .flat_map(|state| {
                state.events(&delivery).into_iter().map(|event| state.step(&event, &delivery).unwrap())
            })
            .collect();
        assert!(next.len() > depth, "{} states", next.len());
        states.extend(next);
    }
    let (mut same, mut different) = (0, 0);
    for a in &states {
        for b in &states {
            let expected = a.encode().unwrap() == b.encode().unwrap();
            assert_eq!(a.is_same_state(b), expected, "{a:?}\n{b:?}");
            *if expected { &mut same } else { &mut different } += 1;
        }
    }
    assert!(same > states.len() && different > states.len(), "{same} {different}");
}

#[test]
fn minimizing_keeps_the_invariant_that_was_violated() {
    // Both fail in the end; the one that was found is not exchanged for one that fails earlier.
    let no_ack = Predicate::holds("nobody has two acks", |view| {
        view.nodes::<Proposer>().all(|(_, proposer)| proposer.accept_acks.len() < 2)
    });
    let settings = agreement();
    let results = search::bfs(&bad_paxos(), &settings);
    let with_both = Settings { invariants: vec![no_ack, paxos::agreement()], ..settings };
    let trace = results.trace.as_ref().unwrap();
    assert!(search::is_one_minimal(trace, &Target::new(&results.verdict, &with_both)));
}

/// A step that changes nothing is never checked, so a trace cannot end in one.
#[test]
fn a_trace_to_a_violated_step_ends_in_a_step_that_changes_something() {
    let heard = StepPredicate::new("no tick is heard after the first timer", |step| {
        let spent = step.after.nodes::<timer_ring::Member>().any(|(_, member)| member.a > 0);
        (!(spent && matches!(step.event, Event::Deliver(_)))).into()
    });
    let settings = Settings::default().step_invariant(heard);
    let begin = start(&timer_ring::system(2, 2));
    for results in [
        search::bfs(&begin, &settings),
        search::random_dfs(&begin, &settings, RandomDfs { seed: 1, probes: Some(100) }),
    ] {
        let trace = results.trace.as_ref().unwrap();
        let states = search::replay(trace, &settings.delivery).unwrap();
        let [.., before, after] = &states[..] else { panic!("there is a step") };
        assert!(!before.is_same_state(after), "{:?}", trace.events);
        assert!(search::is_one_minimal(trace, &Target::new(&results.verdict, &settings)));
    }
}

#[test]
fn an_event_that_cannot_happen_is_named() {
    let begin = start(&timer_ring::system(2, 1));
    let settings = Settings::default();
    let node = Address::numbered("node", 1);
    let timers: Vec<_> = begin.local(0).timers.as_slice().to_vec();
    let fire = |i: usize| Event::Fire { node, timer: timers[i].clone() };
    let replay = |events: Vec<Event>, settings: &Settings| -> ReplayError {
        let trace = search::Trace { start: begin.clone(), events, found_len: 0 };
        search::replay(&trace, &settings.delivery).unwrap_err()
    };
    insta::assert_snapshot!(replay(vec![fire(2)], &settings), @"event 1 of the trace, `node1's timer C fires`, cannot happen: the timer `C` of node1 cannot fire yet: `A`, set earlier, is certain to fire before it");
    insta::assert_snapshot!(replay(vec![fire(0), fire(0)], &settings), @"event 2 of the trace, `node1's timer A fires`, cannot happen: the timer `A` is not pending at node1");
    let tick = begin.step(&fire(0), &settings.delivery).unwrap().network()[0].clone();
    insta::assert_snapshot!(replay(vec![Event::Deliver(tick.clone())], &settings), @"event 1 of the trace, `node2 receives Tick(1) from node1`, cannot happen: `Tick(1)` from node1 to node2 is not in the network: it was not sent, or it was dropped");
    let off = settings.with_delivery(|delivery| {
        delivery.network(false).node_timers(node, false);
    });
    insta::assert_snapshot!(replay(vec![fire(0)], &off), @"event 1 of the trace, `node1's timer A fires`, cannot happen: the settings let no timer of node1 fire");
    let sent = begin.step(&fire(0), &Settings::default().delivery).unwrap();
    let error = sent.step(&Event::Deliver(tick), &off.delivery).unwrap_err();
    insta::assert_snapshot!(error, @"the settings let no message from node1 to node2 through");
    let nobody = Event::Fire { node: Address::server(9), timer: timers[0].clone() };
    assert_eq!(begin.step(&nobody, &off.delivery).unwrap_err(), StepError::NoSuchNode(Address::server(9)));
}
