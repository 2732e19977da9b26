//! The fields in which two values differ.

use std::fmt;

use super::Value;

/// One field that differs, with what it was and what it is. A part that is new or gone has no value on the other side.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where: `log[3].term`; empty for the value itself.
    pub path: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{}: {before} → {after}", self.path),
            (None, Some(after)) => write!(f, "{}: + {after}", self.path),
            (Some(before), None) => write!(f, "{}: - {before}", self.path),
            (None, None) => f.write_str(&self.path),
        }
    }
}

impl Value {
    /// The smallest fields in which `self` and `after` differ, in order.
    pub fn changes(&self, after: &Value) -> Vec<Change> {
        let mut changes = Vec::new();
        diff(String::new(), self, after, &mut changes);
        changes
    }
}

fn diff(path: String, before: &Value, after: &Value, out: &mut Vec<Change>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Record { name: a, fields: x }, Value::Record { name: b, fields: y })
            if a == b && x.len() == y.len() =>
        {
            for ((name, before), (_, after)) in x.iter().zip(y) {
                let field = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                diff(field, before, after, out);
            }
        }
        (Value::Some(before), Value::Some(after)) => diff(path, before, after, out),
        // A set shows as a list: what was put in or taken out anywhere is one change, not a shift of all that follows.
        (Value::List(x), Value::List(y)) if y.len() > x.len() && !y.starts_with(x) && is_within(x, y) => {
            out.extend(rest(x, y).map(|item| Change { path: path.clone(), before: None, after: Some(item) }));
        }
        (Value::List(x), Value::List(y)) if x.len() > y.len() && !x.starts_with(y) && is_within(y, x) => {
            out.extend(rest(y, x).map(|item| Change { path: path.clone(), before: Some(item), after: None }));
        }
        (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
            for i in 0..x.len().max(y.len()) {
                entry(format!("{path}[{i}]"), x.get(i), y.get(i), out);
            }
        }
        (Value::Map(x), Value::Map(y)) => {
            let so_far = out.len();
            for (key, before) in x {
                let after = y.iter().find(|(k, _)| k == key).map(|(_, v)| v);
                entry(format!("{path}[{key}]"), Some(before), after, out);
            }
            for (key, after) in y.iter().filter(|(key, _)| !x.iter().any(|(k, _)| k == key)) {
                entry(format!("{path}[{key}]"), None, Some(after), out);
            }
            if out.len() == so_far {
                // The same entries in another order.
                out.push(Change { path, before: Some(before.clone()), after: Some(after.clone()) });
            }
        }
        _ => out.push(Change { path, before: Some(before.clone()), after: Some(after.clone()) }),
    }
}

/// Whether all of `some` are in `all`, in that order.
fn is_within(some: &[Value], all: &[Value]) -> bool {
    rest(some, all).count() + some.len() == all.len()
}

/// The items of `all` that are left when those of `some` are taken out from the front.
fn rest<'a>(some: &'a [Value], all: &'a [Value]) -> impl Iterator<Item = Value> + 'a {
    let mut some = some.iter().peekable();
    all.iter().filter(move |item| some.next_if_eq(item).is_none()).cloned()
}

fn entry(path: String, before: Option<&Value>, after: Option<&Value>, out: &mut Vec<Change>) {
    match (before, after) {
        (Some(before), Some(after)) => diff(path, before, after, out),
        _ => out.push(Change { path, before: before.cloned(), after: after.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Server {
        term: u64,
        log: Vec<(u64, &'static str)>,
        acks: BTreeMap<u32, Option<bool>>,
    }

    #[test]
    fn names_the_smallest_fields_that_differ() {
        let before = Server { term: 1, log: vec![(1, "a")], acks: [(1, Some(true)), (2, None)].into() };
        let after =
            Server { term: 1, log: vec![(2, "a"), (2, "b")], acks: [(1, Some(false)), (3, None)].into() };
        let changes = Value::of(&before).changes(&Value::of(&after));
        let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        log[0][0]: 1 → 2
        log[1]: + (2, "b")
        acks[1]: true → false
        acks[2]: - None
        acks[3]: + None
        "#);
        let set = |items: &[u8]| Value::of(&items);
        let insertion = set(&[2, 3]).changes(&set(&[1, 2, 3]));
        assert_eq!(insertion.iter().map(Change::to_string).collect::<Vec<_>>(), [": + 1"]);
        let removal = set(&[1, 2, 3]).changes(&set(&[1, 3]));
        assert_eq!(removal.iter().map(Change::to_string).collect::<Vec<_>>(), [": - 2"]);
        assert!(Value::of(&before).changes(&Value::of(&before)).is_empty());
    }
}
