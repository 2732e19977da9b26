// INSTRUCTOR ONLY
//! The commands of the key-value store.
#![cfg(test)]

use clientserver::{KvCommand, KvParser, KvStore};
use framework::{Application, CommandParser};

fn execute(store: &mut KvStore, command: &str) -> String {
    let command: KvCommand = KvParser.command(command).unwrap();
    format!("{:?}", store.execute(&command))
}

#[test]
fn a_key_has_no_value_until_it_is_put_or_appended_to() {
    let mut store = KvStore::default();
    assert_eq!(execute(&mut store, "GET:k"), "KeyNotFound");
    assert_eq!(execute(&mut store, "PUT:k:v"), "PutOk");
    assert_eq!(execute(&mut store, "GET:k"), r#"GetResult { value: "v" }"#);
    assert_eq!(execute(&mut store, "GET:other"), "KeyNotFound");
}

#[test]
fn a_put_replaces_and_an_append_adds() {
    let mut store = KvStore::default();
    assert_eq!(execute(&mut store, "APPEND:k:a"), r#"AppendResult { value: "a" }"#);
    assert_eq!(execute(&mut store, "APPEND:k:b"), r#"AppendResult { value: "ab" }"#);
    assert_eq!(execute(&mut store, "PUT:k:c"), "PutOk");
    assert_eq!(execute(&mut store, "APPEND:k:d"), r#"AppendResult { value: "cd" }"#);
    assert_eq!(execute(&mut store, "GET:k"), r#"GetResult { value: "cd" }"#);
}

#[test]
fn the_empty_value_is_a_value() {
    let mut store = KvStore::default();
    assert_eq!(execute(&mut store, "APPEND:k:"), r#"AppendResult { value: "" }"#);
    assert_eq!(execute(&mut store, "GET:k"), r#"GetResult { value: "" }"#);
}

#[test]
fn equal_contents_are_equal_states() {
    let (mut one, mut other) = (KvStore::default(), KvStore::default());
    for key in 0..50 {
        execute(&mut one, &format!("PUT:{key}:v"));
        execute(&mut other, &format!("PUT:{}:v", 49 - key));
    }
    assert_eq!(framework::encode(&one).unwrap(), framework::encode(&other).unwrap());
}
