//! Code that ends its process, or holds it up, is a verdict with node, handler and trace.
//!
//! The supervised process is this same program: the test [`child`] does there what an environment variable says.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy knows a test by its attribute, and helpers of tests have none"
)]

mod hostile;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use framework::{Outcome, Predicate, StepPredicate};
use search::supervisor::{Cause, Child, Supervised, Supervisor};
use search::{Activity, Delivery, RandomDfs, Results, Settings, State, StepError, Verdict, Watch};
use serde::{Deserialize, Serialize};

use self::hostile::{Deed, Hostile, Place, strike, system};

/// What the process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    deed: Deed,
    place: Place,
    threads: usize,
    random: bool,
}

/// What it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Findings {
    word: String,
    verdict: String,
    events: Option<Vec<String>>,
    /// How many of the events can be replayed before the one that must not be.
    replayed: Option<usize>,
    levels: Vec<u64>,
    digests: Vec<u64>,
    passed_over: Vec<String>,
}

const TASK: &str = "HOSTILE_TASK";

/// A handler gets this long if it is to be seen that it does not return; else as good as for ever.
fn handler_time(task: &Task) -> Duration {
    if task.deed == Deed::Sleep { Duration::from_millis(250) } else { Duration::from_secs(600) }
}

/// Address space that is enough for the tests, and soon used up.
const MEMORY: u64 = 4 << 30;

/// The supervised process. Without a supervisor there is nothing to do.
#[test]
fn child() {
    let Some(child) = Child::enter().unwrap() else { return };
    let task: Task = serde_json::from_str(&std::env::var(TASK).unwrap()).unwrap();
    let results = search_for(&task, &child);
    let watch = Watch::installed();
    let noting = watch.noting(Activity::Report, "the trace");
    let findings = findings(&results);
    drop(noting);
    child.finish(&serde_json::to_vec(&findings).unwrap()).unwrap();
    #[cfg(target_os = "linux")]
    if task.deed == Deed::Nothing {
        what_can_be_opened().into_iter().for_each(|path| println!("\nopen: {path}"));
    }
    std::process::exit(0);
}

/// The files through which a thread that a handler left behind could exchange the result, just after it was handed over.
#[cfg(target_os = "linux")]
fn what_can_be_opened() -> Vec<String> {
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let journal = links
        .filter_map(|link| std::fs::read_link(link.path()).ok())
        .find(|path| name(path).starts_with("journal-"))
        .unwrap();
    let folder = std::fs::read_dir(journal.parent().unwrap()).unwrap();
    let mut found: Vec<String> = folder.map(|entry| name(&entry.unwrap().path())).collect();
    let again = std::fs::OpenOptions::new().write(true).open("/proc/self/fd/0");
    found.extend(again.is_ok().then(|| "the standard input".to_owned()));
    found
}

fn search_for(task: &Task, child: &Child) -> Results {
    let watch = Watch::installed();
    let noting = watch.noting(Activity::SetUp, "the set-up");
    let system = system(task.deed, task.place);
    drop(noting);
    let start = match State::initial(&system) {
        Ok(start) => start,
        Err(error) => return failed(error),
    };
    let settings =
        Settings { handler_time: handler_time(task), cancel: child.cancel.clone(), ..Settings::default() };
    let settings = with_predicates(settings.threads(task.threads), task);
    if task.random {
        search::random_dfs(&start, &settings.max_depth(9), RandomDfs { seed: 3, probes: Some(50) })
    } else {
        search::bfs(&start, &settings)
    }
}

fn with_predicates(settings: Settings, task: &Task) -> Settings {
    let (deed, place) = (task.deed, task.place);
    let both_at_one = |view: &framework::View<'_>| view.nodes::<Hostile>().all(|(_, node)| node.count == 1);
    match place {
        Place::Recover => settings.crashes(1).restarts(1),
        Place::Invariant => settings.invariant(Predicate::holds("peace", move |view| {
            if both_at_one(view) {
                strike(deed);
            }
            true
        })),
        Place::Goal => settings.goal(Predicate::holds("war", move |view| {
            if both_at_one(view) {
                strike(deed);
            }
            false
        })),
        Place::StepInvariant => settings.step_invariant(StepPredicate::new("steady", move |step| {
            if both_at_one(step.after) {
                strike(deed);
            }
            Outcome::holds()
        })),
        _ => settings,
    }
}

fn failed(error: StepError) -> Results {
    let verdict = match error {
        StepError::Died(fault) => Verdict::HandlerDied(fault),
        StepError::Hung(fault) => Verdict::HandlerHung(fault),
        other => panic!("{other}"),
    };
    Results {
        verdict,
        trace: None,
        goal_states: Vec::new(),
        stats: search::Stats::default(),
        missed: None,
        coverage: search::Coverage::default(),
    }
}

