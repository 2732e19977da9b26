//! `cargo lab export`: writes a saved trace in another format, to a file or to the standard output.

use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{Cut, Format, export_watching};
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::model::Model;
use crate::model::watch::Watch;
use crate::trace_file::TraceFile;

/// The command line of `export`.
pub(crate) fn definition() -> Command {
    let formats = Format::ALL.map(|(name, _, what)| PossibleValue::new(name).help(what));
    let file = |name: &'static str| Arg::new(name).value_name("FILE").value_parser(value_parser!(PathBuf));
    Command::new("export")
        .about("Write a saved trace as a page, a picture, a test or for another tool")
        .after_help(
            "The page (`html`) is one file that works offline: `page.html#step=12` opens it at step 12.\n\
             On it any fields can be watched, and steps found, filtered and compared; expressions are given by --watch.\n\
             `rust-test` says in its first lines where the test belongs and how it is run.",
        )
        .arg(file("file").required(true).help("A trace that a search saved"))
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("FORMAT")
                .value_parser(formats)
                .required(true)
                .help("The format"),
        )
        .arg(
            Arg::new("watch")
                .long("watch")
                .value_name("EXPRESSION")
                .action(ArgAction::Append)
                .help("What the page shows at every step: 'max(server*.term)'; may be given more than once"),
        )
        .arg(
            Arg::new("until")
                .long("until")
                .value_name("STEP")
                .value_parser(value_parser!(usize))
                .help("Leave out what happens after this step: an exercise in what comes next"),
        )
        .arg(
            Arg::new("hide-reason")
                .long("hide-reason")
                .action(ArgAction::SetTrue)
                .help("Say what is wrong, and not why"),
        )
        .arg(
            Arg::new("anonymous")
                .long("anonymous")
                .action(ArgAction::SetTrue)
                .help("Leave out who wrote notes, and the command that searched"),
        )
        .arg(
            file("output")
                .short('o')
                .long("output")
                .help("Where to write it, instead of the standard output"),
        )
}

/// Exports a trace.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> ExitCode {
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let from = console.here.join(&path);
    let trace = match TraceFile::load(&from) {
        Ok(trace) => trace,
        Err(error) => {
            console.error(error);
            return ExitCode::BadFile;
        }
    };
    let format = matches.get_one::<String>("to").and_then(|name| Format::named(name)).unwrap_or(Format::Text);
    let name =
        path.file_name().map_or_else(|| "trace".to_owned(), |name| name.to_string_lossy().into_owned());
    let cut = Cut {
        until: matches.get_one::<usize>("until").copied(),
        hide_reason: matches.get_flag("hide-reason"),
        anonymous: matches.get_flag("anonymous"),
    };
    let trace = match cut.apply(trace) {
        Ok(trace) => trace,
        Err(error) => {
            console.error(format_args!("cannot export `{}`: {error}", path.display()));
            return ExitCode::Usage;
        }
    };
    let saved = trace.view.watch.iter().filter_map(|text| Watch::parse(text).ok());
    let mut watches: Vec<Watch> = saved.collect();
    for text in matches.get_many::<String>("watch").into_iter().flatten() {
        match Watch::parse(text) {
            Ok(watch) => watches.push(watch),
            Err(error) => {
                console.error(format_args!("cannot watch `{text}`: {error}"));
                return ExitCode::Usage;
            }
        }
    }
    let text = match export_watching(&Model::new(trace), &name, format, &watches) {
        Ok(text) => text,
        Err(error) => {
            console.error(format_args!("cannot export `{}`: {error}", path.display()));
            return ExitCode::BadFile;
        }
    };
    let Some(output) = matches.get_one::<PathBuf>("output") else {
        let written = console.out.write_all(text.as_bytes()).and_then(|()| console.out.flush());
        return console.written(written, ExitCode::Success);
    };
    let to = console.here.join(output);
    if is_same_file(&from, &to) {
        console
            .error(format_args!("`{}` is the trace itself; give another file after `-o`", output.display()));
        return ExitCode::Usage;
    }
    // A test goes into the folder `tests` of its lab, which many labs do not have yet.
    if let Some(folder) = to.parent().filter(|folder| format == Format::RustTest && !folder.exists()) {
        // If that is not possible, neither is what follows, which says why.
        let _made = fs::create_dir(folder);
    }
    if let Err(error) = fs::write(&to, text) {
        console.error(format_args!("cannot write `{}`: {error}", output.display()));
        return ExitCode::Internal;
    }
    let written = console.print(&[format!("wrote {}", output.display())]);
    console.written(written, ExitCode::Success)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
