//! Packs an autograder for Gradescope: a clean handout, the sources of this tool, and the two scripts.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::write::SimpleFileOptions;

use crate::archive;
use crate::console::say;
use crate::generate::{self, Handout};
use crate::lock;
use crate::manifest;
use crate::plan::Selection;
use crate::tree::Tree;

/// What to pack.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) source: PathBuf,
    pub(crate) selection: Selection,
    pub(crate) suites: Vec<String>,
    /// Hidden tests, as of `grade`.
    pub(crate) hidden: Option<PathBuf>,
    /// The seed of runs, as of `grade`.
    pub(crate) seed: Option<u64>,
    pub(crate) out: PathBuf,
    /// The memory of the container.
    pub(crate) memory_mib: u64,
    /// How long a submission may take, compiling included.
    pub(crate) seconds: u64,
}

const SETUP: &str = include_str!("gradescope/setup.sh");
const RUN: &str = include_str!("gradescope/run_autograder");
const SETTINGS: &str = include_str!("gradescope/settings.sh");

/// What this tool is made of and students have as well.
const SHARED: &str = "visualizer/src/student/renewal.rs";

/// Packs it.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let bytes = pack(options)?;
    if let Some(folder) = options.out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&options.out, &bytes).with_context(|| format!("cannot write `{}`", options.out.display()))?;
    say(format!("{}: {} KiB", options.out.display(), bytes.len() >> 10));
    say(format!(
        "Upload it in Gradescope under Configure Autograder. A submission gets {} MiB; the container needs some more. It \
         is stopped after {} s with what is done; give the autograder at least {} minutes.",
        options.memory_mib,
        options.seconds,
        (options.seconds + 30).div_ceil(60),
    ));
    if options.hidden.is_some() {
        say(
            "Hidden tests have no name and no text in what students see. In the container there are no namespaces: a test \
             could read its own program, and with it what the hidden tests of its suite are called.",
        );
    }
    Ok(true)
}

