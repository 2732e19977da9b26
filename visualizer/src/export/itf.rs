//! ITF: the states in the Informal Trace Format of Apalache (its decision record 015), one variable a node.
//!
//! | Here | There |
//! |---|---|
//! | a number | `{"#bigint": "7"}` |
//! | a map | `{"#map": [[key, value], …]}` |
//! | a tuple, `()` | `{"#tup": […]}` |
//! | a struct or a variant of an enum | a variant: `{"tag": "Accept", "value": {…}}`, with fields `_0`, `_1` where Rust has none |
//! | `None`, `Some(x)` | `{"tag": "None", …}`, `{"tag": "Some", "value": x}` |
//! | a list | a list |
//! | bytes | a string of hexadecimal digits |
//! | a floating-point number | `{"#unserializable": "0.5"}` |
//!
//! Beside the nodes there are `network`, the set of all messages ever sent, `action`, what led to the state, and
//! `broken`, the set of the invariants that are false.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::{ExportError, Sheet, words};
use crate::model::Model;
use crate::pool::{Entry, ValueId};
use crate::trace_file::{Happening, MessageId, NodeState, Timer};

/// The variables beside the nodes.
const OTHERS: [&str; 3] = ["network", "action", "broken"];

pub(super) fn write(model: &Model, name: &str, sheet: &mut Sheet) -> Result<(), ExportError> {
    let names = words(model, &OTHERS);
    let file = model.file();
    write!(
        sheet,
        "{{\"#meta\":{{\"format\":\"ITF\",\"format-description\":\
         \"https://apalache-mc.org/docs/adr/015adr-trace.html\",\"source\":{},\"status\":{},\"description\":{}}},\n\
         \"params\":[],\n\"vars\":[",
        text(name),
        text(&file.verdict.kind),
        text(&format!("{}: {}", file.verdict.name, file.verdict.reason)),
    )?;
    for (place, word) in names.iter().map(String::as_str).chain(OTHERS).enumerate() {
        write!(sheet, "{}{}", comma(place), text(word))?;
    }
    write!(sheet, "],\n\"states\":[")?;
    let mut network: Vec<MessageId> = Vec::new();
    let mut known = vec![false; file.messages.len()];
    for step in 0..=model.len() {
        let sent = match model.step(step) {
            Some(happened) => &happened.sent,
            None => &file.start.network,
        };
        network.extend(sent.iter().filter(|id| !std::mem::replace(&mut known[**id as usize], true)));
        write!(sheet, "{}\n{{\"#meta\":{{\"index\":{step}}}", comma(step))?;
        let mut writer = Writer { model, sheet: &mut *sheet };
        for (node, word) in names.iter().enumerate() {
            write!(writer.sheet, ",\n{}:", text(word))?;
            writer.node(model.state(node, step))?;
        }
        writer.sheet.write_str(",\n\"network\":{\"#set\":[")?;
        for (place, id) in network.iter().enumerate() {
            writer.sheet.write_str(comma(place))?;
            writer.message(*id)?;
        }
        writer.sheet.write_str("]},\n\"action\":")?;
        writer.action(step)?;
        let broken: BTreeSet<&str> = model.broken(step).into_iter().map(|row| row.name.as_str()).collect();
        let broken: Vec<String> = broken.into_iter().map(text).collect();
        write!(sheet, ",\n\"broken\":{{\"#set\":[{}]}}}}", broken.join(","))?;
    }
    Ok(writeln!(sheet, "]}}")?)
}

fn comma(place: usize) -> &'static str {
    if place == 0 { "" } else { "," }
}

/// A string of JSON.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Writer<'a> {
    model: &'a Model,
    sheet: &'a mut Sheet,
}

