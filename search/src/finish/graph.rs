//! The steps between visited states, backwards: from which states a goal state can be reached.
//!
//! The predecessors of all states stand in one list, those of a state one after the other (compressed sparse rows, 4 bytes
//! a step). It is filled in two passes over the states, which read the steps from what the search remembers.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use framework::Predicate;

use super::SAMPLES;
use crate::bfs::Bfs;
use crate::properties::{Finding, Properties, Role};
use crate::settings::Settings;
use crate::space::{ComponentId, Miss};
use crate::visited::{StateIndex, mix, record_of, shard_of, shard_of_hash, state_index};

/// The state satisfies the goal.
const GOAL: u8 = 1;
/// Something may happen in it that leads out of the visited states.
const OPEN: u8 = 2;
/// A goal state can be reached.
const FINISHES: u8 = 4;
/// An open state can be reached.
const MAYBE: u8 = 8;
/// Nothing happens in it.
const AT_REST: u8 = 16;

/// Why there is no answer.
pub(super) enum Problem {
    /// So many bytes are missing.
    Memory(u64),
    GoalPanicked(String),
    HandlerFault(String),
}

/// What the graph says.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) goal_states: u64,
    /// States from which something leads out of the visited ones, and those of them that are not known to finish.
    pub(super) open: u64,
    pub(super) open_unfinished: u64,
    /// States that may or may not finish.
    pub(super) unknown: u64,
    pub(super) traps: u64,
    pub(super) traps_at_rest: u64,
    pub(super) least_trap: Option<StateIndex>,
    /// Some of the open states, drawn by content, those first that are not known to finish.
    pub(super) samples: Vec<StateIndex>,
}

/// Numbers the states of all shards from 0.
struct Numbers {
    first_of_shard: Vec<u32>,
    count: u32,
}

impl Numbers {
    fn new(bfs: &Bfs<'_>) -> Self {
        let mut count = 0_u32;
        let first_of_shard = bfs
            .shards
            .iter()
            .map(|shard| {
                let first = count;
                count += shard.len();
                first
            })
            .collect();
        Self { first_of_shard, count }
    }

    fn of(&self, state: StateIndex) -> u32 {
        self.first_of_shard[shard_of(state)] + record_of(state)
    }
}

impl Graph {
    pub(super) fn of(bfs: &mut Bfs<'_>, goal: &Predicate) -> Result<Self, Problem> {
        work_out_interruptions(bfs)?;
        let bfs = &*bfs;
        let total: u64 = bfs.shards.iter().map(|shard| u64::from(shard.len())).sum();
        // A number, a place and marks for each state.
        let fits = |bytes: u64| {
            let (used, limit) = (bfs.engine.bytes(&bfs.shards) + bytes, bfs.engine.max_memory());
            if used <= limit { Ok(()) } else { Err(Problem::Memory(used - limit)) }
        };
        fits(total * 5)?;
        if total >= u64::from(u32::MAX) {
            return Err(Problem::Memory(total * 4));
        }
        let numbers = Numbers::new(bfs);
        let marks: Vec<AtomicU8> = (0..numbers.count).map(|_| AtomicU8::new(0)).collect();
        mark_goals(bfs, goal, &numbers, &marks)?;

        let mut places: Vec<AtomicU32> = (0..=numbers.count).map(|_| AtomicU32::new(0)).collect();
        let steps = AtomicU64::new(0);
        for_each_step(bfs, &numbers, |from, to| match to {
            Step::To(to) => {
                places[to as usize].fetch_add(1, Ordering::Relaxed);
                steps.fetch_add(1, Ordering::Relaxed);
            }
            Step::Out => {
                marks[from as usize].fetch_or(OPEN, Ordering::Relaxed);
            }
            Step::None => {
                marks[from as usize].fetch_or(AT_REST, Ordering::Relaxed);
            }
        });
        let steps = steps.into_inner();
        fits(total * 5 + steps * 4)?;
        // Each place is first the end of its state's predecessors, and moves to their beginning as they are filled in.
        let mut end = 0_u64;
        for place in &mut places {
            end += u64::from(*place.get_mut());
            *place.get_mut() = u32::try_from(end).map_err(|_| Problem::Memory(steps * 4))?;
        }
        let predecessors: Vec<AtomicU32> = (0..steps).map(|_| AtomicU32::new(0)).collect();
        for_each_step(bfs, &numbers, |from, to| {
            if let Step::To(to) = to {
                let place = places[to as usize].fetch_sub(1, Ordering::Relaxed) - 1;
                predecessors[place as usize].store(from, Ordering::Relaxed);
            }
        });
        let mut marks: Vec<u8> = marks.into_iter().map(AtomicU8::into_inner).collect();
        let places: Vec<u32> = places.into_iter().map(AtomicU32::into_inner).collect();
        let predecessors: Vec<u32> = predecessors.into_iter().map(AtomicU32::into_inner).collect();
        sweep(&places, &predecessors, &mut marks, GOAL, FINISHES);
        sweep(&places, &predecessors, &mut marks, OPEN, MAYBE);
        Ok(Self::summary(bfs, &numbers, &marks))
    }

