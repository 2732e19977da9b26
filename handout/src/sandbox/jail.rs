//! Inside the sandbox: builds what the submission sees of the machine, gives up all rights, sets the limits, and runs the
//! program. This is the hidden command `jail`; the grader starts it, in new namespaces where there are some.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CpuSet};
use serde::{Deserialize, Serialize};

/// A folder or file of the machine, and where the submission sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    /// Whether files may be changed there.
    pub(crate) write: bool,
    /// Whether programs may be started from there.
    pub(crate) execute: bool,
}

/// What one process, and all processes together, may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Address space of a process.
    pub(crate) process_mib: u64,
    /// Processor time of a process.
    pub(crate) processor_seconds: u64,
    /// Size of a file.
    pub(crate) file_mib: u64,
    /// Processes and threads. Needs a user of its own, or a user namespace.
    pub(crate) processes: u64,
    /// Memory of all processes together; the grader watches it.
    pub(crate) memory_mib: u64,
    /// Wall clock; the grader watches it.
    pub(crate) seconds: u64,
    /// What is written to the standard outputs; more ends it.
    pub(crate) output_mib: u64,
}

/// What to run and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) limits: Limits,
    /// The user to become, if the grader may choose.
    pub(crate) user: Option<u32>,
    /// The processors to run on; none means all.
    pub(crate) processors: Vec<usize>,
    /// Whether the standard input, a socket to the grader, is also that of the program.
    pub(crate) channel: bool,
    /// What is seen of the machine, if this process is in namespaces of its own.
    pub(crate) view: Option<View>,
}

/// What the submission sees of the machine: this and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct View {
    /// An empty folder that becomes the root.
    pub(crate) root: PathBuf,
    pub(crate) mounts: Vec<Mount>,
    /// Private folders in memory, with their sizes.
    pub(crate) scratch: Vec<(PathBuf, u64)>,
}

/// How the command ends when the sandbox could not be made.
pub(crate) const BROKEN: i32 = 121;

/// Enters control groups and becomes another program: the hidden command `enter`. Returns only if that fails.
///
/// # Errors
///
/// A group cannot be entered, or there is no such program.
pub(crate) fn enter_groups(entrances: &[PathBuf], command: &[OsString]) -> Result<()> {
    for entrance in entrances {
        fs::write(entrance, "0").with_context(|| format!("cannot enter `{}`", entrance.display()))?;
    }
    let (program, arguments) = command.split_first().context("no program")?;
    Err(Command::new(program).args(arguments).exec()).context("cannot run the sandbox")
}

/// Runs the program of a spec; returns how it ended, a signal as 128 and its number.
pub(crate) fn main(spec: &Path) -> Result<i32> {
    let spec: Spec = serde_json::from_slice(&fs::read(spec).context("no spec")?).context("a damaged spec")?;
    if let Some(view) = &spec.view {
        enter(view).context("cannot make the sandbox")?;
        give_up_rights().context("cannot give up rights")?;
    }
    // Otherwise a program of the same user could look for the socket in this process's memory.
    close_memory()?;
    set_limits(&spec)?;
    let mut command = Command::new(&spec.program);
    command.args(&spec.arguments).current_dir(&spec.folder).env_clear();
    command.stdin(if spec.channel { Stdio::inherit() } else { Stdio::null() });
    command.envs(spec.variables.iter().map(|(name, value)| (name, value)));
    if let Some(user) = spec.user {
        command.uid(user).gid(user);
    }
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", spec.program.display()))?;
    // The grader holds the other end. When it dies, this process ends, and with it everything in its namespaces.
    let group = std::process::id();
    let alone = spec.view.is_some();
    std::thread::spawn(move || {
        let input = std::io::stdin();
        // Nothing is read: that is for the program.
        let mut closed = [PollFd::new(&input, PollFlags::empty())];
        while matches!(rustix::event::poll(&mut closed, None), Ok(0) | Err(rustix::io::Errno::INTR)) {}
        if !alone && let Some(group) = rustix::process::Pid::from_raw(group.cast_signed()) {
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        std::process::exit(BROKEN);
    });
    let status = child.wait().context("cannot wait for the program")?;
    Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(BROKEN))
}

