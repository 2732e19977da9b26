//! Searches a handout for what students must not see. It reads the repository in its own, simpler way, so that a
//! mistake in how markers are applied does not hide itself.

use std::collections::BTreeSet;

use crate::generate::Handout;
use crate::markers::mentions_marker;
use crate::tree::Tree;

/// The lines of a repository that students may see, and those that they must not.
#[derive(Debug, Default)]
struct Lines<'a> {
    public: BTreeSet<&'a str>,
    secret: Vec<(&'a str, &'a str, usize)>,
}

/// Whether a line says enough to give something away: a lone `}` does not.
fn says_something(line: &str) -> bool {
    line.chars().filter(|c| c.is_alphanumeric()).count() >= 6
}

fn lines(source: &Tree) -> Lines<'_> {
    let mut lines = Lines::default();
    for (path, file) in &source.0 {
        let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
        let first = text.lines().next().unwrap_or_default();
        let lab_test = path.starts_with("labs/") && path.split('/').nth(2) == Some("tests");
        let whole = lab_test || first.contains("SOLUTION FILE") || first.contains("INSTRUCTOR ONLY");
        let shipped = ["framework/", "search/", "visualizer/", "labs/", "tests/", "handout/template/"];
        let root = !path.contains('/') || path.starts_with(".cargo/");
        if !whole && !root && !shipped.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let mut depth = 0_u32;
        for (line, number) in text.lines().zip(1..) {
            let is = |words: &str| line.contains(words) && line.trim_start().starts_with(['/', '#', '<']);
            if is("BEGIN SOLUTION") || is("BEGIN INSTRUCTOR ONLY") {
                depth += 1;
            } else if is("END SOLUTION") || is("END INSTRUCTOR ONLY") {
                depth = depth.saturating_sub(1);
            } else if depth > 0 || whole {
                lines.secret.push((line.trim(), path, number));
            } else {
                // A stub appears in the handout as its text.
                let text = line.trim();
                let text = text.trim_end_matches(" -->");
                let stub = ["// STUB: ", "# STUB: ", "<!-- STUB: "]
                    .iter()
                    .find_map(|start| text.strip_prefix(start));
                lines.public.insert(stub.unwrap_or(line).trim());
            }
        }
    }
    lines
}

/// Everything in the handout that must not be there, in words.
pub(crate) fn find(handout: &Handout, source_root: &str) -> Vec<String> {
    let lines = lines(&handout.source);
    let mut found = Vec::new();
    let mut handed_out = BTreeSet::new();
    for (path, file) in &handout.tree.0 {
        if path.split('/').any(|piece| piece == ".git")
            || path.ends_with(".patch")
            || path.starts_with("handout/")
        {
            found.push(format!("`{path}` is in the handout"));
        }
        let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
        for (line, number) in text.lines().zip(1..) {
            if let Some(words) = mentions_marker(line) {
                found.push(format!("{path}:{number}: the words `{words}` are in the handout"));
            }
            if source_root.len() > 1 && line.contains(source_root) {
                found.push(format!("{path}:{number}: the path of this repository is in the handout"));
            }
            handed_out.insert(line.trim());
        }
    }
    for (line, path, number) in lines.secret {
        if says_something(line) && handed_out.contains(line) && !lines.public.contains(line) {
            found.push(format!("{path}:{number}: `{line}` is in the handout"));
        }
    }
    found
}

/// How many lines of solutions were searched for.
pub(crate) fn secret_lines(source: &Tree) -> usize {
    let lines = lines(source);
    let secret = |line: &str| says_something(line) && !lines.public.contains(line);
    lines.secret.iter().filter(|(line, _, _)| secret(line)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::generate;
    use crate::plan::Selection;

    fn handout() -> Handout {
        generate::build(fixture::course().path(), &Selection::default()).unwrap()
    }

    #[test]
    fn a_handout_leaks_nothing() {
        let handout = handout();
        assert!(secret_lines(&handout.source) > 5);
        assert_eq!(find(&handout, "/no/such/path"), Vec::<String>::new());
    }

    /// What `find` says when this happens to a handout.
    fn after(change: impl FnOnce(&mut Handout)) -> String {
        let mut handout = handout();
        change(&mut handout);
        find(&handout, "/srv/course").join("\n")
    }

    #[test]
    fn leaks_are_found() {
        let with = |path: &'static str, text: &'static str| {
            after(|handout| {
                let old = handout.tree.text(path).unwrap_or_default().to_owned();
                handout.tree.add_text(path, old + text);
            })
        };
        let line = "        self.count = self.count.saturating_add(more);\n";
        insta::assert_snapshot!(with("labs/echo/src/tally.rs", line), @"labs/echo/src/tally.rs:18: `self.count = self.count.saturating_add(more);` is in the handout");
        insta::assert_snapshot!(with("README.md", "message.chars().collect::<String>()"), @"labs/echo/src/secret.rs:6: `message.chars().collect::<String>()` is in the handout");
        insta::assert_snapshot!(with("README.md", "assert_eq!(tally.count(), u64::MAX);"), @"labs/echo/tests/reference.rs:9: `assert_eq!(tally.count(), u64::MAX);` is in the handout");
        insta::assert_snapshot!(with("a.rs", "// END SOLUTION"), @"a.rs:1: the words `END SOLUTION` are in the handout");
        insta::assert_snapshot!(with(".git/HEAD", "ref"), @"`.git/HEAD` is in the handout");
        insta::assert_snapshot!(with("handout/bugs/a.patch", ""), @"`handout/bugs/a.patch` is in the handout");
        insta::assert_snapshot!(with("a.json", "\"/srv/course/target\""), @"a.json:1: the path of this repository is in the handout");
    }
}
