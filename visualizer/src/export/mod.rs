//! Traces in the formats of other programs: for a report, a browser, a diagram, another tool, or a test.
//!
//! | Format | Is for |
//! |---|---|
//! | `html` | one page with everything, for somebody without this program; works without a network and without scripts |
//! | `svg` | the space-time diagram alone |
//! | `text` | what plain mode prints, for a grading report |
//! | `json` | the trace file itself, indented, in the present schema (`cargo lab schema`) |
//! | `itf` | the states, for the tools of Apalache and Quint |
//! | `shiviz` | a log with vector clocks, for ShiViz |
//! | `mermaid` | a sequence diagram, for Markdown |
//! | `rust-test` | a `#[test]` that takes the same events again, for the lab |
//!
//! Each exporter is a module that asks the [model](crate::model) and writes text; none works anything out a second time.
//! Texts of students may contain anything: every exporter escapes what its format would act on.

mod command;
mod cut;
#[cfg(test)]
mod hostile;
mod html;
mod itf;
mod json;
mod markup;
mod mermaid;
mod rust_test;
mod shiviz;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use crate::model::Model;
use crate::model::watch::Watch;

pub(crate) use command::{definition, run};
pub use cut::Cut;

/// The largest export, in bytes. A trace file says in a few bytes what is written out a hundred times elsewhere.
const SIZE_MAX: usize = 256 << 20;

/// A format that traces are exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One page with everything.
    Html,
    /// The space-time diagram.
    Svg,
    /// The Informal Trace Format of Apalache.
    Itf,
    /// A log with vector clocks.
    ShiViz,
    /// A sequence diagram.
    Mermaid,
    /// What plain mode prints.
    Text,
    /// The trace file.
    Json,
    /// A test.
    RustTest,
}

impl Format {
    /// All, with their names and what they are.
    pub const ALL: [(&'static str, Self, &'static str); 8] = [
        ("html", Self::Html, "one page with everything; needs no network, no program, and no scripts"),
        ("svg", Self::Svg, "the space-time diagram alone"),
        ("itf", Self::Itf, "the states, for the tools of Apalache and Quint"),
        ("shiviz", Self::ShiViz, "a log with vector clocks, for ShiViz"),
        ("mermaid", Self::Mermaid, "a sequence diagram, for Markdown"),
        ("text", Self::Text, "what `cargo lab show --plain` prints"),
        ("json", Self::Json, "the trace file, indented; `cargo lab schema` describes it"),
        ("rust-test", Self::RustTest, "a `#[test]` for the lab, which takes the same events again"),
    ];

    /// The format with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, format, _)| *format)
    }
}

/// Why a trace cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It would be larger than anybody opens.
    #[error("the export would have more than {SIZE_MAX} bytes; `text` and `json` are the smallest formats")]
    TooLarge,
    /// There is something in the trace that the format has no place for.
    #[error("{0}")]
    Unfit(String),
}

impl From<fmt::Error> for ExportError {
    /// Only a sheet that is full refuses to be written to.
    fn from(_: fmt::Error) -> Self {
        Self::TooLarge
    }
}

/// A trace in a format; `name` is what it is called in it, such as the name of its file.
///
/// # Errors
///
/// When it would be too large, or the format cannot say what is in the trace; the message says what can be done.
pub fn export(model: &Model, name: &str, format: Format) -> Result<String, ExportError> {
    export_watching(model, name, format, &[])
}

/// The same, with expressions that are watched. Only a page has a place for them.
///
/// # Errors
///
/// As for [`export`], and when something is watched in another format.
pub fn export_watching(
    model: &Model,
    name: &str,
    format: Format,
    watches: &[Watch],
) -> Result<String, ExportError> {
    if format != Format::Html && !watches.is_empty() {
        return Err(ExportError::Unfit("only a page (`html`) has a place for what is watched".to_owned()));
    }
    let mut sheet = Sheet::default();
    match format {
        Format::Html => html::write(model, name, watches, &mut sheet)?,
        Format::Svg => svg::write(model, name, &mut sheet)?,
        Format::Itf => itf::write(model, name, &mut sheet)?,
        Format::ShiViz => shiviz::write(model, &mut sheet)?,
        Format::Mermaid => mermaid::write(model, &mut sheet)?,
        Format::Text => text::write(model, name, &mut sheet)?,
        Format::Json => json::write(model, &mut sheet)?,
        Format::RustTest => rust_test::write(model, name, &mut sheet)?,
    }
    Ok(sheet.text)
}

/// What is written to: a text of a bounded size.
#[derive(Debug, Default)]
struct Sheet {
    text: String,
}

impl fmt::Write for Sheet {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > SIZE_MAX {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// A different word for every node, made of letters, digits and `_`, as like its address as possible. None of them is in
/// `taken`, and no two differ in case only.
fn words(model: &Model, taken: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for node in 0..model.nodes() {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut word: String = model.address(node).chars().take(60).map(plain).collect();
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            word.insert_str(0, "node_");
        }
        let is_taken = |word: &String| {
            let mut all = words.iter().map(String::as_str).chain(taken.iter().copied());
            all.any(|other| other.eq_ignore_ascii_case(word))
        };
        if is_taken(&word) {
            // There are as many numbers as nodes, so one is free.
            let mut others = (2..).map(|number| format!("{word}_{number}"));
            word = others.find(|other| !is_taken(other)).unwrap_or_default();
        }
        words.push(word);
    }
    words
}
