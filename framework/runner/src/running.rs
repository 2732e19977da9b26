//! Says from another thread which handlers run right now, for whoever watches that they return.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use framework::{Address, Event};

/// A handler that has not returned yet.
#[derive(Clone, Debug)]
pub struct RunningHandler {
    /// The node.
    pub node: Address,
    /// What it handles; `None` for `init`.
    pub event: Option<Event>,
    since: Instant,
}

impl RunningHandler {
    /// The handler and what it handles: `on_message(RequestVote)`, or `init`.
    pub fn handler(&self) -> String {
        self.event.as_ref().map_or_else(|| "init".to_owned(), Event::handler)
    }

    /// How long it has been running, in real time.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl fmt::Display for RunningHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.handler(), self.node)
    }
}

/// Is told of every handler on the thread that runs it: which one before it runs, and nothing after it. A process that may
/// end in a handler can note there what it is at.
#[derive(Clone)]
pub struct Observer(Arc<Observe>);

type Observe = dyn Fn(Option<&RunningHandler>) + Send + Sync;

impl Observer {
    /// Calls `observe`.
    pub fn new(observe: impl Fn(Option<&RunningHandler>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// The handlers of a run that have not returned. Ask it from any thread; in a simulated run there is at most one.
#[derive(Clone, Debug, Default)]
pub struct Running {
    handlers: Arc<Mutex<Vec<RunningHandler>>>,
    observer: Option<Observer>,
}

impl Running {
    pub(crate) fn observed(observer: Option<Observer>) -> Self {
        Self { handlers: Arc::default(), observer }
    }

    /// The handlers that run now.
    pub fn handlers(&self) -> Vec<RunningHandler> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn enter(&self, node: Address, event: Option<&Event>) {
        let handler = RunningHandler { node, event: event.cloned(), since: Instant::now() };
        if let Some(Observer(observe)) = &self.observer {
            observe(Some(&handler));
        }
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).push(handler);
    }

    pub(crate) fn leave(&self, node: Address) {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).retain(|handler| handler.node != node);
        if let Some(Observer(observe)) = &self.observer {
            observe(None);
        }
    }
}
