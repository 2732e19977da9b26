//! What a search found, and what it covered.

use std::fmt;
use std::time::Duration;

pub use framework::HandlerFault;
use framework::{Event, Outcome};
use serde::Serialize;

use crate::missed::Missed;
use crate::state::State;

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every reachable state was visited and checked, within the settings.
    Exhausted,
    /// A state satisfies a goal.
    GoalFound {
        /// The name of the goal.
        goal: String,
    },
    /// A state or a step violates an invariant.
    Violated {
        /// The name of the invariant.
        invariant: String,
        /// The reason and the fields to blame.
        outcome: Outcome,
    },
    /// Nothing that may happen changes anything any more, and the system is not where it may end
    /// ([`Settings::stuck`](crate::Settings::stuck)).
    Stuck {
        /// Why it may not end here, and the fields to blame.
        outcome: Outcome,
    },
    /// A handler panicked.
    HandlerPanicked(HandlerFault),
    /// A handler did not return.
    HandlerHung(HandlerFault),
    /// A handler ends the process: it overflows its stack, aborts, exits, or takes all memory. Only a search that has a
    /// [supervisor](crate::supervisor) can say so.
    HandlerDied(HandlerFault),
    /// A handler is not a function of the node's serialized fields and the event, or a node has no canonical bytes.
    Nondeterministic(HandlerFault),
    /// An invariant, goal or prune panicked.
    PredicatePanicked {
        /// Its name.
        predicate: String,
        /// The message and the place.
        panic: String,
    },
    /// An invariant, goal or prune ends the process or does not return; see [`HandlerDied`](Self::HandlerDied).
    PredicateDied {
        /// Its name.
        predicate: String,
        /// What happens, and what to do about it.
        problem: String,
    },
    /// A budget was spent before the search could say more. Never a pass unless a test says so.
    BudgetSpent(Budget),
    /// The caller canceled the search.
    Canceled,
}

/// The budget that was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// `max_depth`: the states at that depth were checked, but not expanded.
    Depth,
    /// `max_states`.
    States,
    /// `max_time`.
    Time,
    /// `max_memory`.
    Memory,
    /// The number of probes of a random search.
    Probes,
}

impl Verdict {
    /// The word for this verdict in machine-readable output: `exhausted`, `goal-found`, `violated`, `stuck`,
    /// `handler-panicked`, `handler-hung`, `handler-died`, `nondeterministic`, `predicate-panicked`, `predicate-died`,
    /// `budget-depth`, `budget-states`, `budget-time`, `budget-memory`, `budget-probes`, `canceled`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::GoalFound { .. } => "goal-found",
            Self::Violated { .. } => "violated",
            Self::Stuck { .. } => "stuck",
            Self::HandlerPanicked(_) => "handler-panicked",
            Self::HandlerHung(_) => "handler-hung",
            Self::HandlerDied(_) => "handler-died",
            Self::Nondeterministic(_) => "nondeterministic",
            Self::PredicatePanicked { .. } => "predicate-panicked",
            Self::PredicateDied { .. } => "predicate-died",
            Self::BudgetSpent(Budget::Depth) => "budget-depth",
            Self::BudgetSpent(Budget::States) => "budget-states",
            Self::BudgetSpent(Budget::Time) => "budget-time",
            Self::BudgetSpent(Budget::Memory) => "budget-memory",
            Self::BudgetSpent(Budget::Probes) => "budget-probes",
            Self::Canceled => "canceled",
        }
    }

    /// Whether two verdicts are about the same thing: the same invariant, goal or handler with the same problem. The
    /// minimizer keeps this, not just any failure.
    pub fn is_same_finding(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::GoalFound { goal: a }, Self::GoalFound { goal: b }) => a == b,
            (Self::Violated { invariant: a, .. }, Self::Violated { invariant: b, .. }) => a == b,
            // There is no name to tell one way of being stuck from another.
            (Self::Stuck { .. }, Self::Stuck { .. }) => true,
            (Self::HandlerPanicked(a), Self::HandlerPanicked(b))
            | (Self::HandlerDied(a), Self::HandlerDied(b)) => a == b,
            (Self::PredicatePanicked { predicate: a, .. }, Self::PredicatePanicked { predicate: b, .. }) => {
                a == b
            }
            _ => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted => f.write_str("exhausted: every reachable state was visited"),
            Self::GoalFound { goal } => write!(f, "goal found: {goal}"),
            Self::Violated { invariant, outcome } => {
                write!(f, "violated: {invariant}")?;
                if outcome.reason().is_empty() { Ok(()) } else { write!(f, ": {}", outcome.reason()) }
            }
            Self::Stuck { outcome } => {
                f.write_str("stuck: nothing that may happen changes anything any more")?;
                if outcome.reason().is_empty() { Ok(()) } else { write!(f, "; {}", outcome.reason()) }
            }
            Self::HandlerPanicked(fault) => write!(f, "handler panicked: {fault}"),
            Self::HandlerHung(fault) => write!(f, "handler hung: {fault}"),
            Self::HandlerDied(fault) => write!(f, "handler died: {fault}"),
            Self::Nondeterministic(fault) => write!(f, "nondeterministic handler: {fault}"),
            Self::PredicatePanicked { predicate, panic } => {
                write!(f, "the predicate `{predicate}` panicked: {panic}")
            }
            Self::PredicateDied { predicate, problem } => {
                write!(f, "the predicate `{predicate}` died: {problem}")
            }
            Self::BudgetSpent(budget) => {
                let budget = match budget {
                    Budget::Depth => "depth",
                    Budget::States => "state",
                    Budget::Time => "time",
                    Budget::Memory => "memory",
                    Budget::Probes => "probe",
                };
                write!(f, "not decided: the {budget} limit was reached before every state was visited")
            }
            Self::Canceled => f.write_str("canceled"),
        }
    }
}

