//! The product representation of a system: a state is a vector of small numbers, one component a node.
//!
//! The **component** of a node is its fields, its timers and what it persisted (together its *local*), and the set of
//! messages it has sent. The network is the union of the sent sets, so the components of all nodes are the whole state,
//! and an event changes one of them. Locals, messages, timers and components are interned: each different one exists
//! once and has a number.
//!
//! Nothing here is changed while a level is expanded: steps that are not known yet are collected, worked out together
//! (`resolve`), and taken afterwards. So expansion needs no locks, and numbers are given in an order that does not
//! depend on the number of threads.

mod components;
mod messages;
mod monitors;
mod resolve;
mod steps;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ahash::AHashMap;
use framework::{
    Address, AnyNode, AnyWorker, Durable, EncodeError, Envelope, Event, Interrupted, Local, Payload,
    PendingTimer, Source,
};
use hashbrown::HashTable;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::delivery::Delivery;
use crate::faults::{Faults, Used};
use crate::handler::Input;
use crate::settings::Settings;
use crate::state::State;

use components::LocalPart;
pub(crate) use components::{
    ComponentId, Components, FaultyEvents, Layout, Source as MessageSource, count_ones,
};
use messages::Messages;
use monitors::MonitorTable;
pub(crate) use resolve::{Fault, FaultKind, Miss};

/// The most nodes a system may have: an event's number has 10 bits for the sender and what a crash interrupts.
pub const NODES_MAX: usize = 250;

/// An event at some node, as a number: its group and the number of the message or the own event.
///
/// The groups of the first layer are the senders and, after them, the node's own events. If there are more layers, they
/// have the same groups again: the events of layer *p* + 1 are crashes in the handlers of those of the first, just
/// before their call *p* of persist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventId(u32);

const BIT_BITS: u32 = 22;

/// The most groups of events.
const GROUPS_MAX: usize = 1 << (32 - BIT_BITS);

/// The bits of a node's own events that stand for a crash and for a restart, if there may be any.
const CRASH_BIT: usize = 0;
const RESTART_BIT: usize = 1;

impl EventId {
    pub(crate) fn new(group: usize, bit: usize) -> Self {
        debug_assert!(group < GROUPS_MAX && bit < 1 << BIT_BITS);
        #[expect(clippy::cast_possible_truncation, reason = "checked where groups and bits are made")]
        Self((group as u32) << BIT_BITS | bit as u32)
    }

