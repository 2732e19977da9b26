//! The autograder as Gradescope runs it: its folders, its scripts, and (in the test that takes long) its limits.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/hidden.rs"]
mod hidden;

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::{copy, fixture};
use serde_json::Value;

/// The repository that this crate is a part of.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The memory of the container while it is set up.
const SET_UP_MIB: &str = "1024";

/// A container: `/autograder` is a folder in it.
struct Container {
    root: PathBuf,
    /// Whether its scripts run under the limits of Gradescope's container, in a file system of their own.
    limited: bool,
}

impl Container {
    /// Unpacks an autograder into it.
    fn packed(root: &Path, limited: bool, options: &[&str]) -> Self {
        fs::create_dir_all(root.join("autograder/source")).unwrap();
        let zip = root.join("autograder.zip");
        let packed = Command::new(env!("CARGO_BIN_EXE_handout"))
            .arg("gradescope")
            .args(options)
            .arg("--out")
            .arg(&zip)
            .output()
            .unwrap();
        assert!(packed.status.success(), "{}", text(&packed));
        let mut archive = zip::ZipArchive::new(Cursor::new(fs::read(zip).unwrap())).unwrap();
        archive.extract(root.join("autograder/source")).unwrap();
        Self { root: root.to_owned(), limited }
    }

    /// Unpacks an autograder into it and sets it up, all but the tool, which is the one that is tested.
    fn new(root: &Path, limited: bool, options: &[&str]) -> Option<Self> {
        let container = Self::packed(root, limited, options);
        fs::create_dir_all(root.join("usr-local-bin")).unwrap();
        let program = root.join("usr-local-bin/handout");
        fs::copy(env!("CARGO_BIN_EXE_handout"), program).map(drop).unwrap();
        for program in ["apt-get", "curl"] {
            let path = root.join("usr-local-bin").join(program);
            fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let file = container.path("source/setup.sh");
        let setup = fs::read_to_string(&file).unwrap();
        let others = |line: &&str| !line.contains("cargo build --release") && !line.contains("tool/target");
        let kept: Vec<&str> = setup.lines().filter(others).collect();
        assert_eq!(kept.len() + 2, setup.lines().count());
        fs::write(&file, kept.join("\n") + "\n").unwrap();
        container.set_up()
    }

    /// Runs its set-up, and puts the other script where Gradescope puts it; `None` where hidden tests have no sandbox.
    fn set_up(self) -> Option<Self> {
        let done = self.script("source/setup.sh", "0");
        if hidden::nothing_can_be_hidden(&text(&done)) {
            return None;
        }
        assert!(done.status.success(), "{}", text(&done));
        fs::copy(self.path("source/run_autograder"), self.path("run_autograder")).unwrap();
        Some(self)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join("autograder").join(path)
    }

    /// Runs one of its scripts, with so many percent of a processor.
    fn script(&self, script: &str, percent: &str) -> Output {
        if self.limited {
            let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradescope/container.sh");
            let mut command = Command::new(program);
            command.arg(&self.root).args([percent, if percent == "0" { SET_UP_MIB } else { "768" }]);
            return command.args(["bash", &format!("/autograder/{script}")]).output().unwrap();
        }
        // Without a file system of its own the places in the scripts are others.
        let here = self.root.join("autograder").display().to_string();
        let settings = self.path("source/settings.sh");
        for file in [&settings, &self.path(script)] {
            let home = std::env::home_dir().unwrap().join(".cargo");
            let home = std::env::var_os("CARGO_HOME").map_or(home, PathBuf::from).display().to_string();
            let rust = fs::read_to_string(file).unwrap().replace("RUSTUP_HOME=/opt/rustup ", "");
            let moved = rust.replace(" /autograder", &format!(" {here}")).replace("/opt/cargo", &home);
            fs::write(file, moved).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.root.join("usr-local-bin").display());
        Command::new("bash").arg(self.path(script)).env("PATH", path).output().unwrap()
    }

    /// Grades what `submission` puts into a folder; gives the results, which are there whatever it is, and the time it took.
    fn grade(&self, submission: &dyn Fn(&Path)) -> (Value, Duration) {
        for folder in ["submission", "results"] {
            let folder = self.path(folder);
            let _not_there = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).unwrap();
        }
        fs::write(self.path("submission_metadata.json"), "{}").unwrap();
        submission(&self.path("submission"));
        let began = Instant::now();
        let output = self.script("run_autograder", "50");
        let took = began.elapsed();
        let results = fs::read(self.path("results/results.json")).unwrap();
        let results: Value = serde_json::from_slice(&results).unwrap();
        assert!(results["tests"].is_array(), "{results}\n{}", text(&output));
        (results, took)
    }
}

