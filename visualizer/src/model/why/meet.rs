//! Where the causes of two blamed fields meet: a node that took part in both, and changed in between.
//!
//! Contradictions between two nodes are seldom their own fault. Two leaders were elected by somebody who voted twice; two
//! values were chosen because somebody broke a promise. The causal pasts of the two fields lead there: a node whose last
//! step in the one past is not its last step in the other has acted for both.

use super::super::Model;
use super::super::diff::{self, FieldChange};
use super::{Blamed, Race};

/// How many are listed.
const MEETINGS_MAX: usize = 8;
/// How many fields are compared with each other.
const FIELDS_MAX: usize = 12;
/// How many changes between the two steps are listed.
const CHANGES_MAX: usize = 10;

/// A node that two blamed fields both depend on, by different steps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The node.
    pub node: usize,
    /// The last of its steps that one of the fields depends on.
    pub first: usize,
    /// That field, as a number in the list of blamed ones.
    pub first_for: usize,
    /// The last of its steps that the other depends on; later than `first`.
    pub second: usize,
    /// The other field.
    pub second_for: usize,
    /// What changed at the node from the first step to the second.
    pub changes: Vec<FieldChange>,
}

/// The nodes that acted for two of the blamed fields. Those come first whose two steps could have happened in the other
/// order, then the earlier ones.
pub(super) fn meetings(model: &Model, blamed: &[Blamed], races: &[Race]) -> Vec<Meeting> {
    let last_of_each = |since: usize| -> Vec<Option<usize>> {
        let past = model.past(&[since]);
        let last = |node| model.steps_of(node).iter().rev().find(|step| past[**step]).copied();
        (0..model.nodes()).map(last).collect()
    };
    let set = blamed.iter().enumerate().filter(|(_, blamed)| blamed.since > 0).take(FIELDS_MAX);
    let fields: Vec<(usize, Vec<Option<usize>>)> =
        set.map(|(place, blamed)| (place, last_of_each(blamed.since))).collect();
    let mut meetings: Vec<Meeting> = Vec::new();
    for (i, (one, lasts)) in fields.iter().enumerate() {
        for (other, other_lasts) in &fields[i + 1..] {
            for node in 0..model.nodes() {
                let (Some(a), Some(b)) = (lasts[node], other_lasts[node]) else { continue };
                let (first, first_for, second, second_for) =
                    if a < b { (a, *one, b, *other) } else { (b, *other, a, *one) };
                // Where the later step is the one that sets the field there is nobody between the two.
                let same = first == second || second == blamed[second_for].since;
                if same || meetings.iter().any(|m| (m.first, m.second) == (first, second)) {
                    continue;
                }
                let changes = diff::changes(model, node, first, second, CHANGES_MAX);
                if !changes.is_empty() {
                    meetings.push(Meeting { node, first, first_for, second, second_for, changes });
                }
            }
        }
    }
    let races = |m: &Meeting| races.iter().any(|race| (race.first, race.second) == (m.first, m.second));
    meetings.sort_by_key(|meeting| (!races(meeting), meeting.second, meeting.first));
    meetings.truncate(MEETINGS_MAX);
    meetings
}
