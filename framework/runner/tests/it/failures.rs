//! What a run says when it fails, and that it stays failed.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use framework::predicate::results_ok;
use framework::{Address, Context, Node, Outcome, Predicate, StepPredicate, System};
use pingpong::{Ping, PingClient, PingMessage, PingServer, PingTimer, Pong};
use runner::{Action, Check, Failure, FailureKind, Latency, Run, Schedule, Scope, Settings};
use serde::{Deserialize, Serialize};

use crate::counter::{Add, Adder, Counter, Saves, counters};
use crate::labs::{SERVER, ms, pingpong, pings, secs};

/// A message that cannot be printed.
#[derive(Clone, Serialize, Deserialize)]
struct Mute;

impl fmt::Debug for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Speechless;

impl Node for Speechless {
    type Message = Mute;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Mute, ()>) {
        ctx.set_timer((), ms(1));
    }

    fn on_message(&mut self, _: Address, _: Mute, _: &mut Context<Mute, ()>) {}

    fn on_timer(&mut self, (): (), ctx: &mut Context<Mute, ()>) {
        ctx.send(SERVER, Mute);
    }
}

/// A ping server that misbehaves at its third ping.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bad {
    how: How,
    pings: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum How {
    Panics,
    Hangs,
    WrongText,
    PanicsAtInit,
    TalksToItself,
}

impl Node for Bad {
    type Message = PingMessage;
    type Timer = PingTimer;

    fn init(&mut self, _: &mut Context<PingMessage, PingTimer>) {
        assert!(self.how != How::PanicsAtInit, "no configuration");
    }

    fn on_message(&mut self, from: Address, message: PingMessage, ctx: &mut Context<PingMessage, PingTimer>) {
        let PingMessage::PingRequest(Ping(mut text)) = message else { return };
        self.pings += 1;
        if self.pings >= 3 {
            match self.how {
                How::Panics => panic!("three pings are too many"),
                How::Hangs => loop {
                    thread::sleep(Duration::from_millis(1));
                },
                How::WrongText => text.push('?'),
                How::TalksToItself => ctx.send(ctx.address(), PingMessage::PingRequest(Ping(text.clone()))),
                How::PanicsAtInit => {}
            }
        }
        ctx.send(from, PingMessage::PongReply(Pong(text)));
    }

    fn on_timer(&mut self, _: PingTimer, _: &mut Context<PingMessage, PingTimer>) {}
}

fn bad(how: How) -> System {
    let mut system = System::new();
    system.add(SERVER, Bad { how, pings: 0 }).unwrap();
    system.add_client(Address::client(1), PingClient::new(SERVER), pings(10)).unwrap();
    system
}

fn settings() -> Settings {
    Settings::simulated(7).network(|network| network.latency(Scope::Network, Latency::fixed(ms(4))))
}

fn fail(how: How, settings: Settings) -> Failure {
    let mut run = Run::new(&bad(how), settings).unwrap();
    let failure = run.wait_for_clients(secs(10)).unwrap_err();
    if failure.kind().is_final() {
        // It stays failed, in the same way.
        let again = run.run_for(secs(1)).unwrap_err();
        assert_eq!((again.kind(), again.at()), (failure.kind(), failure.at()));
        run.crash(SERVER).unwrap_err();
    }
    failure
}

#[test]
fn a_panic_names_node_handler_and_place() {
    let failure = fail(How::Panics, settings());
    let text = failure.to_string();
    let (before, after) = text.split_once(" framework/runner/tests/it/failures.rs:").unwrap();
    insta::assert_snapshot!(before, @"on_message(PingRequest) of server1 (Bad): three pings are too many, at");
    insta::assert_snapshot!(after.split_once(' ').unwrap().1, @"(after 20ms and 7 events, seed 7)");
    let last = failure.trace().events().last().unwrap();
    assert_eq!(last.event.handler(), "on_message(PingRequest)");
    assert_eq!(failure.kind().word(), "handler-panicked");
    let at_start = Run::new(&bad(How::PanicsAtInit), settings()).unwrap_err().to_string();
    assert!(at_start.starts_with("init of server1 (Bad): no configuration, at "), "{at_start}");
}

#[test]
fn a_debug_that_panics_is_no_panic_of_the_run() {
    for settings in [settings(), Settings::real_time(1)] {
        let mut system = System::new();
        system.add(SERVER, Speechless).unwrap();
        let failure = Run::new(&system, settings).unwrap().run_for(secs(1)).unwrap_err();
        let text = failure.kind().to_string();
        assert!(
            text.starts_with("`Debug` of what was sent or asked of server1 (Speechless): no words, at "),
            "{text}"
        );
    }
}

