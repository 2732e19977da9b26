//! The threads of a search, and the watchdog that notices when a handler on one of them does not return.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::guard;
use crate::handler::{Effect, Input, Subject};
use crate::watch::Watch;

/// Enough for a handler that recurses over a long log; only touched memory counts.
const STACK_BYTES: usize = 64 << 20;

/// How many handler calls one piece of work has at least, about: fewer are not worth handing over.
const CALLS_PER_TASK: usize = 64;

/// The pieces of work for each thread, so that none waits long for the others.
const TASKS_PER_THREAD: usize = 8;

/// How often, in the time that a handler gets, it is looked whether it is still the same one.
const LOOKS: u32 = 10;

/// Threads of one search. Starting some takes as long as a small search, so they are kept for the next one; but never
/// shared, because a handler that does not return keeps its thread.
pub(crate) struct Pool {
    /// `None` once a thread is lost.
    threads: Option<ThreadPool>,
    count: usize,
    watch: Watch,
}

/// Pools that no search uses, by the number of threads.
static IDLE: Mutex<BTreeMap<usize, Vec<ThreadPool>>> = Mutex::new(BTreeMap::new());

/// One node with all the events to try on it.
pub(crate) struct Trial {
    pub(crate) subject: Subject,
    pub(crate) inputs: Vec<Input>,
}

/// The handler that did not return: trial and input.
pub(crate) struct Hung {
    pub(crate) trial: usize,
    pub(crate) input: usize,
}

impl Pool {
    /// A pool of so many threads.
    pub(crate) fn take(count: usize, watch: &Watch) -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&count).and_then(Vec::pop);
        let threads = idle.unwrap_or_else(|| {
            ThreadPoolBuilder::new()
                .num_threads(count)
                .stack_size(STACK_BYTES)
                .thread_name(|i| format!("search-{i}"))
                .build()
                .expect("the system starts threads")
        });
        Self { threads: Some(threads), count, watch: watch.clone() }
    }

    /// What is noted, and what must not run.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    fn threads(&self) -> &ThreadPool {
        self.threads.as_ref().expect("a search ends when a thread is lost")
    }

    /// Whether no thread is lost.
    pub(crate) fn is_complete(&self) -> bool {
        self.threads.is_some()
    }

    /// Runs `work` on the pool, where rayon's parallel iterators use all its threads.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads().install(work)
    }

    /// Tries all inputs on all nodes. The caller waits without being on the pool, so it can give up on a handler that
    /// does not return within `handler_time`; that thread is lost, and with it the pool.
    pub(crate) fn try_all(
        &mut self,
        trials: Vec<Trial>,
        handler_time: Duration,
    ) -> Result<Vec<Vec<Effect>>, Hung> {
        let trials: Arc<[Trial]> = trials.into();
        let all_calls: usize = trials.iter().map(|trial| trial.inputs.len()).sum();
        let calls_per_task = CALLS_PER_TASK.max(all_calls / (self.count * TASKS_PER_THREAD));
        let mut tasks: Vec<std::ops::Range<usize>> = Vec::new();
        let mut calls = calls_per_task;
        for (i, trial) in trials.iter().enumerate() {
            match tasks.last_mut() {
                Some(task) if calls < calls_per_task => task.end = i + 1,
                _ => {
                    tasks.push(i..i + 1);
                    calls = 0;
                }
            }
            calls += trial.inputs.len();
        }
        // Which input a task is at: trial in the high half, input in the low half, 0 before it starts.
        let at: Arc<[AtomicUsize]> = tasks.iter().map(|_| AtomicUsize::new(0)).collect();
        let (done, effects_of_task) = channel::unbounded();
        for (number, task) in tasks.iter().cloned().enumerate() {
            let (trials, at, done) = (Arc::clone(&trials), Arc::clone(&at), done.clone());
            let watch = self.watch.clone();
            self.threads().spawn(move || {
                let effects: Vec<Vec<Effect>> = task
                    .map(|t| {
                        let trial = &trials[t];
                        at[number].store((t + 1) << 32, Ordering::Relaxed);
                        let try_all = || {
                            trial.subject.try_all(&trial.inputs, &watch, |i| {
                                at[number].store(((t + 1) << 32) | i, Ordering::Relaxed);
                            })
                        };
                        // Handlers are guarded one by one; this is for a `Debug` or a `Drop` that panics.
                        guard::catch(try_all).unwrap_or_else(|panic| {
                            let problem = format!("its Debug, Clone or Drop panicked: {}", panic.text);
                            vec![Effect::Unsound(problem); trial.inputs.len()]
                        })
                    })
                    .collect();
                // Nobody listens any more when another handler hangs.
                let _ = done.send((number, effects));
            });
        }
        drop(done);
        let mut effects: Vec<Option<Vec<Vec<Effect>>>> = vec![None; tasks.len()];
        let mut waiting = tasks.len();
        // What each task was last seen at, and how often. Counted in looks: a machine that was asleep had no time to run
        // handlers either.
        let mut seen: Vec<(usize, u32)> = vec![(0, 0); tasks.len()];
        let mut look = Instant::now() + handler_time / LOOKS;
        while waiting > 0 {
            match effects_of_task.recv_deadline(look) {
                Ok((number, result)) => {
                    effects[number] = Some(result);
                    waiting -= 1;
                }
                Err(_) => {
                    for (number, (was, times)) in seen.iter_mut().enumerate() {
                        let is = at[number].load(Ordering::Relaxed);
                        if effects[number].is_some() || is == 0 || is != *was {
                            (*was, *times) = (is, 1);
                        } else if *times < LOOKS {
                            *times += 1;
                        } else {
                            self.threads = None;
                            let (trial, input) = (is >> 32, is & 0xffff_ffff);
                            return Err(Hung { trial: trial - 1, input });
                        }
                    }
                    look = Instant::now() + handler_time / LOOKS;
                }
            }
        }
        Ok(effects.into_iter().flatten().flatten().collect())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).entry(self.count).or_default().push(threads);
        }
    }
}
