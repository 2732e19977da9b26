// INSTRUCTOR ONLY
//! Reads that are not in the log. A number that counts tells one round of confirmations from another.

use clientserver::{AmoResponse, KvCommand};
use framework::{Address, Application};

use super::super::message::{Command, Message};
use super::super::variant::{Flaw, Reads};
use super::{Out, Phase, VariantServer, Waiting};

impl VariantServer {
    /// The round that heartbeats ask for: 0 if no read waits for one.
    pub(super) fn round(&self) -> u64 {
        let Phase::Leader(lead) = &self.phase else { return 0 };
        if lead.waiting.iter().any(|read| read.round > 0) { lead.round } else { 0 }
    }

    /// A client wants to read, or a follower for it.
    pub(super) fn on_read(&mut self, asker: Address, command: Command, out: &mut Out) {
        if self.is_transferring() {
            return;
        }
        let knows = self.knows_what_is_committed() || self.has(Flaw::ReadsTooEarly);
        if self.has(Flaw::ReadsLocally) && asker == command.client {
            return self.answer_read(&command, out);
        }
        let own_round = self.variant.reads != Reads::NextHeartbeat;
        let index = self.commit;
        let Phase::Leader(lead) = &mut self.phase else { return };
        if let Some((sequence, index)) = lead.confirmed.get(&command.client).copied()
            && sequence >= command.sequence
        {
            // The leader was one after the client first asked; a store of that time or later is good enough.
            if sequence == command.sequence {
                self.tell_reader(asker, &command, index, out);
            }
            return;
        }
        if own_round && !knows {
            return;
        }
        let same = |read: &Waiting| {
            (read.asker, read.command.client, read.command.sequence)
                == (asker, command.client, command.sequence)
        };
        if !lead.waiting.iter().any(same) {
            lead.waiting.retain(|read| {
                read.command.client != command.client || read.command.sequence >= command.sequence
            });
            if own_round {
                lead.round += 1;
            }
            let round = if own_round { lead.round } else { 0 };
            lead.waiting.push(Waiting { asker, command, round, index });
        }
        if own_round {
            self.beat(out);
        }
        self.answer_reads(out);
    }

    /// With the next heartbeat a round begins for all reads that have none.
    pub(super) fn begin_round(&mut self) {
        let index = self.commit;
        let knows = self.knows_what_is_committed() || self.has(Flaw::ReadsTooEarly);
        let Phase::Leader(lead) = &mut self.phase else { return };
        if knows && lead.waiting.iter().any(|read| read.round == 0) {
            lead.round += 1;
            for read in lead.waiting.iter_mut().filter(|read| read.round == 0) {
                (read.round, read.index) = (lead.round, index);
            }
        }
    }

    /// Answers the reads whose round a majority has confirmed.
    pub(super) fn answer_reads(&mut self, out: &mut Out) {
        let alone = self.is_quorum(|server| server == self.own);
        if alone {
            self.begin_round();
        }
        let Phase::Leader(lead) = &self.phase else { return };
        let confirmed = |read: &Waiting| {
            read.round > 0
                && self.is_quorum(|server| {
                    server == self.own
                        || lead.progress.get(&server).is_some_and(|peer| peer.confirmed >= read.round)
                })
        };
        let (ready, waiting): (Vec<_>, Vec<_>) = lead.waiting.iter().cloned().partition(confirmed);
        if ready.is_empty() {
            return;
        }
        let Phase::Leader(lead) = &mut self.phase else { return };
        lead.waiting = waiting;
        for read in &ready {
            lead.confirmed.insert(read.command.client, (read.command.sequence, read.index));
        }
        for read in ready {
            self.tell_reader(read.asker, &read.command, read.index, out);
        }
    }

    fn tell_reader(&mut self, asker: Address, command: &Command, index: u64, out: &mut Out) {
        if asker == self.own {
            self.on_read_index(command.client, command.sequence, index, out);
        } else if asker == command.client {
            self.answer_read(command, out);
        } else {
            let (client, sequence) = (command.client, command.sequence);
            out.push((asker, Message::ReadAtReply { client, sequence, index }));
        }
    }

    /// A read changes nothing, so it may be tried on a copy.
    fn answer_read(&self, command: &Command, out: &mut Out) {
        debug_assert!(matches!(command.command, KvCommand::Get { .. }), "only a read leaves no entry");
        let response = self.application.application().clone().execute(&command.command);
        out.push((command.client, Message::Reply(AmoResponse { sequence: command.sequence, response })));
    }

    /// A client wants this server to answer, whether it leads or not.
    pub(super) fn on_read_here(&mut self, command: Command, out: &mut Out) {
        let newer =
            self.reads.get(&command.client).is_some_and(|(other, _)| other.sequence > command.sequence);
        if newer || self.application.already_executed(&command) {
            return;
        }
        let leads = matches!(self.phase, Phase::Leader(_));
        let same =
            self.reads.get(&command.client).is_some_and(|(other, _)| other.sequence == command.sequence);
        if !same {
            self.reads.insert(command.client, (command.clone(), None));
        }
        if leads {
            self.on_read(self.own, command, out);
        } else if let Some(leader) = self.leader {
            out.push((leader, Message::ReadAt(command)));
        }
        self.answer_reads_here(out);
    }

    /// The leader says how far this server has to be.
    pub(super) fn on_read_index(&mut self, client: Address, sequence: u64, index: u64, out: &mut Out) {
        if let Some((command, needed)) = self.reads.get_mut(&client)
            && command.sequence == sequence
        {
            *needed = Some(needed.map_or(index, |needed| needed.min(index)));
            self.answer_reads_here(out);
        }
    }

    /// Answers what this server was asked, as far as it has come.
    pub(super) fn answer_reads_here(&mut self, out: &mut Out) {
        let ready = |needed: &Option<u64>| needed.is_some_and(|index| index <= self.applied);
        let ready: Vec<Address> =
            self.reads.iter().filter(|(_, (_, needed))| ready(needed)).map(|(client, _)| *client).collect();
        for client in ready {
            if let Some((command, _)) = self.reads.remove(&client) {
                self.answer_read(&command, out);
            }
        }
    }
}
