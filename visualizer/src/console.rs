//! Where a command writes and where it stands; tests put buffers and folders of their own here.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;

/// The surroundings of one command.
pub(crate) struct Console<'a> {
    /// Results.
    pub(crate) out: &'a mut dyn Write,
    /// Errors and warnings.
    pub(crate) err: &'a mut dyn Write,
    /// Whether a progress line may be drawn on the standard error output.
    pub(crate) progress: bool,
    /// Whether a person sits at both ends: input and output are a terminal.
    pub(crate) terminal: bool,
    /// The folder in which the user is.
    pub(crate) here: PathBuf,
}

impl Console<'_> {
    /// Prints lines of a result.
    pub(crate) fn print<S: AsRef<str>>(&mut self, lines: &[S]) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "{}", line.as_ref())?;
        }
        self.out.flush()
    }

    /// Prints an error.
    pub(crate) fn error(&mut self, message: impl std::fmt::Display) {
        // Nobody is left to tell if this fails.
        let _nobody_reads = writeln!(self.err, "error: {message}");
    }

    /// Prints what clap has to say, and returns how the command ends: asking for help is no error.
    pub(crate) fn clap(&mut self, error: &clap::Error) -> ExitCode {
        let text = error.render();
        if error.use_stderr() {
            let _nobody_reads = write!(self.err, "{text}");
            ExitCode::Usage
        } else {
            let written = write!(self.out, "{text}");
            self.written(written, ExitCode::Success)
        }
    }

    /// How a command ends whose output was written or not.
    pub(crate) fn written(&mut self, written: io::Result<()>, code: ExitCode) -> ExitCode {
        match written {
            Ok(()) => code,
            // The reader has seen enough: `cargo lab … | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
            Err(error) => {
                self.error(format_args!("cannot write the result: {error}"));
                ExitCode::Internal
            }
        }
    }

    /// A path as the user would type it.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.here).unwrap_or(path).display().to_string()
    }
}

/// Runs a command on the standard streams. A panic in it is a mistake of this program (or of a lab's own set-up), and
/// has its exit code.
pub(crate) fn on_terminal(run: impl FnOnce(&mut Console<'_>) -> ExitCode) -> ExitCode {
    let here = std::env::current_dir().unwrap_or_default();
    // Not locked: a handler that prints, on another thread, would wait for ever.
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let progress = io::stderr().is_terminal();
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut console = Console { out: &mut out, err: &mut err, progress, terminal, here };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut console)));
    result.unwrap_or_else(|_| {
        let _nobody_reads = writeln!(
            io::stderr(),
            "error: this is a mistake of the tool or of the lab's set-up, not of a node"
        );
        ExitCode::Internal
    })
}
