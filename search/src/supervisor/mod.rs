//! Runs a search in a process of its own, so that code that ends its process is a verdict with a trace, and no mystery.
//!
//! A [`Supervisor`] starts a command, usually this same program with the same arguments. That process calls
//! [`Child::enter`] first of all, searches, and hands its result over with [`Child::finish`]. If it ends without a result
//! or does not end, the supervisor finds in its [journal](crate::Journal) what it was at, and starts it again, with one
//! thread and a list of what must not run, until there is a result: a [`Verdict::HandlerDied`](crate::Verdict::HandlerDied)
//! with the event and the trace that leads there.
//!
//! The plan and the wish for an end go to the process through its standard input, which is a socket; the result comes back
//! on it, after a word that is new every time and stands in the plan only. So nothing that student code prints, no exit
//! code, and no file is taken for a result: a socket has no name under which it can be opened again, not even in
//! `/proc/self/fd`. What it is **not**: a sandbox. Code that is out to do harm reads and writes what its user may, and on
//! Linux that is also the memory of its own process, as `/proc/self/mem`, unless the process gave that up.
//!
//! The process has its own process group, which is killed at the end. When the supervisor is gone, the standard input
//! ends, and the process kills its group itself.

mod child;
mod death;
mod output;
mod plan;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

pub use self::child::Child;
pub use self::death::{Cause, Death};
pub use self::output::Output;
use self::output::Reader;
use self::plan::{CANCEL, Plan, SUPERVISED};
use crate::settings::{CancelToken, ProgressCallback};
use crate::watch::{Activity, FatalInput, Journal};

/// A process that is at the same thing for this many times the time that a handler gets is killed. It notices handlers
/// that hang by itself after that time; this is for everything else.
const PATIENCE: u32 = 4;

/// A process that notes nothing new for this many times the time that a handler gets is started again, so that it notes
/// more.
const SILENCE: u32 = 8;

/// How many traces may end in something fatal while they are shortened, before they stay as they are.
const REPLAYS_MAX: usize = 5;

/// The longest time between two looks at the process.
const LOOK: Duration = Duration::from_millis(20);

/// How processes are supervised.
#[derive(Clone)]
pub struct Supervisor {
    /// What is asked of the process, if its arguments do not say so: they are seen by the code that it runs.
    pub request: String,
    /// The bytes of address space that a process may have. More than a search needs: stacks and what the allocator keeps
    /// for later are counted as well.
    pub memory: Option<u64>,
    /// After which time a process is killed, all runs together. Only a safety net: grades must not depend on it.
    pub time: Option<Duration>,
    /// The time that a handler gets, as in the [settings](crate::Settings) of the search.
    pub handler_time: Duration,
    /// Whether a handler that ends the process counts as one that changes nothing there, and the search goes on.
    pub pass_over_fatal: bool,
    /// How often a process is started at the most.
    pub max_runs: usize,
    /// Asks the process to come to an end.
    pub cancel: CancelToken,
    /// Called now and then with the progress of the search.
    pub progress: Option<ProgressCallback>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self {
            request: String::new(),
            memory: None,
            time: None,
            handler_time: Duration::from_secs(5),
            pass_over_fatal: false,
            max_runs: 20,
            cancel: CancelToken::default(),
            progress: None,
        }
    }
}

/// The address space that a search with so many threads needs to use `max_memory` bytes of its own, or as much as it takes
/// unless it is told: with room for tables that are moved, but not for more than the machine has.
pub fn address_space(max_memory: Option<u64>, threads: usize) -> u64 {
    /// What a thread reserves for its stack and its part of the heap, and hardly ever uses.
    const OF_THREAD: u64 = 256 << 20;
    const OF_PROGRAM: u64 = 2 << 30;
    let usual = crate::memory::default_limit();
    let search = max_memory.unwrap_or(usual);
    let room = search.saturating_mul(2).min(search.max(usual / 3 * 4));
    room.saturating_add(OF_PROGRAM).saturating_add(OF_THREAD.saturating_mul(threads as u64 + 4))
}

/// What came of a supervised process.
#[derive(Clone, Debug)]
pub struct Supervised {
    /// What it handed over; or how the last run ended without a result.
    pub result: Result<Vec<u8>, Death>,
    /// How the runs before ended.
    pub deaths: Vec<Death>,
    /// A death that did not happen again when everything was repeated with one thread: the code is not deterministic, and
    /// the result is not to be relied on.
    pub unrepeated: Option<Death>,
    /// What the last run printed.
    pub stdout: Output,
    /// What the last run printed as errors.
    pub stderr: Output,
}

