//! A lab whose server misbehaves as it is told: the tests run its driver from outside.

use std::process::ExitCode;

use framework::{Address, Context, Lab, LabOption, LabOptions, Node, Scenario, System};
use serde::{Deserialize, Serialize};

/// It counts the messages that it sends itself, and does its deed at the second.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Server {
    deed: String,
    count: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    Count(u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tick;

impl Node for Server {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Message, Tick>) {
        assert_ne!(self.deed, "init-panic", "not yet written: init");
        ctx.send(ctx.address(), Message::Count(1));
    }

    fn on_message(&mut self, _: Address, Message::Count(number): Message, ctx: &mut Context<Message, Tick>) {
        if number != self.count + 1 {
            return;
        }
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
        system.add(Address::server(1), Server { deed, count: 0 }).map_err(|error| error.to_string())?;
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
