//! A running system and everything that is recorded of it. The two modes drive it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use framework::guard;
use framework::{
    Address, AnyNode, Durable, Envelope, Event, HandlerFault, Local, Outcome, Payload, PendingTimer, Source,
    Step, StepPredicate, System, View,
};

use crate::chance::{Chance, Purpose, nanos};
use crate::deadlines::NEVER;
use crate::failure::{Failure, FailureKind, RunError};
use crate::interactive;
use crate::job::{Done, Job};
use crate::network::{Link, Network};
use crate::node::{Cell, Fate};
use crate::operations::Operations;
use crate::running::Running;
use crate::schedule::{Action, Schedule};
use crate::settings::{Check, Settings};
use crate::trace::{EventLog, Note, TimedEvent, Trace};
use crate::traffic::{Slot, Traffic};
use crate::watch::{Versions, Watch};

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// When it arrives, in nanoseconds since the start.
    pub(crate) at: u64,
    /// The number of its receiver.
    pub(crate) to: usize,
    pub(crate) envelope: Envelope,
    slot: Slot,
}

/// A running system.
#[derive(Debug)]
pub(crate) struct World {
    seed: u64,
    chance: Chance,
    pub(crate) network: Network,
    pub(crate) nodes: Vec<Cell>,
    /// Nanoseconds since the start.
    pub(crate) now: u64,
    schedule: Schedule,
    /// How many actions of the schedule were taken.
    taken: usize,
    /// How many messages each link has had.
    sent_on: BTreeMap<(usize, Address), u64>,
    pub(crate) traffic: Traffic,
    pub(crate) operations: Operations,
    system: System,
    log: EventLog,
    left_out: u64,
    notes: Vec<Note>,
    pub(crate) events_handled: u64,
    events_max: u64,
    trace_events_max: usize,
    invariants: Vec<Watch>,
    step_invariants: Vec<StepPredicate>,
    check: Check,
    next_check: u64,
    shape_version: u64,
    version: u64,
    /// Why the run is over.
    pub(crate) failure: Option<Failure>,
    pub(crate) running: Running,
}

impl World {
    /// A system whose nodes have not started.
    pub(crate) fn new(system: &System, settings: &Settings) -> Self {
        let cell = |(address, node): (Address, &dyn AnyNode)| {
            let local = if system.is_down(address) {
                Local::new_down(node.boxed())
            } else {
                Local::new(node.boxed())
            };
            Cell::new(address, local, 0, Fate::Normal)
        };
        Self {
            seed: settings.seed,
            chance: Chance::new(settings.seed),
            network: settings.network.clone(),
            nodes: system.nodes().map(cell).collect(),
            now: 0,
            schedule: settings.schedule.clone(),
            taken: 0,
            sent_on: BTreeMap::new(),
            traffic: Traffic::default(),
            operations: Operations::default(),
            system: system.clone(),
            log: EventLog::default(),
            left_out: 0,
            notes: Vec::new(),
            events_handled: 0,
            events_max: settings.events_max,
            trace_events_max: settings.trace_events_max,
            invariants: settings.invariants.iter().cloned().map(Watch::new).collect(),
            step_invariants: settings.step_invariants.clone(),
            check: settings.check,
            next_check: 0,
            shape_version: 0,
            version: 0,
            failure: None,
            running: Running::observed(settings.observer.clone()),
        }
    }

    /// The time since the start.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// What happened so far.
    pub(crate) fn trace(&self) -> Trace {
        Trace {
            seed: self.seed,
            system: self.system.clone(),
            notes: self.notes.clone(),
            left_out: self.left_out,
            events: self.log.clone(),
        }
    }

    /// A failure now.
    pub(crate) fn failure(&self, kind: FailureKind) -> Failure {
        Failure::new(kind, self.time(), self.trace())
    }

