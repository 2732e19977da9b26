//! Enumerates the states of a random system in the most obvious way: plain structs, ordered sets, nothing of the engine.
//!
//! A system is a [`Table`]: for each node, state and event what happens. The engine runs it through [`TableNode`]; this
//! module interprets the same table directly. It has its own rules for the network, the timers, the links, the order of
//! the checks and the levels, written from the description of the model and not from the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::{
    Address, AnyNode, Context, Durable, Event, Node, Outcome, Payload, PendingTimer, Predicate,
    StepPredicate, System, View,
};
use search::{Delivery, Faults, State};
use serde::{Deserialize, Serialize};

/// A generator with a fixed sequence for every seed, and nothing else to ask of it.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u8) -> u8 {
        u8::try_from(self.roll() % u64::from(limit)).unwrap()
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u8) -> bool {
        self.below(times) == 0
    }
}

/// A random system: what its nodes do is defined by the seed. Small enough to be a field of every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) seed: u64,
    pub(crate) nodes: u8,
    /// The states of a node.
    pub(crate) states: u8,
    /// The different messages between two nodes.
    pub(crate) messages: u8,
    /// The different timers of a node.
    pub(crate) timers: u8,
    /// How many timers a node may set in all: without a limit most systems are infinite.
    pub(crate) fuel: u8,
    /// A rule panics once in so many; 0 for never.
    pub(crate) panics: u8,
    /// Whether every second node is of another type.
    pub(crate) mixed: bool,
    /// Whether nodes also persist before they send.
    pub(crate) careful: bool,
    /// The nodes that are not started yet, bit by bit.
    pub(crate) asleep: u8,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    Init,
    /// A message with this value, from this node.
    Message {
        from: u8,
        value: u8,
    },
    Timer(u8),
    Recover,
}

/// What a handler does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Nothing,
    Panic,
    Do(Act),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Act {
    state: u8,
    /// Persisted before anything is sent.
    persists_early: Option<u8>,
    /// Receiver and value. A receiver past the last node is an address that no node has.
    sends: Vec<(u8, u8)>,
    /// Value, minimum, maximum.
    timers: Vec<(u8, u8, u8)>,
    /// Persisted after everything.
    persists: Option<u8>,
}

/// The shape of a random table.
pub(crate) fn table(seed: u64) -> Table {
    let dice = &mut Dice::new(seed ^ 0x7461_626c_6500);
    Table {
        seed,
        nodes: 2 + dice.below(3),
        states: 2 + dice.below(3),
        messages: 1 + dice.below(4),
        timers: 1 + dice.below(3),
        fuel: dice.below(5),
        panics: 0,
        mixed: dice.once_in(2),
        careful: false,
        asleep: 0,
    }
}

impl Table {
    /// What the node `me` does in `state` with `fuel` left.
    pub(crate) fn rule(&self, me: u8, state: u8, fuel: u8, input: Input) -> Rule {
        let number = match input {
            Input::Init => 1,
            Input::Message { from, value } => 2 + (u64::from(from) << 8) + (u64::from(value) << 16),
            Input::Timer(value) => 3 + (u64::from(value) << 16),
            Input::Recover => 4,
        };
        let place = number | u64::from(me) << 32 | u64::from(state) << 40;
        let dice = &mut Dice::new(self.seed ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.roll();
        if input == Input::Init {
            // Something has to start.
            let sends = (0..1 + dice.below(2)).map(|_| self.send(dice)).collect();
            let timers = (0..fuel.min(dice.below(3))).map(|_| self.timer(dice)).collect();
            return Rule::Do(Act { state, persists_early: None, sends, timers, persists: None });
        }
        if self.panics > 0 && dice.once_in(self.panics) {
            return Rule::Panic;
        }
        if dice.once_in(3) {
            return Rule::Nothing;
        }
        let state = if dice.once_in(3) { state } else { dice.below(self.states) };
        let sends = if dice.once_in(2) { 0 } else { 1 + dice.below(2) };
        let timers = if dice.once_in(2) { 0 } else { fuel.min(1 + dice.below(2)) };
        let persists_early = (self.careful && dice.once_in(4)).then(|| dice.below(3));
        Rule::Do(Act {
            state,
            persists_early,
            sends: (0..sends).map(|_| self.send(dice)).collect(),
            timers: (0..timers).map(|_| self.timer(dice)).collect(),
            persists: dice.once_in(if self.careful { 3 } else { 6 }).then(|| dice.below(2)),
        })
    }

    fn send(&self, dice: &mut Dice) -> (u8, u8) {
        let to = if dice.once_in(16) { self.nodes } else { dice.below(self.nodes) };
        (to, dice.below(self.messages))
    }

    fn timer(&self, dice: &mut Dice) -> (u8, u8, u8) {
        let min = dice.below(4);
        (dice.below(self.timers), min, min + dice.below(4))
    }

    /// The system for the engine.
    pub(crate) fn system(&self) -> System {
        let mut system = System::new();
        for me in 0..self.nodes {
            let (table, state, fuel) = (*self, 0, self.fuel);
            let node: Box<dyn AnyNode> = match self.kind(me) {
                0 => Box::new(TableNode::<0> { table, me, state, fuel }),
                _ => Box::new(TableNode::<1> { table, me, state, fuel }),
            };
            let add = if self.is_asleep(me) { System::add_down } else { System::add_any };
            add(&mut system, address(me), node).unwrap();
        }
        system
    }

    fn is_asleep(&self, me: u8) -> bool {
        self.asleep & (1 << me) != 0
    }

    fn kind(&self, me: u8) -> u8 {
        if self.mixed { me % 2 } else { 0 }
    }
}

/// The address of a node. The last number stands for an address that no node has.
pub(crate) fn address(node: u8) -> Address {
    Address::server(u16::from(node) + 1)
}

fn number(address: Address) -> u8 {
    u8::try_from(address.number().unwrap() - 1).unwrap()
}

/// Interprets a table for the engine. The kind changes nothing but the type.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TableNode<const KIND: u8> {
    table: Table,
    me: u8,
    state: u8,
    fuel: u8,
}

