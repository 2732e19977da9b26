//! Makes a handout: the repository without what is not for students, as files in memory and then on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::Cargo;
use crate::description::{self, Description};
use crate::lock;
use crate::manifest;
use crate::markers::{self, Applied, Skeleton};
use crate::pages;
use crate::plan::{self, Fate, Selection};
use crate::renewal::VENDORED;
use crate::tree::{File, Tree};

/// A handout and what is known of its making.
#[derive(Debug)]
pub(crate) struct Handout {
    /// What students get, `HANDOUT.json` included.
    pub(crate) tree: Tree,
    /// What `HANDOUT.json` says.
    pub(crate) description: Description,
    /// The files of the repository that it was made from.
    pub(crate) source: Tree,
    /// The marked files by their path, in the handout as in the repository.
    pub(crate) skeletons: BTreeMap<String, Skeleton>,
    /// What stayed, and why.
    pub(crate) left_out: BTreeMap<String, String>,
}

/// The files of a repository: those git knows, with their contents as they are now; all files where there is no git.
pub(crate) fn read_source(root: &Path) -> Result<Tree> {
    if !root.join("Cargo.toml").is_file() {
        bail!("`{}` has no `Cargo.toml`; give the root of the repository with `--source`", root.display());
    }
    if !root.join(".git").exists() {
        let skip = |path: &str| path.split('/').any(|piece| matches!(piece, "target" | ".git"));
        return Tree::read(root, &skip);
    }
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--cached"])
        .output()
        .context("cannot run `git`; it says which files belong to the repository")?;
    if !output.status.success() {
        bail!(
            "`git ls-files` failed in `{}`: {}",
            root.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let mut tree = Tree::default();
    for path in output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = std::str::from_utf8(path).context("a file name in the repository is not UTF-8")?;
        // A file that was deleted and not yet committed as such.
        if root.join(path).symlink_metadata().is_ok() {
            tree.read_file(root, path)?;
        }
    }
    Ok(tree)
}

/// Sources that git does not know: they look like a part of the repository, and are not handed out.
pub(crate) fn unknown_to_git(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--others", "--exclude-standard", "--", "*.rs", "*.toml"])
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// Makes the handout of a repository in memory.
///
/// # Errors
///
/// All markers that cannot be right; a lab that does not exist; manifests that name what is left out.
pub(crate) fn build(root: &Path, selection: &Selection) -> Result<Handout> {
    let source = read_source(root)?;
    let mut selection = selection.clone();
    if let Some(labs) = &selection.labs {
        selection.labs = Some(manifest::with_earlier_labs(&source, labs)?);
    }
    let mut tree = Tree::default();
    let mut skeletons = BTreeMap::new();
    let mut left_out = BTreeMap::new();
    let mut errors = Vec::new();
    for (path, file) in &source.0 {
        let to = match plan::fate(path, &selection) {
            Fate::Copied(to) => to,
            Fate::LeftOut(why) => {
                left_out.insert(path.clone(), why.to_owned());
                continue;
            }
        };
        let applied = match std::str::from_utf8(&file.bytes) {
            Ok(text) => markers::apply(path, text),
            Err(_) => Ok(Applied::Unmarked),
        };
        let (file, skeleton) = match applied {
            Err(error) => {
                errors.push(error.to_string());
                continue;
            }
            Ok(Applied::Gone { solution }) => {
                let why = if solution { "a `SOLUTION FILE`" } else { "`INSTRUCTOR ONLY`" };
                left_out.insert(path.clone(), why.to_owned());
                continue;
            }
            Ok(Applied::Unmarked) => (file.clone(), None),
            Ok(Applied::Skeleton(skeleton)) => {
                let bytes = skeleton.text.clone().into_bytes();
                (File { bytes, executable: file.executable }, Some(skeleton))
            }
        };
        // A page of the template takes the place of the repository's own, and of its skeleton.
        let is_template = *path != to;
        if is_template || !tree.0.contains_key(&to) {
            skeletons.remove(&to);
            skeletons.extend(skeleton.map(|skeleton| (to.clone(), skeleton)));
            tree.0.insert(to, file);
        }
    }
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    manifest::edit(&mut tree)?;
    pages::unlink(&mut tree, &left_out)?;
    lock::trim(&mut tree)?;
    let version = source.text("handout/VERSION").unwrap_or("0").trim().to_owned();
    let description = Description::of(&tree, version, &skeletons, &selection)?;
    tree.add_text(description::FILE, description.to_json()?);
    Ok(Handout { tree, description, source, skeletons, left_out })
}

/// Where `generate` writes and how.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) out: PathBuf,
    pub(crate) vendor: bool,
    pub(crate) archive: Option<PathBuf>,
}

/// Writes a handout to a folder, in place of an older handout if one is there.
///
/// # Errors
///
/// The folder holds something that is no handout, or a handout that a student has worked in.
pub(crate) fn write(handout: &Handout, target: &Target) -> Result<()> {
    clear(&target.out)?;
    handout.tree.write(&target.out)?;
    if target.vendor {
        vendor(&target.out)?;
    }
    if let Some(archive) = &target.archive {
        let root = format!("handout-{}", handout.description.version);
        let skip = |path: &str| matches!(path, ".git" | "target");
        let bytes = crate::archive::tar_gz(&Tree::read(&target.out, &skip)?, &root)?;
        fs::write(archive, bytes).with_context(|| format!("cannot write `{}`", archive.display()))?;
    }
    Ok(())
}

/// Removes an older handout, but neither its git history nor what was built in it.
fn clear(out: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(out) else { return Ok(()) };
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let others: Vec<_> = entries
        .into_iter()
        .filter(|entry| !matches!(entry.file_name().to_str(), Some(".git" | "target")))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let Ok(old) = Description::read(out) else {
        bail!("`{}` holds files and no handout; give an empty folder with `--out`", out.display());
    };
    if let Some(changed) = old.changed_students_files(out).first() {
        bail!(
            "`{changed}` in `{}` was changed: this looks like a student's copy; bring it to a new version with \
             `cargo handout update {0}`",
            out.display()
        );
    }
    for entry in others {
        let path = entry.path();
        let removed =
            if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove `{}`", path.display()))?;
    }
    Ok(())
}

/// Reads a handout that was written, as it was before its dependencies were vendored.
pub(crate) fn read_handout(folder: &Path) -> Result<Tree> {
    let mut tree = Tree::read(folder, &|path| matches!(path, "target" | ".git" | "vendor"))?;
    if let Ok(config) = tree.text(".cargo/config.toml")
        && let Some((before, _)) = config.split_once(VENDORED)
    {
        let before = before.to_owned();
        tree.add_text(".cargo/config.toml", before);
    }
    Ok(tree)
}

/// Puts the sources of all dependencies into a handout that was written, so that nothing is downloaded to build it.
///
/// # Errors
///
/// Cargo has them neither in its cache nor from the network.
pub(crate) fn vendor(out: &Path) -> Result<()> {
    let settings = vendor_into(out, &out.join("vendor"))?;
    let path = out.join(".cargo/config.toml");
    let before = fs::read_to_string(&path).unwrap_or_default();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, before + VENDORED + &settings).context("cannot write `.cargo/config.toml`")
}

