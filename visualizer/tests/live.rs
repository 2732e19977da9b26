//! Runs a lab's driver with live sessions from outside: whatever a handler does, the viewer goes on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn workspace(name: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("live-{name}"));
    let _not_there_yet = std::fs::remove_dir_all(&here);
    std::fs::create_dir_all(here.join("labs")).expect("the folder can be made");
    std::fs::write(here.join("Cargo.toml"), "").expect("the file can be written");
    here
}

fn run(here: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostile-lab"));
    command.args(args).current_dir(here);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Output { status, stdout, stderr } = command.output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (status.code().expect("it exits by itself"), text(stdout), text(stderr))
}

/// The server does its deed in the second message; then somebody goes back, and on in another way.
fn explore(deed: &str) -> String {
    let here = workspace(deed);
    let script =
        "deliver 1; preview 1; deliver 1; tree; deliver 1; back; crash server1; restart server1; tree";
    let (code, out, err) = run(&here, &["explore", "--deed", deed, "--plain", "-c", script]);
    // One command asks for something after the failure.
    assert_eq!((code, err.as_str()), (64, ""), "{out}");
    let lines = out.lines().map(|line| format!("{}\n", line.split(", at ").next().unwrap_or_default()));
    lines.collect()
}

#[test]
fn a_panic_is_a_step() {
    insta::assert_snapshot!(explore("panic"));
}

#[test]
fn a_stack_overflow_is_a_step() {
    insta::assert_snapshot!(explore("recurse"));
}

#[test]
fn an_exit_is_a_step() {
    insta::assert_snapshot!(explore("exit"));
}

#[test]
fn an_endless_loop_is_a_step() {
    insta::assert_snapshot!(explore("hang"));
}

/// Printing is no answer, and is told once.
#[test]
fn what_nodes_print_is_told_and_nothing_else() {
    let here = workspace("print");
    let args = ["explore", "--deed", "print", "--plain", "-c", "deliver 1; deliver 1; deliver 1"];
    let (code, out, err) = run(&here, &args);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out);
}

/// A search ends at a deed as it does from the command line, and what it leads to can be saved and run again.
#[test]
fn a_search_from_here_ends_at_a_deed() {
    let here = workspace("search");
    let args = ["explore", "--deed", "recurse", "--plain", "-c", "search violation; save; tree"];
    let (code, out, err) = run(&here, &args);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    insta::assert_snapshot!(out.replace(&format!("{}/", here.display()), ""));
    let saved = "target/traces/hostile-main.1.json";
    let (code, out, err) = run(&here, &["replay", saved, "--plain", "-c", "tree"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    insta::assert_snapshot!(out, @r"
    replayed all 2 steps with today's code
    every step does what was recorded
    it shows what was recorded: handler died
    branch main: 2 steps, handler died (you are here, at step 2)
    ");
}

#[test]
fn a_set_up_that_ends_the_process_is_told() {
    let here = workspace("set-up");
    let (code, out, err) = run(&here, &["explore", "--deed", "set-up", "--plain", "-c", "pending"]);
    assert_eq!((code, out.as_str()), (64, ""));
    insta::assert_snapshot!(err, @"error: cannot explore: the set-up of the lab called `process::exit(0)`");
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let here = workspace("terminal");
    let (code, out, err) = run(&here, &["explore"]);
    assert_eq!((code, out.as_str()), (64, ""));
    insta::assert_snapshot!(err, @"error: the viewer needs a terminal; `--plain` needs none, and `--plain -c COMMANDS` nobody to type");
    let (code, _, err) = run(&here, &["replay", "nowhere.json"]);
    assert_eq!(code, 66);
    assert!(err.starts_with("error: cannot read `"), "{err}");
}
