//! How long a message is on its way.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chance::{Draw, nanos};

/// How long messages are on their way. A message that is faster than one sent before it overtakes it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Between { least: Duration, most: Duration },
    LongTail { least: Duration, most: Duration },
}

impl Latency {
    /// Always the same.
    pub const fn fixed(time: Duration) -> Self {
        Self(Kind::Between { least: time, most: time })
    }

    /// Every time in the range is as likely as every other.
    ///
    /// # Panics
    ///
    /// Panics when `least` is more than `most`.
    pub const fn between(least: Duration, most: Duration) -> Self {
        assert!(least.as_nanos() <= most.as_nanos(), "the least latency is at most the greatest");
        Self(Kind::Between { least, most })
    }

    /// Half of the messages take `least` to twice that, a quarter up to four times, an eighth up to eight times, and so
    /// on up to `most`.
    ///
    /// # Panics
    ///
    /// Panics when `least` is more than `most`.
    pub const fn long_tail(least: Duration, most: Duration) -> Self {
        assert!(least.as_nanos() <= most.as_nanos(), "the least latency is at most the greatest");
        Self(Kind::LongTail { least, most })
    }

    /// One latency in nanoseconds, from two choices.
    pub(crate) fn draw(&self, place: Draw, heads: Draw) -> u64 {
        match self.0 {
            Kind::Between { least, most } => place.between(nanos(least), nanos(most).max(nanos(least))),
            Kind::LongTail { least, most } => {
                let (least, most) = (nanos(least), nanos(most).max(nanos(least)));
                let from = least.saturating_mul(1_u64.checked_shl(heads.heads()).unwrap_or(u64::MAX));
                let from = from.min(most);
                place.between(from, from.saturating_mul(2).min(most))
            }
        }
    }
}

impl Default for Latency {
    /// Half a millisecond to two milliseconds, as in one building.
    fn default() -> Self {
        Self::between(Duration::from_micros(500), Duration::from_millis(2))
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Between { least, most } if least == most => write!(f, "{least:?}"),
            Kind::Between { least, most } => write!(f, "{least:?} to {most:?}"),
            Kind::LongTail { least, most } => write!(f, "{least:?} to {most:?}, mostly short"),
        }
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{Chance, Purpose};

    fn draws(latency: Latency) -> Vec<u64> {
        let chance = Chance::new(3);
        let draw = |i, kind| chance.draw(Purpose::Latency, [i, kind, 0]);
        (0..10_000).map(|i| latency.draw(draw(i, 0), draw(i, 1))).collect()
    }

    #[test]
    fn latencies_lie_in_their_range() {
        let time = Duration::from_nanos;
        assert!(draws(Latency::fixed(time(5))).iter().all(|latency| *latency == 5));
        let between = draws(Latency::between(time(10), time(19)));
        assert!(between.iter().all(|latency| (10..20).contains(latency)));
        let tail = draws(Latency::long_tail(time(1_000), time(100_000)));
        assert!(tail.iter().all(|latency| (1_000..=100_000).contains(latency)));
        let share = |limit| tail.iter().filter(|latency| **latency <= limit).count();
        // Five standard deviations are 250.
        assert!(share(2_000).abs_diff(5_000) < 250 && share(4_000).abs_diff(7_500) < 250);
        assert!(share(90_000) < 10_000, "the greatest latency is reached");
    }
}