/// The bytes of the `.zip`: the same for the same repository.
fn pack(options: &Options) -> Result<Vec<u8>> {
    let handout = generate::build(&options.source, &options.selection)?;
    let hidden = options.hidden.as_ref().map(|folder| hidden_tests(folder, &handout)).transpose()?;
    let mut all = handout.tree.clone();
    all.0.extend(hidden.iter().flat_map(|hidden| hidden.0.clone()));
    let known: Vec<String> = manifest::suites(&all)?.into_iter().map(|suite| suite.name).collect();
    for suite in &options.suites {
        if !known.contains(suite) {
            bail!("there is no suite `{suite}`; there are {}", known.join(", "));
        }
    }
    if known.is_empty() {
        bail!("the handout has no suites to grade with");
    }
    let mut what = Vec::new();
    if !options.suites.is_empty() {
        what.push(format!("--suites {}", options.suites.join(",")));
    }
    if hidden.is_some() {
        what.push("--hidden hidden".to_owned());
    }
    if let Some(seed) = options.seed {
        what.push(format!("--seed {seed}"));
    }
    let settings = SETTINGS
        .replace("@WHAT@", &what.join(" "))
        .replace("@MEMORY@", &options.memory_mib.to_string())
        .replace("@SECONDS@", &options.seconds.to_string());
    let tool = tool(&handout.source)?;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .unix_permissions(0o644);
    let mut files = vec![
        ("setup.sh", SETUP.into(), true),
        ("run_autograder", RUN.into(), true),
        ("settings.sh", settings.into_bytes(), false),
        ("handout.tar.gz", archive::tar_gz(&handout.tree, "handout")?, false),
        ("tool.tar.gz", archive::tar_gz(&tool, "tool")?, false),
    ];
    if let Some(hidden) = &hidden {
        files.push(("hidden.tar.gz", archive::tar_gz(hidden, "hidden")?, false));
    }
    for (name, bytes, program) in files {
        zip.start_file(name, if program { plain.unix_permissions(0o755) } else { plain })?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The hidden tests in a folder.
fn hidden_tests(folder: &Path, handout: &Handout) -> Result<Tree> {
    let hidden = Tree::read(folder, &|path| path.starts_with("target/"))?;
    if hidden.0.is_empty() {
        bail!("there are no hidden tests in `{}`", folder.display());
    }
    if let Some(path) = hidden.0.keys().find(|path| handout.description.may_be_students(path)) {
        bail!("`{path}` among the hidden tests is a student's file");
    }
    Ok(hidden)
}

/// This tool as a workspace of its own: without the labs, their solutions and their bugs.
fn tool(source: &Tree) -> Result<Tree> {
    let mut tool = Tree::default();
    for (path, file) in &source.0 {
        let wanted =
            matches!(path.as_str(), "Cargo.toml" | "Cargo.lock" | "rust-toolchain.toml" | "clippy.toml")
                || path == "handout/Cargo.toml"
                || path.starts_with("handout/src/")
                || path == SHARED;
        if wanted {
            tool.0.insert(path.clone(), file.clone());
        }
    }
    if !tool.0.contains_key("handout/src/main.rs") {
        // A course whose repository has no tool of its own, as in tests.
        return Ok(tool);
    }
    manifest::edit(&mut tool)?;
    lock::trim(&mut tool)?;
    Ok(tool)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::fixture;

    #[test]
    fn the_autograder_is_complete_and_the_same_each_time() {
        let course = fixture::course();
        let options = Options {
            source: course.path().to_owned(),
            selection: Selection::default(),
            suites: vec!["echo".to_owned()],
            hidden: None,
            seed: None,
            out: PathBuf::new(),
            memory_mib: 640,
            seconds: 500,
        };
        let bytes = pack(&options).unwrap();
        assert_eq!(bytes, pack(&options).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["setup.sh", "run_autograder", "settings.sh", "handout.tar.gz", "tool.tar.gz"]);
        assert_eq!(archive.by_name("run_autograder").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        let mut settings = String::new();
        archive.by_name("settings.sh").unwrap().read_to_string(&mut settings).unwrap();
        for line in ["what=(--suites echo)", "memory=640", "seconds=500"] {
            assert!(settings.lines().any(|other| other == line), "{settings}");
        }
        assert!(!settings.contains('@'), "{settings}");

        // Hidden tests lie in an archive of their own, and may bring suites that the handout does not have.
        let hidden = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = hidden.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("tests/echo.rs", "//! More tests.");
        let with_hidden =
            Options { hidden: Some(hidden.path().to_owned()), seed: Some(7), ..options.clone() };
        let mut archive = zip::ZipArchive::new(Cursor::new(pack(&with_hidden).unwrap())).unwrap();
        assert!(archive.by_name("hidden.tar.gz").is_ok());
        let mut settings = String::new();
        archive.by_name("settings.sh").unwrap().read_to_string(&mut settings).unwrap();
        assert!(settings.contains("what=(--suites echo --hidden hidden --seed 7)"), "{settings}");
        put("labs/echo/src/server.rs", "//! A student's file.");
        let refusal = pack(&with_hidden).unwrap_err().to_string();
        assert_eq!(refusal, "`labs/echo/src/server.rs` among the hidden tests is a student's file");

        let unknown = Options { suites: vec!["part9".to_owned()], ..options };
        assert_eq!(pack(&unknown).unwrap_err().to_string(), "there is no suite `part9`; there are echo");
    }

    /// What the script hands to the grader when these files were uploaded: the grader here writes its arguments and what is in
    /// the archive.
    fn graded(uploaded: &[&str]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for path in uploaded {
            put(&format!("submission/{path}"), "");
        }
        put("grading/log.jsonl", "of the submission before");
        let settings = SETTINGS.replace("@WHAT@", "--suites 1").replace("@MEMORY@", "640");
        put(
            "source/settings.sh",
            &settings.replace("@SECONDS@", "540").replace("/opt/cargo", &dir.path().to_string_lossy()),
        );
        let grader = "#!/bin/sh\necho \"$@\"\nls one\n[ -e grading/log.jsonl ] && echo old\ntar -tzf one/submission.tar.gz | grep -v '/$' | sort\n\
                      mkdir -p grading/submissions/submission && echo '{}' > grading/submissions/submission/results.json\n";
        put("bin/handout", grader);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path().join("bin/handout"), mode).unwrap();
        let here = dir.path().to_string_lossy();
        let script = RUN.replace("/autograder", &here);
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("results/results.json")).unwrap().trim(), "{}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn whatever_was_uploaded_is_one_submission() {
        insta::assert_snapshot!(graded(&["labs/echo/src/server.rs", "SUBMISSION.json", "target/debug/x"]), @"
        grade one --handout handout --out grading --suites 1 --jobs 1 --memory 640 --compile-memory 640 --seconds 540 --budget 540
        submission.tar.gz
        submission/SUBMISSION.json
        submission/labs/echo/src/server.rs
        ");
        insta::assert_snapshot!(graded(&["me/labs/echo/src/server.rs"]), @"
        grade one --handout handout --out grading --suites 1 --jobs 1 --memory 640 --compile-memory 640 --seconds 540 --budget 540
        submission.tar.gz
        submission/me/labs/echo/src/server.rs
        ");
        insta::assert_snapshot!(graded(&["a b.zip"]), @"
        grade one --handout handout --out grading --suites 1 --jobs 1 --memory 640 --compile-memory 640 --seconds 540 --budget 540
        submission.zip
        ");
    }

    #[test]
    fn the_scripts_are_right_for_a_shell() {
        for script in [SETUP, RUN, SETTINGS] {
            let mut shell = std::process::Command::new("bash")
                .arg("-n")
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            assert!(shell.wait().unwrap().success());
        }
    }
}
