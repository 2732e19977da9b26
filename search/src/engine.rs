//! What the strategies share: the tables, the threads, the limits, and the report in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use framework::{Event, Outcome, Step, ignored_fields};

use crate::guard;
use crate::memory;
use crate::minimize;
use crate::missed::{Missed, NearMiss, Obstacles};
use crate::observe::Follower;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::properties::Properties;
use crate::results::{Budget, Coverage, HandlerCoverage, HandlerFault, Results, Stats, Trace, Verdict};
use crate::settings::Settings;
use crate::space::{ComponentId, EventId, FaultKind, MessageSource, Space, SpaceError};
use crate::state::State;
use crate::stuck;
use crate::visited::Shard;
use crate::watch::{Activity, FatalInput};

/// The name of a part of the report in the journal.
const COVERAGE: &str = "what the search covered";

/// A search with fewer states than this is too small to be suspicious of an invariant that saw nothing change.
const VACUITY_STATES: u64 = 10;

/// A way through the system: the number of the start, and events by node and number.
pub(crate) type Path = (usize, Vec<(usize, EventId)>);

/// What a search found.
pub(crate) enum Found {
    /// A handler that is at fault, and the way up to its event.
    Fault { kind: FaultKind, problem: String, node: usize, event: EventId, at: Path },
    /// A predicate that panicked.
    PredicatePanic { predicate: String, panic: String, at: Path },
    /// An invariant that fails; step invariants are numbered after those of states.
    Violation { invariant: usize, at: Path },
    /// A state in which nothing can change any more.
    Stuck { at: Path },
    /// Goal states, the first by content first.
    Goals { goal: usize, at: Vec<Path> },
}

/// How a search ends.
pub(crate) enum Ending {
    Found(Found),
    /// Without a trace; with the depth up to which every state was visited.
    Verdict(Verdict, Option<u32>),
}

/// The parts of a search that do not depend on its strategy.
pub(crate) struct Engine<'s> {
    pub(crate) settings: &'s Settings,
    pub(crate) space: Space,
    pub(crate) pool: Pool,
    pub(crate) properties: Properties<'s>,
    pub(crate) begun: Instant,
    pub(crate) commutation: bool,
    /// The depth up to which every state was visited before the level in which something was found.
    pub(crate) complete_before_finding: Option<u32>,
    /// Whether the search visits states level by level.
    pub(crate) breadth_first: bool,
    /// The components of the states to start from.
    pub(crate) starts: Vec<Vec<ComponentId>>,
    /// The states that each prune has cut.
    pub(crate) pruned: Vec<u64>,
    pub(crate) stats: Stats,
    max_memory: u64,
}

impl<'s> Engine<'s> {
    /// Prepares a search, or says at once why there is nothing to search.
    pub(crate) fn new(starts: &[State], settings: &'s Settings) -> Result<Self, Box<Results>> {
        assert!(!starts.is_empty(), "a search needs a state to start from");
        assert!(
            starts.iter().all(|start| start.is_of_same_system(&starts[0])),
            "all states that a search starts from must come from one call of `State::initial`"
        );
        let begun = Instant::now();
        let mut space = Space::new(&starts[0], settings).map_err(|error| failed(&starts[0], &error))?;
        let mut ids = Vec::new();
        for start in starts {
            let mut words = space.intern(start).map_err(|error| failed(start, &error))?;
            space.begin_monitors(&mut words, start).map_err(|(predicate, panic)| {
                let verdict = Verdict::PredicatePanicked { predicate, panic };
                at_once(start, verdict)
            })?;
            ids.push(words);
        }
        let threads = settings.threads.unwrap_or_else(default_threads).max(1);
        // With one thread what dies is always the same, and is met before anything after it runs.
        let threads = if settings.watch.thorough { 1 } else { threads };
        Ok(Self {
            properties: Properties::new(settings, &space, &ids[0]),
            space,
            pool: Pool::take(threads, &settings.watch),
            begun,
            commutation: settings.commutation_off().is_none(),
            breadth_first: true,
            complete_before_finding: None,
            starts: ids,
            pruned: vec![0; settings.prunes.len()],
            stats: Stats::default(),
            max_memory: settings.max_memory.unwrap_or_else(memory::default_limit),
            settings,
        })
    }

