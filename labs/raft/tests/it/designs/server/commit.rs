// INSTRUCTOR ONLY
//! Commands of clients: into the log, committed, applied, answered.

use clientserver::KvCommand;
use framework::{Address, Application};

use super::super::message::{Command, Content, Message, Slot};
use super::super::variant::{Flaw, Reads, Requests, Routing};
use super::{Out, Phase, VariantServer};

impl VariantServer {
    pub(super) fn on_request(&mut self, from: Address, command: Command, out: &mut Out) {
        let reads_aside = self.options.read_index || self.variant.never_logs_reads;
        let read = reads_aside && matches!(command.command, KvCommand::Get { .. });
        if read && self.variant.reads == Reads::AnyServer {
            return self.on_read_here(command, out);
        }
        if !matches!(self.phase, Phase::Leader(_)) {
            let direct = from == command.client;
            match (self.variant.routing, self.leader) {
                (Routing::Redirect, leader) => {
                    out.push((from, Message::NotLeader { sequence: command.sequence, leader }));
                }
                // What was passed on already is not passed on again: two servers may take each other for the leader.
                (Routing::Forward, Some(leader)) if direct => out.push((leader, Message::Request(command))),
                _ => {}
            }
            return;
        }
        if self.is_transferring() {
            return;
        }
        if self.application.already_executed(&command) {
            return self.answer(&command, out);
        }
        if read {
            return self.on_read(command.client, command, out);
        }
        let waiting = (self.applied + 1..=self.last()).any(|index| {
            self.saved.log.slot(index).is_some_and(|slot| {
                slot.term == self.saved.term
                    && matches!(&slot.content, Content::Command(other) if *other == command)
            })
        });
        if waiting {
            return;
        }
        if self.has(Flaw::AnswersEarly) {
            // The command is executed when it is committed; what it will return is known before.
            let response = self.application.clone().execute(&command);
            out.extend(response.map(|response| (command.client, Message::Reply(response))));
        }
        self.saved.log.push(Slot { term: self.saved.term, content: Content::Command(command) });
        self.send_last(out);
        self.commit_what_most_have(out);
    }

    pub(super) fn commit_what_most_have(&mut self, out: &mut Out) {
        let Phase::Leader(lead) = &self.phase else { return };
        let counts_itself = self.has(Flaw::LeaderCounts) && !self.voters().contains(&self.own);
        let enough = |index: u64| {
            let has = |server: Address| {
                server == self.own || lead.progress.get(&server).is_some_and(|peer| peer.matched >= index)
            };
            if counts_itself { self.is_quorum_with(self.own, has) } else { self.is_quorum(has) }
        };
        let Some(index) = (self.commit + 1..=self.last()).rev().find(|index| enough(*index)) else { return };
        let own_term = self.term_of(index) == Some(self.saved.term) || self.has(Flaw::CountsOldTerms);
        if own_term {
            self.commit = index;
            self.apply(out);
            if self.variant.notify {
                self.send_news(out);
            }
            self.go_on_with_change(out);
        }
    }

    /// Whether this leader knows what earlier ones committed.
    pub(super) fn knows_what_is_committed(&self) -> bool {
        self.term_of(self.commit) == Some(self.saved.term) && self.commit > 0
    }

    pub(super) fn apply(&mut self, out: &mut Out) {
        if self.has(Flaw::SkipsEntries) {
            self.applied = self.applied.max(self.commit.saturating_sub(1));
        }
        while self.applied < self.commit {
            self.applied += 1;
            match self.saved.log.slot(self.applied).unwrap().content.clone() {
                Content::Nothing => {}
                Content::Command(command) => self.answer(&command, out),
                Content::Change(change) => {
                    if !change.configuration.is_joint() && self.variant.members.requests == Requests::Applied
                    {
                        self.done.extend(change.requests);
                    }
                }
            }
        }
        self.answer_reads_here(out);
    }

    fn answer(&mut self, command: &Command, out: &mut Out) {
        let response = self.application.execute(command);
        let may_answer = self.variant.all_reply || matches!(self.phase, Phase::Leader(_));
        if let (true, Some(response)) = (may_answer, response) {
            out.push((command.client, Message::Reply(response)));
        }
    }
}
