//! Compares what a search can answer beyond yes and no with brute force on random small systems.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use framework::{Address, Context, Lab, LabOptions, Node, Predicate, StepPredicate, System, predicate};
use search::{FinishAnswer, Held, ProfileItem, RandomDfs, Settings, State, Verdict};
use serde::{Deserialize, Serialize};

use crate::brute_force::{
    Answer, Claim, Dice, End, Happening, Mishaps, Question, Switches, Table, World, can_reach,
    enumerate_some, follow, table,
};
use crate::random_systems::{Naming, cap, fingerprint, initial, matrix, settings};

/// Every step of the states of an answer that changes something, but for those of the last level of a limited search.
/// Without the faults used, which a view does not show.
fn edges(table: &Table, question: &Question, answer: &Answer) -> Vec<(World, Happening, World)> {
    let expanded =
        answer.states.iter().filter(|(_, depth)| question.max_depth.is_none_or(|max| **depth < max));
    let steps = expanded.flat_map(|(world, _)| {
        world.happenings(table, &question.switches, &question.mishaps).into_iter().filter_map(|happening| {
            let next = world.after(table, happening)?;
            let shown = (world.shown(), happening, next.shown());
            (next != *world).then_some(shown)
        })
    });
    let mut steps: Vec<_> = steps.collect();
    steps.sort_unstable();
    steps
}

#[test]
fn step_invariants_see_every_step_that_changes_something() {
    let mut seen_in_all = 0;
    for seed in 0..400 {
        let _naming = Naming("edges", seed);
        let table = table(seed ^ 0x7777_0000);
        let dice = &mut Dice::new(seed);
        let mut question = Question { switches: Switches::random(&table, dice), ..Question::default() };
        if dice.once_in(3) {
            question.mishaps = Mishaps::random(&table, dice);
        }
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        let expected = edges(&table, &question, &answer);
        for (threads, commutation) in matrix(seed) {
            let seen: Arc<Mutex<Vec<(World, Happening, World)>>> = Arc::default();
            let note = Arc::clone(&seen);
            // It looks at everything, so no answer is remembered and it is asked about every step.
            let noted = StepPredicate::new("noted", move |step| {
                let (before, after) = (World::of_view(step.before), World::of_view(step.after));
                note.lock().unwrap().push((before, Happening::of(step.event), after));
                true.into()
            });
            let settings = Settings { threads: Some(threads), commutation, ..settings(&question) };
            let results = search::bfs(&start, &settings.step_invariant(noted));
            assert_eq!(results.stats.levels, answer.levels);
            let mut seen = std::mem::take(&mut *seen.lock().unwrap());
            seen.sort_unstable();
            assert_eq!(seen.len(), expected.len(), "a step is shown once");
            assert!(seen == expected);
        }
        seen_in_all += expected.len();
    }
    assert!(seen_in_all > 10_000, "{seen_in_all}");
}

/// How many parts are missing in a state, and how far they are from holding.
fn distance(claims: &[Claim], table: &Table, world: &World) -> (usize, u64) {
    let missing: Vec<u64> = claims
        .iter()
        .flat_map(|claim| claim.parts(table, world))
        .filter_map(|(_, part)| part.err())
        .collect();
    (missing.len(), missing.iter().sum())
}

