//! How long it takes to open a trace of 1,000 steps, to draw it, and to export it: `cargo bench -p visualizer`.
//!
//! What a person notices: 0.3 s until the first screen, 16 ms for each one after it.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use models::paxos;
use search::{Coverage, Delivery, Results, Settings, State, Stats, Trace, Verdict};
use visualizer::export::{Format, export};
use visualizer::session::Session;
use visualizer::trace_file::Origin;
use visualizer::{Model, TraceFile, record, screenshot};

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    let trace = walk(1_000);
    let json = serde_json::to_vec(&trace).expect("a trace is JSON");
    println!("{} steps, {} bytes", trace.steps.len(), json.len());
    let timed = |what: &str, times: u32, run: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..times).for_each(|_| run());
        println!("{what:<40} {:>10.3?}", start.elapsed() / times);
    };
    let load = || TraceFile::parse(Path::new("bench"), &json).expect("it was just written");
    timed("read", 10, &mut || drop(black_box(load())));
    timed("make the model", 10, &mut || drop(black_box(Model::new(trace.clone()))));
    timed("read, model and the first screen, 200x60", 10, &mut || {
        black_box(screenshot(Session::new(Model::new(load()), None), 200, 60, &[]));
    });
    for (what, keys) in [("a step", [","; 100]), ("a step in the state panel", ["J"; 100])] {
        let mut session = Some(Session::new(Model::new(trace.clone()), None));
        let mut run = || drop(black_box(screenshot(session.take().expect("it runs once"), 200, 60, &keys)));
        let start = Instant::now();
        run();
        println!("{what:<40} {:>10.3?}", start.elapsed() / 100);
    }
    let model = Model::new(trace);
    for (name, format, _) in Format::ALL.into_iter().filter(|(_, format, _)| *format != Format::RustTest) {
        let start = Instant::now();
        let text = export(&model, "walk.json", format).expect("it is not too large");
        println!("{:<40} {:>10.3?} {:>12} bytes", format!("export as {name}"), start.elapsed(), text.len());
    }
}

/// A walk through Paxos that takes the events in turn.
fn walk(steps: usize) -> TraceFile {
    let system = paxos::system(&["A", "B", "C"], 5);
    let start = State::initial(&system).expect("the model is sound");
    let (mut state, mut events, delivery) = (start.clone(), Vec::new(), Delivery::default());
    for i in 0..steps {
        let possible = state.events(&delivery);
        let event = possible[(i * 7919) % possible.len()].clone();
        state = state.step(&event, &delivery).expect("it was possible");
        events.push(event);
    }
    let results = Results {
        verdict: Verdict::GoalFound { goal: "a walk".to_owned() },
        trace: Some(Trace { start, found_len: events.len(), events }),
        goal_states: Vec::new(),
        missed: None,
        stats: Stats::default(),
        coverage: Coverage::default(),
    };
    let settings = Settings::default().invariant(paxos::agreement()).goal(paxos::decided());
    record(&results, &settings, Origin::default(), "walk").expect("there is a trace")
}
