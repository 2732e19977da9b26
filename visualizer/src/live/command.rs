//! `cargo lab explore` and `cargo lab replay`, in the lab's driver.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Arg, Command, value_parser};
use framework::Lab;
use search::supervisor::Child;

use super::{Job, Opened, Supervised, explore, perform, replay};
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::trace_file::TraceFile;
use crate::workspace::Workspace;
use crate::{options, show};

/// Whether these arguments of a driver are for this file.
pub(crate) fn is_live(args: &[OsString]) -> bool {
    args.first().is_some_and(|verb| verb == "explore" || verb == "replay")
}

/// The process that runs handlers: performs the one job that it was started for.
pub(crate) fn serve(child: Child, lab: &dyn Lab) -> ExitCode {
    let reply = match serde_json::from_str::<Job>(&child.request) {
        Ok(job) => perform(lab, &job, &child.cancel),
        Err(error) => Err(format!("the question makes no sense: {error}")),
    };
    let handed =
        serde_json::to_vec(&reply).map_err(std::io::Error::other).and_then(|bytes| child.finish(&bytes));
    match handed {
        Ok(()) => ExitCode::Success,
        // Its supervisor reads this.
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "error: cannot hand over the answer: {error}");
            ExitCode::Internal
        }
    }
}

/// The process with the viewer: runs no handler.
pub(crate) fn run(lab: &dyn Lab, args: &[OsString], console: &mut Console<'_>) -> ExitCode {
    let engine = Box::new(Supervised { args: args.to_vec() });
    let (verb, rest) = match args.split_first() {
        Some((verb, rest)) => (verb.to_string_lossy().into_owned(), rest),
        None => return ExitCode::Usage,
    };
    let opened = if verb == "explore" {
        let matches = match options::explore_command(lab).try_get_matches_from(rest) {
            Ok(matches) => matches,
            Err(error) => return console.clap(&error),
        };
        let arguments = rest.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        explore(engine, arguments).map(|opened| (opened, matches))
    } else {
        let matches = match replay_definition().no_binary_name(true).try_get_matches_from(rest) {
            Ok(matches) => matches,
            Err(error) => return console.clap(&error),
        };
        let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
        let old = match TraceFile::load(&console.here.join(path)) {
            Ok(old) => old,
            Err(error) => {
                console.error(error);
                return ExitCode::BadFile;
            }
        };
        replay(engine, &old).map(|opened| (opened, matches))
    };
    let (Opened { mut session, said }, matches) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            console.error(format_args!("cannot {verb}: {problem}"));
            return ExitCode::Usage;
        }
    };
    session.folder =
        Workspace::find(&console.here).ok().map(|workspace| workspace.root.join("target/traces"));
    show::view(session, &said, &matches, console)
}

/// The command line of `replay`.
pub(crate) fn replay_definition() -> Command {
    let command = Command::new("replay")
        .bin_name("cargo lab replay")
        .about("Run the events of a saved trace again with today's code, and go on from there")
        .after_help("Says at which step the trace no longer fits, and what is not as recorded.")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .required(true)
                .help("A trace that a search or `explore` saved"),
        );
    show::with_view_options(command)
}
