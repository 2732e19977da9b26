//! What clients ask in tests: commands and results as texts, and the workloads that the tests of several labs
//! share.

use std::time::Duration;

use framework::{CommandParser, Workload};

use crate::kvstore::{KvCommand, KvResponse};

/// The commands of one client of a key-value store.
pub type KvWorkload = Workload<KvCommand, KvResponse>;

/// Reads commands and results from texts.
///
/// Commands are `GET:key`, `PUT:key:value` and `APPEND:key:value`; a value may contain colons, a key may not.
/// The result of a `PUT` is `PutOk`, that of an `APPEND` the whole value, that of a `GET` the value or
/// `KeyNotFound`.
///
/// Source: DSLabs `KVStoreParser`.
#[derive(Clone, Copy, Debug)]
pub struct KvParser;

impl CommandParser<KvCommand, KvResponse> for KvParser {
    fn command(&self, text: &str) -> Result<KvCommand, String> {
        let (verb, rest) = match text.split_once(':') {
            Some((verb, rest)) => (verb, Some(rest)),
            None => (text, None),
        };
        if !["GET", "PUT", "APPEND"].contains(&verb) {
            return Err(format!(
                "`{verb}` is no command; expected `GET:key`, `PUT:key:value` or `APPEND:key:value`"
            ));
        }
        let key = |key: &str| match key {
            "" => Err(format!("`{verb}` needs a key, as in `{verb}:key`")),
            key => Ok(key.to_owned()),
        };
        let rest = rest.unwrap_or_default();
        match (verb, rest.split_once(':')) {
            ("GET", None) => Ok(KvCommand::Get { key: key(rest)? }),
            ("GET", Some((_, value))) => Err(format!(
                "`GET` takes a key and nothing else, and a key has no `:` in it, so `:{value}` is too much"
            )),
            (_, None) => Err(format!("`{verb}` needs a key and a value, as in `{verb}:key:value`")),
            ("PUT", Some((k, value))) => Ok(KvCommand::Put { key: key(k)?, value: value.to_owned() }),
            (_, Some((k, value))) => Ok(KvCommand::Append { key: key(k)?, value: value.to_owned() }),
        }
    }

    fn response(&self, command: &KvCommand, text: &str) -> Result<KvResponse, String> {
        let value = text.to_owned();
        match command {
            KvCommand::Get { .. } if text == "KeyNotFound" => Ok(KvResponse::KeyNotFound),
            KvCommand::Get { .. } => Ok(KvResponse::GetResult { value }),
            KvCommand::Put { .. } if text == "PutOk" => Ok(KvResponse::PutOk),
            KvCommand::Put { .. } => Err(format!("the result of a `PUT` is `PutOk`, not `{text}`")),
            KvCommand::Append { .. } => Ok(KvResponse::AppendResult { value }),
        }
    }
}

/// A workload of commands, each with its result.
fn preset<'a>(steps: impl IntoIterator<Item = (&'a str, &'a str)>) -> KvWorkload {
    let (commands, results): (Vec<&str>, Vec<&str>) = steps.into_iter().unzip();
    Workload::parse_expecting(KvParser, commands, results).expect("the texts of the presets parse")
}

/// A bit of everything, on five keys. (DSLabs `simpleWorkload`)
pub fn simple_workload() -> KvWorkload {
    preset([
        ("PUT:key1:v1a", "PutOk"),
        ("GET:key1", "v1a"),
        ("PUT:key2:v2a", "PutOk"),
        ("GET:key2", "v2a"),
        ("PUT:key1:v1b", "PutOk"),
        ("GET:key1", "v1b"),
        ("APPEND:key3:v3a", "v3a"),
        ("PUT:key3:v3b", "PutOk"),
        ("APPEND:key3:v3c", "v3bv3c"),
        ("APPEND:key3:v3d", "v3bv3cv3d"),
        ("APPEND:key4:v4", "v4"),
        ("APPEND:key4:v4", "v4v4"),
        ("GET:key4", "v4v4"),
        ("GET:key5", "KeyNotFound"),
    ])
}

