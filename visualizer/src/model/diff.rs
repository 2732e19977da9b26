//! What differs between two values: fields by name, maps by key, lists by their longest common part.
//!
//! Equal values of a trace have equal numbers, so only what differs is looked at.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Model;
use super::field::{DURABLE, Field, TIMERS, UP, key_text, peeled};
use crate::pool::{Entry, Pool, ValueId};

/// How something relates to what was there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It is the same.
    #[default]
    Same,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is different, or something in it is.
    Changed,
}

impl Sign {
    /// One character for it; a space for what is the same.
    pub fn character(self) -> char {
        match self {
            Self::Same => ' ',
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }

    pub(super) fn of<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, Some(_)) => Self::Added,
            (Some(_), None) => Self::Removed,
            (before, after) if before == after => Self::Same,
            _ => Self::Changed,
        }
    }
}

/// A part of two values: what it is called, and what it is in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name: a field, an index or a key.
    pub label: String,
    /// What its path ends in: `.term`, `[3]`.
    pub key: String,
    /// What it was.
    pub before: Option<ValueId>,
    /// What it is.
    pub after: Option<ValueId>,
}

impl Part {
    /// How it differs.
    pub fn sign(&self) -> Sign {
        Sign::of(self.before.as_ref(), self.after.as_ref())
    }
}

/// A smallest part in which two states of a node differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Where.
    pub field: Field,
    /// How.
    pub sign: Sign,
    /// What it was, in full, but cut.
    pub before: String,
    /// What it is.
    pub after: String,
}

/// How many items of two lists are compared in every way; of longer ones those at the same place are.
const ALIGNED_MAX: usize = 1_000;
/// How many characters of a value a change shows.
const TEXT_MAX: usize = 200;
/// How deep changes are followed; a file has no values that are nested more.
const DEPTH_MAX: usize = 250;

/// The parts of a value, beside those of the one that was there before. Both are of the same kind, or there is only one;
/// of two kinds only the parts of the new one are given, as new.
pub fn parts(pool: &Pool, before: Option<ValueId>, after: Option<ValueId>) -> Vec<Part> {
    let peel = |id: Option<ValueId>| id.map(|id| peeled(pool, id));
    let (before, after) = (peel(before), peel(after));
    let entry = |id: Option<ValueId>| id.and_then(|id| pool.entry(id));
    match (entry(before), entry(after)) {
        (Some(Entry::Record(_, x)), Some(Entry::Record(_, y))) if same_kind(pool, before, after) => {
            let same = x.iter().zip(y);
            same.map(|((name, x), (_, y))| field_part(name, Some(*x), Some(*y))).collect()
        }
        (Some(Entry::List(x)), Some(Entry::List(y))) | (Some(Entry::Tuple(x)), Some(Entry::Tuple(y))) => {
            items(x, y)
        }
        (Some(Entry::Map(x)), Some(Entry::Map(y))) => map_parts(pool, x, y),
        (Some(Entry::Record(_, x)), None) => x.iter().map(|(n, x)| field_part(n, Some(*x), None)).collect(),
        (_, Some(Entry::Record(_, y))) => y.iter().map(|(n, y)| field_part(n, None, Some(*y))).collect(),
        (Some(Entry::List(x) | Entry::Tuple(x)), None) => items(x, &[]),
        (_, Some(Entry::List(y) | Entry::Tuple(y))) => items(&[], y),
        (Some(Entry::Map(x)), None) => map_parts(pool, x, &[]),
        (_, Some(Entry::Map(y))) => map_parts(pool, &[], y),
        _ => Vec::new(),
    }
}

/// Whether two values differ in their parts only, and not as a whole.
pub fn same_kind(pool: &Pool, before: Option<ValueId>, after: Option<ValueId>) -> bool {
    // `None` and `Some(…)` are not the same kind, but two `Some` are looked into.
    let (Some(before), Some(after)) = (before, after) else { return false };
    match (pool.entry(before), pool.entry(after)) {
        (Some(Entry::Some(x)), Some(Entry::Some(y))) => same_kind(pool, Some(*x), Some(*y)),
        (Some(Entry::Record(a, x)), Some(Entry::Record(b, y))) => {
            a == b && !x.is_empty() && x.len() == y.len() && x.iter().zip(y).all(|((a, _), (b, _))| a == b)
        }
        (Some(Entry::List(x)), Some(Entry::List(y))) => !x.is_empty() || !y.is_empty(),
        (Some(Entry::Tuple(x)), Some(Entry::Tuple(y))) => x.len() == y.len() && !x.is_empty(),
        (Some(Entry::Map(x)), Some(Entry::Map(y))) => !x.is_empty() || !y.is_empty(),
        _ => false,
    }
}

