//! How long the checks of long histories take: 10,000 operations of many clients, linearizable and not.
//!
//! `cargo bench -p framework` prints a table; `-- --quick` takes histories of 1,000 operations. Verdicts are asserted,
//! times are not.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark may")]

use std::collections::BTreeMap;
use std::time::Instant;

use framework::Address;
use framework::linearizability::{Consistency, History, STEPS_MAX, Specification, Verdict, check, explain};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Command {
    Get(u8),
    Put(u8, u32),
    Append(u8, u32),
}

struct Kv;

impl Specification for Kv {
    type State = BTreeMap<u8, Vec<u32>>;
    type Command = Command;
    type Response = Vec<u32>;
    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }
    fn apply(&self, state: &mut Self::State, command: &Command) -> Vec<u32> {
        let (Command::Get(key) | Command::Put(key, _) | Command::Append(key, _)) = command;
        match command {
            Command::Get(_) => return state.get(key).cloned().unwrap_or_default(),
            Command::Put(_, value) => _ = state.insert(*key, vec![*value]),
            Command::Append(_, value) => state.entry(*key).or_default().push(*value),
        }
        Vec::new()
    }
    fn partition(&self, command: &Command) -> String {
        let (Command::Get(key) | Command::Put(key, _) | Command::Append(key, _)) = command;
        key.to_string()
    }
    fn only_reads(&self, command: &Command) -> bool {
        matches!(command, Command::Get(_))
    }
}

/// A small generator of numbers, the same ones everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's constants; the high bits are the random ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Shape {
    name: &'static str,
    clients: u64,
    keys: u64,
    /// An operation takes up to this long; a client pauses as long between two.
    duration: u64,
    /// One in so many clients crashes in an operation.
    crash_one_in: u64,
    /// The operation, in hundredths of the history, that reads a state from before.
    stale_at: Option<usize>,
}

fn record(shape: &Shape, operations: usize) -> History<Command, Vec<u32>> {
    struct Client {
        next_event_at: u64,
        effect: Option<(Command, Option<Vec<u32>>)>,
    }
    let mut random = Random(7);
    let mut history = History::new();
    let mut old = Kv.initial();
    let mut state = Kv.initial();
    let mut stale = shape.stale_at.map(|hundredths| operations * hundredths / 100);
    let mut clients: Vec<Client> = (0..shape.clients)
        .map(|_| Client { next_event_at: random.below(shape.duration), effect: None })
        .collect();
    while history.len() < operations {
        let i = (0..clients.len()).min_by_key(|i| clients[*i].next_event_at).unwrap();
        let address = Address::client(i as u16);
        let now = clients[i].next_event_at;
        clients[i].next_event_at = now + 1 + random.below(shape.duration);
        match clients[i].effect.take() {
            None => {
                let (key, value) = (random.below(shape.keys) as u8, random.below(1_000_000) as u32);
                let command = match random.below(4) {
                    0 => Command::Put(key, value),
                    1 => Command::Append(key, value),
                    _ => Command::Get(key),
                };
                history.invoke(now, address, command.clone()).unwrap();
                clients[i].effect = Some((command, None));
            }
            Some((command, None)) => {
                if stale.is_some_and(|at| history.len() >= at) && matches!(command, Command::Get(_)) {
                    let (now, then) = (Kv.apply(&mut state, &command), Kv.apply(&mut old, &command));
                    if now != then {
                        stale = None;
                    }
                    clients[i].effect = Some((command, Some(then)));
                } else {
                    if stale.is_none_or(|at| history.len() + 500 < at) {
                        old = state.clone();
                    }
                    let response = Kv.apply(&mut state, &command);
                    clients[i].effect = Some((command, Some(response)));
                }
            }
            Some(_) if shape.crash_one_in != 0 && random.below(shape.crash_one_in) == 0 => {
                history.crashed(now, address).unwrap();
            }
            Some((_, Some(response))) => history.returned(now, address, response).unwrap(),
        }
    }
    history
}

fn main() {
    let operations = if std::env::args().any(|arg| arg == "--quick") { 1_000 } else { 10_000 };
    let base = Shape { name: "", clients: 20, keys: 10, duration: 100, crash_one_in: 0, stale_at: None };
    let shapes = [
        Shape { name: "20 clients, 10 keys", ..base },
        Shape { name: "20 clients, 10 keys, stale read at the end", stale_at: Some(95), ..base },
        Shape { name: "20 clients, 10 keys, stale read in the middle", stale_at: Some(50), ..base },
        Shape { name: "100 clients, 50 keys", clients: 100, keys: 50, ..base },
        Shape {
            name: "100 clients, 50 keys, stale read",
            clients: 100,
            keys: 50,
            stale_at: Some(95),
            ..base
        },
        Shape { name: "6 clients, 1 key", clients: 6, keys: 1, ..base },
        Shape { name: "6 clients, 1 key, stale read", clients: 6, keys: 1, stale_at: Some(95), ..base },
        Shape { name: "20 clients, 10 keys, 1% crash", crash_one_in: 100, ..base },
        Shape {
            name: "20 clients, 10 keys, 1% crash, stale read",
            crash_one_in: 100,
            stale_at: Some(95),
            ..base
        },
        Shape { name: "12 clients, 1 key (out of reach)", clients: 12, keys: 1, ..base },
        Shape {
            name: "12 clients, 1 key, stale read (out of reach)",
            clients: 12,
            keys: 1,
            stale_at: Some(95),
            ..base
        },
    ];
    println!("{operations} operations");
    for shape in shapes {
        let history = record(&shape, operations);
        let start = Instant::now();
        let verdict = check(&Kv, &history, Consistency::Linearizable, STEPS_MAX).unwrap();
        let took = start.elapsed();
        let word = match verdict {
            Verdict::Consistent { .. } => "linearizable",
            Verdict::Inconsistent { .. } => "not linearizable",
            Verdict::Undecided { .. } => "undecided",
        };
        print!("{:46} {word:17} {:8.1} ms", shape.name, took.as_secs_f64() * 1000.0);
        if verdict.is_inconsistent() {
            let start = Instant::now();
            let explanation = explain(&Kv, &history, Consistency::Linearizable, STEPS_MAX).unwrap().unwrap();
            let (took, minimal) = (start.elapsed(), explanation.is_minimal());
            print!("; {} operations explain it,", explanation.core().len());
            print!(" minimal: {minimal}, {:8.1} ms", took.as_secs_f64() * 1000.0);
        }
        println!();
        let expected = if shape.stale_at.is_some() { "not linearizable" } else { "linearizable" };
        assert!(word == expected || word == "undecided", "{}", shape.name);
    }
}
