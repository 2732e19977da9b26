//! The value pool of a trace file: equal values are stored once, and larger ones refer to their parts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::{fmt, slice};

use framework::Value;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

/// The number of a value in a [`Pool`].
pub type ValueId = u32;

/// How deep a value in a file may be nested.
const DEPTH_MAX: u32 = 200;
/// How many parts a value in a file may have, with the parts of its parts.
const PARTS_MAX: u64 = 200_000;

/// Values without duplicates. A value's parts come before it, so a pool cannot contain a value within itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    entries: Vec<Entry>,
    // Invariant: leads from each of `entries` to its number; from one that is there twice, to the first.
    ids: BTreeMap<Entry, ValueId>,
}

/// One value whose parts are numbers of other values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    Unit,
    Bool(bool),
    Int(i128),
    /// As Rust prints it, so that `NaN` and `-0.0` survive.
    Float(String),
    Text(String),
    Bytes(Vec<u8>),
    Address(String),
    None,
    Some(ValueId),
    List(Vec<ValueId>),
    Tuple(Vec<ValueId>),
    Map(Vec<(ValueId, ValueId)>),
    Record(String, Vec<(String, ValueId)>),
}

impl Entry {
    /// The same with other numbers for its parts.
    pub(crate) fn with_parts(&self, number: &mut impl FnMut(ValueId) -> ValueId) -> Self {
        match self {
            Self::Some(inner) => Self::Some(number(*inner)),
            Self::List(items) => Self::List(items.iter().map(|item| number(*item)).collect()),
            Self::Tuple(items) => Self::Tuple(items.iter().map(|item| number(*item)).collect()),
            Self::Map(pairs) => {
                Self::Map(pairs.iter().map(|(key, value)| (number(*key), number(*value))).collect())
            }
            Self::Record(name, fields) => {
                let fields = fields.iter().map(|(field, value)| (field.clone(), number(*value)));
                Self::Record(name.clone(), fields.collect())
            }
            leaf => leaf.clone(),
        }
    }
}

/// Why a pool cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// A value refers to one that does not come before it.
    #[error("value {value} refers to value {part}, which does not come before it")]
    Forward {
        /// The value.
        value: usize,
        /// What it refers to.
        part: ValueId,
    },
    /// A value is there twice, so that equal values would have different numbers.
    #[error("value {value} is the same as an earlier one")]
    Twice {
        /// The second of them.
        value: usize,
    },
    /// A value is nested too deeply.
    #[error("value {value} is nested more than {DEPTH_MAX} deep")]
    Deep {
        /// The value.
        value: usize,
    },
    /// A value has too many parts.
    #[error("value {value} has more than {PARTS_MAX} parts")]
    Large {
        /// The value.
        value: usize,
    },
}

impl Pool {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a value, unless it is there, and returns its number.
    pub fn add(&mut self, value: &Value) -> ValueId {
        let entry = match value {
            Value::Unit => Entry::Unit,
            Value::Bool(value) => Entry::Bool(*value),
            Value::Int(value) => Entry::Int(*value),
            Value::Float(value) => Entry::Float(format!("{value:?}")),
            Value::Text(text) => Entry::Text(text.clone()),
            Value::Bytes(bytes) => Entry::Bytes(bytes.clone()),
            Value::Address(address) => Entry::Address(address.clone()),
            Value::None => Entry::None,
            Value::Some(inner) => Entry::Some(self.add(inner)),
            Value::List(items) => Entry::List(items.iter().map(|item| self.add(item)).collect()),
            Value::Tuple(items) => Entry::Tuple(items.iter().map(|item| self.add(item)).collect()),
            Value::Map(entries) => {
                Entry::Map(entries.iter().map(|(key, value)| (self.add(key), self.add(value))).collect())
            }
            Value::Record { name, fields } => Entry::Record(
                name.clone(),
                fields.iter().map(|(name, value)| (name.clone(), self.add(value))).collect(),
            ),
        };
        if let Some(id) = self.ids.get(&entry) {
            return *id;
        }
        self.push(entry)
    }

    /// Adds a value whose parts are there, unless it is there itself.
    pub(crate) fn add_entry(&mut self, entry: Entry) -> ValueId {
        match self.ids.get(&entry) {
            Some(id) => *id,
            None => self.push(entry),
        }
    }

