//! The page of one submission: what a teaching assistant opens when its author comes to office hours.

use std::fmt::Write;

use super::{STYLE, escaped, outcome, remarks, said, trace_links};
use crate::grade::log::{Graded, Header};

/// The page.
pub(in crate::grade::report) fn page(graded: &Graded, header: &Header) -> String {
    let name = escaped(&graded.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title>\n<style>{STYLE}</style>\n\
         <p><a href=\"../../index.html\">the class</a></p>\n<h1>{name}</h1>\n"
    );
    let points: f64 = header.suites.values().flatten().map(|worth| worth.points).sum();
    let hidden = if header.hides() {
        format!(
            " ({} of {} in tests that students have, {} of {} in hidden ones)",
            graded.earned_in(header, false),
            header.points_in(false),
            graded.earned_in(header, true),
            header.points_in(true)
        )
    } else {
        String::new()
    };
    let _never_fails = writeln!(
        page,
        "<p>{} of {points} points{hidden}, {}. <a href=\"results.json\">results.json</a></p>",
        graded.earned(),
        graded.status()
    );
    for comment in &graded.comments {
        let _never_fails = writeln!(page, "<blockquote>{}</blockquote>", escaped(comment));
    }
    let notes: Vec<&str> = graded.refused.iter().chain(&graded.notes).map(String::as_str).collect();
    if !notes.is_empty() {
        page.push_str("<ul>\n");
        for note in notes {
            let _never_fails = writeln!(page, "<li>{}</li>", escaped(note));
        }
        page.push_str("</ul>\n");
    }
    for suite in &graded.suites {
        let _never_fails = writeln!(page, "<h2>{}</h2>", escaped(&suite.suite));
        if let Some(problem) = &suite.problem {
            let _never_fails = writeln!(page, "<pre>{}</pre>", escaped(problem));
        }
        page.push_str("<table><tr><th>test<th>points<th>outcome</tr>\n");
        for record in &suite.tests {
            let (kind, word) = outcome(record);
            // What is the same for all tests stands above.
            let of_all = matches!(record.cause.as_deref(), Some("does-not-compile" | "tampered" | "refused"));
            let block = if record.passes() || of_all {
                String::new()
            } else {
                format!("<pre>{}</pre>", escaped(&said(record)))
            };
            let _never_fails = writeln!(
                page,
                "<tr><td>{}<td class=n>{}/{}<td><span class=\"{kind}\">{}</span>{}{}{block}</tr>",
                escaped(&record.test),
                record.earned,
                record.points,
                escaped(word),
                trace_links("", record),
                remarks(record),
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("</html>\n");
    page
}
