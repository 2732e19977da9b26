//! The variants that an enum declares, read off its `Deserialize`: so that a report can name messages nobody ever sent.

use std::cell::Cell;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

/// The names of the variants of an enum, as serde knows them; empty for any other type.
///
/// ```
/// #[derive(serde::Deserialize)]
/// enum Message { Ping, Pong(u32) }
/// assert_eq!(framework::variants::<Message>(), ["Ping", "Pong"]);
/// assert!(framework::variants::<Vec<Message>>().is_empty());
/// ```
pub fn variants<T: DeserializeOwned>() -> &'static [&'static str] {
    let found = Cell::new(&[][..]);
    // It always fails: there is no value here, only a type that says what it would take.
    let _no_value = T::deserialize(Question { found: &found });
    found.get()
}

/// Asks a type which variants it has.
struct Question<'a> {
    found: &'a Cell<&'static [&'static str]>,
}

impl<'de> Deserializer<'de> for Question<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is no value here"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.found.set(variants);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
