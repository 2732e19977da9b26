//! What a run test gets: seeded settings, and runs that are watched.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use framework::System;
use runner::{Observer, Run, Running, RunningHandler, Settings};
use search::{Activity, Noting, Watch};

use crate::child::Context;
use crate::failed::{Failed, Failure};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The context of a run test.
///
/// Source: DSLabs `BaseJUnitTest` (`setupRunTest`, `runState`, `runSettings`).
#[derive(Debug)]
pub struct RunTest {
    pub(crate) context: Context,
    /// The invariants of the last run: its trace is shortened as long as it violates them.
    pub(crate) settings: Option<Settings>,
    watched: Vec<Arc<AtomicBool>>,
}

impl RunTest {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, settings: None, watched: Vec::new() }
    }

    /// The seed of the test; printed when it fails.
    pub fn seed(&self) -> u64 {
        self.context.seed
    }

    /// The settings of a simulated run with the seed of the test: virtual time, the same on every machine.
    pub fn simulated(&self) -> Settings {
        Settings::simulated(self.seed())
    }

    /// The settings of a run in real time: for tests that show that the same nodes also run for real. What they wait for
    /// has to come within any time; so the limits are backstops.
    pub fn real_time(&self) -> Settings {
        let mut settings = Settings::real_time(self.seed());
        settings.handler_time_max = self.context.handler_time;
        settings
    }

    /// Starts a run. Its failures become those of the test by `?`, with their traces.
    ///
    /// # Errors
    ///
    /// When an `init` panics, or the initial state violates an invariant.
    pub fn start(&mut self, system: &System, mut settings: Settings) -> Result<Run, Failed> {
        settings.observer = Some(Observer::new(note));
        self.settings = Some(settings.clone());
        let run = Run::new(system, settings)?;
        let test_goes_on = Arc::new(AtomicBool::new(true));
        let (running, alive) = (run.running(), Arc::downgrade(&test_goes_on));
        let (reporter, limit) = (Arc::clone(&self.context.reporter), self.context.handler_time);
        thread::spawn(move || {
            if let Some(failure) = watch(&running, &alive, limit) {
                reporter.end_here(failure);
            }
        });
        self.watched.push(test_goes_on);
        Ok(run)
    }
}

/// Notes the handler that this thread runs, for a supervisor that wants to know what ended the process.
fn note(handler: Option<&RunningHandler>) {
    thread_local! {
        // Never dropped by the end of the thread: a handler that exits would take its note with it.
        static NOTED: RefCell<ManuallyDrop<Option<Noting<'static>>>> = const { RefCell::new(ManuallyDrop::new(None)) };
    }
    let noted = handler.map(|handler| Watch::installed().noting(Activity::Handler, &handler.to_string()));
    drop(ManuallyDrop::into_inner(NOTED.replace(ManuallyDrop::new(noted))));
}

/// Waits until a handler hangs; `None` when the test is over.
fn watch(running: &Running, alive: &Weak<AtomicBool>, limit: Duration) -> Option<Failure> {
    loop {
        thread::sleep(LOOK);
        if !alive.upgrade()?.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(hung) = running.handlers().into_iter().find(|handler| handler.elapsed() > limit) {
            let what = match &hung.event {
                Some(event) => format!("{event}, and the handler"),
                None => format!("init of {}", hung.node),
            };
            let message = format!(
                "handler hung: {what} has not returned for {limit:?}; look for a loop that does not end"
            );
            return Some(Failure::fail("handler-hung", message).detected_by(hung.to_string()));
        }
    }
}