#[test]
fn the_nearest_miss_is_the_one_that_brute_force_finds() {
    let (mut missed, mut several) = (0, 0);
    for seed in 0..1500 {
        let _naming = Naming("missed", seed);
        let table = table(seed ^ 0x8888_0000);
        let dice = &mut Dice::new(seed);
        let mut question = Question { switches: Switches::random(&table, dice), ..Question::default() };
        if dice.once_in(4) {
            question.prunes.push(Claim::random(&table, dice));
        }
        if dice.once_in(3) {
            question.mishaps = Mishaps::random(&table, dice);
        }
        let parts: Vec<Claim> = (0..2 + dice.below(3)).map(|_| Claim::random(&table, dice)).collect();
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        let is_goal = |world: &World| parts.iter().all(|claim| claim.is_true(&table, world));
        if answer.states.keys().any(is_goal) {
            continue;
        }
        missed += 1;
        let nearest = answer.states.iter().map(|(world, depth)| (distance(&parts, &table, world), *depth));
        let (least, depth) = nearest.min().unwrap();
        let as_near = answer.states.keys().filter(|world| distance(&parts, &table, world) == least).count();
        several += u32::from(as_near > 1);

        let goal = (0..).zip(&parts).map(|(i, claim)| claim.predicate(format!("part {i}")));
        let goal = goal.reduce(|all, part| all.and(&part)).unwrap().named("goal");
        let mut state: Option<World> = None;
        let mut texts: [Option<String>; 2] = [None, None];
        for (threads, commutation) in matrix(seed) {
            let settings = Settings { threads: Some(threads), commutation, ..settings(&question) };
            let results = search::bfs(&start, &settings.goal(goal.clone()));
            let near = &results.missed.as_ref().unwrap().goals[0];
            let world = World::of(&near.state);
            assert_eq!(near.goal, "goal");
            assert_eq!((distance(&parts, &table, &world), near.state.depth()), (least, depth));
            assert_eq!(near.missing().count(), least.0);
            assert_eq!(near.states, as_near as u64);
            let states = search::replay(&near.trace, &question.switches.delivery()).unwrap();
            follow(&table, &question, &states, &near.trace.events);
            assert_eq!(World::of(states.last().unwrap()), world);
            assert_eq!(*state.get_or_insert(world.clone()), world, "the choice does not depend on the rule");

            // Each part, counted by itself: in how many states it says something, and in how many it holds.
            let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            for world in answer.states.keys() {
                for (i, claim) in parts.iter().enumerate() {
                    for (about, part) in claim.parts(&table, world) {
                        let name = framework::predicate::Part::name_of(&format!("part {i}"), &about);
                        let counts = expected.entry(name).or_default();
                        *counts = (counts.0 + 1, counts.1 + u64::from(part.is_ok()));
                    }
                }
            }
            let counted = near.parts.iter().map(|part| (part.name.clone(), (part.asked, part.holds)));
            assert_eq!(counted.collect::<BTreeMap<_, _>>(), expected);
            let text = fingerprint(&results);
            assert_eq!(*texts[usize::from(commutation)].get_or_insert(text.clone()), text);
        }
        // States that a budget cuts do not count.
        let settings = Settings { max_states: Some(answer.total() / 2 + 1), ..settings(&question) };
        let results = search::bfs(&start, &settings.goal(goal));
        let near = &results.missed.as_ref().unwrap().goals[0];
        assert!(near.parts.iter().all(|part| part.asked <= results.stats.states));
        if matches!(parts[0], Claim::Sum(_) | Claim::Sent(_)) {
            assert_eq!(near.parts[0].asked, results.stats.states);
        }
        let near = World::of(&near.state);
        assert!(answer.states.keys().any(|world| world.shown() == near));
    }
    assert!(missed > 700 && several > 300, "{missed} {several}");
}

#[test]
fn the_verdict_of_a_step_invariant_names_the_event() {
    let mut named = 0;
    for seed in 0..40 {
        let (start, _) = initial(&table(seed ^ 0x7777_0000));
        let forbidden = StepPredicate::new("nothing changes", |_| false.into());
        let settings = Settings::default().step_invariant(forbidden);
        let random = RandomDfs { seed, probes: Some(3) };
        let found = [search::bfs(&start, &settings), search::random_dfs(&start, &settings, random)];
        for results in found {
            let Verdict::Violated { invariant, outcome } = &results.verdict else { continue };
            named += 1;
            let trace = results.trace.as_ref().unwrap();
            let event = trace.events.last().unwrap();
            assert_eq!(invariant, "nothing changes");
            assert_eq!(outcome.reason(), format!("`nothing changes` does not hold (in the step: {event})"));
            assert_eq!(trace.events.len(), 1);
        }
    }
    assert!(named > 40, "{named}");
}

