//! Random depth-first search: probes that choose one event after the other until they get stuck or deep enough.
//!
//! The probes of a batch take their steps together, so that the steps that are not known yet are worked out together.
//! Which probes form a batch depends on their numbers alone, so neither does any result on the number of threads.

use framework::View;

use crate::engine::{Ending, Engine, Found, Path};
use crate::progress::Progress;
use crate::properties::{Finding, Role};
use crate::results::{Budget, Results, Verdict};
use crate::settings::Settings;
use crate::space::{ComponentId, EventId, Miss};
use crate::state::State;
use crate::stuck;

/// The probes that take their steps together.
const BATCH: u64 = 64;

/// When the tables of a batch have grown to this, the next begins with empty ones: long probes hardly ever meet again.
const TABLES_MAX: u64 = 1 << 30;

/// How a random search draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomDfs {
    /// The seed. Probe `k` draws from a generator seeded with a mixture of it and `k`.
    pub seed: u64,
    /// The number of probes; without it some other budget has to end the search.
    pub probes: Option<u64>,
}

/// One probe.
struct Probe {
    ids: Vec<ComponentId>,
    path: Vec<(usize, EventId)>,
    random: Random,
    over: bool,
}

/// A small generator with a fixed sequence for every seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; the bias of one part in 2^64 / limit does not matter here.
    fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.next()) * limit as u128;
        usize::try_from(wide >> 64).expect("below a usize")
    }
}

/// Searches by random probes from `start`, each to [`max_depth`](Settings::max_depth) or until nothing can change any
/// more. It reaches depths that no breadth-first search does, and proves nothing: without a finding it ends with a spent
/// budget.
///
/// If several probes of a batch of 64 find something, the one with the least number is reported. Prunes end a probe.
/// Which way a probe takes depends on its number and on what the batches before it have met, so a probe is found again by
/// the trace and not by its number.
///
/// Source: DSLabs `Search.dfs` (its `RandomDFS`), with a seed.
pub fn random_dfs(start: &State, settings: &Settings, random: RandomDfs) -> Results {
    let starts = std::slice::from_ref(start);
    let mut engine = match Engine::new(starts, settings) {
        Ok(engine) => engine,
        Err(results) => return *results,
    };
    engine.breadth_first = false;
    let ids = engine.starts[0].clone();
    let mut progress = Walked { states: 1, ..Walked::default() };
    if let Some(found) = check(&engine, &ids, None, (0, Vec::new()), Role::Start) {
        return progress.finish(engine, Ending::Found(found), starts);
    }
    engine.properties.settle();
    loop {
        let first = progress.probes;
        let count = random.probes.map_or(BATCH, |probes| probes.saturating_sub(first).min(BATCH));
        if count == 0 {
            return progress.finish(engine, budget(Budget::Probes), starts);
        }
        if engine.space.bytes() > TABLES_MAX.min(settings.max_memory.unwrap_or(u64::MAX) / 2) {
            let calls = (engine.space.handler_calls, engine.space.memo_misses);
            let passed_over = std::mem::take(&mut engine.space.passed_over);
            engine = match Engine::new(starts, settings) {
                Ok(mut fresh) => {
                    (fresh.begun, fresh.pruned, fresh.breadth_first) = (engine.begun, engine.pruned, false);
                    fresh
                }
                Err(results) => return *results,
            };
            (engine.space.handler_calls, engine.space.memo_misses) = calls;
            engine.space.passed_over = passed_over;
        }
        let new_probe = |number| Probe {
            ids: engine.starts[0].clone(),
            path: Vec::new(),
            random: Random(Random(random.seed ^ Random(number).next()).next()),
            over: false,
        };
        let probes = (first..first + count).map(new_probe).collect();
        let ending = walk(&mut engine, probes, start, &mut progress);
        if let Some(ending) = ending {
            return progress.finish(engine, ending, starts);
        }
        progress.probes += count;
        if progress.states == 1 && random.probes.is_none() {
            // No probe can ever take a step, so no budget of states would ever be spent.
            return progress.finish(engine, budget(Budget::Probes), starts);
        }
    }
}

fn budget(budget: Budget) -> Ending {
    Ending::Verdict(Verdict::BudgetSpent(budget), None)
}

/// What all probes did so far.
#[derive(Default)]
struct Walked {
    states: u64,
    probes: u64,
    depth: u32,
    digest: u64,
}

impl Walked {
    fn finish(self, mut engine: Engine<'_>, ending: Ending, starts: &[State]) -> Results {
        engine.stats.states = self.states;
        engine.stats.generated = self.states - 1;
        engine.stats.depth = self.depth;
        engine.stats.probes = self.probes;
        engine.stats.bytes = engine.bytes(&[]);
        // One number for all: a probe has no levels.
        engine.stats.digests = vec![self.digest];
        let missed = matches!(ending, Ending::Verdict(..)) && !engine.settings.goals.is_empty();
        engine.finish(ending, starts, missed.then(Vec::new))
    }
}