/// The state and the fuel of a node, whatever its type and also while it is down.
fn fields(view: &View<'_>, node: u8) -> (u8, u8) {
    let node = view.any_node(address(node)).unwrap().as_any();
    match node.downcast_ref::<TableNode<0>>() {
        Some(node) => (node.state, node.fuel),
        None => node.downcast_ref::<TableNode<1>>().map(|node| (node.state, node.fuel)).unwrap(),
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note(u8);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Alarm(u8);

impl<const KIND: u8> TableNode<KIND> {
    fn apply(&mut self, input: Input, ctx: &mut Context<Note, Alarm>) {
        let act = match self.table.rule(self.me, self.state, self.fuel, input) {
            Rule::Nothing => return,
            Rule::Panic => panic!("the table of node {} panics in state {}", self.me, self.state),
            Rule::Do(act) => act,
        };
        self.state = act.state;
        if let Some(value) = act.persists_early {
            ctx.persist(value);
        }
        for (to, value) in act.sends {
            ctx.send(address(to), Note(value));
        }
        for (value, min, max) in act.timers {
            self.fuel -= 1;
            let millis = |count: u8| Duration::from_millis(u64::from(count));
            ctx.set_timer(Alarm(value), millis(min)..=millis(max));
        }
        if let Some(value) = act.persists {
            ctx.persist(value);
        }
    }
}

impl<const KIND: u8> Node for TableNode<KIND> {
    type Message = Note;
    type Timer = Alarm;

    fn init(&mut self, ctx: &mut Context<Note, Alarm>) {
        self.apply(Input::Init, ctx);
    }

    fn on_message(&mut self, from: Address, Note(value): Note, ctx: &mut Context<Note, Alarm>) {
        self.apply(Input::Message { from: number(from), value }, ctx);
    }

    fn on_timer(&mut self, Alarm(value): Alarm, ctx: &mut Context<Note, Alarm>) {
        self.apply(Input::Timer(value), ctx);
    }

    fn recover(&mut self, durable: Option<Durable>, ctx: &mut Context<Note, Alarm>) {
        self.state = durable.map_or(0, |durable| durable.to::<u8>().unwrap() % self.table.states);
        self.apply(Input::Recover, ctx);
    }
}

/// The timer of a node: value, minimum, maximum.
type Timer = (u8, u8, u8);

/// A message on its way: sender, receiver, value.
pub(crate) type Message = (u8, u8, u8);

/// Everything of one node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct One {
    state: u8,
    fuel: u8,
    durable: Option<u8>,
    timers: Vec<Timer>,
    up: bool,
}

/// A whole state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct World {
    nodes: Vec<One>,
    network: BTreeSet<Message>,
    /// The crashes and restarts so far.
    used: (u16, u16),
}

/// An event: the node, and what happens to it. Of a timer all three numbers say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    Message(Message),
    Timer(u8, Timer),
    Crash(u8),
    /// A crash while a message arrives, before so many-th call of persist from 0.
    CrashInMessage(Message, usize),
    CrashInTimer(u8, Timer, usize),
    Restart(u8),
}

/// How many crashes and restarts there may be, and for which nodes something special holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) crashes: u16,
    pub(crate) restarts: u16,
    pub(crate) nodes: BTreeMap<u8, bool>,
}

impl Mishaps {
    pub(crate) fn random(table: &Table, dice: &mut Dice) -> Self {
        let mut nodes = BTreeMap::new();
        for _ in 0..dice.below(2) {
            nodes.insert(dice.below(table.nodes), dice.once_in(2));
        }
        Self { crashes: 1 + u16::from(dice.below(2)), restarts: u16::from(dice.below(3)), nodes }
    }

    pub(crate) fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        faults.crashes(self.crashes).restarts(self.restarts);
        for (node, may) in &self.nodes {
            faults.node(address(*node), *may);
        }
        faults
    }
}

/// What the network and the timers allow: one field for each setting, and nothing where nothing is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    links: BTreeMap<(u8, u8), bool>,
    senders: BTreeMap<u8, bool>,
    receivers: BTreeMap<u8, bool>,
    network: Option<bool>,
    node_timers: BTreeMap<u8, bool>,
    timers: Option<bool>,
}

