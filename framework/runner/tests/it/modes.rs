//! One test, both modes: the real time is short.

use framework::predicate::results_ok;
use framework::{Address, Predicate, StepPredicate};
use pingpong::{Ping, PingClient};
use runner::{Action, Check, Run, Schedule, Settings};
use search::{Delivery, State};

use crate::counter::{Counter, Saves, counters};
use crate::labs::{SERVER, key_value, ms, pingpong, secs};

fn both() -> [Settings; 2] {
    [Settings::simulated(5), Settings::real_time(5)]
}

#[test]
fn clients_get_their_answers() {
    for settings in both() {
        let settings = settings.invariant(results_ok()).network(|network| network.unreliable());
        let mut run = Run::new(&pingpong(3, 5), settings).unwrap();
        let done = run.wait_for_clients(secs(60)).unwrap();
        assert!(done > ms(5) && run.max_wait() > ms(0));
        assert_eq!(run.operations().len(), 15);
        assert!(run.traffic().of_kind("PongReply").delivered >= 15);
        let client = run.add_interactive(Address::client(9), PingClient::new(SERVER)).unwrap();
        assert_eq!(run.ask(&client, Ping("hi".to_owned()), secs(60)).unwrap().0, "hi");
        let now = run.now();
        run.run_for(ms(20)).unwrap();
        assert!(run.now() >= now + ms(20));
    }
}

#[test]
fn nodes_come_crash_restart_and_go() {
    for settings in both() {
        let schedule = Schedule::new()
            .at(ms(20), Action::Isolate(SERVER))
            .at(ms(40), Action::Heal)
            .at(ms(50), Action::Crash(SERVER))
            .at(ms(60), Action::Restart(SERVER));
        let mut run = Run::new(&counters(3, Saves::BeforeReply, 10), settings.schedule(schedule)).unwrap();
        run.run_for(ms(70)).unwrap();
        run.wait_for_clients(secs(60)).unwrap();
        assert!(run.inspect(|view| view.node::<Counter>(SERVER).unwrap().count >= 10));
        let late = Address::server(9);
        run.add(late, Counter { others: vec![SERVER], ..Counter::new(Saves::Never) }).unwrap();
        let gossiped = Predicate::holds("the late one gossiped", move |view| {
            view.any_envelope(|envelope| envelope.from == late)
        });
        run.wait_for(&gossiped, secs(60)).unwrap();
        run.remove(late).unwrap();
        let sent = run.traffic().sent_by(late).sent;
        run.run_for(ms(50)).unwrap();
        assert_eq!(run.traffic().sent_by(late).sent, sent);
        let texts: Vec<String> = run.trace().notes.into_iter().map(|note| note.text).collect();
        assert!(
            texts.contains(&"server1 is cut off".to_owned())
                && texts.contains(&"server9 is removed".to_owned())
        );
    }
}

/// A run in real time is a path of the model, too: handlers run side by side, but their order is that of the record.
#[test]
fn a_run_in_real_time_is_a_path() {
    for check in [Check::AtWaits, Check::EveryEvent] {
        let settings = Settings::real_time(3)
            .invariant(Predicate::always())
            .check(check)
            .network(|network| network.unreliable());
        let mut run = Run::new(&counters(3, Saves::AfterReply, 20), settings).unwrap();
        run.run_for(ms(100)).unwrap();
        run.crash_in_handler(SERVER, 0).unwrap();
        run.run_for(ms(100)).unwrap();
        let trace = run.trace();
        let mut state = State::initial(&trace.system).unwrap();
        for timed in trace.events() {
            state = state.step(&timed.event, &Delivery::default()).unwrap();
        }
        run.inspect(|view| {
            assert_eq!(view.envelopes(), state.view().envelopes());
            for address in view.addresses() {
                let text = |view: &framework::View<'_>| view.any_node(address).map(|node| node.debug());
                assert_eq!(text(view), text(&state.view()));
                assert_eq!(view.timers(address), state.view().timers(address));
            }
        });
        assert!(trace.len() > 50, "{}", trace.len());
    }
}

#[test]
fn invariants_are_checked_in_both_modes() {
    for settings in both() {
        let few = Predicate::for_each_worker("few results", |worker| (worker.result_count() < 3).into());
        for check in [Check::EveryEvent, Check::EveryEvents(2), Check::Every(ms(5)), Check::AtWaits] {
            let settings = settings.clone().invariant(few.clone()).check(check);
            let mut run = Run::new(&pingpong(2, 5), settings).unwrap();
            let failure = run.run_for(ms(300)).unwrap_err();
            assert_eq!(failure.kind().word(), "violated", "{check:?}");
        }
        let steps = StepPredicate::new("no third result", |step| {
            let results =
                |view: &framework::View<'_>| view.workers().map(|w| w.result_count()).sum::<usize>();
            assert!(results(step.after) <= results(step.before) + 1);
            (results(step.after) < 3).into()
        });
        let mut run = Run::new(&pingpong(2, 5), settings.step_invariant(steps)).unwrap();
        let failure = run.run_for(secs(10)).unwrap_err();
        assert_eq!(failure.kind().word(), "violated");
        let results = |run: &Run| run.inspect(|view| view.workers().map(|w| w.result_count()).sum::<usize>());
        assert_eq!(results(&run), 3);
    }
}

/// Between waits the nodes stand still, also in real time.
#[test]
fn time_passes_in_waits_only() {
    for settings in both() {
        let workload = clientserver::different_keys_infinite_workload(None);
        let mut run = Run::new(&key_value(2, &workload), settings.invariant(results_ok())).unwrap();
        run.run_for(ms(30)).unwrap();
        let (events, now) = (run.events_handled(), run.now());
        assert!(events > 0);
        std::thread::sleep(ms(30));
        assert_eq!((run.events_handled(), run.now()), (events, now));
        run.run_for(ms(30)).unwrap();
        assert!(run.events_handled() > events);
    }
}
