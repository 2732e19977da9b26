//! The command line of `cargo lab`: which command is meant, and the small ones themselves.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExitCode;

use clap::{Arg, Command, value_parser};

use crate::console::{Console, on_terminal};
use crate::exit_code::ExitCode;
use crate::student::{submit, update, watch};
use crate::trace_file::TraceFile;
use crate::workspace::Workspace;
use crate::{demo, export, launch, live, options, shell, show};

/// The `main` of the binary `lab`.
pub fn lab_command() -> ProcessExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    // The exit code of a lab's driver may be any number.
    let mut number = None;
    let code = on_terminal(|console| match run(&args, console) {
        Ok(code) => {
            number = Some(code);
            ExitCode::Success
        }
        Err(code) => code,
    });
    match number {
        Some(number) => number.into(),
        None => code.into(),
    }
}

/// Does what the arguments say; `Ok` is the exit code of a driver or 0.
pub(crate) fn run(args: &[OsString], console: &mut Console<'_>) -> Result<u8, ExitCode> {
    // What follows the name of the lab is for its driver, which alone knows all options.
    if let [word, lab, rest @ ..] = args
        && let Some(verb @ ("search" | "profile" | "doctor")) = word.to_str()
        && let Some(lab) = lab.to_str()
        && !lab.starts_with('-')
    {
        return launch::run(verb, lab, rest, console);
    }
    if let [word, lab, rest @ ..] = args
        && word == "explore"
        && let Some(lab) = lab.to_str()
        && !lab.starts_with('-')
    {
        return as_result(launch::become_driver("explore", lab, rest, "", console));
    }
    let matches = match definition().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return as_result(console.clap(&error)),
    };
    let file = |matches: &clap::ArgMatches, name: &str| matches.get_one::<PathBuf>(name).cloned();
    as_result(match matches.subcommand() {
        Some(("demo", matches)) => demo::run(file(matches, "trace").as_deref(), console),
        Some(("show", matches)) => show::run(matches, console),
        Some(("export", matches)) => export::run(matches, console),
        Some(("replay", matches)) => replay(matches, &args[1..], console),
        Some(("schema", _)) => {
            let written = show::schema(console);
            console.written(written, ExitCode::Success)
        }
        Some(("list", _)) => list(console),
        Some(("submit", matches)) => submit::run(matches, console),
        Some(("update", matches)) => update::run(matches, console),
        Some(("watch", matches)) => watch::run(matches, console),
        _ => {
            console
                .error("name the lab first: `cargo lab search <lab> [options]`; `cargo lab list` lists them");
            ExitCode::Usage
        }
    })
}

fn as_result(code: ExitCode) -> Result<u8, ExitCode> {
    if code == ExitCode::Success { Ok(code.number()) } else { Err(code) }
}

fn definition() -> Command {
    let file = |name: &'static str| Arg::new(name).value_name("FILE").value_parser(value_parser!(PathBuf));
    let search = options::with_common_options(Command::new("search"))
        .about("Search the states of a lab's system for violations")
        .override_usage("cargo lab search <LAB> [OPTIONS]")
        .after_help(format!(
            "A lab may have options of its own: `cargo lab search <lab> --help`.\n\n{}",
            ExitCode::table()
        ))
        .arg(Arg::new("lab").value_name("LAB").required(true).help("The lab; `cargo lab list` lists them"));
    let profile = options::with_common_options(Command::new("profile"))
        .about("Say which fields, timers and messages make the states of a lab's system")
        .override_usage("cargo lab profile <LAB> [OPTIONS]")
        .arg(Arg::new("lab").value_name("LAB").required(true).help("The lab; `cargo lab list` lists them"));
    let doctor = options::with_common_options(Command::new("doctor"))
        .about("Say what is wrong with nodes: nondeterminism, growth, what makes their states")
        .override_usage("cargo lab doctor <LAB> [OPTIONS]")
        .arg(Arg::new("lab").value_name("LAB").required(true).help("The lab; `cargo lab list` lists them"));
    Command::new("lab")
        .bin_name("cargo lab")
        .no_binary_name(true)
        .about("Searches, shows and explains the labs of this workspace")
        .max_term_width(100)
        .after_help(ExitCode::table())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(search)
        .subcommand(profile)
        .subcommand(doctor)
        .subcommand(watch::definition())
        .subcommand(Command::new("demo").about("Find a classic mistake in Paxos; nothing to set up").arg(
            file("trace").long("trace").help("Where to save the trace, instead of `target/traces/demo.json`"),
        ))
        .subcommand(show::definition())
        .subcommand(export::definition())
        .subcommand(
            options::with_explore_options(Command::new("explore"))
                .about("Let the events of a lab's system happen one by one, and look at what they do")
                .override_usage("cargo lab explore <LAB> [OPTIONS]")
                .arg(
                    Arg::new("lab")
                        .value_name("LAB")
                        .required(true)
                        .help("The lab; `cargo lab list` lists them"),
                ),
        )
        .subcommand(live::replay_definition())
        .subcommand(Command::new("schema").about("Print the JSON Schema of trace files"))
        .subcommand(Command::new("list").about("List the labs"))
        .subcommand(submit::definition())
        .subcommand(update::definition())
}

