//! The exit codes of the `lab` command: one place that defines, explains and chooses them.

use std::fmt::Write as _;
use std::process::ExitCode as ProcessExitCode;

use search::{Budget, Verdict};

/// How a `lab` command ended, as scripts and graders read it.
///
/// The rule behind the numbers: 0 only where the question was answered and the answer was good; 10 to 19 for a finding,
/// 20 to 29 for an answer that is not complete, 30 for code that cannot be searched, 60 and more where there was no
/// search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ExitCode {
    /// Every state was visited, nothing was wrong and every goal was reached; or the goal that was asked for was found.
    Success,
    /// An invariant is violated.
    Violated,
    /// Nothing can change any more, in a state in which the system may not end.
    Stuck,
    /// Every state was visited, and none satisfies a goal of the lab.
    GoalNotFound,
    /// From some state a goal of the lab cannot be reached any more.
    CannotFinish,
    /// A handler panicked, or code that sets the lab up.
    HandlerPanicked,
    /// A handler did not return.
    HandlerHung,
    /// An invariant, goal or prune panicked, or ended the process.
    PredicatePanicked,
    /// A handler ended the process: it overflowed its stack, aborted, exited, or took all memory.
    HandlerDied,
    /// A limit of depth, states, time or probes ended the search.
    BudgetSpent,
    /// The memory limit ended the search.
    MemorySpent,
    /// The search was canceled.
    Canceled,
    /// A handler is not a function of the node's fields and the event.
    Nondeterministic,
    /// The command line makes no sense.
    Usage,
    /// The lab, or its driver, does not compile.
    DoesNotCompile,
    /// A file cannot be read, or is no trace.
    BadFile,
    /// A mistake of the tool, or the driver died.
    Internal,
}

/// Every exit code, in order of its number.
const ALL: [ExitCode; 17] = [
    ExitCode::Success,
    ExitCode::Violated,
    ExitCode::Stuck,
    ExitCode::GoalNotFound,
    ExitCode::CannotFinish,
    ExitCode::HandlerPanicked,
    ExitCode::HandlerHung,
    ExitCode::PredicatePanicked,
    ExitCode::HandlerDied,
    ExitCode::BudgetSpent,
    ExitCode::MemorySpent,
    ExitCode::Canceled,
    ExitCode::Nondeterministic,
    ExitCode::Usage,
    ExitCode::DoesNotCompile,
    ExitCode::BadFile,
    ExitCode::Internal,
];

impl ExitCode {
    /// The exit code of a search that ended with `verdict`; `goal_asked` says whether it was to find a goal.
    pub fn of(verdict: &Verdict, goal_asked: bool) -> Self {
        match verdict {
            Verdict::Exhausted if goal_asked => Self::GoalNotFound,
            Verdict::Exhausted | Verdict::GoalFound { .. } => Self::Success,
            Verdict::Violated { .. } => Self::Violated,
            Verdict::Stuck { .. } => Self::Stuck,
            Verdict::HandlerPanicked(_) => Self::HandlerPanicked,
            Verdict::HandlerHung(_) => Self::HandlerHung,
            Verdict::Nondeterministic(_) => Self::Nondeterministic,
            Verdict::HandlerDied(_) => Self::HandlerDied,
            Verdict::PredicatePanicked { .. } | Verdict::PredicateDied { .. } => Self::PredicatePanicked,
            Verdict::BudgetSpent(Budget::Memory) => Self::MemorySpent,
            Verdict::BudgetSpent(Budget::Depth | Budget::States | Budget::Time | Budget::Probes) => {
                Self::BudgetSpent
            }
            Verdict::Canceled => Self::Canceled,
            // A verdict that this crate does not know yet is no success.
            _ => Self::Internal,
        }
    }