    /// The number of a value, if it is there.
    pub(crate) fn find(&self, value: &Value) -> Option<ValueId> {
        let all = |items: &[Value]| items.iter().map(|item| self.find(item)).collect::<Option<Vec<_>>>();
        let entry = match value {
            Value::Unit => Entry::Unit,
            Value::Bool(value) => Entry::Bool(*value),
            Value::Int(value) => Entry::Int(*value),
            Value::Float(value) => Entry::Float(format!("{value:?}")),
            Value::Text(text) => Entry::Text(text.clone()),
            Value::Bytes(bytes) => Entry::Bytes(bytes.clone()),
            Value::Address(address) => Entry::Address(address.clone()),
            Value::None => Entry::None,
            Value::Some(inner) => Entry::Some(self.find(inner)?),
            Value::List(items) => Entry::List(all(items)?),
            Value::Tuple(items) => Entry::Tuple(all(items)?),
            Value::Map(entries) => {
                let pairs = entries.iter().map(|(key, value)| Some((self.find(key)?, self.find(value)?)));
                Entry::Map(pairs.collect::<Option<_>>()?)
            }
            Value::Record { name, fields } => {
                let fields = fields.iter().map(|(name, value)| Some((name.clone(), self.find(value)?)));
                Entry::Record(name.clone(), fields.collect::<Option<_>>()?)
            }
        };
        self.ids.get(&entry).copied()
    }

    fn push(&mut self, entry: Entry) -> ValueId {
        let id = ValueId::try_from(self.entries.len()).expect("a trace has fewer than 2^32 values");
        self.ids.entry(entry.clone()).or_insert(id);
        self.entries.push(entry);
        id
    }

    /// A value with the numbers of its parts.
    pub(crate) fn entry(&self, id: ValueId) -> Option<&Entry> {
        self.entries.get(id as usize)
    }

    /// The value with a number, or `None` if there is no such number. Only on a pool that [`check`](Self::check) finds
    /// good.
    pub fn value(&self, id: ValueId) -> Option<Value> {
        let all = |ids: &[ValueId]| ids.iter().map(|id| self.value(*id)).collect::<Option<Vec<_>>>();
        Some(match self.entries.get(id as usize)? {
            Entry::Unit => Value::Unit,
            Entry::Bool(value) => Value::Bool(*value),
            Entry::Int(value) => Value::Int(*value),
            Entry::Float(text) => Value::Float(text.parse().unwrap_or(f64::NAN)),
            Entry::Text(text) => Value::Text(text.clone()),
            Entry::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Entry::Address(address) => Value::Address(address.clone()),
            Entry::None => Value::None,
            Entry::Some(inner) => Value::Some(Box::new(self.value(*inner)?)),
            Entry::List(items) => Value::List(all(items)?),
            Entry::Tuple(items) => Value::Tuple(all(items)?),
            Entry::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| Some((self.value(*key)?, self.value(*value)?)))
                    .collect::<Option<_>>()?,
            ),
            Entry::Record(name, fields) => Value::Record {
                name: name.clone(),
                fields: fields
                    .iter()
                    .map(|(name, value)| Some((name.clone(), self.value(*value)?)))
                    .collect::<Option<_>>()?,
            },
        })
    }

    /// Checks that every value refers to earlier ones only and is of a bounded size: a small file could otherwise
    /// describe a value that fills the memory.
    ///
    /// # Errors
    ///
    /// Names the first value that is not as it should be.
    pub fn check(&self) -> Result<(), PoolError> {
        let mut sizes: Vec<(u32, u64)> = Vec::with_capacity(self.entries.len());
        for (value, entry) in self.entries.iter().enumerate() {
            if self.ids.get(entry).is_none_or(|id| *id as usize != value) {
                return Err(PoolError::Twice { value });
            }
            let (mut depth, mut parts) = (0, 1_u64);
            for part in entry.parts() {
                let (part_depth, part_parts) =
                    *sizes.get(part as usize).ok_or(PoolError::Forward { value, part })?;
                depth = depth.max(part_depth + 1);
                parts = parts.saturating_add(part_parts);
            }
            if depth > DEPTH_MAX {
                return Err(PoolError::Deep { value });
            }
            if parts > PARTS_MAX {
                return Err(PoolError::Large { value });
            }
            sizes.push((depth, parts));
        }
        Ok(())
    }
}