    /// Ends the run, unless it has ended.
    pub(crate) fn fail(&mut self, kind: FailureKind) {
        if self.failure.is_none() {
            tracing::debug!(at = ?self.time(), "{kind}");
            self.failure = Some(self.failure(kind));
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        let (at, after_events) = (self.time(), self.events_handled);
        self.notes.push(Note { at, after_events, text });
    }

    /// The number of a node, also of one that was removed.
    pub(crate) fn find_any(&self, address: Address) -> Option<usize> {
        self.nodes.iter().position(|node| node.address == address)
    }

    /// The number of a node that was not removed.
    pub(crate) fn find(&self, address: Address) -> Result<usize, RunError> {
        match self.find_any(address) {
            Some(i) if self.nodes[i].fate == Fate::Removed => Err(RunError::Removed(address)),
            Some(i) => Ok(i),
            None => {
                let nodes = self.nodes.iter().map(|node| node.address).collect();
                Err(RunError::NoSuchNode { node: address, nodes })
            }
        }
    }

    /// As [`find`](Self::find), of a node that is up.
    pub(crate) fn find_up(&self, address: Address) -> Result<usize, RunError> {
        let i = self.find(address)?;
        if self.nodes[i].local().up { Ok(i) } else { Err(RunError::IsDown(address)) }
    }

    // --- Events ---

    /// Starts the nodes that are up, in order.
    pub(crate) fn init(&mut self) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        for i in 0..self.nodes.len() {
            if self.nodes[i].local().up && self.failure.is_none() {
                parcels.extend(self.happen(i, None));
            }
        }
        if self.failure.is_none() {
            self.check_invariants();
        }
        parcels
    }

    /// Lets something happen at a node, here and now.
    pub(crate) fn happen(&mut self, node: usize, event: Option<Event>) -> Vec<Parcel> {
        let job = self.begin(node, event);
        let done = job.run(&self.running);
        self.finish(done)
    }

    /// Hands out a node's local for a handler.
    fn begin(&mut self, node: usize, event: Option<Event>) -> Job {
        let wants_before = !self.step_invariants.is_empty() && event.is_some();
        let cell = &mut self.nodes[node];
        let local = cell.local.take().expect("a node handles one event at a time");
        let before = wants_before.then(|| local.clone());
        Job { node, address: cell.address, event, local, before, crash_in_handler: cell.crash_in_handler }
    }

    /// A message arrives; `None` if it is lost.
    pub(crate) fn receive(&mut self, parcel: Parcel) -> Option<Job> {
        let Parcel { to, envelope, slot, .. } = parcel;
        let arrives = self.nodes[to].local().up && self.network.may_deliver(envelope.from, envelope.to);
        let count = self.traffic.at(slot);
        if !arrives {
            count.lost += 1;
            tracing::trace!(at = ?self.time(), ?envelope, "drop");
            return None;
        }
        count.delivered += 1;
        tracing::trace!(at = ?self.time(), ?envelope, "deliver");
        Some(self.begin(to, Some(Event::Deliver(envelope))))
    }

    /// When the next timer of a node fires, in the time of the run.
    pub(crate) fn next_timer(&self, node: usize) -> Option<u64> {
        let cell = &self.nodes[node];
        let (reading, _) = cell.deadlines.next()?;
        if !self.network.may_fire(cell.address) {
            return None;
        }
        Some(cell.clock.time_of(reading).max(self.now)).filter(|at| *at != NEVER)
    }

    /// The next timer of a node fires, if it is time.
    pub(crate) fn fire(&mut self, node: usize) -> Option<Job> {
        if self.next_timer(node)? > self.now {
            return None;
        }
        let cell = &mut self.nodes[node];
        let (_, place) = cell.deadlines.next()?;
        let local = cell.local.as_ref().expect("no handler of this node is running");
        let timer = cell.deadlines.fire(&local.timers, place);
        tracing::trace!(at = ?Duration::from_nanos(self.now), node = %cell.address, ?timer, "timer_fired");
        let event = Event::Fire { node: cell.address, timer };
        Some(self.begin(node, Some(event)))
    }

    /// A timer fires that waits for the test.
    pub(crate) fn release(&mut self, node: usize, timer: &PendingTimer) -> Vec<Parcel> {
        let cell = &mut self.nodes[node];
        let queue = &cell.local.as_ref().expect("no handler of this node is running").timers;
        let Some(place) = queue.as_slice().iter().position(|other| other == timer) else { return Vec::new() };
        let timer = cell.deadlines.fire(queue, place);
        let event = Event::Fire { node: cell.address, timer };
        self.happen(node, Some(event))
    }

