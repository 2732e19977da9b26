//! Finds the event of a running system that an event of a file is: by what it says, never by a number.

use std::collections::BTreeMap;

use framework::{Address, Envelope, Event, Interrupted, PendingTimer};
use search::State;

use crate::model::label;
use crate::trace_file::{Happening, Message, MessageId, Timer, TraceFile};

/// How many of the messages that are there instead are named.
const NAMED_MAX: usize = 3;
/// How much of each.
const TEXT_MAX: usize = 120;

/// Finds events; remembers which messages it has seen.
pub(super) struct Resolver<'a> {
    file: &'a TraceFile,
    numbers: BTreeMap<&'a Message, MessageId>,
    /// For each envelope the message of the file that it is, if it is one.
    seen: BTreeMap<Envelope, Option<MessageId>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(file: &'a TraceFile) -> Self {
        let mut numbers = BTreeMap::new();
        for (id, message) in (0..).zip(&file.messages) {
            numbers.entry(message).or_insert(id);
        }
        Self { file, numbers, seen: BTreeMap::new() }
    }

    /// The event that a happening is at a state, or why there is no such event.
    pub(super) fn event(&mut self, happening: &Happening, state: &State) -> Result<Event, String> {
        match happening {
            Happening::Deliver { message } => self.envelope(*message, state).map(Event::Deliver),
            Happening::Timer { node, timer } => {
                let node = address(node)?;
                self.timer(node, timer, state).map(|timer| Event::Fire { node, timer })
            }
            Happening::Crash { node, during: None } => {
                Ok(Event::Crash { node: address(node)?, during: None })
            }
            Happening::Crash { node, during: Some(interrupted) } => {
                let event = Box::new(self.event(&interrupted.event, state)?);
                let persist = usize::try_from(interrupted.persist).unwrap_or(usize::MAX);
                Ok(Event::Crash { node: address(node)?, during: Some(Interrupted { event, persist }) })
            }
            Happening::Restart { node } => Ok(Event::Restart { node: address(node)? }),
        }
    }

    /// The envelopes in the network that these messages are, sorted.
    pub(super) fn envelopes(&mut self, messages: &[MessageId], state: &State) -> Vec<Envelope> {
        let mut network = state.network();
        let wanted: Vec<MessageId> = messages.iter().map(|id| self.first(*id)).collect();
        network.retain(|envelope| self.number(envelope).is_some_and(|id| wanted.contains(&id)));
        network
    }

    fn envelope(&mut self, id: MessageId, state: &State) -> Result<Envelope, String> {
        let message = self.file.messages.get(id as usize).ok_or("there is no such message")?;
        let (from, to) = (address(&message.from)?, address(&message.to)?);
        let id = self.first(id);
        let mut others = Vec::new();
        for envelope in state.network().into_iter().filter(|e| e.from == from && e.to == to) {
            if self.number(&envelope) == Some(id) {
                return Ok(envelope);
            }
            others.push(format!("{}", envelope.message.value()));
        }
        let text = label::full(&self.file.pool, message.value, TEXT_MAX);
        let instead = match others.as_slice() {
            [] => format!("{from} has sent nothing to {to}"),
            some => {
                let named: Vec<String> =
                    some.iter().take(NAMED_MAX).map(|text| crate::text::fit(text, TEXT_MAX)).collect();
                let more = some.len().saturating_sub(NAMED_MAX);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{from} has sent {to} {}{more}", named.join(", "))
            }
        };
        Err(format!("{text} from {from} to {to} is not in the network: {instead}"))
    }

    fn timer(&mut self, node: Address, timer: &Timer, state: &State) -> Result<PendingTimer, String> {
        let place = state.addresses().iter().position(|address| *address == node);
        let place = place.ok_or_else(|| format!("there is no node {node}"))?;
        let pending = state.local(place).timers.as_slice();
        let same = |pending: &&PendingTimer| self.file.pool.find(&pending.timer.value()) == Some(timer.value);
        let length = |pending: &PendingTimer| {
            let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            (nanos(pending.length.at_least()), nanos(pending.length.at_most()))
        };
        let fits = |pending: &&PendingTimer| length(pending) == (timer.min_ns, timer.max_ns);
        if let Some(found) = pending.iter().filter(same).find(fits) {
            return Ok(found.clone());
        }
        let text = label::full(&self.file.pool, timer.value, TEXT_MAX);
        Err(match pending.iter().find(same) {
            Some(other) => {
                let (min_ns, max_ns) = length(other);
                let other = Timer { min_ns, max_ns, ..timer.clone() };
                let (now, then) = (label::timer_length(&other), label::timer_length(timer));
                format!("the timer {text} of {node} runs {now} now, not {then}")
            }
            None => format!("the timer {text} is not pending at {node}"),
        })
    }

    /// The number of a message under which it is looked up: a file may have it twice.
    fn first(&self, id: MessageId) -> MessageId {
        let message = self.file.messages.get(id as usize);
        message.and_then(|message| self.numbers.get(message)).copied().unwrap_or(id)
    }

    fn number(&mut self, envelope: &Envelope) -> Option<MessageId> {
        if let Some(known) = self.seen.get(envelope) {
            return *known;
        }
        let value = self.file.pool.find(&envelope.message.value());
        let number = value.and_then(|value| {
            let message = Message {
                from: envelope.from.to_string(),
                to: envelope.to.to_string(),
                value,
                kind: envelope.message.kind(),
            };
            self.numbers.get(&message).copied()
        });
        self.seen.insert(envelope.clone(), number);
        number
    }
}

fn address(word: &str) -> Result<Address, String> {
    word.parse().map_err(|error: framework::ParseAddressError| error.to_string())
}