impl Entry {
    fn parts(&self) -> Vec<ValueId> {
        match self {
            Self::Some(inner) => vec![*inner],
            Self::List(items) | Self::Tuple(items) => items.clone(),
            Self::Map(entries) => entries.iter().flat_map(|(key, value)| [*key, *value]).collect(),
            Self::Record(_, fields) => fields.iter().map(|(_, value)| *value).collect(),
            _ => Vec::new(),
        }
    }
}

impl JsonSchema for Pool {
    fn schema_name() -> Cow<'static, str> {
        "Pool".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let value = |word: &str, rest: &[serde_json::Value]| {
            let mut items = vec![json!({ "const": word })];
            items.extend_from_slice(rest);
            let len = items.len();
            json!({ "type": "array", "prefixItems": items, "minItems": len, "maxItems": len })
        };
        let id = json!({ "type": "integer", "minimum": 0, "description": "the number of an earlier value" });
        let (text, ids) = (json!({ "type": "string" }), json!({ "type": "array", "items": id }));
        let pair = |a: &serde_json::Value| json!({ "type": "array", "prefixItems": [a, id], "minItems": 2, "maxItems": 2 });
        json_schema!({
            "description": "Values without duplicates; larger ones refer to their parts by number, from 0.",
            "type": "array",
            "items": { "oneOf": [
                value("unit", &[]),
                value("none", &[]),
                value("bool", &[json!({ "type": "boolean" })]),
                value("int", &[json!({ "type": ["integer", "string"] })]),
                value("float", slice::from_ref(&text)),
                value("text", slice::from_ref(&text)),
                value("bytes", &[json!({ "type": "string", "pattern": "^([0-9a-f]{2})*$" })]),
                value("address", slice::from_ref(&text)),
                value("some", slice::from_ref(&id)),
                value("list", slice::from_ref(&ids)),
                value("tuple", &[ids]),
                value("map", &[json!({ "type": "array", "items": pair(&id) })]),
                value("record", &[text.clone(), json!({ "type": "array", "items": pair(&text) })]),
            ] }
        })
    }
}

impl Serialize for Pool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pool = Self::default();
        for entry in Vec::<Entry>::deserialize(deserializer)? {
            pool.push(entry);
        }
        Ok(pool)
    }
}

