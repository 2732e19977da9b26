//! Rules of the repository that no lint knows.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files below a folder that end like this, but not what is built or hidden.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn all(ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), ending, &mut found);
    found.sort();
    assert!(found.len() > 3, "the repository has {ending} files");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_file_begins_with_what_it_is_responsible_for() {
    for (path, text) in all(".rs") {
        let first = text.lines().find(|line| !line.starts_with("// ")).unwrap_or_default();
        // A lab's root is its README.
        let is_readme = text.lines().any(|line| line.starts_with("#![doc = include_str!"));
        assert!(first.starts_with("//! ") || is_readme, "{} begins with `{first}`", path.display());
    }
}

#[test]
fn labs_depend_on_the_framework_and_on_other_labs_only() {
    let labs: Vec<String> = fs::read_dir(root().join("labs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let allowed = ["framework", "serde", "im"];
    for (path, text) in
        all("Cargo.toml").into_iter().filter(|(path, _)| path.starts_with(root().join("labs")))
    {
        let dependencies = text.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
        for line in dependencies.lines().filter(|line| !line.is_empty()) {
            let name = line.split(['.', ' ']).next().unwrap();
            let known = allowed.contains(&name) || labs.iter().any(|lab| lab == name);
            assert!(known, "{} depends on {name}", path.display());
        }
    }
}

#[test]
fn solutions_are_marked_in_pairs() {
    for (path, text) in all(".rs").into_iter().filter(|(path, _)| path.starts_with(root().join("labs"))) {
        let mut open = false;
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            match line.trim() {
                "// BEGIN SOLUTION" => {
                    assert!(!open, "{place}: a solution begins inside another");
                    open = true;
                }
                "// END SOLUTION" => {
                    assert!(open, "{place}: a solution ends that did not begin");
                    open = false;
                }
                other => {
                    assert!(!other.to_uppercase().contains("BEGIN SOL"), "{place}: misspelt marker `{other}`")
                }
            }
        }
        assert!(!open, "{}: a solution does not end", path.display());
    }
}

#[test]
fn the_links_of_the_pages_lead_somewhere() {
    for (path, text) in all(".md") {
        // Pages for students lie in the root of their handout, beside what is copied from the root of the repository.
        let template = root().join("handout/template");
        let moved = path.strip_prefix(&template).map(|page| root().join(page)).ok();
        let places: Vec<_> = moved.iter().chain([&path]).filter_map(|path| path.parent()).collect();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            // Pages that are part of the documentation of a crate name its items; rustdoc checks those.
            if target.is_empty()
                || target.contains("::")
                || target.contains("://")
                || target.starts_with("mailto:")
            {
                continue;
            }
            assert!(
                places.iter().any(|place| place.join(target).exists()),
                "{}: `{link}` leads nowhere",
                path.display()
            );
        }
    }
}
