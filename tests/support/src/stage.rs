//! One stage of a search test: its settings, its aim, and whether it met it.

use framework::{Predicate, StepPredicate};
use search::{Delivery, RandomDfs, Results, Settings, State};

use crate::corpus::Found;
use crate::failed::Failed;
use crate::judge;
use crate::record::{Judgement, StageRecord};
use crate::search_test::{Explored, Reached, SearchTest, Starts};

/// A stage that does not know yet what it is for.
#[derive(Debug)]
pub struct Aimless(());

/// A stage that looks for a goal.
#[derive(Debug)]
pub struct ToGoal(());

/// A stage that looks for a goal that not every right solution can reach.
#[derive(Debug)]
pub struct Perhaps(());

/// A stage that asks whether a goal can always still be reached.
#[derive(Debug)]
pub struct StillPossible {
    goal: Predicate,
    /// After so many states it is given up, and the stage passes.
    enough: Option<u64>,
}

/// A stage that looks for violations: how far it has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covering {
    /// Every state.
    All,
    /// This many states.
    States(u64),
    /// Every state up to a depth.
    Depth(u32),
    /// This many random probes.
    Probes(u64),
}

/// A stage of a search test. Change its settings, give it an aim ([`goal`](Stage::goal), [`always_possible`](Stage::always_possible),
/// [`exhaust`](Stage::exhaust), [`bounded`](Stage::bounded), [`to_depth`](Stage::to_depth), [`random`](Stage::random)), and start it with `from`.
#[must_use = "a stage does nothing until it is given an aim and started with `from`"]
pub struct Stage<'a, Aim> {
    test: &'a mut SearchTest,
    name: String,
    settings: Settings,
    aim: Aim,
}

impl<'a> Stage<'a, Aimless> {
    pub(crate) fn new(test: &'a mut SearchTest, name: &str) -> Self {
        let settings = test.common.clone();
        Self { test, name: name.to_owned(), settings, aim: Aimless(()) }
    }

    fn aim<Aim>(self, aim: Aim) -> Stage<'a, Aim> {
        Stage { test: self.test, name: self.name, settings: self.settings, aim }
    }

    /// Looks for a state that satisfies the goal.
    pub fn goal(mut self, goal: Predicate) -> Stage<'a, ToGoal> {
        self.settings.goals.push(goal);
        self.aim(ToGoal(()))
    }

    /// Looks for a state that satisfies the goal, where designs differ in whether there is one: the stage passes with it,
    /// and without it when every state was visited, to [`max_depth`](Stage::max_depth) if that is set.
    pub fn perhaps(mut self, goal: Predicate) -> Stage<'a, Perhaps> {
        self.settings.goals.push(goal);
        self.settings.explain_missed = false;
        self.aim(Perhaps(()))
    }

    /// Has to visit every state, within the budget of states, and from each of them the goal must still be possible: a
    /// system that can block for ever fails, even if it does so on one of a million ways only. Time is not asked about:
    /// what can only happen when certain messages are not lost is still possible.
    ///
    /// The space must have an end of its own: of a state that a prune or [`max_depth`](Stage::max_depth) cuts off nobody
    /// knows what it can still reach, so the test is inconclusive. Stop the timers that would make it infinite.
    pub fn always_possible(self, goal: Predicate) -> Stage<'a, StillPossible> {
        self.aim(StillPossible { goal, enough: None })
    }

    /// Has to visit every state, within the budget of states; otherwise the test is inconclusive.
    pub fn exhaust(self) -> Stage<'a, Covering> {
        self.aim(Covering::All)
    }

    /// Passes when this many states, in breadth-first order, violate nothing, or there are no more within
    /// [`max_depth`](Stage::max_depth).
    pub fn bounded(mut self, states: u64) -> Stage<'a, Covering> {
        self.settings.max_states = Some(states);
        self.aim(Covering::States(states))
    }

    /// Has to visit every state up to a depth (counted from the initial state of the system), within the budget of
    /// states; otherwise the test is inconclusive.
    pub fn to_depth(mut self, depth: u32) -> Stage<'a, Covering> {
        self.settings.max_depth = Some(depth);
        self.aim(Covering::Depth(depth))
    }

    /// Passes when this many random probes violate nothing. Each goes to [`max_depth`](Stage::max_depth), or until
    /// nothing can change any more. They are drawn from the test's seed. The budget of states holds for all of them
    /// together; spending it is inconclusive.
    pub fn random(self, probes: u64) -> Stage<'a, Covering> {
        self.aim(Covering::Probes(probes))
    }
}

impl<'a, Aim> Stage<'a, Aim> {
    /// What must hold in every state of this stage, beside what holds in all.
    pub fn invariant(mut self, invariant: Predicate) -> Self {
        self.settings.invariants.push(invariant);
        self
    }

    /// What every step of this stage must satisfy.
    pub fn step_invariant(mut self, invariant: StepPredicate) -> Self {
        self.settings.step_invariants.push(invariant);
        self
    }

    /// Where not to go on.
    pub fn prune(mut self, prune: Predicate) -> Self {
        self.settings.prunes.push(prune);
        self
    }

    /// What the network and the timers allow.
    pub fn delivery(mut self, change: impl FnOnce(&mut Delivery)) -> Self {
        change(&mut self.settings.delivery);
        self
    }

    /// Any other setting of the search.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The states that may be visited, in place of the test's budget.
    pub fn states(mut self, states: u64) -> Self {
        self.settings.max_states = Some(states);
        self
    }

    /// The greatest depth, counted from the initial state of the system.
    pub fn max_depth(mut self, depth: u32) -> Self {
        self.settings.max_depth = Some(depth);
        self
    }