impl Switches {
    pub(crate) fn random(table: &Table, dice: &mut Dice) -> Self {
        let mut switches = Self::default();
        if dice.once_in(3) {
            return switches;
        }
        let node = |dice: &mut Dice| dice.below(table.nodes);
        for _ in 0..dice.below(4) {
            switches.links.insert((node(dice), node(dice)), dice.once_in(2));
        }
        for _ in 0..dice.below(3) {
            switches.senders.insert(node(dice), dice.once_in(2));
        }
        for _ in 0..dice.below(3) {
            switches.receivers.insert(node(dice), dice.once_in(2));
        }
        for _ in 0..dice.below(3) {
            switches.node_timers.insert(node(dice), dice.once_in(2));
        }
        switches.network = dice.once_in(3).then(|| dice.once_in(3));
        switches.timers = dice.once_in(3).then(|| dice.once_in(3));
        switches
    }

    pub(crate) fn delivery(&self) -> Delivery {
        let mut delivery = Delivery::default();
        for ((from, to), on) in &self.links {
            delivery.link(address(*from), address(*to), *on);
        }
        for (node, on) in &self.senders {
            delivery.sender(address(*node), *on);
        }
        for (node, on) in &self.receivers {
            delivery.receiver(address(*node), *on);
        }
        for (node, on) in &self.node_timers {
            delivery.node_timers(address(*node), *on);
        }
        if let Some(on) = self.network {
            delivery.network(on);
        }
        if let Some(on) = self.timers {
            delivery.timers(on);
        }
        delivery
    }

    fn lets_through(&self, from: u8, to: u8) -> bool {
        if from == to {
            return true;
        }
        if let Some(on) = self.links.get(&(from, to)) {
            return *on;
        }
        if let Some(on) = self.senders.get(&from) {
            return *on;
        }
        if let Some(on) = self.receivers.get(&to) {
            return *on;
        }
        self.network.unwrap_or(true)
    }

    fn lets_fire(&self, node: u8) -> bool {
        match self.node_timers.get(&node) {
            Some(on) => *on,
            None => self.timers.unwrap_or(true),
        }
    }
}

impl World {
    /// The state after every node's `init`.
    pub(crate) fn initial(table: &Table) -> Self {
        let one = One { state: 0, fuel: table.fuel, durable: None, timers: Vec::new(), up: true };
        let nodes = vec![one; usize::from(table.nodes)];
        let mut world = Self { nodes, network: BTreeSet::new(), used: (0, 0) };
        for me in 0..table.nodes {
            let Rule::Do(act) = table.rule(me, 0, table.fuel, Input::Init) else {
                panic!("an init does something")
            };
            if table.is_asleep(me) {
                world.nodes[usize::from(me)].up = false;
            } else {
                world.apply(me, &act);
            }
        }
        world
    }

    fn apply(&mut self, me: u8, act: &Act) {
        let one = &mut self.nodes[usize::from(me)];
        one.state = act.state;
        for timer in &act.timers {
            one.fuel -= 1;
            one.timers.push(*timer);
        }
        one.durable = act.persists.or(act.persists_early).or(one.durable);
        for (to, value) in &act.sends {
            self.network.insert((me, *to, *value));
        }
    }

    /// Whether nothing that may happen changes anything. A handler that panics is a change, a crash is none.
    pub(crate) fn is_at_rest(&self, table: &Table, switches: &Switches, mishaps: &Mishaps) -> bool {
        let goes_on = |happening: Happening| {
            !happening.is_crash() && self.after(table, happening).as_ref() != Some(self)
        };
        !self.happenings(table, switches, mishaps).into_iter().any(goes_on)
    }

    /// Every event that may happen.
    pub(crate) fn happenings(&self, table: &Table, switches: &Switches, mishaps: &Mishaps) -> Vec<Happening> {
        let mut happenings = self.plain_happenings(switches);
        for (node, one) in (0..).zip(&self.nodes) {
            if !one.up {
                happenings.extend((self.used.1 < mishaps.restarts).then_some(Happening::Restart(node)));
                continue;
            }
            if self.used.0 >= mishaps.crashes || !mishaps.nodes.get(&node).copied().unwrap_or(true) {
                continue;
            }
            happenings.push(Happening::Crash(node));
            for plain in self.plain_happenings(switches) {
                for call in 0..2 {
                    let crash = match plain {
                        Happening::Message(message) if message.1 == node => {
                            Happening::CrashInMessage(message, call)
                        }
                        Happening::Timer(of, timer) if of == node => Happening::CrashInTimer(of, timer, call),
                        _ => continue,
                    };
                    if self.crash_in(table, crash).is_some() {
                        happenings.push(crash);
                    }
                }
            }
        }
        happenings
    }

