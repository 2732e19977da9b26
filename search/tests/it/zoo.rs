//! Nodes and predicates that misbehave, each reported as what it is: with the node, the handler and the field.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use framework::{Address, Context, Data, Node, Outcome, Predicate, StepPredicate, System};
use search::{Budget, RandomDfs, Results, Settings, State, StepError, Verdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    Go,
    Number(u32),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tick;

type Ctx = Context<Message, Tick>;

/// A node that sends itself `Go` when it starts, and does this with every message.
macro_rules! node {
    ($type:ty, |$this:ident, $message:pat_param, $ctx:ident| $body:expr) => {
        impl Node for $type {
            type Message = Message;
            type Timer = Tick;

            fn init(&mut self, ctx: &mut Ctx) {
                ctx.send(ctx.address(), Message::Go);
            }

            fn on_message(&mut self, _: Address, message: Message, $ctx: &mut Ctx) {
                let ($this, $message) = (self, message);
                $body
            }

            fn on_timer(&mut self, _: Tick, _: &mut Ctx) {}
        }
    };
}

/// A node with nothing wrong: it counts to three.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tame {
    count: u32,
}

node!(Tame, |this, message, ctx| match message {
    Message::Go if this.count == 0 => {
        this.count = 1;
        ctx.send(ctx.address(), Message::Number(2));
    }
    Message::Number(next) if next == this.count + 1 && next <= 3 => {
        this.count = next;
        ctx.send(ctx.address(), Message::Number(next + 1));
    }
    _ => {}
});

fn alone(node: impl Node) -> State {
    let mut system = System::new();
    system.add(Address::server(1), node).unwrap();
    State::initial(&system).unwrap()
}

fn search(node: impl Node) -> Results {
    search::bfs(&alone(node), &Settings::default().max_depth(6))
}

