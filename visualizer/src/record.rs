//! Turns what a search found into a trace file: replays the trace and writes down what every step did.

use std::collections::BTreeMap;

use framework::linearizability::Monitor;
use framework::{
    Address, Envelope, Event, Local, Outcome, Payload, PendingTimer, Predicate, StepPredicate, Stimulus,
    View, guard,
};
use search::{Activity, Delivery, Follower, HandlerFault, Results, Settings, State, Trace, Verdict, Watch};

use crate::handler_log;
use crate::pool::ValueId;
use crate::trace_file::{
    BlamedField, Finding, Happening, Interrupted, Message, MessageId, Network, NodeInfo, NodeState, Origin,
    PredicateInfo, PredicateKind, Search, Step, Timer, TraceFile, Truth,
};

/// The trace of a search that found something, with every value in it; `None` if the search found no trace.
///
/// `strategy` is the word for how it was found, such as `bfs`.
pub fn record(results: &Results, settings: &Settings, origin: Origin, strategy: &str) -> Option<TraceFile> {
    record_with_goals(results, settings, &[], origin, strategy)
}

/// As [`record`], and says of every step whether `goals` hold too, which the search was not asked to find.
pub fn record_with_goals(
    results: &Results,
    settings: &Settings,
    goals: &[Predicate],
    origin: Origin,
    strategy: &str,
) -> Option<TraceFile> {
    let trace = results.trace.as_ref()?;
    let asked = Asked::of(settings, goals);
    let mut recorder = Recorder::new(&asked);
    recorder.file.origin = origin;
    recorder.file.network = network(&settings.delivery, trace.start.addresses());
    recorder.file.search = Search {
        strategy: strategy.to_owned(),
        states: results.stats.states,
        depth: results.stats.depth,
        invariants: settings.invariants.iter().map(|invariant| invariant.name().to_owned()).collect(),
        prunes: settings.prunes.iter().map(|prune| prune.name().to_owned()).collect(),
        found_len: trace.found_len,
    };
    recorder.file.verdict = finding(&results.verdict);
    recorder.start(&trace.start);
    recorder.steps(trace, &results.verdict, &settings.delivery);
    Some(recorder.finish())
}

/// The predicates whose truth is written down for every step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) invariants: Vec<Predicate>,
    pub(crate) step_invariants: Vec<StepPredicate>,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) goals: Vec<Predicate>,
    pub(crate) prunes: Vec<Predicate>,
}

impl Asked {
    /// Those of a search, and more goals.
    pub(crate) fn of(settings: &Settings, goals: &[Predicate]) -> Self {
        let known = |goal: &&Predicate| settings.goals.iter().any(|known| known.name() == goal.name());
        let more = goals.iter().filter(|goal| !known(goal));
        Self {
            invariants: settings.invariants.clone(),
            step_invariants: settings.step_invariants.clone(),
            monitors: settings.monitors.clone(),
            goals: settings.goals.iter().chain(more).cloned().collect(),
            prunes: settings.prunes.clone(),
        }
    }

    /// Their names, in the order in which [`truth`](Recorder::truth) asks them. A monitor is an invariant of the whole
    /// way.
    fn infos(&self) -> Vec<PredicateInfo> {
        let mut infos = Vec::new();
        let mut add = |kind, name: &str| infos.push(PredicateInfo { kind, name: name.to_owned() });
        self.invariants.iter().for_each(|p| add(PredicateKind::Invariant, p.name()));
        self.step_invariants.iter().for_each(|p| add(PredicateKind::StepInvariant, p.name()));
        self.monitors.iter().for_each(|p| add(PredicateKind::Invariant, p.name()));
        self.goals.iter().for_each(|p| add(PredicateKind::Goal, p.name()));
        self.prunes.iter().for_each(|p| add(PredicateKind::Prune, p.name()));
        infos
    }
}