    /// Takes a node's local back, with what its handler did.
    pub(crate) fn finish(&mut self, done: Done) -> Vec<Parcel> {
        let Done { node, event, local, before, result } = done;
        if self.nodes[node].fate == Fate::Hung {
            return Vec::new();
        }
        self.version += 1;
        self.nodes[node].version = self.version;
        self.nodes[node].local = Some(local);
        self.set_deadlines(node);
        if let Some(event) = &event {
            self.events_handled += 1;
            self.keep(event.clone());
        }
        let sent = match result {
            Ok(sent) => sent,
            Err(kind) => {
                self.fail(kind);
                return Vec::new();
            }
        };
        // Counting and recording print messages and commands, and what prints them is a student's.
        let recorded = guard::catch(|| {
            let (parcels, first_sent) = self.send(node, sent);
            self.observe(node, event.as_ref());
            (parcels, first_sent)
        });
        let (parcels, first_sent) = match recorded {
            Ok(recorded) => recorded,
            Err(panic) => {
                self.fail(FailureKind::HandlerPanicked(HandlerFault {
                    node: self.nodes[node].address,
                    node_type: self.nodes[node].local().node.type_name().to_owned(),
                    handler: "`Debug` of what was sent or asked".to_owned(),
                    problem: panic.text,
                }));
                return Vec::new();
            }
        };
        if let Some(event) = &event {
            if let Some(before) = before {
                self.check_step(node, &before, event, &first_sent);
            }
            self.check_if_due();
            if self.events_handled > self.events_max {
                self.fail_with_too_many_events();
            }
        }
        parcels
    }

    /// Gives the timers that a handler set deadlines.
    fn set_deadlines(&mut self, node: usize) {
        let (chance, now) = (self.chance, self.now);
        let cell = &mut self.nodes[node];
        let Some(local) = cell.local.as_ref().filter(|local| local.up) else {
            cell.deadlines.clear();
            cell.crash_in_handler = None;
            return;
        };
        let (id, reading) = (cell.id, cell.clock.reading(now));
        cell.deadlines.set(&local.timers, |timer, number| {
            if interactive::is_held(timer) {
                return NEVER;
            }
            let (least, most) = (nanos(timer.length.at_least()), nanos(timer.length.at_most()));
            let length = chance.draw(Purpose::TimerLength, [id, number, 0]).between(least, most);
            reading.saturating_add(length)
        });
    }

    fn keep(&mut self, event: Event) {
        if self.log.len() < self.trace_events_max {
            self.log.push(TimedEvent { at: self.time(), event });
            return;
        }
        if self.left_out == 0 {
            let max = self.trace_events_max;
            self.note(format!("the trace ends here: it keeps {max} events"));
        }
        self.left_out += 1;
    }

    /// Hands messages to the network: those that will arrive, and those that were never sent before.
    fn send(&mut self, node: usize, sent: Vec<(Address, Payload)>) -> (Vec<Parcel>, Vec<(Address, Payload)>) {
        let (from, from_id) = (self.nodes[node].address, self.nodes[node].id);
        let (mut parcels, mut first_sent) = (Vec::with_capacity(sent.len()), Vec::new());
        for (to, message) in sent {
            if self.nodes[node].sent.insert((to, message.clone())) {
                first_sent.push((to, message.clone()));
            }
            let envelope = Envelope { from, to, message };
            let slot = self.traffic.sent(&envelope);
            let Some(receiver) = self.find_any(to) else {
                self.traffic.at(slot).lost += 1;
                continue;
            };
            let number = self.sent_on.entry((node, to)).or_default();
            *number += 1;
            let id = from_id.rotate_left(1) ^ self.nodes[receiver].id;
            let copies = self.network.fate(self.chance, Link { from, to, id }, *number);
            let count = self.traffic.at(slot);
            count.lost += u64::from(copies.first.is_none());
            count.duplicated += u64::from(copies.second.is_some());
            for time in copies.first.into_iter().chain(copies.second) {
                let at = self.now.saturating_add(time);
                parcels.push(Parcel { at, to: receiver, envelope: envelope.clone(), slot });
            }
        }
        (parcels, first_sent)
    }

    /// Records what a client asked and got.
    fn observe(&mut self, node: usize, event: Option<&Event>) {
        let now = self.time();
        let cell = &mut self.nodes[node];
        if matches!(event, Some(Event::Crash { .. })) {
            self.operations.crash(&mut cell.seen, now);
        } else if let Some(worker) = cell.local.as_ref().and_then(|local| local.node.as_worker()) {
            self.operations.observe(cell.address, worker, &mut cell.seen, now);
        }
    }

    fn fail_with_too_many_events(&mut self) {
        let busiest = self.traffic.busiest().map_or_else(
            || "no messages were sent, so it is timers that set each other".to_owned(),
            |(from, to, kind, count)| format!("{} `{kind}` from {from} to {to}", count.sent),
        );
        self.fail(FailureKind::TooManyEvents { events_max: self.events_max, busiest });
    }

    // --- Nodes and actions ---

    /// Adds a node that is down.
    pub(crate) fn add(
        &mut self,
        address: Address,
        node: Box<dyn AnyNode>,
        fate: Fate,
    ) -> Result<usize, RunError> {
        self.system.add_down(address, node.boxed()).map_err(RunError::System)?;
        self.nodes.push(Cell::new(address, Local::new_down(node), self.now, fate));
        self.version += 1;
        self.shape_version = self.version;
        Ok(self.nodes.len() - 1)
    }

