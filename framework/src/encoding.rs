//! Turns values into canonical bytes and back: the identity of a state, durable storage and the wire share them.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a value has no canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a `{type_name}` cannot be turned into bytes: {cause}; derive Serialize and Deserialize without `flatten`, `untagged` or `skip_serializing_if`"
)]
pub struct EncodeError {
    type_name: &'static str,
    cause: String,
}

/// Why bytes are not a value of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes do not decode as a `{type_name}`: {cause}")]
pub struct DecodeError {
    type_name: &'static str,
    len: usize,
    cause: String,
}

/// Appends the canonical bytes of `value` to `out`. Equal values of one type have equal bytes, on every machine.
///
/// # Errors
///
/// When the type's `Serialize` does something the format cannot express, such as `#[serde(flatten)]`.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let so_far = std::mem::take(out);
    *out = postcard::to_extend(value, so_far)
        .map_err(|e| EncodeError { type_name: short_type_name::<T>(), cause: e.to_string() })?;
    Ok(())
}

/// The canonical bytes of `value`; see [`encode_into`].
///
/// # Errors
///
/// As [`encode_into`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(32);
    encode_into(value, &mut out)?;
    Ok(out)
}

/// Rebuilds a value from its canonical bytes; all of them must be used.
///
/// # Errors
///
/// When the bytes are not those of a `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let error = |cause: String| DecodeError { type_name: short_type_name::<T>(), len: bytes.len(), cause };
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|e| error(e.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(error(format!("{} bytes are left over", rest.len()))) }
}

/// The name of a type without the path to it: `Server` of `raft::server::Server`.
pub(crate) fn short_type_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    let head = full.find('<').map_or(full, |generic| &full[..generic]);
    head.rfind("::").map_or(head, |colons| &head[colons + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftover_bytes_are_an_error() {
        let mut bytes = encode(&7_u32).unwrap();
        assert_eq!(decode::<u32>(&bytes), Ok(7));
        bytes.push(0);
        insta::assert_snapshot!(decode::<u32>(&bytes).unwrap_err(), @"2 bytes do not decode as a `u32`: 1 bytes are left over");
    }
}
