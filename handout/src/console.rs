//! What the commands print.

use std::io::Write;

/// Prints a line of a result.
pub(crate) fn say(text: impl AsRef<str>) {
    // Nobody reads on: `cargo handout … | head`.
    let _nobody_reads = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Prints a line about what is going on.
pub(crate) fn note(text: impl AsRef<str>) {
    let _nobody_reads = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{many}")
}
