//! A class that submits a real lab of this repository: right designs, every seeded bug, and everything hostile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::submissions::Class;

/// The lab, and the file and the statement in it where hostile code goes: the server's handler.
const LAB: &str = "clientserver";
const SERVER: &str = "labs/clientserver/src/server.rs";
const ASKED: &str = "if let Some(response) = self.application.execute(&command) {";

/// The repository that this crate is a part of.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What must come of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// All points.
    Everything,
    /// These tests fail with these causes; a seeded bug names them.
    Fails(Vec<(String, String)>),
    /// No test that asks the server passes; where causes are given, each fails with one of them.
    Nothing(&'static [&'static str]),
    /// It is refused before anything is compiled.
    Refused,
}

/// A submission of the class.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) due: Due,
    /// Its author means harm, or has a handler that takes everything down: few tests are enough.
    pub(crate) hostile: bool,
}

/// Makes the whole class.
pub(crate) fn class(class: &Class, port: u16) -> Vec<Member> {
    let mut members = Vec::new();
    designs(class, &mut members);
    bugs(class, &mut members);
    careless(class, &mut members);
    hostile(class, port, &mut members);
    archives(class, &mut members);
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

fn member(name: &str, due: Due, hostile: bool) -> Member {
    Member { name: name.to_owned(), due, hostile }
}

/// The reference with other code in place of some of its own.
fn variant(class: &Class, name: &str, file: &str, changes: &[(&str, &str)]) {
    let path = class.reference(name).join(file);
    let mut text = fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{name}: `{file}` has no `{from}`");
        text = text.replace(from, to);
    }
    fs::write(path, text).unwrap();
}

/// Other ways to be right: no test may ask for the reference's own.
fn designs(class: &Class, members: &mut Vec<Member>) {
    class.reference("reference");
    variant(
        class,
        "design-std-map",
        "labs/clientserver/src/amo.rs",
        &[("im::OrdMap", "std::collections::BTreeMap")],
    );
    variant(
        class,
        "design-client-keeps-its-command",
        "labs/clientserver/src/client.rs",
        &[
            (
                "if self.outstanding.is_some() && reply.sequence == self.sequence {\n            self.outstanding = None;",
                "if self.response.is_none() && reply.sequence == self.sequence {",
            ),
            (
                "if timer.sequence == self.sequence {",
                "if timer.sequence == self.sequence && self.response.is_none() {",
            ),
        ],
    );
    variant(
        class,
        "design-more-files",
        SERVER,
        &[
            ("impl SimpleServer {", "mod answer;\n\nimpl SimpleServer {"),
            (ASKED, "if let Some(response) = answer::to(&mut self.application, &command) {"),
        ],
    );
    let answer = "//! Executes commands.\n\nuse crate::amo::{AmoApplication, AmoCommand, AmoResponse};\nuse crate::kvstore::{KvCommand, KvResponse, KvStore};\nuse framework::Application;\n\n\
        /// The answer to a command, if there is one.\npub(super) fn to(application: &mut AmoApplication<KvStore>, command: &AmoCommand<KvCommand>) -> Option<AmoResponse<KvResponse>> {\n    application.execute(command)\n}\n";
    let folder = class.path("class/design-more-files/labs/clientserver/src/server");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("answer.rs"), answer).unwrap();
    for name in ["reference", "design-std-map", "design-client-keeps-its-command", "design-more-files"] {
        members.push(member(name, Due::Everything, false));
    }
}

/// The reference with each of the seeded bugs.
fn bugs(class: &Class, members: &mut Vec<Member>) {
    let folder = repository().join("handout/bugs").join(LAB);
    let mut patches: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    patches.retain(|path| path.extension().is_some_and(|ending| ending == "patch"));
    patches.sort();
    for patch in patches {
        let name = format!("bug-{}", patch.file_stem().unwrap().to_string_lossy());
        let folder = class.reference(&name);
        let applied = Command::new("git").arg("apply").arg(&patch).current_dir(&folder).status().unwrap();
        assert!(applied.success(), "{name} does not fit");
        let text = fs::read_to_string(&patch).unwrap();
        let kills = text.lines().filter_map(|line| line.strip_prefix("# kill: ")).map(|line| {
            let mut pieces = line.split(" | ").map(str::to_owned);
            (pieces.next().unwrap(), pieces.next().unwrap())
        });
        members.push(member(&name, Due::Fails(kills.collect()), false));
    }
}

