//! The predicate over the results of finished clients.

use std::ops::ControlFlow;

use framework::predicate::sequentially_consistent;
use framework::{
    Address, AnyNode, Client, ClientWorker, Context, Durable, Envelope, Node, Outcome, PendingTimer, Source,
    View, Workload,
};
use serde::{Deserialize, Serialize};

use crate::specifications::{Counter, Register, RegisterCommand as Command, RegisterResponse as Response};

/// A client that answers its commands itself, from a list, until the list ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Scripted {
    answers: Vec<Response>,
    sent: usize,
}

impl Node for Scripted {
    type Message = ();
    type Timer = ();
    fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
    fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
}

impl Client for Scripted {
    type Command = Command;
    type Response = Response;
    fn send_command(&mut self, _: Command, _: &mut Context<(), ()>) {
        self.sent += 1;
    }
    fn response(&self) -> Option<Response> {
        self.answers.get(self.sent.checked_sub(1)?).cloned()
    }
}

/// Client workers and nothing else.
struct Clients(Vec<Box<dyn AnyNode>>);

impl Source for Clients {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn address(&self, i: usize) -> Address {
        Address::client(i as u16 + 1)
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.0[i].as_ref()
    }
    fn timers(&self, _: usize) -> &[PendingTimer] {
        &[]
    }
    fn durable(&self, _: usize) -> Option<&Durable> {
        None
    }
    fn messages(&self, _: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {}
}

/// Clients with these commands that got these answers.
fn clients(clients: &[(&[Command], &[Response])]) -> Clients {
    let nodes = clients.iter().zip(1..).map(|((commands, answers), i)| {
        let client = Scripted { answers: answers.to_vec(), sent: 0 };
        let mut worker: Box<dyn AnyNode> =
            Box::new(ClientWorker::new(client, Workload::commands(commands.iter().cloned())));
        worker.init(Address::client(i)).unwrap();
        worker
    });
    Clients(nodes.collect())
}

fn judge(answers: &[(&[Command], &[Response])]) -> Outcome {
    sequentially_consistent(Register).check(&View::new(&clients(answers)))
}

#[test]
fn holds_if_some_order_explains_the_results() {
    let write_and_read = [Command::Write(1), Command::Read];
    let reads = [Command::Read, Command::Read];
    assert!(judge(&[]).is_ok());
    for second in [[0, 0], [0, 1], [1, 1]] {
        let second = second.map(Response::Value);
        let outcome = judge(&[(&write_and_read, &[Response::Ok, Response::Value(1)]), (&reads, &second)]);
        assert!(outcome.is_ok(), "{}", outcome.reason());
    }
    // As long as one is not done, nothing is said.
    assert!(judge(&[(&reads, &[Response::Value(7)])]).is_ok());
    assert!(!judge(&[(&reads, &[Response::Value(7), Response::Value(7)])]).is_ok());
}

#[test]
fn says_which_results_conflict() {
    let write = [Command::Write(1)];
    let reads = [Command::Read, Command::Read];
    let outcome = judge(&[(&write, &[Response::Ok]), (&reads, &[Response::Value(1), Response::Value(0)])]);
    insta::assert_snapshot!(outcome.reason(), @r"
    client2 got Value(0) for Read, although its own Read -> Value(1) came before that
    ");
    let blame: Vec<String> = outcome.blame().iter().map(ToString::to_string).collect();
    assert_eq!(blame, ["client2.results[0]", "client2.results[1]"]);
    let outcome =
        sequentially_consistent(Counter).check(&View::new(&clients(&[(&reads[..1], &[Response::Value(1)])])));
    insta::assert_snapshot!(outcome.reason(), @r"
    client1 has commands of type `RegisterCommand` and responses of type `RegisterResponse`, the specification has `u32` and `u32`
    ");
}
