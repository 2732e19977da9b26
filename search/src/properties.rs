//! Evaluates invariants, goals and prunes on states in product representation, as rarely as possible.
//!
//! A view notes which nodes a predicate looks at. A predicate is a pure function of those, so its answer is remembered
//! by their locals; and where a step changed a node that it never looks at, its answer is that of the state before.

use std::sync::{Mutex, PoisonError};

use ahash::AHashMap;
use framework::{Event, Outcome, Predicate, ReadSet, Step, View};

use crate::guard;
use crate::settings::Settings;
use crate::space::{ComponentId, EventId, LocalId, Space};

/// What is special about a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// An invariant fails, by its number.
    Violates(usize),
    /// A goal holds, by its number.
    Matches(usize),
    /// A prune holds, by its number.
    Pruned(usize),
    /// A predicate panicked: its name, and what the panic said.
    Panics(String, String),
}

/// Which events of a search use which predicates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A state from which a search starts: it is never pruned.
    Start,
    /// Any other state.
    Reached,
}

/// Remembered answers of one predicate.
#[derive(Default)]
struct Memory {
    /// Everything it was ever seen to look at, by this evaluator.
    read: ReadSet,
    answers: AHashMap<Box<[LocalId]>, bool>,
    lookups: u64,
    hits: u64,
}

/// After so many lookups a memory has to have been of use.
const TRIAL_LOOKUPS: u64 = 1 << 14;

impl Memory {
    /// Whether answers are worth remembering: not if the network is read, which hardly repeats, and not if the nodes it
    /// reads do not repeat.
    fn is_useful(&self) -> bool {
        !self.read.network() && (self.lookups < TRIAL_LOOKUPS || self.hits * 2 >= self.lookups)
    }

    fn forget_unless_useful(&mut self) {
        if !self.is_useful() {
            self.answers = AHashMap::new();
        }
    }
}

/// Evaluates predicates for one thread.
pub(crate) struct Evaluator {
    /// Invariants, goals and prunes, one after the other.
    memories: Vec<Memory>,
    step_memories: Vec<Memory>,
    key: Vec<LocalId>,
}

/// The predicates of a search, and what each is known to look at.
pub(crate) struct Properties<'s> {
    pub(crate) settings: &'s Settings,
    /// What each predicate looked at in any state so far, as of the last [`settle`](Self::settle).
    reads: Vec<ReadSet>,
    idle: Mutex<Vec<Evaluator>>,
}

impl<'s> Properties<'s> {
    pub(crate) fn new(settings: &'s Settings) -> Self {
        let count = settings.invariants.len() + settings.goals.len() + settings.prunes.len();
        Self { settings, reads: vec![ReadSet::default(); count], idle: Mutex::new(Vec::new()) }
    }

    /// Whether there is nothing to evaluate on states.
    pub(crate) fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    /// Lends an evaluator to `work`.
    pub(crate) fn with_evaluator<R>(&self, work: impl FnOnce(&mut Evaluator) -> R) -> R {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut evaluator = idle().pop().unwrap_or_else(|| Evaluator {
            memories: self.reads.iter().map(|_| Memory::default()).collect(),
            step_memories: self.settings.step_invariants.iter().map(|_| Memory::default()).collect(),
            key: Vec::new(),
        });
        let result = work(&mut evaluator);
        idle().push(evaluator);
        result
    }

    /// Takes over what the evaluators have learned about what predicates look at. Between rounds only.
    pub(crate) fn settle(&mut self) {
        for evaluator in self.idle.get_mut().unwrap_or_else(PoisonError::into_inner) {
            for (read, memory) in self.reads.iter_mut().zip(&evaluator.memories) {
                *read = read.union(memory.read);
            }
        }
    }

    /// What the invariants look at, in their order.
    pub(crate) fn invariant_reads(&self) -> &[ReadSet] {
        &self.reads[..self.settings.invariants.len()]
    }

    /// The outcome of an invariant in full, for the report.
    pub(crate) fn explain(&self, invariant: usize, view: &View<'_>) -> Outcome {
        guard::catch(|| self.settings.invariants[invariant].explained(view))
            .unwrap_or_else(|panic| Outcome::fails(format!("it panicked: {}", panic.text)))
    }
}

