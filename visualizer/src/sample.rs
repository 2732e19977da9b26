//! A small system with a mistake, and traces of it: what the tests of this crate record, print and save.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use framework::{Address, Context, Lab, LabOption, LabOptions, Node, Outcome, Predicate, Scenario, System};
use search::{Coverage, HandlerFault, Results, Settings, State, Stats, Trace, Verdict};
use serde::{Deserialize, Serialize};

use crate::record::record;
use crate::trace_file::{Happening, NodeState, Options, Origin, Step, TraceFile};

/// What clients and the server say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Write { text: String },
    Done,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Retry;

/// Keeps the last text and tells the writer; the mistake is that a late writer overwrites an earlier one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) text: Option<String>,
    pub(crate) writers: BTreeSet<Address>,
    pub(crate) touchy: bool,
}

/// Writes one text until it is told that it is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Writer {
    pub(crate) server: Address,
    pub(crate) text: String,
    pub(crate) done: bool,
}

impl Node for Server {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Retry>) {
        let Message::Write { text } = message else { return };
        tracing::debug!("{from} writes {text}");
        assert!(!self.touchy || self.text.is_none(), "there is a text already");
        self.text = Some(text);
        self.writers.insert(from);
        ctx.send(from, Message::Done);
    }

    fn on_timer(&mut self, _: Retry, _: &mut Context<Message, Retry>) {}
}

impl Node for Writer {
    type Message = Message;
    type Timer = Retry;

    fn init(&mut self, ctx: &mut Context<Message, Retry>) {
        ctx.set_timer(Retry, Duration::from_millis(10)..=Duration::from_millis(20));
    }

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Message, Retry>) {
        if let Message::Done = message {
            self.done = true;
        }
    }

    fn on_timer(&mut self, _: Retry, ctx: &mut Context<Message, Retry>) {
        ctx.send(self.server, Message::Write { text: self.text.clone() });
    }
}

pub(crate) fn system(clients: u16, touchy: bool) -> System {
    let server = Address::server(1);
    let mut system = System::new();
    system.add(server, Server { text: None, writers: BTreeSet::new(), touchy }).unwrap();
    for number in 1..=clients {
        let text = format!("from-{number}");
        system.add(Address::client(number), Writer { server, text, done: false }).unwrap();
    }
    system
}

/// Every writer that is done finds its text at the server.
pub(crate) fn texts_are_kept() -> Predicate {
    Predicate::new("texts are kept", |view| {
        let server = Address::server(1);
        let kept = view.node::<Server>(server).and_then(|server| server.text.clone());
        for (address, writer) in view.nodes::<Writer>() {
            if writer.done && kept.as_ref() != Some(&writer.text) {
                let kept = kept.as_deref().unwrap_or("nothing");
                return Outcome::fails(format!("{address} wrote {}, but {server} has {kept}", writer.text))
                    .blaming(address, "done")
                    .blaming(server, "text");
            }
        }
        Outcome::holds()
    })
}

/// Everybody is done.
pub(crate) fn all_done() -> Predicate {
    Predicate::holds("all writers are done", |view| view.nodes::<Writer>().all(|(_, writer)| writer.done))
}

/// The lab around it.
pub(crate) struct Register;

impl Lab for Register {
    fn name(&self) -> &'static str {
        "register"
    }
    fn about(&self) -> &'static str {
        "A register that forgets, for tests"
    }
    fn options(&self) -> Vec<LabOption> {
        vec![LabOption { name: "mood", help: "calm or touchy", default: "calm" }]
    }
    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        let touchy = match options.own["mood"].as_str() {
            "calm" => false,
            "touchy" => true,
            mood => return Err(format!("`--mood {mood}` is not known; possible: calm, touchy")),
        };
        Ok(Scenario {
            system: system(options.clients.unwrap_or(1), touchy),
            invariants: vec![texts_are_kept()],
            step_invariants: vec![],
            monitors: vec![],
            goals: vec![all_done()],
        })
    }
}

/// The events of a trace, each chosen by the beginning of its text.
pub(crate) fn events(start: &State, texts: &[&str]) -> (Vec<framework::Event>, State) {
    let delivery = search::Delivery::default();
    let mut state = start.clone();
    let mut events = Vec::new();
    for text in texts {
        let event = state.events(&delivery).into_iter().find(|event| event.to_string().starts_with(text));
        let event = event.unwrap_or_else(|| panic!("no event `{text}` in {:?}", state.events(&delivery)));
        events.push(event.clone());
        match state.step(&event, &delivery) {
            Ok(next) => state = next,
            Err(_) => break,
        }
    }
    (events, state)
}

/// The results of a search that found these events, starting after `before` of them.
pub(crate) fn results(verdict: Verdict, start: &State, texts: &[&str]) -> Results {
    let (events, _) = events(start, texts);
    let found_len = events.len() + 2;
    Results {
        verdict,
        trace: Some(Trace { start: start.clone(), events, found_len }),
        goal_states: vec![],
        missed: None,
        stats: Stats { states: 41, depth: 6, ..Stats::default() },
        coverage: Coverage::default(),
    }
}

