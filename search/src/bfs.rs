//! Breadth-first search, level by level, in rounds of a fixed size.
//!
//! A round expands some states of the frontier (in parallel, nothing changes), works out the steps that are not known
//! yet, sorts what was reached into the shards of the visited set (in parallel), and checks what is new (in parallel).
//! Everything that depends on an order depends on the order of states, which does not depend on the threads.

use std::ops::Range;

use framework::View;
use rayon::prelude::*;

use crate::engine::{Ending, Engine, Found, Path};
use crate::missed;
use crate::progress::Progress;
use crate::properties::{Finding, Role};
use crate::results::{Budget, Results, Verdict};
use crate::settings::Settings;
use crate::space::{
    ComponentId, EventId, Fault, FaultKind, FaultyEvents, MessageSource, Miss, Space, count_ones,
};
use crate::state::State;
use crate::stuck;
use crate::visited::{
    Moved, NO_PREDECESSOR, SHARDS, Shard, StateIndex, candidate, mix, record_of, shard_of, shard_of_hash,
    state_index,
};

/// The states that are expanded by one thread at a time.
const BLOCK: u32 = 512;

/// The blocks of a round.
const ROUND: usize = 64;

/// The steps that are worked out before the budgets are looked at again.
const RESOLVE_MAX: usize = 1 << 15;

/// A round with fewer states than this is done by one thread: waking the others would take longer.
const SMALL: usize = 256;

/// Searches from one state.
///
/// Visits the states in order of depth, so the trace to a violation or a goal is one of the shortest.
///
/// Source: DSLabs `Search.bfs`.
pub fn bfs(start: &State, settings: &Settings) -> Results {
    bfs_from(std::slice::from_ref(start), settings)
}

/// Searches from several states at once, such as all goal states of a stage before. They must be states of one system.
///
/// # Panics
///
/// Panics when there are no states, or they are of different systems.
pub fn bfs_from(starts: &[State], settings: &Settings) -> Results {
    let engine = match Engine::new(starts, settings) {
        Ok(engine) => engine,
        Err(results) => return *results,
    };
    let mut bfs = Bfs::new(engine);
    let ending = bfs.run(starts);
    bfs.finish(ending, starts)
}

/// A breadth-first search, and what it leaves behind when it has [run](Bfs::run).
pub(crate) struct Bfs<'s> {
    pub(crate) engine: Engine<'s>,
    pub(crate) shards: Vec<Shard>,
    /// The states from which the search started, with the number of their start.
    roots: Vec<(StateIndex, usize)>,
    pub(crate) levels: Vec<u64>,
    /// For each shard the depths of its states: the first record of each depth that has any. Those of the depth that is
    /// being filled are not in it.
    pub(crate) first_of_depth: Vec<Vec<(u32, u32)>>,
    /// The states that a state budget has cut, sorted: they stand in the table, but count as never reached.
    pub(crate) cut_off: Vec<StateIndex>,
    digests: Vec<u64>,
    generated: u64,
    pub(crate) states: u64,
}

/// The states of one level, by shard: the first record, and how each was reached.
struct Frontier {
    shards: Vec<(u32, Vec<Moved>)>,
}

/// A step that has to be worked out before it can be taken.
struct Waiting {
    state: StateIndex,
    miss: Miss,
}

/// What the expansion of one block led to.
struct Output {
    reached: Vec<Vec<u32>>,
    /// Where the records of the components of the state in hand begin.
    starts: Vec<usize>,
    /// The state that the step in hand leads to, if it is more than components.
    after: Vec<u32>,
    waiting: Vec<Waiting>,
    /// Steps that a monitor has to be shown before they can be taken.
    observing: Vec<Waiting>,
    /// The states from which no step was known but perhaps a crash, if stuck states are looked for.
    still: Vec<StateIndex>,
    generated: u64,
    violated_steps: Vec<ViolatedStep>,
    predicate_panic: Option<((String, String), StateIndex, usize, EventId)>,
}

/// A step that violates a step invariant.
#[derive(Clone, Copy)]
struct ViolatedStep {
    invariant: usize,
    hash: u64,
    state: StateIndex,
    node: usize,
    event: EventId,
}

impl Output {
    fn new() -> Self {
        Self {
            reached: vec![Vec::new(); SHARDS],
            starts: Vec::new(),
            after: Vec::new(),
            waiting: Vec::new(),
            observing: Vec::new(),
            still: Vec::new(),
            generated: 0,
            violated_steps: Vec::new(),
            predicate_panic: None,
        }
    }

