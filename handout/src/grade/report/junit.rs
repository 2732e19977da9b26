//! JUnit's XML of one submission.

use std::fmt::Write;

use crate::grade::log::Graded;

/// A text as XML can hold it.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            // XML has no place for these, not even escaped.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The file.
pub(super) fn report(graded: &Graded) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in &graded.suites {
        let failures = suite.tests.iter().filter(|record| !record.passes()).count();
        let _never_fails = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            escaped(&suite.suite),
            suite.tests.len()
        );
        for record in &suite.tests {
            let seconds = record.number("seconds").unwrap_or(0.0);
            let _never_fails = write!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{seconds}\"",
                escaped(&suite.suite),
                escaped(&record.test)
            );
            if record.passes() {
                xml.push_str("/>\n");
            } else {
                let kind = record.cause.as_deref().unwrap_or(&record.verdict);
                let message = record.text("message").or(record.detector.as_deref()).unwrap_or(kind);
                let _never_fails = writeln!(
                    xml,
                    "><failure type=\"{}\" message=\"{}\"/></testcase>",
                    escaped(kind),
                    escaped(message)
                );
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_the_xml() {
        assert_eq!(escaped("a<b>&\"c\"\n\u{1b}[31m"), "a&lt;b&gt;&amp;&quot;c&quot;&#10;\u{fffd}[31m");
    }
}
