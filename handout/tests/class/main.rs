//! A class of submissions, honest and hostile: each gets what it earns, and none touches another or the machine.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/hidden.rs"]
mod hidden;
mod hostile;
mod real;
mod submissions;

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use hostile::hostile;
use submissions::{Class, graded, left_behind, text};

#[test]
fn a_small_class_gets_what_it_earns() {
    let class = Class::new();
    class.reference("reference");
    class.asked("leaves-early", "std::process::exit(0);");
    class.asked("no-rust", "this is not rust");
    class.asked("outsider", "std::fs::write(\"/work/tests/echo.rs\", \"\").unwrap();");
    fs::create_dir_all(class.path("class/nothing")).unwrap();
    // What an author says decides nothing.
    let said = r#"{"schema":1,"handout":{"version":"1999.1","hash":"","grading_hash":""},"content":"","runs":[{"suite":"echo","earned":41,"points":41}]}"#;
    fs::write(class.path("class/leaves-early/SUBMISSION.json"), said).unwrap();
    let output = class.grade("out", &["--jobs", "2"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let outcomes: Vec<String> =
        class.outcomes("out").into_iter().map(|(name, outcome)| format!("{name}: {outcome}")).collect();
    insta::assert_snapshot!(outcomes.join("\n"), @"
    leaves-early: 21 [pass, exited, exited, pass]
    no-rust: 0 [does-not-compile, does-not-compile, does-not-compile, does-not-compile]
    nothing: 0 [refused, refused, refused, refused]
    outsider: 21 [pass, panicked, panicked, pass]
    reference: 41 [pass, pass, pass, pass]
    ");
    insta::assert_snapshot!(fs::read_to_string(class.path("out/grades.csv")).unwrap(), @"
    submission,points,of,status,echo t01_unit_starts_at_zero,echo t02_run_echo,echo t03_run_counts,echo t04_search_large_tally
    leaves-early,21,41,graded,1,0,0,20
    no-rust,0,41,does not compile,0,0,0,0
    nothing,0,41,refused,0,0,0,0
    outsider,21,41,graded,1,0,0,20
    reference,41,41,graded,1,10,10,20
    ");
    let page = fs::read_to_string(class.path("out/index.html")).unwrap();
    assert!(page.contains("5 submissions") && page.contains("submissions/reference/index.html"), "{page}");
    let notes = "made with handout 1999.1, which grades in another way than 2026.1; changed after `cargo lab submit`; \
                 its author had 41 of 41 points in echo, here 21";
    assert!(page.contains(notes), "{page}");
    let one = fs::read_to_string(class.path("out/submissions/no-rust/index.html")).unwrap();
    assert!(one.contains("0 of 41 points, does not compile") && one.contains("<pre>error"), "{one}");
    let gradescope: serde_json::Value =
        serde_json::from_slice(&fs::read(class.path("out/submissions/reference/results.json")).unwrap())
            .unwrap();
    assert_eq!(gradescope["tests"][1]["score"], 10.0);

    // A second grading of the same folder has to be wanted, and finds nothing left to do.
    let again = class.grade("out", &[]).output().unwrap();
    assert!(text(&again).contains("has results already"), "{}", text(&again));
    let before = fs::read(class.path("out/results.jsonl")).unwrap();
    let again = class.grade("out", &["--resume"]).output().unwrap();
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(fs::read(class.path("out/results.jsonl")).unwrap(), before);

    // Instructors waive a test and comment on a failure that two share; nothing is run for it.
    let mark = || {
        let output = submissions::handout(&["mark"]).arg(class.path("out")).output().unwrap();
        (output.status.code(), text(&output))
    };
    let (code, printed) = mark();
    assert!(code == Some(0) && printed.contains("fill it in, and run the same again"), "{printed}");
    let file = class.path("out/marks.toml");
    let begin = fs::read_to_string(&file).unwrap();
    let about = "# 1 submission: echo t02_run_echo and another test, exited (see leaves-early)\n# [[comment]]\n# cluster = ";
    let (_, cluster) = begin.split_once(about).unwrap();
    let cluster = cluster.lines().next().unwrap();
    let filled = format!(
        "[[waive]]\ntest = \"echo t02\"\nsubmissions = [\"outsider\"]\nwhy = \"agreed on Monday\"\n\n\
         [[comment]]\ncluster = {cluster}\ntext = \"See lab 0, step 3.\"\n"
    );
    fs::write(&file, &filled).unwrap();
    let (code, printed) = mark();
    assert!(code == Some(0) && printed.contains("outsider echo t02_run_echo: 0 → 10"), "{printed}");
    assert!(printed.contains("1 submission with other points than the run gave"), "{printed}");
    assert_eq!(class.outcomes("out")["outsider"], "31 [pass, panicked, panicked, pass]");
    let read = |path: &str| fs::read_to_string(class.path("out").join(path)).unwrap();
    assert!(read("index.html").contains("class=\"other\" title=\"echo t02_run_echo: panicked, waived\""));
    assert!(read("grades.csv").contains("\noutsider,31,41,graded,1,10,0,20\n"));
    assert!(read("submissions/outsider/index.html").contains("Waived, the run earned 0: agreed on Monday"));
    assert!(read("submissions/leaves-early/results.json").contains("See lab 0, step 3."));

    // A mistake in the file costs only itself; and what is taken out of it is undone.
    fs::write(&file, format!("{filled}[[comment]]\nsubmission = \"nobody\"\ntext = \"x\"\n")).unwrap();
    let (code, printed) = mark();
    assert!(code == Some(1) && printed.contains("there is no submission `nobody`"), "{printed}");
    assert_eq!(class.outcomes("out")["outsider"], "31 [pass, panicked, panicked, pass]");
    fs::write(&file, "").unwrap();
    assert_eq!(mark().0, Some(0));
    assert_eq!(fs::read(class.path("out/results.jsonl")).unwrap(), before);
    assert!(!read("submissions/leaves-early/results.json").contains("See lab 0, step 3."));

    // With a seed that students do not have; what is graded already was graded with the tests' own.
    let output = class.grade("out", &["--resume", "--seed", "7"]).output().unwrap();
    assert!(text(&output).contains("`--seed` was `none` and is `7`"), "{}", text(&output));
    let output = class.grade("seeded", &["--seed", "7", "--tests", "t02"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(fs::read_to_string(class.path("seeded/results.jsonl")).unwrap().contains(r#""seed":7"#));
    assert!(!String::from_utf8_lossy(&before).contains(r#""seed":7"#));
    // Whoever compares the two is told why points may differ.
    let since = class.path("out").display().to_string();
    let output =
        class.grade("compared", &["--seed", "7", "--tests", "t02", "--since", &since]).output().unwrap();
    let told = "since version 2026.1: 0 score changes\n  `--seed` was `none` and is `7`\n";
    assert!(text(&output).contains(told), "{}", text(&output));
    let page = fs::read_to_string(class.path("compared/index.html")).unwrap();
    assert!(page.contains("graded in another way: `--seed` was `none` and is `7`."), "{page}");
}

#[test]
fn hidden_tests_cannot_be_read_and_count() {
    let class = Class::new();
    class.reference("reference");
    // As wrong as can be, unless the compiler sees the hidden tests.
    class.asked(
        "reads-hidden",
        "const TESTS: &str = include_str!(\"../../../tests/echo.rs\"); assert!(TESTS.contains(\"t05_\")); self.tally.add(1);",
    );
    class.asked("counts-twice-from-nine", "self.tally.add(if self.tally.count() < 9 { 1 } else { 2 });");
    let public = fs::read_to_string(common::fixture().join("tests/echo.rs")).unwrap();
    let hidden = public.replace(
        "        ],\n",
        "            Test { name: \"t05_run_counts_further\", points: 5.0, body: further },\n        ],\n",
    ) + "\nfn further() -> Result<(), Failed> {\n    let mut server = Server::new();\n    for asked in 1..=20 {\n        \
           server.answer(\"x\");\n        check(\"every-message-counts\", server.tally.count() == asked)?;\n    }\n    Ok(())\n}\n";
    fs::create_dir_all(class.path("hidden/tests")).unwrap();
    fs::write(class.path("hidden/tests/echo.rs"), hidden).unwrap();
    let folder = class.path("hidden").display().to_string();
    let output = class.grade("out", &["--hidden", &folder]).output().unwrap();
    if hidden::nothing_can_be_hidden(&text(&output)) {
        return;
    }
    assert!(output.status.success(), "{}", text(&output));
    let outcomes: Vec<String> =
        class.outcomes("out").into_iter().map(|(name, outcome)| format!("{name}: {outcome}")).collect();
    insta::assert_snapshot!(outcomes.join("\n"), @"
    counts-twice-from-nine: 41 [pass, pass, pass, pass, violated]
    reads-hidden: 0 [does-not-compile, does-not-compile, does-not-compile, does-not-compile, does-not-compile]
    reference: 46 [pass, pass, pass, pass, pass]
    ");

    // Who reads the page of the class can step through the failure.
    let page = fs::read_to_string(class.path("out/index.html")).unwrap();
    let trace = "submissions/counts-twice-from-nine/traces/echo-t05_run_counts_further.html";
    assert!(page.contains(&format!("<a href=\"{trace}\">step through it</a>")), "{page}");
    let trace_path = trace.to_owned();
    // The number of its steps, by which the shortest is found, and a transcript of them.
    let log = fs::read_to_string(class.path("out/results.jsonl")).unwrap();
    let transcript = r#""transcript":"traces/echo-t05_run_counts_further.txt""#;
    assert!(log.contains(r#""steps":1,"#) && log.contains(transcript), "{log}");
    let trace = fs::read_to_string(class.path("out").join(trace)).unwrap();
    assert_eq!(trace, "<!doctype html><pre>{\"violated\":\"every-message-counts\"}\n</pre>");

    // A regrade without them, for one test, says whose points are others than before.
    let since = class.path("out").display().to_string();
    let output = class.grade("again", &["--tests", "t02,t05", "--since", &since]).output().unwrap();
    assert!(text(&output).contains("since version 2026.1: 0 score changes"), "{}", text(&output));
    class.asked("reads-hidden", "self.tally.add(1);");
    // What instructors decided about the earlier grading holds for the tests that are not graded again.
    let marks = "[[waive]]\ntest = \"echo t05\"\nsubmissions = [\"counts-twice-from-nine\"]\nearned = 3\nwhy = \"nearly\"\n";
    fs::write(class.path("out/marks.toml"), marks).unwrap();
    let output = submissions::handout(&["mark"]).arg(class.path("out")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let output = class.grade("third", &["--tests", "t02", "--since", &since]).output().unwrap();
    assert!(text(&output).contains("reads-hidden echo t02_run_echo: 0 → 10"), "{}", text(&output));

    // All other results are as they were, and the earlier one of this test is kept.
    let outcomes: Vec<String> =
        class.outcomes("third").into_iter().map(|(name, outcome)| format!("{name}: {outcome}")).collect();
    insta::assert_snapshot!(outcomes.join("\n"), @"
    counts-twice-from-nine: 44 [pass, pass, pass, pass, violated]
    reads-hidden: 10 [does-not-compile, pass, does-not-compile, does-not-compile, does-not-compile]
    reference: 46 [pass, pass, pass, pass, pass]
    ");
    let lines = |out: &str| -> Vec<serde_json::Value> {
        let text = fs::read_to_string(class.path(out).join("results.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (old, new) = (lines("out"), lines("third"));
    assert_eq!(new[0]["regraded"]["tests"], serde_json::json!(["echo t02_run_echo"]));
    assert_eq!(
        (&new[0]["regraded"]["hash"], &new[0]["regraded"]["hidden"]),
        (&old[0]["hash"], &old[0]["hidden"])
    );
    let record = &new[2]["suites"][0]["tests"][1];
    assert_eq!((&new[2]["name"], &record["handout"]), (&"reads-hidden".into(), &new[0]["hash"]));
    assert_eq!(
        (&record["before"]["cause"], &record["before"]["handout"]),
        (&"does-not-compile".into(), &old[0]["hash"])
    );
    let table = fs::read_to_string(class.path("third/grades.csv")).unwrap();
    assert!(table.contains("\ncounts-twice-from-nine,44,46,graded,41,41,3,5,1,10,10,20,3\n"), "{table}");
    assert!(table.contains("\nreads-hidden,10,46,graded,10,41,0,5,0,10,0,0,0\n"), "{table}");
    // The other failures can still be stepped through.
    let page = fs::read_to_string(class.path("third/index.html")).unwrap();
    assert!(
        page.contains("Graded again: echo t02_run_echo.") && page.contains("its files are not those"),
        "{page}"
    );
    assert!(page.contains(&trace_path) && class.path("third").join(&trace_path).is_file(), "{page}");

    // What cannot be compared is said before anything is graded.
    let output = class.grade("fourth", &["--since", "no/such/folder"]).output().unwrap();
    assert!(text(&output).contains("cannot read `no/such/folder`"), "{}", text(&output));
    assert!(!class.path("fourth").exists());
}

#[test]
fn what_was_compiled_for_others_cannot_be_read() {
    let class = Class::new();
    class.reference("a-reference");
    let hidden = fs::read_to_string(common::fixture().join("tests/echo.rs")).unwrap() + "// Hidden.\n";
    fs::create_dir_all(class.path("hidden/tests")).unwrap();
    fs::write(class.path("hidden/tests/echo.rs"), hidden).unwrap();
    let folder = class.path("hidden").display().to_string();
    let output = class.grade("first", &["--hidden", &folder]).output().unwrap();
    if hidden::nothing_can_be_hidden(&text(&output)) {
        return;
    }
    assert!(output.status.success(), "{}", text(&output));
    // What the same commands make has the same names each time.
    let made = fs::read_dir(class.path("first/.work/slot-0/target/debug/deps")).unwrap();
    let mut names: Vec<String> =
        made.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| {
        let program = name.starts_with("echo-") && !name.contains('.');
        program || name.starts_with("libecho-") && name.ends_with(".rlib")
    });
    assert!(names.len() >= 2, "{names:?}");
    for (name, number) in names.iter().zip(0..) {
        let code = format!(
            "const OTHERS: &[u8] = include_bytes!(\"/target/debug/deps/{name}\"); assert!(!OTHERS.is_empty()); self.tally.add(1);"
        );
        class.asked(&format!("reads-{number}"), &code);
    }
    let output = class.grade("second", &["--hidden", &folder]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let outcomes = class.outcomes("second");
    assert_eq!(outcomes["a-reference"], "41 [pass, pass, pass, pass]");
    for number in 0..names.len() {
        let outcome = &outcomes[&format!("reads-{number}")];
        assert!(outcome.starts_with("0 [does-not-compile"), "{}: {outcome}", names[number]);
    }
}

#[test]
fn what_does_not_compile_is_one_failure_and_is_tried_once() {
    // A course with two suites of one lab.
    let course = tempfile::tempdir().unwrap();
    common::copy(&common::fixture(), course.path());
    let _not_there = fs::remove_dir_all(course.path().join("target"));
    let manifest = course.path().join("labs/echo/Cargo.toml");
    let second = "[[test]]\nname = \"more\"\npath = \"../../tests/more.rs\"\nharness = false\n\n[lints]";
    let text_of = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text_of.replace("[lints]", second)).unwrap();
    let suite = fs::read_to_string(course.path().join("tests/echo.rs")).unwrap();
    fs::write(course.path().join("tests/more.rs"), suite.replace("\"echo\",", "\"more\",")).unwrap();
    let class = Class::of(course.path().to_owned(), "echo");
    class.reference("reference");
    class.asked("no-rust", "this is not rust");
    class.asked("eats-compiling", "static ALL: [u64; 1 << 29] = [7; 1 << 29]; self.tally.add(ALL[3]);");
    class.asked(
        "loops-compiling",
        "const N: u64 = { let mut n = 0; while n < 2 { n = 1 - n; } n }; self.tally.add(N);",
    );
    let library = class.path("class/loops-compiling/labs/echo/src/lib.rs");
    let text_of = fs::read_to_string(&library).unwrap();
    fs::write(&library, format!("#![allow(long_running_const_eval)]\n{text_of}")).unwrap();
    let output = class.grade("out", &["--compile-seconds", "40"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let outcomes: Vec<String> =
        class.outcomes("out").into_iter().map(|(name, outcome)| format!("{name}: {outcome}")).collect();
    let nothing = ["does-not-compile"; 8].join(", ");
    assert_eq!(
        outcomes,
        [
            format!("eats-compiling: 0 [{nothing}]"),
            format!("loops-compiling: 0 [{nothing}]"),
            format!("no-rust: 0 [{nothing}]"),
            "reference: 82 [pass, pass, pass, pass, pass, pass, pass, pass]".to_owned(),
        ]
    );
    let page =
        |name: &str| fs::read_to_string(class.path("out/submissions").join(name).join("index.html")).unwrap();
    let looped = page("loops-compiling");
    assert!(looped.contains("compiling took too long: more than 40 s"), "{looped}");
    assert!(looped.contains("not tried, as `echo` does not compile"), "{looped}");
    assert!(page("eats-compiling").contains("not tried, as `echo` does not compile"));
    // Three submissions, three mistakes, two suites.
    let class_page = fs::read_to_string(class.path("out/index.html")).unwrap();
    let groups: Vec<&str> =
        class_page.lines().filter(|line| line.starts_with("<details><summary>")).collect();
    assert_eq!(groups.len(), 3, "{groups:?}");
    // No test has found anything.
    let row =
        "<tr><td>more<td>t02_run_echo<td class=n>10<td class=n>1<td class=n>0<td class=n>0<td class=n>3</tr>";
    assert!(class_page.contains(row), "{class_page}");
}

#[test]
fn without_a_sandbox_it_says_so_and_hides_nothing() {
    let class = Class::new();
    class.reference("reference");
    class.asked("hangs", "loop { std::thread::yield_now(); }");
    let options = ["--isolation", "limits"];
    // Where the grader is root, tests run as another user, who has to get there.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(class.dir.path(), mode).unwrap();
    let output = class.grade("out", &options).output().unwrap();
    assert!(output.status.success() && text(&output).contains("LIMITS ONLY"), "{}", text(&output));
    let outcomes: Vec<String> = class.outcomes("out").into_values().collect();
    assert_eq!(outcomes, ["21 [pass, timed-out, timed-out, pass]", "41 [pass, pass, pass, pass]"]);
    let folder = class.path("class").display().to_string();
    let output = class.grade("hidden", &["--isolation", "limits", "--hidden", &folder]).output().unwrap();
    assert!(text(&output).contains("hidden tests need a sandbox"), "{}", text(&output));
}

/// Grades the hostile class in one kind of sandbox.
fn grade_hostile(isolation: &str) {
    let class = Class::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let expected = hostile(&class, listener.local_addr().unwrap().port());
    let options = ["--jobs", "2", "--isolation", isolation, "--memory", "1024", "--seconds", "60"];
    let output = class.grade("out", &options).env("GRADER_SECRET", "1").output().unwrap();
    let printed = text(&output);
    assert!(output.status.success(), "{printed}");
    let outcomes = class.outcomes("out");
    let wrong: Vec<String> = expected
        .iter()
        // Bubblewrap cannot forbid it; what is started has no more rights than the tests themselves.
        .filter(|(name, _)| isolation != "bubblewrap" || *name != "brings-programs")
        .filter(|(name, allowed)| !allowed.iter().any(|start| outcomes[*name].starts_with(start)))
        .map(|(name, allowed)| format!("{name}: {} instead of {allowed:?}", outcomes[*name]))
        .collect();
    assert!(wrong.is_empty(), "{}\n\n{printed}", wrong.join("\n"));
    assert_eq!(outcomes.len(), expected.len());
    assert!(!class.path("marker").exists(), "somebody wrote outside its folder");
    assert_eq!(left_behind("stays-for-ever"), Vec::<String>::new());
}

#[test]
#[ignore = "takes a minute: cargo test -p handout --test class -- --ignored"]
fn the_hostile_class_in_the_best_sandbox_of_this_machine() {
    grade_hostile("auto");
}

#[test]
#[ignore = "takes a minute, and needs bubblewrap: cargo test -p handout --test class -- --ignored"]
fn the_hostile_class_in_bubblewrap() {
    grade_hostile("bubblewrap");
}

#[test]
#[ignore = "takes a minute, and needs user namespaces: cargo test -p handout --test class -- --ignored"]
fn the_hostile_class_in_user_namespaces() {
    grade_hostile("user-namespaces");
}

/// Grades submissions of a real lab and compares with what is due. What was compiled of the lab stays in the target folder.
fn grade_real(name: &str, choose: impl FnOnce(&mut Vec<real::Member>), tests: Option<&str>, jobs: &str) {
    let root = real::repository();
    let class = Class::of(root.clone(), "clientserver");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut members = real::class(&class, listener.local_addr().unwrap().port());
    choose(&mut members);
    for entry in fs::read_dir(class.path("class")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().replace(".tar.gz", "");
        if !members.iter().any(|member| member.name == file) {
            let _removed = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
    let before = fs::read_to_string(root.join("labs/clientserver/src/server.rs")).unwrap();

    let out = root.join("target/handout-class").join(name);
    let _not_there = fs::remove_file(out.join("log.jsonl"));
    let mut command = submissions::handout(&["grade", "--suites", "clientserver", "--jobs", jobs]);
    command.arg(class.path("class")).arg("--source").arg(&root).arg("--out").arg(&out);
    command.env("GRADER_SECRET", "1").args(tests.map(|tests| format!("--tests={tests}")));
    let output = command.output().unwrap();
    let printed = text(&output);
    assert!(output.status.success(), "{printed}");

    let outcomes = graded(&out.join("results.jsonl"));
    assert_eq!(outcomes.len(), members.len(), "{printed}");
    let wrong: Vec<String> =
        members.iter().filter_map(|member| real::problem(member, &outcomes[&member.name].1)).collect();
    assert!(wrong.is_empty(), "{}\n\n{printed}", wrong.join("\n"));
    assert!(!class.path("marker").exists(), "somebody wrote outside its folder");
    assert_eq!(before, fs::read_to_string(root.join("labs/clientserver/src/server.rs")).unwrap());
    assert_eq!(left_behind(&out.display().to_string()), Vec::<String>::new());
}

/// A run, a search, and a test that asks no server: enough to tell whether harm was done.
const FEW: &str = "t01,t03,t14";

#[test]
#[ignore = "compiles a lab in a sandbox: cargo test -p handout --test class -- --ignored real_lab_sample"]
fn real_lab_sample() {
    // Which ones, a commit decides in CI; in the long run all have their turn.
    let seed = std::env::var("CLASS_SEED").unwrap_or_default();
    let number = seed.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let choose = |members: &mut Vec<real::Member>| {
        let bugs = |member: &&real::Member| matches!(&member.due, real::Due::Fails(kills) if kills.iter().any(|(test, _)| FEW.split(',').any(|few| test.starts_with(few))));
        let nth = |members: Vec<&real::Member>| members[number % members.len()].name.clone();
        let chosen = [
            "reference".to_owned(),
            nth(members.iter().filter(|member| !member.hostile).filter(bugs).collect()),
            nth(members.iter().filter(|member| member.hostile).collect()),
        ];
        members.retain(|member| chosen.contains(&member.name));
        for member in members {
            if let real::Due::Fails(kills) = &mut member.due {
                kills.retain(|(test, _)| FEW.split(',').any(|few| test.starts_with(few)));
            }
        }
    };
    grade_real("sample", choose, Some(FEW), "1");
}

#[test]
#[ignore = "compiles a lab in a sandbox: cargo test -p handout --test class -- --ignored real_lab_hidden"]
fn real_lab_hidden() {
    let root = real::repository();
    let class = Class::of(root.clone(), "clientserver");
    class.reference("reference");
    let public = fs::read_to_string(root.join("tests/clientserver.rs")).unwrap();
    let name = "client_waits_for_its_response";
    assert!(public.contains(&format!("\"{name}\"")));
    fs::create_dir_all(class.path("hidden/tests")).unwrap();
    fs::write(class.path("hidden/tests/clientserver.rs"), public.replace(name, "hidden_variant")).unwrap();
    let out = root.join("target/handout-class/hidden");
    let _not_there = fs::remove_file(out.join("log.jsonl"));
    let mut command = submissions::handout(&["grade", "--suites", "clientserver", "--tests", "t01,t02"]);
    command.arg(class.path("class")).arg("--source").arg(&root).arg("--out").arg(&out);
    let output = command.arg("--hidden").arg(class.path("hidden")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let (earned, tests) = &graded(&out.join("results.jsonl"))["reference"];
    let tests: Vec<(&str, Option<&str>)> =
        tests.iter().map(|(test, cause)| (test.as_str(), cause.as_deref())).collect();
    let expected = [("t01_unit_basic_key_value_operations", None), ("t02_run_hidden_variant", None)];
    assert_eq!((*earned, &tests[..]), (10.0, &expected[..]), "{}", text(&output));
}

#[test]
#[ignore = "grades forty submissions: cargo test -p handout --test class -- --ignored real_lab_whole"]
fn real_lab_whole() {
    grade_real("whole", |members| members.retain(|member| !member.hostile), None, "2");
    grade_real("whole", |members| members.retain(|member| member.hostile), Some(FEW), "2");
}

/// Numbers that look random and are the same each time.
fn numbers(mut seed: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    })
}

#[test]
#[ignore = "takes a minute: cargo test -p handout --test class -- --ignored"]
fn a_grader_that_is_killed_again_and_again_loses_nothing() {
    let class = Class::new();
    for name in ["ada", "bob", "eve"] {
        class.reference(name);
    }
    class.asked("hangs", "loop { std::thread::yield_now(); }");
    class.asked("panics", "panic!();");
    let output = class.grade("whole", &["--jobs", "2"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));

    let mut kills = 0;
    for milliseconds in numbers(0x5eed).map(|number| 300 + number % 9000) {
        let options: &[&str] = if kills == 0 { &["--jobs", "2"] } else { &["--jobs", "2", "--resume"] };
        let mut child = class
            .grade("cut", options)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let finished = loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break true;
            }
            // The more it was killed, the more time it gets: on a slow machine compiling alone takes longer than all of these.
            if begin.elapsed() > Duration::from_millis(milliseconds + 500 * kills) {
                child.kill().unwrap();
                child.wait().unwrap();
                break false;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if finished {
            break;
        }
        kills += 1;
        assert!(kills < 60, "it never gets to an end");
    }
    for file in ["results.jsonl", "grades.csv", "index.html"] {
        let [whole, cut] =
            ["whole", "cut"].map(|out| fs::read_to_string(class.path(out).join(file)).unwrap());
        assert_eq!(whole, cut, "{file} after {kills} kills");
    }
    assert!(kills > 0, "it was never killed; nothing was tested");
    let left = left_behind(&class.dir.path().display().to_string());
    assert_eq!(left, Vec::<String>::new());
}
