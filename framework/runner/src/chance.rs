//! Seeded chance: every random choice of a run is a function of the seed and of what the choice is about.
//!
//! There is no generator whose state moves on with every choice. So what happens to the third message from one node to
//! another does not depend on what other nodes send, and a schedule that loses a fault leaves the rest as it was.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a choice is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Delivery,
    Duplication,
    Latency,
    HoldBack,
    HoldBackTime,
    TimerLength,
    Nemesis,
}

/// The source of all choices of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    seed: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The choice for one purpose, about one thing.
    pub(crate) fn draw(self, purpose: Purpose, about: [u64; 3]) -> Draw {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(purpose as u64).to_le_bytes());
        for (place, number) in bytes[8..].chunks_exact_mut(8).zip(about) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        Draw(xxh3_64_with_seed(&bytes, self.seed))
    }
}

/// 64 random bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// A number from 0 to `limit - 1`.
    pub(crate) fn below(self, limit: u64) -> u64 {
        let wide = u128::from(self.0) * u128::from(limit);
        u64::try_from(wide >> 64).expect("the upper half of a product of two u64 fits one")
    }

    /// A number in a range, both ends included.
    pub(crate) fn between(self, least: u64, most: u64) -> u64 {
        match (most - least).checked_add(1) {
            Some(count) => least + self.below(count),
            None => self.0,
        }
    }

    /// How often heads came before tails: 0 half of the time, 1 a quarter of the time, …
    pub(crate) fn heads(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// Whether something that happens at this rate happens.
    pub(crate) fn happens(self, rate: Rate) -> bool {
        // 53 bits are exact in an f64, and so is the comparison, on every machine.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let unit = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        unit < rate.0
    }
}

/// A probability, from 0.0 to 1.0.
///
/// Made from an `f64`; one that is no probability panics.
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// Never.
    pub const NEVER: Self = Self(0.0);
    /// Always.
    pub const ALWAYS: Self = Self(1.0);
}

fn probability(rate: f64) -> Result<Rate, String> {
    if (0.0..=1.0).contains(&rate) {
        Ok(Rate(rate))
    } else {
        Err(format!("a rate is a probability from 0.0 to 1.0, not {rate}"))
    }
}

impl From<f64> for Rate {
    /// # Panics
    ///
    /// Panics unless the rate is from 0.0 to 1.0.
    fn from(rate: f64) -> Self {
        match probability(rate) {
            Ok(rate) => rate,
            Err(message) => panic!("{message}"),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        probability(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time as a number of nanoseconds; what is longer than 584 years is as good as never.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(count: u64) -> impl Iterator<Item = Draw> {
        (0..count).map(|i| Chance::new(7).draw(Purpose::Delivery, [1, 2, i]))
    }

    #[test]
    fn a_choice_depends_on_the_seed_the_purpose_and_the_subject() {
        let draw = |seed, purpose, about| Chance::new(seed).draw(purpose, about).0;
        let first = draw(1, Purpose::Delivery, [1, 2, 3]);
        // A number that was written down: it may never change, or old seeds would mean something else.
        assert_eq!(first, 8_654_792_086_836_264_375);
        assert_eq!(first, draw(1, Purpose::Delivery, [1, 2, 3]));
        assert_ne!(first, draw(2, Purpose::Delivery, [1, 2, 3]));
        assert_ne!(first, draw(1, Purpose::Latency, [1, 2, 3]));
        assert_ne!(first, draw(1, Purpose::Delivery, [2, 1, 3]));
    }

    #[test]
    fn every_value_of_a_range_comes_about_equally_often() {
        let mut counts = [0_u32; 6];
        for draw in draws(60_000) {
            counts[usize::try_from(draw.between(10, 15) - 10).unwrap()] += 1;
        }
        // Five standard deviations of a binomial distribution are 457.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 457), "{counts:?}");
        assert!(draws(100).all(|draw| draw.between(7, 7) == 7));
        assert!(draws(100).any(|draw| draw.between(0, u64::MAX) > u64::MAX / 2));
    }

    #[test]
    fn rates_are_probabilities() {
        let count = |rate: f64| draws(10_000).filter(|draw| draw.happens(rate.into())).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        // Five standard deviations are 200.
        assert!(count(0.2).abs_diff(2_000) < 200);
        let heads: u32 = draws(10_000).map(Draw::heads).sum();
        assert!(heads.abs_diff(10_000) < 700, "{heads}");
    }

    #[test]
    #[should_panic(expected = "a rate is a probability from 0.0 to 1.0, not 1.5")]
    fn refuses_a_rate_above_one() {
        let _ = Rate::from(1.5);
    }

    #[test]
    fn a_rate_in_a_file_is_checked() {
        assert_eq!(serde_json::from_str::<Rate>("0.25").unwrap(), 0.25.into());
        let error = serde_json::from_str::<Rate>("-1.0").unwrap_err().to_string();
        assert!(error.starts_with("a rate is a probability from 0.0 to 1.0, not -1"), "{error}");
        assert!(serde_json::to_string(&Rate::from(0.5)).unwrap() == "0.5");
    }
}
