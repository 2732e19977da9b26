//! Runs a lab's search in a process of its own, and shows what comes out of it: one that a node ends is reported as well.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::num::NonZero;
use std::process::Command;

use search::supervisor::{Cause, Child, Death, Output, Supervised, Supervisor, address_space};
use search::{Activity, CancelToken};
use serde::{Deserialize, Serialize};

use crate::amount::counted;
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::human::WIDTH;
use crate::launch;
use crate::options::Request;
use crate::progress::LiveLine;
use crate::text;

/// How many lines of what nodes print are shown.
const PRINTED_MAX: usize = 5;

/// What the process that searches hands over: it prints nothing itself.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    code: u8,
    out: String,
    err: String,
}

/// Starts this program again with the same arguments, as the process that searches, and prints its answer.
pub(crate) fn run(request: &Request, args: &[OsString], console: &mut Console<'_>) -> ExitCode {
    let cancel = CancelToken::default();
    listen_for_interrupts(&cancel);
    let line = console.progress.then(LiveLine::start);
    let supervisor = Supervisor {
        memory: Some(address_space(request.max_memory, threads(request))),
        cancel: cancel.clone(),
        progress: line.as_ref().map(LiveLine::callback),
        ..Supervisor::default()
    };
    let supervised = env::current_exe().and_then(|program| supervisor.run(Command::new(program).args(args)));
    drop(line);
    match supervised {
        Ok(supervised) => show(&supervised, &cancel, console),
        Err(error) => {
            console.error(format_args!("cannot start the process that searches: {error}"));
            ExitCode::Internal
        }
    }
}

fn threads(request: &Request) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    request.threads.unwrap_or(1).max(cores)
}

/// The other side: does what the arguments say, and hands over what that prints.
pub(crate) fn serve(child: Child, run: impl FnOnce(&CancelToken, &mut Console<'_>) -> ExitCode) -> ExitCode {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let here = env::current_dir().unwrap_or_default();
    let code = run(
        &child.cancel,
        &mut Console { out: &mut out, err: &mut err, progress: false, terminal: false, here },
    );
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let answer = Answer { code: code.number(), out: text(out), err: text(err) };
    let bytes = serde_json::to_vec(&answer).expect("numbers and texts are JSON");
    match child.finish(&bytes) {
        Ok(()) => code,
        // Its supervisor reads this.
        Err(error) => {
            let _nobody_reads = io::Write::write_fmt(
                &mut io::stderr(),
                format_args!("error: cannot hand over the result: {error}\n"),
            );
            ExitCode::Internal
        }
    }
}

/// Lets Ctrl-C end the search with a report of what it found until then, and a second one at once. When the `lab` that
/// started this is gone, so is this.
fn listen_for_interrupts(cancel: &CancelToken) {
    let token = cancel.clone();
    // Where there is no such thing, Ctrl-C ends this process, and the one that searches notices.
    let _not_here = ctrlc::set_handler(move || {
        if token.is_canceled() {
            std::process::exit(ExitCode::Canceled.number().into());
        }
        token.cancel();
    });
    if env::var_os(launch::LAUNCHED).is_some() {
        std::thread::spawn(|| {
            let mut buffer = [0; 64];
            while io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
            std::process::exit(ExitCode::Canceled.number().into());
        });
    }
}

fn show(supervised: &Supervised, cancel: &CancelToken, console: &mut Console<'_>) -> ExitCode {
    let answer = match &supervised.result {
        Ok(bytes) => serde_json::from_slice::<Answer>(bytes).map_err(|error| error.to_string()),
        Err(death) => {
            if cancel.is_canceled() {
                console.error("canceled; there is no report, because the search did not come to an end");
                return ExitCode::Canceled;
            }
            let code = without_result(death, &supervised.stderr, console);
            printed(&supervised.stdout, "standard output", console);
            return code;
        }
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            console.error(format_args!("the process that searches handed over something else: {error}"));
            return ExitCode::Internal;
        }
    };
    let code = ExitCode::from_number(answer.code).unwrap_or(ExitCode::Internal);
    let written = console.out.write_all(answer.out.as_bytes()).and_then(|()| console.out.flush());
    let code = console.written(written, code);
    let _nobody_reads = console.err.write_all(answer.err.as_bytes());
    printed(&supervised.stdout, "standard output", console);
    printed(&supervised.stderr, "standard error output", console);
    if let Some(death) = &supervised.unrepeated {
        let death = text::one_line(&death.to_string());
        console.error(format_args!(
            "{death} in one run, and not in another: the code is not deterministic, and the result above is not to be \
             relied on; look for a static or shared variable, the clock, or randomness"
        ));
        return ExitCode::Nondeterministic;
    }
    code
}

/// Reports a search that never had a result.
fn without_result(death: &Death, stderr: &Output, console: &mut Console<'_>) -> ExitCode {
    let what = text::one_line(&death.to_string());
    let activity = death.at.as_ref().map(|at| at.activity);
    let code = match (activity, &death.cause) {
        (Some(Activity::Init | Activity::Handler | Activity::Replay), Cause::Hung(_)) => {
            ExitCode::HandlerHung
        }
        (Some(Activity::Init | Activity::Handler | Activity::Replay), _) => ExitCode::HandlerDied,
        (Some(Activity::Predicate), _) => ExitCode::PredicatePanicked,
        (None, Cause::OutOfMemory | Cause::Killed) => ExitCode::MemorySpent,
        _ => ExitCode::Internal,
    };
    let advice = match (activity, code) {
        (_, ExitCode::MemorySpent) => "limit the search with `--max-memory`, `--max-states` or `--max-depth`",
        (Some(Activity::SetUp), _) => "look at the constructors of its nodes and at what builds the system",
        (Some(Activity::Report), _) => "look at `Debug` and `Serialize` of its nodes and messages",
        (Some(_), _) => "it was repeated, and ends like this again and again",
        (None, _) => "no handler was running: look at threads that handlers start, and at `Drop`",
    };
    console.error(format_args!("{what}, so there is no result; {advice}"));
    printed(stderr, "standard error output", console);
    code
}

/// Says what nodes printed. It is not part of the result: handlers run once or more for each of their inputs, in the order
/// of the search.
fn printed(output: &Output, stream: &str, console: &mut Console<'_>) {
    if output.lines == 0 {
        return;
    }
    let lines = counted(output.lines, "line");
    let mut shown = vec![format!(
        "note: nodes printed {lines} on their {stream}, in the order in which the search runs handlers:"
    )];
    shown.extend(output.first.iter().take(PRINTED_MAX).map(|line| format!("  | {line}")));
    if output.lines > PRINTED_MAX as u64 {
        shown.push("  | …".to_owned());
    }
    for line in shown {
        let _nobody_reads = writeln!(console.err, "{}", text::fit(&line, WIDTH.max(line_width(&line))));
    }
}

/// The note itself is never cut.
fn line_width(line: &str) -> usize {
    if line.starts_with("note: ") { line.len() } else { 0 }
}