    /// Every delivery and every timer that may happen.
    fn plain_happenings(&self, switches: &Switches) -> Vec<Happening> {
        let mut happenings = Vec::new();
        for message in &self.network {
            let (from, to, _) = *message;
            let up = self.nodes.get(usize::from(to)).is_some_and(|one| one.up);
            if up && switches.lets_through(from, to) {
                happenings.push(Happening::Message(*message));
            }
        }
        for (node, one) in (0..).zip(&self.nodes) {
            if !switches.lets_fire(node) {
                continue;
            }
            for (place, timer) in one.timers.iter().enumerate() {
                // One whose maximum is at most our minimum is certain to fire before us.
                let blocked = one.timers[..place].iter().any(|earlier| timer.1 >= earlier.2);
                let happening = Happening::Timer(node, *timer);
                if !blocked && !happenings.contains(&happening) {
                    happenings.push(happening);
                }
            }
        }
        happenings
    }

    /// The state after an event; `None` if its handler panics.
    pub(crate) fn after(&self, table: &Table, happening: Happening) -> Option<Self> {
        let mut world = self.clone();
        let (me, input) = match happening {
            Happening::Message((from, to, value)) => (to, Input::Message { from, value }),
            Happening::Timer(node, timer) => (node, Input::Timer(timer.0)),
            Happening::Crash(node) => {
                world.crash(table, node);
                return Some(world);
            }
            Happening::CrashInMessage(..) | Happening::CrashInTimer(..) => {
                return self.crash_in(table, happening);
            }
            Happening::Restart(node) => {
                world.used.1 += 1;
                let one = &mut world.nodes[usize::from(node)];
                one.up = true;
                one.state = one.durable.map_or(0, |durable| durable % table.states);
                (node, Input::Recover)
            }
        };
        let one = &world.nodes[usize::from(me)];
        match table.rule(me, one.state, one.fuel, input) {
            Rule::Panic => return None,
            Rule::Nothing => {}
            Rule::Do(act) => world.apply(me, &act),
        }
        if let Happening::Timer(_, timer) = happening {
            let timers = &mut world.nodes[usize::from(me)].timers;
            let place = timers.iter().position(|t| *t == timer).unwrap();
            timers.remove(place);
        }
        Some(world)
    }

    /// What was persisted stays, and what was sent; the rest is as it was made.
    fn crash(&mut self, table: &Table, node: u8) {
        self.used.0 += 1;
        let one = &mut self.nodes[usize::from(node)];
        *one = One { state: 0, fuel: table.fuel, durable: one.durable, timers: Vec::new(), up: false };
    }

    /// The state after a crash in a handler; `None` if there is no such crash: the handler does not persist so often, or
    /// nothing new, or there is nothing before it that a crash before the handler would not leave as well.
    fn crash_in(&self, table: &Table, happening: Happening) -> Option<Self> {
        let (me, input, call) = match happening {
            Happening::CrashInMessage((from, to, value), call) => (to, Input::Message { from, value }, call),
            Happening::CrashInTimer(node, timer, call) => (node, Input::Timer(timer.0), call),
            _ => return None,
        };
        let one = &self.nodes[usize::from(me)];
        let Rule::Do(act) = table.rule(me, one.state, one.fuel, input) else { return None };
        let mut world = self.clone();
        // Only the late call can have something before it.
        let late = usize::from(act.persists_early.is_some());
        let after_early = act.persists_early.or(one.durable);
        let something = !act.sends.is_empty() || after_early != one.durable;
        if call != late || act.persists.is_none() || act.persists == after_early || !something {
            return None;
        }
        world.nodes[usize::from(me)].durable = after_early;
        for (to, value) in &act.sends {
            world.network.insert((me, *to, *value));
        }
        world.crash(table, me);
        Some(world)
    }

    /// The same without the number of crashes and restarts, which no predicate sees.
    pub(crate) fn seen(mut self) -> Self {
        self.used = (0, 0);
        self
    }

    /// What the engine's form of a state says.
    pub(crate) fn of(state: &State) -> Self {
        Self::of_view(&state.view())
    }

    /// What a predicate sees.
    pub(crate) fn of_view(view: &View<'_>) -> Self {
        let nodes = view.addresses().map(|address| {
            let (state, fuel) = fields(view, number(address));
            let durable = view.durable(address).map(|durable| durable.to::<u8>().unwrap());
            let timers = view.timers(address).iter().map(timer_of).collect();
            One { state, fuel, durable, timers, up: view.is_up(address) }
        });
        let nodes = nodes.collect();
        let network = view.envelopes();
        let network = network.iter().map(|e| (number(e.from), number(e.to), value_of(&e.message))).collect();
        Self { nodes, network, used: (0, 0) }
    }

    /// The state without something, by its name in a profile.
    pub(crate) fn without(&self, item: &str) -> Self {
        let mut rest = self.clone();
        if item == "message Note" {
            rest.network.clear();
        }
        let nodes = item.contains("TableNode").then_some(&mut rest.nodes).into_iter().flatten();
        for one in nodes {
            match item.split_once('.') {
                Some((_, "state")) => one.state = 0,
                Some((_, "fuel")) => one.fuel = 0,
                Some((_, "me")) => {}
                None if item.starts_with("timer Alarm of ") => one.timers.clear(),
                _ => panic!("nobody expects `{item}`"),
            }
        }
        rest
    }

