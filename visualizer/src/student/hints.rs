//! Hints for one failing test, each longer than the one before. All of them stand in the pages of the labs already: this finds
//! what fits.

use std::fs;
use std::path::Path;

use crate::shell;
use crate::student::grades::{Grades, Record};

/// What is known of a failing test.
pub(super) struct Failing<'a> {
    pub(super) root: &'a Path,
    pub(super) suite: &'a str,
    pub(super) grades: &'a Grades,
    pub(super) record: &'a Record,
    /// Its trace, as a command in the workspace names it.
    pub(super) trace: Option<String>,
}

/// A part of a page that says what to do about a symptom: `<details>` with its summary.
#[derive(Debug, PartialEq, Eq)]
struct Symptom<'a> {
    summary: &'a str,
    /// Tests and causes that it is about, besides predicates that the summary names.
    about: Vec<&'a str>,
    body: Vec<&'a str>,
}

impl Failing<'_> {
    /// The hints, the first one first: what the test asks for and where to read; what its page says of such a failure; how to
    /// step through it. What there is nothing for is left out.
    pub(super) fn hints(&self) -> Vec<Vec<String>> {
        let layers = [self.what_it_asks_for(), self.symptoms(), self.the_command()];
        let layers: Vec<Vec<String>> = layers.into_iter().filter(|lines| !lines.is_empty()).collect();
        let count = layers.len();
        let title = |at: usize| match count - at {
            1 => format!("Hint {count} of {count}, the last one:"),
            _ => format!("Hint {} of {count} (`h` again for the next):", at + 1),
        };
        let indented = |line: String| if line.is_empty() { line } else { format!("  {line}") };
        let with_title = |(at, lines): (usize, Vec<String>)| {
            std::iter::once(title(at)).chain(lines.into_iter().map(indented)).collect()
        };
        layers.into_iter().enumerate().map(with_title).collect()
    }

    /// The page of the part, else that of the lab.
    fn page(&self) -> Option<(String, String)> {
        let lab = &self.grades.lab;
        let pages = [format!("labs/{lab}/docs/{}.md", self.suite), format!("labs/{lab}/README.md")];
        pages.into_iter().find_map(|page| {
            let text = fs::read_to_string(self.root.join(&page)).ok()?;
            Some((page, text))
        })
    }

    fn message(&self) -> &str {
        self.record.message.as_deref().unwrap_or_default()
    }

    fn what_it_asks_for(&self) -> Vec<String> {
        let record = self.record;
        let mut lines = vec![format!("{} claims: {}.", record.test, record.claim.trim_end_matches('.'))];
        lines.extend(record.stage.as_ref().map(|stage| format!("It fails in its stage: {stage}.")));
        let Some((page, text)) = self.page() else {
            lines.extend(self.grades.hint.as_ref().map(|hint| format!("Read {hint}.")));
            return lines;
        };
        // A stub says itself where to read; else the heading that the test stands under is one of the page.
        let stub = self.message().split_once("not yet implemented: ").map(|(_, stub)| stub);
        let heading = record.section.as_deref().filter(|section| has_heading(&text, section));
        if let Some(stub) = stub {
            lines.push(format!("Something is not written yet. {stub}; the page is {page}."));
        } else if let Some(heading) = heading {
            lines.push(format!("Read \"{heading}\" in {page}."));
        } else {
            let asks =
                if has_heading(&text, "What the tests ask") { "\"What the tests ask\" in " } else { "" };
            lines.push(format!("Read {asks}{page}."));
            lines.extend(what_to_read(&text).map(|words| format!("Of the paper: {words}")));
        }
        lines
    }

    fn symptoms(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((page, text)) = self.page() {
            let all = symptoms(&text);
            let by_name = |symptom: &&Symptom<'_>| self.says(codes(symptom.summary, "<code>", "</code>"));
            let short = self.record.test.split('_').next().unwrap_or_default();
            let by_test = |symptom: &&Symptom<'_>| {
                symptom.about.iter().any(|word| *word == short || self.ends_with_cause(word))
            };
            let mut fitting: Vec<&Symptom<'_>> = all.iter().filter(by_name).collect();
            if fitting.is_empty() {
                fitting = all.iter().filter(by_test).collect();
            }
            for symptom in fitting {
                lines.push(format!("{page} says, under \"{}\":", plain(symptom.summary)));
                lines.extend(symptom.body.iter().map(|line| plain(line)));
            }
        }
        // The tables of symptoms: of the lab, and of all labs.
        for page in [format!("labs/{}/README.md", self.grades.lab), "README.md".to_owned()] {
            let Ok(text) = fs::read_to_string(self.root.join(&page)) else { continue };
            for (sign, advice) in text.lines().filter_map(row) {
                let names = codes(sign, "`", "`").chain(codes(sign, "*", "*"));
                if self.says(names) {
                    lines.push(format!("{page} says, of {sign}: look at {advice}."));
                }
            }
        }
        lines
    }

    /// Whether the failure is about one of these: a predicate, or a word for how a test ended.
    fn says<'b>(&self, mut names: impl Iterator<Item = &'b str>) -> bool {
        names.any(|name| {
            // In a table names may be shortened.
            let name = name.trim_end_matches('…').trim();
            let about = self.record.detector.as_deref().is_some_and(|detector| detector.starts_with(name));
            !name.is_empty()
                && (about
                    || self.message().contains(&format!("violated: {name}"))
                    || self.ends_with_cause(name))
        })
    }

    fn ends_with_cause(&self, word: &str) -> bool {
        self.record.cause.as_deref() == Some(&word.replace(' ', "-")) || self.record.verdict == word
    }

    fn the_command(&self) -> Vec<String> {
        let Some(trace) = &self.trace else {
            return vec!["It left no trace: what it says is all there is.".to_owned()];
        };
        let trace = shell::quoted(trace);
        vec![
            format!("cargo lab show {trace}"),
            "begins at the event where it shows; `4` says why, and the arrows go back from there. Ask of each field that the".to_owned(),
            "last handler read which event made it so. The same in words:".to_owned(),
            format!("cargo lab show {trace} --plain -c why"),
        ]
    }
}