/// Lets the probes of a batch walk to their ends; the finding of the first that has one.
fn walk(
    engine: &mut Engine<'_>,
    mut probes: Vec<Probe>,
    start: &State,
    walked: &mut Walked,
) -> Option<Ending> {
    let mut found: Option<(usize, Found)> = None;
    let mut depth = start.depth();
    loop {
        let limit = engine.settings.max_depth.is_some_and(|max| depth >= max);
        if limit || probes.iter().all(|probe| probe.over) {
            break;
        }
        depth += 1;
        step(engine, &mut probes, &mut found);
        for (number, probe) in probes.iter_mut().enumerate() {
            if probe.over {
                continue;
            }
            walked.states += 1;
            walked.depth = walked.depth.max(depth);
            let state = engine.space.hash_of(&probe.ids);
            walked.digest = walked.digest.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(state);
            let (node, _) = *probe.path.last().expect("a probe that is not over has just taken a step");
            let at = || (0, probe.path.clone());
            match checked(engine, &probe.ids, Some(node)) {
                None => {}
                Some(Finding::Pruned(prune)) => {
                    engine.pruned[prune] += 1;
                    probe.over = true;
                }
                Some(finding) => {
                    probe.over = true;
                    note(&mut found, number, to_found(finding, at()));
                }
            }
        }
        engine.properties.settle();
        // Only what an earlier probe may still find is of interest now.
        if let Some((first, _)) = &found {
            probes.truncate(*first);
        }
        engine.report(
            |bytes| Progress {
                states: walked.states,
                depth,
                frontier: 0,
                expanded: 0,
                probes: walked.probes,
                bytes,
                max_bytes: engine.max_memory(),
                elapsed: engine.begun.elapsed(),
            },
            &[],
        );
        let mut spent = engine.budget_spent(&[]);
        if engine.settings.max_states.is_some_and(|max| walked.states >= max) {
            spent = spent.or(Some(Verdict::BudgetSpent(Budget::States)));
        }
        if let Some(verdict) = spent {
            return Some(found.map_or(Ending::Verdict(verdict, None), |(_, found)| Ending::Found(found)));
        }
    }
    found.map(|(_, found)| Ending::Found(found))
}

fn note(found: &mut Option<(usize, Found)>, number: usize, finding: Found) {
    if found.as_ref().is_none_or(|(first, _)| number < *first) {
        *found = Some((number, finding));
    }
}

fn to_found(finding: Finding, at: Path) -> Found {
    match finding {
        Finding::Violates(invariant) => Found::Violation { invariant, at },
        Finding::Matches(goal) => Found::Goals { goal, at: vec![at] },
        Finding::Panics(predicate, panic) => Found::PredicatePanic { predicate, panic, at },
        Finding::Pruned(_) => unreachable!("a prune is no finding of a search"),
    }
}

fn checked(engine: &Engine<'_>, ids: &[ComponentId], moved: Option<usize>) -> Option<Finding> {
    let properties = &engine.properties;
    properties
        .with_evaluator(|evaluator| evaluator.check(properties, &engine.space, ids, moved, Role::Reached))
}

fn check(
    engine: &Engine<'_>,
    ids: &[ComponentId],
    moved: Option<usize>,
    at: Path,
    role: Role,
) -> Option<Found> {
    let properties = &engine.properties;
    let finding = properties
        .with_evaluator(|evaluator| evaluator.check(properties, &engine.space, ids, moved, role))?;
    Some(to_found(finding, at))
}

