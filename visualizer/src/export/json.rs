//! JSON: the trace file as `cargo lab schema` describes it, indented so that people can read it and tools can compare it.

use std::fmt::Write;

use super::{ExportError, Sheet};
use crate::model::Model;

pub(super) fn write(model: &Model, sheet: &mut Sheet) -> Result<(), ExportError> {
    let json = serde_json::to_string_pretty(model.file())
        .map_err(|error| ExportError::Unfit(format!("the trace is no JSON: {error}")))?;
    Ok(writeln!(sheet, "{json}")?)
}
