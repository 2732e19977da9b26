//! The mode in real time: one thread a node, channels between them, the clock on the wall.
//!
//! A handler runs on its node's thread, without any lock. Everything else (who gets which message when, what is recorded
//! and checked) is the world's, behind one lock that is held for moments only. Outside of waits the run is paused: no
//! handler runs and the time stands still, so that a test can look and change things.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};
use framework::HandlerFault;
use framework::guard::Panic;

use crate::chance::nanos;
use crate::failure::FailureKind;
use crate::node::Fate;
use crate::simulation::Ended;
use crate::watch::Watch;
use crate::world::{Parcel, World};

/// How often the run stops to check what is not checked after every event, and what a test waits for.
const ROUND: Duration = Duration::from_millis(10);

/// How long a thread with nothing to do sleeps at most.
const LONG: Duration = Duration::from_secs(3600);

/// A running system in real time.
#[derive(Debug)]
pub(crate) struct RealTime {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    handler_time_max: Duration,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The phase changed, or a handler returned.
    changed: Condvar,
    /// As `changed`, for the thread of the test.
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    world: World,
    phase: Phase,
    /// How many handlers run.
    busy: usize,
    /// Whether handlers take turns, because something is checked after each.
    one_at_a_time: bool,
    inboxes: Vec<Sender<Mail>>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Paused,
    /// The time of the run was `from` at `since`.
    Running {
        since: Instant,
        from: u64,
    },
    Stopped,
}

#[derive(Debug)]
enum Mail {
    Parcel(Parcel),
    /// Something changed: look again.
    Wake,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sets the world's time to that of the clock.
    fn tick(&mut self) {
        if let Phase::Running { since, from } = self.phase {
            self.world.now = from.saturating_add(nanos(since.elapsed()));
        }
    }

    fn dispatch(&self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            // A thread ends before the others only when its handler hung, and then the run is over.
            let _ = self.inboxes[parcel.to].send(Mail::Parcel(parcel));
        }
    }

    fn wake_all(&self) {
        for inbox in &self.inboxes {
            let _ = inbox.send(Mail::Wake);
        }
    }

    fn may_start_handler(&self) -> bool {
        matches!(self.phase, Phase::Running { .. }) && !(self.one_at_a_time && self.busy > 0)
    }
}