    /// The event so many bits further in the same group.
    #[inline]
    pub(crate) fn plus(self, bits: usize) -> Self {
        Self::new(self.group(), self.bit() + bits)
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn group(self) -> usize {
        (self.0 >> BIT_BITS) as usize
    }

    pub(crate) fn bit(self) -> usize {
        (self.0 & ((1 << BIT_BITS) - 1)) as usize
    }
}

/// The number of a local among those of its node.
pub(crate) type LocalId = u32;

/// One local, with what the engine needs to know of it.
pub(crate) struct LocalEntry {
    pub(crate) local: Arc<Local>,
    pub(crate) bytes: Arc<[u8]>,
    /// Of its bytes: the same on every machine.
    pub(crate) hash: u64,
    /// The own events that may happen (timers, a crash or a restart), as event numbers' bits.
    pub(crate) own_events: Vec<u32>,
    /// How many components have it.
    pub(crate) components: u32,
    /// Of a client worker what a monitor can see of it: whether it is up, how many commands it has sent, and how many
    /// results it has.
    mark: u64,
}

/// What an event makes of a local, if it is not nothing; known for all components that share it.
#[derive(Clone, Debug)]
pub(crate) enum Transition {
    Change { local: LocalId, sent: Box<[(u16, u32)]> },
    Fault,
}

/// An event that comes from the node itself.
#[derive(Clone, Debug)]
enum OwnEvent {
    Crash,
    Restart,
    Timer(PendingTimer),
}

/// What a search with faults needs to know.
pub(crate) struct FaultRules {
    /// How many there may be.
    pub(crate) budget: Used,
    settings: Faults,
    may_crash: Vec<bool>,
}

/// The tables of one node.
pub(crate) struct NodeSpace {
    pub(crate) locals: Vec<LocalEntry>,
    by_bytes: HashTable<LocalId>,
    own_events: Vec<OwnEvent>,
    by_timer: AHashMap<PendingTimer, u32>,
    /// For each local the events that change nothing, whatever was sent before: the masks of a component's record.
    no_ops: Vec<u64>,
    /// What other events do to locals that several components have.
    transitions: AHashMap<(LocalId, EventId), Transition>,
    /// By group and bit of an event, on how many inputs its handler ran, and on how many it did something.
    runs: Vec<Vec<(u64, u64)>>,
    /// The bytes that locals take, about.
    local_bytes: usize,
    pub(crate) components: Components,
    /// Mixed into the hashes of components, so that two nodes that are alike in content are not alike in hash.
    salt: u64,
}

/// A system in product representation.
pub(crate) struct Space {
    pub(crate) addresses: Arc<[Address]>,
    pub(crate) delivery: Delivery,
    /// `None` if nothing may crash or restart.
    pub(crate) faults: Option<FaultRules>,
    /// The layers of events: one, and one more for each call of persist before which a crash made a difference.
    pub(crate) layers: usize,
    monitors: Vec<MonitorTable>,
    /// For each node whether the monitors look at its steps; empty if there are none.
    observed: Vec<bool>,
    pub(crate) nodes: Vec<NodeSpace>,
    pub(crate) messages: Messages,
    pub(crate) layouts: Vec<Layout>,
    /// For each node where the events that may happen at it come from.
    pub(crate) sources: Vec<Vec<MessageSource>>,
    pub(crate) handler_calls: u64,
    pub(crate) memo_misses: u64,
    /// What was wrong with the handlers behind [`Transition::Fault`].
    problems: AHashMap<(usize, LocalId, EventId), (FaultKind, String)>,
    /// Handlers that were not run because they end the process: node, handler, problem.
    pub(crate) passed_over: BTreeSet<(usize, String, String)>,
}

fn mark(local: &Local) -> u64 {
    let counts = |worker: &dyn AnyWorker| (worker.sent_count() as u64) << 32 | worker.result_count() as u64;
    local.node.as_worker().map_or(0, |worker| counts(worker) << 1 | u64::from(local.up))
}

/// What is wrong with a system or a state before a search can start.
#[derive(Debug)]
pub(crate) enum SpaceError {
    TooManyNodes(usize),
    Encode(Address, EncodeError),
}

impl Space {
    /// The tables for searches that start from states of one system.
    pub(crate) fn new(start: &State, settings: &Settings) -> Result<Self, SpaceError> {
        let faults = &settings.faults;
        let addresses = Arc::clone(&start.addresses);
        if addresses.len() > NODES_MAX {
            return Err(SpaceError::TooManyNodes(addresses.len()));
        }
        let rules = (!faults.is_off()).then(|| FaultRules {
            settings: faults.clone(),
            budget: faults.budget(),
            may_crash: addresses
                .iter()
                .zip(&start.locals)
                .map(|(address, local)| faults.may_crash(*address, local.node.as_ref()))
                .collect(),
        });
        let nodes = addresses
            .iter()
            .map(|address| NodeSpace {
                locals: Vec::new(),
                by_bytes: HashTable::new(),
                own_events: if rules.is_some() {
                    vec![OwnEvent::Crash, OwnEvent::Restart]
                } else {
                    Vec::new()
                },
                by_timer: AHashMap::new(),
                no_ops: Vec::new(),
                transitions: AHashMap::new(),
                runs: vec![Vec::new(); addresses.len() + 1],
                local_bytes: 0,
                components: Components::default(),
                salt: xxh3_64(address.to_string().as_bytes()),
            })
            .collect();
        let mut space = Self {
            messages: Messages::new(addresses.len()),
            layouts: Vec::new(),
            sources: Vec::new(),
            problems: AHashMap::new(),
            passed_over: BTreeSet::new(),
            faults: rules,
            layers: 1,
            monitors: settings.monitors.iter().map(MonitorTable::new).collect(),
            observed: if settings.monitors.is_empty() {
                Vec::new()
            } else {
                start.locals.iter().map(|local| local.node.as_worker().is_some()).collect()
            },
            addresses,
            delivery: settings.delivery.clone(),
            nodes,
            handler_calls: 0,
            memo_misses: 0,
        };
        space.layouts = space.make_layouts();
        space.sources = space.make_sources();
        Ok(space)
    }

