//! A state of a system, whole and by itself: what a search starts from and what a trace is stepped through.
//!
//! This is the obvious form, one object a node. The engine has a form of its own for millions of them (`space`).

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam::channel::{self, RecvTimeoutError};

use framework::{
    Address, AnyNode, Durable, EncodeError, Envelope, Event, Interrupted, Local, Payload, PendingTimer,
    Source, Stimulus, System, View,
};

use crate::delivery::Delivery;
use crate::faults::Faults;
use crate::guard::{self, Panic};
use crate::handler::{CAUSES, try_debug};
use crate::results::HandlerFault;
use crate::watch::{self, Activity, FatalInput, HandlerName, Noted, Watch};

/// A state of a system: of every node its fields, its pending timers, what it persisted, and the messages it has sent
/// and that are still in the network; with the way that led there.
///
/// Two states are equal in a search when these have the same bytes. Depth, history and dropped messages are no part of
/// it.
///
/// Source: DSLabs `SearchState`.
#[derive(Clone)]
pub struct State {
    /// The nodes in the initial state; the same for all states of one system.
    initial: Arc<Vec<Arc<Local>>>,
    pub(crate) addresses: Arc<[Address]>,
    pub(crate) locals: Vec<Arc<Local>>,
    /// For each node the messages it has sent. Delivering takes nothing away.
    pub(crate) sent: Vec<Arc<Sent>>,
    dropped: Arc<BTreeSet<Envelope>>,
    history: Option<Arc<Link>>,
    depth: u32,
}

/// Messages with their receivers.
type Sent = BTreeSet<(Address, Payload)>;

/// After which time an `init` that has not returned is given up.
const INIT_TIME: Duration = Duration::from_secs(5);

/// One event of a state's past; states share their common past.
struct Link {
    event: Event,
    before: Option<Arc<Link>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        // Long histories would overflow the stack if every link dropped the one before.
        let mut before = self.before.take();
        while let Some(link) = before {
            before = Arc::into_inner(link).and_then(|mut link| link.before.take());
        }
    }
}

/// Why an event cannot happen, or what went wrong when it did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The system has no such node.
    #[error("there is no node `{0}` in this system")]
    NoSuchNode(Address),
    /// The message is not in the network.
    #[error("`{message}` from {from} to {to} is not in the network: it was not sent, or it was dropped")]
    NotSent {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
        /// The message.
        message: String,
    },
    /// The settings do not let the message through.
    #[error("the settings let no message from {from} to {to} through")]
    Blocked {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// The timer was not set.
    #[error("the timer `{timer}` is not pending at {node}")]
    NotPending {
        /// The node.
        node: Address,
        /// The timer.
        timer: String,
    },
    /// An earlier timer is certain to fire first.
    #[error(
        "the timer `{timer}` of {node} cannot fire yet: `{first}`, set earlier, is certain to fire before it"
    )]
    NotYet {
        /// The node.
        node: Address,
        /// The timer.
        timer: String,
        /// The one before it.
        first: String,
    },
    /// A node that is down handles nothing.
    #[error("{0} is down; it has to restart first")]
    Down(Address),
    /// A node that is up cannot restart.
    #[error("{0} is up, so it cannot restart")]
    Up(Address),
    /// A crash in a handler needs a call of `persist` after something was sent or saved.
    #[error(
        "a crash of {node} in {handler} before its call {persist} of `persist` (from 0) makes no difference here: nothing is sent or saved before it, or it saves nothing new"
    )]
    NoInterruption {
        /// The node.
        node: Address,
        /// The handler.
        handler: String,
        /// Which call.
        persist: usize,
    },
    /// The settings let no timer of the node fire.
    #[error("the settings let no timer of {0} fire")]
    TimersOff(Address),
    /// The handler panicked.
    #[error("{0}")]
    Panicked(HandlerFault),
    /// An `init` is not a function of the node.
    #[error("{0}")]
    Nondeterministic(HandlerFault),
    /// A handler did not return.
    #[error("{0}")]
    Hung(HandlerFault),
    /// The handler is known to end the process, so it was not run.
    #[error("{0}")]
    Died(HandlerFault),
    /// The handler did something that has no bytes.
    #[error("{0}")]
    NotSerializable(HandlerFault),
}