    /// The bytes that may be used.
    pub(crate) fn max_memory(&self) -> u64 {
        self.max_memory
    }

    /// The bytes in use.
    pub(crate) fn bytes(&self, shards: &[Shard]) -> u64 {
        self.space.bytes() + shards.iter().map(Shard::bytes).sum::<u64>()
    }

    /// The verdict if a budget other than depth and states is spent.
    pub(crate) fn budget_spent(&self, shards: &[Shard]) -> Option<Verdict> {
        if self.settings.cancel.is_canceled() {
            return Some(Verdict::Canceled);
        }
        if self.settings.max_time.is_some_and(|max| self.begun.elapsed() >= max) {
            return Some(Verdict::BudgetSpent(Budget::Time));
        }
        if self.bytes(shards) >= self.max_memory || shards.iter().any(Shard::is_full) {
            return Some(Verdict::BudgetSpent(Budget::Memory));
        }
        None
    }

    /// Tells the caller how far the search is.
    pub(crate) fn report(&self, progress: impl FnOnce(u64) -> Progress, shards: &[Shard]) {
        let (callback, watch) = (&self.settings.progress, &self.settings.watch);
        if callback.is_none() && watch.journal.is_none() {
            return;
        }
        let progress = progress(self.bytes(shards));
        watch.progress(&progress);
        if let Some(callback) = callback {
            callback(&progress);
        }
    }

    /// The event at `node` that leads from state `from` to the component `to` there: the first that may happen.
    pub(crate) fn event_between(&self, from: &[ComponentId], node: usize, to: ComponentId) -> EventId {
        let space = &self.space;
        let (layout, components) = (&space.layouts[node], &space.nodes[node].components);
        let mut found = None;
        components.for_each_successor(layout, from[node], |event, successor| {
            if found.is_none() && successor == to && self.is_enabled(from, node, event) {
                found = Some(event);
            }
        });
        found.expect("the step to a visited state is known")
    }

    /// Whether an event may happen at `node` in a state.
    pub(crate) fn is_enabled(&self, ids: &[ComponentId], node: usize, event: EventId) -> bool {
        let space = &self.space;
        let word = event.bit() % 64;
        let same = |source: &&MessageSource| {
            source.first.group() == event.group() && source.first.bit() / 64 == event.bit() / 64
        };
        space.sources[node].iter().filter(same).any(|source| {
            let sender = source.sender;
            let record = space.nodes[sender].components.record(&space.layouts[sender], ids[sender]);
            record[source.set] & (1 << word) & space.within_budget(source.faults, ids) != 0
        })
    }

