//! Draws operations as intervals in plain text, one lane a client.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::address::Address;
use crate::linearizability::history::{End, Operation};

/// How wide a drawing may be, in characters.
pub const COLUMNS: usize = 100;

/// Which characters a drawing is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines such as `├──1──┤`.
    Unicode,
    /// Lines such as `|--1--|`, for terminals and files that know nothing else.
    Ascii,
}

struct Pen {
    invoked: char,
    returned: char,
    line: char,
    pending: char,
    crashed: char,
    /// Where a line goes on in the next band or comes from the last.
    more: char,
}

impl Style {
    fn pen(self) -> Pen {
        match self {
            Self::Unicode => {
                Pen {
                    invoked: '├', returned: '┤', line: '─', pending: '▶', crashed: '✖', more: '┄'
                }
            }
            Self::Ascii => {
                Pen { invoked: '|', returned: '|', line: '-', pending: '>', crashed: 'x', more: '.' }
            }
        }
    }

    pub(crate) fn ellipsis(self) -> &'static str {
        match self {
            Self::Unicode => "…",
            Self::Ascii => "...",
        }
    }
}

/// At least so many characters for each moment, so that a number fits into each interval.
const WIDTH_MIN: usize = 4;
/// More is no easier to read.
const WIDTH_MAX: usize = 8;

/// Operations with their numbers as intervals, one lane a client, under them the times; lines are at most `columns` wide
/// (but have room for a few moments in any case). What does not fit beside is drawn below.
pub(crate) fn draw<C: Debug, R: Debug>(
    operations: &[(usize, &Operation<C, R>)],
    style: Style,
    columns: usize,
) -> String {
    let moments = Moments::of(operations);
    let label = operations.iter().map(|(_, o)| o.client.to_string().len()).max().unwrap_or(0) + 2;
    // The last moment is followed by an arrow, if something is pending.
    let room = columns.saturating_sub(label + 1).max(3 * WIDTH_MIN);
    let width = (room / moments.count.max(1)).clamp(WIDTH_MIN, WIDTH_MAX);
    let per_band = room / width;
    let mut text = String::new();
    let mut from = 0;
    while from < moments.count {
        let to = (from + per_band).min(moments.count);
        if from > 0 {
            text.push('\n');
        }
        band(&mut text, operations, &moments, from..to, width, label, &style.pen());
        from = to;
    }
    text
}

/// The moments at which something is invoked or ends, from left to right.
struct Moments {
    count: usize,
    /// For each operation.
    intervals: Vec<(usize, Option<usize>)>,
    /// The first moment of each time.
    times: Vec<(usize, u64)>,
}

impl Moments {
    fn of<C, R>(operations: &[(usize, &Operation<C, R>)]) -> Self {
        let end = |operation: &Operation<C, R>| match operation.end {
            End::Returned { at, .. } | End::Crashed { at } => Some(at),
            End::Pending => None,
        };
        let ends = operations.iter().filter_map(|(_, operation)| end(operation));
        let times: BTreeSet<u64> = operations.iter().map(|(_, o)| o.invoked_at).chain(ends).collect();
        let mut moments = Self { count: 0, intervals: vec![(0, None); operations.len()], times: Vec::new() };
        for time in times {
            moments.times.push((moments.count, time));
            // What one client does at one time needs moments of its own, in its order.
            let mut used: BTreeMap<Address, usize> = BTreeMap::new();
            for (i, (_, operation)) in operations.iter().enumerate() {
                let mut next = || {
                    let used = used.entry(operation.client).or_insert(0);
                    *used += 1;
                    moments.count + *used - 1
                };
                if operation.invoked_at == time {
                    moments.intervals[i].0 = next();
                }
                if end(operation) == Some(time) {
                    moments.intervals[i].1 = Some(next());
                }
            }
            moments.count += used.values().copied().max().unwrap_or(1);
        }
        moments
    }
}

