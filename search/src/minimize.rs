//! Makes a trace short and readable: no event in it can be left out, and causes stand next to their effects.

use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam::channel;
use framework::{Address, Event, Payload, Step, View};

use crate::delivery::Delivery;
use crate::guard;
use crate::observe::Follower;
use crate::results::{HandlerFault, Trace, Verdict};
use crate::settings::Settings;
use crate::state::{State, StepError};
use crate::stuck;

/// What a trace has to show, under the search's own settings.
#[derive(Debug)]
pub struct Target<'a> {
    what: What<'a>,
    settings: &'a Settings,
    alive: Option<&'a Alive>,
    /// What the monitor that is violated knows where the trace starts.
    monitor_at_start: OnceCell<Option<Follower<'a>>>,
    /// The steps that may still be tried: the same on every machine, and the end of a very long minimization.
    steps_left: Cell<u64>,
}

/// How many steps minimizing may take: some seconds.
const STEPS_MAX: u64 = 2_000_000;

#[derive(Debug)]
enum What<'a> {
    Violation(&'a str),
    Goal(&'a str),
    Stuck,
    HandlerPanic(&'a HandlerFault),
    HandlerDeath(&'a HandlerFault),
    PredicatePanic(&'a str),
    /// Something that is better not tried again.
    Nothing,
}

impl<'a> Target<'a> {
    /// What a search found. A verdict without a state to show, a handler that does not return, and one that is not
    /// deterministic are nothing that a trace could be shortened for.
    pub fn new(verdict: &'a Verdict, settings: &'a Settings) -> Self {
        let what = match verdict {
            Verdict::Violated { invariant, .. } => What::Violation(invariant),
            Verdict::GoalFound { goal } => What::Goal(goal),
            Verdict::Stuck { .. } => What::Stuck,
            Verdict::HandlerPanicked(fault) => What::HandlerPanic(fault),
            Verdict::HandlerDied(fault) => What::HandlerDeath(fault),
            Verdict::PredicatePanicked { predicate, .. } => What::PredicatePanic(predicate),
            _ => What::Nothing,
        };
        let (monitor_at_start, steps_left) = (OnceCell::new(), Cell::new(STEPS_MAX));
        Self { what, settings, alive: None, monitor_at_start, steps_left }
    }

    /// The same target, for which at most so many steps are tried.
    #[must_use]
    pub fn within(self, steps: u64) -> Self {
        self.steps_left.set(steps);
        self
    }

    fn delivery(&self) -> &Delivery {
        &self.settings.delivery
    }

    /// Whether the target shows in a state to which `events` led.
    fn is_state(&self, state: &State, events: &[Event]) -> bool {
        let settings = self.settings;
        match self.what {
            What::Violation(name) => settings
                .invariants
                .iter()
                .any(|p| p.name() == name && guard::catch(|| p.check(&state.view()).is_ok()) == Ok(false)),
            What::Goal(name) => settings
                .goals
                .iter()
                .any(|p| p.name() == name && guard::catch(|| p.check(&state.view()).is_ok()) == Ok(true)),
            What::PredicatePanic(name) => {
                let predicates = settings.invariants.iter().chain(&settings.goals).chain(&settings.prunes);
                let ends = settings.stuck.iter().flatten();
                predicates
                    .chain(ends)
                    .any(|p| p.name() == name && guard::catch(|| p.check(&state.view())).is_err())
            }
            What::Stuck => stuck::is_stuck(state, events, settings),
            What::HandlerPanic(_) | What::HandlerDeath(_) | What::Nothing => false,
        }
    }

    /// Whether the target shows in a step.
    fn is_step(&self, before: &State, event: &Event, after: &State) -> bool {
        let (What::Violation(name) | What::PredicatePanic(name)) = self.what else { return false };
        let wanted = matches!(self.what, What::Violation(_)).then_some(false);
        let shows = self.settings.step_invariants.iter().filter(|p| p.name() == name).any(|p| {
            let (before, after): (View<'_>, View<'_>) = (before.view(), after.view());
            let step = Step { before: &before, event, after: &after };
            guard::catch(|| p.check(&step).is_ok()).ok() == wanted
        });
        // In this order: nearly no step shows it, and comparing the bytes of nodes takes longer than all the rest.
        shows && !before.is_same_state(after)
    }

    /// The monitor that is violated, if it is one, at the start of the trace.
    fn watch(&self, start: &State) -> Option<Follower<'a>> {
        let begin = || {
            let What::Violation(name) = self.what else { return None };
            let monitor = self.settings.monitors.iter().find(|monitor| monitor.name() == name)?;
            Follower::at(monitor, start).ok()
        };
        self.monitor_at_start.get_or_init(begin).clone()
    }

    /// Whether a step fails as the target does.
    fn is_error(&self, error: &StepError) -> bool {
        match (&self.what, error) {
            (What::HandlerPanic(wanted), StepError::Panicked(fault))
            | (What::HandlerDeath(wanted), StepError::Died(fault)) => *wanted == fault,
            _ => false,
        }
    }

    /// Lets `events` happen one after the other, leaving out those that are not possible, until the target shows.
    /// Returns the events that did happen, or `None` if it never shows.
    fn reach<'e>(&self, start: &State, events: impl Iterator<Item = &'e Event>) -> Option<Vec<Event>> {
        self.way(start, events).map(|way| way.events)
    }

    /// As [`reach`](Self::reach), with the states between.
    fn way<'e>(&self, start: &State, events: impl Iterator<Item = &'e Event>) -> Option<Way<'a>> {
        let place = Place { state: start.clone(), watch: self.watch(start) };
        let seen = place.watch.as_ref().is_some_and(|watch| !watch.outcome.is_ok());
        if seen || self.is_state(start, &[]) {
            return Some(Way { events: Vec::new(), places: Vec::new() });
        }
        self.go_on(&[], place, events)
    }

    /// Goes on from a place to which `before` led. Of the way that is returned the places from there on are known.
    fn go_on<'e>(
        &self,
        before: &[Event],
        place: Place<'a>,
        events: impl Iterator<Item = &'e Event>,
    ) -> Option<Way<'a>> {
        let Place { mut state, mut watch } = place;
        let mut way = Way { events: before.to_vec(), places: Vec::new() };
        for event in events {
            let steps_left = self.steps_left.get();
            if steps_left == 0 || self.settings.cancel.is_canceled() {
                return None;
            }
            self.steps_left.set(steps_left - 1);
            if let Some(alive) = self.alive {
                alive.steps.fetch_add(1, Ordering::Relaxed);
            }
            match state.step_watched(event, self.delivery(), &self.settings.watch) {
                Ok(next) => {
                    way.events.push(event.clone());
                    way.places.push(Place { state: state.clone(), watch: watch.clone() });
                    let seen = watch.as_mut().is_some_and(|watch| {
                        watch.see_states(&state, event, &next).is_ok() && !watch.outcome.is_ok()
                    });
                    if seen || self.is_state(&next, &way.events) || self.is_step(&state, event, &next) {
                        return Some(way);
                    }
                    state = next;
                }
                Err(error) if self.is_error(&error) => {
                    way.events.push(event.clone());
                    way.places.push(Place { state, watch });
                    return Some(way);
                }
                Err(_) => {}
            }
        }
        None
    }

    /// Whether exactly these events lead to the target, and no fewer.
    fn is_reached_by(&self, start: &State, events: &[Event]) -> bool {
        self.reach(start, events.iter()).is_some_and(|happened| happened.len() == events.len())
    }
}