/// The points and what came of each test that a student sees: `t02_run_echo: violated`.
fn outcomes(results: &Value) -> String {
    let tests = results["tests"].as_array().unwrap().iter().filter(|test| test["visibility"] == "visible");
    let outcome = |test: &Value| {
        let cause = test["extra_data"]["cause"].as_str().unwrap_or("pass").to_owned();
        format!("{} {} {cause}", test["name"].as_str().unwrap(), test["score"])
    };
    tests.map(outcome).collect::<Vec<_>>().join("\n")
}

/// `setup.sh` builds the tool from what is packed, which is not the whole repository.
#[test]
fn the_packed_tool_compiles() {
    let dir = tempfile::tempdir().unwrap();
    let source = repository().display().to_string();
    let container = Container::packed(dir.path(), false, &["--source", &source, "--labs", "pingpong"]);
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(container.path("source/tool.tar.gz"))
        .current_dir(dir.path())
        .status();
    assert!(unpacked.unwrap().success());
    let mut cargo = Command::new("cargo");
    cargo
        .args(["check", "--locked", "--offline", "--package", "handout"])
        .current_dir(dir.path().join("tool"));
    let checked = cargo.env("CARGO_TARGET_DIR", repository().join("target")).output().unwrap();
    let said = text(&checked);
    assert!(checked.status.success() && !said.contains("warning"), "{said}");
}