    fn summary(bfs: &Bfs<'_>, numbers: &Numbers, marks: &[u8]) -> Self {
        let mut graph = Self::default();
        let mut least: Option<(u32, u64, StateIndex)> = None;
        let mut open: Vec<(bool, u64, StateIndex)> = Vec::new();
        for shard in 0..bfs.shards.len() {
            bfs.for_each_state_of(shard, |visit| {
                let marks = marks[numbers.of(visit.state) as usize];
                graph.goal_states += u64::from(marks & GOAL != 0);
                let finishes = marks & FINISHES != 0;
                let hash = bfs.engine.space.hash_of(visit.ids);
                if marks & OPEN != 0 {
                    graph.open += 1;
                    graph.open_unfinished += u64::from(!finishes);
                    open.push((finishes, mix(hash), visit.state));
                }
                if marks & (FINISHES | MAYBE) != 0 {
                    graph.unknown += u64::from(!finishes);
                    return;
                }
                graph.traps += 1;
                graph.traps_at_rest += u64::from(marks & AT_REST != 0);
                let trap = (visit.depth, hash, visit.state);
                if least.is_none_or(|least| trap < least) {
                    least = Some(trap);
                }
            });
        }
        open.sort_unstable();
        open.truncate(SAMPLES);
        graph.samples = open.into_iter().map(|(.., state)| state).collect();
        graph.least_trap = least.map(|(.., state)| state);
        graph
    }
}

/// Works out crashes in handlers that the search has left open: a handler was worked out before anybody knew that some
/// handler can be interrupted at so many places, or where no crash was left.
fn work_out_interruptions(bfs: &mut Bfs<'_>) -> Result<(), Problem> {
    if bfs.engine.space.layers == 1 {
        return Ok(());
    }
    let space = &bfs.engine.space;
    let misses: Mutex<Vec<Miss>> = Mutex::new(Vec::new());
    bfs.for_each_shard(Vec::new, |found: &mut Vec<Miss>, shard| {
        bfs.for_each_state_of(shard, |visit| {
            space.for_each_step(visit.ids, |node, event, successor| {
                let component = visit.ids[node];
                if successor.is_none() && space.interrupts_what_is_known(node, component, event) {
                    let node = u32::try_from(node).expect("at most 250 nodes");
                    found.push(Miss { node, component, event });
                }
                true
            });
        });
        found.sort_unstable();
        found.dedup();
        misses.lock().unwrap_or_else(PoisonError::into_inner).append(found);
    });
    let mut misses = misses.into_inner().unwrap_or_else(PoisonError::into_inner);
    misses.sort_unstable();
    misses.dedup();
    let handler_time = bfs.engine.settings.handler_time;
    let faults = bfs.engine.space.resolve(&misses, &mut bfs.engine.pool, handler_time);
    match faults.into_iter().next() {
        Some(fault) => Err(Problem::HandlerFault(format!(
            "a handler fails when a crash interrupts it: {}",
            fault.problem
        ))),
        None => Ok(()),
    }
}

