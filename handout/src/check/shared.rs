//! Checks that what a student's first `cargo test` compiles also serves `cargo lab`. Cargo compiles a dependency once for each set
//! of features that somebody asks for, and what only tests depend on asks when tests are built.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::cargo::Cargo;
use crate::console::count;

/// The package of the `lab` command.
const COMMAND: &str = "visualizer";

/// Nothing that the `lab` command or the driver of a lab needs has features that it has not when tests are built.
///
/// # Errors
///
/// A crate would be compiled again, and what depends on it.
pub(super) fn compiled_once(cargo: &Cargo, packages: &[String], labs: &[String]) -> Result<String> {
    if !packages.iter().any(|package| package == COMMAND) {
        // A course without it, as in tests.
        return Ok("there is no such command".to_owned());
    }
    let of_tests = crates(cargo, &["--workspace", "--edges", "normal,build,dev"])?;
    let mut again = crates(cargo, &["--package", COMMAND, "--edges", "normal,build"])?;
    for lab in labs {
        again.extend(crates(cargo, &["--package", lab, "--edges", "normal,build,dev"])?);
    }
    let all = again.len();
    again.retain(|one| !of_tests.contains(one));
    if again.is_empty() {
        return Ok(count(all, "crate"));
    }
    bail!(
        "compiled again with other features, and all that depends on it:\n  {}\nwhen tests are built:\n  {}\nname these in \
         `{COMMAND}/Cargo.toml` with the features that tests ask for",
        again.iter().cloned().collect::<Vec<_>>().join("\n  "),
        namesakes(&of_tests, &again).join("\n  "),
    )
}

/// The crates that cargo would compile, each with its version and features.
fn crates(cargo: &Cargo, selection: &[&str]) -> Result<BTreeSet<String>> {
    let tree =
        cargo.run(&[&["tree", "--locked", "--prefix", "none", "--format", "{p} {f}"], selection].concat())?;
    if !tree.success() {
        bail!("`cargo tree` failed:\n{}", tree.stderr_tail(10));
    }
    let lines = String::from_utf8_lossy(&tree.stdout).into_owned();
    // What stands there a second time is marked.
    Ok(lines.lines().map(|line| line.trim_end_matches(" (*)").trim_end().to_owned()).collect())
}

/// Those of the same names.
fn namesakes(crates: &BTreeSet<String>, wanted: &BTreeSet<String>) -> Vec<String> {
    let name = |one: &str| one.split(' ').next().map(str::to_owned);
    let names: BTreeSet<Option<String>> = wanted.iter().map(|one| name(one)).collect();
    crates.iter().filter(|one| names.contains(&name(one))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A workspace of a command, a lab, and a library of which tests want more.
    fn workspace(asked_for: &str) -> Result<String> {
        let dir = tempfile::tempdir().unwrap();
        let package = |name: &str, rest: &str| {
            fs::create_dir_all(dir.path().join(name).join("src")).unwrap();
            fs::write(dir.path().join(name).join("src/lib.rs"), "").unwrap();
            let text = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{rest}");
            fs::write(dir.path().join(name).join("Cargo.toml"), text).unwrap();
        };
        let root = "[workspace]\nresolver = \"3\"\nmembers = [\"base\", \"visualizer\", \"echo\"]\n";
        fs::write(dir.path().join("Cargo.toml"), root).unwrap();
        package("base", "[features]\nmore = []\n");
        package("visualizer", &format!("[dependencies]\nbase = {{ path = \"../base\"{asked_for} }}\n"));
        let more = "base = { path = \"../base\", features = [\"more\"] }\n";
        package(
            "echo",
            &format!(
                "[dependencies]\nvisualizer = {{ path = \"../visualizer\" }}\n[dev-dependencies]\n{more}"
            ),
        );
        let cargo = Cargo::new(dir.path()).offline();
        assert!(cargo.run(&["generate-lockfile"]).unwrap().success());
        compiled_once(&cargo, &["visualizer".to_owned()], &["echo".to_owned()]).map_err(|error| {
            anyhow::anyhow!(error.to_string().replace(&*dir.path().to_string_lossy(), "DIR"))
        })
    }

    #[test]
    fn a_feature_that_only_tests_ask_for_is_named() {
        assert_eq!(workspace(", features = [\"more\"]").unwrap(), "3 crates");
        insta::assert_snapshot!(workspace("").unwrap_err(), @"
        compiled again with other features, and all that depends on it:
          base v0.0.0 (DIR/base)
        when tests are built:
          base v0.0.0 (DIR/base) more
        name these in `visualizer/Cargo.toml` with the features that tests ask for
        ");
    }
}