    /// The different values of something that a profile names, in this state.
    pub(crate) fn values(&self, item: &str) -> BTreeSet<String> {
        if item == "message Note" {
            return self.network.iter().map(|message| format!("{message:?}")).collect();
        }
        let values = (0..).zip(&self.nodes).flat_map(|(me, one): (u8, &One)| match item.split_once('.') {
            Some((_, "state")) => vec![one.state.to_string()],
            Some((_, "fuel")) => vec![one.fuel.to_string()],
            Some((_, "me")) => vec![me.to_string()],
            _ => one.timers.iter().map(|timer| format!("{timer:?}")).collect(),
        });
        values.collect()
    }

    /// A node with the messages that it has sent.
    pub(crate) fn component(&self, node: u8) -> (One, BTreeSet<Message>) {
        let sent = self.network.iter().filter(|(from, ..)| *from == node).copied();
        (self.nodes[usize::from(node)].clone(), sent.collect())
    }

    /// What a view shows of it: all but the faults used.
    pub(crate) fn shown(&self) -> Self {
        Self { used: (0, 0), ..self.clone() }
    }

    /// The state with the faults that the events of a trace used: an engine's state does not tell.
    pub(crate) fn after_faults_in(mut self, events: &[Event]) -> Self {
        for happening in events.iter().map(Happening::of) {
            self.used.0 += u16::from(happening.is_crash());
            self.used.1 += u16::from(matches!(happening, Happening::Restart(_)));
        }
        self
    }

    /// Takes every message out of the network, and says which.
    pub(crate) fn drop_all(&mut self) -> BTreeSet<Message> {
        std::mem::take(&mut self.network)
    }

    /// Puts those of `dropped` back that `node` sent.
    pub(crate) fn undrop_from(&mut self, dropped: &BTreeSet<Message>, node: u8) {
        self.network.extend(dropped.iter().filter(|(from, ..)| *from == node));
    }
}

fn value_of(message: &Payload) -> u8 {
    message.get::<Note>().unwrap().0
}

fn timer_of(timer: &PendingTimer) -> Timer {
    let millis = |duration: Duration| u8::try_from(duration.as_millis()).unwrap();
    let value = timer.timer.get::<Alarm>().unwrap().0;
    (value, millis(timer.length.at_least()), millis(timer.length.at_most()))
}

impl Happening {
    fn is_crash(self) -> bool {
        matches!(self, Self::Crash(_) | Self::CrashInMessage(..) | Self::CrashInTimer(..))
    }

    /// What the engine's form of an event says.
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Deliver(e) => Self::Message((number(e.from), number(e.to), value_of(&e.message))),
            Event::Fire { node, timer } => Self::Timer(number(*node), timer_of(timer)),
            Event::Crash { node, during: None } => Self::Crash(number(*node)),
            Event::Crash { during: Some(interrupted), .. } => match Self::of(&interrupted.event) {
                Self::Message(message) => Self::CrashInMessage(message, interrupted.persist),
                Self::Timer(node, timer) => Self::CrashInTimer(node, timer, interrupted.persist),
                other => panic!("{other:?} cannot be interrupted"),
            },
            Event::Restart { node } => Self::Restart(number(*node)),
        }
    }
}

/// Of how many states a node counts itself as nearer to what is wanted of it.
const SO_FAR: usize = 7;

/// Something that may be true of a state.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Claim {
    StateIs(u8, u8),
    /// Looks at the second node only where the first is as it says.
    Both(u8, u8, u8, u8),
    /// The first says which of two other nodes is looked at.
    Follows(u8, u8),
    Sum(u8),
    Sent(Message),
    Waits(u8, u8),
    Durable(u8, u8),
    /// Of some node of the first kind; its negation is a property of each node, and of each two.
    AnyIs(u8),
    AnyTwo(u8, u8),
    /// Of all nodes of the first kind: itself a property of each node, and of each two.
    AllAre(u8),
    AllDiffer,
    Never,
}

impl Claim {
    pub(crate) fn random(table: &Table, dice: &mut Dice) -> Self {
        let node = dice.below(table.nodes);
        let other = dice.below(table.nodes);
        match dice.below(14) {
            0 => Self::StateIs(node, 1 + dice.below(table.states - 1)),
            1 | 2 => Self::Both(node, dice.below(table.states), other, 1 + dice.below(table.states - 1)),
            3 => Self::Follows(node, 1 + dice.below(table.states - 1)),
            4 => Self::Sum(1 + dice.below(table.nodes * (table.states - 1))),
            5 => Self::Sent((node, other, dice.below(table.messages))),
            6 => Self::Waits(node, dice.below(table.timers)),
            7 => Self::Durable(node, dice.below(2)),
            8 | 9 => Self::AnyIs(1 + dice.below(table.states - 1)),
            10 | 11 => Self::AnyTwo(1 + dice.below(table.states - 1), dice.below(table.states)),
            12 => Self::AllAre(1 + dice.below(table.states - 1)),
            _ => Self::AllDiffer,
        }
    }