#[test]
fn a_small_autograder_sets_itself_up_and_grades() {
    let dir = tempfile::tempdir().unwrap();
    let course = fixture();
    let public = fs::read_to_string(course.join("tests/echo.rs")).unwrap();
    let more = public.replace(
        "        ],\n",
        "            Test { name: \"t05_run_secret\", points: 5.0, body: secret },\n        ],\n",
    ) + "\nfn secret() -> Result<(), Failed> {\n    check(\"a-secret\", Server::new().tally.count() == 1)\n}\n";
    fs::create_dir_all(dir.path().join("hidden/tests")).unwrap();
    fs::write(dir.path().join("hidden/tests/echo.rs"), more).unwrap();
    let (source, hidden) = (course.display().to_string(), dir.path().join("hidden").display().to_string());
    let options = ["--source", &source, "--hidden", &hidden];
    let Some(container) = Container::new(&dir.path().join("c"), false, &options) else { return };
    let mode = |path: &str| container.path(path).metadata().unwrap().permissions().mode() & 0o077;
    assert_eq!((mode("hidden"), mode("source")), (0, 0));

    let wrong = |folder: &Path| {
        copy(&course.join("labs/echo/src"), &folder.join("labs/echo/src"));
        let file = folder.join("labs/echo/src/server.rs");
        let code = fs::read_to_string(&file).unwrap();
        fs::write(file, code.replace("self.tally.add(1);", "self.tally.add(2);")).unwrap();
    };
    let (results, _) = container.grade(&wrong);
    insta::assert_snapshot!(outcomes(&results), @"
    echo t01_unit_starts_at_zero 1.0 pass
    echo t02_run_echo 10.0 pass
    echo t03_run_counts 0.0 violated
    echo t04_search_large_tally 20.0 pass
    ");
    let tests = results["tests"].as_array().unwrap();
    let hidden: Vec<&Value> = tests.iter().filter(|test| test["visibility"] == "hidden").collect();
    assert_eq!(hidden.len(), 1);
    assert_eq!((&hidden[0]["score"], &hidden[0]["output"]), (&Value::from(0.0), &Value::from("")));
    let seen = results["output"].as_str().unwrap();
    assert!(seen.contains("The tests that you see: ") && !seen.contains("secret"), "{seen}");
    let failed = tests.iter().find(|test| test["status"] == "failed").unwrap();
    assert!(failed["output"].as_str().unwrap().contains("The whole counterexample:"), "{failed}");

    // Without time there are results all the same.
    let settings = container.path("source/settings.sh");
    let short = fs::read_to_string(&settings).unwrap().replace("seconds=540", "seconds=0");
    fs::write(&settings, short).unwrap();
    let (results, _) = container.grade(&wrong);
    insta::assert_snapshot!(outcomes(&results), @"
    echo t01_unit_starts_at_zero 0.0 not-run
    echo t02_run_echo 0.0 not-run
    echo t03_run_counts 0.0 not-run
    echo t04_search_large_tally 0.0 not-run
    ");
    assert!(results["output"].as_str().unwrap().contains("there was no time left"), "{results}");
}

/// The sources of the labs in a handout or in the repository.
fn sources(from: &Path, to: &Path) {
    for lab in ["pingpong", "clientserver"] {
        copy(&from.join("labs").join(lab).join("src"), &to.join("labs").join(lab).join("src"));
    }
}

/// The reference with a statement more where the server of lab 1 is asked.
fn asked(to: &Path, statement: &str) {
    const ASKED: &str = "if let Some(response) = self.application.execute(&command) {";
    sources(&repository(), to);
    let file = to.join("labs/clientserver/src/server.rs");
    let code = fs::read_to_string(&file).unwrap();
    assert!(code.contains(ASKED));
    fs::write(file, code.replace(ASKED, &format!("{statement}\n        {ASKED}"))).unwrap();
}

#[test]
#[ignore = "takes half an hour, and needs root and control groups: cargo test --release -p handout --test gradescope -- --ignored --nocapture"]
fn half_a_processor_and_768_mib_are_enough() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let source = repository().display().to_string();
    let options = ["--source", &source, "--labs", "pingpong,clientserver"];
    let container = Container::new(&dir.path().join("c"), true, &options).unwrap();
    let mut bugs: Vec<PathBuf> = fs::read_dir(repository().join("handout/bugs/clientserver"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "patch"))
        .collect();
    bugs.sort();
    let bug = bugs.pop().unwrap();
    let patch = fs::read_to_string(&bug).unwrap();
    let kill = patch.lines().find_map(|line| line.strip_prefix("# kill: ")).unwrap();
    let (test, cause) = kill.split_once(" | ").unwrap();
    let cause = cause.split(" | ").next().unwrap();

    // A submission, its points at least and at most, and a cause that some test must have.
    type Member<'a> = (&'a str, Box<dyn Fn(&Path) + 'a>, f64, f64, &'a str);
    let members: [Member<'_>; 6] = [
        ("reference", Box::new(|to| sources(&repository(), to)), 330.0, 330.0, "pass"),
        ("skeleton", Box::new(|to| sources(&container.path("handout"), to)), 0.0, 0.0, "handler-panicked"),
        ("no-rust", Box::new(|to| asked(to, "this is not rust;")), 10.0, 10.0, "does-not-compile"),
        (
            "hangs",
            Box::new(|to| asked(to, "loop { std::thread::yield_now(); }")),
            10.0,
            100.0,
            "handler-hung",
        ),
        (
            "eats-memory",
            Box::new(|to| asked(to, "let mut all = Vec::new(); loop { all.push(vec![1_u8; 1 << 20]); }")),
            10.0,
            100.0,
            "out-of-memory",
        ),
        (
            "newest-bug",
            Box::new(|to| {
                sources(&repository(), to);
                let done = Command::new("git").arg("apply").arg(&bug).current_dir(to).status().unwrap();
                assert!(done.success());
            }),
            10.0,
            325.0,
            cause,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, submission, least, most, due) in members {
        let (results, took) = container.grade(&*submission);
        let used = fs::read_to_string(container.root.join("used")).unwrap();
        let points: f64 =
            results["tests"].as_array().unwrap().iter().filter_map(|test| test["score"].as_f64()).sum();
        let all = outcomes(&results);
        println!("{name}: {points} points in {} s; MiB and seconds of a processor: {used}", took.as_secs());
        let found =
            all.lines().any(|line| line.ends_with(due) && (name != "newest-bug" || line.contains(test)));
        if points < least || points > most || !found || took > Duration::from_secs(600) {
            wrong.push(format!("{name}: {points} points in {} s\n{all}", took.as_secs()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Nothing of it is this machine's: a Debian of its own, to which `setup.sh` as it is packed adds what it needs.
#[test]
#[ignore = "downloads a system, a compiler and crates; needs root, control groups and debootstrap: cargo test --release -p handout --test gradescope -- --ignored --nocapture real"]
fn a_real_system_sets_itself_up_from_the_network_and_grades() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let root = dir.path().join("c");
    let mut debian = Command::new("debootstrap");
    let installed = debian.args(["--variant=minbase", "stable"]).arg(&root).output().unwrap();
    assert!(installed.status.success(), "{}", text(&installed));

    let source = repository().display().to_string();
    let began = Instant::now();
    let options = ["--source", &source, "--labs", "pingpong,clientserver"];
    let container = Container::packed(&root, true, &options).set_up().unwrap();
    let used = fs::read_to_string(root.join("used")).unwrap();
    println!("set-up in {} s; MiB and seconds of a processor: {used}", began.elapsed().as_secs());

    for (from, points) in [(repository(), 330.0), (container.path("handout"), 0.0)] {
        let (results, took) = container.grade(&|to| sources(&from, to));
        let used = fs::read_to_string(root.join("used")).unwrap();
        let all = outcomes(&results);
        let sum: f64 =
            results["tests"].as_array().unwrap().iter().filter_map(|test| test["score"].as_f64()).sum();
        println!("{sum} points in {} s; MiB and seconds of a processor: {used}", took.as_secs());
        assert!((sum - points).abs() < f64::EPSILON, "{all}");
    }
}
