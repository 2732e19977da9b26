//! Unified diffs: read, and applied to files in memory. A hunk must fit exactly, though it may have moved.

use anyhow::{Context, Result, bail};

use crate::tree::Tree;

/// The changes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FilePatch {
    path: String,
    hunks: Vec<Hunk>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hunk {
    /// Where it begins in the old file; the first line is 1.
    line: usize,
    old: Vec<String>,
    new: Vec<String>,
}

/// A unified diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch(Vec<FilePatch>);

/// The path of a `---` or `+++` line, without `a/` or `b/`.
fn path_of(line: &str, side: &str) -> Result<String> {
    let path = line[4..].split('\t').next().unwrap_or_default().trim_end();
    let path = path.strip_prefix(side).with_context(|| format!("`{line}`: paths begin with `{side}`"))?;
    match crate::manifest::normal(path) {
        Some(normal) if normal == path => Ok(normal),
        _ => bail!("`{line}`: not a path inside the repository"),
    }
}

impl Patch {
    /// Reads a diff. `first` is the number of its first line in the file, for error messages.
    pub(crate) fn parse(text: &str, first: usize) -> Result<Self> {
        let mut files: Vec<FilePatch> = Vec::new();
        let mut lines = (first..).zip(text.lines()).peekable();
        while let Some((number, line)) = lines.next() {
            if line.starts_with("--- ") {
                let old = path_of(line, "a/").with_context(|| format!("line {number}"))?;
                let (number, next) = lines.next().context("the diff ends after `---`")?;
                if !next.starts_with("+++ ") {
                    bail!("line {number}: `+++ b/…` is expected");
                }
                let path = path_of(next, "b/").with_context(|| format!("line {number}"))?;
                if old != path {
                    bail!("line {number}: a seeded bug renames no file");
                }
                files.push(FilePatch { path, hunks: Vec::new() });
            } else if line.starts_with("@@ ") {
                let file =
                    files.last_mut().with_context(|| format!("line {number}: a hunk before any `---`"))?;
                let [old, new] = counts(line).with_context(|| format!("line {number}: `{line}`"))?;
                let mut hunk = Hunk { line: old.0, old: Vec::new(), new: Vec::new() };
                while hunk.old.len() < old.1 || hunk.new.len() < new.1 {
                    let (number, line) = lines.next().context("the diff ends inside a hunk")?;
                    // Some editors take the space away from empty lines.
                    let (sign, rest) = if line.is_empty() {
                        (" ", "")
                    } else {
                        line.split_at_checked(1).unwrap_or(("?", ""))
                    };
                    match sign {
                        " " => {
                            hunk.old.push(rest.to_owned());
                            hunk.new.push(rest.to_owned());
                        }
                        "-" => hunk.old.push(rest.to_owned()),
                        "+" => hunk.new.push(rest.to_owned()),
                        "\\" => {}
                        _ => bail!("line {number}: `{line}` is no line of a hunk"),
                    }
                }
                if hunk.old.len() != old.1 || hunk.new.len() != new.1 {
                    bail!("line {number}: the hunk has not as many lines as `{line}` says");
                }
                file.hunks.push(hunk);
            } else if !(line.is_empty()
                || line.starts_with("diff ")
                || line.starts_with("index ")
                || line.starts_with('\\'))
            {
                bail!("line {number}: `{line}` is no line of a diff");
            }
        }
        if files.iter().all(|file| file.hunks.is_empty()) {
            bail!("there is no diff in it");
        }
        Ok(Self(files))
    }

