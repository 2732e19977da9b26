//! Runs a student's code so that a panic becomes data: its message and its place, nothing on the screen. For what runs
//! or searches a system; labs have no use for it.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// What a panic said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// `index out of bounds: the len is 0 but the index is 1, at src/log.rs:12:9`
    pub text: String,
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Calls `run`; a panic in it is caught, and not printed.
///
/// # Errors
///
/// When `run` panics.
pub fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Panic> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                return before(info);
            }
            let place = info.location().map_or_else(String::new, |place| format!(", at {place}"));
            let message = info.payload_as_str().unwrap_or("a panic without a text");
            // A second panic while the first unwinds ends the process, and a supervisor reads the last words. Without the
            // backtrace of the hook before: finding the names for it can take longer than a handler may.
            if CAUGHT.with_borrow(Option::is_some) {
                let place = place.trim_start_matches(", at ");
                let _nobody_reads = writeln!(io::stderr(), "a handler panicked at {place}:\n{message}");
            }
            CAUGHT.set(Some(format!("{message}{place}")));
        }));
    });
    let outer = GUARDED.replace(true);
    CAUGHT.take();
    // A handler works on a copy that is thrown away when it panics, so nothing half-changed is seen again.
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(outer);
    result.map_err(|_| Panic { text: CAUGHT.take().unwrap_or_else(|| "a panic without a text".to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_message_and_the_place() {
        let panic = catch(|| panic!("term {} is over", 3)).unwrap_err();
        assert!(panic.text.starts_with("term 3 is over, at "), "{}", panic.text);
        assert!(panic.text.contains("guard.rs:"), "{}", panic.text);
        assert_eq!(catch(|| 1), Ok(1));
    }
}
