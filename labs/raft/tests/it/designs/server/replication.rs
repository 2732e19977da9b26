// INSTRUCTOR ONLY
//! What a leader sends, what a follower stores, and what a leader makes of the replies.

use framework::Address;

use super::super::message::{Append, Content, Message};
use super::super::variant::{Backup, Batch, Flaw, Heartbeat, Quirk};
use super::{Out, Phase, Progress, VariantServer};

impl VariantServer {
    /// Whom a leader sends its log to.
    fn peers(&self) -> Vec<Address> {
        let Phase::Leader(lead) = &self.phase else { return Vec::new() };
        lead.progress.keys().copied().collect()
    }

    pub(super) fn progress_of(&self, peer: Address) -> Option<Progress> {
        let Phase::Leader(lead) = &self.phase else { return None };
        lead.progress.get(&peer).cloned()
    }

    /// Sends a peer the entries after `from`, at most one if that is the design; or a snapshot, if they are gone.
    fn append_after(&mut self, peer: Address, from: u64, out: &mut Out) {
        if from < self.saved.log.base() {
            self.send_piece(peer, 0, out);
            return;
        }
        let rest = self.saved.log.after(from);
        let count = if self.variant.batch == Batch::One { rest.len().min(1) } else { rest.len() };
        let message = Message::Append(Append {
            term: self.saved.term,
            prev: from,
            prev_term: self.term_of(from).unwrap(),
            slots: rest[..count].to_vec(),
            commit: self.commit,
            round: self.round(),
        });
        out.push((peer, message));
        if let Phase::Leader(lead) = &mut self.phase
            && self.variant.pipeline
            && let Some(progress) = lead.progress.get_mut(&peer)
        {
            progress.next = progress.next.max(from + count as u64 + 1);
        }
    }

    pub(super) fn append_to(&mut self, peer: Address, out: &mut Out) {
        if let Some(progress) = self.progress_of(peer) {
            self.append_after(peer, progress.next - 1, out);
        }
    }

    pub(super) fn send_news(&mut self, out: &mut Out) {
        for peer in self.peers() {
            self.append_to(peer, out);
        }
    }

    /// Sends an entry that was just appended. Without a pipeline a peer gets it when it has acknowledged the one before.
    pub(super) fn send_last(&mut self, out: &mut Out) {
        let last = self.last();
        for peer in self.peers() {
            let ready = self.variant.batch == Batch::All
                || self.progress_of(peer).is_some_and(|progress| progress.next == last);
            if ready {
                self.append_to(peer, out);
            }
        }
    }

    pub(super) fn beat(&mut self, out: &mut Out) {
        for peer in self.peers() {
            let Some(progress) = self.progress_of(peer) else { return };
            let (term, round) = (self.saved.term, self.round());
            match self.variant.heartbeat {
                Heartbeat::Full => {
                    // What was sent and not acknowledged may be lost.
                    let resend = self.variant.pipeline && progress.matched > 0;
                    let from = if resend { progress.matched } else { progress.next - 1 };
                    self.append_after(peer, from, out);
                }
                Heartbeat::Separate => {
                    let commit = self.commit.min(progress.matched);
                    out.push((peer, Message::Heartbeat { term, commit, round }));
                }
                Heartbeat::Empty => {
                    let prev = progress.next - 1;
                    let Some(prev_term) = self.term_of(prev) else {
                        self.send_piece(peer, 0, out);
                        continue;
                    };
                    let (slots, commit) = (Vec::new(), self.commit);
                    let append = Append { term, prev, prev_term, slots, commit, round };
                    out.push((peer, Message::Append(append)));
                }
            }
        }
    }

    pub(super) fn on_heartbeat(&mut self, from: Address, term: u64, commit: u64, round: u64, out: &mut Out) {
        if self.hear(from, term) {
            self.commit = self.commit.max(commit);
            self.apply(out);
        }
        out.push((from, Message::HeartbeatReply { term: self.saved.term, round }));
    }

    pub(super) fn on_append(&mut self, from: Address, append: Append, out: &mut Out) {
        let Append { term, prev, prev_term, slots, commit, round } = append;
        if !self.hear(from, term) {
            let term = self.saved.term;
            out.push((
                from,
                Message::AppendReply { term, matches: false, index: prev, hint: prev, round: 0 },
            ));
            return;
        }
        let term = self.saved.term;
        let base = self.saved.log.base();
        // What was discarded was committed, so it is the same.
        let agrees = prev < base || self.term_of(prev) == Some(prev_term);
        let looks_right = self.has(Flaw::ChecksIndexOnly) && prev <= self.last();
        if !agrees && !looks_right {
            // Below `prev` and not in the part of the log whose terms are too high.
            let hint = (base..prev.min(self.last() + 1)).rev();
            let hint = hint.map(|i| (i, self.term_of(i).unwrap())).find(|(_, t)| *t <= prev_term);
            let hint = hint.map_or(base, |(i, _)| i) + 1;
            out.push((from, Message::AppendReply { term, matches: false, index: prev, hint, round }));
            return;
        }
        let index = prev + slots.len() as u64;
        let new = slots
            .iter()
            .zip(prev + 1..)
            .position(|(slot, at)| at > base && self.term_of(at) != Some(slot.term));
        if let Some(new) = new {
            self.cut(prev + new as u64);
            for slot in &slots[new..] {
                self.saved.log.push(slot.clone());
                if let Content::Change(change) = &slot.content {
                    self.note_change(change.clone());
                }
            }
        }
        if self.has(Flaw::CutsOff) {
            self.cut(index);
        }
        self.commit = match self.variant.flaw {
            Flaw::TrustsCommit => self.commit.max(commit.min(self.last())),
            Flaw::LowersCommit => commit.min(index),
            _ => self.commit.max(commit.min(index)),
        };
        self.apply(out);
        let index = if self.has(Flaw::AcknowledgesAll) { self.last() } else { index };
        out.push((from, Message::AppendReply { term, matches: true, index, hint: 0, round }));
        self.stand_if_summoned(out);
    }

    /// Removes the entries after `index`, and the configurations with them.
    fn cut(&mut self, index: u64) {
        self.saved.log.cut(index);
        if !self.has(Flaw::NeverGoesBack) {
            self.list.retain(|(at, _)| *at <= index);
        }
    }

    pub(super) fn on_append_reply(
        &mut self,
        from: Address,
        (matches, index, hint): (bool, u64, u64),
        out: &mut Out,
    ) {
        // Who acknowledges more than there is makes another mistake visible, not an index out of range.
        let index = index.min(self.last());
        let last = self.last();
        let Phase::Leader(lead) = &mut self.phase else { return };
        let Some(progress) = lead.progress.get_mut(&from) else { return };
        if matches {
            let shrinks = self.variant.quirk == Quirk::MatchMayShrink;
            progress.matched = if shrinks { index } else { progress.matched.max(index) };
            progress.next = progress.next.max(progress.matched + 1);
            let more = progress.next <= last;
            self.commit_what_most_have(out);
            if more {
                self.append_to(from, out);
            }
        } else {
            let back = match self.variant.backup {
                Backup::Decrement => index,
                Backup::Hint => hint.min(index),
            };
            if index > progress.matched {
                progress.next = back.min(progress.next).max(progress.matched + 1);
                self.append_to(from, out);
            }
        }
    }
}
