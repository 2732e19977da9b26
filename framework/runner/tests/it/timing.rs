//! Virtual time is exact, and long runs are short.

use framework::predicate::{clients_done, results_ok};
use framework::{Address, Event, Predicate, System};
use pingpong::{Ping, PingClient, PingServer};
use runner::{Action, FailureKind, Latency, Nemesis, Network, Run, Schedule, Scope, Settings};

use crate::counter::{Counter, Saves, counters};
use crate::labs::{SERVER, key_value, ms, pingpong, pings, secs};

fn fixed(milliseconds: u64) -> impl FnOnce(&mut Network) -> &mut Network {
    move |network| network.latency(Scope::Network, Latency::fixed(ms(milliseconds)))
}

#[test]
fn a_round_trip_takes_twice_the_latency() {
    let mut run = Run::new(&pingpong(1, 100), Settings::simulated(3).network(fixed(4))).unwrap();
    assert_eq!(run.wait_for_clients(secs(10)).unwrap(), ms(800));
    // Each ping and each pong is an event, and so are the timers of 10 ms that are due by then: at 10 ms, 18 ms, …, 794 ms.
    assert_eq!((run.now(), run.max_wait(), run.events_handled()), (ms(800), ms(8), 200 + 99));
    run.run_for(secs(5)).unwrap();
    assert_eq!((run.now(), run.events_handled()), (ms(5800), 300));
}

#[test]
fn a_rate_limited_client_pauses_between_its_commands() {
    let mut system = System::new();
    system.add(SERVER, PingServer).unwrap();
    let workload = pings(1).endless().every(ms(92));
    system.add_client(Address::client(1), PingClient::new(SERVER), workload).unwrap();
    let mut run = Run::new(&system, Settings::simulated(3).network(fixed(4))).unwrap();
    run.run_for(secs(30)).unwrap();
    assert_eq!(run.inspect(|view| view.worker(Address::client(1)).unwrap().result_count()), 300);
    // A client whose workload has no end is not waited for.
    assert_eq!(run.wait_for_clients(secs(1)).unwrap(), secs(30));
    let error = run.wait_for(&clients_done(), secs(1)).unwrap_err();
    insta::assert_snapshot!(error, @"`all clients are done` did not come to hold within 1s: client1 has 310 of endless results (after 31s and 1240 events, seed 3)");
    assert_eq!(run.now(), secs(31));
}

/// Ticks are counted by a node whose clock is fast, and by one whose clock is exact.
#[test]
fn a_fast_clock_fires_more_timers() {
    let mut system = System::new();
    let (exact, fast) = (Address::server(1), Address::server(2));
    for address in [exact, fast] {
        system.add(address, Counter { others: vec![address], ..Counter::new(Saves::Never) }).unwrap();
    }
    let mut run = Run::new(&system, Settings::simulated(5)).unwrap();
    run.clock_rate(fast, 1.25).unwrap();
    run.run_for(secs(60)).unwrap();
    let trace = run.trace();
    let tocks = |address| {
        let is_tock = |event: &Event| match event {
            Event::Fire { node, timer } => *node == address && timer.timer.kind() == "Tock",
            _ => false,
        };
        trace.events().filter(|timed| is_tock(&timed.event)).count()
    };
    assert_eq!((tocks(exact), tocks(fast)), (6_000, 7_500));
}

#[test]
fn timers_that_are_off_wait() {
    let mut run = Run::new(&pingpong(1, 1), Settings::simulated(1).network(fixed(4))).unwrap();
    let client = Address::client(1);
    run.network(|network| network.node(SERVER, false).node_timers(client, false));
    run.run_for(secs(10)).unwrap();
    assert_eq!(run.traffic().sent_by(client).sent, 1);
    run.network(|network| network.heal().timers(false));
    run.run_for(secs(10)).unwrap();
    // The setting of the node decides, and then that of all.
    run.network(|network| network.node_timers(client, true));
    assert_eq!(run.wait_for_clients(secs(10)).unwrap(), secs(20) + ms(8));
}

