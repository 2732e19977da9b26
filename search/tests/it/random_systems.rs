//! Compares the engine with brute force on thousands of random small systems, under every combination of its options.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use framework::Predicate;
use search::{Budget, RandomDfs, Results, Settings, State, Target, Verdict};

use crate::brute_force::{
    Answer, Claim, Dice, End, Happening, Mishaps, Question, StepClaim, Switches, Table, World, address,
    enumerate, enumerate_some, follow, table,
};

/// Threads, and whether commuting events are tried in one order only.
const MATRIX: [(usize, bool); 8] =
    [(1, true), (1, false), (2, true), (2, false), (3, true), (3, false), (8, true), (8, false)];

/// The most states of a system; now and then there is a larger one, for what only happens in larger searches.
pub(crate) fn cap(seed: u64) -> usize {
    if seed.is_multiple_of(40) { 3_000 } else { 250 }
}

/// Two corners of the matrix that differ in everything, or now and then all of it.
pub(crate) fn matrix(seed: u64) -> Vec<(usize, bool)> {
    let index = usize::try_from(seed).unwrap();
    if seed.is_multiple_of(20) {
        MATRIX.to_vec()
    } else {
        vec![MATRIX[index % 2], MATRIX[2 + (index / 2 * 2 + 1 - index % 2) % 6]]
    }
}

pub(crate) fn claims(table: &Table, dice: &mut Dice, at_most: u8) -> Vec<Claim> {
    (0..dice.below(at_most + 1)).map(|_| Claim::random(table, dice)).collect()
}

/// The engine's settings for a question.
pub(crate) fn settings(question: &Question) -> Settings {
    let numbered = |kind: &str, number: usize| format!("{kind} {number}");
    Settings {
        invariants: (0..).zip(&question.never).map(|(i, c)| c.invariant(numbered("never", i))).collect(),
        step_invariants: (0..)
            .zip(&question.never_steps)
            .map(|(i, c)| c.invariant(numbered("never step", i)))
            .collect(),
        goals: (0..).zip(&question.goals).map(|(i, c)| c.predicate(numbered("goal", i))).collect(),
        prunes: (0..).zip(&question.prunes).map(|(i, c)| c.predicate(numbered("prune", i))).collect(),
        stuck: question
            .stuck
            .as_ref()
            .map(|ends| (0..).zip(ends).map(|(i, c)| c.predicate(numbered("end", i))).collect()),
        delivery: question.switches.delivery(),
        faults: question.mishaps.faults(),
        max_depth: question.max_depth,
        max_goal_states: 100_000,
        ..Settings::default()
    }
}

/// Everything that must be the same with any number of threads, as text.
pub(crate) fn fingerprint(results: &Results) -> String {
    let stats = &results.stats;
    let goals: Vec<World> = results.goal_states.iter().map(World::of).collect();
    let missed = results.missed.as_ref().map(|missed| {
        let near = |near: &search::NearMiss| {
            format!("{:?} {:?} {} {:?}", World::of(&near.state), near.trace.events, near.states, near.parts)
        };
        (missed.goals.iter().map(near).collect::<Vec<_>>(), &missed.obstacles)
    });
    format!(
        "{:?}\n{:?}\n{:?}\n{goals:?}\n{missed:?}\n{:?}",
        results.verdict,
        results.trace.as_ref().map(|trace| (World::of(&trace.start), &trace.events, trace.found_len)),
        results.coverage,
        (
            (stats.states, stats.generated, stats.depth, &stats.levels, &stats.digests),
            (stats.handler_calls, stats.memo_misses, stats.components, stats.locals, stats.messages),
            stats.probes,
        ),
    )
}

/// The engine's verdict in the words of brute force.
fn end_of(results: &Results) -> End {
    let number = |name: &str| name.rsplit(' ').next().unwrap().parse().unwrap();
    match &results.verdict {
        Verdict::Exhausted => End::Exhausted,
        Verdict::BudgetSpent(Budget::Depth) => End::Depth,
        Verdict::HandlerPanicked(_) => End::Panicked,
        Verdict::Violated { invariant, .. } if invariant.starts_with("never step") => {
            End::ViolatedStep(number(invariant))
        }
        Verdict::Violated { invariant, .. } => End::Violated(number(invariant)),
        Verdict::Stuck { .. } => End::Stuck,
        Verdict::GoalFound { goal } => End::Goal(number(goal)),
        other => panic!("nobody expects {other}"),
    }
}

