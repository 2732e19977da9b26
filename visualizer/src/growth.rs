//! What grows in nodes as they work: the lab's commands, repeated more and more often, in runs of the same seed. A search sees
//! only the first few events of a system; what a node never forgets shows later.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use framework::{Address, Lab, LabOptions, System};
use runner::{Failure, FailureKind, Observer, Run, Running, RunningHandler, Settings};
use search::{Activity, FatalInput, Noting, Watch};

use crate::fault::Fault;
use crate::set_up;

/// How often the commands are repeated.
const TIMES: [usize; 3] = [10, 20, 40];

/// How long the clients may take, in virtual time.
const LIMIT: Duration = Duration::from_secs(600);

/// How many events a run may have.
const EVENTS_MAX: u64 = 200_000;

/// How long all runs together may take in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a handler may take, as in a search.
const HANDLER: Duration = Duration::from_secs(5);

/// How often it is looked whether one takes longer.
const LOOK: Duration = Duration::from_millis(100);

/// What came of the runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// They came to their end; these grow, in words.
    Seen(Vec<String>),
    /// A handler is wrong whatever it computes, and what it did.
    Faulty(Fault, String),
    /// Nothing is known, and why.
    Unknown(String),
}

/// The lists and maps of nodes, by node and path, with their lengths.
type Lengths = BTreeMap<(Address, String), usize>;

/// What a supervisor is told of it.
const RUNS: &str = "longer runs, to see what grows";

/// Runs the system that the options describe with more and more commands. Where that is known to end the process, it says so.
pub(crate) fn watch(lab: &dyn Lab, options: &LabOptions) -> Growth {
    let watch = Watch::installed();
    if let Some(fatal) = watch.fate_of(Activity::Report, RUNS) {
        // Between two handlers: copying a node, or writing it down.
        return Growth::Faulty(fault_of(fatal), format!("something that a node runs: {}", fatal.problem));
    }
    let _noting = watch.noting(Activity::Report, RUNS);
    if options.clients == Some(0) {
        return Growth::Unknown("there are no clients".to_owned());
    }
    let commands = options.workload.as_deref().or_else(|| lab.default_workload());
    let Some(commands) = commands else { return Growth::Unknown("the lab names no workload".to_owned()) };
    let mut systems = Vec::new();
    for times in TIMES {
        let workload = Some(vec![commands; times].join(","));
        match set_up::scenario(lab, &LabOptions { workload, ..options.clone() }) {
            Ok(scenario) => systems.push(scenario.system),
            Err(error) => return Growth::Unknown(error.to_string()),
        }
    }
    let (tell, told) = mpsc::channel();
    // It is left behind when it hangs; the process ends soon.
    thread::spawn(move || {
        let all: Result<Vec<_>, _> = systems.iter().map(|system| lengths(system, &tell)).collect();
        let _nobody_waits = tell.send(News::Done(all));
    });
    wait(&told)
}

/// What the thread of the runs tells.
enum News {
    /// A run begins, and here it says what it is at.
    Begins(Running),
    /// This handler is known to end the process, and does not run: nothing more comes.
    Fatal(Fault, String),
    /// All runs ended, or one failed.
    Done(Result<Vec<Lengths>, Failure>),
}

/// Waits for the end of the runs, or for a handler that keeps them from it.
fn wait(told: &Receiver<News>) -> Growth {
    let begun = Instant::now();
    let mut running = Running::default();
    loop {
        match told.recv_timeout(LOOK) {
            Ok(News::Begins(next)) => running = next,
            Ok(News::Fatal(fault, what)) => return Growth::Faulty(fault, what),
            Ok(News::Done(Ok(lengths))) => return Growth::Seen(growing(&lengths)),
            Ok(News::Done(Err(failure))) => return of_failure(failure.kind()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Growth::Unknown("a node panicked when it was looked at".to_owned());
            }
        }
        if let Some(hung) = running.handlers().into_iter().find(|handler| handler.elapsed() > HANDLER) {
            return Growth::Faulty(Fault::Hangs, format!("{hung}: it has not returned for {HANDLER:?}"));
        }
        if begun.elapsed() > PATIENCE {
            return Growth::Unknown(format!("they took more than {PATIENCE:?}"));
        }
    }
}

fn of_failure(kind: &FailureKind) -> Growth {
    match kind {
        FailureKind::HandlerPanicked(fault) | FailureKind::NotSerializable(fault) => {
            Growth::Faulty(Fault::Panics, fault.to_string())
        }
        FailureKind::HandlerHung(fault) => Growth::Faulty(Fault::Hangs, fault.to_string()),
        other => Growth::Unknown(other.to_string()),
    }
}

