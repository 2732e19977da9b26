// INSTRUCTOR ONLY
//! Every predicate holds where it should and fails where it should, with a reason that a student understands.

use std::ops::ControlFlow;

use clientserver::{AmoCommand, KvCommand, KvResponse, KvStore};
use framework::{
    Address, AnyNode, Application, Client, ClientWorker, Context, Durable, Envelope, Event, Node, Outcome,
    Payload, PendingTimer, Predicate, Source, Step, StepPredicate, System, View, Workload,
};
use raft::predicates::{self as p, Group};
use raft::{Configuration, EntryKind, EntryView, Inspect, Role, SnapshotView};
use serde::{Deserialize, Serialize};

use crate::support::{client, server};

/// A server that is whatever a test wants to look at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Fake {
    term: u64,
    voted_for: Option<Address>,
    /// 0 follower, 1 candidate, 2 leader.
    role: u8,
    commit_index: u64,
    last_applied: u64,
    log: Vec<(u64, Option<AmoCommand<KvCommand>>)>,
    store: KvStore,
    /// What the snapshot ends with: index, term, configuration.
    snapshot: Option<(u64, u64, Option<Configuration>)>,
    /// How many entries are not in `log` any more.
    discarded: u64,
}

impl Node for Fake {
    type Message = ();
    type Timer = ();
    fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
    fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
    fn recover(&mut self, durable: Option<Durable>, _: &mut Context<(), ()>) {
        if let Some(durable) = durable {
            let saved: Fake = durable.to().unwrap();
            let applied = saved.snapshot.as_ref().map_or(0, |snapshot| snapshot.0);
            let store = if applied > 0 { saved.store.clone() } else { KvStore::default() };
            *self = Fake { role: 0, commit_index: applied, last_applied: applied, store, ..saved };
        }
    }
}

impl Inspect for Fake {
    fn current_term(&self) -> u64 {
        self.term
    }
    fn voted_for(&self) -> Option<Address> {
        self.voted_for
    }
    fn role(&self) -> Role {
        [Role::Follower, Role::Candidate, Role::Leader][usize::from(self.role)]
    }
    fn commit_index(&self) -> u64 {
        self.commit_index
    }
    fn last_applied(&self) -> u64 {
        self.last_applied
    }
    fn first_index(&self) -> u64 {
        self.discarded + 1
    }
    fn snapshot(&self) -> Option<SnapshotView<'_>> {
        let (last_included_index, last_included_term, configuration) = self.snapshot.as_ref()?;
        Some(SnapshotView {
            last_included_index: *last_included_index,
            last_included_term: *last_included_term,
            configuration: configuration.as_ref(),
        })
    }
    fn last_index(&self) -> u64 {
        self.discarded + self.log.len() as u64
    }
    fn entry(&self, index: u64) -> Option<EntryView<'_>> {
        let (term, command) =
            self.log.get(usize::try_from(index).unwrap().checked_sub(self.first_index() as usize)?)?;
        let kind = command.as_ref().map_or(EntryKind::Noop, EntryKind::Command);
        Some(EntryView { term: *term, kind })
    }
    fn store(&self) -> &KvStore {
        &self.store
    }
}

fn append(sequence: u64, value: &str) -> AmoCommand<KvCommand> {
    let command = KvCommand::Append { key: "k".to_owned(), value: value.to_owned() };
    AmoCommand { client: client(1), sequence, command }
}

/// A server in a term whose log is written as `1a 1b 2-`: of each entry the term and a command, which is always command
/// `a` = 1, `b` = 2 of client1, or none.
fn fake(term: u64, log: &str) -> Fake {
    let entry = |word: &str| {
        let (term, command) = word.split_at(1);
        let sequence = u64::from(command.as_bytes()[0] - b'a' + 1);
        (term.parse().unwrap(), (command != "-").then(|| append(sequence, command)))
    };
    let entry =
        |word: &str| if word.ends_with('-') { (word[..1].parse().unwrap(), None) } else { entry(word) };
    Fake { term, log: log.split_whitespace().map(entry).collect(), ..Fake::default() }
}

impl Fake {
    fn votes(self, number: u16) -> Self {
        Self { voted_for: Some(server(number)), ..self }
    }
    fn leads(self) -> Self {
        Self { role: 2, ..self }
    }
    fn stands(self) -> Self {
        Self { role: 1, ..self }
    }
    fn commits(self, commit_index: u64) -> Self {
        Self { commit_index, ..self }
    }
    /// Has a snapshot that ends with this index and term, and discarded what it covers: its log comes after it.
    fn after(self, index: u64, term: u64) -> Self {
        Self { snapshot: Some((index, term, None)), discarded: index, last_applied: index, ..self }
            .commits(index)
    }
    /// Applies entries to the store, also twice.
    fn applies(mut self, indexes: &[u64]) -> Self {
        for index in indexes {
            let command = self.log[usize::try_from(*index).unwrap() - 1].1.clone();
            let _response = command.map(|command| self.store.execute(&command.command));
            self.last_applied = *index;
        }
        self
    }
}

