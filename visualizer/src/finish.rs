//! Whether a goal can always still be reached, for people and for programs.

use framework::Event;
use search::{CanFinish, FinishAnswer};
use serde::Serialize;

use crate::amount::{counted, grouped};
use crate::exit_code::ExitCode;
use crate::human::WIDTH;
use crate::text::fit;

/// The events of a way that are shown.
const EVENTS_MAX: usize = 15;

/// The answer for one goal.
pub(crate) struct Finish {
    pub(crate) goal: String,
    pub(crate) result: CanFinish,
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    goal: &'a str,
    /// `always`, `trap` or `not-decided`.
    answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traps: Option<u64>,
    /// The way to a state from which the goal cannot be reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes_that_reached_it: Option<usize>,
}

impl Finish {
    /// How the command ends, if the rest of it ends with `code`.
    pub(crate) fn exit_code(&self, code: ExitCode) -> ExitCode {
        match (&self.result.answer, code) {
            (FinishAnswer::Always { .. }, code) => code,
            (FinishAnswer::Trap(_), ExitCode::Success | ExitCode::BudgetSpent | ExitCode::MemorySpent) => {
                ExitCode::CannotFinish
            }
            (_, ExitCode::Success) => ExitCode::BudgetSpent,
            (_, code) => code,
        }
    }

    fn way(&self) -> Vec<Event> {
        match &self.result.answer {
            FinishAnswer::Trap(trap) => trap.state.history(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let goal = &self.goal;
        let mut lines = Vec::new();
        match &self.result.answer {
            FinishAnswer::Always { goal_states } => lines.push(format!(
                "`{goal}` can be reached from every state, and holds in {}",
                counted(*goal_states, "state")
            )),
            FinishAnswer::Trap(trap) => {
                let at_rest = match trap.at_rest {
                    0 => "from all of them it goes on, but never there".to_owned(),
                    states => format!("in {} of them nothing happens any more", grouped(states)),
                };
                let more = if trap.exhausted { "" } else { " (of those that were visited)" };
                lines.push(format!(
                    "`{goal}` is out of reach from {}{more}; {at_rest}",
                    counted(trap.traps, "state")
                ));
                let events = self.way();
                match events.last() {
                    None => lines.push("It is out of reach from the start.".to_owned()),
                    Some(last) => {
                        lines.push(format!("What loses it is event {}, {last}:", events.len()));
                        let first = events.len().saturating_sub(EVENTS_MAX);
                        lines.extend((first > 0).then(|| format!("  … {first} events before")));
                        let shown = events.iter().enumerate().skip(first);
                        lines.extend(shown.map(|(i, event)| format!(" {:>2}. {event}", i + 1)));
                    }
                }
            }
            FinishAnswer::NotDecided { reason, probe } => {
                lines.push(format!("whether `{goal}` can always be reached is not decided: {reason}"));
                lines.extend(probe.map(|probe| {
                    format!(
                        "evidence, no proof: with a healed network {} of {} sampled states reached it within {} events",
                        probe.reached,
                        probe.sampled,
                        grouped(probe.events_max as u64)
                    )
                }));
            }
            _ => lines.push("an answer that this command does not know".to_owned()),
        }
        // The answer is never cut: it is what everything is about.
        for line in lines.iter_mut().skip(1) {
            *line = fit(line, WIDTH);
        }
        lines
    }

    pub(crate) fn report(&self) -> Report<'_> {
        let events = self.way().iter().map(Event::to_string).collect();
        let mut report = Report {
            goal: &self.goal,
            answer: "always",
            reason: None,
            traps: None,
            events,
            probes: None,
            probes_that_reached_it: None,
        };
        match &self.result.answer {
            FinishAnswer::Trap(trap) => {
                report.answer = "trap";
                report.traps = Some(trap.traps);
            }
            FinishAnswer::NotDecided { reason, probe } => {
                report.answer = "not-decided";
                report.reason = Some(reason);
                report.probes = probe.map(|probe| probe.sampled);
                report.probes_that_reached_it = probe.map(|probe| probe.reached);
            }
            _ => {}
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use framework::{Outcome, Predicate};
    use search::Settings;

    use super::*;
    use crate::sample::{Server, initial};

    /// The server never gets a second text: whoever comes first decides.
    fn first_text(text: &'static str) -> Predicate {
        Predicate::new("the first text", move |view| {
            let first = view
                .nodes::<Server>()
                .any(|(_, server)| server.writers.len() == 1 && server.text.as_deref() == Some(text));
            if first { Outcome::holds() } else { Outcome::fails("it is another") }
        })
    }

    fn finish(settings: &Settings, goal: &Predicate) -> Finish {
        let result = search::can_always_finish(&initial(2, false), settings, goal);
        Finish { goal: goal.name().to_owned(), result }
    }

    #[test]
    fn a_trap_names_the_event_that_loses_the_goal() {
        let trapped = finish(&Settings::default(), &first_text("from-1"));
        insta::assert_snapshot!(trapped.lines().join("\n"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&trapped.report()).unwrap());
        assert_eq!(trapped.exit_code(ExitCode::Success), ExitCode::CannotFinish);
        assert_eq!(trapped.exit_code(ExitCode::BudgetSpent), ExitCode::CannotFinish);
        assert_eq!(trapped.exit_code(ExitCode::GoalNotFound), ExitCode::GoalNotFound);
    }

    #[test]
    fn what_is_not_decided_is_no_success() {
        let cut = finish(&Settings::default().max_depth(0), &first_text("from-1"));
        assert_eq!(cut.exit_code(ExitCode::Success), ExitCode::BudgetSpent);
        assert_eq!(cut.report().answer, "not-decided");
        let always = finish(&Settings::default(), &Predicate::always());
        assert_eq!(always.exit_code(ExitCode::Success), ExitCode::Success);
    }
}
