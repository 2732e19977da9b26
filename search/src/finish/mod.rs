//! Says whether the goal can be reached from every state, and if not, which event lost it.

mod graph;
mod healed;

use framework::Predicate;

use crate::bfs::Bfs;
use crate::engine::{Ending, Engine};
use crate::results::{Budget, Results, Trace, Verdict};
use crate::settings::Settings;
use crate::state::State;

use graph::{Graph, Problem};

/// The states from which a healed network is tried, at most.
const SAMPLES: usize = 64;

/// The events of one such run, at most.
const RUN_EVENTS: usize = 2_000;

/// Whether a system can always still finish.
#[derive(Clone, Debug)]
pub struct CanFinish {
    /// The answer.
    pub answer: FinishAnswer,
    /// The search that visited the states.
    pub search: Results,
}

/// The answer to whether the goal can be reached from every state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FinishAnswer {
    /// Yes: from each of the states that were visited, and all were.
    Always {
        /// How many of them satisfy the goal.
        goal_states: u64,
    },
    /// No: there are states from which it cannot be reached any more.
    Trap(Box<Trap>),
    /// Nobody knows.
    NotDecided {
        /// Why not.
        reason: String,
        /// What runs from the states where a budget ended the search did: evidence, no proof.
        probe: Option<Probe>,
    },
}

/// States from which the goal cannot be reached any more.
#[derive(Clone, Debug)]
pub struct Trap {
    /// One of least depth, the first by content.
    pub state: State,
    /// The way there. Its last event is the one that loses the goal; there is none if the goal is out of reach from where
    /// the search starts.
    pub trace: Trace,
    /// How many such states were found.
    pub traps: u64,
    /// In how many of them nothing happens any more; in the others the system moves, but not towards the goal.
    pub at_rest: u64,
    /// How many states satisfy the goal.
    pub goal_states: u64,
    /// Whether every state was visited, so that the numbers are those of the system.
    pub exhausted: bool,
}

/// What happened when states at which the search had to stop ran on with a healed network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How many states were tried.
    pub sampled: usize,
    /// From how many of them the goal was reached.
    pub reached: usize,
    /// How many runs ended because nothing was left to happen.
    pub at_rest: usize,
    /// After how many events a run was given up.
    pub events_max: usize,
}

#[doc = include_str!("../../docs/finish.md")]
///
/// Goals and stuck states of the settings are not looked for; invariants are checked as always.
pub fn can_always_finish(start: &State, settings: &Settings, goal: &Predicate) -> CanFinish {
    can_always_finish_from(std::slice::from_ref(start), settings, goal)
}

/// As [`can_always_finish`], from several states.
///
/// # Panics
///
/// Panics when there are no states, or they are of different systems.
pub fn can_always_finish_from(starts: &[State], settings: &Settings, goal: &Predicate) -> CanFinish {
    let searched = Settings { goals: Vec::new(), stuck: None, explain_missed: false, ..settings.clone() };
    let undecided = |reason: String| FinishAnswer::NotDecided { reason, probe: None };
    let engine = match Engine::new(starts, &searched) {
        Ok(engine) => engine,
        Err(search) => {
            return CanFinish { answer: undecided(other_finding(&search.verdict)), search: *search };
        }
    };
    let mut bfs = Bfs::new(engine);
    let ending = bfs.run(starts);
    let exhausted = matches!(ending, Ending::Verdict(Verdict::Exhausted, _));
    let decidable = match &ending {
        Ending::Verdict(verdict, _) => matches!(verdict, Verdict::Exhausted | Verdict::BudgetSpent(_)),
        Ending::Found(_) => false,
    };
    if !decidable {
        let search = bfs.finish(ending, starts);
        return CanFinish { answer: undecided(other_finding(&search.verdict)), search };
    }
    let graph = Graph::of(&mut bfs, goal);
    let mut samples = Vec::new();
    let answer = match graph {
        Err(Problem::Memory(needed)) => undecided(format!(
            "the steps between the states need {} MB more than the memory limit allows; give a higher limit, or a smaller \
             system",
            needed.div_ceil(1_000_000)
        )),
        Err(Problem::GoalPanicked(text)) => undecided(format!("the goal `{}` panicked: {text}", goal.name())),
        Err(Problem::HandlerFault(text)) => undecided(text),
        Ok(graph) => match graph.least_trap {
            Some(state) => {
                let (trace, state) = bfs.way_to(state, starts);
                FinishAnswer::Trap(Box::new(Trap {
                    state,
                    trace,
                    traps: graph.traps,
                    at_rest: graph.traps_at_rest,
                    goal_states: graph.goal_states,
                    exhausted,
                }))
            }
            None if exhausted && graph.unknown == 0 => {
                FinishAnswer::Always { goal_states: graph.goal_states }
            }
            None => {
                let reason = if exhausted {
                    format!(
                        "prunes hide what follows {} states, and without that they may or may not reach the goal",
                        graph.open_unfinished
                    )
                } else {
                    format!(
                        "the search was not complete: nobody knows what follows {} of its states",
                        graph.open
                    )
                };
                samples = graph.samples.iter().map(|state| bfs.way_to(*state, starts).1).collect();
                undecided(reason)
            }
        },
    };
    let search = bfs.finish(ending, starts);
    let answer = match answer {
        FinishAnswer::NotDecided { reason, .. } if !samples.is_empty() => {
            let probe = healed::probe(&samples, &searched, goal, RUN_EVENTS);
            FinishAnswer::NotDecided { reason, probe: Some(probe) }
        }
        answer => answer,
    };
    CanFinish { answer, search }
}

fn other_finding(verdict: &Verdict) -> String {
    match verdict {
        Verdict::BudgetSpent(Budget::Memory) => "the memory limit was reached".to_owned(),
        verdict => format!("the search ended with something else: {verdict}"),
    }
}
