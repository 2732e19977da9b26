//! Crashes, cuts and lossy networks do to nodes what they should, and a server that keeps its promise survives them.

use framework::predicate::results_ok;
use framework::{Address, Outcome, Predicate};
use runner::{Action, Failure, Latency, Nemesis, Run, Schedule, Scope, Settings};

use crate::counter::{Counter, Saves, counters};
use crate::labs::{SERVER, key_value, ms, pingpong, secs};

/// A count that was told to a client is not told again.
fn counts_grow() -> Predicate {
    Predicate::for_each_worker("counts grow", |worker| {
        let counts = worker.results::<u64>().unwrap_or_default();
        match counts.windows(2).position(|pair| pair[0] >= pair[1]) {
            None => Outcome::holds(),
            Some(i) => Outcome::fails(format!("{} was followed by {}", counts[i], counts[i + 1])),
        }
    })
}

fn crashing(saves: Saves, seed: u64, schedule: Schedule) -> Result<Run, Failure> {
    let settings = Settings::simulated(seed).invariant(counts_grow()).schedule(schedule);
    let mut run = Run::new(&counters(1, saves, 100), settings)?;
    run.wait_for_clients(secs(60))?;
    Ok(run)
}

#[test]
fn a_crash_loses_what_was_not_saved() {
    let crash = || Schedule::new().at(ms(100), Action::Crash(SERVER)).at(ms(150), Action::Restart(SERVER));
    let failure = crashing(Saves::Never, 1, crash()).unwrap_err();
    assert!(failure.to_string().contains("`counts grow` is violated"), "{failure}");
    for seed in 0..20 {
        crashing(Saves::BeforeReply, seed, crash()).unwrap();
        // Between handlers what is saved too late is saved nevertheless.
        crashing(Saves::AfterReply, seed, crash()).unwrap();
    }
}

#[test]
fn a_crash_in_a_handler_finds_what_is_saved_too_late() {
    let crash = || {
        Schedule::new()
            .at(ms(100), Action::CrashInHandler { node: SERVER, persist: 0 })
            .at(ms(150), Action::Restart(SERVER))
    };
    for seed in 0..20 {
        crashing(Saves::BeforeReply, seed, crash()).unwrap();
        let failure = crashing(Saves::AfterReply, seed, crash()).unwrap_err();
        assert!(failure.to_string().contains("`counts grow` is violated"), "{failure}");
        let trace = failure.trace().to_string();
        assert!(trace.contains("and it crashes just before it persists"), "{trace}");
    }
}

#[test]
fn a_node_that_is_down_does_nothing_and_its_messages_arrive() {
    let settings =
        Settings::simulated(1).network(|network| network.latency(Scope::Network, Latency::fixed(ms(5))));
    let mut run = Run::new(&counters(2, Saves::BeforeReply, 1), settings).unwrap();
    run.run_for(ms(5)).unwrap();
    run.crash(SERVER).unwrap();
    assert!(run.inspect(|view| !view.is_up(SERVER) && view.node::<Counter>(SERVER).is_none()));
    assert!(run.inspect(|view| view.timers(SERVER).is_empty()));
    // The reply left before the crash.
    run.wait_for_clients(ms(5)).unwrap();
    let sent = run.traffic().sent_by(SERVER);
    run.run_for(secs(1)).unwrap();
    assert_eq!(run.traffic().sent_by(SERVER).sent, sent.sent);
    assert!(run.traffic().sent_to(SERVER).lost > 10);
    run.restart(SERVER).unwrap();
    assert_eq!(run.inspect(|view| view.node::<Counter>(SERVER).map(|counter| counter.count)), Some(1));
    run.run_for(ms(100)).unwrap();
    assert!(run.traffic().sent_by(SERVER).sent > sent.sent);
}

#[test]
fn clients_of_an_unreliable_network_get_right_answers() {
    for seed in 0..20 {
        let settings =
            Settings::simulated(seed).invariant(results_ok()).network(|network| network.unreliable());
        let workload = clientserver::append_different_key_workload(20);
        let mut run = Run::new(&key_value(5, &workload), settings).unwrap();
        run.wait_for_clients(secs(120)).unwrap();
        let total = run.traffic().total();
        assert!(total.lost > 20 && total.duplicated > 5 && total.delivered > 200, "{total:?}");
        assert_eq!(total.sent, run.traffic().of_kind("Request").sent + run.traffic().of_kind("Reply").sent);
    }
}

