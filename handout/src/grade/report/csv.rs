//! One row a submission, one column a test.

use crate::grade::class::Class;

fn cell(text: &str) -> String {
    // A cell that begins like a formula is text to no spreadsheet.
    let text =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The table.
pub(super) fn report(class: &Class) -> String {
    let tests = class.tests();
    let mut head = vec!["submission".to_owned(), "points".to_owned(), "of".to_owned(), "status".to_owned()];
    head.extend(tests.iter().map(|(suite, worth)| cell(&format!("{suite} {}", worth.test))));
    let mut rows = vec![head.join(",")];
    for graded in &class.graded {
        let mut row = vec![
            cell(&graded.name),
            graded.earned().to_string(),
            class.points().to_string(),
            graded.status().to_owned(),
        ];
        row.extend(tests.iter().map(|(suite, worth)| {
            let record = graded.tests().find(|(of, record)| of == suite && record.test == worth.test);
            record.map(|(_, record)| record.earned.to_string()).unwrap_or_default()
        }));
        rows.push(row.join(","));
    }
    rows.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(
            ["a", "a,b", "say \"x\"", "=1+1"].map(cell),
            ["a", "\"a,b\"", "\"say \"\"x\"\"\"", "'=1+1"]
        );
    }
}
