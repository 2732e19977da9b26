//! The commands of `cargo handout` and their options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::bugs;
use crate::check;
use crate::console::{count, note, say};
use crate::generate::{self, Target};
use crate::grade;
use crate::gradescope;
use crate::plan::{Parts, Selection};
use crate::sandbox::jail;
use crate::update;

/// Makes handouts from the repository, proves them, keeps them current, and grades what comes back.
#[derive(Debug, Parser)]
#[command(name = "cargo handout", bin_name = "cargo handout", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(Generate),
    Check(Check),
    Bugs(Bugs),
    Grade(Grade),
    Mark(Mark),
    Gradescope(Gradescope),
    Update(Update),
    /// Runs a program in a sandbox; `grade` starts it
    #[command(hide = true)]
    Jail {
        spec: PathBuf,
    },
    /// Enters control groups and becomes another program; `grade` starts it
    #[command(hide = true)]
    Enter {
        entrances: Vec<PathBuf>,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

/// Which labs and parts.
#[derive(Debug, Args)]
struct Selected {
    /// The repository [default: the one this program was built in]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Only these labs, and the earlier labs that they build on
    #[arg(long, value_name = "LAB,…", value_delimiter = ',')]
    labs: Vec<String>,
    /// Only these parts of the Raft lab: `1-5` or `1,2,4`
    #[arg(long)]
    parts: Option<Parts>,
}

impl Selected {
    fn source(&self) -> PathBuf {
        source(self.source.as_ref())
    }

    fn selection(&self) -> Selection {
        let labs = (!self.labs.is_empty()).then(|| self.labs.iter().cloned().collect());
        Selection { labs, parts: self.parts.clone() }
    }
}

/// The repository: the one given, else the one that this program was built in.
fn source(given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(|| {
        let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        package.parent().map(PathBuf::from).unwrap_or(package)
    })
}

/// Write a handout: a workspace for students, without solutions
#[derive(Debug, Args)]
struct Generate {
    #[command(flatten)]
    selected: Selected,
    /// Where to write it; an older handout there is replaced [default: target/handout in the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put the sources of all dependencies in, so that students need no network
    #[arg(long)]
    vendor: bool,
    /// Also write it as a `.tar.gz`, the same bytes each time
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    /// List the files that stay, and why
    #[arg(long)]
    explain: bool,
}

/// Prove that a handout is complete and gives nothing away
///
/// It is generated twice and compared, searched for solutions, compiled without warnings, its tests must fail as
/// listed in `handout/passes-on-skeleton.txt`, the reference must pass inside it, and the seeded bugs must be found.
#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    selected: Selected,
    /// Run everything, also what `generate --vendor` makes; without it one suite and one seeded bug are run, chosen by the
    /// content of the handout
    #[arg(long)]
    whole: bool,
    /// Run all suites, but on the skeleton only: neither the reference nor seeded bugs. Minutes for all labs
    #[arg(long, conflicts_with = "whole")]
    skeleton_only: bool,
    /// How many builds at a time, for the seeded bugs
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// Run the suites on the reference with one seeded bug each, and say which test finds which
///
/// A bug is a patch in `handout/bugs/<lab>`. The matrix of each suite is saved as Markdown and JSON. What was run on the
/// same bytes before is not run again, so a run that was interrupted goes on where it was.
#[derive(Debug, Args)]
struct Bugs {
    /// The repository [default: the one this program was built in]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Only the bugs of this suite: `3` for `part3`, or its name
    #[arg(long, value_name = "N")]
    part: Option<String>,
    /// Only the bugs of this lab
    #[arg(long)]
    lab: Option<String>,
    /// Only so many of them, chosen by the seed
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// What chooses the sample, such as a commit
    #[arg(long, value_name = "TEXT", default_value = "", requires = "sample")]
    seed: String,
    /// Run only the tests that a bug names: faster, but nothing is said about who else finds it
    #[arg(long)]
    named: bool,
    /// Run also what was run on the same bytes before
    #[arg(long)]
    fresh: bool,
    /// How many at a time: one compiles while another runs
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Where the matrix goes [default: target/handout-bugs in the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only these bugs
    #[arg(value_name = "BUG")]
    names: Vec<String>,
}

/// Grade submissions: folders, .zip or .tar.gz, or folders of them
///
/// Each is compiled and run alone, on a clean handout, without network, with limits. Only files that students write are
/// taken from it. What is graded is saved at once: after an interruption, run the same again with `--resume`.
#[derive(Debug, Args)]
struct Grade {
    #[arg(required = true, value_name = "SUBMISSION")]
    submissions: Vec<PathBuf>,
    /// The repository [default: the one this program was built in]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Grade on this handout, in place of one made from the repository
    #[arg(long, value_name = "DIR")]
    handout: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "target/grading")]
    out: PathBuf,
    /// How many submissions at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Only these suites: `3` for `part3`, or its name
    #[arg(long, value_name = "SUITE,…", value_delimiter = ',')]
    suites: Vec<String>,
    /// Only tests whose names contain one of these words
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    tests: Vec<String>,
    /// Hidden tests: files that are laid over the handout when a submission is compiled already
    #[arg(long, value_name = "DIR")]
    hidden: Option<PathBuf>,
    /// What chance does in runs comes from this number, in place of the seed of each test that students have. Every right design
    /// passes with any
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Compare with the results of an earlier grading, and list whose points changed
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// Go on with what is in the folder of results
    #[arg(long)]
    resume: bool,
    /// How to isolate: auto, bubblewrap, namespaces, user-namespaces or limits
    #[arg(long, value_name = "HOW", default_value = "auto")]
    isolation: String,
    /// How much memory the tests of a submission may use, all processes together
    #[arg(long, value_name = "MIB", default_value_t = 3072)]
    memory: u64,
    /// How much memory compiling a submission may use
    #[arg(long, value_name = "MIB", default_value_t = 3072)]
    compile_memory: u64,
    /// How long a suite may take
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    seconds: u64,
    /// How long compiling a submission may take, all its suites together
    #[arg(long, value_name = "SECONDS", default_value_t = 1200)]
    compile_seconds: u64,
    /// How long a submission may take, compiling included: suites that are not reached are reported as not run
    #[arg(long, value_name = "SECONDS")]
    budget: Option<u64>,
}

