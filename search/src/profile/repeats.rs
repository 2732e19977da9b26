//! Finds messages that do something again when they arrive a second time right after the first.

use std::collections::BTreeMap;

use framework::{Local, Value};

use super::Repeat;
use super::count::States;
use crate::handler::Input;
use crate::space::{ComponentId, EventId, Space};
use crate::state::State;

/// How many changes an example shows.
const CHANGES_MAX: usize = 3;

/// What was seen of one kind of message at one type of node.
#[derive(Default)]
struct Seen {
    repeated: u64,
    changed: u64,
    example: Option<Example>,
}

/// The two deliveries that are the easiest to understand: the fewest changes.
struct Example {
    changes: usize,
    text: String,
}

/// The handlers for which some second delivery changes something, by type of node and kind of message.
pub(super) fn repeats(space: &Space, start: &State, states: &States) -> Vec<Repeat> {
    let mut seen: BTreeMap<(String, String), Seen> = BTreeMap::new();
    for (node, occurs) in states.occurs.iter().enumerate() {
        let node_type = start.local(node).node.type_name();
        let mut kinds: BTreeMap<u32, Option<String>> = BTreeMap::new();
        for (before, _) in (0..).zip(occurs).filter(|(_, occurs)| **occurs) {
            let (components, layout) = (&space.nodes[node].components, &space.layouts[node]);
            components.for_each_successor(layout, before, |event, once| {
                let Some(twice) = second(space, node, once, event) else { return };
                let kind = kinds.entry(event.number()).or_insert_with(|| kind(space, node, event));
                let Some(kind) = kind else { return };
                let seen = seen.entry((node_type.to_owned(), kind.clone())).or_default();
                seen.repeated += 1;
                if twice != once {
                    seen.changed += 1;
                    seen.keep(|| example(space, node, event, [before, once, twice]));
                }
            });
        }
    }
    let repeat = |((node_type, message), seen): ((String, String), Seen)| {
        let example = seen.example?.text;
        Some(Repeat { node_type, message, repeated: seen.repeated, changed: seen.changed, example })
    };
    seen.into_iter().filter_map(repeat).collect()
}

impl Seen {
    fn keep(&mut self, make: impl FnOnce() -> Example) {
        // Most nodes of a space are alike: a few examples are enough to choose from.
        if self.changed <= 100 {
            let new = make();
            if self.example.as_ref().is_none_or(|old| new.changes < old.changes) {
                self.example = Some(new);
            }
        }
    }
}

/// The component after the same event again, if the search has found out.
fn second(space: &Space, node: usize, once: ComponentId, event: EventId) -> Option<ComponentId> {
    let (components, layout) = (&space.nodes[node].components, &space.layouts[node]);
    let no_op = layout.no_op(event.group()) + event.bit() / 64;
    if components.record(layout, once)[no_op] & (1 << (event.bit() % 64)) != 0 {
        return Some(once);
    }
    components.successor(layout, once, event)
}

/// The kind of the message that an event delivers; none if it is something else.
fn kind(space: &Space, node: usize, event: EventId) -> Option<String> {
    match space.input(node, event) {
        Input::Message { message, .. } => Some(message.kind()),
        _ => None,
    }
}

fn example(space: &Space, node: usize, event: EventId, [before, once, twice]: [ComponentId; 3]) -> Example {
    let first = changes(space, node, before, once);
    let again = changes(space, node, once, twice);
    let list = |changes: &[String]| match changes.len() {
        0 => "nothing".to_owned(),
        len if len > CHANGES_MAX => format!("{}, …", changes[..CHANGES_MAX].join(", ")),
        _ => changes.join(", "),
    };
    let message = space.event(node, event);
    let text = format!("{message}: {}; once more: {}", list(&first), list(&again));
    Example { changes: first.len() + again.len(), text }
}

/// What differs between two components of a node: fields, timers, what is persisted, what was sent.
fn changes(space: &Space, node: usize, before: ComponentId, after: ComponentId) -> Vec<String> {
    let local = |id: ComponentId| &space.nodes[node].locals[space.local_of(node, id) as usize].local;
    let value = |local: &Local| Value::Record {
        name: String::new(),
        fields: vec![
            ("node".to_owned(), local.node.value()),
            ("pending timers".to_owned(), Value::Text(format!("{:?}", local.timers.as_slice().len()))),
            ("persisted".to_owned(), local.durable.as_ref().map_or(Value::None, |durable| durable.value())),
        ],
    };
    let changes = value(local(before)).changes(&value(local(after)));
    let mut texts: Vec<String> = changes
        .iter()
        .map(|change| {
            let text = change.to_string();
            text.strip_prefix("node.").map_or(text.clone(), str::to_owned)
        })
        .collect();
    let layout = &space.layouts[node];
    let record = |id: ComponentId| space.nodes[node].components.record(layout, id);
    for to in 0..space.len() {
        let (old, new) = (&record(before)[layout.out(to)], &record(after)[layout.out(to)]);
        for (word, (old, new)) in old.iter().zip(new).enumerate() {
            let mut sent = new & !old;
            while sent != 0 {
                let number = word * 64 + sent.trailing_zeros() as usize;
                sent &= sent - 1;
                let envelope = space.messages.envelope(node, to, number);
                texts.push(format!("sends {:?}", envelope.message));
            }
        }
    }
    texts
}