/// Keeps other processes of this user out of the memory and the open files of this one.
pub(crate) fn close_memory() -> Result<()> {
    let closed = rustix::process::DumpableBehavior::NotDumpable;
    rustix::process::set_dumpable_behavior(closed).context("cannot close this process's memory")
}

/// Makes `view` the whole file system.
fn enter(view: &View) -> Result<()> {
    let root = &view.root;
    let no_rights = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    rustix::mount::mount("tmpfs", root, "tmpfs", no_rights, c"size=1m,mode=755")?;
    for (folder, mib) in &view.scratch {
        let to = inside(root, folder)?;
        fs::create_dir_all(&to)?;
        let options = std::ffi::CString::new(format!("size={mib}m,mode=1777"))?;
        rustix::mount::mount("tmpfs", &to, "tmpfs", no_rights | MountFlags::NOEXEC, options.as_c_str())?;
    }
    for mount in &view.mounts {
        let to = inside(root, &mount.to)?;
        let kind =
            fs::symlink_metadata(&mount.from).with_context(|| format!("no `{}`", mount.from.display()))?;
        if kind.is_symlink() {
            // Such as /bin, which is /usr/bin today.
            parent(&to)?;
            std::os::unix::fs::symlink(fs::read_link(&mount.from)?, &to)?;
            continue;
        }
        if kind.is_dir() {
            fs::create_dir_all(&to)?;
        } else {
            parent(&to)?;
            fs::write(&to, "")?;
        }
        rustix::mount::mount_bind_recursive(&mount.from, &to)
            .with_context(|| format!("cannot show `{}`", mount.from.display()))?;
        let mut flags = MountFlags::BIND | MountFlags::NOSUID;
        // Devices are files that are shown one by one.
        flags.set(MountFlags::NODEV, !mount.to.starts_with("/dev"));
        flags.set(MountFlags::RDONLY, !mount.write);
        flags.set(MountFlags::NOEXEC, !mount.execute);
        rustix::mount::mount_remount(&to, flags, c"")
            .with_context(|| format!("cannot protect `{}`", mount.from.display()))?;
    }
    let processes = root.join("proc");
    fs::create_dir_all(&processes)?;
    rustix::mount::mount("proc", &processes, "proc", no_rights | MountFlags::NOEXEC, None)?;
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    rustix::mount::mount_remount("/", MountFlags::RDONLY | no_rights, c"size=1m,mode=755")?;
    Ok(())
}

fn inside(root: &Path, path: &Path) -> Result<PathBuf> {
    let relative = path.strip_prefix("/").with_context(|| format!("`{}` is relative", path.display()))?;
    Ok(root.join(relative))
}

fn parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |folder| Ok(fs::create_dir_all(folder)?))
}

fn give_up_rights() -> Result<()> {
    for capability in CapabilitySet::all().iter() {
        // Unknown to an older kernel is as good as gone.
        if rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false) {
            rustix::thread::remove_capability_from_bounding_set(capability)?;
        }
    }
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

fn set_limits(spec: &Spec) -> Result<()> {
    const MIB: u64 = 1 << 20;
    let limits = &spec.limits;
    for (resource, most) in [
        (Resource::As, limits.process_mib * MIB),
        (Resource::Cpu, limits.processor_seconds),
        (Resource::Fsize, limits.file_mib * MIB),
        (Resource::Nproc, limits.processes),
        (Resource::Nofile, 1024),
        (Resource::Core, 0),
    ] {
        // Never above what the grader itself may use.
        let own = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let most = Some(most.min(own));
        rustix::process::setrlimit(resource, Rlimit { current: most, maximum: most })
            .with_context(|| format!("cannot set the limit {resource:?}"))?;
    }
    if !spec.processors.is_empty() {
        let mut set = CpuSet::new();
        for processor in &spec.processors {
            if *processor >= CpuSet::MAX_CPU {
                bail!("there is no processor {processor}");
            }
            set.set(*processor);
        }
        rustix::thread::sched_setaffinity(None, &set).context("cannot choose processors")?;
    }
    Ok(())
}
