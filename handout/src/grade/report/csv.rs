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
    let hides = class.header.hides();
    let mut head = vec!["submission".to_owned(), "points".to_owned(), "of".to_owned(), "status".to_owned()];
    if hides {
        head.extend(["visible", "of visible", "hidden", "of hidden"].map(str::to_owned));
    }
    head.extend(tests.iter().map(|(suite, worth)| cell(&format!("{suite} {}", worth.test))));
    let mut rows = vec![head.join(",")];
    for graded in &class.graded {
        let mut row = vec![
            cell(&graded.name),
            graded.earned().to_string(),
            class.points().to_string(),
            graded.status().to_owned(),
        ];
        if hides {
            for hidden in [false, true] {
                row.push(graded.earned_in(&class.header, hidden).to_string());
                row.push(class.header.points_in(hidden).to_string());
            }
        }
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
    use crate::grade::class::tests::class;

    #[test]
    fn hidden_tests_have_a_sum_of_their_own() {
        let mut class = class(&[("ada", &[("t01_run_a", "pass", 5.0), ("t02_search_b", "fail", 0.0)])]);
        insta::assert_snapshot!(report(&class), @"
        submission,points,of,status,part2 t01_run_a,part2 t02_search_b
        ada,5,10,graded,5,0
        ");
        class.header.suites.get_mut("part2").unwrap()[1].hidden = true;
        insta::assert_snapshot!(report(&class), @"
        submission,points,of,status,visible,of visible,hidden,of hidden,part2 t01_run_a,part2 t02_search_b
        ada,5,10,graded,5,5,0,5,5,0
        ");
    }

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(
            ["a", "a,b", "say \"x\"", "=1+1"].map(cell),
            ["a", "\"a,b\"", "\"say \"\"x\"\"\"", "'=1+1"]
        );
    }
}