/// A client that has the answers it is made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answered(Vec<KvResponse>, usize);

impl Node for Answered {
    type Message = ();
    type Timer = ();
    fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
    fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
}

impl Client for Answered {
    type Command = KvCommand;
    type Response = KvResponse;
    fn send_command(&mut self, _: KvCommand, _: &mut Context<(), ()>) {
        self.1 += 1;
    }
    fn response(&self) -> Option<KvResponse> {
        self.0.get(self.1.checked_sub(1)?).cloned()
    }
}

/// A state put together by hand: server1, server2 and so on, and perhaps client1. The servers have persisted what they
/// are, unless a test says something else.
#[derive(Clone)]
struct World {
    nodes: Vec<Made>,
}

/// A node of such a state.
#[derive(Clone)]
struct Made {
    address: Address,
    node: Box<dyn AnyNode>,
    durable: Option<Durable>,
    up: bool,
}

impl World {
    fn new(servers: &[Fake]) -> Self {
        let nodes = servers.iter().zip(1..).map(|(fake, number)| {
            let node: Box<dyn AnyNode> = Box::new(fake.clone());
            Made {
                address: server(number),
                node,
                durable: Some(Payload::new(fake.clone()).unwrap()),
                up: true,
            }
        });
        Self { nodes: nodes.collect() }
    }

    fn with_client(mut self, answers: &[KvResponse]) -> Self {
        let commands = (1..=9).map(|sequence| append(sequence, "x").command);
        let mut worker: Box<dyn AnyNode> =
            Box::new(ClientWorker::new(Answered(answers.to_vec(), 0), Workload::commands(commands)));
        worker.init(client(1)).unwrap();
        self.nodes.push(Made { address: client(1), node: worker, durable: None, up: true });
        self
    }

    fn persisted(mut self, number: usize, durable: Option<Fake>) -> Self {
        self.nodes[number - 1].durable = durable.map(|fake| Payload::new(fake).unwrap());
        self
    }

    fn down(mut self, number: usize) -> Self {
        self.nodes[number - 1].node = Box::new(Fake::default());
        self.nodes[number - 1].up = false;
        self
    }
}

