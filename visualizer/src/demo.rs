//! `cargo lab demo`: finds a classic mistake in Paxos, as a first look at what all this is for.

use std::path::Path;

use framework::Predicate;
use models::paxos::{self, Mistake, Proposer};
use search::{Results, Settings, State, StepError, Verdict};

use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::human;
use crate::progress::LiveLine;
use crate::record::record;
use crate::shell;
use crate::text::{self, Layout};
use crate::trace_file::{Origin, TraceFile};
use crate::workspace::Workspace;

/// The lines that the demo prints at the most.
const MAX_LINES: usize = 40;

const INTRODUCTION: [&str; 2] = [
    "Paxos with 2 proposers (they want A and B), 3 acceptors and one mistake: an acceptor accepts lower",
    "numbers than it promised. Searched: all orders of events in which no proposer tries twice.",
];

/// Runs the demo; the trace is saved at `path` or where traces go. A success if the mistake was found.
pub(crate) fn run(path: Option<&Path>, console: &mut Console<'_>) -> ExitCode {
    let line = console.progress.then(LiveLine::start);
    let mut settings = settings();
    settings.progress = line.as_ref().map(LiveLine::callback);
    let results = match find(&settings) {
        Ok(results) => results,
        Err(error) => {
            console.error(&error);
            return ExitCode::Internal;
        }
    };
    drop(line);
    let trace = recorded(&results, &settings);
    let saved = trace.as_ref().and_then(|trace| save(trace, path, console));
    let lines = lines(&results, trace.as_ref(), saved.as_deref());
    let found = matches!(results.verdict, Verdict::Violated { .. }) && trace.is_some();
    let code = if found { ExitCode::Success } else { ExitCode::Internal };
    console.print(&lines).map_or_else(|error| console.written(Err(error), code), |()| code)
}

/// Without the prune there is no end to it: a proposer may try again and again with higher numbers.
fn settings() -> Settings {
    let retries = Predicate::holds("a proposer tries again", |view| {
        view.nodes::<Proposer>().any(|(_, proposer)| proposer.number > proposer.proposers)
    });
    Settings::default().invariant(paxos::agreement()).prune(retries)
}

fn recorded(results: &Results, settings: &Settings) -> Option<TraceFile> {
    let origin =
        Origin { lab: "paxos demo".to_owned(), command: "cargo lab demo".to_owned(), ..Origin::default() };
    // Of interest in the trace, though the search does not look for it.
    let settings = settings.clone().goal(paxos::decided());
    record(results, &settings, origin, "bfs")
}

/// The trace that the demo finds.
#[cfg(test)]
pub(crate) fn trace() -> Option<TraceFile> {
    let settings = settings();
    recorded(&find(&settings).ok()?, &settings)
}

fn find(settings: &Settings) -> Result<Results, StepError> {
    let system = paxos::buggy_system(&["A", "B"], 3, Mistake::ForgetsPromise);
    Ok(search::bfs(&State::initial(&system)?, settings))
}

fn save(trace: &TraceFile, path: Option<&Path>, console: &mut Console<'_>) -> Option<String> {
    let path = match path {
        Some(path) => console.here.join(path),
        None => Workspace::find(&console.here).ok()?.trace_path("demo"),
    };
    match trace.save(&path) {
        Ok(()) => Some(console.relative(&path)),
        Err(error) => {
            console.error(&error);
            None
        }
    }
}

fn lines(results: &Results, trace: Option<&TraceFile>, saved: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> = INTRODUCTION.map(str::to_owned).into();
    lines.push(String::new());
    lines.push(human::verdict(&results.verdict, &[]));
    lines.push(text::fit(&human::numbers(&results.stats), human::WIDTH));
    if let Some(trace) = trace {
        let mut next: Vec<String> =
            saved.map(|path| format!("cargo lab show {}", shell::quoted(path))).into_iter().collect();
        next.push("cargo lab search pingpong --clients 2 --pings 2".to_owned());
        let layout = Layout { max_lines: MAX_LINES - lines.len(), next, ..Layout::default() };
        lines.extend(text::body(trace, &layout));
    }
    lines
}
