//! Whether a stage met its aim; if not, what the student reads.

use framework::Predicate;
use search::{Budget, CanFinish, FinishAnswer, Results, Settings, State, Trap, Verdict};
use visualizer::text::{self as trace_text, Layout};
use visualizer::trace_file::Origin;

use crate::child::Context;
use crate::failed::Failure;
use crate::missed;
use crate::record::Judgement;
use crate::stage::Covering;
use crate::text::{counted, depth_covered, fit};

/// The lines of a failure that are about a trace; some more say what to do.
const TRACE_LINES: usize = 30;
/// The columns of a line.
pub(crate) const WIDTH: usize = 100;

/// A stage that ran.
pub(crate) struct Stage<'a> {
    pub(crate) context: &'a Context,
    pub(crate) name: &'a str,
    pub(crate) settings: &'a Settings,
    pub(crate) starts: &'a [State],
}

/// A stage with goals passes when one is found.
pub(crate) fn goal_stage(stage: &Stage<'_>, results: &Results) -> Option<Failure> {
    match &results.verdict {
        Verdict::GoalFound { .. } => None,
        Verdict::Exhausted | Verdict::BudgetSpent(Budget::States | Budget::Depth | Budget::Probes) => {
            Some(goal_missed(stage, results))
        }
        Verdict::BudgetSpent(_) | Verdict::Canceled => Some(inconclusive(stage, results)),
        _ => Some(failing(stage, results, None)),
    }
}

/// A stage with a goal that need not be reachable passes when it is known whether it is.
pub(crate) fn optional_stage(stage: &Stage<'_>, results: &Results) -> Option<Failure> {
    match &results.verdict {
        Verdict::GoalFound { .. } | Verdict::Exhausted | Verdict::BudgetSpent(Budget::Depth) => None,
        Verdict::BudgetSpent(_) | Verdict::Canceled => Some(inconclusive(stage, results)),
        _ => Some(failing(stage, results, None)),
    }
}

/// A stage without goals passes when it comes as far as it has to and finds nothing.
pub(crate) fn covering_stage(stage: &Stage<'_>, results: &Results, aim: Covering) -> Option<Failure> {
    let far_enough = match &results.verdict {
        Verdict::Exhausted => true,
        Verdict::BudgetSpent(budget) => match aim {
            Covering::All => false,
            Covering::States(_) => matches!(budget, Budget::States | Budget::Depth),
            Covering::Depth(_) => *budget == Budget::Depth,
            Covering::Probes(_) => *budget == Budget::Probes,
        },
        Verdict::Canceled => false,
        _ => return Some(failing(stage, results, None)),
    };
    (!far_enough).then(|| inconclusive(stage, results))
}

/// A stage with a goal that must always be possible passes when every state was visited, and it is; or when the budget of
/// states is spent, if that is `enough`.
pub(crate) fn possible_stage(
    stage: &Stage<'_>,
    found: &CanFinish,
    goal: &Predicate,
    enough: bool,
) -> Option<Failure> {
    match &found.answer {
        FinishAnswer::Always { .. } => None,
        FinishAnswer::NotDecided { .. }
            if enough && found.search.verdict == Verdict::BudgetSpent(Budget::States) =>
        {
            None
        }
        FinishAnswer::Trap(trap) => Some(goal_lost(stage, &found.search, trap, goal)),
        FinishAnswer::NotDecided { reason, .. } => Some(match &found.search.verdict {
            Verdict::Exhausted => {
                let reason = format!("not decided whether `{}` is always possible: {reason}", goal.name());
                Failure::new(Judgement::Inconclusive, "not-decided", reason)
            }
            Verdict::BudgetSpent(_) | Verdict::Canceled => inconclusive(stage, &found.search),
            _ => failing(stage, &found.search, None),
        }),
        other => {
            let reason = format!("an answer that this version does not know: {other:?}");
            Some(Failure::new(Judgement::Inconclusive, "not-decided", reason))
        }
    }
}

