//! Nodes that end or hold up the process they run in, each in its own way, at a place that can be chosen.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use framework::{Address, Context, Durable, Node, System};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    Recurse,
    Abort,
    Exit(i32),
    Allocate,
    PanicWhilePanicking,
    Sleep,
    Print,
    StartThread,
    /// Ends the process unless the file is there, and makes it.
    ExitOnce,
    Nothing,
}

/// Where it does it: once the node has received its first message, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    Init,
    OnMessage,
    OnTimer,
    Recover,
    Clone,
    Deserialize,
    Serialize,
    Drop,
    /// From the start: a report shows the node as it was then.
    Debug,
    DebugOfMessage,
    Invariant,
    StepInvariant,
    Goal,
    SetUp,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Message {
    text: Kind,
    deed: Deed,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Go,
    Strike,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tick;

/// One of two servers that count the messages and the timer that they get, up to three.
pub(crate) struct Hostile {
    pub(crate) deed: Deed,
    pub(crate) place: Place,
    pub(crate) count: u32,
}

/// The fields, as they are serialized.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Hostile")]
struct Fields {
    deed: Deed,
    place: Place,
    count: u32,
}

impl Hostile {
    fn at(&self, place: Place) {
        if self.place == place && self.count == 1 {
            strike(self.deed);
        }
    }
}

impl Node for Hostile {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Message, Tick>) {
        if self.place == Place::Init {
            strike(self.deed);
        }
        ctx.send(ctx.address(), self.message(Kind::Go));
    }

    fn on_message(&mut self, _: Address, message: Message, ctx: &mut Context<Message, Tick>) {
        match message.text {
            Kind::Go if self.count == 0 => {
                self.count = 1;
                ctx.send(ctx.address(), self.message(Kind::Strike));
                ctx.set_timer(Tick, Duration::from_millis(10));
            }
            Kind::Strike => {
                self.at(Place::OnMessage);
                self.count = 2;
            }
            Kind::Go => {}
        }
    }

    fn recover(&mut self, _: Option<Durable>, _: &mut Context<Message, Tick>) {
        if self.place == Place::Recover {
            strike(self.deed);
        }
    }

    fn on_timer(&mut self, _: Tick, _: &mut Context<Message, Tick>) {
        self.at(Place::OnTimer);
        self.count = 3;
    }
}

impl Hostile {
    fn message(&self, text: Kind) -> Message {
        Message { text, deed: self.deed, place: self.place }
    }
}

impl Clone for Hostile {
    fn clone(&self) -> Self {
        self.at(Place::Clone);
        Self { deed: self.deed, place: self.place, count: self.count }
    }
}

impl Serialize for Hostile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.at(Place::Serialize);
        Fields { deed: self.deed, place: self.place, count: self.count }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hostile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { deed, place, count } = Fields::deserialize(deserializer)?;
        let node = Self { deed, place, count };
        node.at(Place::Deserialize);
        Ok(node)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.at(Place::Drop);
    }
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place == Place::Debug {
            strike(self.deed);
        }
        f.debug_struct("Hostile")
            .field("deed", &self.deed)
            .field("place", &self.place)
            .field("count", &self.count)
            .finish()
    }
}

impl Clone for Message {
    fn clone(&self) -> Self {
        Self { text: self.text, deed: self.deed, place: self.place }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place == Place::DebugOfMessage && self.text == Kind::Strike {
            strike(self.deed);
        }
        write!(f, "{:?}", self.text)
    }
}

/// Two servers that only talk to themselves; the second is as hostile as the first.
pub(crate) fn system(deed: Deed, place: Place) -> System {
    if place == Place::SetUp {
        strike(deed);
    }
    let mut system = System::new();
    for i in 1..=2 {
        system.add(Address::server(i), Hostile { deed, place, count: 0 }).unwrap();
    }
    system
}

pub(crate) fn strike(deed: Deed) {
    match deed {
        Deed::Recurse => drop(black_box(recurse(0))),
        Deed::Abort => std::process::abort(),
        Deed::Exit(code) => std::process::exit(code),
        Deed::Allocate => {
            let mut all = Vec::new();
            loop {
                // Asked for, but never touched: only the limit notices.
                all.push(black_box(Vec::<u8>::with_capacity(64 << 20)));
            }
        }
        Deed::PanicWhilePanicking => {
            let _twice = PanicsInDrop;
            panic!("the first");
        }
        Deed::Sleep => loop {
            std::thread::sleep(Duration::from_secs(60));
        },
        Deed::Print => {
            for _ in 0..20_000 {
                println!("here I am, and {} and test result: ok. 1 passed", "x".repeat(50));
            }
        }
        Deed::StartThread => {
            std::thread::spawn(|| std::thread::sleep(Duration::from_secs(600)));
        }
        Deed::ExitOnce => {
            let file = std::env::var("HOSTILE_FILE").unwrap();
            if std::fs::File::create_new(file).is_ok() {
                std::process::exit(0);
            }
        }
        Deed::Nothing => {}
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + frame[7] }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("the second");
    }
}
