//! Starts the driver of a lab with `cargo run`, so that a lab that does not compile breaks only itself.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};

use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::workspace::Workspace;

/// How drivers are compiled: as this program is. In a handout that is as tests are, so the framework and the search are there
/// already and a first search costs seconds; in the repository it is with all optimizations.
const PROFILE: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };

/// Whether the driver of a lab was compiled before. Silence is fine then; the first time cargo says what it does.
fn is_compiled(workspace: &Workspace, lab: &str) -> bool {
    let folder = if PROFILE.is_empty() { "debug" } else { "release" };
    workspace.root.join("target").join(folder).join("examples").join(lab).exists()
}

/// What cargo exits with when it could not build or start the program. A driver never does: it catches panics.
const CARGO_FAILED: i32 = 101;

/// Set for a driver that is started here: it ends with [`FINISHED`] where it would end with 0.
pub(crate) const LAUNCHED: &str = "LAB_DRIVER_LAUNCHED";

/// What stands for success between a driver and its starter. A handler that calls `process::exit(0)` must not be taken
/// for one that is right.
pub(crate) const FINISHED: u8 = 120;

/// Builds a lab's driver and becomes it, so that the viewer has the terminal to itself: `explore` or `replay`. Returns only
/// when that was not possible. `otherwise` is what can be done with a lab that does not compile.
pub(crate) fn become_driver(
    verb: &str,
    lab: &str,
    args: &[OsString],
    otherwise: &str,
    console: &mut Console<'_>,
) -> ExitCode {
    let found = Workspace::find(&console.here).and_then(|workspace| workspace.check(lab).map(|()| workspace));
    let workspace = match found {
        Ok(workspace) => workspace,
        Err(error) => {
            console.error(error);
            return ExitCode::Usage;
        }
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let compiled = is_compiled(&workspace, lab);
    let command = |word: &str| {
        let mut command = Command::new(&cargo);
        command.arg(word).args((compiled || word == "run").then_some("--quiet"));
        command.args(PROFILE).arg("--manifest-path").arg(workspace.root.join("Cargo.toml"));
        command.args(["--package", lab, "--example", lab]);
        command
    };
    let problem = match command("build").status() {
        Ok(status) if status.success() => {
            let mut driver = command("run");
            driver.arg("--").arg(verb).args(args);
            // Only comes back when it fails.
            std::os::unix::process::CommandExt::exec(&mut driver)
        }
        Ok(_) => {
            console.error(format_args!(
                "the lab `{lab}` does not compile, so it cannot run; see above{otherwise}"
            ));
            return ExitCode::DoesNotCompile;
        }
        Err(error) => error,
    };
    console.error(format_args!("cannot start `{}`: {problem}", cargo.to_string_lossy()));
    ExitCode::Internal
}

/// Starts a lab's driver to do what `verb` says (`search` or `profile`); its exit code is passed on as it is.
pub(crate) fn run(
    verb: &str,
    lab: &str,
    args: &[OsString],
    console: &mut Console<'_>,
) -> Result<u8, ExitCode> {
    let usage = |console: &mut Console<'_>, error| {
        console.error(error);
        ExitCode::Usage
    };
    let workspace = Workspace::find(&console.here).map_err(|error| usage(console, error))?;
    workspace.check(lab).map_err(|error| usage(console, error))?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // The driver ends with the report when Ctrl-C is pressed; this waits for it.
    let _not_here = ctrlc::set_handler(|| {});
    let cannot_start = |console: &mut Console<'_>, error: io::Error| {
        console.error(format_args!("cannot start `{}`: {error}", cargo.to_string_lossy()));
        ExitCode::Internal
    };
    let mut driver = Command::new(&cargo)
        .arg("run")
        .args(is_compiled(&workspace, lab).then_some("--quiet"))
        .args(PROFILE)
        .arg("--manifest-path")
        .arg(workspace.root.join("Cargo.toml"))
        .args(["--package", lab, "--example", lab, "--", verb])
        .args(args)
        .env(LAUNCHED, "1")
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(console, error))?;
    // Open as long as this process lives: when it is killed, the driver sees the end of its input, and ends as well.
    let _lifeline = driver.stdin.take();
    let status = driver.wait().map_err(|error| cannot_start(console, error))?;
    match status.code() {
        Some(CARGO_FAILED) => {
            console.error(format_args!(
                "the lab `{lab}` does not compile, so there is nothing to search; see above, or run \
                 `cargo build --package {lab} --example {lab}`"
            ));
            Err(ExitCode::DoesNotCompile)
        }
        Some(code) if code == i32::from(FINISHED) => Ok(ExitCode::Success.number()),
        Some(0) => {
            console.error(format_args!(
                "the driver of `{lab}` ended without a result; a handler that calls `process::exit` does that"
            ));
            Err(ExitCode::Internal)
        }
        Some(code) => Ok(u8::try_from(code).unwrap_or(ExitCode::Internal.number())),
        None => {
            console.error(format_args!(
                "the driver of `{lab}` died: {status}; a handler that calls itself without end or takes all memory \
                 ends this way"
            ));
            Err(ExitCode::Internal)
        }
    }
}