#[test]
fn traps_are_where_brute_force_finds_no_way_to_the_goal() {
    let (mut always, mut trapped, mut undecided, mut cut_traps) = (0, 0, 0, 0);
    for seed in 0..700 {
        let _naming = Naming("finish", seed);
        let table = table(seed ^ 0x9999_0000);
        let dice = &mut Dice::new(seed);
        let mut question = Question { switches: Switches::random(&table, dice), ..Question::default() };
        if dice.once_in(5) {
            question.prunes.push(Claim::random(&table, dice));
        }
        if dice.once_in(3) {
            question.mishaps = Mishaps::random(&table, dice);
        }
        let claim = Claim::random(&table, dice);
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, 120);
        let goal = claim.predicate("goal".to_owned());
        let goal_states = answer.states.keys().filter(|world| claim.is_true(&table, world)).count() as u64;
        let can = |world: &World| can_reach(&table, &question, world, &[claim], 20_000);
        let whole = answer.end == End::Exhausted && question.prunes.is_empty();
        let traps: Vec<(u32, &World)> = if whole {
            let traps = answer.states.iter().filter(|(world, _)| can(world) == Some(false));
            traps.map(|(world, depth)| (*depth, world)).collect()
        } else {
            Vec::new()
        };
        let mut text = None;
        for (threads, commutation) in matrix(seed) {
            let settings = Settings { threads: Some(threads), commutation, ..settings(&question) };
            let result = search::can_always_finish(&start, &settings, &goal);
            assert_eq!(result.search.stats.states, answer.total());
            let this = match &result.answer {
                FinishAnswer::Always { goal_states: count } => {
                    assert!(answer.end == End::Exhausted && traps.is_empty());
                    assert_eq!(*count, goal_states);
                    if question.prunes.is_empty() {
                        always += 1;
                    }
                    String::new()
                }
                FinishAnswer::Trap(trap) => {
                    let events = &trap.trace.events;
                    let states = search::replay(&trap.trace, &settings.delivery).unwrap();
                    follow(&table, &question, &states, events);
                    let world = World::of(&trap.state).after_faults_in(events);
                    assert_eq!(World::of(states.last().unwrap()), world.shown());
                    assert_eq!(can(&world), Some(false));
                    if whole {
                        trapped += 1;
                        assert!(trap.exhausted);
                        assert_eq!((trap.traps, trap.goal_states), (traps.len() as u64, goal_states));
                        assert_eq!(trap.state.depth(), traps.iter().map(|(depth, _)| *depth).min().unwrap());
                        let at_rest = |(_, world): &&(u32, &World)| {
                            let happenings = world.happenings(&table, &question.switches, &question.mishaps);
                            happenings.into_iter().all(|h| world.after(&table, h).as_ref() == Some(*world))
                        };
                        assert_eq!(trap.at_rest, traps.iter().filter(at_rest).count() as u64);
                        if let Some(before) = states.len().checked_sub(2) {
                            let before = World::of(&states[before]).after_faults_in(&events[..before]);
                            assert_eq!(can(&before), Some(true), "the last event loses the goal");
                        }
                    } else {
                        cut_traps += 1;
                    }
                    format!("{world:?} {}", trap.traps)
                }
                FinishAnswer::NotDecided { reason, probe } => {
                    undecided += 1;
                    assert!(!whole, "{reason}");
                    let probe = probe.unwrap();
                    assert!(probe.sampled > 0 && probe.reached + probe.at_rest <= probe.sampled, "{probe:?}");
                    format!("{reason} {probe:?}")
                }
                other => panic!("{other:?}"),
            };
            // What a prune or a limit hides may depend on the steps that were tried, but never on the threads.
            let this = if whole || !commutation { this } else { continue };
            assert_eq!(*text.get_or_insert(this.clone()), this);
        }
    }
    let all = (always, trapped, undecided, cut_traps);
    assert!(always > 100 && trapped > 200 && undecided > 50 && cut_traps > 20, "{all:?}");
}

