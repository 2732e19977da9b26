//! Words for values and events: in full as Rust would print them, or brief for a label on an arrow.

use std::fmt::{self, Write};

use super::Model;
use crate::pool::{Entry, Pool, ValueId};
use crate::trace_file::{Happening, Timer};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `Accept { number: 1, value: "A" }`
    Full,
    /// `Accept 1 A`
    Brief,
}

/// The text of a value, at most `max` characters of it: no more of a large value is looked at than is shown.
pub fn full(pool: &Pool, id: ValueId, max: usize) -> String {
    text(pool, id, max, Style::Full)
}

/// A short text of a value, without the names of fields.
pub fn brief(pool: &Pool, id: ValueId, max: usize) -> String {
    text(pool, id, max, Style::Brief)
}

fn text(pool: &Pool, id: ValueId, max: usize, style: Style) -> String {
    // One character more, to see whether there is more.
    let mut out = Capped { text: String::new(), left: max.saturating_add(1) };
    let complete = Writer { pool, style, out: &mut out }.value(id, true).is_ok();
    if complete && out.left > 0 {
        return out.text;
    }
    let keep = max.saturating_sub(1);
    let mut text: String = out.text.chars().take(keep).collect();
    if max > 0 {
        text.push('…');
    }
    text
}

/// Takes a number of characters and then no more.
struct Capped {
    text: String,
    left: usize,
}

impl Write for Capped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        if self.left == 0 { Err(fmt::Error) } else { Ok(()) }
    }
}

struct Writer<'a> {
    pool: &'a Pool,
    style: Style,
    out: &'a mut Capped,
}

impl Writer<'_> {
    fn value(&mut self, id: ValueId, outermost: bool) -> fmt::Result {
        let brief = self.style == Style::Brief;
        match self.pool.entry(id) {
            None => self.out.write_str("?"),
            Some(Entry::Unit) => self.out.write_str("()"),
            Some(Entry::Bool(value)) => write!(self.out, "{value}"),
            Some(Entry::Int(value)) => write!(self.out, "{value}"),
            Some(Entry::Float(text) | Entry::Address(text)) => self.out.write_str(text),
            Some(Entry::Text(text)) if brief && !text.is_empty() => self.out.write_str(text),
            Some(Entry::Text(text)) => write!(self.out, "{text:?}"),
            Some(Entry::Bytes(bytes)) => write!(self.out, "<{} bytes>", bytes.len()),
            Some(Entry::None) => self.out.write_str(if brief { "-" } else { "None" }),
            Some(Entry::Some(inner)) if brief => self.value(*inner, outermost),
            Some(Entry::Some(inner)) => {
                self.out.write_str("Some(")?;
                self.value(*inner, false)?;
                self.out.write_str(")")
            }
            Some(Entry::List(items)) => self.list("[", items, "]"),
            Some(Entry::Tuple(items)) => self.list("(", items, ")"),
            Some(Entry::Map(entries)) => {
                self.out.write_str("{")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    self.out.write_str(if i == 0 { "" } else { ", " })?;
                    self.value(*key, false)?;
                    self.out.write_str(if brief { ":" } else { ": " })?;
                    self.value(*value, false)?;
                }
                self.out.write_str("}")
            }
            Some(Entry::Record(name, fields)) if brief => self.brief_record(name, fields, outermost),
            Some(Entry::Record(name, fields)) => self.record(name, fields),
        }
    }

    fn list(&mut self, open: &str, items: &[ValueId], close: &str) -> fmt::Result {
        self.out.write_str(open)?;
        for (i, item) in items.iter().enumerate() {
            self.out.write_str(if i == 0 { "" } else { ", " })?;
            self.value(*item, false)?;
        }
        self.out.write_str(close)
    }

    fn record(&mut self, name: &str, fields: &[(String, ValueId)]) -> fmt::Result {
        self.out.write_str(name)?;
        let Some((first, _)) = fields.first() else { return Ok(()) };
        let tuple = first == "0";
        self.out.write_str(if tuple { "(" } else { " { " })?;
        for (i, (field, value)) in fields.iter().enumerate() {
            self.out.write_str(if i == 0 { "" } else { ", " })?;
            if !tuple {
                write!(self.out, "{field}: ")?;
            }
            self.value(*value, false)?;
        }
        self.out.write_str(if tuple { ")" } else { " }" })
    }

    /// The name of the outermost record is what the message is; those inside are told by their place.
    fn brief_record(&mut self, name: &str, fields: &[(String, ValueId)], outermost: bool) -> fmt::Result {
        if fields.is_empty() {
            return self.out.write_str(name);
        }
        self.out.write_str(if outermost { name } else { "(" })?;
        for (i, (_, value)) in fields.iter().enumerate() {
            self.out.write_str(if outermost || i > 0 { " " } else { "" })?;
            self.value(*value, false)?;
        }
        self.out.write_str(if outermost { "" } else { ")" })
    }
}

/// A length of time as people write it: `25ms`.
pub fn nanoseconds(ns: u64) -> String {
    format!("{:?}", std::time::Duration::from_nanos(ns))
}

