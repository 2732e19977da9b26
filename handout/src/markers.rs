//! Reads the markers of one file and makes its skeleton: what students get of it.
//!
//! A marker stands alone on its line, in the comment of the file's language (`//`, `#`, `<!-- -->`):
//!
//! | marker | effect |
//! |---|---|
//! | `BEGIN SOLUTION` … `END SOLUTION` | the lines between them, and they themselves, are left out |
//! | `STUB: text` | becomes `text`, at the column of the comment |
//! | `BEGIN INSTRUCTOR ONLY` … `END INSTRUCTOR ONLY` | left out, as a solution is |
//! | `SOLUTION FILE` as first line | the file is left out; if it has `STUB:` lines, it consists of them |
//! | `INSTRUCTOR ONLY` as first line | the file is left out, whatever else is in it |
//!
//! Everything that resembles a marker and is none is an error: a misspelt marker would publish a solution.

use std::fmt;

/// How comments begin and end in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Comment {
    begin: &'static str,
    end: &'static str,
}

impl Comment {
    /// By the file's name; `None` where markers are not known.
    fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit('.').next().unwrap_or(name);
        match ending {
            "rs" => Some(Self { begin: "//", end: "" }),
            "toml" | "yml" | "yaml" | "sh" | "gitignore" | "gitattributes" => {
                Some(Self { begin: "#", end: "" })
            }
            "md" | "html" => Some(Self { begin: "<!--", end: "-->" }),
            _ => None,
        }
    }

    /// The text of a line that is nothing but a comment.
    fn text(self, line: &str) -> Option<&str> {
        line.trim().strip_prefix(self.begin)?.strip_suffix(self.end)
    }
}

/// What a marked file becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It has no markers: it is handed out as it is.
    Unmarked,
    /// It is handed out without its marked regions.
    Skeleton(Skeleton),
    /// It is not handed out. True: it is part of the solution, and students write their own.
    Gone {
        /// Whether the file is a solution (else it is the instructors').
        solution: bool,
    },
}

/// A file without its marked regions, and these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skeleton {
    /// What students get.
    pub(crate) text: String,
    /// What was left out or replaced, from top to bottom.
    pub(crate) regions: Vec<Region>,
}

/// Lines of the source that became other lines, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// Its first line in the source; the first line of a file is 1.
    pub(crate) line: usize,
    /// How many lines of the skeleton stand before it.
    pub(crate) at: usize,
    /// What stands in the skeleton for it.
    pub(crate) written: Vec<String>,
    /// What stands in the source, markers included.
    pub(crate) original: Vec<String>,
    /// Whether students must not see the original: false for a stub.
    pub(crate) secret: bool,
}

/// A marker that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkerError {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for MarkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl std::error::Error for MarkerError {}

/// The words of all markers, for error messages.
const GRAMMAR: &str = "markers are `BEGIN SOLUTION`, `END SOLUTION`, `STUB: text`, `BEGIN INSTRUCTOR ONLY`, \
                       `END INSTRUCTOR ONLY`, and as first line `SOLUTION FILE` or `INSTRUCTOR ONLY`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret {
    Solution,
    Instructor,
}

impl Secret {
    fn words(self) -> &'static str {
        match self {
            Self::Solution => "SOLUTION",
            Self::Instructor => "INSTRUCTOR ONLY",
        }
    }
}

enum Marker<'a> {
    Begin(Secret),
    End(Secret),
    Stub(&'a str),
    SolutionFile,
    InstructorFile,
}

/// Whether a text has the words of a marker, in capitals, anywhere.
pub(crate) fn mentions_marker(text: &str) -> Option<&'static str> {
    ["BEGIN SOLUTION", "END SOLUTION", "STUB:", "SOLUTION FILE", "INSTRUCTOR ONLY"]
        .into_iter()
        .find(|words| text.contains(words))
}

