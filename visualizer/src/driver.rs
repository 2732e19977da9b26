//! The driver of a lab: parses the command line, searches, reports. Every lab's example is one call of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExitCode;
use std::{env, io};

use framework::predicate::clients_done;
use framework::{Lab, Outcome, Predicate, Scenario};
use search::supervisor::Child;
use search::{
    Activity, CancelToken, Coverage, Missed, Profile, RandomDfs, Results, Settings, State, Stats, StepError,
    Verdict, Watch,
};
use serde::Serialize;

use crate::console::{Console, on_terminal};
use crate::doctor::{Diagnosis, Examined, Later};
use crate::exit_code::ExitCode;
use crate::fault::Fault;
use crate::finish::Finish;
use crate::growth::{self, Growth};
use crate::json::Report;
use crate::options::{self, Request, Strategy};
use crate::progress::LiveLine;
use crate::record::record_with_goals;
use crate::set_up::{self, NoScenario};
use crate::text::{self, Layout};
use crate::trace_file::{Options, Origin, TraceFile, TraceFileError};
use crate::workspace::Workspace;
use crate::{human, launch, live, missed, profile, shell, supervise};

/// The `main` of a lab's driver, `labs/<lab>/examples/<lab>.rs`: all that is in it is
/// `visualizer::lab_main(&pingpong::PingPong)`. `cargo lab search <lab> …` starts it with `search …`.
pub fn lab_main(lab: &dyn Lab) -> ProcessExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    let code = match Child::enter() {
        Ok(Some(child)) if live::is_live(&args) => {
            let code = live::serve(child, lab);
            // At once, as below.
            std::process::exit(code.number().into());
        }
        Ok(None) if live::is_live(&args) => on_terminal(|console| live::run(lab, &args, console)),
        Ok(Some(child)) => {
            let code = supervise::serve(child, |cancel, console| drive(lab, &args, cancel, console));
            // At once: nothing of a node's runs any more, no `Drop` and no thread.
            std::process::exit(code.number().into());
        }
        Ok(None) => on_terminal(|console| match request(lab, &args, console) {
            Ok((_, request)) => supervise::run(&request, &args, console),
            Err(code) => code,
        }),
        Err(error) => on_terminal(|console| {
            console.error(&error);
            ExitCode::Usage
        }),
    };
    if code == ExitCode::Success && env::var_os(launch::LAUNCHED).is_some() {
        return ProcessExitCode::from(launch::FINISHED);
    }
    code.into()
}

/// What a driver is asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Search,
    Profile,
    Doctor,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Profile => "profile",
            Self::Doctor => "doctor",
        }
    }
}

/// What the arguments ask for; else what was wrong has been said, or the help that was asked for.
fn request(lab: &dyn Lab, args: &[OsString], console: &mut Console<'_>) -> Result<(Verb, Request), ExitCode> {
    let word = args.split_first().and_then(|(word, rest)| Some((word.to_str()?, rest)));
    let (verb, args) = match word {
        Some(("search", rest)) => (Verb::Search, rest),
        Some(("profile", rest)) => (Verb::Profile, rest),
        Some(("doctor", rest)) => (Verb::Doctor, rest),
        _ => {
            console.error(format_args!(
                "expected `search`, `profile`, `doctor`, `explore` or `replay`; the driver of a lab is started by `cargo lab search {}`",
                lab.name()
            ));
            return Err(ExitCode::Usage);
        }
    };
    let request = options::parse(lab, verb.word(), args).map_err(|error| console.clap(&error))?;
    Ok((verb, request))
}

