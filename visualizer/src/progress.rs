//! The live line of a running search: on a terminal only, and gone when the search ends.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use search::{Progress, ProgressCallback};

use crate::amount::{bytes, counted, grouped, seconds};

/// The line; dropping it erases it.
pub(crate) struct LiveLine(ProgressBar);

impl LiveLine {
    /// A line on the standard error output.
    pub(crate) fn start() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        // Plain characters: a screen reader reads braille spinners aloud.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// What draws it.
    pub(crate) fn callback(&self) -> ProgressCallback {
        let bar = self.0.clone();
        Arc::new(move |progress| {
            bar.set_message(text(progress));
            bar.tick();
        })
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn text(progress: &Progress) -> String {
    let mut parts = vec![counted(progress.states, "state"), format!("depth {}", progress.depth)];
    if let Some(percent) = (progress.expanded * 100).checked_div(progress.frontier) {
        parts.push(format!("{percent} % of {} expanded", grouped(progress.frontier)));
    }
    if progress.probes > 0 {
        parts.push(counted(progress.probes, "probe"));
    }
    // Three quarters of a limit are used up soon: from there on it is said.
    let near_limit = progress.max_bytes > 0 && progress.bytes >= progress.max_bytes / 4 * 3;
    parts.push(match near_limit {
        true => format!("{}, near the limit of {}", bytes(progress.bytes), bytes(progress.max_bytes)),
        false => bytes(progress.bytes),
    });
    parts.push(seconds(progress.elapsed));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn says_how_far_it_has_come() {
        let elapsed = Duration::from_secs(3);
        let wide = Progress {
            states: 1_234_567,
            depth: 17,
            frontier: 200_000,
            expanded: 50_000,
            bytes: 44_000_000,
            max_bytes: 100_000_000,
            probes: 0,
            elapsed,
        };
        insta::assert_snapshot!(text(&wide), @"1,234,567 states, depth 17, 25 % of 200,000 expanded, 44 MB, 3.00 s");
        let full = Progress { bytes: 80_000_000, ..wide };
        insta::assert_snapshot!(text(&full), @"1,234,567 states, depth 17, 25 % of 200,000 expanded, 80 MB, near the limit of 100 MB, 3.00 s");
        let random = Progress { states: 9, depth: 3, probes: 2, bytes: 400, elapsed, ..Progress::default() };
        insta::assert_snapshot!(text(&random), @"9 states, depth 3, 2 probes, 400 bytes, 3.00 s");
    }
}