    /// Searches, or finds what an earlier run found, and says what came of it.
    fn run(&mut self, starts: &[State], random: Option<RandomDfs>, judge: Judge) -> Result<Results, Failed> {
        let context = &mut self.test.context;
        context.begin_stage(&self.name, self.settings.max_states);
        let stage = judge::Stage { context, name: &self.name, settings: &self.settings, starts };
        if let Some(Found { results, start }) = context.corpus.find_again(&stage) {
            let failure = judge::failing(&stage, &results, Some(start));
            context.end_stage(stage_record(&self.name, &results, Some(&failure)));
            return Err(failure.into());
        }
        let results = match random {
            Some(random) => search::random_dfs(&starts[0], &self.settings, random),
            None => search::bfs_from(starts, &self.settings),
        };
        let failure = judge(&stage, &results);
        context.end_stage(stage_record(&self.name, &results, failure.as_ref()));
        match failure {
            None => Ok(results),
            Some(failure) => {
                context.corpus.keep(&stage, &results, &failure);
                Err(failure.into())
            }
        }
    }
}

/// Says why a stage failed, if it did.
type Judge<'a> = &'a dyn Fn(&judge::Stage<'_>, &Results) -> Option<crate::failed::Failure>;

fn stage_record(name: &str, results: &Results, failure: Option<&crate::failed::Failure>) -> StageRecord {
    StageRecord {
        name: name.to_owned(),
        verdict: failure.map_or(Judgement::Pass, |failure| failure.judgement),
        ended: results.verdict.word().to_owned(),
        goal: matches!(results.verdict, search::Verdict::GoalFound { .. }),
        states: results.stats.states,
        depth: results.stats.depth,
        seconds: results.stats.elapsed.as_secs_f64(),
    }
}

impl Stage<'_, ToGoal> {
    /// Another goal: the stage ends where one of them holds.
    pub fn or_goal(mut self, goal: Predicate) -> Self {
        self.settings.goals.push(goal);
        self
    }

    /// Keeps this many goal states of the least depth instead of one, for a next stage that starts from all of them.
    pub fn keep(mut self, count: usize) -> Self {
        self.settings.max_goal_states = count;
        self
    }

    /// Searches.
    ///
    /// # Errors
    ///
    /// When no goal is found within the budget, or anything is violated on the way.
    ///
    /// # Panics
    ///
    /// Panics when there is no state to start from.
    pub fn from<S: Starts + ?Sized>(mut self, start: &S) -> Result<Reached, Failed> {
        let results = self.run(start.states(), None, &judge::goal_stage)?;
        let search::Verdict::GoalFound { goal } = results.verdict else {
            unreachable!("a goal stage passes only with a goal")
        };
        Ok(Reached { goal, states: results.goal_states, stats: results.stats })
    }
}

impl Stage<'_, Perhaps> {
    /// Keeps this many goal states of the least depth instead of one.
    pub fn keep(mut self, count: usize) -> Self {
        self.settings.max_goal_states = count;
        self
    }

    /// Searches; `None` if there is no such state.
    ///
    /// # Errors
    ///
    /// When anything is violated on the way, or the budget ends before it is known whether there is such a state.
    ///
    /// # Panics
    ///
    /// Panics when there is no state to start from.
    pub fn from<S: Starts + ?Sized>(mut self, start: &S) -> Result<Option<Reached>, Failed> {
        let results = self.run(start.states(), None, &judge::optional_stage)?;
        Ok(match results.verdict {
            search::Verdict::GoalFound { goal } => {
                Some(Reached { goal, states: results.goal_states, stats: results.stats })
            }
            _ => None,
        })
    }
}

impl Stage<'_, StillPossible> {
    /// Passes also when so many states violate nothing and there are more: for spaces that are small in some right
    /// designs, and in others too large to be decided.
    pub fn or_states(mut self, states: u64) -> Self {
        self.settings.max_states = Some(states);
        self.aim.enough = Some(states);
        self
    }

    /// Searches.
    ///
    /// # Errors
    ///
    /// When there is a state from which the goal is out of reach, anything is violated, or not every state was visited.
    ///
    /// # Panics
    ///
    /// Panics when there is no state to start from.
    pub fn from<S: Starts + ?Sized>(self, start: &S) -> Result<Explored, Failed> {
        let (settings, name, starts) = (&self.settings, &self.name, start.states());
        let context = &mut self.test.context;
        context.begin_stage(name, settings.max_states);
        let stage = judge::Stage { context, name, settings, starts };
        let found = search::can_always_finish_from(starts, settings, &self.aim.goal);
        let failure = judge::possible_stage(&stage, &found, &self.aim.goal, self.aim.enough.is_some());
        context.end_stage(stage_record(name, &found.search, failure.as_ref()));
        match failure {
            None => Ok(Explored { stats: found.search.stats }),
            Some(failure) => Err(failure.into()),
        }
    }
}

impl Stage<'_, Covering> {
    /// Searches.
    ///
    /// # Errors
    ///
    /// When anything is violated, or the search does not come as far as it has to.
    ///
    /// # Panics
    ///
    /// Panics when there is no state to start from, or several for random probes.
    pub fn from<S: Starts + ?Sized>(mut self, start: &S) -> Result<Explored, Failed> {
        let aim = self.aim;
        let random = match aim {
            Covering::Probes(probes) => {
                assert_eq!(start.states().len(), 1, "random probes start from one state");
                Some(RandomDfs { seed: self.test.context.seed, probes: Some(probes) })
            }
            _ => None,
        };
        let results =
            self.run(start.states(), random, &|stage, results| judge::covering_stage(stage, results, aim))?;
        Ok(Explored { stats: results.stats })
    }
}