/// Builds a file, step by step; remembers the numbers of messages, and what monitors know.
pub(crate) struct Recorder<'a> {
    pub(crate) file: TraceFile,
    asked: &'a Asked,
    messages: BTreeMap<Envelope, MessageId>,
    /// One for each monitor, from the start on; an error says why it cannot judge.
    followers: Vec<Result<Follower<'a>, String>>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(asked: &'a Asked) -> Self {
        let file = TraceFile { predicates: asked.infos(), ..TraceFile::default() };
        Self { file, asked, messages: BTreeMap::new(), followers: Vec::new() }
    }

    pub(crate) fn finish(self) -> TraceFile {
        self.file
    }

    /// Writes down the state in which the trace starts, with the events that led there.
    pub(crate) fn start(&mut self, start: &State) {
        for (i, address) in start.addresses().iter().enumerate() {
            let local = start.local(i);
            let type_name = local.node.type_name().to_owned();
            self.file.nodes.push(NodeInfo { address: address.to_string(), type_name });
            let state = self.node_state(local);
            self.file.start.nodes.push(state);
        }
        for event in start.history() {
            let event = self.happening(&event);
            self.file.history.push(event);
        }
        for envelope in start.network() {
            let id = self.message(envelope);
            self.file.start.network.push(id);
        }
        self.followers = self.asked.monitors.iter().map(|monitor| Follower::at(monitor, start)).collect();
        self.file.start.truth = self.truth(None, start);
    }

    /// Writes down what a search found, with the event at which a handler failed.
    pub(crate) fn steps(&mut self, trace: &Trace, verdict: &Verdict, delivery: &Delivery) {
        // The event that a handler failed on is not tried again: it might not return.
        let (fine, failing) = match (fault(verdict), trace.events.split_last()) {
            (Some((what, fault)), Some((last, before)))
                if last.node() == fault.node && last.handler() == fault.handler =>
            {
                (before, Some((last, format!("the handler {what}: {}", fault.problem))))
            }
            _ => (&trace.events[..], None),
        };
        let (states, stuck) = replay(&trace.start, fine, delivery);
        for (pair, event) in states.windows(2).zip(fine) {
            self.step(&pair[0], event, &pair[1]);
        }
        for (event, problem) in stuck.into_iter().chain(failing) {
            self.fail(event, problem);
        }
    }

    /// Writes down an event, and what came of it.
    pub(crate) fn step(&mut self, before: &State, event: &Event, after: &State) {
        let node = event.node();
        let Some(i) = before.addresses().iter().position(|address| *address == node) else { return };
        let (sent, log) = handler_log::collect(|| sent_by(before.local(i), event));
        let sent = sent.unwrap_or_else(|| new_messages(before, after, node));
        let sent = sent
            .into_iter()
            .map(|(to, message)| self.message(Envelope { from: node, to, message }))
            .collect();
        let happening = self.happening(event);
        let state = Some(self.node_state(after.local(i)));
        for follower in &mut self.followers {
            let seen = follower.as_mut().map(|follower| follower.see_states(before, event, after));
            if let Ok(Err(problem)) = seen {
                *follower = Err(problem);
            }
        }
        let truth = self.truth(Some((before, event)), after);
        self.file.steps.push(Step { after: state, sent, log, truth, ..Step::of(happening) });
    }

    /// Writes down an event whose handler failed.
    pub(crate) fn fail(&mut self, event: &Event, problem: String) {
        let event = self.happening(event);
        self.file.steps.push(Step { fault: Some(problem), ..Step::of(event) });
    }

    /// What every predicate says of a state, and of the step that leads there.
    fn truth(&self, step: Option<(&State, &Event)>, after: &State) -> Vec<Truth> {
        let states = |predicates: &[Predicate]| -> Vec<Truth> {
            let ask = |p: &Predicate| asked(p.name(), || Some(p.explained(&after.view())));
            predicates.iter().map(ask).collect()
        };
        let mut truth = states(&self.asked.invariants);
        truth.extend(self.asked.step_invariants.iter().map(|predicate| {
            asked(predicate.name(), || {
                let (before, event) = step?;
                // Steps that change nothing are not checked.
                if before.is_same_state(after) {
                    return None;
                }
                let (before, after) = (before.view(), after.view());
                Some(predicate.explained(&framework::Step { before: &before, event, after: &after }))
            })
        }));
        truth.extend(self.followers.iter().map(|follower| match follower {
            Ok(follower) => said(follower.outcome()),
            Err(problem) => Truth { reason: problem.clone(), ..Truth::default() },
        }));
        truth.extend(states(&self.asked.goals));
        truth.extend(states(&self.asked.prunes));
        truth
    }

    fn node_state(&mut self, local: &Local) -> NodeState {
        let fields = self.file.pool.add(&local.node.value());
        let timers = local.timers.as_slice().iter().map(|timer| self.timer(timer)).collect();
        let durable = local.durable.as_ref().map(|durable| self.file.pool.add(&durable.value()));
        NodeState { fields, timers, durable, up: local.up }
    }

    pub(crate) fn happening(&mut self, event: &Event) -> Happening {
        match event {
            Event::Deliver(envelope) => Happening::Deliver { message: self.message(envelope.clone()) },
            Event::Fire { node, timer } => {
                Happening::Timer { node: node.to_string(), timer: self.timer(timer) }
            }
            Event::Crash { node, during } => Happening::Crash {
                node: node.to_string(),
                during: during.as_ref().map(|interrupted| Interrupted {
                    event: Box::new(self.happening(&interrupted.event)),
                    persist: u32::try_from(interrupted.persist).unwrap_or(u32::MAX),
                }),
            },
            Event::Restart { node } => Happening::Restart { node: node.to_string() },
        }
    }

    pub(crate) fn message(&mut self, envelope: Envelope) -> MessageId {
        if let Some(id) = self.messages.get(&envelope) {
            return *id;
        }
        let id = MessageId::try_from(self.messages.len()).expect("a trace has fewer than 2^32 messages");
        self.file.messages.push(Message {
            from: envelope.from.to_string(),
            to: envelope.to.to_string(),
            value: self.file.pool.add(&envelope.message.value()),
            kind: envelope.message.kind(),
        });
        self.messages.insert(envelope, id);
        id
    }

    fn timer(&mut self, pending: &PendingTimer) -> Timer {
        let value = self.file.pool.add(&pending.timer.value());
        timer(pending, value)
    }
}

