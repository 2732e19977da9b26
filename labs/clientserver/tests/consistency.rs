// INSTRUCTOR ONLY
//! The predicate of the lab agrees with the general checker of sequential consistency on random appends to one key.
#![cfg(test)]

use std::cell::Cell;
use std::ops::ControlFlow;

use clientserver::{KvCommand, KvParser, KvResponse, KvStore, KvWorkload, appends_linearizable};
use framework::linearizability::{
    ApplicationSpecification, Consistency, End, History, Operation, STEPS_MAX, check,
};
use framework::{
    Address, AnyNode, Client, ClientWorker, Context, Durable, Envelope, Node, PendingTimer, Source, View,
    Workload,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};

/// A client that answers its commands itself, from a list, until the list ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Scripted {
    answers: Vec<KvResponse>,
    sent: usize,
}

impl Node for Scripted {
    type Message = ();
    type Timer = ();
    fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
    fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
}

impl Client for Scripted {
    type Command = KvCommand;
    type Response = KvResponse;
    fn send_command(&mut self, _: KvCommand, _: &mut Context<(), ()>) {
        self.sent += 1;
    }
    fn response(&self) -> Option<KvResponse> {
        self.answers.get(self.sent.checked_sub(1)?).cloned()
    }
}

/// Client workers and nothing else.
struct Clients(Vec<(Address, Box<dyn AnyNode>)>);

impl Source for Clients {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn address(&self, i: usize) -> Address {
        self.0[i].0
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.0[i].1.as_ref()
    }
    fn timers(&self, _: usize) -> &[PendingTimer] {
        &[]
    }
    fn durable(&self, _: usize) -> Option<&Durable> {
        None
    }
    fn messages(&self, _: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {}
}

/// What a server makes of the next append of a client; most are mistakes.
#[derive(Clone, Copy, Debug)]
enum Served {
    Once,
    /// It is executed, but the client does not learn so, ever.
    Silently,
    Twice,
    /// The client gets what it would have got before the last append.
    Late,
    /// It is not executed, but the client gets what it would get.
    Lost,
}

/// The results of three clients.
fn results(workloads: &[KvWorkload], served: &[(usize, Served)]) -> Vec<Vec<KvResponse>> {
    let mut results = vec![Vec::new(); workloads.len()];
    let mut stuck = vec![false; workloads.len()];
    let (mut value, mut before) = (String::new(), String::new());
    for (client, served) in served {
        let next = results[*client].len();
        let command = workloads[*client].command(address(*client), next);
        let (Some((KvCommand::Append { value: text, .. }, _)), false) = (command, stuck[*client]) else {
            continue;
        };
        let old = value.clone();
        let whole = match served {
            Served::Late => before.clone() + &text,
            _ => value.clone() + &text,
        };
        match served {
            Served::Once | Served::Silently | Served::Late => value += &text,
            Served::Twice => value += &text.repeat(2),
            Served::Lost => {}
        }
        before = old;
        if matches!(served, Served::Silently) {
            stuck[*client] = true;
        } else {
            results[*client].push(KvResponse::AppendResult { value: whole });
        }
    }
    results
}

fn address(client: usize) -> Address {
    Address::client(client as u16 + 1)
}

/// The same results for the general checker; the times are places in the workload.
fn history(workloads: &[KvWorkload], results: &[Vec<KvResponse>]) -> History<KvCommand, KvResponse> {
    let mut operations = Vec::new();
    for (client, (workload, results)) in workloads.iter().zip(results).enumerate() {
        for i in 0..=results.len() {
            let Some((command, _)) = workload.command(address(client), i) else { continue };
            let time = 2 * i as u64;
            let end = results
                .get(i)
                .map_or(End::Pending, |response| End::Returned { at: time + 1, response: response.clone() });
            operations.push(Operation { client: address(client), command, invoked_at: time, end });
        }
    }
    History::from_operations(operations).unwrap()
}

#[test]
fn appends_linearizable_agrees_with_the_general_checker() {
    let specification = ApplicationSpecification::new(KvStore::default());
    let served = prop_oneof![
        12 => Just(Served::Once),
        1 => Just(Served::Silently),
        1 => Just(Served::Twice),
        1 => Just(Served::Late),
        1 => Just(Served::Lost),
    ];
    // With equal texts, and with texts that tell whose they are.
    let texts =
        prop::sample::select(vec![["a%i", "b%i", "c%i"], ["x", "x", "x"], ["x", "xx", "y"], ["", "x", "xy"]]);
    let cases = (texts, prop::collection::vec((0_usize..3, served), 0..12));
    let answers = [Cell::new(0), Cell::new(0)];
    let config = Config { cases: 3000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = runner.run(&cases, |(texts, served)| {
        let workloads =
            texts.map(|text| Workload::parse(KvParser, [format!("APPEND:k:{text}")]).unwrap().repeated(3));
        let results = results(&workloads, &served);
        let clients: Vec<(Address, KvWorkload)> =
            (0..3).map(|i| (address(i), workloads[i].clone())).collect();
        let nodes = clients.iter().zip(&results).map(|((address, workload), answers)| {
            let client = Scripted { answers: answers.clone(), sent: 0 };
            let mut worker: Box<dyn AnyNode> = Box::new(ClientWorker::new(client, workload.clone()));
            worker.init(*address).unwrap();
            (*address, worker)
        });
        let source = Clients(nodes.collect());
        let outcome = appends_linearizable(clients.clone()).check(&View::new(&source));
        let history = history(&workloads, &results);
        let verdict =
            check(&specification, &history, Consistency::SequentiallyConsistent, STEPS_MAX).unwrap();
        prop_assert!(verdict.is_consistent() || verdict.is_inconsistent());
        prop_assert_eq!(outcome.is_ok(), verdict.is_consistent(), "{}\n{}", outcome.reason(), history);
        let count = &answers[usize::from(outcome.is_ok())];
        count.set(count.get() + 1);
        Ok(())
    });
    checked.unwrap();
    assert!(answers.iter().all(|count| count.get() > 300), "{answers:?}");
}