/// Runs a trace again with the code of its lab.
fn replay(matches: &clap::ArgMatches, args: &[OsString], console: &mut Console<'_>) -> ExitCode {
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let trace = match TraceFile::load(&console.here.join(&path)) {
        Ok(trace) => trace,
        Err(error) => {
            console.error(error);
            return ExitCode::BadFile;
        }
    };
    let file = shell::quoted(&path.display().to_string());
    if !trace.is_of_a_lab() {
        let by = match trace.origin.command.as_str() {
            "" => String::new(),
            command => format!(" (it was saved by `{command}`)"),
        };
        console.error(format_args!(
            "`{}` is of no lab's system{by}, so it cannot be run again; `cargo lab show {file}` shows it",
            path.display()
        ));
        return ExitCode::Usage;
    }
    let otherwise = format!("; `cargo lab show {file}` shows the trace without it");
    launch::become_driver("replay", &trace.origin.lab, args, &otherwise, console)
}

fn list(console: &mut Console<'_>) -> ExitCode {
    let workspace = match Workspace::find(&console.here) {
        Ok(workspace) => workspace,
        Err(error) => {
            console.error(error);
            return ExitCode::Usage;
        }
    };
    let labs = workspace.labs();
    let width = labs.iter().map(String::len).max().unwrap_or_default();
    let lines: Vec<String> = labs
        .iter()
        .map(|lab| {
            format!("{lab:width$}  {}", workspace.about(lab).unwrap_or_default()).trim_end().to_owned()
        })
        .collect();
    let written = console.print(&lines);
    console.written(written, ExitCode::Success)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::sample;
    use crate::trace_file::TraceFile;

    fn command(here: &Path, line: &str) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console =
            Console { out: &mut out, err: &mut err, progress: false, terminal: false, here: here.to_owned() };
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let code = run(&args, &mut console).unwrap_or_else(ExitCode::number);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn folder() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path();
        for (lab, heading) in [("paxos", ""), ("pingpong", "# Lab 0: ping-pong\n")] {
            std::fs::create_dir_all(here.join("labs").join(lab)).unwrap();
            std::fs::write(here.join("labs").join(lab).join("Cargo.toml"), "").unwrap();
            std::fs::write(here.join("labs").join(lab).join("README.md"), heading).unwrap();
        }
        std::fs::write(here.join("Cargo.toml"), "").unwrap();
        dir
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn help() {
        let (code, out, err) = command(folder().path(), "--help");
        assert_eq!((code, err.as_str()), (0, ""));
        insta::assert_snapshot!(out);
        let (code, out, _) = command(folder().path(), "search --help");
        assert_eq!(code, 0);
        assert!(out.contains("Usage: cargo lab search <LAB> [OPTIONS]"), "{out}");
    }

    #[test]
    fn lists_the_labs() {
        let (code, out, _) = command(folder().path(), "list");
        assert_eq!(code, 0);
        insta::assert_snapshot!(out, @r"
        paxos
        pingpong  Lab 0: ping-pong
        ");
    }

    #[test]
    fn shows_a_saved_trace() {
        let dir = folder();
        let here = dir.path();
        sample::violated().save(&here.join("t.json")).unwrap();
        let (code, out, err) = command(here, "show t.json");
        assert_eq!((code, err.as_str()), (0, ""));
        insta::assert_snapshot!(out);
    }

    #[test]
    fn exports_to_the_output_or_to_a_file() {
        let dir = folder();
        let here = dir.path();
        sample::violated().save(&here.join("t.json")).unwrap();
        let (code, out, err) = command(here, "export t.json --to mermaid");
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("sequenceDiagram\n"), "{out}");
        let (code, said, err) = command(here, "export t.json --to mermaid -o t.mmd");
        assert_eq!((code, said.as_str(), err.as_str()), (0, "wrote t.mmd\n", ""));
        assert_eq!(std::fs::read_to_string(here.join("t.mmd")).unwrap(), out);
        std::fs::write(here.join("other.json"), "{}").unwrap();
        let lines = [
            "export t.json",
            "export t.json --to pdf",
            "export t.json --to svg -o t.json",
            "export t.json --to svg -o nowhere/t.svg",
            "export t.json --to rust-test",
            "export other.json --to svg",
            "export gone.json --to svg",
            "export t.json --to html --watch max(",
            "export t.json --to svg --watch s1.text",
        ];
        let errors = lines.map(|line| {
            let (code, out, err) = command(here, line);
            assert_eq!(out, "");
            format!("$ {line}\n{err}exit code {code}\n").replace(&format!("{}/", here.display()), "")
        });
        insta::assert_snapshot!(errors.join("\n"));
        // A mistake costs nobody their trace.
        assert_eq!(TraceFile::load(&here.join("t.json")).unwrap(), sample::violated());
        let (code, help, _) = command(here, "export --help");
        assert_eq!(code, 0);
        insta::assert_snapshot!(help);
    }

    #[test]
    fn misuse_says_what_is_possible() {
        let dir = folder();
        let here = dir.path();
        std::fs::write(here.join("picture.json"), r#"{"format":"png","version":3}"#).unwrap();
        let lines = [
            "search",
            "search --clients 2 pingpong",
            "search raft --clients 2",
            "search paxos",
            "show",
            "show picture.json",
            "show nowhere.json",
            "explore",
        ];
        let errors = lines.map(|line| {
            let (code, out, err) = command(here, line);
            assert_eq!(out, "");
            format!("$ {line}\n{err}exit code {code}\n").replace(&format!("{}/", here.display()), "")
        });
        insta::assert_snapshot!(errors.join("\n"));
    }
}