/// There is a way after which the goal is out of reach.
fn goal_lost(stage: &Stage<'_>, results: &Results, trap: &Trap, goal: &Predicate) -> Failure {
    let goal = goal.name();
    let message = match trap.trace.events.last() {
        Some(event) => format!("`{goal}` is never possible again after this event: {event}"),
        None => format!("`{goal}` is not possible from where this stage starts"),
    };
    let mut failure = Failure::fail("goal-lost", message).detected_by(goal);
    failure.cluster = Some(format!("{}/goal-lost/{goal}", stage.name));
    failure.lines = far(results);
    let rest = match trap.at_rest {
        0 => "it goes on, but never there".to_owned(),
        states => format!("in {states} of these nothing can happen at all"),
    };
    failure.lines.push(format!("from {} the goal is out of reach: {rest}", counted(trap.traps, "state")));
    let way = Results { trace: Some(trap.trace.clone()), ..results.clone() };
    let events = add_trace(&mut failure, stage, &way);
    failure.lines.push("The shortest way to one:".to_owned());
    failure.lines.extend(events.into_iter().filter(|line| !is_summary(line)));
    failure
}

/// Something was found that must not be.
pub(crate) fn failing(stage: &Stage<'_>, results: &Results, replayed: Option<State>) -> Failure {
    let verdict = &results.verdict;
    let mut failure = Failure::fail(verdict.word(), verdict.to_string());
    failure.detector = detector(verdict);
    if replayed.is_some() {
        failure.replayed = true;
        failure.lines.push(
            "A trace that an earlier run kept still fails, so nothing was searched this time.".to_owned(),
        );
    }
    failure.cluster = Some(cluster(stage, results));
    let events = add_trace(&mut failure, stage, results);
    failure.lines.extend(events);
    failure.lines.extend(advice(verdict).map(str::to_owned));
    failure
}

/// No goal was found, and the search came as far as it can or may.
fn goal_missed(stage: &Stage<'_>, results: &Results) -> Failure {
    let goals: Vec<&str> = stage.settings.goals.iter().map(|goal| goal.name()).collect();
    let goals = goals.join("` or `");
    let message = match &results.verdict {
        Verdict::Exhausted => format!("goal not found: no reachable state satisfies `{goals}`"),
        _ => format!(
            "goal not found: `{goals}` holds in none of the first {}",
            counted(results.stats.states, "state")
        ),
    };
    let mut failure = Failure::fail("goal-not-found", message).detected_by(goals.clone());
    failure.cluster = Some(format!("{}/goal-not-found/{goals}", stage.name));
    failure.lines = far(results);
    let Some(missed) = &results.missed else {
        failure.lines.extend(crate::text::coverage(&results.coverage));
        return failure;
    };
    failure.lines.extend(missed.goals.first().iter().flat_map(|near| missed::nearest(near)));
    failure.lines.extend(missed::obstacles(&missed.obstacles));
    if let Some(near) = missed.goals.first() {
        let way = Results { trace: Some(near.trace.clone()), ..results.clone() };
        let events = add_trace(&mut failure, stage, &way);
        if !near.history().is_empty() {
            failure.lines.push("The way there:".to_owned());
            let events = events.into_iter().filter(|line| !is_summary(line));
            failure.lines.extend(events);
        }
    }
    failure
}

/// The line that introduces the events of a violation, which a goal that is missed has none of.
fn is_summary(line: &str) -> bool {
    line.starts_with("It is so at the start") || line.contains(" there (") || line.ends_with(" there:")
}

/// A budget was spent before the stage could say anything.
fn inconclusive(stage: &Stage<'_>, results: &Results) -> Failure {
    let verdict = &results.verdict;
    let states = stage.settings.max_states.unwrap_or(u64::MAX);
    let message = match verdict {
        Verdict::BudgetSpent(Budget::States) => format!(
            "not decided: there are more than {}, as many as this stage may visit",
            counted(states, "state")
        ),
        other => other.to_string(),
    };
    let mut failure = Failure::new(Judgement::Inconclusive, verdict.word(), message);
    failure.cluster = Some(format!("{}/{}", stage.name, verdict.word()));
    failure.lines = far(results);
    failure.lines.extend(crate::text::coverage(&results.coverage));
    if *verdict == Verdict::BudgetSpent(Budget::States) {
        failure.lines.push(
            "Nothing wrong was found, but not everything was seen, so this is no pass. Does a node's state"
                .to_owned(),
        );
        failure.lines.push(
            "grow although nothing new happens: a counter, a list of what was seen, a timer set twice?"
                .to_owned(),
        );
    }
    failure
}

