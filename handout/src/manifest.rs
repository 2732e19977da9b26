//! Edits manifests: what was left out of a handout is no longer named in them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, Item, Table};

use crate::tree::Tree;

/// The package folders of a workspace: those of its members that have a manifest in the tree.
pub(crate) fn packages(tree: &Tree) -> Result<Vec<String>> {
    let root = parse(tree, "Cargo.toml")?;
    Ok(members(&root)?
        .into_iter()
        .filter(|member| tree.0.contains_key(&format!("{member}/Cargo.toml")))
        .collect())
}

fn parse(tree: &Tree, path: &str) -> Result<DocumentMut> {
    tree.text(path)?.parse().with_context(|| format!("`{path}` is no manifest"))
}

fn members(root: &DocumentMut) -> Result<Vec<String>> {
    let members =
        root.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Item::as_array);
    let members = members.context("`Cargo.toml` has no `members` in its `[workspace]`")?;
    members
        .iter()
        .map(|member| {
            let member = member.as_str().context("a member in `Cargo.toml` is no text")?;
            if member.contains('*') {
                bail!("the member `{member}` in `Cargo.toml` is a pattern; name each member");
            }
            Ok(member.to_owned())
        })
        .collect()
}

/// Names in all manifests of the tree only what the tree has: members, targets, dependencies. Dependencies for tests
/// that no file uses any more go as well, and the lint that warns of a `todo!`.
///
/// # Errors
///
/// A package that is handed out needs one that is not.
pub(crate) fn edit(tree: &mut Tree) -> Result<()> {
    let mut root = parse(tree, "Cargo.toml")?;
    let packages = packages(tree)?;
    let all = members(&root)?;
    if let Some(members) = root["workspace"]["members"].as_array_mut() {
        members.retain(|member| member.as_str().is_some_and(|member| packages.iter().any(|p| p == member)));
    }
    let missing: BTreeSet<String> = dependencies_with_paths(&root)
        .into_iter()
        .filter(|(_, path)| !tree.0.contains_key(&format!("{path}/Cargo.toml")))
        .map(|(name, _)| name)
        .collect();
    let mut needed = BTreeSet::new();
    for package in &packages {
        needed.extend(edit_package(tree, package, &packages, &missing)?);
    }
    if let Some(table) = root["workspace"].get_mut("dependencies").and_then(Item::as_table_like_mut) {
        let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            if !needed.contains(&name) {
                table.remove(&name);
            }
        }
    }
    // A skeleton is full of `todo!`; an editor that marks each of them hides what is wrong.
    if let Some(lints) = root["workspace"].get_mut("lints").and_then(|lints| lints.get_mut("clippy")) {
        lints.as_table_like_mut().and_then(|lints| lints.remove("todo"));
    }
    // Untouched where nothing was left out: then the bytes are those of the repository.
    if packages.len() != all.len() || root.to_string() != tree.text("Cargo.toml")? {
        tree.add_text("Cargo.toml", root.to_string());
    }
    Ok(())
}

fn dependencies_with_paths(root: &DocumentMut) -> Vec<(String, String)> {
    let table = root["workspace"].get("dependencies").and_then(Item::as_table_like);
    let path = |item: &Item| Some(item.get("path")?.as_str()?.to_owned());
    table
        .into_iter()
        .flat_map(|table| table.iter())
        .filter_map(|(name, item)| Some((name.to_owned(), path(item)?)))
        .collect()
}

/// Edits the manifest of one package; returns the workspace's dependencies that it names.
fn edit_package(
    tree: &mut Tree,
    package: &str,
    packages: &[String],
    missing: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let path = format!("{package}/Cargo.toml");
    let mut manifest = parse(tree, &path)?;
    let mut sources: BTreeSet<String> = tree
        .0
        .keys()
        .filter(|file| file.ends_with(".rs") && owner(file, packages) == Some(package))
        .cloned()
        .collect();
    for (kind, folder) in
        [("test", "tests"), ("bench", "benches"), ("example", "examples"), ("bin", "src/bin")]
    {
        let Some(targets) = manifest.get_mut(kind).and_then(Item::as_array_of_tables_mut) else { continue };
        targets.retain(|target| {
            let source = target_source(package, target, folder);
            let there = source.as_ref().is_some_and(|source| tree.0.contains_key(source));
            sources.extend(source.filter(|_| there));
            there
        });
        if targets.is_empty() {
            manifest.remove(kind);
        }
    }
    let words = sources.iter().map(|source| tree.text(source)).collect::<Result<Vec<_>>>()?;
    let uses = |name: &str| {
        let name = name.replace('-', "_");
        words.iter().any(|text| has_word(text, &name))
    };
    // The name of a lab is also a word in texts; what is not handed out must be needed by code.
    let calls = |name: &str| {
        let path = format!("{}::", name.replace('-', "_"));
        let lines = words.iter().flat_map(|text| text.lines());
        lines.filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains(&path))
    };
    let mut needed = BTreeSet::new();
    for (kind, only_tests) in
        [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
    {
        let Some(table) = manifest.get_mut(kind).and_then(Item::as_table_like_mut) else { continue };
        let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            let unused = if missing.contains(&name) { !calls(&name) } else { !uses(&name) };
            if only_tests && unused {
                table.remove(&name);
            } else if missing.contains(&name) {
                bail!("`{package}` is handed out and needs `{name}`, which is not; select its lab as well");
            } else {
                needed.insert(name);
            }
        }
        if table.is_empty() {
            manifest.remove(kind);
        }
    }
    let text = manifest.to_string();
    if text != tree.text(&path)? {
        tree.add_text(&path, text);
    }
    Ok(needed)
}

