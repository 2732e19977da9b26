//! Budgets, cancellation, progress, and what a search says of its own coverage.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use framework::{Address, Context, Node, Outcome, Predicate, System};
use models::paxos::{self, Acceptor, Proposer};
use models::{timer_ring, two_phase_commit};
use search::{Budget, Progress, RandomDfs, Settings, State, Verdict};
use serde::{Deserialize, Serialize};

fn paxos() -> State {
    State::initial(&paxos::system(&["x", "y"], 3)).unwrap()
}

fn commit() -> State {
    State::initial(&two_phase_commit::system(5)).unwrap()
}

#[test]
fn depth_is_counted_from_the_beginning_also_in_a_later_stage() {
    let decided = Settings::default().goal(paxos::decided());
    let stage = search::bfs(&paxos(), &decided).goal_states.pop().unwrap();
    let depth = stage.depth();
    for more in 0..4 {
        let results = search::bfs(&stage, &Settings::default().max_depth(depth + more));
        assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Depth));
        assert_eq!(
            (results.stats.depth, results.coverage.complete_depth),
            (depth + more, Some(depth + more))
        );
        assert_eq!(results.stats.levels.len() as u32, depth + more + 1);
        assert!(results.stats.levels[..depth as usize].iter().all(|level| *level == 0));
        let random = RandomDfs { seed: 1, probes: Some(20) };
        let settings = Settings::default().max_depth(depth + more);
        let results = search::random_dfs(&stage, &settings, random);
        assert_eq!(results.stats.states, 1 + 20 * u64::from(more));
    }
    // A limit that lies behind it: only the start itself is looked at.
    let results = search::bfs(&stage, &Settings::default().max_depth(1).invariant(Predicate::never()));
    assert!(matches!(results.verdict, Verdict::Violated { .. }), "{}", results.verdict);
    let results = search::bfs(&stage, &Settings::default().max_depth(1));
    assert_eq!((results.verdict, results.stats.states), (Verdict::BudgetSpent(Budget::Depth), 1));
}

#[test]
fn no_time_is_little_time() {
    let settings = Settings { max_time: Some(Duration::ZERO), ..Settings::default() };
    let results = search::bfs(&paxos(), &settings);
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Time));
    assert!(!results.coverage.exhausted && results.coverage.complete_depth == Some(0));
    assert!(results.coverage.to_string().starts_with("every state up to depth 0 was visited"));
    let random = RandomDfs { seed: 1, probes: None };
    let results = search::random_dfs(&paxos(), &settings, random);
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Time));
}

#[test]
fn little_memory_is_a_verdict() {
    let settings = Settings { max_memory: Some(1), ..Settings::default() };
    let results = search::bfs(&paxos(), &settings);
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Memory));
    let settings = Settings { max_memory: Some(4 << 20), ..Settings::default() };
    let results = search::bfs(&paxos(), &settings);
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Memory));
    assert!(results.stats.states > 10_000, "{}", results.stats.states);
    // A round can go over it, but not by much.
    assert!(results.stats.bytes > 4 << 20 && results.stats.bytes < 32 << 20, "{}", results.stats.bytes);
    let complete = results.coverage.complete_depth.unwrap();
    let all = search::bfs(&paxos(), &Settings::default().max_depth(complete));
    assert_eq!(results.stats.levels[..=complete as usize], all.stats.levels);
}

