//! The administrator: a client that changes who is in the group, and who leads it. (Parts 7 and 8)

use std::collections::BTreeSet;

use framework::{Address, Client, CommandParser, Context, Node, Workload};
use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::message::Message;
use crate::timer::{CLIENT_RETRY, Timer};

/// What an administrator asks of the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminCommand {
    /// Part 7: the leader shall hand over to this server, a voter.
    TransferLeadership(Address),
    /// Part 8: this server, a new one, shall get the log.
    AddLearner(Address),
    /// Part 8: this server, a learner, shall no longer get it.
    RemoveLearner(Address),
    /// Part 8: these shall be the voters. Each is a voter or a learner by now.
    ChangeMembership {
        /// All voters, also those who stay.
        voters: BTreeSet<Address>,
        /// Whether those who are voters no longer become learners. If not, they leave.
        retain: bool,
    },
    /// Part 8: which configuration is in force?
    GetConfiguration,
}

/// What the leader answers. While it cannot say either of them, for now or because it does not know, it does not
/// answer, and the administrator asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminResponse {
    /// It is done: what was asked for is in force, and no crash can undo it. Of a change of voters it is
    /// C<sub>new</sub> that is committed.
    Ok,
    /// It will not be done: it makes no sense in the configuration in force.
    Refused,
    /// Answers [`AdminCommand::GetConfiguration`]: a committed configuration that is not joint.
    Configuration(Configuration),
}

/// A command with its place among the commands of its administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRequest {
    /// The first command of an administrator has number 1, the next one 2. An older one must not be executed again.
    pub sequence: u64,
    /// The command.
    pub command: AdminCommand,
}

/// A response with the number of the command that it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminReply {
    /// The number of the command.
    pub sequence: u64,
    /// The response.
    pub response: AdminResponse,
}

/// A workload of an administrator.
pub type AdminWorkload = Workload<AdminCommand, AdminResponse>;

/// Reads commands and responses from text: `TRANSFER:2`, `LEARN:4`, `FORGET:4`, `CHANGE:1,2,4`, `RETAIN:1` (a change that
/// keeps old voters as learners), `CONFIG`; `Ok`, `Refused`. Numbers are those of servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminParser;

impl AdminParser {
    /// All servers that these commands name.
    ///
    /// # Errors
    ///
    /// When one does not parse.
    pub fn servers(commands: &[&str]) -> Result<BTreeSet<Address>, String> {
        let mut servers = BTreeSet::new();
        for text in commands {
            match AdminParser.command(text)? {
                AdminCommand::TransferLeadership(server)
                | AdminCommand::AddLearner(server)
                | AdminCommand::RemoveLearner(server) => {
                    servers.insert(server);
                }
                AdminCommand::ChangeMembership { voters, .. } => servers.extend(voters),
                AdminCommand::GetConfiguration => {}
            }
        }
        Ok(servers)
    }
}

impl CommandParser<AdminCommand, AdminResponse> for AdminParser {
    fn command(&self, text: &str) -> Result<AdminCommand, String> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        Ok(match name {
            "TRANSFER" => AdminCommand::TransferLeadership(server(argument)?),
            "LEARN" => AdminCommand::AddLearner(server(argument)?),
            "FORGET" => AdminCommand::RemoveLearner(server(argument)?),
            "CHANGE" | "RETAIN" => {
                let numbers = argument.split(',').filter(|number| !number.is_empty());
                let voters = numbers.map(server).collect::<Result<_, _>>()?;
                AdminCommand::ChangeMembership { voters, retain: name == "RETAIN" }
            }
            "CONFIG" if argument.is_empty() => AdminCommand::GetConfiguration,
            _ => {
                return Err(format!(
                    "`{text}` is no command of an administrator; write `TRANSFER:2`, `LEARN:4`, `FORGET:4`, `CHANGE:1,2,4`, \
                     `RETAIN:1` or `CONFIG`"
                ));
            }
        })
    }

    fn response(&self, _: &AdminCommand, text: &str) -> Result<AdminResponse, String> {
        match text {
            "Ok" => Ok(AdminResponse::Ok),
            "Refused" => Ok(AdminResponse::Refused),
            _ => Err(format!("`{text}` is no response to an administrator; write `Ok` or `Refused`")),
        }
    }
}

fn server(number: &str) -> Result<Address, String> {
    match number.trim().parse() {
        Ok(number @ 1..) => Ok(Address::server(number)),
        _ => Err(format!("`{number}` is not the number of a server, such as 4")),
    }
}

/// Asks all servers, and asks again until the leader answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdminClient {
    servers: Vec<Address>,
    sequence: u64,
    outstanding: Option<AdminCommand>,
    response: Option<AdminResponse>,
}

impl AdminClient {
    /// An administrator of these servers: all that there are, whether they are members or not.
    pub fn new(servers: Vec<Address>) -> Self {
        Self { servers, sequence: 0, outstanding: None, response: None }
    }

    fn ask(&self, ctx: &mut Context<Message, Timer>) {
        let Some(command) = self.outstanding.clone() else { return };
        let sequence = self.sequence;
        ctx.broadcast(&self.servers, &Message::AdminRequest(AdminRequest { sequence, command }));
        ctx.set_timer(Timer::Retry { sequence }, CLIENT_RETRY);
    }
}

impl Client for AdminClient {
    type Command = AdminCommand;
    type Response = AdminResponse;

    fn send_command(&mut self, command: AdminCommand, ctx: &mut Context<Message, Timer>) {
        self.sequence += 1;
        self.outstanding = Some(command);
        self.response = None;
        self.ask(ctx);
    }

    fn response(&self) -> Option<AdminResponse> {
        self.response.clone()
    }
}

impl Node for AdminClient {
    type Message = Message;
    type Timer = Timer;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Message, Timer>) {
        if let Message::AdminReply(reply) = message
            && self.outstanding.is_some()
            && reply.sequence == self.sequence
        {
            self.outstanding = None;
            self.response = Some(reply.response);
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Message, Timer>) {
        if let Timer::Retry { sequence } = timer
            && sequence == self.sequence
        {
            self.ask(ctx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_text() {
        let read = |text: &str| AdminParser.command(text);
        let voters = [1, 2, 4].map(Address::server).into();
        assert_eq!(read("CHANGE:1,2,4"), Ok(AdminCommand::ChangeMembership { voters, retain: false }));
        let voters = [Address::server(1)].into();
        assert_eq!(read("RETAIN:1"), Ok(AdminCommand::ChangeMembership { voters, retain: true }));
        assert_eq!(
            read("CHANGE:"),
            Ok(AdminCommand::ChangeMembership { voters: BTreeSet::new(), retain: false })
        );
        assert_eq!(read("LEARN:4"), Ok(AdminCommand::AddLearner(Address::server(4))));
        assert_eq!(read("CONFIG"), Ok(AdminCommand::GetConfiguration));
        insta::assert_snapshot!(read("LEARN:x").unwrap_err(), @"`x` is not the number of a server, such as 4");
        insta::assert_snapshot!(read("PUT:k:v").unwrap_err(), @"`PUT:k:v` is no command of an administrator; write `TRANSFER:2`, `LEARN:4`, `FORGET:4`, `CHANGE:1,2,4`, `RETAIN:1` or `CONFIG`");
    }
}
