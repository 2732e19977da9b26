//! The core model of a trace: everything that a viewer shows, as rows and facts, without a terminal.
//!
//! A [`Model`] is made of a [`TraceFile`] and changes no more. The terminal viewer, the plain text and every export ask
//! it the same questions, so they cannot disagree:
//!
//! | Question | Answer |
//! |---|---|
//! | what happened, and who caused it | [`Model::step`], [`Model::cause`], [`Model::past`], [`Model::future`] |
//! | what a node is at a step, and what is new | [`tree::rows`], [`diff::changes`] |
//! | who set a field | [`Model::writes`], [`Model::last_write`] |
//! | what could happen next, and what not | [`pending::messages`], [`pending::timers`] |
//! | which predicates hold where | [`Model::predicates`] |
//! | why one does not | [`why::Why`] |
//! | the same as a drawing | [`spacetime`] |
//!
//! Steps are numbered from 1 within a trace; step 0 is where it starts. What people see are [`Model::number`]s, which
//! also count the events of earlier stages.
//!
//! A model is of one line of steps. A viewer that re-executes handlers makes one for every branch, with
//! [`Model::along`]; nothing here knows of more than one.

pub mod cause;
pub mod diff;
pub mod field;
pub mod find;
pub mod label;
pub mod line;
pub mod pending;
pub mod predicates;
pub mod spacetime;
pub mod tree;
pub mod watch;
pub mod why;

use std::collections::BTreeSet;

use crate::live::tree::EXPLORED;
use crate::pool::Pool;
use crate::trace_file::{Happening, Mark, Message, MessageId, NodeState, Note, Step, TraceFile, View};

use predicates::PredicateRow;

/// A trace with what can be worked out of it. See the [module](self).
#[derive(Clone, Debug)]
pub struct Model {
    file: TraceFile,
    branch: String,
    /// The nodes in the order of their lanes: clients first.
    lanes: Vec<usize>,
    /// For each step the node at which it happens.
    acting: Vec<usize>,
    /// For each node the steps that happen at it.
    steps_of: Vec<Vec<usize>>,
    /// For each node the steps after which its state is known.
    states_of: Vec<Vec<usize>>,
    /// For each message the step in which it was first sent; 0 if it was there at the start.
    first_sent: Vec<Option<usize>>,
    /// For each message the steps in which it arrives.
    arrivals: Vec<Vec<usize>>,
    /// For each message the numbers of sender and receiver, as far as they are nodes.
    ends: Vec<(Option<usize>, Option<usize>)>,
    predicates: Vec<PredicateRow>,
}

impl Model {
    /// The model of the steps in a file.
    pub fn new(file: TraceFile) -> Self {
        let steps = file.steps.clone();
        Self::along(file, "main".to_owned(), steps)
    }

    /// The model of other steps from the same start: a branch that somebody explored. What the steps refer to is in the
    /// file's pool and messages.
    pub fn along(mut file: TraceFile, branch: String, steps: Vec<Step>) -> Self {
        file.steps = steps;
        let nodes = file.nodes.len();
        let number = |address: &str| file.node(address);
        let mut lanes: Vec<usize> = (0..nodes).collect();
        lanes.sort_by_key(|node| !file.nodes[*node].address.starts_with("client"));
        // A file that was loaded has no step at a node that it does not have.
        let acting: Vec<usize> =
            file.steps.iter().map(|step| number(file.node_of(&step.event)).unwrap_or_default()).collect();
        let mut steps_of = vec![Vec::new(); nodes];
        let mut states_of = vec![Vec::new(); nodes];
        let mut first_sent = vec![None; file.messages.len()];
        let mut arrivals = vec![Vec::new(); file.messages.len()];
        for id in &file.start.network {
            first_sent[*id as usize] = Some(0);
        }
        for (i, step) in file.steps.iter().enumerate() {
            steps_of[acting[i]].push(i + 1);
            if step.after.is_some() {
                states_of[acting[i]].push(i + 1);
            }
            if let Some(message) = step.event.message() {
                arrivals[message as usize].push(i + 1);
            }
            for id in &step.sent {
                first_sent[*id as usize].get_or_insert(i + 1);
            }
        }
        let ends = file.messages.iter().map(|m| (number(&m.from), number(&m.to))).collect();
        let predicates = predicates::rows(&file);
        Self { file, branch, lanes, acting, steps_of, states_of, first_sent, arrivals, ends, predicates }
    }

    /// The file.
    pub fn file(&self) -> &TraceFile {
        &self.file
    }

    /// The values.
    pub fn pool(&self) -> &Pool {
        &self.file.pool
    }

    /// The name of the branch that the steps are of.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The number of steps; also the number of the last step.
    pub fn len(&self) -> usize {
        self.file.steps.len()
    }

    /// Whether nothing happens.
    pub fn is_empty(&self) -> bool {
        self.file.steps.is_empty()
    }

    /// What a step is called: its number counted from the initial state of the system.
    pub fn number(&self, step: usize) -> usize {
        self.file.history.len() + step
    }

    /// The step that is called so; the nearest if there is none.
    pub fn step_called(&self, number: usize) -> usize {
        number.saturating_sub(self.file.history.len()).min(self.len())
    }

