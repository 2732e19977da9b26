//! Packs an autograder for Gradescope: a clean handout, the sources of this tool, and the two scripts.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::write::SimpleFileOptions;

use crate::archive;
use crate::cargo::Cargo;
use crate::console::say;
use crate::generate;
use crate::manifest;
use crate::plan::Selection;
use crate::tree::Tree;

/// What to pack.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) source: PathBuf,
    pub(crate) selection: Selection,
    pub(crate) suites: Vec<String>,
    pub(crate) out: PathBuf,
    /// The memory of the container.
    pub(crate) memory_mib: u64,
    /// How long all suites together may take.
    pub(crate) seconds: u64,
}

const SETUP: &str = include_str!("gradescope/setup.sh");
const RUN: &str = include_str!("gradescope/run_autograder");

/// Packs it.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let bytes = pack(options)?;
    if let Some(folder) = options.out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&options.out, &bytes).with_context(|| format!("cannot write `{}`", options.out.display()))?;
    say(format!("{}: {} KiB", options.out.display(), bytes.len() >> 10));
    say(format!(
        "Upload it in Gradescope under Configure Autograder. The tests get {} MiB; the container needs some more.",
        options.memory_mib
    ));
    Ok(true)
}

/// The bytes of the `.zip`: the same for the same repository.
fn pack(options: &Options) -> Result<Vec<u8>> {
    let handout = generate::build(&options.source, &options.selection)?;
    for suite in &options.suites {
        if !handout.description.suites.contains(suite) {
            bail!("there is no suite `{suite}`; there are {}", handout.description.suites.join(", "));
        }
    }
    if handout.description.suites.is_empty() {
        bail!("the handout has no suites to grade with");
    }
    let count =
        if options.suites.is_empty() { handout.description.suites.len() } else { options.suites.len() };
    // When Gradescope's time is up there are no results at all, so the suites share it.
    let for_each = options.seconds / count.max(1) as u64;
    let suites = options.suites.join(",");
    let fill = |script: &str| {
        script
            .replace(
                "@SUITES@",
                &if suites.is_empty() { String::new() } else { format!("--suites {suites}") },
            )
            .replace("@MEMORY@", &options.memory_mib.to_string())
            .replace("@SECONDS@", &for_each.to_string())
    };
    let tool = tool(&handout.source)?;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .unix_permissions(0o644);
    for (name, bytes, program) in [
        ("setup.sh", fill(SETUP).into_bytes(), true),
        ("run_autograder", fill(RUN).into_bytes(), true),
        ("handout.tar.gz", archive::tar_gz(&handout.tree, "handout")?, false),
        ("tool.tar.gz", archive::tar_gz(&tool, "tool")?, false),
    ] {
        zip.start_file(name, if program { plain.unix_permissions(0o755) } else { plain })?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// This tool as a workspace of its own: without the labs, their solutions and their bugs.
fn tool(source: &Tree) -> Result<Tree> {
    let mut tool = Tree::default();
    for (path, file) in &source.0 {
        let wanted =
            matches!(path.as_str(), "Cargo.toml" | "Cargo.lock" | "rust-toolchain.toml" | "clippy.toml")
                || path == "handout/Cargo.toml"
                || path.starts_with("handout/src/");
        if wanted {
            tool.0.insert(path.clone(), file.clone());
        }
    }
    if !tool.0.contains_key("handout/src/main.rs") {
        // A course whose repository has no tool of its own, as in tests.
        return Ok(tool);
    }
    manifest::edit(&mut tool)?;
    lock(&mut tool)?;
    Ok(tool)
}

fn lock(tool: &mut Tree) -> Result<()> {
    let dir = tempfile::tempdir()?;
    tool.write(dir.path())?;
    let done = Cargo::new(dir.path()).run(&["metadata", "--format-version", "1", "--offline"])?;
    if !done.success() {
        bail!("cargo refuses the tool's manifests:\n{}", done.stderr_tail(20));
    }
    let path: &Path = &dir.path().join("Cargo.lock");
    tool.add_text("Cargo.lock", fs::read_to_string(path)?);
    Ok(())
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
            out: PathBuf::new(),
            memory_mib: 640,
            seconds: 500,
        };
        let bytes = pack(&options).unwrap();
        assert_eq!(bytes, pack(&options).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["setup.sh", "run_autograder", "handout.tar.gz", "tool.tar.gz"]);
        let mut script = String::new();
        let mut run = archive.by_name("run_autograder").unwrap();
        assert_eq!(run.unix_mode().unwrap() & 0o777, 0o755);
        run.read_to_string(&mut script).unwrap();
        assert!(
            script.contains("--suites echo") && script.contains("--memory 640") && !script.contains('@'),
            "{script}"
        );
        assert!(script.contains("--seconds 500"), "{script}");
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
        let grader = "#!/bin/sh\necho \"$@\"\nls one\n[ -e grading/log.jsonl ] && echo old\ntar -tzf one/submission.tar.gz | grep -v '/$' | sort\n\
                      mkdir -p grading/submissions/submission && echo '{}' > grading/submissions/submission/results.json\n";
        put("bin/handout", grader);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path().join("bin/handout"), mode).unwrap();
        let here = dir.path().to_string_lossy();
        let script = RUN.replace("/autograder", &here).replace("/opt/cargo/bin", &format!("{here}/bin"));
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("results/results.json")).unwrap().trim(), "{}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn whatever_was_uploaded_is_one_submission() {
        insta::assert_snapshot!(graded(&["labs/echo/src/server.rs", "SUBMISSION.json", "target/debug/x"]), @"
        grade one --handout handout --out grading @SUITES@ --jobs 1 --memory @MEMORY@ --seconds @SECONDS@
        submission.tar.gz
        submission/SUBMISSION.json
        submission/labs/echo/src/server.rs
        ");
        insta::assert_snapshot!(graded(&["me/labs/echo/src/server.rs"]), @"
        grade one --handout handout --out grading @SUITES@ --jobs 1 --memory @MEMORY@ --seconds @SECONDS@
        submission.tar.gz
        submission/me/labs/echo/src/server.rs
        ");
        insta::assert_snapshot!(graded(&["a b.zip"]), @"
        grade one --handout handout --out grading @SUITES@ --jobs 1 --memory @MEMORY@ --seconds @SECONDS@
        submission.zip
        ");
    }

    #[test]
    fn the_scripts_are_right_for_a_shell() {
        for script in [SETUP, RUN] {
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
