//! A goal that was not found, in words: how near the search came, what was missing there, and what stood in the way.

use framework::Outcome;
use search::{GoalPart, Held, NearMiss, Obstacles};

use crate::text::{counted, grouped};

/// How many things of one kind are named.
const NAMED_MAX: usize = 4;
/// How many missing parts are shown.
const PARTS_MAX: usize = 4;

/// The nearest state and what is missing there.
pub(crate) fn nearest(near: &NearMiss) -> Vec<String> {
    let events = near.history().len();
    let place = match events {
        0 => "the one in which it all begins".to_owned(),
        _ => format!("{} from the beginning", counted(events as u64, "event")),
    };
    let others = match near.states {
        0 | 1 => String::new(),
        states => format!(" (one of {})", grouped(states)),
    };
    let mut lines = vec![format!("the state nearest to the goal{others} is {place}; there:")];
    let missing: Vec<&GoalPart> = near.missing().collect();
    for part in missing.iter().take(PARTS_MAX) {
        let reason = part.nearest.as_ref().map_or("", Outcome::reason);
        let reason = if reason.is_empty() { &part.name } else { reason };
        let (holds, asked) = (grouped(part.holds), counted(part.asked, "state"));
        lines.push(format!("  {reason} (it held in {holds} of {asked})"));
    }
    if missing.len() > PARTS_MAX {
        lines.push(format!("  … and {} more", missing.len() - PARTS_MAX));
    }
    lines
}

/// What did not happen, one kind of thing a line.
pub(crate) fn obstacles(obstacles: &Obstacles) -> Vec<String> {
    let mut lines = Vec::new();
    let lists = [
        ("never sent by anybody", &obstacles.never_sent),
        ("never set by anybody", &obstacles.never_set),
        ("ran, but never did anything", &obstacles.without_effect),
        ("sent, but never delivered", &obstacles.never_delivered),
        ("set, but never fired", &obstacles.never_fired),
    ];
    for (what, names) in lists {
        lines.extend(list(what, names));
    }
    lines.extend(list("links that the test switched off", &held(&obstacles.held_messages)));
    lines.extend(list("timers that the test switched off", &held(&obstacles.held_timers)));
    for (prune, states) in &obstacles.prunes {
        lines.push(format!("not gone on from {} in which `{prune}` holds", counted(*states, "state")));
    }
    lines
}

fn list(what: &str, names: &[String]) -> Option<String> {
    let named = names.get(..NAMED_MAX).unwrap_or(names).join(", ");
    match names.len() {
        0 => None,
        count if count > NAMED_MAX => Some(format!("{what}: {named}, and {} more", count - NAMED_MAX)),
        _ => Some(format!("{what}: {named}")),
    }
}

fn held(held: &[Held]) -> Vec<String> {
    let kinds = |held: &Held| {
        let kinds: Vec<String> = held.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        kinds.join(", ")
    };
    held.iter().map(|held| format!("{} ({})", held.place, kinds(held))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_did_not_happen() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let held = Held { place: "server1 → client1".to_owned(), kinds: vec![("Reply".to_owned(), 3)] };
        let shown = obstacles(&Obstacles {
            held_messages: vec![held],
            never_sent: names(&["Vote"]),
            without_effect: names(&["a", "b", "c", "d", "e", "f"]),
            prunes: vec![("all clients are done".to_owned(), 1)],
            ..Obstacles::default()
        });
        insta::assert_snapshot!(shown.join("\n"), @r"
        never sent by anybody: Vote
        ran, but never did anything: a, b, c, d, and 2 more
        links that the test switched off: server1 → client1 (3 Reply)
        not gone on from 1 state in which `all clients are done` holds
        ");
        assert!(obstacles(&Obstacles::default()).is_empty());
    }
}