/// Whether nothing changes any more, in a state that is not one of those where the system may end.
fn is_stuck(table: &Table, question: &Question, world: &World) -> bool {
    let ends = question.stuck.as_ref().expect("stuck states are looked for");
    world.is_at_rest(table, &question.switches, &question.mishaps)
        && !ends.iter().any(|end| end.is_true(table, world))
}

/// The trace of the results leads to what the verdict says, also on plain states, and nothing can be left out of it.
fn check_trace(table: &Table, question: &Question, settings: &Settings, results: &Results) {
    let Some(trace) = &results.trace else {
        assert!(matches!(end_of(results), End::Exhausted | End::Depth));
        return;
    };
    let states = search::replay(trace, &settings.delivery).unwrap();
    follow(table, question, &states, &trace.events);
    let last = World::of(states.last().unwrap());
    match end_of(results) {
        End::Violated(number) => assert!(question.never[number].is_true(table, &last)),
        End::Goal(number) => assert!(question.goals[number].is_true(table, &last)),
        End::Panicked => {
            let event = trace.events.last().unwrap();
            let error = states.last().unwrap().step(event, &settings.delivery).unwrap_err();
            let Verdict::HandlerPanicked(fault) = &results.verdict else { unreachable!() };
            assert_eq!(error.to_string(), fault.to_string());
        }
        End::ViolatedStep(number) => {
            let before = World::of(&states[states.len() - 2]);
            let happening = Happening::of(trace.events.last().unwrap());
            assert!(question.never_steps[number].is_true(table, &before, happening, &last));
            assert_ne!(before, last, "a step that changes nothing is not checked: {:?}", trace.events);
        }
        End::Stuck => {
            let last = last.after_faults_in(&trace.events);
            assert!(is_stuck(table, question, &last), "{:?}", trace.events);
        }
        End::Exhausted | End::Depth => panic!("nothing was found, but there is a trace"),
    }
    let target = Target::new(&results.verdict, settings);
    if settings.minimize {
        assert!(search::is_one_minimal(trace, &target), "{:?}", trace.events);
    }
    assert!(trace.events.len() <= trace.found_len);
    if question.prunes.is_empty() {
        // Breadth-first traces are as short as can be; only one through pruned states could be shorter.
        assert_eq!(trace.events.len(), trace.found_len, "{:?}", trace.events);
    }
}

/// The engine's results are those of brute force.
fn check(table: &Table, question: &Question, answer: &Answer, settings: &Settings, results: &Results) {
    assert_eq!(end_of(results), answer.end);
    assert_eq!(results.stats.levels, answer.levels);
    assert_eq!(results.stats.states, answer.total());
    let pruned: Vec<u64> = results.coverage.prunes.iter().map(|(_, count)| *count).collect();
    assert_eq!(pruned, answer.pruned);
    if let Some(trace) = &results.trace {
        let depth = trace.start.depth() + u32::try_from(trace.found_len).unwrap();
        assert_eq!(depth, answer.depth);
    }
    if matches!(answer.end, End::Goal(_)) {
        let mut goals: Vec<World> = results.goal_states.iter().map(World::of).collect();
        goals.sort();
        let mut expected: Vec<World> = answer.goal_states.iter().cloned().map(World::seen).collect();
        expected.sort();
        assert_eq!(goals, expected);
        assert!(results.goal_states.iter().all(|state| state.depth() == answer.depth));
        assert!(results.goal_states.iter().all(|state| state.history().len() == answer.depth as usize));
    }
    check_trace(table, question, settings, results);
}

