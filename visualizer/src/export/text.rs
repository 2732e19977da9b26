//! Text: what plain mode prints of a trace when nobody asks.

use std::fmt::Write;
use std::path::PathBuf;

use super::{ExportError, Sheet};
use crate::model::Model;
use crate::plain;
use crate::session::Session;

pub(super) fn write(model: &Model, name: &str, sheet: &mut Sheet) -> Result<(), ExportError> {
    let mut session = Session::new(model.clone(), Some(PathBuf::from(name)));
    let mut bytes = Vec::new();
    plain::report(&mut session, &mut bytes).map_err(|_| ExportError::TooLarge)?;
    Ok(sheet.write_str(&String::from_utf8_lossy(&bytes))?)
}