    /// Reports how the search ended; `near_misses` if it has missed its goals.
    pub(crate) fn finish(
        mut self,
        ending: Ending,
        starts: &[State],
        near_misses: Option<Vec<NearMiss>>,
    ) -> Results {
        let (verdict, complete_depth, paths) = match ending {
            Ending::Verdict(verdict, complete_depth) => (verdict, complete_depth, Vec::new()),
            Ending::Found(found) => {
                let (verdict, paths) = self.verdict(found, starts);
                (verdict, self.complete_before_finding, paths)
            }
        };
        self.stats.handler_calls = self.space.handler_calls;
        self.stats.memo_misses = self.space.memo_misses;
        self.stats.components = self.space.nodes.iter().map(|node| node.components.len() as u64).sum();
        self.stats.locals = self.space.nodes.iter().map(|node| node.locals.len() as u64).sum();
        self.stats.messages = self.space.messages.len() as u64;
        // The report prints messages and nodes, and that is a student's code as well.
        let watch = &self.settings.watch;
        let coverage = match watch.fate_of(Activity::Report, COVERAGE) {
            Some(fatal) => Err(format!("a `Debug` or `Serialize` fails: {}", fatal.problem)),
            None => {
                let _noted = watch.noting(Activity::Report, COVERAGE);
                guard::catch(|| self.coverage(&verdict, complete_depth, &starts[0]))
                    .map_err(|panic| format!("a `Debug` or `Serialize` panicked: {}", panic.text))
            }
        };
        let coverage = coverage.unwrap_or_else(|problem| Coverage {
            exhausted: verdict == Verdict::Exhausted,
            complete_depth,
            commutation: format!("no details: {problem}"),
            ..Coverage::default()
        });
        let missed = near_misses.map(|goals| Missed { obstacles: Obstacles::of(&self, &coverage), goals });
        let events = |path: &Path| -> Vec<Event> {
            path.1.iter().map(|(node, event)| self.space.event(*node, *event)).collect()
        };
        let goal_states = match verdict {
            Verdict::GoalFound { .. } => {
                paths.iter().map(|path| self.walk(path, starts, &events(path))).collect()
            }
            _ => Vec::new(),
        };
        let trace = paths.first().map(|path| {
            let trace =
                Trace { start: starts[path.0].clone(), found_len: path.1.len(), events: events(path) };
            minimize::explain(trace, &verdict, self.settings)
        });
        // After minimizing, the state and so the reason may be another; it is that of the trace that is shown.
        let verdict =
            trace.as_ref().map_or(verdict.clone(), |trace| self.verdict_at_end(verdict.clone(), trace));
        self.stats.elapsed = self.begun.elapsed();
        Results { verdict, trace, goal_states, missed, stats: self.stats, coverage }
    }

    /// The state at the end of a path, without running any handler.
    pub(crate) fn walk(&self, path: &Path, starts: &[State], events: &[Event]) -> State {
        let ids = self.components_at(path);
        self.space.to_state(&ids, &starts[path.0], events)
    }

    /// The components at the end of a path.
    fn components_at(&self, path: &Path) -> Vec<ComponentId> {
        let mut ids = self.starts[path.0].clone();
        for (node, event) in &path.1 {
            let components = &self.space.nodes[*node].components;
            if let Some(successor) = components.successor(&self.space.layouts[*node], ids[*node], *event) {
                let known = self.space.advance(&mut ids, *node, *event, successor);
                debug_assert!(known, "the steps to visited states were shown to the monitors");
            }
        }
        ids
    }

    fn verdict(&self, found: Found, starts: &[State]) -> (Verdict, Vec<Path>) {
        match found {
            Found::Fault { kind, problem, node, event, at } => {
                let fault = HandlerFault {
                    node: self.space.addresses[node],
                    node_type: starts[0].local(node).node.type_name().to_owned(),
                    handler: guard::catch(|| self.space.input(node, event).handler())
                        .unwrap_or_else(|_| "a handler whose message cannot be printed".to_owned()),
                    problem,
                };
                let verdict = match kind {
                    FaultKind::Hung => Verdict::HandlerHung(fault),
                    FaultKind::Died => Verdict::HandlerDied(fault),
                    FaultKind::Unsound => Verdict::Nondeterministic(fault),
                    FaultKind::Panicked => Verdict::HandlerPanicked(fault),
                };
                (verdict, vec![at])
            }
            Found::PredicatePanic { predicate, panic, at } => {
                let fatal =
                    |fatal: &FatalInput| fatal.activity == Activity::Predicate && fatal.problem == panic;
                let verdict = if self.settings.watch.fatal.iter().any(fatal) {
                    Verdict::PredicateDied { predicate, problem: panic }
                } else {
                    Verdict::PredicatePanicked { predicate, panic }
                };
                (verdict, vec![at])
            }
            Found::Violation { invariant, at } => {
                let settings = self.settings;
                let states = settings.invariants.len();
                let steps = states + settings.step_invariants.len();
                let name = if invariant < states {
                    settings.invariants[invariant].name()
                } else if invariant < steps {
                    settings.step_invariants[invariant - states].name()
                } else {
                    settings.monitors[invariant - steps].name()
                };
                let ids = self.components_at(&at);
                let outcome = if invariant < states {
                    self.properties.explain(invariant, &framework::View::new(&self.space.state_ref(&ids)))
                } else {
                    Outcome::default()
                };
                (Verdict::Violated { invariant: name.to_owned(), outcome }, vec![at])
            }
            Found::Stuck { at } => {
                let ids = self.components_at(&at);
                let ends = self.settings.stuck.as_deref().unwrap_or_default();
                let outcome = stuck::why_not(ends, &framework::View::new(&self.space.state_ref(&ids)));
                (Verdict::Stuck { outcome }, vec![at])
            }
            Found::Goals { goal, at } => {
                (Verdict::GoalFound { goal: self.settings.goals[goal].name().to_owned() }, at)
            }
        }
    }

