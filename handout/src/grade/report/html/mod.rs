//! The page of a class: points, failures in groups, tests, submissions. One file, without scripts.

mod submission;

use std::fmt::Write;

use crate::console::count;
use crate::grade::class::{Alike, Class};
use crate::grade::cluster::{self, Cluster};
use crate::grade::log::Graded;
use crate::grade::one::NO_PROGRAM;
use crate::results::Record;

pub(super) use submission::page as submission;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}blockquote{white-space:pre-wrap;border-left:3px solid #4a78b0;margin:.4rem 0;padding:0 .8rem}table{border-collapse:collapse}\
td,th{padding:.15rem .6rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}td.n{text-align:right}\
pre{background:#f6f6f6;padding:.6rem;overflow-x:auto;font-size:13px}details{margin:.4rem 0}summary{cursor:pointer}\
.pass,.fail,.other{padding:0 .2rem;color:#222}.pass{background:#dff0d8}.fail{background:#f6d5d5}.other{background:#fdf2cc}rect{fill:#4a78b0}text{font-size:11px;fill:#444}";

/// A text as HTML can hold it. Control characters could hide what a submission wrote.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A part of an address: names of submissions may have spaces.
fn address(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@+".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The page.
pub(super) fn page(class: &Class) -> String {
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Grades</title>\n");
    let _never_fails =
        writeln!(page, "<style>{STYLE}</style>\n<h1>{}</h1>", count(class.graded.len(), "submission"));
    let header = &class.header;
    let _never_fails = writeln!(
        page,
        "<p>Graded with handout {} ({}), {} points{}{}.</p>",
        escaped(&header.version),
        escaped(header.hash.get(..12).unwrap_or(&header.hash)),
        class.points(),
        if header.hides() {
            format!(
                ", {} in tests that students have and {} in hidden ones",
                header.points_in(false),
                header.points_in(true)
            )
        } else {
            String::new()
        },
        if header.only.is_empty() {
            String::new()
        } else {
            format!(", only tests with {}", escaped(&header.only.join(", ")))
        },
    );
    if let Some(regraded) = &header.regraded {
        let _never_fails = writeln!(
            page,
            "<p>Graded again: {}. All other results are those of handout {} ({}).</p>",
            escaped(&regraded.tests.join(", ")),
            escaped(&regraded.version),
            escaped(regraded.hash.get(..12).unwrap_or(&regraded.hash)),
        );
    }
    distribution(&mut page, class);
    groups(&mut page, class);
    tests(&mut page, class);
    changes(&mut page, class);
    equal(&mut page, class);
    alike(&mut page, class);
    submissions(&mut page, class);
    page.push_str("</html>\n");
    page
}

/// How many submissions have how many points, in ten bars.
fn distribution(page: &mut String, class: &Class) {
    let all = class.points().max(f64::MIN_POSITIVE);
    let mut bars = [0_usize; 10];
    for graded in &class.graded {
        let tenth = (graded.earned() / all * 10.0) as usize;
        bars[tenth.min(9)] += 1;
    }
    let most = bars.iter().copied().max().unwrap_or(0).max(1);
    page.push_str("<h2>Points</h2>\n<svg width=\"530\" height=\"150\" role=\"img\" aria-label=\"submissions by points\">\n");
    for (at, number) in bars.iter().enumerate() {
        let height = number * 100 / most;
        let (x, y) = (at * 52, 115 - height);
        let _never_fails = writeln!(page, "<rect x=\"{x}\" y=\"{y}\" width=\"46\" height=\"{height}\"/>");
        let _never_fails = writeln!(page, "<text x=\"{}\" y=\"{}\">{number}</text>", x + 18, y - 4);
        let _never_fails =
            writeln!(page, "<text x=\"{}\" y=\"130\">{}–{}%</text>", x + 4, at * 10, at * 10 + 10);
    }
    page.push_str("</svg>\n");
}

fn groups(page: &mut String, class: &Class) {
    page.push_str("<h2>Failures, the same ones together</h2>\n");
    let clusters = cluster::clusters(class);
    if clusters.is_empty() {
        page.push_str("<p>None.</p>\n");
    }
    for cluster in &clusters {
        let Cluster { tests, cause, detector, members, exemplar: (graded, record), .. } = cluster;
        let sharing = if members.len() == 1 {
            "1 submission".to_owned()
        } else {
            format!("{} submissions share this one", members.len())
        };
        let several = if tests.len() == 1 {
            String::new()
        } else {
            let names: Vec<String> = tests.iter().map(|test| escaped(test)).collect();
            format!("<p>In {}</p>\n", names.join(", "))
        };
        let detector = detector.map(|name| format!(", {}", escaped(name))).unwrap_or_default();
        let _never_fails = writeln!(
            page,
            "<details><summary>{sharing}: {}, {}{detector}</summary>\n<p>{}</p>\n{several}<p>Shortest: {}{}</p>\n{}<pre>{}</pre>\n\
             <p>To comment on it: <code>cluster = \"{}\"</code> in <code>marks.toml</code></p></details>",
            escaped(&cluster.tests_in_words()),
            escaped(cause),
            members.iter().map(|name| submission_link(name)).collect::<Vec<_>>().join(", "),
            submission_link(&graded.name),
            trace_links(&folder(graded), record),
            remarks(record),
            escaped(&said(record)),
            cluster.id,
        );
    }
}

/// What instructors decided about a record.
fn remarks(record: &Record) -> String {
    let mut text = String::new();
    if let Some(why) = record.text("waived") {
        let before = record.number("earned_in_run").unwrap_or_default();
        let _never_fails = writeln!(text, "<p>Waived, the run earned {before}: {}</p>", escaped(why));
    }
    if let Some(comment) = record.text("comment") {
        let _never_fails = writeln!(text, "<blockquote>{}</blockquote>", escaped(comment));
    }
    text
}

/// The folder of a submission, seen from the page of the class.
fn folder(graded: &Graded) -> String {
    format!("submissions/{}/", address(&graded.name))
}

/// The name of a submission, with a link to its page.
fn submission_link(name: &str) -> String {
    format!("<a href=\"submissions/{}/index.html\">{}</a>", address(name), escaped(name))
}

/// Links to the page of a failure's trace, and to the trace itself for `cargo lab show`. `folder` is that of the submission.
fn trace_links(folder: &str, record: &Record) -> String {
    let link = |word: &str, path: &str| format!("<a href=\"{folder}{}\">{word}</a>", address(path));
    let links: Vec<String> = [("page", "step through it"), ("trace", "trace")]
        .into_iter()
        .filter_map(|(name, word)| Some(link(word, record.text(name)?)))
        .collect();
    if links.is_empty() { String::new() } else { format!(" ({})", links.join(", ")) }
}

/// What the harness told the student.
fn said(record: &Record) -> String {
    match record.rest.get("block").and_then(serde_json::Value::as_array) {
        Some(lines) => {
            // Times differ from run to run, and the page should not.
            let lines =
                lines.iter().filter_map(serde_json::Value::as_str).filter(|line| !line.contains("states/s"));
            lines.collect::<Vec<_>>().join("\n")
        }
        None => record.text("message").or(record.detector.as_deref()).unwrap_or_default().to_owned(),
    }
}

fn tests(page: &mut String, class: &Class) {
    page.push_str(
        "<h2>Tests</h2>\n<table><tr><th>suite<th>test<th>points<th>passed<th>failed<th>inconclusive<th>did not run</tr>\n",
    );
    for (suite, worth) in class.tests() {
        let records = || {
            let all = class.graded.iter().flat_map(Graded::tests);
            all.filter(|(of, record)| *of == suite && record.test == worth.test).map(|(_, record)| record)
        };
        let number =
            |verdict: &str| records().filter(|record| ran(record) && record.verdict == verdict).count();
        let _never_fails = writeln!(
            page,
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}</tr>",
            escaped(suite),
            escaped(&worth.test),
            worth.points,
            number("pass"),
            number("fail"),
            number("inconclusive"),
            records().filter(|record| !ran(record)).count(),
        );
    }
    page.push_str("</table>\n");
}

/// Whether the test had its say. Else its record tells of the submission, and nothing of what the test finds.
fn ran(record: &Record) -> bool {
    !matches!(record.cause.as_deref(), Some("refused" | NO_PROGRAM | "tampered"))
}

fn changes(page: &mut String, class: &Class) {
    let Some(since) = &class.since else { return };
    let _never_fails = writeln!(page, "<h2>Changes since version {}</h2>", escaped(&since.header.version));
    let others = class.header.other_conditions(&since.header);
    if !others.is_empty() {
        let _never_fails =
            writeln!(page, "<p>It was graded in another way: {}.</p>", escaped(&others.join("; ")));
    }
    page.push_str("<table><tr><th>submission<th>test<th>before<th>after</tr>\n");
    for change in class.changes() {
        let _never_fails = writeln!(
            page,
            "<tr><td>{}<td>{} {}<td class=n>{}<td class=n>{}</tr>",
            escaped(change.name),
            escaped(change.suite),
            escaped(change.test),
            change.before,
            change.after
        );
    }
    page.push_str("</table>\n");
}

fn equal(page: &mut String, class: &Class) {
    let equal = class.equal();
    if !equal.is_empty() {
        page.push_str("<h2>Submissions with the same bytes</h2>\n<ul>\n");
        for names in equal {
            let _never_fails = writeln!(page, "<li>{}</li>", escaped(&names.join(", ")));
        }
        page.push_str("</ul>\n");
    }
}

/// Less than a proof: two who solved it in the same way may be among them.
fn alike(page: &mut String, class: &Class) {
    let alike = class.alike();
    if !alike.is_empty() {
        page.push_str(
            "<h2>Submissions that behave alike</h2>\n<p>Their files differ, but their searches visited exactly as many states, \
             to the same depths, in every stage. Renaming and moving code changes nothing in that; other messages, fields \
             or timers do. It is a reason to compare the files, and no proof.</p>\n<ul>\n",
        );
        for Alike { names, stages, states } in alike {
            let _never_fails = writeln!(
                page,
                "<li>{}: {}, {} in all</li>",
                escaped(&names.join(", ")),
                count(stages, "stage"),
                count(usize::try_from(states).unwrap_or(usize::MAX), "state")
            );
        }
        page.push_str("</ul>\n");
    }
}

/// How a test ended: the class of its style, and a word.
fn outcome(record: &Record) -> (&'static str, &str) {
    match record.verdict.as_str() {
        "pass" => ("pass", "pass"),
        _ if record.text("waived").is_some() => ("other", record.cause.as_deref().unwrap_or("waived")),
        "fail" => ("fail", record.cause.as_deref().unwrap_or("fail")),
        _ => ("other", record.cause.as_deref().unwrap_or("inconclusive")),
    }
}

fn submissions(page: &mut String, class: &Class) {
    page.push_str(
        "<h2>Submissions</h2>\n<table><tr><th>submission<th>points<th>status<th>tests<th>notes</tr>\n",
    );
    for graded in &class.graded {
        let mut cells = String::new();
        for (suite, record) in graded.tests() {
            let (kind, word) = outcome(record);
            let short = record.test.split('_').next().unwrap_or(&record.test);
            let link = record.text("page").or(record.text("trace"));
            let (open, close) = match link {
                Some(path) => (format!("<a href=\"{}{}\"", folder(graded), address(path)), "a"),
                None => ("<span".to_owned(), "span"),
            };
            let _never_fails = write!(
                cells,
                "{open} class=\"{kind}\" title=\"{} {}: {}\">{}</{close}> ",
                escaped(suite),
                escaped(&record.test),
                if record.text("waived").is_some() {
                    format!("{}, waived", escaped(word))
                } else {
                    escaped(word)
                },
                escaped(short),
            );
        }
        let points = if class.header.hides() {
            let of = |hidden| graded.earned_in(&class.header, hidden);
            format!("{} ({} + {} hidden)", graded.earned(), of(false), of(true))
        } else {
            graded.earned().to_string()
        };
        let notes: Vec<&str> = graded.refused.iter().chain(&graded.notes).map(String::as_str).collect();
        let _never_fails = writeln!(
            page,
            "<tr><td>{}<td class=n>{}<td>{}<td>{cells}<td>{}</tr>",
            submission_link(&graded.name),
            points,
            graded.status(),
            escaped(&notes.join("; ")),
        );
    }
    page.push_str("</table>\n");
}

#[cfg(test)]
mod tests_of_escaping {
    use super::*;

    #[test]
    fn what_a_submission_writes_is_text() {
        assert_eq!(escaped("<script>'\"&\u{1b}"), "&lt;script&gt;&#39;&quot;&amp;\u{fffd}");
        assert_eq!(address("a b/\"x\".json"), "a%20b/%22x%22.json");
    }
}