/// Waive tests and comment on failures of a graded class; nothing is run again
///
/// The decisions stand in `marks.toml` in the folder of results. The first time it is written, with the failures of the class
/// and the numbers that name them; fill it in, and run the same again.
#[derive(Debug, Args)]
struct Mark {
    /// The folder of results that `grade` wrote
    #[arg(value_name = "DIR", default_value = "target/grading")]
    results: PathBuf,
}

/// Pack an autograder for Gradescope
///
/// The .zip holds a clean handout and this tool, no solutions. Each submission is graded as `grade` does it.
#[derive(Debug, Args)]
struct Gradescope {
    #[command(flatten)]
    selected: Selected,
    /// Only these suites: `3` for `part3`, or its name
    #[arg(long, value_name = "SUITE,…", value_delimiter = ',')]
    suites: Vec<String>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "target/autograder.zip")]
    out: PathBuf,
    /// Hidden tests: files that are laid over the handout when a submission is compiled already
    #[arg(long, value_name = "DIR")]
    hidden: Option<PathBuf>,
    /// The seed of runs, as of `grade`
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How much memory the tests may use; the container needs some more
    #[arg(long, value_name = "MIB", default_value_t = 640)]
    memory: u64,
    /// How long a submission may take, compiling included; Gradescope stops everything after 10 minutes unless told
    /// otherwise, and then shows nothing of what was done
    #[arg(long, value_name = "SECONDS", default_value_t = 540)]
    seconds: u64,
}

