// SOLUTION FILE
//! Compaction: a log does not grow for ever, and who lacks what was discarded gets the snapshot. (Section 7)

use std::collections::BTreeMap;

use framework::Address;

use crate::message::InstallSnapshot;
use crate::server::{Ctx, Heard, RaftServer, RoleData};

impl RaftServer {
    /// Replaces what is applied by a snapshot, if there is enough of it.
    pub(crate) fn compact(&mut self, ctx: &mut Ctx) {
        let Some(every) = self.options.snapshot_every else { return };
        if self.last_applied - self.log.last_included_index() >= every.max(1) {
            self.log.compact(self.last_applied, self.application.clone());
            self.persist(ctx);
        }
    }

    /// Figure 13, InstallSnapshot RPC, receiver implementation; the snapshot comes in one piece.
    pub(crate) fn on_install_snapshot(&mut self, leader: Address, request: InstallSnapshot, ctx: &mut Ctx) {
        let mut changed = self.see_term(request.term);
        if request.term < self.current_term {
            self.reply_to_append(leader, false, 0, BTreeMap::new(), ctx);
            return;
        }
        self.role = RoleData::Follower { heard: Heard::Lately };
        let index = request.snapshot.last_included_index;
        // An old snapshot holds less than what is applied already.
        if index > self.commit_index {
            self.application = request.snapshot.application.clone();
            self.log.install(request.snapshot);
            self.commit_index = index;
            self.last_applied = index;
            changed = true;
        }
        if changed {
            self.persist(ctx);
        }
        self.reply_to_append(leader, true, index + 1, BTreeMap::new(), ctx);
    }
}