/// Does what the arguments say, in this process.
pub(crate) fn drive(
    lab: &dyn Lab,
    args: &[OsString],
    cancel: &CancelToken,
    console: &mut Console<'_>,
) -> ExitCode {
    let (verb, request) = match request(lab, args, console) {
        Ok(request) => request,
        Err(code) => return code,
    };
    let watch = Watch::installed();
    let noting = watch.noting(Activity::SetUp, "the set-up of the lab");
    let job = Job::new(lab, request, cancel);
    drop(noting);
    match job {
        Ok(job) => match verb {
            Verb::Search => job.run(console),
            Verb::Profile | Verb::Doctor => job.profile(lab, verb, console),
        },
        Err(problem @ NoScenario::Panicked { .. }) => {
            console.error(&problem);
            ExitCode::HandlerPanicked
        }
        Err(NoScenario::Refused(problem)) => {
            console.error(&problem);
            let help = format!("cargo lab {} {} --help", verb.word(), lab.name());
            let _nobody_reads = writeln!(console.err, "\nFor more information, try `{help}`.");
            ExitCode::Usage
        }
    }
}

/// A search that is ready to run.
struct Job<'a> {
    lab: &'a str,
    /// The lab as code names it.
    rust: String,
    request: Request,
    scenario: Scenario,
    settings: Settings,
    notes: Vec<String>,
}

impl<'a> Job<'a> {
    fn new(lab: &'a dyn Lab, request: Request, cancel: &CancelToken) -> Result<Self, NoScenario> {
        let scenario = set_up::scenario(lab, &request.lab)?;
        Self::of(lab, request, scenario, cancel).map_err(NoScenario::Refused)
    }

    fn of(
        lab: &'a dyn Lab,
        request: Request,
        scenario: Scenario,
        cancel: &CancelToken,
    ) -> Result<Self, String> {
        let nodes: Vec<_> = scenario.system.nodes().map(|(address, _)| address).collect();
        let (delivery, alone) = request.switches.delivery(&nodes).map_err(|error| error.to_string())?;
        let nodes = scenario.system.len();
        if nodes > search::NODES_MAX {
            return Err(format!("{nodes} nodes are too many: a search takes at most {}", search::NODES_MAX));
        }
        if request.until_goal && scenario.goals.is_empty() {
            return Err(format!("{} has no goals; leave `--until-goal` out", lab.name()));
        }
        if request.can_finish && scenario.goals.is_empty() {
            return Err(format!("{} has no goals; leave `--can-finish` out", lab.name()));
        }
        if request.can_finish && request.strategy != Strategy::Bfs {
            return Err("`--can-finish` needs all states; leave `--strategy random` out".to_owned());
        }
        let settings = Settings {
            stuck: request.stuck.then(|| scenario.goals.clone()),
            invariants: scenario.invariants.clone(),
            step_invariants: scenario.step_invariants.clone(),
            monitors: scenario.monitors.clone(),
            goals: if request.until_goal { scenario.goals.clone() } else { Vec::new() },
            prunes: if request.prune_done { vec![clients_done()] } else { Vec::new() },
            delivery,
            faults: request.switches.faults(),
            max_depth: request.max_depth,
            max_states: request.max_states,
            max_time: request.max_time,
            max_memory: request.max_memory,
            threads: request.threads,
            minimize: request.minimize,
            cancel: cancel.clone(),
            ..Settings::default()
        };
        let notes = request.notes.iter().cloned().chain(alone).collect();
        Ok(Self { lab: lab.name(), rust: lab.rust_name(), request, scenario, settings, notes })
    }