    /// On a plain state.
    pub(crate) fn is_true(self, table: &Table, world: &World) -> bool {
        let first_kind: Vec<u8> = (0..table.nodes)
            .filter(|node| table.kind(*node) == 0 && world.nodes[usize::from(*node)].up)
            .map(|node| world.nodes[usize::from(node)].state)
            .collect();
        let one = |node: u8| &world.nodes[usize::from(node)];
        match self {
            Self::StateIs(node, state) => one(node).state == state,
            Self::Both(a, x, b, y) => one(a).state == x && one(b).state == y,
            Self::Follows(a, y) => one(one(a).state % u8::try_from(world.nodes.len()).unwrap()).state == y,
            Self::Sum(sum) => world.nodes.iter().map(|one| one.state).sum::<u8>() == sum,
            Self::Sent(message) => world.network.contains(&message),
            Self::Waits(node, value) => one(node).timers.iter().any(|timer| timer.0 == value),
            Self::Durable(node, value) => one(node).durable == Some(value),
            Self::AnyIs(state) => first_kind.contains(&state),
            Self::AnyTwo(x, y) => pairs(&first_kind).any(|pair| pair == (x, y)),
            Self::AllAre(state) => first_kind.iter().all(|s| *s == state),
            Self::AllDiffer => pairs(&first_kind).all(|(x, y)| x != y),
            Self::Never => false,
        }
    }

    /// On a view; looks at no more than it has to.
    fn holds(self, view: &View<'_>) -> bool {
        let state = |node: u8| fields(view, node).0;
        let nodes = || 0..u8::try_from(view.addresses().count()).unwrap();
        let first_kind = || view.nodes::<TableNode<0>>().map(|(_, node)| node.state).collect::<Vec<_>>();
        match self {
            Self::StateIs(node, wanted) => state(node) == wanted,
            Self::Both(a, x, b, y) => state(a) == x && state(b) == y,
            Self::Follows(a, y) => state(state(a) % u8::try_from(view.addresses().count()).unwrap()) == y,
            Self::Sum(sum) => nodes().map(state).sum::<u8>() == sum,
            Self::Sent((from, to, value)) => {
                view.any_message(|f, t, Note(v)| (f, t, *v) == (address(from), address(to), value))
            }
            Self::Waits(node, value) => view.timers(address(node)).iter().any(|t| timer_of(t).0 == value),
            Self::Durable(node, value) => {
                view.durable(address(node)).is_some_and(|durable| durable.to::<u8>().unwrap() == value)
            }
            Self::AnyIs(state) => view.nodes::<TableNode<0>>().any(|(_, node)| node.state == state),
            Self::AnyTwo(x, y) => pairs(&first_kind()).any(|pair| pair == (x, y)),
            Self::AllAre(state) => view.nodes::<TableNode<0>>().all(|(_, node)| node.state == state),
            Self::AllDiffer => pairs(&first_kind()).all(|(x, y)| x != y),
            Self::Never => false,
        }
    }

    /// That it is true.
    pub(crate) fn predicate(self, name: String) -> Predicate {
        match self {
            Self::AllAre(state) => Predicate::for_each(name, move |_, node: &TableNode<0>| {
                let outcome = Outcome::from(node.state == state);
                outcome.so_far(usize::from(node.state), SO_FAR)
            }),
            Self::AllDiffer => {
                type Pair<'a> = (Address, &'a TableNode<0>);
                Predicate::for_each_pair(name, |a: Pair<'_>, b: Pair<'_>| (a.1.state != b.1.state).into())
            }
            _ => Predicate::holds(name, move |view| self.holds(view)),
        }
    }

    /// What has to hold for it to be true: the nodes each part is about, and whether it holds or else how far it is from
    /// that, in millionths.
    pub(crate) fn parts(self, table: &Table, world: &World) -> Vec<(Vec<Address>, Result<(), u64>)> {
        let state = |node: u8| world.nodes[usize::from(node)].state;
        let is_up = |node: u8| world.nodes[usize::from(node)].up;
        let first_kind: Vec<u8> =
            (0..table.nodes).filter(|node| table.kind(*node) == 0 && is_up(*node)).collect();
        let when = |holds: bool, left: u64| if holds { Ok(()) } else { Err(left) };
        match self {
            Self::AllAre(wanted) => {
                let left = |node: u8| 1_000_000 - u64::from(state(node)) * 1_000_000 / SO_FAR as u64;
                let one = |node: &u8| (vec![address(*node)], when(state(*node) == wanted, left(*node)));
                first_kind.iter().map(one).collect()
            }
            Self::AllDiffer => pairs(&first_kind)
                .map(|(a, b)| (vec![address(a), address(b)], when(state(a) != state(b), 1_000_000)))
                .collect(),
            _ => vec![(Vec::new(), when(self.is_true(table, world), 1_000_000))],
        }
    }

    /// The invariant that it is never true.
    pub(crate) fn invariant(self, name: String) -> Predicate {
        let unless = move |bad: bool| {
            if bad { Outcome::fails(format!("{self:?}")) } else { Outcome::holds() }
        };
        match self {
            Self::AnyIs(state) => {
                Predicate::for_each(name, move |_, node: &TableNode<0>| unless(node.state == state))
            }
            Self::AnyTwo(x, y) => {
                type Pair<'a> = (Address, &'a TableNode<0>);
                Predicate::for_each_pair(name, move |a: Pair<'_>, b: Pair<'_>| {
                    unless((a.1.state, b.1.state) == (x, y))
                })
            }
            _ => Predicate::new(name, move |view| unless(self.holds(view))),
        }
    }
}

