//! Fields: finds one by its path, and says which steps set it.

use std::collections::BTreeSet;

use super::{Model, diff};
use crate::pool::{Entry, Pool, ValueId};
use crate::trace_file::{NodeState, Timer};

/// The path under which a node's pending timers stand beside its fields.
pub const TIMERS: &str = "@timers";
/// The path under which what a node persisted stands beside its fields.
pub const DURABLE: &str = "@durable";
/// The path that says whether a node runs.
pub const UP: &str = "@up";

/// A field of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// The node.
    pub node: usize,
    /// The path: `log[3].term`, empty for the whole node; or [`TIMERS`], [`DURABLE`], [`UP`].
    pub path: String,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A value.
    Value(ValueId),
    /// The timers of the node.
    Timers(&'a [Timer]),
    /// Whether the node runs.
    Up(bool),
    /// Nothing.
    Absent,
}

/// One step of a path.
enum Key<'a> {
    /// `.name`
    Field(&'a str),
    /// `[index]` or `[key]`
    Item(&'a str),
}

/// The steps of a path; `None` where it is not written as paths are.
fn keys(path: &str) -> Option<Vec<Key<'_>>> {
    let (mut keys, mut rest) = (Vec::new(), path);
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let end = closing(bracket)?;
            keys.push(Key::Item(&bracket[..end]));
            rest = &bracket[end + 1..];
        } else {
            let field = rest.strip_prefix('.').unwrap_or(rest);
            let end = field.find(['.', '[']).unwrap_or(field.len());
            keys.push(Key::Field(&field[..end]));
            rest = &field[end..];
        }
    }
    Some(keys)
}

/// Where the bracket that is open ends: keys may have brackets and strings in them.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted && depth == 0 => return Some(place),
            ']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The longest key of a map that a path can name, in characters.
const KEY_MAX: usize = 1_000;

/// The key of a map as a path writes it.
pub(super) fn key_text(pool: &Pool, key: ValueId) -> String {
    super::label::full(pool, key, KEY_MAX)
}

/// The part of a value at a path.
pub fn at(pool: &Pool, value: ValueId, path: &str) -> Option<ValueId> {
    keys(path)?.iter().try_fold(value, |here, key| step(pool, here, key))
}

fn step(pool: &Pool, value: ValueId, key: &Key<'_>) -> Option<ValueId> {
    let here = peeled(pool, value);
    match (key, pool.entry(here)?) {
        (Key::Field(name), Entry::Record(_, fields)) => {
            fields.iter().find(|(field, _)| field == name).map(|(_, value)| *value)
        }
        (Key::Item(index), Entry::List(items) | Entry::Tuple(items)) => {
            items.get(index.parse::<usize>().ok()?).copied()
        }
        (Key::Item(key), Entry::Map(entries)) => {
            let wanted = key.trim_matches('"');
            entries
                .iter()
                .find(|(k, _)| key_text(pool, *k).trim_matches('"') == wanted)
                .map(|(_, value)| *value)
        }
        _ => None,
    }
}

/// What is inside `Some(…)`, however often.
pub(super) fn peeled(pool: &Pool, value: ValueId) -> ValueId {
    let mut here = value;
    while let Some(Entry::Some(inner)) = pool.entry(here) {
        here = *inner;
    }
    here
}

/// What is at a path of a node.
pub fn find<'a>(pool: &Pool, state: &'a NodeState, path: &str) -> Found<'a> {
    if path == TIMERS {
        return Found::Timers(&state.timers);
    }
    if path == UP {
        return Found::Up(state.up);
    }
    let found = match path.strip_prefix(DURABLE) {
        Some(rest) => state.durable.and_then(|durable| at(pool, durable, rest)),
        None => at(pool, state.fields, path),
    };
    found.map_or(Found::Absent, Found::Value)
}

/// How many values are looked at for a field of some name.
const VISITS_MAX: usize = 200_000;

