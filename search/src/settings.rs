//! What a search looks for and how far it goes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use framework::linearizability::Monitor;
use framework::{Predicate, StepPredicate};

use crate::delivery::Delivery;
use crate::faults::Faults;
use crate::progress::Progress;
use crate::watch::Watch;

/// The settings of one search. Start from [`Settings::default`] and set the fields that matter, or chain the methods.
#[derive(Clone)]
pub struct Settings {
    /// What must hold in every state, in order of importance: the first that fails is the one reported.
    pub invariants: Vec<Predicate>,
    /// What every step that changes something must satisfy. They need every step, so they switch the commutation rule
    /// off.
    pub step_invariants: Vec<StepPredicate>,
    /// What the results of the clients must be all along, such as linearizable. What a monitor knows is part of a state of
    /// the search.
    pub monitors: Vec<Monitor>,
    /// What to look for: the search ends where one of them holds.
    pub goals: Vec<Predicate>,
    /// Where not to go on: a state in which one of them holds is checked, but not expanded. They switch the commutation
    /// rule off.
    pub prunes: Vec<Predicate>,
    /// Whether to look for stuck states: those in which nothing that may happen but a crash changes anything, and in which
    /// none of these predicates holds. `None` if it is not looked for; an empty list for a system that must never come to rest.
    /// A state that is not expanded, because of a prune or of [`max_depth`](Self::max_depth), is not looked at.
    pub stuck: Option<Vec<Predicate>>,
    /// What the network and the timers allow.
    pub delivery: Delivery,
    /// Which crashes and restarts may happen; none unless it is set.
    pub faults: Faults,
    /// The greatest depth of a state, counted from the initial state of the system, also in a staged search.
    pub max_depth: Option<u32>,
    /// The number of states after which the search ends.
    pub max_states: Option<u64>,
    /// The time after which the search ends. Only a safety net: how far a search comes in a second differs from machine
    /// to machine, so a grade must not depend on it.
    pub max_time: Option<Duration>,
    /// The bytes the search may use; a share of the machine's memory unless it is set.
    pub max_memory: Option<u64>,
    /// The number of threads; all cores unless it is set. It changes nothing but the time taken.
    pub threads: Option<usize>,
    /// How many goal states are kept, for the next stage to start from all of them.
    pub max_goal_states: usize,
    /// After which time a handler that has not returned is reported as hung, at the earliest. Predicates are not watched.
    pub handler_time: Duration,
    /// Whether events that commute are tried in one order only, where that loses no state. Only tests switch it off.
    pub commutation: bool,
    /// Whether a failing trace is shortened before it is reported. A shortened trace shows the same failure, but it may
    /// pass through a state that a prune would have cut.
    pub minimize: bool,
    /// Whether a breadth-first search that misses its goals looks once more through the states it has visited, to say why
    /// ([`Results::missed`](crate::Results::missed)).
    pub explain_missed: bool,
    /// Called now and then with the progress so far, from the thread that called the search.
    pub progress: Option<ProgressCallback>,
    /// Ends the search from another thread.
    pub cancel: CancelToken,
    /// Where it is noted what runs, and what must not run: set by a supervisor, and nothing without one.
    pub watch: Watch,
}

/// Called with the progress of a search.
pub type ProgressCallback = Arc<dyn Fn(&Progress) + Send + Sync>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            invariants: Vec::new(),
            step_invariants: Vec::new(),
            monitors: Vec::new(),
            goals: Vec::new(),
            prunes: Vec::new(),
            stuck: None,
            delivery: Delivery::default(),
            faults: Faults::default(),
            max_depth: None,
            max_states: None,
            max_time: None,
            max_memory: None,
            threads: None,
            max_goal_states: 1,
            handler_time: Duration::from_secs(5),
            commutation: true,
            minimize: true,
            explain_missed: true,
            progress: None,
            cancel: CancelToken::default(),
            watch: Watch::installed().clone(),
        }
    }
}

impl Settings {
    /// Adds an invariant.
    #[must_use]
    pub fn invariant(mut self, invariant: Predicate) -> Self {
        self.invariants.push(invariant);
        self
    }

    /// Adds a property of steps.
    #[must_use]
    pub fn step_invariant(mut self, invariant: StepPredicate) -> Self {
        self.step_invariants.push(invariant);
        self
    }

    /// Adds a monitor.
    #[must_use]
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.monitors.push(monitor);
        self
    }

    /// Adds a goal.
    #[must_use]
    pub fn goal(mut self, goal: Predicate) -> Self {
        self.goals.push(goal);
        self
    }

    /// Adds a prune.
    #[must_use]
    pub fn prune(mut self, prune: Predicate) -> Self {
        self.prunes.push(prune);
        self
    }

    /// Looks for stuck states; `end` is where the system may come to rest. Called again it adds another such place.
    ///
    /// The search ends with [`Verdict::Stuck`](crate::Verdict::Stuck) and a shortest way to one if there is any. For a
    /// search that does not end where the goal holds, give the goal here and not to [`goal`](Self::goal).
    #[must_use]
    pub fn stuck_unless(mut self, end: Predicate) -> Self {
        self.stuck.get_or_insert_default().push(end);
        self
    }

    /// Sets the greatest depth.
    #[must_use]
    pub fn max_depth(mut self, depth: u32) -> Self {
        self.max_depth = Some(depth);
        self
    }

    /// Sets the number of states after which the search ends.
    #[must_use]
    pub fn max_states(mut self, states: u64) -> Self {
        self.max_states = Some(states);
        self
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Changes what may be delivered.
    #[must_use]
    pub fn with_delivery(mut self, change: impl FnOnce(&mut Delivery)) -> Self {
        change(&mut self.delivery);
        self
    }

    /// Allows so many crashes of nodes that are not clients.
    #[must_use]
    pub fn crashes(mut self, count: u16) -> Self {
        self.faults.crashes(count);
        self
    }

    /// Allows so many restarts.
    #[must_use]
    pub fn restarts(mut self, count: u16) -> Self {
        self.faults.restarts(count);
        self
    }

    /// Why the commutation rule is off, if it is.
    pub(crate) fn commutation_off(&self) -> Option<&'static str> {
        if !self.commutation {
            Some("switched off by the settings")
        } else if !self.prunes.is_empty() {
            Some("off because a pruned state could hide the other order of two events")
        } else if !self.step_invariants.is_empty() {
            Some("off because properties of steps need to see every step")
        } else {
            None
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("invariants", &self.invariants)
            .field("step_invariants", &self.step_invariants)
            .field("monitors", &self.monitors)
            .field("goals", &self.goals)
            .field("prunes", &self.prunes)
            .field("stuck", &self.stuck)
            .field("delivery", &self.delivery)
            .field("faults", &self.faults)
            .field("max_depth", &self.max_depth)
            .field("max_states", &self.max_states)
            .field("max_time", &self.max_time)
            .field("max_memory", &self.max_memory)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Ends a search from another thread; clones share one switch.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks the searches that have this token to end soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
