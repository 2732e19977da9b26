//! Traces to hand to others: without their ending, without the reason, without names.

use crate::live::tree::EXPLORED;
use crate::trace_file::{Finding, TraceFile};

/// What of a trace stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The last step, called by its number; all if nothing is given. What is wrong later is not told either.
    pub until: Option<usize>,
    /// Whether reasons and blamed fields are left out: what is wrong is said, and not why.
    pub hide_reason: bool,
    /// Whether names of people who wrote notes are left out, and the command that searched.
    pub anonymous: bool,
}

impl Cut {
    /// The trace with what stays.
    ///
    /// # Errors
    ///
    /// There is no such step.
    pub fn apply(self, mut trace: TraceFile) -> Result<TraceFile, String> {
        if self == Self::default() {
            return Ok(trace);
        }
        if let Some(until) = self.until {
            let before = trace.history.len();
            let steps = until.checked_sub(before).filter(|steps| *steps <= trace.steps.len());
            let steps = steps.ok_or_else(|| {
                format!("there is no step {until}; the trace is {before} to {}", before + trace.steps.len())
            })?;
            if steps < trace.steps.len() {
                trace.steps.truncate(steps);
                trace.notes.retain(|note| note.step <= steps);
                trace.marks.retain(|mark| mark.step <= steps);
                trace.search.found_len = 0;
                trace.verdict = Finding {
                    kind: EXPLORED.to_owned(),
                    name: "what happens next?".to_owned(),
                    ..Finding::default()
                };
            }
        }
        if self.hide_reason {
            trace.verdict.reason.clear();
            trace.verdict.blame.clear();
            let truths = trace.steps.iter_mut().map(|step| &mut step.truth);
            for truth in std::iter::once(&mut trace.start.truth).chain(truths).flatten() {
                truth.reason.clear();
                truth.blame.clear();
            }
        }
        if self.anonymous {
            trace.notes.iter_mut().for_each(|note| note.by.clear());
            trace.origin.command.clear();
        }
        // What only the cut part referred to is not in the file either.
        Ok(crate::live::compact(&trace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Format, export};
    use crate::trace_file::Note;
    use crate::{Model, sample};

    fn page(cut: Cut, trace: TraceFile) -> String {
        export(&Model::new(cut.apply(trace).unwrap()), "t", Format::Html).unwrap()
    }

    #[test]
    fn an_exercise_says_nothing_of_what_comes_next() {
        let whole = page(Cut::default(), sample::demo());
        assert!(whole.contains("decided A, but") && whole.contains("AcceptAck { number: 2 }"));
        let begun = page(Cut { until: Some(14), ..Cut::default() }, sample::demo());
        assert!(begun.contains("what happens next?"));
        for later in ["decided A, but", "AcceptAck { number: 2 }", "violated"] {
            assert!(!begun.contains(later), "{later}");
        }
        let wrong = Cut { until: Some(19), ..Cut::default() }.apply(sample::demo()).unwrap_err();
        assert_eq!(wrong, "there is no step 19; the trace is 0 to 18");
        // Of a second stage the numbers go on.
        let staged = Cut { until: Some(4), ..Cut::default() }.apply(sample::staged()).unwrap();
        assert_eq!((staged.history.len(), staged.steps.len()), (3, 1));
        assert!(Cut { until: Some(2), ..Cut::default() }.apply(sample::staged()).is_err());
    }

    #[test]
    fn reasons_and_names_can_be_left_out() {
        let mut trace = sample::demo();
        trace.notes.push(Note { step: 9, text: "look".to_owned(), by: "Ada".to_owned() });
        let shown = page(Cut::default(), trace.clone());
        assert!(
            shown.contains("Ada") && shown.contains("cargo lab demo") && shown.contains("decided A, but")
        );
        let hidden = page(Cut { hide_reason: true, anonymous: true, until: None }, trace);
        assert!(hidden.contains("agreement") && hidden.contains("look"));
        for left_out in ["Ada", "cargo lab demo", "decided A, but"] {
            assert!(!hidden.contains(left_out), "{left_out}");
        }
    }
}