impl Evaluator {
    /// What is special about a state that was reached when `moved` moved, if anything is.
    ///
    /// The state before had no finding: a predicate that does not look at the node that moved cannot have one now.
    pub(crate) fn check(
        &mut self,
        properties: &Properties<'_>,
        space: &Space,
        ids: &[ComponentId],
        moved: Option<usize>,
        role: Role,
    ) -> Option<Finding> {
        let settings = properties.settings;
        let (invariants, goals) = (settings.invariants.len(), settings.goals.len());
        let predicates = settings.invariants.iter().chain(&settings.goals).chain(&settings.prunes);
        for (number, predicate) in predicates.enumerate() {
            let prune = number >= invariants + goals;
            if prune && role == Role::Start {
                break;
            }
            let read = properties.reads[number];
            // A start has no state before it; a prune did hold before if that was a start.
            let unseen = moved.is_some_and(|node| node < 64 && read.nodes() & (1 << node) == 0);
            if unseen && !read.network() && !prune {
                continue;
            }
            let holds = match self.holds(number, predicate, space, ids) {
                Ok(holds) => holds,
                Err(panic) => return Some(Finding::Panics(predicate.name().to_owned(), panic)),
            };
            if number < invariants {
                if !holds {
                    return Some(Finding::Violates(number));
                }
            } else if holds {
                return Some(if prune {
                    Finding::Pruned(number - invariants - goals)
                } else {
                    Finding::Matches(number - invariants)
                });
            }
        }
        None
    }

    fn holds(
        &mut self,
        number: usize,
        predicate: &Predicate,
        space: &Space,
        ids: &[ComponentId],
    ) -> Result<bool, String> {
        let memory = &mut self.memories[number];
        let useful = memory.is_useful();
        if useful {
            memory.lookups += 1;
            key_of(&mut self.key, space, ids, memory.read);
            if let Some(holds) = memory.answers.get(&self.key[..]) {
                memory.hits += 1;
                return Ok(*holds);
            }
        }
        let state = space.state_ref(ids);
        let view = View::new(&state);
        let holds = guard::catch(|| predicate.check(&view).is_ok()).map_err(|panic| panic.text)?;
        let read = memory.read.union(view.read_set());
        if read != memory.read {
            // Older answers were found by a key that has fewer locals in it.
            memory.answers.clear();
            memory.read = read;
        }
        memory.forget_unless_useful();
        if useful && memory.is_useful() {
            key_of(&mut self.key, space, ids, memory.read);
            memory.answers.insert(self.key.as_slice().into(), holds);
        }
        Ok(holds)
    }

    /// The first step invariant that a step violates, if one is, or the name of one that panicked and what it said.
    pub(crate) fn check_step(
        &mut self,
        properties: &Properties<'_>,
        space: &Space,
        before: &[ComponentId],
        (node, event): (usize, EventId),
        after: ComponentId,
    ) -> Option<Result<usize, (String, String)>> {
        for (number, predicate) in properties.settings.step_invariants.iter().enumerate() {
            let memory = &mut self.step_memories[number];
            let step_key = |key: &mut Vec<LocalId>, read| {
                key_of(key, space, before, read);
                let place =
                    u32::try_from(event.group() << 24 | event.bit()).expect("an event number has 32 bits");
                let node_number = u32::try_from(node).expect("at most 250 nodes");
                key.extend([
                    node_number,
                    place,
                    space.local_of(node, before[node]),
                    space.local_of(node, after),
                ]);
            };
            let useful = memory.is_useful();
            if useful {
                memory.lookups += 1;
                step_key(&mut self.key, memory.read);
                if let Some(holds) = memory.answers.get(&self.key[..]) {
                    memory.hits += 1;
                    if *holds {
                        continue;
                    }
                    return Some(Ok(number));
                }
            }
            let mut ids_after = before.to_vec();
            ids_after[node] = after;
            let happened: Event = space.event(node, event);
            let (state_before, state_after) = (space.state_ref(before), space.state_ref(&ids_after));
            let (view_before, view_after) = (View::new(&state_before), View::new(&state_after));
            let step = Step { before: &view_before, event: &happened, after: &view_after };
            let holds = match guard::catch(|| predicate.check(&step).is_ok()) {
                Ok(holds) => holds,
                Err(panic) => return Some(Err((predicate.name().to_owned(), panic.text))),
            };
            let read = memory.read.union(view_before.read_set()).union(view_after.read_set());
            if read != memory.read {
                memory.answers.clear();
                memory.read = read;
            }
            memory.forget_unless_useful();
            if useful && memory.is_useful() {
                step_key(&mut self.key, memory.read);
                memory.answers.insert(self.key.as_slice().into(), holds);
            }
            if !holds {
                return Some(Ok(number));
            }
        }
        None
    }
}

/// The locals of the nodes in `read`.
fn key_of(key: &mut Vec<LocalId>, space: &Space, ids: &[ComponentId], read: ReadSet) {
    key.clear();
    let mut nodes = read.nodes();
    while nodes != 0 {
        let i = nodes.trailing_zeros() as usize;
        nodes &= nodes - 1;
        key.push(space.local_of(i, ids[i]));
    }
}
