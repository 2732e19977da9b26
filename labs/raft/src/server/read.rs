// SOLUTION FILE
//! Reads without log entries: the leader makes sure that it still is the leader, and answers from its store. (Section 8;
//! Ongaro's dissertation, section 6.4)

use std::collections::{BTreeMap, BTreeSet};

use clientserver::{AmoCommand, AmoResponse, KvCommand};
use framework::{Address, Application};
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::server::{Ctx, RaftServer, RoleData};

/// A read that waits until a majority has confirmed that its leader is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingRead {
    command: AmoCommand<KvCommand>,
    /// Who has confirmed it, after the read came.
    confirmed: BTreeSet<Address>,
}

impl RaftServer {
    /// A client wants to read. What is committed must be known, and be confirmed once more after this.
    ///
    /// The round of heartbeats that confirms it is named by the read itself, not by a counter: a reply that names the
    /// read was sent after the read came. That it may answer an earlier copy of the request does no harm, since the
    /// client asked before that one, too.
    pub(crate) fn on_read(&mut self, command: AmoCommand<KvCommand>, ctx: &mut Ctx) {
        if !self.knows_what_is_committed() {
            return;
        }
        let own = ctx.address();
        let RoleData::Leader(leader) = &mut self.role else { return };
        let pending = leader.reads.get(&command.client);
        if pending.is_some_and(|read| read.command.sequence > command.sequence) {
            return;
        }
        if pending.is_none_or(|read| read.command.sequence < command.sequence) {
            let client = command.client;
            leader.reads.insert(client, PendingRead { command, confirmed: BTreeSet::from([own]) });
        }
        self.send_entries_to_all(ctx);
        self.answer_reads(ctx);
    }

    /// The reads that wait, with the number of the command of each client: what heartbeats ask for.
    pub(crate) fn pending_reads(&self) -> BTreeMap<Address, u64> {
        let RoleData::Leader(leader) = &self.role else { return BTreeMap::new() };
        leader.reads.iter().map(|(client, read)| (*client, read.command.sequence)).collect()
    }

    /// A server has confirmed these reads in this term.
    pub(crate) fn confirm_reads(&mut self, follower: Address, reads: &BTreeMap<Address, u64>, ctx: &mut Ctx) {
        let RoleData::Leader(leader) = &mut self.role else { return };
        for (client, sequence) in reads {
            if let Some(read) = leader.reads.get_mut(client)
                && read.command.sequence == *sequence
            {
                read.confirmed.insert(follower);
            }
        }
        self.answer_reads(ctx);
    }

    /// Answers what a majority has confirmed, with all that is applied, which is all that is committed.
    fn answer_reads(&mut self, ctx: &mut Ctx) {
        let RoleData::Leader(leader) = &self.role else { return };
        let confirmed: Vec<Address> = leader
            .reads
            .iter()
            .filter(|(_, read)| self.is_majority(|server| read.confirmed.contains(server)))
            .map(|(client, _)| *client)
            .collect();
        for client in confirmed {
            let RoleData::Leader(leader) = &mut self.role else { return };
            let Some(PendingRead { command, .. }) = leader.reads.remove(&client) else { continue };
            // A read changes nothing, so it may be tried on a copy.
            let response = self.application.application().clone().execute(&command.command);
            ctx.send(client, Message::Reply(AmoResponse { sequence: command.sequence, response }));
        }
    }
}
