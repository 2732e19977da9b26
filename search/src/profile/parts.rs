//! What can be left out of a state, and which components are the same without it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use ahash::AHashMap;
use framework::{Local, PendingTimer, Value};

use super::ProfileItem;
use super::count::{Classes, States};
use crate::space::Space;
use crate::state::State;

/// How deep fields of fields are looked at.
const NESTING_MAX: usize = 3;

/// Something to leave out.
pub(super) struct Candidate {
    pub(super) item: ProfileItem,
    pub(super) distinct: u64,
}

/// The components of a space as values.
pub(super) struct Catalog<'a> {
    space: &'a Space,
    /// Of each node the type.
    types: Vec<String>,
    /// Of each node and each of its locals the fields; `None` for those that no state has.
    values: Vec<Vec<Option<Value>>>,
    pub(super) candidates: Vec<Candidate>,
}

/// Numbers different things from 0.
struct Interner<T>(AHashMap<T, u32>);

impl<T: Hash + Eq> Interner<T> {
    fn new() -> Self {
        Self(AHashMap::new())
    }

    fn number(&mut self, thing: T) -> u32 {
        let next = u32::try_from(self.0.len()).expect("fewer classes than components");
        *self.0.entry(thing).or_insert(next)
    }
}

impl<'a> Catalog<'a> {
    pub(super) fn of(space: &'a Space, start: &State, states: &States) -> Self {
        let types = (0..space.len()).map(|i| start.local(i).node.type_name().to_owned()).collect();
        let mut values = Vec::new();
        for (node, occurs) in space.nodes.iter().zip(&states.occurs) {
            let mut of_node: Vec<Option<Value>> = vec![None; node.locals.len()];
            for (id, _) in (0..).zip(occurs).filter(|(_, occurs)| **occurs) {
                let local = node.components.local(id) as usize;
                if of_node[local].is_none() {
                    of_node[local] = Some(node.locals[local].local.node.value());
                }
            }
            values.push(of_node);
        }
        let mut catalog = Self { space, types, values, candidates: Vec::new() };
        catalog.find_fields();
        catalog.find_timers();
        catalog.find_messages(states);
        catalog.candidates.retain(|candidate| candidate.distinct > 1);
        catalog
    }

    /// The locals of a node that occur, by number.
    fn locals(&self, node: usize) -> impl Iterator<Item = (usize, &Local, &Value)> {
        let entries = self.space.nodes[node].locals.iter().zip(&self.values[node]).enumerate();
        entries.filter_map(|(id, (entry, value))| Some((id, entry.local.as_ref(), value.as_ref()?)))
    }

    fn find_fields(&mut self) {
        let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for (node, node_type) in self.types.iter().enumerate() {
            for (_, _, value) in self.locals(node) {
                for_each_field(value, "", 1, &mut |path, field| {
                    let values = found.entry((node_type.clone(), path.to_owned())).or_default();
                    values.insert(text(field));
                });
            }
        }
        self.candidates.extend(found.into_iter().map(|((node_type, path), values)| Candidate {
            item: ProfileItem::Field { node_type, path },
            distinct: values.len() as u64,
        }));
    }

    fn find_timers(&mut self) {
        let mut found: BTreeMap<(String, String), BTreeSet<Option<PendingTimer>>> = BTreeMap::new();
        for (node, node_type) in self.types.iter().enumerate() {
            let mut known: BTreeMap<PendingTimer, String> = BTreeMap::new();
            for (_, local, _) in self.locals(node) {
                for timer in local.timers.as_slice() {
                    let kind = known.entry(timer.clone()).or_insert_with(|| timer.timer.kind());
                    // No timer at all is a value as well.
                    let timers =
                        found.entry((node_type.clone(), kind.clone())).or_insert_with(|| [None].into());
                    timers.insert(Some(timer.clone()));
                }
            }
        }
        self.candidates.extend(found.into_iter().map(|((node_type, kind), timers)| Candidate {
            item: ProfileItem::Timer { node_type, kind },
            distinct: timers.len() as u64,
        }));
    }

    fn find_messages(&mut self, states: &States) {
        let space = self.space;
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for (from, occurs) in states.occurs.iter().enumerate() {
            let layout = &space.layouts[from];
            for to in 0..=space.len() {
                let words = layout.out(to);
                let mut sent = vec![0_u64; words.len()];
                for (id, _) in (0..).zip(occurs).filter(|(_, occurs)| **occurs) {
                    let record = space.nodes[from].components.record(layout, id);
                    sent.iter_mut().zip(&record[words.clone()]).for_each(|(sent, word)| *sent |= word);
                }
                for (number, envelope) in space.messages.between(from, to).iter().enumerate() {
                    if sent[number / 64] & (1 << (number % 64)) != 0 {
                        *kinds.entry(envelope.message.kind()).or_default() += 1;
                    }
                }
            }
        }
        // Not having been sent is a value as well.
        self.candidates.extend(
            kinds
                .into_iter()
                .map(|(kind, count)| Candidate { item: ProfileItem::Message { kind }, distinct: count + 1 }),
        );
    }

    /// Which components are the same without something.
    pub(super) fn classes_without(&self, candidate: &Candidate) -> Classes {
        match &candidate.item {
            ProfileItem::Field { node_type, path } => {
                self.local_classes(node_type, |local, value, encoded| {
                    let mut value = value.clone();
                    remove(&mut value, path);
                    // What comes behind the node's own bytes: timers and durable state.
                    (text(&value), encoded[Local::node_bytes(encoded).len()..].to_vec(), local.up)
                })
            }
            ProfileItem::Timer { node_type, kind } => {
                let mut known: AHashMap<PendingTimer, bool> = AHashMap::new();
                self.local_classes(node_type, |local, _, encoded| {
                    let timers = local.timers.as_slice().iter();
                    let kept = timers.filter(|timer| {
                        !*known.entry((*timer).clone()).or_insert_with(|| timer.timer.kind() == *kind)
                    });
                    let kept: Vec<PendingTimer> = kept.cloned().collect();
                    (Local::node_bytes(encoded).to_vec(), kept, local.durable.clone(), local.up)
                })
            }
            ProfileItem::Message { kind } => self.message_classes(kind),
        }
    }