/// How one run ended.
struct Run {
    result: Result<Vec<u8>, Death>,
    stdout: Output,
    stderr: Output,
}

/// What the runs so far have taught.
#[derive(Default)]
struct Lessons {
    fatal: Vec<FatalInput>,
    thorough: bool,
    try_debug: bool,
    replays: usize,
}

impl Supervisor {
    /// Runs a command until it has a result, or until another run would not help. Standard streams, process group and one
    /// environment variable of the command are set here.
    ///
    /// # Errors
    ///
    /// When the process cannot be started, or files for it cannot be made.
    pub fn run(&self, command: &mut Command) -> io::Result<Supervised> {
        let folder = Folder::make()?;
        let begun = Instant::now();
        let mut lessons = Lessons::default();
        let mut deaths = Vec::new();
        loop {
            let run = self.run_once(command, &folder.0, deaths.len(), &lessons, begun)?;
            let again = match &run.result {
                Ok(_) => false,
                Err(death) => {
                    deaths.len() + 1 < self.max_runs && !self.cancel.is_canceled() && lessons.learn(death)
                }
            };
            match run.result {
                Err(death) if again => deaths.push(death),
                result => {
                    let repeated = result.is_err() || !lessons.fatal.is_empty() || self.cancel.is_canceled();
                    let unrepeated = deaths.first().filter(|_| !repeated).cloned();
                    let Run { stdout, stderr, .. } = run;
                    return Ok(Supervised { result, deaths, unrepeated, stdout, stderr });
                }
            }
        }
    }

    fn run_once(
        &self,
        command: &mut Command,
        folder: &Path,
        number: usize,
        lessons: &Lessons,
        begun: Instant,
    ) -> io::Result<Run> {
        let plan = Plan {
            journal: folder.join(format!("journal-{number}")),
            nonce: nonce(),
            request: self.request.clone(),
            memory: self.memory,
            fatal: lessons.fatal.clone(),
            pass_over_fatal: self.pass_over_fatal,
            thorough: lessons.thorough,
            try_debug: lessons.try_debug,
            keep_traces: lessons.replays >= REPLAYS_MAX,
        };
        let journal = Journal::create(&plan.journal)?;
        let (mut line_to, end) = UnixStream::pair()?;
        let mut process = command
            .stdin(OwnedFd::from(end))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .env(SUPERVISED, "1")
            .spawn()?;
        // The command would keep the other end open.
        command.stdin(Stdio::null());
        let answer = Answer::listen(line_to.try_clone()?, plan.nonce.clone());
        let mut line = serde_json::to_string(&plan)?;
        line.push('\n');
        let mut tell = |line: &str| {
            // Who is gone already is not told.
            let _gone = line_to.write_all(line.as_bytes());
        };
        tell(&line);
        let stdout = process.stdout.take().map(Reader::start);
        let stderr = process.stderr.take().map(Reader::start);
        let group = Group(Pid::from_child(&process));

        let mut look = Look::new(&journal, self.handler_time, lessons.thorough);
        let mut told = false;
        let mut nap = Duration::from_millis(1);
        let killed = loop {
            if has_ended(group.0)? {
                break None;
            }
            std::thread::sleep(nap);
            if self.cancel.is_canceled() && !told {
                tell(&format!("{CANCEL}\n"));
                told = true;
            }
            if let Some(death) = look.look(nap, self.progress.as_ref()) {
                break Some(death);
            }
            if let Some(time) = self.time.filter(|time| begun.elapsed() >= *time) {
                break Some(Death { cause: Cause::TimeOver(time), at: latest(&journal) });
            }
            nap = (nap * 3 / 2).min(LOOK);
        };
        // Before the process is waited for: afterwards its number may be that of another.
        drop(group);
        let status = process.wait()?;
        let finish = |reader: Option<Reader>| {
            let mut looks = 0;
            reader.map(|reader| {
                reader.finish(|| {
                    std::thread::sleep(Duration::from_millis(2));
                    looks += 1;
                    looks < 500
                })
            })
        };
        let (stdout, stderr) = (finish(stdout).unwrap_or_default(), finish(stderr).unwrap_or_default());
        let result = answer.finish(&line_to).ok_or_else(|| {
            killed.unwrap_or_else(|| Death { cause: Cause::of(status, &stderr), at: latest(&journal) })
        });
        Ok(Run { result, stdout, stderr })
    }
}