/// The marker on a line, if there is one; an error if the line looks like one and is none.
fn marker(line: &str, comment: Comment) -> Result<Option<Marker<'_>>, String> {
    if let Some(text) = comment.text(line) {
        let inner = text.strip_prefix(' ').unwrap_or("");
        let inner = if comment.end.is_empty() { inner } else { inner.strip_suffix(' ').unwrap_or("") };
        match inner {
            "BEGIN SOLUTION" => return Ok(Some(Marker::Begin(Secret::Solution))),
            "END SOLUTION" => return Ok(Some(Marker::End(Secret::Solution))),
            "BEGIN INSTRUCTOR ONLY" => return Ok(Some(Marker::Begin(Secret::Instructor))),
            "END INSTRUCTOR ONLY" => return Ok(Some(Marker::End(Secret::Instructor))),
            "SOLUTION FILE" => return Ok(Some(Marker::SolutionFile)),
            "INSTRUCTOR ONLY" => return Ok(Some(Marker::InstructorFile)),
            "STUB:" => return Ok(Some(Marker::Stub(""))),
            _ => {}
        }
        if let Some(stub) = inner.strip_prefix("STUB: ") {
            return Ok(Some(Marker::Stub(stub)));
        }
        let plain: String = text
            .to_uppercase()
            .split(|c: char| !c.is_alphanumeric() && c != ':')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let resembles =
            ["BEGIN SOL", "END SOL", "BEGIN INSTR", "END INSTR", "SOLUTION FILE", "INSTRUCTOR ONLY", "STUB:"]
                .iter()
                .any(|words| plain.starts_with(words));
        let shouted = ["BEGIN ", "END "].iter().any(|word| {
            text.trim_start().strip_prefix(word).is_some_and(|rest| {
                rest.split_whitespace()
                    .next()
                    .is_some_and(|next| next.len() > 2 && next == next.to_uppercase())
            })
        });
        if resembles || shouted {
            return Err(format!("`{}` is no marker; {GRAMMAR}", line.trim()));
        }
    }
    match mentions_marker(line) {
        Some(words) => {
            Err(format!("`{words}` must stand alone on its line, in a comment, after one space; {GRAMMAR}"))
        }
        None => Ok(None),
    }
}

/// Reads the markers of a file.
///
/// # Errors
///
/// A marker that is misspelt, misplaced, nested, not closed or not opened, with file and line.
pub(crate) fn apply(path: &str, text: &str) -> Result<Applied, MarkerError> {
    let fail = |line: usize, what: String| MarkerError { path: path.to_owned(), line, what };
    let Some(comment) = Comment::of(path) else {
        let found = text.lines().zip(1..).find_map(|(line, number)| Some((mentions_marker(line)?, number)));
        return match found {
            Some((words, line)) => Err(fail(
                line,
                format!(
                    "`{words}` in a file whose comments are not known; markers work in .rs, .toml, .md, .yml, .sh, .html"
                ),
            )),
            None => Ok(Applied::Unmarked),
        };
    };
    let first = text.lines().next().unwrap_or_default();
    if let Ok(Some(Marker::InstructorFile)) = marker(first, comment) {
        return Ok(Applied::Gone { solution: false });
    }
    if let Ok(Some(Marker::SolutionFile)) = marker(first, comment) {
        return solution_file(text, comment).map_err(|(line, what)| fail(line, what));
    }
    regions(text, comment).map_err(|(line, what)| fail(line, what))
}

/// The stub as it appears in the skeleton: at the column of its comment.
fn stub_line(line: &str, stub: &str) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    if stub.is_empty() { String::new() } else { format!("{indent}{stub}") }
}