/// A pending timer with the number of its value.
fn timer(pending: &PendingTimer, value: ValueId) -> Timer {
    // Longer than 584 years is as good as never.
    let nanos = |length: std::time::Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    Timer {
        value,
        kind: pending.timer.kind(),
        min_ns: nanos(pending.length.at_least()),
        max_ns: nanos(pending.length.at_most()),
    }
}

/// A state as a file without steps: what expressions over recorded values need.
pub(crate) fn snapshot(view: &View<'_>) -> TraceFile {
    let mut file = TraceFile::default();
    for address in view.addresses() {
        let Some(node) = view.any_node(address) else { continue };
        file.nodes.push(NodeInfo { address: address.to_string(), type_name: node.type_name().to_owned() });
        let fields = file.pool.add(&node.value());
        let timers = view.timers(address).iter().map(|pending| {
            let value = file.pool.add(&pending.timer.value());
            timer(pending, value)
        });
        let timers = timers.collect();
        let durable = view.durable(address).map(|durable| file.pool.add(&durable.value()));
        file.start.nodes.push(NodeState { fields, timers, durable, up: view.is_up(address) });
    }
    for envelope in view.envelopes() {
        let id = MessageId::try_from(file.messages.len()).expect("a state has fewer than 2^32 messages");
        file.messages.push(Message {
            from: envelope.from.to_string(),
            to: envelope.to.to_string(),
            value: file.pool.add(&envelope.message.value()),
            kind: envelope.message.kind(),
        });
        file.start.network.push(id);
    }
    file
}