#[test]
fn a_profile_counts_what_brute_force_counts() {
    let (mut rows, mut items) = (0, BTreeMap::new());
    for seed in 0..500 {
        let _naming = Naming("profile", seed);
        let table = table(seed ^ 0xaaaa_0000);
        let dice = &mut Dice::new(seed);
        let mut question = Question { switches: Switches::random(&table, dice), ..Question::default() };
        if dice.once_in(3) {
            question.mishaps = Mishaps::random(&table, dice);
        }
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        let mut text = None;
        for (threads, commutation) in matrix(seed) {
            let settings = Settings { threads: Some(threads), commutation, ..settings(&question) };
            let profile = search::profile(&start, &settings);
            assert_eq!(profile.states, answer.total());
            let this = format!("{:?}", profile.rows);
            assert_eq!(*text.get_or_insert(this.clone()), this);
            assert!(profile.rows.is_sorted_by_key(|row| row.without));
            for row in &profile.rows {
                let item = row.item.to_string();
                let rest: BTreeSet<World> = answer.states.keys().map(|world| world.without(&item)).collect();
                assert_eq!(row.without, rest.len() as u64, "{item}");
                let values: BTreeSet<String> =
                    answer.states.keys().flat_map(|world| world.values(&item)).collect();
                let absent = u64::from(!matches!(row.item, ProfileItem::Field { .. }));
                assert_eq!(row.distinct, values.len() as u64 + absent, "{item}");
                for (bound, within) in &row.bounds {
                    let small = |world: &&World| {
                        world.values(&item).iter().all(|value| value.parse::<u64>().unwrap() <= *bound)
                    };
                    assert_eq!(*within, answer.states.keys().filter(small).count() as u64, "{item} {bound}");
                }
                rows += 1;
                *items.entry(item).or_insert(0) += 1;
            }
        }
        // Cut by a budget, it is a profile of what was visited.
        let settings = Settings { max_states: Some(answer.total() / 2 + 1), ..settings(&question) };
        let profile = search::profile(&start, &settings);
        assert_eq!(profile.states, profile.search.stats.states);
        assert!(profile.rows.iter().all(|row| row.without <= profile.states));
    }
    assert!(rows > 2_000 && items.len() == 5, "{rows} {items:?}");
}

/// How many deliveries that change a node were repeated, and how many of these changed it again: of a component, a pair of a
/// node and the messages that it has sent, each message counts once.
fn second_deliveries(table: &Table, question: &Question, answer: &Answer) -> (u64, u64) {
    let mut seen = BTreeMap::new();
    for world in answer.states.keys() {
        for happening in world.happenings(table, &question.switches, &question.mishaps) {
            let Happening::Message(message @ (_, to, _)) = happening else { continue };
            let once = world.after(table, happening).unwrap();
            if once.component(to) != world.component(to) {
                let twice = once.after(table, happening).unwrap();
                let again = twice.component(to) != once.component(to);
                seen.insert((to, world.component(to), message), again);
            }
        }
    }
    (seen.len() as u64, seen.into_values().filter(|again| *again).count() as u64)
}

#[test]
fn messages_that_do_something_twice_are_those_that_brute_force_finds() {
    let (mut some, mut none) = (0, 0);
    for seed in 0..800 {
        let _naming = Naming("repeats", seed);
        let table = table(seed ^ 0xbbbb_0000);
        let dice = &mut Dice::new(seed);
        let mut question = Question { switches: Switches::random(&table, dice), ..Question::default() };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        // What comes after the last level of a cut search is not known.
        if answer.end != End::Exhausted {
            continue;
        }
        let expected = second_deliveries(&table, &question, &answer);
        for (threads, commutation) in matrix(seed) {
            let settings = Settings { threads: Some(threads), commutation, ..settings(&question) };
            let profile = search::profile(&start, &settings);
            let found: Vec<(u64, u64)> =
                profile.repeats.iter().map(|repeat| (repeat.repeated, repeat.changed)).collect();
            // There is one type of node and one kind of message; what never does anything twice is not listed.
            assert_eq!(found, if expected.1 > 0 { vec![expected] } else { Vec::new() });
        }
        *if expected.1 > 0 { &mut some } else { &mut none } += 1;
    }
    assert!(some > 50 && none > 50, "{some} {none}");
}

