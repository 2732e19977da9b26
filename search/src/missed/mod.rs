//! Says why a goal was missed: the nearest state, what is missing there, and what stood in the way.

mod obstacles;
mod score;

use framework::{Event, Outcome, View};

use crate::bfs::Bfs;
use crate::explored::Visit;
use crate::results::{Trace, Verdict};
use crate::state::State;
use crate::visited::StateIndex;

pub use obstacles::{Held, Obstacles};
use score::{Distance, Goal, Scorer};

#[doc = include_str!("../../docs/missed.md")]
#[derive(Clone, Debug)]
pub struct Missed {
    /// For each goal how near the search came, in the order of the settings.
    pub goals: Vec<NearMiss>,
    /// What did not happen, whatever the goal.
    pub obstacles: Obstacles,
}

/// How near a search came to a goal.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The name of the goal.
    pub goal: String,
    /// The way to the nearest state: the one with the fewest parts missing; of those the one in which they are nearest to
    /// holding; of those the one with the least depth; and of those the first by content.
    pub trace: Trace,
    /// The nearest state.
    pub state: State,
    /// How many states are as near.
    pub states: u64,
    /// What has to hold: each conjunct, and of a property of every node each node.
    pub parts: Vec<GoalPart>,
}

/// One of the things that have to hold for a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalPart {
    /// What it is called: `client1: all clients are done`.
    pub name: String,
    /// What it says of the nearest state; `None` if it says nothing there, because the node is down.
    pub nearest: Option<Outcome>,
    /// In how many states it was asked, and in how many of them it holds.
    pub asked: u64,
    /// In how many states it holds.
    pub holds: u64,
}

impl GoalPart {
    /// Whether it is missing in the nearest state.
    pub fn is_missing(&self) -> bool {
        self.nearest.as_ref().is_some_and(|outcome| !outcome.is_ok())
    }
}

impl NearMiss {
    /// The parts that do not hold in the nearest state.
    pub fn missing(&self) -> impl Iterator<Item = &GoalPart> {
        self.parts.iter().filter(|part| part.is_missing())
    }

    /// All events from the initial state of the system to the nearest state, also those before the search started.
    pub fn history(&self) -> Vec<Event> {
        self.state.history()
    }
}

/// The nearest state that one thread has seen, and how many are as near.
struct Nearest<'g> {
    scorer: Scorer<'g>,
    best: Option<(Distance, u32, u64, StateIndex)>,
    states: u64,
}

impl Nearest<'_> {
    /// Takes over what another has seen: `states` at this distance, the best of which is `best`.
    fn join(&mut self, best: (Distance, u32, u64, StateIndex), states: u64) {
        match &self.best {
            Some(known) if known.0 < best.0 => return,
            Some(known) if known.0 == best.0 => self.states += states,
            _ => self.states = states,
        }
        if self.best.is_none_or(|known| best < known) {
            self.best = Some(best);
        }
    }
}

/// The ways to the nearest states, in the words of a finished search. `None` if no goal was missed.
pub(crate) fn near_misses(bfs: &Bfs<'_>, verdict: &Verdict, starts: &[State]) -> Option<Vec<NearMiss>> {
    let settings = bfs.engine.settings;
    let missed = matches!(verdict, Verdict::Exhausted | Verdict::BudgetSpent(_));
    if !missed || settings.goals.is_empty() || !settings.explain_missed || bfs.states == 0 {
        return None;
    }
    Some(settings.goals.iter().map(|goal| near_miss(bfs, goal, starts)).collect())
}

fn near_miss(bfs: &Bfs<'_>, predicate: &framework::Predicate, starts: &[State]) -> NearMiss {
    let space = &bfs.engine.space;
    let goal = Goal::new(predicate, space.len());
    let make = || Nearest { scorer: Scorer::new(&goal), best: None, states: 0 };
    let nearest = bfs.for_each_shard(make, |nearest, shard| {
        bfs.for_each_state_of(shard, |Visit { state, depth, ids }| {
            let distance = nearest.scorer.distance(space, ids);
            if nearest.best.is_none_or(|(best, ..)| distance <= best) {
                nearest.join((distance, depth, space.hash_of(ids), state), 1);
            }
        });
    });
    let mut counts = vec![(0, 0); goal.parts.len()];
    let mut all = make();
    for of_thread in nearest {
        for (count, more) in counts.iter_mut().zip(&of_thread.scorer.counts) {
            *count = (count.0 + more.0, count.1 + more.1);
        }
        if let Some(best) = of_thread.best {
            all.join(best, of_thread.states);
        }
    }
    let (.., state) = all.best.expect("a search visits the state it starts from");
    let (trace, state) = bfs.way_to(state, starts);
    let view: View<'_> = state.view();
    let parts = goal.parts.iter().zip(counts).filter(|(_, (asked, _))| *asked > 0);
    let parts = parts.map(|(part, (asked, holds))| GoalPart {
        name: goal.name(part, &space.addresses),
        nearest: goal.outcome(part, &view, &space.addresses),
        asked,
        holds,
    });
    NearMiss {
        goal: predicate.name().to_owned(),
        parts: parts.collect(),
        states: all.states,
        trace,
        state: state.clone(),
    }
}
