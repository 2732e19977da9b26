//! Evaluates invariants, goals and prunes on states in product representation, as rarely as possible.
//!
//! A property of every node, or of every two, is looked at only where a node has changed, and its answers are remembered
//! by the locals. Of any other predicate the view notes which nodes it looks at: its answers are remembered by their
//! locals, and where a step changed a node that it never looks at, its answer is that of the state before.

mod memory;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use framework::{Event, Outcome, Parts, Predicate, ReadSet, Source as _, Step, View};

pub(crate) use self::memory::WholeMemory;
use self::memory::{Known, NodeMemory, PairMemory, StepMemory, key_of};
use crate::guard::{self, Panic};
use crate::settings::Settings;
use crate::space::{ComponentId, EventId, LocalId, Space};
use crate::watch::{self, Activity, Watch};

/// What is special about a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// An invariant fails, by its number; those of steps and then the monitors follow those of states.
    Violates(usize),
    /// A goal holds, by its number.
    Matches(usize),
    /// A prune holds, by its number.
    Pruned(usize),
    /// A predicate panicked: its name, and what the panic said.
    Panics(String, String),
}

/// What a state is to a search.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A state from which a search starts: it is never pruned.
    Start,
    /// Any other state.
    Reached,
}

/// Evaluates predicates for one thread.
pub(crate) struct Evaluator {
    /// For each node whether all invariants over one node hold, for each two those over two; by `i * nodes + j`.
    of_node: Vec<NodeMemory>,
    of_pair: Vec<PairMemory>,
    /// Of each predicate (invariants, goals, prunes) that is a property of every node the answers for each node.
    of_every_node: Vec<Vec<NodeMemory>>,
    whole: Vec<WholeMemory>,
    steps: Vec<WholeMemory>,
    /// Of all properties of steps that are about one node.
    node_steps: StepMemory,
    key: Vec<LocalId>,
}

/// The predicates of a search, and what each is known to look at.
pub(crate) struct Properties<'s> {
    pub(crate) settings: &'s Settings,
    nodes: usize,
    /// For each node whether invariants over one node are about it; for each two nodes the same. They may be about any
    /// until it is known that they are not.
    node_matters: Vec<bool>,
    pair_matters: Vec<bool>,
    /// For each node the pairs with it that matter: the first, the second, and the number of the pair.
    pairs_of: Vec<Vec<(usize, usize, usize)>>,
    /// The numbers of the predicates that are not invariants over one node or two.
    others: Vec<usize>,
    /// What each predicate looked at in any state so far, as of the last [`settle`](Self::settle); `None` if it was not
    /// evaluated on whole states yet.
    reads: Vec<Option<ReadSet>>,
    idle: Mutex<Vec<Evaluator>>,
    /// Whether a predicate was met that is known to end the process: nothing is evaluated any more.
    over: AtomicBool,
}

type Answer = Result<bool, (String, String)>;

