//! Single-decree Paxos with proposers that retry for ever, and two classic mistakes in it.
//!
//! Its counts come from DSLabs (emichael/dslabs 49c4a1f), which ran the same nodes. The space is infinite: a search
//! needs a depth limit.
//!
//! Source: Lamport, "Paxos Made Simple", section 2; a proposal's number and value are called that there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::{Address, Context, Node, Outcome, Predicate, System};
use serde::{Deserialize, Serialize};

use crate::add;

/// `proposer1` to `proposerN`, of which proposer `i` wants `values[i - 1]`, and `acceptor1` to `acceptorM`.
///
/// | proposers | acceptors | depth limit | distinct states |
/// |---|---|---|---|
/// | 1 | 3 | 11 | 61,798 |
/// | 2 | 3 | 11 | 443,829 |
pub fn system(values: &[&str], acceptors: u16) -> System {
    build(values, acceptors, None)
}

/// The same with a mistake, for which [`agreement`] has a counterexample.
pub fn buggy_system(values: &[&str], acceptors: u16, mistake: Mistake) -> System {
    build(values, acceptors, Some(mistake))
}

/// A classic way to get Paxos wrong. With two proposers, the shortest counterexamples are:
///
/// | mistake | acceptors | events |
/// |---|---|---|
/// | [`ForgetsPromise`](Mistake::ForgetsPromise) | 1 | 10 |
/// | [`ForgetsPromise`](Mistake::ForgetsPromise) | 3 | 18 |
/// | [`QuorumTooSmall`](Mistake::QuorumTooSmall) | 3 | 10 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// An acceptor takes every proposal, also one with a lower number than it has promised to ignore.
    ForgetsPromise,
    /// A proposer takes `acceptors / 2` acks for a majority: one too few.
    QuorumTooSmall,
}

fn build(values: &[&str], acceptors: u16, mistake: Option<Mistake>) -> System {
    let mut system = System::new();
    let acceptors: Vec<Address> = (1..=acceptors).map(|i| Address::numbered("acceptor", i)).collect();
    let majority = acceptors.len() / 2 + 1;
    let quorum = if mistake == Some(Mistake::QuorumTooSmall) { majority - 1 } else { majority };
    let proposers = u16::try_from(values.len()).expect("there are not more proposers than addresses");
    for (i, value) in (1..=proposers).zip(values) {
        let proposer = Proposer {
            proposers: u32::from(proposers),
            acceptors: acceptors.clone(),
            quorum,
            number: u32::from(i),
            value: (*value).to_owned(),
            proposed: false,
            prepare_acks: BTreeMap::new(),
            prepare_finished: false,
            accept_acks: BTreeSet::new(),
            decision: None,
        };
        add(&mut system, Address::numbered("proposer", i), proposer);
    }
    let checks_promise = mistake != Some(Mistake::ForgetsPromise);
    for address in acceptors {
        add(&mut system, address, Acceptor { checks_promise, prepared: None, accepted: None });
    }
    system
}

/// Invariant: no two proposers decide different values.
pub fn agreement() -> Predicate {
    Predicate::for_each_pair(
        "agreement",
        |(a, first): (Address, &Proposer), (b, second): (Address, &Proposer)| match (
            &first.decision,
            &second.decision,
        ) {
            (Some(x), Some(y)) if x != y => Outcome::fails(format!("{a} decided {x}, but {b} decided {y}"))
                .blaming(a, "decision")
                .blaming(b, "decision"),
            _ => Outcome::holds(),
        },
    )
}

/// Invariant: whatever is decided is one of `values`.
pub fn validity(values: &[&str]) -> Predicate {
    let values: BTreeSet<String> = values.iter().map(|value| (*value).to_owned()).collect();
    Predicate::for_each("validity", move |address, proposer: &Proposer| {
        match proposer.decision.as_ref().filter(|value| !values.contains(*value)) {
            Some(value) => Outcome::fails(format!("{address} decided {value}, which nobody proposed"))
                .blaming(address, "decision"),
            None => Outcome::holds(),
        }
    })
}

/// Goal: some proposer has decided.
pub fn decided() -> Predicate {
    Predicate::new("a proposer decided", |view| {
        match view.nodes::<Proposer>().find(|(_, proposer)| proposer.decision.is_some()) {
            Some((address, _)) => Outcome::holds().because(format!("{address} decided")),
            None => Outcome::fails("no proposer decided"),
        }
    })
}

/// A value with the number under which it was proposed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number; no two proposers use the same.
    pub number: u32,
    /// Its value.
    pub value: String,
}

