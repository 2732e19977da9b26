//! Counts the states of every model in the most obvious way, without the engine: what the models are worth as a
//! reference rests on these numbers.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use framework::{
    Address, AnyNode, Durable, Envelope, Event, Local, PendingTimer, Predicate, Source, Stimulus, System,
    View, predicate,
};
use models::{adversarial, paxos, raft, timer_ring, two_phase_commit};

/// A whole state: every node with its timers, and every message that was ever sent.
#[derive(Clone)]
struct World {
    nodes: Vec<(Address, Local)>,
    network: BTreeSet<Envelope>,
}

impl World {
    fn start(system: &System) -> Self {
        let nodes = system.nodes().map(|(address, node)| (address, Local::new(node.boxed()))).collect();
        let mut world = Self { nodes, network: BTreeSet::new() };
        for (address, _) in system.nodes() {
            world.happen(address, Stimulus::Init);
        }
        world
    }

    fn happen(&mut self, at: Address, stimulus: Stimulus<'_>) {
        let (_, local) = self
            .nodes
            .iter_mut()
            .find(|(address, _)| *address == at)
            .expect("events are at nodes of the system");
        for (to, message) in local.handle(at, stimulus).expect("messages have bytes") {
            self.network.insert(Envelope { from: at, to, message });
        }
    }

    fn events(&self) -> Vec<Event> {
        let deliveries = self.network.iter().cloned().map(Event::Deliver);
        let timers = self.nodes.iter().flat_map(|(node, local)| {
            local.timers.fireable().into_iter().map(|timer| Event::Fire { node: *node, timer: timer.clone() })
        });
        deliveries.chain(timers).collect()
    }

    fn after(&self, event: &Event) -> Self {
        let mut next = self.clone();
        event.with_stimulus(|stimulus| next.happen(event.node(), stimulus));
        next
    }

    /// Bytes that are equal for equal states only.
    fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        let mut part = |bytes: &[u8]| {
            key.extend_from_slice(&bytes.len().to_le_bytes());
            key.extend_from_slice(bytes);
        };
        for (_, local) in &self.nodes {
            part(&local.encode().expect("nodes have bytes"));
        }
        for envelope in &self.network {
            part(format!("{}>{}", envelope.from, envelope.to).as_bytes());
            part(envelope.message.bytes());
        }
        key
    }

    fn satisfies(&self, predicate: &Predicate) -> bool {
        predicate.check(&View::new(self)).is_ok()
    }

    #[track_caller]
    fn assert_all(&self, invariants: &[Predicate]) {
        for invariant in invariants {
            let outcome = invariant.explained(&View::new(self));
            assert!(outcome.is_ok(), "{}: {}", invariant.name(), outcome.reason());
        }
    }
}