/// Looks for fields of one name in values, wherever they are.
struct Nested<'a> {
    pool: &'a Pool,
    name: &'a str,
    /// How many values may still be looked at.
    left: usize,
    /// The paths of those that were found; two are enough to know that the name says too little.
    found: BTreeSet<String>,
}

impl Nested<'_> {
    fn look(&mut self, value: ValueId, path: &mut String) {
        if self.left == 0 || self.found.len() > 1 || self.name.is_empty() {
            return;
        }
        self.left -= 1;
        let here = peeled(self.pool, value);
        if let Some(Entry::Record(_, fields)) = self.pool.entry(here)
            && fields.iter().any(|(field, _)| field == self.name)
        {
            let dot = if path.is_empty() { "" } else { "." };
            self.found.insert(format!("{path}{dot}{}", self.name));
        }
        for part in diff::parts(self.pool, None, Some(here)) {
            let Some(inner) = part.after else { continue };
            let end = path.len();
            path.push_str(if end == 0 { part.key.trim_start_matches('.') } else { &part.key });
            self.look(inner, path);
            path.truncate(end);
        }
    }
}

/// A path as people read it: without the mark of what is no field.
pub fn shown(path: &str) -> &str {
    path.strip_prefix('@').unwrap_or(path)
}

impl Model {
    /// A field by name: `server1.log[3]`, with the node as [`node_called`](Self::node_called) understands it. The fields
    /// of a client worker's client need no prefix.
    pub fn field_called(&self, name: &str) -> Option<Field> {
        let (node, path) = match name.split_once('.') {
            Some((node, path)) => (node, path),
            None => (name, ""),
        };
        let node = self.node_called(node)?;
        Some(Field { node, path: self.full_path(node, path) })
    }

    /// The path of a field of a node as predicates name it: in a client worker they look into the client.
    pub fn full_path(&self, node: usize, path: &str) -> String {
        if let Some(special) = ["timers", "durable", "up"].iter().find(|word| path == **word) {
            let is_field = self.is_path(node, path);
            return if is_field { path.to_owned() } else { format!("@{special}") };
        }
        let in_client = format!("client.{path}");
        if !path.is_empty() && !self.is_path(node, path) && self.is_path(node, &in_client) {
            return in_client;
        }
        path.to_owned()
    }

    /// Whether a path leads anywhere in any state of a node.
    fn is_path(&self, node: usize, path: &str) -> bool {
        let start = std::iter::once(0);
        let mut steps = start.chain(self.states_of[node].iter().copied());
        steps.any(|step| find(self.pool(), self.state(node, step), path) != Found::Absent)
    }

