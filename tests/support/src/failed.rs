//! How a test fails: what is wrong in one line, and what the student should read.

use std::error::Error;

use search::StepError;
use serde::{Deserialize, Serialize};

use crate::record::Judgement;

/// Why a test did not pass. `?` makes one of any error, and of what a stage of a search finds.
#[derive(Clone, Debug)]
pub struct Failed(pub(crate) Box<Inner>);

/// A failure, and the run that failed: the trace is written down when the test has ended.
#[derive(Clone, Debug)]
pub(crate) struct Inner {
    pub(crate) failure: Failure,
    pub(crate) run: Option<runner::Failure>,
}

/// What is known about a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Failed or inconclusive.
    pub(crate) judgement: Judgement,
    /// The word for what happened.
    pub(crate) cause: String,
    /// The invariant, goal, predicate or handler.
    pub(crate) detector: Option<String>,
    /// What happened, in a line.
    pub(crate) message: String,
    /// The lines below: the events of a trace, what was covered, what to do.
    pub(crate) lines: Vec<String>,
    /// The saved trace, relative to the workspace.
    pub(crate) trace: Option<String>,
    /// How many steps it has.
    pub(crate) steps: Option<usize>,
    /// What the failure has in common with the same failure of others: no addresses, no numbers.
    pub(crate) cluster: Option<String>,
    /// Whether it was found again by a trace that an earlier run had kept.
    pub(crate) replayed: bool,
}

impl Failure {
    pub(crate) fn new(judgement: Judgement, cause: &str, message: impl Into<String>) -> Self {
        Self {
            judgement,
            cause: cause.to_owned(),
            detector: None,
            message: message.into(),
            lines: Vec::new(),
            trace: None,
            steps: None,
            cluster: None,
            replayed: false,
        }
    }

    pub(crate) fn fail(cause: &str, message: impl Into<String>) -> Self {
        Self::new(Judgement::Fail, cause, message)
    }

    pub(crate) fn detected_by(mut self, detector: impl Into<String>) -> Self {
        self.detector = Some(detector.into());
        self
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(Box::new(Inner { failure, run: None }))
    }
}

impl Failed {
    /// A check of the test's own that does not hold: say what was expected, and what was there instead.
    pub fn because(message: impl Into<String>) -> Self {
        Failure::fail("check-failed", message).into()
    }

    /// What happened, in a line.
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }
}

impl<E: Error + 'static> From<E> for Failed {
    fn from(error: E) -> Self {
        if let Some(run) = (&error as &dyn Error).downcast_ref::<runner::Failure>() {
            let failure = Failure::fail(run.kind().word(), run.kind().to_string());
            return Self(Box::new(Inner { failure, run: Some(run.clone()) }));
        }
        let (cause, detector) = match (&error as &dyn Error).downcast_ref::<StepError>() {
            Some(StepError::Panicked(fault)) => ("handler-panicked", Some(fault)),
            Some(StepError::Hung(fault)) => ("handler-hung", Some(fault)),
            Some(StepError::Died(fault)) => ("handler-died", Some(fault)),
            Some(StepError::Nondeterministic(fault) | StepError::NotSerializable(fault)) => {
                ("nondeterministic", Some(fault))
            }
            _ => ("check-failed", None),
        };
        let mut failure = Failure::fail(cause, error.to_string());
        failure.detector = detector.map(|fault| format!("{} of {}", fault.handler, fault.node));
        failure.into()
    }
}

/// Returns from the test with a [`Failed`] unless the condition holds: `check!(size < 2_000, "the server holds {size}
/// bytes")`.
#[macro_export]
macro_rules! check {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Failed::because(format!($($message)+)));
        }
    };
}

#[cfg(test)]
mod tests {
    use framework::{Address, Context, Node, System};
    use search::State;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Broken;

    impl Node for Broken {
        type Message = ();
        type Timer = ();
        fn init(&mut self, _: &mut Context<(), ()>) {
            panic!("part 1: start the election timer");
        }
        fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
        fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
    }

    fn started() -> Result<State, Failed> {
        let mut system = System::new();
        system.add(Address::server(1), Broken)?;
        Ok(State::initial(&system)?)
    }

    #[test]
    fn a_panic_in_init_is_named() {
        let failure = started().unwrap_err().0.failure;
        assert_eq!(failure.cause, "handler-panicked");
        assert_eq!(failure.detector.as_deref(), Some("init of server1"));
        assert!(failure.message.contains("part 1: start the election timer"), "{}", failure.message);
    }

    #[test]
    fn a_check_says_what_was_expected() {
        fn test(size: usize) -> Result<(), Failed> {
            check!(size < 10, "the server holds {size} bytes");
            Ok(())
        }
        assert!(test(9).is_ok());
        let failed = test(10).unwrap_err();
        assert_eq!(
            (failed.message(), failed.0.failure.cause.as_str()),
            ("the server holds 10 bytes", "check-failed")
        );
    }
}