/// Tells a supervisor which handler runs; one that it knows to end the process does not run.
fn note(handler: Option<&RunningHandler>, tell: &Sender<News>) {
    thread_local! {
        // Never dropped by the end of the thread: a handler that exits would take its note with it.
        static NOTED: RefCell<ManuallyDrop<Option<Noting<'static>>>> = const { RefCell::new(ManuallyDrop::new(None)) };
    }
    let watch = Watch::installed();
    let noted = handler.map(|handler| {
        let text = format!("{RUNS}: {handler}");
        if let Some(fatal) = watch.fate_of(Activity::Report, &text) {
            let _nobody_waits =
                tell.send(News::Fatal(fault_of(fatal), format!("{handler}: {}", fatal.problem)));
            loop {
                thread::park();
            }
        }
        watch.noting(Activity::Report, &text)
    });
    drop(ManuallyDrop::into_inner(NOTED.replace(ManuallyDrop::new(noted))));
}

fn fault_of(fatal: &FatalInput) -> Fault {
    if fatal.hangs { Fault::Hangs } else { Fault::Dies }
}

/// Runs a system until its clients are done, and measures it.
fn lengths(system: &System, tell: &Sender<News>) -> Result<Lengths, Failure> {
    let mut settings = Settings::simulated(1);
    settings.events_max = EVENTS_MAX;
    settings.trace_events_max = 0;
    let to = tell.clone();
    settings.observer = Some(Observer::new(move |handler| note(handler, &to)));
    let mut run = Run::new(system, settings)?;
    let _nobody_waits = tell.send(News::Begins(run.running()));
    run.wait_for_clients(LIMIT)?;
    Ok(run.inspect(|view| {
        let mut lengths = Lengths::new();
        for address in view.addresses() {
            let Some(node) = view.any_node(address) else { continue };
            let is_client = node.as_worker().is_some();
            for (path, length) in node.value().collections() {
                // The commands and results of a client are as many as there are commands.
                if !is_client || path.starts_with("client") {
                    lengths.insert((address, path), length);
                }
            }
        }
        lengths
    }))
}

/// What has an entry more for each time that the commands were repeated, from run to run. Nodes in which the same grows are
/// named together.
fn growing(runs: &[Lengths]) -> Vec<String> {
    let [first, second, third] = runs else { return Vec::new() };
    let mut found: BTreeMap<(&str, [usize; 3]), Vec<Address>> = BTreeMap::new();
    for (place, last) in third {
        let (Some(before), Some(begin)) = (second.get(place), first.get(place)) else { continue };
        let grows = |from: usize, to: usize, times: usize| to >= from + times;
        if grows(*begin, *before, TIMES[1] - TIMES[0]) && grows(*before, *last, TIMES[2] - TIMES[1]) {
            let (address, path) = place;
            found.entry((path, [*begin, *before, *last])).or_default().push(*address);
        }
    }
    let line = |((path, [begin, before, last]), addresses): ((&str, [usize; 3]), Vec<Address>)| {
        let addresses: Vec<String> = addresses.iter().map(Address::to_string).collect();
        format!(
            "{path} of {} has {begin}, {before} and {last} entries after {}, {} and {} times the same commands",
            addresses.join(", "),
            TIMES[0],
            TIMES[1],
            TIMES[2]
        )
    };
    found.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(log: usize, cache: usize) -> Lengths {
        let of = |number, path: &str, length| ((Address::server(number), path.to_owned()), length);
        [of(1, "log", log), of(2, "log", log), of(1, "cache", cache), of(1, "peers", 3)].into()
    }

    #[test]
    fn what_grows_with_the_commands_is_named_and_nothing_else() {
        insta::assert_snapshot!(
            growing(&[run(10, 16), run(20, 16), run(40, 17)]).join("\n"),
            @"log of server1, server2 has 10, 20 and 40 entries after 10, 20 and 40 times the same commands"
        );
        // It comes to an end, or was discarded.
        assert!(growing(&[run(10, 0), run(20, 0), run(25, 0)]).is_empty());
        assert!(growing(&[run(30, 0), run(10, 0), run(40, 0)]).is_empty());
    }
    // BEGIN INSTRUCTOR ONLY

    // A handout may have no lab 1, and its lab 1 is a skeleton.
    #[test]
    fn runs_of_a_lab_come_to_their_end() {
        // The reference keeps the last response of a client, and no more.
        let options = LabOptions::default();
        let growth = watch(&clientserver::ClientServer, &options);
        assert_eq!(growth, Growth::Seen(Vec::new()));
        // Each name is new, so the store has an entry more for each: that is no mistake, but it is seen.
        let appends = LabOptions { workload: Some("PUT:k-%i:v".to_owned()), ..options };
        let Growth::Seen(found) = watch(&clientserver::ClientServer, &appends) else { panic!("it hangs") };
        assert_eq!(found.len(), 1, "{found:?}");
    }
    // END INSTRUCTOR ONLY
}
