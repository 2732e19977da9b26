//! Names the nodes of a system: `server1`, `client2`, `viewserver`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest label an address may have, in bytes.
const LABEL_MAX: usize = 14;

/// The name of a node: a label and, for most, a number (`server1`).
///
/// Addresses are `Copy`, are ordered by label and then by number (so `server2 < server10`), print as one word and
/// parse from it. They serialize as that word, so a trace file shows `"server1"`.
///
/// ```
/// use framework::Address;
/// assert_eq!(Address::server(1).to_string(), "server1");
/// assert_eq!("client2".parse(), Ok(Address::client(2)));
/// assert!(Address::server(2) < Address::server(10));
/// ```
///
/// Source: DSLabs `Address`. Sub-addresses are not needed: an embedded node shares its host's address
/// ([`Context::embed`](crate::Context::embed)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    label: [u8; LABEL_MAX],
    number: Option<u16>,
}

impl Address {
    /// The address `server{number}`.
    pub const fn server(number: u16) -> Self {
        Self::numbered("server", number)
    }

    /// The address `client{number}`.
    pub const fn client(number: u16) -> Self {
        Self::numbered("client", number)
    }

    /// An address with a label of its own and a number.
    ///
    /// # Panics
    ///
    /// Panics unless the label is 1 to 14 ASCII letters, `-` or `_`.
    pub const fn numbered(label: &str, number: u16) -> Self {
        Self { label: label_bytes(label), number: Some(number) }
    }

    /// An address that is only a label, such as `viewserver`.
    ///
    /// # Panics
    ///
    /// Panics unless the label is 1 to 14 ASCII letters, `-` or `_`.
    pub const fn named(label: &str) -> Self {
        Self { label: label_bytes(label), number: None }
    }

    /// The label without the number: `server` of `server1`.
    pub fn label(&self) -> &str {
        let len = self.label.iter().position(|byte| *byte == 0).unwrap_or(LABEL_MAX);
        std::str::from_utf8(&self.label[..len]).expect("labels are ASCII by construction")
    }

    /// The number, if the address has one: `1` of `server1`.
    pub const fn number(&self) -> Option<u16> {
        self.number
    }
}

const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_'
}

const fn label_bytes(label: &str) -> [u8; LABEL_MAX] {
    let bytes = label.as_bytes();
    assert!(!bytes.is_empty() && bytes.len() <= LABEL_MAX, "an address label has 1 to 14 characters");
    let mut out = [0; LABEL_MAX];
    let mut i = 0;
    while i < bytes.len() {
        assert!(is_label_byte(bytes[i]), "an address label is made of ASCII letters, `-` and `_`");
        out[i] = bytes[i];
        i += 1;
    }
    out
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            None => f.pad(self.label()),
            Some(number) if f.width().is_none() => write!(f, "{}{number}", self.label()),
            Some(number) => f.pad(&format!("{}{number}", self.label())),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a word is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is not an address: expected a label of 1 to 14 letters and an optional number up to 65535, such as `server1`"
)]
pub struct ParseAddressError {
    word: String,
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let error = || ParseAddressError { word: word.to_owned() };
        let digits = word.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (label, number) = word.split_at(word.len() - digits);
        if label.is_empty() || label.len() > LABEL_MAX || !label.bytes().all(is_label_byte) {
            return Err(error());
        }
        if number.len() > 1 && number.starts_with('0') {
            return Err(error());
        }
        let number = match number {
            "" => None,
            digits => Some(digits.parse().map_err(|_| error())?),
        };
        Ok(Self { label: label_bytes(label), number })
    }
}

/// The name under which an address appears to a serializer, by which [`Value`](crate::Value) knows it.
pub(crate) const SERDE_NAME: &str = "Address";

/// In bytes an address is its label, then, if it has a number, a zero and the number. No text is made or parsed: an
/// address is encoded for every message and every field with an address in it.
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_newtype_struct(SERDE_NAME, &self.to_string());
        }
        let mut bytes = [0_u8; LABEL_MAX + 3];
        let mut len = 0;
        while len < LABEL_MAX && self.label[len] != 0 {
            bytes[len] = self.label[len];
            len += 1;
        }
        if let Some(number) = self.number {
            [bytes[len + 1], bytes[len + 2]] = number.to_le_bytes();
            len += 3;
        }
        serializer.serialize_bytes(&bytes[..len])
    }
}

/// The address that [`Serialize`] wrote as these bytes.
fn from_bytes(bytes: &[u8]) -> Option<Address> {
    let (label, number) = match bytes.iter().position(|byte| *byte == 0) {
        None => (bytes, None),
        Some(end) => (&bytes[..end], Some(u16::from_le_bytes(bytes[end + 1..].try_into().ok()?))),
    };
    if label.is_empty() || label.len() > LABEL_MAX || !label.iter().copied().all(is_label_byte) {
        return None;
    }
    Some(Address { label: label_bytes(std::str::from_utf8(label).ok()?), number })
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;

        impl<'de> Visitor<'de> for Word {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address such as `server1`")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Address, D::Error> {
                inner.deserialize_str(self)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Address, E> {
                from_bytes(bytes).ok_or_else(|| E::custom("these bytes are not an address"))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Address, E> {
                word.parse().map_err(E::custom)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_newtype_struct(SERDE_NAME, Word)
        } else {
            deserializer.deserialize_bytes(Word)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_numbers_as_numbers() {
        let mut addresses: Vec<Address> =
            ["server10", "client2", "server2", "viewserver", "server1"].map(|w| w.parse().unwrap()).to_vec();
        addresses.sort();
        let words: Vec<String> = addresses.iter().map(Address::to_string).collect();
        assert_eq!(words, ["client2", "server1", "server2", "server10", "viewserver"]);
    }

    #[test]
    fn bytes_that_are_not_an_address_are_an_error() {
        for bytes in
            [&b""[..], b"a\0", b"a\0\x01", b"a\0\x01\x02\x03", b"\0\x01\x02", b"a b", b"averylonglabelindeed"]
        {
            let encoded = postcard::to_allocvec(&bytes).unwrap();
            postcard::from_bytes::<Address>(&encoded).unwrap_err();
        }
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        for word in ["", "1", "ser ver", "server01", "server70000", "averylonglabelindeed1", "sérver1"] {
            let error = word.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{word}` is not an address")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn prints_parses_and_encodes_as_itself(label in "[a-zA-Z_-]{1,14}", number in proptest::option::of(0_u16..)) {
            let address = match number {
                Some(number) => Address::numbered(&label, number),
                None => Address::named(&label),
            };
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            let bytes = postcard::to_allocvec(&address).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Address>(&bytes).unwrap(), address);
            let value = crate::Value::of(&address);
            prop_assert_eq!(value, crate::Value::Address(address.to_string()));
        }
    }
}