/// Marks the states that satisfy the goal.
fn mark_goals(bfs: &Bfs<'_>, goal: &Predicate, numbers: &Numbers, marks: &[AtomicU8]) -> Result<(), Problem> {
    let space = &bfs.engine.space;
    let settings = Settings::default().goal(goal.clone());
    let properties = Properties::new(&settings, space, &bfs.engine.starts[0]);
    let panics: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());
    bfs.for_each_shard(
        || (),
        |(), shard| {
            properties.with_evaluator(|evaluator| {
                bfs.for_each_state_of(shard, |visit| {
                    match evaluator.check(&properties, space, visit.ids, None, Role::Reached) {
                        Some(Finding::Matches(_)) => {
                            marks[numbers.of(visit.state) as usize].fetch_or(GOAL, Ordering::Relaxed);
                        }
                        Some(Finding::Panics(_, text)) => {
                            let panic = (space.hash_of(visit.ids), text);
                            panics.lock().unwrap_or_else(PoisonError::into_inner).push(panic);
                        }
                        _ => {}
                    }
                });
            });
        },
    );
    let panics = panics.into_inner().unwrap_or_else(PoisonError::into_inner);
    panics.into_iter().min().map_or(Ok(()), |(_, text)| Err(Problem::GoalPanicked(text)))
}

/// Where a step leads.
enum Step {
    To(u32),
    /// Out of the visited states, or nobody worked it out.
    Out,
    /// There is no step.
    None,
}

/// Calls `visit` with every step of every state, on all threads.
fn for_each_step(bfs: &Bfs<'_>, numbers: &Numbers, visit: impl Fn(u32, Step) + Sync) {
    let space = &bfs.engine.space;
    bfs.for_each_shard(Vec::new, |after: &mut Vec<ComponentId>, shard| {
        bfs.for_each_state_of(shard, |here| {
            let from = numbers.of(here.state);
            let mut steps = false;
            space.for_each_step(here.ids, |node, event, successor| {
                steps = true;
                let to = successor.and_then(|successor| {
                    after.clear();
                    after.extend_from_slice(here.ids);
                    // A step that a monitor was never shown is one that the search did not take.
                    if space.advance(after, node, event, successor) { bfs.find(after) } else { None }
                });
                visit(from, to.map_or(Step::Out, |to| Step::To(numbers.of(to))));
                true
            });
            if !steps {
                visit(from, Step::None);
            }
        });
    });
}

impl Bfs<'_> {
    /// The number of a state, if it was visited.
    fn find(&self, ids: &[ComponentId]) -> Option<StateIndex> {
        let hash = self.engine.space.hash_of(ids);
        let shard = shard_of_hash(hash);
        let state = state_index(shard, self.shards[shard].find(hash, ids)?);
        self.cut_off.binary_search(&state).is_err().then_some(state)
    }
}

/// Marks with `reached` every state from which one marked with `from` can be reached.
fn sweep(places: &[u32], predecessors: &[u32], marks: &mut [u8], from: u8, reached: u8) {
    let mut found: Vec<u32> = Vec::new();
    for (state, mark) in (0..).zip(marks.iter_mut()) {
        if *mark & from != 0 {
            *mark |= reached;
            found.push(state);
        }
    }
    while let Some(state) = found.pop() {
        let range = places[state as usize] as usize..places[state as usize + 1] as usize;
        for before in &predecessors[range] {
            let mark = &mut marks[*before as usize];
            if *mark & reached == 0 {
                *mark |= reached;
                found.push(*before);
            }
        }
    }
}
