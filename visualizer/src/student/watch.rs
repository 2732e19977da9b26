//! `cargo lab watch part3`: runs a suite's tests whenever a source file is saved, the first failing one first.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgMatches, Command};

use crate::amount::counted;
use crate::command;
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::shell;
use crate::student::grades::{Grades, Record};
use crate::student::hints::Failing;
use crate::workspace::Workspace;

/// How often the files are looked at.
const POLL: Duration = Duration::from_millis(150);

/// The command line.
pub(crate) fn definition() -> Command {
    Command::new("watch")
        .about("Run a suite's tests on every save, the first failing one first")
        .after_help(format!("While it waits, type {KEYS}."))
        .arg(
            Arg::new("suite")
                .value_name("SUITE")
                .required(true)
                .help("A suite: `part3`, or `3`, or `pingpong`"),
        )
}

/// What can be typed while it waits.
const KEYS: &str =
    "a letter and Enter: h hint, t trace, n next failing test, a all tests, q quit; Enter alone runs again";

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Round {
    /// The test that one works on.
    One(String),
    All,
}

/// Why a round ended.
enum Ended {
    /// By itself; what the harness wrote, or nothing if it does not compile.
    Ran(Option<Grades>),
    /// A file was saved meanwhile.
    Saved,
    Quit,
}

/// A copy of the labs with one suite that is watched.
struct Watch {
    root: PathBuf,
    suite: String,
    stop: Arc<AtomicBool>,
    lines: Lines,
    sources: Sources,
    /// The results of the last run of all tests.
    all: Option<Grades>,
    /// The test that one works on.
    focus: Option<String>,
    /// The test that a hint was last given for, and how many of its hints.
    hinted: Option<(String, usize)>,
}

/// Watches until it is told to quit.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> ExitCode {
    let named = matches.get_one::<String>("suite").map(String::as_str).unwrap_or_default();
    let suite = if named.parse::<u32>().is_ok() { format!("part{named}") } else { named.to_owned() };
    let root = match Workspace::find(&console.here) {
        Ok(workspace) => workspace.root,
        Err(error) => {
            console.error(error);
            return ExitCode::Usage;
        }
    };
    let known = suites(&root);
    if !known.contains(&suite) {
        console.error(format_args!("there is no suite `{suite}`; known suites: {}", known.join(", ")));
        return ExitCode::Usage;
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in ending_signals() {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&stop)) {
            console.error(format_args!("cannot listen for Ctrl-C: {error}"));
            return ExitCode::Internal;
        }
    }
    let all = Grades::read(&root.join("target/grades").join(&suite));
    let focus = all.as_ref().and_then(|all| all.failing().next()).map(|record| record.test.clone());
    let sources = Sources::of(&root);
    let mut watch = Watch { root, suite, stop, lines: Lines::of_stdin(), sources, all, focus, hinted: None };
    match watch.until_quit(console) {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            console.error(error);
            ExitCode::Internal
        }
    }
}

fn ending_signals() -> Vec<i32> {
    use signal_hook::consts;
    #[cfg(unix)]
    return vec![consts::SIGINT, consts::SIGTERM, consts::SIGHUP];
    #[cfg(not(unix))]
    vec![consts::SIGINT, consts::SIGTERM]
}

/// The suites of a workspace: the files in `tests`.
fn suites(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join("tests")) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    names.sort();
    names
}

impl Watch {
    fn until_quit(&mut self, console: &mut Console<'_>) -> io::Result<()> {
        let mut round = self.next_round();
        loop {
            console.print(&[self.headline(&round)])?;
            match self.play(&round)? {
                Ended::Quit => return Ok(()),
                Ended::Saved => {
                    console.print(&["saved; beginning again"])?;
                    round = self.next_round();
                    continue;
                }
                Ended::Ran(None) => console.print(&["\nno test ran; what the compiler says stands above"])?,
                Ended::Ran(Some(grades)) => {
                    if self.learn(&round, grades) {
                        round = Round::All;
                        continue;
                    }
                }
            }
            match self.wait(console)? {
                Some(next) => round = next,
                None => return Ok(()),
            }
        }
    }

    fn next_round(&self) -> Round {
        self.focus.clone().map_or(Round::All, Round::One)
    }

