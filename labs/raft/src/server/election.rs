// SOLUTION FILE
//! Leader election: timeouts, votes, and what a server does when it has won. (Section 5.2, and 5.4.1 for the votes)

use std::collections::BTreeSet;

use framework::Address;

use crate::message::{Message, RequestVote, RequestVoteReply};
use crate::server::{Ctx, RaftServer, RoleData};
use crate::timer::{ELECTION_TIMEOUT, Timer};

impl RaftServer {
    pub(crate) fn set_election_timer(&self, ctx: &mut Ctx) {
        ctx.set_timer(Timer::Election, ELECTION_TIMEOUT);
    }

    /// The timer cannot be put back when a leader shows up, so the server notes that one did, and waits once more.
    pub(crate) fn on_election_timer(&mut self, ctx: &mut Ctx) {
        self.set_election_timer(ctx);
        match &mut self.role {
            RoleData::Leader { .. } => {}
            RoleData::Follower { heard } if *heard => *heard = false,
            RoleData::Follower { .. } | RoleData::Candidate { .. } => self.start_election(ctx),
        }
    }

    /// Figure 2, Rules for Servers, Candidates, "On conversion to candidate".
    fn start_election(&mut self, ctx: &mut Ctx) {
        let own = ctx.address();
        self.current_term += 1;
        self.voted_for = Some(own);
        self.role = RoleData::Candidate { votes: BTreeSet::from([own]) };
        self.persist(ctx);
        let request = Message::RequestVote(RequestVote {
            term: self.current_term,
            last_log_index: self.log.last_index(),
            last_log_term: self.log.last_term(),
        });
        ctx.broadcast(self.peers(own), &request);
        self.lead_if_elected(ctx);
    }

    /// Figure 2, RequestVote RPC, receiver implementation.
    pub(crate) fn on_request_vote(&mut self, candidate: Address, request: &RequestVote, ctx: &mut Ctx) {
        let mut changed = self.see_term(request.term);
        let free = self.voted_for.is_none_or(|voted_for| voted_for == candidate);
        // The later term wins; with equal terms the longer log does. (Section 5.4.1)
        let up_to_date =
            (request.last_log_term, request.last_log_index) >= (self.log.last_term(), self.log.last_index());
        let vote_granted = request.term == self.current_term && free && up_to_date;
        if vote_granted {
            changed |= self.voted_for.is_none();
            self.voted_for = Some(candidate);
            // A candidate or leader has voted for itself, so this is a follower.
            self.role = RoleData::Follower { heard: true };
        }
        if changed {
            self.persist(ctx);
        }
        let reply = RequestVoteReply { term: self.current_term, vote_granted };
        ctx.send(candidate, Message::RequestVoteReply(reply));
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
            && self.is_majority(votes.len())
        {
            let next = self.log.last_index() + 1;
            self.role = RoleData::Leader {
                next_index: self.peers(ctx.address()).map(|peer| (*peer, next)).collect(),
                match_index: self.peers(ctx.address()).map(|peer| (*peer, 0)).collect(),
            };
            self.on_heartbeat_timer(self.current_term, ctx);
        }
    }
}
