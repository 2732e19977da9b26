//! Systems made to be hard for an engine that remembers what handlers did: local states that hardly ever repeat.
//!
//! Their counts have closed forms, given at each system; they are the workloads `log` and `flood` of the study that the
//! engine's design rests on.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::{Address, Context, Node, Outcome, Predicate, System};
use serde::{Deserialize, Serialize};

use crate::add;

const SERVER: Address = Address::server(1);

/// `senders` nodes send `messages` numbered messages each, one at each firing of a timer; `server1` writes down every
/// message when it first arrives. Every order of arrival is a local state of the server.
///
/// With `A(k) = Σ k!/j!` for `j` from 0 to `k` (the ways to write down some of `k` messages), and `W(k)` the
/// coefficient of `x^k` in `(1 + x + … + x^(messages-1) + 2 x^messages)^senders` (the senders' states in which `k`
/// messages were sent; the timer of a sender fires once more when all are), there are `Σ W(k) A(k)` states:
///
/// | senders | messages | distinct states | distinct logs |
/// |---|---|---|---|
/// | 2 | 2 | 354 | 65 |
/// | 2 | 3 | 9,573 | 1,957 |
/// | 3 | 3 | 9,510,278 | 986,410 |
pub fn delivery_log(senders: u16, messages: u32) -> System {
    let mut system = System::new();
    add(&mut system, SERVER, Logger { log: Vec::new() });
    for i in 1..=senders {
        add(&mut system, sender(i), Sender { messages, pace: Pace::OneByOne, sent: 0 });
    }
    system
}

/// `senders` nodes send `messages` numbered messages each when they start, and never act again; `server1` counts those
/// that arrive in order. Only the server moves: each state of the system is a new local state of it, so that no call of a
/// handler is ever repeated.
///
/// The server has no count for a sender from which nothing arrived, and otherwise one from 0 to `messages`; so there are
/// `(messages + 2)^senders` states: 140,608 for 3 senders of 50 messages.
pub fn flood(senders: u16, messages: u32) -> System {
    let mut system = System::new();
    add(&mut system, SERVER, Counter { next: BTreeMap::new() });
    for i in 1..=senders {
        add(&mut system, sender(i), Sender { messages, pace: Pace::AllAtOnce, sent: 0 });
    }
    system
}

/// Invariant of [`delivery_log`]: no message is written down twice.
pub fn logged_once() -> Predicate {
    Predicate::for_each("no message is logged twice", |address, logger: &Logger| {
        for (i, entry) in logger.log.iter().enumerate() {
            if let Some(first) = logger.log[..i].iter().position(|earlier| earlier == entry) {
                let (from, number) = entry;
                return Outcome::fails(format!("{address} logged message {number} of {from} twice"))
                    .blaming(address, format!("log[{first}]"))
                    .blaming(address, format!("log[{i}]"));
            }
        }
        Outcome::holds()
    })
}

/// Invariant of [`flood`]: the server does not count more messages than were sent.
pub fn counted_once() -> Predicate {
    Predicate::new("no message is counted twice", |view| {
        for (address, counter) in view.nodes::<Counter>() {
            for (from, count) in &counter.next {
                let sent = view.node::<Sender>(*from).map_or(0, |sender| sender.sent);
                if *count > sent {
                    return Outcome::fails(format!(
                        "{address} counted {count} messages of {from}, not {sent}"
                    ))
                    .blaming(address, "next");
                }
            }
        }
        Outcome::holds()
    })
}

/// Goal of both systems: all messages were sent, and the server logged or counted them all.
pub fn all_arrived() -> Predicate {
    Predicate::new("all messages arrived", |view| {
        let total: u64 = view.nodes::<Sender>().map(|(_, sender)| u64::from(sender.messages)).sum();
        let logged: u64 = view.nodes::<Logger>().map(|(_, logger)| logger.log.len() as u64).sum();
        let counted: u64 = view
            .nodes::<Counter>()
            .flat_map(|(_, counter)| counter.next.values())
            .copied()
            .map(u64::from)
            .sum();
        let arrived = logged + counted;
        if arrived == total {
            Outcome::holds()
        } else {
            Outcome::fails(format!("{arrived} of {total} messages arrived"))
        }
    })
}

/// A numbered message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbered(pub u32);

/// The one timer of a sender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// Time to send the next message.
    Next,
}

const PAUSE: Duration = Duration::from_millis(10);

/// How fast a sender sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pace {
    /// One message at each firing of its timer.
    OneByOne,
    /// All messages when it starts.
    AllAtOnce,
}

/// Sends its messages, numbered from 0, to `server1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sender {
    /// How many it sends. Never changes.
    pub messages: u32,
    /// How fast. Never changes.
    pub pace: Pace,
    /// How many it has sent.
    pub sent: u32,
}

impl Sender {
    fn send_next(&mut self, ctx: &mut Context<Numbered, Timer>) {
        ctx.send(SERVER, Numbered(self.sent));
        self.sent += 1;
    }
}

impl Node for Sender {
    type Message = Numbered;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Numbered, Timer>) {
        match self.pace {
            Pace::OneByOne => ctx.set_timer(Timer::Next, PAUSE),
            Pace::AllAtOnce => {
                while self.sent < self.messages {
                    self.send_next(ctx);
                }
            }
        }
    }

    fn on_message(&mut self, _: Address, _: Numbered, _: &mut Context<Numbered, Timer>) {}

    fn on_timer(&mut self, Timer::Next: Timer, ctx: &mut Context<Numbered, Timer>) {
        if self.sent < self.messages {
            self.send_next(ctx);
            ctx.set_timer(Timer::Next, PAUSE);
        }
    }
}

/// Writes down every message when it first arrives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Logger {
    /// Who sent it and its number, in order of arrival.
    pub log: Vec<(Address, u32)>,
}

impl Node for Logger {
    type Message = Numbered;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, Numbered(number): Numbered, _: &mut Context<Numbered, Timer>) {
        if !self.log.contains(&(from, number)) {
            self.log.push((from, number));
        }
    }

    fn on_timer(&mut self, _: Timer, _: &mut Context<Numbered, Timer>) {}
}

/// Counts each sender's messages, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counter {
    /// The number of the message it waits for; a sender has an entry once anything of it arrived.
    pub next: BTreeMap<Address, u32>,
}

impl Node for Counter {
    type Message = Numbered;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, Numbered(number): Numbered, _: &mut Context<Numbered, Timer>) {
        let next = self.next.entry(from).or_insert(0);
        if *next == number {
            *next += 1;
        }
    }

    fn on_timer(&mut self, _: Timer, _: &mut Context<Numbered, Timer>) {}
}

fn sender(number: u16) -> Address {
    Address::numbered("sender", number)
}
