//! Searches with a linearizability monitor, compared with an enumeration that keeps whole histories.
//!
//! The enumeration steps through states in their obvious form and writes down every operation. Whether a history is
//! linearizable is decided here by trying all orders.

use std::collections::{BTreeMap, BTreeSet};

use framework::linearizability::{Monitor, Specification};
use framework::{Address, Client, ContextOf, Event, Node, System, Workload};
use search::{Delivery, Faults, RandomDfs, Settings, State, Target, Verdict};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Command {
    Write(u8),
    Read,
}

/// What a register held: a write answers with nothing.
type Response = Option<u8>;

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    Request(Command),
    Reply(Command, Response),
    Copy(u8),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Timer {}

/// Holds a register and tells the others of writes, which is too late for those who read there.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Server {
    value: u8,
    others: Vec<Address>,
}

impl Node for Server {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut ContextOf<Self>) {
        match message {
            Message::Request(Command::Write(value)) => {
                self.value = value;
                ctx.persist(value);
                ctx.broadcast(&self.others, &Message::Copy(value));
                ctx.send(from, Message::Reply(Command::Write(value), None));
            }
            Message::Request(Command::Read) => {
                ctx.send(from, Message::Reply(Command::Read, Some(self.value)));
            }
            Message::Copy(value) => self.value = value,
            Message::Reply(..) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, _: &mut ContextOf<Self>) {
        match timer {}
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reader {
    server: Address,
    waits_for: Option<Command>,
    response: Option<Response>,
}

impl Node for Reader {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut ContextOf<Self>) {
        if let Message::Reply(command, response) = message
            && self.waits_for == Some(command)
        {
            self.waits_for = None;
            self.response = Some(response);
        }
    }

    fn on_timer(&mut self, timer: Timer, _: &mut ContextOf<Self>) {
        match timer {}
    }
}

impl Client for Reader {
    type Command = Command;
    type Response = Response;

    fn send_command(&mut self, command: Command, ctx: &mut ContextOf<Self>) {
        self.response = None;
        self.waits_for = Some(command);
        ctx.send(self.server, Message::Request(command));
    }

    fn response(&self) -> Option<Response> {
        self.response
    }
}

/// One register that starts with 0.
struct Register;

impl Specification for Register {
    type State = u8;
    type Command = Command;
    type Response = Response;

    fn initial(&self) -> u8 {
        0
    }

    fn apply(&self, state: &mut u8, command: &Command) -> Response {
        match command {
            Command::Write(value) => {
                *state = *value;
                None
            }
            Command::Read => Some(*state),
        }
    }
}

/// Each client with the number of its server and its commands.
fn system(servers: u16, clients: &[(u16, &[Command])]) -> System {
    let mut system = System::new();
    for me in 1..=servers {
        let others = (1..=servers).filter(|other| *other != me).map(Address::server).collect();
        system.add(Address::server(me), Server { value: 0, others }).unwrap();
    }
    for (number, (server, commands)) in (1..).zip(clients) {
        let reader = Reader { server: Address::server(*server), waits_for: None, response: None };
        let workload = Workload::commands(commands.iter().copied());
        system.add_client(Address::client(number), reader, workload).unwrap();
    }
    system
}

/// An operation: whose, what, when it was invoked, and what came back when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    client: Address,
    write: Option<u8>,
    invoked: usize,
    returned: Option<(usize, Response)>,
}

type History = Vec<Operation>;

/// Writes down what happened at the clients between two states.
fn note(history: &mut History, commands: &BTreeMap<Address, Vec<Command>>, after: &State) {
    let time = history.len() + history.iter().filter(|op| op.returned.is_some()).count();
    for worker in after.view().workers() {
        let client = worker.address();
        let results: &[Response] = worker.results().unwrap();
        let known = history.iter().filter(|op| op.client == client && op.returned.is_some()).count();
        if let Some(response) = results.get(known) {
            let open = history.iter_mut().find(|op| op.client == client && op.returned.is_none());
            open.unwrap().returned = Some((time, *response));
        }
        let invoked = history.iter().filter(|op| op.client == client).count();
        if worker.sent_count() > invoked {
            let write = match commands[&client][invoked] {
                Command::Write(value) => Some(value),
                Command::Read => None,
            };
            history.push(Operation { client, write, invoked: time + 1, returned: None });
        }
    }
}

/// Tries every order of the operations; those without a response may be left out.
fn has_an_order(history: &[Operation], value: u8, done: &mut Vec<usize>) -> bool {
    let left: Vec<usize> = (0..history.len()).filter(|i| !done.contains(i)).collect();
    if left.iter().all(|i| history[*i].returned.is_none()) {
        return true;
    }
    left.iter().any(|&i| {
        let before_me = |j: &usize| history[*j].returned.is_some_and(|(at, _)| at < history[i].invoked);
        if left.iter().any(before_me) {
            return false;
        }
        let response = if history[i].write.is_some() { None } else { Some(value) };
        if history[i].returned.is_some_and(|(_, got)| got != response) {
            return false;
        }
        done.push(i);
        let found = has_an_order(history, history[i].write.unwrap_or(value), done);
        done.pop();
        found
    })
}