impl<'s> Properties<'s> {
    pub(crate) fn new(settings: &'s Settings, space: &Space, start: &[ComponentId]) -> Self {
        let count = settings.invariants.len() + settings.goals.len() + settings.prunes.len();
        let nodes = space.len();
        let state = space.state_ref(start);
        let view = View::new(&state);
        // Whether a part is about a node depends on the type of the node, so on any state in which it is up it is the
        // same.
        let about = |of_pair: bool, i: usize, j: usize| {
            if !(state.is_up(i) && state.is_up(j)) {
                return true;
            }
            settings.invariants.iter().any(|invariant| {
                let (a, b) = (space.addresses[i], space.addresses[j]);
                let check = || match invariant.parts() {
                    Parts::EachNode(check) if !of_pair => check(&view, a).is_some(),
                    Parts::EachPair(check) if of_pair => check(&view, a, b).is_some(),
                    _ => false,
                };
                // One that panics or dies here does so again when the start is checked.
                let answer = guarded(&settings.watch, invariant.name(), space, &[start], || {}, check);
                answer.unwrap_or(true)
            })
        };
        let node_matters = (0..nodes).map(|i| about(false, i, i)).collect();
        let pair_matters: Vec<bool> = (0..nodes * nodes)
            .map(|pair| pair / nodes < pair % nodes && about(true, pair / nodes, pair % nodes))
            .collect();
        let pairs_of = (0..nodes)
            .map(|i| {
                let pairs = (0..nodes).map(|j| (i.min(j), i.max(j))).map(|(a, b)| (a, b, a * nodes + b));
                pairs.filter(|(.., pair)| pair_matters[*pair]).collect()
            })
            .collect();
        let invariants = settings.invariants.iter().map(|p| matches!(p.parts(), Parts::Whole));
        let others = (0..count).zip(invariants.chain(std::iter::repeat(true)));
        let others = others.filter(|(_, other)| *other).map(|(number, _)| number).collect();
        Self {
            settings,
            nodes,
            node_matters,
            pair_matters,
            pairs_of,
            others,
            reads: vec![None; count],
            idle: Mutex::new(Vec::new()),
            over: AtomicBool::new(false),
        }
    }

    /// A predicate by its number: invariants, goals, prunes.
    fn predicate(&self, number: usize) -> &Predicate {
        let (invariants, goals) = (&self.settings.invariants, &self.settings.goals);
        match number.checked_sub(invariants.len()) {
            None => &invariants[number],
            Some(rest) if rest < goals.len() => &goals[rest],
            Some(rest) => &self.settings.prunes[rest - goals.len()],
        }
    }

    fn predicates(&self) -> impl Iterator<Item = &Predicate> {
        self.settings.invariants.iter().chain(&self.settings.goals).chain(&self.settings.prunes)
    }

    /// Whether there is nothing to evaluate on states.
    pub(crate) fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.settings.monitors.is_empty()
    }

    /// Lends an evaluator to `work`.
    pub(crate) fn with_evaluator<R>(&self, work: impl FnOnce(&mut Evaluator) -> R) -> R {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = idle().pop();
        let mut evaluator = lent.unwrap_or_else(|| {
            let per_node = |_| (0..self.nodes).map(|_| NodeMemory::default()).collect();
            let pairs = if self.pair_matters.contains(&true) { self.nodes * self.nodes } else { 0 };
            Evaluator {
                of_node: per_node(()),
                of_pair: (0..pairs).map(|_| PairMemory::default()).collect(),
                of_every_node: self.predicates().map(|_| per_node(())).collect(),
                whole: self.reads.iter().map(|_| WholeMemory::default()).collect(),
                steps: self.settings.step_invariants.iter().map(|_| WholeMemory::default()).collect(),
                node_steps: StepMemory::default(),
                key: Vec::new(),
            }
        });
        let result = work(&mut evaluator);
        idle().push(evaluator);
        result
    }

    /// Takes over what the evaluators have learned about what predicates look at. Between rounds only.
    pub(crate) fn settle(&mut self) {
        for evaluator in self.idle.get_mut().unwrap_or_else(PoisonError::into_inner) {
            for (read, memory) in self.reads.iter_mut().zip(&evaluator.whole) {
                *read = match (*read, memory.read) {
                    (Some(known), Some(more)) => Some(known.union(more)),
                    (known, more) => known.or(more),
                };
            }
        }
    }

    /// Whether the invariant looks at nothing of which there is more than one version. `start` is any state.
    pub(crate) fn is_vacuous(&self, invariant: usize, space: &Space, start: &[ComponentId]) -> bool {
        let varies = |i: usize| space.nodes[i].locals.len() > 1;
        let state = space.state_ref(start);
        let view = View::new(&state);
        // Whether a part is about a node depends on its type only; one that panics is about it.
        let about =
            |part: &dyn Fn() -> Option<Outcome>| guard::catch(part).map_or(true, |part| part.is_some());
        let address = |i: usize| space.addresses[i];
        let any_varies = match self.settings.invariants[invariant].parts() {
            Parts::Whole => {
                let read = self.reads[invariant];
                let read = read.unwrap_or_default();
                read.network() || (0..space.len().min(64)).any(|i| read.nodes() & (1 << i) != 0 && varies(i))
            }
            Parts::EachNode(check) => {
                (0..self.nodes).any(|i| varies(i) && about(&|| check(&view, address(i))))
            }
            Parts::EachPair(check) => (0..self.nodes).any(|i| {
                (i + 1..self.nodes)
                    .any(|j| (varies(i) || varies(j)) && about(&|| check(&view, address(i), address(j))))
            }),
        };
        !any_varies
    }

    /// The outcome of an invariant in full, for the report.
    pub(crate) fn explain(&self, invariant: usize, view: &View<'_>) -> Outcome {
        guard::catch(|| self.settings.invariants[invariant].explained(view))
            .unwrap_or_else(|panic| Outcome::fails(format!("it panicked: {}", panic.text)))
    }
}