    /// The components of the nodes of a type by what `key` makes of their locals, and by what they have sent.
    fn local_classes<K: Hash + Eq>(
        &self,
        node_type: &str,
        mut key: impl FnMut(&Local, &Value, &[u8]) -> K,
    ) -> Classes {
        let space = self.space;
        (0..space.len())
            .map(|i| {
                if self.types[i] != node_type {
                    return Vec::new();
                }
                let node = &space.nodes[i];
                let mut keys = Interner::new();
                let mut of_local: Vec<u32> = vec![u32::MAX; node.locals.len()];
                for (id, local, value) in self.locals(i) {
                    of_local[id] = keys.number(key(local, value, &node.locals[id].bytes));
                }
                let mut classes = Interner::new();
                let layout = &space.layouts[i];
                let sent = layout.out(0).start..layout.out(space.len()).end;
                (0..node.components.len())
                    .map(|id| {
                        let id = u32::try_from(id).expect("fewer than 2^32 components");
                        let record = node.components.record(layout, id);
                        let local = of_local[node.components.local(id) as usize];
                        classes.number((local, record[sent.clone()].to_vec()))
                    })
                    .collect()
            })
            .collect()
    }

    fn message_classes(&self, kind: &str) -> Classes {
        let space = self.space;
        (0..space.len())
            .map(|i| {
                let (node, layout) = (&space.nodes[i], &space.layouts[i]);
                let mut kept: Vec<u64> = Vec::new();
                for to in 0..=space.len() {
                    let mut words = vec![u64::MAX; layout.out(to).len()];
                    for (number, envelope) in space.messages.between(i, to).iter().enumerate() {
                        if envelope.message.kind() == kind {
                            words[number / 64] &= !(1 << (number % 64));
                        }
                    }
                    kept.extend(words);
                }
                let mut classes = Interner::new();
                let sent = layout.out(0).start..layout.out(space.len()).end;
                (0..node.components.len())
                    .map(|id| {
                        let id = u32::try_from(id).expect("fewer than 2^32 components");
                        let record = &node.components.record(layout, id)[sent.clone()];
                        let rest: Vec<u64> =
                            record.iter().zip(&kept).map(|(word, kept)| word & kept).collect();
                        classes.number((node.components.local(id), rest))
                    })
                    .collect()
            })
            .collect()
    }

    /// Some bounds of an integer field or a collection, and how many states are within.
    pub(super) fn bounds(&self, candidate: &Candidate, states: &States) -> Vec<(u64, u64)> {
        let ProfileItem::Field { node_type, path } = &candidate.item else { return Vec::new() };
        let mut measures: Vec<Vec<u64>> = Vec::new();
        let mut all = BTreeSet::new();
        for i in 0..self.space.len() {
            let mut of_node = vec![0; self.space.nodes[i].locals.len()];
            if self.types[i] == *node_type {
                for (id, _, value) in self.locals(i) {
                    // A field that is not there, as in another variant, is as small as can be.
                    let Some(field) = value.at(path) else { continue };
                    let Some(size) = measure(field) else { return Vec::new() };
                    all.insert(size);
                    of_node[id] = size;
                }
            }
            measures.push(of_node);
        }
        let all: Vec<u64> = all.into_iter().collect();
        let chosen: BTreeSet<u64> =
            (1..4).filter_map(|quarter| all.get(all.len() * quarter / 4)).copied().collect();
        let chosen: Vec<u64> = chosen.into_iter().filter(|bound| Some(bound) != all.last()).collect();
        if chosen.is_empty() {
            return Vec::new();
        }
        let local = |i: usize, id: u32| self.space.nodes[i].components.local(id) as usize;
        let largest = states.largest(|i, id| measures[i][local(i, id)]);
        let within = |bound: u64| largest.iter().filter(|size| **size <= bound).count() as u64;
        chosen.into_iter().map(|bound| (bound, within(bound))).collect()
    }
}

/// The size of an integer or a collection; `None` of anything else, and of a negative number.
fn measure(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::List(items) => Some(items.len() as u64),
        Value::Map(entries) => Some(entries.len() as u64),
        Value::None => Some(0),
        Value::Some(inner) => measure(inner),
        _ => None,
    }
}

/// Calls `visit` with every field and every field of a field that is a struct.
fn for_each_field(value: &Value, path: &str, depth: usize, visit: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Some(inner) => for_each_field(inner, path, depth, visit),
        Value::Record { fields, .. } => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                visit(&path, field);
                if depth < NESTING_MAX {
                    for_each_field(field, &path, depth + 1, visit);
                }
            }
        }
        _ => {}
    }
}

/// Takes the field at a path out of a value.
fn remove(value: &mut Value, path: &str) {
    match value {
        Value::Some(inner) => remove(inner, path),
        Value::Record { fields, .. } => match path.split_once('.') {
            None => fields.retain(|(name, _)| name != path),
            Some((first, rest)) => {
                for (name, field) in fields {
                    if name == first {
                        remove(field, rest);
                    }
                }
            }
        },
        _ => {}
    }
}

/// The text of a value: equal exactly where the values are.
fn text(value: &Value) -> String {
    format!("{value:?}")
}
