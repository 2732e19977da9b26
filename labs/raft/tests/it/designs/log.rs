// INSTRUCTOR ONLY
//! The log of the other designs: entries behind a place, and the snapshot, which may reach further than that place.

use serde::{Deserialize, Serialize};

use super::message::{Bytes, Change, Content, Place, Slot};

/// What entries up to a place have come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) last: Place,
    /// The newest configuration up to there.
    pub(crate) change: Option<Change>,
    /// The store, and who has which answer, as bytes.
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// Where the entry before the first slot was.
    before: Place,
    slots: Vec<Slot>,
    snapshot: Option<Snapshot>,
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

impl Log {
    /// The index before the first entry that is there.
    pub(crate) fn base(&self) -> u64 {
        self.before.1
    }

    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    pub(crate) fn last(&self) -> u64 {
        self.before.1 + self.slots.len() as u64
    }

    /// The place of the last entry.
    pub(crate) fn end(&self) -> Place {
        (self.term_of(self.last()).unwrap(), self.last())
    }

    pub(crate) fn slot(&self, index: u64) -> Option<&Slot> {
        self.slots.get(size(index.checked_sub(self.before.1 + 1)?))
    }

    /// The term of the entry at an index, if it is known.
    pub(crate) fn term_of(&self, index: u64) -> Option<u64> {
        if index == self.before.1 { Some(self.before.0) } else { self.slot(index).map(|slot| slot.term) }
    }

    pub(crate) fn has(&self, place: Place) -> bool {
        self.term_of(place.1) == Some(place.0)
    }

    /// The entries after `index`, which is not before the first one.
    pub(crate) fn after(&self, index: u64) -> &[Slot] {
        &self.slots[size(index - self.before.1)..]
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    /// Removes all entries after `index`.
    pub(crate) fn cut(&mut self, index: u64) {
        self.slots.truncate(size(index.saturating_sub(self.before.1)));
    }

    /// The newest configuration up to an index, with its index.
    pub(crate) fn change_up_to(&self, index: u64) -> Option<(u64, &Change)> {
        self.changes().find(|(at, _)| *at <= index)
    }

    /// All configurations from the newest back, with their indexes. That of the snapshot is one of them if its entry is not
    /// there any more, with the index before the first entry.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (u64, &Change)> {
        let first = self.before.1 + 1;
        let slots = self.slots.iter().enumerate().rev().filter_map(move |(position, slot)| {
            let Content::Change(change) = &slot.content else { return None };
            Some((first + position as u64, change))
        });
        let covered = self.snapshot.as_ref().map_or(0, |snapshot| size(snapshot.last.1 - self.before.1));
        let still_there =
            self.slots.iter().take(covered).any(|slot| matches!(slot.content, Content::Change(_)));
        let snapshot = self.snapshot.as_ref().filter(|_| !still_there);
        slots.chain(snapshot.and_then(|snapshot| Some((self.before.1, snapshot.change.as_ref()?))))
    }

    /// Takes a snapshot of what it has up to the end of that snapshot, and removes the entries up to `base`.
    pub(crate) fn compact(&mut self, snapshot: Snapshot, base: u64) {
        let term = self.term_of(base).unwrap();
        self.slots.drain(..size(base - self.before.1));
        self.before = (term, base);
        self.snapshot = Some(snapshot);
    }

    /// Puts a snapshot in place of all that it covers; what follows stays if `keeps`.
    pub(crate) fn install(&mut self, snapshot: Snapshot, keeps: bool) {
        let index = snapshot.last.1;
        if keeps && index <= self.last() {
            self.slots.drain(..size(index.saturating_sub(self.before.1)));
        } else {
            self.slots.clear();
        }
        self.before = snapshot.last;
        self.snapshot = Some(snapshot);
    }

    /// As if there had never been a snapshot.
    pub(crate) fn lose_snapshot(&mut self) {
        self.snapshot = None;
    }
}