impl State {
    /// The state in which every node has run its `init`, in the order in which they were added, and nothing else has
    /// happened.
    ///
    /// # Errors
    ///
    /// When an `init` panics or does not return within five seconds, or a node has no canonical bytes.
    pub fn initial(system: &System) -> Result<Self, StepError> {
        let watch = Watch::installed();
        for (address, node) in system.nodes() {
            if let Some(fatal) = watch.fate(watch::digest_of_text(Activity::Init, &address.to_string())) {
                return Err(fatal_step(fatal, address, node.type_name(), "init"));
            }
        }
        // On a thread of its own, which is lost if an `init` does not return.
        let (done, result) = channel::bounded(1);
        let started = Arc::new(AtomicUsize::new(0));
        let at = Arc::clone(&started);
        let (nodes, watched) = (copied(system, watch), watch.clone());
        std::thread::spawn(move || {
            // Nobody listens any more when it took too long.
            let _ = done.send(Self::run_inits_twice(&nodes, &at, &watched));
        });
        result.recv_timeout(INIT_TIME).unwrap_or_else(|error| {
            let i = started.load(Ordering::Relaxed);
            let (address, node) = system.nodes().nth(i).expect("some node was being started");
            if error == RecvTimeoutError::Disconnected {
                let problem = "its Clone, Debug or Serialize panicked".to_owned();
                let (node_type, handler) = (node.type_name().to_owned(), "init".to_owned());
                return Err(StepError::Panicked(HandlerFault { node: address, node_type, handler, problem }));
            }
            Err(StepError::Hung(HandlerFault {
                node: address,
                node_type: node.type_name().to_owned(),
                handler: "init".to_owned(),
                problem: format!("it has not returned for {INIT_TIME:?}; look for a loop that does not end"),
            }))
        })
    }

    /// Runs every `init` twice: like any handler it is a function of the node.
    fn run_inits_twice(system: &System, started: &AtomicUsize, watch: &Watch) -> Result<Self, StepError> {
        let (state, again) =
            (Self::run_inits(system, started, watch)?, Self::run_inits(system, started, watch)?);
        for (i, (local, other)) in state.locals.iter().zip(&again.locals).enumerate() {
            let _noted = note_init(watch, state.addresses[i]);
            if watch.try_debug {
                let sent: Vec<_> = state.sent[i].iter().cloned().collect();
                try_debug(local, &sent);
            }
            let fault = |problem: String| HandlerFault {
                node: state.addresses[i],
                node_type: local.node.type_name().to_owned(),
                handler: "init".to_owned(),
                problem,
            };
            let encode = |local: &Local| {
                guard::catch(|| local.encode())
                    .map_err(|panic| fault(panic.text))
                    .and_then(|bytes| bytes.map_err(|error| fault(error.to_string())))
                    .map_err(StepError::NotSerializable)
            };
            if encode(local)? != encode(other)? || state.sent[i] != again.sent[i] {
                let change = local.node.value().changes(&other.node.value()).into_iter().next();
                let field = change.map_or_else(String::new, |change| format!(": `{change}`"));
                return Err(StepError::Nondeterministic(fault(format!(
                    "two runs on the same node differ{field}; {CAUSES}"
                ))));
            }
        }
        Ok(state)
    }

    fn run_inits(system: &System, started: &AtomicUsize, watch: &Watch) -> Result<Self, StepError> {
        let addresses: Arc<[Address]> = system.nodes().map(|(address, _)| address).collect();
        let nodes = system.len();
        let mut state = Self {
            initial: Arc::default(),
            addresses,
            locals: Vec::with_capacity(nodes),
            sent: vec![Arc::default(); nodes],
            dropped: Arc::default(),
            history: None,
            depth: 0,
        };
        for (i, (address, node)) in system.nodes().enumerate() {
            started.store(i, Ordering::Relaxed);
            let _noted = note_init(watch, address);
            if system.is_down(address) {
                state.locals.push(Arc::new(Local::new_down(node.boxed())));
            } else {
                state.locals.push(Arc::new(Local::new(node.boxed())));
                state.run(i, Stimulus::Init, "init")?;
            }
        }
        state.initial = Arc::new(state.locals.clone());
        Ok(state)
    }

