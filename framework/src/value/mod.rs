//! A value as a tree of named fields: what reports, traces and viewers show of nodes, messages and timers.

mod diff;
mod ignored;
mod serializer;
mod variants;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use diff::Change;
pub use ignored::ignored_fields;
pub use variants::variants;

/// A value with the names its type gives it. Made by serde's `Serialize`, so every node, message and timer has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `()`.
    Unit,
    /// `true` or `false`.
    Bool(bool),
    /// An integer of any width.
    Int(i128),
    /// A floating point number.
    Float(f64),
    /// A string or a character.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// An [`Address`](crate::Address).
    Address(String),
    /// `None`.
    None,
    /// `Some(…)`.
    Some(Box<Value>),
    /// A list or a set.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A map, with keys of any kind.
    Map(Vec<(Value, Value)>),
    /// A struct or an enum variant: its name, and its fields. Tuple structs and variants have fields `0`, `1`, ….
    Record {
        /// The name of the struct or of the variant.
        name: String,
        /// The fields in the order of their declaration.
        fields: Vec<(String, Value)>,
    },
}

impl Value {
    /// The tree of a value.
    ///
    /// A type whose `Serialize` fails shows the reason in place of itself.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        value
            .serialize(serializer::ToValue)
            .unwrap_or_else(|e| Self::Text(format!("<not serializable: {e}>")))
    }

    /// The path and the length of the longest list or map in the tree, if there is any.
    pub fn longest_collection(&self) -> Option<(String, usize)> {
        self.collections().into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The paths and the lengths of all lists and maps in the tree.
    pub fn collections(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        self.collect(String::new(), &mut found);
        found
    }

    fn collect(&self, path: String, found: &mut Vec<(String, usize)>) {
        let mut own = |length: usize| {
            found.push((path.strip_prefix('.').unwrap_or(&path).to_owned(), length));
        };
        match self {
            Self::List(items) => {
                own(items.len());
                items.iter().enumerate().for_each(|(i, item)| item.collect(format!("{path}[{i}]"), found));
            }
            Self::Map(entries) => {
                own(entries.len());
                entries.iter().for_each(|(key, value)| value.collect(format!("{path}[{key}]"), found));
            }
            Self::Record { fields, .. } => {
                fields.iter().for_each(|(name, value)| value.collect(format!("{path}.{name}"), found));
            }
            Self::Some(inner) => inner.collect(path, found),
            Self::Tuple(items) => {
                items.iter().enumerate().for_each(|(i, item)| item.collect(format!("{path}[{i}]"), found));
            }
            _ => {}
        }
    }

    /// The part of the tree at `path`, as [`Change`] and [`Blame`](crate::Blame) write paths: `log[3].term`.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let mut here = self;
        let mut rest = path;
        while !rest.is_empty() {
            if let Some(bracket) = rest.strip_prefix('[') {
                let end = bracket.find(']')?;
                let key = &bracket[..end];
                here = match here {
                    Self::List(items) | Self::Tuple(items) => items.get(key.parse::<usize>().ok()?)?,
                    Self::Map(entries) => {
                        &entries
                            .iter()
                            .find(|(k, _)| k.to_string().trim_matches('"') == key.trim_matches('"'))?
                            .1
                    }
                    _ => return None,
                };
                rest = &bracket[end + 1..];
            } else {
                let field = rest.strip_prefix('.').unwrap_or(rest);
                let end = field.find(['.', '[']).unwrap_or(field.len());
                here = match here {
                    Self::Record { fields, .. } => &fields.iter().find(|(name, _)| name == &field[..end])?.1,
                    _ => return None,
                };
                rest = &field[end..];
            }
            while let Self::Some(inner) = here {
                here = inner;
            }
        }
        Some(here)
    }
}

impl fmt::Display for Value {
    /// One line, close to how Rust would write it: `Entry { term: 2, command: Put("x") }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Bytes(bytes) => write!(f, "<{} bytes>", bytes.len()),
            Self::Address(address) => f.write_str(address),
            Self::None => f.write_str("None"),
            Self::Some(inner) => write!(f, "Some({inner})"),
            Self::List(items) => list(f, "[", items, "]"),
            Self::Tuple(items) => list(f, "(", items, ")"),
            Self::Map(entries) => {
                f.write_str("{")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Record { name, fields } if fields.is_empty() => f.write_str(name),
            Self::Record { name, fields } if fields[0].0 == "0" => {
                f.write_str(name)?;
                f.write_str("(")?;
                for (i, (_, value)) in fields.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Record { name, fields } => {
                write!(f, "{name} {{ ")?;
                for (i, (field, value)) in fields.iter().enumerate() {
                    write!(f, "{}{field}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(" }")
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str(close)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Address;

    #[derive(Serialize)]
    struct Server {
        term: u64,
        voted_for: Option<Address>,
        log: Vec<Entry>,
        acks: BTreeMap<Address, u32>,
        pair: (u8, Unit),
        delta: f32,
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    enum Entry {
        Noop,
        Put(String, u64),
        Get { key: char },
    }

    fn server() -> Server {
        Server {
            term: 2,
            voted_for: Some(Address::server(3)),
            log: vec![Entry::Noop, Entry::Put("x".into(), 1), Entry::Get { key: 'k' }],
            acks: [(Address::server(1), 4)].into(),
            pair: (1, Unit),
            delta: 0.5,
        }
    }

    #[test]
    fn prints_on_one_line() {
        insta::assert_snapshot!(Value::of(&server()), @r#"Server { term: 2, voted_for: Some(server3), log: [Noop, Put("x", 1), Get { key: "k" }], acks: {server1: 4}, pair: (1, Unit), delta: 0.5 }"#);
    }

    #[test]
    fn paths_lead_to_parts() {
        let value = Value::of(&server());
        let at = |path: &str| value.at(path).map(Value::to_string);
        assert_eq!(at("term").as_deref(), Some("2"));
        assert_eq!(at("voted_for").as_deref(), Some("server3"));
        assert_eq!(at("log[1].0").as_deref(), Some("\"x\""));
        assert_eq!(at("acks[server1]").as_deref(), Some("4"));
        assert_eq!(at("pair[0]").as_deref(), Some("1"));
        assert_eq!(at("log[9]"), None);
        assert_eq!(at("nothing"), None);
    }
}
