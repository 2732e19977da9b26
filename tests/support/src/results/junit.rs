//! `junit.xml`, as CI servers read it.

use std::fmt::Write as _;

use crate::record::{Header, Judgement, TestRecord};

/// The whole file.
pub(crate) fn text(header: &Header, records: &[TestRecord]) -> String {
    let failures = records.iter().filter(|record| record.verdict == Judgement::Fail).count();
    let errors = records.iter().filter(|record| record.verdict == Judgement::Inconclusive).count();
    let seconds: f64 = records.iter().map(|record| record.seconds).sum();
    let suite = format!(
        "name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.3}\"",
        escaped(&header.part),
        records.len()
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {suite}>\n  <testsuite {suite} skipped=\"0\">\n"
    );
    for record in records {
        case(&mut text, header, record);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn case(text: &mut String, header: &Header, record: &TestRecord) {
    let _infallible = writeln!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
        escaped(&header.part),
        escaped(&record.test),
        record.seconds
    );
    text.push_str("      <properties>\n");
    for (name, value) in [("points", record.points), ("earned", record.earned)] {
        let _infallible = writeln!(text, "        <property name=\"{name}\" value=\"{value}\"/>");
    }
    text.push_str("      </properties>\n");
    // What is not decided is an error of the test rather than a failure of the solution.
    let element = match record.verdict {
        Judgement::Pass => None,
        Judgement::Fail => Some("failure"),
        Judgement::Inconclusive => Some("error"),
    };
    if let Some(element) = element {
        let _infallible = writeln!(
            text,
            "      <{element} type=\"{}\" message=\"{}\">{}</{element}>",
            escaped(record.word()),
            escaped(record.message.as_deref().unwrap_or_default()),
            escaped(&record.block.join("\n"))
        );
    }
    text.push_str("    </testcase>\n");
}

/// Text for an attribute or an element; what XML has no characters for becomes `\u{fffd}`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn reads_back_as_xml() {
        let records = [sample::passed(), sample::failed(), sample::inconclusive()];
        let xml = text(&sample::header(), &records);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        let counts =
            ["tests", "failures", "errors", "skipped", "time"].map(|name| suite.attribute(name).unwrap());
        assert_eq!(counts, ["3", "1", "1", "0", "2.250"]);
        let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
        let outcome = |i: usize| {
            let children = cases[i].children().filter(|node| node.is_element());
            children.map(|node| node.tag_name().name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(outcome(0), ["properties"]);
        assert_eq!(outcome(1), ["properties", "failure"]);
        assert_eq!(outcome(2), ["properties", "error"]);
        let failure = cases[1].children().find(|node| node.has_tag_name("failure")).unwrap();
        assert_eq!(failure.attribute("type"), Some("violated"));
        let message = "violated: one vote a term: server1 got <\"a\", 'b'> & \u{fffd}[2J\u{fffd}]]> é";
        assert_eq!(failure.attribute("message"), Some(message));
        assert_eq!(failure.text(), Some(format!("{message}\nsecond, line").as_str()));
    }
}
