//! Who performs jobs: a process for each, under a supervisor, while the viewer goes on.

use std::env;
use std::ffi::OsString;
use std::fmt::Debug;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use search::supervisor::{Supervised as Outcome, Supervisor, address_space};
use search::{CancelToken, Progress};

use super::{Ask, Job, Reply};
use crate::text::one_line;

/// The time that a handler gets. A search watches its handlers itself; what is replayed the supervisor gives four times
/// this.
const HANDLER_TIME: Duration = Duration::from_secs(5);
const REPLAYED_TIME: Duration = Duration::from_millis(1_250);
/// How many lines of what nodes print are told.
const PRINTED_MAX: usize = 3;

/// Performs jobs.
pub(crate) trait Engine: Debug + Send {
    /// Begins with a job.
    fn start(&self, job: Job) -> Running;
}

/// What came of a job.
#[derive(Debug)]
pub(crate) struct Performed {
    /// The answer, or why there is none.
    pub(crate) reply: Result<Reply, String>,
    /// What nodes printed, the first lines of it.
    pub(crate) printed: Vec<String>,
}

/// A job that is being performed.
#[derive(Debug)]
pub(crate) struct Running {
    done: Receiver<Performed>,
    cancel: CancelToken,
    progress: Arc<Mutex<Option<Progress>>>,
    begun: Instant,
}

impl Running {
    /// What came of it, if it is done.
    pub(crate) fn poll(&self) -> Option<Performed> {
        match self.done.try_recv() {
            Ok(performed) => Some(performed),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(lost()),
        }
    }

    /// Waits for it.
    pub(crate) fn wait(&self) -> Performed {
        self.done.recv().unwrap_or_else(|_| lost())
    }

    /// Asks it to come to an end.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// How far it is, in words.
    pub(crate) fn progress(&self) -> String {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let searched = progress.as_ref().map_or_else(String::new, |progress| {
            format!("{} states, depth {}, ", crate::amount::grouped(progress.states), progress.depth)
        });
        format!("{searched}{} s", self.begun.elapsed().as_secs())
    }
}

fn lost() -> Performed {
    let reply = Err("the thread that waited for the answer ended without one".to_owned());
    Performed { reply, printed: Vec::new() }
}

/// Performs each job in a process of its own: this program, started with the same arguments.
#[derive(Clone, Debug)]
pub(crate) struct Supervised {
    /// The arguments.
    pub(crate) args: Vec<OsString>,
}

impl Engine for Supervised {
    fn start(&self, job: Job) -> Running {
        let (send, done) = mpsc::channel();
        let (cancel, progress) = (CancelToken::default(), Arc::new(Mutex::new(None)));
        let running =
            Running { done, cancel: cancel.clone(), progress: Arc::clone(&progress), begun: Instant::now() };
        let args = self.args.clone();
        std::thread::spawn(move || {
            // Nobody listens any more when the viewer has ended.
            let _ended = send.send(run(&args, &job, cancel, progress));
        });
        running
    }
}

fn run(
    args: &[OsString],
    job: &Job,
    cancel: CancelToken,
    progress: Arc<Mutex<Option<Progress>>>,
) -> Performed {
    let refused = |problem: String| Performed { reply: Err(problem), printed: Vec::new() };
    let request = match serde_json::to_string(job) {
        Ok(request) => request,
        Err(error) => return refused(format!("the question cannot be written down: {error}")),
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let supervisor = Supervisor {
        request,
        memory: Some(address_space(None, threads)),
        handler_time: if matches!(job.ask, Ask::Search { .. }) { HANDLER_TIME } else { REPLAYED_TIME },
        cancel: cancel.clone(),
        progress: Some(Arc::new(move |now: &Progress| {
            *progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(*now);
        })),
        ..Supervisor::default()
    };
    match env::current_exe().and_then(|program| supervisor.run(Command::new(program).args(args))) {
        Ok(outcome) => performed(&outcome, &cancel),
        Err(error) => refused(format!("cannot start the process that runs the handlers: {error}")),
    }
}

fn performed(outcome: &Outcome, cancel: &CancelToken) -> Performed {
    let reply = match &outcome.result {
        Ok(bytes) => serde_json::from_slice::<Result<Reply, String>>(bytes)
            .unwrap_or_else(|error| {
                Err(format!("the process that runs the handlers answered something else: {error}"))
            })
            .and_then(|reply| reply.verified().map(|()| reply)),
        Err(_) if cancel.is_canceled() => Err("given up".to_owned()),
        Err(death) => Err(one_line(&death.to_string())),
    };
    let lines = outcome.stdout.first.iter().chain(&outcome.stderr.first);
    Performed { reply, printed: lines.take(PRINTED_MAX).map(|line| one_line(line)).collect() }
}

impl Reply {
    /// Checks that the traces in an answer refer to nothing that is not there.
    fn verified(&self) -> Result<(), String> {
        let traces = match self {
            Self::Ran { trace, .. } | Self::Found { trace, .. } => vec![&**trace],
            Self::Orders(orders) => orders.iter().map(|order| &order.trace).collect(),
            Self::Nothing(_) => Vec::new(),
        };
        traces.into_iter().try_for_each(|trace| {
            trace
                .verify()
                .map_err(|problem| format!("the process that runs the handlers answered nonsense: {problem}"))
        })
    }
}
// BEGIN INSTRUCTOR ONLY

/// Performs jobs in this process, at once: for tests.
#[cfg(test)]
pub(crate) struct Inside(pub(crate) Arc<dyn framework::Lab>);

#[cfg(test)]
impl Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside")
    }
}

#[cfg(test)]
impl Engine for Inside {
    fn start(&self, job: Job) -> Running {
        let (send, done) = mpsc::channel();
        let cancel = CancelToken::default();
        let reply =
            super::perform(self.0.as_ref(), &job, &cancel).and_then(|reply| reply.verified().map(|()| reply));
        send.send(Performed { reply, printed: Vec::new() }).unwrap();
        Running { done, cancel, progress: Arc::default(), begun: Instant::now() }
    }
}
// END INSTRUCTOR ONLY
