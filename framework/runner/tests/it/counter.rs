//! A lab for these tests: servers that count and save, timers of all kinds, and clients that count along.

use std::time::Duration;

use framework::{Address, Client, Context, Durable, Node, System, Workload};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Add { number: u64 },
    Count { number: u64, count: u64 },
    Gossip(u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Timer {
    Retry(u64),
    Tick,
    Tock,
}

/// When a counter saves what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Saves {
    Never,
    BeforeReply,
    AfterReply,
}

type Ctx = Context<Message, Timer>;

/// Counts requests. It tells the others with timers whose ranges overlap.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counter {
    pub(crate) saves: Saves,
    pub(crate) others: Vec<Address>,
    pub(crate) count: u64,
    pub(crate) heard: u64,
}

impl Counter {
    pub(crate) fn new(saves: Saves) -> Self {
        Self { saves, others: Vec::new(), count: 0, heard: 0 }
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Node for Counter {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Ctx) {
        if !self.others.is_empty() {
            ctx.set_timer(Timer::Tick, ms(5)..=ms(20));
            ctx.set_timer(Timer::Tick, ms(5)..=ms(20));
            ctx.set_timer(Timer::Tock, ms(10));
        }
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Ctx) {
        match message {
            Message::Add { number } => {
                self.count += 1;
                let count = self.count;
                if self.saves == Saves::BeforeReply {
                    ctx.persist(count);
                }
                ctx.send(from, Message::Count { number, count });
                if self.saves == Saves::AfterReply {
                    ctx.persist(count);
                }
            }
            Message::Gossip(count) => {
                self.heard = self.heard.max(count);
                ctx.set_timer(Timer::Retry(count), ms(1)..=ms(30));
            }
            Message::Count { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx) {
        match timer {
            Timer::Tick => {
                ctx.broadcast(&self.others, &Message::Gossip(self.count));
                ctx.set_timer(Timer::Tick, ms(5)..=ms(20));
            }
            Timer::Tock => ctx.set_timer(Timer::Tock, ms(10)),
            Timer::Retry(_) => {}
        }
    }

    fn recover(&mut self, durable: Option<Durable>, ctx: &mut Ctx) {
        self.count = durable.map_or(0, |durable| durable.to().unwrap());
        self.init(ctx);
    }
}

/// Adds one at a time. Its response is the server's count, which never decreases if the server keeps its promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Adder {
    server: Address,
    number: u64,
    count: Option<u64>,
}

impl Adder {
    pub(crate) fn new(server: Address) -> Self {
        Self { server, number: 0, count: None }
    }

    fn ask(&self, ctx: &mut Ctx) {
        ctx.send(self.server, Message::Add { number: self.number });
        ctx.set_timer(Timer::Retry(self.number), ms(20)..=ms(40));
    }
}

impl Node for Adder {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Ctx) {
        if let Message::Count { number, count } = message
            && number == self.number
            && self.count.is_none()
        {
            self.count = Some(count);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx) {
        if let Timer::Retry(number) = timer
            && number == self.number
            && self.count.is_none()
        {
            self.ask(ctx);
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Add;

impl Client for Adder {
    type Command = Add;
    type Response = u64;

    fn send_command(&mut self, _: Add, ctx: &mut Ctx) {
        self.number += 1;
        self.count = None;
        self.ask(ctx);
    }

    fn response(&self) -> Option<u64> {
        self.count
    }
}

/// Servers that gossip, and one client of the first.
pub(crate) fn counters(servers: u16, saves: Saves, adds: u64) -> System {
    let addresses: Vec<Address> = (1..=servers).map(Address::server).collect();
    let mut system = System::new();
    for address in &addresses {
        let others = addresses.iter().copied().filter(|other| other != address).collect();
        system.add(*address, Counter { others, ..Counter::new(saves) }).unwrap();
    }
    let workload = Workload::commands([Add]).repeated(adds);
    system.add_client(Address::client(1), Adder::new(addresses[0]), workload).unwrap();
    system
}