/// Asks the engine in many ways what brute force has answered.
fn compare(seed: u64, table: &Table, starts: &[State], question: &Question, answer: &Answer) {
    let mut texts: [Option<String>; 2] = [None, None];
    let mut digests = None;
    for (threads, commutation) in matrix(seed) {
        let minimize = seed.is_multiple_of(2) || threads > 1;
        let settings = Settings { threads: Some(threads), commutation, minimize, ..settings(question) };
        let results = search::bfs_from(starts, &settings);
        check(table, question, answer, &settings, &results);
        assert_eq!(*digests.get_or_insert(results.stats.digests.clone()), results.stats.digests);
        if minimize {
            let text = fingerprint(&results);
            assert_eq!(*texts[usize::from(commutation)].get_or_insert(text.clone()), text);
        }
    }
}

/// Names the system that a failure is about.
pub(crate) struct Naming(pub(crate) &'static str, pub(crate) u64);

impl Drop for Naming {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: the failure is at seed {}", self.0, self.1);
        }
    }
}

pub(crate) fn initial(table: &Table) -> (State, [(World, u32); 1]) {
    let start = State::initial(&table.system()).unwrap();
    let world = World::initial(table);
    assert_eq!(World::of(&start), world);
    (start, [(world, 0)])
}

/// How often each kind of end came up: a test that only ever sees one proves little.
fn tally(ends: &mut [u32; 7], end: &End) {
    let kind = match end {
        End::Exhausted => 0,
        End::Depth => 1,
        End::Panicked => 2,
        End::Violated(_) => 3,
        End::ViolatedStep(_) => 4,
        End::Goal(_) => 5,
        End::Stuck => 6,
    };
    ends[kind] += 1;
}

#[test]
fn visits_the_states_that_brute_force_visits() {
    let mut ends = [0; 7];
    for seed in 0..1200 {
        let _naming = Naming("plain", seed);
        let table = table(seed);
        let dice = &mut Dice::new(seed);
        let mut question = Question { switches: Switches::random(&table, dice), ..Question::default() };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        tally(&mut ends, &answer.end);
        compare(seed, &table, std::slice::from_ref(&start), &question, &answer);

        // An invariant that always holds changes nothing, and is shown each state exactly once.
        let seen: Arc<Mutex<Vec<World>>> = Arc::default();
        let note = Arc::clone(&seen);
        let invariant = Predicate::holds("noted", move |view| {
            note.lock().unwrap().push(World::of_view(view));
            true
        });
        let results = search::bfs(&start, &settings(&question).invariant(invariant));
        assert_eq!(results.stats.levels, answer.levels);
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(seen.len(), answer.states.len());
        assert!(seen.iter().collect::<BTreeSet<_>>().into_iter().eq(answer.states.keys()));
    }
    assert!(ends[0] > 100 && ends[1] > 100, "{ends:?}");
}