/// Whether a page has this heading, of any level.
fn has_heading(page: &str, title: &str) -> bool {
    page.lines().any(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == title)
}

/// What the page says is to be read: the list item that begins so.
fn what_to_read(page: &str) -> Option<String> {
    let mut lines = page.lines().skip_while(|line| !line.starts_with("- **Read**: "));
    let first = lines.next()?.strip_prefix("- **Read**: ")?;
    let more = lines.take_while(|line| line.starts_with("  "));
    let words: Vec<&str> = std::iter::once(first).chain(more.map(str::trim)).collect();
    Some(words.join(" "))
}

/// All symptoms of a page. What is folded away within one is left there.
fn symptoms(page: &str) -> Vec<Symptom<'_>> {
    let mut found: Vec<Symptom<'_>> = Vec::new();
    let mut depth = 0_usize;
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("<details><summary>") {
            depth += 1;
            let Some((summary, rest)) = rest.split_once("</summary>").filter(|_| depth == 1) else {
                continue;
            };
            let about = rest.strip_prefix("<!-- tests: ").and_then(|rest| rest.strip_suffix(" -->"));
            let about = about.into_iter().flat_map(|about| about.split(", ")).collect();
            found.push(Symptom { summary, about, body: Vec::new() });
        } else if line == "</details>" {
            depth = depth.saturating_sub(1);
        } else if let Some(symptom) = found.last_mut().filter(|_| depth == 1 && !line.is_empty()) {
            symptom.body.push(line);
        }
    }
    found
}

/// The two cells of a row of a table.
fn row(line: &str) -> Option<(&str, &str)> {
    let (sign, advice) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
    (!advice.contains(" | ")).then_some((sign, advice))
}

/// The words between two marks.
fn codes<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .step_by(if open == close { 2 } else { 1 })
        .filter_map(move |rest| rest.split(close).next())
}

