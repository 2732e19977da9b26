// INSTRUCTOR ONLY
//! What came of all suites on all designs, written down with its date when that is asked for.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use testkit::TestRecord;

use crate::{PARTS, chosen, reference};

/// The date under which to write the results down.
const DATE: &str = "RAFT_SUITES_RECORD";

/// The points of each design in each part, and the states that its searches visited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<Results>>);

/// By design and part: points and states.
type Results = BTreeMap<(String, String), (u32, u64)>;

impl Record {
    pub(crate) fn note(&self, design: &str, part: &str, tests: &[TestRecord]) {
        let points = tests.iter().map(|test| test.earned).sum();
        let states = tests.iter().map(|test| test.states).sum();
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.insert((design.to_owned(), part.to_owned()), (points, states));
    }

    /// Writes a page, if a date is given. Designs that did not run are not in it: run everything.
    pub(crate) fn write(&self) {
        let Ok(date) = env::var(DATE) else { return };
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = format!(
            "# The suites on other designs\n\nPoints, and the states that the searches visited; written by \
             `RAFT_SUITES_RECORD={date} cargo test -p raft --test suites -- --include-ignored`.\n\n| design |"
        );
        for part in PARTS {
            page.push_str(&format!(" {part} ({}) |", reference(part).points()));
        }
        page.push_str(&format!("\n|---|{}\n", "---|".repeat(PARTS.len())));
        for design in chosen::all() {
            page.push_str(&format!("| {design} |"));
            for part in PARTS {
                match results.get(&(design.to_owned(), part.to_owned())) {
                    Some((points, states)) => page.push_str(&format!(" {points}, {states} states |")),
                    None if !runs(design, part) => page.push_str(" |"),
                    None => page.push_str(" did not run |"),
                }
            }
            page.push('\n');
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suites/RESULTS.md");
        fs::write(path, page).expect("the page of results can be written");
    }
}

/// Whether a design is judged by a part at all.
fn runs(design: &str, part: &'static str) -> bool {
    chosen::right_in(part).chain(chosen::worthless_in(part)).any(|other| other == design)
}
