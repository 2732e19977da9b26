//! `cargo lab show`: on a terminal the viewer, elsewhere the trace as text; `--plain` for words only.

use std::path::PathBuf;
use std::{env, io};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::model::Model;
use crate::plain;
use crate::session::Session;
use crate::text::{self, Layout};
use crate::trace_file::TraceFile;
use crate::tui::{self, Options, Theme};

/// The command line of `show`.
pub(crate) fn definition() -> Command {
    let command = Command::new("show")
        .about("Step through a saved trace; needs no lab")
        .after_help(
            "Not on a terminal, the trace is printed. `--plain -c \"go 10; why\"` runs commands in a script;\n\
             `--plain -c help` lists them. With NO_COLOR set, or TERM=dumb, there are no colours.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .required(true)
                .help("A trace that a search saved"),
        )
        .arg(
            Arg::new("step")
                .long("step")
                .value_name("NUMBER")
                .value_parser(value_parser!(usize))
                .help("The step to begin at, instead of the violation"),
        );
    with_view_options(command)
}

/// The options that say how a trace is viewed.
pub(crate) fn with_view_options(command: Command) -> Command {
    let view = |arg: Arg| arg.help_heading("View");
    let flag = |name: &'static str, help: &'static str| {
        view(Arg::new(name).long(name).action(ArgAction::SetTrue).help(help))
    };
    let themes = PossibleValuesParser::new(Theme::ALL.map(|(name, _)| name));
    command
        .arg(flag("plain", "One fact a line, in words: for scripts and screen readers"))
        .arg(view(
            Arg::new("commands")
                .short('c')
                .long("commands")
                .value_name("COMMANDS")
                .requires("plain")
                .help("What to do in plain mode, separated by semicolons; `-` reads it from the input"),
        ))
        .arg(view(
            Arg::new("theme")
                .long("theme")
                .value_name("NAME")
                .value_parser(themes)
                .help("The colours [default: ansi]"),
        ))
        .arg(view(
            Arg::new("author")
                .long("author")
                .value_name("NAME")
                .help("The name under which notes are written"),
        ))
        .arg(flag("ascii", "Draw with ASCII characters only"))
        .arg(flag("no-mouse", "Leave the mouse to the terminal"))
        .arg(view(
            Arg::new("keys")
                .long("keys")
                .value_name("KEYS")
                .value_parser(["lab", "dslabs"])
                .default_value("lab")
                .help("`dslabs` steps with n and p as well"),
        ))
}

/// Shows a trace.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> ExitCode {
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let trace = match TraceFile::load(&console.here.join(&path)) {
        Ok(trace) => trace,
        Err(error) => {
            console.error(error);
            return ExitCode::BadFile;
        }
    };
    if !matches.get_flag("plain") && (!console.terminal || is_dumb()) {
        let written = print(&trace, console);
        return console.written(written, ExitCode::Success);
    }
    let mut session = Session::new(Model::new(trace), Some(console.here.join(path)));
    if let Some(number) = matches.get_one::<usize>("step") {
        let step = session.model().step_called(*number);
        if session.model().number(step) != *number {
            let (first, last) = (session.model().number(0), session.model().number(session.model().len()));
            console.error(format_args!("there is no step {number}; the trace is {first} to {last}"));
            return ExitCode::Usage;
        }
        session.move_to(step);
    }
    view(session, &[], matches, console)
}

/// Lets a person look at a session, in words or on the terminal; `said` is what they are told first.
pub(crate) fn view(
    mut session: Session,
    said: &[String],
    matches: &ArgMatches,
    console: &mut Console<'_>,
) -> ExitCode {
    session.opening = said.to_vec();
    session.author =
        matches.get_one::<String>("author").map(|name| name.chars().take(60).collect()).unwrap_or_default();
    if matches.get_flag("plain") {
        let written = plain::tell(said, console.out);
        if written.is_err() {
            return console.written(written, ExitCode::Success);
        }
        return in_words(&mut session, matches.get_one::<String>("commands"), console);
    }
    if !console.terminal || is_dumb() {
        console.error(
            "the viewer needs a terminal; `--plain` needs none, and `--plain -c COMMANDS` nobody to type",
        );
        return ExitCode::Usage;
    }
    match tui::show(session, options(matches)) {
        Ok(lines) => {
            let written = console.print(&lines);
            console.written(written, ExitCode::Success)
        }
        Err(error) => {
            console.error(format_args!("the terminal cannot be used: {error}; `--plain` needs none"));
            ExitCode::Internal
        }
    }
}

/// Prints the schema of trace files.
pub(crate) fn schema(console: &mut Console<'_>) -> io::Result<()> {
    let schema = serde_json::to_string_pretty(&TraceFile::schema()).map_err(io::Error::other)?;
    console.print(&[schema])
}

fn options(matches: &ArgMatches) -> Options {
    let named = matches.get_one::<String>("theme");
    let named = named.and_then(|name| Theme::ALL.iter().find(|(known, _)| known == name));
    let colourless = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let theme = match named {
        Some((_, theme)) => *theme,
        None if colourless => Theme::Mono,
        None => Theme::Ansi,
    };
    Options {
        theme,
        ascii: matches.get_flag("ascii") || !is_unicode(),
        mouse: !matches.get_flag("no-mouse"),
        dslabs_keys: matches.get_one::<String>("keys").is_some_and(|keys| keys == "dslabs"),
    }
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether the locale says that the terminal shows more than ASCII; if it says nothing, it is taken to.
fn is_unicode() -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(env::var_os).find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// The trace as text, with the command that searches again.
fn print(trace: &TraceFile, console: &mut Console<'_>) -> io::Result<()> {
    let command = &trace.origin.command;
    let next = if command.is_empty() { Vec::new() } else { vec![command.clone()] };
    let layout = Layout { next, ..Layout::default() };
    let mut lines = vec![text::fit(&format!("{}: {}", trace.origin.lab, text::verdict(trace)), 400)];
    lines.extend(text::body(trace, &layout));
    console.print(&lines)
}

fn in_words(session: &mut Session, commands: Option<&String>, console: &mut Console<'_>) -> ExitCode {
    let ended = match commands.map(String::as_str) {
        Some("-") => io::read_to_string(io::stdin()).and_then(|text| plain::run(session, &text, console.out)),
        Some(text) => plain::run(session, text, console.out),
        None if console.terminal => {
            plain::ask(session, &mut io::stdin().lock(), console.out).map(|()| plain::Ended::default())
        }
        None => plain::report(session, console.out).map(|()| plain::Ended::default()),
    };
    let errors = ended.as_ref().map_or(0, |ended| ended.errors);
    let code = if errors == 0 { ExitCode::Success } else { ExitCode::Usage };
    console.written(ended.map(|_| ()), code)
}