#[test]
fn a_wait_ends_with_the_event_that_satisfies_it() {
    let client = Address::client(1);
    let half = Predicate::holds("half is done", move |view| {
        view.worker(client).is_some_and(|worker| worker.result_count() == 50)
    });
    let mut run = Run::new(&pingpong(1, 100), Settings::simulated(3).network(fixed(4))).unwrap();
    assert_eq!(run.wait_for(&half, secs(10)).unwrap(), ms(400));
    assert_eq!(run.wait_for(&half, secs(10)).unwrap(), ms(400));
    assert!(run.check(&half).unwrap().is_ok());
    run.run_for(ms(7)).unwrap();
    assert!(run.check(&half).unwrap().is_ok());
    run.run_for(ms(1)).unwrap();
    assert!(!run.check(&half).unwrap().is_ok());
    run.run_for(secs(1)).unwrap();
    let failure = run.wait_for(&half, secs(1)).unwrap_err();
    assert!(matches!(failure.kind(), FailureKind::TimeUp { idle: true, .. }), "{failure}");
}

/// Thirty simulated seconds with a new partition every few hundred milliseconds: clients make progress, all answers are
/// right, and every state is checked.
#[test]
fn thirty_seconds_of_constant_repartitioning() {
    let workload = clientserver::different_keys_infinite_workload(Some(ms(10)));
    let everyone = [1, 2, 3, 4, 5].map(Address::client).into_iter().chain([SERVER]);
    let nemesis = Nemesis::new(everyone).splits().every(ms(100)..=ms(400));
    let settings = Settings::simulated(9).invariant(results_ok()).schedule(nemesis.schedule(9, secs(30)));
    let mut run = Run::new(&key_value(5, &workload), settings).unwrap();
    run.run_for(secs(30)).unwrap();
    let operations = run.operations().len();
    assert!((3_000..12_000).contains(&operations), "{operations}");
    assert!(run.max_wait() > ms(100) && run.max_wait() < secs(10), "{:?}", run.max_wait());
    run.network(|network| network.heal());
    let before = run.operations().len();
    run.run_for(secs(3)).unwrap();
    assert!(run.operations().len() > before + 500);
}

/// Predicates are evaluated where something changed; one that reads the whole network is evaluated after every event. Both
/// find the same violation at the same event.
#[test]
fn predicates_are_evaluated_as_if_from_scratch() {
    let down = Address::server(3);
    let predicates = || {
        let pairs =
            Predicate::for_each_pair("counts are close", |(_, a): (_, &Counter), (_, b): (_, &Counter)| {
                (a.heard.abs_diff(b.heard) < 4).into()
            });
        let each = Predicate::for_each("heard little", |_, counter: &Counter| (counter.heard < 9).into());
        let workers = Predicate::for_each_worker("few results", |worker| (worker.result_count() < 20).into());
        let one = Predicate::holds("server2 heard little", |view| {
            view.node(Address::server(2)).is_none_or(|counter: &Counter| counter.heard < 8)
        });
        let up = Predicate::holds("server3 is up", move |view| view.is_up(down));
        let added = Predicate::holds("few nodes", |view| view.addresses().count() < 5);
        [pairs, each, workers, one, up, added]
    };
    let violation = |seed: u64, invariant: Predicate| {
        let settings = Settings::simulated(seed).network(|network| network.unreliable()).invariant(invariant);
        let schedule = Schedule::new().at(ms(150), Action::Crash(down)).at(ms(160), Action::Restart(down));
        let mut run = Run::new(&counters(3, Saves::Never, 100), settings.schedule(schedule))?;
        run.run_for(ms(700))?;
        run.add(Address::server(4), Counter::new(Saves::Never))?;
        run.run_for(secs(10))
    };
    for seed in 0..5 {
        for predicate in predicates() {
            let always = predicate.clone();
            let plain = Predicate::new(predicate.name(), move |view| {
                view.any_envelope(|_| false);
                always.check(view)
            });
            let (a, b) = (violation(seed, predicate).unwrap_err(), violation(seed, plain).unwrap_err());
            assert_eq!((a.kind(), a.at()), (b.kind(), b.at()));
            assert_eq!(a.trace().to_string(), b.trace().to_string());
        }
    }
}

#[test]
fn an_interactive_client_has_its_answer_after_a_round_trip() {
    let mut run = Run::new(&pingpong(0, 0), Settings::simulated(3).network(fixed(4))).unwrap();
    run.run_for(secs(1)).unwrap();
    let client = run.add_interactive(Address::client(9), PingClient::new(SERVER)).unwrap();
    let pong = run.ask(&client, Ping("hello".to_owned()), secs(1)).unwrap();
    assert_eq!((pong.0.as_str(), run.now()), ("hello", secs(1) + ms(8)));
    run.send(&client, Ping("again".to_owned())).unwrap();
    assert!(run.response(&client).is_none());
    run.run_for(secs(1)).unwrap();
    assert_eq!(run.response(&client).unwrap().0, "again");
}