/// Six events that break the promise.
pub(crate) const VIOLATION: [&str; 5] = [
    "client1's timer",
    "client2's timer",
    "server1 receives Write { text: \"from-1\" }",
    "server1 receives Write { text: \"from-2\" }",
    "client1 receives Done",
];

pub(crate) fn initial(clients: u16, touchy: bool) -> State {
    State::initial(&system(clients, touchy)).unwrap()
}

pub(crate) fn violation() -> Verdict {
    let (_, last) = events(&initial(2, false), &VIOLATION);
    Verdict::Violated {
        invariant: "texts are kept".to_owned(),
        outcome: texts_are_kept().check(&last.view()),
    }
}

pub(crate) fn recorded(results: &Results) -> TraceFile {
    let settings = Settings::default().invariant(texts_are_kept()).goal(all_done());
    let origin = Origin {
        lab: "register".to_owned(),
        command: "cargo lab search register --clients 2".to_owned(),
        options: Options { clients: Some(2), ..Options::default() },
        ..Origin::default()
    };
    record(results, &settings, origin, "bfs").unwrap()
}

/// The trace of a violated invariant.
pub(crate) fn violated() -> TraceFile {
    recorded(&results(violation(), &initial(2, false), &VIOLATION))
}

/// The trace of a second stage.
pub(crate) fn staged() -> TraceFile {
    let (_, start) = events(&initial(2, false), &VIOLATION[..3]);
    recorded(&results(violation(), &start, &VIOLATION[3..]))
}

/// The trace of a handler that panics.
pub(crate) fn panicked() -> TraceFile {
    let fault = HandlerFault {
        node: Address::server(1),
        node_type: "Server".to_owned(),
        handler: "on_message(Write)".to_owned(),
        problem: "there is a text already, at src/server.rs:12:9".to_owned(),
    };
    recorded(&results(Verdict::HandlerPanicked(fault), &initial(2, true), &VIOLATION[..4]))
}

/// The trace of the demo: a Paxos whose acceptors forget what they promised.
pub(crate) fn demo() -> TraceFile {
    static DEMO: OnceLock<TraceFile> = OnceLock::new();
    DEMO.get_or_init(|| crate::demo::trace().expect("the demo finds its mistake")).clone()
}

/// The trace of [`violated`] with a server that persists, crashes and restarts.
pub(crate) fn crashed() -> TraceFile {
    let mut file = violated();
    let server = "server1".to_owned();
    let fresh = file.start.nodes[0].clone();
    let durable = file.steps[2].after.as_ref().map(|after| after.fields);
    if let Some(after) = &mut file.steps[2].after {
        after.durable = durable;
    }
    let step = |event, after| Step { after: Some(after), ..Step::of(event) };
    let crash = Happening::Crash { node: server.clone(), during: None };
    let down = NodeState { durable, up: false, ..fresh.clone() };
    let restart = Happening::Restart { node: server };
    let up = NodeState { fields: durable.unwrap_or(fresh.fields), durable, ..fresh };
    file.steps.splice(3..3, [step(crash, down), step(restart, up)]);
    for step in &mut file.steps {
        if step.event.message() == Some(1)
            && let Some(after) = &mut step.after
        {
            after.durable = durable;
        }
    }
    file
}

/// Numbers that follow from a seed. Steele, Lea and Flood: SplitMix.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % count as u64).unwrap()
    }
}

/// A trace of random events of three clients and a server.
pub(crate) fn random(seed: u64, steps: usize) -> TraceFile {
    let mut random = Random::new(seed);
    let start = initial(3, false);
    let delivery = search::Delivery::default();
    let (mut state, mut events) = (start.clone(), Vec::new());
    for _ in 0..steps {
        let possible = state.events(&delivery);
        if possible.is_empty() {
            break;
        }
        let event = possible[random.below(possible.len())].clone();
        state = state.step(&event, &delivery).unwrap();
        events.push(event);
    }
    let found_len = events.len();
    recorded(&Results {
        verdict: Verdict::GoalFound { goal: "all writers are done".to_owned() },
        trace: Some(Trace { start, events, found_len }),
        goal_states: vec![],
        missed: None,
        stats: Stats::default(),
        coverage: Coverage::default(),
    })
}

/// Two leaders in one term: server3 votes for both. The design has no field `role`, which the predicate blames. A test of
/// the Raft lab writes it.
pub(crate) fn double_vote() -> TraceFile {
    fixture(include_bytes!("fixtures/double_vote.json"))
}

/// Two servers commit different entries at one index, which they do at different times. A test of the Raft lab writes it.
pub(crate) fn different_entries() -> TraceFile {
    fixture(include_bytes!("fixtures/different_entries.json"))
}

fn fixture(bytes: &[u8]) -> TraceFile {
    TraceFile::parse("fixture.json".as_ref(), bytes).unwrap()
}