    /// The number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// The number of words of a state: a component for each node, then the faults used if there may be any, then what each
    /// monitor knows.
    pub(crate) fn width(&self) -> usize {
        self.len() + usize::from(self.faults.is_some()) + self.monitors.len()
    }

    /// The group of a node's own events in event numbers: one past the senders.
    fn own_group(&self) -> usize {
        self.len()
    }

    /// The number of groups in a layer.
    fn groups(&self) -> usize {
        self.len() + 1
    }

    /// An event's layer, and the event of the first layer that it is or interrupts.
    fn layer_of(&self, event: EventId) -> (usize, EventId) {
        let groups = self.groups();
        (event.group() / groups, EventId::new(event.group() % groups, event.bit()))
    }

    /// The group of an event, of those of the first layer.
    pub(crate) fn base_group(&self, event: EventId) -> usize {
        event.group() % self.groups()
    }

    /// What an event takes of the budgets of faults, as what is added to [`Used`].
    #[inline]
    pub(crate) fn faults_of(&self, event: EventId) -> u32 {
        let group = event.group();
        if group < self.own_group() || self.faults.is_none() {
            0
        } else if group > self.own_group() {
            Used::CRASH
        } else {
            match event.bit() {
                CRASH_BIT => Used::CRASH,
                RESTART_BIT => Used::RESTART,
                _ => 0,
            }
        }
    }

    /// Of 64 events those that the budgets of faults let happen after so many were used.
    #[inline]
    pub(crate) fn within_budget(&self, events: FaultyEvents, ids: &[ComponentId]) -> u64 {
        let Some(rules) = &self.faults else { return u64::MAX };
        let used = Used::from_word(ids[self.len()]);
        let (crash, restart) = (used.crash_left(rules.budget), used.restart_left(rules.budget));
        match events {
            FaultyEvents::None => u64::MAX,
            FaultyEvents::CrashAndRestart => {
                let spent = u64::from(!crash) << CRASH_BIT | u64::from(!restart) << RESTART_BIT;
                !spent
            }
            FaultyEvents::All => {
                if crash {
                    u64::MAX
                } else {
                    0
                }
            }
        }
    }

    /// The state that an event at a node leads to; `false` if a monitor has to be shown the step first.
    #[inline]
    pub(crate) fn advance(
        &self,
        ids: &mut [ComponentId],
        node: usize,
        event: EventId,
        successor: ComponentId,
    ) -> bool {
        let known = self.monitors.is_empty() || self.advance_monitors(ids, node, event, successor);
        ids[node] = successor;
        if self.faults.is_some() {
            ids[self.len()] += self.faults_of(event);
        }
        known
    }

    /// Whether an event of the first layer is a crash.
    pub(crate) fn is_crash(&self, event: EventId) -> bool {
        self.faults.is_some() && event == EventId::new(self.own_group(), CRASH_BIT)
    }