    fn headline(&self, round: &Round) -> String {
        match round {
            Round::One(test) => format!("\n== {}: {test}", self.suite),
            Round::All => format!("\n== {}: all tests", self.suite),
        }
    }

    /// Runs tests until they end, a file is saved, or somebody quits.
    fn play(&mut self, round: &Round) -> io::Result<Ended> {
        let folder = self.results(round);
        // Of an earlier run: what does not compile leaves no results.
        let before = Grades::read(&folder).map(|grades| grades.run);
        let mut child = self.start(round, &folder)?;
        self.lines.ask();
        let ended = loop {
            if child.try_wait()?.is_some() {
                let now = Grades::read(&folder);
                break Ended::Ran(now.filter(|grades| before.as_ref() != Some(&grades.run)));
            }
            if self.stop.load(Ordering::Relaxed) {
                break Ended::Quit;
            }
            match self.lines.next().as_deref() {
                Some("q") => break Ended::Quit,
                Some(_) => self.lines.ask(),
                None => {}
            }
            if self.sources.changed(&self.root) {
                self.sources.settle(&self.root);
                break Ended::Saved;
            }
            thread::sleep(POLL);
        };
        end(&mut child);
        Ok(ended)
    }

    /// Where a round leaves its results: one test does not take the place of the results of all.
    fn results(&self, round: &Round) -> PathBuf {
        let folder = if *round == Round::All { "target/grades" } else { "target/watch" };
        self.root.join(folder).join(&self.suite)
    }

    fn start(&self, round: &Round, folder: &Path) -> io::Result<Child> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Process::new(cargo);
        command.args(["test", "--quiet", "--test", &self.suite]).current_dir(&self.root).stdin(Stdio::null());
        if let Round::One(test) = round {
            command.args(["--", "--exact", test]).env("TESTKIT_OUT", folder);
        }
        // A group of its own, to end it with everything that it started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn()
    }

    /// Takes up what a round said; true if all tests are to be run at once.
    fn learn(&mut self, round: &Round, grades: Grades) -> bool {
        match round {
            Round::One(test) => {
                let record = grades.records.into_iter().find(|record| record.test == *test);
                match (record, &mut self.all) {
                    // It has another name now, or passes: what about the others?
                    (None, _) | (_, None) => self.focus = None,
                    (Some(record), _) if record.passes() => self.focus = None,
                    (Some(record), Some(all)) => {
                        let old = all.records.iter_mut().find(|old| old.test == *test);
                        old.into_iter().for_each(|old| *old = record.clone());
                    }
                }
                self.focus.is_none()
            }
            Round::All => {
                self.focus = grades.failing().next().map(|record| record.test.clone());
                self.all = Some(grades);
                false
            }
        }
    }

    fn focused(&self) -> Option<&Record> {
        let focus = self.focus.as_ref()?;
        self.all.as_ref()?.records.iter().find(|record| record.test == *focus)
    }

    /// Says where one stands and waits for a file or a line; nothing if it is over.
    fn wait(&mut self, console: &mut Console<'_>) -> io::Result<Option<Round>> {
        console.print(&self.standing())?;
        loop {
            self.lines.ask();
            let line = loop {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                if self.sources.changed(&self.root) {
                    self.sources.settle(&self.root);
                    return Ok(Some(self.next_round()));
                }
                match self.lines.next() {
                    Some(line) => break line,
                    None => thread::sleep(POLL),
                }
            };
            match line.as_str() {
                "" => return Ok(Some(self.next_round())),
                "q" => return Ok(None),
                "a" => return Ok(Some(Round::All)),
                "n" => {
                    self.focus_on_next();
                    return Ok(Some(self.next_round()));
                }
                "h" => {
                    let hint = self.hint();
                    console.print(&hint)?;
                }
                "t" => self.show(console)?,
                other => console.print(&[format!("`{other}` means nothing here; type {KEYS}")])?,
            }
        }
    }

    fn focus_on_next(&mut self) {
        let Some(all) = &self.all else { return };
        let failing: Vec<&String> = all.failing().map(|record| &record.test).collect();
        let at = failing.iter().position(|test| Some(*test) == self.focus.as_ref());
        let next = at.map_or(0, |at| (at + 1) % failing.len().max(1));
        self.focus = failing.get(next).map(|test| (*test).clone());
    }

    /// Points, the first failing test, what to do next.
    fn standing(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        match &self.all {
            Some(all) => lines.push(format!(
                "{}: {} of {} points, {} of {} passed",
                self.suite,
                all.earned(),
                all.points,
                all.passed(),
                counted(all.tests as u64, "test")
            )),
            None => lines.push(format!("{}: no results yet", self.suite)),
        }
        if let Some(record) = self.focused() {
            lines.push(format!("next: {}: {}", record.test, record.claim));
            lines.extend(record.message.as_ref().map(|message| format!("  {message}")));
            lines.extend(self.trace().map(|path| {
                format!("  step through it: cargo lab show {}", shell::quoted(&self.shown(&path)))
            }));
        } else if self.all.as_ref().is_some_and(|all| all.passed() == all.tests) {
            lines.push("everything passes".to_owned());
        }
        lines.push(format!("waiting for you to save (or type {KEYS})"));
        lines
    }

    /// The next hint for the test that one works on; after the last one comes the first.
    fn hint(&mut self) -> Vec<String> {
        let (Some(grades), Some(record)) = (&self.all, self.focused()) else {
            return vec!["There is nothing to give a hint for; `a` runs all tests.".to_owned()];
        };
        let trace = self.trace().map(|path| self.shown(&path));
        let failing = Failing { root: &self.root, suite: &self.suite, grades, record, trace };
        let hints = failing.hints();
        let given =
            self.hinted.as_ref().filter(|(test, _)| *test == record.test).map_or(0, |(_, given)| *given);
        let hint = hints.get(given % hints.len().max(1)).cloned().unwrap_or_default();
        self.hinted = Some((record.test.clone(), given + 1));
        hint
    }

    /// A path as a command in the workspace names it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The trace of the test that one works on: that of its own last run, else that of the run of all.
    fn trace(&self) -> Option<PathBuf> {
        let trace = self.focused()?.trace.as_ref()?;
        let places = [self.root.join(trace), self.root.join("target/watch").join(&self.suite).join(trace)];
        places.into_iter().find(|path| path.is_file())
    }

    fn show(&self, console: &mut Console<'_>) -> io::Result<()> {
        let Some(path) = self.trace() else {
            return console.print(&["this test left no trace; its message says all there is"]);
        };
        let args: [OsString; 2] = ["show".into(), path.into()];
        // What went wrong has been said.
        let _shown = command::run(&args, console);
        Ok(())
    }
}

