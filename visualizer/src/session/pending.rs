//! What could happen at the step that is looked at, with the labels by which a person says what shall.

use super::Session;
use crate::model::{Model, pending};
use crate::trace_file::{Happening, MessageId, Timer};

/// Something that could happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `m2` for a message, `t1` for a timer.
    pub label: String,
    /// Why it cannot happen now.
    pub blocked: Option<String>,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Message(MessageId),
    /// Of a node, the timer at a place of its queue.
    Timer(usize, usize, Timer),
}

impl Choice {
    /// The message, if it is one.
    pub fn message(&self) -> Option<MessageId> {
        match self.what {
            What::Message(id) => Some(id),
            What::Timer(..) => None,
        }
    }

    /// Whether it is this timer of a node.
    pub fn is_timer(&self, node: usize, place: usize) -> bool {
        matches!(self.what, What::Timer(of, at, _) if (of, at) == (node, place))
    }

    /// The event.
    pub(super) fn event(&self, model: &Model) -> Happening {
        match &self.what {
            What::Message(message) => Happening::Deliver { message: *message },
            What::Timer(node, _, timer) => {
                Happening::Timer { node: model.address(*node).to_owned(), timer: timer.clone() }
            }
        }
    }
}

impl Session {
    /// The node at which something pending would happen, by its label.
    pub fn node_of_choice(&self, label: &str) -> Option<String> {
        let choice = self.choices().into_iter().find(|choice| choice.label == label)?;
        Some(self.model.file().node_of(&choice.event(&self.model)).to_owned())
    }

    /// What could happen here: the messages to every node in the order of the lanes, then the timers. Messages that have
    /// arrived only if those are shown, lost ones never.
    pub fn choices(&self) -> Vec<Choice> {
        let (model, step) = (&self.model, self.step);
        let lost = self.lost();
        let mut choices = Vec::new();
        for node in model.lanes() {
            for message in pending::messages(model, *node, step) {
                let shown = message.arrived.is_empty() || self.show_delivered;
                if shown && !lost.contains(&message.id) {
                    let label = format!("m{}", choices.len() + 1);
                    choices.push(Choice { label, blocked: message.blocked, what: What::Message(message.id) });
                }
            }
        }
        let messages = choices.len();
        for node in model.lanes() {
            for (place, timer) in pending::timers(model, *node, step).into_iter().enumerate() {
                let label = format!("t{}", choices.len() - messages + 1);
                let what = What::Timer(*node, place, timer.timer.clone());
                choices.push(Choice { label, blocked: timer.blocked, what });
            }
        }
        choices
    }
}
