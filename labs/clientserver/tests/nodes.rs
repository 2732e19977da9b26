// INSTRUCTOR ONLY
//! The server and the client, one event at a time.
#![cfg(test)]

use clientserver::{
    AmoCommand, AmoResponse, CLIENT_RETRY, ClientTimer, KvParser, KvResponse, KvStore, Message, SimpleClient,
    SimpleServer,
};
use framework::{
    Address, ClientWorker, CommandParser, Local, Payload, PendingTimer, Stimulus, TimerQueue, Workload,
};

const SERVER: Address = Address::server(1);
const CLIENT: Address = Address::client(1);

fn receive(local: &mut Local, at: Address, from: Address, message: Message) -> String {
    let message = Payload::new(message).unwrap();
    format!("{:?}", local.handle(at, Stimulus::Message { from, message: &message }).unwrap())
}

fn request(sequence: u64, command: &str) -> Message {
    Message::Request(AmoCommand { client: CLIENT, sequence, command: KvParser.command(command).unwrap() })
}

fn reply(sequence: u64, value: &str) -> Message {
    Message::Reply(AmoResponse { sequence, response: KvResponse::AppendResult { value: value.to_owned() } })
}

fn timer(sequence: u64) -> PendingTimer {
    PendingTimer { timer: Payload::new(ClientTimer { sequence }).unwrap(), length: CLIENT_RETRY.into() }
}

fn fire(local: &mut Local, sequence: u64) -> String {
    let pending = timer(sequence);
    assert!(local.timers.as_slice().contains(&pending), "{pending:?} is not set");
    format!("{:?}", local.handle(CLIENT, Stimulus::Timer(&pending)).unwrap())
}

/// A started client that appends `a`, then `b`.
fn client() -> Local {
    let workload = Workload::parse(KvParser, ["APPEND:k:a", "APPEND:k:b"]).unwrap();
    let mut local = Local::new(Box::new(ClientWorker::new(SimpleClient::new(SERVER), workload)));
    let sent = local.handle(CLIENT, Stimulus::Init).unwrap();
    assert_eq!(format!("{sent:?}"), FIRST);
    local
}

const FIRST: &str = r#"[(server1, Request(AmoCommand { client: client1, sequence: 1, command: Append { key: "k", value: "a" } }))]"#;
const SECOND: &str = r#"[(server1, Request(AmoCommand { client: client1, sequence: 2, command: Append { key: "k", value: "b" } }))]"#;

fn results(local: &Local) -> Vec<String> {
    let worker = local.node.as_worker().unwrap();
    (0..worker.result_count()).map(|i| worker.result(i).text()).collect()
}

#[test]
fn the_server_executes_a_request_once_and_answers_it_as_often_as_it_comes() {
    let mut server = Local::new(Box::new(SimpleServer::new(KvStore::default())));
    for _ in 0..3 {
        let sent = receive(&mut server, SERVER, CLIENT, request(1, "APPEND:k:a"));
        assert_eq!(
            sent,
            r#"[(client1, Reply(AmoResponse { sequence: 1, response: AppendResult { value: "a" } }))]"#
        );
    }
    receive(&mut server, SERVER, CLIENT, request(2, "APPEND:k:b"));
    assert_eq!(receive(&mut server, SERVER, CLIENT, request(1, "APPEND:k:a")), "[]");
    let sent = receive(&mut server, SERVER, CLIENT, request(3, "GET:k"));
    assert!(sent.contains(r#"GetResult { value: "ab" }"#), "{sent}");
}

#[test]
fn the_client_sends_the_next_command_when_it_has_the_response() {
    let mut client = client();
    assert_eq!(client.timers.as_slice(), [timer(1)]);
    assert_eq!(receive(&mut client, CLIENT, SERVER, reply(1, "a")), SECOND);
    assert_eq!(client.timers.as_slice(), [timer(1), timer(2)]);
    assert_eq!(receive(&mut client, CLIENT, SERVER, reply(2, "ab")), "[]");
    assert_eq!(results(&client), [r#"AppendResult { value: "a" }"#, r#"AppendResult { value: "ab" }"#]);
}

#[test]
fn the_client_ignores_replies_it_does_not_wait_for() {
    let mut client = client();
    assert_eq!(receive(&mut client, CLIENT, SERVER, reply(2, "ab")), "[]");
    receive(&mut client, CLIENT, SERVER, reply(1, "a"));
    assert_eq!(receive(&mut client, CLIENT, SERVER, reply(1, "a")), "[]");
    receive(&mut client, CLIENT, SERVER, reply(2, "ab"));
    let before = client.node.value();
    assert_eq!(receive(&mut client, CLIENT, SERVER, reply(2, "something else")), "[]");
    assert_eq!(client.node.value(), before);
}

#[test]
fn the_client_asks_again_while_it_waits_and_lets_old_timers_end() {
    let mut client = client();
    assert_eq!(fire(&mut client, 1), FIRST);
    assert_eq!(client.timers.as_slice(), [timer(1)]);
    receive(&mut client, CLIENT, SERVER, reply(1, "a"));
    assert_eq!(fire(&mut client, 1), "[]");
    assert_eq!(fire(&mut client, 2), SECOND);
    receive(&mut client, CLIENT, SERVER, reply(2, "ab"));
    assert_eq!(fire(&mut client, 2), "[]");
    assert_eq!(client.timers, TimerQueue::default());
}