#[test]
fn a_violation_ends_with_the_event_that_causes_it() {
    let failure = fail(How::WrongText, settings().invariant(results_ok()));
    // The client ignores a pong that it did not ask for, so the violation is that of no result at all.
    assert_eq!(failure.kind().word(), "time-up");
    let never = Predicate::for_each("few pings", |address, bad: &Bad| {
        if bad.pings < 3 { Outcome::holds() } else { Outcome::fails("third").blaming(address, "pings") }
    });
    let failure = fail(How::WrongText, settings().invariant(never.clone()));
    insta::assert_snapshot!(failure, @"`few pings` is violated: third (after 20ms and 7 events, seed 7)");
    assert_eq!(failure.trace().len(), 7);
    let FailureKind::Violated { outcome, of_step: false, .. } = failure.kind() else { panic!("{failure}") };
    assert_eq!(outcome.blame()[0].to_string(), "server1.pings");
    // Checked now and then, or at the end of waits only, it is found later.
    for (check, at) in
        [(Check::EveryEvents(4), ms(24)), (Check::Every(ms(200)), ms(204)), (Check::AtWaits, secs(10))]
    {
        let failure = fail(How::WrongText, settings().invariant(never.clone()).check(check));
        assert_eq!((failure.kind().word(), failure.at()), ("violated", at), "{check:?}");
    }
}

#[test]
fn steps_are_checked_with_the_state_before() {
    let slow = StepPredicate::new("the count grows by one", |step| {
        let count = |view: &framework::View<'_>| view.node::<Counter>(SERVER).map(|counter| counter.count);
        match (count(step.before), count(step.after)) {
            (Some(before), Some(after)) if after > before + 1 => Outcome::fails("by more"),
            (Some(before), Some(after)) if after < before => Outcome::fails("it shrinks"),
            _ => Outcome::holds(),
        }
    });
    let sent_before = StepPredicate::new("nothing is sent twice in a row", |step| {
        (step.before.envelopes().len() <= step.after.envelopes().len()
            && step.before.envelopes().iter().all(|e| step.after.any_envelope(|other| other == e)))
        .into()
    });
    let settings = settings().step_invariant(slow).step_invariant(sent_before);
    let mut run = Run::new(&counters(1, Saves::Never, 50), settings).unwrap();
    run.wait_for_clients(secs(10)).unwrap();

    let few = StepPredicate::new("no reply after the third", |step| {
        let replies = |view: &framework::View<'_>| {
            view.envelopes().iter().filter(|envelope| envelope.from == SERVER).count()
        };
        if replies(step.before) == 3 && replies(step.after) == 4 {
            return Outcome::fails(format!("{} sends the fourth", step.event.node()));
        }
        Outcome::holds()
    });
    let mut run = Run::new(&counters(1, Saves::Never, 50), self::settings().step_invariant(few)).unwrap();
    let failure = run.run_for(secs(10)).unwrap_err();
    insta::assert_snapshot!(failure, @"`no reply after the third` is violated: server1 sends the fourth (after 28ms and 7 events, seed 7)");
}

#[test]
fn predicates_that_panic_are_named() {
    let broken = Predicate::holds("broken", |view| {
        assert!(view.node::<Bad>(SERVER).is_none_or(|bad| bad.pings < 2), "cannot look");
        true
    });
    let failure = fail(How::WrongText, settings().invariant(broken.clone()));
    let FailureKind::PredicatePanicked { predicate, panic } = failure.kind() else { panic!("{failure}") };
    assert_eq!(predicate, "broken");
    assert!(panic.starts_with("cannot look, at "), "{panic}");
    let mut run = Run::new(&bad(How::WrongText), settings()).unwrap();
    let failure = run.wait_for(&broken.not(), secs(1)).unwrap_err();
    assert_eq!(failure.kind().word(), "predicate-panicked");
}

#[test]
fn messages_without_end_are_stopped() {
    let mut settings = settings();
    settings.events_max = 10_000;
    let failure = fail(How::TalksToItself, settings);
    insta::assert_snapshot!(failure, @"the nodes handled more than 10000 events; look for messages that cause each other without end: 4998 `PingRequest` from server1 to server1 (after 24.997ms and 10001 events, seed 7)");
}

#[test]
fn a_wait_in_vain_says_what_is_missing_and_goes_on() {
    let mut run = Run::new(&pingpong(2, 3), settings()).unwrap();
    run.network(|network| network.link(Address::client(2), SERVER, false));
    let failure = run.wait_for_clients(secs(2)).unwrap_err();
    insta::assert_snapshot!(failure, @"`all clients are done` did not come to hold within 2s: client2 has 0 of 3 results (after 2s and 209 events, seed 7)");
    run.network(|network| network.heal());
    run.wait_for_clients(secs(2)).unwrap();
}