    fn run(mut self, console: &mut Console<'_>) -> ExitCode {
        let mut results = self.search(console);
        let missed = self.look_for_goals(&mut results, console);
        let watch = Watch::installed();
        let _noting = watch.noting(Activity::Report, "the report");
        let code = ExitCode::of(&results.verdict, self.request.until_goal || missed.is_some());
        let finishes = self.look_for_traps(&results, console);
        let code = finishes.iter().fold(code, |code, finish| finish.exit_code(code));
        let goals: Vec<String> = missed.iter().map(|(name, _)| name.clone()).collect();
        let missed = missed.and_then(|(_, missed)| missed).or_else(|| results.missed.clone());
        let (strategy, asked) = (self.request.strategy.word(), &self.scenario.goals);
        let trace = record_with_goals(&results, &self.settings, asked, self.origin(), strategy);
        let (saved, failed) = match trace.as_ref().map(|trace| self.save(trace, &results.verdict, console)) {
            Some(Ok(path)) => (path, false),
            Some(Err(error)) => {
                console.error(&error);
                (None, true)
            }
            None => {
                if self.request.trace.is_some() {
                    self.notes.push("there is no trace to save: the search found nothing".to_owned());
                }
                (None, false)
            }
        };
        let saved = saved.map(|path| console.relative(&path));
        let written = if self.request.json {
            let mut report = self.report(&results, code);
            report.trace = saved.as_deref();
            report.missed = missed.as_ref().map(missed::Report::of);
            report.can_finish = finishes.iter().map(Finish::report).collect();
            print_json(&report, console)
        } else {
            let mut lines = self.lines(&results, goals);
            for finish in &finishes {
                lines.extend(finish.lines());
            }
            if let Some(missed) = &missed {
                lines.push(String::new());
                lines.extend(missed::lines(missed));
            }
            lines.extend(self.trace_lines(trace.as_ref(), saved.as_deref()));
            console.print(&lines)
        };
        match console.written(written, code) {
            ExitCode::Success if failed => ExitCode::Internal,
            code => code,
        }
    }

    /// Prints what makes the states, or also what else is wrong with the nodes.
    fn profile(mut self, lab: &dyn Lab, verb: Verb, console: &mut Console<'_>) -> ExitCode {
        let start = match State::initial(&self.scenario.system) {
            Ok(start) => start,
            Err(error) => {
                console.error(&error);
                return ExitCode::of(&failed_at_once(error).verdict, false);
            }
        };
        if self.settings.max_states.is_none() {
            self.settings.max_states = Some(profile::STATES);
            self.notes.push(format!("assumed `--max-states {}`", profile::STATES));
        }
        let line = console.progress.then(LiveLine::start);
        self.settings.progress = line.as_ref().map(LiveLine::callback);
        let profile = search::profile(&start, &self.settings);
        drop(line);
        // A search that was cut has a profile all the same.
        let mut code = match ExitCode::of(&profile.search.verdict, false) {
            ExitCode::BudgetSpent | ExitCode::MemorySpent => ExitCode::Success,
            code => code,
        };
        let command = &self.request.command;
        let written = if verb == Verb::Doctor {
            // The first words are `cargo lab doctor`.
            let search = command.replacen("doctor", "search", 1);
            // Where a handler is wrong in the first events already, longer runs say nothing more.
            let sound = matches!(profile.search.verdict, Verdict::Exhausted | Verdict::BudgetSpent(_));
            let growth = sound.then(|| growth::watch(lab, &self.request.lab));
            let later = self.later(&start, &profile.search.verdict);
            let in_runs = match growth {
                Some(Growth::Faulty(fault, _)) => Some(fault),
                _ => None,
            };
            if let Some(fault) = later.as_ref().and_then(Later::fault).or(in_runs) {
                code = fault.exit_code();
            }
            let examined = Examined { profile: &profile, later: later.as_ref(), growth: growth.as_ref() };
            let diagnosis = Diagnosis::of(self.lab, command, &search, examined);
            if self.request.json {
                print_json(&diagnosis, console)
            } else {
                console.print(&diagnosis.lines(examined, &self.notes))
            }
        } else if self.request.json {
            print_json(&profile::Report::of(self.lab, command, &profile), console)
        } else {
            console.print(&profile::lines(&profile, &self.notes))
        };
        console.written(written, code)
    }

