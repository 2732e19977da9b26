//! Shows the steps of client workers to a monitor, along a sequence of events.

use framework::linearizability::{Monitor, MonitorStep, WorkerStep};
use framework::{Address, AnyWorker, Event, Local, Outcome};

use crate::guard;
use crate::state::State;

/// What a monitor makes of a step of a node; `None` if it is nothing that a monitor could see. An error says why the
/// monitor cannot judge it.
pub(crate) fn step(
    monitor: &Monitor,
    residual: &[u8],
    address: Address,
    (before, event, after): (&Local, &Event, &Local),
) -> Result<Option<MonitorStep>, String> {
    let (Some(worker_before), Some(worker_after)) = (before.node.as_worker(), after.node.as_worker()) else {
        return Ok(None);
    };
    let judged = guard::catch(|| {
        let finished;
        let step = match (before.up, after.up) {
            (true, true) => WorkerStep::Handled { before: worker_before, after: worker_after },
            (false, true) => WorkerStep::Started { after: worker_after },
            (false, false) => return Ok(None),
            (true, false) => {
                finished = as_if_finished(before, event);
                let during = finished.as_ref().and_then(|local| local.node.as_worker());
                WorkerStep::Crashed { before: worker_before, during }
            }
        };
        monitor.step(residual, address, step).map(Some).map_err(|error| error.to_string())
    });
    judged.unwrap_or_else(|panic| Err(panic.text))
}

/// The node as it would be, had the handler in which it crashes returned.
fn as_if_finished(before: &Local, event: &Event) -> Option<Local> {
    let Event::Crash { during: Some(interrupted), .. } = event else { return None };
    let mut local = before.clone();
    let handled = interrupted.event.with_stimulus(|stimulus| local.handle(event.node(), stimulus));
    handled.ok().map(|_| local)
}

/// A monitor that follows a sequence of events, one step after the other: what it would know in a search that came this
/// way.
#[derive(Clone, Debug)]
pub struct Follower<'m> {
    monitor: &'m Monitor,
    pub(crate) residual: Vec<u8>,
    /// What the monitor says of the last step it saw.
    pub(crate) outcome: Outcome,
}

impl<'m> Follower<'m> {
    /// What a monitor knows at a state: it is shown the state's whole history.
    ///
    /// # Errors
    ///
    /// Says why the monitor cannot judge the clients of this system.
    pub fn at(monitor: &'m Monitor, state: &State) -> Result<Self, String> {
        let initial = state.initial_locals();
        let workers: Vec<(Address, &dyn AnyWorker)> = state
            .addresses()
            .iter()
            .zip(initial)
            .filter(|(_, local)| local.up)
            .filter_map(|(address, local)| Some((*address, local.node.as_worker()?)))
            .collect();
        let first = guard::catch(|| monitor.initial(&workers).map_err(|error| error.to_string()));
        let MonitorStep { residual, outcome } = first.unwrap_or_else(|panic| Err(panic.text))?;
        let mut watch = Self { monitor, residual, outcome };
        state.for_each_past_step(|address, step| watch.see(address, step))?;
        Ok(watch)
    }

    /// The name of the monitor.
    pub fn name(&self) -> &str {
        self.monitor.name()
    }

    /// What the monitor says of the events so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Shows the monitor a step. After a violation nothing changes any more.
    pub(crate) fn see(&mut self, address: Address, step: (&Local, &Event, &Local)) -> Result<(), String> {
        if self.outcome.is_ok()
            && let Some(MonitorStep { residual, outcome }) =
                self::step(self.monitor, &self.residual, address, step)?
        {
            (self.residual, self.outcome) = (residual, outcome);
        }
        Ok(())
    }

    /// Shows the monitor a step from one state to the next. After a violation nothing changes any more.
    ///
    /// # Errors
    ///
    /// Says why the monitor cannot judge the step.
    pub fn see_states(&mut self, before: &State, event: &Event, after: &State) -> Result<(), String> {
        let place = before.addresses().iter().position(|address| *address == event.node());
        let Some(i) = place else { return Ok(()) };
        self.see(event.node(), (before.local(i), event, after.local(i)))
    }
}