    /// Which faults may happen, in words; nothing if there are none.
    pub(crate) fn faults_text(&self) -> String {
        self.faults.as_ref().map_or_else(String::new, |rules| {
            let nodes = self.addresses.iter().zip(&rules.may_crash);
            let may: Vec<Address> = nodes.filter(|(_, may)| **may).map(|(address, _)| *address).collect();
            rules.settings.text(&may)
        })
    }

    /// Whether a node may crash, if crashes are left.
    pub(crate) fn may_crash(&self, node: usize) -> bool {
        self.faults.as_ref().is_some_and(|rules| rules.may_crash[node])
    }

    /// The part of a state's hash that is not of its components.
    #[inline]
    pub(crate) fn rest_hash(&self, ids: &[ComponentId]) -> u64 {
        let faults = if self.faults.is_some() { Used::from_word(ids[self.len()]).hash() } else { 0 };
        if self.monitors.is_empty() { faults } else { faults.wrapping_add(self.monitors_hash(ids)) }
    }

    /// The hash of a state: the sum of those of its components, each salted with its node's address, and the rest's.
    pub(crate) fn hash_of(&self, ids: &[ComponentId]) -> u64 {
        let nodes = ids.iter().zip(&self.nodes);
        nodes.fold(self.rest_hash(ids), |sum, (id, node)| sum.wrapping_add(node.components.hash(*id)))
    }

    /// The number of the node with this address; one past the last for an address that no node has.
    fn receiver(&self, address: Address) -> usize {
        self.addresses.iter().position(|a| *a == address).unwrap_or(self.len())
    }

    /// What an event number stands for.
    pub(crate) fn input(&self, node: usize, event: EventId) -> Input {
        let (layer, base) = self.layer_of(event);
        if let Some(persist) = layer.checked_sub(1) {
            return Input::Interrupted { input: Box::new(self.input(node, base)), persist };
        }
        if event.group() == self.own_group() {
            return match &self.nodes[node].own_events[event.bit()] {
                OwnEvent::Crash => Input::Crash,
                OwnEvent::Restart => Input::Restart,
                OwnEvent::Timer(timer) => Input::Timer(timer.clone()),
            };
        }
        let envelope = self.messages.envelope(event.group(), node, event.bit());
        Input::Message { from: envelope.from, message: envelope.message.clone() }
    }

    /// What an event number stands for, with its node.
    pub(crate) fn event(&self, node: usize, event: EventId) -> Event {
        let address = self.addresses[node];
        let (layer, base) = self.layer_of(event);
        if let Some(persist) = layer.checked_sub(1) {
            let during = Some(Interrupted { event: Box::new(self.event(node, base)), persist });
            return Event::Crash { node: address, during };
        }
        if event.group() == self.own_group() {
            return match &self.nodes[node].own_events[event.bit()] {
                OwnEvent::Crash => Event::Crash { node: address, during: None },
                OwnEvent::Restart => Event::Restart { node: address },
                OwnEvent::Timer(timer) => Event::Fire { node: address, timer: timer.clone() },
            };
        }
        Event::Deliver(self.messages.envelope(event.group(), node, event.bit()).clone())
    }

    /// Interns a state.
    pub(crate) fn intern(&mut self, state: &State) -> Result<Vec<ComponentId>, SpaceError> {
        let mut parts = Vec::new();
        for i in 0..self.len() {
            let local = &state.locals[i];
            let bytes = local.encode().map_err(|error| SpaceError::Encode(self.addresses[i], error))?;
            let local = self.intern_local(i, local, &bytes);
            let sent: Vec<(u16, u32)> =
                state.sent[i].iter().map(|(to, message)| self.intern_message(i, *to, message)).collect();
            parts.push((local, sent));
        }
        self.widen();
        let components = parts.into_iter().enumerate().map(|(i, (local, sent))| {
            self.intern_component(i, local, None, &sent).expect("without a base there is always a component")
        });
        let mut ids: Vec<ComponentId> = components.collect();
        ids.resize(self.width(), 0);
        Ok(ids)
    }

