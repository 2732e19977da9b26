//! Carries a message, a timer or a durable value with its type erased, and its canonical bytes beside it.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::encoding::{self, DecodeError, EncodeError};
use crate::node::Data;
use crate::value::Value;

/// A message, timer or durable value of some lab, behind one type.
///
/// Cheap to clone. Two payloads are equal when their types and canonical bytes are: a `PartialEq` that the value's
/// type may have is never asked, because one that lies would hide states from the search.
#[derive(Clone)]
pub struct Payload(Arc<dyn AnyPayload>);

trait AnyPayload: Send + Sync {
    fn bytes(&self) -> &[u8];
    fn any(&self) -> &dyn Any;
    fn type_name(&self) -> &'static str;
    fn value(&self) -> Value;
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

struct Typed<T> {
    bytes: Box<[u8]>,
    value: T,
}

impl<T: Data> AnyPayload for Typed<T> {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    fn any(&self) -> &dyn Any {
        &self.value
    }
    fn type_name(&self) -> &'static str {
        encoding::short_type_name::<T>()
    }
    fn value(&self) -> Value {
        Value::of(&self.value)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Payload {
    /// Wraps a value.
    ///
    /// # Errors
    ///
    /// When the value has no canonical bytes ([`encoding::encode_into`]).
    pub fn new<T: Data>(value: T) -> Result<Self, EncodeError> {
        let bytes = encoding::encode(&value)?.into_boxed_slice();
        Ok(Self(Arc::new(Typed { bytes, value })))
    }

    /// The value, if it is a `T`.
    pub fn get<T: Data>(&self) -> Option<&T> {
        self.0.any().downcast_ref()
    }

    /// The value as a `T`, decoded from the bytes if the payload was made from another type with the same bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are not those of a `T`.
    pub fn to<T: Data>(&self) -> Result<T, DecodeError> {
        self.get::<T>().map_or_else(|| encoding::decode(self.bytes()), |value| Ok(value.clone()))
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The name of the value's type, without its path.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    /// The value as a tree of named fields, for people and files.
    pub fn value(&self) -> Value {
        self.0.value()
    }

    /// The first word of the value's `Debug`: the variant of an enum (`AppendEntries`), else the name of the type.
    pub fn kind(&self) -> String {
        struct FirstWord(String);
        impl fmt::Write for FirstWord {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                self.0.push_str(&text[..end.unwrap_or(text.len())]);
                // Stopping here keeps the kind of a large message cheap.
                if end.is_some() { Err(fmt::Error) } else { Ok(()) }
            }
        }
        let mut word = FirstWord(String::new());
        let _stopped_early = fmt::write(&mut word, format_args!("{self:?}"));
        if word.0.is_empty() { self.type_name().to_owned() } else { word.0 }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug(f)
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.bytes() == other.bytes() && self.0.any().type_id() == other.0.any().type_id())
    }
}

impl Eq for Payload {}

impl PartialOrd for Payload {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Payload {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes()).then_with(|| self.0.any().type_id().cmp(&other.0.any().type_id()))
    }
}

impl Hash for Payload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum Message {
        Ping(String),
        Pong { number: u32 },
        Done,
    }

    #[test]
    fn the_kind_is_the_variant_or_the_type() {
        let kind = |message| Payload::new(message).unwrap().kind();
        assert_eq!(kind(Message::Ping("x".into())), "Ping");
        assert_eq!(kind(Message::Pong { number: 1 }), "Pong");
        assert_eq!(kind(Message::Done), "Done");
        assert_eq!(Payload::new((1, 2)).unwrap().kind(), "(i32, i32)");
        let Message::Pong { number } = Payload::new(Message::Pong { number: 1 }).unwrap().to().unwrap()
        else {
            panic!("the value comes back as it was");
        };
        assert_eq!(number, 1);
    }

    #[test]
    fn equal_bytes_of_different_types_are_different() {
        assert_ne!(Payload::new(1_u8).unwrap(), Payload::new(true).unwrap());
        assert_eq!(Payload::new(1_u8).unwrap(), Payload::new(1_u8).unwrap());
    }
}
