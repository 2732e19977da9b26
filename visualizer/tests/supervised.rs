//! Runs a lab's driver from outside: whatever a node does, its report, its exit code and its streams are what they should.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// An empty workspace for one test.
fn workspace(name: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("supervised-{name}"));
    let _not_there_yet = std::fs::remove_dir_all(&here);
    std::fs::create_dir_all(here.join("labs")).expect("the folder can be made");
    std::fs::write(here.join("Cargo.toml"), "").expect("the file can be written");
    here
}

fn driver(here: &Path, verb: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostile-lab"));
    command.arg(verb).args(args).current_dir(here);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(name: &str, args: &[&str]) -> (i32, String, String) {
    ended(&mut driver(&workspace(name), "search", args))
}

fn ended(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (status.code().expect("it exits by itself"), text(stdout), text(stderr))
}

/// The text without its second line, in which there are times.
fn without_numbers(out: &str) -> String {
    out.lines().enumerate().filter(|(i, _)| *i != 1).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn a_stack_overflow_is_a_finding_with_a_trace() {
    let (code, out, err) = run("recurse", &["--deed", "recurse"]);
    assert_eq!((code, err.as_str()), (17, ""));
    insta::assert_snapshot!(without_numbers(&out));
    let here = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("supervised-recurse");
    assert!(here.join("target/traces/hostile-handler-died.json").is_file());
}

#[test]
fn an_exit_is_no_success() {
    let (code, out, err) = run("exit", &["--deed", "exit"]);
    assert_eq!((code, err.as_str()), (17, ""));
    let first = out.lines().next().unwrap_or_default();
    insta::assert_snapshot!(first, @"handler died: on_message(Count) of server1 (Server): it called `process::exit(0)`; it has to return");
}

#[test]
fn an_exit_while_the_system_is_built_is_no_success() {
    let (code, out, err) = run("set-up", &["--deed", "set-up"]);
    assert_eq!((code, out.as_str()), (70, ""));
    insta::assert_snapshot!(err, @"error: the set-up of the lab called `process::exit(0)`, so there is no result; look at the constructors of its nodes and at what builds the system");
}

/// A lab's set-up may run code of a lab before it that nobody has written yet.
#[test]
fn a_panic_while_the_system_is_built_is_told_with_its_place() {
    for verb in ["search", "profile", "doctor"] {
        let mut command = driver(&workspace("set-up-panic"), verb, &["--deed", "set-up-panic"]);
        let (code, out, err) = ended(&mut command);
        assert_eq!((code, out.as_str()), (14, ""), "{verb}: {err}");
        let (told, place) = err.trim_end().split_once(", at ").expect("it says where");
        let told = told.lines().next().unwrap_or_default();
        assert_eq!(
            told,
            r#"error: the set-up of the lab `hostile` panicked: assertion `left != right` failed: not yet written: the store"#
        );
        assert!(place.contains("hostile_lab.rs:"), "{place}");
    }
}

/// The doctor's longer runs see what no small search does, and a handler that ends their process costs no diagnosis.
#[test]
fn the_doctor_says_which_handler_is_wrong_in_longer_runs_only() {
    let told = |deed: &str| {
        let (code, out, err) = ended(&mut driver(&workspace(deed), "doctor", &["--deed", deed]));
        assert_eq!(err, "", "{deed}: {out}");
        assert!(out.starts_with("looked at ") && !out.contains("nothing found"), "{out}");
        let what =
            out.lines().find(|line| line.contains(", in longer runs: ")).unwrap_or_else(|| panic!("{out}"));
        (code, what.to_owned())
    };
    let (code, what) = told("late-panic");
    assert_eq!(code, 14);
    assert!(what.starts_with("panics, in longer runs: on_message(Ask) of server1 (Server): bad "), "{what}");
    let handler = "in longer runs: on_message(Ask) of server1: it";
    for (deed, code, fault, problem) in [
        ("late-recurse", 17, "dies", "overflowed its stack"),
        ("late-exit", 17, "dies", "called `process::exit(0)`"),
        ("late-hang", 15, "hangs", "has not returned for 5s"),
    ] {
        let (ended, what) = told(deed);
        assert_eq!(ended, code, "{what}");
        assert!(what.starts_with(&format!("{fault}, {handler} {problem}")), "{what}");
    }
    let (code, out, err) = ended(&mut driver(&workspace("late-not"), "doctor", &["--deed", "late-nothing"]));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
}

/// There is nothing to say about what was covered, and nothing is said.
#[test]
fn nodes_that_cannot_be_started() {
    let (code, out, err) = run("init-panic", &["--deed", "init-panic"]);
    assert_eq!((code, err.as_str()), (14, ""));
    let rest: Vec<&str> = out.lines().filter(|line| !line.starts_with("0 states, ")).collect();
    assert!(rest[0].starts_with("handler panicked: init of server1 (Server): "), "{out}");
    assert_eq!(rest[1..], ["the nodes could not be started, so no state was visited"]);
}

#[test]
fn what_nodes_print_is_no_part_of_the_result() {
    let (code, out, err) = run("print", &["--deed", "print", "--json"]);
    assert_eq!(code, 0, "{err}");
    let json: serde_json::Value = serde_json::from_str(&out).expect("it is one JSON object");
    assert_eq!((&json["verdict"], &json["states"]), (&"exhausted".into(), &4.into()));
    insta::assert_snapshot!(err, @r"
    note: nodes printed 2,000 lines on their standard output, in the order in which the search runs handlers:
      | �[31mline 0
      | �[31mline 1
      | �[31mline 2
      | �[31mline 3
      | �[31mline 4
      | …
    note: nodes printed 2 lines on their standard error output, in the order in which the search runs handlers:
      | and an error
      | and an error
    ");
}

#[test]
fn a_panic_message_does_nothing_to_the_terminal() {
    let (code, out, err) = run("panic", &["--deed", "panic"]);
    assert_eq!((code, err.as_str()), (14, ""));
    assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{out:?}");
    let first = out.lines().next().unwrap_or_default();
    let end = first.find(", at ").expect("the place is in it");
    insta::assert_snapshot!(&first[..end], @"handler panicked: on_message(Count) of server1 (Server): bad �[31mnews; left: 1; right: �2");
    assert!(
        out.contains("the handler panics: bad \u{fffd}[31mnews; left: 1; right: \u{fffd}2, at "),
        "{out}"
    );
}

#[test]
fn misuse_and_help_need_no_search() {
    let (code, _, err) = run("misuse", &["--deeds", "1"]);
    assert_eq!(code, 64, "{err}");
    let (code, out, err) = run("help", &["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("A lab that misbehaves"), "{out}");
}

/// Polls, because there is nothing to wait for: ten seconds at the most.
fn soon(what: impl Fn() -> bool) -> bool {
    (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        what()
    })
}

/// Starts a search without end; answers when the process that searches, whose number comes with it, is at work.
fn endless(name: &str, change: impl FnOnce(&mut Command)) -> (Child, String) {
    let here = workspace(name);
    let mark = here.join("mark");
    let mut command = driver(&here, "search", &["--deed", "count", "--mark", &mark.to_string_lossy()]);
    change(&mut command);
    let child = command.spawn().expect("the program was built");
    assert!(soon(|| mark.is_file()), "the search begins");
    (child, std::fs::read_to_string(mark).expect("it was just there"))
}

fn is_gone(pid: &str) -> bool {
    // Without a parent that waits for it a process may stay as a zombie.
    let of_kernel = || std::fs::read_to_string(format!("/proc/{pid}/stat"));
    // A system without `/proc` has this program.
    let of_program = || Command::new("ps").args(["-o", "stat=", "-p", pid]).output();
    if Path::new("/proc/self/stat").exists() {
        // The state comes after the name, which is in parentheses and may be anything.
        of_kernel().map_or(true, |stat| stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z')))
    } else {
        let state = of_program().expect("`ps` is there").stdout;
        state.is_empty() || state.starts_with(b"Z")
    }
}

#[test]
fn ctrl_c_ends_with_a_report() {
    let (child, searcher) = endless("ctrl-c", |_| {});
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let Output { status, stdout, .. } = child.wait_with_output().expect("it ends");
    let out = String::from_utf8_lossy(&stdout);
    assert_eq!(status.code(), Some(22), "{out}");
    assert!(out.starts_with("canceled\n"), "{out}");
    assert!(out.contains("was visited and checked"), "{out}");
    assert!(is_gone(&searcher));
}

#[test]
fn the_search_ends_when_its_driver_is_killed() {
    let (mut child, searcher) = endless("killed", |_| {});
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    assert!(soon(|| is_gone(&searcher)));
}

#[test]
fn driver_and_search_end_when_lab_is_gone() {
    let (mut child, searcher) = endless("orphan", |command| {
        command.env("LAB_DRIVER_LAUNCHED", "1").stdin(Stdio::piped());
    });
    drop(child.stdin.take());
    let Output { status, .. } = child.wait_with_output().expect("it ends");
    assert_eq!(status.code(), Some(22));
    assert!(soon(|| is_gone(&searcher)));
}