/// A line of a page as a terminal shows it.
fn plain(line: &str) -> String {
    line.replace("<code>", "`").replace("</code>", "`").replace("<sub>", "_").replace("</sub>", "")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const PAGE: &str = "# Part 2\n\n- **Read**: sections 5.1\n  and 5.2.\n- **Write**: it.\n\n## What the tests ask\n\n## Hints\n\n\
        <details><summary><code>one vote a term</code>, late</summary>\n\n*Rule*: receiver 2.\n\n\
        <details><summary>More</summary>\n\nDeeper.\n\n</details>\n</details>\n\n\
        <details><summary>No leader</summary><!-- tests: t08, inconclusive -->\n\nFigure 2.\n\n</details>\n";

    fn workspace() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("labs/raft/docs")).unwrap();
        fs::write(root.join("labs/raft/docs/part2.md"), PAGE).unwrap();
        let table = "| message begins with | look at |\n|---|---|\n| `election safety`, `one vote a term` | how votes are given |\n";
        fs::write(root.join("labs/raft/README.md"), table).unwrap();
        fs::write(root.join("README.md"), "| *nondeterministic* | a `HashMap` |\n").unwrap();
        dir
    }

    fn hints(record: &Record, trace: Option<&str>) -> String {
        let dir = workspace();
        let grades = Grades { lab: "raft".to_owned(), ..Grades::default() };
        let trace = trace.map(str::to_owned);
        let failing = Failing { root: dir.path(), suite: "part2", grades: &grades, record, trace };
        failing.hints().iter().flatten().map(|line| line.to_owned() + "\n").collect()
    }

    fn record(test: &str, cause: &str, detector: Option<&str>) -> Record {
        Record {
            test: test.to_owned(),
            claim: "Nobody votes twice".to_owned(),
            verdict: "fail".to_owned(),
            cause: Some(cause.to_owned()),
            detector: detector.map(str::to_owned),
            ..Record::default()
        }
    }

    #[test]
    fn a_predicate_leads_to_what_the_pages_say_of_it() {
        let mut record = record("t10_search_election_safety", "violated", Some("one vote a term"));
        record.stage = Some("elections".to_owned());
        insta::assert_snapshot!(hints(&record, Some("target/traces/a b.json")), @r#"
        Hint 1 of 3 (`h` again for the next):
          t10_search_election_safety claims: Nobody votes twice.
          It fails in its stage: elections.
          Read "What the tests ask" in labs/raft/docs/part2.md.
          Of the paper: sections 5.1 and 5.2.
        Hint 2 of 3 (`h` again for the next):
          labs/raft/docs/part2.md says, under "`one vote a term`, late":
          *Rule*: receiver 2.
          labs/raft/README.md says, of `election safety`, `one vote a term`: look at how votes are given.
        Hint 3 of 3, the last one:
          cargo lab show 'target/traces/a b.json'
          begins at the event where it shows; `4` says why, and the arrows go back from there. Ask of each field that the
          last handler read which event made it so. The same in words:
          cargo lab show 'target/traces/a b.json' --plain -c why
        "#);
    }

    #[test]
    fn a_test_leads_to_what_the_page_says_of_it() {
        insta::assert_snapshot!(hints(&record("t08_search_leader", "goal-not-found", None), None), @r#"
        Hint 1 of 3 (`h` again for the next):
          t08_search_leader claims: Nobody votes twice.
          Read "What the tests ask" in labs/raft/docs/part2.md.
          Of the paper: sections 5.1 and 5.2.
        Hint 2 of 3 (`h` again for the next):
          labs/raft/docs/part2.md says, under "No leader":
          Figure 2.
        Hint 3 of 3, the last one:
          It left no trace: what it says is all there is.
        "#);
    }

    #[test]
    fn how_it_ended_leads_to_the_table_of_all_labs() {
        let said = hints(&record("t02_run_x", "nondeterministic", None), None);
        assert!(said.contains("README.md says, of *nondeterministic*: look at a `HashMap`."), "{said}");
        assert!(!said.contains("No leader"), "{said}");
        let mut stub = record("t02_run_x", "panicked", None);
        stub.message = Some("not yet implemented: part 2: vote (docs/part2.md)".to_owned());
        let said = hints(&stub, None);
        assert!(said.contains("Something is not written yet. part 2: vote (docs/part2.md)"), "{said}");
    }

    /// In a handout some pages are left out.
    #[test]
    fn symptoms_name_tests_that_their_page_lists() {
        let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/raft/docs");
        for part in 1..=8 {
            let Ok(page) = fs::read_to_string(labs.join(format!("part{part}.md"))) else { continue };
            let all = symptoms(&page);
            assert!(all.iter().all(|symptom| !symptom.body.is_empty()), "{all:?}");
            for symptom in &all {
                let named = symptom.summary.contains("<code>");
                assert!(named || !symptom.about.is_empty(), "part {part}: nothing leads to {symptom:?}");
                for word in symptom.about.iter().filter(|word| **word != "inconclusive") {
                    assert!(page.contains(&format!("| `{word}_")), "part {part}: {word} in {symptom:?}");
                }
            }
        }
    }
}