    fn clear(&mut self) {
        self.reached.iter_mut().for_each(Vec::clear);
        self.waiting.clear();
        self.observing.clear();
        self.still.clear();
        self.generated = 0;
    }
}

/// What is special about a state of a shard, with its hash and its record.
type NewFinding = (Finding, u64, u32);

/// What was found in one level.
#[derive(Default)]
struct LevelFindings {
    /// A handler that panicked: the state, the node, the event, and what it said.
    panicked: Option<(StateIndex, usize, EventId, String)>,
    violated: Option<(usize, u64, StateIndex)>,
    violated_step: Option<ViolatedStep>,
    /// The hash and the number of a stuck state.
    stuck: Option<(u64, StateIndex)>,
    goals: Vec<(usize, u64, StateIndex)>,
}

/// The tables of a node as the inner loop wants them.
struct NodeTables<'a> {
    records: &'a [u64],
    stride: usize,
    known: Range<usize>,
    rows: &'a [ComponentId],
    hashes: &'a [u64],
    sources: &'a [MessageSource],
    /// Whether a monitor looks at the order of its steps and other nodes'.
    observed: bool,
    /// For each sender its places in `sources`, a range for each layer of events.
    by_sender: Vec<Vec<Range<usize>>>,
}

impl<'s> Bfs<'s> {
    pub(crate) fn new(engine: Engine<'s>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::new(engine.space.width())).collect(),
            first_of_depth: vec![Vec::new(); SHARDS],
            engine,
            roots: Vec::new(),
            levels: Vec::new(),
            cut_off: Vec::new(),
            digests: Vec::new(),
            generated: 0,
            states: 0,
        }
    }

    /// Visits the states; says how that ended.
    pub(crate) fn run(&mut self, starts: &[State]) -> Ending {
        let mut pending: Vec<usize> = (0..starts.len()).collect();
        pending.sort_by_key(|number| std::cmp::Reverse((starts[*number].depth(), *number)));
        let mut depth = starts.iter().map(State::depth).min().unwrap_or(0);
        self.make_level(depth);
        let mut outputs: Vec<Output> = Vec::new();
        let mut frontier = Frontier { shards: vec![(0, Vec::new()); SHARDS] };
        let mut findings = LevelFindings::default();
        let mut depth_spent = false;
        loop {
            // The states of this depth: those that were reached, and the starts that have it.
            while pending.last().is_some_and(|number| starts[*number].depth() == depth) {
                let number = pending.pop().expect("it was just looked at");
                if let Some(ending) = self.add_start(number, &starts[number], &mut findings) {
                    return ending;
                }
            }
            if let Some(ending) = self.ending_of_level(std::mem::take(&mut findings)) {
                return ending;
            }
            self.take_frontier(&mut frontier, depth);
            let expandable: u64 = frontier
                .shards
                .iter()
                .map(|(_, moved)| moved.iter().filter(|m| m.node != Moved::SKIP).count() as u64)
                .sum();
            let at_limit = self.engine.settings.max_depth.is_some_and(|max| depth >= max);
            if expandable == 0 || at_limit {
                depth_spent |= expandable > 0;
                // Later starts are checked also if they are deeper than the search goes.
                let Some(next) = pending.last() else {
                    let verdict =
                        if depth_spent { Verdict::BudgetSpent(Budget::Depth) } else { Verdict::Exhausted };
                    let deepest = self.deepest();
                    return Ending::Verdict(verdict, Some(deepest));
                };
                depth = starts[*next].depth();
                self.make_level(depth);
                continue;
            }
            depth += 1;
            self.make_level(depth);
            if let Some(ending) = self.expand_level(&frontier, expandable, depth, &mut outputs, &mut findings)
            {
                // What was found before a budget was spent still counts.
                let found = match ending {
                    Ending::Verdict(..) => self.ending_of_level(findings),
                    Ending::Found(_) => None,
                };
                return found.unwrap_or(ending);
            }
            tracing::debug!(depth, new = self.levels[depth as usize], states = self.states, "level");
        }
    }

    fn make_level(&mut self, depth: u32) {
        self.levels.resize(depth as usize + 1, 0);
        self.digests.resize(depth as usize + 1, 0);
    }

    /// The depth of the deepest state.
    fn deepest(&self) -> u32 {
        let last = self.levels.iter().rposition(|states| *states > 0).unwrap_or(0);
        u32::try_from(last).expect("a depth fits 32 bits")
    }

    /// Adds a state from which the search starts and checks it.
    fn add_start(&mut self, number: usize, start: &State, findings: &mut LevelFindings) -> Option<Ending> {
        let ids = self.engine.starts[number].clone();
        let hash = self.engine.space.hash_of(&ids);
        let shard = shard_of_hash(hash);
        let first = self.shards[shard].len();
        let mut words = vec![0; candidate::HEAD];
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
        {
            words[candidate::HASH_LOW] = hash as u32;
        }
        words[candidate::HASH_HIGH] = (hash >> 32) as u32;
        words[candidate::PREDECESSOR] = NO_PREDECESSOR;
        words[candidate::MOVED] = Moved::START.node;
        words[candidate::COMPONENT_BEFORE] = Moved::START.before;
        words.extend_from_slice(&ids);
        let space = &self.engine.space;
        self.shards[shard].insert(&words, &|ids: &[ComponentId]| space.hash_of(ids));
        if self.shards[shard].len() == first {
            return None;
        }
        let state = state_index(shard, first);
        self.roots.push((state, number));
        self.states += 1;
        let depth = start.depth() as usize;
        self.levels[depth] += 1;
        let digest = std::mem::take(&mut self.shards[shard].digest);
        self.digests[depth] = self.digests[depth].wrapping_add(digest);
        let properties = &self.engine.properties;
        let finding = properties
            .with_evaluator(|evaluator| evaluator.check(properties, space, &ids, None, Role::Start));
        self.engine.properties.settle();
        match finding? {
            Finding::Violates(invariant) => keep_least(&mut findings.violated, (invariant, hash, state)),
            Finding::Matches(goal) => findings.goals.push((goal, hash, state)),
            Finding::Pruned(_) => {}
            Finding::Panics(predicate, panic) => {
                return Some(Ending::Found(Found::PredicatePanic { predicate, panic, at: self.path(state) }));
            }
        }
        None
    }

    /// Makes the states of the level that was just filled the frontier. The memory of the one before is used again.
    fn take_frontier(&mut self, frontier: &mut Frontier, depth: u32) {
        let shards = self.shards.iter_mut().zip(&mut self.first_of_depth);
        for ((shard, depths), (first, moved)) in shards.zip(&mut frontier.shards) {
            moved.clear();
            std::mem::swap(&mut shard.moved, moved);
            *first = shard.len() - u32::try_from(moved.len()).expect("a shard's records fit 26 bits");
            if !moved.is_empty() {
                depths.push((*first, depth));
            }
        }
    }

    fn expand_level(
        &mut self,
        frontier: &Frontier,
        expandable: u64,
        depth: u32,
        outputs: &mut Vec<Output>,
        findings: &mut LevelFindings,
    ) -> Option<Ending> {
        let blocks: Vec<(usize, Range<u32>)> = frontier
            .shards
            .iter()
            .enumerate()
            .flat_map(|(shard, (_, moved))| {
                let len = u32::try_from(moved.len()).expect("a shard's records fit 26 bits");
                (0..len).step_by(BLOCK as usize).map(move |from| (shard, from..(from + BLOCK).min(len)))
            })
            .collect();
        let mut expanded = 0;
        let mut next = 0;
        while next < blocks.len() {
            // Many short blocks make a round as well as a few long ones.
            let mut end = next;
            let mut size = 0;
            while end < blocks.len() && size < ROUND * BLOCK as usize {
                size += blocks[end].1.len();
                end += 1;
            }
            let ending = self.round(frontier, &blocks[next..end], size, depth, outputs, findings);
            next = end;
            expanded += size as u64;
            if ending.is_some() {
                return ending;
            }
            self.engine.report(
                |bytes| Progress {
                    states: self.states,
                    depth,
                    frontier: expandable,
                    expanded,
                    probes: 0,
                    bytes,
                    max_bytes: self.engine.max_memory(),
                    elapsed: self.engine.begun.elapsed(),
                },
                &self.shards,
            );
        }
        None
    }

    /// Expands some blocks and adds what they lead to.
    fn round(
        &mut self,
        frontier: &Frontier,
        blocks: &[(usize, Range<u32>)],
        size: usize,
        depth: u32,
        outputs: &mut Vec<Output>,
        findings: &mut LevelFindings,
    ) -> Option<Ending> {
        while outputs.len() < blocks.len() {
            outputs.push(Output::new());
        }
        let outputs = &mut outputs[..blocks.len()];
        let small = size < SMALL;
        self.expand(frontier, blocks, outputs, small);
        if let Some(ending) = self.resolve(outputs, depth, small, findings) {
            return Some(ending);
        }
        if let Some(ending) = self.note_stuck(outputs, findings) {
            return Some(ending);
        }
        let mut step_panic = None;
        for output in outputs.iter_mut() {
            self.generated += output.generated;
            for violated in output.violated_steps.drain(..) {
                let key = |v: &ViolatedStep| (v.invariant, v.hash, v.node, v.event);
                if findings.violated_step.is_none_or(|best| key(&violated) < key(&best)) {
                    findings.violated_step = Some(violated);
                }
            }
            step_panic = step_panic.or(output.predicate_panic.take());
        }
        if let Some(((predicate, panic), state, node, event)) = step_panic {
            let (start, mut path) = self.path(state);
            path.push((node, event));
            return Some(Ending::Found(Found::PredicatePanic { predicate, panic, at: (start, path) }));
        }
        let before: Vec<u32> = self.shards.iter().map(Shard::len).collect();
        self.insert(outputs, small);
        let mut added: u64 =
            self.shards.iter().zip(&before).map(|(shard, before)| u64::from(shard.len() - before)).sum();
        let room = self.engine.settings.max_states.map(|max| max.saturating_sub(self.states));
        let cut = room.filter(|room| *room < added);
        if let Some(room) = cut {
            self.cut(&before, room);
            added = room;
        }
        self.states += added;
        self.levels[depth as usize] += added;
        if let Some(ending) = self.check(&before, depth, small, findings) {
            return Some(ending);
        }
        if cut.is_some() {
            return Some(Ending::Verdict(Verdict::BudgetSpent(Budget::States), depth.checked_sub(1)));
        }
        let budget = self.engine.budget_spent(&self.shards);
        budget.map(|verdict| Ending::Verdict(verdict, depth.checked_sub(1)))
    }

    fn expand(
        &self,
        frontier: &Frontier,
        blocks: &[(usize, Range<u32>)],
        outputs: &mut [Output],
        small: bool,
    ) {
        let tables = tables(&self.engine.space);
        let expand = |(output, (shard, range)): (&mut Output, &(usize, Range<u32>))| {
            output.clear();
            let (first, moved) = &frontier.shards[*shard];
            for offset in range.clone() {
                let moved = moved[offset as usize];
                if moved.node != Moved::SKIP {
                    let ids = self.shards[*shard].components(first + offset);
                    let state = state_index(*shard, first + offset);
                    let generated = output.generated;
                    self.expand_state(&tables, ids, state, moved, output);
                    let still = output.generated == generated || self.engine.space.faults.is_some();
                    if still && self.engine.settings.stuck.is_some() {
                        output.still.push(state);
                    }
                }
            }
        };
        if small {
            outputs.iter_mut().zip(blocks).for_each(expand);
        } else {
            self.engine.pool.run(|| outputs.par_iter_mut().zip(blocks).for_each(expand));
        }
    }

    /// Tries every event that may change something at a state.
    fn expand_state(
        &self,
        tables: &[NodeTables<'_>],
        ids: &[ComponentId],
        state: StateIndex,
        moved: Moved,
        output: &mut Output,
    ) {
        let Output { starts, .. } = output;
        starts.clear();
        let mut hash = 0_u64;
        for (id, table) in ids.iter().zip(tables) {
            starts.push(*id as usize * table.stride);
            hash = hash.wrapping_add(table.hashes[*id as usize]);
        }
        let space = &self.engine.space;
        hash = hash.wrapping_add(space.rest_hash(ids));
        let last_moved = if self.engine.commutation { moved.node as usize } else { 0 };
        for (i, table) in tables.iter().enumerate() {
            let own_start = output.starts[i];
            let own = &table.records[own_start..own_start + table.stride];
            // What could already happen at a node before the last one, before that one moved, leads to states that are
            // found by the other order of the two events: only what the last step sent there is tried.
            let both_observed = table.observed && tables[last_moved].observed;
            let only = (i < last_moved && !both_observed).then_some(last_moved);
            let all = 0..table.sources.len();
            let parts = match only {
                None => std::slice::from_ref(&all),
                Some(sender) => &table.by_sender[sender],
            };
            // The known events before `counted`, which is the place of a successor in the row.
            let (mut rank, mut counted) = (0, table.known.start);
            for part in parts {
                for source in &table.sources[part.clone()] {
                    let sender = &tables[source.sender];
                    let mut enabled =
                        sender.records[output.starts[source.sender] + source.set] & !own[source.no_op];
                    if only.is_some() {
                        enabled &= !sender.records[moved.before as usize * sender.stride + source.set];
                    }
                    if source.faults != FaultyEvents::None {
                        enabled &= space.within_budget(source.faults, ids);
                    }
                    if enabled == 0 {
                        continue;
                    }
                    rank += count_ones(&own[counted..source.known]);
                    counted = source.known;
                    let known = own[source.known];
                    for_each_bit(enabled & known, |bit| {
                        let before = known & ((1 << bit) - 1);
                        let successor = table.rows[row_start(own) + rank + before.count_ones() as usize];
                        self.reach(tables, ids, (state, hash), (i, source.first, bit), successor, output);
                    });
                    for_each_bit(enabled & !known, |bit| {
                        let miss = Miss { node: i as u32, component: ids[i], event: source.first.plus(bit) };
                        output.waiting.push(Waiting { state, miss });
                    });
                }
            }
        }
    }

    /// Notes a state that was reached.
    #[inline]
    fn reach(
        &self,
        tables: &[NodeTables<'_>],
        ids: &[ComponentId],
        (state, hash): (StateIndex, u64),
        (node, first, bit): (usize, EventId, usize),
        successor: ComponentId,
        output: &mut Output,
    ) {
        let hashes = tables[node].hashes;
        let before = ids[node];
        let mut hash = hash.wrapping_sub(hashes[before as usize]).wrapping_add(hashes[successor as usize]);
        let Output { reached, after, observing, .. } = output;
        let mut ids_after = ids;
        if ids.len() > tables.len() {
            let space = &self.engine.space;
            after.clear();
            after.extend_from_slice(ids);
            let event = first.plus(bit);
            if !space.advance(after, node, event, successor) {
                let miss = Miss { node: node as u32, component: before, event };
                observing.push(Waiting { state, miss });
                return;
            }
            hash = hash.wrapping_sub(space.rest_hash(ids)).wrapping_add(space.rest_hash(after));
            ids_after = after;
        }
        output.generated += 1;
        let reached = &mut reached[shard_of_hash(hash)];
        let start = reached.len();
        reached.extend_from_slice(&[hash as u32, (hash >> 32) as u32, state, node as u32, before]);
        // A loop: a call to copy so few takes longer.
        reached.extend(ids_after.iter().copied());
        reached[start + candidate::HEAD + node] = successor;
        if !self.engine.settings.step_invariants.is_empty() {
            self.check_step(ids, (state, hash), (node, first.plus(bit)), successor, output);
        }
    }

    fn check_step(
        &self,
        ids: &[ComponentId],
        (state, hash): (StateIndex, u64),
        (node, event): (usize, EventId),
        successor: ComponentId,
        output: &mut Output,
    ) {
        let properties = &self.engine.properties;
        let space = &self.engine.space;
        let finding = properties.with_evaluator(|evaluator| {
            evaluator.check_step(properties, space, ids, (node, event), successor)
        });
        match finding {
            None => {}
            Some(Ok(invariant)) => {
                output.violated_steps.push(ViolatedStep { invariant, hash, state, node, event });
            }
            Some(Err(panic)) => {
                output.predicate_panic.get_or_insert((panic, state, node, event));
            }
        }
    }

    /// Works out the steps that wait for it, and takes them.
    fn resolve(
        &mut self,
        outputs: &mut [Output],
        depth: u32,
        small: bool,
        findings: &mut LevelFindings,
    ) -> Option<Ending> {
        if outputs.iter().all(|output| output.waiting.is_empty() && output.observing.is_empty()) {
            return None;
        }
        let mut faults = Vec::new();
        let mut worked_out = vec![0; outputs.len()];
        loop {
            let new = outputs.iter().zip(&worked_out).flat_map(|(output, from)| &output.waiting[*from..]);
            let misses = new.map(|waiting| waiting.miss).collect();
            let layers = self.engine.space.layers;
            if let Some(verdict) = self.work_out(misses, small, &mut faults) {
                return Some(Ending::Verdict(verdict, depth.checked_sub(1)));
            }
            if layers == self.engine.space.layers || faults.iter().any(|fault| fault.kind.ends_at_once()) {
                break;
            }
            // Handlers were met in which a crash makes a difference at more places than in any before.
            for (output, worked_out) in outputs.iter_mut().zip(&mut worked_out) {
                *worked_out = output.waiting.len();
                self.wait_for_interruptions(output, layers);
            }
        }
        // Of many only the most serious is reported, and of those the first.
        faults.sort_by_key(|fault| fault.kind);
        if let Some(fault) = faults.into_iter().next() {
            let witness = outputs
                .iter()
                .flat_map(|output| &output.waiting)
                .find(|waiting| waiting.miss == fault.miss)
                .expect("only steps that wait are worked out");
            let (node, event) = (fault.miss.node as usize, fault.miss.event);
            if fault.kind == FaultKind::Panicked {
                let panicked = (witness.state, node, event, fault.problem);
                findings.panicked.get_or_insert(panicked);
            } else {
                let (start, mut path) = self.path(witness.state);
                path.push((node, event));
                let found =
                    Found::Fault { kind: fault.kind, problem: fault.problem, node, event, at: (start, path) };
                return Some(Ending::Found(found));
            }
        }
        if let Some((predicate, panic, at)) = self.observe(outputs) {
            return Some(Ending::Found(Found::PredicatePanic { predicate, panic, at }));
        }
        let tables = tables(&self.engine.space);
        let settle = |output: &mut Output| {
            let waiting = std::mem::take(&mut output.waiting);
            for waiting in waiting.into_iter().chain(std::mem::take(&mut output.observing)) {
                let Miss { node, component, event } = waiting.miss;
                let node = node as usize;
                let space = &self.engine.space;
                let components = &space.nodes[node].components;
                let Some(successor) = components.successor(&space.layouts[node], component, event) else {
                    continue;
                };
                let ids = self.shards[shard_of(waiting.state)].components(record_of(waiting.state));
                let hash = space.hash_of(ids);
                self.reach(&tables, ids, (waiting.state, hash), (node, event, 0), successor, output);
            }
        };
        if small {
            outputs.iter_mut().for_each(settle);
        } else {
            self.engine.pool.run(|| outputs.par_iter_mut().for_each(settle));
        }
        None
    }

    /// Shows the monitors the steps that wait for it. Returns the monitor that cannot judge one, with the reason and the way
    /// to that step.
    fn observe(&mut self, outputs: &[Output]) -> Option<(String, String, Path)> {
        if self.engine.settings.monitors.is_empty() {
            return None;
        }
        for Waiting { state, miss } in outputs.iter().flat_map(|o| o.waiting.iter().chain(&o.observing)) {
            let node = miss.node as usize;
            let space = &mut self.engine.space;
            let components = &space.nodes[node].components;
            let Some(successor) = components.successor(&space.layouts[node], miss.component, miss.event)
            else {
                continue;
            };
            let ids = self.shards[shard_of(*state)].components(record_of(*state));
            if let Err((monitor, reason)) = space.show_monitors(ids, node, miss.event, successor) {
                let (start, mut path) = self.path(*state);
                path.push((node, miss.event));
                return Some((monitor, reason, (start, path)));
            }
        }
        None
    }

    /// Works out steps; the verdict if a budget is spent on the way.
    fn work_out(&mut self, mut misses: Vec<Miss>, small: bool, faults: &mut Vec<Fault>) -> Option<Verdict> {
        if small {
            misses.sort_unstable();
        } else {
            self.engine.pool.run(|| misses.par_sort_unstable());
        }
        misses.dedup();
        let handler_time = self.engine.settings.handler_time;
        for some in misses.chunks(RESOLVE_MAX) {
            if faults.iter().any(|fault| fault.kind == FaultKind::Hung) {
                break;
            }
            faults.extend(self.engine.space.resolve(some, &mut self.engine.pool, handler_time));
            // One round can meet more than fits.
            if let Some(verdict) = self.engine.budget_spent(&self.shards) {
                return Some(verdict);
            }
        }
        None
    }

    /// Lets the crashes that interrupt the handlers of waiting steps, in layers from `from` on, wait as well.
    fn wait_for_interruptions(&self, output: &mut Output, from: usize) {
        let space = &self.engine.space;
        let mut interruptions = Vec::new();
        for Waiting { state, miss } in &output.waiting {
            let ids = self.shards[shard_of(*state)].components(record_of(*state));
            if space.within_budget(FaultyEvents::All, ids) != 0 && space.may_crash(miss.node as usize) {
                let events = space.interruptions_of(miss.event, from);
                interruptions
                    .extend(events.map(|event| Waiting { state: *state, miss: Miss { event, ..*miss } }));
            }
        }
        output.waiting.extend(interruptions);
    }

    /// Notes the stuck states among those that were just expanded. An event that the commutation rule leaves out counts:
    /// it was worked out where it was possible first, so the masks know whether it changes anything.
    fn note_stuck(&self, outputs: &[Output], findings: &mut LevelFindings) -> Option<Ending> {
        let ends = self.engine.settings.stuck.as_ref()?;
        let space = &self.engine.space;
        let mut panic: Option<(u64, StateIndex, (String, String))> = None;
        for state in outputs.iter().flat_map(|output| &output.still) {
            let ids = self.shards[shard_of(*state)].components(record_of(*state));
            if space.goes_on(ids) {
                continue;
            }
            match stuck::may_end(ends, &View::new(&space.state_ref(ids))) {
                Ok(true) => {}
                Ok(false) => keep_least(&mut findings.stuck, (space.hash_of(ids), *state)),
                Err(text) => keep_least(&mut panic, (space.hash_of(ids), *state, text)),
            }
        }
        let (_, state, (predicate, panic)) = panic?;
        Some(Ending::Found(Found::PredicatePanic { predicate, panic, at: self.path(state) }))
    }

    /// Adds what was reached to the visited set.
    fn insert(&mut self, outputs: &[Output], small: bool) {
        let space = &self.engine.space;
        let insert = |(number, shard): (usize, &mut Shard)| {
            for output in outputs {
                shard.insert(&output.reached[number], &|ids: &[ComponentId]| space.hash_of(ids));
            }
        };
        if small {
            self.shards.iter_mut().enumerate().for_each(insert);
        } else {
            let shards = &mut self.shards;
            self.engine.pool.run(|| shards.par_iter_mut().enumerate().for_each(insert));
        }
    }

    /// Of the states that were just added keeps the `room` with the least hashes: the same ones on every machine. The
    /// others stay in the table, but count as never reached.
    fn cut(&mut self, before: &[u32], room: u64) {
        let space = &self.engine.space;
        let mut added: Vec<(u64, usize, u32)> = Vec::new();
        for (number, (shard, before)) in self.shards.iter().zip(before).enumerate() {
            added.extend((*before..shard.len()).map(|r| (space.hash_of(shard.components(r)), number, r)));
        }
        added.sort_unstable();
        for (hash, number, record) in added.into_iter().skip(usize::try_from(room).unwrap_or(usize::MAX)) {
            let shard = &mut self.shards[number];
            let place = shard.moved.len() - (shard.len() - record) as usize;
            shard.moved[place].node = Moved::SKIP;
            shard.digest = shard.digest.wrapping_sub(mix(hash));
            self.cut_off.push(state_index(number, record));
        }
        self.cut_off.sort_unstable();
    }

    /// Checks the states that were just added.
    fn check(
        &mut self,
        before: &[u32],
        depth: u32,
        small: bool,
        findings: &mut LevelFindings,
    ) -> Option<Ending> {
        let properties = &self.engine.properties;
        let space = &self.engine.space;
        let starts = &self.engine.starts;
        let check = |(shard, before): (&mut Shard, &u32)| {
            let digest = std::mem::take(&mut shard.digest);
            let mut found: Vec<NewFinding> = Vec::new();
            if shard.len() == *before || properties.is_empty() {
                return (digest, found);
            }
            let first_of_level = shard.len() as usize - shard.moved.len();
            properties.with_evaluator(|evaluator| {
                for record in *before..shard.len() {
                    let place = record as usize - first_of_level;
                    let moved = shard.moved[place].node;
                    if moved == Moved::SKIP {
                        continue;
                    }
                    let ids = shard.components(record);
                    if let Some(finding) =
                        evaluator.check(properties, space, ids, Some(moved as usize), Role::Reached)
                    {
                        // A start is never pruned, also where it is reached from another.
                        if matches!(finding, Finding::Pruned(_)) && starts.iter().any(|start| start == ids) {
                            continue;
                        }
                        found.push((finding, space.hash_of(ids), record));
                        shard.moved[place].node = Moved::SKIP;
                    }
                }
            });
            (digest, found)
        };
        let checked: Vec<(u64, Vec<NewFinding>)> = if small {
            self.shards.iter_mut().zip(before).map(check).collect()
        } else {
            let shards = &mut self.shards;
            self.engine.pool.run(|| shards.par_iter_mut().zip(before).map(check).collect())
        };
        self.engine.properties.settle();
        let mut panic: Option<(u64, String, String, StateIndex)> = None;
        for (number, (digest, found)) in checked.into_iter().enumerate() {
            let level = &mut self.digests[depth as usize];
            *level = level.wrapping_add(digest);
            for (finding, hash, record) in found {
                let state = state_index(number, record);
                match finding {
                    Finding::Violates(invariant) => {
                        keep_least(&mut findings.violated, (invariant, hash, state));
                    }
                    Finding::Matches(goal) => findings.goals.push((goal, hash, state)),
                    Finding::Pruned(prune) => self.engine.pruned[prune] += 1,
                    Finding::Panics(predicate, text) => {
                        keep_least(&mut panic, (hash, predicate, text, state))
                    }
                }
            }
        }
        // Not more goal states than the next stage can want.
        let keep = self.engine.settings.max_goal_states.max(1);
        if findings.goals.len() > keep {
            findings.goals.sort_unstable();
            findings.goals.truncate(keep);
        }
        let (_, predicate, panic, state) = panic?;
        Some(Ending::Found(Found::PredicatePanic { predicate, panic, at: self.path(state) }))
    }

    /// How the search ends after a level in which something was found: the most serious first.
    fn ending_of_level(&self, mut findings: LevelFindings) -> Option<Ending> {
        if let Some((state, node, event, problem)) = findings.panicked {
            let (start, mut path) = self.path(state);
            path.push((node, event));
            let kind = FaultKind::Panicked;
            return Some(Ending::Found(Found::Fault { kind, problem, node, event, at: (start, path) }));
        }
        let step = findings.violated_step.map(|v| (v.invariant + self.engine.settings.invariants.len(), v));
        if let Some((invariant, _, state)) = findings.violated {
            return Some(Ending::Found(Found::Violation { invariant, at: self.path(state) }));
        }
        if let Some((invariant, violated)) = step {
            let (start, mut path) = self.path(violated.state);
            path.push((violated.node, violated.event));
            return Some(Ending::Found(Found::Violation { invariant, at: (start, path) }));
        }
        if let Some((_, state)) = findings.stuck {
            return Some(Ending::Found(Found::Stuck { at: self.path(state) }));
        }
        if findings.goals.is_empty() {
            return None;
        }
        findings.goals.sort_unstable();
        findings.goals.truncate(self.engine.settings.max_goal_states.max(1));
        let goal = findings.goals[0].0;
        let at = findings.goals.iter().map(|(_, _, state)| self.path(*state)).collect();
        Some(Ending::Found(Found::Goals { goal, at }))
    }

    /// The way to a state: the number of the start, and the events.
    pub(crate) fn path(&self, state: StateIndex) -> (usize, Vec<(usize, EventId)>) {
        let components = |state: StateIndex| self.shards[shard_of(state)].components(record_of(state));
        let mut path = Vec::new();
        let mut here = state;
        loop {
            let before = self.shards[shard_of(here)].predecessor(record_of(here));
            if before == NO_PREDECESSOR {
                break;
            }
            let (from, to) = (components(before), components(here));
            let node = from.iter().zip(to).position(|(a, b)| a != b).expect("a step changes one component");
            path.push((node, self.engine.event_between(from, node, to[node])));
            here = before;
        }
        path.reverse();
        let start =
            self.roots.iter().find(|(root, _)| *root == here).expect("every path begins at a start").1;
        (start, path)
    }

    pub(crate) fn finish(mut self, ending: Ending, starts: &[State]) -> Results {
        let near_misses = match &ending {
            Ending::Verdict(verdict, _) => missed::near_misses(&self, verdict, starts),
            Ending::Found(_) => None,
        };
        let bytes = self.engine.bytes(&self.shards);
        let stats = &mut self.engine.stats;
        stats.bytes = bytes;
        stats.states = self.states;
        stats.generated = self.generated;
        // The level in which something is found is the last one, also if nothing else is in it.
        self.engine.complete_before_finding =
            u32::try_from(self.levels.len()).ok().and_then(|levels| levels.checked_sub(2));
        let stats = &mut self.engine.stats;
        while self.levels.last() == Some(&0) {
            self.levels.pop();
            self.digests.pop();
        }
        stats.depth = u32::try_from(self.levels.len().saturating_sub(1)).unwrap_or(u32::MAX);
        stats.levels = self.levels;
        stats.digests = self.digests;
        self.engine.finish(ending, starts, near_misses)
    }
}

fn tables(space: &Space) -> Vec<NodeTables<'_>> {
    (0..space.len())
        .map(|i| {
            let (layout, components) = (&space.layouts[i], &space.nodes[i].components);
            let sources = &space.sources[i][..];
            NodeTables {
                records: components.records(),
                stride: layout.stride,
                known: layout.all_known(),
                rows: components.rows(),
                hashes: components.hashes(),
                sources,
                observed: space.is_observed(i),
                by_sender: (0..space.len())
                    .map(|sender| {
                        let of_layer = |layer: usize| {
                            let group = layer * (space.len() + 1) + sender;
                            let begin = sources.partition_point(|source| source.first.group() < group);
                            begin..sources.partition_point(|source| source.first.group() <= group)
                        };
                        (0..space.layers).map(of_layer).collect()
                    })
                    .collect(),
            }
        })
        .collect()
}

#[inline]
fn for_each_bit(mut bits: u64, mut visit: impl FnMut(usize)) {
    while bits != 0 {
        visit(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// Where the row of a record begins.
fn row_start(record: &[u64]) -> usize {
    record[0] as usize
}

fn keep_least<T: Ord>(least: &mut Option<T>, candidate: T) {
    if least.as_ref().is_none_or(|best| candidate < *best) {
        *least = Some(candidate);
    }
}
