//! Runs the built `lab` from outside: exit codes, streams, and the demo as a newcomer sees it.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs `lab` in a workspace of the test's own, with one lab.
fn lab(workspace: &str, args: &[&str]) -> (i32, String, String) {
    lab_with(workspace, "", "fn main() {}", args)
}

/// The same with the code of the lab and of its driver.
fn lab_with(workspace: &str, library: &str, driver: &str, args: &[&str]) -> (i32, String, String) {
    let here = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(workspace);
    let _not_there_yet = std::fs::remove_dir_all(here.join("labs"));
    let manifest = "[package]\nname = \"toy\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    for (path, text) in [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"labs/toy\"]\n"),
        ("labs/toy/Cargo.toml", manifest),
        ("labs/toy/src/lib.rs", library),
        ("labs/toy/examples/toy.rs", driver),
    ] {
        let path = here.join(path);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    }
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(args)
        .current_dir(here)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (status.code().expect("it exits by itself"), text(stdout), text(stderr))
}

/// The text with the numbers of its third line, which differ from run to run, masked.
fn masked(out: &str) -> String {
    let numbers = |line: &str| line.contains(" states, depth ");
    let lines = out.lines().map(|line| if numbers(line) { "[numbers]" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_finds_the_mistake_in_forty_lines() {
    let (code, out, err) = lab("demo", &["demo"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.lines().count() <= 40, "{} lines:\n{out}", out.lines().count());
    for line in out.lines() {
        assert!(line.chars().count() <= 100 || line.starts_with("violated"), "{line}");
    }
    insta::assert_snapshot!(masked(&out));

    // What it says can be done next can be done.
    let (code, shown, err) = lab("demo", &["show", "target/traces/demo.json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(shown.starts_with("paxos demo: violated: agreement"), "{shown}");
    let (code, again, _) = lab("demo", &["demo", "--trace", "mine.json"]);
    assert_eq!(code, 0);
    assert!(again.contains("cargo lab show mine.json"), "{again}");
}

#[test]
fn a_lab_that_does_not_compile_has_its_own_exit_code() {
    let library = "pub fn forgotten() -> u32 {}";
    let (code, out, err) = lab_with("broken", library, "fn main() {}", &["search", "toy", "--clients", "2"]);
    assert_eq!((code, out.as_str()), (65, ""));
    assert!(err.contains("error[E0308]: mismatched types"), "{err}");
    assert!(err.ends_with("or run `cargo build --package toy --example toy`\n"), "{err}");
}

#[test]
fn arguments_and_exit_code_of_a_driver_are_passed_on() {
    let driver = "fn main() {\n    println!(\"{:?}\", std::env::args().skip(1).collect::<Vec<_>>());\n    \
                  std::process::exit(10)\n}\n";
    let (code, out, err) = lab_with("driver", "", driver, &["search", "toy", "--help", "--link", "a:b=off"]);
    // The first time cargo says what it compiles, as that takes a while.
    assert_eq!(code, 10);
    assert!(err.is_empty() || err.contains("Compiling toy"), "{err}");
    assert_eq!(out, "[\"search\", \"--help\", \"--link\", \"a:b=off\"]\n");
}

/// The viewer gets the terminal to itself: what is started becomes the driver.
#[test]
fn explore_and_replay_become_the_driver() {
    let driver = "fn main() {\n    println!(\"{:?}\", std::env::args().skip(1).collect::<Vec<_>>());\n    \
                  std::process::exit(10)\n}\n";
    let (code, out, _) =
        lab_with("explore", "", driver, &["explore", "toy", "--plain", "-c", "pending; tree"]);
    assert_eq!((code, out.as_str()), (10, "[\"explore\", \"--plain\", \"-c\", \"pending; tree\"]\n"));
    let trace =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/trace_file/v1.json")).unwrap();
    let of_toy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explore/toy.json");
    std::fs::write(&of_toy, trace.replacen("\"lab\": \"register\"", "\"lab\": \"toy\"", 1)).unwrap();
    let (code, out, err) = lab_with("explore", "", driver, &["replay", "toy.json", "--plain"]);
    assert_eq!((code, out.as_str()), (10, "[\"replay\", \"toy.json\", \"--plain\"]\n"), "{err}");
    let library = "pub fn forgotten() -> u32 {}";
    let (code, out, err) = lab_with("explore", library, driver, &["replay", "toy.json"]);
    assert_eq!((code, out.as_str()), (65, ""));
    assert!(err.ends_with("see above; `cargo lab show toy.json` shows the trace without it\n"), "{err}");
}

#[test]
fn a_driver_that_dies_is_no_success() {
    let (code, out, err) = lab_with("dies", "", "fn main() { std::process::abort() }", &["search", "toy"]);
    assert_eq!((code, out.as_str()), (70, ""));
    assert!(err.contains("error: the driver of `toy` died: signal: 6"), "{err}");
}

#[test]
fn a_driver_that_exits_early_is_no_success() {
    let (code, out, err) = lab_with("exits", "", "fn main() { std::process::exit(0) }", &["search", "toy"]);
    assert_eq!((code, out.as_str()), (70, ""));
    assert!(err.contains("the driver of `toy` ended without a result"), "{err}");
}

#[test]
fn errors_go_to_the_error_stream() {
    let (code, out, err) = lab("errors", &["search", "raft"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (64, "", "error: there is no lab `raft`; known labs: toy\n")
    );
    let (code, out, err) = lab("errors", &["show", "nowhere.json"]);
    assert_eq!((code, out.as_str()), (66, ""));
    assert!(err.starts_with("error: cannot read `") && err.contains("nowhere.json`"), "{err}");
}

/// The README shows the end of what the demo prints.
#[test]
fn the_readme_shows_what_the_demo_prints() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let demo = include_str!("snapshots/cli__the_demo_finds_the_mistake_in_forty_lines.snap");
    // The numbers differ from run to run, and dots stand for the first events.
    for line in shown.lines().filter(|line| !line.contains("states/s") && !line.contains('…')) {
        assert!(demo.lines().any(|printed| printed == line), "the demo does not print `{line}`");
    }
}
