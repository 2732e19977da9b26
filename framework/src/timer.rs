//! Says how long a timer runs, and which pending timers of a node may fire next.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::payload::Payload;

/// How long a timer runs: at least `min`, at most `max`.
///
/// Made from a [`Duration`] (`min == max`) or a range of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerLength {
    min: Duration,
    // Invariant: min <= max.
    max: Duration,
}

impl TimerLength {
    /// The shortest time after which the timer may fire.
    pub const fn at_least(&self) -> Duration {
        self.min
    }

    /// The longest time after which the timer fires.
    pub const fn at_most(&self) -> Duration {
        self.max
    }
}

impl From<Duration> for TimerLength {
    fn from(length: Duration) -> Self {
        Self { min: length, max: length }
    }
}

impl From<RangeInclusive<Duration>> for TimerLength {
    /// # Panics
    ///
    /// Panics when the range is empty (its start is after its end).
    fn from(range: RangeInclusive<Duration>) -> Self {
        let (min, max) = range.into_inner();
        assert!(min <= max, "a timer needs a minimum that is at most its maximum, not {min:?}..={max:?}");
        Self { min, max }
    }
}

impl fmt::Display for TimerLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{:?}", self.min)
        } else {
            write!(f, "{:?}–{:?}", self.min, self.max)
        }
    }
}

impl fmt::Debug for TimerLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A timer that was set and has not fired.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PendingTimer {
    /// The value that was given to [`Context::set_timer`](crate::Context::set_timer).
    pub timer: Payload,
    /// How long it runs from the moment it was set.
    pub length: TimerLength,
}

impl fmt::Debug for PendingTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {}", self.timer, self.length)
    }
}

/// The pending timers of one node, in the order in which they were set.
///
/// A timer may fire unless an earlier one in the queue is certain to fire before it: one whose maximum is at most this
/// one's minimum. Equal timers are one event; when it fires the first of them goes.
///
/// Source: DSLabs `TimerQueue`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerQueue {
    timers: Vec<PendingTimer>,
}

impl TimerQueue {
    /// Adds a timer at the end.
    pub fn set(&mut self, timer: PendingTimer) {
        self.timers.push(timer);
    }

    /// Removes the first timer equal to `timer`; says whether there was one.
    pub fn remove(&mut self, timer: &PendingTimer) -> bool {
        match self.timers.iter().position(|pending| pending == timer) {
            Some(position) => {
                self.timers.remove(position);
                true
            }
            None => false,
        }
    }

    /// Removes all timers.
    pub fn clear(&mut self) {
        self.timers.clear();
    }

    /// The pending timers in the order in which they were set.
    pub fn as_slice(&self) -> &[PendingTimer] {
        &self.timers
    }

    /// The different timers that may fire now, in the order in which they were set.
    pub fn fireable(&self) -> Vec<&PendingTimer> {
        let mut fireable: Vec<&PendingTimer> = Vec::new();
        let mut seen: BTreeSet<&PendingTimer> = BTreeSet::new();
        let mut least_max: Option<Duration> = None;
        for pending in &self.timers {
            // Blocked timers need not be looked at: whoever blocks them has an even smaller maximum.
            if least_max.is_some_and(|least| pending.length.min >= least) {
                continue;
            }
            least_max = Some(least_max.map_or(pending.length.max, |least| least.min(pending.length.max)));
            if seen.insert(pending) {
                fireable.push(pending);
            }
        }
        fireable
    }
}

impl fmt::Debug for TimerQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.timers).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(timers: &[(u8, u64, u64)]) -> TimerQueue {
        let mut queue = TimerQueue::default();
        for &(value, min, max) in timers {
            let length = (Duration::from_millis(min)..=Duration::from_millis(max)).into();
            queue.set(PendingTimer { timer: Payload::new(value).unwrap(), length });
        }
        queue
    }

    fn values(timers: Vec<&PendingTimer>) -> Vec<u8> {
        timers.into_iter().map(|t| *t.timer.get::<u8>().unwrap()).collect()
    }

    #[test]
    fn a_timer_waits_for_those_that_are_certain_to_fire_first() {
        assert_eq!(values(queue(&[(1, 10, 20), (2, 15, 15), (3, 25, 40)]).fireable()), [1, 2]);
        assert_eq!(values(queue(&[(3, 25, 40), (1, 10, 20)]).fireable()), [3, 1]);
        assert_eq!(values(queue(&[(1, 10, 10), (1, 10, 10)]).fireable()), [1]);
        assert!(queue(&[]).fireable().is_empty());
    }

    proptest! {
        /// The rule as it is written in the docs, against the faster walk.
        #[test]
        fn fireable_is_the_pairwise_rule(timers in proptest::collection::vec((0_u8..4, 0_u64..6, 0_u64..4), 0..7)) {
            let timers: Vec<(u8, u64, u64)> = timers.into_iter().map(|(v, min, more)| (v, min, min + more)).collect();
            let queue = queue(&timers);
            let mut expected: Vec<&PendingTimer> = Vec::new();
            for (i, t) in queue.as_slice().iter().enumerate() {
                let blocked = queue.as_slice()[..i].iter().any(|e| t.length.at_least() >= e.length.at_most());
                if !blocked && !expected.contains(&t) {
                    expected.push(t);
                }
            }
            prop_assert_eq!(queue.fireable(), expected);
        }
    }
}
