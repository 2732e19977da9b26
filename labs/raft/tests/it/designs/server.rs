// INSTRUCTOR ONLY
//! The server of the other designs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use clientserver::{AmoApplication, KvStore};
use framework::{Address, Application, Context, Durable, Node};
use raft::{EntryKind, EntryView, Inspect, Role};
use serde::{Deserialize, Serialize};

use super::message::{Command, Message, Slot, Timer};
use super::{Backup, Batch, Flaw, Heartbeat, Quirk, Routing, Variant};

/// A leader sends heartbeats at every tick; a follower stands for election at the third without one: it may hear of the
/// leader just before a tick, so that only the further two are whole.
const TICK: RangeInclusive<Duration> = Duration::from_millis(60)..=Duration::from_millis(90);
const PATIENCE: u8 = 3;

/// What a leader knows of another server.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    next: u64,
    matched: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Phase {
    Follower { missed: u8 },
    Candidate { votes: BTreeSet<Address> },
    Leader { progress: BTreeMap<Address, Progress> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    term: u64,
    vote: Option<Address>,
    slots: Vec<Slot>,
    commit: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VariantServer {
    variant: Variant,
    own: Address,
    peers: Vec<Address>,
    saved: Saved,
    commit: u64,
    applied: u64,
    leader: Option<Address>,
    phase: Phase,
    /// With [`Quirk::CountsLateVotes`], the votes of a candidate that has given up in this term.
    late_votes: BTreeSet<Address>,
    application: AmoApplication<KvStore>,
}

/// What a handler wants to send.
type Out = Vec<(Address, Message)>;

impl VariantServer {
    pub(crate) fn new(variant: Variant, own: Address, servers: &[Address], store: KvStore) -> Self {
        Self {
            variant,
            own,
            peers: servers.iter().copied().filter(|server| *server != own).collect(),
            saved: Saved { term: 0, vote: None, slots: Vec::new(), commit: 0 },
            commit: 0,
            applied: 0,
            leader: None,
            phase: Phase::Follower { missed: PATIENCE - 1 },
            late_votes: BTreeSet::new(),
            application: AmoApplication::new(store),
        }
    }

    /// Runs a handler, then saves what it changed, then sends what it wants to send.
    fn run(&mut self, ctx: &mut Context<Message, Timer>, handler: impl FnOnce(&mut Self, &mut Out)) {
        let before = self.saved.clone();
        let mut out = Vec::new();
        handler(self, &mut out);
        if self.variant.save_commit {
            self.saved.commit = self.commit;
        }
        let late = self.variant.flaw == Flaw::SavesLate;
        if self.saved != before && !late {
            ctx.persist(self.saved.clone());
        }
        for (to, message) in out {
            ctx.send(to, message);
        }
        if self.saved != before && late {
            ctx.persist(self.saved.clone());
        }
    }

    fn last(&self) -> u64 {
        self.saved.slots.len() as u64
    }

    fn slot(&self, index: u64) -> Option<&Slot> {
        self.saved.slots.get(usize::try_from(index).unwrap().checked_sub(1)?)
    }

    fn term_of(&self, index: u64) -> Option<u64> {
        if index == 0 { Some(0) } else { self.slot(index).map(|slot| slot.term) }
    }

    fn wins(&self, count: usize) -> bool {
        2 * count + usize::from(self.has(Flaw::HalfIsEnough)) > self.peers.len() + 1
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.variant.flaw == flaw
    }

    fn follow(&mut self, term: u64) {
        if term > self.saved.term {
            self.saved.term = term;
            self.saved.vote = None;
            self.leader = None;
            // A later term is no sign of a leader: who hears of one only, must be able to stand for election soon.
            let missed = if let Phase::Follower { missed } = self.phase { missed } else { 0 };
            self.phase = Phase::Follower { missed };
            self.late_votes.clear();
        }
    }

    fn campaign(&mut self, out: &mut Out) {
        self.saved.term += 1;
        self.late_votes.clear();
        self.saved.vote = Some(self.own);
        self.leader = None;
        self.phase = Phase::Candidate { votes: BTreeSet::from([self.own]) };
        let last = (self.term_of(self.last()).unwrap(), self.last());
        for peer in &self.peers {
            out.push((*peer, Message::Vote { term: self.saved.term, last }));
        }
        self.win_if_elected(out);
    }

    fn on_granted(&mut self, from: Address, out: &mut Out) {
        if let Phase::Candidate { votes } = &mut self.phase {
            votes.insert(from);
        } else if !self.late_votes.is_empty() {
            self.late_votes.insert(from);
            if self.wins(self.late_votes.len()) {
                self.phase = Phase::Candidate { votes: self.late_votes.clone() };
            }
        }
        self.win_if_elected(out);
    }

    fn win_if_elected(&mut self, out: &mut Out) {
        let Phase::Candidate { votes } = &self.phase else { return };
        if !self.wins(votes.len()) {
            return;
        }
        let next = self.last() + 1;
        let progress = self.peers.iter().map(|peer| (*peer, Progress { next, matched: 0 })).collect();
        self.phase = Phase::Leader { progress };
        self.leader = Some(self.own);
        if self.variant.noop {
            self.saved.slots.push(Slot { term: self.saved.term, command: None });
            self.send_news(out);
        } else {
            self.beat(out);
        }
        self.commit_what_most_have(out);
    }

    /// Sends a peer the entries after `from`, at most one if that is the design.
    fn append_after(&mut self, peer: Address, from: u64, out: &mut Out) {
        let rest = &self.saved.slots[usize::try_from(from).unwrap()..];
        let count = if self.variant.batch == Batch::One { rest.len().min(1) } else { rest.len() };
        let message = Message::Append {
            term: self.saved.term,
            prev: from,
            prev_term: self.term_of(from).unwrap(),
            slots: rest[..count].to_vec(),
            commit: self.commit,
        };
        out.push((peer, message));
        if let Phase::Leader { progress } = &mut self.phase
            && self.variant.pipeline
            && let Some(progress) = progress.get_mut(&peer)
        {
            progress.next = progress.next.max(from + count as u64 + 1);
        }
    }

    fn progress_of(&self, peer: Address) -> Option<Progress> {
        let Phase::Leader { progress } = &self.phase else { return None };
        progress.get(&peer).cloned()
    }

    fn append_to(&mut self, peer: Address, out: &mut Out) {
        if let Some(progress) = self.progress_of(peer) {
            self.append_after(peer, progress.next - 1, out);
        }
    }

    fn send_news(&mut self, out: &mut Out) {
        for peer in self.peers.clone() {
            self.append_to(peer, out);
        }
    }

    fn beat(&mut self, out: &mut Out) {
        for peer in self.peers.clone() {
            let Some(progress) = self.progress_of(peer) else { return };
            let term = self.saved.term;
            match self.variant.heartbeat {
                Heartbeat::Full => {
                    // What was sent and not acknowledged may be lost.
                    let resend = self.variant.pipeline && progress.matched > 0;
                    let from = if resend { progress.matched } else { progress.next - 1 };
                    self.append_after(peer, from, out);
                }
                Heartbeat::Separate => {
                    let commit = self.commit.min(progress.matched);
                    out.push((peer, Message::Heartbeat { term, commit }));
                }
                Heartbeat::Empty => {
                    let prev = progress.next - 1;
                    let prev_term = self.term_of(prev).unwrap();
                    let (slots, commit) = (Vec::new(), self.commit);
                    out.push((peer, Message::Append { term, prev, prev_term, slots, commit }));
                }
            }
        }
    }

    fn commit_what_most_have(&mut self, out: &mut Out) {
        let Phase::Leader { progress } = &self.phase else { return };
        let mut matched: Vec<u64> = progress.values().map(|progress| progress.matched).collect();
        matched.push(self.last());
        matched.sort_unstable();
        // The highest index that more than half have: of 3 the middle one, of 4 the second.
        let enough = (matched.len() - 1) / 2
            + usize::from(self.has(Flaw::HalfIsEnough) && matched.len().is_multiple_of(2));
        let index = matched[enough];
        let own_term = self.term_of(index) == Some(self.saved.term) || self.has(Flaw::CountsOldTerms);
        if index > self.commit && own_term {
            self.commit = index;
            self.apply(out);
            if self.variant.notify {
                self.send_news(out);
            }
        }
    }

    fn apply(&mut self, out: &mut Out) {
        if self.has(Flaw::SkipsEntries) {
            self.applied = self.applied.max(self.commit.saturating_sub(1));
        }
        while self.applied < self.commit {
            self.applied += 1;
            if let Some(command) = self.slot(self.applied).unwrap().command.clone() {
                self.answer(&command, out);
            }
        }
    }

    fn answer(&mut self, command: &Command, out: &mut Out) {
        let response = self.application.execute(command);
        let may_answer = self.variant.all_reply || matches!(self.phase, Phase::Leader { .. });
        if let (true, Some(response)) = (may_answer, response) {
            out.push((command.client, Message::Reply(response)));
        }
    }

    fn on_request(&mut self, from: Address, command: Command, out: &mut Out) {
        if !matches!(self.phase, Phase::Leader { .. }) {
            let direct = from == command.client;
            match (self.variant.routing, self.leader) {
                (Routing::Redirect, leader) => {
                    out.push((from, Message::NotLeader { sequence: command.sequence, leader }));
                }
                // What was passed on already is not passed on again: two servers may take each other for the leader.
                (Routing::Forward, Some(leader)) if direct => out.push((leader, Message::Request(command))),
                _ => {}
            }
            return;
        }
        if self.application.already_executed(&command) {
            return self.answer(&command, out);
        }
        let waiting =
            self.saved.slots.iter().skip(usize::try_from(self.applied).unwrap()).any(|slot| {
                slot.term == self.saved.term && slot.command.as_ref().is_some_and(|c| *c == command)
            });
        if waiting {
            return;
        }
        if self.has(Flaw::AnswersEarly) {
            // The command is executed when it is committed; what it will return is known before.
            let response = self.application.clone().execute(&command);
            out.extend(response.map(|response| (command.client, Message::Reply(response))));
        }
        self.saved.slots.push(Slot { term: self.saved.term, command: Some(command) });
        let last = self.last();
        for peer in self.peers.clone() {
            // Without a pipeline a peer gets the entry when it has acknowledged the one before.
            let ready = self.variant.batch == Batch::All
                || self.progress_of(peer).is_some_and(|progress| progress.next == last);
            if ready {
                self.append_to(peer, out);
            }
        }
        self.commit_what_most_have(out);
    }

    fn on_vote(&mut self, from: Address, term: u64, last: (u64, u64), out: &mut Out) {
        self.follow(term);
        let again = self.saved.vote == Some(from) && self.variant.quirk != Quirk::RefusesRepeats;
        let free = self.saved.vote.is_none() || again || self.has(Flaw::VotesAgain);
        let own_last = (self.term_of(self.last()).unwrap(), self.last());
        let good = if self.has(Flaw::ComparesLengths) { last.1 >= own_last.1 } else { last >= own_last };
        let granted = term == self.saved.term && free && good;
        if granted {
            self.saved.vote = Some(from);
            self.phase = Phase::Follower { missed: 0 };
        }
        out.push((from, Message::VoteReply { term: self.saved.term, granted }));
    }

    /// Whether the message is from the leader of this term.
    fn hear(&mut self, from: Address, term: u64) -> bool {
        self.follow(term);
        if term < self.saved.term {
            return false;
        }
        if let Phase::Candidate { votes } = &self.phase
            && self.variant.quirk == Quirk::CountsLateVotes
        {
            self.late_votes = votes.clone();
        }
        self.phase = Phase::Follower { missed: 0 };
        self.leader = Some(from);
        if self.has(Flaw::ForgetsVote) {
            self.saved.vote = None;
        }
        if self.variant.vote_for_leader && self.saved.vote.is_none() {
            self.saved.vote = Some(from);
        }
        true
    }

    fn on_append(&mut self, from: Address, message: (u64, u64, u64, Vec<Slot>, u64), out: &mut Out) {
        let (term, prev, prev_term, slots, commit) = message;
        if !self.hear(from, term) {
            let term = self.saved.term;
            out.push((from, Message::AppendReply { term, matches: false, index: prev, hint: prev }));
            return;
        }
        let term = self.saved.term;
        let agrees = self.term_of(prev) == Some(prev_term);
        let looks_right = self.has(Flaw::ChecksIndexOnly) && prev <= self.last();
        if !agrees && !looks_right {
            // Below `prev` and not in the part of the log whose terms are too high.
            let hint = (0..prev.min(self.last() + 1)).rev();
            let hint = hint
                .map(|i| (i, self.term_of(i).unwrap()))
                .find(|(_, t)| *t <= prev_term)
                .map_or(0, |(i, _)| i);
            out.push((from, Message::AppendReply { term, matches: false, index: prev, hint: hint + 1 }));
            return;
        }
        let index = prev + slots.len() as u64;
        let new = slots.iter().zip(prev + 1..).position(|(slot, at)| self.term_of(at) != Some(slot.term));
        if let Some(new) = new {
            self.saved.slots.truncate(usize::try_from(prev).unwrap() + new);
            self.saved.slots.extend_from_slice(&slots[new..]);
        }
        if self.has(Flaw::CutsOff) {
            self.saved.slots.truncate(usize::try_from(index).unwrap());
        }
        self.commit = match self.variant.flaw {
            Flaw::TrustsCommit => self.commit.max(commit.min(self.last())),
            Flaw::LowersCommit => commit.min(index),
            _ => self.commit.max(commit.min(index)),
        };
        self.apply(out);
        let index = if self.has(Flaw::AcknowledgesAll) { self.last() } else { index };
        out.push((from, Message::AppendReply { term, matches: true, index, hint: 0 }));
    }

    fn on_append_reply(&mut self, from: Address, (matches, index, hint): (bool, u64, u64), out: &mut Out) {
        // Who acknowledges more than there is makes another mistake visible, not an index out of range.
        let index = index.min(self.last());
        let Phase::Leader { progress } = &mut self.phase else { return };
        let Some(progress) = progress.get_mut(&from) else { return };
        if matches {
            let shrinks = self.variant.quirk == Quirk::MatchMayShrink;
            progress.matched = if shrinks { index } else { progress.matched.max(index) };
            progress.next = progress.next.max(progress.matched + 1);
            let more = progress.next <= self.saved.slots.len() as u64;
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

impl Node for VariantServer {
    type Message = Message;
    type Timer = Timer;

    fn init(&mut self, ctx: &mut Context<Message, Timer>) {
        ctx.set_timer(Timer::Tick, TICK);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Timer>) {
        self.run(ctx, |server, out| match message {
            Message::Request(command) => server.on_request(from, command, out),
            Message::Vote { term, last } => server.on_vote(from, term, last, out),
            Message::VoteReply { term, granted } => {
                server.follow(term);
                if term == server.saved.term && granted {
                    server.on_granted(from, out);
                }
            }
            Message::Append { term, prev, prev_term, slots, commit } => {
                server.on_append(from, (term, prev, prev_term, slots, commit), out);
            }
            Message::AppendReply { term, matches, index, hint } => {
                server.follow(term);
                if term == server.saved.term {
                    server.on_append_reply(from, (matches, index, hint), out);
                }
            }
            Message::Heartbeat { term, commit } => {
                if server.hear(from, term) {
                    server.commit = server.commit.max(commit);
                    server.apply(out);
                }
                out.push((from, Message::HeartbeatReply { term: server.saved.term }));
            }
            Message::HeartbeatReply { term } => {
                server.follow(term);
                let lags = server.progress_of(from).is_some_and(|progress| progress.matched < server.last());
                if term == server.saved.term && lags {
                    server.append_to(from, out);
                }
            }
            Message::Reply(_) | Message::NotLeader { .. } => {}
        });
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Message, Timer>) {
        if matches!(timer, Timer::Retry { .. }) {
            return;
        }
        ctx.set_timer(Timer::Tick, TICK);
        self.run(ctx, |server, out| match &mut server.phase {
            Phase::Leader { .. } => server.beat(out),
            Phase::Follower { missed } if *missed + 1 < PATIENCE => *missed += 1,
            Phase::Follower { .. } | Phase::Candidate { .. } => server.campaign(out),
        });
    }

    fn recover(&mut self, durable: Option<Durable>, ctx: &mut Context<Message, Timer>) {
        self.init(ctx);
        if let Some(durable) = durable {
            self.saved = durable.to().unwrap();
            if self.has(Flaw::LosesVote) {
                self.saved.vote = None;
            }
            self.commit = self.saved.commit;
            // The clients have their answers, or ask again.
            self.apply(&mut Vec::new());
        }
    }
}

impl Inspect for VariantServer {
    fn current_term(&self) -> u64 {
        self.saved.term
    }
    fn voted_for(&self) -> Option<Address> {
        self.saved.vote
    }
    fn role(&self) -> Role {
        match self.phase {
            Phase::Follower { .. } => Role::Follower,
            Phase::Candidate { .. } => Role::Candidate,
            Phase::Leader { .. } => Role::Leader,
        }
    }
    fn commit_index(&self) -> u64 {
        self.commit
    }
    fn last_applied(&self) -> u64 {
        self.applied
    }
    fn last_index(&self) -> u64 {
        self.last()
    }
    fn entry(&self, index: u64) -> Option<EntryView<'_>> {
        let slot = self.slot(index)?;
        let kind = slot.command.as_ref().map_or(EntryKind::Noop, EntryKind::Command);
        Some(EntryView { term: slot.term, kind })
    }
    fn store(&self) -> &KvStore {
        self.application.application()
    }
}
