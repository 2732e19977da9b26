//! The clock of one node, which may run faster or slower than the time of the run.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

const MILLION: u64 = 1_000_000;

/// How fast a node's clock runs: at 1.05 a timer of 105 ms fires after 100 ms.
///
/// Made from an `f64` and kept in millionths, so that it means the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockRate {
    // Invariant: at least 1.
    millionths: u64,
}

impl ClockRate {
    /// As fast as the time of the run.
    pub const EXACT: Self = Self { millionths: MILLION };
}

fn checked(rate: f64) -> Result<ClockRate, String> {
    if (0.01..=100.0).contains(&rate) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 100 million")]
        Ok(ClockRate { millionths: (rate * 1e6).round() as u64 })
    } else {
        Err(format!("a clock runs at 0.01 to 100 times the time of the run, not at {rate} times"))
    }
}

impl From<f64> for ClockRate {
    /// # Panics
    ///
    /// Panics unless the rate is from 0.01 to 100.
    fn from(rate: f64) -> Self {
        match checked(rate) {
            Ok(rate) => rate,
            Err(message) => panic!("{message}"),
        }
    }
}

impl From<ClockRate> for f64 {
    fn from(rate: ClockRate) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 100 million")]
        let millionths = rate.millionths as Self;
        millionths / 1e6
    }
}

impl Serialize for ClockRate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(*self))
    }
}

impl<'de> Deserialize<'de> for ClockRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for ClockRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(*self))
    }
}

impl fmt::Debug for ClockRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The clock of one node. Times are nanoseconds.
///
/// Readings never decrease, and `time_of` is their inverse: the first time of the run at which the clock shows at least
/// some reading. So two timers of one node are due in the order of their deadlines, at whatever rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    rate: ClockRate,
    /// When the rate was set, in the time of the run, and what the clock showed then.
    since: u64,
    showed: u64,
}

impl Clock {
    pub(crate) fn new(now: u64) -> Self {
        Self { rate: ClockRate::EXACT, since: now, showed: now }
    }

    /// What it shows at a time of the run that is not before the last change of the rate.
    pub(crate) fn reading(&self, now: u64) -> u64 {
        let passed = u128::from(now - self.since) * u128::from(self.rate.millionths) / u128::from(MILLION);
        u64::try_from(passed).map_or(u64::MAX, |passed| self.showed.saturating_add(passed))
    }

    /// The first time of the run at which it shows at least `reading`; `u64::MAX` for never.
    pub(crate) fn time_of(&self, reading: u64) -> u64 {
        if reading == u64::MAX {
            return u64::MAX;
        }
        let missing = u128::from(reading.saturating_sub(self.showed));
        let passed = (missing * u128::from(MILLION)).div_ceil(u128::from(self.rate.millionths));
        u64::try_from(passed).map_or(u64::MAX, |passed| self.since.saturating_add(passed))
    }

    pub(crate) fn set_rate(&mut self, now: u64, rate: ClockRate) {
        *self = Self { rate, since: now, showed: self.reading(now) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fast_clock_is_due_earlier() {
        let mut clock = Clock::new(0);
        assert_eq!((clock.reading(105), clock.time_of(105)), (105, 105));
        clock.set_rate(1_000, 1.05.into());
        assert_eq!(clock.time_of(1_105), 1_100);
    }

    #[test]
    #[should_panic(expected = "a clock runs at 0.01 to 100 times the time of the run, not at 0 times")]
    fn refuses_a_clock_that_stands() {
        let _ = ClockRate::from(0.0);
    }

    proptest! {
        #[test]
        fn the_time_of_a_reading_is_the_first_that_shows_it(
            changes in proptest::collection::vec((0_u64..1_000_000, 0.01_f64..100.0), 0..6),
            more in 0_u64..10_000_000,
        ) {
            let (mut clock, mut now) = (Clock::new(0), 0);
            let mut last = 0;
            for (passed, rate) in changes {
                now += passed;
                prop_assert!(clock.reading(now) >= last);
                clock.set_rate(now, rate.into());
                last = clock.reading(now);
            }
            let reading = last + more;
            let time = clock.time_of(reading);
            prop_assert!(time >= now && clock.reading(time) >= reading);
            prop_assert!(time == now || clock.reading(time - 1) < reading);
        }
    }
}