#[test]
fn a_search_can_be_canceled_from_its_progress() {
    let settings = Settings::default();
    let (cancel, calls) = (settings.cancel.clone(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&calls);
    let settings = Settings {
        progress: Some(Arc::new(move |progress: &Progress| {
            log.lock().unwrap().push(*progress);
            if progress.depth == 4 {
                cancel.cancel();
            }
        })),
        ..settings
    };
    let results = search::bfs(&paxos(), &settings);
    assert_eq!(results.verdict, Verdict::Canceled);
    assert_eq!(results.coverage.complete_depth, Some(4));
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    assert_eq!(calls.iter().map(|p| p.depth).collect::<BTreeSet<_>>(), (1..=4).collect());
    assert!(calls.windows(2).all(|pair| pair[0].states <= pair[1].states));
    assert!(calls.iter().all(|p| p.bytes > 0 && p.expanded <= p.frontier && p.probes == 0));
    assert!(settings.cancel.is_canceled());

    // It stays canceled, and a random search heeds it as well.
    let random = RandomDfs { seed: 1, probes: None };
    assert_eq!(search::random_dfs(&paxos(), &settings, random).verdict, Verdict::Canceled);
}

#[test]
fn a_random_search_reports_progress() {
    let calls: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let log = Arc::clone(&calls);
    let settings = Settings {
        progress: Some(Arc::new(move |progress: &Progress| log.lock().unwrap().push(*progress))),
        ..Settings::default().max_depth(5)
    };
    let results = search::random_dfs(&paxos(), &settings, RandomDfs { seed: 1, probes: Some(200) });
    assert_eq!((results.verdict, results.stats.probes), (Verdict::BudgetSpent(Budget::Probes), 200));
    assert_eq!(results.stats.states, 1 + 200 * 5);
    let calls = calls.lock().unwrap();
    assert!(calls.last().unwrap().states == results.stats.states && calls.last().unwrap().probes >= 128);
}

#[test]
fn a_prune_that_never_fires_is_in_the_report() {
    let settings = Settings::default()
        .prune(Predicate::never())
        .prune(two_phase_commit::all_aborted())
        .invariant(two_phase_commit::consistent());
    let results = search::bfs(&commit(), &settings);
    let [never, aborted] = &results.coverage.prunes[..] else { panic!("two prunes") };
    assert_eq!(*never, ("false".to_owned(), 0));
    assert!(aborted.1 > 0);
    assert!(results.coverage.exhausted);
    let text = results.coverage.to_string();
    assert!(text.contains("prune `false` cut 0 states (never: is it what you meant?)"), "{text}");
    assert!(text.contains("off because a pruned state could hide"), "{text}");
}

/// Answers questions with nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Idle {
    asked: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    Question,
    Answer,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bored;

impl Node for Idle {
    type Message = Message;
    type Timer = Bored;

    fn init(&mut self, ctx: &mut Context<Message, Bored>) {
        ctx.send(Address::server(1), Message::Question);
        ctx.send(Address::server(2), Message::Answer);
        ctx.set_timer(Bored, Duration::from_secs(1));
    }

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Message, Bored>) {
        self.asked |= matches!(message, Message::Question);
    }

    fn on_timer(&mut self, _: Bored, ctx: &mut Context<Message, Bored>) {
        ctx.set_timer(Bored, Duration::from_secs(1));
    }
}

fn idle() -> State {
    let mut system = System::new();
    for i in 1..=2 {
        system.add(Address::server(i), Idle { asked: false }).unwrap();
    }
    State::initial(&system).unwrap()
}

#[test]
fn handlers_that_do_nothing_and_messages_that_never_arrive_are_in_the_report() {
    let settings = Settings::default().with_delivery(|delivery| {
        delivery.link(Address::server(2), Address::server(1), false);
    });
    let results = search::bfs(&idle(), &settings);
    assert_eq!((&results.verdict, &results.stats.levels[..]), (&Verdict::Exhausted, &[1, 1][..]));
    let handlers: Vec<(&str, u64)> =
        results.coverage.handlers.iter().map(|h| (&h.handler[..], h.effective)).collect();
    assert_eq!(handlers, [("on_message(Answer)", 0), ("on_message(Question)", 1), ("on_timer(Bored)", 0)]);
    assert_eq!(results.coverage.never_delivered, ["Question from server2 to server1"]);
    let text = results.coverage.to_string();
    for line in [
        "every state within the settings was visited and checked",
        "on_timer(Bored) of Idle ran, but never did anything",
        "on_message(Answer) of Idle ran, but never did anything",
        "never delivered: Question from server2 to server1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert!(!text.contains("on_message(Question) of Idle ran"), "{text}");
}

#[test]
fn an_invariant_that_cannot_fail_is_in_the_report() {
    let third = Address::numbered("acceptor", 3);
    let cut_off = Predicate::holds("acceptor3 has promised nothing", move |view| {
        view.node::<Acceptor>(third).is_some_and(|acceptor| acceptor.prepared.is_none())
    });
    let other = Predicate::new("acceptor1 is there", |view| {
        let node = view.node::<Acceptor>(Address::numbered("acceptor", 1));
        node.map_or_else(|| Outcome::fails("gone"), |_| Outcome::holds())
    });
    let network = Predicate::holds("there are no strangers", |view| {
        !view.any_envelope(|envelope| envelope.from == Address::server(1))
    });
    let settings = Settings::default()
        .max_depth(5)
        .with_delivery(|delivery| {
            delivery.receiver(third, false);
        })
        .invariant(cut_off)
        .invariant(other)
        .invariant(network)
        .invariant(Predicate::always());
    let results = search::bfs(&paxos(), &settings);
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Depth));
    assert_eq!(results.coverage.vacuous_invariants, ["acceptor3 has promised nothing", "true"]);
    assert!(results.coverage.to_string().contains("invariant `true` saw the same thing in every state"));
}