/// How far a search came.
fn far(results: &Results) -> Vec<String> {
    let stats = &results.stats;
    vec![format!(
        "searched {}: {}",
        counted(stats.states, "state"),
        depth_covered(&results.coverage, stats.depth)
    )]
}

/// The invariant, goal, predicate or handler that a verdict is about.
fn detector(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Violated { invariant, .. } => Some(invariant.clone()),
        Verdict::GoalFound { goal } => Some(goal.clone()),
        Verdict::HandlerPanicked(fault)
        | Verdict::HandlerHung(fault)
        | Verdict::HandlerDied(fault)
        | Verdict::Nondeterministic(fault) => Some(format!("{} of {}", fault.handler, fault.node)),
        Verdict::PredicatePanicked { predicate, .. } | Verdict::PredicateDied { predicate, .. } => {
            Some(predicate.clone())
        }
        _ => None,
    }
}

/// What to do about it, where the verdict alone does not say.
fn advice(verdict: &Verdict) -> Option<&'static str> {
    matches!(verdict, Verdict::PredicatePanicked { .. })
        .then_some("A predicate of the test panicked, most likely in a function of yours that it calls.")
}

/// Saves the trace of a search, says where, and returns its events as text.
fn add_trace(failure: &mut Failure, stage: &Stage<'_>, results: &Results) -> Vec<String> {
    let strategy = if results.stats.probes > 0 { "random" } else { "bfs" };
    save_trace(failure, stage.context, stage.settings, results, strategy)
}

/// As [`add_trace`], for whatever found the trace.
pub(crate) fn save_trace(
    failure: &mut Failure,
    context: &Context,
    settings: &Settings,
    results: &Results,
    strategy: &str,
) -> Vec<String> {
    let origin = Origin { lab: context.lab.clone(), command: context.command(), ..Origin::default() };
    let Some(mut file) = visualizer::record(results, settings, origin, strategy) else {
        return Vec::new();
    };
    if matches!(results.verdict, Verdict::Exhausted | Verdict::BudgetSpent(_)) {
        // The file says what was looked for; the verdict of a search knows nothing of it.
        file.verdict.kind.clone_from(&failure.cause);
        file.verdict.name = failure.detector.clone().unwrap_or_default();
        file.verdict.reason.clone_from(&failure.message);
    }
    failure.trace = context.save_trace(&file);
    failure.steps = failure.trace.as_ref().map(|_| file.steps.len());
    let layout = Layout { width: WIDTH, max_lines: TRACE_LINES, next: Vec::new() };
    shortened(trace_text::body(&file, &layout), TRACE_LINES)
}

/// At most `max` lines: the first ones of a long story are left out, for they are of earlier stages.
fn shortened(lines: Vec<String>, max: usize) -> Vec<String> {
    if lines.len() <= max {
        return lines;
    }
    let left_out = lines.len() - max + 1;
    let mut kept = vec![lines[0].clone(), format!("  … {left_out} lines left out; the trace has them …")];
    kept.extend(lines.into_iter().skip(left_out + 1));
    kept
}

/// What the failure has in common with the same failure of other students: stage, predicate, and which kinds of events
/// lead there, without addresses and values.
fn cluster(stage: &Stage<'_>, results: &Results) -> String {
    let mut kinds: Vec<String> = match &results.trace {
        Some(trace) => trace.events.iter().map(|event| event.handler()).collect(),
        None => Vec::new(),
    };
    kinds.sort();
    let detector = match &results.verdict {
        // Which of several equal nodes it was makes no difference.
        Verdict::HandlerPanicked(f)
        | Verdict::HandlerHung(f)
        | Verdict::HandlerDied(f)
        | Verdict::Nondeterministic(f) => {
            format!("{} {}", f.node_type, f.handler)
        }
        other => detector(other).unwrap_or_default(),
    };
    fit(&format!("{}/{}/{detector}/{}", stage.name, results.verdict.word(), kinds.join(",")), 400)
}
