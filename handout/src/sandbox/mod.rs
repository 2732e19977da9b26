//! Runs a program that is not trusted: alone, with limits, and watched.

mod channel;
mod group;
pub(crate) mod jail;
mod watch;

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use channel::Channel;
use group::Groups;
use jail::{Limits, Mount, Spec, View};

/// How submissions are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// By the program `bwrap`.
    Bubblewrap,
    /// By namespaces, with the program `unshare` and this one. True: as an ordinary user, in a user namespace.
    Namespaces {
        /// Whether a user namespace is needed.
        user: bool,
    },
    /// Limits only: a submission sees and may change whatever the grader's user may, or everybody if the grader is root.
    LimitsOnly,
}

impl Backend {
    /// The best that this machine has. As root that is our own namespaces: there tests run as a user of their own, and
    /// start no program that they bring along, which bubblewrap cannot forbid.
    pub(crate) fn detect() -> Self {
        let works = |program: &str, arguments: &[&str]| {
            let status =
                Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        let namespaces = |user| works("unshare", &[&Self::unshare_options(user)[..], &["true"]].concat());
        let bubblewrap = ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"];
        if is_root() && namespaces(false) {
            Self::Namespaces { user: false }
        } else if works("bwrap", &bubblewrap) {
            Self::Bubblewrap
        } else if namespaces(true) {
            Self::Namespaces { user: true }
        } else {
            Self::LimitsOnly
        }
    }

    /// The one with this name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::detect()),
            "bubblewrap" => Ok(Self::Bubblewrap),
            "namespaces" => Ok(Self::Namespaces { user: !is_root() }),
            "user-namespaces" => Ok(Self::Namespaces { user: true }),
            "limits" => Ok(Self::LimitsOnly),
            _ => bail!(
                "`{name}` is no way to isolate; write `auto`, `bubblewrap`, `namespaces`, `user-namespaces` or `limits`"
            ),
        }
    }

    fn unshare_options(user: bool) -> Vec<&'static str> {
        let mut options = vec!["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"];
        if user {
            options.extend(["--user", "--map-root-user"]);
        }
        options
    }

    /// What it does, for the report.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap: own file system, network, processes; limits",
            Self::Namespaces { user: false } => {
                "namespaces and a user of its own: own file system, network, processes; limits"
            }
            Self::Namespaces { user: true } => "user namespaces: own file system, network, processes; limits",
            Self::LimitsOnly if is_root() => {
                "LIMITS ONLY, and a user of its own: a submission can read what everybody can, and use the network; install bubblewrap"
            }
            Self::LimitsOnly => {
                "LIMITS ONLY: a submission can read and change what you can, and use the network; install bubblewrap"
            }
        }
    }

    /// Whether tests run as a user of their own, who may do less than the grader.
    pub(crate) fn may_choose_user(&self) -> bool {
        is_root() && matches!(self, Self::Namespaces { user: false } | Self::LimitsOnly)
    }

    /// Whether submissions see a file system of their own.
    pub(crate) fn isolates(&self) -> bool {
        *self != Self::LimitsOnly
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program to run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) scratch: Vec<(PathBuf, u64)>,
    pub(crate) limits: Limits,
    /// The user to run as where the grader is root.
    pub(crate) user: Option<u32>,
    pub(crate) processors: Vec<usize>,
    /// Whether the program tells the grader its results.
    pub(crate) channel: bool,
}

/// Why a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this code; a signal as 128 and its number.
    Exited(i32),
    /// It took too long.
    TimedOut,
    /// All its processes together took too much memory.
    OutOfMemory,
    /// It had too many processes and threads.
    TooManyProcesses,
    /// It wrote too much.
    TooMuchOutput,
    /// Who watched it saw that it must not go on.
    Stopped,
}

/// How a program ended, and the last that it wrote.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What it told the grader, or why that cannot be believed.
    pub(crate) told: Result<String, String>,
}

/// How much of each output is kept, at its end.
const KEPT: usize = 1 << 20;

/// Runs programs with one backend, in one scratch folder.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    pub(crate) backend: Backend,
    /// For the spec and the new root. Nobody else writes there.
    pub(crate) private: PathBuf,
}

