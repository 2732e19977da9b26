//! Counts messages and bytes, by sender, receiver and kind.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use framework::{Address, Envelope};

/// What became of some messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many were sent.
    pub sent: u64,
    /// How many deliveries there were; a message that arrives twice counts twice.
    pub delivered: u64,
    /// How many did not arrive, or arrived at a node that was down; a copy that is lost while the other arrives counts.
    pub lost: u64,
    /// How many the network doubled.
    pub duplicated: u64,
    /// The bytes that were sent: those of the messages, without addresses.
    pub bytes: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.bytes += other.bytes;
    }
}

/// All messages of a run so far, those to oneself too.
///
/// Source: DSLabs `RunState.numMessagesSentTo` and `numMessagesSent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    slots: BTreeMap<(Address, Address), Vec<(String, Slot)>>,
    counts: Vec<Count>,
}

/// The place of one sender's messages of one kind to one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

impl Traffic {
    /// Counts a message that is sent.
    pub(crate) fn sent(&mut self, envelope: &Envelope) -> Slot {
        let kind = envelope.message.kind();
        let kinds = self.slots.entry((envelope.from, envelope.to)).or_default();
        let slot = match kinds.iter().find(|(known, _)| *known == kind) {
            Some((_, slot)) => *slot,
            None => {
                let slot = Slot(self.counts.len());
                self.counts.push(Count::default());
                kinds.push((kind, slot));
                slot
            }
        };
        let count = self.at(slot);
        count.sent += 1;
        count.bytes += envelope.message.bytes().len() as u64;
        slot
    }

    /// The count of a message that was sent.
    pub(crate) fn at(&mut self, slot: Slot) -> &mut Count {
        &mut self.counts[slot.0]
    }

    fn sum(&self, which: impl Fn(Address, Address, &str) -> bool) -> Count {
        let mut sum = Count::default();
        for ((from, to), kinds) in &self.slots {
            for (_, slot) in kinds.iter().filter(|(kind, _)| which(*from, *to, kind)) {
                sum += self.counts[slot.0];
            }
        }
        sum
    }

    /// All messages.
    pub fn total(&self) -> Count {
        self.sum(|_, _, _| true)
    }

    /// Those that `node` sent.
    pub fn sent_by(&self, node: Address) -> Count {
        self.sum(|from, _, _| from == node)
    }

    /// Those that were sent to `node`.
    pub fn sent_to(&self, node: Address) -> Count {
        self.sum(|_, to, _| to == node)
    }

    /// Those from one node to another.
    pub fn between(&self, sender: Address, receiver: Address) -> Count {
        self.sum(|from, to, _| from == sender && to == receiver)
    }

    /// Those of one kind: the variant of the message, such as `RequestVote`.
    pub fn of_kind(&self, wanted: &str) -> Count {
        self.sum(|_, _, kind| kind == wanted)
    }

    /// Those that fit: sender, receiver and kind.
    pub fn matching(&self, which: impl Fn(Address, Address, &str) -> bool) -> Count {
        self.sum(which)
    }

    /// Each sender, receiver and kind with its count, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Address, Address, &str, Count)> {
        self.slots.iter().flat_map(|((from, to), kinds)| {
            let mut kinds: Vec<_> = kinds.iter().collect();
            kinds.sort_by(|a, b| a.0.cmp(&b.0));
            kinds.into_iter().map(|(kind, slot)| (*from, *to, kind.as_str(), self.counts[slot.0]))
        })
    }

    /// The sender, receiver and kind of which most messages were sent.
    pub(crate) fn busiest(&self) -> Option<(Address, Address, &str, Count)> {
        self.entries().reduce(|most, next| if next.3.sent > most.3.sent { next } else { most })
    }
}