/// Ends a program with everything that it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _gone = child.kill();
    let _gone = child.wait();
}

/// When the sources were last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sources(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Sources {
    fn of(root: &Path) -> Self {
        let mut found = BTreeMap::new();
        let mut folders = vec![root.join("labs"), root.join("tests")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(data) = entry.metadata() else { continue };
                if data.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    found.insert(path, (data.modified().ok(), data.len()));
                }
            }
        }
        Self(found)
    }

    /// Whether something was saved since it was asked last.
    fn changed(&mut self, root: &Path) -> bool {
        let now = Self::of(root);
        let changed = now != *self;
        *self = now;
        changed
    }

    /// Waits until an editor has saved all that it wants to save.
    fn settle(&mut self, root: &Path) {
        loop {
            thread::sleep(POLL);
            if !self.changed(root) {
                return;
            }
        }
    }
}

/// Lines that are typed. Nothing is read unless it is asked for: the viewer of traces reads the same keys.
struct Lines {
    wanted: Sender<()>,
    typed: Receiver<String>,
    asked: bool,
}

impl Lines {
    fn of_stdin() -> Self {
        let (wanted, asked) = channel();
        let (typing, typed) = channel();
        thread::spawn(move || {
            while asked.recv().is_ok() {
                let mut line = String::new();
                // At the end of the input nothing more comes; Ctrl-C still ends the watching.
                let read = io::stdin().lock().read_line(&mut line);
                if !read.is_ok_and(|read| read > 0) || typing.send(line.trim().to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { wanted, typed, asked: false }
    }

    /// Reads a line, if none is being read.
    fn ask(&mut self) {
        if !self.asked {
            self.asked = self.wanted.send(()).is_ok();
        }
    }

    /// The line that was asked for, once it is there.
    fn next(&mut self) -> Option<String> {
        let line = self.typed.try_recv().ok();
        self.asked &= line.is_none();
        line
    }
}
