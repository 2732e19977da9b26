//! A trace as plain text: what happened, event by event, in few and short lines; and why it is wrong.

use std::fmt::{self, Write as _};

use framework::{Change, Value};

use crate::pool::ValueId;
use crate::trace_file::{BlamedField, Happening, NodeState, Step, Timer, TraceFile};

/// How many changed fields of one event are shown.
const CHANGES_MAX: usize = 3;
/// How many columns a value gets within a changed field.
const VALUE_WIDTH: usize = 36;
/// How many receivers of one message are named.
const RECEIVERS_MAX: usize = 5;
/// How many blamed fields are shown.
const BLAME_MAX: usize = 5;

/// How much room there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The number of columns; longer lines are cut.
    pub width: usize,
    /// The number of lines to aim for. Each event has at least one, however many there are.
    pub max_lines: usize,
    /// Commands to go on with, listed at the end.
    pub next: Vec<String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { width: 100, max_lines: 40, next: Vec::new() }
    }
}

/// The whole trace: the verdict, then what [`body`] shows.
pub fn lines(trace: &TraceFile, layout: &Layout) -> Vec<String> {
    let mut lines = vec![fit(&verdict(trace), layout.width)];
    let rest = Layout { max_lines: layout.max_lines.saturating_sub(1), ..layout.clone() };
    lines.extend(body(trace, &rest));
    lines
}

/// What was found, in one line: `violated: agreement: server1 decided a, but server2 decided b`.
pub fn verdict(trace: &TraceFile) -> String {
    let finding = &trace.verdict;
    let mut line = format!("{}: {}", finding.kind.replace('-', " "), finding.name);
    if !finding.reason.is_empty() {
        let _infallible = write!(line, ": {}", finding.reason);
    }
    line
}

/// The events with what they changed and sent, the fields to blame, and the commands to go on with.
pub fn body(trace: &TraceFile, layout: &Layout) -> Vec<String> {
    let mut head = Vec::new();
    let before = trace.history.len();
    if before > 0 {
        head.push(format!("{} of earlier stages, then the search began:", events(before)));
        head.extend(trace.history.iter().enumerate().map(|(i, event)| headline(trace, i + 1, event, layout)));
    }
    head.push(summary(trace));
    let mut tail = Vec::new();
    let why = why(trace);
    if !why.is_empty() {
        tail.push("Why:".to_owned());
        tail.extend(why.into_iter().map(|line| format!("  {line}")));
    }
    if !layout.next.is_empty() {
        tail.push("Go on:".to_owned());
        tail.extend(layout.next.iter().map(|command| format!("  {command}")));
    }
    let room = layout.max_lines.saturating_sub(head.len() + tail.len());
    let events = event_texts(trace, layout);
    let lines = head.into_iter().chain(arrange(events, room)).chain(tail);
    lines.map(|line| fit(&line, layout.width)).collect()
}

/// One line cut to a width, without characters that a terminal would act on.
pub(crate) fn fit(line: &str, width: usize) -> String {
    let mut text = String::with_capacity(line.len());
    for (column, c) in line.chars().enumerate() {
        if column + 1 >= width && line.chars().nth(width).is_some() {
            text.push('…');
            break;
        }
        text.push(if is_harmless(c) { c } else { '\u{fffd}' });
    }
    text
}

/// Neither a control character nor one that reverses the direction of writing.
fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn summary(trace: &TraceFile) -> String {
    let found = trace.search.found_len;
    let shortened = if found > trace.steps.len() { format!(" (shortened from {found})") } else { String::new() };
    match trace.steps.len() {
        0 => "It is so at the start, before any event.".to_owned(),
        1 => format!("1 event leads there{shortened}:"),
        count => format!("{} lead there{shortened}:", events(count)),
    }
}

fn events(count: usize) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

/// One event: a line for it, and what came of it.
struct EventText {
    headline: String,
    /// Fields that changed; then messages that were sent and timers that were set. Not empty if there.
    details: Vec<String>,
}

impl EventText {
    fn joined(&self) -> String {
        self.details.join("; ")
    }
}

/// Fits events into a number of lines: if they need more, details share a line, and then the shortest events take
/// theirs along on the line of the event.
fn arrange(events: Vec<EventText>, room: usize) -> Vec<String> {
    const INDENT: &str = "      ";
    let tall: usize = events.iter().map(|event| 1 + event.details.len()).sum();
    if tall <= room {
        let texts = events.into_iter().flat_map(|event| {
            let details = event.details.into_iter().map(|detail| format!("{INDENT}{detail}"));
            std::iter::once(event.headline).chain(details)
        });
        return texts.collect();
    }
    let medium: usize = events.iter().map(|event| 1 + usize::from(!event.details.is_empty())).sum();
    let mut shortest: Vec<usize> = (0..events.len()).filter(|i| !events[*i].details.is_empty()).collect();
    shortest.sort_by_key(|i| events[*i].headline.chars().count() + events[*i].joined().chars().count());
    shortest.truncate(medium.saturating_sub(room));
    let mut lines = Vec::with_capacity(room);
    for (i, event) in events.into_iter().enumerate() {
        let details = event.joined();
        if details.is_empty() {
            lines.push(event.headline);
        } else if shortest.contains(&i) {
            lines.push(format!("{} — {details}", event.headline));
        } else {
            lines.push(event.headline);
            lines.push(format!("{INDENT}{details}"));
        }
    }
    lines
}

