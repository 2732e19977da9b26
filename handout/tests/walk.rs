//! A newcomer's walk through lab 0: the handout, the first run, a mistake, its counterexample, the points, the archive, and
//! the grade. Every step is a command that a page of the handout names.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository that this crate is a part of.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a newcomer has on the screen.
struct Desk(PathBuf);

impl Desk {
    /// Runs a command in the copy; returns how it ended, and what it printed.
    fn run(&self, command: &mut Command) -> (Option<i32>, String) {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
            if name != "CARGO_HOME" {
                command.env_remove(name);
            }
        }
        // The dependencies are built there already.
        command.env("CARGO_TARGET_DIR", repository().join("target")).env("CARGO_NET_OFFLINE", "true");
        let output = command.current_dir(&self.0).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    fn cargo(&self, line: &str) -> (Option<i32>, String) {
        self.run(Command::new("cargo").args(line.split_whitespace()))
    }

    /// `cargo lab …`, in the profile in which the tests have built it.
    fn lab(&self, line: &str) -> (Option<i32>, String) {
        self.cargo(&format!("run --quiet --package visualizer --bin lab -- {line}"))
    }

    fn handout(&self, line: &str) -> (Option<i32>, String) {
        let arguments = line.replace("COPY", &self.0.display().to_string());
        self.run(Command::new(env!("CARGO_BIN_EXE_handout")).args(arguments.split_whitespace()))
    }

    /// Writes code where the skeleton says `todo!`, in the function of this name.
    fn write(&self, file: &str, function: &str, code: &str) {
        let path = self.0.join(file);
        let text = fs::read_to_string(&path).unwrap();
        let at = text.find(&format!("fn {function}(")).unwrap();
        let start = at + text[at..].find("todo!(").unwrap();
        let end = start + text[start..].find('\n').unwrap();
        fs::write(path, format!("{}{code}{}", &text[..start], &text[end..])).unwrap();
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.0.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

/// What the README of lab 0 asks for, with the mistake that it proposes to make: every pong is kept.
fn implement(copy: &Desk) {
    let (server, client) = ("labs/pingpong/src/server.rs", "labs/pingpong/src/client.rs");
    copy.write(server, "on_ping_request", "ctx.send(from, PingMessage::PongReply(Pong(ping.0)));");
    copy.write(client, "on_pong_reply", "self.pong = Some(pong);");
    let send = "self.ping = Some(ping.clone()); self.pong = None; ctx.send(self.server, PingMessage::PingRequest(ping.clone())); ctx.set_timer(PingTimer(ping), PING_TIMER);";
    copy.write(client, "send_command", send);
    let again = "let PingTimer(ping) = timer; if self.ping.as_ref() == Some(&ping) && self.pong.is_none() { ctx.send(self.server, PingMessage::PingRequest(ping.clone())); ctx.set_timer(PingTimer(ping), PING_TIMER); }";
    copy.write(client, "on_timer", again);
}

#[test]
#[ignore = "compiles a handout and a sandbox: cargo test -p handout --test walk -- --ignored"]
fn a_newcomer_implements_lab_0() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("copy")).unwrap();
    let copy = Desk(dir.path().join("copy"));
    for out in ["COPY", "COPY/../clean"] {
        let (code, text) = copy
            .handout(&format!("generate --labs pingpong --source {} --out {out}", repository().display()));
        assert_eq!(code, Some(0), "{text}");
    }

    // The first run: it compiles, fails, and says where to begin.
    let (code, text) = copy.cargo("test --test pingpong");
    assert_eq!(code, Some(101), "{text}");
    assert!(text.contains("0/10 points"), "{text}");
    assert!(
        text.contains(
            "nothing passes yet. Begin with \"The server\" and \"The client\" in labs/pingpong/README.md"
        ),
        "{text}"
    );
    let (code, text) = copy.lab("submit");
    assert_eq!(code, Some(66), "{text}");
    assert!(text.contains("nothing to hand in"), "{text}");

    // A mistake: the search shows it, and the command that it prints steps through it.
    implement(&copy);
    let (code, text) = copy.cargo("test --test pingpong");
    assert_eq!(code, Some(101), "{text}");
    assert!(text.contains("test t01_run_single_client_ping ... ok"), "{text}");
    assert!(text.contains("violated: clients got the expected results"), "{text}");
    let command =
        text.lines().find_map(|line| line.trim().strip_prefix("Step through it: cargo lab ")).unwrap();
    let (code, steps) = copy.lab(&format!("{command} --plain -c why"));
    assert_eq!(code, Some(0), "{steps}");
    assert!(steps.contains("clients got the expected results is false since step"), "{steps}");
    let (code, found) = copy.lab("list");
    assert_eq!((code, found.trim()), (Some(0), "pingpong  Lab 0: ping-pong"));

    // A search of its own, whose counterexample becomes a test that fails as long as the mistake is there.
    let (code, text) = copy.lab("search pingpong --pings 2");
    assert_eq!(code, Some(10), "{text}");
    assert!(text.contains("violated: clients got the expected results"), "{text}");
    let saved = text.lines().find_map(|line| line.trim().strip_prefix("cargo lab show ")).unwrap();
    let test = "labs/pingpong/tests/replay_wrong_pong.rs";
    let (code, text) = copy.lab(&format!("export {saved} --to rust-test -o {test}"));
    assert_eq!(code, Some(0), "{text}");
    let replay = "test --package pingpong --test replay_wrong_pong";
    let (code, text) = copy.cargo(replay);
    assert_eq!(code, Some(101), "{text}");
    assert!(text.contains("`clients got the expected results` is violated"), "{text}");

    // Mended: that test passes, all points, and the archive says so.
    let mended = "if self.ping.as_ref().is_some_and(|ping| ping.0 == pong.0) { self.pong = Some(pong); }";
    copy.replace("labs/pingpong/src/client.rs", "self.pong = Some(pong);", mended);
    let (code, text) = copy.cargo(replay);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = copy.cargo("test --test pingpong");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("10/10 points"), "{text}");
    let (code, text) = copy.lab("submit");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("pingpong: 10 of 10 points, 5 of 5 tests passed"), "{text}");
    let content = text.lines().find_map(|line| line.strip_prefix("content ")).unwrap();

    // Graded on a clean handout, as `grade` does with a class.
    let out = repository().join("target/handout-class/sample");
    let _not_there = fs::remove_file(out.join("log.jsonl"));
    let line = format!("grade COPY/submission.zip --handout COPY/../clean --out {}", out.display());
    let (code, text) = copy.handout(&line);
    assert_eq!(code, Some(0), "{text}");
    let results = fs::read_to_string(out.join("results.jsonl")).unwrap();
    let graded: serde_json::Value = serde_json::from_str(results.lines().nth(1).unwrap()).unwrap();
    assert_eq!(graded["name"], "submission");
    assert_eq!(graded["notes"], serde_json::Value::Null, "{graded}");
    assert!(graded["hash"].as_str().unwrap().starts_with(content.split(',').next().unwrap()), "{graded}");
    let earned: f64 = graded["suites"][0]["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| test["earned"].as_f64().unwrap())
        .sum();
    assert_eq!(earned, 10.0);
}
