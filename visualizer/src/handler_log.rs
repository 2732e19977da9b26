//! Collects what a handler logs through `tracing` while a trace is recorded.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// How many lines of one step are kept.
const LINES_MAX: usize = 200;
/// How many characters of a line are kept.
const LINE_MAX: usize = 1_000;

/// Runs something, and returns the lines that it logged on this thread.
pub(crate) fn collect<R>(run: impl FnOnce() -> R) -> (R, Vec<String>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let result = tracing::subscriber::with_default(Collector { lines: Arc::clone(&lines) }, run);
    let lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    (result, lines)
}

struct Collector {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Subscriber for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Spans are not kept apart: a line is of the step that it is logged in.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Text(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(line.0.trim_end().chars().take(LINE_MAX).collect());
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event, and its fields.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _infallible = match field.name() {
            "message" => write!(self.0, "{value:?} "),
            name => write!(self.0, "{name}={value:?} "),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_level_a_message_and_fields() {
        let (result, lines) = collect(|| {
            tracing::info!(slot = 1, "{} of 3 accepts", 2);
            tracing::info_span!("handler").in_scope(|| tracing::debug!(leader = "s1"));
            7
        });
        assert_eq!(result, 7);
        assert_eq!(lines, ["INFO 2 of 3 accepts slot=1", "DEBUG leader=\"s1\""]);
        assert_eq!(collect(|| ()).1, [""; 0]);
        let (_, many) = collect(|| (0..500).for_each(|i| tracing::trace!("{i}")));
        assert_eq!(many.len(), LINES_MAX);
    }
}