    /// What makes the states from one on in which the nodes are at work. Where all states were seen these are among them; and a
    /// cluster spends its first thousands of states on elections, in which no command is.
    fn later(&self, start: &State, verdict: &Verdict) -> Option<Later> {
        if !matches!(verdict, Verdict::BudgetSpent(_)) {
            return None;
        }
        let settings = Settings {
            invariants: Vec::new(),
            step_invariants: Vec::new(),
            monitors: Vec::new(),
            stuck: None,
            minimize: false,
            goals: vec![Predicate::new("a client has a result", |view| {
                Outcome::from(view.workers().any(|worker| worker.result_count() > 0))
            })],
            ..self.settings.clone()
        };
        let random = RandomDfs { seed: self.request.lab.seed, probes: None };
        let found = search::random_dfs(start, &settings, random);
        let Some(mut state) = found.goal_state().cloned() else {
            // A handler may be wrong on the way; that no client gets a result says nothing about the nodes.
            let states = found.stats.states;
            Fault::of(&found.verdict)?;
            let profile = Profile { states, rows: Vec::new(), repeats: Vec::new(), search: found };
            return Some(Later { profile, from_a_result: false });
        };
        // What was on the way belongs to the beginning.
        state.drop_pending_messages();
        Some(Later { profile: search::profile(&state, &self.settings), from_a_result: true })
    }

    /// Whether each goal can be reached from every state, if that was asked and the search found nothing else.
    fn look_for_traps(&mut self, results: &Results, console: &Console<'_>) -> Vec<Finish> {
        let searched = matches!(results.verdict, Verdict::Exhausted | Verdict::BudgetSpent(_));
        let Ok(start) = State::initial(&self.scenario.system) else { return Vec::new() };
        if !self.request.can_finish || !searched {
            return Vec::new();
        }
        let line = console.progress.then(LiveLine::start);
        self.settings.progress = line.as_ref().map(LiveLine::callback);
        let finish = |goal: &Predicate| Finish {
            goal: goal.name().to_owned(),
            result: search::can_always_finish(&start, &self.settings, goal),
        };
        self.scenario.goals.iter().map(finish).collect()
    }

    fn search(&mut self, console: &Console<'_>) -> Results {
        let start = match State::initial(&self.scenario.system) {
            Ok(start) => start,
            Err(error) => return failed_at_once(error),
        };
        let line = console.progress.then(LiveLine::start);
        self.settings.progress = line.as_ref().map(LiveLine::callback);
        match self.request.strategy {
            Strategy::Bfs => search::bfs(&start, &self.settings),
            Strategy::Random { probes } => {
                let random = RandomDfs { seed: self.request.lab.seed, probes };
                search::random_dfs(&start, &self.settings, random)
            }
        }
    }

    /// A system that does nothing violates nothing. So after every state was visited, each goal of the lab is looked for:
    /// the name of the first that no state satisfies, and why.
    fn look_for_goals(
        &mut self,
        results: &mut Results,
        console: &Console<'_>,
    ) -> Option<(String, Option<Missed>)> {
        if results.verdict != Verdict::Exhausted || self.request.until_goal {
            return None;
        }
        for goal in self.scenario.goals.clone() {
            let name = goal.name().to_owned();
            self.settings.goals = vec![goal];
            let found = self.search(console);
            self.settings.goals.clear();
            match found.verdict {
                Verdict::GoalFound { .. } => {
                    self.notes.push(format!("goal reached: {name}, first at depth {}", found.stats.depth));
                }
                Verdict::Exhausted => return Some((name, found.missed)),
                // A goal that panics, or nobody who waits any longer.
                _ => {
                    *results = found;
                    return None;
                }
            }
        }
        None
    }

    fn origin(&self) -> Origin {
        let options = &self.request.lab;
        Origin {
            lab: self.lab.to_owned(),
            command: self.request.command.clone(),
            options: Options {
                servers: options.servers,
                clients: options.clients,
                workload: options.workload.clone(),
                seed: options.seed,
                own: options.own.clone(),
            },
            rust: self.rust.clone(),
        }
    }