/// The states of a trace as far as it replays, and the event it is stuck at with the reason. It replays to its end
/// unless handlers are not deterministic.
fn replay<'a>(
    start: &State,
    events: &'a [Event],
    delivery: &Delivery,
) -> (Vec<State>, Option<(&'a Event, String)>) {
    let mut states = vec![start.clone()];
    for (i, event) in events.iter().enumerate() {
        match states[i].step(event, delivery) {
            Ok(state) => states.push(state),
            Err(error) => return (states, Some((event, format!("cannot be replayed: {error}")))),
        }
    }
    (states, None)
}

/// What a handler sends, in order; `None` if it does something else than when the trace was replayed.
fn sent_by(before: &Local, event: &Event) -> Option<Vec<(Address, Payload)>> {
    let mut local = before.clone();
    let handle = |stimulus: Stimulus<'_>| local.handle(event.node(), stimulus);
    guard::catch(|| event.with_stimulus(handle)).ok()?.ok()
}

fn new_messages(before: &State, after: &State, from: Address) -> Vec<(Address, Payload)> {
    let old = before.network();
    let new = after.network().into_iter().filter(|e| e.from == from && old.binary_search(e).is_err());
    new.map(|envelope| (envelope.to, envelope.message)).collect()
}

/// What one predicate says; nothing if it has nothing to say, panics, or is known to end the process.
fn asked(name: &str, ask: impl FnOnce() -> Option<Outcome>) -> Truth {
    let watch = Watch::installed();
    if let Some(fatal) = watch.fate_of(Activity::Predicate, name) {
        return Truth { reason: fatal.problem.clone(), ..Truth::default() };
    }
    let _noting = watch.noting(Activity::Predicate, name);
    match guard::catch(ask) {
        Ok(Some(outcome)) => said(&outcome),
        Ok(None) => Truth::default(),
        Err(panic) => Truth { reason: format!("it panicked: {}", panic.text), ..Truth::default() },
    }
}

fn said(outcome: &Outcome) -> Truth {
    Truth { holds: Some(outcome.is_ok()), reason: outcome.reason().to_owned(), blame: blame(outcome) }
}

fn blame(outcome: &Outcome) -> Vec<BlamedField> {
    let blame = outcome.blame().iter();
    blame.map(|b| BlamedField { node: b.node.to_string(), field: b.field.clone() }).collect()
}

/// What is wrong with a handler, in a word or two and in full.
pub(crate) fn fault(verdict: &Verdict) -> Option<(&'static str, &HandlerFault)> {
    match verdict {
        Verdict::HandlerPanicked(fault) => Some(("panics", fault)),
        Verdict::HandlerHung(fault) => Some(("does not return", fault)),
        Verdict::HandlerDied(fault) => Some(("ends the process", fault)),
        Verdict::Nondeterministic(fault) => Some(("is not deterministic", fault)),
        _ => None,
    }
}

pub(crate) fn finding(verdict: &Verdict) -> Finding {
    let kind = verdict.word().to_owned();
    let (name, reason, blame) = match verdict {
        Verdict::GoalFound { goal } => (goal.clone(), String::new(), Vec::new()),
        Verdict::Violated { invariant, outcome } => {
            (invariant.clone(), outcome.reason().to_owned(), blame(outcome))
        }
        Verdict::Stuck { outcome } => {
            let name = "nothing that may happen changes anything any more".to_owned();
            (name, outcome.reason().to_owned(), blame(outcome))
        }
        Verdict::PredicatePanicked { predicate, panic: problem }
        | Verdict::PredicateDied { predicate, problem } => (predicate.clone(), problem.clone(), Vec::new()),
        other => match fault(other) {
            Some((_, fault)) => (
                format!("{} of {} ({})", fault.handler, fault.node, fault.node_type),
                fault.problem.clone(),
                Vec::new(),
            ),
            None => (other.to_string(), String::new(), Vec::new()),
        },
    };
    Finding { kind, name, reason, blame }
}

pub(crate) fn network(delivery: &Delivery, nodes: &[Address]) -> Network {
    let pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
    let links_off = pairs.filter(|(from, to)| !delivery.may_deliver(*from, *to));
    let timers_off = nodes.iter().filter(|node| !delivery.may_fire(**node));
    Network {
        links_off: links_off.map(|(from, to)| (from.to_string(), to.to_string())).collect(),
        timers_off: timers_off.map(Address::to_string).collect(),
    }
}
