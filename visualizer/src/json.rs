//! The result of a search for programs: the one object that `--json` prints.

use search::{Coverage, Results, Verdict};
use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::{finish, missed};

/// What `--json` prints. Fields are only ever added.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) lab: &'a str,
    pub(crate) command: &'a str,
    pub(crate) strategy: &'a str,
    pub(crate) verdict: &'a str,
    pub(crate) exit_code: u8,
    pub(crate) states: u64,
    pub(crate) generated: u64,
    pub(crate) depth: u32,
    pub(crate) levels: &'a [u64],
    /// One for each level, in hexadecimal: not every JSON reader keeps 64 bits.
    pub(crate) digest: Vec<String>,
    pub(crate) probes: u64,
    pub(crate) handler_calls: u64,
    pub(crate) memo_hit_rate: f64,
    pub(crate) components: u64,
    pub(crate) bytes_per_state: f64,
    pub(crate) seconds: f64,
    pub(crate) states_per_second: f64,
    pub(crate) coverage: &'a Coverage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) violation: Option<Violation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<&'a str>,
    /// The events of the trace, as text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<String>,
    /// Where the trace was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<&'a str>,
    /// Why a goal was missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missed: Option<missed::Report<'a>>,
    /// Whether each goal can always be reached, if that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) can_finish: Vec<finish::Report<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) notes: &'a [String],
}

/// What is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Violation<'a> {
    /// The invariant or predicate, or the handler.
    name: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blame: Vec<String>,
}

impl<'a> Violation<'a> {
    fn of(verdict: &'a Verdict) -> Option<Self> {
        match verdict {
            Verdict::Violated { invariant, outcome } => Some(Self {
                name: invariant,
                reason: outcome.reason(),
                node: None,
                blame: outcome.blame().iter().map(ToString::to_string).collect(),
            }),
            Verdict::Stuck { outcome } => Some(Self {
                name: "stuck",
                reason: outcome.reason(),
                node: None,
                blame: outcome.blame().iter().map(ToString::to_string).collect(),
            }),
            Verdict::HandlerPanicked(fault)
            | Verdict::HandlerHung(fault)
            | Verdict::Nondeterministic(fault) => Some(Self {
                name: &fault.handler,
                reason: &fault.problem,
                node: Some(fault.node.to_string()),
                blame: Vec::new(),
            }),
            Verdict::PredicatePanicked { predicate, panic } => {
                Some(Self { name: predicate, reason: panic, node: None, blame: Vec::new() })
            }
            _ => None,
        }
    }
}

impl<'a> Report<'a> {
    /// The report of a search.
    pub(crate) fn new(
        lab: &'a str,
        command: &'a str,
        strategy: &'a str,
        results: &'a Results,
        code: ExitCode,
    ) -> Self {
        let stats = &results.stats;
        Self {
            lab,
            command,
            strategy,
            verdict: results.verdict.word(),
            exit_code: code.number(),
            states: stats.states,
            generated: stats.generated,
            depth: stats.depth,
            levels: &stats.levels,
            digest: stats.digests.iter().map(|digest| format!("{digest:016x}")).collect(),
            probes: stats.probes,
            handler_calls: stats.handler_calls,
            memo_hit_rate: stats.memo_hit_rate(),
            components: stats.components,
            bytes_per_state: stats.bytes_per_state(),
            seconds: stats.elapsed.as_secs_f64(),
            states_per_second: stats.states_per_second(),
            coverage: &results.coverage,
            violation: Violation::of(&results.verdict),
            goal: match &results.verdict {
                Verdict::GoalFound { goal } => Some(goal),
                _ => None,
            },
            events: results
                .trace
                .iter()
                .flat_map(|trace| trace.start.history().into_iter().chain(trace.events.iter().cloned()))
                .map(|event| event.to_string())
                .collect(),
            trace: None,
            missed: None,
            can_finish: Vec::new(),
            notes: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use search::Stats;

    use super::*;
    use crate::sample;

    #[test]
    fn a_violation() {
        let mut results =
            sample::results(sample::violation(), &sample::initial(2, false), &sample::VIOLATION);
        results.stats = Stats {
            states: 41,
            generated: 120,
            depth: 2,
            levels: vec![1, 16, 24],
            digests: vec![1, u64::MAX, 255],
            handler_calls: 30,
            memo_misses: 30,
            components: 9,
            bytes: 4100,
            elapsed: Duration::from_millis(500),
            ..Stats::default()
        };
        let mut report =
            Report::new("register", "cargo lab search register", "bfs", &results, ExitCode::Violated);
        report.trace = Some("target/traces/register-violated.json");
        let notes = ["something to know".to_owned()];
        report.notes = &notes;
        insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
    }
}