impl Lessons {
    /// Learns from a death; whether another run may come further.
    fn learn(&mut self, death: &Death) -> bool {
        if matches!(death.cause, Cause::TimeOver(_)) {
            return false;
        }
        let (Some(at), Some(fatal)) = (&death.at, death.fatal()) else {
            // Nothing was noted: a predicate, or something between handlers.
            return !std::mem::replace(&mut self.thorough, true);
        };
        if self.fatal.iter().any(|known| known.digest == at.digest) {
            return false;
        }
        match at.activity {
            Activity::SetUp => return false,
            // Which of many threads dies first is chance. With one it is always the same.
            Activity::Handler | Activity::Predicate if !self.thorough => {
                self.thorough = true;
                return true;
            }
            Activity::Handler | Activity::Predicate | Activity::Init => {}
            Activity::Replay => self.replays += 1,
            // Where what cannot be printed comes from is found by trying to print everything.
            Activity::Report => (self.try_debug, self.thorough) = (true, true),
        }
        self.fatal.push(fatal);
        true
    }
}

/// Looks at the journal of a running process now and then.
struct Look<'a> {
    journal: &'a Journal,
    handler_time: Duration,
    thorough: bool,
    /// For how long each note has been seen. Only time in which this process was awake is counted.
    seen: BTreeMap<u64, Duration>,
    /// For how long there was nothing new.
    silence: Duration,
    latest: u64,
    progress: u64,
}

impl<'a> Look<'a> {
    fn new(journal: &'a Journal, handler_time: Duration, thorough: bool) -> Self {
        let (seen, silence) = (BTreeMap::new(), Duration::ZERO);
        Self { journal, handler_time, thorough, seen, silence, latest: 0, progress: 0 }
    }

    /// Looks again after a nap; whether the process is to be killed.
    fn look(&mut self, nap: Duration, progress: Option<&ProgressCallback>) -> Option<Death> {
        let notes = self.journal.notes().ok()?;
        self.silence += nap;
        if let Some((number, now)) = self.journal.last_progress()
            && number != self.progress
        {
            (self.progress, self.silence) = (number, Duration::ZERO);
            if let Some(callback) = progress {
                callback(&now);
            }
        }
        let latest = notes.first().map_or(0, |note| note.sequence);
        if latest != self.latest {
            (self.latest, self.silence) = (latest, Duration::ZERO);
        }
        self.seen.retain(|sequence, _| notes.iter().any(|note| note.sequence == *sequence));
        for note in notes {
            let seen = self.seen.entry(note.sequence).or_default();
            *seen += nap;
            // A long report is printed by few handlers only.
            let factor = if note.activity == Activity::Report { PATIENCE * PATIENCE } else { PATIENCE };
            if *seen > self.handler_time * factor {
                return Some(Death { cause: Cause::Hung(self.handler_time * factor), at: Some(note) });
            }
        }
        let silent = !self.thorough && self.seen.is_empty() && self.silence > self.handler_time * SILENCE;
        silent.then_some(Death { cause: Cause::Hung(self.handler_time * SILENCE), at: None })
    }
}

/// What the process was at last.
fn latest(journal: &Journal) -> Option<crate::watch::Note> {
    journal.notes().ok()?.into_iter().next()
}

/// Whether a process has ended. It stays there to be waited for.
fn has_ended(pid: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(pid), options) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result?.is_some()),
        }
    }
}

/// Waits on a thread of its own for what a process hands over.
struct Answer(JoinHandle<Option<Vec<u8>>>);

impl Answer {
    fn listen(from: UnixStream, nonce: String) -> Self {
        Self(std::thread::spawn(move || child::read_result(io::BufReader::new(from), &nonce)))
    }

    /// The result of a process that has ended, if it is whole. What escaped from its group may hold the socket open for
    /// ever: it is not waited for.
    fn finish(self, socket: &UnixStream) -> Option<Vec<u8>> {
        for _ in 0..500 {
            if self.0.is_finished() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _closed = socket.shutdown(Shutdown::Both);
        self.0.join().ok().flatten()
    }
}

/// Something that nobody guesses. It is in no result: only its being new matters.
fn nonce() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

/// A process group, killed when this is dropped.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody may be left in it.
        let _gone = kill_process_group(self.0, Signal::KILL);
    }
}

/// A folder that only this user can read; gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("search-{}", nonce()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system clears its folder for temporary files some day.
        let _left_over = fs::remove_dir_all(&self.0);
    }
}
