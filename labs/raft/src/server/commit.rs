// SOLUTION FILE
//! Commands: how a leader takes them in, when they are committed, and how they are applied. (Sections 5.3, 5.4.2, 8)

use clientserver::{AmoCommand, KvCommand};
use framework::Application;

use crate::message::Message;
use crate::server::log::Entry;
use crate::server::{Ctx, RaftServer, RoleData};

impl RaftServer {
    /// A client asks; only a leader answers.
    pub(crate) fn on_request(&mut self, command: AmoCommand<KvCommand>, ctx: &mut Ctx) {
        if !matches!(self.role, RoleData::Leader { .. }) {
            return;
        }
        if self.application.already_executed(&command) {
            self.execute_and_reply(&command, ctx);
            return;
        }
        if self.is_under_way(&command) {
            return;
        }
        self.log.append(Entry { term: self.current_term, command });
        self.persist(ctx);
        self.send_entries_to_all(ctx);
        self.advance_commit_index(ctx);
    }

    /// Whether this leader has put the command into its log already and waits for it to be committed.
    ///
    /// An entry of an earlier term is not enough: it can be committed only together with one of this term (section
    /// 5.4.2), and that one may be this very command. Executed it is only once.
    fn is_under_way(&self, command: &AmoCommand<KvCommand>) -> bool {
        self.log.from(self.commit_index + 1).any(|entry| {
            entry.term == self.current_term
                && (entry.command.client, entry.command.sequence) == (command.client, command.sequence)
        })
    }

    /// Commits what a majority has. An entry of an earlier term is committed only together with one of this term: a
    /// majority that has it does not keep a server without it from being elected. (Section 5.4.2, Figure 8)
    pub(crate) fn advance_commit_index(&mut self, ctx: &mut Ctx) {
        let RoleData::Leader { match_index, .. } = &self.role else { return };
        let highest = (self.commit_index + 1..=self.log.last_index()).rev().find(|index| {
            let followers = match_index.values().filter(|matched| *matched >= index).count();
            self.log.term_at(*index) == Some(self.current_term) && self.is_majority(1 + followers)
        });
        self.commit_index = highest.unwrap_or(self.commit_index);
        self.apply_committed(ctx);
    }

    /// Figure 2, Rules for Servers, All Servers, first rule. The leader answers the clients.
    pub(crate) fn apply_committed(&mut self, ctx: &mut Ctx) {
        while self.last_applied < self.commit_index {
            self.last_applied += 1;
            let entry = self.log.get(self.last_applied).expect("what is committed is in the log").clone();
            self.execute_and_reply(&entry.command, ctx);
        }
    }

    /// Executes a command, unless it was executed before.
    fn execute_and_reply(&mut self, command: &AmoCommand<KvCommand>, ctx: &mut Ctx) {
        let response = self.application.execute(command);
        if let (RoleData::Leader { .. }, Some(response)) = (&self.role, response) {
            ctx.send(command.client, Message::Reply(response));
        }
    }
}
