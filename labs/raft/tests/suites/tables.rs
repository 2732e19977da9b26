// INSTRUCTOR ONLY
//! The tables of tests in the pages of the parts are those of the suites.

use std::env;
use std::fs;

use libtest_mimic::{Failed, Trial};

use crate::{PARTS, reference};

const BEGIN: &str = "<!-- The table is made from the suite. -->\n";
const END: &str = "<!-- End of the table. -->\n";

/// A trial for each page.
pub(crate) fn trials() -> Vec<(&'static str, Trial)> {
    let trial = |part| ("tables", Trial::test(format!("tables::{part}"), move || compare(part)));
    PARTS.into_iter().map(trial).collect()
}

fn compare(part: &str) -> Result<(), Failed> {
    let path = format!("{}/docs/{part}.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path)?;
    let place = page.find(BEGIN).zip(page.find(END)).filter(|(begin, end)| begin < end);
    let Some((begin, end)) = place else {
        return Err(format!(
            "{path} has no place for a table between `{}` and `{}`",
            BEGIN.trim(),
            END.trim()
        )
        .into());
    };
    let expected = format!("{}{}{}", &page[..begin + BEGIN.len()], reference(part).table(), &page[end..]);
    if page == expected {
        return Ok(());
    }
    if env::var("RAFT_SUITES_TABLES").is_ok_and(|word| word == "write") {
        return Ok(fs::write(&path, expected)?);
    }
    let again = "RAFT_SUITES_TABLES=write cargo test -p raft --test suites tables";
    Err(format!("the table in docs/{part}.md is not that of the suite; `{again}` writes it").into())
}
