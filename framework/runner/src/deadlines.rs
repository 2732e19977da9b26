//! When the pending timers of one node are due, such that they fire in an order that the model allows.

use std::collections::BTreeSet;

use framework::{PendingTimer, TimerQueue};

/// For each timer of a node's queue the reading of the node's clock at which it fires.
///
/// The length of every timer lies in its range. So a timer whose maximum is at most the minimum of one that was set
/// later is due no later than that one, and when both are due at once the one that was set first goes first: the rule
/// of [`TimerQueue`] is kept.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// As long as the queue, and in its order. Numbers increase.
    pending: Vec<Deadline>,
    /// The same by time; those that are never due are left out.
    by_time: BTreeSet<(u64, u64)>,
    next_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    reading: u64,
    number: u64,
}

/// A deadline that is never reached.
pub(crate) const NEVER: u64 = u64::MAX;

impl Deadlines {
    /// The next timer that is due: the reading, and its place in the queue.
    pub(crate) fn next(&self) -> Option<(u64, usize)> {
        self.by_time.first().map(|(reading, number)| (*reading, self.place(*number)))
    }

    fn place(&self, number: u64) -> usize {
        self.pending
            .binary_search_by_key(&number, |deadline| deadline.number)
            .expect("every number in `by_time` is pending")
    }

    /// Forgets the timer at `place`, which fires. Equal timers are one event, and it is the first of them that leaves
    /// the queue: that one's deadline becomes the other's.
    pub(crate) fn fire(&mut self, queue: &TimerQueue, place: usize) -> PendingTimer {
        let timer = queue.as_slice()[place].clone();
        let first = queue.as_slice()[..place].iter().position(|other| *other == timer).unwrap_or(place);
        let gone = self.pending[place];
        self.by_time.remove(&(gone.reading, gone.number));
        if first != place {
            let moved = self.pending[first];
            self.by_time.remove(&(moved.reading, moved.number));
            self.pending[place].reading = moved.reading;
            self.insert(self.pending[place]);
        }
        self.pending.remove(first);
        timer
    }

    /// Gives the timers that were set since deadlines; `reading` says when the next one is due.
    pub(crate) fn set(&mut self, queue: &TimerQueue, mut reading: impl FnMut(&PendingTimer, u64) -> u64) {
        for timer in &queue.as_slice()[self.pending.len()..] {
            let number = self.next_number;
            self.next_number += 1;
            let deadline = Deadline { reading: reading(timer, number), number };
            self.pending.push(deadline);
            self.insert(deadline);
        }
    }

    fn insert(&mut self, deadline: Deadline) {
        if deadline.reading != NEVER {
            self.by_time.insert((deadline.reading, deadline.number));
        }
    }

    /// Forgets all timers.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.by_time.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use framework::Payload;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Timers of random values and ranges, set at random times: whatever fires is one that may fire.
        #[test]
        fn fires_only_what_the_model_lets_fire(
            steps in proptest::collection::vec((0_u64..8, 0_u8..3, 0_u64..6, 0_u64..4, 0_u64..100), 1..40)
        ) {
            let (mut queue, mut deadlines, mut now) = (TimerQueue::default(), Deadlines::default(), 0);
            let mut fired = 0;
            for (passed, value, min, more, draw) in &steps {
                let until = now + passed;
                fired += fire_until(&mut queue, &mut deadlines, until)?;
                now = until;
                let length = Duration::from_nanos(*min)..=Duration::from_nanos(min + more);
                queue.set(PendingTimer { timer: Payload::new(*value).unwrap(), length: length.into() });
                deadlines.set(&queue, |_, _| now + min + draw % (more + 1));
            }
            fired += fire_until(&mut queue, &mut deadlines, u64::MAX - 1)?;
            prop_assert_eq!(fired, steps.len());
            prop_assert!(queue.as_slice().is_empty());
        }
    }

    fn fire_until(
        queue: &mut TimerQueue,
        deadlines: &mut Deadlines,
        until: u64,
    ) -> Result<usize, TestCaseError> {
        let mut fired = 0;
        while let Some((reading, place)) = deadlines.next()
            && reading <= until
        {
            let timer = deadlines.fire(queue, place);
            prop_assert!(queue.fireable().contains(&&timer), "{timer:?} fires before {queue:?}");
            queue.remove(&timer);
            fired += 1;
        }
        Ok(fired)
    }
}
