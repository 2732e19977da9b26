//! A lab whose server misbehaves as it is told: the tests run its driver from outside.

use std::process::ExitCode;

use framework::{
    Address, Client, CommandParser, Context, Lab, LabOption, LabOptions, Node, Scenario, System, Workload,
};
use serde::{Deserialize, Serialize};

/// It counts the messages that it sends itself, and does its deed at the second. With a client it does `late-…` when it is asked
/// for the seventh time, which no small search sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Server {
    deed: String,
    count: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    Count(u64),
    Ask(u64),
    Answer(u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tick;

impl Node for Server {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Message, Tick>) {
        assert_ne!(self.deed, "init-panic", "not yet written: init");
        if !self.deed.starts_with(LATE) {
            ctx.send(ctx.address(), Message::Count(1));
        }
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Tick>) {
        let number = match message {
            Message::Count(number) if number == self.count + 1 => number,
            Message::Ask(number) => {
                if number == 7 {
                    strike(self.deed.trim_start_matches(LATE));
                }
                return ctx.send(from, Message::Answer(number));
            }
            _ => return,
        };
        self.count = number;
        if number == 2 {
            strike(&self.deed);
        }
        if number < 3 || self.deed == "count" {
            ctx.send(ctx.address(), Message::Count(number + 1));
        }
    }

    fn on_timer(&mut self, _: Tick, _: &mut Context<Message, Tick>) {}
}

/// What begins a deed that is done late.
const LATE: &str = "late-";

/// It asks the server, and waits for the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Asker {
    asked: u64,
    answered: u64,
}

impl Client for Asker {
    type Command = String;
    type Response = u64;

    fn send_command(&mut self, _: String, ctx: &mut Context<Message, Tick>) {
        self.asked += 1;
        ctx.send(Address::server(1), Message::Ask(self.asked));
    }

    fn response(&self) -> Option<u64> {
        (self.answered == self.asked).then_some(self.answered)
    }
}

impl Node for Asker {
    type Message = Message;
    type Timer = Tick;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Message, Tick>) {
        if let Message::Answer(number) = message {
            self.answered = self.answered.max(number);
        }
    }

    fn on_timer(&mut self, _: Tick, _: &mut Context<Message, Tick>) {}
}

struct AskParser;

impl CommandParser<String, u64> for AskParser {
    fn command(&self, text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    fn response(&self, _: &String, text: &str) -> Result<u64, String> {
        text.parse().map_err(|_| format!("`{text}` is no number"))
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what is tried")]
fn strike(deed: &str) {
    match deed {
        "recurse" => drop(std::hint::black_box(recurse(0))),
        "exit" => std::process::exit(0),
        "hang" => loop {
            std::hint::spin_loop();
        },
        "print" => {
            for i in 0..1000 {
                println!("\u{1b}[31mline {i}");
            }
            eprintln!("and an error");
        }
        "panic" => panic!("bad \u{1b}[31mnews\nleft: 1\n  right: \u{202e}2"),
        _ => {}
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + frame[7] }
}

struct Hostile;

impl Lab for Hostile {
    fn name(&self) -> &'static str {
        "hostile"
    }

    fn about(&self) -> &'static str {
        "A lab that misbehaves, for tests"
    }

    fn options(&self) -> Vec<LabOption> {
        vec![
            LabOption { name: "deed", help: "What the server does", default: "nothing" },
            LabOption {
                name: "mark",
                help: "Where the process that searches writes its number",
                default: "",
            },
        ]
    }

    fn default_workload(&self) -> Option<&'static str> {
        Some("ask,ask")
    }

    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        let deed: String = options.own("deed")?;
        if deed == "set-up" {
            std::process::exit(0);
        }
        assert_ne!(deed, "set-up-panic", "not yet written: the store");
        let mark: String = options.own("mark")?;
        if !mark.is_empty() {
            // At once with all that is in it: somebody waits for it.
            let unfinished = format!("{mark}.unfinished");
            std::fs::write(&unfinished, std::process::id().to_string())
                .and_then(|()| std::fs::rename(unfinished, mark))
                .map_err(|error| error.to_string())?;
        }
        let mut system = System::new();
        let is_late = deed.starts_with(LATE);
        system.add(Address::server(1), Server { deed, count: 0 }).map_err(|error| error.to_string())?;
        if is_late {
            let commands = options.commands().unwrap_or_else(|| vec!["ask".to_owned(); 2]);
            let workload = Workload::parse(AskParser, commands).map_err(|error| error.to_string())?;
            let client = Asker { asked: 0, answered: 0 };
            system.add_client(Address::client(1), client, workload).map_err(|error| error.to_string())?;
        }
        Ok(Scenario {
            system,
            invariants: Vec::new(),
            step_invariants: Vec::new(),
            monitors: Vec::new(),
            goals: Vec::new(),
        })
    }
}

fn main() -> ExitCode {
    visualizer::lab_main(&Hostile)
}
