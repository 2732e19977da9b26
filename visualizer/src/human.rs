//! The result of a search for people: the verdict, the numbers, what was covered.

use search::{Results, Stats, Verdict};

use crate::amount::{counted, grouped, rough, seconds};
use crate::fault::Fault;
use crate::text::{fit, one_line};

/// The columns of a line.
pub(crate) const WIDTH: usize = 100;

/// The verdict, with what it means when a goal was asked for.
pub(crate) fn verdict(verdict: &Verdict, goals_asked: &[String]) -> String {
    match verdict {
        Verdict::Exhausted if !goals_asked.is_empty() => {
            format!(
                "goal not found: every reachable state was visited, none satisfies `{}`",
                goals_asked.join("` or `")
            )
        }
        other => other.to_string(),
    }
}

/// `81 states, depth 12, 324 steps, 20 handler calls, 0.01 s (8100 states/s), 37 bytes a state`.
pub(crate) fn numbers(stats: &Stats) -> String {
    let mut parts = vec![counted(stats.states, "state"), format!("depth {}", grouped(stats.depth.into()))];
    if stats.probes > 0 {
        parts.push(counted(stats.probes, "probe"));
    }
    parts.push(counted(stats.generated, "step"));
    parts.push(counted(stats.handler_calls, "handler call"));
    let mut time = seconds(stats.elapsed);
    // The rate of a search that hardly ran says nothing.
    if stats.elapsed.as_millis() >= 10 {
        time = format!("{time} ({} states/s)", rough(stats.states_per_second()));
    }
    parts.push(time);
    if stats.states >= 1000 {
        parts.push(format!("{:.0} bytes a state", stats.bytes_per_state()));
    }
    parts.join(", ")
}

/// Everything but the trace, one fact a line.
pub(crate) fn lines(results: &Results, goals_asked: &[String], notes: &[String]) -> Vec<String> {
    let verdict = one_line(&verdict(&results.verdict, goals_asked));
    let mut lines = vec![verdict, numbers(&results.stats)];
    if results.stats.states == 0 {
        // What was covered is nothing, and the settings were not looked at.
        let why =
            if Fault::of(&results.verdict).is_some() { "the nodes could not be started, so " } else { "" };
        lines.push(format!("{why}no state was visited"));
    } else {
        lines.extend(results.coverage.to_string().lines().map(str::to_owned));
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    // The verdict is never cut: it is what everything is about.
    for line in &mut lines[1..] {
        *line = fit(line, WIDTH);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use search::{Budget, Coverage};

    use super::*;

    fn results(verdict: Verdict) -> Results {
        Results {
            verdict,
            trace: None,
            goal_states: vec![],
            missed: None,
            stats: Stats {
                states: 443_829,
                generated: 5_400_000,
                depth: 11,
                handler_calls: 2_511,
                memo_misses: 9_000,
                bytes: 18_000_000,
                elapsed: Duration::from_millis(250),
                ..Stats::default()
            },
            coverage: Coverage {
                complete_depth: Some(11),
                commutation: "used".to_owned(),
                prunes: vec![("all clients are done".to_owned(), 0)],
                ..Coverage::default()
            },
        }
    }

    #[test]
    fn a_search_that_was_cut_short() {
        let notes = ["in no group of the partition, so each is alone: client1".to_owned()];
        let lines = lines(&results(Verdict::BudgetSpent(Budget::Depth)), &[], &notes);
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_goal_that_is_not_there() {
        let mut results = results(Verdict::Exhausted);
        results.coverage =
            Coverage { exhausted: true, commutation: "used".to_owned(), ..Coverage::default() };
        results.stats =
            Stats { states: 1, elapsed: Duration::from_micros(70), probes: 1, ..Stats::default() };
        insta::assert_snapshot!(lines(&results, &["all clients are done".to_owned()], &[]).join("\n"));
    }
}