/// Every two, the earlier first.
fn pairs(states: &[u8]) -> impl Iterator<Item = (u8, u8)> {
    states.iter().enumerate().flat_map(|(i, x)| states[i + 1..].iter().map(|y| (*x, *y)))
}

/// Something that may be true of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StepClaim {
    /// The state of a node gets smaller, while it has this one before.
    Decreases(u8, u8),
    /// A message with this value arrives, and afterwards the claim is true.
    Leads(u8, Claim),
    /// A timer fires and before that the claim was true.
    Follows(Claim),
}

impl StepClaim {
    pub(crate) fn random(table: &Table, dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::Decreases(dice.below(table.nodes), 1 + dice.below(table.states - 1)),
            1 => Self::Leads(dice.below(table.messages), Claim::random(table, dice)),
            _ => Self::Follows(Claim::random(table, dice)),
        }
    }

    pub(crate) fn is_true(self, table: &Table, before: &World, happening: Happening, after: &World) -> bool {
        match self {
            Self::Decreases(node, from) => {
                let state = |world: &World| world.nodes[usize::from(node)].state;
                state(before) == from && state(after) < from
            }
            Self::Leads(value, claim) => {
                matches!(happening, Happening::Message((_, _, v)) if v == value)
                    && claim.is_true(table, after)
            }
            Self::Follows(claim) => matches!(happening, Happening::Timer(..)) && claim.is_true(table, before),
        }
    }

    /// The step invariant that it is never true.
    pub(crate) fn invariant(self, name: String) -> StepPredicate {
        StepPredicate::new(name, move |step| {
            let bad = match self {
                Self::Decreases(node, from) => {
                    let state = |view: &View<'_>| fields(view, node).0;
                    state(step.before) == from && state(step.after) < from
                }
                Self::Leads(value, claim) => {
                    matches!(Happening::of(step.event), Happening::Message((_, _, v)) if v == value)
                        && claim.holds(step.after)
                }
                Self::Follows(claim) => matches!(step.event, Event::Fire { .. }) && claim.holds(step.before),
            };
            if bad { Outcome::fails(format!("{self:?}")) } else { Outcome::holds() }
        })
    }
}

/// What to look for, and how far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) switches: Switches,
    pub(crate) mishaps: Mishaps,
    /// What must never be true of a state.
    pub(crate) never: Vec<Claim>,
    /// What must never be true of a step.
    pub(crate) never_steps: Vec<StepClaim>,
    pub(crate) goals: Vec<Claim>,
    pub(crate) prunes: Vec<Claim>,
    /// Where the system may come to rest, if stuck states are looked for.
    pub(crate) stuck: Option<Vec<Claim>>,
    pub(crate) max_depth: Option<u32>,
}

/// How an enumeration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exhausted,
    Depth,
    Panicked,
    Violated(usize),
    ViolatedStep(usize),
    Stuck,
    Goal(usize),
}

/// What an enumeration found.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) end: End,
    /// The depth of what was found: of the state, or after the step.
    pub(crate) depth: u32,
    pub(crate) levels: Vec<u64>,
    /// Every state with its depth.
    pub(crate) states: BTreeMap<World, u32>,
    pub(crate) goal_states: BTreeSet<World>,
    pub(crate) pruned: Vec<u64>,
}

impl Answer {
    pub(crate) fn total(&self) -> u64 {
        self.states.len() as u64
    }
}

