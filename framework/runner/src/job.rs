//! One call of a handler, apart from the run that it belongs to.

use framework::guard::{self, Panic};
use framework::{Address, EncodeError, Event, HandlerFault, Interrupted, Local, Sent, Stimulus};

use crate::failure::FailureKind;
use crate::running::Running;

/// An event that is about to happen, with the local of its node.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) node: usize,
    pub(crate) address: Address,
    /// `None` for `init`.
    pub(crate) event: Option<Event>,
    pub(crate) local: Local,
    /// The local as it is now, if somebody wants to compare.
    pub(crate) before: Option<Local>,
    /// Before which call of persist the node crashes, if that matters.
    pub(crate) crash_in_handler: Option<usize>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) node: usize,
    /// What happened; it may be a crash where something else was tried.
    pub(crate) event: Option<Event>,
    pub(crate) local: Local,
    pub(crate) before: Option<Local>,
    pub(crate) result: Result<Vec<Sent>, FailureKind>,
}

impl Job {
    /// Runs the handler.
    pub(crate) fn run(mut self, running: &Running) -> Done {
        running.enter(self.address, self.event.as_ref());
        let node_type = self.local.node.type_name();
        let outcome = guard::catch(|| self.handle());
        running.leave(self.address);
        let fault = |problem: String| HandlerFault {
            node: self.address,
            node_type: node_type.to_owned(),
            handler: self.event.as_ref().map_or_else(|| "init".to_owned(), Event::handler),
            problem,
        };
        let result = match outcome {
            Ok(Ok(sent)) => Ok(sent),
            Ok(Err(error)) => Err(FailureKind::NotSerializable(fault(error.to_string()))),
            Err(Panic { text }) => Err(FailureKind::HandlerPanicked(fault(text))),
        };
        Done { node: self.node, event: self.event, local: self.local, before: self.before, result }
    }

    fn handle(&mut self) -> Result<Vec<Sent>, EncodeError> {
        let Self { address, event, local, .. } = self;
        let Some(happens) = event else { return local.handle(*address, Stimulus::Init) };
        if let Some(persist) = self.crash_in_handler
            && matches!(happens, Event::Deliver(_) | Event::Fire { .. })
        {
            let during = Some(Interrupted { event: Box::new(happens.clone()), persist });
            let crash = Event::Crash { node: *address, during };
            let sent = crash.with_stimulus(|stimulus| local.handle(*address, stimulus))?;
            if !local.up {
                *event = Some(crash);
                return Ok(sent);
            }
        }
        happens.with_stimulus(|stimulus| local.handle(*address, stimulus))
    }
}