fn findings(results: &Results) -> Findings {
    let replayed = results.trace.as_ref().map(|trace| {
        let states = search::replay(trace, &Delivery::default()).unwrap();
        states.len() - 1
    });
    Findings {
        word: results.verdict.word().to_owned(),
        verdict: results.verdict.to_string(),
        events: results.trace.as_ref().map(|trace| trace.events.iter().map(ToString::to_string).collect()),
        replayed,
        levels: results.stats.levels.clone(),
        digests: results.stats.digests.clone(),
        passed_over: results.coverage.passed_over.clone(),
    }
}

fn command(task: &Task) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(TASK, serde_json::to_string(task).unwrap())
        .env_remove("RUST_BACKTRACE");
    command
}

fn supervisor() -> Supervisor {
    Supervisor { memory: Some(MEMORY), ..Supervisor::default() }
}

fn supervised(task: &Task) -> Supervised {
    Supervisor { handler_time: handler_time(task), ..supervisor() }.run(&mut command(task)).unwrap()
}

fn found(supervised: &Supervised) -> Findings {
    match &supervised.result {
        Ok(bytes) => serde_json::from_slice(bytes).unwrap(),
        Err(death) => panic!("{death}\n{:#?}", supervised.stderr),
    }
}

/// The findings, which must be the same for one thread and for three.
fn same_for_threads(deed: Deed, place: Place) -> Findings {
    let [one, three] =
        [1, 3].map(|threads| found(&supervised(&Task { deed, place, threads, random: false })));
    assert_eq!(one, three);
    one
}

/// Verdict and trace in lines. The events up to the fatal one can be replayed.
fn lines(findings: &Findings) -> String {
    let mut lines = vec![findings.verdict.clone()];
    match &findings.events {
        None => lines.push("no trace".to_owned()),
        Some(events) => {
            let fatal_event = usize::from(findings.word == "handler-died" || findings.word == "handler-hung");
            assert_eq!(findings.replayed, Some(events.len() - fatal_event));
            lines.extend(events.iter().cloned());
        }
    }
    lines.join("\n")
}

