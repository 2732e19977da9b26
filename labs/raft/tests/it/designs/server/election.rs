// INSTRUCTOR ONLY
//! Elections, and pre-votes.

use std::collections::BTreeSet;

use framework::Address;

use super::super::message::{Ballot, Content, Message, Place, Slot};
use super::super::variant::{Flaw, Quirk};
use super::{Out, PATIENCE, Phase, VariantServer};

impl VariantServer {
    /// Its patience is over.
    pub(super) fn stand(&mut self, out: &mut Out) {
        self.leader = None;
        let elections = self.variant.elections;
        let first = match self.phase {
            // It asks again when its timer fires once more.
            Phase::Asking { .. } if elections.gives_up_asking => {
                self.phase = Phase::Follower { missed: PATIENCE - 1 };
                return;
            }
            Phase::Candidate { .. } => elections.asks_again,
            _ => true,
        };
        if !self.may_stand() {
            self.phase = Phase::Follower { missed: PATIENCE - 1 };
        } else if self.options.pre_vote && first {
            self.ask(out);
        } else {
            self.campaign(Ballot::Election, out);
        }
    }

    /// Asks for pre-votes.
    fn ask(&mut self, out: &mut Out) {
        self.phase = Phase::Asking { votes: BTreeSet::from([self.own]) };
        self.ask_for_votes(self.saved.term + 1, Ballot::Question, out);
        self.campaign_if_welcome(out);
    }

    fn ask_for_votes(&self, term: u64, ballot: Ballot, out: &mut Out) {
        for voter in self.voters() {
            if voter != self.own {
                out.push((voter, Message::Vote { term, last: self.end(), ballot }));
            }
        }
    }

    pub(super) fn on_answer(&mut self, from: Address, about: u64, granted: bool, out: &mut Out) {
        if let Phase::Asking { votes } = &mut self.phase
            && granted
            && about == self.saved.term + 1
        {
            votes.insert(from);
            self.campaign_if_welcome(out);
        }
    }

    fn campaign_if_welcome(&mut self, out: &mut Out) {
        if let Phase::Asking { votes } = &self.phase
            && self.wins(votes)
        {
            self.campaign(Ballot::Election, out);
        }
    }

    pub(super) fn campaign(&mut self, ballot: Ballot, out: &mut Out) {
        self.saved.term += 1;
        self.late_votes.clear();
        self.saved.vote = Some(self.own);
        self.leader = None;
        self.summons = None;
        if ballot == Ballot::Election {
            self.tell = None;
        }
        self.phase = Phase::Candidate { votes: BTreeSet::from([self.own]) };
        self.ask_for_votes(self.saved.term, ballot, out);
        self.win_if_elected(out);
    }

    pub(super) fn on_granted(&mut self, from: Address, out: &mut Out) {
        if let Phase::Candidate { votes } = &mut self.phase {
            votes.insert(from);
        } else if !self.late_votes.is_empty() {
            self.late_votes.insert(from);
            if self.wins(&self.late_votes) {
                self.phase = Phase::Candidate { votes: self.late_votes.clone() };
            }
        }
        self.win_if_elected(out);
    }

    fn wins(&self, votes: &BTreeSet<Address>) -> bool {
        self.is_quorum(|server| votes.contains(&server))
    }

    fn win_if_elected(&mut self, out: &mut Out) {
        let Phase::Candidate { votes } = &self.phase else { return };
        if !self.wins(votes) {
            return;
        }
        self.phase = Phase::Leader(super::Lead::default());
        self.leader = Some(self.own);
        self.refit(self.last() + 1);
        if self.variant.noop || self.options.noop {
            self.saved.log.push(Slot { term: self.saved.term, content: Content::Nothing });
            self.send_news(out);
        } else {
            self.beat(out);
        }
        self.commit_what_most_have(out);
        self.tell_administrator(out);
    }

    /// Whether it leads, or has heard from a leader since it last lost its patience.
    fn hears_leader(&self) -> bool {
        match self.phase {
            Phase::Leader(_) => true,
            Phase::Follower { .. } => self.leader.is_some(),
            Phase::Asking { .. } | Phase::Candidate { .. } => false,
        }
    }

    pub(super) fn on_vote(&mut self, from: Address, term: u64, last: Place, ballot: Ballot, out: &mut Out) {
        let good = if self.has(Flaw::ComparesLengths) { last.1 >= self.end().1 } else { last >= self.end() };
        if ballot == Ballot::Question {
            if self.has(Flaw::AskingRaisesTerms) {
                self.follow(term);
            }
            let good = good || self.has(Flaw::AsksForNothing);
            let granted = term > self.saved.term && good && !self.hears_leader();
            out.push((from, Message::VoteReply { term: self.saved.term, granted, about: Some(term) }));
            return;
        }
        if self.options.check_quorum && ballot == Ballot::Election && self.hears_leader() {
            return;
        }
        self.follow(term);
        let again = self.saved.vote == Some(from) && self.variant.quirk != Quirk::RefusesRepeats;
        let free = self.saved.vote.is_none() || again || self.has(Flaw::VotesAgain);
        let granted = term == self.saved.term && free && good;
        if granted {
            self.saved.vote = Some(from);
            self.phase = Phase::Follower { missed: 0 };
        }
        out.push((from, Message::VoteReply { term: self.saved.term, granted, about: None }));
    }

    /// Whether the message is from the leader of this term.
    pub(super) fn hear(&mut self, from: Address, term: u64) -> bool {
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
        self.tell = None;
        if self.has(Flaw::ForgetsVote) {
            self.saved.vote = None;
        }
        if self.variant.vote_for_leader && self.saved.vote.is_none() {
            self.saved.vote = Some(from);
        }
        true
    }
}