/// The package that a file belongs to: the one with the longest folder.
fn owner<'a>(file: &str, packages: &'a [String]) -> Option<&'a str> {
    let inside =
        |package: &&String| file.strip_prefix(package.as_str()).is_some_and(|rest| rest.starts_with('/'));
    packages.iter().filter(inside).max_by_key(|package| package.len()).map(String::as_str)
}

/// The source of a `[[test]]`, `[[example]]` and so on, from the root of the workspace.
fn target_source(package: &str, target: &Table, folder: &str) -> Option<String> {
    let path = match target.get("path").and_then(Item::as_str) {
        Some(path) => path.to_owned(),
        None => format!("{folder}/{}.rs", target.get("name")?.as_str()?),
    };
    normal(&format!("{package}/{path}"))
}

/// A path without `.` and `..`; `None` if it leaves the root.
pub(crate) fn normal(path: &str) -> Option<String> {
    let mut pieces = Vec::new();
    for piece in path.split('/') {
        match piece {
            "" | "." => {}
            ".." => drop(pieces.pop()?),
            piece => pieces.push(piece),
        }
    }
    Some(pieces.join("/"))
}

fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

/// A suite: which test target of which package it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    /// The name of the test target: `part3`.
    pub(crate) name: String,
    /// The package: `raft`.
    pub(crate) package: String,
    /// Its folder: `labs/raft`.
    pub(crate) folder: String,
    /// Its source: `tests/part3.rs`.
    pub(crate) source: String,
}

/// The suites of a workspace: test targets whose source lies in `tests/`, sorted by name.
pub(crate) fn suites(tree: &Tree) -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for folder in packages(tree)? {
        let manifest = parse(tree, &format!("{folder}/Cargo.toml"))?;
        let package = manifest["package"]["name"].as_str().unwrap_or(&folder).to_owned();
        let Some(targets) = manifest.get("test").and_then(Item::as_array_of_tables) else { continue };
        for target in targets {
            let Some(name) = target.get("name").and_then(Item::as_str) else { continue };
            let Some(source) = target_source(&folder, target, "tests") else { continue };
            if source.starts_with("tests/") {
                let (name, package, folder) = (name.to_owned(), package.clone(), folder.clone());
                suites.push(Suite { name, package, folder, source });
            }
        }
    }
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(suites)
}

