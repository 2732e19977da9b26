//! What stood in the way of everything: messages and timers held back by the settings, handlers that never ran.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::engine::Engine;
use crate::guard;
use crate::handler::Input;
use crate::results::Coverage;

/// Things that did not happen in a search, and why. Not every one is a mistake; a goal that is missed has its reason
/// often among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Obstacles {
    /// Links that the settings switch off, with what was sent over them: the different messages by kind.
    pub held_messages: Vec<Held>,
    /// Nodes whose timers the settings switch off, with the different timers that were pending.
    pub held_timers: Vec<Held>,
    /// Kinds of messages that were sent over an open link, but not delivered: `RequestVote from server1 to server2`.
    pub never_delivered: Vec<String>,
    /// Kinds of timers that were set and might fire, but did not: `Election of server1`.
    pub never_fired: Vec<String>,
    /// Handlers that ran and never did anything: `on_message(Append) of Server`.
    pub without_effect: Vec<String>,
    /// Kinds of messages that the lab declares and that nobody ever sent.
    pub never_sent: Vec<String>,
    /// Kinds of timers that the lab declares and that nobody ever set.
    pub never_set: Vec<String>,
    /// Prunes with the number of states they cut.
    pub prunes: Vec<(String, u64)>,
}

/// What a setting held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Where: `server1 → server2`, or `server1`.
    pub place: String,
    /// How many different messages or timers of each kind.
    pub kinds: Vec<(String, u64)>,
}

impl Held {
    fn new(place: String, kinds: BTreeMap<String, u64>) -> Self {
        Self { place, kinds: kinds.into_iter().collect() }
    }
}

impl Obstacles {
    /// Looks through the tables of a search. `coverage` is what the search says of itself.
    pub(crate) fn of(engine: &Engine<'_>, coverage: &Coverage) -> Self {
        // The names of messages are printed, and that is a student's code.
        guard::catch(|| Self::look(engine, coverage)).unwrap_or_default()
    }

    fn look(engine: &Engine<'_>, coverage: &Coverage) -> Self {
        let space = &engine.space;
        let mut obstacles = Self {
            prunes: coverage.prunes.clone(),
            without_effect: coverage
                .handlers
                .iter()
                .filter(|handler| handler.effective == 0)
                .map(|handler| format!("{} of {}", handler.handler, handler.node_type))
                .collect(),
            ..Self::default()
        };
        let mut held = BTreeSet::new();
        for (from, sender) in space.addresses.iter().enumerate() {
            for (to, receiver) in space.addresses.iter().enumerate() {
                if space.delivery.may_deliver(*sender, *receiver) {
                    continue;
                }
                let mut kinds = BTreeMap::new();
                for envelope in space.messages.between(from, to) {
                    let kind = envelope.message.kind();
                    held.insert(format!("{kind} from {sender} to {receiver}"));
                    *kinds.entry(kind).or_default() += 1;
                }
                if !kinds.is_empty() {
                    obstacles.held_messages.push(Held::new(format!("{sender} → {receiver}"), kinds));
                }
            }
        }
        let open = coverage.never_delivered.iter().filter(|message| !held.contains(*message));
        obstacles.never_delivered = open.cloned().collect();
        obstacles.look_at_timers(engine);
        obstacles.look_at_kinds(engine);
        obstacles
    }

    fn look_at_timers(&mut self, engine: &Engine<'_>) {
        let space = &engine.space;
        for (i, address) in space.addresses.iter().enumerate() {
            // A queue of timers stands in many locals; each timer is named once.
            let mut pending = BTreeSet::new();
            for entry in &space.nodes[i].locals {
                for timer in entry.local.timers.as_slice() {
                    if !pending.contains(timer) {
                        pending.insert(timer.clone());
                    }
                }
            }
            if space.delivery.may_fire(*address) {
                let fired: BTreeSet<String> = space.nodes[i]
                    .runs()
                    .filter(|(event, ..)| matches!(space.input(i, *event), Input::Timer(_)))
                    .map(|(event, ..)| space.input(i, event).handler())
                    .collect();
                let kinds: BTreeSet<String> = pending.iter().map(|timer| timer.timer.kind()).collect();
                let silent = kinds.into_iter().filter(|kind| !fired.contains(&format!("on_timer({kind})")));
                self.never_fired.extend(silent.map(|kind| format!("{kind} of {address}")));
            } else {
                let mut kinds = BTreeMap::new();
                for timer in &pending {
                    *kinds.entry(timer.timer.kind()).or_default() += 1;
                }
                if !kinds.is_empty() {
                    self.held_timers.push(Held::new(address.to_string(), kinds));
                }
            }
        }
    }

    fn look_at_kinds(&mut self, engine: &Engine<'_>) {
        let space = &engine.space;
        let Some(local) = space.nodes.first().and_then(|node| node.locals.first()) else { return };
        let node = &local.local.node;
        let [messages, timers] = node.kinds();
        let [(_, message_type), (_, timer_type)] = node.speaks();
        let nodes = 0..space.len();
        let sent = nodes.clone().flat_map(|from| (0..=space.len()).map(move |to| (from, to)));
        let sent = sent.flat_map(|(from, to)| space.messages.between(from, to));
        let sent: BTreeSet<String> = sent
            .filter(|envelope| envelope.message.type_name() == message_type)
            .map(|envelope| envelope.message.kind())
            .collect();
        self.never_sent = never(messages, &sent);
        let pending = nodes.flat_map(|i| &space.nodes[i].locals).flat_map(|e| e.local.timers.as_slice());
        let pending: BTreeSet<_> =
            pending.map(|timer| &timer.timer).filter(|timer| timer.type_name() == timer_type).collect();
        let set: BTreeSet<String> = pending.into_iter().map(|timer| timer.kind()).collect();
        self.never_set = never(timers, &set);
    }
}

/// The declared kinds that never occurred; none if some that occurred is not declared, because then serde and `Debug`
/// know the kinds by different names.
fn never(declared: &[&str], occurred: &BTreeSet<String>) -> Vec<String> {
    if occurred.iter().any(|kind| !declared.contains(&kind.as_str())) {
        return Vec::new();
    }
    let missing = declared.iter().filter(|kind| !occurred.contains(**kind));
    missing.map(|kind| (*kind).to_owned()).collect()
}