    /// The verdict with the reason that holds at the end of the trace.
    fn verdict_at_end(&self, verdict: Verdict, trace: &Trace) -> Verdict {
        match verdict {
            Verdict::Violated { invariant, outcome } => {
                let outcome = outcome_at_end(self.settings, &invariant, trace).unwrap_or(outcome);
                Verdict::Violated { invariant, outcome }
            }
            Verdict::Stuck { outcome } => {
                let states = crate::replay::replay(trace, &self.settings.delivery);
                let ends = self.settings.stuck.as_deref().unwrap_or_default();
                let last = states.ok().and_then(|states| states.last().cloned());
                let outcome = last.map_or(outcome, |last| stuck::why_not(ends, &last.view()));
                Verdict::Stuck { outcome }
            }
            other => other,
        }
    }

    fn coverage(&self, verdict: &Verdict, complete_depth: Option<u32>, start: &State) -> Coverage {
        let space = &self.space;
        let mut handlers: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        let mut never_delivered = BTreeSet::new();
        let mut unknown_receivers = BTreeSet::new();
        let mut growth = Vec::new();
        for i in 0..space.len() {
            let node_type = start.local(i).node.type_name();
            let mut delivered: BTreeSet<(usize, String)> = BTreeSet::new();
            for (event, inputs, effective) in space.nodes[i].runs() {
                if space.is_crash(event) {
                    continue;
                }
                let kind = space.input(i, event).handler();
                let count = handlers.entry((node_type.to_owned(), kind.clone())).or_default();
                count.0 += inputs;
                count.1 += effective;
                delivered.insert((space.base_group(event), kind));
            }
            for from in 0..space.len() {
                for envelope in space.messages.between(from, i) {
                    let kind = envelope.message.kind();
                    if !delivered.contains(&(from, format!("on_message({kind})"))) {
                        let (from, to) = (space.addresses[from], space.addresses[i]);
                        never_delivered.insert(format!("{kind} from {from} to {to}"));
                    }
                }
            }
            for envelope in space.messages.between(i, space.len()) {
                unknown_receivers.insert(format!("{} to {}", envelope.message.kind(), envelope.to));
            }
            growth.extend(space.nodes[i].growth().map(|text| format!("{}.{text}", space.addresses[i])));
        }
        let mut ignored = BTreeSet::new();
        for i in 0..space.len() {
            let node = &start.local(i).node;
            let fields = ignored_fields(&node.value(), &node.debug());
            ignored.extend(fields.into_iter().map(|field| format!("{}.{field}", node.type_name())));
        }
        let vacuous = self.settings.invariants.iter().enumerate().filter(|(number, _)| {
            self.stats.states >= VACUITY_STATES && self.properties.is_vacuous(*number, space, &self.starts[0])
        });
        let exhausted = *verdict == Verdict::Exhausted;
        Coverage {
            exhausted,
            complete_depth,
            commutation: if self.breadth_first {
                self.settings.commutation_off().unwrap_or("on").to_owned()
            } else {
                "off because a random search takes any event".to_owned()
            },
            faults: space.faults_text(),
            handlers: handlers
                .into_iter()
                .map(|((node_type, handler), (inputs, effective))| HandlerCoverage {
                    node_type,
                    handler,
                    inputs,
                    effective,
                })
                .collect(),
            never_delivered: never_delivered.into_iter().collect(),
            prunes: self
                .settings
                .prunes
                .iter()
                .zip(&self.pruned)
                .map(|(prune, states)| (prune.name().to_owned(), *states))
                .collect(),
            ignored_fields: ignored.into_iter().collect(),
            unknown_receivers: unknown_receivers.into_iter().collect(),
            growth,
            passed_over: space
                .passed_over
                .iter()
                .map(|(i, handler, problem)| format!("{handler} of {}: {problem}", space.addresses[*i]))
                .collect(),
            vacuous_invariants: vacuous.map(|(_, invariant)| invariant.name().to_owned()).collect(),
        }
    }
}