/// The outcome of a search.
#[derive(Clone, Debug)]
pub struct Results {
    /// How it ended.
    pub verdict: Verdict,
    /// The way to the state that the verdict is about, if it is about one: minimized if the settings say so, and in
    /// causal reading order.
    pub trace: Option<Trace>,
    /// The goal states of the level in which the first was found, at most [`max_goal_states`], to start the next stage
    /// from. Empty unless a goal was found.
    ///
    /// [`max_goal_states`]: crate::Settings::max_goal_states
    pub goal_states: Vec<State>,
    /// Why no goal was found, if there were goals and the search ended without finding one or anything else. Of a random
    /// search it tells only what stood in the way.
    pub missed: Option<Missed>,
    /// Numbers.
    pub stats: Stats,
    /// What was and what was not covered.
    pub coverage: Coverage,
}

impl Results {
    /// The first goal state.
    pub fn goal_state(&self) -> Option<&State> {
        self.goal_states.first()
    }
}

/// A way through a system: a state, and events that can happen one after the other from there.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Where it starts. In a staged search that is a state of the stage before, which knows its own past
    /// ([`State::history`]).
    pub start: State,
    /// What happens.
    pub events: Vec<Event>,
    /// The number of events before the trace was minimized.
    pub found_len: usize,
}

/// The numbers of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// The states visited: different ones in a breadth-first search, with the initial state and the pruned ones; all of
    /// all probes in a random search.
    pub states: u64,
    /// The steps that were taken to find them. Steps that change nothing are not in it, and not those that the
    /// commutation rule proves unnecessary.
    pub generated: u64,
    /// The depth of the deepest state.
    pub depth: u32,
    /// The states first seen at each depth, from depth 0; for a search from later states zeros come first.
    pub levels: Vec<u64>,
    /// A sum over the contents of the states of each level. Two searches that visited the same states have the same
    /// digests, on any machine and with any number of threads.
    pub digests: Vec<u64>,
    /// How often a student's handler ran, without the second runs that check it.
    pub handler_calls: u64,
    /// The lookups of a step that had to be worked out, not remembered.
    pub memo_misses: u64,
    /// Different components (a node's fields, timers and sent messages), over all nodes.
    pub components: u64,
    /// Different contents of a node with its timers, over all nodes.
    pub locals: u64,
    /// Different messages.
    pub messages: u64,
    /// The bytes of states, components, locals and messages at the end. What a round needs on top, and what the allocator
    /// keeps, is not in it; the memory of a local is estimated.
    pub bytes: u64,
    /// The probes of a random search.
    pub probes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Stats {
    /// The share of steps whose outcome was remembered.
    pub fn memo_hit_rate(&self) -> f64 {
        let lookups = self.generated.max(self.memo_misses);
        if lookups == 0 { 0.0 } else { 1.0 - ratio(self.memo_misses, lookups) }
    }

    /// The bytes in use at the end for each state.
    pub fn bytes_per_state(&self) -> f64 {
        ratio(self.bytes, self.states)
    }

    /// States a second.
    pub fn states_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds == 0.0 { 0.0 } else { ratio(self.states, 1) / seconds }
    }
}

