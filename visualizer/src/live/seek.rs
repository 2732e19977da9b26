//! Searches on from the end of a way, and shortens one.

use framework::{Outcome, Predicate, Step, guard};
use search::{CancelToken, Follower, Target, Trace, Verdict};

use super::ground::{Ground, Walk, failing};
use super::perform::recorder;
use super::resolve::Resolver;
use super::{Aim, Job, Reply};
use crate::amount::counted;
use crate::model::Model;
use crate::model::watch::{Datum, Watch as Expression};
use crate::record::{fault, snapshot};

/// Looks for something from the end of the way on.
pub(super) fn search(
    ground: &Ground,
    job: &Job,
    walk: &Walk,
    (aim, within): (&Aim, u64),
    cancel: &CancelToken,
) -> Result<Reply, String> {
    if walk.failed.is_some() {
        return Ok(Reply::Nothing(
            "a handler failed in the last step; go back before it to search on".to_owned(),
        ));
    }
    let mut start = walk.end().clone();
    if !job.dropped.is_empty() {
        let dropped = Resolver::new(&job.way).envelopes(&job.dropped, &start);
        start.drop_pending_messages();
        start.undrop(|envelope| dropped.binary_search(envelope).is_err());
    }
    let holds =
        |predicate: &Predicate| guard::catch(|| predicate.check(&start.view()).is_ok()).unwrap_or(true);
    let mut settings = ground.settings(cancel);
    settings.max_states = Some(within);
    let wanted = match aim {
        Aim::Goal => {
            // What holds already is not worth a search.
            settings.goals = ground.scenario.goals.iter().filter(|goal| !holds(goal)).cloned().collect();
            if settings.goals.is_empty() {
                let why = if ground.scenario.goals.is_empty() {
                    "the lab has no goals"
                } else {
                    "all goals hold here"
                };
                return Ok(Reply::Nothing(why.to_owned()));
            }
            let names: Vec<String> = settings.goals.iter().map(|goal| format!("`{}`", goal.name())).collect();
            format!("satisfies {}", names.join(" or "))
        }
        Aim::Violation => {
            settings.invariants = ground.scenario.invariants.iter().filter(|i| holds(i)).cloned().collect();
            settings.step_invariants = ground.scenario.step_invariants.clone();
            let intact = |monitor: &&framework::linearizability::Monitor| {
                Follower::at(monitor, &start).map_or(true, |follower| follower.outcome().is_ok())
            };
            settings.monitors = ground.scenario.monitors.iter().filter(intact).cloned().collect();
            "violates anything more than here".to_owned()
        }
        Aim::Expression(text) => {
            let expression = Expression::parse(text)?;
            let is_true = move |view: &framework::View<'_>| {
                expression.at(&Model::new(snapshot(view)), 0) == Datum::Bool(true)
            };
            let goal = Predicate::holds(text.as_str(), is_true);
            if holds(&goal) {
                return Ok(Reply::Nothing(format!("`{text}` is true here already")));
            }
            settings.goals = vec![goal];
            format!("makes `{text}` true")
        }
    };
    let results = search::bfs(&start, &settings);
    let states = counted(results.stats.states, "state");
    let Some(trace) = &results.trace else {
        return Ok(Reply::Nothing(match results.verdict {
            Verdict::Exhausted => format!("none of the {states} that can follow {wanted}"),
            Verdict::Canceled => format!("given up after {states}; none of them {wanted}"),
            Verdict::BudgetSpent(_) => {
                format!("none of the first {states}, to depth {}, {wanted}", results.stats.depth)
            }
            other => other.to_string(),
        }));
    };
    let mut recorder = recorder(ground, &trace.start);
    recorder.steps(trace, &results.verdict, &settings.delivery);
    let what = format!("{}, after {states}", results.verdict);
    Ok(Reply::Found { trace: Box::new(recorder.finish()), what })
}