fn band<C, R>(
    text: &mut String,
    operations: &[(usize, &Operation<C, R>)],
    moments: &Moments,
    shown: std::ops::Range<usize>,
    width: usize,
    label: usize,
    pen: &Pen,
) {
    let columns = (shown.end - shown.start) * width + 1;
    let mut lanes: BTreeMap<Address, Vec<char>> = BTreeMap::new();
    for ((number, operation), (invoked, end)) in operations.iter().zip(&moments.intervals) {
        if *invoked >= shown.end || end.is_some_and(|end| end < shown.start) {
            continue;
        }
        let lane = lanes.entry(operation.client).or_insert_with(|| vec![' '; columns]);
        let begins_here = *invoked >= shown.start;
        let left = if begins_here { (invoked - shown.start) * width } else { 0 };
        let ends_here = end.filter(|end| *end < shown.end);
        let right = ends_here.map_or(columns - 1, |end| (end - shown.start) * width);
        lane[left..=right].fill(pen.line);
        lane[left] = if begins_here { pen.invoked } else { pen.more };
        lane[right] = match (&operation.end, ends_here) {
            (End::Crashed { .. }, Some(_)) => pen.crashed,
            (_, Some(_)) => pen.returned,
            (End::Pending, None) if shown.end == moments.count => pen.pending,
            (_, None) => pen.more,
        };
        let name = number.to_string();
        let middle = left + (right - left + 1).saturating_sub(name.len()) / 2;
        for (at, digit) in (middle..right).zip(name.chars()) {
            lane[at] = digit;
        }
    }
    for (client, lane) in &lanes {
        let lane: String = lane.iter().collect();
        text.push_str(format!("{:label$}{lane}", client.to_string()).trim_end());
        text.push('\n');
    }
    let mut axis = vec![' '; columns];
    let mut free = 0;
    for (moment, time) in &moments.times {
        let time = time.to_string();
        if shown.contains(moment) {
            let at = (moment - shown.start) * width;
            // A time that does not fit is left out, not its neighbour's last digits.
            if at >= free && at + time.len() <= columns {
                axis.splice(at..at + time.len(), time.chars());
                free = at + time.len() + 1;
            }
        }
    }
    let axis: String = axis.iter().collect();
    text.push_str(format!("{:label$}{axis}", "time").trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::history::History;

    fn drawn(history: &History<u32, u32>, style: Style, columns: usize) -> String {
        let operations: Vec<_> = history.operations().iter().enumerate().map(|(i, o)| (i + 1, o)).collect();
        draw(&operations, style, columns)
    }

    /// Three clients with overlapping operations, one of which crashes, while one never gets a response.
    fn history() -> History<u32, u32> {
        let client = Address::client;
        let mut history = History::new();
        history.invoke(0, client(3), 0).unwrap();
        for i in 0..6 {
            history.invoke(u64::from(i) * 100, client(i % 2 + 1), 0).unwrap();
            if i > 0 {
                history.returned(u64::from(i) * 100 + 50, client((i - 1) % 2 + 1), 0).unwrap();
            }
        }
        history.crashed(550, client(2)).unwrap();
        history.invoke(550, client(2), 0).unwrap();
        history.returned(550, client(2), 0).unwrap();
        history
    }

    #[test]
    fn wide_enough_for_everything() {
        insta::assert_snapshot!(drawn(&history(), Style::Unicode, 100), @r"
        client1  ├─────2─────┤     ├────────4────────┤     ├────────6────────┤
        client2        ├────────3────────┤     ├────────5────────┤     ├──7──✖     ├──8──┤
        client3  ├──────────────────────────────────────1──────────────────────────────────────▶
        time     0     100   150   200   250   300   350   400   450   500   550
        ");
    }

    #[test]
    fn in_bands_where_there_is_less_room() {
        insta::assert_snapshot!(drawn(&history(), Style::Unicode, 40), @r"
        client1  ├───2───┤   ├─────4─────┤
        client2      ├─────3─────┤   ├───5───┄
        client3  ├─────────────1─────────────┄
        time     0   100 150 200 250 300 350

        client1  ├─────6─────┤
        client2  ┄─5─┤   ├─7─✖   ├─8─┤
        client3  ┄───────────1───────────▶
        time     400 450 500 550
        ");
    }

    #[test]
    fn in_ascii() {
        insta::assert_snapshot!(drawn(&history(), Style::Ascii, 60), @r"
        client1  |---2---|   |-----4-----|   |-----6-----|
        client2      |-----3-----|   |-----5-----|   |-7-x   |-8-.
        client3  |-----------------------1-----------------------.
        time     0   100 150 200 250 300 350 400 450 500 550

        client2  |
        client3  .-1->
        time
        ");
    }

    #[test]
    fn lines_are_never_too_long() {
        for columns in 25..120 {
            let text = drawn(&history(), Style::Unicode, columns);
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}\n{text}");
        }
    }
}