/// Writes the sources of all dependencies of a workspace to a folder; returns what cargo has to be told when the folder
/// is called `vendor`.
pub(crate) fn vendor_into(workspace: &Path, folder: &Path) -> Result<String> {
    let name = folder.to_str().context("the path of the folder for dependencies is not UTF-8")?;
    let done = Cargo::new(workspace).run(&["vendor", "--locked", "--versioned-dirs", name])?;
    if !done.success() {
        bail!("cannot vendor the dependencies:\n{}", done.stderr_tail(20));
    }
    // A workspace without any.
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{name}`"))?;
    Ok(String::from_utf8_lossy(&done.stdout).replace(name, "vendor"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_handout_has_the_skeleton_and_nothing_else() {
        let source = fixture::course();
        let handout = build(source.path(), &Selection::default()).unwrap();
        let files: Vec<&str> = handout.tree.0.keys().map(String::as_str).collect();
        insta::assert_snapshot!(files.join("\n"), @"
        .cargo/config.toml
        CHANGES.md
        Cargo.lock
        Cargo.toml
        HANDOUT.json
        README.md
        framework/Cargo.toml
        framework/src/lib.rs
        labs/echo/Cargo.toml
        labs/echo/README.md
        labs/echo/src/lib.rs
        labs/echo/src/server.rs
        labs/echo/src/tally.rs
        rust-toolchain.toml
        rustfmt.toml
        tests/echo.rs
        tests/support/Cargo.toml
        tests/support/src/lib.rs
        visualizer/Cargo.toml
        visualizer/src/main.rs
        ");
        let students: Vec<&str> = handout.description.student_files.keys().map(String::as_str).collect();
        assert_eq!(students, ["labs/echo/src/lib.rs", "labs/echo/src/server.rs", "labs/echo/src/tally.rs"]);
        assert_eq!(handout.left_out["labs/echo/src/secret.rs"], "a `SOLUTION FILE`");
        let again = build(source.path(), &Selection::default()).unwrap();
        assert_eq!(again.tree, handout.tree);
    }

    #[test]
    fn a_handout_is_the_same_handout_when_its_dependencies_are_in_it() {
        let source = fixture::course();
        let handout = build(source.path(), &Selection::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        write(&handout, &Target { out: dir.path().to_owned(), vendor: true, archive: None }).unwrap();
        assert!(fs::read_to_string(dir.path().join(".cargo/config.toml")).unwrap().contains(VENDORED));
        assert_eq!(handout.description.changed_course_files(dir.path()), Vec::<String>::new());
        assert_eq!(read_handout(dir.path()).unwrap(), handout.tree);
    }

    #[test]
    fn what_students_compile_is_compiled_as_the_repository_does() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let flags = |path: &str| {
            let text = fs::read_to_string(folder.join(path)).unwrap();
            let at = text.find("[target.").unwrap();
            text[at..].to_owned()
        };
        assert_eq!(flags("template/.cargo/config.toml"), flags("../.cargo/config.toml"));
    }

    #[test]
    fn what_students_test_on_every_push_is_the_labs() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let handout = build(root, &Selection::default()).unwrap().tree;
        let workflow = handout.text(".github/workflows/labs.yml").unwrap();
        let mut words = workflow.split_whitespace();
        let mut left_out = BTreeSet::new();
        while words.any(|word| word == "--exclude") {
            left_out.extend(words.next());
        }
        let mut libraries = BTreeSet::new();
        for folder in manifest::packages(&handout).unwrap() {
            let text = handout.text(&format!("{folder}/Cargo.toml")).unwrap();
            let name = text.split("name = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            if !folder.starts_with("labs/") {
                libraries.insert(name);
            }
        }
        assert_eq!(left_out, libraries);
    }

    #[test]
    fn all_marker_errors_are_told_at_once() {
        let source = fixture::course();
        fs::write(source.path().join("labs/echo/src/a.rs"), "// BEGIN SOLUTION\n").unwrap();
        fs::write(source.path().join("labs/echo/src/b.rs"), "// STUB:x\n").unwrap();
        let error = build(source.path(), &Selection::default()).unwrap_err().to_string();
        let places: Vec<&str> = error.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(places, ["labs/echo/src/a.rs:1", "labs/echo/src/b.rs:1"]);
    }

    #[test]
    fn an_older_handout_is_replaced_and_other_folders_are_not() {
        let source = fixture::course();
        let handout = build(source.path(), &Selection::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let target = Target { out: dir.path().join("out"), vendor: false, archive: None };
        write(&handout, &target).unwrap();
        fs::create_dir(target.out.join(".git")).unwrap();
        fs::write(target.out.join("old.txt"), "left by an older version").unwrap();
        write(&handout, &target).unwrap();
        assert!(target.out.join(".git").exists() && !target.out.join("old.txt").exists());

        fs::write(target.out.join("labs/echo/src/server.rs"), "// my work").unwrap();
        let error = write(&handout, &target).unwrap_err().to_string();
        assert!(error.contains("looks like a student's copy"), "{error}");

        fs::create_dir(dir.path().join("home")).unwrap();
        fs::write(dir.path().join("home/thesis.tex"), "").unwrap();
        let home = Target { out: dir.path().join("home"), ..target };
        let error = write(&handout, &home).unwrap_err().to_string();
        assert!(error.contains("holds files and no handout"), "{error}");
    }
}