impl Source for World {
    fn len(&self) -> usize {
        self.nodes.len()
    }
    fn address(&self, i: usize) -> Address {
        self.nodes[i].0
    }
    fn node(&self, i: usize) -> &dyn AnyNode {
        self.nodes[i].1.node.as_ref()
    }
    fn timers(&self, i: usize) -> &[PendingTimer] {
        self.nodes[i].1.timers.as_slice()
    }
    fn durable(&self, i: usize) -> Option<&Durable> {
        self.nodes[i].1.durable.as_ref()
    }
    fn messages(&self, visit: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {
        let _broke = self.network.iter().try_for_each(visit);
    }
}

/// Visits every state with its depth, up to `depth_max`; returns the number of states first seen at each depth. A space
/// that is exhausted ends with a 0.
fn enumerate(system: &System, depth_max: usize, mut visit: impl FnMut(usize, &World)) -> Vec<usize> {
    let start = World::start(system);
    let mut seen = BTreeSet::from([start.key()]);
    let mut level = vec![start];
    let mut new_per_depth = Vec::new();
    for depth in 0..=depth_max {
        new_per_depth.push(level.len());
        let mut next = Vec::new();
        for world in &level {
            visit(depth, world);
            if depth == depth_max {
                continue;
            }
            for event in world.events() {
                let successor = world.after(&event);
                if seen.insert(successor.key()) {
                    next.push(successor);
                }
            }
        }
        if level.is_empty() {
            break;
        }
        level = next;
    }
    new_per_depth
}

fn count(system: &System) -> usize {
    enumerate(system, usize::MAX, |_, _| {}).iter().sum()
}

/// The depth of the first state that satisfies `goal`.
fn first_depth(system: &System, depth_max: usize, goal: &Predicate) -> Option<usize> {
    let mut first = None;
    enumerate(system, depth_max, |depth, world| {
        if first.is_none() && world.satisfies(goal) {
            first = Some(depth);
        }
    });
    first
}

/// Lets the first event happen whose text starts with each of `script` in turn.
fn play(system: &System, script: &[&str]) -> World {
    script.iter().fold(World::start(system), |world, start| {
        let events = world.events();
        let event = events.iter().find(|event| event.to_string().starts_with(start));
        world.after(event.unwrap_or_else(|| panic!("no event `{start}` among {events:#?}")))
    })
}

// The numbers are from DSLabs 49c4a1f.
#[test]
fn timer_ring_counts_as_dslabs_does() {
    let table: [(u16, u32, &[usize]); 5] = [
        (1, 1, &[1, 2, 1, 1, 0]),
        (1, 2, &[1, 2, 4, 4, 5, 3, 1, 0]),
        (1, 3, &[1, 2, 4, 8, 12, 18, 17, 9, 3, 1, 0]),
        (2, 1, &[1, 4, 8, 12, 14, 12, 8, 4, 1, 0]),
        (2, 2, &[1, 4, 14, 36, 77, 140, 216, 288, 328, 316, 252, 160, 76, 24, 4, 0]),
    ];
    for (nodes, limit, expected) in table {
        let mut spent = 0;
        let counts = enumerate(&timer_ring::system(nodes, limit), usize::MAX, |_, world| {
            world.assert_all(&[timer_ring::ticks_are_true()]);
            spent += usize::from(world.satisfies(&timer_ring::all_spent()));
        });
        assert_eq!(counts, expected, "{nodes} nodes, limit {limit}");
        assert!(spent > 0);
    }
}

// The numbers are from DSLabs 49c4a1f.
#[test]
fn paxos_counts_as_dslabs_does() {
    let table: [(&[&str], usize, &[usize]); 2] = [
        (&["A"], 9, &[1, 1, 4, 13, 35, 93, 254, 697, 1906, 5223]),
        (&["A", "B"], 8, &[1, 2, 9, 34, 112, 360, 1143, 3556, 10884]),
    ];
    for (values, depth_max, expected) in table {
        let system = paxos::system(values, 3);
        let counts = enumerate(&system, depth_max, |_, world| {
            world.assert_all(&[paxos::agreement(), paxos::validity(values)]);
        });
        assert_eq!(counts, expected, "{} proposers", values.len());
    }
    // `Propose`, and for each of two acceptors `Prepare`, `PrepareAck`, `Accept`, `AcceptAck`.
    assert_eq!(first_depth(&paxos::system(&["A"], 3), 9, &paxos::decided()), Some(9));
}

#[test]
fn a_forgotten_promise_breaks_agreement_in_ten_events() {
    let values = &["A", "B"];
    let disagreement = paxos::agreement().not();
    let buggy = paxos::buggy_system(values, 1, paxos::Mistake::ForgetsPromise);
    assert_eq!(first_depth(&buggy, 10, &disagreement), Some(10));
    assert_eq!(first_depth(&paxos::system(values, 1), 10, &disagreement), None);
}

#[test]
fn a_forgotten_promise_breaks_agreement_of_three_acceptors() {
    let script = [
        "proposer1's timer",
        "acceptor1 receives Prepare { number: 1 }",
        "acceptor2 receives Prepare { number: 1 }",
        "proposer1 receives PrepareAck { number: 1, accepted: None } from acceptor1",
        "proposer1 receives PrepareAck { number: 1, accepted: None } from acceptor2",
        "proposer2's timer",
        "acceptor1 receives Prepare { number: 2 }",
        "acceptor2 receives Prepare { number: 2 }",
        "proposer2 receives PrepareAck { number: 2, accepted: None } from acceptor1",
        "proposer2 receives PrepareAck { number: 2, accepted: None } from acceptor2",
        "acceptor1 receives Accept { number: 2",
        "acceptor2 receives Accept { number: 2",
        "proposer2 receives AcceptAck { number: 2 } from acceptor1",
        "proposer2 receives AcceptAck { number: 2 } from acceptor2",
        "acceptor1 receives Accept { number: 1",
        "acceptor2 receives Accept { number: 1",
        "proposer1 receives AcceptAck { number: 1 } from acceptor1",
        "proposer1 receives AcceptAck { number: 1 } from acceptor2",
    ];
    let buggy = paxos::buggy_system(&["A", "B"], 3, paxos::Mistake::ForgetsPromise);
    assert_disagreement(&play(&buggy, &script));
    // Without the mistake the last acks are never sent.
    let world = play(&paxos::system(&["A", "B"], 3), &script[..16]);
    assert!(!world.events().iter().any(|event| event.to_string().contains("AcceptAck { number: 1 }")));
}

#[test]
fn a_quorum_that_is_too_small_breaks_agreement_in_ten_events() {
    let buggy = paxos::buggy_system(&["A", "B"], 3, paxos::Mistake::QuorumTooSmall);
    let script = [
        "proposer1's timer",
        "acceptor1 receives Prepare { number: 1 }",
        "proposer1 receives PrepareAck { number: 1, accepted: None }",
        "acceptor1 receives Accept { number: 1",
        "proposer1 receives AcceptAck { number: 1 }",
        "proposer2's timer",
        "acceptor2 receives Prepare { number: 2 }",
        "proposer2 receives PrepareAck { number: 2, accepted: None }",
        "acceptor2 receives Accept { number: 2",
        "proposer2 receives AcceptAck { number: 2 }",
    ];
    assert_disagreement(&play(&buggy, &script));
    // Each decision takes five events of its own, so there is nothing shorter to find; a search agrees as far as it goes.
    assert_eq!(first_depth(&buggy, 7, &paxos::agreement().not()), None);
}

#[track_caller]
fn assert_disagreement(world: &World) {
    let outcome = paxos::agreement().check(&View::new(world));
    assert_eq!(outcome.reason(), "proposer1 decided A, but proposer2 decided B");
    let blame: Vec<String> = outcome.blame().iter().map(ToString::to_string).collect();
    assert_eq!(blame, ["proposer1.decision", "proposer2.decision"]);
    world.assert_all(&[paxos::validity(&["A", "B"])]);
}

// The numbers are from TLC and Stateright, for the TLA+ module TwoPhase.
#[test]
fn two_phase_commit_counts_as_tlc_does() {
    let (mut committed, mut aborted) = (0, 0);
    let counts = enumerate(&two_phase_commit::system(3), usize::MAX, |_, world| {
        world.assert_all(&[two_phase_commit::consistent()]);
        committed += usize::from(world.satisfies(&two_phase_commit::all_committed()));
        aborted += usize::from(world.satisfies(&two_phase_commit::all_aborted()));
    });
    assert_eq!(counts.iter().sum::<usize>(), 288);
    assert!(committed > 0 && aborted > 0);
    assert_eq!(count(&two_phase_commit::system(5)), 8_832);
}

// Nobody else has counted these: a change here is a change of the benchmark.
#[test]
fn raft_counts_stay_what_they_were() {
    let invariants = [
        raft::election_safety(),
        raft::log_matching(),
        raft::state_machine_safety(),
        predicate::results_ok(),
    ];
    let goals = [raft::leader_elected(), predicate::clients_done()];
    let mut first_depths = [None; 2];
    let counts = enumerate(&raft::system(3, 1, 1, 2), 8, |depth, world| {
        world.assert_all(&invariants);
        for (first, goal) in first_depths.iter_mut().zip(&goals) {
            if first.is_none() && world.satisfies(goal) {
                *first = Some(depth);
            }
        }
    });
    assert_eq!(counts, [1, 3, 12, 46, 174, 612, 2067, 6702, 20742]);
    // Election timer, RequestVote, its reply; then Request, AppendEntries, its reply, Response.
    assert_eq!(first_depths, [Some(3), Some(7)]);
}

#[test]
fn one_raft_server_finishes_every_workload() {
    let mut done = 0;
    enumerate(&raft::system(1, 2, 3, 1), usize::MAX, |_, world| {
        world.assert_all(&[predicate::results_ok()]);
        done += usize::from(world.satisfies(&predicate::clients_done()));
    });
    assert!(done > 0);
}

/// A state in which the servers are what `change` makes of them.
fn raft_world(mut change: impl FnMut(usize, &mut raft::Server)) -> World {
    let mut world = World::start(&raft::system(2, 0, 0, 1));
    for (i, (_, local)) in world.nodes.iter_mut().enumerate() {
        let mut server =
            local.node.as_any().downcast_ref::<raft::Server>().expect("there are no clients").clone();
        change(i, &mut server);
        local.node = Box::new(server);
    }
    world
}

fn entry(term: u64, command: &str) -> raft::Entry {
    raft::Entry { term, client: Address::client(1), sequence: 1, command: command.to_owned() }
}

#[test]
fn raft_invariants_say_what_is_wrong() {
    let reason = |predicate: Predicate, world: &World| predicate.check(&View::new(world)).reason().to_owned();

    let two_leaders = raft_world(|_, server| {
        let (next_index, match_index) = Default::default();
        server.current_term = 4;
        server.role = raft::Role::Leader { next_index, match_index };
    });
    assert_eq!(
        reason(raft::election_safety(), &two_leaders),
        "server1 and server2 are both leader in term 4"
    );

    let other_logs = raft_world(|i, server| {
        server.log = vec![entry(1, if i == 0 { "PUT:x:1" } else { "PUT:x:2" }), entry(2, "GET:x")];
        server.commit_index = i + 1;
    });
    assert_eq!(
        reason(raft::log_matching(), &other_logs),
        "server1 and server2 have the same term at index 2, but differ at index 1"
    );
    assert_eq!(
        reason(raft::state_machine_safety(), &other_logs),
        "server1 and server2 committed different entries at index 1"
    );
}

#[test]
fn adversarial_counts_follow_their_formulas() {
    for (messages, states) in [(2, 354), (3, 9_573)] {
        let system = adversarial::delivery_log(2, messages);
        let mut arrived = 0;
        let counts = enumerate(&system, usize::MAX, |_, world| {
            world.assert_all(&[adversarial::logged_once()]);
            arrived += usize::from(world.satisfies(&adversarial::all_arrived()));
        });
        assert_eq!(counts.iter().sum::<usize>(), states);
        assert!(arrived > 0);
    }
    for (senders, messages, states) in [(1, 5, 7), (2, 5, 49), (3, 8, 1_000)] {
        let system = adversarial::flood(senders, messages);
        let mut arrived = 0;
        let counts = enumerate(&system, usize::MAX, |_, world| {
            world.assert_all(&[adversarial::counted_once()]);
            arrived += usize::from(world.satisfies(&adversarial::all_arrived()));
        });
        assert_eq!(counts.iter().sum::<usize>(), states);
        assert_eq!(arrived, 1);
    }
}
