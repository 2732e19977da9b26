// INSTRUCTOR ONLY
//! The server and the client, one event at a time.
#![cfg(test)]

use framework::{Address, ClientWorker, Local, Payload, PendingTimer, Stimulus, Workload};
use pingpong::{PING_TIMER, Ping, PingClient, PingMessage, PingServer, PingTimer, Pong};

const SERVER: Address = Address::server(1);
const CLIENT: Address = Address::client(1);

fn receive(local: &mut Local, at: Address, from: Address, message: PingMessage) -> String {
    let message = Payload::new(message).unwrap();
    format!("{:?}", local.handle(at, Stimulus::Message { from, message: &message }).unwrap())
}

fn fire(local: &mut Local, ping: &str) -> String {
    let timer = Payload::new(PingTimer(Ping(ping.to_owned()))).unwrap();
    let pending = PendingTimer { timer, length: PING_TIMER.into() };
    assert!(local.timers.as_slice().contains(&pending), "{pending:?} is not set");
    format!("{:?}", local.handle(CLIENT, Stimulus::Timer(&pending)).unwrap())
}

fn pong(text: &str) -> PingMessage {
    PingMessage::PongReply(Pong(text.to_owned()))
}

/// A started client with these pings to send.
fn client(pings: &[&str]) -> Local {
    let workload = Workload::commands(pings.iter().map(|text| Ping((*text).to_owned())));
    let mut local = Local::new(Box::new(ClientWorker::new(PingClient::new(SERVER), workload)));
    let sent = local.handle(CLIENT, Stimulus::Init).unwrap();
    assert_eq!(sent.len(), 1, "the first ping goes out at once");
    local
}

fn results(local: &Local) -> Vec<String> {
    let worker = local.node.as_worker().unwrap();
    (0..worker.result_count()).map(|i| worker.result(i).text()).collect()
}

fn timers(local: &Local) -> String {
    format!("{:?}", local.timers)
}

#[test]
fn the_server_answers_the_sender_with_the_same_text() {
    let mut server = Local::new(Box::new(PingServer));
    for _ in 0..2 {
        let sent = receive(&mut server, SERVER, CLIENT, PingMessage::PingRequest(Ping("hi".to_owned())));
        assert_eq!(sent, r#"[(client1, PongReply(Pong("hi")))]"#);
    }
    assert_eq!(receive(&mut server, SERVER, CLIENT, pong("hi")), "[]");
}

#[test]
fn the_client_sends_the_next_ping_when_it_has_the_pong() {
    let mut client = client(&["a", "b"]);
    assert_eq!(timers(&client), r#"[PingTimer(Ping("a")) after 10ms]"#);
    let sent = receive(&mut client, CLIENT, SERVER, pong("a"));
    assert_eq!(sent, r#"[(server1, PingRequest(Ping("b")))]"#);
    assert_eq!(timers(&client), r#"[PingTimer(Ping("a")) after 10ms, PingTimer(Ping("b")) after 10ms]"#);
    assert_eq!(receive(&mut client, CLIENT, SERVER, pong("b")), "[]");
    assert_eq!(results(&client), [r#"Pong("a")"#, r#"Pong("b")"#]);
}

#[test]
fn the_client_ignores_pongs_it_does_not_wait_for() {
    let mut client = client(&["a", "b"]);
    assert_eq!(receive(&mut client, CLIENT, SERVER, pong("b")), "[]");
    receive(&mut client, CLIENT, SERVER, pong("a"));
    assert_eq!(receive(&mut client, CLIENT, SERVER, pong("a")), "[]");
    assert_eq!(results(&client), [r#"Pong("a")"#]);
}

#[test]
fn the_client_asks_again_while_it_waits_and_lets_old_timers_end() {
    let mut client = client(&["a", "b"]);
    assert_eq!(fire(&mut client, "a"), r#"[(server1, PingRequest(Ping("a")))]"#);
    assert_eq!(timers(&client), r#"[PingTimer(Ping("a")) after 10ms]"#);
    receive(&mut client, CLIENT, SERVER, pong("a"));
    assert_eq!(fire(&mut client, "a"), "[]");
    assert_eq!(timers(&client), r#"[PingTimer(Ping("b")) after 10ms]"#);
    receive(&mut client, CLIENT, SERVER, pong("b"));
    assert_eq!(fire(&mut client, "b"), "[]");
    assert_eq!(timers(&client), "[]");
}