    /// When the next action of the schedule is due.
    pub(crate) fn next_action(&self) -> Option<u64> {
        self.schedule.entries().get(self.taken).map(|(at, _)| nanos(*at))
    }

    /// Takes the next action of the schedule.
    pub(crate) fn take_action(&mut self) -> Vec<Parcel> {
        let Some((_, action)) = self.schedule.entries().get(self.taken).cloned() else { return Vec::new() };
        self.taken += 1;
        match self.act(&action) {
            Ok(parcels) => parcels,
            Err(error) => {
                self.fail(FailureKind::BadSchedule(error));
                Vec::new()
            }
        }
    }

    /// Does something to the network or to a node. Crashes of nodes that are down and restarts of nodes that are up do
    /// nothing.
    pub(crate) fn act(&mut self, action: &Action) -> Result<Vec<Parcel>, RunError> {
        for address in action.addresses() {
            self.find(address)?;
        }
        tracing::debug!(at = ?self.time(), %action, "action");
        let mut parcels = Vec::new();
        match action {
            Action::Crash(address) => {
                let i = self.find(*address)?;
                if !self.nodes[i].local().up {
                    return Ok(parcels);
                }
                self.note(action.to_string());
                parcels = self.happen(i, Some(Event::Crash { node: *address, during: None }));
            }
            Action::Restart(address) => {
                let i = self.find(*address)?;
                if self.nodes[i].local().up {
                    return Ok(parcels);
                }
                if self.nodes[i].fate == Fate::Interactive && self.nodes[i].version > 0 {
                    return Err(RunError::Interactive(*address));
                }
                self.note(action.to_string());
                parcels = self.happen(i, Some(Event::Restart { node: *address }));
            }
            Action::CrashInHandler { node, persist } => {
                let i = self.find(*node)?;
                self.note(action.to_string());
                self.nodes[i].crash_in_handler = Some(*persist);
            }
            Action::ClockRate { node, rate } => {
                let i = self.find(*node)?;
                self.note(action.to_string());
                let now = self.now;
                self.nodes[i].clock.set_rate(now, *rate);
            }
            other => {
                self.note(other.to_string());
                other.change(&mut self.network);
            }
        }
        Ok(parcels)
    }

    /// Takes a node away for good.
    pub(crate) fn remove(&mut self, address: Address) -> Result<(), RunError> {
        let i = self.find(address)?;
        self.note(format!("{address} is removed"));
        if self.nodes[i].local().up {
            self.happen(i, Some(Event::Crash { node: address, during: None }));
        }
        self.nodes[i].fate = Fate::Removed;
        Ok(())
    }

    /// The name of the type of a node.
    pub(crate) fn type_name(&self, address: Address) -> String {
        let node = self.system.nodes().find(|(other, _)| *other == address);
        node.map_or_else(String::new, |(_, node)| node.type_name().to_owned())
    }

    /// Gives up a node whose handler does not return.
    pub(crate) fn give_up(&mut self, address: Address) {
        let Some(i) = self.find_any(address) else { return };
        let made = self.system.nodes().find(|(other, _)| *other == address).map(|(_, node)| node.boxed());
        self.nodes[i].fate = Fate::Hung;
        if self.nodes[i].local.is_none()
            && let Some(made) = made
        {
            self.nodes[i].local = Some(Local::new_down(made));
        }
    }

    // --- Predicates ---

    /// Checks invariants if it is time. Where handlers run side by side, that is when none does.
    pub(crate) fn check_if_due(&mut self) {
        if !self.is_whole() {
            return;
        }
        let is_due = match self.check {
            Check::EveryEvent => true,
            Check::EveryEvents(count) => self.events_handled.is_multiple_of(count.max(1)),
            Check::Every(time) => {
                let is_due = self.now >= self.next_check;
                if is_due {
                    self.next_check = self.now.saturating_add(nanos(time));
                }
                is_due
            }
            Check::AtWaits => false,
        };
        if is_due {
            self.check_invariants();
        }
    }

    /// Whether no handler is running.
    fn is_whole(&self) -> bool {
        self.nodes.iter().all(|node| node.local.is_some())
    }

    /// Whether something has to be checked after every single event.
    pub(crate) fn checks_every_event(&self) -> bool {
        let per_event = matches!(self.check, Check::EveryEvent | Check::EveryEvents(_));
        !self.step_invariants.is_empty() || per_event && !self.invariants.is_empty()
    }

