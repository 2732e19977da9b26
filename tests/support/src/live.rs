//! The line that says how far a search is.

use search::Progress;

use crate::request::LiveStage;
use crate::text::{counted, grouped};

/// `stage 2, an entry is committed: 120,000 states, depth 9, 600,000 states/s, 12 % of the budget`.
pub(crate) fn line(stage: Option<&LiveStage>, progress: &Progress) -> String {
    let mut line =
        stage.map_or_else(String::new, |stage| format!("stage {}, {}: ", stage.number, stage.name));
    line.push_str(&format!("{}, depth {}", counted(progress.states, "state"), progress.depth));
    let millis = progress.elapsed.as_millis();
    if let Some(rate) = (u128::from(progress.states) * 1000).checked_div(millis) {
        line.push_str(&format!(", {} states/s", grouped(u64::try_from(rate).unwrap_or(u64::MAX))));
    }
    if progress.probes > 0 {
        line.push_str(&format!(", {}", counted(progress.probes, "probe")));
    }
    let budget = stage.and_then(|stage| stage.budget);
    if let Some(share) = budget.and_then(|budget| (progress.states * 100).checked_div(budget)) {
        line.push_str(&format!(", {share} % of the budget"));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn says_how_far_a_search_is() {
        let elapsed = Duration::from_millis(200);
        let progress = Progress { states: 120_000, depth: 9, elapsed, ..Progress::default() };
        let stage =
            LiveStage { number: 2, name: "an entry is committed".to_owned(), budget: Some(1_000_000) };
        insta::assert_snapshot!(line(Some(&stage), &progress), @"stage 2, an entry is committed: 120,000 states, depth 9, 600,000 states/s, 12 % of the budget");
        let first = Progress { states: 1, ..Progress::default() };
        insta::assert_snapshot!(line(None, &first), @"1 state, depth 0");
    }
}