/// The verdict, with the numbers of lines masked, and everything that a run draws.
fn text(verdict: &Verdict) -> String {
    let text = verdict.to_string();
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let line = out.ends_with(".rs:") || out.ends_with(".rs:_:");
        out.push_str(if line || digits.len() > 6 { "_" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.trim_end().to_owned()
}

fn fault(results: &Results) -> &search::HandlerFault {
    match &results.verdict {
        Verdict::HandlerPanicked(fault) | Verdict::HandlerHung(fault) | Verdict::Nondeterministic(fault) => {
            fault
        }
        other => panic!("no handler is at fault: {other}"),
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HashField {
    seen: HashMap<u32, u32>,
}

node!(HashField, |this, _, ctx| this
    .seen
    .extend((0..20).map(|i| (i, u32::from(ctx.address().number() == Some(i as u16))))));

#[test]
fn the_order_of_a_hash_map_in_a_field() {
    let results = search(HashField { seen: HashMap::new() });
    let fault = fault(&results);
    assert!(matches!(results.verdict, Verdict::Nondeterministic(_)), "{}", results.verdict);
    assert_eq!((fault.node, &fault.node_type[..]), (Address::server(1), "HashField"));
    assert_eq!(fault.handler, "on_message(Go)");
    assert!(fault.problem.contains("`seen"), "{}", fault.problem);
    assert!(fault.problem.contains("HashMap"), "{}", fault.problem);
    assert_eq!(results.trace.unwrap().events.len(), 1);
}

/// Its map is full from the start: no run of a handler is needed to see it.
#[test]
fn the_order_of_a_hash_map_that_nobody_touches() {
    let results = search(HashField { seen: (0..20).map(|i| (i, i)).collect() });
    let fault = fault(&results);
    assert!(matches!(results.verdict, Verdict::Nondeterministic(_)), "{}", results.verdict);
    assert!(fault.problem.contains("`seen"), "{}", fault.problem);
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HashSends;

node!(HashSends, |_this, _, ctx| {
    let numbers: HashSet<u32> = (0..20).collect();
    #[expect(clippy::iter_over_hash_type, reason = "that is what is wrong with it")]
    for number in numbers {
        ctx.send(Address::server(1), Message::Number(number));
    }
});

#[test]
fn the_order_of_a_hash_set_in_what_is_sent() {
    let results = search(HashSends);
    let fault = fault(&results);
    assert!(matches!(results.verdict, Verdict::Nondeterministic(_)), "{}", results.verdict);
    assert_eq!(fault.handler, "on_message(Go)");
    assert!(fault.problem.starts_with("two runs on the same input differ: it sent `Number("), "{fault}");
}

static HIDDEN: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HiddenStatic {
    next: u32,
}

node!(HiddenStatic, |this, _, _ctx| this.next = 7_000_000 + HIDDEN.fetch_add(1, Ordering::Relaxed));

#[test]
fn a_counter_in_a_static() {
    insta::assert_snapshot!(text(&search(HiddenStatic { next: 0 }).verdict), @"nondeterministic handler: on_message(Go) of server1 (HiddenStatic): two runs on the same input differ: `next` became _ in one run and _ in the other; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
}

thread_local! {
    static LOCAL: AtomicU32 = const { AtomicU32::new(0) };
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ThreadLocal;

node!(ThreadLocal, |_this, _, ctx| {
    let number = LOCAL.with(|counter| counter.fetch_add(1, Ordering::Relaxed));
    ctx.send(Address::server(2), Message::Number(7_000_000 + number));
});

#[test]
fn a_counter_of_the_thread() {
    insta::assert_snapshot!(text(&search(ThreadLocal).verdict), @"nondeterministic handler: on_message(Go) of server1 (ThreadLocal): two runs on the same input differ: it sent `Number(_) to server2` in one run and `Number(_) to server2` in the other; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Clock {
    now: u128,
}

node!(Clock, |this, _, _ctx| {
    this.now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
});

#[test]
fn the_time() {
    insta::assert_snapshot!(text(&search(Clock { now: 0 }).verdict), @"nondeterministic handler: on_message(Go) of server1 (Clock): two runs on the same input differ: `now` became _ in one run and _ in the other; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
}

/// Its copies count together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Shared {
    calls: u32,
    #[serde(skip)]
    counter: Arc<AtomicU32>,
}

node!(Shared, |this, _, _ctx| this.calls = this.counter.fetch_add(1, Ordering::Relaxed) + 1);

#[test]
fn a_counter_that_copies_share_and_serde_skips() {
    let results = search(Shared::default());
    insta::assert_snapshot!(text(&results.verdict), @"nondeterministic handler: on_message(Go) of server1 (Shared): two runs on the same input differ: `calls` became 2 in one run and 1 in the other; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
    assert_eq!(results.coverage.ignored_fields, ["Shared.counter"]);
}

fn shared_out<S: Serializer>(counter: &Arc<Mutex<u32>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(*counter.lock().unwrap())
}

fn shared_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Mutex<u32>>, D::Error> {
    Ok(Arc::new(Mutex::new(u32::deserialize(deserializer)?)))
}

/// Its copies share a field that is serialized.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SharedField {
    #[serde(serialize_with = "shared_out", deserialize_with = "shared_in")]
    total: Arc<Mutex<u32>>,
}

node!(SharedField, |this, _, _ctx| *this.total.lock().unwrap() += 1);

#[test]
fn a_field_that_copies_share() {
    insta::assert_snapshot!(text(&search(SharedField::default()).verdict), @"nondeterministic handler: on_message(Go) of server1 (SharedField): it changed a node that it did not run on (`total: 0 → 1`): two copies of a node share memory; remove Rc, Arc, Cell and the like from its fields");
}

/// Its acks matter, but are no part of its state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Forgetful {
    round: u32,
    leader: bool,
    #[serde(skip)]
    acks: u32,
}

node!(Forgetful, |this, message, ctx| match message {
    Message::Go if this.round == 0 => {
        this.round = 1;
        this.acks = 1;
        ctx.send(ctx.address(), Message::Number(1));
    }
    Message::Number(1) => {
        this.acks += 1;
        this.leader = this.acks > 1;
    }
    _ => {}
});

#[test]
fn a_skipped_field_that_matters() {
    let results = search(Forgetful::default());
    insta::assert_snapshot!(text(&results.verdict), @"nondeterministic handler: on_message(Number) of server1 (Forgetful): two runs on the same input differ: `leader` became true in one run and false in the other; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
    assert_eq!(results.trace.unwrap().events.len(), 2);
    assert_eq!(results.coverage.ignored_fields, ["Forgetful.acks"]);
}

/// Its log is only for people.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Chatty {
    count: u32,
    #[serde(skip)]
    log: Vec<String>,
}

node!(Chatty, |this, _, _ctx| {
    this.log.push(format!("{} so far", this.count));
    this.count = 1;
});

#[test]
fn a_skipped_field_that_does_not_matter() {
    let results = search(Chatty::default());
    assert_eq!(results.verdict, Verdict::Exhausted);
    assert_eq!(results.coverage.ignored_fields, ["Chatty.log"]);
    assert!(results.coverage.to_string().contains("1 field ignored: Chatty.log"), "{}", results.coverage);
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Panics {
    log: Vec<u32>,
}

node!(Panics, |this, message, ctx| match message {
    Message::Go => ctx.send(ctx.address(), Message::Number(3)),
    Message::Number(index) => {
        let index = index as usize;
        this.log[index] += 1;
    }
});

#[test]
fn a_panic_with_its_message_and_place() {
    let results = search(Panics { log: vec![0] });
    insta::assert_snapshot!(text(&results.verdict), @"handler panicked: on_message(Number) of server1 (Panics): index out of bounds: the len is 1 but the index is 3, at search/tests/it/zoo.rs:_:_");
    let trace = results.trace.unwrap();
    assert_eq!(trace.events.len(), 2);
    let states = search::replay(&trace, &Settings::default().delivery).unwrap();
    assert_eq!(states.len(), 2);
}

#[test]
fn an_init_that_counts_in_a_static() {
    static STARTS: AtomicU32 = AtomicU32::new(0);
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Numbered {
        number: u32,
    }
    impl Node for Numbered {
        type Message = Message;
        type Timer = Tick;
        fn init(&mut self, _: &mut Ctx) {
            self.number = STARTS.fetch_add(1, Ordering::Relaxed);
        }
        fn on_message(&mut self, _: Address, _: Message, _: &mut Ctx) {}
        fn on_timer(&mut self, _: Tick, _: &mut Ctx) {}
    }
    let mut system = System::new();
    system.add(Address::server(1), Numbered { number: 0 }).unwrap();
    insta::assert_snapshot!(State::initial(&system).unwrap_err(), @"init of server1 (Numbered): two runs on the same node differ: `number: 0 → 1`; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
}

#[test]
fn an_init_that_does_not_return() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Endless;
    impl Node for Endless {
        type Message = Message;
        type Timer = Tick;
        fn init(&mut self, _: &mut Ctx) {
            loop {
                thread::sleep(Duration::from_secs(1));
            }
        }
        fn on_message(&mut self, _: Address, _: Message, _: &mut Ctx) {}
        fn on_timer(&mut self, _: Tick, _: &mut Ctx) {}
    }
    let mut system = System::new();
    system.add(Address::server(1), Endless).unwrap();
    let error = State::initial(&system).unwrap_err();
    assert!(matches!(error, StepError::Hung(_)), "{error}");
}

#[test]
fn a_panic_in_init() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Unready;
    impl Node for Unready {
        type Message = Message;
        type Timer = Tick;
        fn init(&mut self, _: &mut Ctx) {
            panic!("not ready");
        }
        fn on_message(&mut self, _: Address, _: Message, _: &mut Ctx) {}
        fn on_timer(&mut self, _: Tick, _: &mut Ctx) {}
    }
    let mut system = System::new();
    system.add(Address::server(1), Unready).unwrap();
    let error = State::initial(&system).unwrap_err();
    assert!(matches!(error, StepError::Panicked(_)), "{error}");
    assert!(error.to_string().starts_with("init of server1 (Unready): not ready, at "), "{error}");
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PanicsOddly;

node!(PanicsOddly, |_this, _, _ctx| std::panic::panic_any(7_u32));

#[test]
fn a_panic_without_a_text() {
    insta::assert_snapshot!(text(&search(PanicsOddly).verdict), @"handler panicked: on_message(Go) of server1 (PanicsOddly): a panic without a text, at search/tests/it/zoo.rs:_:_");
}

static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PanicsEverySecondTime;

node!(PanicsEverySecondTime, |_this, _, _ctx| {
    assert!(CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(2), "out of luck");
});

#[test]
fn a_panic_in_one_of_two_runs() {
    insta::assert_snapshot!(text(&search(PanicsEverySecondTime).verdict), @"nondeterministic handler: on_message(Go) of server1 (PanicsEverySecondTime): it panicked in one of two runs on the same input: `out of luck, at search/tests/it/zoo.rs:_:_`; look for a static or shared variable, a field that is not serialized, HashMap or HashSet order, the clock, or randomness");
}

/// Does not return when `Number(1)` arrives in state 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Hangs {
    state: u32,
}

node!(Hangs, |this, message, ctx| match message {
    Message::Go if this.state == 0 => {
        this.state = 1;
        ctx.send(ctx.address(), Message::Number(1));
    }
    Message::Number(1) => hang(),
    _ => {}
});

/// An endless loop that leaves the processor to others.
fn hang() {
    loop {
        thread::sleep(Duration::from_millis(50));
    }
}

/// A hung handler takes a thread of a pool with it: tests that hang use a number of threads that no other test has.
fn impatient(threads: usize) -> Settings {
    Settings {
        threads: Some(threads),
        handler_time: Duration::from_millis(200),
        ..Settings::default().max_depth(6)
    }
}

#[test]
fn a_handler_that_does_not_return() {
    for threads in [4, 5] {
        let results = search::bfs(&alone(Hangs::default()), &impatient(threads));
        insta::allow_duplicates! {
            insta::assert_snapshot!(text(&results.verdict), @"handler hung: on_message(Number) of server1 (Hangs): it has not returned for 200ms; look for a loop that does not end, or a wait for something that only another handler can do");
        }
        let events: Vec<String> = results.trace.unwrap().events.iter().map(ToString::to_string).collect();
        assert_eq!(events, ["server1 receives Go from server1", "server1 receives Number(1) from server1"]);
        // The next search with as many threads is not disturbed.
        let results = search::bfs(&alone(Tame { count: 0 }), &impatient(threads));
        assert_eq!((results.verdict, &results.stats.levels[..]), (Verdict::Exhausted, &[1, 1, 1, 1][..]));
    }
}

#[test]
fn a_handler_that_does_not_return_in_a_random_search() {
    let random = RandomDfs { seed: 1, probes: Some(10) };
    let results = search::random_dfs(&alone(Hangs::default()), &impatient(6), random);
    assert!(matches!(results.verdict, Verdict::HandlerHung(_)), "{}", results.verdict);
    assert_eq!(results.trace.unwrap().events.len(), 2);
}

/// What `work` returns, unless that takes so long that it never will.
fn soon<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(Duration::from_secs(20)).ok()
}

#[test]
fn a_handler_that_does_not_return_disturbs_no_other_search_at_the_same_time() {
    let threads = 7;
    let hung = thread::spawn(move || {
        let settings = Settings { handler_time: Duration::from_secs(2), ..impatient(threads) };
        search::bfs(&many(Hangs::default()), &settings).verdict
    });
    thread::sleep(Duration::from_millis(500));
    let other = soon(move || {
        let settings = Settings { threads: Some(threads), ..Settings::default() };
        search::bfs(&alone(Tame { count: 0 }), &settings).verdict
    });
    assert!(matches!(hung.join().unwrap(), Verdict::HandlerHung(_)));
    assert_eq!(other, Some(Verdict::Exhausted), "`None` if it never ended");
}

/// So many nodes that, when they hang, they hang every thread of a pool.
fn many(node: impl Node) -> State {
    let mut system = System::new();
    for i in 1..=200 {
        system.add(Address::server(i), node.clone()).unwrap();
    }
    State::initial(&system).unwrap()
}

/// Waits for ever if `Number(2)` arrives before `Number(1)`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct HangsOutOfOrder {
    seen: Vec<u32>,
}

node!(HangsOutOfOrder, |this, message, ctx| match message {
    Message::Go => {
        for number in 1..=2 {
            ctx.send(ctx.address(), Message::Number(number));
        }
    }
    Message::Number(2) if this.seen.is_empty() => hang(),
    Message::Number(number) if !this.seen.contains(&number) => this.seen.push(number),
    Message::Number(_) => {}
});

#[test]
fn minimizing_does_not_run_into_a_handler_that_does_not_return() {
    // Some seed finds the goal before any probe hangs; leaving out `Number(1)` then makes `Number(2)` hang.
    let outcome = soon(|| {
        (0..40)
            .map(|seed| {
                let goal = Predicate::holds("has 2", |view| {
                    view.nodes::<HangsOutOfOrder>().any(|(_, node)| node.seen.contains(&2))
                });
                let settings = impatient(9).goal(goal);
                let random = RandomDfs { seed, probes: Some(1) };
                search::random_dfs(&alone(HangsOutOfOrder::default()), &settings, random)
            })
            .find(|results| matches!(results.verdict, Verdict::GoalFound { .. }))
            .map(|results| results.trace.unwrap().events.len())
    });
    assert_eq!(outcome, Some(Some(3)), "`None` if it never ended");
}

/// Remembers everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Hoards {
    inner: Hoard,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Hoard {
    log: Vec<u64>,
}

node!(Hoards, |this, _, _ctx| this.inner.log.resize(this.inner.log.len() * 2 + 1000, 77));

#[test]
fn a_field_that_grows() {
    let results = search(Hoards::default());
    assert_eq!(results.verdict, Verdict::BudgetSpent(Budget::Depth));
    assert_eq!(results.coverage.growth, ["server1.inner.log has 63000 entries"]);
    assert!(search(Tame { count: 0 }).coverage.growth.is_empty());
}

#[test]
fn predicates_that_panic() {
    let bad = |name: &'static str| {
        Predicate::new(name, |view| {
            let (_, node) = view.nodes::<Tame>().next().unwrap();
            assert!(node.count < 2, "cannot count to {}", node.count);
            Outcome::holds()
        })
    };
    let never = |name: &'static str| bad(name).not().named(name);
    let settings = Settings::default();
    for settings in [
        settings.clone().invariant(bad("bad invariant")),
        settings.clone().goal(never("bad goal")),
        settings.clone().prune(never("bad prune")),
    ] {
        let results = search::bfs(&alone(Tame { count: 0 }), &settings);
        let kind = text(&results.verdict).replace("goal`", "_`").replace("prune`", "_`");
        insta::allow_duplicates! {
            insta::assert_snapshot!(kind.replace("invariant`", "_`"), @"the predicate `bad _` panicked: cannot count to 2, at search/tests/it/zoo.rs:_:_");
        }
        let Verdict::PredicatePanicked { predicate, .. } = &results.verdict else { panic!() };
        let [name] = [&settings.invariants, &settings.goals, &settings.prunes]
            .map(|list| list.first().map(Predicate::name))
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()[..]
        else {
            panic!("there is one predicate")
        };
        assert_eq!(predicate, name);
        let trace = results.trace.unwrap();
        assert_eq!(trace.events.len(), 2);
        search::replay(&trace, &settings.delivery).unwrap();

        let random = RandomDfs { seed: 0, probes: Some(10) };
        let results = search::random_dfs(&alone(Tame { count: 0 }), &settings, random);
        assert!(matches!(results.verdict, Verdict::PredicatePanicked { .. }), "{}", results.verdict);
    }
}

#[test]
fn a_step_invariant_that_panics() {
    let bad = StepPredicate::new("bad step", |step| {
        let (_, node) = step.after.nodes::<Tame>().next().unwrap();
        assert!(node.count < 2, "cannot count to {}", node.count);
        Outcome::holds()
    });
    let settings = Settings::default().step_invariant(bad);
    let results = search::bfs(&alone(Tame { count: 0 }), &settings);
    assert!(text(&results.verdict).starts_with("the predicate `bad step` panicked: cannot count to 2, at "));
    assert_eq!(results.trace.unwrap().events.len(), 2);
}

/// A predicate may look at a state as a whole, also as text.
#[test]
fn a_predicate_that_reads_the_text_of_a_state() {
    let invariant = Predicate::holds("nobody is at 3", |view| !format!("{view:?}").contains("count: 3"));
    let mut system = System::new();
    for i in 1..=2 {
        system.add(Address::server(i), Tame { count: 0 }).unwrap();
    }
    let results = search::bfs(&State::initial(&system).unwrap(), &Settings::default().invariant(invariant));
    assert!(matches!(results.verdict, Verdict::Violated { .. }), "{}", results.verdict);
    assert_eq!(results.trace.unwrap().events.len(), 3);
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Extra {
    more: u32,
}

/// Has no canonical bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    extra: Extra,
}

node!(Flat, |this, _, _ctx| this.extra.more += 1);

#[test]
fn a_node_that_has_no_bytes() {
    let mut system = System::new();
    system.add(Address::server(1), Flat { extra: Extra { more: 1 } }).unwrap();
    insta::assert_snapshot!(State::initial(&system).unwrap_err(), @"init of server1 (Flat): a `Flat` cannot be turned into bytes: The length of a sequence must be known; derive Serialize and Deserialize without `flatten`, `untagged` or `skip_serializing_if`");
}

/// Sends something that has no canonical bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SendsFlat;

impl Node for SendsFlat {
    type Message = FlatMessage;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<FlatMessage, Tick>) {
        ctx.send(ctx.address(), FlatMessage::Go);
    }

    fn on_message(&mut self, from: Address, _: FlatMessage, ctx: &mut Context<FlatMessage, Tick>) {
        ctx.send(from, FlatMessage::Flat { extra: Extra { more: 1 } });
    }

    fn on_timer(&mut self, _: Tick, _: &mut Context<FlatMessage, Tick>) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum FlatMessage {
    Go,
    Flat {
        #[serde(flatten)]
        extra: Extra,
    },
}

#[test]
fn a_message_that_has_no_bytes() {
    let results = search(SendsFlat);
    insta::assert_snapshot!(text(&results.verdict), @"nondeterministic handler: on_message(Go) of server1 (SendsFlat): a `FlatMessage` cannot be turned into bytes: The length of a sequence must be known; derive Serialize and Deserialize without `flatten`, `untagged` or `skip_serializing_if`");
    search::replay(&results.trace.unwrap(), &Settings::default().delivery).unwrap();
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Misdials {
    done: bool,
}

node!(Misdials, |this, _, ctx| {
    this.done = true;
    ctx.send(Address::server(9), Message::Number(1));
});

#[test]
fn a_message_to_an_address_that_no_node_has() {
    let results = search(Misdials::default());
    assert_eq!((results.verdict, &results.stats.levels[..]), (Verdict::Exhausted, &[1, 1][..]));
    assert_eq!(results.coverage.unknown_receivers, ["Number to server9"]);
    assert!(results.coverage.to_string().contains("no node has: Number to server9"));
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Impossible;

node!(Impossible, |_this, _, ctx| {
    let (min, max) = (Duration::from_millis(20), Duration::from_millis(10));
    ctx.set_timer(Tick, min..=max);
});

#[test]
fn a_timer_whose_minimum_is_above_its_maximum() {
    insta::assert_snapshot!(text(&search(Impossible).verdict), @"handler panicked: on_message(Go) of server1 (Impossible): a timer needs a minimum that is at most its maximum, not 20ms..=10ms, at framework/src/timer.rs:_:_");
}

/// Says that all of them are equal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Liar<D> {
    value: D,
}

impl<D> PartialEq for Liar<D> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<D> Eq for Liar<D> {}

impl<D> std::hash::Hash for Liar<D> {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl<D: Data> Node for Liar<D>
where
    D: From<u8> + Into<u64>,
{
    type Message = Liar<u8>;
    type Timer = Liar<u16>;

    fn init(&mut self, ctx: &mut Context<Liar<u8>, Liar<u16>>) {
        ctx.send(ctx.address(), Liar { value: 1 });
        ctx.send(ctx.address(), Liar { value: 2 });
        ctx.set_timer(Liar { value: 3 }, Duration::from_millis(5));
        ctx.set_timer(Liar { value: 4 }, Duration::from_millis(4));
    }

    fn on_message(&mut self, _: Address, message: Liar<u8>, _: &mut Context<Liar<u8>, Liar<u16>>) {
        self.value = D::from(message.value);
    }

    fn on_timer(&mut self, timer: Liar<u16>, _: &mut Context<Liar<u8>, Liar<u16>>) {
        self.value = D::from(u8::try_from(timer.value).unwrap());
    }
}

#[test]
fn equality_and_hash_that_lie_hide_nothing() {
    let results = search::bfs(&alone(Liar { value: 0_u32 }), &Settings::default());
    assert_eq!(results.verdict, Verdict::Exhausted);
    // Both messages and both timers count: value 0 to 2 before any timer; then with one timer gone, and with both.
    let brute: u64 = {
        let mut seen = std::collections::BTreeSet::new();
        let mut left = vec![(0_u8, 0b11_u8)];
        while let Some((value, timers)) = left.pop() {
            if seen.insert((value, timers)) {
                left.extend([(1, timers), (2, timers)]);
                left.extend((0..2).filter(|t| timers & 1 << t != 0).map(|t| (3 + t, timers & !(1 << t))));
            }
        }
        seen.len() as u64
    };
    assert_eq!(results.stats.states, brute);
}
