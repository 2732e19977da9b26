// SOLUTION FILE
//! Leader election: timeouts, votes, and what a server does when it has won. (Section 5.2, and 5.4.1 for the votes;
//! pre-vote and check-quorum: Ongaro's dissertation, sections 9.6, 6.2 and 4.2.3)

use std::collections::BTreeSet;

use framework::Address;

use crate::message::{Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply};
use crate::server::log::{Entry, Payload};
use crate::server::{Ctx, Heard, Leader, RaftServer, RoleData};
use crate::timer::{ELECTION_TIMEOUT, Timer};

impl RaftServer {
    pub(crate) fn set_election_timer(&self, ctx: &mut Ctx) {
        ctx.set_timer(Timer::Election, ELECTION_TIMEOUT);
    }

    /// The timer cannot be put back when a leader shows up, so the server notes that one did, and waits once more.
    pub(crate) fn on_election_timer(&mut self, ctx: &mut Ctx) {
        self.set_election_timer(ctx);
        match self.role {
            RoleData::Leader(_) => self.check_quorum(ctx.address()),
            RoleData::Follower { heard: Heard::Lately } => {
                let voters_wait = self.options.pre_vote || self.options.check_quorum;
                let heard = if voters_wait { Heard::Before } else { Heard::No };
                self.role = RoleData::Follower { heard };
            }
            _ if !self.may_campaign(ctx.address()) => {}
            _ if self.options.pre_vote => self.start_pre_vote(ctx),
            _ => self.start_election(false, ctx),
        }
    }

    /// A leader that no majority answers steps down, lest its clients wait for ever. Whom it wanted to hand over to has
    /// had its time, too.
    fn check_quorum(&mut self, own: Address) {
        let RoleData::Leader(leader) = &mut self.role else { return };
        leader.transfer_to = None;
        if self.options.check_quorum {
            let heard_from = std::mem::take(&mut leader.heard_from);
            if !self.is_majority(|server| *server == own || heard_from.contains(server)) {
                self.role = RoleData::Follower { heard: Heard::No };
            }
        }
    }

    /// Asks who would vote for it. Nobody's term changes, so a server that was cut off disturbs no leader.
    fn start_pre_vote(&mut self, ctx: &mut Ctx) {
        let own = ctx.address();
        self.role = RoleData::PreCandidate { votes: BTreeSet::from([own]) };
        let request = Message::PreVote(PreVote {
            next_term: self.current_term + 1,
            last_log_index: self.log.last_index(),
            last_log_term: self.log.last_term(),
        });
        ctx.broadcast(&self.other_voters(own), &request);
        self.stand_if_welcome(ctx);
    }

    /// Says how it would vote in that term, if it had to. It always answers: who asks may learn of a later term.
    pub(crate) fn on_pre_vote(&self, candidate: Address, request: &PreVote, ctx: &mut Ctx) {
        let vote_granted = request.next_term > self.current_term
            && !self.hears_from_leader()
            && self.is_up_to_date(request.last_log_term, request.last_log_index);
        let reply = PreVoteReply { term: self.current_term, next_term: request.next_term, vote_granted };
        ctx.send(candidate, Message::PreVoteReply(reply));
    }

    pub(crate) fn on_pre_vote_reply(&mut self, voter: Address, reply: &PreVoteReply, ctx: &mut Ctx) {
        if self.see_term(reply.term) {
            self.persist(ctx);
        }
        if reply.vote_granted
            && reply.next_term == self.current_term + 1
            && let RoleData::PreCandidate { votes } = &mut self.role
        {
            votes.insert(voter);
            self.stand_if_welcome(ctx);
        }
    }

    fn stand_if_welcome(&mut self, ctx: &mut Ctx) {
        if let RoleData::PreCandidate { votes } = &self.role
            && self.is_majority(|server| votes.contains(server))
        {
            self.start_election(false, ctx);
        }
    }

    /// Figure 2, Rules for Servers, Candidates, "On conversion to candidate".
    pub(crate) fn start_election(&mut self, transfer: bool, ctx: &mut Ctx) {
        let own = ctx.address();
        self.current_term += 1;
        self.voted_for = Some(own);
        self.role = RoleData::Candidate { votes: BTreeSet::from([own]) };
        self.persist(ctx);
        let request = Message::RequestVote(RequestVote {
            term: self.current_term,
            last_log_index: self.log.last_index(),
            last_log_term: self.log.last_term(),
            transfer,
        });
        ctx.broadcast(&self.other_voters(own), &request);
        self.lead_if_elected(ctx);
    }

    /// Figure 2, RequestVote RPC, receiver implementation.
    pub(crate) fn on_request_vote(&mut self, candidate: Address, request: &RequestVote, ctx: &mut Ctx) {
        // A server that was removed does not know it, and must not depose leader after leader. (Section 6)
        if self.options.check_quorum && !request.transfer && self.hears_from_leader() {
            return;
        }
        let mut changed = self.see_term(request.term);
        let free = self.voted_for.is_none_or(|voted_for| voted_for == candidate);
        let vote_granted = request.term == self.current_term
            && free
            && self.is_up_to_date(request.last_log_term, request.last_log_index);
        if vote_granted {
            changed |= self.voted_for.is_none();
            self.voted_for = Some(candidate);
            // A candidate or leader has voted for itself, so this is a follower, or would be a candidate.
            self.role = RoleData::Follower { heard: Heard::Lately };
        }
        if changed {
            self.persist(ctx);
        }
        let reply = RequestVoteReply { term: self.current_term, vote_granted };
        ctx.send(candidate, Message::RequestVoteReply(reply));
    }

    /// Whether it leads, or heard from a leader, or from a candidate that may be one by now, within an election timeout. Its
    /// own timer having fired once is not enough: the leader may have been heard just before. (Dissertation, 4.2.3)
    fn hears_from_leader(&self) -> bool {
        matches!(self.role, RoleData::Leader(_) | RoleData::Follower { heard: Heard::Lately | Heard::Before })
    }

    /// Whether a log that ends like this is at least as up-to-date as its own: the later term wins; with equal terms the
    /// longer log does. (Section 5.4.1)
    fn is_up_to_date(&self, last_log_term: u64, last_log_index: u64) -> bool {
        (last_log_term, last_log_index) >= (self.log.last_term(), self.log.last_index())
    }

    pub(crate) fn on_request_vote_reply(&mut self, voter: Address, reply: &RequestVoteReply, ctx: &mut Ctx) {
        if self.see_term(reply.term) {
            self.persist(ctx);
        }
        // A reply to a request of an earlier term is no vote in this one.
        if reply.term == self.current_term
            && reply.vote_granted
            && let RoleData::Candidate { votes } = &mut self.role
        {
            votes.insert(voter);
            self.lead_if_elected(ctx);
        }
    }

    fn lead_if_elected(&mut self, ctx: &mut Ctx) {
        if let RoleData::Candidate { votes } = &self.role
            && self.is_majority(|server| votes.contains(server))
        {
            let followers = self.followers(ctx.address());
            self.role = RoleData::Leader(Leader::of(&followers, self.log.last_index() + 1));
            if self.options.noop {
                self.log.append(Entry { term: self.current_term, payload: Payload::Noop });
                self.persist(ctx);
            }
            self.on_heartbeat_timer(self.current_term, ctx);
            self.advance_commit_index(ctx);
        }
    }
}