fn solution_file(text: &str, comment: Comment) -> Result<Applied, (usize, String)> {
    let mut stubs = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        match marker(line, comment).map_err(|what| (number, what))? {
            None => {}
            Some(Marker::SolutionFile) if number == 1 => {}
            Some(Marker::Stub(stub)) => stubs.push(stub_line(line, stub)),
            Some(_) => {
                return Err((number, "a `SOLUTION FILE` has no markers but `STUB: text`".to_owned()));
            }
        }
    }
    if stubs.is_empty() {
        return Ok(Applied::Gone { solution: true });
    }
    let mut skeleton = stubs.join("\n");
    skeleton.push('\n');
    let region =
        Region { line: 1, at: 0, written: lines_of(&skeleton), original: lines_of(text), secret: true };
    Ok(Applied::Skeleton(Skeleton { text: skeleton, regions: vec![region] }))
}

/// Lines with their ends, so that joining them gives the text again.
fn lines_of(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn regions(text: &str, comment: Comment) -> Result<Applied, (usize, String)> {
    let mut kept: Vec<String> = Vec::new();
    let mut regions: Vec<Region> = Vec::new();
    let mut open: Option<(Secret, Region)> = None;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let found = marker(line.trim_end_matches(['\n', '\r']), comment).map_err(|what| (number, what))?;
        let at = kept.len();
        match (found, &mut open) {
            (Some(Marker::Begin(secret)), None) => {
                let original = vec![line.to_owned()];
                open =
                    Some((secret, Region { line: number, at, written: Vec::new(), original, secret: true }));
            }
            (Some(Marker::End(secret)), Some((begun, region))) if *begun == secret => {
                region.original.push(line.to_owned());
                regions.extend(open.take().map(|(_, region)| region));
            }
            (Some(Marker::Stub(stub)), None) => {
                let end = if line.ends_with('\n') { "\n" } else { "" };
                let written = format!("{}{end}", stub_line(line.trim_end_matches('\n'), stub));
                regions.push(Region {
                    line: number,
                    at,
                    written: vec![written.clone()],
                    original: vec![line.to_owned()],
                    secret: false,
                });
                kept.push(written);
            }
            (Some(Marker::SolutionFile | Marker::InstructorFile), _) => {
                return Err((number, "this marker must be the first line of the file; for a part of a file write `BEGIN …` and `END …`".to_owned()));
            }
            (Some(Marker::End(secret)), Some((begun, region))) => {
                return Err((
                    number,
                    format!(
                        "`END {}` closes the `BEGIN {}` of line {}",
                        secret.words(),
                        begun.words(),
                        region.line
                    ),
                ));
            }
            (Some(Marker::End(secret)), None) => {
                return Err((number, format!("`END {0}` without a `BEGIN {0}` above it", secret.words())));
            }
            (Some(Marker::Begin(_)), Some((begun, region))) => {
                return Err((
                    number,
                    format!(
                        "the `BEGIN {}` of line {} is still open; regions do not nest",
                        begun.words(),
                        region.line
                    ),
                ));
            }
            (Some(Marker::Stub(_)), Some((begun, region))) => {
                return Err((
                    number,
                    format!(
                        "a `STUB:` inside the `BEGIN {}` of line {} would vanish with it; put it after the end",
                        begun.words(),
                        region.line
                    ),
                ));
            }
            (None, Some((_, region))) => region.original.push(line.to_owned()),
            (None, None) => kept.push(line.to_owned()),
        }
    }
    if let Some((secret, region)) = open {
        return Err((region.line, format!("`BEGIN {0}` has no `END {0}`", secret.words())));
    }
    if regions.is_empty() {
        return Ok(Applied::Unmarked);
    }
    Ok(Applied::Skeleton(Skeleton { text: kept.concat(), regions }))
}

impl Skeleton {
    /// Whether students shall change this file: it has a solution or a stub that is theirs to replace.
    pub(crate) fn is_students(&self) -> bool {
        let solution = |region: &Region| region.original.iter().any(|line| line.contains("BEGIN SOLUTION"));
        self.regions.iter().any(|region| !region.secret || !region.written.is_empty() || solution(region))
    }

