//! Finds a smaller schedule with which a run still fails.

use std::time::Duration;

use crate::schedule::{Action, Schedule};

/// Leaves out as many actions as possible, such that `fails` is still true; the result fails, and with any one action
/// less it does not, if fewer than `tries_max` tries were needed.
///
/// Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002), the minimizing delta
/// debugging algorithm.
pub(crate) fn shrink(
    schedule: Schedule,
    tries_max: u32,
    mut fails: impl FnMut(&Schedule) -> bool,
) -> Schedule {
    let (mut smallest, mut tries) = (schedule, 0);
    let mut attempt = |candidate: &Schedule| {
        tries += 1;
        (tries <= tries_max).then(|| fails(candidate))
    };
    let mut length = smallest.len().div_ceil(2);
    while length > 0 {
        let (mut from, mut shrunk) = (0, false);
        while from < smallest.len() {
            let candidate = smallest.filtered(|i| i < from || i >= from + length);
            match attempt(&candidate) {
                None => return smallest,
                Some(true) => (smallest, shrunk) = (candidate, true),
                Some(false) => from += length,
            }
        }
        // At length one another round may find what became superfluous.
        if length > 1 || !shrunk {
            length /= 2;
        }
    }
    smallest
}

/// The actions before some time.
pub(crate) fn until(schedule: &Schedule, time: Duration) -> Schedule {
    let entries: &[(Duration, Action)] = schedule.entries();
    schedule.filtered(|i| entries[i].0 <= time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(marks: &[u64]) -> Schedule {
        marks.iter().map(|mark| (Duration::from_secs(*mark), Action::Note(mark.to_string()))).collect()
    }

    fn contains(schedule: &Schedule, marks: &[u64]) -> bool {
        let has = |mark: &u64| schedule.entries().iter().any(|(at, _)| *at == Duration::from_secs(*mark));
        marks.iter().all(has)
    }

    #[test]
    fn keeps_what_is_needed_and_nothing_else() {
        let all: Vec<u64> = (0..40).collect();
        for needed in [&[][..], &[0], &[39], &[3, 17, 18], &[0, 10, 20, 30, 39]] {
            let small = shrink(schedule(&all), 1_000, |candidate| contains(candidate, needed));
            assert_eq!(small, schedule(needed));
        }
    }

    #[test]
    fn what_it_finds_with_few_tries_still_fails() {
        let all: Vec<u64> = (0..40).collect();
        for tries in 0..20 {
            let small = shrink(schedule(&all), tries, |candidate| contains(candidate, &[7, 30]));
            assert!(contains(&small, &[7, 30]));
        }
    }

    #[test]
    fn cuts_off_what_comes_later() {
        assert_eq!(until(&schedule(&[1, 2, 3]), Duration::from_secs(2)), schedule(&[1, 2]));
    }
}