/// The number of items of a collection; `None` for anything else.
pub fn size(pool: &Pool, value: ValueId) -> Option<usize> {
    match pool.entry(peeled(pool, value))? {
        Entry::List(items) => Some(items.len()),
        Entry::Map(entries) => Some(entries.len()),
        _ => None,
    }
}

fn field_part(name: &str, before: Option<ValueId>, after: Option<ValueId>) -> Part {
    Part { label: name.to_owned(), key: format!(".{name}"), before, after }
}

fn items(before: &[ValueId], after: &[ValueId]) -> Vec<Part> {
    let parts = align(before, after).into_iter().map(|(x, y)| {
        let index = y.or(x).unwrap_or_default();
        Part {
            label: format!("[{index}]"),
            key: format!("[{index}]"),
            before: x.map(|x| before[x]),
            after: y.map(|y| after[y]),
        }
    });
    parts.collect()
}

fn map_parts(pool: &Pool, before: &[(ValueId, ValueId)], after: &[(ValueId, ValueId)]) -> Vec<Part> {
    let keys = |entries: &[(ValueId, ValueId)]| entries.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    let part = |key: ValueId, before: Option<ValueId>, after: Option<ValueId>| {
        let text = key_text(pool, key);
        Part { key: format!("[{text}]"), label: text, before, after }
    };
    let mut parts = Vec::with_capacity(after.len());
    for (x, y) in align(&keys(before), &keys(after)) {
        let (old, new) = (x.map(|x| before[x]), y.map(|y| after[y]));
        match (old, new) {
            // Another key at the same place is another entry.
            (Some((a, old)), Some((b, new))) if a != b => {
                parts.push(part(a, Some(old), None));
                parts.push(part(b, None, Some(new)));
            }
            (Some((key, old)), new) => parts.push(part(key, Some(old), new.map(|(_, new)| new))),
            (None, Some((key, new))) => parts.push(part(key, None, Some(new))),
            (None, None) => {}
        }
    }
    parts
}

/// Which items of two lists belong together: equal ones of the longest common part, and between those the ones at the
/// same place.
fn align(before: &[ValueId], after: &[ValueId]) -> Vec<(Option<usize>, Option<usize>)> {
    let head = before.iter().zip(after).take_while(|(x, y)| x == y).count();
    let (x, y) = (&before[head..], &after[head..]);
    let tail = x.iter().rev().zip(y.iter().rev()).take_while(|(x, y)| x == y).count();
    let (x, y) = (&x[..x.len() - tail], &y[..y.len() - tail]);
    let mut pairs: Vec<_> = (0..head).map(|i| (Some(i), Some(i))).collect();
    let mut together = |i: usize, x: usize, j: usize, y: usize| {
        for k in 0..x.max(y) {
            pairs.push(((k < x).then_some(head + i + k), (k < y).then_some(head + j + k)));
        }
    };
    if x.len().max(y.len()) > ALIGNED_MAX {
        together(0, x.len(), 0, y.len());
    } else {
        for op in capture_diff_slices(Algorithm::Myers, x, y) {
            match op {
                DiffOp::Equal { old_index, new_index, len } => together(old_index, len, new_index, len),
                DiffOp::Delete { old_index, old_len, new_index } => {
                    together(old_index, old_len, new_index, 0)
                }
                DiffOp::Insert { old_index, new_index, new_len } => {
                    together(old_index, 0, new_index, new_len)
                }
                DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                    together(old_index, old_len, new_index, new_len);
                }
            }
        }
    }
    let (x, y) = (before.len() - tail, after.len() - tail);
    pairs.extend((0..tail).map(|i| (Some(x + i), Some(y + i))));
    pairs
}

/// The smallest fields in which the state of a node after `step` differs from that after `base`, at most `max` of them.
pub fn changes(model: &Model, node: usize, base: usize, step: usize, max: usize) -> Vec<FieldChange> {
    let (before, after) = (model.state(node, base), model.state(node, step));
    let mut found = Finder { model, node, max, changes: Vec::new() };
    if before.up != after.up {
        let text = |up: bool| if up { "yes" } else { "no" }.to_owned();
        found.push(UP.to_owned(), Sign::Changed, text(before.up), text(after.up));
    }
    found.values(String::new(), Some(before.fields), Some(after.fields), 0);
    found.values(DURABLE.to_owned(), before.durable, after.durable, 0);
    found.changes
}

/// The timers that a step set and that it took away without firing, at most `max`.
pub fn timer_changes(model: &Model, node: usize, base: usize, step: usize, max: usize) -> Vec<FieldChange> {
    let (before, after) = (&model.state(node, base).timers, &model.state(node, step).timers);
    let mut left: Vec<_> = before.iter().collect();
    let mut found = Finder { model, node, max, changes: Vec::new() };
    let text = |timer: &crate::trace_file::Timer| {
        format!("{} {}", model.full(timer.value, TEXT_MAX), super::label::timer_length(timer))
    };
    for timer in after {
        match left.iter().position(|other| *other == timer) {
            Some(place) => drop(left.remove(place)),
            None => found.push(TIMERS.to_owned(), Sign::Added, String::new(), text(timer)),
        }
    }
    for timer in left {
        found.push(TIMERS.to_owned(), Sign::Removed, text(timer), String::new());
    }
    found.changes
}

