// SOLUTION FILE
//! What survives a crash. (Figure 2, State, Persistent state on all servers)

use framework::{Address, Durable};
use serde::{Deserialize, Serialize};

use crate::server::log::Log;
use crate::server::{Ctx, RaftServer};

/// The persistent state of a server. Everything else can be found out again: what is committed the next leader says,
/// the store comes from the log and the snapshot at its beginning, and so does who is in the group.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Persistent {
    current_term: u64,
    voted_for: Option<Address>,
    log: Log,
}

impl RaftServer {
    /// Saves the persistent state. To be called after it changed and before anything is sent: a vote, an acknowledged
    /// entry and a term are promises, and a promise that is forgotten is broken.
    pub(crate) fn persist(&self, ctx: &mut Ctx) {
        ctx.persist(Persistent {
            current_term: self.current_term,
            voted_for: self.voted_for,
            log: self.log.clone(),
        });
    }

    /// Takes over what was persisted; a server that persisted nothing is like one that never ran.
    pub(crate) fn restore(&mut self, durable: Option<Durable>) {
        let Some(durable) = durable else { return };
        let persistent: Persistent =
            durable.to().expect("the durable state of a server is what it gave to `persist`");
        self.current_term = persistent.current_term;
        self.voted_for = persistent.voted_for;
        self.log = persistent.log;
        if let Some(snapshot) = self.log.snapshot() {
            self.application = snapshot.application.clone();
            self.commit_index = snapshot.last_included_index;
            self.last_applied = snapshot.last_included_index;
        }
    }
}