impl Serialize for Entry {
    /// As a list of a word and what belongs to it: `["int", 1]`, `["record", "Entry", [["term", 4]]]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = match self {
            Self::Unit => json!(["unit"]),
            Self::Bool(value) => json!(["bool", value]),
            // JSON readers agree on numbers of 53 bits only.
            Self::Int(value) => match i64::try_from(*value) {
                Ok(small) if small.unsigned_abs() < 1 << 53 => json!(["int", small]),
                _ => json!(["int", value.to_string()]),
            },
            Self::Float(text) => json!(["float", text]),
            Self::Text(text) => json!(["text", text]),
            Self::Bytes(bytes) => json!(["bytes", Hex(bytes).to_string()]),
            Self::Address(address) => json!(["address", address]),
            Self::None => json!(["none"]),
            Self::Some(inner) => json!(["some", inner]),
            Self::List(items) => json!(["list", items]),
            Self::Tuple(items) => json!(["tuple", items]),
            Self::Map(entries) => json!(["map", entries]),
            Self::Record(name, fields) => json!(["record", name, fields]),
        };
        json.as_array().ok_or_else(|| S::Error::custom("a value is a list"))?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parts = Vec::<serde_json::Value>::deserialize(deserializer)?.into_iter();
        let word = parts.next();
        let word = word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let mut next = || parts.next().unwrap_or_default();
        let entry = match word.as_str() {
            "unit" => Ok(Self::Unit),
            "bool" => serde_json::from_value(next()).map(Self::Bool),
            "int" => match next() {
                serde_json::Value::String(digits) => Ok(Self::Int(digits.parse().map_err(D::Error::custom)?)),
                number => serde_json::from_value::<i64>(number).map(|small| Self::Int(small.into())),
            },
            "float" => serde_json::from_value(next()).map(Self::Float),
            "text" => serde_json::from_value(next()).map(Self::Text),
            "bytes" => match serde_json::from_value::<String>(next()) {
                Ok(text) => Ok(Self::Bytes(
                    Hex::parse(&text).ok_or_else(|| D::Error::custom("bytes are hexadecimal"))?,
                )),
                Err(error) => Err(error),
            },
            "address" => serde_json::from_value(next()).map(Self::Address),
            "none" => Ok(Self::None),
            "some" => serde_json::from_value(next()).map(Self::Some),
            "list" => serde_json::from_value(next()).map(Self::List),
            "tuple" => serde_json::from_value(next()).map(Self::Tuple),
            "map" => serde_json::from_value(next()).map(Self::Map),
            "record" => match serde_json::from_value(next()) {
                Ok(name) => serde_json::from_value(next()).map(|fields| Self::Record(name, fields)),
                Err(error) => Err(error),
            },
            other => return Err(D::Error::custom(format!("`{}` is no kind of value", other.escape_debug()))),
        };
        entry.map_err(|error| D::Error::custom(format!("in a value of kind `{word}`: {error}")))
    }
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Hex<'_> {
    fn parse(text: &str) -> Option<Vec<u8>> {
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let digits = digits?;
        digits
            .len()
            .is_multiple_of(2)
            .then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    }
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Value {
        let int = |n| Value::Int(n);
        Value::Record {
            name: "Server".to_owned(),
            fields: vec![
                ("unit".to_owned(), Value::Unit),
                ("bool".to_owned(), Value::Bool(true)),
                ("ints".to_owned(), Value::List(vec![int(-1), int(1 << 60), int(i128::MIN), int(i128::MAX)])),
                ("float".to_owned(), Value::Tuple(vec![Value::Float(-0.0), Value::Float(f64::INFINITY)])),
                ("text".to_owned(), Value::Text("a\u{1b}\"é".to_owned())),
                ("bytes".to_owned(), Value::Bytes(vec![0, 255])),
                ("address".to_owned(), Value::Address("server1".to_owned())),
                ("some".to_owned(), Value::Some(Box::new(Value::Some(Box::new(Value::None))))),
                ("map".to_owned(), Value::Map(vec![(Value::Tuple(vec![int(1)]), Value::List(vec![]))])),
            ],
        }
    }

    fn parsed(json: &str) -> Result<Pool, String> {
        let pool: Pool = serde_json::from_str(json).map_err(|e| e.to_string())?;
        pool.check().map_err(|e| e.to_string())?;
        Ok(pool)
    }

    #[test]
    fn values_of_every_kind_survive() {
        let mut pool = Pool::default();
        let id = pool.add(&every_kind());
        assert_eq!(pool.add(&every_kind()), id);
        assert_eq!(pool.len(), id as usize + 1);
        let json = serde_json::to_string(&pool).unwrap();
        insta::assert_snapshot!(json);
        let read = parsed(&json).unwrap();
        assert_eq!(read.value(id).unwrap(), every_kind());
        assert_eq!(read.value(id + 1), None);
    }

    #[test]
    fn refuses_what_is_not_a_value() {
        let errors = [
            r#"[["list",[0]]]"#,
            r#"[["some",7]]"#,
            r#"[["int",1],["int",1]]"#,
            r#"[["set",[]]]"#,
            r#"[[]]"#,
            r#"[["int",1.5]]"#,
            r#"[["int","12x"]]"#,
            r#"[["bytes","0g"]]"#,
            r#"[["record","Entry",[["term"]]]]"#,
        ];
        insta::assert_snapshot!(
            errors.map(|json| format!("{json}: {}", parsed(json).unwrap_err())).join("\n")
        );
    }

    #[test]
    fn small_files_cannot_describe_huge_values() {
        let bomb: Vec<String> = (0..100)
            .map(|i| if i == 0 { r#"["unit"]"#.into() } else { format!(r#"["list",[{0},{0}]]"#, i - 1) })
            .collect();
        insta::assert_snapshot!(parsed(&format!("[{}]", bomb.join(","))).unwrap_err(), @"value 17 has more than 200000 parts");
        let tower: Vec<String> = (0..300)
            .map(|i| if i == 0 { r#"["unit"]"#.into() } else { format!(r#"["some",{}]"#, i - 1) })
            .collect();
        insta::assert_snapshot!(parsed(&format!("[{}]", tower.join(","))).unwrap_err(), @"value 201 is nested more than 200 deep");
    }
}