struct Finder<'a> {
    model: &'a Model,
    node: usize,
    max: usize,
    changes: Vec<FieldChange>,
}

impl Finder<'_> {
    fn push(&mut self, path: String, sign: Sign, before: String, after: String) {
        if self.changes.len() < self.max {
            let path = path.strip_prefix('.').map(str::to_owned).unwrap_or(path);
            self.changes.push(FieldChange { field: Field { node: self.node, path }, sign, before, after });
        }
    }

    fn values(&mut self, path: String, before: Option<ValueId>, after: Option<ValueId>, depth: usize) {
        if before == after || self.changes.len() >= self.max {
            return;
        }
        let pool = self.model.pool();
        if depth < DEPTH_MAX && same_kind(pool, before, after) {
            for part in parts(pool, before, after) {
                self.values(format!("{path}{}", part.key), part.before, part.after, depth + 1);
            }
            return;
        }
        let text = |id: Option<ValueId>| id.map_or_else(String::new, |id| self.model.full(id, TEXT_MAX));
        let (old, new) = (text(before), text(after));
        self.push(path, Sign::of(before.as_ref(), after.as_ref()), old, new);
    }
}

#[cfg(test)]
mod tests {
    use framework::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn shown(model: &Model, step: usize) -> Vec<String> {
        let node = model.acting(step).unwrap();
        let changes = changes(model, node, step - 1, step, 100);
        changes
            .into_iter()
            .map(|c| {
                format!("{} {} {} | {}", c.sign.character(), model.field_name(&c.field), c.before, c.after)
            })
            .collect()
    }

    #[test]
    fn names_the_smallest_fields() {
        let model = Model::new(sample::demo());
        insta::assert_snapshot!([5, 9, 10, 17].map(|step| shown(&model, step).join("\n")).join("\n\n"), @r#"
        - proposer1.prepare_acks[acceptor3] None | 
        ~ proposer1.prepare_finished false | true

        ~ acceptor2.accepted None | Some(Proposal { number: 1, value: "A" })

        + proposer1.accept_acks[0]  | acceptor2

        ~ acceptor3.accepted.number 1 | 2
        ~ acceptor3.accepted.value "A" | "B"
        "#);
    }

    fn lists(before: &[i128], after: &[i128]) -> String {
        let mut pool = Pool::default();
        let list = |items: &[i128]| Value::List(items.iter().map(|n| Value::Int(*n)).collect());
        let (before, after) = (pool.add(&list(before)), pool.add(&list(after)));
        let text =
            |id: Option<ValueId>| id.map_or_else(String::new, |id| super::super::label::full(&pool, id, 9));
        let parts = parts(&pool, Some(before), Some(after)).into_iter().filter(|p| p.sign() != Sign::Same);
        parts
            .map(|p| format!("{}{} {}>{}", p.sign().character(), p.label, text(p.before), text(p.after)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn an_insertion_is_one_change() {
        assert_eq!(lists(&[2, 3], &[1, 2, 3]), "+[0] >1");
        assert_eq!(lists(&[1, 2, 3], &[1, 3]), "-[1] 2>");
        assert_eq!(lists(&[1, 2, 3], &[1, 5, 3]), "~[1] 2>5");
        assert_eq!(lists(&[], &[1]), "+[0] >1");
        assert_eq!(lists(&[1], &[1]), "");
    }

    proptest! {
        /// What the parts say of the new list is the new list, and of the old list the old.
        #[test]
        fn the_parts_make_up_both_values(
            before in proptest::collection::vec(0_u32..5, 0..12),
            after in proptest::collection::vec(0_u32..5, 0..12),
        ) {
            let pairs = align(&before, &after);
            let old: Vec<u32> = pairs.iter().filter_map(|(x, _)| x.map(|x| before[x])).collect();
            let new: Vec<u32> = pairs.iter().filter_map(|(_, y)| y.map(|y| after[y])).collect();
            prop_assert_eq!(old, before);
            prop_assert_eq!(new, after);
        }

        /// A diff is empty exactly when the values are equal.
        #[test]
        fn nothing_differs_only_in_equal_states(seed in any::<u64>()) {
            let model = Model::new(sample::random(seed, 12));
            for node in 0..model.nodes() {
                for step in 1..=model.len() {
                    let (before, after) = (model.state(node, step - 1), model.state(node, step));
                    let same = before.fields == after.fields && before.durable == after.durable;
                    prop_assert_eq!(changes(&model, node, step - 1, step, 9).is_empty(), same);
                }
            }
        }
    }
}
