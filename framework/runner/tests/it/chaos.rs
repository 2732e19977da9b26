//! Many seeds: the first that fails, whatever the number of threads, and a schedule without what is not needed.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use framework::{Address, Outcome, Predicate};
use runner::{Chaos, ChaosFailure, Failure, Nemesis, Run, Schedule, Settings};

use crate::counter::{Saves, counters};
use crate::labs::{SERVER, ms, secs};

/// Fails once a count is told twice: when the server crashed at some time, and lost something.
fn forgetful(saves: Saves, seed: u64, schedule: &Schedule) -> Result<(), Failure> {
    let grows = Predicate::for_each_worker("counts grow", |worker| {
        let counts = worker.results::<u64>().unwrap_or_default();
        if counts.is_sorted_by(|a, b| a < b) {
            Outcome::holds()
        } else {
            Outcome::fails("a count came again")
        }
    });
    let settings = Settings::simulated(seed).invariant(grows).schedule(schedule.clone());
    let mut run = Run::new(&counters(3, saves, 60), settings)?;
    run.wait_for_clients(secs(30)).map(drop)
}

fn faults(seed: u64) -> Schedule {
    let nemesis = Nemesis::new([1, 2, 3].map(Address::server)).splits().crashes(1).clock_rates(0.5..=2.0);
    nemesis.every(ms(20)..=ms(120)).schedule(seed, secs(1))
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn chaos(count: usize) -> ChaosFailure {
    Chaos::seeds(0..60)
        .threads(threads(count))
        .with_schedules(faults, |seed, schedule| forgetful(Saves::Never, seed, schedule))
        .unwrap_err()
}

#[test]
fn finds_the_same_first_seed_and_schedule_with_any_number_of_threads() {
    let first = chaos(1);
    // No earlier seed fails.
    for seed in 0..first.seed() {
        forgetful(Saves::Never, seed, &faults(seed)).unwrap();
    }
    for count in [2, 7] {
        let other = chaos(count);
        assert_eq!((other.seed(), other.shrunk()), (first.seed(), first.shrunk()));
        assert_eq!(other.failure().trace().to_string(), first.failure().trace().to_string());
        assert_eq!(other.to_string(), first.to_string());
    }
    // What is left is needed, and enough.
    let shrunk = first.shrunk().unwrap();
    assert!(shrunk.len() <= 2 && first.schedule().unwrap().len() > 8, "{first}");
    let failure = forgetful(Saves::Never, first.seed(), shrunk).unwrap_err();
    assert_eq!(failure.trace().to_string(), first.failure().trace().to_string());
    for left_out in 0..shrunk.len() {
        let entries = shrunk.entries().iter().enumerate().filter(|(i, _)| *i != left_out);
        let less: Schedule = entries.map(|(_, entry)| entry.clone()).collect();
        let same = |failure: Failure| failure.kind().is_same_finding(first.failure().kind());
        assert!(!forgetful(Saves::Never, first.seed(), &less).is_err_and(same));
    }
    insta::assert_snapshot!(first, @r"
`counts grow` is violated: a count came again (after 157.474386ms and 342 events, seed 5)
It fails with 2 of the schedule's 17 actions:
  62.612033ms: crash server1
  142.182023ms: restart server1
");
}

#[test]
fn passes_where_nothing_fails_and_runs_every_seed() {
    let seeds = AtomicU64::new(0);
    Chaos::seeds(0..30)
        .with_schedules(faults, |seed, schedule| {
            seeds.fetch_add(1 << seed, Ordering::Relaxed);
            forgetful(Saves::BeforeReply, seed, schedule)
        })
        .unwrap();
    assert_eq!(seeds.into_inner(), (1 << 30) - 1);
}

#[test]
fn repeats_without_schedules() {
    let failure = Chaos::seeds(3..40)
        .run(|seed| {
            let mut run = Run::new(&counters(1, Saves::Never, 3), Settings::simulated(seed))?;
            run.network(|network| network.node(SERVER, seed % 10 != 9));
            run.wait_for_clients(secs(1)).map(drop)
        })
        .unwrap_err();
    insta::assert_snapshot!(failure, @"`all clients are done` did not come to hold within 1s: client1 has 0 of 3 results (after 1s and 33 events, seed 9)");
    assert!(failure.schedule().is_none() && failure.shrunk().is_none());
}

#[test]
fn a_test_that_panics_fails_with_its_seed() {
    let failure = Chaos::seeds(0..40)
        .with_schedules(faults, |seed, schedule| {
            assert!(seed < 4 || schedule.len() < 3, "there is no reason to go on");
            Ok(())
        })
        .unwrap_err();
    assert_eq!((failure.seed(), failure.shrunk().map(Schedule::len)), (4, Some(3)));
    let text = failure.to_string();
    assert!(text.starts_with("the test panicked: there is no reason to go on, at framework"), "{text}");
    assert!(text.contains("(after 0ns and 0 events, seed 4)"), "{text}");
}

#[test]
fn a_schedule_is_a_file() {
    let schedule = faults(3);
    let text = serde_json::to_string(&schedule).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
}
