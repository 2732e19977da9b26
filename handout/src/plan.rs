//! Which files of the repository are handed out, and why the others are not. What is not named here stays.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which labs and which parts of the Raft lab a handout has; `None` stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Selection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) labs: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<Parts>,
}

/// Numbers of parts, as `1-5` or `1,2,4`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts(pub(crate) BTreeSet<u32>);

impl FromStr for Parts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim().parse::<u32>().map_err(|_| {
                format!("`{text}` is not the number of a part; write `--parts 1-5` or `--parts 1,2,4`")
            })
        };
        let mut parts = BTreeSet::new();
        for piece in text.split(',') {
            let (from, to) = match piece.split_once('-') {
                Some((from, to)) => (number(from)?, number(to)?),
                None => (number(piece)?, number(piece)?),
            };
            if from > to || to > 99 {
                return Err(format!("`{piece}` is no range of parts; write `--parts 1-5`"));
            }
            parts.extend(from..=to);
        }
        Ok(Self(parts))
    }
}

/// What happens to a file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is handed out under this path, after its markers were applied.
    Copied(String),
    /// It is not, for this reason.
    LeftOut(&'static str),
}

/// Files at the root that students need.
const ROOT: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "clippy.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    ".gitignore",
];

/// Crates that are handed out whole, except for their own tests and benchmarks.
const CRATES: [&str; 3] = ["framework", "search", "visualizer"];

/// Where pages and settings for students lie.
const TEMPLATE: &str = "handout/template/";

/// The number of the part that a suite tests: `tests/part3.rs` and all in `tests/part3/` have 3.
pub(crate) fn part(path: &str) -> Option<u32> {
    let rest = path.strip_prefix("tests/part")?;
    let (number, _) = rest.split_once('/').or_else(|| Some((rest.strip_suffix(".rs")?, "")))?;
    number.parse().ok()
}

/// The number of the part that a page is about: `labs/raft/docs/part3.md` has 3.
fn part_of_page(path: &str) -> Option<u32> {
    path.strip_prefix("labs/raft/docs/part")?.strip_suffix(".md")?.parse().ok()
}