impl RealTime {
    pub(crate) fn new(world: World, handler_time_max: Duration) -> Self {
        let one_at_a_time = world.checks_every_event();
        let state = State { world, phase: Phase::Paused, busy: 0, one_at_a_time, inboxes: Vec::new() };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), returned: Condvar::new() });
        Self { shared, threads: Vec::new(), handler_time_max }
    }

    /// The world, while the run is paused.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        look(&mut self.shared.lock().world)
    }

    /// Puts messages on their way.
    pub(crate) fn dispatch(&mut self, parcels: Vec<Parcel>) {
        self.refresh_all();
        self.shared.lock().dispatch(parcels);
    }

    /// Gives new nodes threads, and lets all look at what changed.
    pub(crate) fn refresh_all(&mut self) {
        let mut state = self.shared.lock();
        for node in state.inboxes.len()..state.world.nodes.len() {
            let (inbox, mail) = channel::unbounded();
            state.inboxes.push(inbox);
            let shared = Arc::clone(&self.shared);
            self.threads.push(thread::spawn(move || live(node, &shared, &mail)));
        }
        state.wake_all();
    }

    /// Lets time pass until some time, or until what is waited for holds.
    pub(crate) fn advance(&mut self, until: u64, mut goal: Option<&mut Watch>) -> Result<Ended, Panic> {
        loop {
            let mut state = self.pause()?;
            while state.world.failure.is_none()
                && state.world.next_action().is_some_and(|at| at <= state.world.now)
            {
                let parcels = state.world.take_action();
                state.dispatch(parcels);
                state.wake_all();
            }
            if !state.one_at_a_time && state.world.failure.is_none() {
                state.world.check_if_due();
            }
            if state.world.failure.is_some() {
                return Ok(Ended::Failed);
            }
            if let Some(goal) = &mut goal
                && goal.holds(&state.world)?
            {
                return Ok(Ended::Held);
            }
            let now = state.world.now;
            if now >= until {
                // Whether nothing is left to happen is not known here: threads hold messages that are on their way.
                return Ok(Ended::TimeUp { idle: false });
            }
            let next = state.world.next_action().unwrap_or(u64::MAX).min(until).saturating_sub(now);
            state.phase = Phase::Running { since: Instant::now(), from: now };
            state.wake_all();
            self.shared.changed.notify_all();
            let round = Duration::from_nanos(next).min(ROUND);
            let begun = Instant::now();
            while state.world.failure.is_none()
                && let Some(left) = round.checked_sub(begun.elapsed())
                && !left.is_zero()
            {
                state =
                    self.shared.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Stops the time and waits until no handler runs. A handler that does not return fails the run.
    fn pause(&self) -> Result<MutexGuard<'_, State>, Panic> {
        let mut state = self.shared.lock();
        state.tick();
        if !matches!(state.phase, Phase::Stopped) {
            state.phase = Phase::Paused;
        }
        while state.busy > 0 {
            let handlers = state.world.running.handlers();
            let hung: Vec<_> = handlers.iter().filter(|h| h.elapsed() >= self.handler_time_max).collect();
            for handler in &hung {
                let node_type = state.world.type_name(handler.node);
                state.world.give_up(handler.node);
                state.busy -= 1;
                let problem = format!(
                    "it has not returned for {:?}; look for a loop that does not end",
                    self.handler_time_max
                );
                state.world.running.leave(handler.node);
                state.world.fail(FailureKind::HandlerHung(HandlerFault {
                    node: handler.node,
                    node_type,
                    handler: handler.handler(),
                    problem,
                }));
            }
            if hung.is_empty() {
                state =
                    self.shared.returned.wait_timeout(state, ROUND).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        Ok(state)
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        let hung: Vec<bool> = {
            let mut state = self.shared.lock();
            state.phase = Phase::Stopped;
            state.wake_all();
            state.world.nodes.iter().map(|node| node.fate == Fate::Hung).collect()
        };
        self.shared.changed.notify_all();
        for (thread, _) in self.threads.drain(..).zip(hung).filter(|(_, hung)| !hung) {
            // A thread panics only where the runner itself has a bug, which its own tests would show.
            let _ = thread.join();
        }
    }
}

/// What the thread of a node does.
fn live(node: usize, shared: &Shared, mail: &Receiver<Mail>) {
    // Messages on their way to this node, by the time of their arrival.
    let mut arriving: VecDeque<Parcel> = VecDeque::new();
    let take = |arriving: &mut VecDeque<Parcel>, letter| {
        if let Mail::Parcel(parcel) = letter {
            let place = arriving.partition_point(|other| other.at <= parcel.at);
            arriving.insert(place, parcel);
        }
    };
    loop {
        let mut state = shared.lock();
        loop {
            match state.phase {
                Phase::Stopped => return,
                _ if state.may_start_handler() => break,
                _ => state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        while let Ok(letter) = mail.try_recv() {
            take(&mut arriving, letter);
        }
        state.tick();
        let now = state.world.now;
        let timer = state.world.next_timer(node);
        let message = arriving.front().map(|parcel| parcel.at);
        let is_message = message.is_some_and(|at| timer.is_none_or(|timer| at <= timer));
        let next = if is_message { message } else { timer };
        if next.is_none_or(|at| at > now) {
            drop(state);
            let left = next.map_or(LONG, |at| Duration::from_nanos(at - now)).min(LONG);
            match mail.recv_timeout(left) {
                Ok(letter) => take(&mut arriving, letter),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            continue;
        }
        let job = if is_message {
            arriving.pop_front().and_then(|parcel| state.world.receive(parcel))
        } else {
            state.world.fire(node)
        };
        let Some(job) = job else { continue };
        state.busy += 1;
        let running = state.world.running.clone();
        drop(state);
        let done = job.run(&running);
        let mut state = shared.lock();
        if state.world.nodes[node].fate == Fate::Hung {
            return;
        }
        state.tick();
        let parcels = state.world.finish(done);
        state.busy -= 1;
        if state.world.failure.is_some() && matches!(state.phase, Phase::Running { .. }) {
            state.phase = Phase::Paused;
        }
        state.dispatch(parcels);
        let notify_all = state.one_at_a_time;
        let notify_test = !matches!(state.phase, Phase::Running { .. });
        drop(state);
        if notify_all {
            shared.changed.notify_all();
        }
        if notify_test {
            shared.returned.notify_all();
        }
    }
}