    /// Saves a trace where the user says, or where failing traces go.
    fn save(
        &self,
        trace: &TraceFile,
        verdict: &Verdict,
        console: &Console<'_>,
    ) -> Result<Option<PathBuf>, TraceFileError> {
        let path = match (&self.request.trace, verdict) {
            (Some(path), _) => console.here.join(path),
            (None, Verdict::GoalFound { .. }) => return Ok(None),
            (None, verdict) => match Workspace::find(&console.here) {
                Ok(workspace) => workspace.trace_path(&format!("{}-{}", self.lab, verdict.word())),
                Err(_) => return Ok(None),
            },
        };
        trace.save(&path)?;
        Ok(Some(path))
    }

    fn report<'r>(&'r self, results: &'r Results, code: ExitCode) -> Report<'r> {
        let strategy = self.request.strategy.word();
        let mut report = Report::new(self.lab, &self.request.command, strategy, results, code);
        report.notes = &self.notes;
        report
    }

    fn lines(&self, results: &Results, missed: Vec<String>) -> Vec<String> {
        let asked = self.settings.goals.iter().map(|goal| goal.name().to_owned());
        let goals: Vec<String> = asked.chain(missed).collect();
        human::lines(results, &goals, &self.notes)
    }

    fn trace_lines(&self, trace: Option<&TraceFile>, saved: Option<&str>) -> Vec<String> {
        let Some(trace) = trace else { return Vec::new() };
        let next = saved.map(|path| format!("cargo lab show {}", shell::quoted(path)));
        let next = next.into_iter().chain([self.request.command.clone()]).collect();
        let body = text::body(trace, &Layout { next, ..Layout::default() });
        std::iter::once(String::new()).chain(body).collect()
    }
}

fn print_json(report: &impl Serialize, console: &mut Console<'_>) -> io::Result<()> {
    console.print(&[serde_json::to_string(report).map_err(io::Error::other)?])
}

