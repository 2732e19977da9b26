//! Compares what a search can answer beyond yes and no with brute force on random small systems.

use std::sync::{Arc, Mutex};

use framework::StepPredicate;
use search::{RandomDfs, Settings, Verdict};

use crate::brute_force::{
    Answer, Dice, Happening, Mishaps, Question, Switches, Table, World, enumerate_some, table,
};
use crate::random_systems::{Naming, cap, initial, matrix, settings};

/// Every step of the states of an answer that changes something, but for those of the last level of a limited search.
/// Without the faults used, which a view does not show.
fn edges(table: &Table, question: &Question, answer: &Answer) -> Vec<(World, Happening, World)> {
    let expanded =
        answer.states.iter().filter(|(_, depth)| question.max_depth.is_none_or(|max| **depth < max));
    let steps = expanded.flat_map(|(world, _)| {
        world.happenings(table, &question.switches, &question.mishaps).into_iter().filter_map(|happening| {
            let next = world.after(table, happening)?;
            let shown =
                (World { used: (0, 0), ..world.clone() }, happening, World { used: (0, 0), ..next.clone() });
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