/// What proposers and acceptors say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Phase 1: a proposer asks for a promise to ignore lower numbers.
    Prepare {
        /// The proposer's number.
        number: u32,
    },
    /// An acceptor promises it.
    PrepareAck {
        /// The number of the `Prepare`.
        number: u32,
        /// The proposal with the highest number that the acceptor has accepted.
        accepted: Option<Proposal>,
    },
    /// Phase 2: a proposer asks to accept a value.
    Accept {
        /// The proposer's number.
        number: u32,
        /// The value.
        value: String,
    },
    /// An acceptor accepts it.
    AcceptAck {
        /// The number of the `Accept`.
        number: u32,
    },
}

/// The one timer of a proposer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// Time to make a proposal, or to try again with a higher number.
    Propose,
}

const PROPOSE: Duration = Duration::from_millis(100);

/// A proposer, which also learns whether its proposal was chosen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proposer {
    /// How many proposers there are: the step from one of its numbers to the next. Never changes.
    pub proposers: u32,
    /// Whom it asks. Never changes.
    pub acceptors: Vec<Address>,
    /// How many acks it waits for. Never changes.
    pub quorum: usize,
    /// The number of its current proposal.
    pub number: u32,
    /// The value it proposes: its own, until it learns that another may have been chosen.
    pub value: String,
    /// Whether it has made a proposal.
    pub proposed: bool,
    /// What each acceptor that answered its `Prepare` had accepted; empty once phase 1 is finished.
    pub prepare_acks: BTreeMap<Address, Option<Proposal>>,
    /// Whether phase 1 is finished.
    pub prepare_finished: bool,
    /// Who answered its `Accept`.
    pub accept_acks: BTreeSet<Address>,
    /// The value that was chosen, as far as it knows.
    pub decision: Option<String>,
}

impl Proposer {
    fn on_prepare_ack(
        &mut self,
        from: Address,
        accepted: Option<Proposal>,
        ctx: &mut Context<Message, Timer>,
    ) {
        self.prepare_acks.insert(from, accepted);
        if self.prepare_acks.len() < self.quorum {
            return;
        }
        self.prepare_finished = true;
        let acks = std::mem::take(&mut self.prepare_acks);
        // A `None` is less than any proposal, and proposals are ordered by number.
        if let Some(highest) = acks.into_values().max().flatten() {
            self.value = highest.value;
        }
        let accept = Message::Accept { number: self.number, value: self.value.clone() };
        ctx.broadcast(&self.acceptors, &accept);
    }

    fn on_accept_ack(&mut self, from: Address) {
        self.accept_acks.insert(from);
        if self.accept_acks.len() >= self.quorum {
            self.decision = Some(self.value.clone());
        }
    }
}

impl Node for Proposer {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Message, Timer>) {
        ctx.set_timer(Timer::Propose, PROPOSE);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        match message {
            Message::PrepareAck { number, accepted } if number == self.number && !self.prepare_finished => {
                self.on_prepare_ack(from, accepted, ctx);
            }
            Message::AcceptAck { number } if number == self.number => self.on_accept_ack(from),
            // Acks of an earlier proposal, or of a phase that is over.
            Message::PrepareAck { .. } | Message::AcceptAck { .. } => {}
            Message::Prepare { .. } | Message::Accept { .. } => {}
        }
    }

    fn on_timer(&mut self, Timer::Propose: Timer, ctx: &mut Context<Message, Timer>) {
        if self.proposed {
            self.number += self.proposers;
        }
        self.proposed = true;
        self.prepare_acks.clear();
        self.accept_acks.clear();
        self.prepare_finished = false;
        ctx.broadcast(&self.acceptors, &Message::Prepare { number: self.number });
        ctx.set_timer(Timer::Propose, PROPOSE);
    }
}

/// An acceptor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acceptor {
    /// Whether it looks at its promise before it accepts; if not, that is [`Mistake::ForgetsPromise`]. Never changes.
    pub checks_promise: bool,
    /// The highest number for which it has promised to ignore lower ones.
    pub prepared: Option<u32>,
    /// The proposal with the highest number that it has accepted.
    pub accepted: Option<Proposal>,
}

impl Node for Acceptor {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        match message {
            Message::Prepare { number } => {
                if self.prepared >= Some(number) {
                    return;
                }
                self.prepared = Some(number);
                ctx.send(from, Message::PrepareAck { number, accepted: self.accepted.clone() });
            }
            Message::Accept { number, value } => {
                if self.checks_promise && self.prepared > Some(number) {
                    return;
                }
                ctx.send(from, Message::AcceptAck { number });
                // The promise is left as it is: that is what the counts from DSLabs are of.
                if self.accepted.as_ref().is_none_or(|accepted| accepted.number < number) {
                    self.accepted = Some(Proposal { number, value });
                }
            }
            Message::PrepareAck { .. } | Message::AcceptAck { .. } => {}
        }
    }

    fn on_timer(&mut self, _: Timer, _: &mut Context<Message, Timer>) {}
}
