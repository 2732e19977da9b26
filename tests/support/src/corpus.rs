//! Failing traces of earlier runs: kept, and tried again before a search begins.
//!
//! A trace is kept as the bytes of its events, for one stage of one test. If it still fails when that stage begins, the
//! search is not needed to say so. If its events no longer fit, the search decides.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use framework::{Event, Step};
use search::{Coverage, Results, State, Stats, StepError, Target, Trace, Verdict, minimize};
use serde::{Deserialize, Serialize};

use crate::failed::Failure;
use crate::judge::Stage;
use crate::record::Judgement;

/// The version of the files; others are ignored.
const VERSION: u32 = 1;

/// Where failing traces of a test are kept; nowhere if it is switched off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Corpus(Option<PathBuf>);

/// What an earlier run found.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    stage: String,
    detector: Option<String>,
    events: Vec<String>,
}

/// A failure that a kept trace shows.
pub(crate) struct Found {
    pub(crate) results: Results,
    /// The state that the trace starts from.
    pub(crate) start: State,
}

impl Corpus {
    /// Keeps the failing trace of a test in this file.
    pub(crate) fn at(file: PathBuf) -> Self {
        Self(Some(file))
    }

    /// Keeps the trace of a failure, if it is one of a state that a trace leads to.
    pub(crate) fn keep(&self, stage: &Stage<'_>, results: &Results, failure: &Failure) {
        let (Some(file), Some(trace)) = (&self.0, &results.trace) else { return };
        if failure.judgement != Judgement::Fail || !can_be_shown(&results.verdict) {
            return;
        }
        let kept = Kept {
            version: VERSION,
            stage: stage.name.to_owned(),
            detector: failure.detector.clone(),
            events: trace.events.iter().map(key).collect(),
        };
        // Nothing is lost but time if it cannot be kept.
        let _best_effort = serde_json::to_string(&kept).map_err(|_| ()).and_then(|json| write(file, &json));
    }

    /// Forgets what was kept: the test passes.
    pub(crate) fn forget(&self) {
        if let Some(file) = &self.0 {
            let _not_there = fs::remove_file(file);
        }
    }

    /// Lets the kept events happen again from each start of the stage; what they show, if they still fail.
    pub(crate) fn find_again(&self, stage: &Stage<'_>) -> Option<Found> {
        let json = fs::read_to_string(self.0.as_ref()?).ok()?;
        let kept: Kept = serde_json::from_str(&json).ok()?;
        if kept.version != VERSION || kept.stage != stage.name {
            return None;
        }
        stage.starts.iter().find_map(|start| {
            let (verdict, events) = replay(stage, start, &kept.events)?;
            let found_len = events.len();
            let events = minimize(start, events, &Target::new(&verdict, stage.settings));
            let trace = Trace { start: start.clone(), events, found_len };
            let results = Results {
                verdict,
                trace: Some(trace),
                goal_states: Vec::new(),
                missed: None,
                stats: Stats::default(),
                coverage: Coverage::default(),
            };
            Some(Found { results, start: start.clone() })
        })
    }
}

/// A violation or a panic is shown by its trace; a handler that hangs or differs is better not run again.
fn can_be_shown(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Violated { .. } | Verdict::HandlerPanicked(_))
}

fn write(file: &Path, json: &str) -> Result<(), ()> {
    let folder = file.parent().ok_or(())?;
    fs::create_dir_all(folder).and_then(|()| fs::write(file, json)).map_err(|_| ())
}

/// The event by its contents.
fn key(event: &Event) -> String {
    match event {
        Event::Deliver(e) => format!("deliver {} {} {}", e.from, e.to, hex(e.message.bytes())),
        Event::Fire { node, timer } => {
            let (least, most) = (timer.length.at_least().as_nanos(), timer.length.at_most().as_nanos());
            format!("fire {node} {least} {most} {}", hex(timer.timer.bytes()))
        }
        Event::Crash { node, during: None } => format!("crash {node}"),
        Event::Crash { during: Some(interrupted), .. } => {
            format!("crash {} {}", interrupted.persist, key(&interrupted.event))
        }
        Event::Restart { node } => format!("restart {node}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Lets the events happen one after the other, leaving out those that no longer can, until something fails.
fn replay(stage: &Stage<'_>, start: &State, keys: &[String]) -> Option<(Verdict, Vec<Event>)> {
    let (delivery, faults) = (&stage.settings.delivery, &stage.settings.faults);
    let mut state = start.clone();
    let mut happened = Vec::new();
    if let Some(verdict) = violated(stage, &state) {
        return Some((verdict, happened));
    }
    for wanted in keys {
        let possible = state.events(delivery).into_iter();
        // No more than the kept trace had, which the budgets allowed.
        let crashes = match faults.is_off() {
            true => Vec::new(),
            false => state.fault_events(faults, delivery).unwrap_or_default(),
        };
        let Some(event) = possible.chain(crashes).find(|event| key(event) == *wanted) else { continue };
        happened.push(event.clone());
        let next = match state.step(&event, delivery) {
            Ok(next) => next,
            Err(StepError::Panicked(fault)) => return Some((Verdict::HandlerPanicked(fault), happened)),
            Err(_) => return None,
        };
        if let Some(verdict) = step_violated(stage, &state, &event, &next).or_else(|| violated(stage, &next))
        {
            return Some((verdict, happened));
        }
        if !goes_on(stage, &next) {
            return None;
        }
        state = next;
    }
    None
}

/// Whether the search would go on from a state: it is not pruned, no goal, and not too deep.
fn goes_on(stage: &Stage<'_>, state: &State) -> bool {
    let mut ends = stage.settings.prunes.iter().chain(&stage.settings.goals);
    let over = ends.any(|p| crate::child::quietly(|| p.check(&state.view()).is_ok()) != Ok(false));
    !over && stage.settings.max_depth.is_none_or(|max| state.depth() < max)
}

/// The first invariant that fails in a state. A predicate that panics is left to the search.
fn violated(stage: &Stage<'_>, state: &State) -> Option<Verdict> {
    stage.settings.invariants.iter().find_map(|invariant| {
        let outcome = crate::child::quietly(|| invariant.explained(&state.view())).ok()?;
        (!outcome.is_ok()).then(|| Verdict::Violated { invariant: invariant.name().to_owned(), outcome })
    })
}

fn step_violated(stage: &Stage<'_>, before: &State, event: &Event, after: &State) -> Option<Verdict> {
    if before.is_same_state(after) {
        return None;
    }
    stage.settings.step_invariants.iter().find_map(|invariant| {
        let (before, after) = (before.view(), after.view());
        let step = Step { before: &before, event, after: &after };
        let outcome = crate::child::quietly(|| invariant.explained(&step)).ok()?;
        (!outcome.is_ok()).then(|| Verdict::Violated { invariant: invariant.name().to_owned(), outcome })
    })
}
