// SOLUTION FILE
//! Leadership transfer: a leader lets another server with the same log stand for election at once. (Ongaro's
//! dissertation, section 3.10)

use framework::Address;

use crate::admin::AdminResponse;
use crate::message::{Message, TimeoutNow};
use crate::server::{Ctx, RaftServer, RoleData};

impl RaftServer {
    /// Whether a leader is about to hand over; then it takes in nothing new, or the other's log would never be the
    /// same.
    pub(crate) fn is_transferring(&self) -> bool {
        matches!(&self.role, RoleData::Leader(leader) if leader.transfer_to.is_some())
    }

    /// An administrator wants `target` to lead. Done is done: it is who answers that.
    pub(crate) fn on_transfer(&mut self, target: Address, ctx: &mut Ctx) -> Option<AdminResponse> {
        if target == ctx.address() {
            return Some(AdminResponse::Ok);
        }
        if !self.in_force().voters.contains(&target) {
            return Some(AdminResponse::Refused);
        }
        let RoleData::Leader(leader) = &mut self.role else { return None };
        if leader.transfer_to.is_none() {
            leader.transfer_to = Some(target);
            self.send_entries(target, ctx);
            self.hand_over(ctx);
        }
        None
    }

    /// Tells the other to stand for election, if its log is complete.
    pub(crate) fn hand_over(&self, ctx: &mut Ctx) {
        let RoleData::Leader(leader) = &self.role else { return };
        if let Some(target) = leader.transfer_to
            && leader.match_index.get(&target) == Some(&self.log.last_index())
        {
            ctx.send(target, Message::TimeoutNow(TimeoutNow { term: self.current_term }));
        }
    }

    /// The leader of this term wants this server to be the next one. A message of an earlier term is an old one.
    pub(crate) fn on_timeout_now(&mut self, request: &TimeoutNow, ctx: &mut Ctx) {
        if request.term == self.current_term
            && !matches!(self.role, RoleData::Leader(_))
            && self.may_campaign(ctx.address())
        {
            self.start_election(true, ctx);
        }
    }
}
