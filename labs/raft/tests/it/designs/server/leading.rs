// INSTRUCTOR ONLY
//! What a leader does at every tick and with every reply: does it still lead?

use framework::Address;

use super::super::variant::{Doubt, Flaw};
use super::{Out, PATIENCE, Phase, VariantServer};

impl VariantServer {
    /// A tick.
    pub(super) fn lead(&mut self, out: &mut Out) {
        if self.leaves_at_tick(out) {
            return;
        }
        self.begin_round();
        self.beat(out);
        let Phase::Leader(lead) = &mut self.phase else { return };
        if let Some(transfer) = &mut lead.transfer {
            transfer.ticks += 1;
            if transfer.ticks >= PATIENCE {
                lead.transfer = None;
            }
        }
        if self.options.check_quorum && !self.has(Flaw::NeverDoubts) {
            self.doubt();
        }
    }

    /// Leads no more if no majority answers.
    fn doubt(&mut self) {
        let Phase::Leader(lead) = &mut self.phase else { return };
        match self.variant.elections.doubt {
            Doubt::Ticks => {
                for peer in lead.progress.values_mut() {
                    peer.silent = (peer.silent + 1).min(PATIENCE);
                }
            }
            Doubt::Window => {
                lead.ticks = (lead.ticks + 1) % PATIENCE;
                if lead.ticks > 0 {
                    return;
                }
            }
        }
        let silent = if self.variant.elections.doubt == Doubt::Ticks { PATIENCE } else { 1 };
        let Phase::Leader(lead) = &self.phase else { return };
        let answers = |server: Address| {
            server == self.own || lead.progress.get(&server).is_some_and(|peer| peer.silent < silent)
        };
        if !self.is_quorum(answers) {
            return self.lead_no_more();
        }
        if self.variant.elections.doubt == Doubt::Window
            && let Phase::Leader(lead) = &mut self.phase
        {
            for peer in lead.progress.values_mut() {
                peer.silent = 1;
            }
        }
    }

    /// Follows, and waits a whole timeout.
    pub(super) fn lead_no_more(&mut self) {
        self.leader = None;
        self.phase = Phase::Follower { missed: 0 };
    }

    /// A reply: whether it is to this leader, in this term. It may confirm reads.
    pub(super) fn hears_follower(&mut self, from: Address, term: u64, round: u64, out: &mut Out) -> bool {
        self.follow(term);
        if term < self.saved.term {
            return false;
        }
        let any = self.has(Flaw::AnyReplyConfirms);
        let Phase::Leader(lead) = &mut self.phase else { return false };
        let Some(peer) = lead.progress.get_mut(&from) else { return false };
        peer.silent = 0;
        peer.confirmed = if any { lead.round } else { peer.confirmed.max(round) };
        self.answer_reads(out);
        true
    }
}
