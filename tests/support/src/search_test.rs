//! What a search test gets: where searches start, what holds in all of them, and the states that goals were found in.

use std::ops::Deref;

use framework::linearizability::Monitor;
use framework::{Predicate, StepPredicate, System};
use search::{Settings, State, Stats};

use crate::child::Context;
use crate::failed::Failed;
use crate::stage::{Aimless, Stage};

/// The context of a search test.
///
/// Source: DSLabs `BaseJUnitTest` (`setupSearchTest`, `bfs`, `dfs`, `goalMatchingState`, `assertSpaceExhausted`).
#[derive(Debug)]
pub struct SearchTest {
    pub(crate) context: Context,
    /// What holds for every stage from here on.
    pub(crate) common: Settings,
}

impl SearchTest {
    pub(crate) fn new(context: Context) -> Self {
        let common = Settings {
            max_states: Some(context.states),
            max_memory: Some(context.search_memory),
            threads: context.threads,
            handler_time: context.handler_time,
            ..Settings::default()
        };
        Self { context, common }
    }

    /// The seed of random probes, and of whatever else is random in the test.
    pub fn seed(&self) -> u64 {
        self.context.seed
    }

    /// The state in which every node has run its `init`.
    ///
    /// # Errors
    ///
    /// When an `init` panics, hangs, or is no function of the node.
    pub fn start(&self, system: &System) -> Result<State, Failed> {
        Ok(State::initial(system)?)
    }

    /// What must hold in every state of every stage from here on.
    pub fn invariant(&mut self, invariant: Predicate) -> &mut Self {
        self.common.invariants.push(invariant);
        self
    }

    /// What every step of every stage from here on must satisfy.
    pub fn step_invariant(&mut self, invariant: StepPredicate) -> &mut Self {
        self.common.step_invariants.push(invariant);
        self
    }

    /// What the clients' results must satisfy in every stage from here on, as a whole: such as linearizability.
    pub fn monitor(&mut self, monitor: Monitor) -> &mut Self {
        self.common.monitors.push(monitor);
        self
    }

    /// A stage: a search with an aim. The name says what the stage is about, in words that a student understands.
    pub fn stage(&mut self, name: &str) -> Stage<'_, Aimless> {
        Stage::new(self, name)
    }
}

/// Where a stage can start.
pub trait Starts {
    /// The states, at least one.
    fn states(&self) -> &[State];
}

impl Starts for State {
    fn states(&self) -> &[State] {
        std::slice::from_ref(self)
    }
}

impl Starts for [State] {
    fn states(&self) -> &[State] {
        self
    }
}

/// What a goal stage found: a state that satisfies the goal.
///
/// It cannot be made in any other way, and a search test returns one; so every search test has a goal.
#[derive(Clone, Debug)]
pub struct Reached {
    pub(crate) goal: String,
    // Invariant: not empty.
    pub(crate) states: Vec<State>,
    pub(crate) stats: Stats,
}

impl Reached {
    /// The name of the goal.
    pub fn goal(&self) -> &str {
        &self.goal
    }

    /// The first goal state.
    pub fn state(&self) -> &State {
        &self.states[0]
    }

    /// All goal states that were kept; see [`Stage::keep`].
    pub fn all(&self) -> &[State] {
        &self.states
    }

    /// The numbers of the search.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl Deref for Reached {
    type Target = State;
    fn deref(&self) -> &State {
        self.state()
    }
}

impl Starts for Reached {
    fn states(&self) -> &[State] {
        &self.states[..1]
    }
}

/// What a stage without a goal covered.
#[derive(Clone, Debug)]
pub struct Explored {
    pub(crate) stats: Stats,
}

impl Explored {
    /// The numbers of the search.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}