/// How long a timer runs: `150ms` or `10ms–20ms`.
pub fn timer_length(timer: &Timer) -> String {
    if timer.min_ns == timer.max_ns {
        nanoseconds(timer.min_ns)
    } else {
        format!("{}–{}", nanoseconds(timer.min_ns), nanoseconds(timer.max_ns))
    }
}

/// `1 effect`, `2 effects`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

impl Model {
    /// A value in full, cut to `max` characters.
    pub fn full(&self, id: ValueId, max: usize) -> String {
        full(self.pool(), id, max)
    }

    /// What a step carries, in a few words: `Accept 1 A`, `Propose`, `crash`.
    pub fn brief_event(&self, event: &Happening, max: usize) -> String {
        match event {
            Happening::Deliver { message } => brief(self.pool(), self.message(*message).value, max),
            Happening::Timer { timer, .. } => brief(self.pool(), timer.value, max),
            Happening::Crash { during: None, .. } => "crash".to_owned(),
            Happening::Crash { during: Some(interrupted), .. } => {
                format!("crash in {}", self.brief_event(&interrupted.event, max.saturating_sub(9)))
            }
            Happening::Restart { .. } => "restart".to_owned(),
        }
    }

    /// A sentence for an event: `acceptor2 receives Accept { number: 1 } from proposer1`. The message or timer is cut to
    /// `max` characters.
    pub fn sentence(&self, event: &Happening, max: usize) -> String {
        match event {
            Happening::Deliver { message } => {
                let message = self.message(*message);
                format!("{} receives {} from {}", message.to, self.full(message.value, max), message.from)
            }
            Happening::Timer { node, timer } => {
                format!("{node}'s timer {} fires", self.full(timer.value, max))
            }
            Happening::Crash { node, during: None } => format!("{node} crashes"),
            Happening::Crash { node, during: Some(interrupted) } => {
                let earlier = match interrupted.persist {
                    0 => String::new(),
                    earlier => format!(" (after {} to persist)", count(earlier as usize, "earlier call")),
                };
                let sentence = self.sentence(&interrupted.event, max);
                format!("{sentence}; {node} crashes in it, just before it persists{earlier}")
            }
            Happening::Restart { node } => format!("{node} restarts"),
        }
    }

    /// The sentence for a step; for step 0 that it is the start.
    pub fn headline(&self, step: usize, max: usize) -> String {
        match self.step(step) {
            Some(step) => self.sentence(&step.event, max),
            None if self.history().is_empty() => "the initial state".to_owned(),
            None => format!("the state after {} of earlier stages", count(self.history().len(), "event")),
        }
    }

    /// The short label of a step.
    pub fn label(&self, step: usize, max: usize) -> String {
        match self.step(step) {
            Some(step) => self.brief_event(&step.event, max),
            None => "start".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use framework::Value;
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Unit),
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| Value::Int(n.into())),
            any::<f64>().prop_map(Value::Float),
            ".{0,5}".prop_map(Value::Text),
            Just(Value::Address("server1".to_owned())),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            let items = proptest::collection::vec(inner.clone(), 0..4);
            let field = prop_oneof![Just("0".to_owned()), Just("term".to_owned())];
            prop_oneof![
                inner.clone().prop_map(|v| Value::Some(Box::new(v))),
                items.clone().prop_map(Value::List),
                items.prop_map(Value::Tuple),
                proptest::collection::vec((inner.clone(), inner.clone()), 0..3).prop_map(Value::Map),
                proptest::collection::vec((field, inner), 0..3)
                    .prop_map(|fields| Value::Record { name: "Entry".to_owned(), fields }),
            ]
        })
    }

    proptest! {
        /// The text without a limit is what the framework prints, and a limit only cuts it.
        #[test]
        fn full_text_is_that_of_the_framework(value in values(), max in 0_usize..40) {
            let mut pool = Pool::default();
            let id = pool.add(&value);
            let expected = value.to_string();
            prop_assert_eq!(full(&pool, id, usize::MAX), expected.clone());
            let cut = full(&pool, id, max);
            if expected.chars().count() <= max {
                prop_assert_eq!(cut, expected);
            } else {
                prop_assert_eq!(cut.chars().count(), max);
                let kept: String = expected.chars().take(max.saturating_sub(1)).collect();
                prop_assert!(cut.starts_with(&kept));
            }
        }
    }

    #[test]
    fn brief_texts_leave_names_of_fields_out() {
        let mut pool = Pool::default();
        let text = |text: &str| Value::Text(text.to_owned());
        let proposal = Value::Record {
            name: "Proposal".to_owned(),
            fields: vec![("number".to_owned(), Value::Int(1)), ("value".to_owned(), text("A"))],
        };
        let ack = Value::Record {
            name: "PrepareAck".to_owned(),
            fields: vec![
                ("number".to_owned(), Value::Int(2)),
                ("accepted".to_owned(), Value::Some(Box::new(proposal))),
                ("other".to_owned(), Value::None),
                ("key".to_owned(), text("")),
            ],
        };
        let id = pool.add(&ack);
        assert_eq!(brief(&pool, id, 80), "PrepareAck 2 (1 A) - \"\"");
        assert_eq!(brief(&pool, id, 12), "PrepareAck …");
    }
}