#[test]
fn whatever_ends_the_process_in_a_handler_is_found() {
    let deeds =
        [Deed::Recurse, Deed::Abort, Deed::Exit(0), Deed::Exit(1), Deed::Allocate, Deed::PanicWhilePanicking];
    let texts = deeds.map(|deed| lines(&same_for_threads(deed, Place::OnMessage)));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn it_is_found_wherever_student_code_runs() {
    let places = [
        Place::Init,
        Place::OnTimer,
        Place::Recover,
        Place::Clone,
        Place::Deserialize,
        Place::Serialize,
        Place::Drop,
        Place::Debug,
        Place::DebugOfMessage,
        Place::Invariant,
        Place::StepInvariant,
        Place::Goal,
    ];
    let texts = places.map(|place| format!("{place:?}\n{}", lines(&same_for_threads(Deed::Exit(0), place))));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn what_does_not_return_is_found_wherever_it_runs() {
    let places = [Place::Init, Place::OnMessage, Place::Clone, Place::Invariant];
    let texts = places.map(|place| {
        let task = Task { deed: Deed::Sleep, place, threads: 2, random: false };
        format!("{place:?}\n{}", lines(&found(&supervised(&task))))
    });
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_random_search_finds_it_as_well() {
    let task = Task { deed: Deed::Recurse, place: Place::OnMessage, threads: 2, random: true };
    let findings = found(&supervised(&task));
    assert_eq!(findings.word, "handler-died");
    let events = findings.events.unwrap();
    assert_eq!(events.last().unwrap(), "server1 receives Strike from server1");
}

#[test]
fn an_end_while_the_system_is_built_is_no_verdict() {
    let task = Task { deed: Deed::Exit(3), place: Place::SetUp, threads: 1, random: false };
    let death = supervised(&task).result.unwrap_err();
    assert_eq!(death.to_string(), "the set-up called `process::exit(3)`");
}

#[test]
fn an_end_that_does_not_happen_again_makes_the_result_suspicious() {
    let task = Task { deed: Deed::ExitOnce, place: Place::OnMessage, threads: 2, random: false };
    let file = std::env::temp_dir().join(format!("hostile-{}", std::process::id()));
    let supervised = supervisor().run(command(&task).env("HOSTILE_FILE", &file)).unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(found(&supervised).word, "exhausted");
    let death = supervised.unrepeated.unwrap();
    assert_eq!((&death.cause, death.at.is_some()), (&Cause::Exited(0), true));
}

/// Its name and its first word would be found there, also by code that cannot see into memory.
#[test]
#[cfg(target_os = "linux")]
fn a_result_is_in_no_file() {
    let task = Task { deed: Deed::Nothing, place: Place::OnMessage, threads: 1, random: false };
    let supervised = supervised(&task);
    assert_eq!(found(&supervised).word, "exhausted");
    let said = supervised.stdout.first.iter().chain(&supervised.stdout.last);
    let open: Vec<&String> = said.filter(|line| line.starts_with("open: ")).collect();
    assert_eq!(open, ["open: journal-0"]);
}

/// It prints what a test harness prints, exits with 0, and still is no success.
#[test]
fn megabytes_of_output_change_nothing_and_are_kept_in_part() {
    let task = Task { deed: Deed::Print, place: Place::OnMessage, threads: 2, random: false };
    let printed = supervised(&task);
    let quiet = supervised(&Task { deed: Deed::Nothing, ..task });
    let (printed_found, quiet_found) = (found(&printed), found(&quiet));
    assert_eq!((&printed_found.word[..], &printed_found.levels), ("exhausted", &quiet_found.levels));
    assert!(printed.stdout.lines > 80_000 && printed.stdout.bytes > 6 << 20, "{:?}", printed.stdout.lines);
    assert!(printed.stdout.first.len() + printed.stdout.last.len() < 100);
}

#[test]
fn a_thread_that_a_handler_starts_holds_nothing_up() {
    let task = Task { deed: Deed::StartThread, place: Place::OnMessage, threads: 1, random: false };
    assert_eq!(found(&supervised(&task)).word, "exhausted");
}

/// The states that are reachable if no hostile server ever acts on its message: counted by hand, one state after another.
fn without_fatal_steps(task: &Task) -> Vec<u64> {
    let start = State::initial(&system(Deed::Nothing, task.place)).unwrap();
    let delivery = Delivery::default();
    let mut seen = BTreeSet::from([start.encode().unwrap()]);
    let mut level = vec![start];
    let mut levels = Vec::new();
    while !level.is_empty() {
        levels.push(level.len() as u64);
        let mut next = Vec::new();
        for state in &level {
            for event in state.events(&delivery) {
                let at_one = state.view().node::<Hostile>(event.node()).is_some_and(|node| node.count == 1);
                if at_one && event.to_string().contains("Strike") {
                    continue;
                }
                let after = state.step(&event, &delivery).unwrap();
                if seen.insert(after.encode().unwrap()) {
                    next.push(after);
                }
            }
        }
        level = next;
    }
    levels
}

#[test]
fn a_search_that_passes_over_fatal_inputs_visits_what_is_there_without_them() {
    let task = Task { deed: Deed::Recurse, place: Place::OnMessage, threads: 2, random: false };
    let supervisor = Supervisor { pass_over_fatal: true, ..supervisor() };
    let findings = found(&supervisor.run(&mut command(&task)).unwrap());
    assert_eq!((&findings.word[..], &findings.levels), ("exhausted", &without_fatal_steps(&task)));
    insta::assert_snapshot!(findings.passed_over.join("\n"), @r"
    on_message(Strike) of server1: it overflowed its stack; look for a function that calls itself without end, also in Clone, Debug, Serialize or Drop
    on_message(Strike) of server2: it overflowed its stack; look for a function that calls itself without end, also in Clone, Debug, Serialize or Drop
    ");
}

#[test]
fn time_is_a_backstop() {
    let task = Task { deed: Deed::Sleep, place: Place::OnMessage, threads: 1, random: false };
    let time = Some(Duration::from_millis(10));
    let death = Supervisor { time, ..supervisor() }.run(&mut command(&task)).unwrap().result.unwrap_err();
    assert_eq!(death.cause, Cause::TimeOver(Duration::from_millis(10)));
}

#[test]
fn who_ends_without_a_result_is_known_not_to_have_one() {
    for (program, args) in
        [("true", &[][..]), ("echo", &["test result: ok"][..]), ("sh", &["-c", "kill -9 $$"][..])]
    {
        let supervised = supervisor().run(Command::new(program).args(args)).unwrap();
        let death = supervised.result.unwrap_err();
        assert_eq!(death.at, None, "{program}");
        assert_eq!(supervised.deaths.len(), 1, "once more with one thread, and not for ever");
    }
}

/// What a process leaves behind is ended with it.
#[test]
fn nothing_of_the_group_is_left() {
    let supervised = supervisor().run(Command::new("sh").args(["-c", "sleep 600 & echo $!"])).unwrap();
    let pid: i32 = supervised.stdout.first[0].parse().unwrap();
    let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Err(_) => true,
        Ok(stat) => stat.contains(") Z "),
    };
    assert!(
        (0..500).any(|_| gone() || {
            std::thread::sleep(Duration::from_millis(10));
            false
        }),
        "{pid} is still there"
    );
}