#[test]
fn an_invariant_that_sees_change_is_not_vacuous() {
    let results =
        search::bfs(&paxos(), &Settings::default().max_depth(5).invariant(paxos::validity(&["x", "y"])));
    assert!(results.coverage.vacuous_invariants.is_empty());
    assert_eq!(results.coverage.commutation, "on");
}

#[test]
fn what_was_covered_before_a_finding_is_said() {
    let decided = Predicate::holds("nobody decides", |view| {
        view.nodes::<Proposer>().all(|(_, proposer)| proposer.decision.is_none())
    });
    let results = search::bfs(&paxos(), &Settings::default().invariant(decided));
    let depth = results.stats.depth;
    assert_eq!(results.coverage.complete_depth, Some(depth - 1));
    assert!(!results.coverage.exhausted);
}

/// Panics at the first message, and has nothing else to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fragile;

impl Node for Fragile {
    type Message = Message;
    type Timer = Bored;

    fn init(&mut self, ctx: &mut Context<Message, Bored>) {
        ctx.send(ctx.address(), Message::Question);
    }

    fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Message, Bored>) {
        panic!("no answer");
    }

    fn on_timer(&mut self, _: Bored, _: &mut Context<Message, Bored>) {}
}

#[test]
fn the_start_was_covered_before_its_first_step_panicked() {
    let mut system = System::new();
    system.add(Address::server(1), Fragile).unwrap();
    let results = search::bfs(&State::initial(&system).unwrap(), &Settings::default());
    assert!(matches!(results.verdict, Verdict::HandlerPanicked(_)), "{}", results.verdict);
    assert_eq!((results.stats.states, results.coverage.complete_depth), (1, Some(0)));
}

#[test]
fn no_more_goal_states_are_kept_than_asked_for() {
    let goal = timer_ring::ticks_are_true();
    let begin = State::initial(&timer_ring::system(2, 2)).unwrap();
    let stage: Vec<State> = begin
        .events(&Settings::default().delivery)
        .iter()
        .map(|event| begin.step(event, &Settings::default().delivery).unwrap())
        .collect();
    assert!(stage.len() > 2);
    for max_goal_states in [1, 2] {
        let settings = Settings { max_goal_states, ..Settings::default().goal(goal.clone()) };
        let results = search::bfs_from(&stage, &settings);
        assert_eq!(results.goal_states.len(), max_goal_states);
    }
    // Also when they are found on the way, and always the same ones.
    let goal = Predicate::holds("something fired", |view| {
        view.nodes::<timer_ring::Member>().any(|(_, member)| member.a + member.b > 0)
    });
    let mut first = None;
    for threads in [1, 2, 8] {
        let settings =
            Settings { max_goal_states: 2, ..Settings::default().goal(goal.clone()).threads(threads) };
        let results = search::bfs(&begin, &settings);
        let goals: Vec<Vec<u8>> = results.goal_states.iter().map(|state| state.encode().unwrap()).collect();
        assert_eq!(goals.len(), 2);
        assert_eq!(*first.get_or_insert(goals.clone()), goals);
    }
}

/// In a system in which nothing can happen, a random search makes no states, so that it cannot spend their budget.
#[test]
fn a_random_search_of_a_system_that_does_nothing_ends() {
    let (done, verdict) = mpsc::channel();
    // The time limit is only there so that the thread ends some day.
    let settings = Settings {
        max_time: Some(Duration::from_secs(5)),
        ..Settings::default().max_states(1_000).with_delivery(|delivery| {
            delivery.network(false).timers(false);
        })
    };
    thread::spawn(move || {
        let results = search::random_dfs(&paxos(), &settings, RandomDfs { seed: 1, probes: None });
        done.send(results.verdict)
    });
    let verdict = verdict.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_ne!(verdict, Verdict::BudgetSpent(Budget::Time));
}