/// Mistakes of people who mean no harm.
fn careless(class: &Class, members: &mut Vec<Member>) {
    let asked = |name: &str, code: &str| {
        variant(class, name, SERVER, &[(ASKED, &format!("{code}\n        {ASKED}"))])
    };
    asked("no-rust", "this is not rust;");
    members.push(member("no-rust", Due::Nothing(&["does-not-compile"]), true));
    fs::create_dir_all(class.path("class/empty")).unwrap();
    members.push(member("empty", Due::Refused, true));
    fs::create_dir_all(class.path("class/empty-files/labs/clientserver/src")).unwrap();
    fs::write(class.path("class/empty-files").join(SERVER), "").unwrap();
    members.push(member("empty-files", Due::Nothing(&["does-not-compile"]), true));
    for (name, code, causes) in [
        ("panics", "panic!(\"no\");", &["handler-panicked", "panicked"] as &[&str]),
        ("hangs", "loop { std::thread::yield_now(); }", &["handler-hung", "timed-out"]),
        (
            "sleeps",
            "std::thread::sleep(std::time::Duration::from_secs(1000));",
            &["handler-hung", "timed-out"],
        ),
        (
            "overflows",
            "fn f(n: u64) -> u64 { if std::hint::black_box(n) == 0 { 0 } else { f(n + 1) + 1 } } std::hint::black_box(f(1));",
            &["handler-died", "stack-overflow"],
        ),
    ] {
        asked(name, code);
        members.push(member(name, Due::Nothing(causes), true));
    }
    // In a run it is a server that loses half of what it is asked; a search runs each handler twice.
    asked(
        "reads-the-clock",
        "if std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() / 64 % 2 == 0 { return; }",
    );
    let search = "t14_search_single_client_append_append_get".to_owned();
    let due = Due::Fails(vec![(search, "nondeterministic".to_owned())]);
    members.push(member("reads-the-clock", due, true));
}

/// What a submission may try.
fn hostile(class: &Class, port: u16, members: &mut Vec<Member>) {
    let marker = class.path("marker");
    let marker = marker.display();
    let mut add = |name: &str, code: &str, causes: &'static [&'static str]| {
        variant(class, name, SERVER, &[(ASKED, &format!("{code}\n        {ASKED}"))]);
        members.push(member(name, Due::Nothing(causes), true));
    };
    add("exits", "std::process::exit(0);", &["handler-died", "exited"]);
    add("aborts", "std::process::abort();", &["handler-died", "aborted"]);
    add(
        "bomb-memory",
        "let mut all = Vec::new(); loop { all.push(vec![1_u8; 1 << 20]); std::hint::black_box(&all); }",
        &["handler-died", "aborted", "killed", "out-of-memory", "timed-out", "handler-hung"],
    );
    add(
        "bomb-processes",
        "loop { let _ = std::process::Command::new(\"/proc/self/exe\").spawn().unwrap(); }",
        &[],
    );
    add("bomb-threads", "loop { std::thread::spawn(|| loop { std::thread::park(); }); }", &[]);
    add("bomb-output", "loop { println!(\"{}\", \"test result: ok. \".repeat(1000)); }", &[]);
    add(
        "prints-success",
        "println!(\"test result: ok. 18 passed; 0 failed\"); panic!();",
        &["handler-panicked", "panicked"],
    );
    add(
        "adds-results",
        r#"use std::io::Write; let out = std::env::var("TESTKIT_OUT").unwrap(); let mut file = std::fs::OpenOptions::new().append(true).open(out + "/results.jsonl").unwrap(); writeln!(file, "{{\"record\":\"test\",\"test\":\"t03_run_single_client_basic_operations\",\"verdict\":\"pass\",\"points\":20,\"earned\":20}}").unwrap(); panic!();"#,
        &["tampered"],
    );
    add(
        "replaces-results",
        r#"let out = std::env::var("TESTKIT_OUT").unwrap() + "/results.jsonl"; std::thread::sleep(std::time::Duration::from_millis(300)); std::fs::write(&out, "{}").unwrap(); panic!();"#,
        &["tampered"],
    );
    // What was forged would be all that there is: the harness can no longer write, or never comes to it.
    const FORGE: &str = r#"use std::io::Write; let out = std::env::var("TESTKIT_OUT").unwrap() + "/results.jsonl"; let mut file = std::fs::OpenOptions::new().append(true).open(out).unwrap(); for (t, points) in [("t03_run_single_client_basic_operations", 20), ("t14_search_single_client_append_append_get", 20)] { writeln!(file, "{{\"record\":\"test\",\"test\":\"{t}\",\"verdict\":\"pass\",\"points\":{points},\"earned\":{points}}}").unwrap(); }"#;
    add(
        "forges-and-locks",
        &format!(
            "{FORGE} file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap(); panic!();"
        ),
        &["tampered"],
    );
    add(
        "forges-and-prints",
        &format!("{FORGE} loop {{ println!(\"{{}}\", \"x\".repeat(10000)); }}"),
        &["tampered"],
    );
    // The word that only its process is told is in memory, and the harness is another process of the same user.
    add(
        "looks-into-memory",
        r#"let parent = std::os::unix::process::parent_id(); let open = |id: &str, file: &str| std::fs::OpenOptions::new().read(true).write(true).open(format!("/proc/{id}/{file}")); let parent = parent.to_string(); open(&parent, "mem").or_else(|_| open("self", "mem")).or_else(|_| open("1", "mem")).or_else(|_| open(&parent, "fd/0")).or_else(|_| open("1", "fd/0")).or_else(|_| open("self", "fd/0")).unwrap();"#,
        &["handler-panicked", "panicked"],
    );
    // What follows answers as it should, if what it tries succeeds: points would be a hole.
    let tries: [(&str, String); 7] = [
        ("reads-environment", "std::env::var(\"GRADER_SECRET\").unwrap();".to_owned()),
        ("reads-passwords", "std::fs::read(\"/etc/passwd\").unwrap();".to_owned()),
        ("reads-home", "std::fs::read_dir(\"/root\").or_else(|_| std::fs::read_dir(\"/home\")).unwrap();".to_owned()),
        ("connects", format!("std::net::TcpStream::connect((\"127.0.0.1\", {port})).unwrap();")),
        ("writes-outside", format!("std::fs::write(\"{marker}\", \"\").unwrap();")),
        ("changes-tests", "std::fs::write(\"/work/tests/clientserver.rs\", \"\").unwrap();".to_owned()),
        ("starts-programs", "std::process::Command::new(\"/bin/sh\").status().or_else(|_| std::process::Command::new(\"/usr/bin/id\").status()).unwrap();".to_owned()),
    ];
    for (name, code) in tries {
        add(name, &code, &["handler-panicked", "panicked"]);
    }
    for (name, code) in [
        (
            "reads-hidden-tests",
            "const HIDDEN: &str = include_str!(\"/work/tests/hidden.rs\"); assert!(!HIDDEN.is_empty());",
        ),
        (
            "reads-files-compiling",
            "const FILE: &str = include_str!(\"/etc/passwd\"); assert!(!FILE.is_empty());",
        ),
        ("unsafe", "unsafe { std::hint::unreachable_unchecked() }"),
        ("bomb-compiler", "macro_rules! bomb { ($($x:tt)*) => { bomb!($($x)* $($x)*) } } bomb!(a);"),
    ] {
        add(name, code, &["does-not-compile"]);
    }
    // Manifests, build scripts and settings are not taken: what is left is the reference.
    let folder = class.reference("brings-a-build-script");
    let script = format!("fn main() {{ std::fs::write(\"{marker}\", \"\").unwrap(); }}");
    fs::write(folder.join("labs/clientserver/build.rs"), script).unwrap();
    let manifest = "[package]\nname = \"clientserver\"\nbuild = \"build.rs\"\n";
    fs::write(folder.join("labs/clientserver/Cargo.toml"), manifest).unwrap();
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    fs::write(folder.join(".cargo/config.toml"), "[build]\nrustc-wrapper = \"/bin/false\"\n").unwrap();
    members.push(member("brings-a-build-script", Due::Everything, true));
}