/// The number of threads of a search that is not told how many.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What an invariant of states or steps says at the end of a trace.
fn outcome_at_end(settings: &Settings, invariant: &str, trace: &Trace) -> Option<Outcome> {
    let states = crate::replay::replay(trace, &settings.delivery).ok()?;
    let last = states.last()?;
    let explained = |check: &dyn Fn() -> Outcome| guard::catch(check).ok();
    if let Some(predicate) = settings.invariants.iter().find(|p| p.name() == invariant) {
        let outcome = explained(&|| predicate.explained(&last.view()))?;
        if !outcome.is_ok() {
            return Some(outcome);
        }
    }
    if let Some(monitor) = settings.monitors.iter().find(|monitor| monitor.name() == invariant) {
        let mut watch = Follower::at(monitor, &trace.start).ok()?;
        for (pair, event) in states.windows(2).zip(&trace.events) {
            watch.see_states(&pair[0], event, &pair[1]).ok()?;
        }
        if !watch.outcome.is_ok() {
            return Some(watch.outcome);
        }
    }
    let predicate = settings.step_invariants.iter().find(|p| p.name() == invariant)?;
    let before = &states[states.len().checked_sub(2)?];
    let event = trace.events.last()?;
    let outcome =
        explained(&|| predicate.explained(&Step { before: &before.view(), event, after: &last.view() }))?;
    let named = Outcome::fails(format!("{} (in the step: {event})", outcome.reason()));
    Some(outcome.blame().iter().fold(named, |named, blame| named.blaming(blame.node, &blame.field)))
}

/// The report on a system that cannot be searched at all.
fn failed(start: &State, error: &SpaceError) -> Box<Results> {
    let (node, problem) = match error {
        SpaceError::TooManyNodes(count) => (
            0,
            format!("the system has {count} nodes, and a search takes at most {}", crate::space::NODES_MAX),
        ),
        SpaceError::Encode(address, error) => {
            (start.addresses().iter().position(|a| a == address).unwrap_or(0), error.to_string())
        }
    };
    let fault = HandlerFault {
        node: start.addresses()[node],
        node_type: start.local(node).node.type_name().to_owned(),
        handler: "init".to_owned(),
        problem,
    };
    at_once(start, Verdict::Nondeterministic(fault))
}

/// The report on a search that ends before it begins.
fn at_once(start: &State, verdict: Verdict) -> Box<Results> {
    Box::new(Results {
        verdict,
        trace: Some(Trace { start: start.clone(), events: Vec::new(), found_len: 0 }),
        goal_states: Vec::new(),
        missed: None,
        stats: Stats::default(),
        coverage: Coverage::default(),
    })
}
