//! Everything hostile that we know of.

use std::fs;

use crate::submissions::Class;

/// Adds a passing record of every test to the results.
const FORGE: &str = r#"use std::io::Write; let out = std::env::var("TESTKIT_OUT").unwrap() + "/results.jsonl"; let mut file = std::fs::OpenOptions::new().append(true).open(out).unwrap(); for (t, points) in [("t02_run_echo", 10), ("t03_run_counts", 10), ("t04_search_large_tally", 20)] { writeln!(file, "{{\"record\":\"test\",\"test\":\"{t}\",\"verdict\":\"pass\",\"points\":{points}.0,\"earned\":{points}.0}}").unwrap(); }"#;

/// Nothing counts until a person has looked.
const TAMPERED: &[&str] = &["0 [tampered, tampered, tampered, tampered]"];

/// Everything hostile that we know of, with what must come of it in a sandbox: the causes of the tests that may be.
pub(crate) fn hostile(class: &Class, port: u16) -> Vec<(&'static str, &'static [&'static str])> {
    // Where students' code is asked, the second and the third test run it.
    let failing: &[&str] = &["21 [pass, panicked, panicked, pass]"];
    let marker = class.path("marker");
    let marker = marker.display();
    let mut expected: Vec<(&str, &[&str])> = Vec::new();
    let mut add = |name: &'static str, code: &str, outcomes: &'static [&'static str]| {
        class.asked(name, code);
        expected.push((name, outcomes));
    };
    add("panics", "panic!(\"no\");", failing);
    add("hangs", "loop { std::thread::yield_now(); }", &["21 [pass, timed-out, timed-out, pass]"]);
    add(
        "sleeps",
        "std::thread::sleep(std::time::Duration::from_secs(1000));",
        &["21 [pass, timed-out, timed-out, pass]"],
    );
    add("exits", "std::process::exit(0);", &["21 [pass, exited, exited, pass]"]);
    add("aborts", "std::process::abort();", &["21 [pass, killed, killed, pass]"]);
    add(
        "overflows",
        "fn f(n: u64) -> u64 { if std::hint::black_box(n) == 0 { 0 } else { f(n + 1) + 1 } } std::hint::black_box(f(1));",
        &["21 [pass, killed, killed, pass]"],
    );
    add(
        "bomb-memory",
        "let mut all = Vec::new(); loop { all.push(vec![1_u8; 1 << 20]); std::hint::black_box(&all); }",
        // Out of memory, or of time if the machine is busy.
        &[
            "21 [pass, killed, killed, pass]",
            "21 [pass, timed-out, timed-out, pass]",
            "21 [pass, killed, timed-out, pass]",
            "21 [pass, timed-out, killed, pass]",
        ],
    );
    add(
        "bomb-processes",
        "loop { let _ = std::process::Command::new(\"/proc/self/exe\").spawn().unwrap(); }",
        &["21 [pass, ", "1 [pass, "],
    );
    add(
        "bomb-threads",
        "loop { std::thread::spawn(|| loop { std::thread::park(); }); }",
        &["21 [pass, ", "1 [pass, too-many-processes"],
    );
    add(
        "bomb-output",
        "loop { println!(\"{}\", \"test result: ok. \".repeat(1000)); }",
        &["1 [pass, too-much-output, too-much-output, too-much-output]"],
    );
    add(
        "bomb-files",
        "for i in 0.. { let _ = std::fs::write(format!(\"{}/{i}\", std::env::var(\"TESTKIT_OUT\").unwrap()), vec![0; 64 << 20]); }",
        // The limit of all files together, or out of time if the disk is slow, or out of disk for the harness as well.
        &["1 [pass, too-many-files", "21 [pass, timed-out, timed-out, pass]", "0 [tampered, "],
    );
    add("prints-success", "println!(\"test result: ok. 4 passed\"); panic!();", failing);
    add(
        "adds-results",
        r#"use std::io::Write; let out = std::env::var("TESTKIT_OUT").unwrap(); let mut file = std::fs::OpenOptions::new().append(true).open(out + "/results.jsonl").unwrap(); for t in ["t02_run_echo", "t03_run_counts"] { writeln!(file, "{{\"record\":\"test\",\"test\":\"{t}\",\"verdict\":\"pass\",\"points\":10.0,\"earned\":10.0}}").unwrap(); } panic!();"#,
        &["0 [tampered, tampered, tampered, tampered]"],
    );
    // The harness can no longer write, or never comes to it: what was forged would be all that there is.
    add(
        "forges-and-locks",
        &format!(
            "{FORGE} file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap(); panic!();"
        ),
        TAMPERED,
    );
    add(
        "forges-and-prints",
        &format!("{FORGE} loop {{ println!(\"{{}}\", \"x\".repeat(10000)); }}"),
        TAMPERED,
    );
    add(
        "forges-and-eats",
        &format!(
            "{FORGE} let mut all = Vec::new(); loop {{ all.push(vec![1_u8; 1 << 20]); std::hint::black_box(&all); }}"
        ),
        TAMPERED,
    );
    // What its process would hand over, in every way that it can think of, and then an end that looks well.
    add(
        "forges-its-outcome",
        r#"use std::io::Write; use std::os::fd::AsFd; let said = "pass\n"; let fd = std::io::stdin().as_fd().try_clone_to_owned().unwrap(); let mut socket = std::os::unix::net::UnixStream::from(fd); let _ = socket.write_all(said.as_bytes()); for (_, value) in std::env::vars() { let _ = std::fs::OpenOptions::new().write(true).create(true).open(value).and_then(|mut file| file.write_all(said.as_bytes())); } let parent = std::os::unix::process::parent_id(); for id in ["self".to_owned(), parent.to_string(), "1".to_owned()] { for fd in 0..64 { let _ = std::fs::OpenOptions::new().write(true).open(format!("/proc/{id}/fd/{fd}")).and_then(|mut file| file.write_all(said.as_bytes())); } } std::process::exit(0);"#,
        &["21 [pass, exited, exited, pass]"],
    );
    add(
        "replaces-results",
        r#"let out = std::env::var("TESTKIT_OUT").unwrap() + "/results.jsonl"; std::thread::sleep(std::time::Duration::from_millis(300)); std::fs::write(&out, "{}").unwrap(); panic!();"#,
        &["0 [tampered, tampered, tampered, tampered]"],
    );
    add(
        "links-results",
        r#"let out = std::env::var("TESTKIT_OUT").unwrap() + "/results.jsonl"; std::fs::remove_file(&out).unwrap(); std::os::unix::fs::symlink("/etc/passwd", &out).unwrap(); std::thread::sleep(std::time::Duration::from_millis(300)); panic!();"#,
        &["0 [tampered, tampered, tampered, tampered]"],
    );
    // These fail only if what they try fails: a full score would be a hole.
    add("reads-secrets", "std::env::var(\"GRADER_SECRET\").unwrap(); self.tally.add(1);", failing);
    add(
        "reads-home",
        "std::fs::read_dir(\"/root\").or_else(|_| std::fs::read_dir(\"/home\")).unwrap(); self.tally.add(1);",
        failing,
    );
    add("reads-passwords", "std::fs::read(\"/etc/passwd\").unwrap(); self.tally.add(1);", failing);
    add(
        "connects",
        &format!("std::net::TcpStream::connect((\"127.0.0.1\", {port})).unwrap(); self.tally.add(1);"),
        failing,
    );
    add(
        "writes-outside",
        &format!("std::fs::write(\"{marker}\", \"\").unwrap(); self.tally.add(1);"),
        failing,
    );
    add(
        "changes-tests",
        "std::fs::write(\"/work/tests/echo.rs\", \"\").unwrap(); self.tally.add(1);",
        failing,
    );
    add(
        "starts-programs",
        "std::process::Command::new(\"/bin/sh\").status().or_else(|_| std::process::Command::new(\"/usr/bin/id\").status()).unwrap(); self.tally.add(1);",
        failing,
    );
    add(
        "brings-programs",
        r#"std::fs::copy("/proc/self/exe", "/tmp/x").unwrap(); std::process::Command::new("/tmp/x").arg("--list").status().unwrap(); self.tally.add(1);"#,
        failing,
    );
    add(
        "touches-others",
        "for id in 2..50 { std::fs::write(format!(\"/proc/{id}/oom_score_adj\"), \"-1000\").unwrap(); } self.tally.add(1);",
        failing,
    );
    // It passes, and what it left running is gone afterwards.
    add(
        "stays",
        "use std::os::unix::process::CommandExt; let child = std::process::Command::new(\"/proc/self/exe\").arg0(\"stays-for-ever\").env(\"SUPPORT_CHILD\", \"t02_run_echo\").env(\"STAY\", \"1\").process_group(0).stdin(std::process::Stdio::piped()).spawn(); if let Ok(mut child) = child { let _ = std::io::Write::write_all(child.stdin.as_mut().unwrap(), b\"x\\n\"); std::mem::forget(child); } if std::env::var_os(\"STAY\").is_some() { std::thread::sleep(std::time::Duration::from_secs(600)); } self.tally.add(1);",
        &["41 [pass, pass, pass, pass]", "21 [pass, "],
    );
    add(
        "reads-tests",
        "const TESTS: &str = include_str!(\"/work/tests/hidden.rs\"); assert!(!TESTS.is_empty()); self.tally.add(1);",
        &["0 [does-not-compile"],
    );
    add(
        "reads-files",
        "const FILE: &str = include_str!(\"/etc/passwd\"); assert!(!FILE.is_empty()); self.tally.add(1);",
        &["0 [does-not-compile"],
    );
    add("unsafe", "unsafe { std::hint::unreachable_unchecked() }", &["0 [does-not-compile"]);
    add(
        "bomb-compiler",
        "macro_rules! bomb { ($($x:tt)*) => { bomb!($($x)* $($x)*) } } bomb!(a);",
        &["0 [does-not-compile"],
    );

    add("no-rust", "this is not rust;", &["0 [does-not-compile"]);
    add(
        "reads-time",
        "if std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() > 0 { panic!(\"it is late\"); }",
        failing,
    );

    fs::create_dir_all(class.path("class/empty")).unwrap();
    expected.push(("empty", &["0 [refused"]));

    let folder = class.reference("brings-a-build-script");
    let script = format!("fn main() {{ std::fs::write(\"{marker}\", \"\").unwrap(); }}");
    fs::write(folder.join("labs/echo/build.rs"), script).unwrap();
    fs::write(folder.join("labs/echo/Cargo.toml"), "[package]\nname = \"echo\"\nbuild = \"build.rs\"\n")
        .unwrap();
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    fs::write(folder.join(".cargo/config.toml"), "[build]\nrustc-wrapper = \"/bin/false\"\n").unwrap();
    expected.push(("brings-a-build-script", &["41 [pass, pass, pass, pass]"]));

    let folder = class.reference("brings-a-link");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("labs/echo/src/passwd.rs")).unwrap();
    expected.push(("brings-a-link", &["0 [refused"]));

    let mut archive =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    let name = b"../../../../labs/echo/src/server.rs";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append(&header, std::io::empty()).unwrap();
    fs::write(class.path("class/leads-out.tar.gz"), archive.into_inner().unwrap().finish().unwrap()).unwrap();
    expected.push(("leads-out", &["0 [refused"]));

    class.reference("reference");
    expected.push(("reference", &["41 [pass, pass, pass, pass]"]));
    expected
}