#[test]
fn finds_what_brute_force_finds() {
    let mut ends = [0; 7];
    for seed in 0..3000 {
        let _naming = Naming("predicates", seed);
        let dice = &mut Dice::new(seed);
        let table = Table { panics: if dice.once_in(3) { 60 } else { 0 }, ..table(seed ^ 0x1111_0000) };
        let mut question = Question {
            switches: Switches::random(&table, dice),
            never: claims(&table, dice, 2),
            goals: claims(&table, dice, 2),
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        tally(&mut ends, &answer.end);
        compare(seed, &table, &[start], &question, &answer);
    }
    assert!(ends[0] > 100 && ends[1] > 50 && ends[2] > 50 && ends[3] > 100 && ends[5] > 100, "{ends:?}");
}

#[test]
fn prunes_and_checks_steps_as_brute_force_does() {
    let mut ends = [0; 7];
    let mut pruned = 0;
    for seed in 0..2500 {
        let _naming = Naming("prunes and steps", seed);
        let dice = &mut Dice::new(seed);
        let table = Table { panics: if dice.once_in(6) { 60 } else { 0 }, ..table(seed ^ 0x2222_0000) };
        let mut question = Question {
            switches: Switches::random(&table, dice),
            never: claims(&table, dice, 1),
            goals: claims(&table, dice, 1),
            prunes: claims(&table, dice, 2),
            never_steps: (0..dice.below(3)).map(|_| StepClaim::random(&table, dice)).collect(),
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        tally(&mut ends, &answer.end);
        pruned += u32::from(answer.pruned.iter().any(|count| *count > 0));
        compare(seed, &table, &[start], &question, &answer);
    }
    assert!(ends[0] > 100 && ends[2] > 20 && ends[3] > 50 && ends[4] > 100 && ends[5] > 50, "{ends:?}");
    assert!(pruned > 200, "{pruned}");
}

#[test]
fn crashes_and_restarts_as_brute_force_does() {
    let mut ends = [0; 7];
    let mut in_handlers = 0;
    for seed in 0..1500 {
        let _naming = Naming("crashes", seed);
        let dice = &mut Dice::new(seed);
        let panics = if dice.once_in(6) { 60 } else { 0 };
        let careful = !dice.once_in(3);
        let table = Table { panics, careful, ..table(seed ^ 0x6666_0000) };
        let asleep = if dice.once_in(3) { 1 << dice.below(table.nodes) } else { 0 };
        let table = Table { asleep, ..table };
        let mut question = Question {
            switches: Switches::random(&table, dice),
            mishaps: Mishaps::random(&table, dice),
            never: claims(&table, dice, 1),
            goals: claims(&table, dice, 1),
            prunes: if dice.once_in(3) { claims(&table, dice, 1) } else { Vec::new() },
            never_steps: (0..dice.below(4) / 3).map(|_| StepClaim::random(&table, dice)).collect(),
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed) * 4);
        tally(&mut ends, &answer.end);
        compare(seed, &table, std::slice::from_ref(&start), &question, &answer);

        // The obvious form of a state knows the same crashes.
        let faults = start.fault_events(&question.mishaps.faults(), &question.switches.delivery());
        let crashes = faults.unwrap_or_default();
        let crashes: BTreeSet<Happening> = crashes.iter().map(Happening::of).collect();
        let all = Mishaps { crashes: 9, restarts: 9, ..question.mishaps.clone() };
        let expected = worlds[0].0.happenings(&table, &question.switches, &all);
        let is_crash =
            |happening: &Happening| !matches!(happening, Happening::Message(..) | Happening::Timer(..));
        let expected: BTreeSet<Happening> = expected.into_iter().filter(is_crash).collect();
        if panics == 0 {
            assert_eq!(crashes, expected);
        }
        let in_handler = |happening: &Happening| {
            matches!(happening, Happening::CrashInMessage(..) | Happening::CrashInTimer(..))
        };
        in_handlers += u32::from(expected.iter().any(in_handler));
    }
    assert!(ends[0] > 100 && ends[2] > 20 && ends[3] > 100 && ends[4] > 10 && ends[5] > 100, "{ends:?}");
    assert!(in_handlers > 100, "{in_handlers}");
}

#[test]
fn finds_the_stuck_states_that_brute_force_finds() {
    let mut ends = [0; 7];
    for seed in 0..2500 {
        let _naming = Naming("stuck", seed);
        let dice = &mut Dice::new(seed);
        let table = Table { panics: if dice.once_in(6) { 60 } else { 0 }, ..table(seed ^ 0x6666_0000) };
        let mut question = Question {
            switches: Switches::random(&table, dice),
            never: if dice.once_in(4) { claims(&table, dice, 1) } else { Vec::new() },
            goals: if dice.once_in(4) { claims(&table, dice, 1) } else { Vec::new() },
            prunes: if dice.once_in(4) { claims(&table, dice, 1) } else { Vec::new() },
            mishaps: if dice.once_in(3) { Mishaps::random(&table, dice) } else { Mishaps::default() },
            never_steps: (0..dice.below(7) / 6).map(|_| StepClaim::random(&table, dice)).collect(),
            stuck: Some(claims(&table, dice, 3)),
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        tally(&mut ends, &answer.end);
        compare(seed, &table, &[start], &question, &answer);
    }
    assert!(ends[0] > 50 && ends[1] > 50 && ends[2] > 50 && ends[3] > 50 && ends[6] > 500, "{ends:?}");
}

#[test]
fn a_state_budget_is_spent_exactly_and_the_same_with_any_number_of_threads() {
    for seed in 0..400 {
        let _naming = Naming("budgets", seed);
        let dice = &mut Dice::new(seed);
        let table = Table { panics: if dice.once_in(8) { 200 } else { 0 }, ..table(seed ^ 0x3333_0000) };
        let mut question = Question {
            switches: Switches::random(&table, dice),
            never: claims(&table, dice, 1),
            prunes: claims(&table, dice, 1),
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut question, cap(seed));
        let total = answer.total();
        for budget in [1, total / 3, total * 2 / 3, total - 1, total, total + 5] {
            let budget = budget.max(1);
            let mut texts: [Option<String>; 2] = [None, None];
            let mut digests = None;
            for (threads, commutation) in [(1, true), (1, false), (2, true), (3, false), (8, true)] {
                let settings = Settings {
                    threads: Some(threads),
                    commutation,
                    max_states: Some(budget),
                    ..settings(&question)
                };
                let results = search::bfs(&start, &settings);
                let stats = &results.stats;
                assert_eq!(stats.states, budget.min(total));
                assert_eq!(stats.levels.iter().sum::<u64>(), stats.states);
                if let Verdict::BudgetSpent(Budget::States) = results.verdict {
                    assert!(budget < total);
                    // Every level but the last is complete.
                    let complete = stats.levels.len() - 1;
                    assert_eq!(stats.levels[..complete], answer.levels[..complete]);
                    assert!(results.trace.is_none());
                } else {
                    // A violation in a level that was cut is one all the same; its number may differ.
                    let kind = |end: &End| std::mem::discriminant(end);
                    assert_eq!(kind(&end_of(&results)), kind(&answer.end));
                    check_trace(&table, &question, &settings, &results);
                }
                // How a level is split into rounds depends on the steps that are tried, but never on the threads.
                let text = fingerprint(&results);
                assert_eq!(*texts[usize::from(commutation)].get_or_insert(text.clone()), text);
                if stats.states < 250 {
                    // A level of one round is cut by content: no option changes what is left.
                    assert_eq!(*digests.get_or_insert(stats.digests.clone()), stats.digests);
                }
            }
        }
    }
}

#[test]
fn a_second_stage_starts_from_all_goal_states() {
    let mut staged = 0;
    for seed in 0..2500 {
        let _naming = Naming("stages", seed);
        let dice = &mut Dice::new(seed);
        let table = table(seed ^ 0x4444_0000);
        let mut first = Question {
            switches: Switches::random(&table, dice),
            goals: vec![Claim::random(&table, dice), Claim::random(&table, dice)],
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let answer = enumerate_some(&table, &worlds, &mut first, cap(seed));
        if !matches!(answer.end, End::Goal(_)) || answer.depth == 0 {
            continue;
        }
        staged += 1;
        let results = search::bfs(&start, &settings(&first));
        check(&table, &first, &answer, &settings(&first), &results);

        // The second stage: other settings, an empty network, or what one node had sent put back.
        let drop = !dice.once_in(3);
        let undrop = dice.once_in(2).then(|| dice.below(table.nodes));
        let mut states = results.goal_states;
        let mut worlds: Vec<(World, u32)> =
            states.iter().map(|state| (World::of(state), state.depth())).collect();
        if drop {
            for (state, (world, _)) in states.iter_mut().zip(&mut worlds) {
                let dropped = world.drop_all();
                state.drop_pending_messages();
                if let Some(node) = undrop {
                    world.undrop_from(&dropped, node);
                    state.undrop_messages_from(address(node));
                }
                assert_eq!(World::of(state), *world);
            }
        }
        // Sometimes also from the very beginning: then the starts have different depths, and nothing is looked for.
        let mixed = dice.once_in(4);
        let mut second = Question { switches: Switches::random(&table, dice), ..Question::default() };
        if mixed {
            states.push(start);
            worlds.push((World::initial(&table), 0));
        } else {
            second.never = claims(&table, dice, 1);
            second.goals = claims(&table, dice, 1);
            second.prunes = claims(&table, dice, 1);
            if dice.once_in(4) {
                second.never_steps.push(StepClaim::random(&table, dice));
            }
        }
        let answer = enumerate_some(&table, &worlds, &mut second, cap(seed));
        compare(seed, &table, &states, &second, &answer);
    }
    assert!(staged > 400, "{staged}");
}

#[test]
fn a_random_search_does_not_depend_on_threads_and_finds_only_what_is_there() {
    let mut found = 0;
    for seed in 0..800 {
        let _naming = Naming("random", seed);
        let dice = &mut Dice::new(seed);
        let table = Table { panics: if dice.once_in(4) { 60 } else { 0 }, ..table(seed ^ 0x5555_0000) };
        let mut question = Question {
            switches: Switches::random(&table, dice),
            never: claims(&table, dice, 1),
            goals: claims(&table, dice, 1),
            prunes: claims(&table, dice, 1),
            never_steps: (0..dice.below(2)).map(|_| StepClaim::random(&table, dice)).collect(),
            stuck: dice.once_in(3).then(|| claims(&table, dice, 1)),
            max_depth: Some(6),
            ..Question::default()
        };
        let (start, worlds) = initial(&table);
        let reachable = {
            let open = Question {
                never: Vec::new(),
                goals: Vec::new(),
                prunes: Vec::new(),
                never_steps: Vec::new(),
                stuck: None,
                ..question.clone()
            };
            enumerate(&table, &worlds, &open, 30_000)
        };
        if reachable.is_none() {
            question.max_depth = Some(4);
        }
        for minimize in [false, true] {
            let mut text = None;
            for threads in [1, 2, 3, 8] {
                let settings = Settings { threads: Some(threads), minimize, ..settings(&question) };
                let random = RandomDfs { seed: seed * 7, probes: Some(70) };
                let results = search::random_dfs(&start, &settings, random);
                let this = fingerprint(&results);
                assert_eq!(*text.get_or_insert(this.clone()), this);
                let Some(trace) = &results.trace else {
                    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Probes));
                    assert_eq!(results.stats.probes, 70);
                    continue;
                };
                found += u32::from(threads == 1);
                let states = search::replay(trace, &settings.delivery).unwrap();
                follow(&table, &question, &states, &trace.events);
                let last = World::of(states.last().unwrap());
                match end_of(&results) {
                    End::Violated(number) => assert!(question.never[number].is_true(&table, &last)),
                    End::Goal(number) => assert!(question.goals[number].is_true(&table, &last)),
                    End::Panicked => assert_eq!(states.len(), trace.events.len()),
                    End::ViolatedStep(_) => {}
                    End::Stuck => assert!(is_stuck(&table, &question, &last.after_faults_in(&trace.events))),
                    End::Exhausted | End::Depth => panic!("a random search proves nothing"),
                }
                assert!(trace.events.len() <= 6 && trace.events.len() <= trace.found_len);
                if let (false, Some(reachable)) = (minimize, &reachable)
                    && reachable.end != End::Panicked
                {
                    for (depth, state) in (0..).zip(&states) {
                        let world = World::of(state);
                        assert!(reachable.states[&world] <= depth);
                        let pruned = question.prunes.iter().any(|prune| prune.is_true(&table, &world));
                        assert!(!pruned || depth == 0 || depth as usize + 1 == states.len());
                    }
                }
                if minimize {
                    let target = Target::new(&results.verdict, &settings);
                    assert!(search::is_one_minimal(trace, &target));
                }
            }
        }
    }
    assert!(found > 200, "{found}");
}

/// The test of the tests: brute force notices when the engine is asked something else.
#[test]
fn brute_force_is_not_satisfied_by_anything() {
    let table = table(3);
    let (start, worlds) = initial(&table);
    let mut question = Question::default();
    let answer = enumerate_some(&table, &worlds, &mut question, 250);
    let other = Settings { max_depth: Some(2), ..settings(&question) };
    let results = search::bfs(&start, &other);
    assert_ne!(results.stats.levels, answer.levels);
    assert!(!Claim::Never.is_true(&table, &worlds[0].0));
}