impl Source for World {
    fn len(&self) -> usize {
        self.nodes.len()
    }
    fn address(&self, i: usize) -> Address {
        self.nodes[i].address
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.nodes[i].node.as_ref()
    }
    fn timers(&self, _: usize) -> &[PendingTimer] {
        &[]
    }
    fn durable(&self, i: usize) -> Option<&Durable> {
        self.nodes[i].durable.as_ref()
    }
    fn is_up(&self, i: usize) -> bool {
        self.nodes[i].up
    }
    fn messages(&self, _: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {}
}

fn group(count: u16) -> Group<Fake> {
    let mut system = System::new();
    for number in 1..=count {
        system.add(server(number), Fake::default()).unwrap();
    }
    Group::of(&system)
}

fn text(outcome: &Outcome) -> String {
    let blame: Vec<String> = outcome.blame().iter().map(ToString::to_string).collect();
    format!("{} [{}]", outcome.reason(), blame.join(", "))
}

#[track_caller]
fn holds(predicate: &Predicate, world: &World) {
    let outcome = predicate.check(&View::new(world));
    assert!(outcome.is_ok(), "{}", text(&outcome));
}

#[track_caller]
fn fails(predicate: &Predicate, world: &World) -> String {
    let outcome = predicate.check(&View::new(world));
    assert!(!outcome.is_ok(), "{} should fail", predicate.name());
    text(&outcome)
}

fn step_outcome(predicate: &StepPredicate, before: &World, event: &Event, after: &World) -> Outcome {
    let (before, after) = (View::new(before), View::new(after));
    predicate.check(&Step { before: &before, event, after: &after })
}

/// A timer of server1.
fn timer() -> Event {
    let timer = PendingTimer { timer: Payload::new(()).unwrap(), length: std::time::Duration::ZERO.into() };
    Event::Fire { node: server(1), timer }
}

/// server1 changes from one to the other when its timer fires; there are three servers.
#[track_caller]
fn step_holds(predicate: &StepPredicate, before: Fake, after: Fake) {
    let world = |fake| World::new(&[fake, Fake::default(), Fake::default()]);
    let outcome = step_outcome(predicate, &world(before), &timer(), &world(after));
    assert!(outcome.is_ok(), "{}", text(&outcome));
}

#[track_caller]
fn step_fails(predicate: &StepPredicate, before: Fake, after: Fake) -> String {
    let world = |fake| World::new(&[fake, Fake::default(), Fake::default()]);
    let outcome = step_outcome(predicate, &world(before), &timer(), &world(after));
    assert!(!outcome.is_ok(), "{} should fail", predicate.name());
    text(&outcome)
}

#[test]
fn election_safety() {
    let predicate = p::election_safety::<Fake>();
    holds(&predicate, &World::new(&[fake(1, "").leads(), fake(2, "").leads(), fake(1, "").stands()]));
    let two = World::new(&[fake(0, ""), fake(2, "").leads(), fake(2, "").leads()]);
    insta::assert_snapshot!(fails(&predicate, &two), @"server2 and server3 are both leader in term 2 [server2.role, server3.role]");
}

#[test]
fn leader_has_majority() {
    let predicate = p::leader_has_majority(&group(3));
    let leader = fake(2, "").votes(1).leads();
    holds(&predicate, &World::new(&[leader.clone(), fake(2, "").votes(1), fake(1, "")]));
    // Who went on to a later term may have voted before.
    holds(&predicate, &World::new(&[leader.clone(), fake(3, ""), fake(1, "").votes(1)]));
    let down = World::new(&[leader.clone(), fake(2, "").votes(1), fake(0, "")]).down(2);
    holds(&predicate, &down);
    insta::assert_snapshot!(fails(&predicate, &down.persisted(2, None)), @"server1 is leader in term 2 without the votes of a majority of 3 servers: server2 has not got beyond term 0, server3 has not got beyond term 0 [server1.role, server2.voted_for, server3.voted_for]");
    let stolen = World::new(&[leader, fake(2, "").votes(3), fake(2, "")]);
    insta::assert_snapshot!(fails(&predicate, &stolen), @"server1 is leader in term 2 without the votes of a majority of 3 servers: server2 voted for server3, server3 has not voted [server1.role, server2.voted_for, server3.voted_for]");
    // Half is not a majority.
    let half = [fake(1, "").votes(1).leads(), fake(1, "").votes(1), fake(0, ""), fake(0, "")];
    fails(&p::leader_has_majority(&group(4)), &World::new(&half));
}

#[test]
fn indexes_in_order() {
    let predicate = p::indexes_in_order::<Fake>();
    let check = |node: Fake| fails(&predicate, &World::new(&[node]));
    holds(&predicate, &World::new(&[fake(0, ""), fake(1, "1a 1b").commits(2).applies(&[1])]));
    insta::assert_snapshot!(check(fake(1, "1a 1b").commits(1).applies(&[1, 2])), @"server1 has applied index 2, but knows only index 1 to be committed [server1.last_applied, server1.commit_index, server1.log]");
    insta::assert_snapshot!(check(fake(1, "1a").commits(2)), @"server1 takes index 2 for committed, but its log ends at index 1 [server1.last_applied, server1.commit_index, server1.log]");
}

#[test]
fn log_matching() {
    let predicate = p::log_matching::<Fake>();
    let check = |a: &str, b: &str| fails(&predicate, &World::new(&[fake(3, a), fake(3, b)]));
    for (a, b) in
        [("", "1a"), ("1a 2b", "1a 3b"), ("1a 1b", "1a"), ("1a", "2b 3a"), ("1a 2- 2b", "1a 2- 2b 3a")]
    {
        holds(&predicate, &World::new(&[fake(3, a), fake(3, b)]));
    }
    insta::assert_snapshot!(check("1a 2b", "1a 2a"), @"the logs of server1 and server2 have the same term at index 2, but differ at index 2: client1's command 2 of term 2 and client1's command 1 of term 2 [server1.log, server2.log]");
    insta::assert_snapshot!(check("1a 3b", "2a 3b"), @"the logs of server1 and server2 have the same term at index 2, but differ at index 1: client1's command 1 of term 1 and client1's command 1 of term 2 [server1.log, server2.log]");
    // Also a command that two leaders of one term made.
    insta::assert_snapshot!(check("1-", "1a"), @"the logs of server1 and server2 have the same term at index 1, but differ at index 1: an empty entry of term 1 and client1's command 1 of term 1 [server1.log, server2.log]");
}

#[test]
fn state_machine_safety() {
    let predicate = p::state_machine_safety::<Fake>();
    holds(&predicate, &World::new(&[fake(3, "1a 2b").commits(1), fake(3, "1a 3b").commits(2)]));
    let both = World::new(&[fake(3, "1a 2b").commits(2), fake(3, "1a 3b").commits(2)]);
    insta::assert_snapshot!(fails(&predicate, &both), @"server1 and server2 have committed different entries at index 2: client1's command 2 of term 2 and client1's command 2 of term 3 [server1.log, server1.commit_index, server2.log, server2.commit_index]");
}

#[test]
fn leader_completeness() {
    let predicate = p::leader_completeness::<Fake>();
    holds(&predicate, &World::new(&[fake(2, "1a 2b").leads(), fake(2, "1a").commits(1)]));
    // A leader that was left behind.
    holds(&predicate, &World::new(&[fake(2, "").leads(), fake(3, "1a").commits(1)]));
    let lacks = World::new(&[fake(1, "1a").commits(1), fake(2, "2-").leads()]);
    insta::assert_snapshot!(fails(&predicate, &lacks), @"server2 is leader in term 2, but at index 1, where server1 has committed client1's command 1 of term 1, it has an empty entry of term 2 [server2.log, server1.commit_index]");
}

#[test]
fn committed_on_majority() {
    let predicate = p::committed_on_majority(&group(3));
    let committed = fake(1, "1a").commits(1);
    holds(&predicate, &World::new(&[committed.clone(), fake(1, "1a"), fake(0, "")]));
    holds(&predicate, &World::new(&[committed.clone(), fake(1, "1a"), fake(0, "")]).down(2));
    let forgotten = World::new(&[committed.clone(), fake(1, "1a"), fake(0, "")]).down(2).persisted(2, None);
    insta::assert_snapshot!(fails(&predicate, &forgotten), @"server1 takes index 1 for committed (client1's command 1 of term 1), but of 3 servers it is not in the logs of server2, server3 [server1.commit_index, server2.log, server3.log]");
    // The same index with another term is another entry.
    fails(&predicate, &World::new(&[committed, fake(2, "2a"), fake(0, "")]));
}

#[test]
fn store_matches_log() {
    let predicate = p::store_matches_log::<Fake>();
    let log = || fake(2, "1a 2a 2b").commits(3);
    holds(&predicate, &World::new(&[fake(0, ""), log().applies(&[1])]));
    let mut once = log().applies(&[1, 3]);
    holds(&predicate, &World::new(&[once.clone()]));
    once.last_applied = 2;
    insta::assert_snapshot!(fails(&predicate, &World::new(&[once])), @"server1 has applied its log up to index 2, which gives `k` `a`, but its store has `ab` [server1.application, server1.log]");
    insta::assert_snapshot!(fails(&predicate, &World::new(&[log().applies(&[1, 2])])), @"server1 has applied its log up to index 2, which gives `k` `a`, but its store has `aa` [server1.application, server1.log]");
    insta::assert_snapshot!(fails(&predicate, &World::new(&[log().applies(&[3])])), @"server1 has applied its log up to index 3, which gives `k` `ab`, but its store has `b` [server1.application, server1.log]");
}

#[test]
fn stores_agree() {
    let predicate = p::stores_agree::<Fake>();
    let log = || fake(2, "1a 2b").commits(2);
    holds(&predicate, &World::new(&[log().applies(&[1, 2]), log().applies(&[1]), fake(0, "")]));
    let differ = World::new(&[log().applies(&[1, 2]), log().applies(&[2])]);
    insta::assert_snapshot!(fails(&predicate, &differ), @"server1 and server2 have both applied their logs up to index 2, but their stores differ [server1.application, server2.application]");
}

#[test]
fn results_are_committed() {
    let predicate = p::results_are_committed(&group(3));
    let result = KvResponse::AppendResult { value: "a".to_owned() };
    let stored = World::new(&[fake(1, "1a"), fake(1, "1a"), fake(0, "")]);
    holds(&predicate, &stored.clone().with_client(&[]));
    holds(&predicate, &stored.clone().with_client(std::slice::from_ref(&result)));
    holds(&predicate, &stored.clone().down(2).with_client(std::slice::from_ref(&result)));
    holds(&predicate, &stored.clone().with_client(&[result.clone(), KvResponse::KeyNotFound]));
    insta::assert_snapshot!(fails(&predicate, &stored.with_client(&[result.clone(), KvResponse::PutOk])), @"client1 has the result of its command 2, but only 0 of 3 servers have it in their logs [client1.results[1]]");
    // Two copies, but at two indexes: neither is safe.
    let scattered = World::new(&[fake(1, "1a"), fake(2, "2- 2a"), fake(0, "")]).with_client(&[result]);
    insta::assert_snapshot!(fails(&predicate, &scattered), @"client1 has the result of its command 1, but only 1 of 3 servers have it in their logs [client1.results[0]]");
}

#[test]
fn durable_state_is_current() {
    let predicate = p::durable_state_is_current(&group(1));
    let node = fake(2, "1a").votes(1);
    let check = |durable| fails(&predicate, &World::new(std::slice::from_ref(&node)).persisted(1, durable));
    holds(&predicate, &World::new(std::slice::from_ref(&node)));
    holds(&predicate, &World::new(&[fake(0, "")]).persisted(1, None));
    insta::assert_snapshot!(check(None), @"server1 is in term 2, but after a crash and a restart now it would be in term 0 [server1.current_term]");
    insta::assert_snapshot!(check(Some(fake(2, "1a"))), @"server1 voted for server1 in term 2, but after a crash and a restart now it would have voted for nobody [server1.voted_for]");
    insta::assert_snapshot!(check(Some(fake(2, "1a 1b").votes(1))), @"server1 has no entry at index 2, but after a crash and a restart now it would have client1's command 2 of term 1 at index 2 [server1.log]");
}

#[test]
fn durable_state_survives() {
    let predicate = p::durable_state_survives(&group(1));
    let crash = Event::Crash { node: server(1), during: None };
    let before = World::new(&[fake(2, "1a 2b").votes(1).commits(1)]);
    let check = |durable: Fake| {
        let after = before.clone().down(1).persisted(1, Some(durable));
        let outcome = step_outcome(&predicate, &before, &crash, &after);
        if outcome.is_ok() { "ok".to_owned() } else { text(&outcome) }
    };
    assert_eq!(check(fake(2, "1a 2b").votes(1)), "ok");
    // A handler that a crash interrupted may have been in the middle of something.
    assert_eq!(check(fake(3, "1a")), "ok");
    insta::assert_snapshot!(check(fake(1, "1a")), @"server1 was in term 2, and after a restart it is in term 1 [server1.current_term]");
    insta::assert_snapshot!(check(fake(2, "1a")), @"server1 voted for server1 in term 2, and after a restart it does not know of it [server1.voted_for]");
    insta::assert_snapshot!(check(fake(3, "2a")), @"server1 had committed client1's command 1 of term 1 at index 1, and after a restart it has client1's command 1 of term 2 [server1.log]");
}

#[test]
fn terms_never_decrease() {
    let predicate = p::terms_never_decrease::<Fake>();
    step_holds(&predicate, fake(1, ""), fake(2, ""));
    insta::assert_snapshot!(step_fails(&predicate, fake(2, ""), fake(1, "")), @"server1 went back from term 2 to term 1 [server1.current_term]");
}

#[test]
fn one_vote_a_term() {
    let predicate = p::one_vote_a_term::<Fake>();
    step_holds(&predicate, fake(1, "").votes(2), fake(2, "").votes(3));
    step_holds(&predicate, fake(1, "").votes(2), fake(2, ""));
    step_holds(&predicate, fake(1, ""), fake(1, "").votes(2));
    insta::assert_snapshot!(step_fails(&predicate, fake(2, "").votes(1), fake(2, "").votes(2)), @"server1 voted for server1 in term 2, then for server2 in the same term [server1.voted_for]");
    insta::assert_snapshot!(step_fails(&predicate, fake(2, "").votes(1), fake(2, "")), @"server1 voted for server1 in term 2, then forgot it in the same term [server1.voted_for]");
}

#[test]
fn leaders_were_candidates() {
    let predicate = p::leaders_were_candidates(&group(3));
    step_holds(&predicate, fake(1, "").stands(), fake(1, "").leads());
    step_holds(&predicate, fake(1, "").leads(), fake(1, "").leads());
    step_holds(&p::leaders_were_candidates(&group(1)), fake(0, ""), fake(1, "").leads());
    insta::assert_snapshot!(step_fails(&predicate, fake(1, ""), fake(1, "").leads()), @"server1 became leader in term 1, in which it was no candidate before [server1.role]");
    step_fails(&predicate, fake(1, "").stands(), fake(2, "").leads());
    step_fails(&predicate, fake(1, "").leads(), fake(2, "").leads());
}

#[test]
fn commit_index_never_decreases() {
    let predicate = p::commit_index_never_decreases::<Fake>();
    step_holds(&predicate, fake(1, "1a"), fake(1, "1a").commits(1));
    insta::assert_snapshot!(step_fails(&predicate, fake(1, "1a").commits(1), fake(1, "1a")), @"server1 knew index 1 to be committed, and now only index 0 [server1.commit_index]");
}

#[test]
fn committed_entries_never_change() {
    let predicate = p::committed_entries_never_change::<Fake>();
    step_holds(&predicate, fake(2, "1a 1b").commits(1), fake(2, "1a 2b").commits(1));
    insta::assert_snapshot!(step_fails(&predicate, fake(2, "1a").commits(1), fake(2, "2b").commits(1)), @"server1 had committed client1's command 1 of term 1 at index 1, and replaced it by client1's command 2 of term 2 [server1.log]");
    step_fails(&predicate, fake(2, "1a").commits(1), fake(2, ""));
}

#[test]
fn leader_append_only() {
    let predicate = p::leader_append_only::<Fake>();
    step_holds(&predicate, fake(2, "1a").leads(), fake(2, "1a 2b").leads());
    step_holds(&predicate, fake(2, "1a").leads(), fake(3, ""));
    insta::assert_snapshot!(step_fails(&predicate, fake(2, "1a").leads(), fake(2, "2a").leads()), @"server1, leader in term 2, had client1's command 1 of term 1 at index 1, and now has client1's command 1 of term 2 [server1.log]");
    step_fails(&predicate, fake(2, "1a").leads(), fake(2, "").leads());
}

#[test]
fn only_own_term_is_counted() {
    let predicate = p::only_own_term_is_counted::<Fake>();
    step_holds(&predicate, fake(2, "1a 2b").leads(), fake(2, "1a 2b").leads().commits(2));
    step_holds(&predicate, fake(2, "1a"), fake(2, "1a").commits(1));
    insta::assert_snapshot!(step_fails(&predicate, fake(2, "1a").leads(), fake(2, "1a").leads().commits(1)), @"server1, leader in term 2, committed index 1, which is client1's command 1 of term 1: a majority that has it can still lose it [server1.commit_index, server1.log]");
}

#[test]
fn entries_are_made_by_leaders() {
    let predicate = p::entries_are_made_by_leaders::<Fake>();
    step_holds(&predicate, fake(2, "").leads(), fake(2, "2a").leads());
    // It adds, and notices that it does not lead any more, or that it leads.
    step_holds(&predicate, fake(2, "").leads(), fake(2, "2a"));
    step_holds(&predicate, fake(1, "").stands(), fake(2, "2a").leads());
    insta::assert_snapshot!(step_fails(&predicate, fake(1, "").leads(), fake(2, "2a")), @"server1, follower in term 2, added client1's command 1 of term 2 at index 1 [server1.log]");
    insta::assert_snapshot!(step_fails(&predicate, fake(2, ""), fake(2, "2a")), @"server1, follower in term 2, added client1's command 1 of term 2 at index 1 [server1.log]");
    insta::assert_snapshot!(step_fails(&predicate, fake(2, "").leads(), fake(2, "1a").leads()), @"server1, leader in term 2, added client1's command 1 of term 1 at index 1 [server1.log]");
    let deliver = |from| Event::Deliver(Envelope { from, to: server(1), message: Payload::new(()).unwrap() });
    let world = |log| World::new(&[fake(2, log), fake(0, "")]).with_client(&[]);
    assert!(step_outcome(&predicate, &world(""), &deliver(server(2)), &world("1a")).is_ok());
    assert!(!step_outcome(&predicate, &world(""), &deliver(client(1)), &world("1a")).is_ok());
}

#[test]
fn last_applied_never_decreases() {
    let predicate = p::last_applied_never_decreases::<Fake>();
    step_holds(&predicate, fake(1, "1a"), fake(1, "1a").applies(&[1]));
    insta::assert_snapshot!(step_fails(&predicate, fake(1, "1a").applies(&[1]), fake(1, "1a")), @"server1 had applied index 1, and now says it has applied only index 0 [server1.last_applied]");
}

#[test]
fn goals() {
    let world = World::new(&[fake(2, "1a 2b").leads().commits(1), fake(3, "").votes(1)]);
    for (predicate, expected) in [
        (p::leads::<Fake>(server(1)), true),
        (p::leads::<Fake>(server(2)), false),
        (p::leads_after::<Fake>(server(1), 1), true),
        (p::leads_after::<Fake>(server(1), 2), false),
        (p::some_leader::<Fake>(), true),
        (p::some_leader_after::<Fake>(2), false),
        (p::term_above::<Fake>(2), true),
        (p::term_above::<Fake>(3), false),
        (p::voted::<Fake>(server(2), server(1)), true),
        (p::voted::<Fake>(server(1), server(1)), false),
        (p::last_term_is::<Fake>(server(1), 2), true),
        (p::last_term_is::<Fake>(server(2), 2), false),
        (p::has_command::<Fake>(server(1), client(1), 2), true),
        (p::has_command::<Fake>(server(1), client(1), 3), false),
        (p::committed::<Fake>(server(1), client(1), 1), true),
        (p::committed::<Fake>(server(1), client(1), 2), false),
        (p::leads::<Fake>(server(9)), false),
    ] {
        assert_eq!(predicate.check(&View::new(&world)).is_ok(), expected, "{}", predicate.name());
    }
    insta::assert_snapshot!(fails(&p::leads::<Fake>(server(2)), &world), @"server2 is Follower in term 3 with commit_index 0, and its log ends at 0 [server2]");
}

#[test]
fn snapshot_in_order() {
    let predicate = p::snapshot_in_order::<Fake>();
    let check = |node: Fake| fails(&predicate, &World::new(&[node]));
    holds(&predicate, &World::new(&[fake(2, "1a"), fake(2, "2b").after(3, 2), fake(2, "").after(3, 2)]));
    // It may keep entries that the snapshot covers.
    let keeps = Fake { snapshot: Some((2, 1, None)), ..fake(1, "1a 1b").commits(2).applies(&[1, 2]) };
    holds(&predicate, &World::new(std::slice::from_ref(&keeps)));
    insta::assert_snapshot!(check(Fake { discarded: 2, ..fake(2, "2b") }), @"the log of server1 begins at index 3, but there is no snapshot of the entries before [server1.snapshot, server1.log]");
    insta::assert_snapshot!(check(Fake { discarded: 4, ..fake(2, "2b").after(3, 2) }), @"the snapshot of server1 ends at index 3, but its log begins at index 5 [server1.snapshot, server1.log]");
    insta::assert_snapshot!(check(Fake { last_applied: 2, ..fake(2, "2b").after(3, 2) }), @"the snapshot of server1 ends at index 3, but server1 has applied only up to index 2 [server1.snapshot, server1.log]");
    insta::assert_snapshot!(check(Fake { snapshot: Some((2, 2, None)), ..keeps }), @"the snapshot of server1 ends at index 2 with term 2, but its log has an entry of term 1 there [server1.snapshot, server1.log]");
}

#[test]
fn terms_grow_along_a_log() {
    let predicate = p::terms_grow_along_a_log::<Fake>();
    let check = |node: Fake| fails(&predicate, &World::new(&[node]));
    holds(&predicate, &World::new(&[fake(3, "1a 1b 3a"), fake(2, "2b").after(3, 2), fake(0, "")]));
    insta::assert_snapshot!(check(fake(2, "2a 1b")), @"server1 has term 2 at index 1, and then term 1 at index 2: no leader made such a log [server1.log]");
    insta::assert_snapshot!(check(fake(2, "1b").after(3, 2)), @"server1 has term 2 at index 3, and then term 1 at index 4: no leader made such a log [server1.log]");
    insta::assert_snapshot!(check(fake(2, "").after(3, 3)), @"server1 is in term 2, but at index 3 of its log is term 3 [server1.log, server1.current_term]");
}

#[test]
fn snapshots_agree() {
    let predicate = p::snapshots_agree::<Fake>();
    let after = |index, term| fake(3, "").after(index, term);
    holds(
        &predicate,
        &World::new(&[after(2, 2), fake(3, "1a 1b"), fake(3, "1a 2b").commits(2), after(3, 3)]),
    );
    let differ = World::new(&[fake(3, "1a 1b").commits(2), after(2, 2)]);
    insta::assert_snapshot!(fails(&predicate, &differ), @"the snapshot of server2 ends at index 2 with term 2, but server1 has committed an entry of term 1 there [server2.snapshot, server1.log]");
    fails(&predicate, &World::new(&[after(2, 2), after(2, 1)]));
    let three = Configuration::of([1, 2, 3].map(server));
    let knows = Fake { snapshot: Some((2, 2, Some(three))), ..after(2, 2) };
    holds(&predicate, &World::new(&[knows.clone(), Fake { discarded: 3, ..knows.clone() }]));
    insta::assert_snapshot!(fails(&predicate, &World::new(&[knows, after(2, 2)])), @"the snapshot of server1 ends at index 2; the newest configuration in it is {server1, server2, server3}, but of what server2 has committed up to there it is none [server1.snapshot, server2.log]");
}

#[test]
fn logs_are_compacted() {
    let predicate = p::logs_are_compacted::<Fake>(1);
    holds(
        &predicate,
        &World::new(&[fake(1, "1a 1b 1c").commits(2).applies(&[1, 2]), fake(1, "").after(9, 1)]),
    );
    let long = World::new(&[fake(1, "1a 1b 1c").commits(3).applies(&[1, 2, 3])]);
    insta::assert_snapshot!(fails(&predicate, &long), @"server1 has 3 applied entries in its log, from index 1; with a snapshot every 1 there may be 2 of them [server1.log]");
}

#[test]
fn snapshots_never_get_older() {
    let predicate = p::snapshots_never_get_older::<Fake>();
    step_holds(&predicate, fake(1, "1a 1b"), fake(1, "1b").after(1, 1));
    step_holds(&predicate, fake(1, "1b").after(1, 1), fake(1, "").after(2, 1));
    insta::assert_snapshot!(step_fails(&predicate, fake(1, "").after(2, 1), fake(1, "").after(1, 1)), @"server1 had a snapshot up to index 2, and replaced it by one up to index 1 [server1.snapshot]");
    let back = Fake { discarded: 1, ..fake(1, "1b").after(2, 1) };
    insta::assert_snapshot!(step_fails(&predicate, fake(1, "").after(2, 1), back), @"the log of server1 began at index 3, and now it begins at index 2 [server1.log]");
}

#[test]
fn snapshot_is_persisted() {
    let predicate = p::snapshot_is_persisted(&group(1));
    let node = fake(2, "1b").after(1, 1);
    let check = |durable| fails(&predicate, &World::new(std::slice::from_ref(&node)).persisted(1, durable));
    holds(&predicate, &World::new(std::slice::from_ref(&node)));
    // It may be saved later, as long as the entries are still there.
    holds(&predicate, &World::new(std::slice::from_ref(&node)).persisted(1, Some(fake(2, "1a 1b"))));
    insta::assert_snapshot!(check(Some(fake(2, ""))), @"server1 has discarded index 1; after a crash and a restart now its snapshot would end at index 0, and its log would not have that entry [server1.snapshot]");
    insta::assert_snapshot!(check(Some(Fake { discarded: 1, ..fake(2, "1b") })), @"after a crash and a restart now: the log of server1 begins at index 2, but there is no snapshot of the entries before [server1.snapshot]");
    let store = fake(2, "1a").applies(&[1]).store;
    insta::assert_snapshot!(check(Some(Fake { store, ..node.clone() })), @"server1 has applied its log up to index 1; after a crash and a restart now it would say the same, but have another store [server1.snapshot, server1.application]");
}

/// What the properties of logs say when the beginning of a log is a snapshot.
#[test]
fn snapshots_count_as_what_they_stand_for() {
    let after = |index, term| fake(2, "").after(index, term);
    let complete = p::leader_completeness::<Fake>();
    holds(&complete, &World::new(&[fake(2, "1a 1b").leads(), after(2, 1)]));
    holds(&complete, &World::new(&[after(3, 2).leads(), fake(1, "1a 1b").commits(2)]));
    insta::assert_snapshot!(fails(&complete, &World::new(&[fake(2, "1a").leads(), after(2, 1)])), @"server1 is leader in term 2, but at index 2, where server2 has committed a snapshot that ends with an entry of term 1, it has no entry [server1.log, server2.commit_index]");
    let majority = p::committed_on_majority(&group(3));
    holds(&majority, &World::new(&[after(2, 1), fake(2, "1a 1b"), fake(0, "")]));
    insta::assert_snapshot!(fails(&majority, &World::new(&[after(2, 1), fake(2, "1a"), fake(0, "")])), @"server1 takes index 2 for committed (a snapshot that ends with an entry of term 1), but of 3 servers it is not in the logs of server2, server3 [server1.commit_index, server2.log, server3.log]");
    step_fails(
        &p::only_own_term_is_counted::<Fake>(),
        fake(2, "1a").leads(),
        fake(2, "").after(1, 1).leads(),
    );
    let finished = p::results_are_committed(&group(3));
    let result = KvResponse::AppendResult { value: "a".to_owned() };
    let world = |servers: [Fake; 3]| World::new(&servers).with_client(std::slice::from_ref(&result));
    holds(&finished, &world([after(1, 1), fake(1, "1a"), fake(0, "")]));
    holds(&finished, &world([after(1, 1), after(1, 1), fake(0, "")]));
    fails(&finished, &world([after(1, 1), fake(1, ""), fake(0, "")]));
    let survives = p::durable_state_survives(&group(1));
    let crash = Event::Crash { node: server(1), during: None };
    let before = World::new(&[after(2, 1)]);
    let lost = before.clone().down(1).persisted(1, Some(fake(2, "")));
    insta::assert_snapshot!(text(&step_outcome(&survives, &before, &crash, &lost)), @"server1 had committed all up to index 2, and after a restart its log ends at index 0 [server1.snapshot, server1.log]");
}