/// The least depth of a state whose history has no order, if there is any, and the number of histories.
fn enumerate(
    system: &System,
    commands: &BTreeMap<Address, Vec<Command>>,
    faults: &Faults,
    crashes: usize,
) -> (Option<u32>, usize) {
    let start = State::initial(system).unwrap();
    let mut history = Vec::new();
    note(&mut history, commands, &start);
    let mut seen = BTreeSet::from([(start.encode().unwrap(), 0, history.clone())]);
    let mut level = vec![(start, 0, history)];
    let delivery = Delivery::default();
    for depth in 0.. {
        if level.iter().any(|(_, _, history)| !has_an_order(history, 0, &mut Vec::new())) {
            return (Some(depth), seen.len());
        }
        let mut next = Vec::new();
        for (state, used, history) in level {
            let mut events = state.events(&delivery);
            events.extend(state.fault_events(faults, &delivery).unwrap());
            for event in events {
                let is_fault = !matches!(event, Event::Deliver(_) | Event::Fire { .. });
                // As many restarts as crashes are enough: a restart needs a crash before it.
                let used = used + usize::from(matches!(event, Event::Crash { .. }));
                if is_fault && used > crashes {
                    continue;
                }
                let after = state.step(&event, &delivery).unwrap();
                let mut history = history.clone();
                note(&mut history, commands, &after);
                if seen.insert((after.encode().unwrap(), used, history.clone())) {
                    next.push((after, used, history));
                }
            }
        }
        if next.is_empty() {
            return (None, seen.len());
        }
        level = next;
    }
    unreachable!("depths do not end")
}

const READ: Command = Command::Read;

fn workloads() -> Vec<Vec<Command>> {
    let write = Command::Write;
    vec![
        vec![write(1)],
        vec![READ, READ],
        vec![write(1), READ],
        vec![READ, write(2)],
        vec![write(1), write(2)],
    ]
}

#[test]
fn agrees_with_an_enumeration_of_whole_histories() {
    let (mut violated, mut fine, mut fewer) = (0, 0, 0);
    let workloads = workloads();
    for (first, second) in workloads.iter().flat_map(|a| workloads.iter().map(move |b| (a, b))) {
        // One server is right, two are not; and one that crashes forgets.
        for (servers, crashes) in [(1, 0), (2, 0), (1, 1)] {
            let clients = [(1, &first[..]), (servers, &second[..])];
            let system = system(servers, &clients);
            let commands = (1..)
                .zip([first, second])
                .map(|(number, commands)| (Address::client(number), commands.clone()))
                .collect();
            let mut faults = Faults::default();
            faults.crashes(crashes).restarts(crashes);
            let (expected, histories) = enumerate(&system, &commands, &faults, usize::from(crashes));
            let start = State::initial(&system).unwrap();
            let mut answers = BTreeSet::new();
            for (threads, commutation) in [(1, true), (1, false), (3, true), (3, false)] {
                let settings = Settings {
                    threads: Some(threads),
                    commutation,
                    faults: faults.clone(),
                    ..Settings::default().monitor(Monitor::linearizable(Register))
                };
                let results = search::bfs(&start, &settings);
                match (&results.verdict, expected) {
                    (Verdict::Exhausted, None) => fine += 1,
                    (Verdict::Violated { invariant, outcome }, Some(depth)) => {
                        violated += 1;
                        assert_eq!(invariant, "results are linearizable");
                        assert!(!outcome.reason().is_empty() && !outcome.blame().is_empty());
                        let trace = results.trace.as_ref().unwrap();
                        assert_eq!(trace.found_len, depth as usize);
                        assert!(search::is_one_minimal(trace, &Target::new(&results.verdict, &settings)));
                        let states = search::replay(trace, &settings.delivery).unwrap();
                        let mut history = Vec::new();
                        for state in &states {
                            note(&mut history, &commands, state);
                        }
                        assert!(!has_an_order(&history, 0, &mut Vec::new()), "{history:?}");
                    }
                    (verdict, expected) => {
                        panic!("{verdict}, but the enumeration says {expected:?}: {clients:?}")
                    }
                }
                fewer += u32::from(results.stats.states < histories as u64);
                assert!(expected.is_some() || results.stats.states <= histories as u64);
                answers.insert((results.stats.levels, results.stats.digests));
            }
            assert_eq!(answers.len(), 1, "the order of events and the threads change nothing");
        }
    }
    assert!(
        violated > 50 && fine > 50 && fewer > 50,
        "{violated} violated, {fine} fine, {fewer} with fewer states"
    );
}

#[test]
fn a_later_stage_knows_what_clients_saw_before() {
    let write = [Command::Write(1)];
    let system = system(2, &[(1, &write[..]), (2, &[READ, READ])]);
    let start = State::initial(&system).unwrap();
    let done = framework::predicate::client_done(Address::client(1));
    // The first stage has no monitor.
    let written = search::bfs(&start, &Settings::default().goal(done));
    let settings = Settings::default().monitor(Monitor::linearizable(Register));
    let results = search::bfs(written.goal_state().unwrap(), &settings);
    assert_eq!(
        results.verdict.to_string(),
        "violated: results are linearizable: client2 got Some(0) for Read, but after what the clients have seen so far \
         only Some(1) is possible"
    );
    let random = search::random_dfs(&start, &settings, RandomDfs { seed: 1, probes: Some(200) });
    assert!(matches!(random.verdict, Verdict::Violated { .. }), "{}", random.verdict);
}

/// A specification that cannot say what a read gives.
struct Broken;

impl Specification for Broken {
    type State = u8;
    type Command = Command;
    type Response = Response;

    fn initial(&self) -> u8 {
        0
    }

    fn apply(&self, state: &mut u8, command: &Command) -> Response {
        match command {
            Command::Write(_) => None,
            Command::Read => panic!("nobody knows what {state} means"),
        }
    }
}

#[test]
fn a_specification_that_panics_is_named() {
    let start = State::initial(&system(1, &[(1, &[READ])])).unwrap();
    let results =
        search::bfs(&start, &Settings::default().monitor(Monitor::linearizable(Broken).named("odd")));
    let text = results.verdict.to_string();
    assert!(text.starts_with("the predicate `odd` panicked: nobody knows what 0 means"), "{text}");
    assert_eq!(results.trace.unwrap().events.len(), 2);
}