/// The crate's examples run with any right nodes, and so do not assert how long these take; they say it.
#[test]
fn the_examples_of_the_crate_say_what_the_reference_does() {
    let said = include_str!("../../src/lib.rs");
    let settings = Settings::simulated(7).invariant(results_ok()).network(|network| network.unreliable());
    let mut run = Run::new(&pingpong(1, 100), settings).unwrap();
    let done = run.wait_for_clients(secs(60)).unwrap();
    assert!(said.contains(&format!("//! // {done:.1?} for the reference's nodes")), "{done:?}");

    let mut run = Run::new(&pingpong(1, 100), Settings::simulated(7)).unwrap();
    run.run_for(ms(50)).unwrap();
    run.network(|network| network.node(SERVER, false));
    let failure = run.wait_for_clients(secs(1)).unwrap_err().to_string();
    assert!(said.replace("\n//! //", "").contains(&format!("reference's nodes: {failure}\n")), "{failure}");
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut run = Run::new(&pingpong(1, 3), settings()).unwrap();
    let text = |result: Result<(), Failure>| {
        let failure = result.unwrap_err();
        assert!(!failure.kind().is_final());
        failure.kind().to_string()
    };
    insta::assert_snapshot!(text(run.crash(Address::server(9))), @"there is no node `server9` in this run; the nodes are server1, client1");
    insta::assert_snapshot!(text(run.restart(SERVER)), @"server1 is up; only a node that has crashed can be restarted");
    insta::assert_snapshot!(text(run.add(SERVER, PingServer)), @"there are two nodes with the address `server1`; every node needs its own");
    insta::assert_snapshot!(text(run.add(Address::server(2), Counter::new(Saves::Never))), @"node `server2` has the message type `Message`, the nodes before it have `PingMessage`; all nodes of a lab share one message and one timer type");
    run.crash(SERVER).unwrap();
    insta::assert_snapshot!(text(run.crash(SERVER)), @"server1 is down; restart it first");
    run.restart(SERVER).unwrap();
    run.remove(SERVER).unwrap();
    insta::assert_snapshot!(text(run.restart(SERVER)), @"server1 was removed from the run; crash a node that shall come back");
    let client = run.add_interactive(Address::client(7), PingClient::new(SERVER)).unwrap();
    run.send(&client, Ping("one".to_owned())).unwrap();
    insta::assert_snapshot!(text(run.send(&client, Ping("two".to_owned()))), @r#"client7 still waits for the response to `Ping("one")`; a client has one outstanding command at a time"#);
    run.crash(Address::client(7)).unwrap();
    insta::assert_snapshot!(text(run.restart(Address::client(7))), @"client7 is an interactive client and does not restart: it would not know which commands it had; add another");
    // A schedule that names nobody is found when it is due.
    let schedule = Schedule::new().at(ms(100), Action::Isolate(Address::server(3)));
    let mut run = Run::new(&pingpong(1, 3), settings().schedule(schedule)).unwrap();
    let failure = run.run_for(secs(1)).unwrap_err();
    insta::assert_snapshot!(failure, @"the schedule cannot be followed: there is no node `server3` in this run; the nodes are server1, client1 (after 100ms and 9 events, seed 7)");
}

#[test]
fn commands_of_an_interactive_client_are_in_its_history() {
    let mut run = Run::new(&counters(1, Saves::Never, 0), settings()).unwrap();
    let client = run.add_interactive(Address::client(2), Adder::new(SERVER)).unwrap();
    assert_eq!(run.ask(&client, Add, secs(1)).unwrap(), 1);
    run.network(|network| network.node(SERVER, false));
    run.send(&client, Add).unwrap();
    run.run_for(secs(1)).unwrap();
    assert_eq!(run.max_wait(), secs(1));
    let lines: Vec<String> = run
        .operations()
        .iter()
        .map(|o| format!("{} {} {} {:?} {:?}", o.client, o.index, o.command, o.invoked_at, o.end))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
client2 0 Add 0ns Returned { at: 8ms, response: 1 }
client2 1 Add 8ms Pending
");
    run.crash(Address::client(2)).unwrap();
    run.run_for(secs(1)).unwrap();
    assert_eq!(run.max_wait(), secs(1));
}

/// The process supervisor of a test reads which handler runs; here another thread does.
#[test]
fn a_handler_that_hangs_in_a_simulated_run_is_named_from_outside() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let (send, receive) = crossbeam::channel::bounded(1);
    thread::spawn(move || {
        let mut run = Run::new(&bad(How::Hangs), settings()).unwrap();
        send.send(run.running()).unwrap();
        RUNS.fetch_add(1, Ordering::Relaxed);
        let _never = run.run_for(secs(1));
    });
    let running = receive.recv().unwrap();
    let handler = loop {
        if let Some(handler) = running.handlers().into_iter().find(|h| h.elapsed() > ms(50)) {
            break handler;
        }
        thread::sleep(ms(1));
    };
    assert_eq!(handler.to_string(), "on_message(PingRequest) of server1");
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}

#[test]
fn a_handler_that_hangs_in_real_time_fails_the_run() {
    let mut settings = Settings::real_time(7);
    settings.handler_time_max = ms(100);
    let begun = Instant::now();
    let failure = fail(How::Hangs, settings);
    insta::assert_snapshot!(failure.kind(), @"on_message(PingRequest) of server1 (Bad): it has not returned for 100ms; look for a loop that does not end");
    assert!(begun.elapsed() >= ms(100));
}