    /// The number of a local of node `i`.
    fn intern_local(&mut self, i: usize, local: &Arc<Local>, bytes: &[u8]) -> LocalId {
        let may_fire = self.delivery.may_fire(self.addresses[i]);
        let may_crash = self.faults.as_ref().map(|rules| rules.may_crash[i]);
        let node = &mut self.nodes[i];
        let hash = xxh3_64(bytes);
        let locals = &node.locals;
        if let Some(id) = node.by_bytes.find(hash, |id| locals[*id as usize].bytes[..] == *bytes) {
            return *id;
        }
        let mut own_events: Vec<u32> = Vec::new();
        match may_crash {
            Some(true) if local.up => own_events.push(CRASH_BIT as u32),
            Some(_) if !local.up => own_events.push(RESTART_BIT as u32),
            _ => {}
        }
        if may_fire {
            for timer in local.timers.fireable() {
                let next = u32::try_from(node.own_events.len()).expect("fewer than 2^22 different timers");
                assert!(next < 1 << BIT_BITS, "fewer than 2^22 different timers");
                let bit = *node.by_timer.entry(timer.clone()).or_insert_with(|| {
                    node.own_events.push(OwnEvent::Timer(timer.clone()));
                    next
                });
                own_events.push(bit);
            }
        }
        let id = LocalId::try_from(node.locals.len()).expect("fewer than 2^32 locals");
        // A local's own memory is not visible; three times its bytes and the fixed parts is close.
        node.local_bytes += size_of::<LocalEntry>() + 240 + bytes.len() * 3;
        node.locals.push(LocalEntry {
            local: Arc::clone(local),
            bytes: bytes.into(),
            hash,
            own_events,
            components: 0,
            mark: mark(local),
        });
        node.no_ops.resize(node.no_ops.len() + self.layouts[i].masks(), 0);
        let locals = &node.locals;
        node.by_bytes.insert_unique(hash, id, |id| locals[*id as usize].hash);
        id
    }

    /// The number of a message of node `i`: its receiver and its place among those from `i` to it.
    fn intern_message(&mut self, i: usize, to: Address, message: &Payload) -> (u16, u32) {
        let receiver = self.receiver(to);
        let bit = self.messages.intern(
            i,
            receiver,
            || Envelope { from: self.addresses[i], to, message: message.clone() },
            to,
            message,
        );
        (u16::try_from(receiver).expect("at most 251 receivers"), bit)
    }

    /// The number of the component of node `i` that has this local, and the sent set of `base` with `sent` added;
    /// `None` if that is `base` itself.
    fn intern_component(
        &mut self,
        i: usize,
        local: LocalId,
        base: Option<ComponentId>,
        sent: &[(u16, u32)],
    ) -> Option<ComponentId> {
        let NodeSpace { locals, components, no_ops, salt, .. } = &mut self.nodes[i];
        let entry = &mut locals[local as usize];
        let layout = &self.layouts[i];
        let hash = entry.hash;
        let masks = layout.masks();
        let count = components.len();
        let component = components.intern(
            layout,
            LocalPart {
                id: local,
                timers: &entry.own_events,
                no_ops: &no_ops[local as usize * masks..(local as usize + 1) * masks],
            },
            base,
            sent,
            |sum| {
                let mut content = [0; 16];
                content[..8].copy_from_slice(&hash.to_le_bytes());
                content[8..].copy_from_slice(&sum.to_le_bytes());
                xxh3_64_with_seed(&content, *salt)
            },
            |receiver, bit| self.messages.hash(i, receiver, bit),
        );
        entry.components += u32::from(components.len() > count);
        component
    }

    /// A view of a state.
    pub(crate) fn state_ref<'a>(&'a self, ids: &'a [ComponentId]) -> StateRef<'a> {
        StateRef { space: self, ids }
    }

