//! The profile of a state space as a table: what makes how many of the states.

use search::{Profile, ProfileRow, Verdict};
use serde::Serialize;

use crate::amount::{counted, grouped};
use crate::human::WIDTH;
use crate::text::fit;

/// After how many states a profile is made, unless the user says so.
pub(crate) const STATES: u64 = 200_000;

/// The rows and the sentences that are shown.
const ROWS_MAX: usize = 15;
const ADVICE_MAX: usize = 3;

/// The table, the biggest saving first.
pub(crate) fn lines(profile: &Profile, notes: &[String]) -> Vec<String> {
    let states = profile.states;
    let mut lines = vec![match &profile.search.verdict {
        Verdict::Exhausted => format!("{}: all there are", counted(states, "state")),
        Verdict::BudgetSpent(_) => {
            format!("{}: the search was cut by a limit, so there are more", counted(states, "state"))
        }
        verdict => format!("{}: {verdict}", counted(states, "state")),
    }];
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    if profile.rows.is_empty() {
        lines.push("nothing in it ever changes".to_owned());
        return lines;
    }
    lines.push(format!("{:>14}  {:>8}  {:>8}  {}", "states without", "saving", "values", "what"));
    for row in profile.rows.iter().take(ROWS_MAX) {
        let bounds: Vec<String> =
            row.bounds.iter().map(|(bound, within)| format!("{} if ≤ {bound}", grouped(*within))).collect();
        let bounds = if bounds.is_empty() { String::new() } else { format!("  ({})", bounds.join(", ")) };
        lines.push(format!(
            "{:>14}  {:>8}  {:>8}  {}{bounds}",
            grouped(row.without),
            saving(row, states),
            grouped(row.distinct),
            row.item
        ));
    }
    let more = profile.rows.len().saturating_sub(ROWS_MAX);
    lines.extend((more > 0).then(|| format!("… and {more} more with less effect")));
    let advice: Vec<String> = profile
        .rows
        .iter()
        .filter_map(|row| Some(format!("{}: {}", row.item, row.advice(states)?)))
        .take(ADVICE_MAX)
        .collect();
    if advice.is_empty() {
        lines.push(
            "No single thing makes every second state: fewer nodes, commands or timers are what helps."
                .to_owned(),
        );
    } else {
        lines.push("What to do:".to_owned());
        lines.extend(advice.into_iter().map(|line| format!("  {line}")));
    }
    lines.iter().map(|line| fit(line, WIDTH + 20)).collect()
}

/// `4.5 x`: how many times fewer states.
pub(crate) fn saving(row: &ProfileRow, states: u64) -> String {
    let tenths = states.saturating_mul(10) / row.without.max(1);
    format!("{}.{} x", grouped(tenths / 10), tenths % 10)
}

/// The profile for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    lab: &'a str,
    command: &'a str,
    /// How the search ended that visited the states.
    verdict: &'a str,
    states: u64,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    what: String,
    values: u64,
    states_without: u64,
    /// Pairs of a bound and the states within.
    bounds: Vec<(u64, u64)>,
}

impl<'a> Report<'a> {
    pub(crate) fn of(lab: &'a str, command: &'a str, profile: &'a Profile) -> Self {
        let row = |row: &ProfileRow| Row {
            what: row.item.to_string(),
            values: row.distinct,
            states_without: row.without,
            bounds: row.bounds.clone(),
        };
        Self {
            lab,
            command,
            verdict: profile.search.verdict.word(),
            states: profile.states,
            rows: profile.rows.iter().map(row).collect(),
        }
    }
}
