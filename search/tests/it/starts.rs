//! Searches from several states: a start is never pruned, systems are not mixed, deep starts are checked.

use std::time::Duration;

use framework::{Address, Context, Node, Predicate, System};
use search::{Budget, RandomDfs, Settings, State, Verdict};
use serde::{Deserialize, Serialize};

/// Counts its timer, and shows one of many numbers that does not repeat for a long time.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counter {
    n: u64,
    bits: u16,
    padding: Vec<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Toss {
    Heads,
    Tails,
}

impl Node for Counter {
    type Message = ();
    type Timer = Toss;

    fn init(&mut self, ctx: &mut Context<(), Toss>) {
        ctx.set_timer(Toss::Heads, Duration::from_millis(1)..=Duration::from_millis(9));
        ctx.set_timer(Toss::Tails, Duration::from_millis(1)..=Duration::from_millis(9));
    }

    fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), Toss>) {}

    fn on_timer(&mut self, toss: Toss, ctx: &mut Context<(), Toss>) {
        self.n += 1;
        self.bits = self.bits << 1 | u16::from(matches!(toss, Toss::Heads));
        ctx.set_timer(toss, Duration::from_millis(1)..=Duration::from_millis(9));
    }
}

fn counter(padding: usize) -> State {
    let mut system = System::new();
    let padding = vec![u64::MAX; padding];
    system.add(Address::server(1), Counter { n: 0, bits: 0, padding }).unwrap();
    State::initial(&system).unwrap()
}

fn count_is(n: u64) -> Predicate {
    Predicate::holds(format!("n is {n}"), move |view| {
        view.nodes::<Counter>().any(|(_, counter)| counter.n == n)
    })
}

fn after(start: &State, events: usize) -> State {
    let delivery = &Settings::default().delivery;
    (0..events).fold(start.clone(), |state, _| state.step(&state.events(delivery)[0], delivery).unwrap())
}

#[test]
fn a_start_is_expanded_also_where_another_start_reaches_it_and_it_would_be_pruned() {
    let begin = counter(0);
    let later = after(&begin, 3);
    let settings = Settings::default().prune(count_is(3)).invariant(count_is(5).not()).max_depth(8);
    let alone = search::bfs(&later, &settings);
    assert!(matches!(alone.verdict, Verdict::Violated { .. }), "{}", alone.verdict);
    let together = search::bfs_from(&[begin, later], &settings);
    assert!(matches!(together.verdict, Verdict::Violated { .. }), "{}", together.verdict);
}

#[test]
fn a_start_deeper_than_the_limit_is_checked() {
    let begin = counter(0);
    let later = after(&begin, 5);
    let settings = Settings::default().invariant(count_is(5).not()).max_depth(2);
    let results = search::bfs_from(&[begin.clone(), later], &settings);
    assert!(matches!(results.verdict, Verdict::Violated { .. }), "{}", results.verdict);
    let results = search::bfs(&begin, &settings);
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Depth));
}

#[test]
fn an_invariant_comes_before_a_goal_of_the_same_depth_also_in_a_start() {
    let begin = counter(0);
    let later = after(&begin, 2);
    let invariant = Predicate::holds("not both heads", |view| {
        view.nodes::<Counter>().all(|(_, counter)| counter.n < 2 || counter.bits != 3)
    });
    let goal = Predicate::holds("both tails", |view| {
        view.nodes::<Counter>().any(|(_, counter)| counter.n == 2 && counter.bits == 0)
    });
    let settings = Settings::default().invariant(invariant).goal(goal);
    let results = search::bfs_from(&[begin, later], &settings);
    assert!(matches!(results.verdict, Verdict::Violated { .. }), "{}", results.verdict);
}

#[test]
#[should_panic(expected = "must come from one call of `State::initial`")]
fn states_of_two_systems_are_not_mixed() {
    search::bfs_from(&[counter(0), counter(0)], &Settings::default().max_depth(1));
}

/// When the tables of a random search get too big they are begun anew, and its invariants are still checked.
#[test]
fn a_random_search_with_little_memory_finds_what_it_finds_with_much() {
    // A pattern that one probe in some thousands shows at its end.
    let pattern = Predicate::holds("not this pattern", |view| {
        view.nodes::<Counter>().all(|(_, counter)| counter.n < 16 || counter.bits & 0xfff != 0xab5)
    });
    let settings = Settings { minimize: false, ..Settings::default().invariant(pattern).max_depth(16) };
    let random = RandomDfs { seed: 1, probes: Some(20_000) };
    let much = search::random_dfs(&counter(200), &settings, random);
    assert!(matches!(much.verdict, Verdict::Violated { .. }), "{}", much.verdict);
    let little = Settings { max_memory: Some(40_000_000), ..settings };
    let results = search::random_dfs(&counter(200), &little, random);
    assert!(matches!(results.verdict, Verdict::Violated { .. }), "{}", results.verdict);
    assert!(results.stats.probes > 256, "the tables were begun anew: {}", results.stats.probes);
}

#[test]
fn a_random_search_without_a_depth_ends_with_its_states() {
    let settings = Settings::default().max_states(1_000);
    let results = search::random_dfs(&counter(0), &settings, RandomDfs { seed: 1, probes: None });
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::States));
    assert!(results.stats.states < 1_100, "{}", results.stats.states);
}
