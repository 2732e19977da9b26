//! Every simulated run is a path of the model: what happened can be replayed step by step in the search's form of a
//! state, and leads to the same state.

use framework::{Address, Event, System, View};
use runner::{Latency, Nemesis, Run, Scope, Settings, Trace};
use search::{Delivery, State};

use crate::counter::{Add, Adder, Counter, Saves, counters};
use crate::labs::{SERVER, key_value, ms, pingpong, secs};

/// Replays a trace; every event must be possible where it happened.
fn replay(trace: &Trace) -> State {
    assert_eq!(trace.left_out, 0);
    let mut state = State::initial(&trace.system).unwrap();
    for (number, timed) in trace.events().enumerate() {
        state = match state.step(&timed.event, &Delivery::default()) {
            Ok(next) => next,
            Err(error) => panic!("event {number} at {:?}, {}: {error}", timed.at, timed.event),
        };
    }
    state
}

/// Everything that a state consists of, node by node.
fn assert_same(view: &View<'_>, state: &State) {
    let other = state.view();
    assert!(view.addresses().eq(other.addresses()));
    for address in view.addresses() {
        assert_eq!(view.is_up(address), other.is_up(address), "{address}");
        let value = |view: &View<'_>| view.any_node(address).unwrap().value().to_string();
        assert_eq!(value(view), value(&other), "{address}");
        assert_eq!(view.timers(address), other.timers(address), "{address}");
        assert_eq!(view.durable(address), other.durable(address), "{address}");
    }
    assert_eq!(view.envelopes(), other.envelopes());
}

fn assert_is_path(run: &Run) -> usize {
    let trace = run.trace();
    let state = replay(&trace);
    run.inspect(|view| assert_same(view, &state));
    assert!(trace.events().zip(trace.events().skip(1)).all(|(a, b)| a.at <= b.at));
    trace.len()
}

fn unreliable(seed: u64) -> Settings {
    let latency = Latency::long_tail(ms(1), ms(200));
    Settings::simulated(seed).network(|network| network.unreliable().latency(Scope::Network, latency))
}

#[test]
fn runs_of_the_labs_are_paths() {
    for seed in 0..5 {
        for system in [pingpong(3, 20), key_value(3, &clientserver::simple_workload())] {
            let mut run = Run::new(&system, unreliable(seed)).unwrap();
            run.wait_for_clients(secs(600)).unwrap();
            assert!(assert_is_path(&run) > 80);
        }
    }
}

/// Timers whose ranges overlap, equal timers, clocks that drift, crashes between and in handlers, cuts.
#[test]
fn runs_with_faults_are_paths() {
    let (mut interrupted, mut events) = (0, 0);
    for seed in 0..24 {
        let saves = [Saves::Never, Saves::BeforeReply, Saves::AfterReply][seed as usize % 3];
        let servers: Vec<Address> = (1..=3).map(Address::server).collect();
        let nemesis = Nemesis::new(servers.clone())
            .splits()
            .isolations()
            .one_way_cuts()
            .crashes(2)
            .clock_rates(0.5..=2.0)
            .every(ms(10)..=ms(100));
        let settings = unreliable(seed).schedule(nemesis.schedule(seed, ms(800)));
        let mut run = Run::new(&counters(3, saves, 1_000), settings).unwrap();
        for round in 0..4 {
            run.run_for(ms(200)).unwrap();
            if run.inspect(|view| view.is_up(SERVER)) {
                run.crash_in_handler(SERVER, 0).unwrap();
            }
            run.network(|network| network.node_timers(servers[round % 3], round % 2 == 0));
        }
        run.run_for(ms(100)).unwrap();
        let is_interrupted = |event: &Event| matches!(event, Event::Crash { during: Some(_), .. });
        interrupted += run.trace().events().filter(|timed| is_interrupted(&timed.event)).count();
        events += assert_is_path(&run);
    }
    assert!(interrupted > 5, "{interrupted} crashes fell into a handler");
    assert!(events > 5_000, "{events}");
}

#[test]
fn runs_with_nodes_that_come_and_go_are_paths() {
    for seed in 0..10 {
        let mut run = Run::new(&counters(2, Saves::BeforeReply, 5), unreliable(seed)).unwrap();
        run.run_for(ms(50)).unwrap();
        let third = Address::server(3);
        run.add(third, Counter { others: vec![SERVER], ..Counter::new(Saves::Never) }).unwrap();
        let client = run.add_interactive(Address::client(2), Adder::new(third)).unwrap();
        for expected in 1..=5 {
            assert!(run.ask(&client, Add, secs(60)).unwrap() >= expected);
            run.run_for(ms(30)).unwrap();
        }
        run.remove(third).unwrap();
        run.send(&client, Add).unwrap();
        run.run_for(ms(300)).unwrap();
        assert_eq!(run.response(&client), None);
        assert_is_path(&run);
    }
}

#[test]
fn a_run_without_nodes_is_a_path() {
    let mut run = Run::new(&System::new(), Settings::simulated(0)).unwrap();
    run.run_for(secs(1)).unwrap();
    assert_eq!((assert_is_path(&run), run.now()), (0, secs(1)));
}
