//! A table for spreadsheets: one row a test.

use crate::record::{Header, TestRecord};

/// The columns.
const COLUMNS: &str =
    "part,number,test,kind,points,earned,verdict,cause,detector,stage,states,seconds,seed,message,trace";

/// The whole file, with Unix line ends.
pub(crate) fn text(header: &Header, records: &[TestRecord]) -> String {
    let mut text = format!("{COLUMNS}\n");
    for record in records {
        let (kind, verdict) = (record.kind.to_string(), record.verdict.word());
        let empty = String::new();
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            header.part.clone(),
            record.number.to_string(),
            record.test.clone(),
            kind,
            record.points.to_string(),
            record.earned.to_string(),
            verdict.to_owned(),
            optional(&record.cause),
            optional(&record.detector),
            optional(&record.stage),
            record.states.to_string(),
            format!("{:.3}", record.seconds),
            record.seed.to_string(),
            optional(&record.message),
            record.trace.as_ref().unwrap_or(&empty).clone(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// One cell: quoted where it has to be, and never a formula, which a spreadsheet would run.
fn quoted(cell: &str) -> String {
    let clean: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = match clean.chars().next() {
        Some('=' | '+' | '-' | '@') => format!("'{clean}"),
        _ => clean,
    };
    if clean.contains([',', '"']) { format!("\"{}\"", clean.replace('"', "\"\"")) } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    /// A reader of its own, by the rules of RFC 4180.
    fn parse(text: &str) -> Vec<Vec<String>> {
        let mut rows = vec![vec![String::new()]];
        let (mut quoted, mut chars) = (false, text.chars().peekable());
        while let Some(c) = chars.next() {
            let row = rows.last_mut().unwrap();
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    row.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(String::new()),
                '\n' if !quoted => rows.push(vec![String::new()]),
                c => row.last_mut().unwrap().push(c),
            }
        }
        rows.pop();
        rows
    }

    #[test]
    fn a_row_for_each_test_reads_back() {
        let records = [sample::passed(), sample::failed(), sample::inconclusive()];
        let rows = parse(&text(&sample::header(), &records));
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let column = |name: &str| rows[0].iter().position(|cell| cell == name).unwrap();
        assert_eq!(rows[2][column("earned")], "5");
        assert_eq!(rows[2][column("cause")], "violated");
        let message = &rows[2][column("message")];
        assert_eq!(message, "violated: one vote a term: server1 got <\"a\", 'b'> &  [2J ]]> é");
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("-1,\"x\""), "\"'-1,\"\"x\"\"\"");
    }
}
