//! Repeats a run with many seeds, and makes the first failure small.

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use framework::guard;

use crate::failure::{Failure, FailureKind};
use crate::schedule::Schedule;
use crate::shrink::{shrink, until};
use crate::trace::Trace;

/// How often a shrinking run is tried.
const TRIES_MAX: u32 = 500;

/// Repeats a run with many seeds.
///
/// The first seed that fails is reported, in the order of the seeds and not of the clock: the same for any number of
/// threads. A test fails when it returns a failure, and when it panics, as a failed assertion does.
///
/// ```
/// use std::time::Duration;
///
/// use framework::{Address, System, predicate::results_ok};
/// use pingpong::{PingClient, PingParser, PingServer};
/// use runner::{Chaos, Nemesis, Run, Settings};
///
/// let server = Address::server(1);
/// let nemesis = Nemesis::new([server]).isolations();
/// Chaos::seeds(0..20).with_schedules(
///     |seed| nemesis.schedule(seed, Duration::from_secs(20)),
///     |seed, schedule| {
///         let mut system = System::new();
///         system.add(server, PingServer).expect("the first node");
///         let workload = framework::Workload::parse_expecting(PingParser, ["hi-%i"], ["hi-%i"]).expect("it parses");
///         let client = PingClient::new(server);
///         system.add_client(Address::client(1), client, workload.repeated(50)).expect("another address");
///         let settings = Settings::simulated(seed)
///             .invariant(results_ok())
///             .network(|network| network.unreliable())
///             .schedule(schedule.clone());
///         let mut run = Run::new(&system, settings)?;
///         run.wait_for_clients(Duration::from_secs(60)).map(drop)
///     },
/// )?;
/// # Ok::<(), runner::ChaosFailure>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Chaos {
    /// The seeds.
    pub seeds: Range<u64>,
    /// How many runs there are at once.
    pub threads: NonZeroUsize,
}

impl Chaos {
    /// Runs with these seeds, as many at once as there are cores.
    pub fn seeds(seeds: Range<u64>) -> Self {
        Self { seeds, threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }

    /// Says how many runs there are at once.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Runs `test` with every seed.
    ///
    /// # Errors
    ///
    /// With the failure of the first seed for which the test fails.
    pub fn run(&self, test: impl Fn(u64) -> Result<(), Failure> + Sync) -> Result<(), ChaosFailure> {
        match self.first_failure(test) {
            None => Ok(()),
            Some((seed, failure)) => Err(ChaosFailure { seed, failure, schedules: None }),
        }
    }

    /// Runs `test` with every seed and the schedule of that seed. Of the first failure it finds a smaller schedule: with
    /// the same seed and that schedule the test fails in the same way, with any one action less it does not, and no
    /// action comes after the failure.
    ///
    /// # Errors
    ///
    /// With the failure of the first seed for which the test fails.
    pub fn with_schedules(
        &self,
        schedule: impl Fn(u64) -> Schedule + Sync,
        test: impl Fn(u64, &Schedule) -> Result<(), Failure> + Sync,
    ) -> Result<(), ChaosFailure> {
        let Some((seed, failure)) = self.first_failure(|seed| test(seed, &schedule(seed))) else {
            return Ok(());
        };
        let original = schedule(seed);
        let (kind, at) = (failure.kind().clone(), failure.at());
        let mut smallest = failure;
        let mut again = |candidate: &Schedule| match guarded(seed, || test(seed, candidate)) {
            Err(failure) if failure.kind().is_same_finding(&kind) => {
                smallest = failure;
                true
            }
            _ => false,
        };
        // Later actions cannot have caused it, unless the test does other things with another schedule. Of a panic of the
        // test nobody knows the time.
        let early = until(&original, at);
        let shrunk = shrink(if again(&early) { early } else { original.clone() }, TRIES_MAX, &mut again);
        // The last try need not have been the smallest schedule.
        again(&shrunk);
        Err(ChaosFailure { seed, failure: smallest, schedules: Some((original, shrunk)) })
    }

    fn first_failure(&self, test: impl Fn(u64) -> Result<(), Failure> + Sync) -> Option<(u64, Failure)> {
        let next = AtomicU64::new(self.seeds.start);
        let first: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
        let lock = || first.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || loop {
            // Seeds are begun in order, so all before the first that fails are finished.
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.end || lock().as_ref().is_some_and(|(failed, _)| *failed < seed) {
                return;
            }
            if let Err(failure) = guarded(seed, || test(seed)) {
                let mut first = lock();
                if first.as_ref().is_none_or(|(failed, _)| seed < *failed) {
                    *first = Some((seed, failure));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.get() {
                scope.spawn(work);
            }
            work();
        });
        first.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a failure of a panic of the test.
fn guarded(seed: u64, test: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    guard::catch(test).unwrap_or_else(|panic| {
        let kind = FailureKind::TestPanicked { panic: panic.text };
        Err(Failure::new(kind, Duration::ZERO, Trace::unknown(seed)))
    })
}

/// The first seed with which a run failed.
#[derive(Debug)]
pub struct ChaosFailure {
    seed: u64,
    failure: Failure,
    schedules: Option<(Schedule, Schedule)>,
}

impl ChaosFailure {
    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How the run failed; with the shrunk schedule, if there is one.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// The schedule of the seed.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedules.as_ref().map(|(original, _)| original)
    }

    /// The smallest schedule that was found with which the run fails in the same way.
    pub fn shrunk(&self) -> Option<&Schedule> {
        self.schedules.as_ref().map(|(_, shrunk)| shrunk)
    }
}

impl fmt::Display for ChaosFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.failure)?;
        if let Some((original, shrunk)) = &self.schedules {
            let (kept, all) = (shrunk.len(), original.len());
            write!(f, "\nIt fails with {kept} of the schedule's {all} actions")?;
            let lines = shrunk.to_string();
            let lines: Vec<&str> = lines.lines().collect();
            write!(f, "{}", if lines.is_empty() { "." } else { ":\n  " })?;
            write!(f, "{}", lines.join("\n  "))?;
        }
        Ok(())
    }
}

impl Error for ChaosFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.failure)
    }
}
