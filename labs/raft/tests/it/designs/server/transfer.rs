// INSTRUCTOR ONLY
//! A leader hands over to another server.

use framework::Address;
use raft::{AdminReply, AdminResponse};

use super::super::message::{Ballot, Message, Place};
use super::super::variant::{Flaw, HandOver};
use super::{Out, Phase, Transfer, VariantServer};

impl VariantServer {
    pub(super) fn is_transferring(&self) -> bool {
        matches!(&self.phase, Phase::Leader(lead) if lead.transfer.is_some())
    }

    /// An administrator wants `target` to lead.
    pub(super) fn on_transfer(
        &mut self,
        target: Address,
        tell: (Address, u64),
        out: &mut Out,
    ) -> Option<AdminResponse> {
        if target == self.own {
            return Some(AdminResponse::Ok);
        }
        if !self.configuration_in_force().voters.contains(&target) {
            return Some(AdminResponse::Refused);
        }
        let tell = self.variant.elections.tells_at_once.then_some(tell);
        let end = self.saved.log.end();
        let Phase::Leader(lead) = &mut self.phase else { return None };
        if lead.transfer.is_none() {
            lead.transfer = Some(Transfer { target, tell, ticks: 0 });
            if self.variant.elections.hand_over == HandOver::Summons {
                let term = self.saved.term;
                out.push((target, Message::TimeoutNow { term, last: end, tell }));
            }
            if self.progress_of(target).is_some_and(|peer| peer.matched < end.1) {
                self.append_to(target, out);
            }
            self.hand_over(out);
        }
        None
    }

    /// Tells the other to stand, if it has the log.
    pub(super) fn hand_over(&mut self, out: &mut Out) {
        let Phase::Leader(lead) = &self.phase else { return };
        let Some(Transfer { target, tell, .. }) = lead.transfer.clone() else { return };
        let equal = lead.progress.get(&target).is_some_and(|peer| peer.matched == self.last());
        if equal || self.has(Flaw::StandsTooEarly) {
            let last = if self.has(Flaw::StandsTooEarly) { (0, 0) } else { self.saved.log.end() };
            out.push((target, Message::TimeoutNow { term: self.saved.term, last, tell }));
            if self.variant.elections.steps_down {
                self.lead_no_more();
            }
        }
    }

    pub(super) fn on_timeout_now(
        &mut self,
        term: u64,
        last: Place,
        tell: Option<(Address, u64)>,
        out: &mut Out,
    ) {
        if term == self.saved.term && !matches!(self.phase, Phase::Leader(_)) && self.may_stand() {
            self.summons = Some(last);
            self.tell = tell;
            self.stand_if_summoned(out);
        }
    }

    /// Stands for election if the leader wants it, and it has what the leader had then.
    pub(super) fn stand_if_summoned(&mut self, out: &mut Out) {
        let ready =
            self.summons.is_some_and(|last| last.1 < self.saved.log.base() || self.saved.log.has(last))
                || (self.summons.is_some() && self.has(Flaw::StandsTooEarly));
        if ready && self.may_stand() {
            self.campaign(Ballot::Summoned, out);
        }
    }

    /// A new leader tells who wanted it to be one.
    pub(super) fn tell_administrator(&mut self, out: &mut Out) {
        if let Some((admin, sequence)) = self.tell.take() {
            let reply = AdminReply { sequence, response: AdminResponse::Ok };
            out.push((admin, Message::AdminReply(reply)));
        }
    }
}