/// Visits every state, level by level. Stops after the level in which the number of states exceeds `cap`; `None` then.
pub(crate) fn enumerate(
    table: &Table,
    starts: &[(World, u32)],
    question: &Question,
    cap: usize,
) -> Option<Answer> {
    let first_depth = starts.iter().map(|(_, depth)| *depth).min().unwrap();
    let last_start = starts.iter().map(|(_, depth)| *depth).max().unwrap();
    let mut answer = Answer {
        end: End::Exhausted,
        depth: first_depth,
        levels: vec![0; first_depth as usize],
        states: BTreeMap::new(),
        goal_states: BTreeSet::new(),
        pruned: vec![0; question.prunes.len()],
    };
    // What the steps from the level before led to.
    let mut reached: BTreeSet<World> = BTreeSet::new();
    let (mut panicked, mut bad_step, mut stuck) = (false, None, false);
    let mut depth_spent = false;
    for depth in first_depth.. {
        let mut level: BTreeSet<World> = BTreeSet::new();
        for world in std::mem::take(&mut reached) {
            answer.states.insert(world.clone(), depth);
            level.insert(world);
        }
        for (start, _) in starts.iter().filter(|(_, of)| *of == depth) {
            if !answer.states.contains_key(start) {
                answer.states.insert(start.clone(), depth);
                level.insert(start.clone());
            }
        }
        answer.levels.push(level.len() as u64);
        let (mut bad, mut goal) = (None, None);
        let mut expandable = Vec::new();
        for world in level {
            // A start is never pruned, also where another start leads to it.
            let is_start = starts.iter().any(|(start, _)| *start == world);
            let first = |claims: &[Claim]| claims.iter().position(|claim| claim.is_true(table, &world));
            if let Some(number) = first(&question.never) {
                bad = Some(bad.map_or(number, |least: usize| least.min(number)));
            } else if let Some(number) = first(&question.goals) {
                goal = Some(goal.map_or(number, |least: usize| least.min(number)));
                answer.goal_states.insert(world);
            } else if let Some(number) = first(&question.prunes).filter(|_| !is_start) {
                answer.pruned[number] += 1;
            } else {
                expandable.push(world);
            }
        }
        // Later starts are looked at also if they are deeper than the limit.
        if question.max_depth.is_some_and(|max| depth >= max) {
            depth_spent |= !expandable.is_empty();
            expandable.clear();
        }
        answer.depth = depth;
        let end = if panicked {
            Some(End::Panicked)
        } else if let Some(number) = bad {
            Some(End::Violated(number))
        } else if let Some(number) = bad_step {
            Some(End::ViolatedStep(number))
        } else if stuck {
            // It is one of the states that were expanded, a level before.
            answer.depth = depth - 1;
            Some(End::Stuck)
        } else if let Some(number) = goal {
            Some(End::Goal(number))
        } else if expandable.is_empty() && depth >= last_start {
            Some(if depth_spent { End::Depth } else { End::Exhausted })
        } else {
            None
        };
        if let Some(end) = end {
            answer.end = end;
            while answer.levels.last() == Some(&0) {
                answer.levels.pop();
            }
            return Some(answer);
        }
        if answer.states.len() > cap {
            return None;
        }
        (panicked, bad_step, stuck) = (false, None, false);
        for world in expandable {
            let mut goes_on = false;
            for happening in world.happenings(table, &question.switches, &question.mishaps) {
                let Some(next) = world.after(table, happening) else {
                    (panicked, goes_on) = (true, true);
                    continue;
                };
                if next == world {
                    continue;
                }
                // A crash does not set anything going.
                goes_on |= !happening.is_crash();
                let wrong = question
                    .never_steps
                    .iter()
                    .position(|claim| claim.is_true(table, &world, happening, &next));
                if let Some(number) = wrong {
                    bad_step = Some(bad_step.map_or(number, |least: usize| least.min(number)));
                }
                if !answer.states.contains_key(&next) {
                    reached.insert(next);
                }
            }
            let may_end = |ends: &Vec<Claim>| ends.iter().any(|end| end.is_true(table, &world));
            stuck |= !goes_on && question.stuck.as_ref().is_some_and(|ends| !may_end(ends));
        }
    }
    unreachable!("depths do not end")
}

/// As [`enumerate`], with the greatest depth limit under which there are at most `cap` states, if there have to be any.
/// That limit is put into `question`.
pub(crate) fn enumerate_some(
    table: &Table,
    starts: &[(World, u32)],
    question: &mut Question,
    cap: usize,
) -> Answer {
    if let Some(answer) = enumerate(table, starts, question, cap) {
        return answer;
    }
    // The level that was too much is the last one: one depth at a time is as good as any way, at these sizes.
    let mut depth = starts.iter().map(|(_, depth)| *depth).min().unwrap() + 1;
    let mut best = None;
    loop {
        question.max_depth = Some(depth);
        match enumerate(table, starts, question, cap * 4) {
            Some(answer) if answer.states.len() <= cap || best.is_none() => best = Some(answer),
            _ => break,
        }
        depth += 1;
    }
    question.max_depth = Some(depth - 1);
    best.expect("one step from a start leads to few states")
}

/// Whether a state in which a claim is true can be reached from this one; `None` if there is too much to look at.
pub(crate) fn can_reach(
    table: &Table,
    question: &Question,
    from: &World,
    goal: &[Claim],
    cap: usize,
) -> Option<bool> {
    let mut seen = BTreeSet::from([from.clone()]);
    let mut left = vec![from.clone()];
    while let Some(world) = left.pop() {
        if goal.iter().any(|claim| claim.is_true(table, &world)) {
            return Some(true);
        }
        if seen.len() > cap {
            return None;
        }
        for happening in world.happenings(table, &question.switches, &question.mishaps) {
            left.extend(world.after(table, happening).filter(|next| seen.insert(next.clone())));
        }
    }
    Some(false)
}

/// Follows a trace of the engine on plain states: every event has to be possible, and lead to the engine's state. A
/// handler may panic in the last one.
pub(crate) fn follow(table: &Table, question: &Question, states: &[State], events: &[Event]) {
    let mut world = World::of(&states[0]);
    for (place, event) in events.iter().enumerate() {
        let happening = Happening::of(event);
        let possible = world.happenings(table, &question.switches, &question.mishaps);
        assert!(possible.contains(&happening), "{event} is not possible in {world:?}");
        match world.after(table, happening) {
            Some(next) => world = next,
            None => {
                assert_eq!(place + 1, events.len(), "{event} panics in the middle of a trace");
                assert_eq!(states.len(), events.len(), "{event} panics");
                return;
            }
        }
        assert_eq!(world.clone().seen(), World::of(&states[place + 1]), "after {event}");
    }
    assert_eq!(states.len(), events.len() + 1);
}