    /// The number the process exits with.
    pub const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Violated => 10,
            Self::Stuck => 11,
            Self::GoalNotFound => 12,
            Self::CannotFinish => 13,
            Self::HandlerPanicked => 14,
            Self::HandlerHung => 15,
            Self::PredicatePanicked => 16,
            Self::HandlerDied => 17,
            Self::BudgetSpent => 20,
            Self::MemorySpent => 21,
            Self::Canceled => 22,
            Self::Nondeterministic => 30,
            Self::Usage => 64,
            Self::DoesNotCompile => 65,
            Self::BadFile => 66,
            Self::Internal => 70,
        }
    }

    /// The exit code with this number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        ALL.into_iter().find(|code| code.number() == number)
    }

    /// What it means, in a line of `--help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => {
                "every state visited, nothing wrong, every goal reached; or --until-goal found one"
            }
            Self::Violated => "an invariant is violated",
            Self::Stuck => "--stuck found a state in which nothing can change any more",
            Self::CannotFinish => "--can-finish found a state from which a goal is out of reach",
            Self::GoalNotFound => "every state visited, but a goal of the lab is satisfied in none",
            Self::HandlerPanicked => "a handler, or the set-up of the lab, panicked",
            Self::HandlerHung => "a handler did not return",
            Self::PredicatePanicked => "an invariant, goal or prune panicked, or ended the process",
            Self::HandlerDied => "a handler ended the process: stack overflow, abort, exit, out of memory",
            Self::BudgetSpent => "not decided: depth, state, time or probe limit reached",
            Self::MemorySpent => "not decided: memory limit reached",
            Self::Canceled => "not decided: canceled",
            Self::Nondeterministic => "a handler is not deterministic",
            Self::Usage => "the command line makes no sense",
            Self::DoesNotCompile => "the lab does not compile",
            Self::BadFile => "a file cannot be read, or is no trace",
            Self::Internal => "internal error, or the lab's driver died",
        }
    }

    /// The table for `--help`.
    pub(crate) fn table() -> String {
        let mut table = String::from("Exit codes:\n");
        for code in ALL {
            let _infallible = writeln!(table, "  {:>2}  {}", code.number(), code.meaning());
        }
        table
    }
}

impl From<ExitCode> for ProcessExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

#[cfg(test)]
mod tests {
    use framework::{Address, Outcome};
    use search::HandlerFault;

    use super::*;

    #[test]
    fn every_code_is_documented_once_and_in_order() {
        assert!(ALL.is_sorted_by(|a, b| a.number() < b.number() && a < b));
        insta::assert_snapshot!(ExitCode::table());
    }

    #[test]
    fn only_a_complete_answer_is_a_success() {
        let fault = || HandlerFault {
            node: Address::server(1),
            node_type: "Server".to_owned(),
            handler: "init".to_owned(),
            problem: "no".to_owned(),
        };
        let violated = Verdict::Violated { invariant: "i".to_owned(), outcome: Outcome::fails("r") };
        let panicked = Verdict::PredicatePanicked { predicate: "p".to_owned(), panic: "no".to_owned() };
        let verdicts = [
            (Verdict::Exhausted, [0, 12]),
            (Verdict::GoalFound { goal: "g".to_owned() }, [0, 0]),
            (violated, [10, 10]),
            (Verdict::Stuck { outcome: Outcome::fails("r") }, [11, 11]),
            (Verdict::HandlerPanicked(fault()), [14, 14]),
            (Verdict::HandlerHung(fault()), [15, 15]),
            (panicked, [16, 16]),
            (Verdict::PredicateDied { predicate: "p".to_owned(), problem: "no".to_owned() }, [16, 16]),
            (Verdict::HandlerDied(fault()), [17, 17]),
            (Verdict::BudgetSpent(Budget::Depth), [20, 20]),
            (Verdict::BudgetSpent(Budget::States), [20, 20]),
            (Verdict::BudgetSpent(Budget::Time), [20, 20]),
            (Verdict::BudgetSpent(Budget::Probes), [20, 20]),
            (Verdict::BudgetSpent(Budget::Memory), [21, 21]),
            (Verdict::Canceled, [22, 22]),
            (Verdict::Nondeterministic(fault()), [30, 30]),
        ];
        for (verdict, numbers) in verdicts {
            let codes = [false, true].map(|goal_asked| ExitCode::of(&verdict, goal_asked).number());
            assert_eq!(codes, numbers, "{verdict:?}");
        }
    }
}