    /// The files it changes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.path.as_str())
    }

    /// Applies it.
    ///
    /// # Errors
    ///
    /// A hunk fits nowhere, or in several places but not where it says.
    pub(crate) fn apply(&self, tree: &mut Tree) -> Result<()> {
        for file in &self.0 {
            let text = tree.text(&file.path)?;
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let mut moved = 0_isize;
            for hunk in &file.hunks {
                let wanted = hunk.line.saturating_sub(1).saturating_add_signed(moved);
                let fits =
                    |at: usize| lines.get(at..at + hunk.old.len()).is_some_and(|there| there == hunk.old);
                let at = if fits(wanted) {
                    wanted
                } else {
                    let places: Vec<usize> = (0..lines.len()).filter(|at| fits(*at)).collect();
                    match places.as_slice() {
                        [at] => *at,
                        [] => bail!(
                            "the hunk at line {} of `{}` fits nowhere; make the patch again",
                            hunk.line,
                            file.path
                        ),
                        _ => bail!(
                            "the hunk at line {} of `{}` fits in several places; give it more context",
                            hunk.line,
                            file.path
                        ),
                    }
                };
                lines.splice(at..at + hunk.old.len(), hunk.new.iter().cloned());
                moved += at as isize - wanted as isize + hunk.new.len() as isize - hunk.old.len() as isize;
            }
            let mut text = lines.join("\n");
            text.push('\n');
            tree.add_text(&file.path, text);
        }
        Ok(())
    }
}

/// `@@ -58,7 +58,7 @@`: beginning and count, old and new.
fn counts(line: &str) -> Result<[(usize, usize); 2]> {
    let mut words = line.split(' ').skip(1);
    let mut side = |sign: char| -> Result<(usize, usize)> {
        let word = words
            .next()
            .and_then(|word| word.strip_prefix(sign))
            .context("a hunk begins with `@@ -1,2 +1,2 @@`")?;
        let (begin, count) = word.split_once(',').unwrap_or((word, "1"));
        Ok((begin.parse()?, count.parse()?))
    };
    Ok([side('-')?, side('+')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -2,3 +2,4 @@ fn f() {\n b\n-c\n+C\n+CC\n d\n@@ -6 +7 @@\n-f\n+F\n";

    fn applied(text: &str) -> Result<String> {
        let mut tree = Tree::default();
        tree.add_text("x", text);
        Patch::parse(DIFF, 1)?.apply(&mut tree)?;
        Ok(tree.text("x")?.to_owned())
    }

    #[test]
    fn hunks_are_applied_where_they_fit() {
        assert_eq!(applied("a\nb\nc\nd\ne\nf\n").unwrap(), "a\nb\nC\nCC\nd\ne\nF\n");
        assert_eq!(applied("0\n1\na\nb\nc\nd\ne\nf\n").unwrap(), "0\n1\na\nb\nC\nCC\nd\ne\nF\n");
    }

    #[test]
    fn hunks_that_do_not_fit_are_errors() {
        let refusal = |text: &str| format!("{:#}", applied(text).unwrap_err());
        insta::assert_snapshot!(refusal("a\nb\nX\nd\ne\nf\n"), @"the hunk at line 2 of `x` fits nowhere; make the patch again");
        insta::assert_snapshot!(refusal("b\nc\nd\nb\nc\nd\n"), @"the hunk at line 2 of `x` fits in several places; give it more context");
    }

    #[test]
    fn the_same_as_git() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x"), "a\nb\nc\nd\ne\nf\n").unwrap();
        std::fs::write(dir.path().join("p"), DIFF).unwrap();
        let git =
            std::process::Command::new("git").args(["apply", "p"]).current_dir(dir.path()).status().unwrap();
        assert!(git.success());
        let expected = std::fs::read_to_string(dir.path().join("x")).unwrap();
        assert_eq!(applied("a\nb\nc\nd\ne\nf\n").unwrap(), expected);
    }

    #[test]
    fn what_is_no_diff_is_refused() {
        let refusal = |text: &str| format!("{:#}", Patch::parse(text, 5).unwrap_err());
        insta::assert_snapshot!(refusal(""), @"there is no diff in it");
        insta::assert_snapshot!(refusal("--- a/x\n+++ b/y\n"), @"line 6: a seeded bug renames no file");
        insta::assert_snapshot!(refusal("--- a/../x\n+++ b/../x\n"), @"line 5: `--- a/../x`: not a path inside the repository");
        insta::assert_snapshot!(refusal("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n"), @"the diff ends inside a hunk");
        insta::assert_snapshot!(refusal("# kill: a\n"), @"line 5: `# kill: a` is no line of a diff");
    }
}
