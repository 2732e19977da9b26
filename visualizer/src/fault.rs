//! A handler that is wrong whatever it computes: what the doctor names first.

use search::Verdict;
use serde::Serialize;

use crate::exit_code::ExitCode;

/// In which way a handler is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Fault {
    /// It is no function of the node's fields and the event.
    Nondeterministic,
    /// It panicked.
    Panics,
    /// It did not return.
    Hangs,
    /// It ended the process.
    Dies,
}

impl Fault {
    /// What ended a search, if a handler did.
    pub(crate) fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Nondeterministic(_) => Some(Self::Nondeterministic),
            Verdict::HandlerPanicked(_) => Some(Self::Panics),
            Verdict::HandlerHung(_) => Some(Self::Hangs),
            Verdict::HandlerDied(_) => Some(Self::Dies),
            _ => None,
        }
    }

    /// In one word, also for programs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Nondeterministic => "nondeterministic",
            Self::Panics => "panics",
            Self::Hangs => "hangs",
            Self::Dies => "dies",
        }
    }

    /// What to do about it.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Nondeterministic => {
                "the same handler with the same fields and the same event must do the same: no hash maps, clocks, random \
                 numbers, statics, no state outside the node's fields"
            }
            Self::Panics => "a handler must take every message and timer at any time",
            Self::Hangs => "a handler does not wait and does not loop until something happens",
            Self::Dies => "no recursion without end, no exit, no allocation without a bound",
        }
    }

    /// How a command ends that found it.
    pub(crate) const fn exit_code(self) -> ExitCode {
        match self {
            Self::Nondeterministic => ExitCode::Nondeterministic,
            Self::Panics => ExitCode::HandlerPanicked,
            Self::Hangs => ExitCode::HandlerHung,
            Self::Dies => ExitCode::HandlerDied,
        }
    }
}