    /// Puts the regions back into a text that should be the skeleton.
    ///
    /// # Errors
    ///
    /// The text is not the skeleton at this line.
    pub(crate) fn restore(&self, text: &str) -> Result<String, String> {
        let mut lines = lines_of(text).into_iter();
        let mut taken = 0;
        let mut out = String::new();
        for region in &self.regions {
            while taken < region.at {
                let line = lines.next().ok_or("the skeleton is too short")?;
                out.push_str(&line);
                taken += 1;
            }
            for written in &region.written {
                if lines.next().as_ref() != Some(written) {
                    return Err(format!("line {} is not `{}`", taken + 1, written.trim_end()));
                }
                taken += 1;
            }
            out.extend(region.original.iter().map(String::as_str));
        }
        out.extend(lines);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton(path: &str, text: &str) -> String {
        match apply(path, text).unwrap() {
            Applied::Skeleton(skeleton) => {
                assert_eq!(
                    skeleton.restore(&skeleton.text).unwrap(),
                    text,
                    "what is put back is what was there"
                );
                skeleton.text
            }
            other => panic!("{other:?}"),
        }
    }

    fn error(text: &str) -> String {
        apply("labs/x/src/a.rs", text).unwrap_err().to_string()
    }

    #[test]
    fn a_solution_becomes_its_stub() {
        let text = "fn f() {\n    // BEGIN SOLUTION\n    g();\n    // END SOLUTION\n    // STUB: todo!(\"part 1\")\n}\n";
        assert_eq!(skeleton("a.rs", text), "fn f() {\n    todo!(\"part 1\")\n}\n");
    }

    #[test]
    fn a_stub_keeps_the_column_of_its_comment_and_its_own_indentation() {
        assert_eq!(skeleton("a.rs", "  // STUB:   x\n// STUB: y\n    // STUB:\n"), "    x\ny\n\n");
        assert_eq!(
            skeleton("a.rs", "//! A.\n// STUB: #![allow(unused)] // Remove this line.\nuse a::B;"),
            "//! A.\n#![allow(unused)] // Remove this line.\nuse a::B;"
        );
    }

    #[test]
    fn a_region_without_a_stub_vanishes_also_at_the_ends_of_a_file() {
        assert_eq!(skeleton("a.rs", "// BEGIN SOLUTION\na\n// END SOLUTION\n"), "");
        assert_eq!(skeleton("a.rs", "a\n// BEGIN SOLUTION\nb\n// END SOLUTION"), "a\n");
        assert_eq!(skeleton("a.rs", "a\n// BEGIN INSTRUCTOR ONLY\nb\n// END INSTRUCTOR ONLY\nc"), "a\nc");
        // Two in a row, one of them empty.
        assert_eq!(
            skeleton(
                "a.rs",
                "// BEGIN SOLUTION\n// END SOLUTION\n// BEGIN SOLUTION\nb\n// END SOLUTION\nc\n"
            ),
            "c\n"
        );
    }

    #[test]
    fn other_languages_have_other_comments() {
        assert_eq!(skeleton("Cargo.toml", "a\n# BEGIN INSTRUCTOR ONLY\nb\n# END INSTRUCTOR ONLY\n"), "a\n");
        assert_eq!(
            skeleton(
                "x/README.md",
                "# Title\n<!-- BEGIN SOLUTION -->\nb\n<!-- END SOLUTION -->\n<!-- STUB: c -->\n"
            ),
            "# Title\nc\n"
        );
        assert_eq!(skeleton(".gitignore", "# STUB: /submission\n"), "/submission\n");
        assert_eq!(apply("picture.png", "no text"), Ok(Applied::Unmarked));
        assert!(apply("notes.txt", "a\nSTUB: b").unwrap_err().to_string().starts_with("notes.txt:2: "));
    }

    #[test]
    fn whole_files() {
        let gone = |text: &str| apply("a.rs", text).unwrap();
        assert_eq!(gone("// SOLUTION FILE\nfn f() {}\n"), Applied::Gone { solution: true });
        assert_eq!(
            gone("// INSTRUCTOR ONLY\n// BEGIN nothing is read here\n"),
            Applied::Gone { solution: false }
        );
        assert_eq!(
            skeleton(
                "a.rs",
                "// SOLUTION FILE\n// STUB: //! The log.\n// STUB:\n// STUB: pub struct Log;\nfn f() {}\n"
            ),
            "//! The log.\n\npub struct Log;\n"
        );
        assert_eq!(apply("a.rs", "fn f() {}\n"), Ok(Applied::Unmarked));
    }

    #[test]
    fn whose_file_it_is() {
        let students = |text: &str| match apply("a.rs", text).unwrap() {
            Applied::Skeleton(skeleton) => skeleton.is_students(),
            other => panic!("{other:?}"),
        };
        assert!(students("// BEGIN SOLUTION\n// END SOLUTION\n"));
        assert!(students("// STUB: a\n"));
        assert!(students("// SOLUTION FILE\n// STUB: a\n"));
        assert!(!students("// BEGIN INSTRUCTOR ONLY\n// END INSTRUCTOR ONLY\n"));
    }

    #[test]
    fn errors_name_file_and_line_and_say_what_is_wrong() {
        let all = [
            "a\n// END SOLUTION\n",
            "a\n// BEGIN SOLUTION\nb\n",
            "// BEGIN SOLUTION\n// BEGIN SOLUTION\n",
            "// BEGIN SOLUTION\n// END INSTRUCTOR ONLY\n",
            "// BEGIN SOLUTION\n// STUB: a\n// END SOLUTION\n",
            "a\n// SOLUTION FILE\n",
            "// SOLUTION FILE\n// BEGIN SOLUTION\n",
        ]
        .map(error)
        .join("\n");
        insta::assert_snapshot!(all, @"
        labs/x/src/a.rs:2: `END SOLUTION` without a `BEGIN SOLUTION` above it
        labs/x/src/a.rs:2: `BEGIN SOLUTION` has no `END SOLUTION`
        labs/x/src/a.rs:2: the `BEGIN SOLUTION` of line 1 is still open; regions do not nest
        labs/x/src/a.rs:2: `END INSTRUCTOR ONLY` closes the `BEGIN SOLUTION` of line 1
        labs/x/src/a.rs:2: a `STUB:` inside the `BEGIN SOLUTION` of line 1 would vanish with it; put it after the end
        labs/x/src/a.rs:2: this marker must be the first line of the file; for a part of a file write `BEGIN …` and `END …`
        labs/x/src/a.rs:2: a `SOLUTION FILE` has no markers but `STUB: text`
        ");
    }

    #[test]
    fn what_looks_like_a_marker_is_one_or_an_error() {
        for line in [
            "// BEGIN SOLUTIONS",
            "// BEGIN SOLUTON",
            "// begin solution",
            "//BEGIN SOLUTION",
            "//  BEGIN SOLUTION",
            "/// BEGIN SOLUTION",
            "// BEGIN-SOLUTION",
            "// Begin Solution:",
            "f(); // BEGIN SOLUTION",
            "/* END SOLUTION */",
            "// stub: todo!()",
            "// STUB:todo!()",
            "// END SOLUTION.",
            "# BEGIN SOLUTION",
            "// INSTRUCTORS ONLY: BEGIN INSTRUCTOR ONLY",
            "// END INSTRUCTOR",
        ] {
            assert!(apply("a.rs", line).is_err(), "{line}");
        }
        for line in
            ["// The solution begins here.", "// A stub of a server.", "// END of the story", "let stub: u8;"]
        {
            assert_eq!(apply("a.rs", line), Ok(Applied::Unmarked), "{line}");
        }
    }

    #[test]
    fn what_is_put_back_must_fit() {
        let Ok(Applied::Skeleton(skeleton)) = apply("a.rs", "a\n// STUB: b\nc\n") else { panic!() };
        assert_eq!(skeleton.restore("a\nx\nc\n"), Err("line 2 is not `b`".to_owned()));
    }
}
