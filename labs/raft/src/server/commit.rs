// SOLUTION FILE
//! Commands: how a leader takes them in, when they are committed, and how they are applied. (Sections 5.3, 5.4.2, 8)

use clientserver::{AmoCommand, KvCommand};
use framework::Application;

use crate::message::Message;
use crate::server::log::{Entry, Payload};
use crate::server::{Ctx, RaftServer, RoleData};

impl RaftServer {
    /// A client asks; only a leader answers.
    pub(crate) fn on_request(&mut self, command: AmoCommand<KvCommand>, ctx: &mut Ctx) {
        if !matches!(self.role, RoleData::Leader(_)) || self.is_transferring() {
            return;
        }
        if self.application.already_executed(&command) {
            self.execute_and_reply(&command, ctx);
            return;
        }
        if self.options.read_index && matches!(command.command, KvCommand::Get { .. }) {
            self.on_read(command, ctx);
            return;
        }
        if self.is_under_way(&command) {
            return;
        }
        self.log.append(Entry { term: self.current_term, payload: Payload::Command(command) });
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
                && matches!(&entry.payload, Payload::Command(other)
                    if (other.client, other.sequence) == (command.client, command.sequence))
        })
    }

    /// Commits what a majority has. An entry of an earlier term is committed only together with one of this term: a
    /// majority that has it does not keep a server without it from being elected. (Section 5.4.2, Figure 8)
    pub(crate) fn advance_commit_index(&mut self, ctx: &mut Ctx) {
        let RoleData::Leader(leader) = &self.role else { return };
        let own = ctx.address();
        let has = |index: u64| {
            self.is_majority(|server| {
                *server == own || leader.match_index.get(server).is_some_and(|matched| *matched >= index)
            })
        };
        let uncommitted = self.commit_index + 1..=self.log.last_index();
        let highest = uncommitted
            .rev()
            .take_while(|index| self.log.term_at(*index) == Some(self.current_term))
            .find(|index| has(*index));
        if let Some(highest) = highest {
            self.commit_index = highest;
            self.apply_committed(ctx);
            self.go_on_with_change(ctx);
        }
    }

    /// Whether an entry of this leader's own term is committed: then it knows what earlier leaders committed.
    /// (Section 8)
    pub(crate) fn knows_what_is_committed(&self) -> bool {
        self.log.term_at(self.commit_index) == Some(self.current_term)
    }

    /// Figure 2, Rules for Servers, All Servers, first rule. The leader answers the clients.
    pub(crate) fn apply_committed(&mut self, ctx: &mut Ctx) {
        while self.last_applied < self.commit_index {
            self.last_applied += 1;
            let entry = self.log.get(self.last_applied).expect("what is committed is in the log").clone();
            if let Payload::Command(command) = &entry.payload {
                self.execute_and_reply(command, ctx);
            }
        }
        self.compact(ctx);
    }

    /// Executes a command, unless it was executed before.
    fn execute_and_reply(&mut self, command: &AmoCommand<KvCommand>, ctx: &mut Ctx) {
        let response = self.application.execute(command);
        if let (RoleData::Leader(_), Some(response)) = (&self.role, response) {
            ctx.send(command.client, Message::Reply(response));
        }
    }
}
