//! Why a goal was missed, for people and for programs: the nearest state, what is missing there, what stood in the way.

use framework::Event;
use search::{GoalPart, Held, Missed, NearMiss, Obstacles};
use serde::Serialize;

use crate::amount::{counted, grouped};
use crate::human::WIDTH;
use crate::text::fit;

/// The parts, the events and the obstacles that are shown of many.
const PARTS_MAX: usize = 4;
const EVENTS_MAX: usize = 8;
const OBSTACLES_MAX: usize = 7;

/// At most 25 lines.
pub(crate) fn lines(missed: &Missed) -> Vec<String> {
    let mut lines = Vec::new();
    // Of several goals the first is shown in full.
    if let Some(near) = missed.goals.first() {
        lines.extend(nearest(near));
        lines.extend(way(&near.history()));
    }
    let others = missed.goals.iter().skip(1).take(2);
    lines.extend(others.map(headline));
    let obstacles = obstacles(&missed.obstacles);
    if !obstacles.is_empty() {
        lines.push("What stood in the way:".to_owned());
        let more = obstacles.len().saturating_sub(OBSTACLES_MAX);
        lines.extend(obstacles.into_iter().take(OBSTACLES_MAX).map(|line| format!("  {line}")));
        lines.extend((more > 0).then(|| format!("  … and {more} more")));
    }
    lines.iter().map(|line| fit(line, WIDTH)).collect()
}

fn headline(near: &NearMiss) -> String {
    format!(
        "Nearest to `{}`: {} of {} missing, at depth {}, in {}",
        near.goal,
        near.missing().count(),
        counted(near.parts.iter().filter(|part| part.nearest.is_some()).count() as u64, "part"),
        near.state.depth(),
        counted(near.states, "state"),
    )
}

fn nearest(near: &NearMiss) -> Vec<String> {
    let mut lines = vec![headline(near)];
    let missing: Vec<&GoalPart> = near.missing().collect();
    for part in missing.iter().take(PARTS_MAX) {
        let reason = part.nearest.as_ref().map_or("", |outcome| outcome.reason());
        let holds = match part.holds {
            0 => "holds in no state".to_owned(),
            states => format!("holds in {}", counted(states, "other state")),
        };
        lines.push(format!("  {} ({holds}): {reason}", part.name));
    }
    let more = missing.len().saturating_sub(PARTS_MAX);
    lines.extend((more > 0).then(|| format!("  … and {more} more")));
    lines
}

fn way(events: &[Event]) -> Vec<String> {
    if events.is_empty() {
        return vec!["That is the initial state.".to_owned()];
    }
    let mut lines =
        vec![format!("The way there from the initial state, {}:", counted(events.len() as u64, "event"))];
    let numbered = |(i, event): (usize, &Event)| format!(" {:>2}. {event}", i + 1);
    if events.len() <= EVENTS_MAX {
        lines.extend(events.iter().enumerate().map(numbered));
    } else {
        let last = events.len() - EVENTS_MAX / 2;
        lines.extend(events.iter().enumerate().take(EVENTS_MAX / 2 - 1).map(numbered));
        lines.push("  …".to_owned());
        lines.extend(events.iter().enumerate().skip(last).map(numbered));
    }
    lines
}

fn obstacles(obstacles: &Obstacles) -> Vec<String> {
    let held = |held: &Held| {
        let kinds = held.kinds.iter().map(|(kind, count)| format!("{} {kind}", grouped(*count)));
        kinds.collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    lines.extend(
        obstacles.held_messages.iter().map(|h| format!("{} is off and held back {}", h.place, held(h))),
    );
    let timers = obstacles.held_timers.iter();
    lines.extend(timers.map(|h| format!("the timers of {} are off: {}", h.place, held(h))));
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            lines.push(format!("{what}: {}", names.join(", ")));
        }
    };
    list("nobody ever sent", &obstacles.never_sent);
    list("nobody ever set", &obstacles.never_set);
    list("sent, but never delivered", &obstacles.never_delivered);
    list("set, but never fired", &obstacles.never_fired);
    list("ran, but never did anything", &obstacles.without_effect);
    let prunes = obstacles.prunes.iter().filter(|(_, states)| *states > 0);
    lines
        .extend(prunes.map(|(name, states)| format!("the prune `{name}` cut {}", counted(*states, "state"))));
    lines
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    goals: Vec<Near<'a>>,
    obstacles: &'a Obstacles,
}

#[derive(Debug, Serialize)]
struct Near<'a> {
    goal: &'a str,
    depth: u32,
    /// How many states are as near.
    states: u64,
    parts: Vec<Part<'a>>,
    /// The way there from the initial state.
    events: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    name: &'a str,
    missing: bool,
    reason: &'a str,
    holds_in_states: u64,
}

impl<'a> Report<'a> {
    pub(crate) fn of(missed: &'a Missed) -> Self {
        let part = |part: &'a GoalPart| Part {
            name: &part.name,
            missing: part.is_missing(),
            reason: part.nearest.as_ref().map_or("", |outcome| outcome.reason()),
            holds_in_states: part.holds,
        };
        let near = |near: &'a NearMiss| Near {
            goal: &near.goal,
            depth: near.state.depth(),
            states: near.states,
            parts: near.parts.iter().map(part).collect(),
            events: near.history().iter().map(Event::to_string).collect(),
        };
        Self { goals: missed.goals.iter().map(near).collect(), obstacles: &missed.obstacles }
    }
}