    /// Whether both come from one call of [`initial`](Self::initial). A search does not mix systems: what is no part of
    /// a state, such as a workload, may differ.
    pub(crate) fn is_of_same_system(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.initial, &other.initial)
    }

    /// The nodes in the initial state.
    pub(crate) fn initial_locals(&self) -> &[Arc<Local>] {
        &self.initial
    }

    /// Lets everything that led here happen once more, and calls `visit` with each step: the node, what it was, what
    /// happened, and what it became.
    pub(crate) fn for_each_past_step(
        &self,
        mut visit: impl FnMut(Address, (&Local, &Event, &Local)) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut locals: Vec<Local> = self.initial.iter().map(|local| Local::clone(local)).collect();
        for event in self.history() {
            let address = event.node();
            let Some(i) = self.addresses.iter().position(|a| *a == address) else { continue };
            let mut after = locals[i].clone();
            let handled = guard::catch(|| event.with_stimulus(|stimulus| after.handle(address, stimulus)));
            handled.map_err(|panic| panic.text)?.map_err(|error| error.to_string())?;
            visit(address, (&locals[i], &event, &after))?;
            locals[i] = after;
        }
        Ok(())
    }

    /// The addresses of the nodes, in the order in which they were added.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Everything of node `i` that is its own: fields, timers, durable state.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many nodes.
    pub fn local(&self, i: usize) -> &Local {
        &self.locals[i]
    }

    /// The number of events since the initial state.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The events that led here from the initial state.
    pub fn history(&self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.depth as usize);
        let mut link = self.history.as_ref();
        while let Some(here) = link {
            events.push(here.event.clone());
            link = here.before.as_ref();
        }
        events.reverse();
        events
    }

    /// A view for predicates.
    pub fn view(&self) -> View<'_> {
        View::new(self)
    }

    /// The messages in the network, sorted.
    pub fn network(&self) -> Vec<Envelope> {
        self.view().envelopes()
    }

    /// The events that may happen under these settings, also those that change nothing: for each node first the
    /// messages to it, by sender and bytes, then its timers in the order in which they were set.
    pub fn events(&self, delivery: &Delivery) -> Vec<Event> {
        let mut events = Vec::new();
        for (i, node) in self.addresses.iter().enumerate() {
            if !self.locals[i].up {
                continue;
            }
            for (j, from) in self.addresses.iter().enumerate() {
                if !delivery.may_deliver(*from, *node) {
                    continue;
                }
                events.extend(self.sent[j].iter().filter(|(to, _)| to == node).map(|(to, message)| {
                    Event::Deliver(Envelope { from: *from, to: *to, message: message.clone() })
                }));
            }
            if delivery.may_fire(*node) {
                let fireable = self.locals[i].timers.fireable();
                events.extend(fireable.into_iter().map(|t| Event::Fire { node: *node, timer: t.clone() }));
            }
        }
        events
    }

    /// The crashes and restarts that may happen here, if the budgets are not spent: for each node a crash, then crashes in
    /// its handlers, or a restart.
    ///
    /// # Errors
    ///
    /// When a handler panics or has no canonical bytes, which is only known by running it.
    pub fn fault_events(&self, faults: &Faults, delivery: &Delivery) -> Result<Vec<Event>, StepError> {
        let mut found = Vec::new();
        let events = self.events(delivery);
        for (i, node) in self.addresses.iter().copied().enumerate() {
            let local = &self.locals[i];
            if !local.up {
                found.push(Event::Restart { node });
            } else if faults.may_crash(node, local.node.as_ref()) {
                found.push(Event::Crash { node, during: None });
                for event in events.iter().filter(|event| event.node() == node) {
                    for persist in 0..self.interruptions(i, event)? {
                        let during = Some(Interrupted { event: Box::new(event.clone()), persist });
                        let crash = Event::Crash { node, during };
                        match self.step(&crash, delivery) {
                            Ok(_) => found.push(crash),
                            Err(StepError::NoInterruption { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// How many calls of persist of the handler of `event` a crash may fall before.
    fn interruptions(&self, i: usize, event: &Event) -> Result<usize, StepError> {
        let mut local = Local::clone(&self.locals[i]);
        let fault = |problem: String| HandlerFault {
            node: self.addresses[i],
            node_type: self.locals[i].node.type_name().to_owned(),
            handler: event.handler(),
            problem,
        };
        match guard::catch(|| {
            event.with_stimulus(|stimulus| local.handle_and_count(self.addresses[i], stimulus))
        }) {
            Ok(Ok((_, interruptions))) => Ok(interruptions),
            Ok(Err(error)) => Err(StepError::NotSerializable(fault(error.to_string()))),
            Err(Panic { text }) => Err(StepError::Panicked(fault(text))),
        }
    }

    /// The state after an event.
    ///
    /// # Errors
    ///
    /// When the event cannot happen here under these settings, or its handler panics.
    pub fn step(&self, event: &Event, delivery: &Delivery) -> Result<Self, StepError> {
        self.step_watched(event, delivery, Watch::installed())
    }

    /// As [`step`](Self::step); notes the handler, and does not run one that is known to end the process.
    pub(crate) fn step_watched(
        &self,
        event: &Event,
        delivery: &Delivery,
        watch: &Watch,
    ) -> Result<Self, StepError> {
        let i = self.can_happen(event, delivery)?;
        let mut next = self.clone();
        let _noted = event.with_stimulus(|stimulus| self.watch_step(i, event, stimulus, watch))?;
        event.with_stimulus(|stimulus| next.run(i, stimulus, &event.handler()))?;
        if let Event::Crash { node, during: Some(interrupted) } = event
            && next.locals[i].up
        {
            let (handler, persist) = (interrupted.event.handler(), interrupted.persist);
            return Err(StepError::NoInterruption { node: *node, handler, persist });
        }
        next.depth += 1;
        next.history = Some(Arc::new(Link { event: event.clone(), before: self.history.clone() }));
        Ok(next)
    }

    /// Notes the handler of a step at node `i`, unless it is known to end the process.
    fn watch_step<'w>(
        &self,
        i: usize,
        event: &Event,
        stimulus: Stimulus<'_>,
        watch: &'w Watch,
    ) -> Result<Option<Noted<'w>>, StepError> {
        if watch.is_off() {
            return Ok(None);
        }
        let (address, local) = (self.addresses[i], &self.locals[i]);
        // One that has no bytes says so when the step is taken.
        let bytes = guard::catch(|| local.encode().unwrap_or_default()).unwrap_or_default();
        let digest = watch::digest_of_input(watch::digest_of_local(address, &bytes), stimulus);
        if let Some(fatal) = watch.fate(digest) {
            return Err(fatal_step(fatal, address, local.node.type_name(), &event.handler()));
        }
        Ok(watch.note(Activity::Replay, &address, &HandlerName::of(stimulus), digest))
    }

    /// The number of the node at which the event would happen.
    fn can_happen(&self, event: &Event, delivery: &Delivery) -> Result<usize, StepError> {
        let index = |address: Address| {
            self.addresses.iter().position(|a| *a == address).ok_or(StepError::NoSuchNode(address))
        };
        match event {
            Event::Restart { node } => {
                let i = index(*node)?;
                if self.locals[i].up { Err(StepError::Up(*node)) } else { Ok(i) }
            }
            _ if !self.locals[index(event.node())?].up => Err(StepError::Down(event.node())),
            Event::Crash { node, during: None } => index(*node),
            Event::Crash { node, during: Some(interrupted) } => {
                let i = index(*node)?;
                if interrupted.event.node() != *node
                    || !matches!(*interrupted.event, Event::Deliver(_) | Event::Fire { .. })
                {
                    let (handler, persist) = (interrupted.event.handler(), interrupted.persist);
                    return Err(StepError::NoInterruption { node: *node, handler, persist });
                }
                self.can_happen(&interrupted.event, delivery)?;
                Ok(i)
            }
            Event::Deliver(e) => {
                let (i, from) = (index(e.to)?, index(e.from)?);
                if !self.sent[from].contains(&(e.to, e.message.clone())) {
                    let message = format!("{:?}", e.message);
                    return Err(StepError::NotSent { from: e.from, to: e.to, message });
                }
                if !delivery.may_deliver(e.from, e.to) {
                    return Err(StepError::Blocked { from: e.from, to: e.to });
                }
                Ok(i)
            }
            Event::Fire { node, timer } => {
                let i = index(*node)?;
                let timers = &self.locals[i].timers;
                let text = |timer: &PendingTimer| format!("{:?}", timer.timer);
                let Some(position) = timers.as_slice().iter().position(|t| t == timer) else {
                    return Err(StepError::NotPending { node: *node, timer: text(timer) });
                };
                if !delivery.may_fire(*node) {
                    return Err(StepError::TimersOff(*node));
                }
                let before = &timers.as_slice()[..position];
                if let Some(first) = before.iter().find(|e| timer.length.at_least() >= e.length.at_most()) {
                    return Err(StepError::NotYet { node: *node, timer: text(timer), first: text(first) });
                }
                Ok(i)
            }
        }
    }

    /// Runs a handler of node `i`, in place.
    fn run(&mut self, i: usize, stimulus: Stimulus<'_>, handler: &str) -> Result<(), StepError> {
        let address = self.addresses[i];
        let fault = |local: &Local, problem: String| HandlerFault {
            node: address,
            node_type: local.node.type_name().to_owned(),
            handler: handler.to_owned(),
            problem,
        };
        let mut local = Local::clone(&self.locals[i]);
        let sent = match guard::catch(|| local.handle(address, stimulus)) {
            Ok(Ok(sent)) => sent,
            Ok(Err(error)) => return Err(StepError::NotSerializable(fault(&local, error.to_string()))),
            Err(Panic { text }) => return Err(StepError::Panicked(fault(&self.locals[i], text))),
        };
        if sent.iter().any(|message| !self.sent[i].contains(message)) {
            Arc::make_mut(&mut self.sent[i]).extend(sent);
        }
        self.locals[i] = Arc::new(local);
        Ok(())
    }

    /// Takes every message out of the network. A message that is sent again afterwards is in the network again.
    /// (DSLabs `dropPendingMessages`)
    pub fn drop_pending_messages(&mut self) {
        let pending = self.network();
        Arc::make_mut(&mut self.dropped).extend(pending);
        self.sent.fill(Arc::default());
    }

    /// Puts back the dropped messages for which `which` is true; says how many.
    pub fn undrop(&mut self, which: impl Fn(&Envelope) -> bool) -> usize {
        let back: Vec<Envelope> = self.dropped.iter().filter(|e| which(e)).cloned().collect();
        for envelope in &back {
            Arc::make_mut(&mut self.dropped).remove(envelope);
            if let Some(i) = self.addresses.iter().position(|a| *a == envelope.from) {
                Arc::make_mut(&mut self.sent[i]).insert((envelope.to, envelope.message.clone()));
            }
        }
        back.len()
    }

    /// Puts back all dropped messages. (DSLabs `undropMessages`)
    pub fn undrop_messages(&mut self) -> usize {
        self.undrop(|_| true)
    }

    /// Puts back the dropped messages of one sender. (DSLabs `undropMessagesFrom`)
    pub fn undrop_messages_from(&mut self, from: Address) -> usize {
        self.undrop(|envelope| envelope.from == from)
    }

    /// Puts back the dropped messages to one receiver. (DSLabs `undropMessagesTo`)
    pub fn undrop_messages_to(&mut self, to: Address) -> usize {
        self.undrop(|envelope| envelope.to == to)
    }

    /// The canonical bytes: two states are the same exactly when these are equal.
    ///
    /// # Errors
    ///
    /// When a node has no canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        for (local, sent) in self.locals.iter().zip(&self.sent) {
            framed(&mut out, &local.encode()?);
            out.extend_from_slice(&(sent.len() as u64).to_le_bytes());
            for (to, message) in sent.iter() {
                framed(&mut out, to.to_string().as_bytes());
                framed(&mut out, message.bytes());
            }
        }
        Ok(out)
    }

    /// Whether both are the same state: whether [`encode`](Self::encode) says the same of both. Nodes that both states share
    /// are not looked at, so it costs little to ask this of a step, which changes one.
    pub fn is_same_state(&self, other: &Self) -> bool {
        let same_local = |(a, b): (&Arc<Local>, &Arc<Local>)| Arc::ptr_eq(a, b) || a.encode() == b.encode();
        let same_sent = |(a, b): (&Arc<Sent>, &Arc<Sent>)| {
            let mut pairs = a.iter().zip(b.iter());
            Arc::ptr_eq(a, b)
                || (a.len() == b.len() && pairs.all(|(a, b)| a.0 == b.0 && a.1.bytes() == b.1.bytes()))
        };
        self.locals.len() == other.locals.len()
            && self.sent.iter().zip(&other.sent).all(same_sent)
            && self.locals.iter().zip(&other.locals).all(same_local)
    }

    /// The same nodes and messages at another place in a search.
    pub(crate) fn assemble(&self, locals: Vec<Arc<Local>>, sent: Vec<Arc<Sent>>, events: &[Event]) -> Self {
        let history = events.iter().fold(self.history.clone(), |before, event| {
            Some(Arc::new(Link { event: event.clone(), before }))
        });
        let depth = self.depth + u32::try_from(events.len()).expect("a depth fits 32 bits");
        Self {
            initial: Arc::clone(&self.initial),
            addresses: Arc::clone(&self.addresses),
            locals,
            sent,
            dropped: Arc::clone(&self.dropped),
            history,
            depth,
        }
    }
}

/// Notes what is done to start a node.
fn note_init(watch: &Watch, address: Address) -> Option<Noted<'_>> {
    let name = address.to_string();
    watch.note(Activity::Init, &name, &"init", watch::digest_of_text(Activity::Init, &name))
}

/// A copy of a system, node by node, so that a `Clone` that ends the process is known to be of that node.
fn copied(system: &System, watch: &Watch) -> System {
    let mut copy = System::new();
    for (address, node) in system.nodes() {
        let _noted = note_init(watch, address);
        let copy_of_node = node.boxed();
        let added = if system.is_down(address) {
            copy.add_down(address, copy_of_node)
        } else {
            copy.add_any(address, copy_of_node)
        };
        added.expect("the nodes were in a system before");
    }
    copy
}

fn fatal_step(fatal: &FatalInput, node: Address, node_type: &str, handler: &str) -> StepError {
    let fault = HandlerFault {
        node,
        node_type: node_type.to_owned(),
        handler: handler.to_owned(),
        problem: fatal.problem.clone(),
    };
    if fatal.hangs { StepError::Hung(fault) } else { StepError::Died(fault) }
}

/// Appends bytes after their length.
fn framed(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

impl Source for State {
    fn len(&self) -> usize {
        self.addresses.len()
    }
    fn address(&self, i: usize) -> Address {
        self.addresses[i]
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.locals[i].node.as_ref()
    }
    fn timers(&self, i: usize) -> &[PendingTimer] {
        self.locals[i].timers.as_slice()
    }
    fn durable(&self, i: usize) -> Option<&Durable> {
        self.locals[i].durable.as_ref()
    }
    fn is_up(&self, i: usize) -> bool {
        self.locals[i].up
    }
    fn messages(&self, visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {
        for (from, sent) in self.addresses.iter().zip(&self.sent) {
            for (to, message) in sent.iter() {
                let envelope = Envelope { from: *from, to: *to, message: message.clone() };
                if visit(&envelope).is_break() {
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("depth", &self.depth)
            .field("nodes", &self.view())
            .field("network", &self.network())
            .finish_non_exhaustive()
    }
}