    /// The local of a component.
    pub(crate) fn local_of(&self, i: usize, component: ComponentId) -> LocalId {
        self.nodes[i].components.local(component)
    }

    /// The whole state, in the form that callers get, reached from `start` by `events`.
    pub(crate) fn to_state(&self, ids: &[ComponentId], start: &State, events: &[Event]) -> State {
        let ids = &ids[..self.len()];
        let locals = ids.iter().enumerate().map(|(i, component)| {
            Arc::clone(&self.nodes[i].locals[self.local_of(i, *component) as usize].local)
        });
        let sent = ids.iter().enumerate().map(|(i, component)| {
            let mut sent = BTreeSet::new();
            self.for_each_sent(i, *component, &mut |envelope| {
                sent.insert((envelope.to, envelope.message.clone()));
                ControlFlow::Continue(())
            });
            Arc::new(sent)
        });
        start.assemble(locals.collect(), sent.collect(), events)
    }

    fn for_each_sent(
        &self,
        i: usize,
        component: ComponentId,
        visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>,
    ) -> bool {
        let layout = &self.layouts[i];
        let record = self.nodes[i].components.record(layout, component);
        for receiver in 0..=self.len() {
            for (w, word) in record[layout.out(receiver)].iter().enumerate() {
                let mut bits = *word;
                while bits != 0 {
                    let bit = w * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    if visit(self.messages.envelope(i, receiver, bit)).is_break() {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// The bytes in use, about.
    pub(crate) fn bytes(&self) -> u64 {
        let nodes: usize = self
            .nodes
            .iter()
            .map(|node| {
                node.local_bytes
                    + node.transitions.capacity() * 40
                    + node.no_ops.capacity() * 8
                    + node.components.bytes()
            })
            .sum();
        (nodes + self.monitor_bytes()) as u64 + self.messages.bytes()
    }
}

impl NodeSpace {
    /// Notes that a handler ran.
    fn note_run(&mut self, event: EventId, effective: bool) {
        let runs = &mut self.runs[event.group()];
        if runs.len() <= event.bit() {
            runs.resize(event.bit() + 1, (0, 0));
        }
        let run = &mut runs[event.bit()];
        run.0 += 1;
        run.1 += u64::from(effective);
    }

    /// The events whose handlers ran, with the number of inputs and of those on which something
    /// happened.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (EventId, u64, u64)> {
        self.runs.iter().enumerate().flat_map(|(group, bits)| {
            let runs = bits.iter().enumerate().filter(|(_, (inputs, _))| *inputs > 0);
            runs.map(move |(bit, (inputs, effective))| (EventId::new(group, bit), *inputs, *effective))
        })
    }

    /// Fields that have grown out of proportion: `log has 10000 entries`.
    pub(crate) fn growth(&self) -> Option<String> {
        let largest = self.locals.iter().max_by_key(|entry| (entry.bytes.len(), entry.hash))?;
        if largest.bytes.len() < GROWTH_BYTES {
            return None;
        }
        let (path, len) = largest.local.node.value().longest_collection()?;
        Some(format!("{path} has {len} entries"))
    }
}

/// The size of a local in bytes from which it is reported as growing.
const GROWTH_BYTES: usize = 4096;

/// A state in product representation, as predicates see it.
pub(crate) struct StateRef<'a> {
    space: &'a Space,
    ids: &'a [ComponentId],
}

impl StateRef<'_> {
    fn local(&self, i: usize) -> &Local {
        &self.space.nodes[i].locals[self.space.local_of(i, self.ids[i]) as usize].local
    }
}

impl Source for StateRef<'_> {
    fn len(&self) -> usize {
        self.space.len()
    }
    fn address(&self, i: usize) -> Address {
        self.space.addresses[i]
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
        for (i, component) in self.ids.iter().take(self.space.len()).enumerate() {
            if self.space.for_each_sent(i, *component, visit) {
                return;
            }
        }
    }
}