/// A put, an append and a get of one key. (DSLabs `putAppendGetWorkload`)
pub fn put_append_get_workload() -> KvWorkload {
    preset([("PUT:foo:bar", "PutOk"), ("APPEND:foo:baz", "barbaz"), ("GET:foo", "barbaz")])
}

/// The same append twice, which are two commands, and a get. (DSLabs `appendAppendGet`)
pub fn append_append_get() -> KvWorkload {
    preset([("APPEND:foo:bar", "bar"), ("APPEND:foo:bar", "barbar"), ("GET:foo", "barbar")])
}

/// A put and a get of one key. (DSLabs `putGetWorkload`)
pub fn put_get_workload() -> KvWorkload {
    preset([("PUT:foo:bar", "PutOk"), ("GET:foo", "bar")])
}

/// One put. (DSLabs `putWorkload`)
pub fn put_workload() -> KvWorkload {
    preset([("PUT:foo:bar", "PutOk")])
}

/// `rounds` appends to a key of the client's own. (DSLabs `appendDifferentKeyWorkload`)
pub fn append_different_key_workload(rounds: usize) -> KvWorkload {
    let mut whole = String::new();
    let (commands, results): (Vec<String>, Vec<String>) = (0..rounds)
        .map(|round| {
            whole.push_str(&round.to_string());
            (format!("APPEND:KEY-%a:{round}"), whole.clone())
        })
        .unzip();
    Workload::parse_expecting(KvParser, commands, results).expect("the texts of the presets parse")
}

/// `rounds` appends to one key that all clients share, of values that tell whose append they are and which:
/// `client1,1;`. No result is expected; [`appends_linearizable`](crate::appends_linearizable) judges them.
/// (DSLabs `appendSameKeyWorkload`)
pub fn append_same_key_workload(rounds: u64) -> KvWorkload {
    Workload::parse(KvParser, ["APPEND:foo:%a,%i;"]).expect("the texts of the presets parse").repeated(rounds)
}

/// For ever: a put of a new value to one of five keys of the client's own, and a get of it. With an interval,
/// the client pauses before each command. (DSLabs `differentKeysInfiniteWorkload`)
///
/// Where DSLabs draws key and value at random and remembers them, this goes round the keys and numbers the
/// values: command `i` of a workload may not depend on what was drawn before.
pub fn different_keys_infinite_workload(interval: Option<Duration>) -> KvWorkload {
    let (commands, results): (Vec<String>, Vec<&str>) = (1..=5)
        .flat_map(|key| {
            [(format!("PUT:%a-{key}:value-%i"), "PutOk"), (format!("GET:%a-{key}"), "value-%i-1")]
        })
        .unzip();
    let workload = Workload::parse_expecting(KvParser, commands, results)
        .expect("the texts of the presets parse")
        .endless();
    interval.map_or(workload.clone(), |interval| workload.every(interval))
}

#[cfg(test)]
mod tests {
    use framework::Address;
    // BEGIN INSTRUCTOR ONLY
    use framework::Application;
    // END INSTRUCTOR ONLY

    use super::*;
    // BEGIN INSTRUCTOR ONLY
    use crate::kvstore::KvStore;
    // END INSTRUCTOR ONLY