/// Every probe that is not over takes one step, or is over.
fn step(engine: &mut Engine<'_>, probes: &mut [Probe], found: &mut Option<(usize, Found)>) {
    // Those that have not taken their step yet. An event that turns out to change nothing is drawn again.
    let mut waiting: Vec<usize> = (0..probes.len()).filter(|number| !probes[*number].over).collect();
    while !waiting.is_empty() {
        let mut misses: Vec<Miss> = Vec::new();
        let mut drawn: Vec<(usize, usize, EventId)> = Vec::new();
        for number in waiting.drain(..) {
            let probe = &mut probes[number];
            let Some((node, event)) = draw(engine, probe) else {
                probe.over = true;
                note_stuck(engine, number, probe, found);
                continue;
            };
            let component = probe.ids[node];
            if successor(engine, node, component, event).is_none() {
                misses.push(Miss { node: u32::try_from(node).expect("at most 250 nodes"), component, event });
            }
            drawn.push((number, node, event));
        }
        misses.sort_unstable();
        misses.dedup();
        let faults = if misses.is_empty() {
            Vec::new()
        } else {
            engine.space.resolve(&misses, &mut engine.pool, engine.settings.handler_time)
        };
        let hung = faults.iter().any(|fault| fault.kind.ends_at_once());
        for (number, node, event) in drawn {
            let probe = &mut probes[number];
            let component = probe.ids[node];
            let fault = faults.iter().find(|fault| {
                (fault.miss.node as usize, fault.miss.component, fault.miss.event) == (node, component, event)
            });
            if let Some(fault) = fault {
                probe.over = true;
                probe.path.push((node, event));
                let at = (0, probe.path.clone());
                note(
                    found,
                    number,
                    Found::Fault { kind: fault.kind, problem: fault.problem.clone(), node, event, at },
                );
            } else if hung {
                probe.over = true;
            } else if let Some(next) = successor(engine, node, component, event) {
                let before = probe.ids.clone();
                if let Err((predicate, panic)) = engine.space.show_monitors(&before, node, event, next) {
                    probe.path.push((node, event));
                    let at = (0, probe.path.clone());
                    note(found, number, Found::PredicatePanic { predicate, panic, at });
                    probe.over = true;
                    continue;
                }
                engine.space.advance(&mut probe.ids, node, event, next);
                probe.path.push((node, event));
                check_step(engine, &before, (node, event), next, number, probe, found);
            } else {
                waiting.push(number);
            }
        }
    }
}

/// Notes that a probe has come to rest where it may not.
fn note_stuck(engine: &Engine<'_>, number: usize, probe: &Probe, found: &mut Option<(usize, Found)>) {
    let Some(ends) = &engine.settings.stuck else { return };
    // A handler that is at fault counts as one that does nothing from then on.
    if matches!(found, Some((_, Found::Fault { .. }))) {
        return;
    }
    let at = (0, probe.path.clone());
    match stuck::may_end(ends, &View::new(&engine.space.state_ref(&probe.ids))) {
        Ok(true) => {}
        Ok(false) => note(found, number, Found::Stuck { at }),
        Err((predicate, panic)) => note(found, number, Found::PredicatePanic { predicate, panic, at }),
    }
}

fn check_step(
    engine: &Engine<'_>,
    before: &[ComponentId],
    (node, event): (usize, EventId),
    next: ComponentId,
    number: usize,
    probe: &mut Probe,
    found: &mut Option<(usize, Found)>,
) {
    if engine.settings.step_invariants.is_empty() {
        return;
    }
    let properties = &engine.properties;
    let finding = properties.with_evaluator(|evaluator| {
        evaluator.check_step(properties, &engine.space, before, (node, event), next)
    });
    let at = || (0, probe.path.clone());
    let finding = match finding {
        None => return,
        Some(Ok(invariant)) => {
            Found::Violation { invariant: engine.settings.invariants.len() + invariant, at: at() }
        }
        Some(Err((predicate, panic))) => Found::PredicatePanic { predicate, panic, at: at() },
    };
    note(found, number, finding);
    probe.over = true;
}

fn successor(
    engine: &Engine<'_>,
    node: usize,
    component: ComponentId,
    event: EventId,
) -> Option<ComponentId> {
    engine.space.nodes[node].components.successor(&engine.space.layouts[node], component, event)
}

/// Chooses one of the events that may happen and are not known to change nothing.
fn draw(engine: &Engine<'_>, probe: &mut Probe) -> Option<(usize, EventId)> {
    let count = for_each_enabled(engine, &probe.ids, |_, _, _| false);
    if count == 0 {
        return None;
    }
    let wanted = probe.random.below(count);
    let mut chosen = None;
    for_each_enabled(engine, &probe.ids, |nth, node, event| {
        if nth == wanted {
            chosen = Some((node, event));
        }
        nth == wanted
    });
    chosen
}

/// Visits the events that may change something until `visit` returns true; how many there are up to there.
fn for_each_enabled(
    engine: &Engine<'_>,
    ids: &[ComponentId],
    mut visit: impl FnMut(usize, usize, EventId) -> bool,
) -> usize {
    let space = &engine.space;
    let record = |i: usize| space.nodes[i].components.record(&space.layouts[i], ids[i]);
    let mut count = 0;
    for (i, sources) in space.sources.iter().enumerate() {
        let own = record(i);
        for source in sources {
            let mut enabled = record(source.sender)[source.set] & !own[source.no_op];
            enabled &= space.within_budget(source.faults, ids);
            while enabled != 0 {
                let event = source.first.plus(enabled.trailing_zeros() as usize);
                enabled &= enabled - 1;
                if visit(count, i, event) {
                    return count;
                }
                count += 1;
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for seed 0 of the reference implementation.
        let mut random = Random(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
