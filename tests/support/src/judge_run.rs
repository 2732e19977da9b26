//! What the student reads of a run that failed: what, when, and the events that lead there.

use std::thread;
use std::time::Duration;

use framework::Event;
use runner::FailureKind;
use search::{Budget, Coverage, Results, Settings, State, Stats, Target, Trace, Verdict, minimize};

use crate::failed::Failure;
use crate::judge::save_trace;
use crate::run_test::RunTest;
use crate::text::counted;

/// A longer trace that cannot be shortened is saved from the start up to here.
const EVENTS_MAX: usize = 5_000;
/// Runs that are longer are not shortened: it would take too long.
const SHORTEN_MAX: usize = 5_000;
/// How many steps shortening a run may take, the same on every machine: some seconds, for the nodes of a run are large.
const SHORTEN_STEPS: u64 = 500_000;
/// Where that is not some seconds, shortening ends after so many times what a handler may take.
const SHORTEN_HANDLER_TIMES: u32 = 4;
/// How many of the last events are shown of a run that did not get where it should.
const LAST_EVENTS: usize = 16;

/// The failure of a test by that of its run.
pub(crate) fn failure(test: &RunTest, run: &runner::Failure) -> Failure {
    let kind = run.kind();
    let mut failure = Failure::fail(word(kind), kind.to_string());
    failure.detector = detector(kind);
    failure.cluster = Some(format!("run/{}/{}", failure.cause, failure.detector.clone().unwrap_or_default()));
    let events = run.trace().len() as u64 + run.trace().left_out;
    let after = counted(events, "event");
    failure.lines.push(format!("After {} and {after}, with seed {}.", time(run.at()), run.seed()));
    if let FailureKind::Refused(_) = kind {
        return failure;
    }
    let shown = match violation(kind) {
        Some(verdict) => shortened(test, run, &verdict).map(|trace| (verdict, trace)),
        None => None,
    };
    let settings = settings(test);
    match shown {
        Some((verdict, trace)) => {
            let lines = save_trace(&mut failure, &test.context, &settings, &results(verdict, trace), "run");
            failure.lines.extend(lines);
        }
        None if run.trace().is_empty() && violation(kind).is_some() => {}
        None => {
            failure.lines.extend(last_events(run));
            if let Some(trace) = beginning(run) {
                let verdict = Verdict::BudgetSpent(Budget::Time);
                save_trace(&mut failure, &test.context, &settings, &results(verdict, trace), "run");
            }
        }
    }
    failure
}

/// The word for the cause: those of a search where it has the same.
fn word(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::NotSerializable(_) => "nondeterministic",
        // The test asked for something impossible: of the suite, or of a client that never gets free.
        FailureKind::Refused(_) => "refused",
        other => other.word(),
    }
}

fn detector(kind: &FailureKind) -> Option<String> {
    match kind {
        FailureKind::Violated { invariant, .. } => Some(invariant.clone()),
        FailureKind::HandlerPanicked(f) | FailureKind::HandlerHung(f) | FailureKind::NotSerializable(f) => {
            Some(format!("{} of {}", f.handler, f.node))
        }
        FailureKind::PredicatePanicked { predicate, .. } => Some(predicate.clone()),
        FailureKind::TimeUp { waited_for, .. } => Some(waited_for.clone()),
        _ => None,
    }
}

/// What a search would call it, if a trace leads there.
fn violation(kind: &FailureKind) -> Option<Verdict> {
    match kind {
        FailureKind::Violated { invariant, outcome, .. } => {
            Some(Verdict::Violated { invariant: invariant.clone(), outcome: outcome.clone() })
        }
        FailureKind::HandlerPanicked(fault) => Some(Verdict::HandlerPanicked(fault.clone())),
        FailureKind::HandlerHung(fault) => Some(Verdict::HandlerHung(fault.clone())),
        FailureKind::NotSerializable(fault) => Some(Verdict::Nondeterministic(fault.clone())),
        FailureKind::PredicatePanicked { predicate, panic } => {
            Some(Verdict::PredicatePanicked { predicate: predicate.clone(), panic: panic.clone() })
        }
        _ => None,
    }
}

/// A search with the invariants of the run, in which everything may happen that can happen in a run.
fn settings(test: &RunTest) -> Settings {
    let mut settings = Settings::default();
    if let Some(of_run) = &test.settings {
        settings.invariants.clone_from(&of_run.invariants);
        settings.step_invariants.clone_from(&of_run.step_invariants);
    }
    settings
}

/// The events of the run, without those that the failure does not need; of a long run as many are left out as there is time
/// for.
fn shortened(test: &RunTest, run: &runner::Failure, verdict: &Verdict) -> Option<Trace> {
    let start = State::initial(&run.trace().system).ok()?;
    let events: Vec<Event> = run.trace().events().map(|timed| timed.event.clone()).collect();
    let found_len = events.len();
    if run.trace().left_out > 0 || found_len > SHORTEN_MAX {
        return None;
    }
    let settings = settings(test);
    let cancel = settings.cancel.clone();
    let limit = SHORTEN_HANDLER_TIMES * test.context.handler_time;
    // Nobody joins it: the process of a test ends with the test.
    thread::spawn(move || {
        thread::sleep(limit);
        cancel.cancel();
    });
    let events = minimize(&start, events, &Target::new(verdict, &settings).within(SHORTEN_STEPS));
    (events.len() <= EVENTS_MAX).then_some(Trace { start, events, found_len })
}

/// The run as far as a trace file takes it.
fn beginning(run: &runner::Failure) -> Option<Trace> {
    let start = State::initial(&run.trace().system).ok()?;
    let events = run.trace().events().take(EVENTS_MAX).map(|timed| timed.event.clone()).collect();
    Some(Trace { start, events, found_len: run.trace().len() })
}

fn results(verdict: Verdict, trace: Trace) -> Results {
    Results {
        verdict,
        trace: Some(trace),
        goal_states: Vec::new(),
        missed: None,
        stats: Stats::default(),
        coverage: Coverage::default(),
    }
}

/// The last events with their times, and what was done to the network between them.
fn last_events(run: &runner::Failure) -> Vec<String> {
    let trace = run.trace();
    let mut lines: Vec<String> = Vec::new();
    let skipped = trace.len().saturating_sub(LAST_EVENTS);
    if skipped > 0 {
        lines.push(format!("The last {LAST_EVENTS} events:"));
    }
    if trace.is_empty() {
        lines.push("Nothing happened: no message was sent, and no timer was set.".to_owned());
    }
    let mut notes = trace.notes.iter().filter(|note| note.after_events >= skipped as u64).peekable();
    for (i, timed) in trace.events().enumerate().skip(skipped) {
        while let Some(note) = notes.next_if(|note| note.after_events <= i as u64) {
            lines.push(format!("{:>10}  -- {}", time(note.at), note.text));
        }
        lines.push(format!("{:>10}  {}", time(timed.at), timed.event));
    }
    lines.extend(notes.map(|note| format!("{:>10}  -- {}", time(note.at), note.text)));
    lines
}

/// A time of a run: `1.250 s`.
fn time(at: Duration) -> String {
    format!("{:.3} s", at.as_secs_f64())
}