    /// A step; `None` for step 0.
    pub fn step(&self, step: usize) -> Option<&Step> {
        step.checked_sub(1).and_then(|i| self.file.steps.get(i))
    }

    /// The events before the trace, of the earlier stages of a staged search.
    pub fn history(&self) -> &[Happening] {
        &self.file.history
    }

    /// The node at which a step happens; `None` for step 0.
    pub fn acting(&self, step: usize) -> Option<usize> {
        step.checked_sub(1).and_then(|i| self.acting.get(i).copied())
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.file.nodes.len()
    }

    /// The nodes in the order in which they are drawn: clients first.
    pub fn lanes(&self) -> &[usize] {
        &self.lanes
    }

    /// The address of a node.
    ///
    /// # Panics
    ///
    /// Panics when there are not so many nodes, like every method that takes the number of a node.
    pub fn address(&self, node: usize) -> &str {
        &self.file.nodes[node].address
    }

    /// The name of a node's type.
    pub fn type_name(&self, node: usize) -> &str {
        &self.file.nodes[node].type_name
    }

    /// The node that is meant: by its address, or by its beginning and its number (`s1` for `server1`), if there is one
    /// such node only.
    pub fn node_called(&self, name: &str) -> Option<usize> {
        if let Some(node) = self.file.node(name) {
            return Some(node);
        }
        let split = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        let (word, digits) = name.split_at(split);
        let mut called = (0..self.nodes()).filter(|node| {
            let address = self.address(*node);
            let split = address.find(|c: char| c.is_ascii_digit()).unwrap_or(address.len());
            let (whole, number) = address.split_at(split);
            !word.is_empty() && whole.starts_with(word) && number == digits
        });
        let first = called.next()?;
        called.next().is_none().then_some(first)
    }

    /// The state of a node after a step. Where a handler failed it is the one before.
    pub fn state(&self, node: usize, step: usize) -> &NodeState {
        let known = &self.states_of[node];
        let last = known.partition_point(|s| *s <= step).checked_sub(1).map(|i| known[i]);
        last.and_then(|step| self.file.steps[step - 1].after.as_ref()).unwrap_or(&self.file.start.nodes[node])
    }

    /// The steps that happen at a node, in order.
    pub fn steps_of(&self, node: usize) -> &[usize] {
        &self.steps_of[node]
    }

    /// A message.
    pub fn message(&self, id: MessageId) -> &Message {
        &self.file.messages[id as usize]
    }

    /// The numbers of a message's sender and receiver; `None` where that is no node of this system.
    pub fn ends(&self, id: MessageId) -> (Option<usize>, Option<usize>) {
        self.ends[id as usize]
    }

    /// The step in which a message was first sent: 0 if it was there at the start, `None` if it never was.
    pub fn first_sent(&self, id: MessageId) -> Option<usize> {
        self.first_sent[id as usize]
    }

    /// The steps in which a message arrives.
    pub fn arrivals(&self, id: MessageId) -> &[usize] {
        &self.arrivals[id as usize]
    }

    /// The messages that somebody lost and nobody has sent again since, after a step, in the order of their numbers.
    pub fn lost(&self, step: usize) -> Vec<MessageId> {
        let mut lost: BTreeSet<MessageId> = self.file.start.lost.iter().copied().collect();
        for step in self.file.steps.iter().take(step) {
            for sent in &step.sent {
                lost.remove(sent);
            }
            lost.extend(&step.lost);
        }
        lost.into_iter().collect()
    }

    /// The predicates with their truth at every step; the one that the trace is about comes first.
    pub fn predicates(&self) -> &[PredicateRow] {
        &self.predicates
    }

    /// The step in which the trace shows what it is about: the last one.
    pub fn finding(&self) -> usize {
        self.len()
    }

    /// Whether the trace is of something that is wrong, rather than of a goal, or of nothing.
    pub fn is_failure(&self) -> bool {
        !matches!(self.file.verdict.kind.as_str(), "goal-found" | EXPLORED)
    }
}

/// The parts of a file that people add to. Nothing that is worked out depends on them.
pub(crate) struct People<'a> {
    pub(crate) notes: &'a mut Vec<Note>,
    pub(crate) marks: &'a mut Vec<Mark>,
    pub(crate) view: &'a mut View,
}

impl Model {
    /// Adds values and messages to the file, which no step refers to yet.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut TraceFile)) {
        change(&mut self.file);
        let number = |address: &str| self.file.node(address);
        let new = &self.file.messages[self.ends.len()..];
        let ends: Vec<_> = new.iter().map(|m| (number(&m.from), number(&m.to))).collect();
        self.ends.extend(ends);
        self.first_sent.resize(self.file.messages.len(), None);
        self.arrivals.resize(self.file.messages.len(), Vec::new());
    }

    /// The file, for another model: this one is empty then.
    pub(crate) fn take_file(&mut self) -> TraceFile {
        std::mem::replace(self, Self::new(TraceFile::default())).file
    }

    /// What people add.
    pub(crate) fn people(&mut self) -> People<'_> {
        People { notes: &mut self.file.notes, marks: &mut self.file.marks, view: &mut self.file.view }
    }
}