/// The labs that a lab's library needs, itself included.
pub(crate) fn with_earlier_labs(tree: &Tree, labs: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let known: BTreeSet<String> = packages(tree)?
        .into_iter()
        .filter_map(|package| package.strip_prefix("labs/").map(str::to_owned))
        .collect();
    let mut found = BTreeSet::new();
    let mut waiting: Vec<String> = labs.iter().cloned().collect();
    while let Some(lab) = waiting.pop() {
        if !known.contains(&lab) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            bail!("there is no lab `{lab}`; known labs: {known}");
        }
        if found.insert(lab.clone()) {
            let manifest = parse(tree, &format!("labs/{lab}/Cargo.toml"))?;
            let table = manifest.get("dependencies").and_then(Item::as_table_like);
            let names = table.into_iter().flat_map(|table| table.iter()).map(|(name, _)| name.to_owned());
            waiting.extend(names.filter(|name| known.contains(name)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Tree {
        let mut tree = Tree::default();
        tree.add_text(
            "Cargo.toml",
            "[workspace]\nmembers = [\"framework\", \"labs/a\", \"labs/b\", \"handout\"]\n\n[workspace.dependencies]\n\
             framework = { path = \"framework\" }\na = { path = \"labs/a\" }\nb = { path = \"labs/b\" }\n# Of `handout` only\n\
             anyhow = \"1\"\nserde = \"1\"\ninsta = \"1\"\nproptest = \"1\"\n\n\
             [workspace.lints.clippy]\ndbg_macro = \"warn\"\ntodo = \"warn\"\n",
        );
        tree.add_text("framework/Cargo.toml", "[package]\nname = \"framework\"\n[dependencies]\nserde.workspace = true\n[dev-dependencies]\nproptest.workspace = true\n[[bench]]\nname = \"fast\"\n");
        tree.add_text("framework/src/lib.rs", "//! No my_insta here, and no proptesting.");
        tree.add_text(
            "labs/a/Cargo.toml",
            "[package]\nname = \"a\"\n[dependencies]\nframework.workspace = true\n\n[dev-dependencies]\ninsta.workspace = true\n\n\
             [[test]]\nname = \"part1\"\npath = \"../../tests/part1.rs\"\n\n[[test]]\nname = \"part2\"\npath = \"../../tests/part2.rs\"\n",
        );
        tree.add_text("labs/a/src/lib.rs", "//! A.");
        tree.add_text("labs/b/Cargo.toml", "[package]\nname = \"b\"\n[dependencies]\na.workspace = true\n");
        tree.add_text("tests/part1.rs", "use insta::assert_snapshot;");
        tree
    }

    #[test]
    fn what_is_not_there_is_not_named() {
        let mut tree = workspace();
        tree.0.retain(|path, _| !path.starts_with("labs/b"));
        edit(&mut tree).unwrap();
        let manifests: String = ["Cargo.toml", "framework/Cargo.toml", "labs/a/Cargo.toml"]
            .map(|path| tree.text(path).unwrap())
            .join("---\n");
        insta::assert_snapshot!(manifests, @r#"
        [workspace]
        members = ["framework", "labs/a"]

        [workspace.dependencies]
        framework = { path = "framework" }
        serde = "1"
        insta = "1"

        [workspace.lints.clippy]
        dbg_macro = "warn"
        ---
        [package]
        name = "framework"
        [dependencies]
        serde.workspace = true
        ---
        [package]
        name = "a"
        [dependencies]
        framework.workspace = true

        [dev-dependencies]
        insta.workspace = true

        [[test]]
        name = "part1"
        path = "../../tests/part1.rs"
        "#);
        let suites = suites(&tree).unwrap();
        assert_eq!(suites.len(), 1);
        assert_eq!((suites[0].package.as_str(), suites[0].source.as_str()), ("a", "tests/part1.rs"));
    }

    #[test]
    fn a_package_that_is_needed_must_be_there() {
        let mut tree = workspace();
        tree.0.retain(|path, _| !path.starts_with("labs/a"));
        let error = edit(&mut tree).unwrap_err().to_string();
        assert_eq!(error, "`labs/b` is handed out and needs `a`, which is not; select its lab as well");
    }

    #[test]
    fn a_lab_that_is_only_mentioned_is_not_needed() {
        let mut tree = workspace();
        tree.0.retain(|path, _| !path.starts_with("labs/b"));
        let manifest = "[package]\nname = \"framework\"\n[dev-dependencies]\nb.workspace = true\n";
        tree.add_text("framework/Cargo.toml", manifest);
        tree.add_text("framework/src/lib.rs", "//! As in b::B.\nconst TEXT: &str = \"b\";");
        edit(&mut tree).unwrap();
        assert_eq!(tree.text("framework/Cargo.toml").unwrap(), "[package]\nname = \"framework\"\n");

        let mut tree = workspace();
        tree.0.retain(|path, _| !path.starts_with("labs/b"));
        tree.add_text("framework/Cargo.toml", manifest);
        tree.add_text("framework/src/lib.rs", "//! B.\nuse b::B;");
        let error = edit(&mut tree).unwrap_err().to_string();
        assert_eq!(error, "`framework` is handed out and needs `b`, which is not; select its lab as well");
    }

    #[test]
    fn a_lab_brings_the_labs_it_builds_on() {
        let labs = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            with_earlier_labs(&workspace(), &names).map(|labs| labs.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(labs(&["b"]).unwrap(), "a b");
        assert_eq!(labs(&["a"]).unwrap(), "a");
        assert_eq!(labs(&["c"]).unwrap_err().to_string(), "there is no lab `c`; known labs: a, b");
    }

    #[test]
    fn paths_are_made_normal() {
        assert_eq!(normal("labs/a/../../tests/./x.rs").as_deref(), Some("tests/x.rs"));
        assert_eq!(normal("labs/../../x"), None);
    }
}
