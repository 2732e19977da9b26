//! A system as somebody would write it down who models it for a checker of whole states: what the peers search.
//!
//! It is written to be fast in such a checker. Nodes and network are shared by the states that have the same ones and
//! cloned when they change; the bytes by which a node is hashed and compared are kept with it; addresses are small
//! numbers; a step that changes nothing makes no state.
//!
//! (`search::State` would be slower: it keeps its history, and names the handler for its error messages at every step.)

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use framework::{
    Address, AnyNode, Durable, Envelope, Local, Payload, PendingTimer, Predicate, Source, Stimulus, System,
    View,
};

/// A system with its invariants.
pub(crate) struct SharedNodes {
    addresses: Vec<Address>,
    invariants: Vec<Predicate>,
    initial: World,
}

/// A state: the nodes, and every message ever sent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    nodes: Vec<Arc<NodeState>>,
    network: Arc<BTreeSet<Message>>,
}

/// A node with its timers and the canonical bytes of both, by which it is hashed and compared.
struct NodeState {
    local: Local,
    bytes: Vec<u8>,
}

impl PartialEq for NodeState {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for NodeState {}

impl Hash for NodeState {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// A message with its sender and its receiver, by number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Message {
    to: u8,
    from: u8,
    payload: Payload,
}

/// What may happen.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// A message arrives.
    Deliver(Message),
    /// A timer of a node fires.
    Fire(u8, PendingTimer),
}

/// Why nothing here fails: the peers search systems that the search has exhausted without a fault.
const SOUND: &str = "the systems of the benchmark have no faulty handlers";

impl SharedNodes {
    /// The system with every node started.
    pub(crate) fn new(system: &System, invariants: &[Predicate]) -> Self {
        let mut model = Self {
            addresses: system.nodes().map(|(address, _)| address).collect(),
            invariants: invariants.to_vec(),
            initial: World { nodes: Vec::new(), network: Arc::default() },
        };
        for (address, node) in system.nodes() {
            let mut local = Local::new(node.boxed());
            let sent = local.handle(address, Stimulus::Init).expect(SOUND);
            let from = model.number(address);
            let sent = sent.into_iter().map(|(to, payload)| Message { to: model.number(to), from, payload });
            let sent: Vec<Message> = sent.collect();
            Arc::make_mut(&mut model.initial.network).extend(sent);
            let bytes = local.encode().expect(SOUND);
            model.initial.nodes.push(Arc::new(NodeState { local, bytes }));
        }
        model
    }

    /// The state in which every node has run its `init`.
    pub(crate) fn initial(&self) -> World {
        self.initial.clone()
    }

    fn number(&self, address: Address) -> u8 {
        let number = self.addresses.iter().position(|a| *a == address).expect("it is a node of the system");
        u8::try_from(number).expect("a system of the benchmark has a few nodes")
    }

    /// Appends what may happen in a state.
    pub(crate) fn push_actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(world.network.iter().cloned().map(Action::Deliver));
        for (number, node) in (0..).zip(&world.nodes) {
            let fireable = node.local.timers.fireable().into_iter();
            actions.extend(fireable.map(|timer| Action::Fire(number, timer.clone())));
        }
    }

    /// The state after an action, unless it changes nothing.
    pub(crate) fn after(&self, world: &World, action: &Action) -> Option<World> {
        let (number, stimulus) = match action {
            Action::Deliver(Message { to, from, payload }) => {
                (*to, Stimulus::Message { from: self.addresses[usize::from(*from)], message: payload })
            }
            Action::Fire(number, timer) => (*number, Stimulus::Timer(timer)),
        };
        let i = usize::from(number);
        let before = &world.nodes[i];
        let mut local = before.local.clone();
        let mut sent: Vec<Message> = local
            .handle(self.addresses[i], stimulus)
            .expect(SOUND)
            .into_iter()
            .map(|(to, payload)| Message { to: self.number(to), from: number, payload })
            .collect();
        sent.retain(|message| !world.network.contains(message));
        let bytes = local.encode().expect(SOUND);
        let changed = bytes != before.bytes;
        if !changed && sent.is_empty() {
            return None;
        }
        let mut next = world.clone();
        if changed {
            next.nodes[i] = Arc::new(NodeState { local, bytes });
        }
        if !sent.is_empty() {
            Arc::make_mut(&mut next.network).extend(sent);
        }
        Some(next)
    }

    /// The number of invariants.
    pub(crate) fn invariant_count(&self) -> usize {
        self.invariants.len()
    }

    /// Whether invariant `i` holds in a state.
    pub(crate) fn holds(&self, i: usize, world: &World) -> bool {
        let seen = Seen { model: self, world };
        self.invariants[i].check(&View::new(&seen)).is_ok()
    }
}

/// A state as invariants see it.
struct Seen<'a> {
    model: &'a SharedNodes,
    world: &'a World,
}

impl Source for Seen<'_> {
    fn len(&self) -> usize {
        self.world.nodes.len()
    }
    fn address(&self, i: usize) -> Address {
        self.model.addresses[i]
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.world.nodes[i].local.node.as_ref()
    }
    fn timers(&self, i: usize) -> &[PendingTimer] {
        self.world.nodes[i].local.timers.as_slice()
    }
    fn durable(&self, i: usize) -> Option<&Durable> {
        self.world.nodes[i].local.durable.as_ref()
    }
    fn messages(&self, visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {
        for Message { to, from, payload } in self.world.network.iter() {
            let address = |number: u8| self.model.addresses[usize::from(number)];
            let envelope = Envelope { from: address(*from), to: address(*to), message: payload.clone() };
            if visit(&envelope).is_break() {
                return;
            }
        }
    }
}