    /// As much of a path as leads anywhere in any state of a node; `None` if not even its first field is there.
    pub(super) fn known_part<'a>(&self, node: usize, path: &'a str) -> Option<&'a str> {
        let mut part = path;
        while !part.is_empty() && !self.is_path(node, part) {
            part = &part[..part.rfind(['.', '[']).unwrap_or_default()];
        }
        (!part.is_empty() || path.is_empty()).then_some(part)
    }

    /// The path of a field of a node that lies within others, if there is only one of its name in all states of the
    /// node, and they are not too large to be looked through.
    pub(super) fn nested_path(&self, node: usize, path: &str) -> Option<String> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        let mut search = Nested { pool: self.pool(), name, left: VISITS_MAX, found: BTreeSet::new() };
        let start = std::iter::once(0);
        let steps = start.chain(self.states_of[node].iter().copied());
        // Equal values have equal numbers.
        let values: BTreeSet<ValueId> = steps.map(|step| self.state(node, step).fields).collect();
        for value in values {
            search.look(value, &mut String::new());
        }
        let only = search.found.len() == 1 && search.left > 0;
        let found = search.found.pop_first().filter(|_| only)?;
        let path = format!("{found}{rest}");
        self.known_part(node, &path).map(str::to_owned)
    }

    /// What a field is after a step.
    pub fn found(&self, field: &Field, step: usize) -> Found<'_> {
        find(self.pool(), self.state(field.node, step), &field.path)
    }

    /// The steps that changed a field, in order: its writers.
    pub fn writes(&self, field: &Field) -> Vec<usize> {
        let mut writes = Vec::new();
        let mut state = &self.file().start.nodes[field.node];
        let mut now = find(self.pool(), state, &field.path);
        for step in &self.states_of[field.node] {
            let next = self.state(field.node, *step);
            // Equal values have equal numbers, so most steps need no look at the field.
            let same = next.fields == state.fields && next.durable == state.durable;
            state = next;
            if same && !matches!(now, Found::Timers(_) | Found::Up(_)) {
                continue;
            }
            let found = find(self.pool(), state, &field.path);
            if found != now {
                writes.push(*step);
                now = found;
            }
        }
        writes
    }

    /// The last step up to `step` that changed a field; `None` if it is as it was at the start.
    pub fn last_write(&self, field: &Field, step: usize) -> Option<usize> {
        let writes = self.writes(field);
        writes.partition_point(|s| *s <= step).checked_sub(1).map(|i| writes[i])
    }

    /// The text of a field after a step, at most `max` characters.
    pub fn field_text(&self, field: &Field, step: usize, max: usize) -> String {
        match self.found(field, step) {
            Found::Value(id) => self.full(id, max),
            Found::Timers([]) => "none".to_owned(),
            Found::Timers(timers) => {
                let timers = timers.iter().take(20).map(|timer| self.full(timer.value, 40));
                timers.collect::<Vec<_>>().join(", ").chars().take(max).collect()
            }
            Found::Up(up) => if up { "yes" } else { "no, it crashed" }.to_owned(),
            Found::Absent => "absent".to_owned(),
        }
    }

    /// A field's name with its node: `server1.log[3]`.
    pub fn field_name(&self, field: &Field) -> String {
        let address = self.address(field.node);
        match shown(&field.path) {
            "" => address.to_owned(),
            path if path.starts_with('[') => format!("{address}{path}"),
            path => format!("{address}.{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_field_knows_its_writers() {
        let model = Model::new(sample::demo());
        let field = |name| model.field_called(name).unwrap();
        assert_eq!(model.writes(&field("acceptor3.accepted")), [6, 17]);
        assert_eq!(model.writes(&field("acceptor3.accepted.number")), [6, 17]);
        assert_eq!(model.writes(&field("proposer1.decision")), [11]);
        assert_eq!(model.last_write(&field("a3.accepted"), 16), Some(6));
        assert_eq!(model.last_write(&field("a3.accepted"), 5), None);
        assert_eq!(model.field_text(&field("a3.accepted"), 5, 80), "None");
        assert_eq!(model.field_text(&field("a3.accepted.value"), 18, 80), "\"B\"");
        assert_eq!(model.field_text(&field("a3.accepted.nothing"), 18, 80), "absent");
        assert_eq!(model.field_text(&field("p1.timers"), 0, 80), "Propose");
        assert_eq!(model.writes(&field("a1.up")), [0_usize; 0]);
    }

    #[test]
    fn keys_of_maps_may_contain_anything() {
        use framework::Value;
        let mut pool = Pool::default();
        let tuple = Value::Tuple(vec![Value::Int(1), Value::List(vec![Value::Int(2)])]);
        let text = Value::Text("a]b\"c".to_owned());
        let map = Value::Map(vec![(tuple.clone(), Value::Int(7)), (text.clone(), Value::Int(8))]);
        let id = pool.add(&map);
        let number = |key: &Value| {
            at(&pool, id, &format!("[{key}]")).map(|id| super::super::label::full(&pool, id, 9))
        };
        assert_eq!(number(&tuple).as_deref(), Some("7"));
        assert_eq!(number(&text).as_deref(), Some("8"));
        assert_eq!(at(&pool, id, "[no"), None);
    }
}