fn event_texts(trace: &TraceFile, layout: &Layout) -> Vec<EventText> {
    let mut states: Vec<&NodeState> = trace.start.nodes.iter().collect();
    let mut texts = Vec::with_capacity(trace.steps.len());
    for (i, step) in trace.steps.iter().enumerate() {
        let headline = headline(trace, trace.history.len() + i + 1, &step.event, layout);
        let mut details = Vec::new();
        if let Some(node) = trace.node(trace.node_of(&step.event)) {
            if let Some(after) = &step.after {
                details.extend(changed(trace, states[node], after));
                details.extend(sent(trace, step));
                details.extend(timers_set(states[node], step, after));
                states[node] = after;
            }
        }
        if let Some(fault) = &step.fault {
            details.push(fault.clone());
        } else if details.is_empty() {
            details.push("nothing changes".to_owned());
        }
        // Sends and timers share a line.
        if details.len() == 3 {
            let timers = details.pop().unwrap_or_default();
            details[1] = format!("{}; {timers}", details[1]);
        }
        texts.push(EventText { headline, details });
    }
    texts
}

/// `3. acceptor2 receives Accept { number: 1 } from proposer1`; a long message is cut, the sender stays.
fn headline(trace: &TraceFile, number: usize, event: &Happening, layout: &Layout) -> String {
    let (start, value, end) = match event {
        Happening::Deliver { message } => {
            let message = &trace.messages[*message as usize];
            (format!("{number:>2}. {} receives ", message.to), message.value, format!(" from {}", message.from))
        }
        Happening::Timer { node, timer } => {
            (format!("{number:>2}. {node}'s timer "), timer.value, " fires".to_owned())
        }
    };
    let room = layout.width.saturating_sub(start.chars().count() + end.chars().count()).max(10);
    format!("{start}{}{end}", short(trace, value, room))
}

fn changed(trace: &TraceFile, before: &NodeState, after: &NodeState) -> Option<String> {
    let mut changes = changes(trace, Some(before.fields), Some(after.fields));
    for mut change in self::changes(trace, before.durable, after.durable) {
        change.path = if change.path.is_empty() { "durable".to_owned() } else { format!("durable.{}", change.path) };
        changes.push(change);
    }
    let more = changes.len().saturating_sub(CHANGES_MAX);
    let mut texts: Vec<String> = changes.iter().take(CHANGES_MAX).map(change_text).collect();
    if more > 0 {
        texts.push(format!("… and {more} more"));
    }
    if texts.is_empty() { None } else { Some(texts.join(", ")) }
}

fn changes(trace: &TraceFile, before: Option<ValueId>, after: Option<ValueId>) -> Vec<Change> {
    if before == after {
        return Vec::new();
    }
    let value = |id: Option<ValueId>| id.and_then(|id| trace.pool.value(id));
    match (value(before), value(after)) {
        (Some(before), Some(after)) => before.changes(&after),
        (before, after) => vec![Change { path: String::new(), before, after }],
    }
}

fn change_text(change: &Change) -> String {
    let text = |value: &Value| capped(value, VALUE_WIDTH);
    let path = if change.path.is_empty() { String::new() } else { format!("{}: ", change.path) };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{path}{} → {}", text(before), text(after)),
        (None, Some(after)) => format!("{path}+ {}", text(after)),
        (Some(before), None) => format!("{path}- {}", text(before)),
        (None, None) => path,
    }
}