/// Leaves out what is not needed for what the way shows at its end.
pub(super) fn minimize(
    ground: &Ground,
    walk: &Walk,
    predicate: &str,
    cancel: &CancelToken,
) -> Result<Reply, String> {
    let mut settings = ground.settings(cancel);
    let scenario = &ground.scenario;
    settings.invariants.clone_from(&scenario.invariants);
    settings.step_invariants.clone_from(&scenario.step_invariants);
    settings.monitors.clone_from(&scenario.monitors);
    settings.goals.clone_from(&scenario.goals);
    let mut events = walk.events.clone();
    let verdict = match &walk.failed {
        Some((event, error)) => {
            events.push(event.clone());
            let fault = failing(error).map(|(_, fault)| fault.clone());
            let fault = fault.ok_or("the last event cannot happen")?;
            match error {
                search::StepError::Panicked(_) => Verdict::HandlerPanicked(fault),
                search::StepError::Died(_) => Verdict::HandlerDied(fault),
                _ => {
                    return Ok(Reply::Nothing(
                        "what this handler does is better not tried again and again".to_owned(),
                    ));
                }
            }
        }
        None => match shown(ground, walk, predicate) {
            Some(verdict) => verdict,
            None => {
                let why = "nothing is violated and no goal holds at the end of this branch";
                return Ok(Reply::Nothing(why.to_owned()));
            }
        },
    };
    let (start, before) = (&walk.states[0], events.len());
    let target = Target::new(&verdict, &settings);
    let events = search::minimize(start, events, &target);
    if events.len() == before {
        return Ok(Reply::Nothing(format!("every one of its {} is needed", counted(before as u64, "step"))));
    }
    let after = events.len();
    let trace = Trace { start: start.clone(), events, found_len: before };
    let mut recorder = recorder(ground, start);
    // The events of the earlier stages are in the viewer.
    recorder.steps(&trace, &verdict, &settings.delivery);
    let left = if fault(&verdict).is_some() { "the handler still fails" } else { "it shows the same" };
    let what = format!("{after} of {} are enough; {left}", counted(before as u64, "step"));
    Ok(Reply::Found { trace: Box::new(recorder.finish()), what })
}

/// What is to be seen at the end of a way: the predicate that is asked for if that is broken, else what is broken, else a
/// goal.
fn shown(ground: &Ground, walk: &Walk, predicate: &str) -> Option<Verdict> {
    let scenario = &ground.scenario;
    let end = walk.end();
    let violated = |name: &str, outcome: Outcome| {
        (!outcome.is_ok()).then(|| Verdict::Violated { invariant: name.to_owned(), outcome })
    };
    let mut broken: Vec<Verdict> = Vec::new();
    for invariant in &scenario.invariants {
        let outcome = guard::catch(|| invariant.explained(&end.view())).ok();
        broken.extend(outcome.and_then(|outcome| violated(invariant.name(), outcome)));
    }
    if let ([.., before, after], Some(event)) = (walk.states.as_slice(), walk.events.last()) {
        for invariant in &scenario.step_invariants {
            let (before, after) = (before.view(), after.view());
            let step = Step { before: &before, event, after: &after };
            let outcome = guard::catch(|| invariant.explained(&step)).ok();
            broken.extend(outcome.and_then(|outcome| violated(invariant.name(), outcome)));
        }
    }
    for monitor in &scenario.monitors {
        let follower = Follower::at(monitor, end).ok();
        broken.extend(follower.and_then(|follower| violated(monitor.name(), follower.outcome().clone())));
    }
    let asked = broken
        .iter()
        .position(|verdict| matches!(verdict, Verdict::Violated { invariant, .. } if invariant == predicate));
    if !broken.is_empty() {
        return Some(broken.swap_remove(asked.unwrap_or(0)));
    }
    let goal =
        scenario.goals.iter().find(|goal| guard::catch(|| goal.check(&end.view()).is_ok()) == Ok(true))?;
    Some(Verdict::GoalFound { goal: goal.name().to_owned() })
}