/// Sends a request to everybody and gives up; there is more it could do.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Asker {
    others: Vec<Address>,
    asked: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Request {
    Ask(u32),
    Remind,
    Cancel,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Clock {
    Soon,
    Never,
}

impl Node for Asker {
    type Message = Request;
    type Timer = Clock;

    fn init(&mut self, ctx: &mut Context<Request, Clock>) {
        for other in &self.others {
            ctx.send(*other, Request::Ask(1));
            ctx.send(*other, Request::Ask(2));
            ctx.send(*other, Request::Remind);
        }
        ctx.set_timer(Clock::Soon, Duration::from_millis(1));
    }

    fn on_message(&mut self, _: Address, message: Request, _: &mut Context<Request, Clock>) {
        self.asked |= matches!(message, Request::Ask(_));
    }

    fn on_timer(&mut self, clock: Clock, ctx: &mut Context<Request, Clock>) {
        ctx.set_timer(clock, Duration::from_millis(1));
    }
}

/// Looks at what the parts of the lab do, and never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watcher;

impl Node for Watcher {
    type Message = Request;
    type Timer = Clock;
    fn on_message(&mut self, _: Address, _: Request, _: &mut Context<Request, Clock>) {}
    fn on_timer(&mut self, _: Clock, _: &mut Context<Request, Clock>) {}
}

fn askers() -> State {
    let mut system = System::new();
    let address = |i| Address::server(i);
    for i in 1..=3 {
        let others = (1..=3).filter(|j| *j != i).map(address).collect();
        system.add(address(i), Asker { others, asked: false }).unwrap();
    }
    system.add(Address::client(1), Watcher).unwrap();
    State::initial(&system).unwrap()
}

#[test]
fn what_stood_in_the_way_is_said() {
    let all_asked = Predicate::for_each("asked", |_, asker: &Asker| asker.asked.into());
    let settings = Settings::default().goal(all_asked).prune(Predicate::never()).with_delivery(|delivery| {
        delivery.receiver(Address::server(3), false).node_timers(Address::server(2), false);
    });
    let results = search::bfs(&askers(), &settings);
    assert_eq!(results.verdict, Verdict::Exhausted);
    let missed = results.missed.unwrap();
    let [near] = &missed.goals[..] else { panic!("one goal") };
    assert_eq!(near.state.depth(), 2);
    let missing: Vec<&str> = near.missing().map(|part| &part.name[..]).collect();
    assert_eq!(missing, ["server3: asked"]);
    let counts: Vec<u64> = near.parts.iter().map(|part| part.holds).collect();
    assert_eq!(counts, [2, 2, 0]);
    let obstacles = &missed.obstacles;
    let held = |place: &str| Held {
        place: place.to_owned(),
        kinds: vec![("Ask".to_owned(), 2), ("Remind".to_owned(), 1)],
    };
    assert_eq!(obstacles.held_messages, [held("server1 → server3"), held("server2 → server3")]);
    let timers = vec![("Soon".to_owned(), 1)];
    assert_eq!(obstacles.held_timers, [Held { place: "server2".to_owned(), kinds: timers }]);
    assert!(obstacles.never_delivered.is_empty());
    assert!(obstacles.never_fired.is_empty());
    assert_eq!(obstacles.without_effect, ["on_message(Remind) of Asker", "on_timer(Soon) of Asker"]);
    assert_eq!(
        (&obstacles.never_sent[..], &obstacles.never_set[..]),
        (&["Cancel".to_owned()][..], &["Never".to_owned()][..])
    );
    assert_eq!(obstacles.prunes, [("false".to_owned(), 0)]);

    // Where nothing has happened yet.
    let results = search::bfs(&askers(), &settings.clone().max_depth(0));
    let obstacles = results.missed.unwrap().obstacles;
    assert_eq!(obstacles.never_fired, ["Soon of server1", "Soon of server3"]);
    assert_eq!(obstacles.never_delivered.len(), 8, "{obstacles:?}");

    // Nothing is said where nothing was missed, or where nobody wants to know.
    let some = Predicate::holds("some", |view| view.nodes::<Asker>().any(|(_, asker)| asker.asked));
    assert!(search::bfs(&askers(), &Settings::default().goal(some)).missed.is_none());
    assert!(search::bfs(&askers(), &Settings::default()).missed.is_none());
    let quiet = Settings { explain_missed: false, ..settings };
    assert!(search::bfs(&askers(), &quiet).missed.is_none());
}

#[test]
fn a_part_that_panics_by_itself_is_missing() {
    let nobody = Predicate::holds("somebody was asked", |view| {
        view.nodes::<Asker>().all(|(_, a)| a.others.is_empty())
    });
    let fragile = Predicate::holds("fragile", |_| panic!("nobody was asked"));
    let results = search::bfs(&askers(), &Settings::default().goal(nobody.and(&fragile)));
    let missed = results.missed.unwrap();
    let reasons: Vec<&str> =
        missed.goals[0].missing().map(|part| part.nearest.as_ref().unwrap().reason()).collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons[1].starts_with("it panicked: nobody was asked, at "), "{reasons:?}");
}