    /// Checks all invariants of states.
    pub(crate) fn check_invariants(&mut self) {
        let mut invariants = std::mem::take(&mut self.invariants);
        for watch in &mut invariants {
            let invariant = watch.predicate().name().to_owned();
            let outcome = match watch.holds(self) {
                Ok(true) => continue,
                Ok(false) => watch.explain(self),
                Err(panic) => Err(panic),
            };
            self.fail(match outcome {
                Ok(outcome) => FailureKind::Violated { invariant, outcome, of_step: false },
                Err(panic) => FailureKind::PredicatePanicked { predicate: invariant, panic: panic.text },
            });
            break;
        }
        self.invariants = invariants;
    }

    /// Checks all invariants of steps.
    fn check_step(&mut self, node: usize, local: &Local, event: &Event, first_sent: &[(Address, Payload)]) {
        let encode = |local: &Local| guard::catch(|| local.encode()).ok().and_then(Result::ok);
        if first_sent.is_empty() && encode(local) == encode(self.nodes[node].local()) {
            return;
        }
        let before = Before { world: self, node, local, first_sent };
        let mut failure = None;
        for invariant in &self.step_invariants {
            let (before, after) = (View::new(&before), View::new(self));
            let step = Step { before: &before, event, after: &after };
            let name = || invariant.name().to_owned();
            match guard::catch(|| invariant.explained(&step)) {
                Ok(outcome) if outcome.is_ok() => continue,
                Ok(outcome) => {
                    failure = Some(FailureKind::Violated { invariant: name(), outcome, of_step: true });
                }
                Err(panic) => {
                    failure = Some(FailureKind::PredicatePanicked { predicate: name(), panic: panic.text });
                }
            }
            break;
        }
        if let Some(kind) = failure {
            self.fail(kind);
        }
    }

    /// What a predicate says now.
    pub(crate) fn ask(&self, predicate: &framework::Predicate) -> Result<Outcome, FailureKind> {
        guard::catch(|| predicate.explained(&View::new(self))).map_err(|panic| {
            FailureKind::PredicatePanicked { predicate: predicate.name().to_owned(), panic: panic.text }
        })
    }
}

impl Source for World {
    fn len(&self) -> usize {
        self.nodes.len()
    }
    fn address(&self, i: usize) -> Address {
        self.nodes[i].address
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.nodes[i].local().node.as_ref()
    }
    fn timers(&self, i: usize) -> &[PendingTimer] {
        self.nodes[i].local().timers.as_slice()
    }
    fn durable(&self, i: usize) -> Option<&Durable> {
        self.nodes[i].local().durable.as_ref()
    }
    fn is_up(&self, i: usize) -> bool {
        self.nodes[i].local().up
    }
    fn messages(&self, visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {
        for cell in &self.nodes {
            for (to, message) in &cell.sent {
                let envelope = Envelope { from: cell.address, to: *to, message: message.clone() };
                if visit(&envelope).is_break() {
                    return;
                }
            }
        }
    }
}

impl Versions for World {
    fn node_version(&self, i: usize) -> u64 {
        self.nodes[i].version
    }
    fn shape_version(&self) -> u64 {
        self.shape_version
    }
    fn version(&self) -> u64 {
        self.version
    }
}

/// A running system as it was one step ago.
struct Before<'a> {
    world: &'a World,
    node: usize,
    local: &'a Local,
    first_sent: &'a [(Address, Payload)],
}

impl Before<'_> {
    fn local(&self, i: usize) -> &Local {
        if i == self.node { self.local } else { self.world.nodes[i].local() }
    }
}

impl Source for Before<'_> {
    fn len(&self) -> usize {
        self.world.nodes.len()
    }
    fn address(&self, i: usize) -> Address {
        self.world.nodes[i].address
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.local(i).node.as_ref()
    }
    fn timers(&self, i: usize) -> &[PendingTimer] {
        self.local(i).timers.as_slice()
    }
    fn durable(&self, i: usize) -> Option<&Durable> {
        self.local(i).durable.as_ref()
    }
    fn is_up(&self, i: usize) -> bool {
        self.local(i).up
    }
    fn messages(&self, visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {
        let node = self.world.nodes[self.node].address;
        self.world.messages(&mut |envelope| {
            let is_new = envelope.from == node
                && self
                    .first_sent
                    .iter()
                    .any(|(to, message)| *to == envelope.to && *message == envelope.message);
            if is_new { ControlFlow::Continue(()) } else { visit(envelope) }
        });
    }
}