/// `sends AcceptAck → proposer1`; equal kinds of messages are folded.
fn sent(trace: &TraceFile, step: &Step) -> Option<String> {
    let mut folded: Vec<(&str, Vec<&str>)> = Vec::new();
    for id in &step.sent {
        let message = &trace.messages[*id as usize];
        match folded.iter_mut().find(|(kind, _)| *kind == message.kind) {
            Some((_, receivers)) => receivers.push(&message.to),
            None => folded.push((&message.kind, vec![&message.to])),
        }
    }
    if folded.is_empty() {
        return None;
    }
    let texts: Vec<String> = folded
        .into_iter()
        .map(|(kind, mut receivers)| {
            let more = receivers.len().saturating_sub(RECEIVERS_MAX);
            receivers.truncate(RECEIVERS_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{kind} → {}{more}", receivers.join(", "))
        })
        .collect();
    Some(format!("sends {}", texts.join(", ")))
}

/// `sets Retry`: the timers that are pending after the step and were not before.
fn timers_set(before: &NodeState, step: &Step, after: &NodeState) -> Option<String> {
    let mut old: Vec<&Timer> = before.timers.iter().collect();
    if let Happening::Timer { timer: fired, .. } = &step.event
        && let Some(place) = old.iter().position(|timer| *timer == fired)
    {
        old.remove(place);
    }
    let mut new = Vec::new();
    for timer in &after.timers {
        match old.iter().position(|other| *other == timer) {
            Some(place) => drop(old.remove(place)),
            None => new.push(timer.kind.as_str()),
        }
    }
    new.dedup();
    if new.is_empty() { None } else { Some(format!("sets timer {}", new.join(", "))) }
}

/// The blamed fields with their last values and the events that set them.
fn why(trace: &TraceFile) -> Vec<String> {
    let mut lines: Vec<String> =
        trace.verdict.blame.iter().take(BLAME_MAX).filter_map(|blame| blamed(trace, blame)).collect();
    let more = trace.verdict.blame.len().saturating_sub(BLAME_MAX);
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines
}

fn blamed(trace: &TraceFile, blame: &BlamedField) -> Option<String> {
    let node = trace.node(&blame.node)?;
    let steps = trace.steps.iter().enumerate().filter_map(|(i, step)| {
        let here = trace.node(trace.node_of(&step.event)) == Some(node);
        step.after.as_ref().filter(|_| here).map(|after| (Some(i), after.fields))
    });
    let mut value = trace.pool.value(trace.start.nodes.get(node)?.fields)?.at(&blame.field).cloned();
    let mut since = None;
    let mut fields = trace.start.nodes[node].fields;
    for (i, after) in steps {
        if after == fields {
            continue;
        }
        fields = after;
        let now = trace.pool.value(after)?.at(&blame.field).cloned();
        if now != value {
            (value, since) = (now, i);
        }
    }
    let path = if blame.field.is_empty() { blame.node.clone() } else { format!("{}.{}", blame.node, blame.field) };
    let since = since.map_or_else(
        || " (since the start)".to_owned(),
        |i| format!(" (since event {})", trace.history.len() + i + 1),
    );
    Some(match value {
        Some(value) => {
            let room = 96_usize.saturating_sub(path.chars().count() + 3 + since.len()).max(10);
            format!("{path} = {}{since}", capped(&value, room))
        }
        None => format!("{path} is not there"),
    })
}

fn short(trace: &TraceFile, value: ValueId, width: usize) -> String {
    trace.pool.value(value).map_or_else(|| "?".to_owned(), |value| capped(&value, width))
}

/// A value on one line of at most `width` characters; of a large value no more is printed than needed.
fn capped(value: &Value, width: usize) -> String {
    struct Capped {
        text: String,
        left: usize,
    }
    impl fmt::Write for Capped {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
                self.text.push(c);
            }
            Ok(())
        }
    }
    // One character more, to see whether there is more.
    let mut capped = Capped { text: String::new(), left: width + 1 };
    let _stopped_early = write!(capped, "{value}");
    fit(&capped.text, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn shown(trace: &TraceFile, layout: &Layout) -> String {
        let lines = lines(trace, layout);
        for line in &lines {
            assert!(line.chars().count() <= layout.width, "{line}");
        }
        lines.join("\n")
    }

    fn go_on() -> Layout {
        let next = vec!["cargo lab show target/traces/register-violated.json".to_owned()];
        Layout { next, ..Layout::default() }
    }

    #[test]
    fn a_violation() {
        insta::assert_snapshot!(shown(&sample::violated(), &go_on()));
    }

    #[test]
    fn a_violation_with_less_room() {
        insta::assert_snapshot!(shown(&sample::violated(), &Layout { max_lines: 18, ..go_on() }));
    }

    #[test]
    fn a_violation_with_hardly_any_room() {
        let layout = Layout { max_lines: 12, width: 60, ..go_on() };
        insta::assert_snapshot!(shown(&sample::violated(), &layout));
    }

    #[test]
    fn a_second_stage_shows_the_first() {
        insta::assert_snapshot!(shown(&sample::staged(), &go_on()));
    }

    #[test]
    fn a_panic() {
        insta::assert_snapshot!(shown(&sample::panicked(), &go_on()));
    }

    #[test]
    fn fifteen_events_fit_into_forty_lines() {
        let mut trace = sample::violated();
        while trace.steps.len() < 15 {
            trace.steps.push(trace.steps[2].clone());
        }
        let lines = lines(&trace, &go_on());
        assert!(lines.len() <= 40, "{} lines:\n{}", lines.len(), lines.join("\n"));
    }

    #[test]
    fn long_things_are_cut_and_terminals_are_left_alone() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("a\u{1b}[2Jb\u{202e}", 20), "a\u{fffd}[2Jb\u{fffd}");
        let list = Value::List((0..1000).map(Value::Int).collect());
        assert_eq!(capped(&list, 12), "[0, 1, 2, 3…");
    }
}
