//! Performs a job, in the process that has the lab's code.

use framework::Lab;
use search::{Activity, CancelToken, State, Watch};

use super::ground::{Ground, Walk, failure};
use super::tree::EXPLORED;
use super::{Ask, Job, Reply, Stuck, orders, seek};
use crate::record::Recorder;
use crate::trace_file::{Finding, TraceFile};

/// The answer to a job; an error is about the job as a whole, such as a lab that cannot build its system.
pub(crate) fn perform(lab: &dyn Lab, job: &Job, cancel: &CancelToken) -> Result<Reply, String> {
    let ground = {
        let _noting = Watch::installed().noting(Activity::SetUp, "the set-up of the lab");
        Ground::build(lab, &job.setup)?
    };
    let walk = ground.walk(job)?;
    if !matches!(job.ask, Ask::Run)
        && let Some(stuck) = &walk.stuck
    {
        return Err(format!("step {} cannot happen any more: {}", stuck.step, stuck.why));
    }
    match &job.ask {
        Ask::Run => Ok(run(&ground, job, &walk)),
        Ask::Search { aim, within } => seek::search(&ground, job, &walk, (aim, *within), cancel),
        Ask::Minimize { predicate } => seek::minimize(&ground, &walk, predicate, cancel),
        Ask::Orders { races, predicate } => {
            Ok(Reply::Orders(orders::orders(&ground, job, &walk, races, predicate)))
        }
    }
}

fn run(ground: &Ground, job: &Job, walk: &Walk) -> Reply {
    let from = job.from.min(walk.events.len());
    let stuck = match (&walk.stuck, &walk.failed) {
        // What was fine before fails now.
        (None, Some((_, error))) if from < job.from => Some(Stuck { step: from + 1, why: failure(error) }),
        (stuck, _) => stuck.clone(),
    };
    let mut recorder = recorder(ground, &walk.states[from]);
    for (pair, event) in walk.states[from..].windows(2).zip(&walk.events[from..]) {
        recorder.step(&pair[0], event, &pair[1]);
    }
    if let Some((event, error)) = &walk.failed {
        recorder.fail(event, failure(error));
    }
    Reply::Ran { trace: Box::new(recorder.finish()), stuck }
}

/// A recorder of a trace from here on. What is written down of the way to here is in the viewer already.
pub(super) fn recorder<'g>(ground: &'g Ground, start: &State) -> Recorder<'g> {
    let mut recorder = Recorder::new(&ground.asked);
    recorder.file = TraceFile {
        origin: ground.origin.clone(),
        network: ground.network(),
        predicates: std::mem::take(&mut recorder.file.predicates),
        verdict: Finding {
            kind: EXPLORED.to_owned(),
            name: "no handler fails".to_owned(),
            ..Finding::default()
        },
        ..TraceFile::default()
    };
    recorder.start(start);
    recorder
}