impl Writer<'_> {
    fn node(&mut self, state: &NodeState) -> fmt::Result {
        write!(self.sheet, "{{\"up\":{},\"fields\":", state.up)?;
        self.value(state.fields)?;
        self.sheet.write_str(",\"timers\":[")?;
        for (place, timer) in state.timers.iter().enumerate() {
            self.sheet.write_str(comma(place))?;
            self.timer(timer)?;
        }
        self.sheet.write_str("],\"durable\":")?;
        self.option(state.durable)?;
        self.sheet.write_str("}")
    }

    fn message(&mut self, id: MessageId) -> fmt::Result {
        let message = self.model.message(id);
        write!(self.sheet, "{{\"from\":{},\"to\":{},\"message\":", text(&message.from), text(&message.to))?;
        self.value(message.value)?;
        self.sheet.write_str("}")
    }

    fn timer(&mut self, timer: &Timer) -> fmt::Result {
        self.sheet.write_str("{\"timer\":")?;
        self.value(timer.value)?;
        write!(
            self.sheet,
            ",\"min_ns\":{{\"#bigint\":\"{}\"}},\"max_ns\":{{\"#bigint\":\"{}\"}}}}",
            timer.min_ns, timer.max_ns
        )
    }

    fn action(&mut self, step: usize) -> fmt::Result {
        match self.model.step(step) {
            None => self.sheet.write_str("{\"tag\":\"Start\",\"value\":{\"#tup\":[]}}"),
            Some(happened) => self.event(&happened.event),
        }
    }

    fn event(&mut self, event: &Happening) -> fmt::Result {
        match event {
            Happening::Deliver { message } => {
                self.sheet.write_str("{\"tag\":\"Deliver\",\"value\":")?;
                self.message(*message)?;
            }
            Happening::Timer { node, timer } => {
                write!(self.sheet, "{{\"tag\":\"Timer\",\"value\":{{\"node\":{},\"timer\":", text(node))?;
                self.timer(timer)?;
                self.sheet.write_str("}")?;
            }
            Happening::Crash { node, during: None } => {
                write!(self.sheet, "{{\"tag\":\"Crash\",\"value\":{{\"node\":{}}}", text(node))?;
            }
            Happening::Crash { node, during: Some(during) } => {
                write!(
                    self.sheet,
                    "{{\"tag\":\"CrashDuring\",\"value\":{{\"node\":{},\"event\":",
                    text(node)
                )?;
                self.event(&during.event)?;
                write!(self.sheet, ",\"persist\":{{\"#bigint\":\"{}\"}}}}", during.persist)?;
            }
            Happening::Restart { node } => {
                write!(self.sheet, "{{\"tag\":\"Restart\",\"value\":{{\"node\":{}}}", text(node))?;
            }
        }
        self.sheet.write_str("}")
    }

    fn option(&mut self, value: Option<ValueId>) -> fmt::Result {
        match value {
            None => self.sheet.write_str("{\"tag\":\"None\",\"value\":{\"#tup\":[]}}"),
            Some(value) => {
                self.sheet.write_str("{\"tag\":\"Some\",\"value\":")?;
                self.value(value)?;
                self.sheet.write_str("}")
            }
        }
    }

    fn list(&mut self, open: &str, items: &[ValueId], close: &str) -> fmt::Result {
        self.sheet.write_str(open)?;
        for (place, item) in items.iter().enumerate() {
            self.sheet.write_str(comma(place))?;
            self.value(*item)?;
        }
        self.sheet.write_str(close)
    }

    fn value(&mut self, id: ValueId) -> fmt::Result {
        let model = self.model;
        match model.pool().entry(id) {
            None | Some(Entry::Unit) => self.sheet.write_str("{\"#tup\":[]}"),
            Some(Entry::Bool(value)) => write!(self.sheet, "{value}"),
            Some(Entry::Int(value)) => write!(self.sheet, "{{\"#bigint\":\"{value}\"}}"),
            Some(Entry::Float(value)) => write!(self.sheet, "{{\"#unserializable\":{}}}", text(value)),
            Some(Entry::Text(value) | Entry::Address(value)) => self.sheet.write_str(&text(value)),
            Some(Entry::Bytes(bytes)) => {
                self.sheet.write_str("\"")?;
                bytes.iter().try_for_each(|byte| write!(self.sheet, "{byte:02x}"))?;
                self.sheet.write_str("\"")
            }
            Some(Entry::None) => self.option(None),
            Some(Entry::Some(inner)) => self.option(Some(*inner)),
            Some(Entry::List(items)) => self.list("[", items, "]"),
            Some(Entry::Tuple(items)) => self.list("{\"#tup\":[", items, "]}"),
            Some(Entry::Map(entries)) => {
                self.sheet.write_str("{\"#map\":[")?;
                for (place, (key, value)) in entries.iter().enumerate() {
                    write!(self.sheet, "{}[", comma(place))?;
                    self.value(*key)?;
                    self.sheet.write_str(",")?;
                    self.value(*value)?;
                    self.sheet.write_str("]")?;
                }
                self.sheet.write_str("]}")
            }
            Some(Entry::Record(name, fields)) => {
                write!(self.sheet, "{{\"tag\":{},\"value\":{{", text(name))?;
                let mut seen = BTreeSet::new();
                for (place, (field, value)) in fields.iter().enumerate() {
                    write!(self.sheet, "{}{}:", comma(place), text(&field_name(field, &mut seen)))?;
                    self.value(*value)?;
                }
                self.sheet.write_str("}}")
            }
        }
    }
}

/// The name of a field that is one in TLA+ too: a number is not, and a `#` at the beginning would mean something else.
fn field_name(field: &str, seen: &mut BTreeSet<String>) -> String {
    let begins = field.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut name = if begins { field.to_owned() } else { format!("_{field}") };
    while !seen.insert(name.clone()) {
        // Only a file that was made by hand has two fields of one name.
        name.push('_');
    }
    name
}
