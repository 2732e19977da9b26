//! What is fixed before a run.

use std::time::Duration;

use framework::{Predicate, StepPredicate};

use crate::network::Network;
use crate::running::Observer;
use crate::schedule::Schedule;

/// How a run passes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Events in virtual time, one after the other, on the thread of the test. Nothing sleeps, and the seed decides
    /// everything: the same run on every machine.
    Simulated,
    /// One thread a node and the clock on the wall. The seed decides which messages are lost, not when what happens.
    RealTime,
}

/// When the invariants of states are checked. At the end of every wait they all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// After every event: the trace of a violation ends with the event that caused it.
    EveryEvent,
    /// After every so many events.
    EveryEvents(u64),
    /// Whenever so much time of the run has passed.
    Every(Duration),
    /// At the end of waits only.
    AtWaits,
}

/// What is fixed before a run.
///
/// ```
/// use framework::predicate::results_ok;
/// use runner::Settings;
///
/// let settings = Settings::simulated(7).invariant(results_ok()).network(|network| network.unreliable());
/// assert_eq!(settings.seed, 7);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How the run passes its time.
    pub mode: Mode,
    /// Decides what is random. Print it where a test fails; every [`Failure`](crate::Failure) does.
    pub seed: u64,
    /// The network at the start.
    pub network: Network,
    /// What every state must satisfy.
    pub invariants: Vec<Predicate>,
    /// What every step must satisfy; checked after every event.
    pub step_invariants: Vec<StepPredicate>,
    /// When `invariants` are checked.
    pub check: Check,
    /// Faults and other changes at fixed times.
    pub schedule: Schedule,
    /// How many events may be handled; a run with more fails. Two nodes that answer each other without end would
    /// otherwise never let the time pass that a test waits for.
    pub events_max: u64,
    /// How many events the trace keeps, from the first.
    pub trace_events_max: usize,
    /// In real time: after which time a handler that has not returned is given up, and the run fails. In a simulated run
    /// whoever started the process watches over it; see [`Run::running`](crate::Run::running).
    pub handler_time_max: Duration,
    /// Who is told which handler runs.
    pub observer: Option<Observer>,
}

impl Settings {
    /// A simulated run with a reliable network, and nothing that is checked.
    pub fn simulated(seed: u64) -> Self {
        Self {
            mode: Mode::Simulated,
            seed,
            network: Network::default(),
            invariants: Vec::new(),
            step_invariants: Vec::new(),
            check: Check::EveryEvent,
            schedule: Schedule::new(),
            events_max: 10_000_000,
            trace_events_max: 2_000_000,
            handler_time_max: Duration::from_secs(5),
            observer: None,
        }
    }

    /// A run in real time with a reliable network, and nothing that is checked.
    pub fn real_time(seed: u64) -> Self {
        Self { mode: Mode::RealTime, ..Self::simulated(seed) }
    }

    /// Adds an invariant of states.
    #[must_use]
    pub fn invariant(mut self, invariant: Predicate) -> Self {
        self.invariants.push(invariant);
        self
    }

    /// Adds invariants of states.
    #[must_use]
    pub fn invariants(mut self, invariants: impl IntoIterator<Item = Predicate>) -> Self {
        self.invariants.extend(invariants);
        self
    }

    /// Adds an invariant of steps.
    #[must_use]
    pub fn step_invariant(mut self, invariant: StepPredicate) -> Self {
        self.step_invariants.push(invariant);
        self
    }

    /// Says when invariants are checked.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// Changes the network at the start.
    #[must_use]
    pub fn network(mut self, change: impl FnOnce(&mut Network) -> &mut Network) -> Self {
        change(&mut self.network);
        self
    }

    /// Sets the schedule.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }
}