impl Sandbox {
    /// Runs a program to its end. `tick` is asked all the time; false stops it.
    pub(crate) fn run(&self, job: &Job, tick: &mut dyn FnMut() -> bool) -> Result<Ended> {
        let root = self.private.join("root");
        fs::create_dir_all(&root)?;
        let view = matches!(self.backend, Backend::Namespaces { .. }).then(|| View {
            root,
            mounts: job.mounts.clone(),
            scratch: job.scratch.clone(),
        });
        let spec = Spec {
            program: job.program.clone(),
            arguments: job.arguments.clone(),
            folder: job.folder.clone(),
            variables: job.variables.clone(),
            limits: job.limits,
            user: if self.backend.may_choose_user() { job.user } else { None },
            processors: job.processors.clone(),
            channel: job.channel,
            view,
        };
        let spec = if self.backend == Backend::Bubblewrap { bubblewrapped(spec, job) } else { spec };
        let file = self.private.join("spec.json");
        fs::write(&file, serde_json::to_vec(&spec)?).context("cannot write the sandbox's spec")?;
        let own = std::env::current_exe().context("this program has no path")?;
        // What the program starts is in its groups as well, and cannot leave them.
        let groups = Groups::with(&job.limits);
        let mut command = Command::new(&own);
        command.arg("enter").args(groups.entrances()).arg("--");
        if let Backend::Namespaces { user } = self.backend {
            command.arg("unshare").args(Backend::unshare_options(user));
        }
        command.arg(own).arg("jail").arg(&file);
        let (channel, end) = Channel::open().context("cannot make a socket")?;
        command.stdin(end).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().context("cannot start the sandbox")?;
        // It holds the other end of the channel.
        drop(command);
        let watched = watch_over(&mut child, &channel, job.limits, tick);
        kill(&mut child, &channel);
        let (end, [stdout, stderr]) = watched?;
        let ended = Ended { end, stdout, stderr, told: channel.finish() };
        if ended.end == End::Exited(jail::BROKEN) {
            bail!("the sandbox could not be made: {}", ended.stderr.trim());
        }
        Ok(ended)
    }
}

/// Where a program is: the sandbox has a `PATH` of its own.
fn installed(program: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| PathBuf::from(program))
}

/// The same program behind `bwrap`; the limits are inherited.
fn bubblewrapped(spec: Spec, job: &Job) -> Spec {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments: Vec<String> = [
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    .map(str::to_owned)
    .to_vec();
    for (folder, mib) in &job.scratch {
        arguments.extend(["--size".to_owned(), (mib << 20).to_string(), "--tmpfs".to_owned(), text(folder)]);
    }
    for mount in &job.mounts {
        if mount.to.starts_with("/dev") {
            continue;
        }
        match fs::read_link(&mount.from) {
            Ok(link) => arguments.extend(["--symlink".to_owned(), text(&link), text(&mount.to)]),
            Err(_) => {
                let how = if mount.write { "--bind" } else { "--ro-bind" };
                arguments.extend([how.to_owned(), text(&mount.from), text(&mount.to)]);
            }
        }
    }
    arguments.extend([
        "--remount-ro".to_owned(),
        "/".to_owned(),
        "--chdir".to_owned(),
        text(&spec.folder),
        "--".to_owned(),
    ]);
    arguments.push(text(&spec.program));
    arguments.extend(spec.arguments);
    Spec { program: installed("bwrap"), arguments, folder: PathBuf::from("/"), ..spec }
}

/// Waits for a program and watches it; returns how it ended, and the last of its outputs.
fn watch_over(
    child: &mut Child,
    channel: &Channel,
    limits: Limits,
    tick: &mut dyn FnMut() -> bool,
) -> Result<(End, [String; 2])> {
    let started = Instant::now();
    let written = Arc::new(AtomicU64::new(0));
    let tails = [Tail::default(), Tail::default()];
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|out| Box::new(out) as _),
        child.stderr.take().map(|err| Box::new(err) as _),
    ];
    let readers: Vec<_> = streams
        .into_iter()
        .zip(&tails)
        .filter_map(|(stream, tail)| {
            let (stream, written, tail) = (stream?, written.clone(), tail.clone());
            Some(std::thread::spawn(move || keep_tail(stream, &written, &tail)))
        })
        .collect();
    let mut looked = Instant::now();
    let end = loop {
        if let Some(status) = child.try_wait().context("cannot wait for the sandbox")? {
            break End::Exited(status.code().unwrap_or(128 + 9));
        }
        if started.elapsed() > Duration::from_secs(limits.seconds) {
            break End::TimedOut;
        }
        if written.load(Ordering::Relaxed) > limits.output_mib << 20 {
            break End::TooMuchOutput;
        }
        if !tick() {
            break End::Stopped;
        }
        if looked.elapsed() > Duration::from_millis(50) {
            looked = Instant::now();
            let usage = watch::usage(child.id());
            if usage.memory > limits.memory_mib << 20 {
                break End::OutOfMemory;
            }
            // The kernel's limit holds for a user; it does not for root, nor in every sandbox.
            if usage.threads > limits.processes {
                break End::TooManyProcesses;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    kill(child, channel);
    // A process that got away may hold the pipes open for ever: what it writes is not waited for.
    let patience = Instant::now();
    while readers.iter().any(|reader| !reader.is_finished())
        && patience.elapsed() < Duration::from_millis(500)
    {
        std::thread::sleep(Duration::from_millis(2));
    }
    let outputs = tails.map(|tail| {
        let bytes: Vec<u8> = tail.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    Ok((end, outputs))
}

/// The last that a stream brought.
type Tail = Arc<Mutex<VecDeque<u8>>>;

fn keep_tail(mut stream: impl Read, written: &AtomicU64, tail: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        written.fetch_add(count as u64, Ordering::Relaxed);
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&buffer[..count]);
        let over = tail.len().saturating_sub(KEPT);
        tail.drain(..over);
    }
}

/// Ends a program with everything it started, as far as the backend can.
fn kill(child: &mut Child, channel: &Channel) {
    if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _gone = child.kill();
    // Ends the sandbox even if the signals do not reach it.
    channel.close();
    let _gone = child.wait();
}
