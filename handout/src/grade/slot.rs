//! A place where one submission at a time is compiled and run. Its folders stay, so that only the student's code is
//! compiled anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cargo::{self, Artifact};
use crate::grade::build::{Budget, Built, Refusal};
use crate::grade::watch::Watch;
use crate::manifest::Suite;
use crate::results;
use crate::sandbox::jail::{Limits, Mount};
use crate::sandbox::{Backend, End, Ended, Job, Sandbox};
use crate::tree::Tree;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    folder: PathBuf,
    sandbox: Sandbox,
    tools: Tools,
    limits: Limits,
    /// The user that tests run as, where the grader may choose one.
    user: u32,
    processors: Vec<usize>,
    /// When everything ends here.
    deadline: Option<Instant>,
    /// How much memory a compilation may use.
    compile_mib: u64,
    /// The user that compiles, where that is not the grader's own.
    compiler: Option<u32>,
    /// The seed of all tests, in place of their own.
    seed: Option<u64>,
}

/// Where the compiler and the downloaded dependencies are.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    sysroot: PathBuf,
    cargo_home: PathBuf,
}

impl Tools {
    /// The toolchain that a handout pins.
    pub(crate) fn find(handout: &Path) -> Result<Self> {
        let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(handout).output();
        let output = output.context("cannot run `rustc`; install Rust from rustup.rs")?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if !sysroot.join("bin/cargo").is_file() {
            bail!(
                "there is no cargo in `{}`: {}",
                sysroot.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        Ok(Self { sysroot, cargo_home: home.context("neither `CARGO_HOME` nor `HOME` is set")? })
    }
}

/// What a suite's program left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// How it ended, and the results that the harness told.
    pub(crate) ended: Ended,
    /// The results in its folder, if they are there. A submission may have changed them.
    pub(crate) written: Option<String>,
}

impl Slot {
    pub(crate) fn new(
        folder: PathBuf,
        backend: Backend,
        tools: Tools,
        limits: Limits,
        processors: Vec<usize>,
        number: usize,
    ) -> Result<Self> {
        for name in ["work", "target", "out", "tmp", "private"] {
            fs::create_dir_all(folder.join(name))
                .with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let folder = folder.canonicalize()?;
        if backend == Backend::LimitsOnly && backend.may_choose_user() {
            // The tests' user has to get there.
            for above in folder.ancestors() {
                if above.metadata()?.permissions().mode() & 0o001 == 0 {
                    bail!("nobody but you may enter `{}`; give another folder with `--out`", above.display());
                }
            }
        }
        let sandbox = Sandbox { backend, private: folder.join("private") };
        let user = 61_000 + u32::try_from(number).context("too many jobs")?;
        let compile_mib = limits.memory_mib.max(2048);
        let (compiler, deadline, seed) = (None, None, None);
        Ok(Self { folder, sandbox, tools, limits, user, processors, deadline, compile_mib, compiler, seed })
    }

    /// The same place with another limit on what a compilation takes.
    pub(crate) fn with_compile_memory(self, mib: u64) -> Self {
        Self { compile_mib: mib, ..self }
    }

    /// The same place, in which tests have this seed.
    pub(crate) fn with_seed(self, seed: Option<u64>) -> Self {
        Self { seed, ..self }
    }

    /// The same place, where a user without rights compiles: what only the grader may read, no source can include.
    pub(crate) fn with_a_user_who_compiles(self) -> Result<Self> {
        let user = self.user + 1000;
        give(&self.folder.join("target"), user)?;
        Ok(Self { compiler: Some(user), ..self })
    }

    /// The same place until then.
    pub(crate) fn until(&self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// When everything ends here, if it does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same place with no more than the time that is left; none if no time is left.
    pub(crate) fn now(&self) -> Option<Self> {
        let Some(deadline) = self.deadline else { return Some(self.clone()) };
        let left = deadline.saturating_duration_since(Instant::now()).as_secs();
        let limits = Limits { seconds: self.limits.seconds.min(left), ..self.limits };
        (left > 0).then(|| Self { limits, ..self.clone() })
    }

    /// The same place for compiling the handout itself: on all processors, as no other job runs.
    pub(crate) fn for_the_handout(&self) -> Self {
        Self { processors: Vec::new(), ..self.clone() }
    }

    /// Where the folder of this name is, as the sandbox sees it.
    fn seen(&self, name: &str) -> PathBuf {
        if self.sandbox.backend.isolates() { Path::new("/").join(name) } else { self.folder.join(name) }
    }

    /// What was built here is also right for a slot with an equal view.
    pub(crate) fn copy_from(&self, other: &Self) -> Result<()> {
        for name in ["work", "target"] {
            let to = self.folder.join(name);
            fs::remove_dir_all(&to)?;
            let copied = Command::new("cp")
                .args(["-a", "--reflink=auto", "--"])
                .arg(other.folder.join(name))
                .arg(&to)
                .status()?;
            if !copied.success() {
                bail!("cannot copy to `{}`", to.display());
            }
        }
        Ok(())
    }

    /// Makes the workspace equal to this.
    pub(crate) fn set(&self, workspace: &Tree) -> Result<()> {
        workspace.sync(&self.folder.join("work"), &|path| path == "target")
    }

    fn mount(&self, name: &str, write: bool, execute: bool) -> Mount {
        Mount { from: self.folder.join(name), to: self.seen(name), write, execute }
    }

    /// What programs need of the machine.
    fn system(folders: &[&str]) -> Vec<Mount> {
        let there = folders.iter().map(PathBuf::from).filter(|path| path.symlink_metadata().is_ok());
        there
            .map(|path| Mount {
                from: path.clone(),
                write: path.starts_with("/dev"),
                execute: true,
                to: path,
            })
            .collect()
    }

    fn compile(&self, arguments: &[&str], budget: &mut Budget) -> Result<Ended> {
        let Tools { sysroot, cargo_home } = &self.tools;
        let isolated = self.sandbox.backend.isolates();
        let mut mounts = Self::system(&[
            "/usr",
            "/bin",
            "/sbin",
            "/lib",
            "/lib64",
            "/etc/alternatives",
            "/etc/ld.so.cache",
            "/dev/null",
            "/dev/zero",
            "/dev/urandom",
        ]);
        mounts.push(Mount { from: sysroot.clone(), to: sysroot.clone(), write: false, execute: true });
        let registry = cargo_home.join("registry");
        if registry.is_dir() {
            mounts.push(Mount {
                from: registry,
                to: PathBuf::from("/cargo/registry"),
                write: false,
                execute: false,
            });
        }
        mounts.push(self.mount("work", false, false));
        mounts.push(self.mount("target", true, true));
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        // `tmp` is that of the user who tests.
        let scratch = if self.compiler.is_some() { "target" } else { "tmp" };
        let home = if isolated { PathBuf::from("/cargo") } else { cargo_home.clone() };
        let mut variables = vec![
            ("PATH", format!("{}:/usr/bin:/bin", sysroot.join("bin").display())),
            ("HOME", text(self.seen(scratch))),
            ("TMPDIR", text(self.seen(scratch))),
            ("CARGO_HOME", text(home)),
            ("CARGO_TARGET_DIR", text(self.seen("target"))),
            ("CARGO_NET_OFFLINE", "true".to_owned()),
            ("CARGO_INCREMENTAL", "0".to_owned()),
            ("CARGO_TERM_COLOR", "never".to_owned()),
        ];
        // What the machine can bear is for its owner to say.
        let jobs = std::env::var("CARGO_BUILD_JOBS");
        variables.extend(jobs.ok().map(|jobs| ("CARGO_BUILD_JOBS", jobs)));
        let mut job = Job {
            program: sysroot.join("bin/cargo"),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            folder: self.seen("work"),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            mounts,
            scratch: vec![(PathBuf::from("/tmp"), 1024), (PathBuf::from("/cargo"), 64)],
            limits: Limits {
                // The compiler reserves much more than it uses.
                process_mib: 16 << 10,
                memory_mib: self.compile_mib,
                // Of all threads; the wall clock is what counts.
                processor_seconds: budget.left().saturating_mul(16),
                file_mib: 2048,
                processes: 1024,
                seconds: budget.left(),
                output_mib: 16,
            },
            user: self.compiler,
            processors: self.processors.clone(),
            channel: false,
        };
        let ended = budget.spend(|| self.sandbox.run(&job, &mut || true))?;
        // A busy machine is nobody's fault: once more.
        let transient = [
            "Resource temporarily unavailable",
            "Cannot allocate memory",
            "(signal: 9",
            "No space left on device",
        ];
        let busy = transient.iter().any(|words| ended.stderr.contains(words));
        if matches!(ended.end, End::Exited(1..)) && busy && budget.repeat() {
            job.limits.seconds = budget.left();
            return budget.spend(|| self.sandbox.run(&job, &mut || true));
        }
        Ok(ended)
    }

    /// Compiles a suite. With `finished`, libraries of labs must not be compiled again.
    pub(crate) fn build_suite(&self, suite: &Suite, finished: bool, budget: &mut Budget) -> Result<Built> {
        if budget.left() == 0 {
            let first = budget.used();
            return Ok(Built::No(Refusal { why: first.clone(), first, library: false }));
        }
        let target = ["--package", &suite.package, "--test", &suite.name];
        let ended = self
            .compile(&[&["test", "--locked", "--no-run", cargo::MESSAGES], &target[..]].concat(), budget)?;
        let artifacts = cargo::artifacts(&ended.stdout);
        let labs = self.seen("work").join("labs");
        let of_labs = |artifact: &&Artifact| artifact.is_library && artifact.source.starts_with(&labs);
        if ended.end != End::Exited(0) {
            let why = why(&ended);
            let first = match ended.end {
                End::Exited(_) => first_error(&why).to_owned(),
                End::TimedOut => budget.used(),
                _ => why.lines().next().unwrap_or_default().to_owned(),
            };
            let own = self.seen("work").join(&suite.folder);
            let library = !artifacts.iter().filter(of_labs).any(|artifact| artifact.source.starts_with(&own));
            return Ok(Built::No(Refusal { first, why, library }));
        }
        if finished && let Some(artifact) = artifacts.iter().filter(of_labs).find(|artifact| !artifact.fresh)
        {
            let first = format!(
                "error: `{}` reads a file at compile time that hidden tests replace; sources include no tests",
                artifact.name
            );
            return Ok(Built::No(Refusal { why: first.clone(), first, library: true }));
        }
        let program = artifacts
            .into_iter()
            .filter(|artifact| artifact.name == suite.name)
            .find_map(|found| found.executable);
        program
            .map(Built::Yes)
            .with_context(|| format!("cargo built no program for the suite `{}`", suite.name))
    }

    /// Removes test programs that were built before, with what the compiler said of them: sources that are compiled could
    /// include them, and hidden tests are in them.
    pub(crate) fn forget_programs(&self) -> Result<()> {
        let debug = self.folder.join("target/debug");
        // A program is what has no ending there.
        remove_files(&debug.join("deps"), &|name| !name.contains('.'))?;
        for folder in children(&debug.join(".fingerprint"))? {
            remove_files(&folder, &|name| name.starts_with("output-test-"))?;
        }
        Ok(())
    }

    /// Removes also the libraries of these packages, which are those of the submission before.
    pub(crate) fn forget_submission(&self, packages: &[String]) -> Result<()> {
        self.forget_programs()?;
        let starts: Vec<String> =
            packages.iter().map(|package| format!("lib{}-", package.replace('-', "_"))).collect();
        let debug = self.folder.join("target/debug");
        remove_files(&debug.join("deps"), &|name| starts.iter().any(|start| name.starts_with(start)))?;
        let uplifted =
            |name: &str| starts.iter().any(|start| name.strip_suffix(".rlib") == start.strip_suffix('-'));
        remove_files(&debug, &uplifted)
    }

    /// Compiles the handout's own `lab`, if the handout has it, and copies it to where no submission writes.
    pub(crate) fn build_lab(&self, to: &Path, budget: &mut Budget) -> Result<()> {
        let target = ["--package", "visualizer", "--bin", "lab"];
        let ended = self.compile(&[&["build", "--locked", cargo::MESSAGES], &target[..]].concat(), budget)?;
        let program = cargo::artifacts(&ended.stdout)
            .into_iter()
            .find_map(|artifact| artifact.executable.filter(|_| artifact.name == "lab"));
        let Some(program) = program.filter(|_| ended.end == End::Exited(0)) else {
            bail!("`lab` does not compile:\n{}", why(&ended));
        };
        let host = self.on_host(&program);
        fs::copy(&host, to).with_context(|| format!("cannot copy `{}`", host.display()))?;
        Ok(())
    }

    /// Where a file is that the sandbox sees under this path.
    fn on_host(&self, seen: &Path) -> PathBuf {
        let inside = seen.strip_prefix("/").map(|inside| self.folder.join(inside));
        inside.ok().filter(|_| self.sandbox.backend.isolates()).unwrap_or_else(|| seen.to_owned())
    }

    /// A trace as something to read, such as an `html` page. A trace comes from a submission, so it is read in the sandbox as
    /// well; one that cannot be read comes to nothing.
    pub(crate) fn export(
        &self,
        lab: &Path,
        trace: &[u8],
        format: &str,
        most: u64,
    ) -> Result<Option<Vec<u8>>> {
        let folder = self.folder.join("page");
        let _not_there = fs::remove_dir_all(&folder);
        fs::create_dir(&folder)?;
        fs::write(folder.join("trace.json"), trace)?;
        if self.sandbox.backend.may_choose_user() {
            std::os::unix::fs::chown(&folder, Some(self.user), Some(self.user))?;
        }
        let mut mounts = Self::system(&PROGRAMS);
        mounts.push(self.mount("page", true, false));
        mounts.push(Mount { from: lab.to_owned(), to: lab.to_owned(), write: false, execute: true });
        let job = Job {
            program: lab.to_owned(),
            arguments: ["export", "trace.json", "--to", format, "-o", "exported"].map(str::to_owned).to_vec(),
            folder: self.seen("page"),
            variables: Vec::new(),
            mounts,
            scratch: vec![(PathBuf::from("/tmp"), 16)],
            limits: Limits { seconds: 60, processor_seconds: 60, output_mib: 1, ..self.limits },
            user: Some(self.user),
            processors: self.processors.clone(),
            channel: false,
        };
        self.sandbox.run(&job, &mut || true)?;
        Ok(plain_file(&folder, "exported", most))
    }

    /// Runs a suite's program, or those of its tests whose names contain one of these words.
    pub(crate) fn run(&self, suite: &Suite, program: &Path, only: &[String]) -> Result<Run> {
        let out = self.folder.join("out");
        // Nothing of an earlier run is left, whoever owns it.
        for name in ["out", "tmp"] {
            let folder = self.folder.join(name);
            fs::remove_dir_all(&folder)
                .and_then(|()| fs::create_dir(&folder))
                .with_context(|| format!("cannot empty `{}`", folder.display()))?;
            if self.sandbox.backend.may_choose_user() {
                std::os::unix::fs::chown(&folder, Some(self.user), Some(self.user))?;
            }
        }
        let host = self.on_host(program);
        let mut mounts = Self::system(&PROGRAMS);
        mounts.push(self.mount("work", false, false));
        mounts.push(self.mount("out", true, false));
        mounts.push(Mount { from: host, to: program.to_owned(), write: false, execute: true });
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut variables: Vec<(String, String)> = [
            ("TESTKIT_OUT", text(self.seen("out"))),
            ("TESTKIT_FAILURES", "off".to_owned()),
            ("TESTKIT_CHANNEL", "stdin".to_owned()),
            ("HOME", text(self.seen("tmp"))),
            ("TMPDIR", text(self.seen("tmp"))),
            ("CARGO_MANIFEST_DIR", text(self.seen("work").join(&suite.folder))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        if !self.processors.is_empty() {
            variables.push(("RAYON_NUM_THREADS".to_owned(), self.processors.len().to_string()));
        }
        variables.extend(self.seed.map(|seed| ("TESTKIT_SEED".to_owned(), seed.to_string())));
        for name in ["TESTKIT_THREADS", "TESTKIT_TIME"] {
            variables.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
        }
        let job = Job {
            program: program.to_owned(),
            arguments: only.to_vec(),
            folder: self.seen("work").join(&suite.folder),
            variables,
            mounts,
            scratch: vec![(PathBuf::from("/tmp"), 64)],
            limits: self.limits,
            user: Some(self.user),
            processors: self.processors.clone(),
            channel: true,
        };
        let most = self.limits.file_mib << 20;
        let mut watch = Watch::new(&out, most);
        let ended = self.sandbox.run(&job, &mut || watch.look())?;
        let written = plain_file(&out, results::FILE, most).and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(Run { ended, written })
    }

    /// A file that the last run left, if it is a plain one of at most `most` bytes.
    pub(crate) fn left(&self, path: &str, most: u64) -> Option<Vec<u8>> {
        plain_file(&self.folder.join("out"), path, most)
    }
}

/// What a program that is linked as usual needs of the machine.
const PROGRAMS: [&str; 7] =
    ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/dev/null", "/dev/zero", "/dev/urandom"];

/// Makes somebody the owner of a folder and of everything in it.
fn give(folder: &Path, user: u32) -> Result<()> {
    let owner = format!("{user}:{user}");
    let given = Command::new("chown").args(["-R", "-h", "--", &owner]).arg(folder).status()?;
    if !given.success() {
        bail!("cannot change the owner of `{}`", folder.display());
    }
    Ok(())
}

/// A file in a folder in which somebody else wrote, if it is a plain one of at most `most` bytes.
fn plain_file(folder: &Path, path: &str, most: u64) -> Option<Vec<u8>> {
    let path = crate::manifest::normal(path)?;
    let mut place = folder.to_owned();
    for piece in path.split('/') {
        place.push(piece);
        // A link on the way could lead anywhere.
        if place.symlink_metadata().ok()?.is_symlink() {
            return None;
        }
    }
    let data = place.symlink_metadata().ok()?;
    if data.is_file() && data.len() <= most { fs::read(place).ok() } else { None }
}

/// What is in a folder; nothing if it is not there.
fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Removes the files in a folder whose names are so.
fn remove_files(folder: &Path, remove: &dyn Fn(&str) -> bool) -> Result<()> {
    for path in children(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if remove(&name) && !path.is_dir() {
            fs::remove_file(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// The compiler's first error.
fn first_error(why: &str) -> &str {
    why.lines().find(|line| line.starts_with("error")).or_else(|| why.lines().next()).unwrap_or_default()
}

/// Why a compiler ended without success.
fn why(ended: &Ended) -> String {
    let stopped = match ended.end {
        End::Exited(_) => "",
        End::TimedOut => "compiling took too long\n",
        End::OutOfMemory => "compiling took too much memory\n",
        End::TooManyProcesses => "the compiler had too many processes\n",
        End::TooMuchOutput => "the compiler wrote too much\n",
        End::Stopped => "the compiler was stopped\n",
    };
    let noise = ["Compiling ", "Finished ", "Blocking ", "Running "];
    let lines =
        ended.stderr.lines().filter(|line| !noise.iter().any(|start| line.trim_start().starts_with(start)));
    let lines: Vec<&str> = lines.take(60).collect();
    format!("{stopped}{}", lines.join("\n"))
}
