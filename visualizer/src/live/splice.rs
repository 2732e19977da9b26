//! Copies steps from one trace file into another: the same values and messages get the numbers that they have there.

use std::collections::BTreeMap;

use crate::pool::ValueId;
use crate::trace_file::{Happening, Interrupted, Message, MessageId, NodeState, Step, Timer, TraceFile};

/// Copies from one file into another.
pub(crate) struct Splice<'a> {
    from: &'a TraceFile,
    into: &'a mut TraceFile,
    values: BTreeMap<ValueId, ValueId>,
    messages: BTreeMap<MessageId, MessageId>,
    known: BTreeMap<Message, MessageId>,
}

impl<'a> Splice<'a> {
    /// From a file that fits together.
    pub(crate) fn new(from: &'a TraceFile, into: &'a mut TraceFile) -> Self {
        let mut known = BTreeMap::new();
        for (id, message) in (0..).zip(&into.messages) {
            known.entry(message.clone()).or_insert(id);
        }
        Self { from, into, values: BTreeMap::new(), messages: BTreeMap::new(), known }
    }

    pub(crate) fn step(&mut self, step: &Step) -> Step {
        Step {
            event: self.happening(&step.event),
            after: step.after.as_ref().map(|after| self.state(after)),
            sent: step.sent.iter().map(|id| self.message(*id)).collect(),
            lost: step.lost.iter().map(|id| self.message(*id)).collect(),
            fault: step.fault.clone(),
            log: step.log.clone(),
            truth: step.truth.clone(),
        }
    }

    pub(crate) fn state(&mut self, state: &NodeState) -> NodeState {
        NodeState {
            fields: self.value(state.fields),
            timers: state.timers.iter().map(|timer| self.timer(timer)).collect(),
            durable: state.durable.map(|durable| self.value(durable)),
            up: state.up,
        }
    }

    pub(crate) fn happening(&mut self, event: &Happening) -> Happening {
        match event {
            Happening::Deliver { message } => Happening::Deliver { message: self.message(*message) },
            Happening::Timer { node, timer } => {
                Happening::Timer { node: node.clone(), timer: self.timer(timer) }
            }
            Happening::Crash { node, during } => Happening::Crash {
                node: node.clone(),
                during: during.as_ref().map(|interrupted| Interrupted {
                    event: Box::new(self.happening(&interrupted.event)),
                    persist: interrupted.persist,
                }),
            },
            Happening::Restart { node } => Happening::Restart { node: node.clone() },
        }
    }

    pub(crate) fn message(&mut self, id: MessageId) -> MessageId {
        if let Some(known) = self.messages.get(&id) {
            return *known;
        }
        let message = &self.from.messages[id as usize];
        let message = Message { value: self.value(message.value), ..message.clone() };
        let into = &mut self.into.messages;
        let number = *self.known.entry(message.clone()).or_insert_with(|| {
            into.push(message);
            MessageId::try_from(into.len() - 1).expect("a trace has fewer than 2^32 messages")
        });
        self.messages.insert(id, number);
        number
    }

    fn timer(&mut self, timer: &Timer) -> Timer {
        Timer { value: self.value(timer.value), ..timer.clone() }
    }

    fn value(&mut self, id: ValueId) -> ValueId {
        if let Some(known) = self.values.get(&id) {
            return *known;
        }
        // Values are not nested deeper than a file allows.
        let from = self.from;
        let entry = from.pool.entry(id).expect("a file refers to values that it has");
        let entry = entry.with_parts(&mut |part| self.value(part));
        let number = self.into.pool.add_entry(entry);
        self.values.insert(id, number);
        number
    }
}

/// A file with nothing in it but what it refers to.
pub(crate) fn compact(file: &TraceFile) -> TraceFile {
    let mut into = TraceFile {
        format: file.format.clone(),
        version: file.version,
        tool: file.tool.clone(),
        origin: file.origin.clone(),
        network: file.network.clone(),
        search: file.search.clone(),
        verdict: file.verdict.clone(),
        predicates: file.predicates.clone(),
        nodes: file.nodes.clone(),
        notes: file.notes.clone(),
        marks: file.marks.clone(),
        view: file.view.clone(),
        unknown: file.unknown.clone(),
        ..TraceFile::default()
    };
    let mut splice = Splice::new(file, &mut into);
    let nodes = file.start.nodes.iter().map(|state| splice.state(state)).collect();
    let network = file.start.network.iter().map(|id| splice.message(*id)).collect();
    let lost = file.start.lost.iter().map(|id| splice.message(*id)).collect();
    let history = file.history.iter().map(|event| splice.happening(event)).collect();
    let steps = file.steps.iter().map(|step| splice.step(step)).collect();
    into.start.nodes = nodes;
    into.start.network = network;
    into.start.lost = lost;
    into.start.truth.clone_from(&file.start.truth);
    into.history = history;
    into.steps = steps;
    into
}

/// The events of some steps of a file and one more, as a file of its own: what a [job](super::Job) needs. With the numbers
/// that some messages of the file have in it.
pub(crate) fn way(
    file: &TraceFile,
    steps: &[Step],
    next: Option<&Happening>,
    messages: impl IntoIterator<Item = MessageId>,
) -> (TraceFile, Vec<MessageId>) {
    let mut into =
        TraceFile { origin: file.origin.clone(), nodes: file.nodes.clone(), ..TraceFile::default() };
    let mut splice = Splice::new(file, &mut into);
    let history: Vec<Happening> = file.history.iter().map(|event| splice.happening(event)).collect();
    let network = if history.is_empty() { &[][..] } else { &file.start.network };
    let network = network.iter().map(|id| splice.message(*id)).collect();
    let steps: Vec<Step> = steps
        .iter()
        .map(|step| &step.event)
        .chain(next)
        .map(|event| Step::of(splice.happening(event)))
        .collect();
    let messages = messages.into_iter().map(|id| splice.message(id)).collect();
    (into.history, into.start.network, into.steps) = (history, network, steps);
    (into, messages)
}
