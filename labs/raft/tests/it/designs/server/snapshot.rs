// INSTRUCTOR ONLY
//! Snapshots: when a log is compacted, what is sent, in how many pieces, and what is made of it.

use clientserver::AmoApplication;
use framework::{Address, decode, encode};

use super::super::log::Snapshot;
use super::super::message::{Bytes, Message, Piece, Place};
use super::super::variant::{Compaction, Flaw, Install, Known};
use super::{Out, Pieces, VariantServer};

impl VariantServer {
    /// Replaces what is applied by a snapshot, if there is enough of it.
    pub(super) fn compact(&mut self, at_tick: bool) {
        let Some(every) = self.options.snapshot_every else { return };
        let every = every.max(1);
        let kept = self.applied - self.saved.log.base();
        let (due, base) = match self.variant.snapshots.compaction {
            Compaction::Eager => (kept >= every, self.applied),
            Compaction::KeepsSome => (kept >= 2 * every, self.applied.saturating_sub(every)),
            Compaction::Late => (kept > 2 * every || (at_tick && kept >= every), self.applied),
        };
        if !due {
            return;
        }
        let application = if self.has(Flaw::ForgetsClients) {
            AmoApplication::new(self.application.application().clone())
        } else {
            self.application.clone()
        };
        let snapshot = Snapshot {
            last: (self.term_of(self.applied).unwrap(), self.applied),
            change: self.saved.log.change_up_to(self.applied).map(|(_, change)| change.clone()),
            bytes: Bytes(encode(&(application, &self.done)).unwrap()),
        };
        self.saved.log.compact(snapshot, base);
        self.remember_changes();
    }

    /// Takes over the store of the snapshot, if there is one.
    pub(super) fn load_snapshot(&mut self) {
        if let Some(snapshot) = self.saved.log.snapshot() {
            (self.application, self.done) = decode(&snapshot.bytes.0).unwrap();
            self.applied = snapshot.last.1;
        } else {
            self.applied = self.saved.log.base();
        }
    }

    /// Makes the list of configurations anew.
    pub(super) fn remember_changes(&mut self) {
        if self.variant.members.known == Known::List {
            self.list = self.saved.log.changes().map(|(index, change)| (index, change.clone())).collect();
            self.list.reverse();
        }
    }

    pub(super) fn send_piece(&self, peer: Address, number: u8, out: &mut Out) {
        let Some(snapshot) = self.saved.log.snapshot() else { return };
        let count = usize::from(self.variant.snapshots.pieces);
        let size = snapshot.bytes.0.len().div_ceil(count).max(1);
        let Some(bytes) = snapshot.bytes.0.chunks(size).nth(usize::from(number)) else { return };
        let is_last = snapshot.bytes.0.len() <= size * (usize::from(number) + 1);
        let (last, change) = (snapshot.last, snapshot.change.clone().filter(|_| is_last));
        let term = self.saved.term;
        out.push((
            peer,
            Message::Snapshot(Piece { term, last, change, number, is_last, bytes: Bytes(bytes.to_vec()) }),
        ));
    }

    /// A follower says which piece it wants.
    pub(super) fn on_wanted(&mut self, from: Address, last: Place, wants: u8, out: &mut Out) {
        let lacks = self.progress_of(from).is_some_and(|peer| peer.matched < self.saved.log.base());
        if lacks {
            let same = self.saved.log.snapshot().is_some_and(|snapshot| snapshot.last == last);
            self.send_piece(from, if same { wants } else { 0 }, out);
        }
    }

    pub(super) fn on_piece(&mut self, from: Address, piece: Piece, out: &mut Out) {
        let Piece { term, last, change, number, is_last, bytes } = piece;
        if !self.hear(from, term) {
            out.push((from, Message::SnapshotReply { term: self.saved.term, last, wants: 0 }));
            return;
        }
        let term = self.saved.term;
        let matches = Message::AppendReply { term, matches: true, index: last.1, hint: 0, round: 0 };
        if last.1 <= self.commit && !self.has(Flaw::TakesOldSnapshots) {
            out.push((from, matches));
            return;
        }
        let known = self.pieces.as_ref().is_some_and(|pieces| (pieces.term, pieces.last) == (term, last));
        if !known {
            self.pieces = Some(Pieces { term, last, count: 0, bytes: Bytes::default() });
        }
        let Some(pieces) = &mut self.pieces else { return };
        if number != pieces.count {
            let wants = pieces.count;
            out.push((from, Message::SnapshotReply { term, last, wants }));
            return;
        }
        pieces.count += 1;
        pieces.bytes.0.extend(bytes.0);
        if !is_last {
            let wants = pieces.count;
            out.push((from, Message::SnapshotReply { term, last, wants }));
            return;
        }
        let bytes = self.pieces.take().map(|pieces| pieces.bytes).unwrap_or_default();
        self.install(Snapshot { last, change, bytes }, out);
        out.push((from, matches));
        self.stand_if_summoned(out);
    }

    fn install(&mut self, snapshot: Snapshot, out: &mut Out) {
        let last = snapshot.last;
        let follows = self.saved.log.has(last);
        if follows && self.variant.snapshots.install == Install::Skip {
            self.commit = last.1;
            self.apply(out);
            return;
        }
        self.saved.log.install(snapshot, follows || self.has(Flaw::KeepsTail));
        self.load_snapshot();
        self.commit = last.1;
        self.remember_changes();
        self.answer_reads_here(out);
    }
}
