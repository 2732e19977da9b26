//! Properties of what an event does to its node, which are remembered by node, against the same properties of whole
//! states, and against a search that counts what it is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use framework::{Address, Event, Outcome, Step, StepPredicate};
use models::raft::{Server, system};
use search::{Settings, State, bfs};

fn whole(
    name: &str,
    check: impl Fn(Address, &Server, &Server, &Event) -> Outcome + Send + Sync + 'static,
) -> StepPredicate {
    StepPredicate::new(name, move |step: &Step<'_>| {
        let node = step.event.node();
        match (step.before.node::<Server>(node), step.after.node::<Server>(node)) {
            (Some(before), Some(after)) => check(node, before, after, step.event),
            _ => Outcome::holds(),
        }
    })
}

type Check = fn(Address, &Server, &Server, &Event) -> Outcome;

const CHECKS: [(&str, Check); 4] = [
    ("terms grow", |_, before, after, _| (after.current_term >= before.current_term).into()),
    ("nothing is committed", |node, _, after, _| match after.commit_index {
        0 => Outcome::holds(),
        _ => Outcome::fails("something is committed").blaming(node, "commit_index"),
    }),
    ("only timers change the term", |_, before, after, event| {
        (before.current_term == after.current_term || matches!(event, Event::Fire { .. })).into()
    }),
    ("no vote in term 2", |_, before, after, _| {
        (after.current_term != 2 || before.voted_for == after.voted_for).into()
    }),
];

#[test]
fn properties_of_one_node_are_those_of_whole_states() {
    let start = State::initial(&system(3, 1, 1, 2)).unwrap();
    let found = |predicates: Vec<StepPredicate>| {
        let settings = Settings { step_invariants: predicates, ..Settings::default() }.max_depth(7);
        let results = bfs(&start, &settings);
        let events = results.trace.map(|trace| format!("{:?}", trace.events));
        (results.verdict, results.stats.levels, results.stats.digests, events)
    };
    let mut violated = 0;
    for (name, check) in CHECKS {
        let of_node = found(vec![StepPredicate::for_each(name, check)]);
        assert_eq!(of_node, found(vec![whole(name, check)]));
        violated += usize::from(of_node.0.word() == "violated");
    }
    assert_eq!(violated, 3);
    // Together, and mixed with one of the other kind: the first in the list is reported.
    let all = |of_node: bool, mixed: usize| {
        let predicate = |(i, (name, check)): (usize, (&str, Check))| {
            if of_node && i != mixed { StepPredicate::for_each(name, check) } else { whole(name, check) }
        };
        found(CHECKS.into_iter().enumerate().map(predicate).collect())
    };
    for mixed in 0..=CHECKS.len() {
        assert_eq!(all(true, mixed), all(false, mixed));
    }
}

/// That it is faster, in numbers that do not depend on the machine: how often it is asked.
#[test]
fn properties_of_one_node_are_asked_once_for_each_of_its_steps() {
    let start = State::initial(&system(3, 1, 1, 2)).unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let predicate = StepPredicate::for_each("asked", move |_, _: &Server, _: &Server, _: &Event| {
        counted.fetch_add(1, Ordering::Relaxed);
        Outcome::holds()
    });
    let settings = Settings::default().step_invariant(predicate).max_depth(9).threads(1);
    let results = bfs(&start, &settings);
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls * 5 < results.stats.generated, "{calls} calls for {} steps", results.stats.generated);
}
