//! Stuck states: nothing that may happen but a crash changes anything any more, and the system is not where it may end.

use framework::{Event, Outcome, Predicate, View};

use crate::guard;
use crate::settings::Settings;
use crate::state::{State, StepError};

/// A predicate that panicked: its name, and what it said.
type PredicatePanic = (String, String);

/// Whether one of `ends` holds.
///
/// # Errors
///
/// When one panics.
pub(crate) fn may_end(ends: &[Predicate], view: &View<'_>) -> Result<bool, PredicatePanic> {
    for end in ends {
        match guard::catch(|| end.check(view).is_ok()) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(panic) => return Err((end.name().to_owned(), panic.text)),
        }
    }
    Ok(false)
}

/// Why a system may not end in a state: the reasons of all `ends`.
pub(crate) fn why_not(ends: &[Predicate], view: &View<'_>) -> Outcome {
    let mut reasons: Vec<String> = Vec::new();
    let mut blame = Vec::new();
    for end in ends {
        match guard::catch(|| end.explained(view)) {
            Ok(outcome) => {
                let (name, reason) = (end.name(), outcome.reason());
                reasons.push(if reason.contains(name) {
                    reason.to_owned()
                } else {
                    format!("{name}: {reason}")
                });
                blame.extend(outcome.blame().iter().cloned());
            }
            Err(panic) => reasons.push(format!("`{}` panicked: {}", end.name(), panic.text)),
        }
    }
    let outcome = Outcome::fails(reasons.join("; "));
    blame.into_iter().fold(outcome, |outcome, blame| outcome.blaming(blame.node, blame.field))
}

/// Whether a state is stuck to which `events` led since the search began, worked out by trying every event.
pub(crate) fn is_stuck(state: &State, events: &[Event], settings: &Settings) -> bool {
    let Some(ends) = &settings.stuck else { return false };
    if may_end(ends, &state.view()) != Ok(false) {
        return false;
    }
    let restarts = events.iter().filter(|event| matches!(event, Event::Restart { .. })).count();
    if settings.faults.restarts_left(restarts) && state.locals.iter().any(|local| !local.up) {
        return false;
    }
    let Ok(here) = state.encode() else { return false };
    state.events(&settings.delivery).iter().all(|event| match state.step(event, &settings.delivery) {
        Ok(next) => next.encode().is_ok_and(|there| there == here),
        // What cannot happen after all changes nothing; a handler at fault is another finding.
        Err(error) => !matches!(
            error,
            StepError::Panicked(_)
                | StepError::Nondeterministic(_)
                | StepError::Hung(_)
                | StepError::NotSerializable(_)
        ),
    })
}
