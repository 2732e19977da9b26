//! Runs `lab watch` with a cargo that only pretends: what is run when, what is said, and that nothing is left running.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How often something is looked for before it is given up, a twentieth of a second each.
const PATIENCE: usize = 1200;

/// Stands for `cargo test`: a test passes if the library names it.
const CARGO: &str = r#"#!/bin/sh
out="${TESTKIT_OUT:-target/grades/part1}"
mkdir -p "$out" target/traces
cp "$TRACE" target/traces/part1-t01_a.json
case "$(cat labs/toy/src/lib.rs)" in
    broken*) echo "error: it does not compile" >&2; exit 101;;
    slow*) echo "slow begins"; sleep "$SLEEP"; exit 101;;
esac
{
    echo '{"record":"run","run":"'$$'","points":30,"tests":2,"hint":"the README"}'
    for test in t01_a t02_b; do
        case "$*" in *--exact*$test|*"--test part1") ;; *) continue;; esac
        verdict=fail earned=0
        if grep -q $test labs/toy/src/lib.rs; then verdict=pass earned=15; fi
        echo '{"record":"test","test":"'$test'","claim":"It holds","verdict":"'$verdict'","earned":'$earned',"message":"violated: '$test'","trace":"target/traces/part1-'$test'.json"}'
    done
} > "$out/results.jsonl"
"#;

struct Watching {
    here: PathBuf,
    child: Child,
    printed: Arc<Mutex<String>>,
    seen: usize,
}

impl Watching {
    fn start(name: &str, sleep: &str) -> Self {
        let here = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _not_there = fs::remove_dir_all(&here);
        for (path, text) in [
            ("Cargo.toml", ""),
            ("labs/toy/Cargo.toml", ""),
            ("labs/toy/src/lib.rs", ""),
            ("tests/part1.rs", ""),
            ("cargo", CARGO),
        ] {
            fs::create_dir_all(here.join(path).parent().unwrap()).unwrap();
            fs::write(here.join(path), text).unwrap();
        }
        fs::set_permissions(here.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["watch", "1"])
            .current_dir(&here)
            .env("CARGO", here.join("cargo"))
            .env("TRACE", Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trace_file/v1.json"))
            .env("SLEEP", sleep)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let (mut out, shared) = (child.stdout.take().unwrap(), Arc::clone(&printed));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { here, child, printed, seen: 0 }
    }

    /// Waits until these words are printed, one after the other, and goes on behind them.
    fn until(&mut self, words: &[&str]) {
        for word in words {
            let mut patience = PATIENCE;
            loop {
                let printed = self.printed.lock().unwrap().clone();
                if let Some(at) = printed[self.seen..].find(word) {
                    self.seen += at + word.len();
                    break;
                }
                assert!(patience > 0, "`{word}` does not come after\n{printed}");
                patience -= 1;
                thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn save(&self, library: &str) {
        fs::write(self.here.join("labs/toy/src/lib.rs"), library).unwrap();
    }
}

/// The processes that have this word in their command line.
fn running(word: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
        })
        .count()
}

#[test]
fn the_first_failing_test_runs_on_every_save() {
    let mut watching = Watching::start("watch", "31415.1");
    watching.until(&["== part1: all tests", "part1: 0 of 30 points, 0 of 2 tests passed"]);
    watching.until(&[
        "next: t01_a: It holds",
        "violated: t01_a",
        "cargo lab show target/traces/part1-t01_a.json",
    ]);
    watching.until(&["waiting for you to save"]);
    watching.type_in("h");
    watching.until(&["Hint 1 of 2 (`h` again for the next)", "t01_a claims: It holds.", "Read the README."]);
    watching.type_in("h");
    watching.until(&[
        "Hint 2 of 2, the last one",
        "cargo lab show target/traces/part1-t01_a.json --plain -c why",
    ]);
    watching.type_in("h");
    watching.until(&["Hint 1 of 2"]);
    watching.type_in("t");
    watching.until(&["violated"]);
    watching.type_in("what");
    watching.until(&["`what` means nothing here; type a letter and Enter: h hint"]);
    watching.type_in("n");
    watching.until(&["== part1: t02_b", "next: t02_b", "waiting"]);
    watching.type_in("h");
    watching.until(&["Hint 1 of", "t02_b claims"]);

    // What one works on comes first; when it passes, all tests follow, and the next that fails has its turn.
    watching.save("t02_b");
    watching.until(&["== part1: t02_b", "== part1: all tests", "15 of 30 points", "next: t01_a", "waiting"]);
    watching.save("broken");
    watching.until(&["== part1: t01_a", "no test ran", "15 of 30 points", "waiting"]);

    // What runs while something is saved is of no interest any more.
    watching.save("slow");
    watching.until(&["== part1: t01_a", "slow begins"]);
    watching.save("t01_a t02_b");
    watching.until(&[
        "saved; beginning again",
        "== part1: t01_a",
        "== part1: all tests",
        "30 of 30 points",
        "everything passes",
    ]);
    assert_eq!(running("31415.1"), 0);
    watching.type_in("q");
    assert_eq!(watching.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_ends_it_with_what_it_started() {
    let mut watching = Watching::start("watch-signal", "31415.2");
    watching.until(&["waiting"]);
    watching.save("slow");
    watching.until(&["slow begins"]);
    while running("31415.2") == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&watching.child), Signal::TERM).unwrap();
    assert_eq!(watching.child.wait().unwrap().code(), Some(0));
    assert_eq!(running("31415.2"), 0);
}

#[test]
fn an_unknown_suite_is_refused() {
    let mut watching = Watching::start("watch-unknown", "1");
    let _gone = watching.child.kill();
    let _gone = watching.child.wait();
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["watch", "part9"])
        .current_dir(&watching.here)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error, "error: there is no suite `part9`; known suites: part1\n");
}