#[test]
fn messages_overtake_each_other() {
    let settings = |held: f64| {
        Settings::simulated(4).network(|network| {
            let latency = Latency::fixed(ms(1));
            network.latency(Scope::Network, latency).hold_back(Scope::Network, held, ms(500))
        })
    };
    let in_order = |held| {
        let mut run = Run::new(&counters(2, Saves::Never, 0), settings(held)).unwrap();
        run.run_for(secs(5)).unwrap();
        run.traffic().total().delivered
    };
    // Gossip of a count that does not change is one message, so what is counted is that all of them arrive.
    assert!(in_order(0.0) > 500 && in_order(0.5) > 400);
    // A ping that is held back longer than the client waits is answered twice.
    let mut run = Run::new(&pingpong(1, 200), settings(0.5)).unwrap();
    run.wait_for_clients(secs(200)).unwrap();
    let pongs = run.traffic().of_kind("PongReply");
    assert!(pongs.sent > 230, "{pongs:?}");
}

#[test]
fn each_direction_of_a_link_is_cut_by_itself() {
    let client = Address::client(1);
    let schedule = |from, to| {
        Schedule::new().at(ms(0), Action::CutLink { from, to }).at(secs(1), Action::MendLink { from, to })
    };
    for (from, to, pings) in [(client, SERVER, 0), (SERVER, client, 1)] {
        let settings = Settings::simulated(1).schedule(schedule(from, to));
        let mut run = Run::new(&pingpong(1, 1), settings).unwrap();
        run.run_for(secs(1)).unwrap();
        let received = run.traffic().between(client, SERVER).delivered;
        assert_eq!(received > 0, pings > 0);
        assert_eq!(run.traffic().between(SERVER, client).delivered, 0);
        run.wait_for_clients(secs(1)).unwrap();
    }
}

#[test]
fn everything_works_again_after_a_nemesis() {
    let everyone: Vec<Address> = [1, 2, 3].map(Address::server).into_iter().collect();
    for seed in 0..50 {
        let nemesis = Nemesis::new(everyone.clone())
            .splits()
            .isolations()
            .one_way_cuts()
            .crashes(3)
            .clock_rates(0.5..=2.0)
            .every(ms(10)..=ms(60));
        let schedule = nemesis.schedule(seed, secs(1));
        let (mut down, mut most) = (0_usize, 0);
        for (at, action) in schedule.entries() {
            assert!(*at <= secs(1));
            match action {
                Action::Crash(_) => down += 1,
                Action::Restart(_) => down -= 1,
                Action::Split(sides) => {
                    assert!(sides.len() == 2 && sides.iter().all(|side| !side.is_empty()), "{action}");
                    assert_eq!(sides.iter().map(Vec::len).sum::<usize>(), 3);
                }
                _ => {}
            }
            most = most.max(down);
        }
        assert!(down == 0 && most <= 3 && schedule.len() > 20);
        let settings = Settings::simulated(seed).invariant(counts_grow()).schedule(schedule);
        let mut run = Run::new(&counters(3, Saves::BeforeReply, 300), settings).unwrap();
        run.run_for(secs(1)).unwrap();
        run.wait_for_clients(secs(20)).unwrap();
        assert!(run.inspect(|view| everyone.iter().all(|server| view.is_up(*server))));
    }
}

#[test]
fn state_sizes_are_those_of_the_fields() {
    let mut run = Run::new(&counters(1, Saves::Never, 200), Settings::simulated(1)).unwrap();
    let before = run.state_size(SERVER).unwrap();
    run.wait_for_clients(secs(60)).unwrap();
    let bytes = run.inspect(|view| framework::encode(view.node::<Counter>(SERVER).unwrap()).unwrap().len());
    assert_eq!((before, run.state_size(SERVER).unwrap()), (bytes - 1, bytes));
    let total = run.traffic().total();
    let requests = run.traffic().of_kind("Add");
    assert_eq!((total.sent, requests.sent, total.lost), (400, 200, 0));
    // A variant and a number of one byte up to 127, of two above.
    assert_eq!(requests.bytes, 127 * 2 + 73 * 3);
}
