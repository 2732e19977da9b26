//! A trace as plain text: what happened, event by event, in few and short lines; and why it is wrong.

use std::fmt::{self, Write as _};

use framework::{Change, Value};

use crate::live::tree::EXPLORED;
use crate::model::Model;
use crate::model::field::Found;
use crate::model::why::{Blamed, substitutes};
use crate::pool::ValueId;
use crate::trace_file::{Happening, NodeState, Step, Timer, TraceFile};

/// How many changed fields of one event are shown.
const CHANGES_MAX: usize = 3;
/// How many columns a value gets within a changed field; twice as many if it is the only one.
const VALUE_WIDTH: usize = 32;
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
    one_line(&line)
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
    let lines = head.into_iter().chain(arrange(events, room, layout.width)).chain(tail);
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

/// What somebody else's code said, in one line: its lines are joined, and nothing in it acts on a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    fit(&lines.collect::<Vec<_>>().join("; "), usize::MAX)
}

/// Neither a control character nor one that reverses the direction of writing.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn summary(trace: &TraceFile) -> String {
    let found = trace.search.found_len;
    let shortened =
        if found > trace.steps.len() { format!(" (shortened from {found})") } else { String::new() };
    if trace.verdict.kind == EXPLORED {
        return format!("{}:", events(trace.steps.len()));
    }
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
    /// The fields that changed, the messages that were sent, or what went wrong. Never empty.
    details: Vec<String>,
    /// The timers that were set: left out first.
    timers: Option<String>,
    /// Whether it changed a field that is to blame: shortened last.
    blamed: bool,
}

/// What stands before details on a line of their own.
const INDENT: &str = "      ";

impl EventText {
    /// With room for everything: the changed fields on one line, the rest on another.
    fn tall(self) -> Vec<String> {
        let mut details = self.details;
        match self.timers {
            Some(timers) if details.len() > 1 => details[1] = format!("{}; {timers}", details[1]),
            timers => details.extend(timers),
        }
        let details = details.into_iter().map(|detail| format!("{INDENT}{detail}"));
        std::iter::once(self.headline).chain(details).collect()
    }

    /// On two lines.
    fn medium(self, width: usize) -> Vec<String> {
        let details = self.details_within(width.saturating_sub(INDENT.len()));
        vec![self.headline, format!("{INDENT}{details}")]
    }

    /// On one line.
    fn inline(self, width: usize) -> String {
        let room = width.saturating_sub(self.headline.chars().count() + 3);
        format!("{} — {}", self.headline, self.details_within(room))
    }

    /// Whether the first detail is not cut on one line with the event.
    fn fits_inline(&self, width: usize) -> bool {
        let first = self.details.first().map_or(0, |detail| detail.chars().count());
        let more = if self.details.len() > 1 { "; …".chars().count() } else { 0 };
        self.headline.chars().count() + 3 + first + more <= width
    }

    /// As many of the details as there is room for, at least the first.
    fn details_within(&self, room: usize) -> String {
        let all = self.details.join("; ");
        let with_timers = self.timers.iter().map(|timers| format!("{all}; {timers}"));
        let shortened = (self.details.len() > 1).then(|| format!("{}; …", self.details[0]));
        let mut candidates = with_timers.chain([all.clone()]).chain(shortened);
        candidates.find(|text| text.chars().count() <= room).unwrap_or(all)
    }

    fn len(&self) -> usize {
        let details = self.details.iter().map(|detail| detail.chars().count());
        self.headline.chars().count() + details.sum::<usize>()
    }
}

/// Fits events into a number of lines: if they need more, details share a line, and then the shortest events take
/// theirs along on the line of the event.
fn arrange(events: Vec<EventText>, room: usize, width: usize) -> Vec<String> {
    let tall: usize = events.iter().map(|event| 1 + event.details.len().max(1)).sum();
    if tall <= room {
        return events.into_iter().flat_map(EventText::tall).collect();
    }
    let mut shortest: Vec<usize> = (0..events.len()).collect();
    shortest.sort_by_key(|i| (events[*i].blamed, !events[*i].fits_inline(width), events[*i].len()));
    shortest.truncate((2 * events.len()).saturating_sub(room));
    let mut lines = Vec::with_capacity(room);
    for (i, event) in events.into_iter().enumerate() {
        if shortest.contains(&i) {
            lines.push(event.inline(width));
        } else {
            lines.extend(event.medium(width));
        }
    }
    lines
}

fn event_texts(trace: &TraceFile, layout: &Layout) -> Vec<EventText> {
    let mut states: Vec<&NodeState> = trace.start.nodes.iter().collect();
    let mut texts = Vec::with_capacity(trace.steps.len());
    for (i, step) in trace.steps.iter().enumerate() {
        let headline = headline(trace, trace.history.len() + i + 1, &step.event, layout);
        let mut text = EventText { headline, details: Vec::new(), timers: None, blamed: false };
        let address = trace.node_of(&step.event);
        if let Some(node) = trace.node(address)
            && let Some(after) = &step.after
        {
            let crashed = states[node].up && !after.up;
            let changes = if crashed { Vec::new() } else { changed(trace, address, states[node], after) };
            if crashed {
                text.details.push("loses its fields and its timers".to_owned());
            }
            text.blamed = changes.iter().any(|(blamed, _)| *blamed);
            text.details.extend(changes_text(&changes));
            text.details.extend(sent(trace, step));
            text.timers = timers_set(states[node], step, after);
            states[node] = after;
        }
        text.details.extend(step.fault.as_deref().map(one_line));
        if text.details.is_empty() {
            text.details.push(text.timers.take().unwrap_or_else(|| "nothing changes".to_owned()));
        }
        texts.push(text);
    }
    texts
}