/// Events that lead to the target, and where each of them happened.
#[derive(Debug)]
struct Way<'a> {
    events: Vec<Event>,
    places: Vec<Place<'a>>,
}

/// A state, and what the monitor that is violated knows there.
#[derive(Clone, Debug)]
struct Place<'a> {
    state: State,
    watch: Option<Follower<'a>>,
}

/// Shortens a trace, if the settings say so, and puts it in reading order.
///
/// Both try events in combinations that the search may not have met, among them some in which a handler does not return.
/// So it is done on a thread of its own; if that gets stuck, the trace is the shortest that was found until then.
pub(crate) fn explain(trace: Trace, verdict: &Verdict, settings: &Settings) -> Trace {
    if matches!(Target::new(verdict, settings).what, What::Nothing) {
        return trace;
    }
    let alive = Arc::new(Alive { steps: AtomicU64::new(0), best: Mutex::new(trace.events.clone()) });
    let (done, result) = channel::bounded(1);
    let worker = {
        let (trace, verdict, settings, alive) =
            (trace.clone(), verdict.clone(), settings.clone(), Arc::clone(&alive));
        move || {
            let target = Target { alive: Some(&alive), ..Target::new(&verdict, &settings) };
            // Nobody listens any more when it took too long.
            let shorten = settings.minimize && !settings.watch.keep_traces;
            let _ = done.send(explain_now(trace, &target, shorten));
        }
    };
    std::thread::spawn(worker);
    let mut before = 0;
    loop {
        match result.recv_timeout(settings.handler_time) {
            Ok(explained) => return explained,
            Err(_) => {
                let steps = alive.steps.load(Ordering::Relaxed);
                if steps == before {
                    let events = alive.best.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    return Trace { events, ..trace };
                }
                before = steps;
            }
        }
    }
}

/// How a minimization that runs elsewhere is getting on.
#[derive(Debug)]
struct Alive {
    /// The handler calls so far.
    steps: AtomicU64,
    best: Mutex<Vec<Event>>,
}

fn explain_now(trace: Trace, target: &Target<'_>, shorten: bool) -> Trace {
    let mut events = trace.events;
    loop {
        if shorten {
            events = minimize(&trace.start, events, target);
        }
        let ordered = reading_order(&trace.start, &events, target);
        match ordered {
            // The other order shows the target earlier: there is something to leave out after all.
            Some(shorter) if shorten && shorter.len() < events.len() => events = shorter,
            Some(ordered) if ordered.len() == events.len() => {
                return Trace { events: ordered, ..trace };
            }
            _ => return Trace { events, ..trace },
        }
    }
}