/// Bring a student's copy of the handout to a new version
///
/// Students' files stay as they are. It says what it replaced, which skeletons changed, and whether grading changes. The
/// copy keeps its labs and parts; give a handout of others with `--handout`. Students do the same with `cargo lab update`.
#[derive(Debug, Args)]
struct Update {
    /// The student's copy
    copy: PathBuf,
    /// The repository [default: the one this program was built in]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// The new handout, in place of one made from the repository
    #[arg(long, value_name = "DIR")]
    handout: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Generate(command) => command.run(),
        Command::Check(command) => check::run(&check::Options {
            source: command.selected.source(),
            selection: command.selected.selection(),
            extent: match (command.whole, command.skeleton_only) {
                (true, _) => check::Extent::Whole,
                (_, true) => check::Extent::Skeleton,
                _ => check::Extent::Sample,
            },
            jobs: command.jobs,
        }),
        Command::Bugs(command) => bugs::run(&bugs::Options {
            source: source(command.source.as_ref()),
            part: command.part,
            lab: command.lab,
            names: command.names,
            sample: command.sample,
            seed: command.seed,
            jobs: command.jobs,
            named: command.named,
            fresh: command.fresh,
            out: command.out,
        }),
        Command::Grade(command) => command.run(),
        Command::Mark(command) => grade::mark(&command.results),
        Command::Gradescope(command) => gradescope::run(&gradescope::Options {
            source: command.selected.source(),
            selection: command.selected.selection(),
            suites: command.suites.iter().map(|suite| suite_name(suite)).collect(),
            hidden: command.hidden,
            seed: command.seed,
            out: command.out,
            memory_mib: command.memory,
            seconds: command.seconds,
        }),
        Command::Update(command) => update::run(&update::Options {
            copy: command.copy,
            source: source(command.source.as_ref()),
            handout: command.handout,
            dry_run: command.dry_run,
        }),
        Command::Jail { spec } => return jailed(&spec),
        Command::Enter { entrances, command } => {
            if let Err(error) = jail::enter_groups(&entrances, &command) {
                note(format!("{error:#}"));
            }
            return ExitCode::from(u8::try_from(jail::BROKEN).unwrap_or(u8::MAX));
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note(format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Ends as the program in the sandbox ends.
fn jailed(spec: &std::path::Path) -> ExitCode {
    let code = jail::main(spec).unwrap_or_else(|error| {
        note(format!("{error:#}"));
        jail::BROKEN
    });
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// `3` is `part3`.
fn suite_name(text: &str) -> String {
    if text.parse::<u32>().is_ok() { format!("part{text}") } else { text.to_owned() }
}

impl Grade {
    fn run(self) -> Result<bool> {
        grade::run(&grade::Options {
            source: source(self.source.as_ref()),
            handout: self.handout,
            submissions: self.submissions,
            out: self.out,
            jobs: self.jobs,
            suites: self.suites.iter().map(|suite| suite_name(suite)).collect(),
            only: self.tests,
            hidden: self.hidden,
            seed: self.seed,
            since: self.since,
            resume: self.resume,
            isolation: self.isolation,
            memory_mib: self.memory,
            compile_memory_mib: self.compile_memory,
            seconds: self.seconds,
            compile_seconds: self.compile_seconds,
            budget: self.budget,
        })
    }
}

impl Generate {
    fn run(&self) -> Result<bool> {
        let source = self.selected.source();
        let handout = generate::build(&source, &self.selected.selection())?;
        let out = self.out.clone().unwrap_or_else(|| source.join("target/handout"));
        if self.explain {
            for (path, why) in &handout.left_out {
                say(format!("{path}: {why}"));
            }
        }
        let target = Target { out, vendor: self.vendor, archive: self.archive.clone() };
        generate::write(&handout, &target)?;
        let description = &handout.description;
        say(format!("handout {} in {}", description.name(), target.out.display()));
        say(format!(
            "  {}, {} for students to write; labs {}; suites {}",
            count(handout.tree.0.len(), "file"),
            description.student_files.len(),
            description.labs.join(", "),
            if description.suites.is_empty() { "none".to_owned() } else { description.suites.join(", ") },
        ));
        Ok(true)
    }
}