/// What becomes of a node that crashes in a handler.
const CRASHES: &str = ", and crashes before it persists";

/// `3. acceptor2 receives Accept { number: 1 } from proposer1`; a long message is cut, the sender stays.
fn headline(trace: &TraceFile, number: usize, event: &Happening, layout: &Layout) -> String {
    let (start, value, end) = match event {
        Happening::Deliver { message } => {
            let message = &trace.messages[*message as usize];
            (
                format!("{number:>2}. {} receives ", message.to),
                message.value,
                format!(" from {}", message.from),
            )
        }
        Happening::Timer { node, timer } => {
            (format!("{number:>2}. {node}'s timer "), timer.value, " fires".to_owned())
        }
        Happening::Crash { node, during: None } => return format!("{number:>2}. {node} crashes"),
        Happening::Crash { during: Some(interrupted), .. } => {
            let room = layout.width.saturating_sub(CRASHES.len() + 10);
            let layout = Layout { width: room, ..layout.clone() };
            let call = match interrupted.persist {
                0 => String::new(),
                earlier => {
                    format!(" (after {earlier} earlier {})", if earlier == 1 { "call" } else { "calls" })
                }
            };
            return format!("{}{CRASHES}{call}", headline(trace, number, &interrupted.event, &layout));
        }
        Happening::Restart { node } => return format!("{number:>2}. {node} restarts"),
    };
    let room = layout.width.saturating_sub(start.chars().count() + end.chars().count()).max(10);
    format!("{start}{}{end}", short(trace, value, room))
}

/// The changed fields, those to blame first, with whether they are.
fn changed(trace: &TraceFile, node: &str, before: &NodeState, after: &NodeState) -> Vec<(bool, Change)> {
    let is_blamed = |change: &Change| {
        let mut blame = trace.verdict.blame.iter();
        blame.any(|b| b.node == node && !b.field.is_empty() && change.path.starts_with(&b.field))
    };
    let mut changed: Vec<(bool, Change)> = changes(trace, Some(before.fields), Some(after.fields))
        .into_iter()
        .map(|change| (is_blamed(&change), change))
        .collect();
    changed.sort_by_key(|(blamed, _)| !blamed);
    for mut change in changes(trace, before.durable, after.durable) {
        let dot = if change.path.is_empty() { "" } else { "." };
        change.path = format!("durable{dot}{}", change.path);
        changed.push((false, change));
    }
    changed
}

fn changes_text(changes: &[(bool, Change)]) -> Option<String> {
    let width = if changes.len() == 1 { 2 * VALUE_WIDTH } else { VALUE_WIDTH };
    let shown = changes.iter().take(CHANGES_MAX);
    let mut texts: Vec<String> = shown.map(|(_, change)| change_text(change, width)).collect();
    let more = changes.len().saturating_sub(CHANGES_MAX);
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

fn change_text(change: &Change, width: usize) -> String {
    let text = |value: &Value| capped(value, width);
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
    if trace.verdict.blame.is_empty() {
        return Vec::new();
    }
    let model = Model::new(trace.clone());
    let blamed: Vec<Blamed> = Blamed::all(&model, &trace.verdict.blame, model.len())
        .into_iter()
        .filter(|b| b.field.is_some())
        .collect();
    let line = |blamed: &Blamed| {
        let since = match blamed.since {
            0 => " (since the start)".to_owned(),
            step => format!(" (since event {})", model.number(step)),
        };
        let room = 96_usize.saturating_sub(since.len()).max(blamed.name.len() + 13);
        // What is inside `Some` says enough.
        let inside = blamed.field.as_ref().filter(|field| !field.path.is_empty()).and_then(|field| {
            let Found::Value(id) = model.found(field, model.len()) else { return None };
            match trace.pool.value(id)? {
                Value::Some(inner) => Some(capped(&inner, room)),
                value => Some(capped(&value, room)),
            }
        });
        let text = inside.map_or_else(|| blamed.text(), |value| format!("{} = {value}", blamed.name));
        format!("{}{since}", fit(&text, room))
    };
    let mut lines: Vec<String> = blamed.iter().take(BLAME_MAX).map(line).collect();
    let more = blamed.len().saturating_sub(BLAME_MAX);
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines.extend(substitutes(&model, &blamed).map(|text| format!("({text})")));
    lines
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
    fn fields_that_are_not_there() {
        insta::assert_snapshot!(shown(&sample::double_vote(), &go_on()));
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