/// Leaves events out as long as the target still shows, first many at a time, then one by one, until none can be left
/// out: not even together with those that are no longer possible without it.
///
/// Returns `events` as they are if they do not show the target.
///
/// Source: Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input* (ddmin); DSLabs `TraceMinimizer`.
pub fn minimize(start: &State, events: Vec<Event>, target: &Target<'_>) -> Vec<Event> {
    let Some(mut way) = target.way(start, events.iter()) else { return events };
    let mut size = way.events.len() / 2;
    loop {
        size = size.max(1);
        let mut shorter = false;
        // From the end: what happened late is less often needed. And what happened before is not tried again.
        let mut end = way.events.len();
        while end > 0 {
            let begin = end.saturating_sub(size);
            let (before, rest) = (&way.events[..begin], &way.events[end..]);
            match target.go_on(before, way.places[begin].clone(), rest.iter()) {
                Some(fewer) if fewer.events.len() < way.events.len() => {
                    shorter = true;
                    way.places.truncate(begin);
                    way.places.extend(fewer.places);
                    way.events = fewer.events;
                    if let Some(alive) = target.alive {
                        alive.best.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&way.events);
                    }
                }
                _ => {}
            }
            end = begin;
        }
        if size == 1 && !shorter {
            return way.events;
        }
        size /= 2;
    }
}

/// A trace with more events than this is not read from top to bottom.
const READABLE_MAX: usize = 2_000;

/// Orders events so that each stands close after what caused it, without changing what any node sees: the order of the
/// events of one node stays, and a message is sent before it is received. The last event stays the last.
///
/// Returns the events up to the target, or `None` if it does not show in this order.
///
/// Source: DSLabs `SearchState.humanReadableTrace`.
fn reading_order(start: &State, events: &[Event], target: &Target<'_>) -> Option<Vec<Event>> {
    if events.len() > READABLE_MAX {
        return None;
    }
    let causes = causes(start, events, target.settings)?;
    let mut left: Vec<usize> = (0..events.len()).collect();
    let mut is_left = vec![true; events.len()];
    let mut order: Vec<usize> = Vec::with_capacity(events.len());
    while !left.is_empty() {
        let possible: Vec<usize> = left
            .iter()
            .copied()
            .filter(|i| causes[*i].iter().all(|cause| !is_left[*cause]))
            .filter(|i| left.len() == 1 || *i + 1 != events.len())
            .collect();
        let follows = |i: &&usize| order.last().is_some_and(|last| causes[**i].contains(last));
        let next = *possible.iter().find(follows).or(possible.first())?;
        left.retain(|i| *i != next);
        is_left[next] = false;
        order.push(next);
    }
    let ordered: Vec<Event> = order.into_iter().map(|i| events[i].clone()).collect();
    let happened = target.reach(start, ordered.iter())?;
    debug_assert!(
        happened.len() < events.len() || ends_the_same(start, events, &ordered, target.settings),
        "the reading order of a trace ends in the same state"
    );
    Some(happened)
}

/// For each event those it could not have happened without, in this trace: the one before at its node, and the first
/// that sent its message.
fn causes(start: &State, events: &[Event], settings: &Settings) -> Option<Vec<Vec<usize>>> {
    let mut state = start.clone();
    let mut sent: Vec<(Address, Address, Payload, usize)> = Vec::new();
    let mut causes = Vec::with_capacity(events.len());
    for (i, event) in events.iter().enumerate() {
        let node = event.node();
        let mut own: Vec<usize> = Vec::new();
        own.extend((0..i).rev().find(|j| events[*j].node() == node));
        if let Event::Deliver(e) = event {
            let by = sent
                .iter()
                .find(|(from, to, message, _)| *from == e.from && *to == e.to && *message == e.message);
            own.extend(by.map(|(.., by)| *by));
        }
        causes.push(own);
        match state.step_watched(event, &settings.delivery, &settings.watch) {
            Ok(next) => {
                let place = start.addresses().iter().position(|a| *a == node)?;
                for (to, message) in next.sent[place].difference(&state.sent[place]) {
                    sent.push((node, *to, message.clone(), i));
                }
                state = next;
            }
            Err(_) if i + 1 == events.len() => {}
            Err(_) => return None,
        }
    }
    Some(causes)
}

fn ends_the_same(start: &State, a: &[Event], b: &[Event], settings: &Settings) -> bool {
    let Settings { delivery, watch, .. } = settings;
    let end = |events: &[Event]| {
        events.iter().try_fold(start.clone(), |state, event| state.step_watched(event, delivery, watch)).ok()
    };
    match (end(a), end(b)) {
        (Some(a), Some(b)) => a.is_same_state(&b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a trace shows the target, and no shorter one made by leaving out one of its events does.
pub fn is_one_minimal(trace: &Trace, target: &Target<'_>) -> bool {
    target.is_reached_by(&trace.start, &trace.events)
        && (0..trace.events.len()).all(|i| {
            let rest = trace.events[..i].iter().chain(&trace.events[i + 1..]);
            target.reach(&trace.start, rest).is_none()
        })
}
