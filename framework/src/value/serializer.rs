//! The serde serializer that builds a [`Value`].

use std::fmt;

use serde::ser::{self, Serialize};

use super::Value;
use crate::address;

/// Serializes into a [`Value`].
pub(super) struct ToValue;

/// What a type's own `Serialize` complained about.
#[derive(Debug)]
pub(super) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// What the parts collected by a [`Collect`] become in the end.
enum Kind {
    List,
    Tuple,
    Map,
    Record(&'static str),
}

/// Collects the parts of a compound value.
pub(super) struct Collect {
    kind: Kind,
    items: Vec<Value>,
    fields: Vec<(String, Value)>,
    entries: Vec<(Value, Value)>,
    key: Option<Value>,
}

impl Collect {
    fn new(kind: Kind) -> Self {
        Self { kind, items: Vec::new(), fields: Vec::new(), entries: Vec::new(), key: None }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let value = value.serialize(ToValue)?;
        match self.kind {
            Kind::Record(_) => self.fields.push((self.fields.len().to_string(), value)),
            _ => self.items.push(value),
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.fields.push((name.to_owned(), value.serialize(ToValue)?));
        Ok(())
    }

    fn finish(self) -> Value {
        match self.kind {
            Kind::List => Value::List(self.items),
            Kind::Tuple => Value::Tuple(self.items),
            Kind::Map => Value::Map(self.entries),
            Kind::Record(name) => Value::Record { name: name.to_owned(), fields: self.fields },
        }
    }
}

fn record(name: &'static str, fields: Vec<(String, Value)>) -> Value {
    Value::Record { name: name.to_owned(), fields }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<Value, Error> {
            // Only a u128 above i128::MAX does not fit; it is shown as its digits.
            Ok(i128::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int))
        })*
    };
}

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Collect;
    type SerializeTuple = Collect;
    type SerializeTupleStruct = Collect;
    type SerializeTupleVariant = Collect;
    type SerializeMap = Collect;
    type SerializeStruct = Collect;
    type SerializeStructVariant = Collect;

    integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );

    fn serialize_bool(self, value: bool) -> Result<Value, Error> {
        Ok(Value::Bool(value))
    }
    fn serialize_f32(self, value: f32) -> Result<Value, Error> {
        Ok(Value::Float(value.into()))
    }
    fn serialize_f64(self, value: f64) -> Result<Value, Error> {
        Ok(Value::Float(value))
    }
    fn serialize_char(self, value: char) -> Result<Value, Error> {
        Ok(Value::Text(value.into()))
    }
    fn serialize_str(self, value: &str) -> Result<Value, Error> {
        Ok(Value::Text(value.to_owned()))
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<Value, Error> {
        Ok(Value::Bytes(value.to_vec()))
    }
    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::None)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        Ok(Value::Some(Box::new(value.serialize(self)?)))
    }
    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Unit)
    }
    fn serialize_unit_struct(self, name: &'static str) -> Result<Value, Error> {
        Ok(record(name, Vec::new()))
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        Ok(record(variant, Vec::new()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        let value = value.serialize(self)?;
        Ok(match value {
            Value::Text(word) if name == address::SERDE_NAME => Value::Address(word),
            value => record(name, vec![("0".to_owned(), value)]),
        })
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(record(variant, vec![("0".to_owned(), value.serialize(self)?)]))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::List))
    }
    fn serialize_tuple(self, _: usize) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::Tuple))
    }
    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::Record(name)))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::Record(variant)))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::Map))
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::Record(name)))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Collect, Error> {
        Ok(Collect::new(Kind::Record(variant)))
    }
}

macro_rules! collect_items {
    ($($trait:ident: $method:ident),*) => {
        $(impl ser::$trait for Collect {
            type Ok = Value;
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }
            fn end(self) -> Result<Value, Error> {
                Ok(self.finish())
            }
        })*
    };
}

collect_items!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
);

macro_rules! collect_fields {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Collect {
            type Ok = Value;
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }
            fn end(self) -> Result<Value, Error> {
                Ok(self.finish())
            }
        })*
    };
}

collect_fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Collect {
    type Ok = Value;
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(key.serialize(ToValue)?);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| Error("a map's value came before its key".to_owned()))?;
        self.entries.push((key, value.serialize(ToValue)?));
        Ok(())
    }
    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}