/// What comes as an archive, and what cannot be taken.
fn archives(class: &Class, members: &mut Vec<Member>) {
    let folder = class.reference("brings-a-link");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("labs/clientserver/src/passwd.rs")).unwrap();
    members.push(member("brings-a-link", Due::Refused, true));

    let packed = class.reference("packed");
    let tar = Command::new("tar")
        .arg("-czf")
        .arg(class.path("class/in-an-archive.tar.gz"))
        .arg("-C")
        .arg(packed.parent().unwrap())
        .arg("packed")
        .status()
        .unwrap();
    assert!(tar.success());
    fs::remove_dir_all(packed).unwrap();
    members.push(member("in-an-archive", Due::Everything, true));

    let mut archive =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    let name = b"../../../../labs/clientserver/src/server.rs";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append(&header, std::io::empty()).unwrap();
    fs::write(class.path("class/leads-out.tar.gz"), archive.into_inner().unwrap().finish().unwrap()).unwrap();
    members.push(member("leads-out", Due::Refused, true));
}

/// What is not as it must be, in words; `tests` are the names with the cause of each that did not pass.
pub(crate) fn problem(member: &Member, tests: &[(String, Option<String>)]) -> Option<String> {
    let passing: Vec<&str> =
        tests.iter().filter(|(_, cause)| cause.is_none()).map(|(test, _)| test.as_str()).collect();
    let failing = || tests.iter().filter_map(|(test, cause)| Some((test, cause.as_ref()?)));
    let wrong = match &member.due {
        Due::Everything => passing.len() != tests.len(),
        Due::Refused => failing().count() != tests.len() || failing().any(|(_, cause)| cause != "refused"),
        Due::Fails(kills) => kills.iter().any(|(test, cause)| !failing().any(|found| found == (test, cause))),
        Due::Nothing(causes) => {
            // The store alone is right in all of these, where they compile.
            passing.iter().any(|test| !test.starts_with("t01_"))
                || !causes.is_empty() && failing().any(|(_, cause)| !causes.contains(&cause.as_str()))
        }
    };
    wrong.then(|| format!("{}: {:?}, and got {tests:?}", member.name, member.due))
}