/// A quotient for people; beyond 2^52 the last digits do not matter.
fn ratio(a: u64, b: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let quotient = a as f64 / b.max(1) as f64;
    quotient
}

/// What a search covered, and what to be suspicious of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Whether every state within the settings was visited.
    pub exhausted: bool,
    /// The depth up to which every state was visited and checked.
    pub complete_depth: Option<u32>,
    /// Whether the commutation rule was used, or why not.
    pub commutation: String,
    /// Which crashes and restarts were tried; nothing if none were allowed: `at most 1 crash of server1, server2; at most 1
    /// restart`.
    pub faults: String,
    /// The handlers that ran.
    pub handlers: Vec<HandlerCoverage>,
    /// Kinds of messages that were sent, but never delivered: `RequestVote from server1 to server2`.
    pub never_delivered: Vec<String>,
    /// Prunes with the number of states they cut. None at all is suspicious.
    pub prunes: Vec<(String, u64)>,
    /// Fields that serde skips, so that they are no part of a state: `Server.cache`.
    pub ignored_fields: Vec<String>,
    /// Messages sent to addresses that no node has: `Ping to server9`.
    pub unknown_receivers: Vec<String>,
    /// Anything that is growing in a way that a protocol's state should not: `server1.log has 10000 entries`.
    pub growth: Vec<String>,
    /// Handlers that end the process on some input, and that counted as changing nothing there:
    /// `on_message(Go) of server1: it overflowed its stack; …`. Empty unless the [`Watch`](crate::Watch) asks for that.
    pub passed_over: Vec<String>,
    /// Invariants for which the number of different things they looked at was one: they never saw anything change.
    pub vacuous_invariants: Vec<String>,
}

/// How often a handler ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HandlerCoverage {
    /// The type of the node.
    pub node_type: String,
    /// The handler and what it handled: `on_message(RequestVote)`.
    pub handler: String,
    /// On how many different inputs it ran.
    pub inputs: u64,
    /// On how many of them it changed the node or sent something.
    pub effective: u64,
}

impl fmt::Display for Coverage {
    /// One fact a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exhausted, self.complete_depth) {
            (true, _) => writeln!(f, "every state within the settings was visited and checked")?,
            (false, Some(depth)) => writeln!(f, "every state up to depth {depth} was visited and checked")?,
            (false, None) => writeln!(f, "some states were visited and checked, no depth completely")?,
        }
        writeln!(f, "commutation rule: {}", self.commutation)?;
        if !self.faults.is_empty() {
            writeln!(f, "crashes: {}", self.faults)?;
        }
        for (prune, states) in &self.prunes {
            let suspicious = if *states == 0 { " (never: is it what you meant?)" } else { "" };
            writeln!(f, "prune `{prune}` cut {states} states{suspicious}")?;
        }
        for handler in self.handlers.iter().filter(|handler| handler.effective == 0) {
            writeln!(f, "{} of {} ran, but never did anything", handler.handler, handler.node_type)?;
        }
        for message in &self.never_delivered {
            writeln!(f, "never delivered: {message}")?;
        }
        if !self.ignored_fields.is_empty() {
            let (count, fields) = (self.ignored_fields.len(), self.ignored_fields.join(", "));
            writeln!(f, "{count} {} ignored: {fields}", if count == 1 { "field" } else { "fields" })?;
        }
        for message in &self.unknown_receivers {
            writeln!(f, "sent to an address that no node has: {message}")?;
        }
        for growth in &self.growth {
            writeln!(f, "growing: {growth}")?;
        }
        for fatal in &self.passed_over {
            writeln!(f, "passed over, as if it changed nothing: {fatal}")?;
        }
        for invariant in &self.vacuous_invariants {
            writeln!(f, "invariant `{invariant}` saw the same thing in every state: it says nothing here")?;
        }
        Ok(())
    }
}