/// Decides on one file.
pub(crate) fn fate(path: &str, selection: &Selection) -> Fate {
    if let Some(rest) = path.strip_prefix(TEMPLATE) {
        return Fate::Copied(rest.to_owned());
    }
    let pieces: Vec<&str> = path.split('/').collect();
    let hidden = |piece: &str| piece.starts_with('.') && !matches!(piece, ".gitignore" | ".cargo");
    if pieces.iter().any(|piece| hidden(piece)) {
        return Fate::LeftOut("hidden files stay");
    }
    let copied = Fate::Copied(path.to_owned());
    let without = |part: u32| selection.parts.as_ref().is_some_and(|parts| !parts.0.contains(&part));
    let selected = |lab: &str| selection.labs.as_ref().is_none_or(|labs| labs.contains(lab));
    match pieces.as_slice() {
        [file] if ROOT.contains(file) => copied,
        [_] => Fate::LeftOut("pages and settings of the maintainers stay"),
        [".cargo", "config.toml"] => copied,
        [root, rest @ ..] if CRATES.contains(root) => {
            if rest.iter().any(|piece| matches!(*piece, "tests" | "benches")) {
                Fate::LeftOut("tests and benchmarks of the checker stay")
            } else {
                copied
            }
        }
        ["labs", file] if file.ends_with(".toml") => copied,
        ["labs", lab, ..] if !selected(lab) => Fate::LeftOut("the lab was not selected"),
        ["labs", _, "docs", ..] if part_of_page(path).is_some_and(without) => {
            Fate::LeftOut("the part was not selected")
        }
        ["labs", _, "src" | "examples" | "docs", ..] => copied,
        ["labs", _, "tests" | "benches", ..] => Fate::LeftOut("tests of the reference stay"),
        ["labs", _, "Cargo.toml" | "README.md"] => copied,
        ["labs", _, page] if page.ends_with(".md") => copied,
        ["labs", ..] => Fate::LeftOut("a lab hands out its manifest, pages, src, examples and docs"),
        ["tests", file, ..] if file.ends_with(".rs") || part(path).is_some() => {
            // Suites are called like their lab; the parts are those of the Raft lab.
            let lab = if part(path).is_some() { "raft" } else { file.trim_end_matches(".rs") };
            if !selected(lab) {
                Fate::LeftOut("the lab was not selected")
            } else if part(path).is_some_and(without) {
                Fate::LeftOut("the part was not selected")
            } else {
                copied
            }
        }
        ["tests", "README.md" | "points.toml"] => copied,
        ["tests", "support", "tests" | "benches" | "fixture", ..] => {
            Fate::LeftOut("tests of the harness stay")
        }
        ["tests", "support", ..] => copied,
        ["tests", "raftkit", ..] if !selected("raft") => Fate::LeftOut("the lab was not selected"),
        ["tests", "raftkit", ..] => copied,
        ["tests", ..] => Fate::LeftOut("only suites and their harness are handed out"),
        _ => Fate::LeftOut("not part of a handout"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_students_get() {
        let selection = Selection {
            labs: Some(BTreeSet::from(["pingpong".to_owned(), "raft".to_owned()])),
            parts: Some("1-2".parse().unwrap()),
        };
        let mut table = String::new();
        for path in [
            "Cargo.toml",
            "CONTRIBUTING.md",
            ".ci/run",
            ".cargo/config.toml",
            ".github/workflows/ci.yml",
            "framework/src/lib.rs",
            "framework/runner/tests/it.rs",
            "search/benches/states.rs",
            "search/models/tests/counts.rs",
            "visualizer/src/snapshots/a.snap",
            "labs/clippy.toml",
            "labs/pingpong/src/server.rs",
            "labs/pingpong/README.md",
            "labs/pingpong/tests/nodes.rs",
            "labs/pingpong/bugs/a.patch",
            "labs/clientserver/src/lib.rs",
            "labs/raft/docs/design.md",
            "labs/raft/docs/part1.md",
            "labs/raft/docs/part3.md",
            "tests/part2.rs",
            "tests/part3.rs",
            "tests/part2/searches.rs",
            "tests/part3/searches.rs",
            "tests/pingpong.rs",
            "tests/clientserver.rs",
            "tests/support/src/lib.rs",
            "tests/support/tests/self.rs",
            "tests/support/fixture/main.rs",
            "tests/raftkit/src/lib.rs",
            "tests/designs/src/lib.rs",
            "handout/src/plan.rs",
            "handout/bugs/raft/a.patch",
            "handout/template/README.md",
            "handout/template/.vscode/settings.json",
        ] {
            let fate = match fate(path, &selection) {
                Fate::Copied(to) => format!("→ {to}"),
                Fate::LeftOut(why) => format!("out: {why}"),
            };
            table.push_str(&format!("{path:40}{fate}\n"));
        }
        insta::assert_snapshot!(table, @"
        Cargo.toml                              → Cargo.toml
        CONTRIBUTING.md                         out: pages and settings of the maintainers stay
        .ci/run                                 out: hidden files stay
        .cargo/config.toml                      → .cargo/config.toml
        .github/workflows/ci.yml                out: hidden files stay
        framework/src/lib.rs                    → framework/src/lib.rs
        framework/runner/tests/it.rs            out: tests and benchmarks of the checker stay
        search/benches/states.rs                out: tests and benchmarks of the checker stay
        search/models/tests/counts.rs           out: tests and benchmarks of the checker stay
        visualizer/src/snapshots/a.snap         → visualizer/src/snapshots/a.snap
        labs/clippy.toml                        → labs/clippy.toml
        labs/pingpong/src/server.rs             → labs/pingpong/src/server.rs
        labs/pingpong/README.md                 → labs/pingpong/README.md
        labs/pingpong/tests/nodes.rs            out: tests of the reference stay
        labs/pingpong/bugs/a.patch              out: a lab hands out its manifest, pages, src, examples and docs
        labs/clientserver/src/lib.rs            out: the lab was not selected
        labs/raft/docs/design.md                → labs/raft/docs/design.md
        labs/raft/docs/part1.md                 → labs/raft/docs/part1.md
        labs/raft/docs/part3.md                 out: the part was not selected
        tests/part2.rs                          → tests/part2.rs
        tests/part3.rs                          out: the part was not selected
        tests/part2/searches.rs                 → tests/part2/searches.rs
        tests/part3/searches.rs                 out: the part was not selected
        tests/pingpong.rs                       → tests/pingpong.rs
        tests/clientserver.rs                   out: the lab was not selected
        tests/support/src/lib.rs                → tests/support/src/lib.rs
        tests/support/tests/self.rs             out: tests of the harness stay
        tests/support/fixture/main.rs           out: tests of the harness stay
        tests/raftkit/src/lib.rs                → tests/raftkit/src/lib.rs
        tests/designs/src/lib.rs                out: only suites and their harness are handed out
        handout/src/plan.rs                     out: not part of a handout
        handout/bugs/raft/a.patch               out: not part of a handout
        handout/template/README.md              → README.md
        handout/template/.vscode/settings.json  → .vscode/settings.json
        ");
    }

    #[test]
    fn a_lab_that_is_not_selected_leaves_no_suite_behind() {
        let selection = Selection { labs: Some(BTreeSet::from(["pingpong".to_owned()])), parts: None };
        for path in ["tests/part2.rs", "tests/part3/searches.rs", "tests/clientserver.rs"] {
            assert_eq!(fate(path, &selection), Fate::LeftOut("the lab was not selected"), "{path}");
        }
        assert_eq!(fate("tests/part2.rs", &Selection::default()), Fate::Copied("tests/part2.rs".to_owned()));
    }

    #[test]
    fn parts_are_ranges_and_lists() {
        let parts = |text: &str| text.parse::<Parts>().map(|parts| parts.0.into_iter().collect::<Vec<_>>());
        assert_eq!(parts("1-3,5"), Ok(vec![1, 2, 3, 5]));
        assert_eq!(parts("4"), Ok(vec![4]));
        for wrong in ["", "a", "3-1", "1-1000", "1-2-3"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }
}