impl Properties<'_> {
    /// As [`guarded`]; after a predicate that must not run, none runs any more.
    fn guarded<R>(
        &self,
        predicate: &str,
        space: &Space,
        states: &[&[ComponentId]],
        check: impl FnOnce() -> R,
    ) -> Result<R, (String, String)> {
        let on_fatal = || self.over.store(true, Ordering::Relaxed);
        guarded(&self.settings.watch, predicate, space, states, on_fatal, check)
    }
}

/// Evaluates a predicate on one state or a step's two, or says that it panicked. If the watch is thorough, it is noted with
/// the states, and not evaluated if it is known to end the process there.
fn guarded<R>(
    watch: &Watch,
    predicate: &str,
    space: &Space,
    states: &[&[ComponentId]],
    on_fatal: impl FnOnce(),
    check: impl FnOnce() -> R,
) -> Result<R, (String, String)> {
    let mut _noted = None;
    if watch.thorough {
        let states = states.iter().fold(0_u64, |sum, ids| sum.rotate_left(1) ^ space.hash_of(ids));
        let digest = watch::digest_of_predicate(predicate, states);
        if let Some(fatal) = watch.fate(digest) {
            on_fatal();
            return Err((predicate.to_owned(), fatal.problem.clone()));
        }
        _noted = watch.note(Activity::Predicate, &"", &predicate, digest);
    }
    guard::catch(check).map_err(|Panic { text }| (predicate.to_owned(), text))
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
        if properties.over.load(Ordering::Relaxed) {
            return None;
        }
        let panics = |(predicate, panic)| Some(Finding::Panics(predicate, panic));
        if let Some(monitor) = space.violated_monitor(ids) {
            let settings = properties.settings;
            let before = settings.invariants.len() + settings.step_invariants.len();
            return Some(Finding::Violates(before + monitor));
        }
        match self.all_parts_hold(properties, space, ids, moved) {
            Ok(true) => {}
            // Also if one panicked: an invariant that comes first may fail.
            Ok(false) | Err(_) => return self.first_violated(properties, space, ids),
        }
        let settings = properties.settings;
        let (invariants, goals) = (settings.invariants.len(), settings.goals.len());
        for &number in &properties.others {
            let predicate = properties.predicate(number);
            let is_invariant = number < invariants;
            let is_prune = number >= invariants + goals;
            if is_prune && role == Role::Start {
                break;
            }
            let parts = predicate.parts();
            let holds = match parts {
                Parts::EachNode(_) => self.every_node_holds(properties, number, space, ids),
                Parts::Whole | Parts::EachPair(_) => {
                    let unseen = |read: ReadSet| {
                        let node = moved.is_some_and(|node| node < 64 && read.nodes() & (1 << node) == 0);
                        node && !read.network()
                    };
                    // A prune may have held before, if that was a start.
                    if !is_prune && properties.reads[number].is_some_and(unseen) {
                        continue;
                    }
                    self.holds(properties, number, space, ids)
                }
            };
            match holds {
                Err(panic) => return panics(panic),
                Ok(false) if is_invariant => return self.first_violated(properties, space, ids),
                Ok(true) if is_prune => return Some(Finding::Pruned(number - invariants - goals)),
                Ok(true) if !is_invariant => return Some(Finding::Matches(number - invariants)),
                Ok(_) => {}
            }
        }
        None
    }

    /// The first invariant that a state violates, or the one that panicked on the way there.
    fn first_violated(
        &mut self,
        properties: &Properties<'_>,
        space: &Space,
        ids: &[ComponentId],
    ) -> Option<Finding> {
        let state = space.state_ref(ids);
        for (number, invariant) in properties.settings.invariants.iter().enumerate() {
            let view = View::new(&state);
            match properties.guarded(invariant.name(), space, &[ids], || invariant.check(&view).is_ok()) {
                Ok(true) => {}
                Ok(false) => return Some(Finding::Violates(number)),
                Err((predicate, panic)) => return Some(Finding::Panics(predicate, panic)),
            }
        }
        let name = "an invariant".to_owned();
        Some(Finding::Panics(name, "it failed a moment ago and holds now, on the same state".to_owned()))
    }

    /// Whether all invariants over one node or two hold, given that they did before `moved` moved.
    fn all_parts_hold(
        &mut self,
        properties: &Properties<'_>,
        space: &Space,
        ids: &[ComponentId],
        moved: Option<usize>,
    ) -> Answer {
        let Some(moved) = moved else {
            for i in 0..properties.nodes {
                if !self.parts_hold_at(properties, space, ids, i)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        };
        self.parts_hold_at(properties, space, ids, moved)
    }

    /// Whether all invariants over one node or two hold that are about node `i`.
    fn parts_hold_at(
        &mut self,
        properties: &Properties<'_>,
        space: &Space,
        ids: &[ComponentId],
        i: usize,
    ) -> Answer {
        let local = space.local_of(i, ids[i]);
        if properties.node_matters[i] {
            match self.of_node[i].get(local) {
                Known::Holds => {}
                Known::Fails => return Ok(false),
                Known::Nothing => {
                    let holds = parts_hold(properties, space, ids, i, None)?;
                    self.of_node[i].set(local, holds);
                    if !holds {
                        return Ok(false);
                    }
                }
            }
        }
        for &(first, second, pair) in &properties.pairs_of[i] {
            let (a, b) = (space.local_of(first, ids[first]), space.local_of(second, ids[second]));
            match self.of_pair[pair].get(a, b) {
                Known::Holds => {}
                Known::Fails => return Ok(false),
                Known::Nothing => {
                    let holds = parts_hold(properties, space, ids, first, Some(second))?;
                    self.of_pair[pair].set(a, b, holds);
                    if !holds {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Whether a goal or a prune that is a property of every node holds.
    fn every_node_holds(
        &mut self,
        properties: &Properties<'_>,
        number: usize,
        space: &Space,
        ids: &[ComponentId],
    ) -> Answer {
        let predicate = properties.predicate(number);
        let Parts::EachNode(check) = predicate.parts() else { unreachable!("it was looked at before") };
        for (i, id) in ids.iter().take(space.len()).enumerate() {
            let local = space.local_of(i, *id);
            let memory = &mut self.of_every_node[number][i];
            let holds = match memory.get(local) {
                Known::Holds => true,
                Known::Fails => false,
                Known::Nothing => {
                    let state = space.state_ref(ids);
                    let view = View::new(&state);
                    let holds = properties.guarded(predicate.name(), space, &[ids], || {
                        check(&view, space.addresses[i]).is_none_or(|outcome| outcome.is_ok())
                    })?;
                    memory.set(local, holds);
                    holds
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a predicate over whole states holds.
    fn holds(
        &mut self,
        properties: &Properties<'_>,
        number: usize,
        space: &Space,
        ids: &[ComponentId],
    ) -> Answer {
        let predicate = properties.predicate(number);
        let memory = &mut self.whole[number];
        let useful = memory.is_useful();
        if useful {
            key_of(&mut self.key, space, ids, memory.read.unwrap_or_default());
            if let Some(holds) = memory.answer(&self.key) {
                return Ok(holds);
            }
        }
        let state = space.state_ref(ids);
        let view = View::new(&state);
        let holds = properties.guarded(predicate.name(), space, &[ids], || predicate.check(&view).is_ok())?;
        memory.note_read(view.read_set());
        if useful && memory.is_useful() {
            key_of(&mut self.key, space, ids, memory.read.unwrap_or_default());
            memory.remember(&self.key, holds);
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
        if properties.over.load(Ordering::Relaxed) {
            return None;
        }
        let node_number = u32::try_from(node).expect("at most 250 nodes");
        let (local, local_after) = (space.local_of(node, before[node]), space.local_of(node, after));
        let node_key = [node_number, event.number(), local, local_after];
        let step_key = |key: &mut Vec<LocalId>, read| {
            key_of(key, space, before, Option::unwrap_or_default(read));
            key.extend(node_key);
        };
        let node_known = self.node_steps.holds(&node_key);
        let mut any_of_node = false;
        for (number, predicate) in properties.settings.step_invariants.iter().enumerate() {
            let of_node = predicate.is_of_node();
            if of_node && node_known {
                continue;
            }
            any_of_node |= of_node;
            let memory = &mut self.steps[number];
            let useful = !of_node && memory.is_useful();
            let mut answer = None;
            if useful {
                step_key(&mut self.key, memory.read);
                answer = memory.answer(&self.key);
            }
            let holds = match answer {
                Some(holds) => holds,
                None => {
                    let mut ids_after = before.to_vec();
                    ids_after[node] = after;
                    let happened: Event = space.event(node, event);
                    let (state_before, state_after) = (space.state_ref(before), space.state_ref(&ids_after));
                    let (view_before, view_after) = (View::new(&state_before), View::new(&state_after));
                    let step = Step { before: &view_before, event: &happened, after: &view_after };
                    let check = || predicate.check(&step).is_ok();
                    let holds =
                        match properties.guarded(predicate.name(), space, &[before, &ids_after], check) {
                            Ok(holds) => holds,
                            Err(panic) => return Some(Err(panic)),
                        };
                    if !of_node {
                        memory.note_read(view_before.read_set().union(view_after.read_set()));
                    }
                    if useful && memory.is_useful() {
                        step_key(&mut self.key, memory.read);
                        memory.remember(&self.key, holds);
                    }
                    holds
                }
            };
            if !holds {
                return Some(Ok(number));
            }
        }
        if any_of_node {
            self.node_steps.remember(node_key);
        }
        None
    }
}

/// Whether all invariants over one node (or two, if there is a second) hold for these.
#[cold]
fn parts_hold(
    properties: &Properties<'_>,
    space: &Space,
    ids: &[ComponentId],
    first: usize,
    second: Option<usize>,
) -> Answer {
    let state = space.state_ref(ids);
    let view = View::new(&state);
    let a = space.addresses[first];
    for invariant in &properties.settings.invariants {
        let outcome =
            properties.guarded(invariant.name(), space, &[ids], || match (invariant.parts(), second) {
                (Parts::EachNode(check), None) => check(&view, a),
                (Parts::EachPair(check), Some(second)) => check(&view, a, space.addresses[second]),
                _ => None,
            })?;
        if outcome.is_some_and(|outcome| !outcome.is_ok()) {
            return Ok(false);
        }
    }
    Ok(true)
}
