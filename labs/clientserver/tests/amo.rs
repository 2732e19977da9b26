// INSTRUCTOR ONLY
//! At most once: no command twice, old ones ignored, old responses forgotten.
#![cfg(test)]

use clientserver::{AmoApplication, AmoCommand, KvCommand, KvParser, KvStore};
use framework::{Address, Application, CommandParser};

type Amo = AmoApplication<KvStore>;

fn command(client: u16, sequence: u64, command: &str) -> AmoCommand<KvCommand> {
    AmoCommand { client: Address::client(client), sequence, command: KvParser.command(command).unwrap() }
}

fn execute(amo: &mut Amo, command: &AmoCommand<KvCommand>) -> String {
    amo.execute(command).map_or("none".to_owned(), |r| format!("{}: {:?}", r.sequence, r.response))
}

fn bytes(amo: &Amo) -> Vec<u8> {
    framework::encode(amo).unwrap()
}

#[test]
fn a_command_is_executed_once_and_answered_again() {
    let mut amo = Amo::new(KvStore::default());
    let first = command(1, 1, "APPEND:k:x");
    assert!(!amo.already_executed(&first));
    assert_eq!(execute(&mut amo, &first), r#"1: AppendResult { value: "x" }"#);
    let after = bytes(&amo);
    assert!(amo.already_executed(&first));
    assert_eq!(execute(&mut amo, &first), r#"1: AppendResult { value: "x" }"#);
    assert_eq!(bytes(&amo), after, "answering again changes nothing");
}

#[test]
fn the_same_command_with_a_new_number_is_executed_again() {
    let mut amo = Amo::new(KvStore::default());
    execute(&mut amo, &command(1, 1, "APPEND:k:x"));
    assert_eq!(execute(&mut amo, &command(1, 2, "APPEND:k:x")), r#"2: AppendResult { value: "xx" }"#);
}

#[test]
fn commands_older_than_the_latest_are_ignored() {
    let mut amo = Amo::new(KvStore::default());
    execute(&mut amo, &command(1, 1, "APPEND:k:x"));
    execute(&mut amo, &command(1, 3, "APPEND:k:y"));
    let after = bytes(&amo);
    for sequence in [1, 2] {
        let old = command(1, sequence, "APPEND:k:z");
        assert!(amo.already_executed(&old));
        assert_eq!(execute(&mut amo, &old), "none");
    }
    assert_eq!(bytes(&amo), after);
}

#[test]
fn clients_have_numbers_of_their_own() {
    let mut amo = Amo::new(KvStore::default());
    execute(&mut amo, &command(1, 7, "PUT:k:x"));
    assert!(!amo.already_executed(&command(2, 1, "GET:k")));
    assert_eq!(execute(&mut amo, &command(2, 1, "GET:k")), r#"1: GetResult { value: "x" }"#);
    assert_eq!(execute(&mut amo, &command(1, 7, "PUT:k:x")), "7: PutOk");
}

#[test]
fn old_responses_are_forgotten() {
    let mut amo = Amo::new(KvStore::default());
    let value = "x".repeat(1000);
    let size_after = |amo: &mut Amo, sequence| {
        execute(amo, &command(1, sequence, &format!("PUT:k:{value}")));
        execute(amo, &command(1, sequence + 1, "GET:k"));
        bytes(amo).len()
    };
    let first = size_after(&mut amo, 1);
    for round in 1..50 {
        assert_eq!(size_after(&mut amo, 1 + 2 * round), first);
    }
}

#[test]
fn it_comes_back_from_its_bytes() {
    let mut amo = Amo::new(KvStore::default());
    execute(&mut amo, &command(1, 1, "PUT:k:x"));
    let mut copy: Amo = framework::decode(&bytes(&amo)).unwrap();
    assert_eq!(execute(&mut copy, &command(1, 2, "GET:k")), r#"2: GetResult { value: "x" }"#);
    assert_ne!(bytes(&copy), bytes(&amo));
}