/// The results of a search that could not begin because a node could not.
fn failed_at_once(error: StepError) -> Results {
    let verdict = match error {
        StepError::NotSerializable(fault) => Verdict::Nondeterministic(fault),
        StepError::Panicked(fault) => Verdict::HandlerPanicked(fault),
        StepError::Hung(fault) => Verdict::HandlerHung(fault),
        StepError::Died(fault) => Verdict::HandlerDied(fault),
        StepError::Nondeterministic(fault) => Verdict::Nondeterministic(fault),
        // `init` has no other ways to fail.
        other => Verdict::PredicatePanicked { predicate: "init".to_owned(), panic: other.to_string() },
    };
    Results {
        verdict,
        trace: None,
        goal_states: Vec::new(),
        missed: None,
        stats: Stats::default(),
        coverage: Coverage::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::sample::Register;

    /// Exit code, standard output, standard error; the workspace is a folder of the test's own.
    fn run(line: &str) -> (u8, String, String) {
        run_in(folder().path(), line)
    }

    fn run_in(here: &Path, line: &str) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console =
            Console { out: &mut out, err: &mut err, progress: false, terminal: false, here: here.to_owned() };
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let code = drive(&Register, &args, &CancelToken::default(), &mut console);
        (code.number(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn folder() -> TempDir {
        let here = tempfile::tempdir().unwrap();
        fs::create_dir(here.path().join("labs")).unwrap();
        fs::write(here.path().join("Cargo.toml"), "").unwrap();
        here
    }

    /// The lines from the counterexample on: those above it have times in them.
    fn counterexample(out: &str) -> &str {
        out.split_once("\n\n").unwrap().1
    }

    #[test]
    fn an_exhausted_space_is_a_success() {
        let here = folder();
        let (code, out, err) = run_in(here.path(), "search --clients 1");
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(
            out.starts_with("exhausted: every reachable state was visited\n4 states, depth 3, "),
            "{out}"
        );
        assert!(!here.path().join("target").exists());
    }

    #[test]
    fn a_violation_is_shown_and_saved() {
        let here = folder();
        let (code, out, err) = run_in(here.path(), "search --clients 2");
        assert_eq!((code, err.as_str()), (10, ""));
        assert!(out.starts_with("violated: texts are kept: client"), "{out}");
        insta::assert_snapshot!(counterexample(&out));
        let trace = TraceFile::load(&here.path().join("target/traces/register-violated.json")).unwrap();
        assert_eq!(trace.verdict.name, "texts are kept");
        assert_eq!(trace.origin.command, "cargo lab search register --clients 2");
        // What the lab asks for is known at every step, also what this search did not ask.
        let asked: Vec<_> = trace.predicates.iter().map(|asked| asked.name.as_str()).collect();
        assert_eq!(asked, ["texts are kept", "all writers are done"]);
        assert!(trace.steps.iter().all(|step| step.truth.iter().all(|truth| truth.holds.is_some())));
    }

    #[test]
    fn json_is_one_object_and_nothing_else() {
        let here = folder();
        let (code, out, err) = run_in(here.path(), "search --clients 2 --json --trace t.json");
        assert_eq!((code, err.as_str()), (10, ""));
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["verdict"], "violated");
        assert_eq!(json["trace"], "t.json");
        assert_eq!(json["events"].as_array().unwrap().len(), 5);
        assert_eq!(json["violation"]["blame"].as_array().unwrap().len(), 2);
        let (_, out, _) = run("search --clients 1 --json --no-timers");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&json["states"], &json["levels"]), (&1.into(), &serde_json::json!([1])));
        let expected = [
            "verdict",
            "states",
            "generated",
            "depth",
            "levels",
            "digest",
            "handler_calls",
            "memo_hit_rate",
            "components",
            "bytes_per_state",
            "seconds",
            "states_per_second",
            "coverage",
        ];
        for field in expected {
            assert!(!json[field].is_null(), "{field} in {json}");
        }
    }

    #[test]
    fn goals_decide_only_when_they_are_asked_for() {
        let (code, out, _) = run("search --clients 1 --until-goal");
        assert_eq!(code, 0);
        assert!(out.starts_with("goal found: all writers are done\n"), "{out}");
        insta::assert_snapshot!(counterexample(&out));
        let (code, out, _) = run("search --clients 1 --until-goal --link server1:client1=off");
        assert_eq!(code, 12);
        insta::assert_snapshot!(out.lines().next().unwrap(), @"goal not found: every reachable state was visited, none satisfies `all writers are done`");
    }

    #[test]
    fn a_system_that_does_nothing_is_no_success() {
        let (code, out, _) = run("search --no-network --no-timers");
        assert_eq!(code, 12, "{out}");
        assert!(out.starts_with("goal not found: every reachable state was visited"), "{out}");
    }

    #[test]
    fn a_missed_goal_is_explained() {
        let (code, out, _) = run("search --clients 2 --until-goal --sender client2=off");
        assert_eq!(code, 12);
        let explained = counterexample(&out);
        assert!(explained.lines().count() <= 25, "{explained}");
        insta::assert_snapshot!(explained);
        let line = "search --clients 1 --no-network --json";
        let (code, out, _) = run(line);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(code, 12);
        assert_eq!(json["missed"]["goals"][0]["goal"], "all writers are done");
        assert_eq!(json["missed"]["obstacles"]["held_messages"][0]["place"], "client1 → server1");
    }

    #[test]
    fn a_stuck_state_is_shown() {
        let here = folder();
        let (code, out, err) = run_in(here.path(), "search --stuck --link server1:client1=off");
        assert_eq!((code, err.as_str()), (11, ""));
        insta::assert_snapshot!(out.lines().next().unwrap(), @"stuck: nothing that may happen changes anything any more; `all writers are done` does not hold");
        insta::assert_snapshot!(counterexample(&out));
        let trace = TraceFile::load(&here.path().join("target/traces/register-stuck.json")).unwrap();
        assert_eq!(trace.verdict.kind, "stuck");
        assert_eq!(run("search --stuck").0, 0);
    }

    #[test]
    fn whether_a_goal_can_always_be_reached() {
        let about = |out: &str| {
            out.lines().filter(|l| l.contains("all writers are done`")).collect::<Vec<_>>().join("\n")
        };
        let (code, out, err) = run("search --can-finish");
        assert_eq!((code, err.as_str()), (0, ""));
        insta::assert_snapshot!(about(&out), @"`all writers are done` can be reached from every state, and holds in 1 state");
        let (code, out, _) = run("search --can-finish --max-depth 1");
        assert_eq!(code, 20);
        insta::assert_snapshot!(about(&out), @"whether `all writers are done` can always be reached is not decided: the search was not complete: nobody knows what follows 1 of its states");
        assert!(
            out.contains("evidence, no proof: with a healed network 1 of 1 sampled states reached it"),
            "{out}"
        );
        let (code, out, _) = run("search --can-finish --link server1:client1=off");
        // That no state at all satisfies it is the stronger finding.
        assert_eq!(code, 12, "{out}");
        let answer = out.lines().skip_while(|line| !line.contains("out of reach from 3")).take(2);
        insta::assert_snapshot!(answer.collect::<Vec<_>>().join("\n"), @r"
        `all writers are done` is out of reach from 3 states; in 1 of them nothing happens any more
        It is out of reach from the start.
        ");
        let (code, _, err) = run("search --can-finish --strategy random");
        assert_eq!(code, 64);
        assert!(err.contains("`--can-finish` needs all states"), "{err}");
    }

    #[test]
    fn a_profile_is_a_table() {
        let (code, out, err) = run("profile --clients 2");
        assert_eq!((code, err.as_str()), (0, ""));
        insta::assert_snapshot!(out);
        let (code, out, _) = run("profile --clients 2 --json --max-states 5");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &json["states"], &json["verdict"]), (0, &5.into(), &"budget-states".into()));
        assert_eq!(json["command"], "cargo lab profile register --clients 2 --max-states 5");
    }

    #[test]
    fn what_is_not_complete_is_no_success() {
        assert_eq!(run("search --max-depth 2").0, 20);
        assert_eq!(run("search --max-states 2").0, 20);
        assert_eq!(run("search --max-time 1ms --clients 9 --link server1:client1=off").0, 20);
        assert_eq!(run("search --strategy random --max-depth 5 --probes 3").0, 20);
    }

    #[test]
    fn a_panic_is_shown_with_the_event_that_led_to_it() {
        let (code, out, _) = run("search --mood touchy");
        assert_eq!(code, 14);
        assert!(
            out.starts_with("handler panicked: on_message(Write) of server1 (Server): there is a text"),
            "{out}"
        );
        let masked = counterexample(&out).replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), "");
        let place = masked.find(", at ").unwrap();
        let end = place + masked[place..].find('\n').unwrap();
        insta::assert_snapshot!(format!("{}{}", &masked[..place], &masked[end..]));
    }

    #[test]
    fn misuse_says_what_is_possible() {
        let lines = [
            "",
            "explore",
            "search --mood sad",
            "search --link server1:client7=off",
            "search --partition client1,server1|server2",
        ];
        let errors = lines.map(|line| {
            let (code, out, err) = run(line);
            assert_eq!((code, out.as_str()), (64, ""));
            format!("$ {line}\n{err}")
        });
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn help_is_no_error() {
        let (code, out, err) = run("search --help");
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(
            out.starts_with("A register that forgets, for tests\n\nUsage: cargo lab search register"),
            "{out}"
        );
    }

    #[test]
    fn a_trace_that_cannot_be_saved_is_an_error() {
        let (code, out, err) = run("search --until-goal --trace Cargo.toml/t.json");
        assert_eq!(code, 70);
        assert!(out.starts_with("goal found"), "{out}");
        assert!(err.starts_with("error: cannot write `"), "{err}");
    }
}
