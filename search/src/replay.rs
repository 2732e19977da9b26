//! Steps through a sequence of events, on whole states.

use crate::delivery::Delivery;
use crate::results::Trace;
use crate::state::{State, StepError};

/// Why a trace does not replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {number} of the trace, `{event}`, cannot happen: {cause}")]
pub struct ReplayError {
    /// The place of the event, from 1.
    pub number: usize,
    /// The event.
    pub event: String,
    /// Why not.
    pub cause: Box<StepError>,
}

/// The states of a trace: where it starts, and the state after every event. A handler that panics, or that is known not to
/// return, ends a trace; that is no error if it does so in the last event.
///
/// # Errors
///
/// When an event cannot happen.
pub fn replay(trace: &Trace, delivery: &Delivery) -> Result<Vec<State>, ReplayError> {
    let mut states = vec![trace.start.clone()];
    for (i, event) in trace.events.iter().enumerate() {
        match states[i].step(event, delivery) {
            Ok(state) => states.push(state),
            Err(
                StepError::Panicked(_)
                | StepError::NotSerializable(_)
                | StepError::Died(_)
                | StepError::Hung(_),
            ) if i + 1 == trace.events.len() => {
                break;
            }
            Err(cause) => {
                return Err(ReplayError { number: i + 1, event: event.to_string(), cause: Box::new(cause) });
            }
        }
    }
    Ok(states)
}
