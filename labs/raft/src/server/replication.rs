// SOLUTION FILE
//! Log replication: what a leader sends, what a follower stores, and what both learn from it. (Section 5.3)

use std::collections::BTreeMap;

use framework::Address;

use crate::message::{AppendEntries, AppendEntriesReply, InstallSnapshot, Message};
use crate::server::{Ctx, Heard, RaftServer, RoleData};
use crate::timer::{HEARTBEAT_INTERVAL, Timer};

impl RaftServer {
    /// A heartbeat brings everything that the follower lacks, so it also repairs what was lost.
    pub(crate) fn on_heartbeat_timer(&self, term: u64, ctx: &mut Ctx) {
        if matches!(self.role, RoleData::Leader(_)) && term == self.current_term {
            self.send_entries_to_all(ctx);
            ctx.set_timer(Timer::Heartbeat { term }, HEARTBEAT_INTERVAL);
        }
    }

    pub(crate) fn send_entries_to_all(&self, ctx: &mut Ctx) {
        let RoleData::Leader(leader) = &self.role else { return };
        for follower in leader.next_index.keys() {
            self.send_entries(*follower, ctx);
        }
    }

    /// Sends a follower what it lacks, as far as the leader knows; perhaps nothing. The leader's log is durable up to
    /// its end, as is what it sends.
    pub(crate) fn send_entries(&self, follower: Address, ctx: &mut Ctx) {
        let RoleData::Leader(leader) = &self.role else { return };
        let Some(next) = leader.next_index.get(&follower) else { return };
        let prev_log_index = next - 1;
        let request = match (self.log.term_at(prev_log_index), self.log.snapshot()) {
            // What it lacks was discarded.
            (None, Some(snapshot)) => Message::InstallSnapshot(InstallSnapshot {
                term: self.current_term,
                snapshot: snapshot.clone(),
            }),
            (prev_log_term, _) => Message::AppendEntries(AppendEntries {
                term: self.current_term,
                prev_log_index,
                prev_log_term: prev_log_term.expect("next_index is at most one past the log"),
                entries: self.log.from(*next).cloned().collect(),
                leader_commit: self.commit_index,
                reads: self.pending_reads(),
            }),
        };
        ctx.send(follower, request);
    }

    /// Figure 2, AppendEntries RPC, receiver implementation.
    pub(crate) fn on_append_entries(&mut self, leader: Address, request: AppendEntries, ctx: &mut Ctx) {
        let mut changed = self.see_term(request.term);
        if request.term < self.current_term {
            self.reply_to_append(leader, false, 0, BTreeMap::new(), ctx);
            return;
        }
        // Whoever sends this has won the election of this term, so a candidate has lost it.
        self.role = RoleData::Follower { heard: Heard::Lately };
        let prev = request.prev_log_index;
        // Inside the snapshot everything is committed, so it is the same.
        let matches =
            prev < self.log.last_included_index() || self.log.term_at(prev) == Some(request.prev_log_term);
        let next_index = if matches {
            let last_new = prev + request.entries.len() as u64;
            changed |= self.log.store(prev, request.entries);
            // Only up to `last_new` is this log known to be the leader's.
            self.commit_index = self.commit_index.max(request.leader_commit.min(last_new));
            last_new + 1
        } else if prev > self.log.last_index() {
            self.log.last_index() + 1
        } else {
            // One step back for each term, not for each entry.
            self.log.first_index_of_term_at(prev)
        };
        if changed {
            self.persist(ctx);
        }
        self.reply_to_append(leader, matches, next_index, request.reads, ctx);
        self.apply_committed(ctx);
    }

    pub(crate) fn reply_to_append(
        &self,
        leader: Address,
        success: bool,
        next_index: u64,
        reads: BTreeMap<Address, u64>,
        ctx: &mut Ctx,
    ) {
        let reply = AppendEntriesReply { term: self.current_term, success, next_index, reads };
        ctx.send(leader, Message::AppendEntriesReply(reply));
    }

    pub(crate) fn on_append_entries_reply(
        &mut self,
        follower: Address,
        reply: &AppendEntriesReply,
        ctx: &mut Ctx,
    ) {
        if self.see_term(reply.term) {
            self.persist(ctx);
        }
        // What a follower stored for an earlier leader it may have removed since.
        if reply.term < self.current_term {
            return;
        }
        let check_quorum = self.options.check_quorum;
        let RoleData::Leader(leader) = &mut self.role else { return };
        let (Some(next), Some(matched)) =
            (leader.next_index.get_mut(&follower), leader.match_index.get_mut(&follower))
        else {
            return;
        };
        if check_quorum {
            leader.heard_from.insert(follower);
        }
        // Replies may be old: what is known to match still does.
        if reply.success {
            *matched = (reply.next_index - 1).max(*matched);
            *next = *matched + 1;
            self.advance_commit_index(ctx);
            self.hand_over(ctx);
        } else {
            *next = reply.next_index.min(*next).max(*matched + 1);
            self.send_entries(follower, ctx);
        }
        self.confirm_reads(follower, &reply.reads, ctx);
    }
}
