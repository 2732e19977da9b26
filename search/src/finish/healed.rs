//! Runs a system on from a state with a healed network: every link up, every node up, first in first out, timers by age.
//!
//! The runs take their events together, so that their handlers run under the watchdog and on all threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framework::{Address, Local, Payload, Predicate, View};

use super::Probe;
use crate::guard;
use crate::handler::{Effect, Input, Subject};
use crate::pool::{Pool, Trial};
use crate::settings::Settings;
use crate::state::State;

/// How long a message is on its way.
const LATENCY: Duration = Duration::from_millis(1);

/// What is going to happen at a node.
struct Upcoming {
    node: usize,
    input: Input,
}

/// One run.
struct Run {
    state: State,
    bytes: Vec<Arc<[u8]>>,
    /// What is going to happen, by time and then by age.
    agenda: BTreeMap<(Duration, u64), Upcoming>,
    added: u64,
    now: Duration,
    over: Option<Over>,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Reached,
    AtRest,
    /// A handler or the goal fails.
    Failed,
}

/// Runs on from each of the states, for at most so many events, until the goal holds.
pub(super) fn probe(states: &[State], settings: &Settings, goal: &Predicate, events_max: usize) -> Probe {
    let threads = settings.threads.unwrap_or_else(crate::engine::default_threads).max(1);
    let mut pool = Pool::take(threads, &settings.watch);
    let mut runs: Vec<Run> = states.iter().map(|state| Run::new(state, goal)).collect();
    for _ in 0..events_max {
        let mut next: Vec<(usize, Upcoming)> = Vec::new();
        for (number, run) in runs.iter_mut().enumerate().filter(|(_, run)| run.over.is_none()) {
            match run.agenda.pop_first() {
                Some(((time, _), upcoming)) => {
                    run.now = time;
                    next.push((number, upcoming));
                }
                None => run.over = Some(Over::AtRest),
            }
        }
        if next.is_empty() || settings.cancel.is_canceled() {
            break;
        }
        let trials = next
            .iter()
            .map(|(number, upcoming)| {
                let (run, node) = (&runs[*number], upcoming.node);
                let subject = Subject {
                    address: run.state.addresses[node],
                    local: Arc::clone(&run.state.locals[node]),
                    bytes: Arc::clone(&run.bytes[node]),
                };
                Trial { subject, inputs: vec![upcoming.input.clone()] }
            })
            .collect();
        // A handler that does not return ends all: its thread is lost, and with it the pool.
        let Ok(effects) = pool.try_all(trials, settings.handler_time) else { break };
        for ((number, upcoming), effects) in next.into_iter().zip(effects) {
            let run = &mut runs[number];
            run.apply(&upcoming, effects.into_iter().next().unwrap_or(Effect::None));
            run.check(goal);
        }
    }
    let count = |over| runs.iter().filter(|run| run.over == Some(over)).count();
    Probe { sampled: runs.len(), reached: count(Over::Reached), at_rest: count(Over::AtRest), events_max }
}

impl Run {
    fn new(state: &State, goal: &Predicate) -> Self {
        let bytes: Result<Vec<Arc<[u8]>>, _> =
            state.locals.iter().map(|local| local.encode().map(Arc::from)).collect();
        let mut run = Self {
            state: state.clone(),
            bytes: Vec::new(),
            agenda: BTreeMap::new(),
            added: 0,
            now: Duration::ZERO,
            over: None,
        };
        match bytes {
            Ok(bytes) => run.bytes = bytes,
            Err(_) => run.over = Some(Over::Failed),
        }
        for node in 0..state.locals.len() {
            if state.locals[node].up {
                run.set_timers(node, 0);
            } else {
                run.add(Duration::ZERO, node, Input::Restart);
            }
        }
        for envelope in state.network() {
            run.send(envelope.from, envelope.to, envelope.message);
        }
        run.check(goal);
        run
    }

    fn add(&mut self, after: Duration, node: usize, input: Input) {
        self.agenda.insert((self.now + after, self.added), Upcoming { node, input });
        self.added += 1;
    }

    fn send(&mut self, from: Address, to: Address, message: Payload) {
        if let Some(node) = self.state.addresses.iter().position(|address| *address == to) {
            self.add(LATENCY, node, Input::Message { from, message });
        }
    }

    /// Lets the pending timers of a node from place `first` on run.
    fn set_timers(&mut self, node: usize, first: usize) {
        let local: Arc<Local> = Arc::clone(&self.state.locals[node]);
        for timer in local.timers.as_slice().iter().skip(first) {
            self.add(timer.length.at_most(), node, Input::Timer(timer.clone()));
        }
    }

    fn apply(&mut self, upcoming: &Upcoming, effect: Effect) {
        let node = upcoming.node;
        // The timer that fires leaves the queue, and those that are set come behind the others.
        let before = self.state.locals[node].timers.as_slice().len();
        let kept = before - usize::from(matches!(upcoming.input, Input::Timer(_)) && before > 0);
        match effect {
            Effect::None => {}
            Effect::Change { local, sent, .. } => {
                if let Some((local, bytes)) = local {
                    self.state.locals[node] = local;
                    self.bytes[node] = bytes.into();
                }
                let from = self.state.addresses[node];
                for (to, message) in sent {
                    let network = Arc::make_mut(&mut self.state.sent[node]);
                    network.insert((to, message.clone()));
                    self.send(from, to, message);
                }
            }
            Effect::Panicked(_) | Effect::Unsound(_) => {
                self.over = Some(Over::Failed);
                return;
            }
        }
        self.set_timers(node, kept);
    }

    /// Ends the run if the goal holds.
    fn check(&mut self, goal: &Predicate) {
        if self.over.is_some() {
            return;
        }
        match guard::catch(|| goal.check(&View::new(&self.state)).is_ok()) {
            Ok(true) => self.over = Some(Over::Reached),
            Ok(false) => {}
            Err(_) => self.over = Some(Over::Failed),
        }
    }
}