#[test]
fn an_invariant_over_nodes_that_never_change_says_nothing() {
    let watcher = Predicate::for_each("watchers are well", |_, _: &Watcher| true.into());
    let asker = Predicate::for_each("askers are well", |_, _: &Asker| true.into());
    let settings = Settings::default().invariant(watcher).invariant(asker);
    let mut system = System::new();
    system.add(Address::client(1), Watcher).unwrap();
    for i in 1..=4 {
        let others = vec![Address::server(i % 4 + 1)];
        system.add(Address::server(i), Asker { others, asked: false }).unwrap();
    }
    let results = search::bfs(&State::initial(&system).unwrap(), &settings);
    assert_eq!(results.stats.states, 16);
    assert_eq!(results.coverage.vacuous_invariants, ["watchers are well"]);
}

fn pingpong(clients: u16) -> State {
    let options = LabOptions {
        clients: Some(clients),
        own: [("pings".to_owned(), "2".to_owned())].into(),
        ..LabOptions::default()
    };
    State::initial(&pingpong::PingPong.scenario(&options).unwrap().system).unwrap()
}

#[test]
fn a_healed_network_is_tried_where_a_budget_ended_the_search() {
    let done = predicate::clients_done();
    let result = search::can_always_finish(&pingpong(2), &Settings::default(), &done);
    assert!(matches!(result.answer, FinishAnswer::Always { goal_states: 9 }), "{:?}", result.answer);
    // A link that is off is on again in such a run, and what was lost is sent again.
    let settings = Settings::default().max_depth(4).with_delivery(|delivery| {
        delivery.link(Address::server(1), Address::client(2), false);
    });
    let result = search::can_always_finish(&pingpong(2), &settings, &done);
    let FinishAnswer::NotDecided { reason, probe: Some(probe) } = result.answer else {
        panic!("{:?}", result.answer);
    };
    assert!(reason.starts_with("the search was not complete: nobody knows what follows "), "{reason}");
    assert!(probe.sampled > 2 && probe.reached == probe.sampled, "{probe:?}");
    // What nobody does is not reached, however long the clients try.
    let result = search::can_always_finish(&pingpong(2), &settings, &Predicate::never());
    let FinishAnswer::NotDecided { probe: Some(probe), .. } = result.answer else { panic!("it is cut") };
    assert_eq!(probe.reached, 0);
    // Without anything that can happen there is a trap from the start.
    let off = Settings::default().with_delivery(|delivery| {
        delivery.network(false).timers(false);
    });
    let FinishAnswer::Trap(trap) = search::can_always_finish(&pingpong(2), &off, &done).answer else {
        panic!("nothing happens");
    };
    assert_eq!((trap.traps, trap.at_rest, trap.goal_states, trap.trace.events.len()), (1, 1, 0, 0));
}

#[test]
fn the_steps_between_states_count_against_the_memory_limit() {
    let done = predicate::clients_done();
    let all = search::can_always_finish(&pingpong(4), &Settings::default(), &done);
    assert!(matches!(all.answer, FinishAnswer::Always { .. }));
    // Enough for the states, but not for five bytes more for each.
    let settings = Settings { max_memory: Some(all.search.stats.bytes + 1000), ..Settings::default() };
    let result = search::can_always_finish(&pingpong(4), &settings, &done);
    assert_eq!(result.search.verdict, Verdict::Exhausted);
    let FinishAnswer::NotDecided { reason, probe: None } = result.answer else {
        panic!("{:?}", result.answer)
    };
    assert!(reason.contains("more than the memory limit allows"), "{reason}");
}