    #[test]
    fn parses_commands() {
        let parse = |text| format!("{:?}", KvParser.command(text).unwrap());
        assert_eq!(parse("GET:k"), r#"Get { key: "k" }"#);
        assert_eq!(parse("PUT:k:a:b"), r#"Put { key: "k", value: "a:b" }"#);
        assert_eq!(parse("APPEND:k:"), r#"Append { key: "k", value: "" }"#);
    }

    #[test]
    fn parses_the_result_of_each_command() {
        let parse = |command, text| {
            let command = KvParser.command(command).unwrap();
            format!("{:?}", KvParser.response(&command, text).unwrap())
        };
        assert_eq!(parse("GET:k", "v"), r#"GetResult { value: "v" }"#);
        assert_eq!(parse("GET:k", "KeyNotFound"), "KeyNotFound");
        assert_eq!(parse("PUT:k:v", "PutOk"), "PutOk");
        assert_eq!(parse("APPEND:k:v", "KeyNotFound"), r#"AppendResult { value: "KeyNotFound" }"#);
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        let refusal = |text| KvParser.command(text).unwrap_err();
        insta::assert_snapshot!(refusal("INCREMENT:k"), @"`INCREMENT` is no command; expected `GET:key`, `PUT:key:value` or `APPEND:key:value`");
        insta::assert_snapshot!(refusal("get:k"), @"`get` is no command; expected `GET:key`, `PUT:key:value` or `APPEND:key:value`");
        insta::assert_snapshot!(refusal("GET"), @"`GET` needs a key, as in `GET:key`");
        insta::assert_snapshot!(refusal("GET:k:v"), @"`GET` takes a key and nothing else, and a key has no `:` in it, so `:v` is too much");
        insta::assert_snapshot!(refusal("PUT:k"), @"`PUT` needs a key and a value, as in `PUT:key:value`");
        insta::assert_snapshot!(refusal("APPEND"), @"`APPEND` needs a key and a value, as in `APPEND:key:value`");
        insta::assert_snapshot!(refusal("APPEND::v"), @"`APPEND` needs a key, as in `APPEND:key`");
        let put = KvParser.command("PUT:k:v").unwrap();
        insta::assert_snapshot!(KvParser.response(&put, "Ok").unwrap_err(), @"the result of a `PUT` is `PutOk`, not `Ok`");
        let error = Workload::parse(KvParser, ["GET:k", "PUT:%a"]).unwrap_err();
        insta::assert_snapshot!(error, @"command 2 of the workload, `PUT:client1`, does not parse: `PUT` needs a key and a value, as in `PUT:key:value`");
    }

    /// The first commands of a workload with the results that it expects.
    fn steps(workload: &KvWorkload, client: u16, count: usize) -> Vec<(KvCommand, Option<KvResponse>)> {
        (0..count).map_while(|i| workload.command(Address::client(client), i)).collect()
    }
    // BEGIN INSTRUCTOR ONLY

    // Without a store there is nothing to compare with.
    #[test]
    fn presets_expect_what_a_store_answers() {
        for (workload, len) in [
            (simple_workload(), 14),
            (put_append_get_workload(), 3),
            (append_append_get(), 3),
            (put_get_workload(), 2),
            (put_workload(), 1),
            (append_different_key_workload(12), 12),
            (different_keys_infinite_workload(None), 25),
        ] {
            let mut store = KvStore::default();
            let steps = steps(&workload, 2, 25);
            assert_eq!(steps.len(), len);
            for (command, expected) in steps {
                assert_eq!(Some(store.execute(&command)), expected, "{command:?}");
            }
        }
    }
    // END INSTRUCTOR ONLY

    #[test]
    fn appends_to_the_same_key_tell_whose_they_are() {
        let texts: Vec<String> = steps(&append_same_key_workload(2), 3, 9)
            .into_iter()
            .map(|(command, expected)| format!("{command:?} {expected:?}"))
            .collect();
        assert_eq!(
            texts,
            [
                r#"Append { key: "foo", value: "client3,1;" } None"#,
                r#"Append { key: "foo", value: "client3,2;" } None"#
            ]
        );
    }

    #[test]
    fn the_infinite_workload_goes_round_five_keys_of_the_client() {
        let workload = different_keys_infinite_workload(Some(Duration::from_millis(10)));
        assert_eq!((workload.len(), workload.interval()), (None, Some(Duration::from_millis(10))));
        let steps = steps(&workload, 1, 12);
        assert_eq!(format!("{:?}", steps[8].0), r#"Put { key: "client1-5", value: "value-9" }"#);
        assert_eq!(format!("{:?}", steps[10].0), r#"Put { key: "client1-1", value: "value-11" }"#);
        assert_eq!(format!("{:?}", steps[11].1), r#"Some(GetResult { value: "value-11" })"#);
    }
}
